// SPDX-License-Identifier: MIT
#include "report/completeness.hpp"

#include "report/whole_hours.hpp"
#include "store/db/sql_macros.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace netlog::report {
namespace {

/// A recorder that has written nothing for longer hangs or has ended.
constexpr auto kLateWriteNs = 5 * kNsPerSecond;
/// A busy recorder ticks after so many intervals at the latest (record::Pacer).
constexpr std::int64_t kMaxIntervals = 64;

/// Peers that answer DNS over TLS or QUIC (RFC 7858, RFC 9250), and public resolvers that answer
/// DNS over HTTPS: those of Cloudflare, Google and Quad9.
constexpr std::string_view kResolvers =
    "SELECT p.id FROM peer AS p WHERE p.direction = $direction.outbound AND (p.port = 853 OR "
    "(p.port = 443 AND p.remote_address_id IN (SELECT a.id FROM address AS a WHERE a.text IN ("
    "'1.1.1.1', '1.0.0.1', '2606:4700:4700::1111', '2606:4700:4700::1001', '8.8.8.8', '8.8.4.4', "
    "'2001:4860:4860::8888', '2001:4860:4860::8844', '9.9.9.9', '149.112.112.112', '2620:fe::fe', "
    "'2620:fe::9'))))";

std::int64_t integer(const Cell& cell, std::int64_t otherwise) {
  const auto* const value = std::get_if<std::int64_t>(&cell);
  return value == nullptr ? otherwise : *value;
}

/// A file can lack what the schema demands.
std::string text_of(const Cell& cell) {
  const auto* const text = std::get_if<std::string>(&cell);
  return text == nullptr ? "without a reason" : *text;
}

/// Within some 146 years of 1970: times around it can be computed.
std::int64_t plausible(std::int64_t ns) {
  constexpr auto kMaxNs = std::int64_t{1} << 62U;
  return std::clamp(ns, std::int64_t{0}, kMaxNs);
}

/// Total length of the union of intervals that are sorted by their begin.
std::int64_t united_length(const std::vector<std::vector<Cell>>& spans) {
  std::int64_t total = 0;
  std::int64_t reached = std::numeric_limits<std::int64_t>::min();
  for (const auto& span : spans) {
    const auto from = std::max(integer(span[0], 0), reached);
    const auto to = integer(span[1], 0);
    if (to > from) {
      total += to - from;
      reached = to;
    }
  }
  return total;
}

void set_window(Completeness& made, store::Reader& reader, const Filter& filter) {
  const auto recorded = recorded_span(reader).value_or(Span{0, 0});
  // A clip holds no more than its window of the recording that it was cut from.
  const auto cut = reader.query("SELECT max(from_ns), min(to_ns) FROM clips");
  made.recorded_from_ns = std::max(recorded.began_ns, integer(cut.cells[0][0], recorded.began_ns));
  made.recorded_to_ns = std::min(recorded.ended_ns, integer(cut.cells[0][1], recorded.ended_ns));
  made.from_ns = filter.since_ns.value_or(made.recorded_from_ns);
  if (filter.before_ns) {
    made.from_ns = std::min(made.from_ns, filter.before_ns->first);
  }
  made.to_ns = filter.until_ns.value_or(made.recorded_to_ns);
}

/// Whether a TCP connection was opened at a moment for which there is no count of the kernel.
bool has_uncounted_opens(store::Reader& reader, const store::Parameters& window) {
  const auto found = reader.query(
      "SELECT EXISTS (SELECT 1 FROM connections AS c WHERE c.id IN (SELECT o.id FROM "
      "duration_bucket AS b CROSS JOIN connection AS o ON o.duration_bucket = b.code AND "
      "coalesce(o.opened_ns, o.first_seen_ns) BETWEEN :from AND :to UNION ALL SELECT id FROM "
      "connection WHERE duration_bucket IS NULL AND coalesce(opened_ns, first_seen_ns) BETWEEN "
      ":from AND :to) AND c.opened_ns IS NOT NULL AND c.protocol = 'tcp' AND c.direction <> "
      "'listen' AND (:netns IS NULL OR c.netns = :netns) AND NOT EXISTS (SELECT 1 FROM coverage "
      "AS k WHERE k.netns IS c.netns AND c.opened_ns BETWEEN k.from_ns AND k.to_ns))",
      window);
  return integer(found.cells[0][0], 0) != 0;
}

void set_coverage(Completeness& made, store::Reader& reader, const store::Parameters& window) {
  const auto coverage = reader.query(
      "SELECT sum(kernel_opens), sum(recorded_opens), min(100.0, 100.0 * sum(recorded_opens) / "
      "sum(kernel_opens)) "
      "FROM coverage WHERE from_ns <= :to AND to_ns >= :from AND (:netns IS NULL OR netns = "
      ":netns)",
      window);
  // A count of nothing says nothing where opens were recorded that no count includes.
  if (integer(coverage.cells[0][0], 1) == 0 && has_uncounted_opens(reader, window)) {
    return;
  }
  made.kernel_opens = coverage.cells[0][0];
  made.recorded_opens = coverage.cells[0][1];
  made.percent = coverage.cells[0][2];
  const auto counted = reader.query(
      "SELECT max(from_ns, :from), min(to_ns, :to) FROM coverage WHERE from_ns <= :to AND to_ns >= "
      ":from AND (:netns IS NULL OR netns = :netns) ORDER BY from_ns",
      window);
  const auto recorded_ns =
      std::min(made.to_ns, made.recorded_to_ns) - std::max(made.from_ns, made.recorded_from_ns);
  made.uncounted_ns = std::max<std::int64_t>(recorded_ns - united_length(counted.cells), 0);
}

void set_gaps(Completeness& made, store::Reader& reader, const store::Parameters& window) {
  // The gaps around an instant have their whole length.
  const std::string in_window = fmt::format(
      "SELECT {} AS from_ns, {} AS to_ns, reason, id FROM gaps WHERE from_ns <= :to AND "
      "to_ns >= :from AND (:netns IS NULL OR netns IS NULL OR netns = :netns)",
      made.from_ns == made.to_ns ? "from_ns" : "max(from_ns, :from)",
      made.from_ns == made.to_ns ? "to_ns" : "min(to_ns, :to)");
  const auto gaps = reader.query(in_window + " ORDER BY from_ns, id", window);
  made.gaps = static_cast<std::int64_t>(gaps.cells.size());
  made.gaps_ns = united_length(gaps.cells);
  const auto reasons = reader.query(
      fmt::format(
          "SELECT reason, sum(to_ns - from_ns) AS length FROM ({}) GROUP BY reason ORDER BY "
          "length DESC, reason = 'skipped ticks', reason LIMIT 5",
          in_window),
      window);
  for (const auto& row : reasons.cells) {
    made.gap_reasons.push_back({text_of(row[0]), integer(row[1], 0)});
  }
}

/// `the coverage leaves out 4s in which nobody looked`
std::string blind_note(store::Reader& reader, const store::Parameters& window) {
  const std::string counted =
      "SELECT max(from_ns, :from) AS from_ns, min(to_ns, :to) AS to_ns FROM coverage WHERE from_ns "
      "<= :to AND to_ns >= :from AND (:netns IS NULL OR netns = :netns)";
  const std::string blind =
      "SELECT max(from_ns, :from), min(to_ns, :to) FROM blind_gaps WHERE from_ns <= :to AND to_ns "
      ">= :from AND (:netns IS NULL OR netns IS NULL OR netns = :netns)";
  const auto both = reader.query(fmt::format("{} UNION ALL {} ORDER BY 1", counted, blind), window);
  const auto uncounted_ns =
      united_length(both.cells) -
      united_length(reader.query(counted + " ORDER BY from_ns", window).cells);
  return uncounted_ns > 0 ? fmt::format("the coverage leaves out {} in which nobody looked",
                                        format_duration(uncounted_ns))
                          : std::string{};
}

/// `as of the last sign of life of the recorder, 400ms before the moment asked for`
std::string asked_note(const Filter& filter) {
  return filter.asked_ns && filter.until_ns
             ? fmt::format(
                   "as of the last sign of life of the recorder, {} before the moment asked for",
                   format_duration(*filter.asked_ns - *filter.until_ns))
             : std::string{};
}

/// `not ended, last written 42s ago`: the recorder hangs or was killed, or this is a copy.
std::string silence_note(store::Reader& reader, const Filter& filter) {
  if (!filter.now_ns) {
    return {};
  }
  const auto silent = reader.query(
      "SELECT last_alive_ns FROM sessions WHERE id = (SELECT max(id) FROM sessions) AND ended_ns "
      "IS NULL AND NOT EXISTS (SELECT 1 FROM clips) AND last_alive_ns < coalesce(:until, :now) AND "
      "last_alive_ns < :now - :late - :stretched * min(interval_ns, 3600000000000)",
      {{"until", filter.until_ns ? Cell{*filter.until_ns} : Cell{}},
       {"now", *filter.now_ns},
       {"late", kLateWriteNs},
       {"stretched", kMaxIntervals}});
  return silent.cells.empty()
             ? std::string{}
             : fmt::format(
                   "not ended, last written {} ago",
                   format_duration(*filter.now_ns - plausible(integer(silent.cells[0][0], 0))));
}

/// `12 ended connections dropped, over --max-size`, a part for each limit and for lookups.
std::string dropped_note(store::Reader& reader, const store::Parameters& window) {
  const auto dropped = reader.query(
      "SELECT iif(of_lookups, substr(reason, 9), reason), sum(lost), iif(of_lookups, 'lookups', "
      "'ended connections') FROM (SELECT *, reason GLOB 'lookups *' AS of_lookups FROM gaps) WHERE "
      "source = 'retention' AND from_ns <= :to AND to_ns >= :from GROUP BY reason ORDER BY "
      "of_lookups, reason",
      window);
  std::string note;
  for (const auto& row : dropped.cells) {
    note += fmt::format("{}{} {} dropped, {}",
                        note.empty() ? "" : " | ",
                        integer(row[1], 0),
                        text_of(row[2]),
                        text_of(row[0]));
  }
  return note;
}

/// `from sums by the hour`: single connections of this time are deleted, or too many to read.
std::string sums_note(store::Reader& reader, const Filter& filter, Granularity granularity) {
  if (granularity == Granularity::connections || !(filter.hours || lacks_rows(reader))) {
    return {};
  }
  const auto begin = reader.query("SELECT min(hour) * 3600000000000 FROM flow");
  const auto missing_ns =
      integer(begin.cells[0][0], 0) -
      std::max(filter.since_ns.value_or(0), recorded_span(reader).value_or(Span{}).began_ns);
  return missing_ns > 0 ? fmt::format("from sums by the hour, without those of the first {}",
                                      format_duration(missing_ns))
                        : std::string{"from sums by the hour"};
}

/// `owner unknown: 12 not_permitted, 3 gone`
std::string unknown_owners_note(store::Reader& reader,
                                const Filter& filter,
                                Granularity granularity) {
  const auto clause = granularity == Granularity::connections ? window_connection_clause(filter)
                                                              : sums_clause(filter);
  auto sql = fmt::format(
      "SELECT owner_reason, sum(connections) FROM process_flows WHERE owner_reason IS NOT NULL AND "
      "({}) GROUP BY owner_reason ORDER BY sum(connections) DESC, owner_reason",
      clause.sql);
  use_finer_views(sql, granularity, filter);
  auto parameters = clause.parameters;
  bind_whole_hours(parameters, filter);
  std::string note;
  for (const auto& row : reader.query(sql, parameters).cells) {
    note += fmt::format(
        "{}{} {}", note.empty() ? "owner unknown: " : ", ", integer(row[1], 0), text_of(row[0]));
  }
  return note;
}

}  // namespace

