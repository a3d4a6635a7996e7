// SPDX-License-Identifier: MIT
#include "store/clip/redaction.hpp"

#include "model/address.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::store {
namespace {

// Words of redaction_words().
constexpr std::string_view kAddress = "address";
constexpr std::string_view kDnsName = "dns_name";

}  // namespace

Redaction::Redaction(const RedactionKey& key, std::set<std::string, std::less<>> keep)
    : pseudonyms_{key}, keep_{std::move(keep)} {}

std::string Redaction::replace(std::string_view word,
                               std::string_view place,
                               const std::string& original,
                               const std::function<std::string()>& pseudonym) {
  auto& issued = issued_.try_emplace(std::string{word}).first->second;
  const auto known = issued.find(original);
  if (known != issued.end()) {
    return known->second;
  }
  auto made = pseudonym();
  texts_.allowed.insert(made);
  if (made != original) {
    texts_.originals.try_emplace(original,
                                 RedactedTexts::Original{std::string{place}, std::string{word}});
  }
  return issued.emplace(original, std::move(made)).first->second;
}

std::optional<std::string> Redaction::text(std::string_view table,
                                           std::string_view column,
                                           const std::string& original) {
  const auto rule = redaction_rule(table, column);
  const auto place = fmt::format("{}.{}", table, column);
  const auto kind = rule.word.empty() ? rule.column : rule.word;
  switch (rule.treatment) {
    case Treatment::left_out:
      return std::nullopt;
    case Treatment::own_phrases:
      if (is_own_phrase(original)) {
        allow(original);
        return original;
      }
      break;
    case Treatment::address:
      return address(place, original);
    case Treatment::dns_name:
      return dns_name(place, original);
    case Treatment::answers:
      return answers(place, original);
    case Treatment::replaced:
      if (!rule.word.empty() && is_kept(rule.word)) {
        return keep(original);
      }
      break;
  }
  return replace(kind, place, original, [&] { return pseudonyms_.text(kind, original); });
}

std::string Redaction::keep(const std::string& original) {
  texts_.kept.insert(original);
  allow(original);
  return original;
}

std::string Redaction::address(std::string_view place, const std::string& original) {
  return is_kept(kAddress) ? keep(original) : replace(kAddress, place, original, [&] {
    return pseudonyms_.address_text(original);
  });
}

std::string Redaction::dns_name(std::string_view place, const std::string& original) {
  return is_kept(kDnsName)
             ? keep(original)
             : replace(kDnsName, place, original, [&] { return labels(place, original); });
}

/// A label has one pseudonym wherever it occurs, so that names keep their relation. Labels of
/// reverse lookups are few numbers: each has a pseudonym of its own below another domain. An empty
/// label is the root.
std::string Redaction::labels(std::string_view place, std::string_view name) {
  std::vector<std::string> made;
  const bool is_reverse = name.ends_with(".arpa");
  auto rest = name;
  for (const auto label : split(name, '.')) {
    const std::string original{is_reverse ? rest : label};
    if (label.empty()) {
      made.emplace_back();
    } else {
      texts_.labels.emplace(label);
      made.push_back(replace(
          "label of a dns_name", place, original, [&] { return pseudonyms_.text("n", original); }));
    }
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
  }
  auto pseudonym = fmt::format("{}", fmt::join(made, "."));
  texts_.names.insert(pseudonym);
  return pseudonym;
}

std::string Redaction::answers(std::string_view place, std::string_view list) {
  constexpr std::string_view kBetween = ", ";
  std::string made;
  for (std::size_t at = 0; at <= list.size();) {
    const auto end = std::min(list.find(kBetween, at), list.size());
    const std::string answer{list.substr(at, end - at)};
    made += at == 0 ? "" : kBetween;
    made += parse_address(answer) ? address(place, answer) : dns_name(place, answer);
    at = end + kBetween.size();
  }
  allow(made);
  return made;
}

std::string Redaction::blob(std::string_view table,
                            std::string_view column,
                            const std::string& original) {
  const auto rule = redaction_rule(table, column);
  const bool is_address = rule.treatment == Treatment::address;
  if (is_address && keep_.contains(rule.word)) {
    allow(original);
    return original;
  }
  IpAddress address;
  address.family = original.size() == 4 ? Family::ipv4 : Family::ipv6;
  if (!is_address || original.size() != address.size()) {
    allow({});
    return {};
  }
  std::copy(original.begin(), original.end(), address.bytes.begin());
  return replace("bytes of an address", fmt::format("{}.{}", table, column), original, [&] {
    const auto other = pseudonyms_.address(address);
    return std::string{other.bytes.begin(), other.bytes.begin() + address.size()};
  });
}

std::optional<std::string> Redaction::replaced() const {
  std::string list;
  for (const auto& word : redaction_words()) {
    if (!keep_.contains(word)) {
      list += (list.empty() ? "" : ",") + word;
    }
  }
  return list.empty() ? std::nullopt : std::optional{list};
}

}  // namespace netlog::store
