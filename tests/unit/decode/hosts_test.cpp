// SPDX-License-Identifier: MIT
#include "decode/dns.hpp"
#include "support/catch.hpp"

#include <string>

#include <fmt/format.h>

namespace netlog_tests::decode_hosts_test {

using namespace netlog;
using namespace netlog::decode;

namespace {

std::string entries_of(std::string_view text) {
  std::string out;
  for (const auto& entry : decode_hosts(text)) {
    out += fmt::format("{} {};", to_string(entry.address), entry.name);
  }
  return out;
}

}  // namespace

TEST_CASE("an address in /etc/hosts has the first of its names", "[decode]") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"192.0.2.1\tDB.Example db # the database\n", "192.0.2.1 db.example;"},
      {"192.0.2.1 first\n192.0.2.1 second\n192.0.2.2 first\r\n",
       "192.0.2.1 first;192.0.2.2 first;"},
      {"127.0.0.1 localhost\n127.0.1.1 me\n::1 localhost\n0.0.0.0 ads.example\n:: x\n"
       "::ffff:127.0.0.1 y\n2001:DB8:0::1 six",
       "2001:db8::1 six;"},
      {"fe80::1%2 link\nfe80::1 other\nfe80::1%eth0 left.out\n", "fe80::1%2 link;fe80::1 other;"},
      {"192.0.2.1 root.\n", "192.0.2.1 root;"},
      {"192.0.2.1\n192.0.2.999 x\nname 192.0.2.1\n#192.0.2.3 y\n192.0.2.4 # z\n", ""},
      {"192.0.2.1 . .. a..b .a -x a;b \x1b[2J na\xC3\xAFve good\n", "192.0.2.1 good;"},
      {"", ""},
  }));
  CAPTURE(text);
  CHECK(entries_of(text) == expected);
}

TEST_CASE("names in /etc/hosts are as long as those of DNS", "[decode]") {
  const std::string label(63, 'a');
  const auto longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  CHECK(entries_of("192.0.2.1 " + longest) == "192.0.2.1 " + longest + ";");
  CHECK(entries_of("192.0.2.1 " + label + "a").empty());
  CHECK(entries_of("192.0.2.1 " + longest + "a").empty());
}

TEST_CASE("lines of any length in /etc/hosts", "[decode]") {
  std::string aliases;
  for (int i = 0; i < 10'000; ++i) {
    aliases += fmt::format(" a{}", i);
  }
  CHECK(entries_of("192.0.2.1 name" + aliases + "\n192.0.2.2 next") ==
        "192.0.2.1 name;192.0.2.2 next;");
  CHECK(entries_of("192.0.2.1 " + std::string(100'000, 'a') + "\n192.0.2.2 next") ==
        "192.0.2.2 next;");
  CHECK(entries_of("192.0.2.1 name #" + std::string(100'000, '.')) == "192.0.2.1 name;");
}

TEST_CASE("more than 100,000 addresses of /etc/hosts are left out", "[decode]") {
  std::string text;
  for (int i = 0; i < 100'010; ++i) {
    text += fmt::format("2001:db8::{:x}:{:x} x\n", 1 + i / 65'536, i % 65'536);
  }
  CHECK(decode_hosts(text).size() == 100'000);
}

}  // namespace netlog_tests::decode_hosts_test