std::optional<Span> recorded_span(store::Reader& reader) {
  const auto found = reader.query(
      "SELECT min(started_ns), max(max(coalesce(ended_ns, 0), last_alive_ns)) FROM sessions");
  const auto& row = found.cells.front();
  const auto* const began = std::get_if<std::int64_t>(&row.at(0));
  const auto* const ended = std::get_if<std::int64_t>(&row.at(1));
  return began != nullptr && ended != nullptr
             ? std::optional{Span{plausible(*began), plausible(*ended)}}
             : std::nullopt;
}

void answer_as_of_last_sign_of_life(store::Reader& reader, Filter& filter) {
  if (!filter.since_ns || filter.since_ns != filter.until_ns) {
    return;
  }
  const auto session = reader.query(
      "SELECT last_alive_ns FROM sessions "
      "WHERE id = (SELECT max(id) FROM sessions) AND ended_ns IS NULL "
      "AND last_alive_ns < :at AND last_alive_ns >= :at - :late - 2 * min(interval_ns, "
      "60000000000)",
      {{"at", *filter.since_ns}, {"late", kLateWriteNs}});
  if (!session.cells.empty()) {
    filter.asked_ns = filter.since_ns;
    filter.since_ns = filter.until_ns = integer(session.cells[0][0], *filter.since_ns);
  }
}

