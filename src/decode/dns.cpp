// SPDX-License-Identifier: MIT
#include "decode/dns.hpp"

#include "decode/dns_message.hpp"
#include "decode/kernel.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kMaxPayloadBytes = 1232;
constexpr std::size_t kPayloadAlignment = 8;
constexpr std::uint8_t kSentByUs = 1;
constexpr std::uint8_t kOverTcp = 2;
// Some 146 years: sums of two such times do not overflow.
constexpr std::int64_t kLatestMessageNs = std::int64_t{1} << 62U;

/// One packet, of which the begin or all has been copied.
struct Packet {
  DnsMessage origin;  ///< what the messages in it have in common
  bool is_sent = false;
  std::size_t whole = 0;  ///< bytes of the payload before it was cut
  Bytes payload;
};

/// @param in is behind the packet and its padding afterwards
Result<Packet> read_packet(ByteReader& in) {
  Packet packet;
  auto& origin = packet.origin;
  origin.at_ns = static_cast<std::int64_t>(in.u64());
  origin.incarnation = in.u64();
  origin.netns = in.u32();
  const auto interface = in.u32();
  const std::size_t size = in.u32();
  packet.whole = in.u32();
  ByteReader address{in.take(16)};
  origin.server.port = in.u16();
  const unsigned family_number = in.u8();
  const auto family = family_from_kernel(family_number);
  const auto flags = in.u8();
  const auto pid = in.u32();
  const auto start_ns = in.u64();
  auto comm = read_comm(in);
  if (!in.ok()) {
    return fail(errc::truncated, "header of a DNS message");
  }
  if (!family) {
    return fail(errc::unknown_family, fmt::format("DNS message of family {}", family_number));
  }
  if (origin.at_ns < 0 || origin.at_ns > kLatestMessageNs) {
    return fail(errc::malformed, fmt::format("DNS message at {} ns since boot", origin.at_ns));
  }
  if (pid != 0) {
    origin.caller = Caller{ProcessId{pid, start_ns / kNsPerClockTick},
                           static_cast<std::int64_t>(start_ns),
                           std::move(comm)};
  }
  if (size > kMaxPayloadBytes || size > packet.whole) {
    return fail(errc::malformed, fmt::format("DNS message of {} of {} bytes", size, packet.whole));
  }
  auto server = read_address(address, *family);
  set_scope(server, interface);
  // A socket of IPv6 also asks servers that have IPv4 only.
  origin.server.address = ipv4_if_mapped(server);
  origin.is_tcp = (flags & kOverTcp) != 0;
  packet.is_sent = (flags & kSentByUs) != 0;
  packet.payload = in.take(size);
  in.skip((kPayloadAlignment - size % kPayloadAlignment) % kPayloadAlignment);
  if (!in.ok()) {
    return fail(errc::truncated, fmt::format("DNS message of {} bytes", size));
  }
  return packet;
}

void add_message(const Packet& packet, Bytes bytes, DnsMessages& into) {
  auto message = decode_dns_message(bytes);
  if (!message) {
    ++into.unreadable;
    return;
  }
  if (message->is_answer == packet.is_sent) {
    return;  // a server at port 53 has asked us
  }
  const auto& origin = packet.origin;
  message->netns = origin.netns;
  message->incarnation = origin.incarnation;
  message->at_ns = origin.at_ns;
  message->caller = origin.caller;
  message->server = origin.server;
  message->is_tcp = origin.is_tcp;
  into.messages.push_back(std::move(*message));
}

/// The messages that begin in the packet; of the last one there may be a part only. RFC 1035
/// §4.2.2: each has its length before it.
void add_tcp_messages(const Packet& packet, DnsMessages& into) {
  ByteReader in{packet.payload};
  while (in.remaining() > 0) {
    const std::size_t length = in.u16_be();
    if (!in.ok()) {
      ++into.unreadable;
      return;
    }
    add_message(packet, in.take(std::min(length, in.remaining())), into);
  }
}

}  // namespace

Result<DnsMessages> decode_dns_messages(Bytes bytes) {
  DnsMessages decoded;
  ByteReader in{bytes};
  while (in.remaining() > 0) {
    const auto packet = read_packet(in);
    if (!packet) {
      return packet.error();
    }
    if (packet->origin.is_tcp) {
      add_tcp_messages(*packet, decoded);
    } else {
      add_message(*packet, packet->payload, decoded);
    }
  }
  return decoded;
}

}  // namespace netlog::decode
