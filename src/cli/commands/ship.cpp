// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"
#include "os/clock.hpp"
#include "os/files.hpp"
#include "os/signals.hpp"
#include "ship/clickhouse.hpp"
#include "ship/shipper.hpp"
#include "ship/target.hpp"
#include "store/read/reader.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

using std::chrono::milliseconds;

constexpr const char* kPasswordVariable = "NETLOG_SHIP_PASSWORD";
constexpr std::chrono::seconds kRefreshEvery{60};
constexpr milliseconds kRetryFor{30'000};

struct ShipCommand {
  QueryOptions query;
  std::string to;
  std::string user;
  std::string password_file;
  std::string ca_file;
  std::string interval = "10s";
  std::string timeout = "60s";
  bool init = false;
  bool follow = false;
};

/// A request to stop, for the thread that ships.
class StopFlag {
 public:
  void set() {
    {
      const std::lock_guard lock{mutex_};
      is_set_ = true;
    }
    changed_.notify_all();
  }
  /// @returns whether it is set, after this time at the latest
  bool wait(milliseconds time) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, time, [this] { return is_set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

/// What goes into a header of HTTP. @throws UsageError
std::string header_text(std::string text, const char* what) {
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
      })) {
    throw UsageError{fmt::format("{} has a control character", what)};
  }
  return text;
}

/// @throws UsageError, CommandFailed
std::string read_password(const ShipCommand& options) {
  if (!options.password_file.empty()) {
    const auto text = os::read_private_file(path_from_utf8(options.password_file));
    if (!text) {
      throw CommandFailed{
          fmt::format("cannot read the password: {}", one_line(text.error().message()))};
    }
    if (!*text) {
      throw CommandFailed{fmt::format("cannot read the password: there is no file {}",
                                      quote(options.password_file))};
    }
    auto line = **text;
    line.erase(std::min(line.find_last_not_of("\r\n") + 1, line.size()));
    return header_text(std::move(line), "the password in the file");
  }
  const auto* const variable = std::getenv(kPasswordVariable);  // NOLINT(concurrency-mt-unsafe)
  return header_text(variable == nullptr ? "" : variable, "the password in the environment");
}

