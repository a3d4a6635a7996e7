// SPDX-License-Identifier: MIT
#include "model/address.hpp"
#include "render/exports/named_cells.hpp"
#include "render/exports/summaries.hpp"

#include <set>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

/// `host 192.0.2.1 and port 443`; what is not known is left out.
std::string end_condition(const Cell& ip, const Cell& port) {
  std::string text;
  if (const auto address = parse_address(text_in(ip))) {
    text += fmt::format(" and host {}", to_string(*address));
  }
  if (const auto number = number_in(port); number && *number > 0) {
    text += fmt::format(" and port {}", *number);
  }
  return text;
}

}  // namespace

std::string pcap_filter(const Table& ends) {
  std::string filter;
  std::set<std::string> terms;
  for (const auto& cells : ends.rows) {
    const NamedRow row{ends, cells};
    const auto protocol = text_in(row.at("protocol"));
    if ((protocol != "tcp" && protocol != "udp") || !parse_address(text_in(row.at("remote_ip")))) {
      continue;
    }
    // Both ends may be on this host: each then has a row for the same packets.
    auto one = end_condition(row.at("local_ip"), row.at("local_port"));
    auto other = end_condition(row.at("remote_ip"), row.at("remote_port"));
    if (other < one) {
      std::swap(one, other);
    }
    const auto term = fmt::format("({}{}{})", protocol, one, other);
    if (terms.insert(term).second) {
      filter += (filter.empty() ? "" : " or ") + term;
    }
  }
  return filter.empty() ? filter : filter + "\n";
}

}  // namespace netlog::render
