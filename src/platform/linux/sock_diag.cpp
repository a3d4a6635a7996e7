// SPDX-License-Identifier: MIT
#include "platform/linux/sock_diag.hpp"

#include "platform/raw_record.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <utility>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace netlog::platform {
namespace {

// The kernel fills at most 32 KiB of a dump at a time.
constexpr std::size_t kChunk = std::size_t{64} * 1024;
// A million sockets with everything are half of this.
constexpr std::size_t kMostBytes = std::size_t{1} << 30U;
constexpr int kTries = 3;

// All states but those that stand for no connection: bound only (13), and NEW_SYN_RECV (12) which
// SYN_RECV implies.
constexpr std::uint32_t kAllStates = 0xFFF;

template <typename Request>
std::vector<std::byte> message(std::uint16_t type, const Request& request) {
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_LENGTH(sizeof(Request));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::vector<std::byte> bytes(header.nlmsg_len);
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &request, sizeof request);
  return bytes;
}

enum class End { none, done, interrupted, foreign };

/// What the messages of one recv() say of the dump's end.
End end_of(std::span<const std::byte> chunk, std::uint32_t sequence) {
  while (chunk.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, chunk.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > chunk.size()) {
      return End::done;  // the decoder says what is wrong
    }
    if (header.nlmsg_seq != sequence) {
      return End::foreign;
    }
    if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
      return End::interrupted;
    }
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      return End::done;
    }
    chunk = chunk.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), chunk.size()));
  }
  return End::none;
}

}  // namespace

Result<SockDiag> SockDiag::open() {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!fd) {
    return fail_errno(errno, "sock_diag socket");
  }
  // A kernel that never answers must not stop the recorder for good.
  const timeval patience{5, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0) {
    return fail_errno(errno, "time limit of the sock_diag socket");
  }
  return SockDiag{std::move(fd)};
}

Result<void> SockDiag::dump_tcp(std::int64_t depth, std::vector<std::byte>& out) {
  inet_diag_req request{};
  request.idiag_family = AF_UNSPEC;
  request.idiag_states = kAllStates;
  if ((depth & kWithTimeWait) == 0) {
    request.idiag_states &= ~(1U << TCP_TIME_WAIT);
  }
  if ((depth & kWithInfo) != 0) {
    request.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  }
  return dump(message(TCPDIAG_GETSOCK, request), out);
}

Result<void> SockDiag::dump_udp(TableKind table, std::vector<std::byte>& out) {
  inet_diag_req_v2 request{};
  request.sdiag_family = table == TableKind::udp4 ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_UDP;
  request.idiag_states = ~0U;
  return dump(message(SOCK_DIAG_BY_FAMILY, request), out);
}

Result<void> SockDiag::dump(std::vector<std::byte> request, std::vector<std::byte>& out) {
  const auto begin = out.size();
  for (int attempt = 0; attempt < kTries; ++attempt) {
    auto whole = try_dump(request, out);
    if (!whole) {
      return whole.error();
    }
    if (*whole) {
      return {};
    }
    out.resize(begin);
  }
  return fail(errc::interrupted, "sock_diag dump, tried three times");
}

Result<bool> SockDiag::try_dump(std::vector<std::byte>& request, std::vector<std::byte>& out) {
  nlmsghdr header{};
  std::memcpy(&header, request.data(), sizeof header);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(request.data(), &header, sizeof header);
  if (::send(fd_.get(), request.data(), request.size(), 0) < 0) {
    return fail_errno(errno, "sock_diag request");
  }
  const auto begin = out.size();
  bool consistent = true;
  std::array<std::byte, kChunk> buffer;  // NOLINT(*-member-init): filled before it is read
  for (;;) {
    const auto got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      out.resize(begin);
      return fail_errno(errno, "sock_diag dump");
    }
    const auto chunk = std::span{buffer}.first(static_cast<std::size_t>(got));
    const auto end = end_of(chunk, sequence_);
    if (end == End::foreign) {
      continue;  // the rest of a dump that we gave up
    }
    out.insert(out.end(), chunk.begin(), chunk.end());
    if (out.size() - begin > kMostBytes) {
      out.resize(begin);
      return fail(errc::too_large, "sock_diag dump");
    }
    consistent = consistent && end != End::interrupted;
    if (end == End::done) {
      return consistent;
    }
  }
}

}  // namespace netlog::platform
