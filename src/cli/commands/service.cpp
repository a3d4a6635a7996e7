// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "cli/cli.hpp"
#include "cli/commands/commands.hpp"
#include "os/files.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <filesystem>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

struct ServiceOptions {
  std::string database;
  std::string interval;
  std::string config;

  bool dry_run = false;

  [[nodiscard]] os::RecordCommand command() const {
    os::RecordCommand command{absolute(database), absolute(config), {}};
    if (!interval.empty()) {
      command.options = {"--interval", interval};
    }
    return command;
  }

 private:
  // A service starts in a system directory.
  static std::filesystem::path absolute(const std::string& path) {
    return path.empty() ? std::filesystem::path{} : os::absolute_path(path_from_utf8(path));
  }
};

void add_options(CLI::App& command, ServiceOptions& options) {
  command.add_option("--db", options.database, "Recording to write (default: the system's place)")
      ->type_name("FILE");
  command.add_option("--interval", options.interval, "Time between two reads of the tables")
      ->type_name("DURATION");
  command.add_option("--config", options.config, "TOML file that sets any option of record")
      ->type_name("FILE");
}

[[noreturn]] void fail_to(const char* what, const Error& error) {
  const bool denied = error.code == boost::system::errc::permission_denied;
  throw CommandFailed{fmt::format("cannot {} the service: {}{}",
                                  what,
                                  error.message(),
                                  denied ? "; run as root or as an administrator" : "")};
}

void take(const os::ServiceSteps& steps, const char* what, bool dry_run) {
  if (!steps) {
    fail_to(what, steps.error());
  }
  for (const auto& step : *steps) {
    if (dry_run) {
      std::cout << step.what << "\n";
    } else if (const auto done = step.take(); !done) {
      fail_to(what, done.error());
    }
  }
}

os::ServiceEnd record(const ServiceOptions& options) {
  std::ostringstream said;
  auto* const before = std::cerr.rdbuf(said.rdbuf());  // a service has no reader of its stderr
  std::vector<std::string> words{"record", "--log-level", "off"};
  const auto given = options.command().words();
  words.insert(words.end(), given.begin(), given.end());
  const auto exit_code = run(std::move(words));
  std::cerr.rdbuf(before);
  return {exit_code, said.str()};
}

os::ServiceSteps install(os::ServiceManager& manager, const ServiceOptions& options) {
  if (!options.interval.empty() && !parse_duration(options.interval)) {
    throw UsageError{fmt::format("--interval {} is not a duration such as 100ms or 2s",
                                 quote(options.interval))};
  }
  return manager.install(options.command());
}

void print_status(os::ServiceManager& manager) {
  const auto status = manager.status();
  if (!status) {
    fail_to("ask for", status.error());
  }
  std::cout << status->text << "\n";
  if (!status->is_running) {
    throw CommandFailed{"the service does not run"};
  }
}

}  // namespace

void add_service(CLI::App& app) {
  const std::shared_ptr<os::ServiceManager> manager = os::service_manager();
  auto* const command =
      app.add_subcommand("service", "Record as a service of the system, from boot on");
  command->require_subcommand(1);
  const auto options = std::make_shared<ServiceOptions>();
  const auto add = [&](const char* name, const char* about, auto steps) {
    auto* const request = command->add_subcommand(name, about);
    request->add_flag("--dry-run", options->dry_run, "Print what would be done, and do nothing");
    request->callback([=] { take(steps(), name, options->dry_run); });
    return request;
  };
  add_options(*add("install",
                   "Register it; start it with `start`",
                   [=] { return install(*manager, *options); }),
              *options);
  add("uninstall", "Stop and remove it; recordings stay", [=] { return manager->uninstall(); });
  add("start", "Start it now", [=] { return manager->start(); });
  add("stop", "Stop it until the next boot", [=] { return manager->stop(); });
  command->add_subcommand("status", "Whether it runs; exits with 1 if it does not")->callback([=] {
    print_status(*manager);
  });
  // What the service manager of Windows runs.
  auto* const serve = command->add_subcommand("serve", "")->group("");
  add_options(*serve, *options);
  serve->callback([=] {
    if (const auto done = manager->serve([=] { return record(*options); }); !done) {
      fail_to("run", done.error());
    }
  });
}

}  // namespace netlog::cli
