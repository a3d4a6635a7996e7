// SPDX-License-Identifier: MIT
#include "report/filter.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// Up to here single connections are read as fast as sums, and more exact.
constexpr std::int64_t kFewConnections = 50'000;
// Rows are found by the window when it is this short, by owner or peer when it is longer.
constexpr std::int64_t kShortWindowNs = std::int64_t{3'600} * 1'000'000'000;

std::string hex(const IpAddress& address) {
  std::string out;
  for (std::size_t i = 0; i < address.size(); ++i) {
    out += fmt::format("{:02X}", address.bytes.at(i));
  }
  return out;
}

class Builder {
 public:
  void add(std::string condition) {
    clause_.sql += clause_.sql.empty() ? std::move(condition) : " AND " + condition;
  }

  std::string bind(std::string name, Cell value) {
    auto placeholder = ":" + name;
    clause_.parameters.emplace(std::move(name), std::move(value));
    return placeholder;
  }

  template <typename T>
  void equal(const char* column, const std::optional<T>& value) {
    if (value) {
      add(fmt::format("{} = {}",
                      column,
                      bind(fmt::format("f_{}", column), Cell{static_cast<std::int64_t>(*value)})));
    }
  }

  /// Equality, or GLOB where the text has its wildcards.
  void match(const char* column, const std::optional<std::string>& text) {
    if (text) {
      const bool pattern = text->find_first_of("*?[") != std::string::npos;
      add(fmt::format(
          "{} {} {}", column, pattern ? "GLOB" : "=", bind(fmt::format("f_{}", column), *text)));
    }
  }

  Clause take() {
    if (clause_.sql.empty()) {
      clause_.sql = "1";
    }
    return std::move(clause_);
  }

 private:
  Clause clause_;
};

void add_pids(Builder& out, const std::vector<std::int64_t>& pids) {
  std::string list;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    list += (i == 0 ? "" : ", ") + out.bind(fmt::format("f_pid{}", i), pids[i]);
  }
  if (!list.empty()) {
    out.add(fmt::format("pid IN ({})", list));
  }
}

// An IPv4 range means the same addresses behind dual-stack sockets, too: ::ffff:a.b.c.d.
std::string in_range(Builder& out, const AddressRange& range, std::size_t number) {
  const auto first = out.bind(fmt::format("f_remote{}_first", number), hex(range.first));
  const auto last = out.bind(fmt::format("f_remote{}_last", number), hex(range.last));
  if (range.first.family == Family::ipv4) {
    return fmt::format(
        "(family = 4 AND hex(bytes) BETWEEN {0} AND {1}) OR (family = 6 AND hex(bytes) BETWEEN "
        "'00000000000000000000FFFF' || {0} AND '00000000000000000000FFFF' || {1})",
        first,
        last);
  }
  const auto scope = range.first.scope == 0
                         ? std::string{}
                         : " AND text GLOB " + out.bind(fmt::format("f_remote{}_scope", number),
                                                        fmt::format("*%{}", range.first.scope));
  return fmt::format("(family = 6 AND hex(bytes) BETWEEN {} AND {}{})", first, last, scope);
}

std::string addresses(Builder& out, const std::vector<AddressRange>& ranges) {
  std::string any;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    any += (i == 0 ? "" : " OR ") + in_range(out, ranges[i], i);
  }
  return "FROM address WHERE " + any;
}

void add_states(Builder& out, const Filter& filter) {
  std::string list;
  for (std::size_t i = 0; i < filter.states.size(); ++i) {
    list += (i == 0 ? "" : ", ") +
            out.bind(fmt::format("f_state{}", i), std::string{name(filter.states[i])});
  }
  if (list.empty()) {
    return;
  }
  std::string within;
  if (filter.until_ns) {
    within += " AND i.from_ns <= " + out.bind("f_until", *filter.until_ns);
  }
  if (filter.since_ns) {
    within += " AND (i.to_ns IS NULL OR i.to_ns >= " + out.bind("f_since", *filter.since_ns) + ")";
  }
  // `id` is the connection's: the view of intervals has none.
  out.add(
      fmt::format("EXISTS (SELECT 1 FROM state_intervals AS i WHERE i.connection_id = id AND "
                  "i.state IN ({}){})",
                  list,
                  within));
}

void add_owner(Builder& out, const Filter& filter) {
  add_pids(out, filter.pids);
  out.match("process", filter.process);
  out.match("exe", filter.exe);
  out.match("user", filter.user);
}

