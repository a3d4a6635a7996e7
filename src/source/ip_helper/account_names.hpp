// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace netlog::source::ip_helper {

/// Names of accounts by their SID. A look-up can ask a domain controller that is out of reach, and
/// take minutes. A thread of its own makes them, one after the other.
class AccountNames {
 public:
  /// The name of the account with a SID, given as bytes. Empty, or an exception: it has none, or
  /// that cannot be found out now. Called by the thread.
  using LookUp = std::function<std::string(const std::string& sid)>;

  /// @param max_wait how long name_of() waits for a look-up that has just begun
  /// @param pause how long a look-up that found no name is not repeated
  AccountNames(LookUp look_up, std::chrono::milliseconds max_wait, std::chrono::milliseconds pause);
  AccountNames(const AccountNames&) = delete;
  AccountNames& operator=(const AccountNames&) = delete;
  /// Does not wait for a look-up under way.
  ~AccountNames();

  /// The name of the account, `text` while it is not known, and if it has none. Does not wait while
  /// an earlier look-up lasts, or if there can be no thread now. A look-up that found no name is
  /// repeated by a call after the pause. At most 10,000 accounts are looked up.
  std::string name_of(const std::string& sid, const std::string& text);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::chrono::milliseconds max_wait_;
};

}  // namespace netlog::source::ip_helper
