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

/// The words for --redact-keep: `address`, `host`, `cmdline`, …; sorted.
std::vector<std::string> redaction_words();

/// Whether this is a text that netlog itself writes into a column of fixed phrases: a reason of a
/// gap, a name of a source, a version. Several may be joined by `+` or a comma.
bool is_own_phrase(std::string_view text);

/// Replaces texts about people and machines in the cells of a clip. Remembers what it has replaced,
/// so that the finished file can be searched for it. Unknown columns are replaced, too.
class Redaction {
 public:
  Redaction(const RedactionKey& key, std::set<std::string, std::less<>> keep);

  /// The text that the clip gets for a text of this table and column. Absent: NULL.
  std::optional<std::string> text(std::string_view table,
                                  std::string_view column,
                                  const std::string& original);

  /// The same for a blob. Addresses are in network order; other blobs become empty.
  std::string blob(std::string_view table, std::string_view column, const std::string& original);

  /// Allows a text that the clip itself adds.
  void allow(std::string text) { allowed_.insert(std::move(text)); }

  /// The words that were not kept, joined by commas. Absent if all were kept.
  [[nodiscard]] std::optional<std::string> replaced() const;

  /// Words that were not kept and some of whose originals are part of kept texts.
  [[nodiscard]] const std::set<std::string>& within_kept() const { return within_kept_; }

  /// Searches the finished file for originals. First in its cells: each text and blob must be an
  /// allowed one. Then in all of its bytes, for originals of six bytes and more. It ignores
  /// originals that a recording without rows also contains, and those that are part of an allowed
  /// text. An address counts where it stands alone.
  /// @returns the column of an original that was found, such as `process.user`
  /// @throws StoreError if go_on() returns false, or the file cannot be read.
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
  std::unordered_set<std::string> kept_;     ///< texts of kept words
  std::unordered_set<std::string> allowed_;  ///< texts and blobs that may be in the clip
  std::set<std::string> within_kept_;
};

}  // namespace netlog::store
