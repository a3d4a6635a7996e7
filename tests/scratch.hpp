// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <random>
#include <string>

namespace netlog::test {

/// A directory of its own for one test; removed with all that is in it.
class Scratch {
 public:
  Scratch()
      : path_{std::filesystem::temp_directory_path() /
              ("netlog-test-" + std::to_string(std::random_device{}()))} {
    std::filesystem::create_directories(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace netlog::test
