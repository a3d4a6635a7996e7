// SPDX-License-Identifier: MIT
#include "cli/output/status_line.hpp"

#include "support/catch.hpp"

namespace netlog_tests::cli_status_line_test {

using netlog::cli::status_text;

TEST_CASE("a status line leaves out its last parts where the terminal is narrow", "[cli]") {
  const std::vector<std::string> parts{"recording 5s", "12 open", "300 events/s", "0 gaps"};
  const auto [width, text] = GENERATE(table<std::size_t, const char*>({
      {0, "recording 5s | 12 open | 300 events/s | 0 gaps"},
      {80, "recording 5s | 12 open | 300 events/s | 0 gaps"},
      {47, "recording 5s | 12 open | 300 events/s | 0 gaps"},
      {46, "recording 5s | 12 open | 300 events/s"},
      {23, "recording 5s | 12 open"},
      {22, "recording 5s"},
      {13, "recording 5s"},
      {5, "reco"},
      {1, ""},
  }));
  CHECK(status_text(parts, width) == text);
}

TEST_CASE("a status line is never as wide as its terminal", "[cli]") {
  const std::vector<std::string> parts{
      "recording 1h 02m", "1234567 open", "98765 events/s", "1024.0 MB", "99 gaps", "9 late"};
  for (std::size_t width = 1; width <= 100; ++width) {
    CAPTURE(width);
    CHECK(status_text(parts, width).size() < width);
  }
}

}  // namespace netlog_tests::cli_status_line_test
