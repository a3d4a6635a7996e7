// SPDX-License-Identifier: MIT
#include "ship/gzip.hpp"

#include <cstdint>
#include <stdexcept>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

namespace netlog::ship {
namespace {

void append_u32(std::string& out, std::uint64_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) {
    out += static_cast<char>(value >> shift & 0xFFU);
  }
}

}  // namespace

std::string gzip(std::string_view bytes) {
  namespace zlib = boost::beast::zlib;
  constexpr int kFastLevel = 1;
  constexpr int kWindowBits = 15;
  constexpr int kMemory = 8;
  // Magic number, method deflate, no flags, no time, the fastest method, of an unknown system.
  std::string out{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff", 10};
  const auto header = out.size();
  zlib::deflate_stream deflate;
  deflate.reset(kFastLevel, kWindowBits, kMemory, zlib::Strategy::normal);
  out.resize(header + deflate.upper_bound(bytes.size()));
  zlib::z_params stream;
  stream.next_in = bytes.data();
  stream.avail_in = bytes.size();
  stream.next_out = out.data() + header;
  stream.avail_out = out.size() - header;
  boost::system::error_code error;
  deflate.write(stream, zlib::Flush::finish, error);
  if (error != zlib::error::end_of_stream) {
    throw std::logic_error{"deflate did not end"};
  }
  out.resize(header + stream.total_out);
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  append_u32(out, crc.checksum());
  append_u32(out, bytes.size());
  return out;
}

}  // namespace netlog::ship
