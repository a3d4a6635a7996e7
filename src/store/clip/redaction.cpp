// SPDX-License-Identifier: MIT
#include "store/clip/redaction.hpp"

#include "model/address.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace netlog::store {

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
  const bool kept = !rule.word.empty() && keep_.contains(rule.word);
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
      if (!kept) {
        return replace(kind, place, original, [&] { return pseudonyms_.address_text(original); });
      }
      [[fallthrough]];
    case Treatment::replaced:
      if (kept) {
        texts_.kept.insert(original);
        allow(original);
        return original;
      }
      break;
  }
  return replace(kind, place, original, [&] { return pseudonyms_.text(kind, original); });
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