constexpr std::string_view kOwners = "(SELECT id, pid, name AS process, exe, user FROM process)";

/// Connections that have had such an owner, and have another one since.
std::string formerly(const std::string& owner, const std::string& since) {
  return fmt::format(
      "SELECT e.connection_id FROM {} AS p CROSS JOIN event AS e ON e.old = p.id WHERE e.kind = 4 "
      "AND e.old IS NOT NULL{} AND {}",
      kOwners,
      since.empty() ? "" : " AND e.at_ns >= " + since,
      owner);
}

void add_ports(Builder& out, const Filter& filter) {
  if (filter.protocol) {
    out.add("protocol = " + out.bind("f_protocol", std::string{name(*filter.protocol)}));
  }
  if (filter.port) {
    const auto port = out.bind("f_port", static_cast<std::int64_t>(*filter.port));
    out.add(fmt::format("(local_port = {0} OR remote_port = {0})", port));
  }
  out.equal("local_port", filter.local_port);
  out.equal("remote_port", filter.remote_port);
}

void add_remote_and_states(Builder& out, const Filter& filter) {
  if (!filter.remote.empty()) {
    out.add(fmt::format("remote_address IN (SELECT text {})", addresses(out, filter.remote)));
  }
  add_states(out, filter);
}

bool names_owner(const Filter& filter) {
  return !filter.pids.empty() || filter.process || filter.exe || filter.user;
}

bool is_short(const Filter& filter) {
  return filter.since_ns && filter.until_ns &&
         *filter.until_ns - *filter.since_ns <= kShortWindowNs;
}

constexpr std::string_view kStillThere = "SELECT id FROM connection WHERE duration_bucket IS NULL";

bool is_instant(const Filter& filter) {
  return filter.since_ns && filter.since_ns == filter.until_ns;
}

// What began by the end of the window; of an instant, by the latest that the bounds allow.
std::string latest_opening(Builder& out, const Filter& filter) {
  const auto until = out.bind("f_until", *filter.until_ns);
  return is_instant(filter) ? until + " + (SELECT coalesce(max(open_error_ns), 0) FROM flow_sum)"
                            : until;
}

// A connection that was there in a window began in it, or before it by no more than its class of
// lives lasts.
std::string lived(const std::string& since, const std::string& until) {
  return fmt::format(
      "SELECT c.id FROM duration_bucket AS k CROSS JOIN connection AS c ON c.duration_bucket = "
      "k.code AND "
      "coalesce(c.opened_ns, c.first_seen_ns) BETWEEN {} - k.span_ns AND {}",
      since,
      until);
}

// The owner, at some time within the window; of a long one its connections are found by the flows
// of its processes.
void add_owner_of_connections(Builder& out,
                              const Filter& filter,
                              std::optional<std::int64_t> since_ns,
                              std::optional<std::int64_t> until_ns) {
  if (!names_owner(filter)) {
    return;
  }
  Builder owner;
  add_owner(owner, filter);
  const auto is_owner = owner.take();
  for (const auto& [parameter, value] : is_owner.parameters) {
    out.bind(parameter, value);
  }
  const auto since = since_ns ? out.bind("f_owner_since", *since_ns) : std::string{};
  const auto former = formerly(is_owner.sql, since);
  const auto not_before =
      until_ns ? fmt::format(
                     " AND id NOT IN (SELECT e.connection_id FROM event AS e INDEXED BY "
                     "event_of_owner WHERE e.kind = 4 AND e.old IS NOT NULL AND e.at_ns > "
                     "{})",
                     out.bind("f_owner_until", *until_ns))
               : std::string{};
  out.add(fmt::format("(({}{}) OR id IN ({}))", is_owner.sql, not_before, former));
  if (!is_short(filter)) {
    out.add(fmt::format(
        "id IN (SELECT c.id FROM {} AS p CROSS JOIN flow AS f ON f.process_id = p.id AND "
        "f.local_address_id IS NOT NULL CROSS JOIN connection AS c ON c.flow_id = f.id WHERE {} "
        "UNION ALL {} UNION ALL {})",
        kOwners,
        is_owner.sql,
        former,
        kStillThere));
  }
}

