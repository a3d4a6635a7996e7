// SPDX-License-Identifier: MIT
// Against the running Windows, or wine, whose tables have neither timestamps nor modules.
#include "os/clock.hpp"
#include "os/files.hpp"
#include "os/privileges.hpp"
#include "os/service.hpp"
#include "os/signals.hpp"
#include "os/terminal.hpp"
#include "os/windows/access.hpp"
#include "os/windows/event_log.hpp"
#include "os/windows/handle.hpp"
#include "os/windows/library.hpp"
#include "os/windows/signals.hpp"
#include "os/windows/text.hpp"
#include "source/doctor.hpp"
#include "source/windows/processes.hpp"
#include "support/catch.hpp"
#include "support/live_recording.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <fmt/format.h>

#include <aclapi.h>
#include <sddl.h>

namespace netlog_tests::system_windows_test {

using namespace netlog;
using namespace netlog::os;
using namespace netlog::capture;
using namespace netlog::source;
using tcp = boost::asio::ip::tcp;
using udp = boost::asio::ip::udp;

namespace {

test::LiveRecording recording() {
  auto source = make_live_source({});
  REQUIRE(source.has_value());
  return test::LiveRecording{std::move(*source)};
}

std::string security_of(const std::filesystem::path& path) {
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  PACL acl = nullptr;
  if (::GetNamedSecurityInfoW(path.c_str(),
                              SE_FILE_OBJECT,
                              DACL_SECURITY_INFORMATION,
                              nullptr,
                              nullptr,
                              &acl,
                              nullptr,
                              &descriptor) != ERROR_SUCCESS) {
    return "?";
  }
  const std::unique_ptr<void, decltype(&::LocalFree)> owner{descriptor, ::LocalFree};
  wchar_t* text = nullptr;
  ::ConvertSecurityDescriptorToStringSecurityDescriptorW(
      descriptor, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &text, nullptr);
  const std::unique_ptr<wchar_t, decltype(&::LocalFree)> text_owner{text, ::LocalFree};
  return os::narrow(text);
}

void allow(const std::filesystem::path& path, const wchar_t* sddl) {
  PSECURITY_DESCRIPTOR descriptor = nullptr;
  REQUIRE(::ConvertStringSecurityDescriptorToSecurityDescriptorW(
              sddl, SDDL_REVISION_1, &descriptor, nullptr) != 0);
  const std::unique_ptr<void, decltype(&::LocalFree)> owner{descriptor, ::LocalFree};
  REQUIRE(::SetFileSecurityW(path.c_str(), DACL_SECURITY_INFORMATION, descriptor) != 0);
}

void write_file(const std::filesystem::path& path) {
  REQUIRE(std::ofstream{path, std::ios::binary}.good());
}

}  // namespace

TEST_CASE("our own sockets are recorded with us as their owner", "[live]") {
  boost::asio::io_context io;
  tcp::acceptor acceptor{io, {boost::asio::ip::address_v4::loopback(), 0}};
  tcp::acceptor acceptor6{io, {boost::asio::ip::address_v6::loopback(), 0}};
  udp::socket datagrams{io, {boost::asio::ip::address_v4::loopback(), 0}};
  auto live = recording();
  live.tick();
  tcp::socket client{io};
  client.connect(acceptor.local_endpoint());
  auto server = acceptor.accept();
  // wine names the owner of a socket that has been used.
  client.set_option(tcp::no_delay{true});
  server.set_option(tcp::no_delay{true});
  live.tick();
  const auto pid = ::GetCurrentProcessId();
  const auto local = client.local_endpoint().port();
  server.close();
  live.tick();
  client.close();
  live.tick();
  CHECK(live.rows(fmt::format("SELECT kind, old, new, process FROM events WHERE pid = {} AND "
                              "local_port = {} ORDER BY id",
                              pid,
                              local))
            .starts_with("open|NULL|ESTABLISHED|netlog_tests.exe\n"
                         "state|ESTABLISHED|CLOSE_WAIT|netlog_tests.exe\n"));
  CHECK(live.rows(fmt::format("SELECT local_address, state, direction FROM connections WHERE "
                              "local_port = {} AND direction = 'listen'",
                              acceptor.local_endpoint().port())) == "127.0.0.1|LISTEN|listen\n");
  CHECK(
      live.rows(fmt::format("SELECT protocol, family, state FROM connections WHERE local_port = {} "
                            "AND direction = 'listen'",
                            acceptor6.local_endpoint().port())) == "tcp|ipv6|LISTEN\n");
  CHECK(live.rows(fmt::format("SELECT protocol, family, local_address FROM connections WHERE "
                              "local_port = {} AND protocol = 'udp'",
                              datagrams.local_endpoint().port())) == "udp|ipv4|127.0.0.1\n");
  CHECK(live.rows(fmt::format("SELECT direction FROM connections WHERE remote_port = {}", local)) ==
        "inbound\n");
  CHECK(live.rows("SELECT source, reason, detail FROM gaps WHERE source <> 'tick'").empty());
}

TEST_CASE("UDP over IPv6 is recorded", "[live]") {
  boost::asio::io_context io;
  auto live = recording();
  udp::socket datagrams{io, {boost::asio::ip::address_v6::loopback(), 0}};
  live.tick();
  CHECK(live.rows(fmt::format("SELECT protocol, family FROM connections WHERE local_port = {} AND "
                              "protocol = 'udp'",
                              datagrams.local_endpoint().port())) == "udp|ipv6\n");
}

TEST_CASE("a process is listed and described, ours and others'", "[live]") {
  std::vector<ip_helper::ListedProcess> processes;
  REQUIRE(list_processes(processes) == ip_helper::kNoError);
  const auto us = std::find_if(processes.begin(), processes.end(), [](const auto& process) {
    return process.pid == ::GetCurrentProcessId();
  });
  REQUIRE(us != processes.end());
  CHECK(us->name == "netlog_tests.exe");
  ProcessReader reader;
  const auto details = reader.describe(us->pid, us->created);
  REQUIRE(details.image.has_value());
  CHECK(details.image->ends_with("netlog_tests.exe"));
  // wine 8 has no command lines.
  CHECK(details.command_line.value_or("netlog_tests.exe").find("netlog_tests.exe") !=
        std::string::npos);
  REQUIRE(details.account.has_value());
  CHECK(details.account->find('\\') != std::string::npos);
  CHECK_FALSE(reader.describe(us->pid, us->created + 1).image.has_value());
  const auto other = std::find_if(processes.begin(), processes.end(), [](const auto& process) {
    return process.name == "services.exe";
  });
  REQUIRE(other != processes.end());
  CHECK(reader.describe(other->pid, other->created).image.has_value());
  CHECK_FALSE(reader.describe(4'000'000'000, 0).image.has_value());
  std::vector<ip_helper::RunningService> services;
  CHECK(list_services(services) == ip_helper::kNoError);
  CHECK_FALSE(services.empty());
}

TEST_CASE("the end of a process that was described is known", "[live]") {
  STARTUPINFOW startup{};
  startup.cb = sizeof(startup);
  PROCESS_INFORMATION made{};
  std::wstring command = L"cmd.exe /c \"set /p line= & exit 42\"";
  HANDLE read_end = nullptr;
  HANDLE write_end = nullptr;
  SECURITY_ATTRIBUTES inherited{sizeof(inherited), nullptr, TRUE};
  REQUIRE(::CreatePipe(&read_end, &write_end, &inherited, 0) != 0);
  const auto input = os::own(read_end);
  auto line = os::own(write_end);
  REQUIRE(::SetHandleInformation(line.get(), HANDLE_FLAG_INHERIT, 0) != 0);
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = input.get();
  REQUIRE(::CreateProcessW(nullptr,
                           command.data(),
                           nullptr,
                           nullptr,
                           TRUE,
                           CREATE_NO_WINDOW,
                           nullptr,
                           nullptr,
                           &startup,
                           &made) != 0);
  const auto process = os::own(made.hProcess);
  const auto thread = os::own(made.hThread);
  const auto pid = ::GetProcessId(process.get());
  std::vector<ip_helper::ListedProcess> processes;
  REQUIRE(list_processes(processes) == ip_helper::kNoError);
  const auto listed = std::find_if(
      processes.begin(), processes.end(), [&](const auto& one) { return one.pid == pid; });
  REQUIRE(listed != processes.end());
  ProcessReader reader;
  CHECK(reader.describe(pid, listed->created).image.has_value());
  CHECK_FALSE(reader.end_of(pid, listed->created).has_value());
  line.reset();  // its input ends, and so does it
  REQUIRE(::WaitForSingleObject(process.get(), 60'000) == WAIT_OBJECT_0);
  const auto end = reader.end_of(pid, listed->created);
  REQUIRE(end.has_value());
  CHECK(end->exit_code == 42);
  CHECK(end->ended >= listed->created);
  reader.forget(pid, listed->created);
  CHECK_FALSE(reader.end_of(pid, listed->created).has_value());
}

TEST_CASE("a command line needs a buffer, whatever Windows calls that", "[live]") {
  for (const auto status : {0xC000'0004U, 0xC000'0023U, 0x8000'0005U}) {
    CHECK(is_too_short(static_cast<long>(status)));
  }
  for (const auto status : {0U, 0xC000'0022U, 0xC000'0003U}) {  // denied, no such class
    CHECK_FALSE(is_too_short(static_cast<long>(status)));
  }
}

TEST_CASE("names of other machines and long names stay whole", "[live]") {
  for (const auto* const name : {L"\\\\server\\share\\x.db",
                                 L"\\\\?\\UNC\\server\\share\\x.db",
                                 L"\\\\?\\C:\\x.db",
                                 L"C:\\x.db"}) {
    CHECK(os::absolute_path(name).native() == name);
  }
  CHECK(os::absolute_path(L"//server/share/x.db").native() == L"\\\\server\\share\\x.db");
  CHECK(os::absolute_path(L"x.db").is_absolute());
}

TEST_CASE("the name of a network drive shows it", "[live]") {
  for (const auto* const name :
       {L"\\\\server\\share\\x.db", L"\\\\?\\UNC\\server\\share\\x.db", L"//server/share/x.db"}) {
    CHECK(os::is_on_network(name));
  }
  for (const auto* const name : {L"C:\\x.db", L"\\\\?\\C:\\x.db", L"x.db"}) {
    CHECK_FALSE(os::is_on_network(name));
  }
}

TEST_CASE("what is made for a recording is private", "[live]") {
  const test::Scratch scratch;
  const auto path = scratch / "Ordner für €";
  REQUIRE(os::create_private_directories(path).has_value());
  const auto usual = os::default_recording_path().parent_path();
  CAPTURE(utf8(usual));
  REQUIRE(os::create_private_directories(usual).has_value());
  const auto again = os::create_private_directories(usual);  // that is ours
  CAPTURE(again ? std::string{} : again.error().message());
  CHECK(again.has_value());
  CHECK_FALSE(os::create_private_directories("Q:\\no such drive\\x").has_value());
  const auto held = os::hold_recording_file(path / "x.db");
  REQUIRE(held.has_value());
  for (const auto& made : {path, path / "x.db", path / "x.db-wal", path / "x.db-shm"}) {
    CAPTURE(utf8(made));
    const auto security = security_of(made);
    CAPTURE(security);
    CHECK(security.starts_with("D:"));
    CHECK(security.find(";WD)") == std::string::npos);  // everybody
    CHECK(security.find(";BU)") == std::string::npos);  // users
    CHECK(security.find(";AU)") == std::string::npos);  // who has logged on
  }
}

TEST_CASE("what exists of a recording is made private again", "[live]") {
  const test::Scratch scratch;
  const auto path = scratch / "x.db";
  for (const auto& name : {path, scratch / "x.db-wal"}) {
    write_file(name);
    allow(name, L"D:P(A;;FA;;;WD)(A;;FA;;;OW)");
    REQUIRE(security_of(name).find(";WD)") != std::string::npos);
  }
  const auto held = os::hold_recording_file(path);
  REQUIRE(held.has_value());
  for (const auto& name : {path, scratch / "x.db-wal", scratch / "x.db-shm"}) {
    CAPTURE(utf8(name));
    CHECK(security_of(name).find(";WD)") == std::string::npos);
  }
}

TEST_CASE("a reader is one more entry of the access list", "[live]") {
  CHECK_FALSE(os::find_readers("users").has_value());
  CHECK_FALSE(os::find_readers("").has_value());
  const auto readers = os::find_readers("S-1-5-32-545");
  REQUIRE(readers.has_value());
  CHECK(readers->sid == "S-1-5-32-545");
  CHECK(os::private_file(L"S-1-5-32-545") == os::private_file() + L"(A;;FR;;;S-1-5-32-545)");
  CHECK(os::private_directory(L"S-1-5-32-545") ==
        os::private_directory() + L"(A;OICI;FRFX;;;S-1-5-32-545)");
  for (const auto& sddl :
       {os::private_file(L"S-1-5-32-545"), os::private_directory(L"S-1-5-32-545")}) {
    PSECURITY_DESCRIPTOR descriptor = nullptr;
    CHECK(::ConvertStringSecurityDescriptorToSecurityDescriptorW(
              sddl.c_str(), SDDL_REVISION_1, &descriptor, nullptr) != 0);
    ::LocalFree(descriptor);
  }
  const test::Scratch scratch;
  const auto held = os::hold_recording_file(scratch / "x.db");
  REQUIRE(held.has_value());
  // wine keeps no entries but for the owner and for everybody.
  const auto everybody = os::find_readers("S-1-1-0");
  REQUIRE(everybody.has_value());
  CHECK((*held)->grant_group_read(*everybody).has_value());
  for (const auto* const name : {"x.db", "x.db-wal", "x.db-shm"}) {
    CAPTURE(name);
    CHECK(security_of(scratch / name).find(";WD)") != std::string::npos);
  }
}

TEST_CASE("a recorder keeps two privileges", "[live]") {
  REQUIRE(os::drop_rights({}).has_value());
  HANDLE opened = nullptr;
  REQUIRE(::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &opened) != 0);
  const auto token = os::own(opened);
  DWORD size = 0;
  ::GetTokenInformation(token.get(), TokenPrivileges, nullptr, 0, &size);
  std::vector<std::byte> buffer(size);
  REQUIRE(::GetTokenInformation(token.get(), TokenPrivileges, buffer.data(), size, &size) != 0);
  DWORD count = 0;
  std::memcpy(&count, buffer.data(), sizeof(count));
  for (DWORD i = 0; i < count; ++i) {
    LUID_AND_ATTRIBUTES one{};
    std::memcpy(&one,
                buffer.data() + offsetof(TOKEN_PRIVILEGES, Privileges) + i * sizeof(one),
                sizeof(one));
    std::array<wchar_t, 64> name{};
    auto length = static_cast<DWORD>(name.size());
    REQUIRE(::LookupPrivilegeNameW(nullptr, &one.Luid, name.data(), &length) != 0);
    const auto text = os::narrow(name.data());
    CAPTURE(text);
    CHECK((text == "SeDebugPrivilege" || text == "SeChangeNotifyPrivilege"));
  }
}

TEST_CASE("the service is registered with its source of events, and is gone with it", "[live]") {
  const auto services = os::service_manager();
  const auto before = services->status();
  if (!before || before->text != "not installed") {
    WARN("not checked: a service netlog is installed here");
    return;
  }
  constexpr const wchar_t* kKey =
      L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\netlog";
  const auto messages = [] {
    std::array<wchar_t, 260> text{};
    DWORD size = sizeof(text);
    return ::RegGetValueW(HKEY_LOCAL_MACHINE,
                          kKey,
                          L"EventMessageFile",
                          RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND,
                          nullptr,
                          text.data(),
                          &size) == ERROR_SUCCESS
               ? os::narrow(text.data())
               : std::string{};
  };
  const auto take = [](const os::ServiceSteps& steps) {
    REQUIRE(steps.has_value());
    for (const auto& step : *steps) {
      const auto done = step.take();
      CAPTURE(done ? std::string{} : done.error().message());
      CHECK(done.has_value());
    }
  };
  take(services->install({}));
  CHECK(messages() == "%SystemRoot%\\System32\\EventCreate.exe");
  {
    SC_HANDLE manager = ::OpenSCManagerW(nullptr, nullptr, SC_MANAGER_CONNECT);
    SC_HANDLE service = ::OpenServiceW(manager, L"netlog", SERVICE_QUERY_CONFIG);
    SERVICE_PRESHUTDOWN_INFO shutdown{};
    DWORD needed = 0;
    CHECK(::QueryServiceConfig2W(service,
                                 SERVICE_CONFIG_PRESHUTDOWN_INFO,
                                 reinterpret_cast<BYTE*>(&shutdown),
                                 sizeof(shutdown),
                                 &needed) != 0);
    CHECK(shutdown.dwPreshutdownTimeout == 30'000);
    ::CloseServiceHandle(service);
    ::CloseServiceHandle(manager);
  }
  take(services->uninstall());
  CHECK(messages().empty());
}

TEST_CASE("a service reads no configuration that others may replace", "[live]") {
  const test::Scratch scratch;
  const auto folder = scratch / "netlog";
  REQUIRE(std::filesystem::create_directory(folder));
  write_file(folder / "netlog.toml");
  allow(folder / "netlog.toml", L"D:P(A;;FA;;;OW)");
  allow(folder, L"D:P(A;;FA;;;OW)");
  const auto services = os::service_manager();
  const auto install = [&] { return services->install({{}, folder / "netlog.toml", {}}); };
  CHECK(install().has_value());
  allow(folder, L"D:P(A;;FA;;;OW)(A;;FA;;;WD)");
  REQUIRE(install().has_error());
  CHECK_THAT(install().error().message(),
             test::contains_text("others than administrators may write " + utf8(folder)));
}

TEST_CASE("what no plain entry of an access list says is taken for the worst", "[live]") {
  alignas(ACL) std::array<std::byte, 256> memory{};
  auto* const list = reinterpret_cast<ACL*>(memory.data());
  REQUIRE(::InitializeAcl(list, memory.size(), ACL_REVISION) != 0);
  std::array<std::byte, SECURITY_MAX_SID_SIZE> sid{};
  const auto lets_write = [&](BYTE type, WELL_KNOWN_SID_TYPE who, DWORD mask) {
    DWORD size = sid.size();
    void* entry = nullptr;
    REQUIRE(::CreateWellKnownSid(who, nullptr, sid.data(), &size) != 0);
    REQUIRE(::AddAccessAllowedAce(list, ACL_REVISION, mask, sid.data()) != 0);
    REQUIRE(::GetAce(list, list->AceCount - 1U, &entry) != 0);
    static_cast<ACE_HEADER*>(entry)->AceType = type;
    return os::lets_others_write(entry);
  };
  CHECK(lets_write(ACCESS_ALLOWED_ACE_TYPE, WinWorldSid, FILE_WRITE_DATA));
  CHECK_FALSE(lets_write(ACCESS_ALLOWED_ACE_TYPE, WinWorldSid, FILE_READ_DATA));
  CHECK_FALSE(lets_write(ACCESS_ALLOWED_ACE_TYPE, WinLocalSystemSid, FILE_WRITE_DATA));
  CHECK_FALSE(lets_write(ACCESS_DENIED_ACE_TYPE, WinWorldSid, FILE_WRITE_DATA));
  CHECK(lets_write(ACCESS_ALLOWED_CALLBACK_ACE_TYPE, WinLocalSystemSid, FILE_WRITE_DATA));
  CHECK_FALSE(lets_write(ACCESS_ALLOWED_CALLBACK_ACE_TYPE, WinWorldSid, FILE_READ_DATA));
}

TEST_CASE("the text of an event has no place for another text", "[live]") {
  CHECK(os::event_text("C:\\%1\\50% %%20.db") == "C:\\% 1\\50% %% 20.db");
  CHECK(os::event_text("").empty());
}

TEST_CASE("a request to stop is answered once", "[live]") {
  std::atomic<int> times = 0;
  {
    const auto watcher = os::watch_stop_requests([&] { ++times; });
    os::request_stop();
    os::request_stop();
    CHECK(times == 1);
  }
  // The service manager's, before anybody watched.
  os::request_stop();
  CHECK(times == 1);
  int watching = 0;
  os::on_watching([&] { ++watching; });
  const auto again = os::watch_stop_requests([&] { ++times; });
  os::on_watching({});
  CHECK(watching == 1);
  CHECK(times == 2);
  os::request_stop();
  CHECK(times == 2);
}

TEST_CASE("a recorder with a short interval has fine timers, and gives them back", "[live]") {
  using Set = long(WINAPI*)(unsigned long, BOOLEAN, unsigned long*);
  const auto set = os::look_up<Set>(L"ntdll.dll", "NtSetTimerResolution");
  REQUIRE(set != nullptr);
  constexpr auto kNotSet = static_cast<long>(0xC000'0245);  // STATUS_TIMER_RESOLUTION_NOT_SET
  const auto give_back = [&] {
    unsigned long current = 0;
    return set(0, FALSE, &current);
  };
  constexpr std::int64_t kMs = 1'000'000;
  { const auto fine = os::make_timers_fine(20 * kMs); }
  CHECK(give_back() == kNotSet);
  {
    const auto usual = os::make_timers_fine(1'000 * kMs);
    CHECK(give_back() == kNotSet);
    const auto fine = os::make_timers_fine(20 * kMs);
    CHECK(give_back() == 0);
  }
}

TEST_CASE("a console program hears of its end", "[live]") {
  std::atomic<int> times = 0;
  CHECK(os::handle_console_event(CTRL_LOGOFF_EVENT));  // somebody's, of a service
  {
    const auto watcher = os::watch_stop_requests([&] { ++times; });
    CHECK(os::handle_console_event(CTRL_LOGOFF_EVENT));
    CHECK(times == 0);
    CHECK(os::handle_console_event(CTRL_C_EVENT));
    CHECK(times == 1);
    CHECK_FALSE(os::handle_console_event(CTRL_C_EVENT));  // the second one ends the process
    CHECK(times == 1);
  }
  // After a close or a shutdown the process ends when the handler returns: not before the
  // recording is closed.
  for (const auto event : {CTRL_CLOSE_EVENT, CTRL_SHUTDOWN_EVENT}) {
    std::promise<void> stopped;
    std::atomic<bool> is_closed = false;
    auto watcher = os::watch_stop_requests([&] { stopped.set_value(); });
    auto handler = std::async(std::launch::async, [&] {
      return !os::handle_console_event(static_cast<unsigned long>(event)) && is_closed;
    });
    stopped.get_future().wait();
    is_closed = true;
    watcher.reset();
    CHECK(handler.get());
  }
}

TEST_CASE("errors have the system's words and their number", "[live]") {
  const auto error = os::hold_recording_file(path_from_utf8("C:\\no such directory\\x.db")).error();
  CHECK(error.message().starts_with("open for writing: "));
  CHECK(error.message().ends_with(" [win32:3]"));
  CHECK(os::text_of_code(ERROR_ACCESS_DENIED).size() > 3);
  CHECK(os::fail_win32(123'456, "x").message() == "x: failed [win32:123456]");
}

TEST_CASE("the doctor tries what a recorder needs here", "[live]") {
  const auto findings = examine_host(path_from_utf8("C:\\x.db"));
  const auto finding = [&](std::string_view check) {
    const auto found = std::find_if(
        findings.begin(), findings.end(), [&](const auto& one) { return one.check == check; });
    return found == findings.end() ? Finding{} : *found;
  };
  CHECK(finding("tables").allowed == Allowed::some);  // wine has no create timestamps
  CHECK(finding("tables").found.find("no row has a create timestamp") != std::string::npos);
  CHECK(finding("notices").allowed == Allowed::none);
  CHECK(finding("counters").allowed == Allowed::all);
  CHECK(finding("recording").allowed == Allowed::all);
}

TEST_CASE("the command line is UTF-8 and without the program's name", "[live]") {
  CHECK(os::wide("für €") == L"für €");
  CHECK(os::narrow(L"für €") == "für €");
  const auto words = os::command_line(0, nullptr);
  CHECK((words.empty() || !words.front().ends_with(".exe")));
}

}  // namespace netlog_tests::system_windows_test
