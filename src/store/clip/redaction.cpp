// SPDX-License-Identifier: MIT
#include "store/clip/redaction.hpp"

#include "store/db/migrate.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <span>
#include <utility>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

enum class Treatment {
  replaced,     ///< by a pseudonym of its word, unless the word is kept
  address,      ///< the same, as an address
  own_phrases,  ///< stays where netlog writes such a text itself, else it is replaced
  left_out,     ///< NULL
};

struct Column {
  std::string_view table;
  std::string_view name;
  std::string_view word;  ///< for --redact-keep, and the beginning of pseudonyms
  Treatment treatment;
};

// Text columns that are not here are replaced, and nothing keeps them.
constexpr std::array<Column, 23> kColumns{{
    {"address", "text", "address", Treatment::address},
    {"address", "bytes", "address", Treatment::address},
    {"session", "host", "host", Treatment::replaced},
    {"session", "os", "os", Treatment::replaced},
    {"session", "kernel", "kernel", Treatment::replaced},
    {"session", "boot_id", "boot", Treatment::replaced},
    {"session", "netlog_version", "version", Treatment::own_phrases},
    {"session", "sources", "source", Treatment::own_phrases},
    {"process", "name", "name", Treatment::replaced},
    {"process", "exe", "exe", Treatment::replaced},
    {"process", "cmdline", "cmdline", Treatment::replaced},
    {"process", "user", "user", Treatment::replaced},
    {"process", "cgroup", "cgroup", Treatment::replaced},
    {"process", "service", "service", Treatment::replaced},
    {"process", "container", "container", Treatment::replaced},
    {"service", "name", "service", Treatment::replaced},
    {"gap", "detail", "detail", Treatment::replaced},
    {"gap", "source", "source", Treatment::own_phrases},
    {"gap", "reason", "reason", Treatment::own_phrases},
    {"clip", "filters", "filters", Treatment::left_out},
    {"clip", "source", "source", Treatment::left_out},
    {"clip", "redacted", "redacted", Treatment::own_phrases},
    {"clip", "netlog_version", "version", Treatment::own_phrases},
}};

constexpr auto kOwnPhrases = std::to_array<std::string_view>({
    // Sources.
    "capture",
    "clock",
    "iphlpapi",
    "namespaces",
    "notices",
    "procfs",
    "recorder",
    "retention",
    "salvage",
    "sock_diag",
    "tick",
    "trace",
    "writer",
    // Reasons of gaps.
    "buffer full",
    "missed state changes",
    "clock stepped backwards",
    "clock stepped forwards",
    "disk full",
    "trace detached",
    "missed closes",
    "file became read-only",
    "file could not be written",
    "file is cut short",
    "file locked by another process",
    "file was damaged",
    "file was deleted or replaced",
    "interval stretched",
    "not recording",
    "older than --max-age",
    "missed opens",
    "over --max-size",
    "queue full",
    "receive buffer overrun",
    "recorder was killed",
    "rows could not be read",
    "skipped ticks",
    "suspended",
    "unreadable",
});

Column rule_for(std::string_view table, std::string_view name) {
  const auto* const found =
      std::find_if(kColumns.begin(), kColumns.end(), [&](const Column& column) {
        return column.table == table && column.name == name;
      });
  return found != kColumns.end() ? *found : Column{table, name, {}, Treatment::replaced};
}

/// `1.2.3`.
bool is_version(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 3 && std::all_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.size() <= 4 && parse_number<std::uint32_t>(part);
         });
}

bool is_own_word(std::string_view text) {
  const auto words = redaction_words();
  return std::find(kOwnPhrases.begin(), kOwnPhrases.end(), text) != kOwnPhrases.end() ||
         std::find(words.begin(), words.end(), text) != words.end() || is_version(text);
}

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

