// SPDX-License-Identifier: MIT
#pragma once

#include "store/read/reader.hpp"

#include <string>
#include <string_view>

namespace netlog::report {

/// Replaces every `mark` in the text.
void replace_all(std::string& text, std::string_view mark, std::string_view by);

/// The statement with the parameters' values in place of `:name`, so that it can be pasted into a
/// plain `sqlite3` shell. Names within quotes and comments, and unknown ones, stay.
std::string with_values(std::string_view sql, const store::Parameters& parameters);

}  // namespace netlog::report
