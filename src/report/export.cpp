// SPDX-License-Identifier: MIT
#include "report/export.hpp"

#include "model/address.hpp"
#include "model/community_id.hpp"
#include "report/definition.hpp"
#include "report/export_queries.hpp"
#include "report/export_section.hpp"
#include "report/sql_text.hpp"
#include "store/db/sql_macros.hpp"
#include "util/sha1.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

struct ExportQuery {
  std::string sql;
  store::Parameters parameters;
};

/// SQLite finds constant ids by their index.
Clause clause_of(const Filter& filter, const std::optional<std::vector<std::int64_t>>& ids) {
  if (!ids) {
    return connection_clause(filter);
  }
  auto clause = known_connection_clause(filter);
  clause.sql = fmt::format("c.id IN ({}) AND ({})", fmt::join(*ids, ", "), clause.sql);
  return clause;
}

ExportQuery export_query(std::string_view name, const Clause& clause, std::int64_t limit) {
  auto selected = export_section("selected").sql;
  selected.erase(selected.rfind(';'));
  replace_all(selected, "/*filter*/ 1", clause.sql);
  ExportQuery query{export_section(name).sql, clause.parameters};
  replace_all(query.sql, "/*selected*/", selected);
  query.sql = store::expand_sql(query.sql);
  query.parameters["limit"] = limit;
  return query;
}

Table export_table(store::Reader& reader,
                   std::string_view name,
                   const Filter& filter,
                   std::int64_t limit) {
  auto table = export_section(name).heading;
  const auto query = export_query(name, connection_clause(filter), limit);
  table.rows = reader.query(query.sql, query.parameters).cells;
  return table;
}

/// The places of the columns from which an identifier is made.
class IdentifierColumns {
 public:
  explicit IdentifierColumns(const std::vector<std::string>& names) {
    const auto place = [&](std::string_view name) {
      const auto found = std::find(names.begin(), names.end(), name);
      return static_cast<std::size_t>(found - names.begin());
    };
    protocol_ = place("protocol");
    local_ip_ = place("local_ip");
    local_port_ = place("local_port");
    remote_ip_ = place("remote_ip");
    remote_port_ = place("remote_port");
    unique_ = {place("host"), place("boot_id"), place("id"), place("first_seen_ns")};
  }

  [[nodiscard]] Cell community_id_of(const std::vector<Cell>& row) const {
    const auto local = endpoint(row, local_ip_, local_port_);
    const auto remote = endpoint(row, remote_ip_, remote_port_);
    const auto* const protocol = std::get_if<std::string>(&row.at(protocol_));
    if (!local || !remote || local->address.family != remote->address.family ||
        protocol == nullptr) {
      return {};
    }
    return community_id(
        *protocol == name(Protocol::tcp) ? Protocol::tcp : Protocol::udp, *local, *remote);
  }

  /// `C` and 17 digits to the base 62, as long as those of Zeek.
  [[nodiscard]] std::string event_id_of(const std::vector<Cell>& row) const {
    std::string text;
    for (const auto place : unique_) {
      if (const auto* const number = std::get_if<std::int64_t>(&row.at(place))) {
        text += fmt::format("{}", *number);
      } else if (const auto* const word = std::get_if<std::string>(&row.at(place))) {
        text += *word;
      }
      text += '\0';
    }
    const auto digest = sha1(std::as_bytes(std::span{text.data(), text.size()}));
    return "C" + base62(std::span{digest}.first(8), 11) +
           base62(std::span{digest}.subspan(8, 4), 6);
  }

 private:
  static std::optional<Endpoint> endpoint(const std::vector<Cell>& row,
                                          std::size_t ip,
                                          std::size_t port) {
    const auto* const text = std::get_if<std::string>(&row.at(ip));
    const auto* const number = std::get_if<std::int64_t>(&row.at(port));
    const auto address = text == nullptr ? std::nullopt : parse_address(*text);
    if (!address || number == nullptr || *number < 1 ||
        *number > std::numeric_limits<std::uint16_t>::max()) {
      return std::nullopt;
    }
    return Endpoint{*address, static_cast<std::uint16_t>(*number)};
  }

  static std::string base62(std::span<const std::byte> bytes, std::size_t digits) {
    constexpr std::string_view kDigits =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    std::uint64_t number = 0;
    for (const auto byte : bytes) {
      number = (number << 8U) | std::to_integer<std::uint64_t>(byte);
    }
    std::string text(digits, kDigits.front());
    for (auto place = digits; place > 0; --place) {
      text[place - 1] = kDigits[number % kDigits.size()];
      number /= kDigits.size();
    }
    return text;
  }

  std::size_t protocol_ = 0;
  std::size_t local_ip_ = 0;
  std::size_t local_port_ = 0;
  std::size_t remote_ip_ = 0;
  std::size_t remote_port_ = 0;
  std::vector<std::size_t> unique_;
};

}  // namespace

Section export_section(std::string_view name) {
  for (const auto& [file, text] : kExportQueries) {
    for (auto& section : parse_definition(text).sections) {
      if (section.heading.name == name) {
        return std::move(section);
      }
    }
  }
  throw std::invalid_argument{fmt::format("no query of exports is called {}", name)};
}

void each_connection(store::Reader& reader,
                     const Filter& filter,
                     const ExportOptions& options,
                     const std::function<void(const std::vector<std::string>&)>& names,
                     const std::function<bool(const std::vector<Cell>&)>& row) {
  auto query = export_query("connections", clause_of(filter, options.ids), options.limit);
  query.parameters["peers_only"] = std::int64_t{options.peers_only ? 1 : 0};
  std::optional<IdentifierColumns> identifiers;
  std::vector<Cell> all_cells;  // keeps its memory from row to row
  reader.each(
      query.sql,
      query.parameters,
      [&](const std::vector<std::string>& columns) {
        identifiers.emplace(columns);
        auto all = columns;
        all.insert(all.end(), {"community_id", "event_id"});
        names(all);
      },
      [&](const std::vector<Cell>& cells) {
        all_cells = cells;
        all_cells.push_back(identifiers->community_id_of(cells));
        all_cells.emplace_back(identifiers->event_id_of(cells));
        return row(all_cells);
      });
}

Table talks(store::Reader& reader, const Filter& filter, std::int64_t limit) {
  auto table = export_table(reader, "talks", filter, limit);
  const auto column = table.columns.size() - 1;
  for (const auto& row : table.rows) {
    if (const auto* const total = std::get_if<std::int64_t>(&row.at(column))) {
      table.total = *total;
    }
  }
  return table;
}

Table counts(store::Reader& reader, const Filter& filter) {
  return export_table(reader, "counts", filter, -1);
}

Table packet_ends(store::Reader& reader, const Filter& filter, std::int64_t limit) {
  Table table;
  // One row too many shows that there are more.
  const auto most = std::min(limit, std::numeric_limits<std::int64_t>::max() - 1) + 1;
  for (const auto* const name : {"exact_ends", "service_ends", "remote_ends"}) {
    table = export_table(reader, name, filter, most);
    if (std::ssize(table.rows) <= limit) {
      break;
    }
  }
  return table;
}

}  // namespace netlog::report
