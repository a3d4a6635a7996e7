// SPDX-License-Identifier: MIT
#include "store/clip/redaction_check.hpp"

#include "model/address.hpp"
#include "store/clip/text_search.hpp"
#include "store/db/migrate.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

TextSearch::Bounds bounds_of(std::string_view word, std::string_view text) {
  if (word != "address" || !parse_address(text)) {
    return TextSearch::Bounds::anything;
  }
  return text.find(':') == std::string_view::npos ? TextSearch::Bounds::ipv4
                                                  : TextSearch::Bounds::ipv6;
}

/// The bytes of a recording without rows.
std::string empty_recording() {
  SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
  migrate(model, ":memory:");
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> bytes{
      sqlite3_serialize(model.getHandle(), "main", &size, 0), sqlite3_free};
  if (!bytes) {
    throw StoreError{"cannot check the clip: no memory for an empty recording"};
  }
  return {reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size)};
}

/// Calls `look` with overlapping pieces of a file, until it returns false. Each text of up to
/// `longest` bytes is in a piece as a whole, with the bytes before and after it.
void each_piece(const std::filesystem::path& path,
                std::size_t longest,
                const std::function<bool(std::string_view)>& look) {
  constexpr std::size_t kPiece = std::size_t{4} << 20U;
  const auto overlap = longest + 2;
  std::ifstream in{path, std::ios::binary};
  std::string bytes = "\n";  // the first byte must have one before it
  while (in) {
    const auto kept = bytes.size();
    bytes.resize(kept + kPiece);
    in.read(bytes.data() + kept, kPiece);
    bytes.resize(kept + static_cast<std::size_t>(in.gcount()));
    if (!in) {
      bytes += '\n';
    }
    if (!look(bytes)) {
      return;
    }
    bytes.erase(0, bytes.size() - std::min(bytes.size(), overlap));
  }
  if (!in.eof()) {
    throw StoreError{fmt::format("cannot check the clip: {} cannot be read again", utf8(path))};
  }
}

std::vector<std::string> text_columns_of(SQLite::Database& database) {
  // The rows of these two tables come with the schema. A number column of a STRICT table has no
  // text.
  SQLite::Statement columns{
      database,
      "SELECT printf('SELECT \"%w\", ''%s.%s'' FROM \"%w\" WHERE typeof(\"%w\") IN (''text'', "
      "''blob'')', c.name, t.name, c.name, t.name, c.name) FROM sqlite_schema AS t, "
      "pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name <> "
      "'duration_bucket' AND c.type NOT IN ('INTEGER', 'REAL') ORDER BY t.name, c.cid"};
  std::vector<std::string> queries;
  while (columns.executeStep()) {
    queries.push_back(columns.getColumn(0).getString());
  }
  return queries;
}

/// @returns the column of a cell whose text or blob is not allowed
std::optional<std::string> find_in_cells(SQLite::Database& clip,
                                         const std::unordered_set<std::string>& allowed) {
  for (const auto& query : text_columns_of(clip)) {
    SQLite::Statement cells{clip, query};
    while (cells.executeStep()) {
      if (!allowed.contains(cells.getColumn(0).getString())) {
        return cells.getColumn(1).getString();
      }
    }
  }
  return std::nullopt;
}

/// Whether a pseudonym of a name has a label that is an original. The other searches allow what is
/// part of a pseudonym.
bool has_original_label(const RedactedTexts& texts) {
  constexpr std::size_t kShortestLabel = 4;
  return std::any_of(texts.names.begin(), texts.names.end(), [&](const std::string& name) {
    const auto labels = split(name, '.');
    return std::any_of(labels.begin(), labels.end(), [&](std::string_view label) {
      return label.size() >= kShortestLabel && texts.labels.contains(std::string{label});
    });
  });
}

}  // namespace

RedactionFindings find_originals(SQLite::Database& clip,
                                 const std::filesystem::path& path,
                                 const RedactedTexts& texts,
                                 const std::function<void()>& look) {
  RedactionFindings findings;
  findings.original = find_in_cells(clip, texts.allowed);
  if (!findings.original && has_original_label(texts)) {
    findings.original = "name.text";
  }
  if (findings.original) {
    return findings;
  }
  TextSearch search;
  std::vector<const RedactedTexts::Original*> places;
  std::vector<bool> may_be_there;
  for (const auto& [text, original] : texts.originals) {
    search.add(text, bounds_of(original.word, text));
    places.push_back(&original);
    // Zeros are on every page, so the bytes of an address such as ::2 prove nothing.
    may_be_there.push_back(text.starts_with(std::string(12, '\0')));
  }
  const auto excuse = [&](std::string_view bytes) {
    search.each(bytes, [&](std::size_t number) {
      may_be_there[number] = true;
      return true;
    });
  };
  const auto excuse_all = [&](const std::unordered_set<std::string>& all) {
    std::string bytes(1, '\0');
    for (const auto& text : all) {
      bytes += text;
      bytes += '\0';
    }
    excuse(bytes);
  };
  excuse_all(texts.kept);
  for (std::size_t number = 0; number < places.size(); ++number) {
    if (may_be_there[number]) {
      findings.within_kept.insert(places[number]->word);
    }
  }
  excuse(empty_recording());
  excuse_all(texts.allowed);
  each_piece(path, search.longest(), [&](std::string_view bytes) {
    search.each(bytes, [&](std::size_t number) {
      if (!may_be_there[number]) {
        findings.original = places[number]->place;
      }
      return !findings.original;
    });
    look();
    return !findings.original;
  });
  return findings;
}

}  // namespace netlog::store
