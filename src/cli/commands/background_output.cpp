// SPDX-License-Identifier: MIT
#include "cli/commands/background_output.hpp"

#include "os/terminal.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

namespace netlog::cli {
namespace {

constexpr std::size_t kMaxLines = 1'000;
constexpr std::chrono::seconds kWaitAtTheEnd{1};

std::string_view colour_of(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::info:
      return "\x1b[32m";
    case spdlog::level::warn:
      return "\x1b[33m\x1b[1m";
    case spdlog::level::err:
    case spdlog::level::critical:
      return "\x1b[31m\x1b[1m";
    default:
      return "\x1b[36m";
  }
}

class BackgroundSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  BackgroundSink(std::shared_ptr<BackgroundOutput> output, bool coloured)
      : output_{std::move(output)}, coloured_{coloured} {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    std::string text{buffer.data(), buffer.size()};
    const auto from = message.color_range_start;
    const auto to = message.color_range_end;
    if (coloured_ && from < to && to <= text.size()) {
      text.insert(to, "\x1b[m");
      text.insert(from, colour_of(message.level));
    }
    output_->write(std::move(text));
  }
  void flush_() override {}

  std::shared_ptr<BackgroundOutput> output_;
  bool coloured_;
};

}  // namespace

/// Shared with the thread, which may still be in a write when the process ends.
struct BackgroundOutput::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  std::optional<std::string> status;
  std::size_t dropped = 0;
  bool started = false;
  bool writing = false;
  bool ending = false;

  [[nodiscard]] bool is_empty() const { return lines.empty() && !status; }

  void run() {
    std::unique_lock lock{mutex};
    while (true) {
      changed.wait(lock, [&] { return ending || !is_empty(); });
      if (is_empty()) {
        return;
      }
      std::string text;
      if (dropped > 0) {
        text = fmt::format("{} lines were dropped: nobody took them\n", std::exchange(dropped, 0));
      }
      if (!lines.empty()) {
        text += lines.front();
        lines.pop_front();
      } else {
        text += *std::exchange(status, std::nullopt);
      }
      writing = true;
      lock.unlock();
      os::write_error(text);
      lock.lock();
      writing = false;
      changed.notify_all();
    }
  }
};

BackgroundOutput::BackgroundOutput() : state_{std::make_shared<State>()} {}

BackgroundOutput::~BackgroundOutput() {
  std::unique_lock lock{state_->mutex};
  state_->ending = true;
  state_->changed.notify_all();
  if (state_->started) {
    state_->changed.wait_for(
        lock, kWaitAtTheEnd, [&] { return state_->is_empty() && !state_->writing; });
  }
}

void BackgroundOutput::write(std::string text) {
  {
    const std::lock_guard lock{state_->mutex};
    if (state_->lines.size() == kMaxLines) {
      state_->lines.pop_front();
      ++state_->dropped;
    }
    state_->lines.push_back(std::move(text));
  }
  start();
}

void BackgroundOutput::show_status(std::string text) {
  {
    const std::lock_guard lock{state_->mutex};
    state_->status = std::move(text);
  }
  start();
}

void BackgroundOutput::end_status(std::string text) {
  {
    const std::lock_guard lock{state_->mutex};
    state_->status.reset();
  }
  write(std::move(text));
}

/// Not before there is something to write: a recorder first gives up rights, thread by thread.
void BackgroundOutput::start() {
  state_->changed.notify_all();
  if (!std::exchange(state_->started, true)) {
    std::thread{[state = state_] { state->run(); }}.detach();
  }
}

std::shared_ptr<spdlog::logger> log_on(std::shared_ptr<BackgroundOutput> output, bool coloured) {
  return std::make_shared<spdlog::logger>(
      "netlog", std::make_shared<BackgroundSink>(std::move(output), coloured));
}

}  // namespace netlog::cli
