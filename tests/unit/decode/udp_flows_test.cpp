// SPDX-License-Identifier: MIT
// Flows as the programs counted them on Linux 6.18.
#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

namespace netlog_tests::decode_udp_flows_test {

using namespace netlog;
using namespace netlog::decode;
using netlog::test::from_hex;

namespace {

// A socket that is connected to 127.0.0.1:54098 sent 100 bytes and received 50.
constexpr const char* kConnected =
    "3856dafa09020000d399dbfa090200001ef000000000000064000000000000003200000000000000010000000000"
    "00000100000000000000f9ffffef0100000000000000588a4fd302037f0000010000000000000000000000007f00"
    "0001000000000000000000000000000000000000";
// [::1]:40513 sent 3 datagrams to [::1]:42649 and received 3.
constexpr const char* kUnconnected =
    "2c1ffdfa0902000064e7fdfa0902000020f00000000000003c000000000000001e00000000000000030000000000"
    "00000300000000000000f9ffffef0100000000000000419e19a60a00000000000000000000000000000000010000"
    "0000000000000000000000000001000000000000";

constexpr std::size_t kFirst = 7;  // the highest bytes
constexpr std::size_t kBytesSent = 31;
constexpr std::size_t kFamily = 72;
constexpr std::size_t kFlags = 73;

errc code_of(std::vector<std::byte> bytes, std::size_t at, int value) {
  bytes[at] = static_cast<std::byte>(value);
  const auto decoded = decode_udp_flows(bytes);
  REQUIRE_FALSE(decoded.has_value());
  return static_cast<errc>(decoded.error().code.value());
}

}  // namespace

TEST_CASE("a UDP flow has its socket, its peer and what was exchanged", "[decode]") {
  const auto flows = decode_udp_flows(from_hex(kConnected));
  REQUIRE(flows.has_value());
  UdpFlow expected;
  expected.netns = 0xEFFF'FFF9;
  expected.incarnation = 0xF01E;
  expected.first_ns = 0x0209'FADA'5638;
  expected.last_ns = 0x0209'FADB'99D3;
  expected.tuple = FiveTuple{
      Protocol::udp, {IpAddress::v4(127, 0, 0, 1), 0x8A58}, {IpAddress::v4(127, 0, 0, 1), 0xD34F}};
  expected.sent_first = true;
  expected.is_connected = true;
  expected.bytes_sent = 100;
  expected.bytes_received = 50;
  expected.datagrams_sent = 1;
  expected.datagrams_received = 1;
  CHECK(*flows == std::vector{expected});
}

TEST_CASE("a UDP flow of IPv6 that the socket has not begun", "[decode]") {
  const auto flows = decode_udp_flows(from_hex(kUnconnected));
  REQUIRE(flows.has_value());
  const auto& flow = flows->front();
  CHECK(to_string(flow.tuple.local) == "[::1]:40513");
  CHECK(to_string(flow.tuple.remote) == "[::1]:42521");
  CHECK_FALSE(flow.sent_first);
  CHECK_FALSE(flow.is_connected);
  CHECK_FALSE(flow.is_rest);
  CHECK(flow.bytes_sent == 60);
  CHECK(flow.datagrams_received == 3);
}

TEST_CASE("many UDP flows are one record, and a rest has no peer of its own", "[decode]") {
  auto bytes = from_hex(kConnected);
  bytes[kFlags] = std::byte{4};
  const auto more = from_hex(kUnconnected);
  bytes.insert(bytes.end(), more.begin(), more.end());
  const auto flows = decode_udp_flows(bytes);
  REQUIRE(flows.has_value());
  REQUIRE(flows->size() == 2);
  CHECK(flows->front().is_rest);
  CHECK(decode_udp_flows({})->empty());
}

TEST_CASE("UDP flows that no host counts are refused", "[decode]") {
  const auto bytes = from_hex(kConnected);
  CHECK(decode_udp_flows(std::span{bytes}.first(111)).error().message() ==
        "UDP flows of 111 bytes: truncated [netlog:1]");
  CHECK(code_of(bytes, kFamily, 3) == errc::unknown_family);
  CHECK(code_of(bytes, kFirst, 0xFF) == errc::malformed);
  CHECK(code_of(bytes, kBytesSent, 0x10) == errc::malformed);
}

}  // namespace netlog_tests::decode_udp_flows_test
