// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// What a redaction has replaced and what it has not.
struct RedactedTexts {
  struct Original {
    std::string place;  ///< table and column, such as `process.user`
    std::string word;   ///< of redaction_words()
  };

  std::unordered_map<std::string, Original> originals;  ///< texts and bytes that were replaced
  std::unordered_set<std::string> labels;               ///< of names that were replaced
  std::unordered_set<std::string> names;                ///< their pseudonyms
  std::unordered_set<std::string> kept;                 ///< texts whose word was kept
  std::unordered_set<std::string> allowed;              ///< texts and blobs that the clip may have
};

struct RedactionFindings {
  std::optional<std::string> original;  ///< the column of an original that is still in the file
  /// Words of originals that are part of a kept text: these are in the clip on purpose.
  std::set<std::string> within_kept;
};

/// Searches a finished clip for originals. First its cells: each text and blob must be allowed.
/// Then the pseudonyms of names: no label of four bytes and more may be an original. Then all bytes
/// of the file, for originals of six bytes and more. Not counted are those that an empty recording
/// has, too, and those that are part of an allowed text: the search of the cells covers them. An
/// address counts where it is not part of a longer one.
/// @param look is called every now and then; it may throw to end the search
/// @throws StoreError: the file cannot be read.
RedactionFindings find_originals(SQLite::Database& clip,
                                 const std::filesystem::path& path,
                                 const RedactedTexts& texts,
                                 const std::function<void()>& look);

}  // namespace netlog::store
