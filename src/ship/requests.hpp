// SPDX-License-Identifier: MIT
#pragma once

#include "ship/server.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace netlog::ship {

/// What a shipper needs of its surroundings.
struct ShipEnvironment {
  /// Waits, less long if it is to end. @returns false to end
  std::function<bool(std::chrono::milliseconds)> wait;
  /// Called with the reason when requests begin to fail, and without one when one succeeds again.
  std::function<void(const std::optional<std::string>&)> on_trouble;
  std::function<std::int64_t()> wall_clock_ns;
  /// For how long a request is tried again; absent: until wait() says to end.
  std::optional<std::chrono::milliseconds> retry_for;
};

/// wait() has said to end.
struct Stopped {};

/// Requests to a server. One that fails and may succeed later is tried again, after half a second
/// at first, and after half a minute at the most.
class Requests {
 public:
  Requests(Server& server, const ShipEnvironment& environment)
      : server_{server}, environment_{environment} {}

  /// Both throw CommandFailed, and Stopped.
  std::string run(const std::string& statement);
  void insert(const std::string& statement, std::string_view body);

  /// The answer without its last line end. @throws as run(), and CommandFailed if it has several
  /// lines or is longer than 1,000 bytes
  std::string run_for_line(const std::string& statement);
  /// The answer, a number that is not negative. @throws as run(), and CommandFailed for another one
  std::int64_t run_for_number(const std::string& statement);

 private:
  template <typename T>
  Answer<T> repeat(const std::function<Answer<T>()>& request);

  Server& server_;
  const ShipEnvironment& environment_;
  bool in_trouble_ = false;
};

}  // namespace netlog::ship
