// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <sys/types.h>

namespace churn {

/// UTC ns.
std::int64_t now_ns();

/// Ends the program with the call's name and errno's text.
[[noreturn]] void die(std::string_view call);

/// The result of a call that must not fail.
int must(int result, std::string_view call);

sockaddr_in loopback(std::uint32_t host, std::uint16_t port);
sockaddr_in local_of(int fd);
std::string text(const sockaddr_in& address);

void set_nonblocking(int fd);
void abort_on_close(int fd);

/// Reads all there is. True when the other side has ended.
bool peer_has_ended(int fd);

/// A line of the truth file: one end of one connection. Each event happened in [from, to].
struct Truth {
  std::string_view kind;
  bool server = false;
  pid_t pid = 0;
  sockaddr_in local{};
  sockaddr_in remote{};
  std::int64_t opened_from_ns = 0;
  std::int64_t opened_to_ns = 0;
  std::int64_t closed_from_ns = 0;
  std::int64_t closed_to_ns = 0;
};

/// Appends lines to a CSV file; `header` begins a new one.
void append(const std::string& path, const std::vector<Truth>& lines, bool header);

}  // namespace churn
