// SPDX-License-Identifier: MIT
#include "os/keyboard.hpp"

#include "os/windows/text.hpp"

#include <array>
#include <cstddef>
#include <string>

#include <windows.h>

namespace netlog::os {
namespace {

class ConsoleKeyboard final : public Keyboard {
 public:
  ConsoleKeyboard(HANDLE input, DWORD before) : input_{input}, before_{before} {
    const DWORD lines = ENABLE_LINE_INPUT | ENABLE_ECHO_INPUT;
    ::SetConsoleMode(input_, (before & ~lines) | ENABLE_VIRTUAL_TERMINAL_INPUT);
  }
  ConsoleKeyboard(const ConsoleKeyboard&) = delete;
  ConsoleKeyboard& operator=(const ConsoleKeyboard&) = delete;
  ~ConsoleKeyboard() override { ::SetConsoleMode(input_, before_); }

  std::string read(std::chrono::milliseconds wait) override {
    if (::WaitForSingleObject(input_, static_cast<DWORD>(wait.count())) != WAIT_OBJECT_0) {
      return {};
    }
    // There are also events of the mouse, and of keys that are let go.
    std::array<INPUT_RECORD, 64> records{};
    DWORD count = 0;
    if (::ReadConsoleInputW(input_, records.data(), static_cast<DWORD>(records.size()), &count) ==
        0) {
      ::Sleep(static_cast<DWORD>(wait.count()));
      return {};
    }
    std::wstring keys;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& record = records[i];
      if (record.EventType == KEY_EVENT && record.Event.KeyEvent.bKeyDown != 0 &&
          record.Event.KeyEvent.uChar.UnicodeChar != 0) {
        keys += record.Event.KeyEvent.uChar.UnicodeChar;
      }
    }
    return narrow(keys);
  }

 private:
  HANDLE input_;
  DWORD before_;
};

}  // namespace

std::unique_ptr<Keyboard> open_keyboard() {
  auto* const input = ::GetStdHandle(STD_INPUT_HANDLE);
  DWORD mode = 0;
  return ::GetConsoleMode(input, &mode) != 0 ? std::make_unique<ConsoleKeyboard>(input, mode)
                                             : nullptr;
}

void suspend() {}

}  // namespace netlog::os
