// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

/// What a redaction does with the texts of a column.
enum class Treatment {
  replaced,     ///< by a pseudonym, unless the column's word is kept
  address,      ///< the same, by the pseudonym of an address
  dns_name,     ///< the same, label by label
  answers,      ///< a list, joined by ", ", of addresses and of what is treated as names
  own_phrases,  ///< stays if netlog writes this text itself, else it is replaced
  left_out,     ///< becomes NULL
};

struct RedactionRule {
  std::string_view table;
  std::string_view column;
  std::string_view word;  ///< for --redact-keep, and the start of pseudonyms; empty: never kept
  Treatment treatment = Treatment::replaced;
};

/// The rule of a column. The texts of a column without a rule of its own are replaced.
RedactionRule redaction_rule(std::string_view table, std::string_view column);

/// The words that --redact-keep takes, such as `address`, `host`, `cmdline`; sorted.
std::vector<std::string> redaction_words();

/// Whether netlog itself writes this text into a column that has only phrases of its own: reasons
/// of gaps, names of sources, versions. Several may be joined by `+` or a comma.
bool is_own_phrase(std::string_view text);

}  // namespace netlog::store
