// SPDX-License-Identifier: MIT
#include "source/linux/sock_diag.hpp"

#include "capture/raw_record.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace netlog::source {
namespace {

// The kernel fills at most 32 KiB of a dump at a time.
constexpr std::size_t kChunk = std::size_t{64} * 1024;
// Twice what a million sockets need.
constexpr std::size_t kMaxBytes = std::size_t{1} << 30U;
// A part is large enough for the overhead of a record and small enough for the cache.
constexpr std::size_t kPart = std::size_t{256} * 1024;

// All states except bound only (13) and NEW_SYN_RECV (12). The kernel dumps NEW_SYN_RECV sockets
// with SYN_RECV.
constexpr std::uint32_t kAllStates = 0xFFF;

template <typename Request>
auto message(std::uint16_t type, const Request& request) {
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_LENGTH(sizeof(Request));
  header.nlmsg_type = type;
  header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  std::array<std::byte, NLMSG_LENGTH(sizeof(Request))> bytes{};
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + NLMSG_HDRLEN, &request, sizeof request);
  return bytes;
}

enum class End { none, done, foreign };

/// Looks in the messages of one recv() for the end of the dump. Clears `consistent` if one says
/// that the dump is not.
End end_of(std::span<const std::byte> chunk, std::uint32_t sequence, bool& consistent) {
  while (chunk.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header{};
    std::memcpy(&header, chunk.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > chunk.size()) {
      return End::done;  // the decoder reports the error
    }
    if (header.nlmsg_seq != sequence) {
      return End::foreign;
    }
    consistent = consistent && (header.nlmsg_flags & NLM_F_DUMP_INTR) == 0;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      return End::done;
    }
    chunk = chunk.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), chunk.size()));
  }
  return End::none;
}

/// recv(2), repeated after signals.
ssize_t receive(int fd, std::span<std::byte> buffer) {
  ssize_t got = -1;
  do {
    got = ::recv(fd, buffer.data(), buffer.size(), 0);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

Result<SockDiag> SockDiag::open() {
  os::UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!fd) {
    return fail_errno(errno, "sock_diag socket");
  }
  // The recorder must not wait forever for a kernel that does not answer.
  const timeval timeout{5, 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) != 0) {
    return fail_errno(errno, "time limit of the sock_diag socket");
  }
  return SockDiag{std::move(fd)};
}

Result<void> SockDiag::dump_tcp(capture::DumpDepth depth,
                                std::vector<std::byte>& out,
                                const OnPart& on_part) {
  inet_diag_req request{};
  request.idiag_family = AF_UNSPEC;
  request.idiag_states = kAllStates;
  if (!depth.time_wait) {
    request.idiag_states &= ~(1U << TCP_TIME_WAIT);
  }
  if (depth.info) {
    request.idiag_ext = 1U << (INET_DIAG_INFO - 1);
  }
  auto asked = message(TCPDIAG_GETSOCK, request);
  return dump(asked, out, on_part);
}

Result<void> SockDiag::dump_udp(TableKind table,
                                std::vector<std::byte>& out,
                                const OnPart& on_part) {
  inet_diag_req_v2 request{};
  request.sdiag_family = table == TableKind::udp4 ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_UDP;
  request.idiag_states = ~0U;
  auto asked = message(SOCK_DIAG_BY_FAMILY, request);
  return dump(asked, out, on_part);
}

Result<void> SockDiag::dump(std::span<std::byte> request,
                            std::vector<std::byte>& out,
                            const OnPart& on_part) {
  nlmsghdr header{};
  std::memcpy(&header, request.data(), sizeof header);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(request.data(), &header, sizeof header);
  if (::send(fd_.get(), request.data(), request.size(), 0) < 0) {
    return fail_errno(errno, "sock_diag request");
  }
  std::size_t received = 0;
  bool consistent = true;
  std::array<std::byte, kChunk> buffer;  // NOLINT(*-member-init): filled before it is read
  for (;;) {
    const auto got = receive(fd_.get(), buffer);
    if (got < 0) {
      return fail_errno(errno, "sock_diag dump");
    }
    const auto chunk = std::span{buffer}.first(static_cast<std::size_t>(got));
    const auto end = end_of(chunk, sequence_, consistent);
    if (end == End::foreign) {
      continue;  // left over from an aborted dump
    }
    received += chunk.size();
    if (received > kMaxBytes) {
      return fail(errc::too_large, "sock_diag dump");
    }
    if (consistent) {
      out.insert(out.end(), chunk.begin(), chunk.end());
    }
    if (end == End::done) {
      return consistent ? Result<void>{} : fail(errc::interrupted, "sock_diag dump");
    }
    if (out.size() >= kPart) {
      on_part();
    }
  }
}

}  // namespace netlog::source
