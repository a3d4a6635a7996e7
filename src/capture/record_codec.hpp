// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <span>

namespace netlog::capture {

/// How a payload lies in a capture file: a kind, three numbers whose meaning depends on the kind,
/// and bytes (docs/capture-format.md).
struct PayloadFields {
  RecordKind kind = RecordKind::tick;
  std::int64_t a = 0;
  std::int64_t b = 0;
  std::int64_t c = 0;
  std::span<const std::byte> bytes;  ///< valid as long as the payload
};

/// The code of a payload.
RecordKind kind_of(const Payload& payload);

PayloadFields encode_payload(const Payload& payload);

/// The payload behind the fields; `bytes` are those of `fields`, to be moved.
/// @return errc::malformed for a kind that is not known.
Result<Payload> decode_payload(const PayloadFields& fields, Bytes bytes);

}  // namespace netlog::capture
