// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "cli/cli.hpp"
#include "cli/commands/commands.hpp"
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

  /// The arguments for `record`. Paths are absolute, since a service starts in a system directory.
  [[nodiscard]] std::vector<std::string> words() const {
    std::vector<std::string> words;
    const auto add = [&](const char* option, std::string value) {
      if (!value.empty()) {
        words.insert(words.end(), {option, std::move(value)});
      }
    };
    const auto absolute = [](const std::string& path) {
      return path.empty() ? path : utf8(std::filesystem::absolute(path_from_utf8(path)));
    };
    add("--db", absolute(database));
    add("--interval", interval);
    add("--config", absolute(config));
    return words;
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

void must(const Result<void>& done, const char* what) {
  if (!done) {
    constexpr int kAccessDenied = 5;
    const bool denied = done.error().code.value() == kAccessDenied;
    throw CommandFailed{fmt::format("cannot {} the service: {}{}",
                                    what,
                                    done.error().message(),
                                    denied ? "; run as an administrator" : "")};
  }
}

os::ServiceEnd record(const ServiceOptions& options) {
  std::ostringstream said;
  auto* const before = std::cerr.rdbuf(said.rdbuf());  // a service has no reader of its stderr
  auto words = options.words();
  words.insert(words.begin(), {"record", "--log-level", "off"});
  const auto exit_code = run(std::move(words));
  std::cerr.rdbuf(before);
  return {exit_code, said.str()};
}

}  // namespace

void add_service(CLI::App& app) {
  const std::shared_ptr<os::ServiceManager> manager = os::service_manager();
  if (manager == nullptr) {
    return;
  }
  auto* const command =
      app.add_subcommand("service", "Record as a service of the system, from boot on");
  command->require_subcommand(1);
  const auto options = std::make_shared<ServiceOptions>();
  auto* const install = command->add_subcommand("install", "Register it; start it with `start`");
  add_options(*install, *options);
  install->callback([=] {
    if (!options->interval.empty() && !parse_duration(options->interval)) {
      throw UsageError{fmt::format("--interval {} is not a duration such as 100ms or 2s",
                                   quote(options->interval))};
    }
    auto words = options->words();
    words.insert(words.begin(), {"service", "serve"});
    must(manager->install(words), "install");
  });
  command->add_subcommand("uninstall", "Stop and remove it; recordings stay")->callback([=] {
    must(manager->uninstall(), "uninstall");
  });
  command->add_subcommand("start", "Start it now")->callback([=] {
    must(manager->start(), "start");
  });
  command->add_subcommand("stop", "Stop it until the next boot")->callback([=] {
    must(manager->stop(), "stop");
  });
  // What the service manager runs.
  auto* const serve = command->add_subcommand("serve", "")->group("");
  add_options(*serve, *options);
  serve->callback([=] { must(manager->serve([=] { return record(*options); }), "run"); });
}

}  // namespace netlog::cli
