// SPDX-License-Identifier: MIT
#include "os/name_files.hpp"

#include "util/text.hpp"

#include <fstream>

namespace netlog::os {

Result<std::string> read_name_file(const std::filesystem::path& path) {
  constexpr std::size_t kMax = std::size_t{16} << 20U;  // block lists have megabytes
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    return fail(make_error_code(boost::system::errc::no_such_file_or_directory), utf8(path));
  }
  std::string text(kMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) {
    return fail(make_error_code(boost::system::errc::io_error), utf8(path));
  }
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kMax) {
    return fail(errc::too_large, utf8(path));
  }
  return text;
}

}  // namespace netlog::os
