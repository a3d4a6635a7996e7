// SPDX-License-Identifier: MIT
#include "cli/output/screen.hpp"

#include "support/catch.hpp"

namespace netlog_tests::cli_screen_test {

using netlog::cli::frame;

TEST_CASE("a frame overwrites the screen in one update", "[cli]") {
  CHECK(frame("one\ntwo\n", 0, {"every 2s", "q ends"}, {80, 24}) ==
        "\x1b[?2026h\x1b[H"
        "\x1b[0m\x1b[Kone\r\n"
        "\x1b[0m\x1b[Ktwo\r\n"
        "\x1b[0m\x1b[K\x1b[Jevery 2s | q ends\x1b[?2026l");
}

TEST_CASE("a frame has as many lines as the terminal, and says how many follow", "[cli]") {
  const auto* const text = "one\ntwo\nthree\nfour\n";
  CHECK(frame(text, 0, {"every 2s"}, {80, 3}) ==
        "\x1b[?2026h\x1b[H"
        "\x1b[0m\x1b[Kone\r\n"
        "\x1b[0m\x1b[Ktwo\r\n"
        "\x1b[0m\x1b[K\x1b[J2 more lines | every 2s\x1b[?2026l");
  CHECK(frame(text, 2, {"every 2s"}, {80, 3}) ==
        "\x1b[?2026h\x1b[H"
        "\x1b[0m\x1b[Kthree\r\n"
        "\x1b[0m\x1b[Kfour\r\n"
        "\x1b[0m\x1b[K\x1b[Jevery 2s\x1b[?2026l");
  CHECK(frame(text, 0, {"every 2s"}, {14, 2}) ==
        "\x1b[?2026h\x1b[H"
        "\x1b[0m\x1b[Kone\r\n"
        "\x1b[0m\x1b[K\x1b[J3 more lines\x1b[?2026l");
  CHECK(frame("one\n", 0, {"every 2s"}, {80, 0}) ==
        "\x1b[?2026h\x1b[H\x1b[0m\x1b[K\x1b[J1 more lines | every 2s\x1b[?2026l");
  CHECK(frame("", 0, {"every 2s"}, {80, 24}) ==
        "\x1b[?2026h\x1b[H\x1b[0m\x1b[K\x1b[Jevery 2s\x1b[?2026l");
}

}  // namespace netlog_tests::cli_screen_test
