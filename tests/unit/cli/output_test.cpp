// SPDX-License-Identifier: MIT
// What is said before the tables of a report.
#include "cli/options/output.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <cstdint>
#include <string>

namespace netlog_tests::cli_output_test {

using namespace netlog;

TEST_CASE("a window without a moment of the recording is said to have none", "[cli]") {
  const auto said = [](std::int64_t from_s, std::int64_t to_s) {
    Completeness completeness;
    completeness.from_ns = from_s * kNsPerSecond;
    completeness.to_ns = to_s * kNsPerSecond;
    completeness.recorded_from_ns = 100 * kNsPerSecond;
    completeness.recorded_to_ns = 200 * kNsPerSecond;
    return cli::outside_text(completeness, {});
  };
  constexpr const char* kHolds =
      " the recording, which holds 1970-01-01 00:01:40.000 .. 1970-01-01 00:03:20.000.\n";
  CHECK(said(50, 50) == std::string{"This moment is before"} + kHolds);
  CHECK(said(201, 201) == std::string{"This moment is after"} + kHolds);
  CHECK(said(50, 99) == std::string{"This window is before"} + kHolds);
  CHECK(said(201, 300) == std::string{"This window is after"} + kHolds);
  CHECK(said(50, 100).empty());
  CHECK(said(150, 150).empty());
  CHECK(said(200, 300).empty());
  CHECK(said(50, 300).empty());
}

}  // namespace netlog_tests::cli_output_test
