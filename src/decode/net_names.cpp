// SPDX-License-Identifier: MIT
#include "decode/net_names.hpp"

#include "util/text.hpp"

#include <algorithm>

namespace netlog::decode {
namespace {

constexpr std::size_t kLongestName = 253;  // RFC 1035 §2.3.4, as text
constexpr std::size_t kLongestLine = 4096;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_service_name(std::string_view text) {
  return is_net_name(text) && std::any_of(text.begin(), text.end(), is_letter);
}

/// The line without its comment, and without the words that end behind the longest length.
std::string_view entry_in(std::string_view line) {
  line = line.substr(0, line.find('#'));
  if (line.size() <= kLongestLine) {
    return line;
  }
  const auto end = line.find_last_of(" \t", kLongestLine);
  return line.substr(0, end == std::string_view::npos ? 0 : end);
}

/// The words of each line that has at least two, without its comment.
void for_each_entry(std::string_view text,
                    const std::function<void(const std::vector<std::string_view>&)>& entry) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto fields = words(entry_in(line));
    if (fields.size() >= 2) {
      entry(fields);
    }
  }
}

std::optional<Protocol> protocol_of(std::string_view text) {
  return text == "tcp"   ? std::optional{Protocol::tcp}
         : text == "udp" ? std::optional{Protocol::udp}
                         : std::nullopt;
}

}  // namespace

bool is_net_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
         });
}

void for_each_host_name(std::string_view text,
                        const std::function<void(const IpAddress&, std::string_view)>& host) {
  for_each_entry(text, [&](const auto& fields) {
    const auto address = parse_address(fields[0]);
    for (std::size_t i = 1; address && i < fields.size(); ++i) {
      if (is_net_name(fields[i])) {
        host(*address, fields[i]);
      }
    }
  });
}

std::vector<Service> parse_services(std::string_view text) {
  std::vector<Service> services;
  for_each_entry(text, [&](const auto& fields) {
    const auto slash = fields[1].find('/');
    if (slash == std::string_view::npos) {
      return;
    }
    const auto port = parse_number<std::uint16_t>(fields[1].substr(0, slash));
    const auto protocol = protocol_of(fields[1].substr(slash + 1));
    if (!port || *port == 0 || !protocol) {
      return;
    }
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (i != 1 && is_service_name(fields[i])) {
        services.push_back(Service{std::string{fields[i]}, *port, *protocol});
      }
    }
  });
  return services;
}

std::optional<std::uint16_t> port_of(const std::vector<Service>& services,
                                     std::string_view name,
                                     std::optional<Protocol> protocol) {
  const auto found = std::find_if(services.begin(), services.end(), [&](const auto& service) {
    return service.name == name && (!protocol || service.protocol == *protocol);
  });
  return found == services.end() ? std::nullopt : std::optional{found->port};
}

}  // namespace netlog::decode
