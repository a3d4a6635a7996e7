// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

constexpr std::uint8_t kTransition = 1;
constexpr std::uint8_t kLateOwner = 2;
constexpr std::uint8_t kBirth = 3;
constexpr std::uint8_t kUser = 4;
constexpr std::uint8_t kFinReceived = 1;
constexpr std::uint8_t kOrphan = 2;
constexpr std::uint8_t kKernelSocket = 0x80;
constexpr std::uint8_t kBeforeExec = 1;  // of a late owner
// Some 146 years: sums of two such times do not overflow.
constexpr std::int64_t kLatestNs = std::int64_t{1} << 62U;

EndCause cause_of(unsigned error) {
  // asm-generic/errno-base.h, asm-generic/errno.h
  constexpr unsigned kBrokenPipe = 32;
  constexpr unsigned kConnectionAborted = 103;
  constexpr unsigned kConnectionReset = 104;
  constexpr unsigned kTimedOut = 110;
  constexpr unsigned kRefused = 111;
  // What ICMP messages and the routing table answer (net/ipv4/icmp.c icmp_err_convert).
  constexpr unsigned kNotPermitted = 1;
  constexpr unsigned kAccess = 13;
  constexpr unsigned kNotOnNetwork = 64;
  constexpr unsigned kNoProtocolOption = 92;
  constexpr unsigned kNetDown = 100;
  constexpr unsigned kNetUnreachable = 101;
  constexpr unsigned kHostDown = 112;
  constexpr unsigned kHostUnreachable = 113;
  switch (error) {
    case 0:
      return EndCause::none;
    case kBrokenPipe:
    case kConnectionReset:
      return EndCause::reset;
    case kConnectionAborted:
      return EndCause::aborted;
    case kTimedOut:
      return EndCause::timed_out;
    case kRefused:
      return EndCause::refused;
    case kNotPermitted:
    case kAccess:
    case kNotOnNetwork:
    case kNoProtocolOption:
    case kNetDown:
    case kNetUnreachable:
    case kHostDown:
    case kHostUnreachable:
      return EndCause::unreachable;
    default:
      return EndCause::other;
  }
}

Direction direction_of(unsigned origin) {
  switch (origin) {
    case 1:
      return Direction::outbound;
    case 2:
      return Direction::listen;
    case 3:
      return Direction::inbound;
    default:
      return Direction::unknown;
  }
}

/// The event as it lies in memory; integers in host order.
struct Event {
  std::uint64_t at_ns, begun_ns, cookie, bytes_sent, bytes_resent, bytes_received;
  std::uint64_t process_start_ns;
  std::uint32_t pid, netns, uid, scope, retransmits, rtt_8us, segments_out, segments_in;
  std::uint16_t local_port, remote_port, error;
  std::uint8_t kind, origin, old_state, new_state, family, flags;
  IpAddress local, remote;
  std::string name;
};

Event read_event(ByteReader in) {
  Event event{};
  for (auto* const member : {&event.at_ns,
                             &event.begun_ns,
                             &event.cookie,
                             &event.bytes_sent,
                             &event.bytes_resent,
                             &event.bytes_received,
                             &event.process_start_ns}) {
    *member = in.u64();
  }
  for (auto* const member : {&event.pid,
                             &event.netns,
                             &event.uid,
                             &event.scope,
                             &event.retransmits,
                             &event.rtt_8us,
                             &event.segments_out,
                             &event.segments_in}) {
    *member = in.u32();
  }
  for (auto* const member : {&event.local_port, &event.remote_port, &event.error}) {
    *member = in.u16();
  }
  for (auto* const member : {&event.kind,
                             &event.origin,
                             &event.old_state,
                             &event.new_state,
                             &event.family,
                             &event.flags}) {
    *member = in.u8();
  }
  const auto family = event.family == 10 ? Family::ipv6 : Family::ipv4;
  event.local = read_address(in, family);
  event.remote = read_address(in, family);
  event.name = read_comm(in);
  return event;
}

std::int64_t shifted(std::uint64_t at_ns, std::int64_t clock_shift_ns) {
  // Unsigned, since hostile bytes must not overflow a signed sum.
  return static_cast<std::int64_t>(at_ns + static_cast<std::uint64_t>(clock_shift_ns));
}

std::optional<Caller> caller_of(const Event& event, std::int64_t clock_shift_ns) {
  if (event.pid == 0) {
    return std::nullopt;
  }
  return Caller{ProcessId{event.pid, event.process_start_ns / kNsPerClockTick},
                shifted(event.process_start_ns, clock_shift_ns),
                event.name};
}

