// SPDX-License-Identifier: MIT
#include "capture/record_codec.hpp"

#include "support/catch.hpp"
#include "util/byte_reader.hpp"

#include <string>
#include <utility>
#include <vector>

namespace netlog_tests::capture_record_codec_test {

using namespace netlog;
using namespace netlog::capture;

namespace {

/// `kind a b c bytes`
std::string text(const PayloadFields& fields) {
  return std::to_string(static_cast<unsigned>(fields.kind)) + " " + std::to_string(fields.a) + " " +
         std::to_string(fields.b) + " " + std::to_string(fields.c) + " " +
         std::string{as_text(fields.bytes)};
}

}  // namespace

TEST_CASE("record_codec: each payload has its kind and numbers, and comes back the same",
          "[capture]") {
  const auto x = bytes_of("x");
  Sha256 sha{};
  sha.fill(std::byte{'x'});
  const std::vector<std::pair<Payload, std::string>> cases{
      {SessionText{x}, "1 0 0 0 x"},
      {TickBegin{5, 2, 900}, "2 5 2 900 "},
      {SockDiagDump{3, {true, false}, 4, true, x}, "3 3 1 4 x"},
      {SockDiagDump{12, {false, true}, 0, false, x}, "28 12 2 0 x"},
      {ProcfsTable{Protocol::tcp, Family::ipv4, x}, "4 0 0 0 x"},
      {ProcfsTable{Protocol::tcp, Family::ipv6, x}, "5 0 0 0 x"},
      {ProcfsTable{Protocol::udp, Family::ipv4, x}, "6 0 0 0 x"},
      {ProcfsTable{Protocol::udp, Family::ipv6, x}, "7 0 0 0 x"},
      {TableFailed{3, RecordKind::sock_diag, "x"}, "8 3 3 0 x"},
      {Snmp{x}, "9 0 0 0 x"},
      {Snmp6{x}, "10 0 0 0 x"},
      {SocketHolders{x}, "11 0 0 0 x"},
      {ProcessRead{42, -8, x}, "12 42 -8 0 x"},
      {ProcessExit{ProcessId{42, 77}, {}}, "13 42 77 0 "},
      {ProcessExit{ProcessId{42, 77}, 256}, "13 42 77 257 "},
      {DestroyNotices{12, x}, "14 12 0 0 x"},
      {NoticesLost{17}, "15 17 0 0 "},
      {NoticesLost{}, "15 -1 0 0 "},
      {NamespaceGone{}, "17 0 0 0 "},
      {TickEnd{}, "18 0 0 0 "},
      {NamespaceFound{}, "19 0 0 0 "},
      {Stalled{60}, "20 60 0 0 "},
      {TraceEvents{8, x}, "21 8 0 0 x"},
      {TraceLost{6}, "22 6 0 0 "},
      {TraceEnded{"x"}, "23 0 0 0 x"},
      {MibTableRead{1, x}, "24 1 0 0 x"},
      {MibStatisticsRead{x}, "25 0 0 0 x"},
      {MibModulesRead{x}, "26 0 0 0 x"},
      {IntervalChange{200}, "27 200 0 0 "},
      {UtcOffset{900, -40}, "29 900 -40 0 "},
      {ExecutableHash{ProcessId{42, 77}, sha}, "30 42 77 0 " + std::string(32, 'x')},
      {ProcessMessages{-8, x}, "31 -8 0 0 x"},
      {ProcessMessagesLost{17}, "32 17 0 0 "},
      {ProcessMessagesLost{}, "32 -1 0 0 "}};
  for (const auto& [payload, expected] : cases) {
    CAPTURE(expected);
    const auto fields = encode_payload(payload);
    CHECK(text(fields) == expected);
    CHECK(kind_of(payload) == fields.kind);
    const auto decoded = decode_payload(fields, {fields.bytes.begin(), fields.bytes.end()});
    REQUIRE(decoded.has_value());
    CHECK((*decoded == payload));
  }
}

TEST_CASE("record_codec: a hash of another length is an error", "[capture]") {
  const auto decoded = decode_payload({RecordKind::executable_hash, 42, 77, 0, {}}, bytes_of("x"));
  REQUIRE(decoded.has_error());
  CHECK(decoded.error().message() == "SHA-256 of 1 bytes: malformed [netlog:4]");
}

TEST_CASE("record_codec: a kind that is not known is an error", "[capture]") {
  const auto decoded = decode_payload({static_cast<RecordKind>(99), 0, 0, 0, {}}, {});
  REQUIRE(decoded.has_error());
  CHECK(decoded.error().message() == "record of unknown kind 99: malformed [netlog:4]");
}

}  // namespace netlog_tests::capture_record_codec_test
