// SPDX-License-Identifier: MIT
#include "os/terminal.hpp"

#include "os/windows/text.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <windows.h>

#include <fcntl.h>
#include <io.h>

/// Of the C runtime: the words of the command line as Windows programs get them. Source:
/// learn.microsoft.com, __wgetmainargs. The shell's CommandLineToArgvW() would bring user32, see
/// files.cpp.
extern "C" int __cdecl __wgetmainargs(
    int* count, wchar_t*** arguments, wchar_t*** environment, int expand, int* new_mode);

namespace netlog::os {
namespace {

HANDLE handle_of(StandardStream stream) {
  return ::GetStdHandle(stream == StandardStream::output ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE);
}

}  // namespace

bool is_terminal(StandardStream stream) {
  DWORD mode = 0;
  return ::GetConsoleMode(handle_of(stream), &mode) != 0;
}

bool understands_escapes(StandardStream stream) {
  DWORD mode = 0;
  auto* const handle = handle_of(stream);
  return ::GetConsoleMode(handle, &mode) != 0 &&
         ::SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

bool output_is_closed() {
  // learn.microsoft.com, WriteFile: nothing is written, but a pipe without a reader is an error.
  DWORD written = 0;
  return ::GetFileType(handle_of(StandardStream::output)) == FILE_TYPE_PIPE &&
         ::WriteFile(handle_of(StandardStream::output), "", 0, &written, nullptr) == 0;
}

std::size_t terminal_width(StandardStream stream) {
  CONSOLE_SCREEN_BUFFER_INFO info{};
  return ::GetConsoleScreenBufferInfo(handle_of(stream), &info) != 0
             ? static_cast<std::size_t>(info.srWindow.Right - info.srWindow.Left + 1)
             : 0;
}

std::size_t terminal_height(StandardStream stream) {
  CONSOLE_SCREEN_BUFFER_INFO info{};
  return ::GetConsoleScreenBufferInfo(handle_of(stream), &info) != 0
             ? static_cast<std::size_t>(info.srWindow.Bottom - info.srWindow.Top + 1)
             : 0;
}

bool locale_is_utf8() {
  return true;  // set_up_standard_streams() sets the console to UTF-8
}

void set_up_standard_streams() {
  // At exit the console gets back the code page that the shell uses.
  static const auto code_page = ::GetConsoleOutputCP();
  ::SetConsoleOutputCP(CP_UTF8);
  static_cast<void>(std::atexit([] {
    if (code_page != 0) {
      ::SetConsoleOutputCP(code_page);
    }
  }));
  // No \r before \n: the same bytes on every system.
  ::_setmode(::_fileno(stdout), _O_BINARY);
  ::_setmode(::_fileno(stderr), _O_BINARY);
}

Result<void> write_output(std::string_view bytes) {
  constexpr std::size_t kMaxAtOnce = std::size_t{1} << 15U;  // older consoles take no more
  while (!bytes.empty()) {
    DWORD written = 0;
    if (::WriteFile(handle_of(StandardStream::output),
                    bytes.data(),
                    static_cast<DWORD>(std::min(bytes.size(), kMaxAtOnce)),
                    &written,
                    nullptr) == 0) {
      const auto error = ::GetLastError();
      if (error == ERROR_BROKEN_PIPE || error == ERROR_NO_DATA) {
        return fail(make_error_code(boost::system::errc::broken_pipe), "write to standard output");
      }
      return fail(
          boost::system::error_code{static_cast<int>(error), boost::system::system_category()},
          "write to standard output");
    }
    bytes.remove_prefix(written);
  }
  return {};
}

void write_error(std::string_view bytes) {
  while (!bytes.empty()) {
    DWORD written = 0;
    if (::WriteFile(handle_of(StandardStream::error),
                    bytes.data(),
                    static_cast<DWORD>(bytes.size()),
                    &written,
                    nullptr) == 0 ||
        written == 0) {
      return;
    }
    bytes.remove_prefix(written);
  }
}

Result<void> finish_output() {
  return {};
}

std::vector<std::string> command_line(int /*argc*/, char** /*argv*/) {
  int count = 0;
  wchar_t** arguments = nullptr;
  wchar_t** environment = nullptr;
  int new_mode = 0;
  ::__wgetmainargs(&count, &arguments, &environment, 0, &new_mode);
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) {
    words.push_back(narrow(arguments[i]));
  }
  return words;
}

}  // namespace netlog::os
