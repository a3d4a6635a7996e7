// SPDX-License-Identifier: MIT
#include "capture/capture_file.hpp"

#include "capture/record_codec.hpp"
#include "os/files.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <variant>

#include <boost/crc.hpp>
#include <fmt/format.h>

namespace netlog::capture {
namespace {

constexpr std::array<char, 8> kMagic1{'N', 'L', 'C', 'A', 'P', '\0', '\0', '\1'};
constexpr std::array<char, 8> kMagic{'N', 'L', 'C', 'A', 'P', '\0', '\0', '\2'};
constexpr std::size_t kHeaderSize = 56;
constexpr std::int64_t kFlushEveryNs = 1'000'000'000;
constexpr std::uint32_t kMaxPayload = std::uint32_t{1} << 30U;

template <typename T>
void put(std::vector<std::byte>& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
}

std::uint32_t checksum(std::span<const std::byte> header, std::span<const std::byte> payload) {
  boost::crc_32_type crc;
  crc.process_bytes(header.data(), header.size());
  crc.process_bytes(payload.data(), payload.size());
  return crc.checksum();
}

std::vector<std::byte> header_of(const RawRecord& record, const PayloadFields& fields) {
  std::vector<std::byte> header;
  header.reserve(kHeaderSize);
  put(header, static_cast<std::uint16_t>(fields.kind));
  put(header, std::uint16_t{0});
  put(header, static_cast<std::uint32_t>(fields.bytes.size()));
  put(header, record.netns);
  put(header, record.asked.began_ns);
  put(header, record.asked.ended_ns);
  put(header, fields.a);
  put(header, fields.b);
  put(header, fields.c);
  return header;
}

/// Within some 146 years of zero: sums of two times do not overflow.
bool is_plausible(std::int64_t ns) {
  constexpr auto kMaxNs = std::int64_t{1} << 62U;
  return -kMaxNs < ns && ns < kMaxNs;
}

bool has_plausible_times(const RawRecord& record) {
  const auto* const offset = std::get_if<UtcOffset>(&record.payload);
  const auto* const trace = std::get_if<TraceEvents>(&record.payload);
  const auto* const process = std::get_if<ProcessRead>(&record.payload);
  return is_plausible(record.asked.began_ns) && is_plausible(record.asked.ended_ns) &&
         (offset == nullptr ||
          (is_plausible(offset->offset_ns) && is_plausible(offset->step_ns))) &&
         (trace == nullptr || is_plausible(trace->clock_shift_ns)) &&
         (process == nullptr || is_plausible(process->start_shift_ns));
}

/// The difference; far from zero where it would overflow.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  return is_plausible(a) && is_plausible(b) ? a - b : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

CaptureWriter::CaptureWriter(const std::filesystem::path& path) : path_{path} {
  if (const auto created = os::create_private_file(path); !created) {
    throw CommandFailed{
        fmt::format("cannot capture into {}: {}", utf8(path), created.error().message())};
  }
  // Appended, so that a file that somebody empties does not get its old size back.
  out_.open(path, std::ios::binary | std::ios::app);
  out_.write(kMagic.data(), kMagic.size());
  size_ = kMagic.size();
}

void CaptureWriter::write(const RawRecord& record) {
  const auto fields = encode_payload(record.payload);
  const auto header = header_of(record, fields);
  std::vector<std::byte> trailer;
  put(trailer, checksum(header, fields.bytes));
  for (const auto part : {std::span{header}, fields.bytes, std::span{std::as_const(trailer)}}) {
    out_.write(reinterpret_cast<const char*>(part.data()),
               static_cast<std::streamsize>(part.size()));
    size_ += part.size();
  }
  if (!out_) {
    throw CommandFailed{
        fmt::format("cannot capture into {}: writing failed; is the disk full?", utf8(path_))};
  }
  if (record.asked.ended_ns - flushed_ns_ >= kFlushEveryNs) {
    flushed_ns_ = record.asked.ended_ns;
    flush();
  }
}

void CaptureWriter::flush() {
  out_.flush();
  if (!out_) {
    throw CommandFailed{
        fmt::format("cannot capture into {}: writing failed; is the disk full?", utf8(path_))};
  }
  if (const auto size = os::current_size(path_); !size || *size != size_) {
    throw CommandFailed{fmt::format(
        "cannot capture into {}: it was deleted, moved, replaced or cut short", utf8(path_))};
  }
}

CaptureReader::CaptureReader(const std::filesystem::path& path)
    : path_{path}, in_{path, std::ios::binary} {
  std::array<char, kMagic.size()> magic{};
  if (!in_) {
    throw CommandFailed{
        fmt::format("cannot replay {}: no such file, or it may not be read", utf8(path))};
  }
  in_.read(magic.data(), magic.size());
  has_utc_times_ = magic == kMagic1;
  if (in_.gcount() != magic.size() || (magic != kMagic && !has_utc_times_)) {
    throw CommandFailed{
        fmt::format("cannot replay {}: not a netlog capture of version 1 or 2", utf8(path))};
  }
}

Result<std::optional<RawRecord>> CaptureReader::next() {
  const auto at = static_cast<std::int64_t>(in_.tellg());
  const auto read = [&](std::size_t size) -> std::optional<std::vector<std::byte>> {
    // In pieces: a length that lies must not make us allocate more than the file holds.
    constexpr std::size_t kPiece = std::size_t{1} << 20U;
    std::vector<std::byte> bytes;
    while (bytes.size() < size) {
      const auto before = bytes.size();
      const auto want = std::min(kPiece, size - before);
      bytes.resize(before + want);
      in_.read(reinterpret_cast<char*>(bytes.data() + before), static_cast<std::streamsize>(want));
      if (static_cast<std::size_t>(in_.gcount()) != want) {
        truncated_ = truncated_ || before > 0 || in_.gcount() > 0;
        return std::nullopt;
      }
    }
    return bytes;
  };
  const auto header = read(kHeaderSize);
  if (!header) {
    return std::optional<RawRecord>{};
  }
  ByteReader in{*header};
  RawRecord record;
  PayloadFields fields;
  fields.kind = static_cast<RecordKind>(in.u16());
  in.skip(2);
  const auto size = in.u32();
  record.netns = in.u64();
  record.asked.began_ns = static_cast<std::int64_t>(in.u64());
  record.asked.ended_ns = static_cast<std::int64_t>(in.u64());
  fields.a = static_cast<std::int64_t>(in.u64());
  fields.b = static_cast<std::int64_t>(in.u64());
  fields.c = static_cast<std::int64_t>(in.u64());
  if (size > kMaxPayload) {
    return fail(errc::too_large, fmt::format("record of {} bytes at offset {}", size, at));
  }
  auto bytes = read(size);
  const auto trailer = bytes ? read(4) : std::nullopt;
  if (!trailer) {
    truncated_ = true;
    return std::optional<RawRecord>{};
  }
  if (ByteReader{*trailer}.u32() != checksum(*header, *bytes)) {
    return fail(errc::malformed, fmt::format("checksum of the record at offset {}", at));
  }
  auto payload = decode_payload(fields, std::move(*bytes));
  if (!payload) {
    return payload.error();
  }
  record.payload = std::move(*payload);
  if (has_utc_times_) {
    from_version_1(record);
  }
  if (!has_plausible_times(record)) {
    return fail(errc::malformed, fmt::format("time in the record at offset {}", at));
  }
  return std::optional{std::move(record)};
}

void CaptureReader::from_version_1(RawRecord& record) {
  if (auto* const offset = std::get_if<UtcOffset>(&record.payload)) {
    utc_offset_ns_ = minus(utc_offset_ns_, minus(0, offset->step_ns));
    offset->offset_ns = utc_offset_ns_;
  }
  if (auto* const trace = std::get_if<TraceEvents>(&record.payload)) {
    trace->clock_shift_ns = minus(trace->clock_shift_ns, utc_offset_ns_);
  }
  if (auto* const process = std::get_if<ProcessRead>(&record.payload)) {
    process->start_shift_ns = minus(0, utc_offset_ns_);
  }
  record.asked.began_ns = minus(record.asked.began_ns, utc_offset_ns_);
  record.asked.ended_ns = minus(record.asked.ended_ns, utc_offset_ns_);
}

}  // namespace netlog::capture
