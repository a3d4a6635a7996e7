// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace netlog::cli {

/// Runs the command line, given as UTF-8 words without the program's name. Exit codes: 0 done, 1
/// failed, 2 usage. Errors are one line on stderr.
int run(std::vector<std::string> words);

}  // namespace netlog::cli
