// SPDX-License-Identifier: MIT
// Events as the programs sent them on Linux 6.18.
#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

namespace netlog_tests::decode_trace_test {

using namespace netlog;
using namespace netlog::decode;
using netlog::test::from_hex;

namespace {

constexpr std::int64_t kOffset = 1'795'234'588'344'995'694;

// connect(2) to 127.0.0.1:5599, by python3.
constexpr const char* kConnect =
    "6de7807f7e160000a7e2807f7e1600004b3e3e00000000000000000000000000000000000000000000000000000000"
    "00"
    "757dc7797e16000013770000f9ffffef0000000000000000000000000000000000000000000000003ee9df15000001"
    "01"
    "070202007f0000010000000000000000000000007f000001000000000000000000000000707974686f6e3300000000"
    "00"
    "0000000000000000";
// The peer's FIN after ours: FIN_WAIT_2 to TIME_WAIT, which the kernel calls CLOSE.
constexpr const char* kFinished =
    "e9b01c807e160000a7e2807f7e1600004b3e3e00000000000500000000000000000000000000000001000000000000"
    "00"
    "000000000000000000000000f9ffffef0000000000000000000000001f28000005000000030000003ee9df15000001"
    "01"
    "050702017f0000010000000000000000000000007f0000010000000000000000000000000000000000000000000000"
    "00"
    "0000000000000000";
// [::1]:58500 to [::1]:9, refused.
constexpr const char* kRefused =
    "a912ba807e16000053cab9807e1600004f3e3e00000000000000000000000000000000000000000000000000000000"
    "00"
    "000000000000000000000000f9ffffef00000000000000000000000000000000010000000100000084e409006f0001"
    "01"
    "02070a0000000000000000000000000000000001000000000000000000000000000000010000000000000000000000"
    "00"
    "0000000000000000";
// socket(AF_INET, SOCK_DGRAM) by python3.
constexpr const char* kBirth =
    "945fbb807e1600000000000000000000503e3e00000000000000000000000000000000000000000000000000000000"
    "00"
    "757dc7797e16000013770000f9ffffef00000000000000000000000000000000000000000000000000000000000003"
    "00"
    "000000000000000000000000000000000000000000000000000000000000000000000000707974686f6e3300000000"
    "00"
    "0000000000000000";

constexpr std::size_t kKind = 94;
constexpr std::size_t kError = 92;
constexpr std::size_t kNewState = 97;
constexpr std::size_t kFamily = 98;

Transition transition(const std::vector<std::byte>& bytes) {
  const auto all = decode_trace(bytes, kOffset);
  REQUIRE(all.has_value());
  REQUIRE(all->size() == 1);
  return std::get<Transition>(all->front());
}

}  // namespace

TEST_CASE("a connect names its socket, its process and when it began", "[decode]") {
  const auto event = transition(from_hex(kConnect));
  CHECK(event.at_ns == kOffset + 0x167E'7F80'E76D);
  CHECK(event.begun_ns == kOffset + 0x167E'7F80'E2A7);
  CHECK(event.netns == 4026531833);
  CHECK(event.old_state == TcpState::closed);
  CHECK(event.row.state == TcpState::syn_sent);
  CHECK(event.row.incarnation == 0x3E3E4B);
  CHECK(to_string(event.row.tuple.local) == "127.0.0.1:59710");
  CHECK(to_string(event.row.tuple.remote) == "127.0.0.1:5599");
  CHECK(event.row.uid == 0U);
  CHECK(event.direction == Direction::outbound);
  REQUIRE(event.caller.has_value());
  CHECK(event.caller->id == ProcessId{30483, 0x167E'79C7'7D75 / 10'000'000});
  CHECK(event.caller->started_ns == kOffset + 0x167E'79C7'7D75);
  CHECK(event.caller->name == "python3");
}

TEST_CASE("an end has its cause, its bytes without the FIN, and no process of a packet",
          "[decode]") {
  const auto event = transition(from_hex(kFinished));
  CHECK(event.old_state == TcpState::fin_wait_2);
  CHECK(event.row.state == TcpState::closed);
  CHECK(event.fin_received);
  CHECK(event.cause == EndCause::none);
  CHECK_FALSE(event.caller.has_value());
  CHECK(event.row.metrics == Metrics{5, 0, 0, 0x281F / 8, 5, 3});
}

TEST_CASE("a refused connect over IPv6", "[decode]") {
  const auto event = transition(from_hex(kRefused));
  CHECK(to_string(event.row.tuple.local) == "[::1]:58500");
  CHECK(to_string(event.row.tuple.remote) == "[::1]:9");
  CHECK(event.old_state == TcpState::syn_sent);
  CHECK(event.cause == EndCause::refused);
  CHECK(event.row.metrics->rtt_us == std::nullopt);
}

TEST_CASE("each error has its cause", "[decode]") {
  const auto [error, cause] = GENERATE(table<int, EndCause>({{0, EndCause::none},
                                                             {32, EndCause::reset},
                                                             {104, EndCause::reset},
                                                             {103, EndCause::aborted},
                                                             {110, EndCause::timed_out},
                                                             {111, EndCause::refused},
                                                             {1, EndCause::unreachable},
                                                             {13, EndCause::unreachable},
                                                             {101, EndCause::unreachable},
                                                             {113, EndCause::unreachable},
                                                             {12, EndCause::other}}));
  auto bytes = from_hex(kRefused);
  bytes[kError] = static_cast<std::byte>(error);
  CHECK(transition(bytes).cause == cause);
  CHECK(transition(bytes).error.value_or(0) == error);
}

TEST_CASE("a birth is of a socket without addresses", "[decode]") {
  const auto all = decode_trace(from_hex(kBirth), kOffset);
  REQUIRE(all.has_value());
  const auto birth = std::get<UdpSocketCreated>(all->at(0));
  CHECK(birth.incarnation == 0x3E3E50);
  CHECK(birth.caller->id.pid == 30483);
}

TEST_CASE("events follow one another; a late owner without a process says nothing", "[decode]") {
  auto bytes = from_hex(kConnect);
  auto late = from_hex(kFinished);
  late[kKind] = std::byte{2};
  bytes.insert(bytes.end(), late.begin(), late.end());
  CHECK(decode_trace(bytes, kOffset)->size() == 1);
  late = from_hex(kConnect);
  late[kKind] = std::byte{2};
  bytes.insert(bytes.end(), late.begin(), late.end());
  const auto all = decode_trace(bytes, kOffset);
  REQUIRE(all->size() == 2);
  CHECK(std::get<LastCloser>(all->at(1)).caller.id.pid == 30483);
  CHECK_FALSE(std::get<LastCloser>(all->at(1)).parent.has_value());
  CHECK(decode_trace({}, kOffset)->empty());
}

TEST_CASE("a user, and a last closer that was about to execute a program", "[decode]") {
  auto bytes = from_hex(kConnect);
  bytes[kKind] = std::byte{4};
  const auto used = decode_trace(bytes, kOffset);
  REQUIRE(used.has_value());
  const auto user = std::get<SocketUser>(used->at(0));
  CHECK(user.caller.id.pid == 30483);
  CHECK(user.at_ns > 0);
  constexpr std::size_t kParentStart = 24;
  constexpr std::size_t kParent = 68;
  constexpr std::size_t kFlags = 99;
  bytes[kKind] = std::byte{2};
  bytes[kFlags] = std::byte{1};
  bytes[kParent] = std::byte{9};
  std::fill_n(bytes.begin() + kParentStart, 8, std::byte{0});
  bytes[kParentStart + 4] = std::byte{1};  // 2^32 ns
  const auto closed = decode_trace(bytes, kOffset);
  REQUIRE(closed.has_value());
  CHECK(std::get<LastCloser>(closed->at(0)).parent == ProcessId{9, 429});
}

TEST_CASE("what no program of ours sends is refused with the reason", "[decode]") {
  auto bytes = from_hex(kConnect);
  bytes.pop_back();
  CHECK(decode_trace(bytes, 0).error().message() == "trace of 151 bytes: truncated [netlog:1]");
  const auto refused = [](std::size_t at, int value) {
    auto changed = from_hex(kConnect);
    changed[at] = static_cast<std::byte>(value);
    return decode_trace(changed, 0).error().code;
  };
  CHECK(refused(kKind, 9) == errc::malformed);
  CHECK(refused(kFamily, 1) == errc::unknown_family);
  CHECK(refused(kNewState, 0) == errc::unknown_state);
  CHECK(refused(kNewState, 13) == errc::unknown_state);
  constexpr std::size_t kTopOfTime = 7;
  CHECK(refused(kTopOfTime, 0x7F) == errc::malformed);
  CHECK(refused(kTopOfTime, 0xFF) == errc::malformed);
}

TEST_CASE("whatever the bytes say, it is decoded or refused", "[decode]") {
  for (const int filler : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
    std::vector<std::byte> bytes(152, static_cast<std::byte>(filler));
    for (const int kind : {1, 2, 3}) {
      bytes[kKind] = static_cast<std::byte>(kind);
      bytes[kFamily] = std::byte{2};
      bytes[kNewState] = bytes[kNewState - 1] = std::byte{1};
      const auto decoded = decode_trace(bytes, kOffset);
      CHECK((decoded.has_value() || decoded.error().code == errc::malformed));
    }
  }
}

}  // namespace netlog_tests::decode_trace_test
