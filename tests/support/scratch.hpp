// SPDX-License-Identifier: MIT
#pragma once

#include "util/text.hpp"

#include <filesystem>
#include <random>
#include <string>
#include <string_view>

namespace netlog::test {

/// A directory of its own for one test; removed with all that is in it.
class Scratch {
 public:
  /// A name that nobody can guess, and a directory that was not there before.
  Scratch() {
    std::random_device random;
    do {
      path_ = std::filesystem::temp_directory_path() /
              ("netlog-test-" + std::to_string(random()) + "-" + std::to_string(random()));
    } while (!std::filesystem::create_directory(path_));
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  /// Of a name in UTF-8.
  std::filesystem::path operator/(std::string_view name) const {
    return path_ / path_from_utf8(name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace netlog::test