/// Calls `look` with pieces of a file that overlap, so that nothing of up to `longest` bytes and
/// its neighbours is in no piece. It returns false to stop.
void each_piece(const std::filesystem::path& path,
                std::size_t longest,
                const std::function<bool(std::string_view)>& look) {
  constexpr std::size_t kPiece = std::size_t{4} << 20U;
  const auto overlap = longest + 2;
  std::ifstream in{path, std::ios::binary};
  std::string bytes = "\n";  // so that the first byte has a neighbour
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
  // What is not copied is the schema's own; and a strict table has no text in a column of numbers.
  SQLite::Statement columns{
      database,
      "SELECT printf('SELECT \"%w\", ''%s.%s'' FROM \"%w\" WHERE typeof(\"%w\") IN (''text'', "
      "''blob'')', c.name, t.name, c.name, t.name, c.name) FROM sqlite_schema AS t, "
      "pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT IN ('code_name', "
      "'duration_bucket') AND c.type NOT IN ('INTEGER', 'REAL') ORDER BY t.name, c.cid"};
  std::vector<std::string> queries;
  while (columns.executeStep()) {
    queries.push_back(columns.getColumn(0).getString());
  }
  return queries;
}

}  // namespace

std::vector<std::string> redaction_words() {
  std::set<std::string> words;
  for (const auto& column : kColumns) {
    if (column.treatment == Treatment::replaced || column.treatment == Treatment::address) {
      words.emplace(column.word);
    }
  }
  return {words.begin(), words.end()};
}

bool is_own_phrase(std::string_view text) {
  const auto by = text.find('+') != std::string_view::npos ? '+' : ',';
  const auto parts = split(text, by);
  return std::all_of(parts.begin(), parts.end(), is_own_word);
}

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
  allowed_.insert(made);
  if (made != original) {
    originals_.try_emplace(original, Original{std::string{place}, std::string{word}});
  }
  return issued.emplace(original, std::move(made)).first->second;
}

std::optional<std::string> Redaction::text(std::string_view table,
                                           std::string_view column,
                                           const std::string& original) {
  const auto rule = rule_for(table, column);
  const auto place = fmt::format("{}.{}", table, column);
  const auto kind = rule.word.empty() ? rule.name : rule.word;
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
        kept_.insert(original);
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
  const auto rule = rule_for(table, column);
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

std::optional<std::string> Redaction::find_in_cells(SQLite::Database& clip) {
  for (const auto& query : text_columns_of(clip)) {
    SQLite::Statement cells{clip, query};
    while (cells.executeStep()) {
      if (!allowed_.contains(cells.getColumn(0).getString())) {
        return cells.getColumn(1).getString();
      }
    }
  }
  return std::nullopt;
}

std::optional<std::string> Redaction::find_original(SQLite::Database& clip,
                                                    const std::filesystem::path& path,
                                                    const std::function<bool()>& go_on) {
  if (auto found = find_in_cells(clip)) {
    return found;
  }
  TextSearch search;
  std::vector<const Original*> places;
  std::vector<bool> may_be_there;
  for (const auto& [text, original] : originals_) {
    search.add(text, bounds_of(original.word, text));
    places.push_back(&original);
    // Any page has zeros: the bytes of ::2 tell nothing.
    may_be_there.push_back(text.starts_with(std::string(12, '\0')));
  }
  const auto excuse = [&](std::string_view bytes) {
    search.each(bytes, [&](std::size_t number) {
      may_be_there[number] = true;
      return true;
    });
  };
  const auto excuse_all = [&](const std::unordered_set<std::string>& texts) {
    std::string bytes(1, '\0');
    for (const auto& text : texts) {
      bytes += text;
      bytes += '\0';
    }
    excuse(bytes);
  };
  excuse_all(kept_);
  for (std::size_t number = 0; number < places.size(); ++number) {
    if (may_be_there[number]) {
      within_kept_.insert(places[number]->word);
    }
  }
  excuse(empty_recording());
  excuse_all(allowed_);
  std::optional<std::string> found;
  each_piece(path, search.longest(), [&](std::string_view bytes) {
    search.each(bytes, [&](std::size_t number) {
      if (!may_be_there[number]) {
        found = places[number]->place;
      }
      return !found;
    });
    if (!go_on()) {
      throw StoreError{"stopped before the clip was complete"};
    }
    return !found;
  });
  return found;
}

}  // namespace netlog::store
