// SPDX-License-Identifier: MIT
#include "record/process_lives.hpp"

#include <algorithm>
#include <utility>

namespace netlog::record {

void ProcessLives::note(const ProcessId& process, const ProcessEvent& event) {
  auto& life = lives_[process.first_image()];
  if (event.kind == ProcessEvent::Kind::executed) {
    // The other threads end before an exec.
    life.ended_ns.reset();
    life.main_status.reset();
    if (event.at_ns > life.read_ns) {
      life.executed_ns = std::max(event.at_ns, life.executed_ns.value_or(0));
    }
    return;
  }
  if (event.at_ns >= life.ended_ns.value_or(0)) {
    life.ended_ns = event.at_ns;
    life.last_status = event.wait_status;
  }
  if (event.of_main_thread) {
    life.main_status = event.wait_status;
  }
}

std::optional<std::int64_t> ProcessLives::read(const ProcessId& process, std::int64_t began_ns) {
  auto& life = lives_[process.first_image()];
  life.read_ns = std::max(life.read_ns, began_ns);
  if (life.executed_ns && *life.executed_ns <= began_ns) {
    return std::exchange(life.executed_ns, std::nullopt);
  }
  return std::nullopt;
}

bool ProcessLives::has_unread_program(const ProcessId& process, std::int64_t at_ns) const {
  const auto life = lives_.find(process.first_image());
  return life != lives_.end() && life->second.executed_ns && *life->second.executed_ns <= at_ns;
}

ProcessLives::End ProcessLives::end(const ProcessId& process, const Moment& found) {
  const auto node = lives_.extract(process.first_image());
  if (!node || !node.mapped().ended_ns || *node.mapped().ended_ns > found.at_ns) {
    return {found, std::nullopt};
  }
  return {Moment{*node.mapped().ended_ns, 0}, status_of(node.mapped())};
}

/// A signal, and exit(3) of any thread, give all threads one status. Where a thread ended by itself
/// it has another one, and the process has that of its main thread or that of the last one.
std::optional<int> ProcessLives::status_of(const Life& life) {
  constexpr int kSignal = 0x7f;
  const bool is_killed = life.last_status && (*life.last_status & kSignal) != 0;
  return is_killed || life.last_status == life.main_status ? life.last_status : std::nullopt;
}

void ProcessLives::lose_ends() {
  for (auto& [process, life] : lives_) {
    life.ended_ns.reset();
    life.main_status.reset();
  }
}

}  // namespace netlog::record
