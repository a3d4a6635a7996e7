// SPDX-License-Identifier: MIT
#include "report/filter.hpp"

#include "report/clause_builder.hpp"

#include <string_view>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Up to this length a window selects few rows by its own index; in a longer one the owner or the
// peer selects fewer.
constexpr std::int64_t kMaxShortWindowNs = std::int64_t{3'600} * 1'000'000'000;

// A connection in TIME_WAIT has ended.
constexpr std::string_view kEnded = "coalesce(closed_ns, last_seen_ns)";
constexpr std::string_view kLastSeen = "max(last_seen_ns, coalesce(closed_ns, 0))";

bool is_short_window(const Filter& filter) {
  return filter.since_ns && filter.until_ns &&
         *filter.until_ns - *filter.since_ns <= kMaxShortWindowNs;
}

bool is_instant(const Filter& filter) {
  return filter.since_ns && filter.since_ns == filter.until_ns;
}

/// The latest opening that the window includes. A connection may have been open at an instant
/// although its opening is stamped later, if the error of the opening reaches that far.
std::string latest_opening(ClauseBuilder& out, const Filter& filter) {
  const auto until = out.bind("f_until", *filter.until_ns);
  return is_instant(filter) ? until + " + (SELECT coalesce(max(open_error_ns), 0) FROM flow_sum)"
                            : until;
}

/// Restricts to connections that had the filter's owner at some time between the two times. Without
/// a short window it also names the rows to look at: the connections of the owner's flows.
void add_owner_of_connections(ClauseBuilder& out,
                              const Filter& filter,
                              std::optional<std::int64_t> since_ns,
                              std::optional<std::int64_t> until_ns,
                              bool names_rows = true) {
  if (!names_owner(filter)) {
    return;
  }
  const auto owner = owner_clause(filter);
  for (const auto& [parameter, value] : owner.parameters) {
    out.bind(parameter, value);
  }
  const auto since = since_ns ? out.bind("f_owner_since", *since_ns) : std::string{};
  const auto former = formerly_owned(owner.sql, since);
  const auto not_before =
      until_ns ? fmt::format(
                     " AND id NOT IN (SELECT e.connection_id FROM event AS e WHERE e.kind = "
                     "$event.owner AND e.old IS NOT NULL AND e.at_ns > "
                     "{})",
                     out.bind("f_owner_until", *until_ns))
               : std::string{};
  out.add(fmt::format("(({}{}) OR id IN ({}))", owner.sql, not_before, former));
  if (names_rows && !is_short_window(filter)) {
    out.add(fmt::format(
        "id IN (SELECT c.id FROM (SELECT id FROM {} WHERE {}) AS p CROSS JOIN flow AS f ON "
        "f.process_id = p.id AND f.local_address_id IS NOT NULL CROSS JOIN connection AS c ON "
        "c.flow_id = f.id UNION ALL {} UNION ALL {})",
        owner_table(),
        owner.sql,
        former,
        kNotEnded));
  }
}

/// Names the rows to look at, by the index that selects the fewest. The other conditions decide.
void add_candidate_rows(ClauseBuilder& out, const Filter& filter) {
  const bool only_since = filter.since_ns && !names_owner(filter) && !names_remote(filter);
  if (is_short_window(filter) || only_since) {
    const auto until =
        filter.until_ns ? latest_opening(out, filter) : std::string{"9223372036854775807"};
    out.add(fmt::format("id IN ({} UNION ALL {})",
                        ended_within(out.bind("f_since", *filter.since_ns), until),
                        kNotEnded));
  } else if (!names_owner(filter) && names_remote(filter)) {
    out.add(
        fmt::format("id IN (SELECT c.id FROM ({}) AS s CROSS JOIN flow AS f ON f.peer_id = s.id "
                    "CROSS JOIN connection AS c ON c.flow_id = f.id UNION ALL {})",
                    remote_peers(out, filter),
                    kNotEnded));
  }
}

void add_window(ClauseBuilder& out, const Filter& filter, std::string_view last) {
  if (filter.until_ns) {
    const auto* const began = is_instant(filter)
                                  ? "coalesce(opened_ns - open_error_ns, first_seen_ns) <= "
                                  : "coalesce(opened_ns, first_seen_ns) <= ";
    out.add(began + out.bind("f_until", *filter.until_ns));
  }
  if (filter.since_ns) {
    out.add(fmt::format("{} >= {}", last, out.bind("f_since", *filter.since_ns)));
  }
}

/// @param last when a connection was there for the last time
void add_connections(ClauseBuilder& out, const Filter& filter, std::string_view last) {
  add_candidate_rows(out, filter);
  add_owner_of_connections(out, filter, filter.since_ns, filter.until_ns);
  add_ports(out, filter);
  add_window(out, filter, last);
  add_remote(out, filter);
  add_states(out, filter);
}

Clause clause_of_window(const Filter& filter, std::string_view last) {
  ClauseBuilder out;
  add_connections(out, filter, last);
  add_outcomes(out,
               filter,
               filter.until_ns ? fmt::format("iif({} > {}, 'open', outcome)",
                                             kEnded,
                                             out.bind("f_until", *filter.until_ns))
                               : "outcome");
  return out.take();
}

}  // namespace

