// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "cli/options/option_values.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/time_spec.hpp"
#include "os/files.hpp"
#include "report/filter.hpp"
#include "store/clip/redaction.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::size_t kShortestSecret = 32;

struct ClipOptions {
  QueryOptions question;
  std::string out;
  bool redact = false;
  std::string key_file;
  std::vector<std::string> keep;
};

/// Deletes a file unless it has been given away.
class Unfinished {
 public:
  explicit Unfinished(std::filesystem::path path) : path_{std::move(path)} {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) {
      std::filesystem::remove(path_, ignored);
    }
  }

  void is(std::filesystem::path path) { path_ = std::move(path); }
  void keep() { path_.clear(); }

 private:
  std::filesystem::path path_;
};

std::set<std::string, std::less<>> parse_keep(const std::vector<std::string>& words) {
  const auto choices = redaction_choices();
  std::set<std::string, std::less<>> keep;
  for (const auto& word : words) {
    if (std::find(choices.begin(), choices.end(), word) == choices.end()) {
      throw UsageError{
          fmt::format("--redact-keep {} is none of {}", quote(word), fmt::join(choices, ", "))};
    }
    keep.insert(word);
  }
  return keep;
}

/// The filters as they were given. Redacted, values that may name somebody are left out.
std::optional<std::string> filters_of(const ClipOptions& options) {
  const auto& question = options.question;
  std::string text;
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) {
      text += fmt::format("{}{} {}", text.empty() ? "" : " ", option, value);
    }
  };
  const auto add_private = [&](const char* option, const std::string& value) {
    add(option, options.redact && !value.empty() ? "..." : value);
  };
  for (const auto& pid : question.pids) {
    add("--pid", pid);
  }
  add_private("--process", question.process);
  add_private("--exe", question.exe);
  add_private("--user", question.user);
  add("--protocol", question.protocol);
  add("--port", question.port);
  add("--local-port", question.local_port);
  add("--remote-port", question.remote_port);
  add_private("--remote", question.remote);
  for (const auto& state : question.states) {
    add("--state", state);
  }
  return text.empty() ? std::nullopt : std::optional{text};
}

/// What the reports find in the window; and what they find at an instant in it, because bounds of
/// later openings reach back to it.
std::vector<store::ConnectionCondition> conditions(store::Reader& reader,
                                                   const report::Filter& filter) {
  auto within = report::connection_clause(filter);
  std::vector<store::ConnectionCondition> conditions{
      {std::move(within.sql), std::move(within.parameters)}};
  if (filter.until_ns) {
    const auto bound = reader.query("SELECT coalesce(max(open_error_ns), 0) FROM flow_sum");
    const auto* const most = std::get_if<std::int64_t>(&bound.cells.at(0).at(0));
    const auto reach = most == nullptr ? 0 : std::max<std::int64_t>(*most, 0);
    auto later = filter;
    later.until_ns = *filter.until_ns + std::min(reach,
                                                 std::numeric_limits<std::int64_t>::max() -
                                                     std::max<std::int64_t>(*filter.until_ns, 0));
    auto clause = report::connection_clause(later);
    clause.parameters.emplace("clip_until", *filter.until_ns);
    conditions.push_back(
        {fmt::format("({}) AND opened_ns > :clip_until AND opened_ns - open_error_ns <= "
                     ":clip_until",
                     clause.sql),
         std::move(clause.parameters)});
  }
  return conditions;
}

/// Nothing where there is no such file yet.
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
  if ((*secret)->size() < kShortestSecret) {
    throw CommandFailed{
        fmt::format("cannot use --redact-key {}: it has {} bytes, a key has at least {}; name "
                    "another file, one that does not exist is made",
                    file,
                    (*secret)->size(),
                    kShortestSecret)};
  }
  return store::key_of(**secret);
}

/// Makes the file and the key that it stands for.
store::RedactionKey make_key(const std::string& file) {
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
    const Unfinished nothing{path};
    throw CommandFailed{fmt::format("cannot write --redact-key {}; free some space", file)};
  }
  return store::key_of(bytes);
}

