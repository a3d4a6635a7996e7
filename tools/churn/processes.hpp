// SPDX-License-Identifier: MIT
#pragma once

#include "net.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace churn {

/// The ways in which processes come to use a connection.
std::vector<std::string> process_patterns();

/// Opens and closes `count` connections of a pattern, one after the other. This process is one of
/// the two ends, unless the pattern says otherwise.
std::vector<Truth> run_pattern(std::string_view pattern, int count);

/// What this program does when a pattern executes it: calls the port, and is gone.
int call_and_exit(int port);
/// The same with a connection that was opened before: ends it.
int finish_and_exit(int fd);

}  // namespace churn
