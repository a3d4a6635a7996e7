// SPDX-License-Identifier: MIT
#include "report/clause_builder.hpp"

#include "store/db/sql_macros.hpp"

namespace netlog::report {
namespace {

std::string hex(const IpAddress& address) {
  std::string out;
  for (std::size_t i = 0; i < address.size(); ++i) {
    out += fmt::format("{:02X}", address.bytes.at(i));
  }
  return out;
}

bool is_pattern(const std::string& text) {
  return text.find_first_of("*?[") != std::string::npos;
}

/// The condition on a row of `address` to lie in range number `number`. An IPv4 range also means
/// its addresses as a dual-stack socket shows them, ::ffff:a.b.c.d.
std::string in_range(ClauseBuilder& out, const AddressRange& range, std::size_t number) {
  const auto first = out.bind(fmt::format("f_remote{}_first", number), hex(range.first));
  const auto last = out.bind(fmt::format("f_remote{}_last", number), hex(range.last));
  if (range.first.family == Family::ipv4) {
    return fmt::format(
        "(family = $family.ipv4 AND hex(bytes) BETWEEN {0} AND {1}) OR (family = $family.ipv6 AND "
        "hex(bytes) BETWEEN "
        "'00000000000000000000FFFF' || {0} AND '00000000000000000000FFFF' || {1})",
        first,
        last);
  }
  const auto scope = range.first.scope == 0
                         ? std::string{}
                         : " AND text GLOB " + out.bind(fmt::format("f_remote{}_scope", number),
                                                        fmt::format("*%{}", range.first.scope));
  return fmt::format(
      "(family = $family.ipv6 AND hex(bytes) BETWEEN {} AND {}{})", first, last, scope);
}

/// `FROM address WHERE …`: the addresses in any of the filter's remote ranges.
std::string remote_addresses(ClauseBuilder& out, const Filter& filter) {
  std::string any;
  for (std::size_t i = 0; i < filter.remote.size(); ++i) {
    any += (i == 0 ? "" : " OR ") + in_range(out, filter.remote[i], i);
  }
  return "FROM address WHERE " + any;
}

/// Binds each value under its own name and lists the placeholders: `:f_pid0, :f_pid1`.
template <typename T, typename ToCell>
std::string bind_list(ClauseBuilder& out,
                      std::string_view name,
                      const std::vector<T>& values,
                      ToCell to_cell) {
  std::string list;
  for (std::size_t i = 0; i < values.size(); ++i) {
    list += (i == 0 ? "" : ", ") + out.bind(fmt::format("{}{}", name, i), to_cell(values[i]));
  }
  return list;
}

}  // namespace

void ClauseBuilder::add_match(std::string_view column, const std::optional<std::string>& text) {
  if (text) {
    add(fmt::format("{} {} {}",
                    column,
                    is_pattern(*text) ? "GLOB" : "=",
                    bind(fmt::format("f_{}", column), *text)));
  }
}

Clause ClauseBuilder::take() {
  if (clause_.sql.empty()) {
    clause_.sql = "1";
  }
  clause_.sql = store::expand_sql(clause_.sql);
  return std::move(clause_);
}

namespace {

/// The owner has this name, or runs this script or service. Only processes whose command line or
/// services have the text are looked at more closely.
void add_program(ClauseBuilder& out, const std::string& text) {
  const auto wanted = out.bind("f_process", text);
  const auto* const match = is_pattern(text) ? "GLOB" : "=";
  const auto* const has = is_pattern(text)
                              ? "p.cmdline GLOB '*' || {0} || '*' OR p.service GLOB {0}"
                              : "instr(p.cmdline, {0}) OR p.service = {0}";
  out.add(
      fmt::format("(process {0} {1} OR process_id IN (SELECT s.process_id FROM process AS p CROSS "
                  "JOIN scripts AS s ON s.process_id = p.id WHERE ({2}) AND s.script {0} {1}))",
                  match,
                  wanted,
                  fmt::format(fmt::runtime(has), wanted)));
}

}  // namespace

std::string ended_within(std::string_view since, std::string_view until) {
  return fmt::format(
      "SELECT c.id FROM duration_bucket AS k CROSS JOIN connection AS c ON c.duration_bucket = "
      "k.code AND coalesce(c.opened_ns, c.first_seen_ns) BETWEEN {} - k.span_ns AND {}",
      since,
      until);
}

bool names_owner(const Filter& filter) {
  return !filter.pids.empty() || filter.process || filter.exe || filter.user;
}

void add_owner(ClauseBuilder& out, const Filter& filter) {
  if (!filter.pids.empty()) {
    const auto list =
        bind_list(out, "f_pid", filter.pids, [](std::int64_t pid) { return Cell{pid}; });
    out.add(fmt::format("pid IN ({})", list));
  }
  if (filter.process) {
    add_program(out, *filter.process);
  }
  out.add_match("exe", filter.exe);
  out.add_match("user", filter.user);
}

Clause owner_clause(const Filter& filter) {
  ClauseBuilder out;
  add_owner(out, filter);
  return out.take();
}

void add_ports(ClauseBuilder& out, const Filter& filter) {
  if (filter.protocol) {
    out.add("protocol = " + out.bind("f_protocol", std::string{name(*filter.protocol)}));
  }
  if (filter.port) {
    const auto port = out.bind("f_port", static_cast<std::int64_t>(*filter.port));
    out.add(fmt::format("(local_port = {0} OR remote_port = {0})", port));
  }
  if (filter.netns) {
    out.add("netns = " + out.bind("f_netns", *filter.netns));
  }
  out.add_equal("local_port", filter.local_port);
  out.add_equal("remote_port", filter.remote_port);
}

void add_states(ClauseBuilder& out, const Filter& filter) {
  if (filter.states.empty()) {
    return;
  }
  const auto list = bind_list(
      out, "f_state", filter.states, [](TcpState state) { return Cell{std::string{name(state)}}; });
  std::string within;
  if (filter.until_ns) {
    within += " AND i.from_ns <= " + out.bind("f_until", *filter.until_ns);
  }
  if (filter.since_ns) {
    within += " AND (i.to_ns IS NULL OR i.to_ns >= " + out.bind("f_since", *filter.since_ns) + ")";
  }
  // The view of intervals has no column `id`, so it is the connection's.
  out.add(
      fmt::format("EXISTS (SELECT 1 FROM state_intervals AS i WHERE i.connection_id = id AND "
                  "i.state IN ({}){})",
                  list,
                  within));
}

void add_outcomes(ClauseBuilder& out, const Filter& filter, std::string_view outcome) {
  if (!filter.outcomes.empty()) {
    out.add(fmt::format("{} IN ({})",
                        outcome,
                        bind_list(out, "f_outcome", filter.outcomes, [](const std::string& name) {
                          return Cell{name};
                        })));
  }
}

bool names_remote(const Filter& filter) {
  return !filter.remote.empty() || filter.remote_name;
}

std::string name_matches(ClauseBuilder& out, std::string_view column, const std::string& name) {
  if (name.find('*') == std::string::npos) {
    return fmt::format("lower({}) = {}", column, out.bind("f_remote_name", name));
  }
  std::string pattern;
  for (const char c : name) {
    pattern += c == '?' || c == '[' ? fmt::format("[{}]", c) : std::string{c};
  }
  return fmt::format("lower({}) GLOB {}", column, out.bind("f_remote_name", pattern));
}

void add_remote(ClauseBuilder& out, const Filter& filter) {
  if (!filter.remote.empty()) {
    out.add(fmt::format("remote_address IN (SELECT text {})", remote_addresses(out, filter)));
  }
  if (filter.remote_name) {
    out.add(name_matches(out, "remote_name", *filter.remote_name));
  }
}

std::string remote_peers(ClauseBuilder& out, const Filter& filter) {
  std::string sql = "SELECT p.id FROM peer AS p WHERE ";
  if (!filter.remote.empty()) {
    sql += fmt::format("p.remote_address_id IN (SELECT id {})", remote_addresses(out, filter));
  }
  if (filter.remote_name) {
    sql += fmt::format("{}p.name_id IN (SELECT n.id FROM name AS n WHERE {})",
                       filter.remote.empty() ? "" : " AND ",
                       name_matches(out, "n.text", *filter.remote_name));
  }
  return sql;
}

std::string_view owner_table() {
  return "(SELECT id, id AS process_id, pid, name AS process, exe, user FROM process)";
}

std::string formerly_owned(const std::string& owner_condition, const std::string& since) {
  return fmt::format(
      "SELECT e.connection_id FROM (SELECT id FROM {} WHERE {}) AS p CROSS JOIN event AS e ON "
      "e.old = p.id WHERE e.kind = $event.owner AND e.old IS NOT NULL{}",
      owner_table(),
      owner_condition,
      since.empty() ? "" : " AND e.at_ns >= " + since);
}

}  // namespace netlog::report
