// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/netlink.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

// linux/netlink.h
constexpr std::uint16_t kNoop = 1;
constexpr std::uint16_t kError = 2;
constexpr std::uint16_t kDone = 3;
constexpr std::uint16_t kDumpInterrupted = 0x10;
// linux/inet_diag.h
constexpr std::uint16_t kInfo = 2;
constexpr std::uint16_t kProtocol = 10;
constexpr std::uint16_t kUlpInfo = 19;
constexpr std::uint16_t kCgroupId = 21;
constexpr std::uint16_t kUlpTls = 2;
// linux/tls.h
constexpr std::uint16_t kTlsTxConf = 3;
constexpr std::uint16_t kTlsRxConf = 4;
constexpr std::uint16_t kTlsHardware = 3;

constexpr std::uint16_t kTypeMask = 0x3FFF;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

constexpr std::size_t align4(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

/// Calls `use(type, value)` for each attribute; false when one does not fit.
template <typename Use>
bool for_each_attribute(std::span<const std::byte> bytes, Use&& use) {
  while (bytes.size() >= 4) {
    ByteReader in{bytes};
    const std::size_t length = in.u16();
    const auto type = static_cast<std::uint16_t>(in.u16() & kTypeMask);
    if (length < 4 || length > bytes.size()) {
      return false;
    }
    use(type, bytes.subspan(4, length - 4));
    bytes = bytes.subspan(std::min(align4(length), bytes.size()));
  }
  return true;
}

bool fin_received(std::optional<TcpState> state) {
  return state == TcpState::close_wait || state == TcpState::last_ack || state == TcpState::closing;
}

// struct tcp_info has grown over the years: members beyond its end are absent. In place: with a
// ByteReader for each of them decoding a row takes twice as long.
template <typename Integer>
std::optional<Integer> read(std::span<const std::byte> info, std::size_t offset) {
  Integer value = 0;
  if (info.size() < offset + sizeof value) {
    return std::nullopt;
  }
  std::memcpy(&value, info.data() + offset, sizeof value);
  return value;
}

/// How long ago the first of several retransmissions in a row was first sent, ms: the pauses
/// between them double (net/ipv4/tcp_timer.c, tcp_retransmit_timer). An idle connection has had no
/// answer for longer: nothing was sent.
std::optional<std::uint64_t> resent_since_ms(std::span<const std::byte> info) {
  constexpr std::uint64_t kMaxPauseUs = 120'000'000;         // TCP_RTO_MAX
  constexpr std::uint64_t kMinPauseUs = 200'000;             // TCP_RTO_MIN
  const auto pause_us = read<std::uint32_t>(info, 8);        // tcpi_rto
  const auto since_sent_ms = read<std::uint32_t>(info, 44);  // tcpi_last_data_sent
  const auto rtt_us = read<std::uint32_t>(info, 68);
  if (!pause_us || !since_sent_ms || !rtt_us) {
    return std::nullopt;
  }
  const auto times = std::min(std::to_integer<unsigned>(info[4]), 31U);  // tcpi_backoff
  auto pause = *pause_us < kMaxPauseUs ? std::uint64_t{*pause_us} >> times : kMinPauseUs + *rtt_us;
  std::uint64_t all_us = 0;
  for (unsigned i = 0; i < times; ++i) {
    all_us += std::min(pause, kMaxPauseUs);
    pause *= 2;
  }
  return *since_sent_ms + all_us / 1000;
}

Metrics decode_metrics(std::span<const std::byte> info, std::optional<TcpState> state) {
  Metrics metrics;
  metrics.rtt_us = read<std::uint32_t>(info, 68);
  if (metrics.rtt_us == 0U) {
    metrics.rtt_us.reset();  // no sample yet
  }
  metrics.retransmits = read<std::uint32_t>(info, 100);
  metrics.bytes_received = read<std::uint64_t>(info, 128);
  if (fin_received(state) && metrics.bytes_received.value_or(0) > 0) {
    --*metrics.bytes_received;  // the kernel counts the peer's FIN as a byte
  }
  // tcpi_retransmits and tcpi_probes count timers in a row that ran out; 56: tcpi_last_ack_recv.
  const bool silent = info.size() > 3 && (info[2] != std::byte{0} || info[3] != std::byte{0});
  const bool connecting = state == TcpState::syn_sent || state == TcpState::syn_received;
  if (silent && !connecting) {
    metrics.unanswered_ms = read<std::uint32_t>(info, 56);
    const auto since_ms = info[2] != std::byte{0} ? resent_since_ms(info) : std::nullopt;
    if (metrics.unanswered_ms && since_ms && *since_ms < *metrics.unanswered_ms) {
      metrics.unanswered_ms = static_cast<std::uint32_t>(*since_ms);
    }
  }
  metrics.segments_out = read<std::uint32_t>(info, 136);
  metrics.segments_in = read<std::uint32_t>(info, 140);
  const auto sent = read<std::uint64_t>(info, 200);
  const auto sent_again = read<std::uint64_t>(info, 208);
  if (sent) {
    metrics.bytes_sent = *sent - std::min(*sent, sent_again.value_or(0));
  }
  return metrics;
}

std::optional<Delivery> decode_delivery(std::span<const std::byte> info,
                                        std::uint32_t send_queue,
                                        std::uint32_t unread) {
  const auto acked = read<std::uint64_t>(info, 120);
  const auto received = read<std::uint64_t>(info, 128);
  const auto data_segments_in = read<std::uint32_t>(info, 152);
  const auto since_sent_ms = read<std::uint32_t>(info, 44);
  const auto since_acked_ms = read<std::uint32_t>(info, 56);
  if (!acked || !received || !data_segments_in || !since_sent_ms || !since_acked_ms) {
    return std::nullopt;
  }
  return Delivery{*acked,
                  *received,
                  send_queue,
                  *data_segments_in,
                  std::to_integer<std::uint8_t>(info[2]),
                  std::to_integer<std::uint8_t>(info[3]),
                  *since_sent_ms,
                  *since_acked_ms,
                  unread};
}

Offload decode_ulp(std::span<const std::byte> ulp) {
  bool hardware = false;
  for_each_attribute(ulp, [&](std::uint16_t type, std::span<const std::byte> value) {
    if (type != kUlpTls) {
      return;
    }
    for_each_attribute(value, [&](std::uint16_t tls_type, std::span<const std::byte> conf) {
      ByteReader in{conf};
      const auto mode = in.u16();
      hardware = hardware || ((tls_type == kTlsTxConf || tls_type == kTlsRxConf) && in.ok() &&
                              mode >= kTlsHardware);
    });
  });
  return hardware ? Offload::offloaded : Offload::in_host;
}

Result<void> kernel_result(std::span<const std::byte> payload, std::string_view what) {
  ByteReader in{payload};
  const auto error = static_cast<std::int32_t>(in.u32());
  if (!in.ok()) {
    return fail(errc::truncated, fmt::format("{} of {} bytes", what, payload.size()));
  }
  if (error != 0) {
    return fail(errc::refused, fmt::format("{} with error {}", what, error));
  }
  return {};
}

std::optional<Protocol> protocol_of(std::span<const std::byte> message) {
  std::optional<Protocol> protocol;
  for_each_attribute(message.subspan(std::min<std::size_t>(72, message.size())),
                     [&](std::uint16_t type, std::span<const std::byte> value) {
                       if (type == kProtocol && !value.empty()) {
                         const auto number = std::to_integer<int>(value[0]);
                         protocol = number == 6    ? std::optional{Protocol::tcp}
                                    : number == 17 ? std::optional{Protocol::udp}
                                                   : std::nullopt;
                       }
                     });
  return protocol;
}

}  // namespace

