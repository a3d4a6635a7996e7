// SPDX-License-Identifier: MIT
#include "source/ip_helper/account_names.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace netlog::source::ip_helper {

struct AccountNames::State {
  LookUp look_up;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::string, std::optional<std::string>> names;  ///< by SID; absent: not known yet
  std::deque<std::string> wanted;                           ///< SIDs, the first is looked up
  bool has_thread = false;
  bool stopping = false;

  void work() {
    std::unique_lock lock{mutex};
    while (true) {
      changed.wait(lock, [&] { return stopping || !wanted.empty(); });
      if (stopping) {
        return;
      }
      const auto sid = wanted.front();
      lock.unlock();
      auto name = look_up(sid);
      lock.lock();
      names[sid] = std::move(name);
      wanted.pop_front();
      changed.notify_all();
    }
  }
};

AccountNames::AccountNames(LookUp look_up, std::chrono::milliseconds max_wait)
    : state_{std::make_shared<State>()}, max_wait_{max_wait} {
  state_->look_up = std::move(look_up);
}

AccountNames::~AccountNames() {
  const std::lock_guard lock{state_->mutex};
  state_->stopping = true;
  state_->changed.notify_all();
}

std::string AccountNames::name_of(const std::string& sid, const std::string& text) {
  constexpr std::size_t kMaxAccounts = 10'000;
  std::unique_lock lock{state_->mutex};
  auto& names = state_->names;
  auto known = names.find(sid);
  if (known == names.end()) {
    if (names.size() >= kMaxAccounts) {
      return text;
    }
    known = names.emplace(sid, std::nullopt).first;
    const bool is_idle = state_->wanted.empty();
    state_->wanted.push_back(sid);
    if (!std::exchange(state_->has_thread, true)) {
      std::thread{[state = state_] { state->work(); }}.detach();
    }
    state_->changed.notify_all();
    if (is_idle) {
      state_->changed.wait_for(lock, max_wait_, [&] { return known->second.has_value(); });
    }
  }
  const auto name = known->second.value_or("");
  return name.empty() ? text : name;
}

}  // namespace netlog::source::ip_helper
