// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <memory>
#include <string>

namespace netlog::os {

/// The keys of the terminal that this process belongs to, at once and without an echo, until this
/// ends. Ctrl-C keeps its effect, Ctrl-Z is a key.
class Keyboard {
 public:
  virtual ~Keyboard() = default;

  /// Waits for keys, at most so long. @return what the terminal sends for them (ECMA-48 and xterm's
  /// control sequences); empty if there were none
  virtual std::string read(std::chrono::milliseconds wait) = 0;
};

/// Nothing without a terminal. Defined in linux/ and in windows/.
std::unique_ptr<Keyboard> open_keyboard();

/// Stops this process and those started with it, as Ctrl-Z does, until the shell goes on with it.
/// Does nothing on Windows.
void suspend();

}  // namespace netlog::os