bool last_session_has_ended(store::Reader& reader) {
  return !reader
              .query(
                  "SELECT 1 FROM sessions WHERE id = (SELECT max(id) FROM sessions) AND "
                  "ended_ns IS NOT NULL")
              .cells.empty();
}

std::string hidden_names_note(store::Reader& reader,
                              const Filter& filter,
                              Granularity granularity) {
  const auto resolvers = store::expand_sql(kResolvers);
  if (reader.query(fmt::format("SELECT 1 FROM ({}) LIMIT 1", resolvers)).cells.empty()) {
    return {};
  }
  const auto clause = granularity == Granularity::connections ? window_connection_clause(filter)
                                                              : sums_clause(filter);
  auto sql = fmt::format(
      "WITH hidden AS MATERIALIZED (SELECT connections FROM peer_flows WHERE direction = "
      "'outbound' AND remote_name IS "
      "NULL AND remote_address NOT GLOB '127.*' AND remote_address NOT GLOB '*:127.*' AND "
      "remote_address <> '::1' AND peer_id NOT IN ({0}) AND process_id IN (SELECT f.process_id "
      "FROM ({0}) AS r CROSS JOIN flow AS f ON f.peer_id = r.id UNION SELECT process_id FROM "
      "connection WHERE duration_bucket IS NULL AND peer_id IN ({0})) AND ({1})) SELECT "
      "sum(connections) FROM hidden",
      resolvers,
      clause.sql);
  use_finer_views(sql, granularity, filter);
  auto parameters = clause.parameters;
  parameters.emplace("since_ns", filter.since_ns ? Cell{*filter.since_ns} : Cell{});
  parameters.emplace("until_ns", filter.until_ns ? Cell{*filter.until_ns} : Cell{});
  bind_whole_hours(parameters, filter);
  const auto hidden = integer(reader.query(sql, parameters).cells.at(0).at(0), 0);
  return hidden == 0 ? std::string{}
                     : fmt::format("names of {} {} unknown: DNS over TLS or HTTPS",
                                   hidden,
                                   hidden == 1 ? "connection" : "connections");
}