void add_rows(Builder& out, const Filter& filter) {
  if (is_short(filter) || (filter.since_ns && !names_owner(filter) && filter.remote.empty())) {
    const auto until =
        filter.until_ns ? latest_opening(out, filter) : std::string{"9223372036854775807"};
    out.add(fmt::format("id IN ({} UNION ALL {})",
                        lived(out.bind("f_since", *filter.since_ns), until),
                        kStillThere));
  } else if (!names_owner(filter) && !filter.remote.empty()) {
    out.add(fmt::format(
        "id IN (SELECT c.id FROM peer AS p CROSS JOIN flow AS f ON f.peer_id = p.id "
        "CROSS JOIN connection AS c ON c.flow_id = f.id WHERE p.remote_address_id IN (SELECT id "
        "{}) UNION ALL {})",
        addresses(out, filter.remote),
        kStillThere));
  }
}

}  // namespace

Clause connection_clause(const Filter& filter) {
  Builder out;
  add_rows(out, filter);
  add_owner_of_connections(out, filter, filter.since_ns, filter.until_ns);
  add_ports(out, filter);
  if (filter.until_ns) {
    // At an instant it may have been open already, if only its bound reaches so far.
    const auto* const began = is_instant(filter)
                                  ? "coalesce(opened_ns - open_error_ns, first_seen_ns) <= "
                                  : "coalesce(opened_ns, first_seen_ns) <= ";
    out.add(began + out.bind("f_until", *filter.until_ns));
  }
  if (filter.since_ns) {
    out.add("max(last_seen_ns, coalesce(closed_ns, 0)) >= " +
            out.bind("f_since", *filter.since_ns));
  }
  add_remote_and_states(out, filter);
  return out.take();
}

Clause both_windows_clause(const Filter& filter) {
  Builder out;
  if (filter.before_ns && filter.since_ns && filter.until_ns) {
    out.add(fmt::format(
        "id IN ({} UNION ALL {} UNION ALL {})",
        lived(out.bind("f_before_since", filter.before_ns->first),
              out.bind("f_before_until", filter.before_ns->second)),
        lived(out.bind("f_since", *filter.since_ns), out.bind("f_until", *filter.until_ns)),
        kStillThere));
  }
  add_owner_of_connections(
      out, filter, filter.before_ns ? filter.before_ns->first : filter.since_ns, std::nullopt);
  add_ports(out, filter);
  add_remote_and_states(out, filter);
  return out.take();
}

Clause flow_clause(const Filter& filter) {
  Builder out;
  add_owner(out, filter);
  add_ports(out, filter);
  if (!filter.remote.empty()) {
    out.add(fmt::format(
        "peer_id IN (SELECT p.id FROM peer AS p WHERE p.remote_address_id IN (SELECT id {}))",
        addresses(out, filter.remote)));
  }
  return out.take();
}

Basis basis_for(store::Reader& reader, const Filter& filter) {
  if (filter.since_ns || filter.until_ns || filter.before_ns || !filter.states.empty()) {
    return Basis::connections;
  }
  const auto number = [&](std::string_view sql, const store::Parameters& parameters) {
    const auto rows = reader.query(sql, parameters);
    const auto* const value = std::get_if<std::int64_t>(&rows.cells.at(0).at(0));
    return value == nullptr ? 0 : *value;
  };
  if (number("SELECT max(id) FROM connection", {}) <= kFewConnections) {
    return Basis::connections;
  }
  // Of ports the sums know those of services, on the side that has them.
  const auto of_service = [&](const char* known, std::optional<std::uint16_t> port) {
    return !port || number(fmt::format("SELECT EXISTS ({})", known),
                           {{"port", static_cast<std::int64_t>(*port)}}) != 0;
  };
  constexpr const char* kLocal = "SELECT 1 FROM flow WHERE local_port = :port";
  constexpr const char* kRemote = "SELECT 1 FROM peer WHERE port = :port AND direction <> 2";
  if (!of_service(kLocal, filter.local_port) || !of_service(kRemote, filter.remote_port) ||
      (!of_service(kLocal, filter.port) && !of_service(kRemote, filter.port))) {
    return Basis::connections;
  }
  // And of owners the last ones.
  if (names_owner(filter)) {
    Builder owner;
    add_owner(owner, filter);
    const auto is_owner = owner.take();
    if (number(fmt::format("SELECT EXISTS ({})", formerly(is_owner.sql, "")),
               is_owner.parameters) != 0) {
      return Basis::connections;
    }
  }
  const bool of_peer =
      filter.port || filter.local_port || filter.remote_port || !filter.remote.empty();
  return of_peer ? Basis::peers : Basis::processes;
}

}  // namespace netlog::report
