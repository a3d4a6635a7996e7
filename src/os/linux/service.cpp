// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "os/file_trust.hpp"
#include "os/linux/service_unit.hpp"
#include "os/linux/unique_fd.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <map>
#include <span>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace netlog::os {
namespace {

constexpr const char* kUnit = "/etc/systemd/system/netlog.service";
constexpr const char* kUnitOfPackage = "/usr/lib/systemd/system/netlog.service";

/// What a command prints.
Result<std::string> run(const std::vector<std::string>& words) {
  const auto shown = fmt::format("{}", fmt::join(words, " "));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail_errno(errno, "make a pipe for " + shown);
  }
  UniqueFd output{ends[0]};
  UniqueFd input{ends[1]};
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const auto& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));  // exec(3) does not write to it
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDERR_FILENO);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return fail_errno(error, shown);
  }
  input.reset();
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t size = 0; (size = ::read(output.get(), part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) {
    return fail_errno(errno, "wait for " + shown);
  }
  if (status != 0) {
    return fail_errno(ECANCELED,
                      fmt::format("{} ended with {}: {}",
                                  shown,
                                  WIFEXITED(status) ? WEXITSTATUS(status) : status,
                                  one_line(text)));
  }
  return text;
}

ServiceStep command(std::vector<std::string> words) {
  auto shown = fmt::format("{}", fmt::join(words, " "));
  return {std::move(shown), [words = std::move(words)] {
            const auto output = run(words);
            return output ? Result<void>{} : Result<void>{output.error()};
          }};
}

bool exists(const char* file) {
  return ::access(file, F_OK) == 0;
}

Result<void> require_systemd() {
  // sd_booted(3)
  return exists("/run/systemd/system")
             ? Result<void>{}
             : fail_errno(ENOTSUP, "systemd does not run here; let your init run `netlog record`");
}

bool is_ours(const char* unit) {
  std::ifstream file{unit};
  std::string first;
  return std::getline(file, first) && first == kFirstLineOfUnit;
}

Error somebody_elses() {
  return fail_errno(EEXIST, fmt::format("{} is somebody else's", kUnit));
}

Result<void> write_unit(const std::string& text) {
  if (auto systemd = require_systemd(); !systemd) {
    return systemd;
  }
  // Beside it first, so that a full disk destroys no unit.
  const auto beside = std::string{kUnit} + ".new";
  ::unlink(beside.c_str());
  constexpr mode_t kMode = 0644;
  const UniqueFd file{::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode)};
  const auto size = static_cast<ssize_t>(text.size());
  errno = ENOSPC;  // the reason of a write that is cut short
  if (!file || ::fchmod(file.get(), kMode) != 0 ||
      ::write(file.get(), text.data(), text.size()) != size || ::fsync(file.get()) != 0 ||
      ::rename(beside.c_str(), kUnit) != 0) {
    auto failed = fail_errno(errno, fmt::format("write {}", kUnit));
    ::unlink(beside.c_str());
    return failed;
  }
  return {};
}

bool is_below(const std::filesystem::path& file, std::span<const char* const> folders) {
  return std::any_of(folders.begin(), folders.end(), [&](const char* folder) {
    const auto below = file.lexically_normal().lexically_relative(folder);
    return !below.empty() && *below.begin() != "..";
  });
}

// By packaging/netlog.service: PrivateTmp=, ProtectHome=read-only.
constexpr std::array<const char*, 2> kHidden{"/tmp", "/var/tmp"};
constexpr std::array<const char*, 3> kReadOnly{"/home", "/root", "/run/user"};

Result<void> check_recording(const std::filesystem::path& recording) {
  if (is_below(recording, kHidden) || is_below(recording, kReadOnly)) {
    return fail_errno(EROFS,
                      fmt::format("{}: the service may not write below /tmp and /home; record into "
                                  "another folder, such as /var/lib/netlog",
                                  utf8(recording)));
  }
  if (const auto folder = recording.parent_path(); !exists(folder.c_str())) {
    return fail_errno(ENOENT, fmt::format("{}; make this folder first", utf8(folder)));
  }
  return {};
}