std::optional<GapReason> gap_over_instant(store::Reader& reader, const Filter& filter) {
  if (!filter.since_ns || filter.since_ns != filter.until_ns) {
    return std::nullopt;
  }
  const auto found = reader.query(
      "SELECT reason, to_ns - from_ns FROM blind_gaps WHERE from_ns < :at AND to_ns > :at AND "
      "(:netns IS NULL OR netns IS NULL OR netns = :netns) ORDER BY to_ns - from_ns DESC LIMIT 1",
      {{"at", *filter.since_ns}, {"netns", filter.netns ? Cell{*filter.netns} : Cell{}}});
  return found.cells.empty()
             ? std::nullopt
             : std::optional{GapReason{text_of(found.cells[0][0]), integer(found.cells[0][1], 0)}};
}

Completeness completeness(store::Reader& reader, const Filter& filter) {
  return completeness(reader, filter, choose_granularity(reader, filter));
}

Completeness completeness(store::Reader& reader, const Filter& filter, Granularity granularity) {
  Completeness made;
  set_window(made, reader, filter);
  const store::Parameters window{{"from", made.from_ns},
                                 {"to", made.to_ns},
                                 {"netns", filter.netns ? Cell{*filter.netns} : Cell{}}};
  set_coverage(made, reader, window);
  set_gaps(made, reader, window);
  const bool has_coverage = !std::holds_alternative<std::monostate>(made.kernel_opens);
  for (const auto& note : {has_coverage ? blind_note(reader, window) : std::string{},
                           asked_note(filter),
                           silence_note(reader, filter),
                           dropped_note(reader, window),
                           sums_note(reader, filter, granularity),
                           unknown_owners_note(reader, filter, granularity)}) {
    made.note += (made.note.empty() || note.empty() ? "" : " | ") + note;
  }
  return made;
}

}  // namespace netlog::report