Result<Transition> transition_of(const Event& event, std::int64_t clock_shift_ns) {
  if (event.family != 2 && event.family != 10) {
    return fail(errc::unknown_family, fmt::format("traced socket of family {}", event.family));
  }
  const auto before = state_from_kernel(event.old_state);
  const auto after = state_from_kernel(event.new_state);
  if (!before || !after) {
    return fail(errc::unknown_state,
                fmt::format("traced change from state {} to {}", event.old_state, event.new_state));
  }
  Transition transition;
  transition.netns = event.netns;
  transition.at_ns = shifted(event.at_ns, clock_shift_ns);
  transition.old_state = *before;
  transition.direction = direction_of(event.origin);
  if (event.begun_ns != 0) {
    transition.begun_ns = shifted(event.begun_ns, clock_shift_ns);
  }
  transition.fin_received = (event.flags & kFinReceived) != 0;
  transition.orphan = (event.flags & kOrphan) != 0;
  transition.of_kernel = (event.flags & kKernelSocket) != 0;
  transition.cause = cause_of(event.error);
  if (event.error != 0) {
    transition.error = event.error;
  }
  transition.caller = caller_of(event, clock_shift_ns);
  auto& row = transition.row;
  row.tuple =
      FiveTuple{Protocol::tcp, {event.local, event.local_port}, {event.remote, event.remote_port}};
  set_scope(row.tuple, event.scope);
  row.incarnation = event.cookie;
  row.state = *after;
  row.uid = event.uid;
  if (*after != TcpState::listen && *before != TcpState::listen) {
    auto& metrics = row.metrics.emplace();
    metrics.bytes_sent = event.bytes_sent - std::min(event.bytes_sent, event.bytes_resent);
    // The kernel counts the peer's FIN as a byte.
    const std::uint64_t fin = transition.fin_received && event.bytes_received > 0 ? 1 : 0;
    metrics.bytes_received = event.bytes_received - fin;
    metrics.retransmits = event.retransmits;
    if (event.rtt_8us != 0) {
      metrics.rtt_us = event.rtt_8us / 8;
    }
    metrics.segments_out = event.segments_out;
    metrics.segments_in = event.segments_in;
  }
  return transition;
}

Result<void> check_times(const Event& event, std::int64_t clock_shift_ns) {
  for (const auto boot_ns : {event.at_ns, event.begun_ns, event.process_start_ns}) {
    const auto at_ns = shifted(boot_ns, clock_shift_ns);
    if (boot_ns != 0 && (at_ns < 0 || at_ns > kLatestNs)) {
      return fail(errc::malformed, fmt::format("trace event at {} ns since boot", boot_ns));
    }
  }
  return {};
}

LastCloser closer_of(const Event& event, std::int64_t at_ns, Caller caller) {
  LastCloser closer{event.netns, event.cookie, at_ns, std::move(caller), std::nullopt};
  if ((event.flags & kBeforeExec) != 0 && event.scope != 0) {
    closer.parent = ProcessId{event.scope, event.bytes_sent / kNsPerClockTick};
  }
  return closer;
}

/// What the event reports; nothing if it lacks the process that it is about.
Result<std::optional<Traced>> traced_of(const Event& event, std::int64_t clock_shift_ns) {
  const auto at_ns = shifted(event.at_ns, clock_shift_ns);
  auto caller = caller_of(event, clock_shift_ns);
  switch (event.kind) {
    case kTransition: {
      auto transition = transition_of(event, clock_shift_ns);
      if (!transition) {
        return transition.error();
      }
      return std::optional<Traced>{std::move(*transition)};
    }
    case kBirth:
      return std::optional<Traced>{
          UdpSocketCreated{event.netns, event.cookie, at_ns, std::move(caller)}};
    case kUser:
      return caller ? std::optional<Traced>{SocketUser{
                          event.netns, event.cookie, at_ns, std::move(*caller)}}
                    : std::nullopt;
    case kLateOwner:
      return caller ? std::optional<Traced>{closer_of(event, at_ns, std::move(*caller))}
                    : std::nullopt;
    default:
      return fail(errc::malformed, fmt::format("trace event of kind {}", event.kind));
  }
}

}  // namespace

Result<std::vector<Traced>> decode_trace(std::span<const std::byte> bytes,
                                         std::int64_t clock_shift_ns) {
  if (bytes.size() % kTraceEventSize != 0) {
    return fail(errc::truncated, fmt::format("trace of {} bytes", bytes.size()));
  }
  std::vector<Traced> all;
  all.reserve(bytes.size() / kTraceEventSize);
  for (; !bytes.empty(); bytes = bytes.subspan(kTraceEventSize)) {
    const auto event = read_event(ByteReader{bytes.first(kTraceEventSize)});
    if (auto checked = check_times(event, clock_shift_ns); !checked) {
      return checked.error();
    }
    auto traced = traced_of(event, clock_shift_ns);
    if (!traced) {
      return traced.error();
    }
    if (*traced) {
      all.push_back(std::move(**traced));
    }
  }
  return all;
}

}  // namespace netlog::decode
