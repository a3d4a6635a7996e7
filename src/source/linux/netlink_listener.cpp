// SPDX-License-Identifier: MIT
#include "source/linux/netlink_listener.hpp"

#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace netlog::source {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::size_t kSlot = 1024;
constexpr std::size_t kMaxProcText = std::size_t{16} << 20U;

}  // namespace

Result<NetlinkListener> NetlinkListener::open(int protocol, std::string what, int buffer_bytes) {
  NetlinkListener listener{
      os::UniqueFd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)},
      protocol,
      std::move(what)};
  const int fd = listener.fd_.get();
  if (fd < 0) {
    return fail_errno(errno, listener.what_ + " socket");
  }
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes) != 0 &&
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes) != 0) {
    return fail_errno(errno, "receive buffer of the " + listener.what_ + " socket");
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd, any, size) != 0 || ::getsockname(fd, any, &size) != 0) {
    return fail_errno(errno, listener.what_ + " socket");
  }
  listener.port_id_ = address.nl_pid;
  socklen_t length = sizeof listener.buffer_bytes_;
  ::getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &listener.buffer_bytes_, &length);
  if (auto sockets = ProcFile::open("/proc/thread-self/net/netlink")) {
    listener.sockets_ = std::move(*sockets);
  }
  return listener;
}

Result<void> NetlinkListener::join(int group) {
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return fail_errno(errno, "subscription to " + what_);
  }
  return {};
}

void NetlinkListener::leave(int group) {
  ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

Result<void> NetlinkListener::send(std::span<const std::byte> message) const {
  if (::send(fd_.get(), message.data(), message.size(), MSG_DONTWAIT) < 0) {
    return fail_errno(errno, "request for " + what_);
  }
  return {};
}

Result<Drained> NetlinkListener::drain(std::vector<std::byte>& out) {
  Drained drained;
  buffer_.resize(kBatch * kSlot);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> places{};
  std::array<sockaddr_nl, kBatch> senders{};
  for (std::size_t i = 0; i < kBatch; ++i) {
    places.at(i) = iovec{buffer_.data() + i * kSlot, kSlot};
    auto& header = messages.at(i).msg_hdr;
    header.msg_iov = &places.at(i);
    header.msg_iovlen = 1;
    header.msg_name = &senders.at(i);
    header.msg_namelen = sizeof(sockaddr_nl);
  }
  for (;;) {
    const int got = ::recvmmsg(fd_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0 && errno == ENOBUFS) {
      drained.overrun = true;  // one error for each overrun, however many messages were dropped
      continue;
    }
    if (got < 0 && errno != EAGAIN) {
      return fail_errno(errno, what_);
    }
    for (int i = 0; i < got; ++i) {
      const auto index = static_cast<std::size_t>(i);
      const auto* const begin = buffer_.data() + index * kSlot;
      if (senders.at(index).nl_pid == 0) {  // the kernel; root's programs may send here, too
        out.insert(out.end(), begin, begin + messages.at(index).msg_len);
      }
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

std::optional<std::int64_t> NetlinkListener::drops() const {
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
    if (fields.size() >= 10 && parse_number<int>(fields[1]) == protocol_ &&
        parse_number<std::uint32_t>(fields[2]) == port_id_) {
      return parse_number<std::int64_t>(fields[8]);
    }
  }
  return std::nullopt;
}

}  // namespace netlog::source
