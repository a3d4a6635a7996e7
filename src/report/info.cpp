// SPDX-License-Identifier: MIT
#include "report/info.hpp"

#include "report/completeness.hpp"
#include "util/text.hpp"

#include <system_error>
#include <utility>
#include <vector>

namespace netlog::report {
namespace {

Table file_table(const store::Reader& reader, const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return {"file",
          "File",
          {{"path", "path", Unit::none, Align::left, false},
           {"bytes", "size", Unit::bytes, Align::right, false},
           {"schema_version", "schema", Unit::none, Align::right, false}},
          {{utf8(path),
            error ? Cell{} : Cell{static_cast<std::int64_t>(size)},
            std::int64_t{reader.schema_version()}}}};
}

Table session_table(store::Reader& reader) {
  return {"sessions",
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
          reader
              .query("SELECT id, host, started_ns, ended_ns, last_alive_ns, interval_ns, sources, "
                     "ticks, late_ticks, skipped_ticks, netlog_version FROM sessions ORDER BY id")
              .cells};
}

/// Without rows unless the recording is a clip.
Table clip_table(store::Reader& reader) {
  return {"clips",
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
          reader
              .query("SELECT source, cut_ns, from_ns, to_ns, filters, source_connections, "
                     "source_events, redacted, netlog_version FROM clips ORDER BY id")
              .cells};
}

Table row_table(store::Reader& reader) {
  return {"rows",
          "Rows",
          {{"view", "view", Unit::none, Align::left, false},
           {"rows", "rows", Unit::count, Align::right, false}},
          // The tables behind the views have the same number of rows and are counted faster.
          reader
              .query("SELECT 'connections' AS view, count(*) AS rows FROM connection UNION ALL "
                     "SELECT 'events', events FROM event_count UNION ALL "
                     "SELECT 'processes', count(*) FROM process UNION ALL "
                     "SELECT 'gaps', count(*) FROM gap UNION ALL "
                     "SELECT 'coverage', count(*) FROM coverage_window UNION ALL "
                     "SELECT 'counters', count(*) FROM counter_sample UNION ALL "
                     "SELECT 'lookups', count(*) FROM lookup")
              .cells};
}

Table gap_table(store::Reader& reader) {
  return {"gaps",
          "Gaps by reason",
          {{"source", "source", Unit::none, Align::left, false},
           {"reason", "reason", Unit::none, Align::left, false},
           {"gaps", "gaps", Unit::count, Align::right, false},
           {"lost", "lost", Unit::count, Align::right, false},
           {"longest_ns", "longest", Unit::ns, Align::right, false}},
          reader
              .query("SELECT source, reason, count(*), sum(lost), max(to_ns - from_ns) FROM gaps "
                     "GROUP BY source, reason ORDER BY count(*) DESC, source, reason")
              .cells};
}

}  // namespace

Answer info(store::Reader& reader, const std::filesystem::path& path) {
  Answer answer{"info", {file_table(reader, path), session_table(reader)}, {}};
  if (auto clips = clip_table(reader); !clips.rows.empty()) {
    answer.tables.push_back(std::move(clips));
  }
  answer.tables.push_back(row_table(reader));
  answer.tables.push_back(gap_table(reader));
  answer.completeness = completeness(reader, {});
  return answer;
}

}  // namespace netlog::report
