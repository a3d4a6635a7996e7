// SPDX-License-Identifier: MIT
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/netlink.hpp"

#include <fmt/format.h>

namespace netlog::decode {
namespace {

// linux/connector.h, linux/cn_proc.h
constexpr std::uint32_t kProcessConnector = 1;
constexpr std::uint32_t kExecEvent = 0x2;
constexpr std::uint32_t kExitEvent = 0x80000000;
constexpr std::uint32_t kMaxExitCode = 0xffff;
// Some 146 years: sums of two such times do not overflow.
constexpr std::int64_t kLatestEventNs = std::int64_t{1} << 62U;

/// Nothing if the message is of another kind.
Result<std::optional<ProcessEvent>> event_of(std::span<const std::byte> payload,
                                             std::int64_t clock_shift_ns) {
  ByteReader in{payload};
  const bool is_ours = in.u32() == kProcessConnector && in.u32() == kProcessConnector;
  in.skip(8);  // seq, ack
  const std::size_t length = in.u16();
  in.skip(2);  // flags
  ByteReader event{in.take(length)};
  if (!in.ok()) {
    return fail(errc::truncated, fmt::format("process message of {} bytes", payload.size()));
  }
  const auto what = event.u32();
  if (!is_ours || (what != kExecEvent && what != kExitEvent)) {
    return std::optional<ProcessEvent>{};
  }
  event.skip(4);  // cpu
  const auto at_ns = event.u64();
  const auto thread = event.u32();
  const auto pid = event.u32();
  const auto exit_code = what == kExitEvent ? event.u32() : 0;
  if (!event.ok()) {
    return fail(errc::truncated, fmt::format("process event of {} bytes", length));
  }
  ProcessEvent decoded;
  decoded.pid = pid;
  decoded.of_main_thread = thread == pid;
  // Unsigned, since hostile bytes must not overflow a signed sum.
  decoded.at_ns = static_cast<std::int64_t>(at_ns + static_cast<std::uint64_t>(clock_shift_ns));
  if (decoded.at_ns < 0 || decoded.at_ns > kLatestEventNs) {
    return fail(errc::malformed, fmt::format("process event at {} ns since boot", at_ns));
  }
  if (what == kExitEvent) {
    decoded.kind = ProcessEvent::Kind::thread_ended;
    if (exit_code <= kMaxExitCode) {
      decoded.wait_status = static_cast<int>(exit_code);
    }
  }
  return std::optional{decoded};
}

}  // namespace

Result<std::vector<ProcessEvent>> decode_process_events(std::span<const std::byte> bytes,
                                                        std::int64_t clock_shift_ns) {
  std::vector<ProcessEvent> events;
  while (!bytes.empty()) {
    const auto message = take_netlink_message(bytes);
    if (!message) {
      return fail(errc::truncated,
                  fmt::format("netlink message in the last {} bytes", bytes.size()));
    }
    const auto event = event_of(message->payload, clock_shift_ns);
    if (!event) {
      return event.error();
    }
    if (*event) {
      events.push_back(**event);
    }
  }
  return events;
}

}  // namespace netlog::decode
