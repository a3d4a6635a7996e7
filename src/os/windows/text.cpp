// SPDX-License-Identifier: MIT
#include "os/windows/text.hpp"

#include "util/text.hpp"

#include <memory>

#include <windows.h>

namespace netlog::os {
namespace {

constexpr std::size_t kMaxText = 32 << 10;

/// Codes of GetLastError(). Boost's system category returns messages in the ANSI code page.
class Win32Category final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "win32"; }
  [[nodiscard]] std::string message(int value) const override {
    auto words = text_of_code(static_cast<std::uint32_t>(value));
    return words.empty() ? "failed" : words;
  }
  [[nodiscard]] boost::system::error_condition default_error_condition(
      int value) const noexcept override {
    namespace errc = boost::system::errc;
    switch (value) {
      case ERROR_SHARING_VIOLATION:
      case ERROR_LOCK_VIOLATION:
        return errc::make_error_condition(errc::resource_unavailable_try_again);
      case ERROR_ACCESS_DENIED:
        return errc::make_error_condition(errc::permission_denied);
      default:
        return {value, *this};
    }
  }
};

}  // namespace

std::wstring wide(std::string_view utf8) {
  const auto size = static_cast<int>(utf8.size());
  std::wstring text(
      static_cast<std::size_t>(::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, nullptr, 0)),
      L'\0');
  ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, text.data(), static_cast<int>(text.size()));
  return text;
}

std::string narrow(std::wstring_view text) {
  const std::u16string units{text.begin(), text.end()};
  return utf8_from_utf16(units, kMaxText);
}

std::string text_of_code(std::uint32_t code) {
  wchar_t* text = nullptr;
  const auto size =
      ::FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                           FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK,
                       nullptr,
                       code,
                       0,
                       reinterpret_cast<wchar_t*>(&text),
                       0,
                       nullptr);
  const std::unique_ptr<wchar_t, decltype(&::LocalFree)> owner{text, ::LocalFree};
  auto words = size == 0 ? std::string{} : narrow({text, size});
  while (!words.empty() && (words.back() == ' ' || words.back() == '.')) {
    words.pop_back();
  }
  return words;
}

Error fail_win32(std::uint32_t code, std::string context) {
  static const Win32Category category;
  return Error{boost::system::error_code{static_cast<int>(code), category}, std::move(context)};
}

}  // namespace netlog::os
