// SPDX-License-Identifier: MIT
#include "store/db/sql_macros.hpp"

#include "model/codes.hpp"
#include "store/db/event_history.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

namespace netlog::store {
namespace {

[[noreturn]] void fail_unknown(std::string_view what) {
  throw std::invalid_argument{fmt::format("SQL abbreviation ${}", what)};
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// As SQL of ours spells it: `syn_sent`, `snapshot_notice`.
std::string spelling(std::string_view name) {
  std::string text;
  for (const char c : name) {
    text += c == '+' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return text;
}

std::string code_of(std::string_view kind, std::string_view word) {
  for (const auto& code : stored_codes()) {
    if (code.kind == kind && spelling(code.name) == word) {
      return std::to_string(code.code);
    }
  }
  fail_unknown(fmt::format("{}.{}", kind, word));
}

std::string name_of(std::string_view kind, std::string_view code) {
  std::string cases;
  for (const auto& stored : stored_codes()) {
    if (stored.kind == kind) {
      cases += fmt::format(" WHEN {} THEN '{}'", stored.code, stored.name);
    }
  }
  if (cases.empty()) {
    fail_unknown(fmt::format("name({}, …)", kind));
  }
  return fmt::format("CAST(CASE {}{} END AS TEXT)", code, cases);
}

/// In parentheses, unless it is a column or a number.
std::string operand(std::string_view expression) {
  const bool simple = std::all_of(
      expression.begin(), expression.end(), [](char c) { return is_word(c) || c == '.'; });
  return simple ? std::string{expression} : fmt::format("({})", expression);
}

std::string utc(std::string_view ns) {
  return fmt::format(
      "strftime('%Y-%m-%dT%H:%M:%S', {0} / 1000000000, 'unixepoch') || printf('.%06dZ', {0} / 1000 "
      "% 1000000)",
      ns);
}

std::string endpoint(std::string_view address, std::string_view port) {
  return fmt::format(
      "CASE WHEN {0} LIKE '%:%' THEN '[' || {0} || ']' ELSE {0} END || coalesce(':' || {1}, '')",
      address,
      port);
}

/// Whether a connect failed, for columns with the names of codes.
std::string connect_failed(std::string_view outcome, std::string_view reason) {
  return fmt::format(
      "({} IN ('refused', 'unreachable', 'timed_out') OR coalesce({}, '') IN ('unanswered', "
      "'caller_gave_up'))",
      outcome,
      reason);
}

/// Whether a connection failed. A RST that a client of ours sends, or that we send, is none: health
/// checks end like this.
std::string failed(std::string_view outcome, std::string_view reason, std::string_view direction) {
  return fmt::format("({} OR ({} = 'reset' AND {} <> 'inbound'))",
                     connect_failed(outcome, reason),
                     outcome,
                     direction);
}

/// Whether a socket without a peer was one of a UDP client: it had an ephemeral port, and lived for
/// less than a minute.
std::string of_udp_client(std::string_view c) {
  return fmt::format(
      "coalesce({0}.protocol = 'udp' AND {0}.local_port >= 32768 AND {0}.closed_ns - "
      "coalesce({0}.opened_ns, {0}.first_seen_ns) < 60e9, 0)",
      c);
}

std::string by_clock_now(std::string_view e) {
  return fmt::format(
      "({0}.at_ns + coalesce((SELECT sum(k.step_ns) FROM clock_step AS k JOIN session AS s ON s.id "
      "= k.session_id WHERE k.after_event >= {0}.id AND s.boot_id IS (SELECT o.boot_id FROM "
      "connection AS c JOIN session AS o ON o.id = c.session_id WHERE c.id = {0}.connection_id)), "
      "0))",
      e);
}

/// A part of the element `e` of c.history (schema/tables.sql). A number has the codes in its low
/// bits. Anything else than a number and a list says nothing.
std::string history(std::string_view part, std::string_view c, std::string_view e) {
  const auto either = [&](std::string_view number, int place) {
    return fmt::format(
        "CASE {0}.type WHEN 'integer' THEN {1} WHEN 'array' THEN {0}.value ->> {2} END",
        e,
        fmt::format(fmt::runtime(number), fmt::format("{}.value", e)),
        place);
  };
  std::string sql;
  if (part == "kind") {
    sql = fmt::format("coalesce({}, 0)", either("{} >> 8 & 7", 1));
  } else if (part == "old") {
    sql = either("nullif({} >> 4 & 15, 15)", 2);
  } else if (part == "new") {
    sql = either("nullif({} & 15, 15)", 3);
  } else if (part == "error") {
    sql = fmt::format("coalesce({}, 0)", either("0", 4));
  } else if (part == "at") {
    sql = fmt::format("{}.first_seen_ns + coalesce({}, 0)", c, either("{} >> 11", 0));
  } else if (part == "id") {
    sql = fmt::format("{}.first_event + {}.key + coalesce({}, 0)", c, e, either("0", 5));
  } else {
    fail_unknown(fmt::format("history({}, …)", part));
  }
  return fmt::format("CAST({} AS INTEGER)", sql);
}

/// Where a quoted text or a comment that begins at `at` ends; `at` if none begins there.
std::size_t skipped(std::string_view sql, std::size_t at) {
  const auto rest = sql.substr(at);
  const auto behind = [&](std::string_view closing, std::size_t from) {
    const auto end = rest.find(closing, from);
    return end == std::string_view::npos ? sql.size() : at + end + closing.size();
  };
  if (rest.starts_with('\'') || rest.starts_with('"')) {
    return behind(rest.substr(0, 1), 1);
  }
  if (rest.starts_with("--")) {
    return behind("\n", 2);
  }
  return rest.starts_with("/*") ? behind("*/", 2) : at;
}

/// Arguments in parentheses, the first of which stands at `at`, which is moved behind the last.
std::vector<std::string> arguments(std::string_view sql, std::size_t& at) {
  std::vector<std::string> found;
  int depth = 0;
  auto begin = at + 1;
  for (; at < sql.size(); ++at) {
    if (const auto end = skipped(sql, at); end > at) {
      at = end - 1;
    } else if (sql[at] == '(') {
      ++depth;
    } else if ((sql[at] == ',' && depth == 1) || (sql[at] == ')' && depth == 1)) {
      found.push_back(expand_sql(trim(sql.substr(begin, at - begin))));
      begin = at + 1;
      if (sql[at] == ')') {
        ++at;
        return found;
      }
    } else if (sql[at] == ')') {
      --depth;
    }
  }
  fail_unknown("…( without its end");
}

using Arguments = std::vector<std::string>;

struct Macro {
  std::string_view name;
  std::size_t arguments;
  std::string (*expand)(const Arguments& given);
};

constexpr std::array kMacros{
    Macro{"name", 2, [](const Arguments& given) { return name_of(given[0], given[1]); }},
    Macro{"utc", 1, [](const Arguments& given) { return utc(operand(given[0])); }},
    Macro{"endpoint",
          2,
          [](const Arguments& given) { return endpoint(operand(given[0]), operand(given[1])); }},
    Macro{"connect_failed",
          2,
          [](const Arguments& given) {
            return connect_failed(operand(given[0]), operand(given[1]));
          }},
    Macro{"of_udp_client", 1, [](const Arguments& given) { return of_udp_client(given[0]); }},
    Macro{"by_clock_now", 1, [](const Arguments& given) { return by_clock_now(given[0]); }},
    Macro{"list",
          1,
          [](const Arguments& given) {
            return fmt::format(
                "iif(length({0}) <= {1} AND substr({0}, 1, 1) = '[' AND "
                "json_valid({0}) AND json_array_length({0}) <= {2}, {0}, '[]')",
                given[0],
                kMaxHistoryText,
                kMaxHistoryToRead);
          }},
    Macro{
        "history", 3, [](const Arguments& given) { return history(given[0], given[1], given[2]); }},
    Macro{"failed", 3, [](const Arguments& given) {
            return failed(operand(given[0]), operand(given[1]), operand(given[2]));
          }}};

/// What stands for the abbreviation that begins with the `$` at `at`, which is moved behind it.
std::string expanded(std::string_view sql, std::size_t& at) {
  const auto word_at = [&](std::size_t from) {
    auto end = from;
    while (end < sql.size() && is_word(sql[end])) {
      ++end;
    }
    return sql.substr(from, end - from);
  };
  const auto first = word_at(at + 1);
  at += 1 + first.size();
  if (at < sql.size() && sql[at] == '.') {
    const auto second = word_at(at + 1);
    at += 1 + second.size();
    return code_of(first, second);
  }
  if (at < sql.size() && sql[at] == '(') {
    const auto given = arguments(sql, at);
    for (const auto& macro : kMacros) {
      if (macro.name == first && macro.arguments == given.size()) {
        return macro.expand(given);
      }
    }
  }
  fail_unknown(first);
}

}  // namespace

std::string expand_sql(std::string_view sql) {
  std::string out;
  for (std::size_t at = 0; at < sql.size();) {
    if (const auto end = skipped(sql, at); end > at) {
      out += sql.substr(at, end - at);
      at = end;
    } else if (sql[at] == '$') {
      out += expanded(sql, at);
    } else {
      out += sql[at];
      ++at;
    }
  }
  return out;
}

}  // namespace netlog::store
