// SPDX-License-Identifier: MIT
#include "cli/cli.hpp"
#include "os/cut_files.hpp"
#include "os/privileges.hpp"
#include "os/terminal.hpp"

int main(int argc, char** argv) {
  netlog::os::lower_rights();
  netlog::os::end_when_a_mapped_file_is_cut();
  return netlog::cli::run(netlog::os::command_line(argc, argv));
}
