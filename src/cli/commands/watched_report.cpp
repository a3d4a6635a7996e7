// SPDX-License-Identifier: MIT
#include "cli/commands/watched_report.hpp"

#include "cli/commands/page_file.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/screen.hpp"
#include "cli/output/watch_view.hpp"
#include "os/clock.hpp"
#include "os/keyboard.hpp"
#include "os/terminal.hpp"
#include "render/render.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kWithoutValue = "true";  // CLI11's value of a flag that has none
constexpr std::optional<std::int64_t> kUsualIntervalNs = 2 * kNsPerSecond;
constexpr std::int64_t kMinIntervalNs = 100 * kNsPerMs;
constexpr std::chrono::milliseconds kLookEvery{50};  // for keys, Ctrl-C and a new size
// A report that takes long comes less often: it uses 3 % of a processor at most.
constexpr int kPausesOfAnswer = 33;

/// @throws UsageError
std::chrono::nanoseconds watch_interval(const std::string& text) {
  const auto interval = text == kWithoutValue ? kUsualIntervalNs : parse_duration(text);
  if (!interval || *interval < kMinIntervalNs) {
    throw UsageError{fmt::format("--watch {} is not a duration of 100ms or more", quote(text))};
  }
  return std::chrono::nanoseconds{*interval};
}

struct Answered {
  std::string text;
  WrittenReport written;
  std::string clock;                  ///< when, `14:03:07`
  std::chrono::nanoseconds pause{0};  ///< until the next one

  [[nodiscard]] std::size_t lines() const {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }
};

/// The answer of a report that is run again and again.
class RepeatedReport {
 public:
  explicit RepeatedReport(const ReportOptions& options)
      : interval_{watch_interval(options.watch)} {}

  [[nodiscard]] std::chrono::nanoseconds interval() const { return interval_; }
  [[nodiscard]] bool goes_on() const { return progress_.goes_on() && std::cout; }

  /// Nothing after Ctrl-C.
  /// @throws as show_report()
  std::optional<Answered> answer(const ReportOptions& options) {
    constexpr std::size_t kSeconds = 8;  // of `14:03:07.250`
    const auto began = steady_clock::now();
    std::ostringstream text;
    Answered answered;
    progress_.restart();
    try {
      answered.written = write_report(options, progress_, text);
    } catch (const store::StoreError&) {
      if (progress_.goes_on()) {
        throw;
      }
      return std::nullopt;
    }
    progress_.clear();
    answered.text = text.str();
    answered.clock = render::local_time(os::read_wall_clock_ns(), text_style(options.query), false)
                         .substr(0, kSeconds);
    const std::chrono::nanoseconds took = steady_clock::now() - began;
    answered.pause = std::max(interval_, kPausesOfAnswer * took);
    return answered;
  }

 private:
  std::chrono::nanoseconds interval_;
  QueryProgress progress_;
};

void print_blocks(const ReportOptions& options) {
  RepeatedReport report{options};
  const bool is_json = parse_format(options.query.format) == Format::json;
  auto answered = report.answer(options);
  while (answered && report.goes_on() && !os::output_is_closed()) {
    std::cout << answered->text << (is_json ? "" : "\n") << std::flush;
    const auto due = steady_clock::now() + answered->pause;
    while (report.goes_on() && steady_clock::now() < due && !os::output_is_closed()) {
      std::this_thread::sleep_for(kLookEvery);
    }
    try {
      answered = report.answer(options);
    } catch (const store::StoreError& error) {  // the file is being replaced, for one
      answered->text.clear();
      std::cerr << fmt::format("netlog report: {}\n", message_text(error.what()));
    }
  }
}

/// A report on the screen, as the keys have it.
class WatchedReport {
 public:
  explicit WatchedReport(const ReportOptions& options) : options_{options}, report_{options} {
    view_.sorted = options.sort;
  }

  void run() {
    auto first = report_.answer(options_);
    if (!first) {
      return;
    }
    answered_ = std::move(*first);
    live_ = answered_.written;
    while (watch() == WatchEffect::suspend) {
      os::suspend();
    }
    std::cout << answered_.text;
  }

 private:
  /// Until a key ends it or suspends it.
  WatchEffect watch() {
    const Screen screen;
    const auto keyboard = os::open_keyboard();
    has_keys_ = keyboard != nullptr;
    auto size = Screen::size();
    auto effect = WatchEffect::draw;
    while (effect < WatchEffect::suspend && report_.goes_on()) {
      if (effect == WatchEffect::answer) {
        answer_again();
      }
      if (effect != WatchEffect::none) {
        draw();
      }
      effect = wait_for_keys(keyboard.get());
      const bool is_due = is_live() && steady_clock::now() >= due_;
      if (std::exchange(size, Screen::size()) != Screen::size() || is_due) {
        effect = std::max(effect, WatchEffect::answer);
      }
    }
    return effect;
  }

