// SPDX-License-Identifier: MIT
#include "decode/net_names.hpp"

#include "support/catch.hpp"

#include <fmt/format.h>

namespace netlog_tests::decode_net_names_test {

using namespace netlog;
using namespace netlog::decode;

namespace {

std::string hosts_of(std::string_view text) {
  std::string out;
  for_each_host_name(text, [&](const IpAddress& address, std::string_view name) {
    out += fmt::format("{} {};", name, to_string(address));
  });
  return out;
}

std::string services_of(std::string_view text) {
  std::string out;
  for (const auto& service : parse_services(text)) {
    out += fmt::format("{} {}/{};", service.name, service.port, name(service.protocol));
  }
  return out;
}

}  // namespace

TEST_CASE("a hosts file gives its names, whatever else is in it", "[decode]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"127.0.0.1 localhost", "localhost 127.0.0.1;"},
      {"192.0.2.1\tDB.example\tdb # the database\r\n::1 localhost\r\n",
       "DB.example 192.0.2.1;db 192.0.2.1;localhost ::1;"},
      {"  fe80::1%2 link\n\n# 192.0.2.9 commented\n", "link fe80::1%2;"},
      {"192.0.2.1\n192.0.2.2 \nlocalhost\n", ""},
      {"192.0.2.999 no\nname 192.0.2.1\n192.0.2.1.5 no\n", ""},
      {"192.0.2.1 -rf ok a;b $(x) \x1b[2J na\xC3\xAFve", "ok 192.0.2.1;"},
      {std::string{"192.0.2.1 a\0b c", 15}, "c 192.0.2.1;"},
      {"192.0.2.1 " + std::string(253, 'a'), std::string(253, 'a') + " 192.0.2.1;"},
      {"192.0.2.1 " + std::string(254, 'a'), ""},
      {"192.0.2.1 " + std::string(5000, ' ') + "far\n192.0.2.2 near", "near 192.0.2.2;"},
      {"192.0.2.1 near " + std::string(4080, 'a') + " far", "near 192.0.2.1;"},
      {std::string(100'000, '\n'), ""},
      {"", ""},
  }));
  CHECK(hosts_of(text) == expected);
}

TEST_CASE("a services file gives its ports, whatever else is in it", "[decode]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"https\t443/tcp\t\t# web\nhttps 443/udp", "https 443/tcp;https 443/udp;"},
      {"http 80/tcp www www-http\r\n", "http 80/tcp;www 80/tcp;www-http 80/tcp;"},
      {"a 0/tcp\nb 65536/tcp\nc -1/tcp\nd 80\ne /tcp\nf 80/sctp\ng 80/\nh x/tcp", ""},
      {"80 80/tcp\n;rm 81/tcp ok-1\n#https 443/tcp\nhttps", "ok-1 81/tcp;"},
      {"x 80/tcp" + std::string(5000, 'y'), ""},
  }));
  CHECK(services_of(text) == expected);
}

TEST_CASE("a service's port is that of the protocol", "[decode]") {
  const auto services = parse_services("shell 514/tcp cmd\nsyslog 514/udp\nboth 1/udp\nboth 2/tcp");
  CHECK(port_of(services, "cmd", {}) == 514);
  CHECK(port_of(services, "both", {}) == 1);
  CHECK(port_of(services, "both", Protocol::tcp) == 2);
  CHECK_FALSE(port_of(services, "syslog", Protocol::tcp));
  CHECK_FALSE(port_of(services, "none", {}));
}

}  // namespace netlog_tests::decode_net_names_test
