// SPDX-License-Identifier: MIT
#include "report/join.hpp"

#include "report/joined_recordings.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <variant>

namespace netlog::report {
namespace {

bool is_known(const Cell& cell) {
  return !std::holds_alternative<std::monostate>(cell);
}

Table recordings_table(const JoinedRecordings& joined) {
  Table table{"recordings",
              "Recordings",
              {{"recording", "recording", Unit::none, Align::left, false},
               {"host", "host", Unit::none, Align::left, false},
               {"from_ns", "from", Unit::time, Align::left, false},
               {"to_ns", "to", Unit::time, Align::left, false},
               {"percent", "coverage", Unit::percent, Align::right, false},
               {"gaps", "gaps", Unit::count, Align::right, false}},
              {}};
  for (const auto& [name, recording] : {std::pair{"a", &joined.a}, std::pair{"b", &joined.b}}) {
    table.rows.push_back({std::string{name},
                          recording->host,
                          recording->completeness.recorded_from_ns,
                          recording->completeness.recorded_to_ns,
                          recording->completeness.percent,
                          recording->completeness.gaps});
  }
  return table;
}

Table clocks_table(const ClockOffset& clock) {
  Table table{"clocks",
              "Clocks: b's minus a's",
              {{"offset_ns", "offset", Unit::ns, Align::right, false},
               {"error_ns", "±", Unit::ns, Align::right, false},
               {"agreeing", "agreeing", Unit::count, Align::right, false},
               {"pairs", "of pairs", Unit::count, Align::right, false}},
              {}};
  table.rows.push_back({clock.agreement ? Cell{clock.offset_ns} : Cell{},
                        clock.agreement ? Cell{clock.error_ns} : Cell{},
                        clock.agreement ? clock.agreement->agreeing : std::int64_t{0},
                        clock.pairs});
  return table;
}

Table ends_table(const JoinedRecordings& joined, const Unmatched& only_a, const Unmatched& only_b) {
  Table table{"ends",
              "Connections between the two",
              {{"both_ends", "both ends", Unit::count, Align::right, false},
               {"only_a", "only in a", Unit::count, Align::right, false},
               {"only_b", "only in b", Unit::count, Align::right, false},
               {"not_recorded_a", "before or after b", Unit::count, Align::right, true},
               {"not_recorded_b", "before or after a", Unit::count, Align::right, true}},
              {}};
  const auto& ends = joined.a.ends;
  const auto both = std::count_if(
      ends.begin(), ends.end(), [](const RecordedEnd& end) { return end.other.has_value(); });
  table.rows.push_back({std::int64_t{both},
                        static_cast<std::int64_t>(only_a.inside.size()),
                        static_cast<std::int64_t>(only_b.inside.size()),
                        only_a.outside,
                        only_b.outside});
  return table;
}

Table mismatches_table(const JoinedRecordings& joined) {
  Table table{"mismatches",
              "What the two ends report differently",
              {{"opened_ns", "began, a's clock", Unit::time, Align::left, false},
               {"a_process", "a's process", Unit::none, Align::left, false},
               {"a", "a's end", Unit::endpoint, Align::left, false},
               {"b", "b's end", Unit::endpoint, Align::left, false},
               {"b_process", "b's process", Unit::none, Align::left, false},
               {"remote_name", "by name", Unit::none, Align::left, true, false, true},
               {"a_outcome", "at a", Unit::none, Align::left, false},
               {"b_outcome", "at b", Unit::none, Align::left, false},
               {"what", "what", Unit::none, Align::left, false},
               {"a_connection_id", "a's id", Unit::none, Align::right, true},
               {"b_connection_id", "b's id", Unit::none, Align::right, true}},
              {}};
  for (const auto& a : joined.a.ends) {
    if (!a.other) {
      continue;
    }
    const auto& b = joined.b.ends[*a.other];
    if (auto what = mismatch_reason(a, b); !what.empty()) {
      table.rows.push_back({a.opened_ns ? Cell{*a.opened_ns} : Cell{},
                            a.process,
                            a.local,
                            b.local,
                            b.process,
                            is_known(a.remote_name) ? a.remote_name : b.remote_name,
                            a.outcome,
                            b.outcome,
                            std::move(what),
                            a.id,
                            b.id});
    }
  }
  return table;
}

Table seen_by_one_table(const JoinedRecordings& joined,
                        const Unmatched& only_a,
                        const Unmatched& only_b) {
  Table table{"seen_by_one",
              "Seen at one end only",
              {{"recording", "in", Unit::none, Align::left, false},
               {"opened_ns", "began", Unit::time, Align::left, false},
               {"process", "process", Unit::none, Align::left, false},
               {"local", "local", Unit::endpoint, Align::left, false},
               {"remote", "remote", Unit::endpoint, Align::left, false},
               {"remote_name", "by name", Unit::none, Align::left, true, false, true},
               {"outcome", "outcome", Unit::none, Align::left, false},
               {"why", "why not the other", Unit::none, Align::left, false},
               {"connection_id", "connection", Unit::none, Align::right, true}},
              {}};
  const auto add = [&](const char* name,
                       const Unmatched& unmatched,
                       const RecordedEnds& lacks,
                       std::int64_t shift_ns) {
    for (const auto* const end : unmatched.inside) {
      table.rows.push_back({std::string{name},
                            end->opened_ns ? Cell{*end->opened_ns} : Cell{},
                            end->process,
                            end->local,
                            end->remote,
                            end->remote_name,
                            end->outcome,
                            missing_reason(*end, lacks, shift_ns),
                            end->id});
    }
  };
  add("a", only_a, joined.b, joined.clock.offset_ns);
  add("b", only_b, joined.a, -joined.clock.offset_ns);
  return table;
}

/// Takes the title of the names, where none is known.
void hide_unknown_names(Table& table) {
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    if (table.columns[i].known &&
        std::none_of(
            table.rows.begin(), table.rows.end(), [&](auto& row) { return is_known(row[i]); })) {
      table.columns[i].title.clear();
    }
  }
}

void keep_first(Table& table, std::int64_t limit) {
  table.total = static_cast<std::int64_t>(table.rows.size());
  table.rows.resize(std::min(table.rows.size(), static_cast<std::size_t>(limit)));
}

}  // namespace

Answer join(store::Reader& a, store::Reader& b, std::int64_t limit) {
  const auto joined = join_ends(read_ends(a), read_ends(b));
  const auto offset_ns = joined.clock.offset_ns;
  const auto only_a = find_unmatched(joined, joined.a, joined.b, offset_ns);
  const auto only_b = find_unmatched(joined, joined.b, joined.a, -offset_ns);
  auto mismatches = mismatches_table(joined);
  auto seen_by_one = seen_by_one_table(joined, only_a, only_b);
  hide_unknown_names(mismatches);
  hide_unknown_names(seen_by_one);
  keep_first(mismatches, limit);
  keep_first(seen_by_one, limit);
  return {"join",
          {recordings_table(joined),
           clocks_table(joined.clock),
           ends_table(joined, only_a, only_b),
           std::move(mismatches),
           std::move(seen_by_one)},
          {}};
}

}  // namespace netlog::report
