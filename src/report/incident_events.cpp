// SPDX-License-Identifier: MIT
#include "report/incident_events.hpp"

#include "model/codes.hpp"
#include "model/event.hpp"
#include "report/definition.hpp"
#include "report/incident_tables.hpp"
#include "store/db/sql_macros.hpp"
#include "util/arithmetic.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

using store::StoredEvent;

std::optional<std::int64_t> number_at(const std::vector<Cell>& row, std::size_t at) {
  const auto* const number = std::get_if<std::int64_t>(&row.at(at));
  return number == nullptr ? std::nullopt : std::optional{*number};
}

Section section_of(std::string_view name) {
  const auto* const found = std::find_if(kIncidentTables.begin(),
                                         kIncidentTables.end(),
                                         [&](const auto& entry) { return entry.first == name; });
  return parse_definition(found->second).sections.front();
}

/// Names of stored codes, for rows that are too many to let SQL name them.
class CodeNames {
 public:
  explicit CodeNames(std::string_view kind) {
    for (const auto& code : stored_codes()) {
      if (code.kind == kind) {
        names_.emplace(code.code, code.name);
      }
    }
  }

  [[nodiscard]] std::optional<std::string> name(const std::optional<std::int64_t>& code) const {
    const auto found = code ? names_.find(*code) : names_.end();
    return found == names_.end() ? std::nullopt : std::optional{found->second};
  }

 private:
  std::map<std::int64_t, std::string> names_;
};

bool is_kind(const StoredEvent& event, EventKind kind) {
  return event.kind == static_cast<std::int64_t>(kind);
}

/// The events that are rows of their own, by connection.
std::unordered_map<std::int64_t, std::vector<StoredEvent>> single_events(store::Reader& reader,
                                                                         const std::string& ids) {
  std::unordered_map<std::int64_t, std::vector<StoredEvent>> found;
  reader.each(
      incident_sql("single_events"),
      {{"ids", ids}},
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        found[number_at(row, 0).value_or(0)].push_back({number_at(row, 1).value_or(0),
                                                        number_at(row, 2).value_or(0),
                                                        number_at(row, 3).value_or(0),
                                                        number_at(row, 4).value_or(0),
                                                        number_at(row, 5),
                                                        number_at(row, 6)});
        return true;
      });
  return found;
}

/// How many connections enter and leave each state, by buckets of a window.
class OpenCounts {
 public:
  OpenCounts(std::int64_t from_ns, std::int64_t to_ns, std::int64_t bucket_ns)
      : from_ns_{from_ns},
        to_ns_{to_ns},
        bucket_ns_{bucket_ns},
        changes_(static_cast<std::size_t>((to_ns - from_ns) / bucket_ns + 1)) {}

  void add(const ConnectionEvents& connection) {
    std::optional<std::size_t> now;
    for (const auto& event : connection.events) {
      if (event.at_ns > to_ns_ || is_kind(event, EventKind::owner) ||
          is_kind(event, EventKind::offload)) {
        continue;
      }
      change(event.at_ns, now, -1);
      now = is_kind(event, EventKind::close)
                ? std::nullopt
                : std::optional{connection.is_udp ? kUdp : place_of(event.to)};
      change(event.at_ns, now, 1);
    }
    if (connection.lost_ns && *connection.lost_ns < to_ns_) {
      change(*connection.lost_ns, now, -1);
    }
  }

  [[nodiscard]] Table table() const {
    const CodeNames states{"state"};
    auto table = incident_table("open");
    for (std::size_t bucket = 0; bucket < changes_.size(); ++bucket) {
      for (std::size_t state = 0; state < kPlaces; ++state) {
        if (const auto by = changes_[bucket][state]; by != 0) {
          auto name = state == kUdp
                          ? "UDP"
                          : states.name(static_cast<std::int64_t>(state)).value_or("unknown");
          table.rows.push_back({static_cast<std::int64_t>(bucket), std::move(name), by});
        }
      }
    }
    return table;
  }

 private:
  // The places of the states are their codes, which a history stores in four bits. None is 0.
  static constexpr std::size_t kUnknown = 0;
  static constexpr std::size_t kUdp = 16;
  static constexpr std::size_t kPlaces = 17;

