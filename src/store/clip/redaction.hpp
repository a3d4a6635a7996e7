// SPDX-License-Identifier: MIT
#pragma once

#include "store/clip/pseudonyms.hpp"
#include "store/clip/text_search.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// What can be kept from being replaced, each a word: `address`, `host`, `cmdline`, …; sorted.
std::vector<std::string> redaction_words();

/// Whether netlog itself writes this text into a column that has only phrases of its own: reasons
/// of gaps, names of sources, versions. Several may be joined by `+` or a comma.
bool is_own_phrase(std::string_view text);

/// Replaces what the cells of a clip would tell of people and machines, and remembers what it has
/// replaced, so that the finished file can be searched for it. A column that it does not know is
/// replaced, too.
class Redaction {
 public:
  Redaction(const RedactionKey& key, std::set<std::string, std::less<>> keep);

  /// What stands in the clip for a text of this table and column; nothing: NULL.
  std::optional<std::string> text(std::string_view table,
                                  std::string_view column,
                                  const std::string& original);

  /// The same of a blob: of addresses, in network order. Other blobs become empty.
  std::string blob(std::string_view table, std::string_view column, const std::string& original);

  /// A text that the clip has of its own.
  void allow(std::string text) { allowed_.insert(std::move(text)); }

  /// The words that were not kept, a comma between; nothing where all were.
  [[nodiscard]] std::optional<std::string> replaced() const;

  /// Words that were not kept, and some of whose originals still stand within texts that were.
  [[nodiscard]] const std::set<std::string>& within_kept() const { return within_kept_; }

  /// Looks for what was replaced in the finished file. First in its cells: each text and blob is
  /// one that was meant to be there. Then in all of its bytes, for originals of six bytes and more,
  /// but for those that a recording without rows has, too, or that are part of a text that was
  /// meant to be there (they can only be told from it in cells). An address counts where it stands
  /// alone.
  /// @returns the column of an original that was found, such as `process.user`
  /// @throws StoreError: go_on() has said no, or the file cannot be read.
  std::optional<std::string> find_original(SQLite::Database& clip,
                                           const std::filesystem::path& path,
                                           const std::function<bool()>& go_on);

 private:
  struct Original {
    std::string place;  ///< table and column
    std::string word;
  };

  std::string replace(std::string_view word,
                      std::string_view place,
                      const std::string& original,
                      const std::function<std::string()>& pseudonym);
  std::optional<std::string> find_in_cells(SQLite::Database& clip);

  Pseudonyms pseudonyms_;
  std::set<std::string, std::less<>> keep_;
  std::unordered_map<std::string, Original> originals_;
  std::map<std::string, std::unordered_map<std::string, std::string>, std::less<>> issued_;
  std::unordered_set<std::string> kept_;     ///< texts that a word was kept for
  std::unordered_set<std::string> allowed_;  ///< texts and blobs that may be in the clip
  std::set<std::string> within_kept_;
};

}  // namespace netlog::store
