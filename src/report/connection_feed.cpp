// SPDX-License-Identifier: MIT
#include "report/connection_feed.hpp"

#include "report/event_feed.hpp"
#include "report/export.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr std::size_t kConnectionsAtOnce = 500;

// A connection has one such event: the entry into TIME_WAIT, or else its close.
constexpr std::string_view kNewlyEnded = R"(
SELECT DISTINCT connection_id
FROM event_rows
WHERE newest > :last_id AND id > :last_id AND id <= :newest_id
  AND ((kind = 'close' AND old IS NOT 'TIME_WAIT') OR (kind IN ('open', 'state') AND new = 'TIME_WAIT'))
ORDER BY connection_id)";

// The rows of connections that have ended have their events in them.
constexpr std::string_view kInNewestRows =
    "id IN (SELECT id FROM connection WHERE last_event IS NOT NULL ORDER BY last_event DESC LIMIT "
    "4000)";

std::vector<std::int64_t> ids_in(const store::Rows& rows) {
  std::vector<std::int64_t> ids;
  for (const auto& row : rows.cells) {
    if (const auto* const id = std::get_if<std::int64_t>(&row.at(0))) {
      ids.push_back(*id);
    }
  }
  return ids;
}

}  // namespace

std::vector<std::int64_t> ConnectionFeed::last_ids(std::int64_t count, bool of_newest_rows) {
  auto clause = of_newest_rows ? known_connection_clause(filter_) : connection_clause(filter_);
  clause.parameters["count"] = count;
  return ids_in(reader_.query(
      fmt::format("SELECT id FROM connections WHERE {} AND closed_ns IS NOT NULL AND {} AND ({}) "
                  "ORDER BY closed_ns DESC, id DESC LIMIT :count",
                  of_newest_rows ? kInNewestRows : "1",
                  peers_only_ ? "direction <> 'listen' AND (protocol = 'tcp' OR remote_address IS "
                                "NOT NULL)"
                              : "1",
                  clause.sql),
      clause.parameters));
}

void ConnectionFeed::last(std::int64_t count,
                          const OnNames& on_names,
                          const OnConnection& on_connection) {
  last_id_ = newest_event_id(reader_);
  if (count == 0) {
    return;
  }
  auto ids = last_ids(count, true);
  if (std::ssize(ids) < count) {
    ids = last_ids(count, false);
  }
  std::sort(ids.begin(), ids.end());
  read(std::move(ids), on_names, on_connection);
}

void ConnectionFeed::next(const OnNames& on_names, const OnConnection& on_connection) {
  const auto version = data_version(reader_);
  if (std::exchange(version_, version) == version) {
    return;
  }
  const auto newest = newest_event_id(reader_);
  store::Parameters parameters;
  parameters["newest_id"] = newest;
  parameters["last_id"] = std::exchange(last_id_, newest);
  read(ids_in(reader_.query(std::string{kNewlyEnded}, parameters)), on_names, on_connection);
}

void ConnectionFeed::read(std::vector<std::int64_t> ids,
                          const OnNames& on_names,
                          const OnConnection& on_connection) {
  bool goes_on = true;
  for (std::size_t from = 0; from < ids.size() && goes_on; from += kConnectionsAtOnce) {
    const auto to = std::min(from + kConnectionsAtOnce, ids.size());
    ExportOptions options;
    options.peers_only = peers_only_;
    options.ids.emplace(ids.begin() + static_cast<std::ptrdiff_t>(from),
                        ids.begin() + static_cast<std::ptrdiff_t>(to));
    each_connection(reader_, filter_, options, on_names, [&](const std::vector<Cell>& cells) {
      return goes_on = on_connection(cells);
    });
  }
}

}  // namespace netlog::report
