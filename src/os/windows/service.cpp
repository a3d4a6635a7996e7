// SPDX-License-Identifier: MIT
#include "os/service.hpp"

#include "os/event_log.hpp"
#include "os/windows/access.hpp"
#include "os/windows/event_log.hpp"
#include "os/windows/service_program.hpp"
#include "os/windows/signals.hpp"
#include "os/windows/text.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include <windows.h>

namespace netlog::os {
namespace {

constexpr const wchar_t* kName = L"netlog";
constexpr std::chrono::seconds kTimeout{30};

struct CloseService {
  using pointer = SC_HANDLE;
  void operator()(SC_HANDLE handle) const { ::CloseServiceHandle(handle); }
};
using ServiceHandle = std::unique_ptr<void, CloseService>;

Error last_error(std::string context) {
  return fail_win32(::GetLastError(), std::move(context));
}

/// Quotes an argument so that the C runtime reads it back. Source: learn.microsoft.com,
/// Parsing C++ command-line arguments.
std::wstring quote_argument(std::wstring_view word) {
  std::wstring text = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : word) {
    if (c == L'"') {
      text.append(backslashes + 1, L'\\');
    }
    backslashes = c == L'\\' ? backslashes + 1 : 0;
    text += c;
  }
  text.append(backslashes, L'\\');
  return text + L'"';
}

std::wstring own_path() {
  std::array<wchar_t, 32'768> path{};
  const auto size = ::GetModuleFileNameW(nullptr, path.data(), path.size());
  return {path.data(), size};
}

Result<ServiceHandle> open_manager(DWORD rights) {
  ServiceHandle manager{::OpenSCManagerW(nullptr, nullptr, rights)};
  if (!manager) {
    return last_error("open the service manager");
  }
  return manager;
}

Result<ServiceHandle> open_service(DWORD rights) {
  auto manager = open_manager(SC_MANAGER_CONNECT);
  if (!manager) {
    return manager.error();
  }
  ServiceHandle service{::OpenServiceW(manager->get(), kName, rights)};
  if (!service) {
    return last_error("open the service netlog");
  }
  return service;
}

Result<void> wait_for(const ServiceHandle& service, DWORD wanted) {
  const auto until = std::chrono::steady_clock::now() + kTimeout;
  for (;;) {
    SERVICE_STATUS status{};
    if (::QueryServiceStatus(service.get(), &status) == 0) {
      return last_error("ask for the service's state");
    }
    if (status.dwCurrentState == wanted) {
      return {};
    }
    if (status.dwCurrentState == SERVICE_STOPPED) {
      return fail_win32(status.dwWin32ExitCode == ERROR_SUCCESS ? ERROR_SERVICE_NOT_ACTIVE
                                                                : status.dwWin32ExitCode,
                        "the service has stopped; the event log says why");
    }
    if (std::chrono::steady_clock::now() > until) {
      return fail_win32(ERROR_SERVICE_REQUEST_TIMEOUT, "wait for the service");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
}

/// The service of this process. Global, because the manager calls back without a context.
struct Serving {
  std::function<ServiceEnd()> work;
  std::atomic<SERVICE_STATUS_HANDLE> status{nullptr};
};

Serving& serving() {
  static Serving one;
  return one;
}

void report(DWORD state, int exit_code = 0) {
  SERVICE_STATUS status{};
  status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
  status.dwCurrentState = state;
  status.dwControlsAccepted =
      state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN : 0;
  status.dwWin32ExitCode = exit_code == 0 ? NO_ERROR : ERROR_SERVICE_SPECIFIC_ERROR;
  status.dwServiceSpecificExitCode = static_cast<DWORD>(exit_code);
  static std::atomic<DWORD> steps{0};  // while it starts or stops, the manager expects progress
  const bool is_pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;
  status.dwCheckPoint = is_pending ? ++steps : 0;
  status.dwWaitHint = static_cast<DWORD>(std::chrono::milliseconds{kTimeout}.count());
  ::SetServiceStatus(serving().status, &status);
}

DWORD WINAPI handle_control(DWORD control, DWORD /*event*/, void* /*data*/, void* /*context*/) {
  switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN:  // before the others: it has a time of its own
      report(SERVICE_STOP_PENDING);
      request_stop();
      return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
      return NO_ERROR;
    default:
      return ERROR_CALL_NOT_IMPLEMENTED;
  }
}

void WINAPI service_main(DWORD /*count*/, wchar_t** /*arguments*/) {
  serving().status = ::RegisterServiceCtrlHandlerExW(kName, handle_control, nullptr);
  report(SERVICE_START_PENDING);
  begin_event_log();
  on_watching([] { report(SERVICE_RUNNING); });
  const auto end = serving().work();
  if (end.exit_code != 0) {
    log_event(LogEvent::failed, end.message);
  }
  report(SERVICE_STOPPED, end.exit_code);
}

class WindowsServices final : public ServiceManager {
 public:
  ServiceSteps install(const RecordCommand& command) override {
    if (const auto safe = command.config.empty() ? Result<void>{} : refuse_open(command.config);
        !safe) {
      return safe.error();
    }
    std::vector<ServiceStep> steps;
    std::filesystem::path program = own_path();
    const auto kept = kept_program();
    if (!kept) {
      return kept.error();
    }
    // Elsewhere programs without rights of their own may write, also where only this user may.
    if (!is_below(kept->parent_path().parent_path(), program) || !refuse_open(program)) {
      steps.push_back({"copy " + narrow(program.native()) + " to " + narrow(kept->native()),
                       [program, kept = *kept] {
                         const auto absent = refuse_second();
                         return absent ? keep_program(program, kept) : absent;
                       }});
      program = *kept;
    }
    auto line = quote_argument(program.native()) + L" service serve";
    for (const auto& word : command.words()) {
      line += L' ' + quote_argument(wide(word));
    }
    steps.push_back(
        {"create the service netlog: " + narrow(line), [line] { return create(line); }});
    return steps;
  }

  ServiceSteps uninstall() override {
    std::vector<ServiceStep> steps{{"stop the service netlog if it runs, and delete it", remove}};
    const auto kept = kept_program();
    if (kept && std::filesystem::exists(*kept)) {
      steps.push_back({"remove " + narrow(kept->native()),
                       [kept = *kept] { return remove_kept_program(kept); }});
    }
    return steps;
  }
  ServiceSteps start() override { return one_step("start the service netlog", start_now); }
  ServiceSteps stop() override { return one_step("stop the service netlog", stop_now); }

  Result<ServiceStatus> status() override {
    auto service = open_service(SERVICE_QUERY_STATUS);
    if (!service) {
      if (service.error().code.value() == ERROR_SERVICE_DOES_NOT_EXIST) {
        return ServiceStatus{"not installed", false};
      }
      return service.error();
    }
    SERVICE_STATUS status{};
    if (::QueryServiceStatus(service->get(), &status) == 0) {
      return last_error("ask for the service's state");
    }
    switch (status.dwCurrentState) {
      case SERVICE_RUNNING:
        return ServiceStatus{"running", true};
      case SERVICE_START_PENDING:
        return ServiceStatus{"starting", false};
      case SERVICE_STOP_PENDING:
        return ServiceStatus{"stopping", false};
      default:
        return ServiceStatus{"stopped", false};
    }
  }

  Result<void> serve(const std::function<ServiceEnd()>& work) override {
    serving().work = work;
    std::wstring name = kName;
    const std::array<SERVICE_TABLE_ENTRYW, 2> services{{{name.data(), service_main}, {}}};
    if (::StartServiceCtrlDispatcherW(services.data()) == 0) {
      return last_error("connect to the service manager");
    }
    return {};
  }

 private:
  static ServiceSteps one_step(std::string what, std::function<Result<void>()> take) {
    return std::vector<ServiceStep>{{std::move(what), std::move(take)}};
  }

  /// Refuses a file that others may write, or replace in its folder.
  static Result<void> refuse_open(const std::filesystem::path& file) {
    auto safe = refuse_writable_by_others(file);
    return safe ? refuse_writable_by_others(file.parent_path()) : safe;
  }

  static bool is_below(const std::filesystem::path& folder, const std::filesystem::path& file) {
    const auto begin = folder.native() + L'\\';
    const auto size = static_cast<int>(begin.size());
    return file.native().size() > begin.size() &&
           ::CompareStringOrdinal(begin.c_str(), size, file.c_str(), size, TRUE) == CSTR_EQUAL;
  }

  /// The program of a service that is installed already must not change.
  static Result<void> refuse_second() {
    return open_service(SERVICE_QUERY_STATUS)
               ? fail_win32(ERROR_SERVICE_EXISTS, "create the service netlog")
               : Result<void>{};
  }

  static Result<void> create(const std::wstring& command) {
    auto manager = open_manager(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE);
    if (!manager) {
      return manager.error();
    }
    const ServiceHandle service{::CreateServiceW(manager->get(),
                                                 kName,
                                                 L"netlog flight recorder for connections",
                                                 SERVICE_ALL_ACCESS,
                                                 SERVICE_WIN32_OWN_PROCESS,
                                                 SERVICE_AUTO_START,
                                                 SERVICE_ERROR_NORMAL,
                                                 command.c_str(),
                                                 nullptr,
                                                 nullptr,
                                                 nullptr,
                                                 nullptr,
                                                 nullptr)};
    if (!service) {
      return last_error("create the service netlog");
    }
    auto configured = configure(service);
    if (configured) {
      configured = register_event_source();
    }
    if (!configured) {
      ::DeleteService(service.get());
    }
    return configured;
  }

  static Result<void> remove() {
    auto service = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE);
    if (!service) {
      return service.error();
    }
    SERVICE_STATUS status{};
    if (::ControlService(service->get(), SERVICE_CONTROL_STOP, &status) != 0) {
      if (auto stopped = wait_for(*service, SERVICE_STOPPED); !stopped) {
        return stopped;
      }
    }
    if (::DeleteService(service->get()) == 0) {
      return last_error("delete the service netlog");
    }
    return remove_event_source();
  }

  static Result<void> start_now() {
    auto service = open_service(SERVICE_START | SERVICE_QUERY_STATUS);
    if (!service) {
      return service.error();
    }
    if (::StartServiceW(service->get(), 0, nullptr) == 0) {
      return last_error("start the service netlog");
    }
    return wait_for(*service, SERVICE_RUNNING);
  }

  static Result<void> stop_now() {
    auto service = open_service(SERVICE_STOP | SERVICE_QUERY_STATUS);
    if (!service) {
      return service.error();
    }
    SERVICE_STATUS status{};
    if (::ControlService(service->get(), SERVICE_CONTROL_STOP, &status) == 0) {
      return last_error("stop the service netlog");
    }
    return wait_for(*service, SERVICE_STOPPED);
  }

  static Result<void> configure(const ServiceHandle& service) {
    constexpr DWORD kDay = 86'400;
    std::array<SC_ACTION, 3> again{
        {{SC_ACTION_RESTART, 1'000}, {SC_ACTION_RESTART, 10'000}, {SC_ACTION_RESTART, 60'000}}};
    SERVICE_FAILURE_ACTIONSW failure{};
    failure.dwResetPeriod = kDay;
    failure.cActions = again.size();
    failure.lpsaActions = again.data();
    SERVICE_FAILURE_ACTIONS_FLAG also_on_exit{TRUE};
    std::wstring about = L"Records every TCP and UDP connection of this host and who owns it.";
    SERVICE_DESCRIPTIONW description{about.data()};
    SERVICE_PRESHUTDOWN_INFO before_shutdown{
        static_cast<DWORD>(std::chrono::milliseconds{kTimeout}.count())};
    // The manager removes all others that SYSTEM has.
    std::array<wchar_t, 64> privileges{L"SeDebugPrivilege\0SeChangeNotifyPrivilege\0"};
    SERVICE_REQUIRED_PRIVILEGES_INFOW required{privileges.data()};
    SERVICE_SID_INFO sid{SERVICE_SID_TYPE_UNRESTRICTED};
    const auto change = [&](DWORD what, void* info) {
      // wine lacks some of them; Windows has had all since Vista.
      return ::ChangeServiceConfig2W(service.get(), what, info) != 0 ||
             ::GetLastError() == ERROR_INVALID_LEVEL;
    };
    if (!change(SERVICE_CONFIG_DESCRIPTION, &description) ||
        !change(SERVICE_CONFIG_FAILURE_ACTIONS, &failure) ||
        !change(SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_on_exit) ||
        !change(SERVICE_CONFIG_PRESHUTDOWN_INFO, &before_shutdown) ||
        !change(SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &required) ||
        !change(SERVICE_CONFIG_SERVICE_SID_INFO, &sid)) {
      return last_error("configure the service");
    }
    return {};
  }
};

}  // namespace

std::unique_ptr<ServiceManager> service_manager() {
  return std::make_unique<WindowsServices>();
}

}  // namespace netlog::os
