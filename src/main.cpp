// SPDX-License-Identifier: MIT
#include "cli/cli.hpp"
#include "os/terminal.hpp"

int main(int argc, char** argv) {
  return netlog::cli::run(netlog::os::command_line(argc, argv));
}