  [[nodiscard]] bool is_live() const {
    return !view_.is_paused && !view_.is_typing && view_.steps == 0;
  }

  WatchEffect wait_for_keys(os::Keyboard* keyboard) {
    if (keyboard == nullptr) {
      std::this_thread::sleep_for(kLookEvery);
      return WatchEffect::none;
    }
    auto effect = WatchEffect::none;
    for (const auto& key : decode_keys(keyboard->read(kLookEvery))) {
      const WatchLimits limits{answered_.lines(),
                               lines_on(Screen::size()),
                               answered_.written.ranked,
                               !live_.window.until_ns};
      effect = std::max(effect, press(view_, key, limits));
    }
    return effect;
  }

  /// The window of the last live answer, so many steps away.
  [[nodiscard]] FixedWindow stepped() const {
    const auto by_ns = view_.steps * report_.interval().count();
    const auto& [window, end_ns, ranked] = live_;
    FixedWindow moved{window.since_ns, window.until_ns.value_or(end_ns) + by_ns};
    if (moved.since_ns) {
      *moved.since_ns += by_ns;
    }
    return moved;
  }

  void answer_again() {
    auto options = options_;
    options.sort = view_.sorted;
    options.containing = view_.containing;
    if (!is_live()) {
      options.window = stepped();
    }
    try {
      if (auto next = report_.answer(options)) {
        answered_ = std::move(*next);
        if (is_live()) {
          live_ = answered_.written;
        }
      }
    } catch (const store::StoreError& error) {
      // The file is being replaced, for one.
      auto text = message_text(error.what());
      constexpr std::string_view kBetween = "; ";  // what to do next follows, in a line of its own
      for (auto at = text.find(kBetween); at != std::string::npos;
           at = text.find(kBetween, at + 1)) {
        text.replace(at, kBetween.size(), ";\n  ");
      }
      answered_.text = fmt::format("netlog report: {}\n", text);
      answered_.pause = report_.interval();
    }
    due_ = steady_clock::now() + answered_.pause;
  }

  void draw() {
    const auto lines = answered_.lines();
    view_.first_line =
        std::min(view_.first_line, lines - std::min(lines, lines_on(Screen::size())));
    Screen::show(answered_.text, view_.first_line, status());
  }

  [[nodiscard]] std::vector<std::string> status() const {
    constexpr std::size_t kTypedWidth = 24;
    const auto typed = render::escape_for_terminal(view_.containing);
    const auto wanted = "rows with: " + render::shorten(typed, kTypedWidth, false, true);
    if (view_.is_typing) {
      return {wanted + "_", "Enter shows them", "Esc shows all"};
    }
    const auto duration = [](std::chrono::nanoseconds of) { return format_duration(of.count()); };
    std::vector<std::string> parts{answered_.clock};
    if (view_.steps != 0) {
      parts.push_back(fmt::format("{} {}",
                                  duration(std::abs(view_.steps) * report_.interval()),
                                  view_.steps < 0 ? "earlier" : "later"));
    }
    if (view_.is_paused) {
      parts.emplace_back("paused");
    } else if (view_.steps == 0) {
      parts.push_back("every " +
                      duration(std::chrono::ceil<std::chrono::seconds>(answered_.pause)));
    }
    if (!view_.sorted.empty()) {
      parts.push_back("by " + view_.sorted);
    }
    if (!typed.empty()) {
      parts.push_back(wanted);
    }
    parts.emplace_back(has_keys_ ? "q ends, blank pauses, / filters, < > sort" : "Ctrl-C ends");
    return parts;
  }

  const ReportOptions& options_;
  RepeatedReport report_;
  WatchView view_;
  bool has_keys_ = false;
  Answered answered_;
  WrittenReport live_;  ///< the last one whose window was not moved
  steady_clock::time_point due_ = steady_clock::now() + report_.interval();
};

}  // namespace

void show_report(const ReportOptions& options) {
  if (options.watch.empty() || options.list || options.sql) {
    return print_report(options);
  }
  if (options.query.format == kHtml) {
    throw UsageError{"--watch is for a terminal; --format html makes one page"};
  }
  const bool is_text = parse_format(options.query.format) == Format::text;
  if (is_text && os::understands_escapes(os::StandardStream::output)) {
    WatchedReport{options}.run();
  } else {
    print_blocks(options);
  }
}

}  // namespace netlog::cli
