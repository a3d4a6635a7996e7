// SPDX-License-Identifier: MIT
#include "cli/output/output_stream.hpp"

#include "os/terminal.hpp"
#include "render/render.hpp"
#include "util/error.hpp"

#include <algorithm>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

/// How many bytes at the end may be the begin of a character of UTF-8 whose other bytes follow.
std::size_t begun_character(std::string_view bytes) {
  constexpr std::size_t kLongest = 4;
  for (std::size_t back = 1; back <= std::min(kLongest - 1, bytes.size()); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if (byte >= 0xC0U) {
      const std::size_t length = byte >= 0xF0U ? 4 : byte >= 0xE0U ? 3 : 2;
      return length > back ? back : 0;
    }
    if (byte < 0x80U) {
      break;
    }
  }
  return 0;
}

}  // namespace

class OutputStream::Buffer final : public std::streambuf {
 public:
  Buffer() : bytes_(std::size_t{1} << 16U, '\0') { empty(0); }

  /// Writes what is buffered; nothing more after the first error.
  bool flush(bool more_follows) {
    const std::string_view waiting{pbase(), static_cast<std::size_t>(pptr() - pbase())};
    const auto kept = ascii_ && more_follows ? begun_character(waiting) : 0;
    const auto whole = waiting.substr(0, waiting.size() - kept);
    if (!whole.empty() && !error_) {
      used_ = true;
      const auto written =
          ascii_ ? os::write_output(render::to_ascii(whole)) : os::write_output(whole);
      if (!written) {
        error_ = written.error();
      }
    }
    std::copy(waiting.end() - static_cast<std::ptrdiff_t>(kept), waiting.end(), bytes_.begin());
    empty(kept);
    return !error_;
  }

  void write_ascii_only(bool ascii) {
    flush(false);
    ascii_ = ascii;
  }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] bool used() const { return used_; }

 private:
  /// The next byte is written after the first `kept` ones.
  void empty(std::size_t kept) {
    setp(bytes_.data(), bytes_.data() + bytes_.size());
    pbump(static_cast<int>(kept));
  }

  int_type overflow(int_type next) override {
    if (!flush(true)) {
      return traits_type::eof();
    }
    if (!traits_type::eq_int_type(next, traits_type::eof())) {
      sputc(traits_type::to_char_type(next));
    }
    return traits_type::not_eof(next);
  }

  int sync() override { return flush(false) ? 0 : -1; }

  std::string bytes_;
  std::optional<Error> error_;
  bool used_ = false;  ///< something was written, or could not be
  bool ascii_ = false;
};

OutputStream::OutputStream()
    : buffer_{std::make_unique<Buffer>()}, before_{std::cout.rdbuf(buffer_.get())} {}

OutputStream::~OutputStream() {
  buffer_->flush(false);
  std::cout.rdbuf(before_);
}

void OutputStream::finish() {
  buffer_->flush(false);
  auto error = buffer_->error();
  if (!error && buffer_->used()) {
    if (const auto finished = os::finish_output(); !finished) {
      error = finished.error();
    }
  }
  if (error && error->code != boost::system::errc::broken_pipe) {
    throw CommandFailed{
        fmt::format("cannot write the answer to standard output: {}", error->code.message())};
  }
}

void write_ascii_only(bool ascii) {
  if (auto* const buffer = dynamic_cast<OutputStream::Buffer*>(std::cout.rdbuf())) {
    buffer->write_ascii_only(ascii);
  }
}

}  // namespace netlog::cli
