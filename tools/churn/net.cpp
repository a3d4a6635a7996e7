// SPDX-License-Identifier: MIT
#include "net.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

namespace churn {

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void die(std::string_view call) {
  fmt::print(stderr, "netlog-churn: {}: {}\n", call, std::strerror(errno));
  std::exit(1);
}

int must(int result, std::string_view call) {
  if (result < 0) {
    die(call);
  }
  return result;
}

bool Address::is_unspecified() const {
  return generic.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&ipv6.sin6_addr)
                                       : ipv4.sin_addr.s_addr == INADDR_ANY;
}

Address loopback(int family, std::uint32_t host, std::uint16_t port) {
  auto address = any(family);
  if (family == AF_INET6) {
    address.ipv6.sin6_addr = in6addr_loopback;
    address.ipv6.sin6_port = htons(port);
  } else {
    address.ipv4.sin_addr.s_addr = htonl(0x7F00'0000U | host);
    address.ipv4.sin_port = htons(port);
  }
  return address;
}

Address any(int family) {
  Address address;
  address.generic.sa_family = static_cast<sa_family_t>(family);
  return address;
}

Address local_of(int fd) {
  Address address;
  socklen_t size = sizeof address;
  must(::getsockname(fd, &address.generic, &size), "getsockname");
  return address;
}

std::string text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  const bool ipv6 = address.generic.sa_family == AF_INET6;
  const void* const bytes = ipv6 ? static_cast<const void*>(&address.ipv6.sin6_addr)
                                 : static_cast<const void*>(&address.ipv4.sin_addr);
  ::inet_ntop(address.generic.sa_family, bytes, buffer.data(), buffer.size());
  return buffer.data();
}

void set_nonblocking(int fd) {
  must(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK), "fcntl");
}

void abort_on_close(int fd) {
  const linger now{1, 0};
  must(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), "SO_LINGER");
}

bool peer_has_ended(int fd) {
  std::array<char, 256> bytes{};
  for (;;) {
    const auto got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got <= 0) {
      return got == 0 || (errno != EAGAIN && errno != EINTR);
    }
  }
}

bool data_has_come(int fd) {
  char byte = 0;
  const auto got = ::recv(fd, &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK);
  return got >= 0 || (errno != EAGAIN && errno != EINTR);
}

void append(const std::string& path, const std::vector<Truth>& lines, bool header) {
  auto* const file = std::fopen(path.c_str(), header ? "w" : "a");
  if (file == nullptr) {
    die(path);
  }
  if (header) {
    fmt::print(file,
               "kind,side,pid,local_address,local_port,remote_address,remote_port,opened_from_ns,"
               "opened_to_ns,closed_from_ns,closed_to_ns\n");
  }
  for (const auto& line : lines) {
    fmt::print(file,
               "{},{},{},{},{},{},{},{},{},{},{}\n",
               line.kind,
               line.server ? "server" : "client",
               line.pid,
               text(line.local),
               line.local.port(),
               text(line.remote),
               line.remote.port(),
               line.opened_from_ns,
               line.opened_to_ns,
               line.closed_from_ns,
               line.closed_to_ns);
  }
  if (std::fclose(file) != 0) {
    die(path);
  }
}

}  // namespace churn
