// SPDX-License-Identifier: MIT
#include "cli/cli.hpp"
#include "platform/terminal.hpp"

int main(int argc, char** argv) {
  return netlog::cli::run(netlog::platform::command_line(argc, argv));
}
