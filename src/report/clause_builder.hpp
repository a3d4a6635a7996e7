// SPDX-License-Identifier: MIT
#pragma once

#include "report/filter.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::report {

/// Collects the conditions of a WHERE clause, joined by AND, and the values that they bind.
class ClauseBuilder {
 public:
  void add(const std::string& condition) {
    clause_.sql += (clause_.sql.empty() ? "" : " AND ") + condition;
  }

  /// Binds a value. @return the placeholder that stands for it, `:name`.
  std::string bind(std::string name, Cell value) {
    auto placeholder = ":" + name;
    clause_.parameters.emplace(std::move(name), std::move(value));
    return placeholder;
  }

  /// The column has this value, if one is given.
  template <typename T>
  void add_equal(std::string_view column, const std::optional<T>& value) {
    if (value) {
      add(fmt::format("{} = {}",
                      column,
                      bind(fmt::format("f_{}", column), Cell{static_cast<std::int64_t>(*value)})));
    }
  }

  /// The column has this text, if one is given, or matches it where it has wildcards of GLOB.
  void add_match(std::string_view column, const std::optional<std::string>& text);

  /// The whole clause; `1` without a condition.
  Clause take();

 private:
  Clause clause_;
};

/// A SELECT of the ids of connections that have not ended.
constexpr std::string_view kNotEnded = "SELECT id FROM connection WHERE duration_bucket IS NULL";

/// A SELECT of the ids of ended connections that may have lived between `since` and `until`: each
/// began in this time, or before it by no more than its class of durations lasts.
std::string ended_within(std::string_view since, std::string_view until);

/// Whether the filter restricts the owner.
bool names_owner(const Filter& filter);

/// The filter's pids, process, exe and user, over columns of these names and `process_id`.
void add_owner(ClauseBuilder& out, const Filter& filter);
Clause owner_clause(const Filter& filter);

/// The filter's protocol and ports.
void add_ports(ClauseBuilder& out, const Filter& filter);

/// The filter's states, within its window, of the connection with the id `id`.
void add_states(ClauseBuilder& out, const Filter& filter);

/// The filter's outcomes.
void add_outcomes(ClauseBuilder& out, const Filter& filter, std::string_view outcome = "outcome");

/// Whether the filter restricts the remote end.
bool names_remote(const Filter& filter);

/// The filter's remote addresses and name, over the columns `remote_address` and `remote_name`.
void add_remote(ClauseBuilder& out, const Filter& filter);

/// A SELECT of the ids of peers that the filter's remote addresses and name select.
std::string remote_peers(ClauseBuilder& out, const Filter& filter);

/// The column, of names, has the name that the filter gives, or one that matches its pattern.
std::string name_matches(ClauseBuilder& out, std::string_view column, const std::string& name);

/// `(SELECT id, process_id, pid, process, exe, user …)`: all processes, under the names that
/// add_owner() uses.
std::string_view owner_table();

/// A SELECT of the ids of connections that had an owner for which the condition holds, and have
/// another one now. `since`: an expression; those whose owner changed before this time are left
/// out. Empty: none are.
std::string formerly_owned(const std::string& owner_condition, const std::string& since);

}  // namespace netlog::report