/// @throws UsageError
milliseconds duration_of(const std::string& text, const char* option) {
  const auto ns = parse_duration(text);
  constexpr std::int64_t kNsPerMs = 1'000'000;
  if (!ns || *ns < kNsPerMs) {
    throw UsageError{fmt::format("{} {} is no duration such as 10s", option, quote(text))};
  }
  return milliseconds{*ns / kNsPerMs};
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

/// @throws UsageError, CommandFailed
ship::ClickHouseOptions server_options(const ShipCommand& options, StopFlag& stop) {
  const auto target = ship::parse_target(options.to);
  if (!target) {
    throw UsageError{fmt::format("--to is not understood: {}", target.error().context)};
  }
  if (!options.ca_file.empty() && !target->tls) {
    throw UsageError{"--ca-file is for clickhouses://"};
  }
  ship::ClickHouseOptions made{.target = *target,
                               .user = header_text(options.user, "--user"),
                               .password = read_password(options),
                               .ca_file = path_from_utf8(options.ca_file),
                               .timeout = duration_of(options.timeout, "--timeout"),
                               .is_stopped = [&stop] { return stop.wait(milliseconds{0}); }};
  if (!made.password.empty() && !target->tls && !is_loopback(target->host)) {
    std::cerr << "netlog ship: the password goes over the network as plain text; clickhouses:// "
                 "encrypts it\n";
  }
  return made;
}

ship::ShipEnvironment environment_of(const ShipCommand& options, StopFlag& stop) {
  ship::ShipEnvironment environment;
  environment.wait = [&stop](milliseconds time) { return !stop.wait(time); };
  environment.on_trouble = [](const std::optional<std::string>& reason) {
    std::cerr << (reason ? fmt::format("netlog ship: {}; trying again\n", message_text(*reason))
                         : std::string{"netlog ship: the server takes rows again\n"});
  };
  environment.wall_clock_ns = os::read_wall_clock_ns;
  if (!options.follow) {
    environment.retry_for = kRetryFor;
  }
  return environment;
}

/// A recording that is shipped.
struct ShippedFile {
  ShippedFile(const std::filesystem::path& path,
              ship::Server& server,
              const std::string& database,
              const ship::ShipEnvironment& environment)
      : file{os::identify(path)},
        reader{path},
        shipper{(reader.take_your_time(), reader), server, database, environment} {}

  std::optional<os::FileId> file;
  store::Reader reader;
  ship::Shipper shipper;
};

std::string summary(const ship::Shipper& shipper) {
  const auto& counts = shipper.counts();
  return fmt::format(
      "{} rows of connections in {} requests, as recording {}{}\n",
      counts.connections,
      counts.requests,
      shipper.recording(),
      counts.lost == 0 ? "" : fmt::format("; {} connections had been deleted before", counts.lost));
}

/// Ships what follows until it is to stop, also from a new file that gets the name.
void follow(std::unique_ptr<ShippedFile>& shipped,
            const std::function<std::unique_ptr<ShippedFile>()>& open,
            const std::filesystem::path& path,
            const ship::ShipEnvironment& environment,
            milliseconds interval) {
  using Clock = std::chrono::steady_clock;
  auto refreshed = Clock::now();
  while (environment.wait(interval)) {
    const auto now = os::identify(path);
    shipped->shipper.ship_changes();
    if (Clock::now() - refreshed >= kRefreshEvery) {
      shipped->shipper.refresh();
      refreshed = Clock::now();
    }
    if (now && now != shipped->file) {
      try {
        shipped->shipper.refresh();
        auto next = open();
        std::cerr << fmt::format("netlog ship: {} is a new file now\n", message_text(utf8(path)));
        shipped = std::move(next);
      } catch (const store::StoreError&) {
        continue;  // its recorder has not begun yet
      }
    }
  }
}

void run_ship(const ShipCommand& options) {
  StopFlag stop;
  const auto interval = duration_of(options.interval, "--interval");
  const auto server_of = server_options(options, stop);
  const auto& database = server_of.target.database;
  const auto environment = environment_of(options, stop);
  ship::ClickHouse server{server_of};
  if (options.init) {
    ship::create_tables(server, database, environment);
    std::cout << fmt::format("{} has the tables and views of netlog\n", database);
    return;
  }
  const auto path = database_path(options.query);
  const auto open = [&] {
    return std::make_unique<ShippedFile>(path, server, database, environment);
  };
  // Without --follow a signal ends the command as it ends any other.
  const auto watch = options.follow ? os::watch_stop_requests([&stop] { stop.set(); }) : nullptr;
  std::unique_ptr<ShippedFile> shipped;
  try {
    shipped = open();
    warn_of_missing_wal(shipped->reader);
    shipped->shipper.ship_changes();
    shipped->shipper.refresh();
    if (options.follow) {
      std::cout << summary(shipped->shipper) << std::flush;
      follow(shipped, open, path, environment, interval);
    }
  } catch (const ship::Stopped&) {
    // What was not shipped is shipped by the next one.
  }
  if (shipped) {
    std::cout << summary(shipped->shipper);
  }
}

}  // namespace

void add_ship(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "ship", "Send connections to the tables of a fleet, on a ClickHouse server");
  const auto options = std::make_shared<ShipCommand>();
  command
      ->add_option("--to",
                   options->to,
                   "The server: clickhouse://HOST:PORT/DATABASE, with TLS clickhouses://")
      ->type_name("URL")
      ->required();
  command->add_flag("--init", options->init, "Make the tables and views, and end");
  command->add_flag("-f,--follow", options->follow, "Send what follows too, until interrupted");
  command->add_option("--interval", options->interval, "With --follow: how often to send")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--user", options->user, "Name of the server's user")->type_name("NAME");
  command
      ->add_option("--password-file",
                   options->password_file,
                   fmt::format("File with the password; else ${} has it", kPasswordVariable))
      ->type_name("FILE");
  command
      ->add_option("--ca-file",
                   options->ca_file,
                   "With TLS: certificates of authorities (PEM); by default the system's")
      ->type_name("FILE");
  command->add_option("--timeout", options->timeout, "The longest that a request may take")
      ->type_name("DURATION")
      ->capture_default_str();
  add_database_options(*command, options->query);
  for (const auto* const other : {"--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] { run_ship(*options); });
}

}  // namespace netlog::cli
