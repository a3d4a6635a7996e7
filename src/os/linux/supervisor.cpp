// SPDX-License-Identifier: MIT
#include "os/supervisor.hpp"

#include "os/linux/unique_fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace netlog::os {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kReportEvery{10};

std::string_view environment(const char* name) {
  const auto* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return value == nullptr ? std::string_view{} : value;
}

/// A path, or `@` and an abstract name (unix(7)).
std::optional<sockaddr_un> address_of(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_known = name.starts_with('/') || name.starts_with('@');
  if (!is_known || name.size() >= sizeof(address.sun_path)) {
    return std::nullopt;
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') {
    address.sun_path[0] = '\0';
  }
  return address;
}

/// Twice as often as the watchdog demands.
Clock::duration interval() {
  const auto watchdog_us = parse_number<std::int64_t>(environment("WATCHDOG_USEC"));
  return watchdog_us && *watchdog_us > 0
             ? std::min<Clock::duration>(kReportEvery, std::chrono::microseconds{*watchdog_us / 2})
             : kReportEvery;
}

class Systemd final : public Supervisor {
 public:
  Systemd(UniqueFd socket, const sockaddr_un& address, std::size_t name_bytes)
      : socket_{std::move(socket)},
        address_{address},
        address_bytes_{static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_bytes)} {}

  void report(const std::string& status) override {
    const auto now = Clock::now();
    if (reported_ && now - *reported_ < every_) {
      return;
    }
    send((reported_ ? "WATCHDOG=1\nSTATUS=" : "READY=1\nSTATUS=") + status);
    reported_ = now;
  }

  void begin_reload() override {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now().time_since_epoch());
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
  }
  void end_reload() override { send("READY=1"); }

 private:
  void send(const std::string& text) const {
    const auto* const to = reinterpret_cast<const sockaddr*>(&address_);  // NOLINT
    static_cast<void>(::sendto(
        socket_.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL, to, address_bytes_));
  }

  UniqueFd socket_;
  sockaddr_un address_;
  socklen_t address_bytes_;
  Clock::duration every_ = interval();
  std::optional<Clock::time_point> reported_;
};

}  // namespace

std::unique_ptr<Supervisor> find_supervisor() {
  const auto name = environment("NOTIFY_SOCKET");
  const auto address = address_of(name);
  if (!address) {
    return nullptr;
  }
  UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket) {
    return nullptr;
  }
  return std::make_unique<Systemd>(std::move(socket), *address, name.size());
}

}  // namespace netlog::os
