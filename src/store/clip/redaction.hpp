// SPDX-License-Identifier: MIT
#pragma once

#include "store/clip/pseudonyms.hpp"
#include "store/clip/redaction_check.hpp"
#include "store/clip/redaction_rules.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

namespace netlog::store {

/// Replaces the texts of a clip that say something about people and machines, by pseudonyms, and
/// remembers them for the search of the finished file. A column without a rule is replaced, too.
class Redaction {
 public:
  Redaction(const RedactionKey& key, std::set<std::string, std::less<>> keep);

  /// The text of the clip for a text of this table and column; absent: NULL.
  std::optional<std::string> text(std::string_view table,
                                  std::string_view column,
                                  const std::string& original);

  /// The same for a blob. Only addresses in network order have a pseudonym; others become empty.
  std::string blob(std::string_view table, std::string_view column, const std::string& original);

  /// A text that the clip has, and its source does not.
  void allow(std::string text) { texts_.allowed.insert(std::move(text)); }

  /// The words that are not kept, joined by commas; absent: all are kept.
  [[nodiscard]] std::optional<std::string> replaced() const;

  [[nodiscard]] const RedactedTexts& texts() const { return texts_; }

 private:
  std::string replace(std::string_view word,
                      std::string_view place,
                      const std::string& original,
                      const std::function<std::string()>& pseudonym);
  std::string keep(const std::string& original);
  std::string address(std::string_view place, const std::string& original);
  std::string dns_name(std::string_view place, const std::string& original);
  std::string labels(std::string_view place, std::string_view name);
  std::string answers(std::string_view place, std::string_view list);
  [[nodiscard]] bool is_kept(std::string_view word) const { return keep_.contains(word); }

  Pseudonyms pseudonyms_;
  std::set<std::string, std::less<>> keep_;
  /// The pseudonyms that were given, by word and original.
  std::map<std::string, std::unordered_map<std::string, std::string>, std::less<>> issued_;
  RedactedTexts texts_;
};

}  // namespace netlog::store
