// SPDX-License-Identifier: MIT
#include "model/address.hpp"
#include "render/exports/named_cells.hpp"
#include "render/exports/summaries.hpp"

#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

/// How a language of filters says what is known of an end of a packet, and joins it.
struct FilterLanguage {
  std::string_view both;    // between two conditions
  std::string_view either;  // between two connections
  std::string (*address)(const IpAddress& address);
  std::string (*port)(std::string_view protocol, std::int64_t port);
};

constexpr FilterLanguage kPcap{
    " and ",
    " or ",
    [](const IpAddress& address) { return fmt::format("host {}", to_string(address)); },
    [](std::string_view /*protocol*/, std::int64_t port) { return fmt::format("port {}", port); }};

constexpr FilterLanguage kWireshark{
    " && ",
    " || ",
    [](const IpAddress& address) {
      return fmt::format(
          "{}.addr == {}", address.family == Family::ipv4 ? "ip" : "ipv6", to_string(address));
    },
    [](std::string_view protocol, std::int64_t port) {
      return fmt::format("{}.port == {}", protocol, port);
    }};

/// As packets have it: of a dual-stack socket's IPv4 peers without the prefix, and without a scope.
IpAddress address_in_packets(const IpAddress& address) {
  auto plain = ipv4_if_mapped(address);
  plain.scope = 0;
  return plain;
}

/// What is not known is left out.
std::string end_condition(const FilterLanguage& in,
                          std::string_view protocol,
                          const Cell& ip,
                          const Cell& port) {
  std::string text;
  if (const auto address = parse_address(text_in(ip))) {
    text += in.both;
    text += in.address(address_in_packets(*address));
  }
  if (const auto number = number_in(port); number && *number > 0) {
    text += in.both;
    text += in.port(protocol, *number);
  }
  return text;
}

std::string filter_of(const FilterLanguage& in, const Table& ends) {
  std::string filter;
  std::set<std::string> terms;
  for (const auto& cells : ends.rows) {
    const NamedRow row{ends, cells};
    const auto protocol = text_in(row.at("protocol"));
    if ((protocol != "tcp" && protocol != "udp") || !parse_address(text_in(row.at("remote_ip")))) {
      continue;
    }
    // Both ends may be on this host: each then has a row for the same packets.
    auto one = end_condition(in, protocol, row.at("local_ip"), row.at("local_port"));
    auto other = end_condition(in, protocol, row.at("remote_ip"), row.at("remote_port"));
    if (other < one) {
      std::swap(one, other);
    }
    const auto term = fmt::format("({}{}{})", protocol, one, other);
    if (terms.insert(term).second) {
      filter += filter.empty() ? "" : in.either;
      filter += term;
    }
  }
  return filter.empty() ? filter : filter + "\n";
}

}  // namespace

std::string pcap_filter(const Table& ends) {
  return filter_of(kPcap, ends);
}

std::string display_filter(const Table& ends) {
  return filter_of(kWireshark, ends);
}

}  // namespace netlog::render
