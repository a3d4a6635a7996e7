// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/output/new_file.hpp"
#include "os/files.hpp"
#include "os/side_files.hpp"
#include "report/clip_conditions.hpp"
#include "store/clip/redaction.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::size_t kMinKeyBytes = 32;

struct ClipOptions {
  QueryOptions query;
  std::string out;
  bool redact = false;
  std::string key_file;
  std::vector<std::string> keep;
};

std::set<std::string, std::less<>> parse_keep(const std::vector<std::string>& words) {
  const auto known = redaction_words();
  std::set<std::string, std::less<>> keep;
  for (const auto& word : words) {
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      throw UsageError{
          fmt::format("--redact-keep {} is none of {}", quote(word), fmt::join(known, ", "))};
    }
    keep.insert(word);
  }
  return keep;
}

/// The filters as they were given. With --redact, values that may identify somebody are left out.
std::optional<std::string> filters_of(const ClipOptions& options) {
  constexpr std::array<std::string_view, 4> kPrivate{"--process", "--exe", "--user", "--remote"};
  std::string text;
  for (const auto& [option, value] : filter_words(options.query)) {
    const bool is_private = std::find(kPrivate.begin(), kPrivate.end(), option) != kPrivate.end();
    text += fmt::format(
        "{}{} {}", text.empty() ? "" : " ", option, options.redact && is_private ? "..." : value);
  }
  return text.empty() ? std::nullopt : std::optional{text};
}

/// The key in this file; nothing where there is no such file.
/// @throws CommandFailed
std::optional<store::RedactionKey> read_key(const std::string& file) {
  const auto path = path_from_utf8(file);
  const auto secret = os::read_private_file(path);
  if (!secret) {
    throw CommandFailed{
        fmt::format("cannot use --redact-key {}: {}", file, secret.error().message())};
  }
  if (!*secret) {
    return std::nullopt;
  }
  if ((*secret)->size() < kMinKeyBytes) {
    throw CommandFailed{
        fmt::format("cannot use --redact-key {}: it has {} bytes, a key has at least {}; name "
                    "another file; netlog creates one that does not exist",
                    file,
                    (*secret)->size(),
                    kMinKeyBytes)};
  }
  return store::key_of(**secret);
}

/// Makes a random key and writes it to this new file.
/// @throws CommandFailed
store::RedactionKey create_key(const std::string& file) {
  const auto path = path_from_utf8(file);
  const auto secret = store::random_key();
  const std::string bytes{secret.begin(), secret.end()};
  if (const auto made = os::create_private_file(path); !made) {
    throw CommandFailed{
        fmt::format("cannot make --redact-key {}: {}", file, made.error().message())};
  }
  std::ofstream to{path, std::ios::binary};
  to << bytes;
  to.close();
  if (!to) {
    const TemporaryFile incomplete{path};
    throw CommandFailed{fmt::format("cannot write --redact-key {}; free some space", file)};
  }
  return store::key_of(bytes);
}

void check_options(const ClipOptions& options) {
  if (!options.redact && (!options.key_file.empty() || !options.keep.empty())) {
    throw UsageError{"--redact-key and --redact-keep need --redact"};
  }
  if (options.query.since.find("..") == std::string::npos) {
    throw UsageError{fmt::format("{} is not a window, such as 14:00..14:05 or -10m..now",
                                 quote(options.query.since))};
  }
}

void print_totals(const ClipOptions& options,
                  const std::filesystem::path& out,
                  const store::ClipTotals& totals) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(out, error);
  std::cout << fmt::format(
      "{}: {} connections, {} events, {} processes, {} lookups, {} bytes; {}\n",
      quote(utf8(out)),
      totals.connections,
      totals.events,
      totals.processes,
      totals.lookups,
      bytes,
      totals.redacted  ? "replaced: " + *totals.redacted
      : options.redact ? "nothing was replaced, since all was kept"
                       : "names and addresses are as recorded");
  if (!totals.seen_within_kept.empty()) {
    std::cerr << fmt::format(
        "netlog clip: kept columns contain text that was replaced elsewhere: {}\n",
        fmt::join(totals.seen_within_kept, ", "));
  }
}

void run_clip(const ClipOptions& options) {
  check_options(options);
  store::ClipOptions clip;
  const auto keep = parse_keep(options.keep);
  const auto parsed = parse_filter(options.query);
  const auto source = database_path(options.query);

  QueryProgress progress;
  NewFile out{options.out};
  for (const auto& made : {out.path(), out.part()}) {
    if (const auto beside = os::find_side_file(made)) {
      throw CommandFailed{
          fmt::format("cannot make {}: {} exists, which would be taken for a part of it; delete "
                      "that, or name another file with -o",
                      utf8(made),
                      utf8(*beside))};
    }
  }
  {
    store::Reader reader{source};
    progress.watch(reader);
    const auto filter = resolve(parsed, reader);
    clip.from_ns = filter.since_ns;
    clip.to_ns = filter.until_ns;
    clip.connections = report::clip_conditions(reader, filter);
  }
  clip.filters = filters_of(options);
  clip.include_unrelated_processes = !clip.filters;
  TemporaryFile new_key{{}};
  if (options.redact) {
    auto key =
        options.key_file.empty() ? std::optional{store::random_key()} : read_key(options.key_file);
    if (!key) {
      key = create_key(options.key_file);
      new_key.watch(path_from_utf8(options.key_file));
    }
    clip.redaction = store::RedactionOptions{*key, keep};
  }
  out.create();
  const auto totals = store::clip(source, out.part(), clip, [&] { return progress.go_on(); });
  out.finish();
  new_key.keep();
  progress.clear();
  print_totals(options, out.path(), totals);
}

}  // namespace

std::vector<std::string> redaction_words() {
  return store::redaction_words();
}

void add_clip(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "clip", "Cut a small recording out of a window, with pseudonyms if need be");
  const auto options = std::make_shared<ClipOptions>();
  command->add_option("WINDOW", options->query.since, "Such as 14:00..14:05 or -10m..now")
      ->type_name("")
      ->required();
  command->add_option("-o,--output", options->out, "New file to make")
      ->type_name("FILE")
      ->required();
  command->add_flag("--redact",
                    options->redact,
                    "Replace addresses, names, users, command lines and the like by pseudonyms");
  command
      ->add_option("--redact-key",
                   options->key_file,
                   "File with the key of the pseudonyms; created if it does not exist (default: a "
                   "random key that is not stored)")
      ->type_name("FILE");
  command
      ->add_option("--redact-keep",
                   options->keep,
                   fmt::format("What not to replace, separated by commas: {}",
                               fmt::join(redaction_words(), ", ")))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("WORD");
  add_database_options(*command, options->query);
  add_filter_options(*command, options->query);
  for (const auto* const other : {"--since", "--until", "--at", "--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] { run_clip(*options); });
}

}  // namespace netlog::cli
