// SPDX-License-Identifier: MIT
#pragma once

#include "store/clip/pseudonyms.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace netlog::store {

/// A condition on the view `connections`, with the values of its parameters.
struct ConnectionCondition {
  std::string sql;
  Parameters parameters;
};

/// What a clip hides, and from whom: who has the key can tell the pseudonyms of names and addresses
/// that he thinks of.
struct RedactionOptions {
  RedactionKey key{};
  std::set<std::string, std::less<>> keep;  ///< of redaction_words()
};

/// What to cut out of a recording.
struct ClipOptions {
  std::optional<std::int64_t> from_ns;
  std::optional<std::int64_t> to_ns;
  std::vector<ConnectionCondition> connections;  ///< those for which one of them holds
  /// Processes that lived in the window, whether or not one of these connections was theirs.
  bool include_unrelated_processes = true;
  std::optional<std::string> filters;  ///< as they were given, for the row that tells of the cut
  std::optional<RedactionOptions> redaction;
};

struct ClipTotals {
  std::int64_t connections = 0;
  std::int64_t events = 0;
  std::int64_t processes = 0;
  std::optional<std::string> redacted;  ///< the words, a comma between
  std::set<std::string>
      seen_within_kept;  ///< words whose originals are part of texts that were kept
};

/// Copies what touches a window into `out`, an empty file, which becomes a recording of its own:
/// vacuumed, synced, without files beside it. Rows keep their ids; sums are those of the copied
/// connections. A connection comes with its whole life and its owners, former ones too, and these
/// with their recorded parents. `source` is read in one transaction, so it may be recorded
/// meanwhile, and is never written. What is redacted is never written to `out`, not even for a
/// while, and the finished file is searched for it. The same source, wish and key give the same
/// bytes. On failure `out` is to be deleted.
/// @throws StoreError: what Reader throws; stopped by go_on(); `out` cannot be written; an original
/// was found in the finished file.
ClipTotals clip(const std::filesystem::path& source,
                const std::filesystem::path& out,
                const ClipOptions& wish,
                const std::function<bool()>& go_on);

/// The tables that clip() copies or makes anew; a test holds them against the schema.
std::vector<std::string> clipped_tables();

}  // namespace netlog::store