Result<SocketRow> decode_inet_diag(std::span<const std::byte> message, Protocol protocol) {
  ByteReader in{message};
  const auto family_code = in.u8();
  const auto state_code = in.u8();
  in.skip(2);  // idiag_timer, idiag_retrans
  SocketRow row;
  row.tuple.protocol = protocol;
  row.tuple.local.port = in.u16_be();
  row.tuple.remote.port = in.u16_be();
  const auto family = family_code == 10 ? Family::ipv6 : Family::ipv4;
  row.tuple.local.address = read_address(in, family);
  row.tuple.remote.address = read_address(in, family);
  const auto interface = in.u32();
  row.incarnation = in.u64();
  in.skip(4);  // idiag_expires
  const auto unread = in.u32();
  const auto send_queue = in.u32();
  row.uid = in.u32();
  row.holder_key = in.u32();
  if (!in.ok()) {
    return fail(errc::truncated, fmt::format("inet_diag_msg of {} bytes", message.size()));
  }
  if (family_code != 2 && family_code != 10) {
    return fail(errc::unknown_family, fmt::format("inet_diag_msg of family {}", family_code));
  }
  if (protocol == Protocol::tcp) {
    row.state = state_from_kernel(state_code);
    if (!row.state) {
      return fail(errc::unknown_state, fmt::format("inet_diag_msg in state {}", state_code));
    }
  }
  set_scope(row.tuple, interface);
  const auto take = [&](std::uint16_t type, std::span<const std::byte> value) {
    if (type == kInfo && protocol == Protocol::tcp) {
      row.metrics = decode_metrics(value, row.state);
      row.delivery = decode_delivery(value, send_queue, unread);
      row.offload = row.offload.value_or(Offload::in_host);
    } else if (type == kUlpInfo) {
      row.offload = decode_ulp(value);
    } else if (type == kCgroupId && value.size() >= 8) {
      row.cgroup_id = ByteReader{value}.u64();
    }
  };
  const bool whole = for_each_attribute(message.subspan(72), take);
  if (!whole) {
    return fail(errc::truncated,
                fmt::format("attributes of an inet_diag_msg of {} bytes", message.size()));
  }
  return row;
}

