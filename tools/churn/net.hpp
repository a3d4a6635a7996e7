// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>

namespace churn {

/// UTC ns.
std::int64_t now_ns();

/// Exits with the name of the call and the text of errno.
[[noreturn]] void die(std::string_view call);

/// The result of a call that must not fail.
int must(int result, std::string_view call);

/// An IPv4 or IPv6 socket address.
union Address {
  sockaddr generic;
  sockaddr_in ipv4;
  sockaddr_in6 ipv6;

  Address() : ipv6{} {}
  [[nodiscard]] socklen_t size() const {
    return generic.sa_family == AF_INET6 ? sizeof ipv6 : sizeof ipv4;
  }
  [[nodiscard]] std::uint16_t port() const {
    return ntohs(generic.sa_family == AF_INET6 ? ipv6.sin6_port : ipv4.sin_port);
  }
  [[nodiscard]] bool is_unspecified() const;
};

/// 127.0.0.`host` for AF_INET; IPv6 has only one loopback address.
Address loopback(int family, std::uint32_t host, std::uint16_t port);
Address any(int family);
Address local_of(int fd);
std::string text(const Address& address);

void set_nonblocking(int fd);
void abort_on_close(int fd);

/// Reads everything that is available. @returns whether the other side has closed
bool peer_has_ended(int fd);

/// Whether something can be read, or nothing more will come. Reads nothing.
bool data_has_come(int fd);

/// A starved peer has this long to send its data before our end closes without it.
constexpr std::int64_t kDataPatienceNs = 10'000'000'000;
constexpr std::int64_t kLookAgainNs = 1'000'000;

/// A line of the truth file: one end of one connection. Each event happened in [from, to].
struct Truth {
  std::string_view kind;
  bool server = false;
  pid_t pid = 0;
  Address local;
  Address remote;
  std::int64_t opened_from_ns = 0;
  std::int64_t opened_to_ns = 0;
  std::int64_t closed_from_ns = 0;
  std::int64_t closed_to_ns = 0;
};

/// Appends lines to a CSV file; `header` begins a new one.
void append(const std::string& path, const std::vector<Truth>& lines, bool header);

}  // namespace churn
