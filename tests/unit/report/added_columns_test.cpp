// SPDX-License-Identifier: MIT
// Columns that a user has added to the tables, under names that our own SQL uses.
#include "minute_history.hpp"
#include "report/check.hpp"
#include "report/definition.hpp"
#include "report/event_feed.hpp"
#include "store/clip/clip.hpp"
#include "store/db/schema.hpp"

#include <cctype>
#include <cstddef>
#include <fstream>
#include <regex>
#include <set>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

namespace netlog_tests::report_added_columns_test {

using namespace minute_history;
using netlog::test::Scratch;

namespace {

/// The words in lower case, without those of comments and texts.
void add_words(std::set<std::string>& words, const std::string& sql) {
  std::string word;
  for (const char c : std::regex_replace(sql, std::regex{"--[^\\n]*|'[^']*'"}, "")) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::islower(byte) != 0 || c == '_' || (!word.empty() && std::isdigit(byte) != 0)) {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, ""));
    }
  }
  words.insert(word);
}

/// Every word of the views and reports, columns or not.
std::set<std::string> words_of_our_sql() {
  std::set<std::string> words;
  for (const auto& view : store::current_schema().views) {
    add_words(words, view.sql);
  }
  for (const auto& report : list_reports()) {
    for (const auto& section : definition(report.name).sections) {
      add_words(words, section.sql);
    }
  }
  for (const auto& table : store::current_schema().tables) {
    for (const auto& column : table.columns) {
      words.insert(column.name);
    }
  }
  words.erase("");
  return words;
}

/// Adds the words number `first`, `first + step` … to each table that has no such column. ALTER
/// TABLE would parse the whole schema for each of them.
void add_columns(const std::filesystem::path& path, std::size_t first, std::size_t step) {
  SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
  database.exec("PRAGMA writable_schema = ON");
  for (const auto& table : store::current_schema().tables) {
    std::set<std::string> has;
    for (const auto& column : table.columns) {
      has.insert(column.name);
    }
    std::string added;
    std::size_t number = 0;
    for (const auto& word : words_of_our_sql()) {
      if (number++ % step == first && !has.contains(word)) {
        added += fmt::format(R"(, "{}" INTEGER DEFAULT 7)", word);
      }
    }
    const bool has_key = table.sql.find("PRIMARY KEY (") != std::string::npos;
    const auto end = has_key ? table.sql.rfind("PRIMARY KEY (") : table.sql.rfind(')');
    auto sql = table.sql;
    sql.insert(end, has_key ? added.substr(2) + ", " : added);
    SQLite::Statement update{database, "UPDATE sqlite_schema SET sql = ? WHERE name = ?"};
    update.bind(1, sql);
    update.bind(2, table.name);
    update.exec();
  }
}

std::vector<Filter> filters() {
  std::vector<Filter> all(4);
  all[1].pids = {kPool};
  all[2].process = "*";
  all[2].remote = {*parse_address_range("203.0.113.0/24")};
  all[2].port = 443;
  all[2].states = {established, syn_sent};
  all[2].outcomes = {"open", "timed_out"};
  all[2].since_ns = 5 * kSecond;
  all[2].until_ns = 40 * kSecond;
  all[3].before_ns = {0, 30 * kSecond};
  all[3].since_ns = 30 * kSecond;
  all[3].until_ns = 60 * kSecond;
  return all;
}

/// Everything that is asked of a recording, as text.
std::string all_answers(const std::filesystem::path& path) {
  store::Reader reader{path};
  std::ostringstream out;
  for (const auto& report : list_reports()) {
    for (const auto& filter : filters()) {
      if ((report.name == "diff") == filter.before_ns.has_value() &&
          (report.name != "process" || !filter.pids.empty())) {
        const bool has_sums = !filter.since_ns;
        render::write_json(
            out,
            run_report(reader,
                       report.name,
                       filter,
                       -1,
                       has_sums ? Granularity::processes : Granularity::connections));
      }
    }
  }
  render::write_json(out, check(reader, 10).answer);
  EventFeed feed{reader, filters().at(1)};
  feed.last(100, [&](const std::vector<Cell>& cells) {
    out << std::get<std::int64_t>(cells.back()) << '\n';
    return true;
  });
  return out.str();
}

}  // namespace

TEST_CASE("columns of the user change no answer, whatever their names", "[report][sweep]") {
  const Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, with_beacon());
  const auto before = all_answers(path);
  CHECK(before.find("pool") != std::string::npos);
  constexpr std::size_t kParts = 2;  // a reader limits the columns of a table
  for (std::size_t part = 0; part < kParts; ++part) {
    const auto altered = scratch / fmt::format("{}.db", part);
    std::filesystem::copy_file(path, altered);
    add_columns(altered, part, kParts);
    CHECK(all_answers(altered) == before);
    const auto clip = scratch / fmt::format("clip{}.db", part);
    std::ofstream{clip}.close();
    const store::ClipOptions whole{0, 60 * kSecond, {{"1", {}}}, true, {}, {}};
    CHECK(store::clip(altered, clip, whole, [] { return true; }).connections > 10);
    store::Writer writer{
        altered, Session{"h", "Debian", "6.1", "0", "boot", 0, kSecond, "poll", 70 * kSecond}};
    writer.finish(90 * kSecond);
  }
}

}  // namespace netlog_tests::report_added_columns_test
