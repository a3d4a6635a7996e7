// SPDX-License-Identifier: MIT
#include "source/ip_helper/account_names.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace netlog::source::ip_helper {

using Clock = std::chrono::steady_clock;

struct AccountNames::State {
  struct Account {
    std::string name;  ///< empty: not known, or it has none
    bool is_wanted = false;
    Clock::time_point not_before{};  ///< of the next look-up
  };

  LookUp look_up;
  std::chrono::milliseconds pause{};
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, Account> accounts;  ///< by SID
  std::deque<std::string> wanted;           ///< SIDs, the first is looked up
  bool has_thread = false;
  bool stopping = false;

  void work() {
    std::unique_lock lock{mutex};
    while (true) {
      changed.wait(lock, [&] { return stopping || !wanted.empty(); });
      if (stopping) {
        return;
      }
      const auto& sid = wanted.front();  // only this thread removes it
      lock.unlock();
      auto name = try_to_look_up(sid);
      lock.lock();
      auto& account = accounts[sid];
      account = {std::move(name), false, Clock::now() + pause};
      wanted.pop_front();
      changed.notify_all();
    }
  }

  [[nodiscard]] std::string try_to_look_up(const std::string& sid) const noexcept {
    try {
      return look_up(sid);
    } catch (...) {  // such as no memory: a name is not worth the recording
      return {};
    }
  }
};

AccountNames::AccountNames(LookUp look_up,
                           std::chrono::milliseconds max_wait,
                           std::chrono::milliseconds pause)
    : state_{std::make_shared<State>()}, max_wait_{max_wait} {
  state_->look_up = std::move(look_up);
  state_->pause = pause;
}

AccountNames::~AccountNames() {
  const std::lock_guard lock{state_->mutex};
  state_->stopping = true;
  state_->changed.notify_all();
}

std::string AccountNames::name_of(const std::string& sid, const std::string& text) {
  constexpr std::size_t kMaxAccounts = 10'000;
  std::unique_lock lock{state_->mutex};
  auto& accounts = state_->accounts;
  if (accounts.size() >= kMaxAccounts && !accounts.contains(sid)) {
    return text;
  }
  auto& account = accounts[sid];
  const bool is_idle = state_->wanted.empty();
  if (account.name.empty() && !account.is_wanted && Clock::now() >= account.not_before) {
    state_->wanted.push_back(sid);
    account.is_wanted = true;
    state_->changed.notify_all();
  }
  if (!state_->has_thread) {
    try {
      std::thread{[state = state_] { state->work(); }}.detach();
      state_->has_thread = true;
    } catch (const std::system_error&) {  // too many threads: the next call tries it again
      return text;
    }
  }
  if (is_idle && account.is_wanted) {
    state_->changed.wait_for(lock, max_wait_, [&] { return !account.is_wanted; });
  }
  return account.name.empty() ? text : account.name;
}

}  // namespace netlog::source::ip_helper
