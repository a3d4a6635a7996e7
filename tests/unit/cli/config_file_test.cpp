// SPDX-License-Identifier: MIT
#include "cli/options/config_file.hpp"

#include "support/catch.hpp"
#include "util/error.hpp"

#include <fmt/format.h>

namespace netlog_tests::cli_config_file_test {

using namespace netlog;
using namespace netlog::cli;

namespace {

/// `table.key=value,value` for each value, with a blank between; or the error.
std::string meaning_of(const std::string& text) {
  std::string out;
  try {
    for (const auto& item : parse_config(text, "a.toml")) {
      out += fmt::format("{}{}{}{}={}",
                         out.empty() ? "" : " ",
                         item.table,
                         item.table.empty() ? "" : ".",
                         item.key,
                         fmt::join(item.values, ","));
    }
  } catch (const UsageError& error) {
    return error.what();
  }
  return out;
}

}  // namespace

TEST_CASE("a configuration means what TOML says", "[cli]") {
  const auto [text, values] = GENERATE(table<const char*, const char*>({
      {"", ""},
      {"# nothing\n", ""},
      {"db = \"a#b.db\" # a file", "db=a#b.db"},
      {"db = 'C:\\new'", "db=C:\\new"},
      {"max-size = 20_000_000", "max-size=20000000"},
      {"max-size = 0x10", "max-size=16"},
      {"interval = \"5\\u0030ms\"", "interval=50ms"},
      {"interval = \"\"\"50ms\"\"\"", "interval=50ms"},
      {"interval = \"\"\"\n50\\\n  ms\"\"\"", "interval=50ms"},
      {"interval = '''50ms'''", "interval=50ms"},
      {"\"interval\" = \"50ms\"", "interval=50ms"},
      {"[record]\r\ninterval = \"50ms\"\r\n", "record.interval=50ms"},
      {"record.interval = \"50ms\"", "record.interval=50ms"},
      {"record = { interval = \"50ms\" }", "record.interval=50ms"},
      {"ratio = 1.5\nflag = true", "ratio=1.5 flag=true"},
      {"list = [\n  'a', # first\n  'b',\n]", "list=a,b"},
      {"z = 1\na = 2", "z=1 a=2"},
  }));
  CAPTURE(text);
  CHECK(meaning_of(text) == values);
}

TEST_CASE("an error in a configuration has its file and line", "[cli]") {
  const auto [text, message] = GENERATE(table<std::string, const char*>({
      {"interval = 50ms", "configuration a.toml:1: "},
      {"# first\ninterval = ", "configuration a.toml:2: "},
      {"a = 1\nb = 2\na = 3", "configuration a.toml:3: "},
      {"a = \"open", "configuration a.toml:1: "},
      {"a = \"\\q\"", "configuration a.toml:1: "},
      {"a = \"\xFF\"", "configuration a.toml:1: "},
      {"\nsince = 2026-11-21", "configuration a.toml:2: 'since' is neither text nor a number"},
      {"db = \"a\\u0000b\"", "configuration a.toml:1: 'db' has a NUL character in it"},
      {"[record]\n[record.sub]\nat = 14:03:07",
       "configuration a.toml:3: 'record.sub.at' is neither text nor a number"},
      {"[[[", "configuration a.toml: it is not TOML"},
      {std::string(100'000, '['), "configuration a.toml: it is not TOML"},
      {"a = " + std::string(100'000, '['), "configuration a.toml:1: "},
  }));
  const auto error = meaning_of(text);
  CHECK_THAT(error, Catch::Matchers::StartsWith(message));
  CHECK(error.find('\n') == std::string::npos);
}

}  // namespace netlog_tests::cli_config_file_test
