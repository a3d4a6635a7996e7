// SPDX-License-Identifier: MIT
#include "cli/output/watch_view.hpp"

#include "support/catch.hpp"

#include <string>

namespace netlog_tests::cli_watch_view_test {

using netlog::cli::Key;
using netlog::cli::press;
using netlog::cli::WatchEffect;
using netlog::cli::WatchLimits;
using netlog::cli::WatchView;

namespace {

struct Pressed {
  WatchView view;
  WatchLimits limits{100, 20, {"opened", "failed", "bytes_sent"}, false};

  WatchEffect operator()(Key key) { return press(view, {key, {}}, limits); }
  WatchEffect operator()(const char* character) {
    return press(view, {Key::character, character}, limits);
  }
};

}  // namespace

TEST_CASE("keys scroll within the text", "[cli]") {
  Pressed on;
  CHECK(on(Key::up) == WatchEffect::none);
  CHECK(on(Key::down) == WatchEffect::draw);
  CHECK(on(Key::page_down) == WatchEffect::draw);
  CHECK(on.view.first_line == 21);
  CHECK(on(Key::end) == WatchEffect::draw);
  CHECK(on.view.first_line == 80);
  CHECK(on(Key::page_down) == WatchEffect::none);
  CHECK(on(Key::page_up) == WatchEffect::draw);
  CHECK(on.view.first_line == 60);
  on.limits.lines = 10;  // the next answer was shorter
  CHECK(on(Key::down) == WatchEffect::none);
  CHECK(on.view.first_line == 0);
}

TEST_CASE("a text filters the rows from Enter on", "[cli]") {
  Pressed on;
  CHECK(on("/") == WatchEffect::draw);
  CHECK(on("q") == WatchEffect::draw);
  CHECK(on("\xC3\xA9") == WatchEffect::draw);
  CHECK(on.view.containing == "q\xC3\xA9");
  CHECK(on(Key::erase) == WatchEffect::draw);
  CHECK(on(Key::left) == WatchEffect::none);
  CHECK(on(Key::enter) == WatchEffect::answer);
  CHECK(on.view.containing == "q");
  CHECK_FALSE(on.view.is_typing);
  CHECK(on(Key::escape) == WatchEffect::answer);
  CHECK(on.view.containing.empty());
  on("/");
  on("x");
  on(Key::enter);
  CHECK(on("/") == WatchEffect::draw);
  CHECK(on.view.containing.empty());  // another text
  for (int i = 0; i < 500; ++i) {
    on("x");
  }
  CHECK(on.view.containing.size() == 200);
  CHECK(on(Key::escape) == WatchEffect::answer);
  CHECK(on.view.containing.empty());
}

TEST_CASE("keys sort, step, pause and end", "[cli]") {
  Pressed on;
  CHECK(on("<") == WatchEffect::answer);
  CHECK(on.view.sorted == "bytes_sent");
  CHECK(on(">") == WatchEffect::answer);
  CHECK(on.view.sorted.empty());
  on(">");
  CHECK(on.view.sorted == "opened");
  on.view.sorted = "by_us";  // from the command line
  on(">");
  CHECK(on.view.sorted == "opened");
  on.limits.columns.clear();
  on(">");
  CHECK(on.view.sorted.empty());
  CHECK(on(Key::left) == WatchEffect::answer);
  CHECK(on(Key::left) == WatchEffect::answer);
  CHECK(on(Key::right) == WatchEffect::answer);
  CHECK(on.view.steps == -1);
  CHECK(on(Key::escape) == WatchEffect::answer);
  CHECK(on.view.steps == 0);
  on.limits.ends_now = true;
  CHECK(on(Key::right) == WatchEffect::none);
  CHECK(on(Key::left) == WatchEffect::answer);
  CHECK(on(Key::right) == WatchEffect::answer);
  CHECK(on.view.steps == 0);
  CHECK(on(" ") == WatchEffect::draw);
  CHECK(on.view.is_paused);
  CHECK(on(" ") == WatchEffect::answer);
  on(" ");
  on(Key::left);
  CHECK(on("r") == WatchEffect::answer);
  CHECK_FALSE(on.view.is_paused);
  CHECK(on.view.steps == 0);
  CHECK(on(Key::suspend) == WatchEffect::suspend);
  CHECK(on("x") == WatchEffect::none);
  CHECK(on(Key::enter) == WatchEffect::none);
  CHECK(on("q") == WatchEffect::end);
}

}  // namespace netlog_tests::cli_watch_view_test
