// SPDX-License-Identifier: MIT
#include "cli/cli.hpp"
#include "os/privileges.hpp"
#include "os/terminal.hpp"

int main(int argc, char** argv) {
  netlog::os::lower_rights();
  return netlog::cli::run(netlog::os::command_line(argc, argv));
}
