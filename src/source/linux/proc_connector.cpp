// SPDX-License-Identifier: MIT
#include "source/linux/proc_connector.hpp"

#include "os/clock.hpp"
#include "source/linux/traced_process.hpp"
#include "util/netlink.hpp"
#include "util/time.hpp"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <span>

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>

#include <unistd.h>

namespace netlog::source {
namespace {

constexpr std::uint32_t kNothing = 0;  // PROC_EVENT_NONE: the answer to a request
constexpr std::uint32_t kExecuted = 0x2;
constexpr std::uint32_t kEnded = 0x80000000;

/// The beginning of a message.
struct Head {
  std::uint32_t acknowledged = 0;  ///< of the answer to a request
  std::uint32_t what = 0;
  std::uint32_t value = 0;  ///< errno of an answer; id of the thread
  std::uint32_t pid = 0;
};

std::optional<Head> read_head(std::span<const std::byte> payload) {
  ByteReader in{payload};
  const auto index = in.u32();
  const auto number = in.u32();
  in.skip(4);  // seq
  Head head;
  head.acknowledged = in.u32();
  in.skip(4);  // len, flags
  head.what = in.u32();
  in.skip(12);  // cpu, timestamp_ns
  head.value = in.u32();
  head.pid = in.u32();
  const bool is_ours = in.ok() && index == CN_IDX_PROC && number == CN_VAL_PROC;
  return is_ours ? std::optional{head} : std::nullopt;
}

template <typename Value>
void append(std::vector<std::byte>& out, const Value& value) {
  const auto bytes = std::as_bytes(std::span{&value, 1});
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Linux from 6.6 on takes the events that are wanted, too. Before, it ignores a request with them.
std::vector<std::byte> request(proc_cn_mcast_op what,
                               std::uint32_t number,
                               std::optional<std::uint32_t> events = std::nullopt) {
  cn_msg message{};
  message.id = cb_id{CN_IDX_PROC, CN_VAL_PROC};
  message.ack = number;
  message.len = sizeof(std::uint32_t) * (events ? 2 : 1);
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + sizeof message + message.len);
  header.nlmsg_type = NLMSG_DONE;
  std::vector<std::byte> bytes;
  append(bytes, header);
  append(bytes, message);
  append(bytes, static_cast<std::uint32_t>(what));
  if (events) {
    append(bytes, *events);
  }
  return bytes;
}

std::int64_t read_monotonic_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

}  // namespace

Result<ProcConnector> ProcConnector::open(int buffer_bytes) {
  auto listener = NetlinkListener::open(NETLINK_CONNECTOR, "process events", buffer_bytes);
  if (!listener) {
    return listener.error();
  }
  if (const auto joined = listener->join(CN_IDX_PROC); !joined) {
    return joined.error();
  }
  ProcConnector connector{std::move(*listener)};
  if (const auto listens = connector.listen(); !listens) {
    return listens.error();
  }
  return connector;
}

/// The kernel answers before the request returns. It does not answer at all in another namespace.
Result<void> ProcConnector::listen() {
  const auto number = static_cast<std::uint32_t>(::getpid());
  if (const auto sent = listener_.send(request(PROC_CN_MCAST_LISTEN, number)); !sent) {
    // Nobody is there in another network namespace.
    return sent.error().code == boost::system::errc::connection_refused
               ? fail_errno(ENOTSUP, "process events outside the first network namespace")
               : sent.error();
  }
  if (const auto drained = listener_.drain(all_); !drained) {
    return drained.error();
  }
  std::span<const std::byte> rest{all_};
  while (!rest.empty()) {
    const auto message = take_netlink_message(rest);
    if (!message) {
      break;
    }
    const auto head = read_head(message->payload);
    if (head && head->what == kNothing && head->acknowledged == number + 1) {
      if (head->value != 0) {
        return fail_errno(static_cast<int>(head->value), "subscription to process events");
      }
      static_cast<void>(listener_.send(request(PROC_CN_MCAST_LISTEN, number, kExecuted | kEnded)));
      return {};
    }
  }
  return fail_errno(ENOTSUP, "process events outside the first pid and user namespace");
}

ProcConnector::~ProcConnector() {
  if (listener_) {
    // Before Linux 6.6 the kernel would go on making messages for nobody.
    static_cast<void>(listener_.send(request(PROC_CN_MCAST_IGNORE, 0)));
  }
}

Result<ProcConnector::Events> ProcConnector::drain(
    const std::function<bool(std::uint32_t pid)>& is_wanted) {
  Events events;
  all_.clear();
  const auto drained = listener_.drain(all_);
  if (!drained) {
    return drained.error();
  }
  events.drained = *drained;
  std::span<const std::byte> rest{all_};
  while (!rest.empty()) {
    const auto before = rest;
    const auto message = take_netlink_message(rest);
    if (!message) {
      break;
    }
    const auto head = read_head(message->payload);
    const bool is_event = head && (head->what == kExecuted || head->what == kEnded);
    if (is_event && is_wanted(head->pid)) {
      (head->what == kExecuted ? events.executed : events.thread_ended).insert(head->pid);
      const auto bytes = before.first(before.size() - rest.size());
      events.messages.insert(events.messages.end(), bytes.begin(), bytes.end());
    }
  }
  return events;
}

Result<std::int64_t> proc_connector_shift_ns() {
  static const auto kernel = kernel_clock_shift_ns(kMonotonicClock);
  if (!kernel) {
    return kernel.error();
  }
  const auto before_ns = read_monotonic_clock_ns();
  const auto boot_ns = os::read_boot_clock_ns();
  const auto after_ns = read_monotonic_clock_ns();
  return boot_ns - before_ns - (after_ns - before_ns) / 2 + *kernel;
}

}  // namespace netlog::source
