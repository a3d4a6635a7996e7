// SPDX-License-Identifier: MIT
#include "decode/dns.hpp"
#include "decode/dns_wire.hpp"
#include "decode/net_names.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace netlog::decode {
namespace {

constexpr std::size_t kMaxEntries = 100'000;

/// A name as in Lookup; nothing if no DNS server could have it.
std::optional<std::string> host_name(std::string_view text) {
  if (text.ends_with('.')) {
    text.remove_suffix(1);
  }
  // The first label's length and the root's take two bytes more in a message.
  const auto labels = split(text, '.');
  const bool is_name = text.size() <= kMaxNameBytes - 2 &&
                       std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
                         return !label.empty() && label.size() <= kMaxLabelBytes;
                       });
  return is_name ? std::optional{lower(text)} : std::nullopt;
}

}  // namespace

std::vector<HostsEntry> decode_hosts(std::string_view text) {
  std::vector<HostsEntry> entries;
  std::set<IpAddress> known;
  for_each_host_name(text, [&](const IpAddress& address, std::string_view name) {
    if (address.is_loopback() || address.is_unspecified() || entries.size() >= kMaxEntries ||
        known.contains(address)) {
      return;
    }
    if (auto printable = host_name(name)) {
      known.insert(address);
      entries.push_back(HostsEntry{address, std::move(*printable)});
    }
  });
  return entries;
}

}  // namespace netlog::decode