void check_options(const ClipOptions& options) {
  if (!options.redact && (!options.key_file.empty() || !options.keep.empty())) {
    throw UsageError{"--redact-key and --redact-keep say how to --redact; say that, too"};
  }
  if (!parse_time_range(options.question.since)) {
    throw UsageError{fmt::format("{} is not a window, such as 14:00..14:05 or -10m..now",
                                 quote(options.question.since))};
  }
}

void say_what_it_is(const ClipOptions& options,
                    const std::filesystem::path& out,
                    const store::ClipTotals& totals) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(out, error);
  std::cout << fmt::format("{}: {} connections, {} events, {} processes, {} bytes; {}\n",
                           quote(utf8(out)),
                           totals.connections,
                           totals.events,
                           totals.processes,
                           bytes,
                           totals.redacted  ? "replaced: " + *totals.redacted
                           : options.redact ? "nothing was replaced, all was to be kept"
                                            : "names and addresses as they were recorded");
  if (!totals.seen_within_kept.empty()) {
    std::cerr << fmt::format(
        "netlog clip: what was kept contains some of what was replaced elsewhere: {}\n",
        fmt::join(totals.seen_within_kept, ", "));
  }
}

void run_clip(const ClipOptions& options) {
  check_options(options);
  store::ClipOptions wish;
  const auto keep = parse_keep(options.keep);
  const ParsedFilter parsed{options.question};
  const auto out = path_from_utf8(options.out);
  const auto part = with_suffix(out, ".part");
  const auto source = database_path(options.question);

  QueryProgress progress;
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(out, error))) {
    throw CommandFailed{
        fmt::format("cannot make {}: it exists; name another file with -o", utf8(out))};
  }
  {
    store::Reader reader{source};
    progress.watch(reader);
    const auto filter = parsed.resolve(reader);
    wish.from_ns = filter.since_ns;
    wish.to_ns = filter.until_ns;
    wish.connections = conditions(reader, filter);
  }
  wish.filters = filters_of(options);
  wish.include_unrelated_processes = !wish.filters;
  Unfinished new_key{{}};
  if (options.redact) {
    auto key =
        options.key_file.empty() ? std::optional{store::random_key()} : read_key(options.key_file);
    if (!key) {
      key = make_key(options.key_file);
      new_key.is(path_from_utf8(options.key_file));
    }
    wish.redaction = store::RedactionOptions{*key, keep};
  }
  if (const auto made = os::create_private_file(part); !made) {
    throw CommandFailed{
        fmt::format("cannot make {}: {}{}",
                    utf8(part),
                    made.error().message(),
                    std::filesystem::exists(part, error)
                        ? "; another clip is being made there, or one was killed: delete it then"
                        : "; check that its directory exists and may be written")};
  }
  const Unfinished unfinished{part};
  const auto totals = store::clip(source, part, wish, [&] { return progress.go_on(); });
  if (const auto moved = os::move_into_place(part, out); !moved) {
    throw CommandFailed{fmt::format("cannot make {}: {}", utf8(out), moved.error().message())};
  }
  new_key.keep();
  progress.clear();
  say_what_it_is(options, out, totals);
}

}  // namespace

std::vector<std::string> redaction_choices() {
  return store::redaction_words();
}

void add_clip(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "clip", "A small recording to attach: what touches a window, with pseudonyms if need be");
  const auto options = std::make_shared<ClipOptions>();
  command->add_option("WINDOW", options->question.since, "Such as 14:00..14:05 or -10m..now")
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
                   "Secret that the same pseudonyms come from next time; made if it does not "
                   "exist (default: one that nobody keeps)")
      ->type_name("FILE");
  command
      ->add_option("--redact-keep",
                   options->keep,
                   fmt::format("What to leave as it is, a comma between: {}",
                               fmt::join(redaction_choices(), ", ")))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("WORD");
  add_database_options(*command, options->question);
  add_filter_options(*command, options->question);
  for (const auto* const other : {"--since", "--until", "--at", "--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] { run_clip(*options); });
}

}  // namespace netlog::cli
