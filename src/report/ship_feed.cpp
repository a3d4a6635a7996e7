// SPDX-License-Identifier: MIT
#include "report/ship_feed.hpp"

#include "report/export_section.hpp"
#include "report/sql_text.hpp"
#include "store/db/sql_macros.hpp"
#include "util/sha1.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <span>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr std::int64_t kRowsOfPage = 10'000;
constexpr std::size_t kTextOfPage = std::size_t{32} << 20U;

std::string ship_query(std::string_view name) {
  auto sql = export_section(name).sql;
  sql.erase(sql.rfind(';'));
  return store::expand_sql(sql);
}

/// 0 where a file has none that is a number.
std::int64_t shipped_number(const Cell& cell) {
  const auto* const number = std::get_if<std::int64_t>(&cell);
  return number == nullptr ? 0 : *number;
}

std::string shipped_text(const Cell& cell) {
  const auto* const text = std::get_if<std::string>(&cell);
  return text == nullptr ? std::string{} : *text;
}

std::size_t shipped_text_bytes(const std::vector<Cell>& row) {
  std::size_t bytes = 0;
  for (const auto& cell : row) {
    const auto* const text = std::get_if<std::string>(&cell);
    bytes += text == nullptr ? 0 : text->size();
  }
  return bytes;
}

}  // namespace

/// Queries within it read the same snapshot.
void ShipFeed::at_one_moment(const std::function<void()>& read) {
  reader_.each(
      "SELECT 1",
      {},
      [](const auto&) {},
      [&](const auto&) {
        read();
        return true;
      });
}

std::int64_t ShipFeed::number(std::string_view query, const store::Parameters& parameters) {
  const auto rows = reader_.query(ship_query(query), parameters).cells;
  return rows.empty() ? 0 : shipped_number(rows[0].at(0));
}

std::optional<RecordingIdentity> ShipFeed::identity() {
  RecordingIdentity identity;
  at_one_moment([&] {
    for (const auto* const query : {"ship_sessions_known", "ship_sessions_last"}) {
      for (const auto& row : reader_.query(ship_query(query)).cells) {
        const std::pair session{shipped_number(row.at(0)), shipped_number(row.at(1))};
        if (identity.sessions.empty()) {
          identity.oldest = session;
          identity.host = shipped_text(row.at(2));
          identity.boot_id = shipped_text(row.at(3));
        }
        identity.sessions.push_back(session);
        identity.hosts.insert(shipped_text(row.at(2)));
      }
    }
    std::string clips;
    for (const auto& row : reader_.query(ship_query("ship_clips")).cells) {
      for (const auto& cell : row) {
        clips += fmt::format("{} {}\n", shipped_number(cell), shipped_text(cell));
      }
    }
    if (!clips.empty()) {
      const auto digest = sha1(std::as_bytes(std::span{clips}));
      identity.clip = netlog::hex(std::span{digest}.first(8));
    }
  });
  return identity.sessions.empty() ? std::nullopt : std::optional{identity};
}

NewestRows ShipFeed::newest() {
  NewestRows newest;
  at_one_moment([&] { newest = read_newest(); });
  return newest;
}

NewestRows ShipFeed::read_newest() {
  const auto rows = reader_.query(ship_query("ship_newest")).cells;
  if (rows.empty()) {
    return {};
  }
  const auto cell = [&](std::size_t column) { return shipped_number(rows[0].at(column)); };
  NewestRows newest{.session = cell(0),
                    .session_started_ns = cell(1),
                    .event = cell(3),
                    .event_connection = cell(4),
                    .connection = cell(5),
                    .deleted = cell(6)};
  newest.event_at_ns =
      number("ship_event", {{"connection", newest.event_connection}, {"event", newest.event}});
  // A batch of the recorder has events, or ticks, or both.
  newest.version = static_cast<std::int64_t>((static_cast<std::uint64_t>(newest.session) << 40U) +
                                             static_cast<std::uint64_t>(newest.event) +
                                             static_cast<std::uint64_t>(cell(2)));
  return newest;
}

bool ShipFeed::has_event(std::int64_t event, std::int64_t connection, std::int64_t at_ns) {
  const auto rows =
      reader_.query(ship_query("ship_event"), {{"connection", connection}, {"event", event}}).cells;
  return rows.size() == 1 && shipped_number(rows[0].at(0)) == at_ns;
}

