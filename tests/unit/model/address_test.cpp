// SPDX-License-Identifier: MIT
#include "model/address.hpp"

#include "support/catch.hpp"

#include <random>

namespace netlog_tests::model_address_test {

using namespace netlog;

TEST_CASE("to_string(IpAddress) prints RFC 5952 text, which parse_address reads back", "[model]") {
  // Input, canonical form (RFC 5952 §4 and §5).
  const auto [text, canonical] = GENERATE(table<const char*, const char*>({
      {"192.0.2.1", "192.0.2.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"::ffff:192.0.2.128", "::ffff:192.0.2.128"},
      {"::ffff:c000:280", "::ffff:192.0.2.128"},
      {"fe80::1%3", "fe80::1%3"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::192.0.2.33", "::c000:221"},
      {"::ffff:0:192.0.2.33", "::ffff:0:c000:221"},
      {"fe80::5efe:192.0.2.33%4294967295", "fe80::5efe:c000:221%4294967295"},
  }));
  CAPTURE(text);
  const auto address = parse_address(text);
  REQUIRE(address.has_value());
  CHECK(to_string(*address) == canonical);
  CHECK(parse_address(canonical) == address);
}

TEST_CASE("an IPv4-mapped address is one of IPv4", "[model]") {
  const auto [text, expected] = GENERATE(table<const char*, const char*>({
      {"::ffff:192.0.2.128", "192.0.2.128"},
      {"::ffff:0:192.0.2.33", "::ffff:0:c000:221"},
      {"2001:db8::1", "2001:db8::1"},
      {"192.0.2.1", "192.0.2.1"},
  }));
  CHECK(ipv4_if_mapped(*parse_address(text)) == parse_address(expected));
}

TEST_CASE("parse_address refuses what is not an address", "[model]") {
  const auto* const text = GENERATE("",
                                    "1",
                                    "1.2.3",
                                    "1.2.3.4.5",
                                    "256.0.0.1",
                                    "01.2.3.4",
                                    "1..2.3",
                                    "1.2.3.",
                                    ":",
                                    ":::",
                                    "1:2",
                                    "1::2::3",
                                    "12345::",
                                    "::g",
                                    "1:2:3:4:5:6:7:8:9",
                                    "1:2:3:4:5:6:7:8::",
                                    "::1%",
                                    "::1%x",
                                    "1:2:3:4:5:6:7:",
                                    "::1.2.3",
                                    " ::1",
                                    "1.2.3.4::",
                                    "010.1.2.3",
                                    "0x10.1.2.3",
                                    "192.0.2.1:80",
                                    "[::1]",
                                    "[::1]:80",
                                    "::1/64",
                                    "fe80::1%lo",
                                    "::1%-1",
                                    "::1%4294967296");
  CAPTURE(text);
  CHECK_FALSE(parse_address(text).has_value());
}

TEST_CASE("parse_address reads back 2000 random addresses as printed", "[model]") {
  std::mt19937 random{20261121};
  for (int i = 0; i < 2000; ++i) {
    IpAddress address;
    address.family = random() % 2 == 0 ? Family::ipv4 : Family::ipv6;
    for (std::size_t byte = 0; byte < address.size(); ++byte) {
      // Many zeros, because RFC 5952 shortens runs of them.
      address.bytes.at(byte) =
          random() % 3 == 0 ? static_cast<std::uint8_t>(random() & 0xFFU) : std::uint8_t{0};
    }
    CAPTURE(to_string(address));
    REQUIRE(parse_address(to_string(address)) == address);
  }
}

TEST_CASE("parse_address_range gives the first and last address of a block", "[model]") {
  const auto [text, first, last] = GENERATE(table<const char*, const char*, const char*>({
      {"192.0.2.77/24", "192.0.2.0", "192.0.2.255"},
      {"192.0.2.77", "192.0.2.77", "192.0.2.77"},
      {"10.0.0.0/0", "0.0.0.0", "255.255.255.255"},
      {"192.0.2.130/25", "192.0.2.128", "192.0.2.255"},
      {"2001:db8::1/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"},
      {"::1/128", "::1", "::1"},
  }));
  CAPTURE(text);
  const auto range = parse_address_range(text);
  REQUIRE(range.has_value());
  CHECK(to_string(range->first) == first);
  CHECK(to_string(range->last) == last);
  CHECK_FALSE(parse_address_range("192.0.2.0/33").has_value());
  CHECK_FALSE(parse_address_range("192.0.2.0/").has_value());
  CHECK_FALSE(parse_address_range("::/129").has_value());
}

TEST_CASE("parse_endpoint reads an address and a port", "[model]") {
  for (const auto* const text : {"192.0.2.1:80", "[2001:db8::1]:443", "[::]:0", "0.0.0.0:65535"}) {
    CAPTURE(text);
    REQUIRE(parse_endpoint(text).has_value());
    CHECK(to_string(*parse_endpoint(text)) == text);
  }
  for (const auto* const text : {"",
                                 ":",
                                 "80",
                                 ":80",
                                 "192.0.2.1",
                                 "192.0.2.1:",
                                 "192.0.2.1:65536",
                                 "192.0.2.1:-1",
                                 "192.0.2.1:80 ",
                                 "[192.0.2.1]:80",
                                 "2001:db8::1:443",
                                 "[2001:db8::1]",
                                 "[]:80",
                                 "[:80",
                                 "example.com:80"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_endpoint(text).has_value());
  }
}

TEST_CASE("to_string(Endpoint) puts IPv6 addresses in brackets", "[model]") {
  CHECK(to_string(Endpoint{IpAddress::v4(192, 0, 2, 1), 80}) == "192.0.2.1:80");
  CHECK(to_string(Endpoint{*parse_address("2001:db8::1"), 443}) == "[2001:db8::1]:443");
}

}  // namespace netlog_tests::model_address_test