/// What the service reads. Root runs only what root alone can replace.
Result<void> check_file(const std::filesystem::path& file) {
  if (is_below(file, kHidden)) {
    return fail_errno(ENOENT,
                      fmt::format("{}: the service has a /tmp of its own; move this file to "
                                  "another folder, such as /usr/local/bin or /etc/netlog",
                                  utf8(file)));
  }
  if (!exists(file.c_str())) {
    return fail_errno(ENOENT, utf8(file));
  }
  const auto why = ::geteuid() == 0 ? distrust(file, FileUse::read) : std::nullopt;
  return why ? fail(errc::untrusted, fmt::format("{}: {}", utf8(file), *why)) : Result<void>{};
}

class SystemdUnits final : public ServiceManager {
 public:
  ServiceSteps install(const RecordCommand& request) override {
    if (exists(kUnitOfPackage)) {
      return fail_errno(EEXIST, "the package has installed it; `netlog service start` starts it");
    }
    if (exists(kUnit) && !is_ours(kUnit)) {
      return somebody_elses();
    }
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
      return fail(error, "find this program by /proc/self/exe");
    }
    for (const auto& file : {program, request.config}) {
      if (auto checked = file.empty() ? Result<void>{} : check_file(file); !checked) {
        return checked.error();
      }
    }
    if (!request.recording.empty()) {
      if (auto checked = check_recording(request.recording); !checked) {
        return checked.error();
      }
    }
    auto unit = service_unit(utf8(program), request);
    if (!unit) {
      return unit.error();
    }
    return std::vector<ServiceStep>{
        {fmt::format("write {}:\n{}", kUnit, *unit), [text = *unit] { return write_unit(text); }},
        command({"systemctl", "daemon-reload"}),
        command({"systemctl", "enable", "netlog.service"})};
  }

  ServiceSteps uninstall() override {
    if (!is_ours(kUnit)) {
      return exists(kUnit) ? somebody_elses()
             : exists(kUnitOfPackage)
                 ? fail_errno(EEXIST, "the package has installed it; remove the package")
                 : fail_errno(ENOENT, "it is not installed");
    }
    std::vector<ServiceStep> steps{
        command({"systemctl", "disable", "--now", "netlog.service"}),
        {fmt::format("delete {}", kUnit),
         [] {
           std::error_code error;
           std::filesystem::remove(kUnit, error);
           return error ? Result<void>{fail(error, fmt::format("delete {}", kUnit))}
                        : Result<void>{};
         }},
        command({"systemctl", "daemon-reload"})};
    if (exists(kUnitOfPackage)) {
      steps.push_back(command({"systemctl", "enable", "--now", "netlog.service"}));
    }
    return steps;
  }

  ServiceSteps start() override {
    return std::vector{command({"systemctl", "start", "netlog.service"})};
  }
  ServiceSteps stop() override {
    return std::vector{command({"systemctl", "stop", "netlog.service"})};
  }

  Result<ServiceStatus> status() override {
    if (auto systemd = require_systemd(); !systemd) {
      return systemd.error();
    }
    const auto shown = run({"systemctl",
                            "show",
                            "--property=LoadState,ActiveState,SubState,StatusText",
                            "netlog.service"});
    if (!shown) {
      return shown.error();
    }
    std::map<std::string, std::string> values;
    std::istringstream lines{*shown};
    for (std::string line; std::getline(lines, line);) {
      if (const auto at = line.find('='); at != std::string::npos) {
        values[line.substr(0, at)] = line.substr(at + 1);
      }
    }
    if (values["LoadState"] == "not-found") {
      return ServiceStatus{"not installed", false};
    }
    auto text = fmt::format("{} ({})", values["ActiveState"], values["SubState"]);
    if (const auto& said = values["StatusText"]; !said.empty()) {
      text += ": " + one_line(said);
    }
    return ServiceStatus{text, values["ActiveState"] == "active"};
  }

  Result<void> serve(const std::function<ServiceEnd()>& /*work*/) override {
    return fail_errno(ENOTSUP, "systemd runs `netlog record`");
  }
};

}  // namespace

std::unique_ptr<ServiceManager> service_manager() {
  return std::make_unique<SystemdUnits>();
}

}  // namespace netlog::os
