// SPDX-License-Identifier: MIT
// Messages in the form of Linux 6.18.
#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"

#include <limits>

namespace netlog_tests::decode_process_events_test {

using namespace netlog;
using namespace netlog::decode;
using netlog::test::from_hex;

namespace {

// nlmsghdr, cn_msg, and from offset 36 on what, cpu, timestamp_ns.
// /bin/sh is executed by 24307.
constexpr const char* kExec =
    "4c000000 0300 0000 02000000 00000000"
    "01000000 01000000 02000000 00000000 2800 0000"
    "02000000 01000000 40e2010000000000"
    "f35e0000 f35e0000 00000000 00000000 00000000 00000000";
// It ends with exit(3).
constexpr const char* kExit =
    "4c000000 0300 0000 03000000 00000000"
    "01000000 01000000 03000000 00000000 2800 0000"
    "00000080 01000000 50e2010000000000"
    "f35e0000 f35e0000 00030000 11000000 a45e0000 a45e0000";
// A thread of it that SIGKILL ends.
constexpr const char* kThread =
    "4c000000 0300 0000 03000000 00000000"
    "01000000 01000000 03000000 00000000 2800 0000"
    "00000080 01000000 50e2010000000000"
    "f45e0000 f35e0000 09000000 ffffffff a45e0000 a45e0000";
// The answer to a request, and a fork.
constexpr const char* kAnswer =
    "4c000000 0300 0000 00000000 00000000"
    "01000000 01000000 00000000 04000000 2800 0000"
    "00000000 01000000 40e2010000000000"
    "00000000 00000000 00000000 00000000 00000000 00000000";
constexpr const char* kFork =
    "4c000000 0300 0000 01000000 00000000"
    "01000000 01000000 01000000 00000000 2800 0000"
    "01000000 01000000 40e2010000000000"
    "a45e0000 a45e0000 f35e0000 f35e0000 00000000 00000000";

constexpr std::size_t kMessage = 76;
constexpr std::size_t kIndex = 16;
constexpr std::size_t kLength = 32;
constexpr std::size_t kTime = 44;
constexpr std::size_t kExitCode = 60;

std::vector<std::byte> messages(const std::vector<const char*>& all) {
  std::vector<std::byte> bytes;
  for (const auto* const one : all) {
    const auto message = from_hex(one);
    bytes.insert(bytes.end(), message.begin(), message.end());
  }
  return bytes;
}

std::vector<ProcessEvent> decoded(const std::vector<std::byte>& bytes, std::int64_t shift_ns = 0) {
  const auto events = decode_process_events(bytes, shift_ns);
  REQUIRE(events.has_value());
  return *events;
}

}  // namespace

TEST_CASE("process_events: an exec, the end of a thread, the end of the main thread", "[decode]") {
  using enum ProcessEvent::Kind;
  CHECK((decoded(messages({kAnswer, kFork, kExec, kThread, kExit}), 1'000'000) ==
         std::vector<ProcessEvent>{{executed, 24307, true, 1'123'456, std::nullopt},
                                   {thread_ended, 24307, false, 1'123'472, 9},
                                   {thread_ended, 24307, true, 1'123'472, 0x300}}));
  CHECK(decoded({}).empty());
}

TEST_CASE("process_events: messages of others are left out", "[decode]") {
  auto bytes = messages({kExec});
  bytes[kIndex] = std::byte{3};
  CHECK(decoded(bytes).empty());
}

TEST_CASE("process_events: an exit code that wait(2) cannot return is unknown", "[decode]") {
  auto bytes = messages({kExit});
  bytes[kExitCode + 2] = std::byte{1};
  CHECK_FALSE(decoded(bytes).front().wait_status.has_value());
}

TEST_CASE("process_events: what is cut or has an impossible time is refused", "[decode]") {
  const auto whole = messages({kExit});
  for (std::size_t size = 1; size < kMessage; ++size) {
    CAPTURE(size);
    CHECK(decode_process_events(std::span{whole}.first(size), 0).has_error());
  }
  auto bytes = whole;
  SECTION("the event is shorter than its kind needs") {
    bytes[kLength] = std::byte{24};
  }
  SECTION("the event is longer than its message") {
    bytes[kLength + 1] = std::byte{0xFF};
  }
  SECTION("the time is negative") {
    bytes[kTime + 7] = std::byte{0xFF};
  }
  SECTION("the time is beyond what can be added") {
    bytes[kTime + 7] = std::byte{0x7F};
  }
  CHECK(decode_process_events(bytes, 0).has_error());
}

TEST_CASE("process_events: no shift of the clock overflows", "[decode]") {
  constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
  CHECK(decode_process_events(messages({kExit}), kLargest).has_error());
  CHECK(decode_process_events(messages({kExit}), -kLargest - 1).has_error());
}

}  // namespace netlog_tests::decode_process_events_test
