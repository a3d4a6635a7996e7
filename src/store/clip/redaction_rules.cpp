// SPDX-License-Identifier: MIT
#include "store/clip/redaction_rules.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>

namespace netlog::store {
namespace {

constexpr std::array<RedactionRule, 32> kRules{{
    {"address", "text", "address", Treatment::address},
    {"address", "bytes", "address", Treatment::address},
    {"name", "text", "dns_name", Treatment::dns_name},
    {"lookup", "answers", "dns_name", Treatment::answers},
    {"session", "host", "host", Treatment::replaced},
    {"session", "os", "os", Treatment::replaced},
    {"session", "kernel", "kernel", Treatment::replaced},
    {"session", "boot_id", "boot", Treatment::replaced},
    {"session", "netlog_version", "version", Treatment::own_phrases},
    {"session", "sources", "source", Treatment::own_phrases},
    {"process", "name", "name", Treatment::replaced},
    {"process", "exe", "exe", Treatment::replaced},
    {"process", "cmdline", "cmdline", Treatment::replaced},
    {"process", "user", "user", Treatment::replaced},
    {"process", "cgroup", "cgroup", Treatment::replaced},
    {"process", "service", "service", Treatment::replaced},
    {"process", "service_caption", "service", Treatment::replaced},
    {"process", "container", "container", Treatment::replaced},
    {"process", "unit", "unit", Treatment::replaced},
    {"process", "pod", "pod", Treatment::replaced},
    {"process", "container_name", "container_name", Treatment::replaced},
    {"process", "pod_name", "pod_name", Treatment::replaced},
    {"process", "exe_sha256", "exe", Treatment::replaced},
    {"service", "name", "service", Treatment::replaced},
    {"service", "caption", "service", Treatment::replaced},
    {"gap", "detail", "detail", Treatment::replaced},
    {"gap", "source", "source", Treatment::own_phrases},
    {"gap", "reason", "reason", Treatment::own_phrases},
    {"clip", "filters", "filters", Treatment::left_out},
    {"clip", "source", "source", Treatment::left_out},
    {"clip", "redacted", "redacted", Treatment::own_phrases},
    {"clip", "netlog_version", "version", Treatment::own_phrases},
}};

constexpr auto kOwnPhrases = std::to_array<std::string_view>({
    // Sources.
    "capture",
    "clock",
    "iphlpapi",
    "namespaces",
    "notices",
    "procfs",
    "recorder",
    "retention",
    "salvage",
    "sock_diag",
    "tick",
    "trace",
    "udp flows",
    "writer",
    // Reasons of gaps.
    "buffer full",
    "missed state changes",
    "clock stepped backwards",
    "clock stepped forwards",
    "disk full",
    "trace detached",
    "unknown state",
    "missed closes",
    "file became read-only",
    "file could not be written",
    "file is cut short",
    "file locked by another process",
    "file was damaged",
    "file was deleted or replaced",
    "interval stretched",
    "lookups older than --max-age",
    "lookups over --max-size",
    "no answer yet",
    "not recording",
    "older than --max-age",
    "missed opens",
    "more than could be written",
    "over --max-size",
    "queue full",
    "receive buffer overrun",
    "recorder was killed",
    "rows could not be read",
    "skipped ticks",
    "suspended",
    "table full",
    "too many peers",
    "too many questions",
    "unreadable",
});

/// Of the form `1.2.3`.
bool is_version(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.size() <= 4 && parse_number<std::uint32_t>(part);
         });
}

bool is_own_word(std::string_view text) {
  const auto words = redaction_words();
  return std::find(kOwnPhrases.begin(), kOwnPhrases.end(), text) != kOwnPhrases.end() ||
         std::find(words.begin(), words.end(), text) != words.end() || is_version(text);
}

}  // namespace

RedactionRule redaction_rule(std::string_view table, std::string_view column) {
  const auto* const found =
      std::find_if(kRules.begin(), kRules.end(), [&](const RedactionRule& rule) {
        return rule.table == table && rule.column == column;
      });
  return found != kRules.end() ? *found : RedactionRule{table, column, {}, Treatment::replaced};
}

std::vector<std::string> redaction_words() {
  std::set<std::string> words;
  for (const auto& rule : kRules) {
    if (rule.treatment != Treatment::own_phrases && rule.treatment != Treatment::left_out) {
      words.emplace(rule.word);
    }
  }
  return {words.begin(), words.end()};
}

bool is_own_phrase(std::string_view text) {
  const auto by = text.find('+') != std::string_view::npos ? '+' : ',';
  const auto parts = split(text, by);
  return std::all_of(parts.begin(), parts.end(), is_own_word);
}

}  // namespace netlog::store
