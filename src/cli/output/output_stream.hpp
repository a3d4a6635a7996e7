// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <streambuf>

namespace netlog::cli {

/// Gives std::cout a buffer that remembers why a write has failed, until the end of the scope.
class OutputStream {
 public:
  OutputStream();
  OutputStream(const OutputStream&) = delete;
  OutputStream& operator=(const OutputStream&) = delete;
  ~OutputStream();

  /// Writes what is buffered.
  /// @throws CommandFailed: something that was written to std::cout did not arrive. It is no error
  /// if the reader has closed its pipe.
  void finish();

 private:
  class Buffer;
  friend void write_ascii_only(bool ascii);

  std::unique_ptr<Buffer> buffer_;
  std::streambuf* before_;
};

/// From now on other characters than ASCII are replaced on their way to standard output: `±` by
/// `+-`, `…` by `...`, most by `\u{…}`. It has no effect without an OutputStream.
void write_ascii_only(bool ascii);

}  // namespace netlog::cli