Result<bool> decode_sock_diag_part(std::span<const std::byte> bytes,
                                   Protocol protocol,
                                   std::vector<SocketRow>& rows) {
  bool done = false;
  while (!bytes.empty()) {
    const auto message = take_netlink_message(bytes);
    if (!message) {
      return fail(errc::truncated,
                  fmt::format("netlink message in the last {} bytes", bytes.size()));
    }
    if ((message->flags & kDumpInterrupted) != 0) {
      return fail(errc::interrupted, "sock_diag dump");
    }
    if (message->type == kDone || message->type == kError) {
      if (const auto ended = kernel_result(message->payload, "sock_diag dump ended"); !ended) {
        return ended.error();
      }
      // One walk per family gives several dumps in one record.
      done = true;
    } else if (message->type != kNoop) {
      auto row = decode_inet_diag(message->payload, protocol);
      if (!row) {
        return row.error();
      }
      done = false;
      // CLOSED: bound but neither connected nor listening, no connection yet. Without a port: the
      // kernel has given the port back and is about to set CLOSED (net/ipv4/tcp.c, tcp_set_state).
      const bool is_closing = protocol == Protocol::tcp && row->tuple.local.port == 0;
      if (row->state != TcpState::closed && !is_closing) {
        rows.push_back(*row);
      }
    }
  }
  return done;
}

Result<void> decode_sock_diag_end(std::span<const std::byte> bytes,
                                  Protocol protocol,
                                  std::vector<SocketRow>& rows) {
  const auto done = decode_sock_diag_part(bytes, protocol, rows);
  if (!done) {
    return done.error();
  }
  return *done ? Result<void>{} : fail(errc::truncated, "sock_diag dump without its end");
}

Result<std::vector<SocketRow>> decode_destroy_notices(std::span<const std::byte> bytes) {
  std::vector<SocketRow> rows;
  while (!bytes.empty()) {
    const auto message = take_netlink_message(bytes);
    if (!message) {
      return fail(errc::truncated,
                  fmt::format("netlink message in the last {} bytes", bytes.size()));
    }
    const auto protocol = protocol_of(message->payload);
    if (protocol) {
      auto row = decode_inet_diag(message->payload, *protocol);
      if (!row) {
        return row.error();
      }
      rows.push_back(*row);
    }
  }
  return rows;
}

}  // namespace netlog::decode
