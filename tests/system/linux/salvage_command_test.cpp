// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/damaged.hpp"
#include "support/scratch.hpp"

#include <random>
#include <string>

namespace netlog_tests::salvage_command_test {

using namespace netlog;
using netlog::test::contains_text;
using test::run;

namespace {

/// Replaces the root page of a table by noise.
void damage(const std::filesystem::path& path, const std::string& table) {
  auto bytes = test::bytes_of_file(path);
  std::mt19937 random{1};
  test::overwrite_page(bytes, test::root_of(path, table), random);
  test::write_file(path, bytes);
}

}  // namespace

TEST_CASE("check names a damaged file and how to save what is in it", "[cli]") {
  const test::Scratch scratch;
  const auto path = test::two_sessions(scratch);
  damage(path, "event");
  const auto out = (scratch / "out.db").string();
  const auto found = run({"check", path.string()});
  CHECK(found.exit_code == 1);
  CHECK_THAT(found.err, contains_text("is damaged: ") && contains_text("--salvage NEW.db"));
  const auto saved = run({"check", path.string(), "--salvage", out});
  CHECK(saved.exit_code == 0);
  CHECK_THAT(saved.out, contains_text("lost at most"));
  CHECK(run({"check", out}).exit_code == 0);
  const auto again = run({"check", path.string(), "--salvage", out});
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, contains_text("File exists"));
}

}  // namespace netlog_tests::salvage_command_test
