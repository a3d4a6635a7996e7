// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "os/file_trust.hpp"
#include "os/linux/service_unit.hpp"
#include "util/text.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>

#include <unistd.h>

namespace netlog::os {
namespace {

constexpr const char* kUnit = "/etc/systemd/system/netlog.service";
constexpr const char* kUnitOfPackage = "/usr/lib/systemd/system/netlog.service";

/// What a command of ours prints; it goes through a shell and contains nothing from outside.
Result<std::string> run(const std::string& command) {
  errno = 0;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) {
    return fail_errno(errno, command);
  }
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    output += static_cast<char>(c);
  }
  const int status = ::pclose(pipe);
  if (status != 0) {
    return fail_errno(ECANCELED,
                      fmt::format("{} ended with {}: {}",
                                  command,
                                  WIFEXITED(status) ? WEXITSTATUS(status) : status,
                                  one_line(output)));
  }
  return output;
}

ServiceStep command(std::string text) {
  return {text, [text] {
            const auto output = run(text);
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
  errno = 0;
  std::ofstream file{kUnit, std::ios::trunc};
  file << text;
  file.close();
  return file ? Result<void>{} : fail_errno(errno, fmt::format("write {}", kUnit));
}

class SystemdUnits final : public ServiceManager {
 public:
  ServiceSteps install(const std::filesystem::path& recording,
                       const std::vector<std::string>& options) override {
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
    if (const auto why = distrust(program, FileUse::read); why && ::geteuid() == 0) {
      return fail(errc::untrusted,
                  fmt::format("{}: {}; copy it to /usr/local/bin", utf8(program), *why));
    }
    auto unit = service_unit(utf8(program), recording, options);
    if (!unit) {
      return unit.error();
    }
    return std::vector<ServiceStep>{
        {fmt::format("write {}:\n{}", kUnit, *unit), [text = *unit] { return write_unit(text); }},
        command("systemctl daemon-reload"),
        command("systemctl enable netlog.service")};
  }

  ServiceSteps uninstall() override {
    if (!is_ours(kUnit)) {
      return exists(kUnit) ? somebody_elses()
             : exists(kUnitOfPackage)
                 ? fail_errno(EEXIST, "the package has installed it; remove the package")
                 : fail_errno(ENOENT, "it is not installed");
    }
    return std::vector<ServiceStep>{
        command("systemctl disable --now netlog.service"),
        {fmt::format("delete {}", kUnit),
         [] {
           std::error_code error;
           std::filesystem::remove(kUnit, error);
           return error ? Result<void>{fail(error, fmt::format("delete {}", kUnit))}
                        : Result<void>{};
         }},
        command("systemctl daemon-reload")};
  }

  ServiceSteps start() override { return std::vector{command("systemctl start netlog.service")}; }
  ServiceSteps stop() override { return std::vector{command("systemctl stop netlog.service")}; }

  Result<ServiceStatus> status() override {
    if (auto systemd = require_systemd(); !systemd) {
      return systemd.error();
    }
    const auto shown =
        run("systemctl show --property=LoadState,ActiveState,SubState,StatusText netlog.service");
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