  static std::size_t place_of(const std::optional<std::int64_t>& state) {
    const auto code = state.value_or(0);
    return code > 0 && code < static_cast<std::int64_t>(kUdp) ? static_cast<std::size_t>(code)
                                                              : kUnknown;
  }

  void change(std::int64_t at_ns, std::optional<std::size_t> state, std::int64_t by) {
    if (state) {
      const auto bucket = at_ns <= from_ns_ ? 0 : (at_ns - from_ns_) / bucket_ns_;
      changes_[static_cast<std::size_t>(bucket)][*state] += by;
    }
  }

  std::int64_t from_ns_;
  std::int64_t to_ns_;
  std::int64_t bucket_ns_;
  std::vector<std::array<std::int64_t, kPlaces>> changes_;  ///< by bucket
};

/// The cell of a code's name; unknown if it has none.
Cell cell_of_name(const std::optional<std::string>& name) {
  return name ? Cell{*name} : Cell{};
}

}  // namespace

std::string incident_sql(std::string_view name) {
  return store::expand_sql(section_of(name).sql);
}

Table incident_table(std::string_view name) {
  return section_of(name).heading;
}

void each_history(store::Reader& reader,
                  const std::string& ids,
                  const std::function<void(const ConnectionEvents&)>& on_connection) {
  auto singles = single_events(reader, ids);
  std::int64_t place = 0;
  reader.each(
      incident_sql("histories"),
      {{"ids", ids}},
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        ConnectionEvents connection{place++,
                                    number_at(row, 2).value_or(0),
                                    number_at(row, 5).value_or(0) != 0,
                                    number_at(row, 6).value_or(0) != 0,
                                    number_at(row, 7),
                                    {}};
        if (const auto* const history = std::get_if<std::string>(&row.at(3))) {
          connection.events = store::read_history(
              *history, number_at(row, 1).value_or(0), number_at(row, 4).value_or(0));
        }
        if (const auto more = singles.find(number_at(row, 0).value_or(0)); more != singles.end()) {
          auto& events = connection.events;
          events.insert(events.end(), more->second.begin(), more->second.end());
          std::stable_sort(events.begin(), events.end(), [](const auto& a, const auto& b) {
            return a.id < b.id;
          });
        }
        on_connection(connection);
        return true;
      });
}

Table open_changes(store::Reader& reader,
                   const std::string& ids,
                   std::int64_t from_ns,
                   std::int64_t to_ns,
                   std::int64_t bucket_ns) {
  OpenCounts counts{from_ns, to_ns, bucket_ns};
  each_history(reader, ids, [&](const ConnectionEvents& connection) {
    if (!connection.is_listener) {
      counts.add(connection);
    }
  });
  return counts.table();
}

Table event_rows(store::Reader& reader,
                 const std::string& ids,
                 std::int64_t until_ns,
                 const Table& processes) {
  const CodeNames kinds{"event"};
  const CodeNames states{"state"};
  const CodeNames offloads{"offload"};
  std::map<std::int64_t, std::string> owners;
  for (const auto& row : processes.rows) {
    const auto* const name = std::get_if<std::string>(&row.at(1));
    owners.emplace(
        number_at(row, 0).value_or(0),
        fmt::format("{} {}", name == nullptr ? "?" : *name, number_at(row, 2).value_or(0)));
  }
  const auto entered = [&](const StoredEvent& event) -> Cell {
    if (is_kind(event, EventKind::owner)) {
      const auto owner = event.to ? owners.find(*event.to) : owners.end();
      return owner == owners.end() ? Cell{} : Cell{owner->second};
    }
    return cell_of_name((is_kind(event, EventKind::offload) ? offloads : states).name(event.to));
  };
  auto table = incident_table("events");
  each_history(reader, ids, [&](const ConnectionEvents& connection) {
    for (const auto& event : connection.events) {
      if (event.at_ns <= until_ns) {
        table.rows.push_back({connection.place,
                              wrapping_subtract(event.at_ns, connection.began_ns),
                              event.error_ns,
                              cell_of_name(kinds.name(event.kind)),
                              entered(event)});
      }
    }
  });
  return table;
}

}  // namespace netlog::report
