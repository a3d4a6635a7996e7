// SPDX-License-Identifier: MIT
#pragma once

namespace netlog::cli {

/// Runs the command line. Exit codes: 0 done, 1 failed, 2 usage. Errors are one line on stderr.
int run(int argc, char** argv);

}  // namespace netlog::cli
