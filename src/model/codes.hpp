// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace netlog {

/// A code that recordings store, and the name that the views show for it.
struct StoredCode {
  std::string_view kind;  ///< `state`, `outcome`, …
  std::int64_t code = 0;
  std::string name;  ///< `TIME_WAIT`, `timed_out`
};

/// All stored codes, made from the enums and tables of this folder. Each kind is one run, in
/// ascending order of its codes. Codes are never renumbered.
const std::vector<StoredCode>& stored_codes();

}  // namespace netlog
