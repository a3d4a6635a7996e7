// SPDX-License-Identifier: MIT
#include "ship/target.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace netlog::ship {
namespace {

bool is_word(std::string_view text, std::string_view others) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return is_letter || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

Error wrong(std::string what) {
  return fail(errc::malformed, std::move(what));
}

}  // namespace

Result<Target> parse_target(std::string_view url) {
  constexpr std::array<std::pair<std::string_view, bool>, 4> kSchemes{
      {{"clickhouse://", false}, {"clickhouses://", true}, {"http://", false}, {"https://", true}}};
  const auto* const scheme = std::find_if(kSchemes.begin(), kSchemes.end(), [&](const auto& known) {
    return url.starts_with(known.first);
  });
  if (scheme == kSchemes.end()) {
    return wrong("it begins with none of clickhouse://, clickhouses://, http:// and https://");
  }
  url.remove_prefix(scheme->first.size());
  if (url.find('@') != std::string_view::npos) {
    return wrong("a name and a password do not belong into it; see --user and --password-file");
  }
  Target target{scheme->second, {}, scheme->second ? "8443" : "8123", "netlog"};
  const auto slash = std::min(url.find('/'), url.size());
  auto server = url.substr(0, slash);
  auto database = url.substr(std::min(slash + 1, url.size()));
  if (server.starts_with('[')) {
    const auto end = server.find(']');
    if (end == std::string_view::npos) {
      return wrong("an address of IPv6 stands in brackets");
    }
    target.host = server.substr(1, end - 1);
    server.remove_prefix(end + 1);
  } else {
    const auto colon = std::min(server.find(':'), server.size());
    target.host = server.substr(0, colon);
    server.remove_prefix(colon);
  }
  if (!is_word(target.host, ".-_:%")) {
    return wrong(fmt::format("{} is no name or address of a server", quote(target.host)));
  }
  if (server.starts_with(':')) {
    target.port = server.substr(1);
    const auto port = parse_number<std::uint16_t>(target.port);
    if (!port || *port == 0) {
      return wrong(fmt::format("{} is no port", quote(target.port)));
    }
  } else if (!server.empty()) {
    return wrong("behind the server stands a port, or /DATABASE");
  }
  if (database.ends_with('/')) {
    database.remove_suffix(1);
  }
  if (!database.empty()) {
    target.database = database;
  }
  constexpr std::size_t kMaxName = 64;
  if (!is_word(target.database, "_") || target.database.size() > kMaxName) {
    return wrong(fmt::format("{} is no name of a database: it has letters, digits and _ only",
                             quote(target.database)));
  }
  return target;
}

}  // namespace netlog::ship