std::vector<std::int64_t> ShipFeed::missing(const std::vector<std::int64_t>& connections) {
  std::vector<std::int64_t> missing;
  const store::Parameters ids{{"ids", fmt::format("[{}]", fmt::join(connections, ","))}};
  for (const auto& row : reader_.query(ship_query("ship_missing"), ids).cells) {
    missing.push_back(shipped_number(row.at(0)));
  }
  return missing;
}

Deletions ShipFeed::deletions() {
  const auto rows = reader_.query(ship_query("ship_deletions")).cells;
  return rows.empty() ? Deletions{}
                      : Deletions{shipped_number(rows[0].at(0)), shipped_number(rows[0].at(1))};
}

ShipPage ShipFeed::first(std::int64_t connection) {
  return connections("ship_first", "connection", connection);
}

ShipPage ShipFeed::changed(std::int64_t event) {
  return connections("ship_changed", "event", event);
}

ShipPage ShipFeed::open(std::int64_t connection) {
  return connections("ship_open", "connection", connection);
}

ShipPage ShipFeed::connections(std::string_view query,
                               std::string_view parameter,
                               std::int64_t after) {
  // A page with texts of a strange length is read again with fewer rows.
  for (auto most = kRowsOfPage;; most = std::max<std::int64_t>(most / 10, 1)) {
    ShipPage page;
    page.last = after;
    store::Parameters parameters{{"rows", most}};
    parameters[std::string{parameter}] = after;
    bool fits = true;
    at_one_moment([&] { fits = add_connections(page, query, parameters, most); });
    if (fits) {
      return page;
    }
  }
}

/// @returns false if the texts are too many for `most` rows
bool ShipFeed::add_connections(ShipPage& page,
                               std::string_view query,
                               const store::Parameters& parameters,
                               std::int64_t most) {
  page.newest = read_newest();
  const auto found = reader_.query(ship_query(query), parameters).cells;
  page.is_last = std::ssize(found) < most;
  page.has_older = number("ship_has_closed_before", {{"event", page.last}}) != 0;
  if (found.empty()) {
    return true;
  }
  page.last = shipped_number(found.back().at(0));
  page.last_connection = shipped_number(found.back().at(1));
  page.last_at_ns =
      number("ship_event", {{"connection", page.last_connection}, {"event", page.last}});
  std::vector<std::int64_t> ids;
  ids.reserve(found.size());
  for (const auto& row : found) {
    ids.push_back(shipped_number(row.at(1)));
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return add_rows(page, ids, most == 1);
}

bool ShipFeed::add_rows(ShipPage& page, const std::vector<std::int64_t>& ids, bool is_only_one) {
  auto sql = ship_query("ship_connections");
  replace_all(sql, "/*ids*/", fmt::format("{}", fmt::join(ids, ",")));
  std::size_t bytes = 0;
  reader_.each(
      sql,
      {},
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        bytes += shipped_text_bytes(row);
        page.rows.push_back(row);
        return bytes <= kTextOfPage || is_only_one;
      });
  return bytes <= kTextOfPage || is_only_one;
}

ShipPage ShipFeed::references(std::string_view query,
                              std::string_view parameter,
                              std::int64_t after,
                              std::size_t id_column) {
  ShipPage page;
  store::Parameters parameters{{"rows", kRowsOfPage}};
  parameters[std::string{parameter}] = after;
  page.last = after;
  at_one_moment([&] {
    page.newest = read_newest();
    page.rows = reader_.query(ship_query(query), parameters).cells;
  });
  page.is_last = std::ssize(page.rows) < kRowsOfPage;
  for (const auto& row : page.rows) {
    page.last = std::max(page.last, shipped_number(row.at(id_column)));
  }
  return page;
}

ShipPage ShipFeed::sessions(std::int64_t session) {
  return references("ship_sessions", "session", session, 0);
}

ShipPage ShipFeed::gaps(std::int64_t gap) {
  return references("ship_gaps", "gap", gap, 1);
}

ShipPage ShipFeed::coverage(std::int64_t window) {
  return references("ship_coverage", "coverage", window, 1);
}

}  // namespace netlog::report