Clause connection_clause(const Filter& filter) {
  ClauseBuilder out;
  add_connections(out, filter, kLastSeen);
  add_outcomes(out, filter);
  return out.take();
}

Clause window_connection_clause(const Filter& filter) {
  return clause_of_window(filter, kLastSeen);
}

Clause living_connection_clause(const Filter& filter) {
  return clause_of_window(filter, kEnded);
}

Clause known_connection_clause(const Filter& filter) {
  ClauseBuilder out;
  add_owner_of_connections(out, filter, filter.since_ns, filter.until_ns, false);
  add_ports(out, filter);
  add_window(out, filter, kLastSeen);
  add_remote(out, filter);
  add_states(out, filter);
  add_outcomes(out, filter);
  return out.take();
}

Clause both_windows_clause(const Filter& filter) {
  ClauseBuilder out;
  if (filter.before_ns && filter.since_ns && filter.until_ns) {
    out.add(fmt::format(
        "id IN ({} UNION ALL {} UNION ALL {})",
        ended_within(out.bind("f_before_since", filter.before_ns->first),
                     out.bind("f_before_until", filter.before_ns->second)),
        ended_within(out.bind("f_since", *filter.since_ns), out.bind("f_until", *filter.until_ns)),
        kNotEnded));
  }
  add_owner_of_connections(
      out, filter, filter.before_ns ? filter.before_ns->first : filter.since_ns, std::nullopt);
  add_ports(out, filter);
  add_remote(out, filter);
  add_states(out, filter);
  add_outcomes(out, filter);
  return out.take();
}

Clause sums_clause(const Filter& filter) {
  ClauseBuilder out;
  add_owner(out, filter);
  add_ports(out, filter);
  if (names_remote(filter)) {
    out.add(fmt::format("peer_id IN ({})", remote_peers(out, filter)));
  }
  return out.take();
}

Clause lookups_clause(const Filter& filter) {
  ClauseBuilder out;
  if (names_owner(filter)) {
    const auto owner = owner_clause(filter);
    for (const auto& [parameter, value] : owner.parameters) {
      out.bind(parameter, value);
    }
    out.add(fmt::format("process_id IN (SELECT id FROM {} WHERE {})", owner_table(), owner.sql));
  }
  out.add_equal("netns", filter.netns);
  if (filter.since_ns) {
    out.add("at_ns + coalesce(latency_ns, 0) >= " + out.bind("f_since", *filter.since_ns));
  }
  if (filter.until_ns) {
    out.add("at_ns <= " + out.bind("f_until", *filter.until_ns));
  }
  if (filter.remote_name) {
    out.add(name_matches(out, "name", *filter.remote_name));
  }
  return out.take();
}

bool is_of_connections_only(const Filter& filter) {
  return filter.protocol || filter.port || filter.local_port || filter.remote_port ||
         !filter.remote.empty() || !filter.states.empty() || !filter.outcomes.empty();
}

}  // namespace netlog::report
