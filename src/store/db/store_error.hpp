// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

namespace netlog::store {

/// The recording cannot be written or read. The message is one line: what we were doing, which
/// file, SQLite's message and extended result code.
class StoreError : public CommandFailed {
 public:
  using CommandFailed::CommandFailed;
};

}  // namespace netlog::store
