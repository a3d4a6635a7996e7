// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <fstream>
#include <iterator>
#include <random>
#include <string>

namespace netlog_tests::salvage_command_test {

using namespace netlog;
using Catch::Matchers::Contains;
using test::run;

namespace {

constexpr std::size_t kPage = 4096;

/// A recording of some hundred pages in two sessions.
std::filesystem::path make_recording(const test::Scratch& scratch) {
  auto path = scratch / "a.db";
  for (std::int64_t session = 1; session <= 2; ++session) {
    test::Load load{11, session};
    store::Writer writer{path, load.session()};
    for (int i = 0; i < 8; ++i) {
      writer.push(load.batch(150));
    }
    writer.finish(load.now_ns());
  }
  return path;
}

/// Replaces the root page of a table by noise.
void damage(const std::filesystem::path& path, const std::string& table) {
  const auto root = std::stoul(
      test::rows(path, "SELECT rootpage FROM sqlite_schema WHERE name = '" + table + "'"));
  std::mt19937 random{1};
  std::string noise(kPage, ' ');
  for (auto& byte : noise) {
    byte = static_cast<char>(random());
  }
  std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
  file.seekp(static_cast<std::streamoff>((root - 1) * kPage));
  file << noise;
}

}  // namespace

TEST_CASE("check names a damaged file and how to save what is in it", "[cli]") {
  const test::Scratch scratch;
  const auto path = make_recording(scratch);
  damage(path, "event");
  const auto out = (scratch / "out.db").string();
  const auto found = run({"check", path.string()});
  CHECK(found.exit_code == 1);
  CHECK_THAT(found.err, Contains("is damaged: ") && Contains("--salvage NEW.db"));
  const auto saved = run({"check", path.string(), "--salvage", out});
  CHECK(saved.exit_code == 0);
  CHECK_THAT(saved.out, Contains("lost at most"));
  CHECK(run({"check", out}).exit_code == 0);
  const auto again = run({"check", path.string(), "--salvage", out});
  CHECK(again.exit_code == 1);
  CHECK_THAT(again.err, Contains("File exists"));
}

}  // namespace netlog_tests::salvage_command_test
