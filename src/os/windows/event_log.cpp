// SPDX-License-Identifier: MIT
#include "os/event_log.hpp"

#include "os/windows/event_log.hpp"
#include "os/windows/text.hpp"

#include <atomic>
#include <string_view>

#include <windows.h>

namespace netlog::os {
namespace {

constexpr const wchar_t* kEventSource = L"netlog";
constexpr const wchar_t* kKey =
    L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\netlog";

std::atomic<bool>& is_service() {
  static std::atomic<bool> one{false};
  return one;
}

WORD type_of(LogEvent event) {
  switch (event) {
    case LogEvent::started:
    case LogEvent::stopped:
      return EVENTLOG_INFORMATION_TYPE;
    case LogEvent::failed:
      return EVENTLOG_ERROR_TYPE;
    default:
      return EVENTLOG_WARNING_TYPE;
  }
}

}  // namespace

std::string event_text(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c >= '0' && c <= '9' && plain.ends_with('%')) {
      plain += ' ';
    }
    plain += c;
  }
  return plain;
}

void begin_event_log() {
  is_service() = true;
}

void log_event(LogEvent event, const std::string& text) {
  constexpr std::size_t kMaxCharacters = 31'839;  // of one string, ReportEvent()
  auto* const log = is_service() ? ::RegisterEventSourceW(nullptr, kEventSource) : nullptr;
  if (log == nullptr) {
    return;
  }
  const auto line = wide(event_text(text)).substr(0, kMaxCharacters);
  const wchar_t* strings = line.c_str();
  ::ReportEventW(
      log, type_of(event), 0, static_cast<DWORD>(event), nullptr, 1, 0, &strings, nullptr);
  ::DeregisterEventSource(log);
}

Result<void> register_event_source() {
  // Its messages 1 to 1000 are the text of the event alone. Source: learn.microsoft.com,
  // eventcreate.
  constexpr std::wstring_view kMessages = L"%SystemRoot%\\System32\\EventCreate.exe";
  constexpr DWORD kTypes = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
  const auto bytes = static_cast<DWORD>((kMessages.size() + 1) * sizeof(wchar_t));
  auto code = ::RegSetKeyValueW(
      HKEY_LOCAL_MACHINE, kKey, L"EventMessageFile", REG_EXPAND_SZ, kMessages.data(), bytes);
  if (code == ERROR_SUCCESS) {
    code = ::RegSetKeyValueW(
        HKEY_LOCAL_MACHINE, kKey, L"TypesSupported", REG_DWORD, &kTypes, sizeof(kTypes));
  }
  return code == ERROR_SUCCESS
             ? Result<void>{}
             : fail_win32(static_cast<std::uint32_t>(code), "register the source of events");
}

Result<void> remove_event_source() {
  const auto code = ::RegDeleteKeyW(HKEY_LOCAL_MACHINE, kKey);
  return code == ERROR_SUCCESS || code == ERROR_FILE_NOT_FOUND
             ? Result<void>{}
             : fail_win32(static_cast<std::uint32_t>(code), "remove the source of events");
}

}  // namespace netlog::os
