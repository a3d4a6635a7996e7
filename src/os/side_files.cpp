// SPDX-License-Identifier: MIT
#include "os/side_files.hpp"

#include "os/files.hpp"
#include "util/text.hpp"

#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace netlog::os {

Result<std::filesystem::path> set_aside(const std::filesystem::path& path, const char* suffix) {
  constexpr int kMaxNumber = 1'000;
  for (int number = 1;; ++number) {
    auto unused = with_suffix(path, fmt::format("{}-{}", suffix, number).c_str());
    const auto moved = move_into_place(path, unused);
    if (moved) {
      return unused;
    }
    if (moved.error().code != boost::system::errc::file_exists || number == kMaxNumber) {
      return moved.error();
    }
  }
}

std::optional<std::filesystem::path> find_side_file(const std::filesystem::path& recording) {
  for (const auto* const suffix : kSideFiles) {
    auto beside = with_suffix(recording, suffix);
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(beside, error))) {
      return beside;
    }
  }
  return std::nullopt;
}

std::optional<std::filesystem::path> find_recording_of(const std::filesystem::path& side_file) {
  const auto name = utf8(side_file);
  for (const std::string_view suffix : kSideFiles) {
    if (!name.ends_with(suffix)) {
      continue;
    }
    auto recording = path_from_utf8(name.substr(0, name.size() - suffix.size()));
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(recording, error))) {
      return recording;
    }
  }
  return std::nullopt;
}

Result<void> refuse_name_of_side_file(const std::filesystem::path& path) {
  const auto recording = find_recording_of(path);
  return recording ? fail_errno(EINVAL,
                                fmt::format("give it the name of a side file of {}, which SQLite "
                                            "would overwrite",
                                            utf8(*recording)))
                   : Result<void>{};
}

}  // namespace netlog::os
