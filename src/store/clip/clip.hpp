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

/// What a clip hides. Whoever has the key can compute the pseudonym of a name or an address, and so
/// test guesses.
struct RedactionOptions {
  RedactionKey key{};
  std::set<std::string, std::less<>> keep;  ///< of redaction_words()
};

/// What to cut out of a recording.
struct ClipOptions {
  std::optional<std::int64_t> from_ns;
  std::optional<std::int64_t> to_ns;
  std::vector<ConnectionCondition>
      connections;  ///< a connection must fulfil one of them; empty: none
  /// Also processes that lived in the window and own none of these connections.
  bool include_unrelated_processes = true;
  std::optional<std::string> filters;  ///< as they were given, for the view `clips`
  std::optional<RedactionOptions> redaction;
};

struct ClipTotals {
  std::int64_t connections = 0;
  std::int64_t events = 0;
  std::int64_t processes = 0;
  std::int64_t lookups = 0;
  std::optional<std::string> redacted;     ///< the words that were replaced, joined by commas
  std::set<std::string> seen_within_kept;  ///< words some of whose originals are part of kept texts
};

/// Copies what touches a window into `out`, an empty file, which becomes a recording of its own:
/// vacuumed, synced, without side files. Rows keep their ids; sums are those of the copied
/// connections. A connection is copied with all its events, its owners and former owners, and their
/// recorded parents. Of the lookups of the window, all are copied, or those of the owners of the
/// connections if unrelated processes are left out. `source` is read in one transaction, so a
/// recorder may write to it meanwhile. It is never changed. Text that is redacted is never written
/// to `out`, not even temporarily, and the finished file is searched for it. The same source,
/// options and key give the same bytes. After a failure the caller deletes `out`.
/// @throws StoreError what Reader throws, if go_on() returns false, if `out` cannot be written, or
/// if an original was found in the finished file.
ClipTotals clip(const std::filesystem::path& source,
                const std::filesystem::path& out,
                const ClipOptions& options,
                const std::function<bool()>& go_on);

/// The tables that clip() copies or computes again. A test compares them with the schema.
std::vector<std::string> clipped_tables();

}  // namespace netlog::store
