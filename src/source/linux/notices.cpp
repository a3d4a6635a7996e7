// SPDX-License-Identifier: MIT
#include "source/linux/notices.hpp"

#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

namespace netlog::source {
namespace {

// A TCP notice is 380 bytes, a UDP notice 96.
constexpr std::size_t kBatch = 256;
constexpr std::size_t kSlot = 1024;
constexpr std::size_t kMaxProcText = std::size_t{16} << 20U;

constexpr std::array kGroups{std::pair{TableKind::tcp4, SKNLGRP_INET_TCP_DESTROY},
                             std::pair{TableKind::udp4, SKNLGRP_INET_UDP_DESTROY},
                             std::pair{TableKind::tcp6, SKNLGRP_INET6_TCP_DESTROY},
                             std::pair{TableKind::udp6, SKNLGRP_INET6_UDP_DESTROY}};

}  // namespace

Result<Notices> Notices::open(TableSet tables, int buffer_bytes) {
  os::UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)};
  if (!fd) {
    return fail_errno(errno, "notices socket");
  }
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0 &&
      ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes) != 0) {
    return fail_errno(errno, "receive buffer of the notices socket");
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0) {
    return fail_errno(errno, "notices socket");
  }
  int effective = 0;
  socklen_t length = sizeof effective;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &effective, &length);
  auto sockets = ProcFile::open("/proc/thread-self/net/netlink");
  Notices notices{std::move(fd),
                  sockets ? std::optional{std::move(*sockets)} : std::nullopt,
                  address.nl_pid,
                  effective};
  if (const auto subscribed = notices.subscribe(tables); !subscribed) {
    return subscribed.error();
  }
  return notices;
}

Result<void> Notices::subscribe(TableSet tables) {
  for (const auto& [table, number] : kGroups) {
    const int group = number;
    const bool wanted = (tables & table_bit(table)) != 0;
    if (wanted &&
        ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      return fail_errno(errno, "subscription to destroy notices");
    }
  }
  tables_ |= tables;
  return {};
}

void Notices::unsubscribe(TableSet tables) {
  for (const auto& [table, number] : kGroups) {
    const int group = number;
    if ((tables & table_bit(table)) != 0) {
      ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
    }
  }
  tables_ &= static_cast<TableSet>(~tables);
}

Result<Drained> Notices::drain(std::vector<std::byte>& out) {
  Drained drained;
  buffer_.resize(kBatch * kSlot);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> places{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    places.at(i) = iovec{buffer_.data() + i * kSlot, kSlot};
    messages.at(i).msg_hdr.msg_iov = &places.at(i);
    messages.at(i).msg_hdr.msg_iovlen = 1;
  }
  for (;;) {
    const int got = ::recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && errno == ENOBUFS) {
      drained.overrun = true;  // one error for each overrun, however many notices were dropped
      continue;
    }
    if (got < 0 && errno != EAGAIN) {
      return fail_errno(errno, "destroy notices");
    }
    for (int i = 0; i < got; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto* const begin = buffer_.data() + index * kSlot;
      out.insert(out.end(), begin, begin + messages.at(index).msg_len);
    }
    if (got < static_cast<int>(kBatch)) {
      break;
    }
  }
  if (drained.overrun) {
    if (const auto now = drops()) {
      drained.lost = *now - std::exchange(drops_before_, *now);
    }
  }
  return drained;
}

std::optional<std::int64_t> Notices::drops() const {
  if (!sockets_) {
    return std::nullopt;
  }
  const auto bytes = sockets_->read(kMaxProcText);
  if (!bytes) {
    return std::nullopt;
  }
  // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
  for (const auto line : split(as_text(*bytes), '\n')) {
    const auto fields = words(line);
    if (fields.size() >= 10 && parse_number<int>(fields[1]) == NETLINK_SOCK_DIAG &&
        parse_number<std::uint32_t>(fields[2]) == port_id_) {
      return parse_number<std::int64_t>(fields[8]);
    }
  }
  return std::nullopt;
}

}  // namespace netlog::source
