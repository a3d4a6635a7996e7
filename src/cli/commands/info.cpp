// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/query_options.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "util/text.hpp"

#include <filesystem>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

Table ask_table(store::Reader& reader,
                const char* name,
                const char* title,
                std::vector<Column> columns,
                const char* sql) {
  return Table{name, title, std::move(columns), reader.query(sql).cells};
}

void run_info(const QueryOptions& question) {
  const auto format = parse_format(question.format);
  const auto path = database_path(question);
  store::Reader reader{path};
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  Answer answer{"info", {}, {}};
  answer.tables.push_back(Table{"file",
                                "File",
                                {{"path", "path", Unit::none, Align::left, false},
                                 {"bytes", "size", Unit::bytes, Align::right, false},
                                 {"schema_version", "schema", Unit::none, Align::right, false}},
                                {{utf8(path),
                                  error ? Cell{} : Cell{static_cast<std::int64_t>(size)},
                                  std::int64_t{reader.schema_version()}}}});
  answer.tables.push_back(ask_table(reader,
                                    "sessions",
                                    "Sessions",
                                    {{"id", "id", Unit::none, Align::right, false},
                                     {"host", "host", Unit::none, Align::left, false},
                                     {"started_ns", "started", Unit::time, Align::left, false},
                                     {"ended_ns", "ended", Unit::time, Align::left, false},
                                     {"last_alive_ns", "last alive", Unit::time, Align::left, true},
                                     {"interval_ns", "interval", Unit::ns, Align::right, false},
                                     {"sources", "sources", Unit::none, Align::left, false},
                                     {"ticks", "ticks", Unit::count, Align::right, false},
                                     {"late_ticks", "late", Unit::count, Align::right, false},
                                     {"skipped_ticks", "skipped", Unit::count, Align::right, false},
                                     {"netlog_version", "netlog", Unit::none, Align::left, true}},
                                    "SELECT id, host, started_ns, ended_ns, last_alive_ns, "
                                    "interval_ns, sources, ticks, late_ticks, "
                                    "skipped_ticks, netlog_version FROM sessions ORDER BY id"));
  auto clips = ask_table(
      reader,
      "clips",
      "Cut from",
      {{"source", "file", Unit::none, Align::left, false},
       {"cut_ns", "written until", Unit::time, Align::left, false},
       {"from_ns", "from", Unit::time, Align::left, false},
       {"to_ns", "to", Unit::time, Align::left, false},
       {"filters", "filters", Unit::none, Align::left, true},
       {"source_connections", "connections there", Unit::count, Align::right, false},
       {"source_events", "events there", Unit::count, Align::right, false},
       {"redacted", "replaced by pseudonyms", Unit::none, Align::left, true},
       {"netlog_version", "netlog", Unit::none, Align::left, true}},
      "SELECT source, cut_ns, from_ns, to_ns, filters, source_connections, source_events, "
      "redacted, netlog_version FROM clips ORDER BY id");
  if (!clips.rows.empty()) {
    answer.tables.push_back(std::move(clips));
  }
  answer.tables.push_back(
      ask_table(reader,
                "rows",
                "Rows",
                {{"view", "view", Unit::none, Align::left, false},
                 {"rows", "rows", Unit::count, Align::right, false}},
                "SELECT 'connections' AS view, count(*) AS rows FROM connection UNION ALL "
                "SELECT 'events', count(*) FROM event UNION ALL SELECT 'processes', count(*) FROM "
                "process UNION ALL "
                "SELECT 'gaps', count(*) FROM gap UNION ALL SELECT 'coverage', count(*) FROM "
                "coverage_window UNION ALL "
                "SELECT 'counters', count(*) FROM counter_sample"));
  answer.tables.push_back(ask_table(reader,
                                    "gaps",
                                    "Gaps by reason",
                                    {{"source", "source", Unit::none, Align::left, false},
                                     {"reason", "reason", Unit::none, Align::left, false},
                                     {"gaps", "gaps", Unit::count, Align::right, false},
                                     {"lost", "lost", Unit::count, Align::right, false},
                                     {"longest_ns", "longest", Unit::ns, Align::right, false}},
                                    "SELECT source, reason, count(*), sum(lost), max(to_ns - "
                                    "from_ns) FROM gaps GROUP BY source, reason "
                                    "ORDER BY count(*) DESC, source, reason"));
  answer.honesty = report::honesty(reader, {});
  print(answer, format, text_style(question));
}

}  // namespace

void add_info(CLI::App& app) {
  auto* const command = app.add_subcommand("info", "What is in a recording");
  const auto question = std::make_shared<QueryOptions>();
  add_database_options(*command, *question);
  command->callback([question] { run_info(*question); });
}

}  // namespace netlog::cli
