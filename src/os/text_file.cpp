// SPDX-License-Identifier: MIT
#include "os/text_file.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace netlog::os {

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t most) {
  constexpr std::size_t kPiece = std::size_t{64} << 10U;
  // A FIFO would wait for its writer.
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (error && kind == std::filesystem::file_type::none) {
    return fail(boost::system::error_code{error}, utf8(path));
  }
  if (kind == std::filesystem::file_type::directory) {
    return fail(make_error_code(boost::system::errc::is_a_directory), utf8(path));
  }
  if (kind != std::filesystem::file_type::regular &&
      kind != std::filesystem::file_type::not_found) {
    return fail(make_error_code(boost::system::errc::not_supported), utf8(path));
  }
  errno = 0;
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    return fail_errno(errno == 0 ? ENOENT : errno, utf8(path));
  }
  std::string text;
  while (in && text.size() <= most) {
    const auto had = text.size();
    text.resize(had + std::min(kPiece, most + 1 - had));
    in.read(text.data() + had, static_cast<std::streamsize>(text.size() - had));
    text.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad()) {
    return fail(make_error_code(boost::system::errc::io_error), utf8(path));
  }
  if (text.size() > most) {
    return fail(errc::too_large, utf8(path));
  }
  return text;
}

}  // namespace netlog::os
