// SPDX-License-Identifier: MIT
#pragma once

#include "model/lookup.hpp"

#include <cstddef>
#include <optional>
#include <span>

namespace netlog::decode {

/// Decodes one DNS message, or the begin of one: the fields of DnsMessage that the message itself
/// has. Of the records, those that are there whole are used. Nothing if it has another opcode than
/// QUERY or not exactly one question, or if the question cannot be read. Source: RFC 1035 §4, RFC
/// 3596, RFC 6891 §6.1.
std::optional<DnsMessage> decode_dns_message(std::span<const std::byte> bytes);

}  // namespace netlog::decode
