// SPDX-License-Identifier: MIT
#include "cli/output/new_file.hpp"

#include "os/files.hpp"
#include "os/side_files.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <system_error>

#include <fmt/format.h>

namespace netlog::cli {

TemporaryFile::~TemporaryFile() {
  std::error_code ignored;
  if (!path_.empty()) {
    std::filesystem::remove(path_, ignored);
  }
}

NewFile::NewFile(const std::string& name)
    : path_{path_from_utf8(name)}, part_path_{with_suffix(path_, ".part")} {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(path_, error))) {
    throw CommandFailed{
        fmt::format("cannot make {}: it exists; name another file with -o", utf8(path_))};
  }
  if (const auto recording = os::find_recording_of(path_)) {
    throw CommandFailed{
        fmt::format("cannot make {}: SQLite would take it for a part of {}; name another file "
                    "with -o",
                    utf8(path_),
                    utf8(*recording))};
  }
}

void NewFile::create() {
  if (const auto made = os::create_private_file(part_path_); !made) {
    std::error_code error;
    throw CommandFailed{fmt::format("cannot make {}: {}{}",
                                    utf8(part_path_),
                                    made.error().message(),
                                    std::filesystem::exists(part_path_, error)
                                        ? "; another netlog is making it; if none is, delete it"
                                        : "; check that its directory exists and is writable")};
  }
  made_.watch(part_path_);
}

void NewFile::finish() {
  if (const auto moved = os::move_into_place(part_path_, path_); !moved) {
    throw CommandFailed{fmt::format("cannot make {}: {}", utf8(path_), moved.error().message())};
  }
  made_.keep();
}

void NewFile::finish(std::ofstream& file) {
  file.close();
  if (!file) {
    throw CommandFailed{fmt::format("cannot write {}; free some space", utf8(part_path_))};
  }
  finish();
}

}  // namespace netlog::cli
