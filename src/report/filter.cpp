// SPDX-License-Identifier: MIT
#include "report/filter.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

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
  return fmt::format("(family = 6 AND hex(bytes) BETWEEN {} AND {})", first, last);
}

void add_remote(Builder& out, const std::vector<AddressRange>& ranges) {
  std::string any;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    any += (i == 0 ? "" : " OR ") + in_range(out, ranges[i], i);
  }
  if (!any.empty()) {
    out.add(fmt::format("remote_address IN (SELECT text FROM address WHERE {})", any));
  }
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
    within += " AND i.from_ns <= :f_until";
  }
  if (filter.since_ns) {
    within += " AND (i.to_ns IS NULL OR i.to_ns >= :f_since)";
  }
  out.add(
      fmt::format("EXISTS (SELECT 1 FROM state_intervals AS i WHERE i.connection_id = "
                  "connections.id AND i.state IN ({}){})",
                  list,
                  within));
}

}  // namespace

Clause connection_clause(const Filter& filter) {
  Builder out;
  add_pids(out, filter.pids);
  out.match("process", filter.process);
  out.match("exe", filter.exe);
  out.match("user", filter.user);
  if (filter.protocol) {
    out.add("protocol = " + out.bind("f_protocol", std::string{name(*filter.protocol)}));
  }
  if (filter.port) {
    const auto port = out.bind("f_port", static_cast<std::int64_t>(*filter.port));
    out.add(fmt::format("(local_port = {0} OR remote_port = {0})", port));
  }
  out.equal("local_port", filter.local_port);
  out.equal("remote_port", filter.remote_port);
  add_remote(out, filter.remote);
  if (filter.until_ns) {
    out.add("coalesce(opened_ns, first_seen_ns) <= " + out.bind("f_until", *filter.until_ns));
  }
  if (filter.since_ns) {
    out.add("max(last_seen_ns, coalesce(closed_ns, 0)) >= " +
            out.bind("f_since", *filter.since_ns));
  }
  add_states(out, filter);
  return out.take();
}

}  // namespace netlog::report
