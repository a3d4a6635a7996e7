// SPDX-License-Identifier: MIT
#include "capture/sections.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

constexpr std::size_t kMaxServiceName = 256;
// MIB_TCP_STATE_RESERVED: a socket that is bound and nothing else.
constexpr std::uint32_t kBound = 100;
constexpr std::size_t kModuleInfoBytes = 16 * sizeof(std::uint64_t);

// MIB_TCP_STATE of tcpmib.h counts CLOSING before LAST_ACK, RFC 4022 after it.
std::optional<TcpState> state_from_windows(std::uint32_t number) {
  constexpr std::uint32_t kClosing = 9;
  constexpr std::uint32_t kLastAck = 10;
  return number == kClosing   ? TcpState::closing
         : number == kLastAck ? TcpState::last_ack
                              : tcp_state_from_mib(number);
}

struct Layout {
  Protocol protocol = Protocol::tcp;
  Family family = Family::ipv4;
  capture::MibTable table = capture::MibTable::basic;

  [[nodiscard]] bool with_module() const { return table == capture::MibTable::owner_module; }
  [[nodiscard]] bool with_pid() const { return table != capture::MibTable::basic; }
  // Rows with 64-bit members are aligned to them.
  [[nodiscard]] std::size_t header_bytes() const { return with_module() ? 8 : 4; }
  [[nodiscard]] std::size_t row_bytes() const {
    const std::size_t endpoint = family == Family::ipv4 ? 8 : 24;
    if (protocol == Protocol::udp) {
      const auto plain = endpoint + (with_pid() ? 4 : 0);
      return with_module() ? plain + 4 + 8 + 8 + kModuleInfoBytes : plain;
    }
    const auto plain = 4 + 2 * endpoint + (with_pid() ? 4 : 0);
    return table == capture::MibTable::offload ? plain + 4
           : with_module()                     ? plain + 8 + kModuleInfoBytes
                                               : plain;
  }
};

struct MibRow {
  SocketRow row;
  std::uint32_t state = 0;
  std::uint32_t offload = 0;
};

Endpoint read_endpoint(ByteReader& in, Family family) {
  Endpoint endpoint;
  endpoint.address.family = family;
  const auto bytes = in.take(endpoint.address.size());
  std::copy(bytes.begin(),
            bytes.end(),
            std::as_writable_bytes(std::span{endpoint.address.bytes}).begin());
  if (family == Family::ipv6) {
    endpoint.address.scope = in.u32();
  }
  endpoint.port = in.u16_be();
  in.skip(2);  // not always zero
  return endpoint;
}

MibRow read_row(ByteReader& in, const Layout& layout) {
  MibRow read;
  auto& row = read.row;
  row.tuple.protocol = layout.protocol;
  const bool tcp = layout.protocol == Protocol::tcp;
  const bool state_first =
      tcp && (layout.family == Family::ipv4 || layout.table == capture::MibTable::basic);
  if (state_first) {
    read.state = in.u32();
  }
  row.tuple.local = read_endpoint(in, layout.family);
  row.tuple.remote.address.family = layout.family;
  if (tcp) {
    row.tuple.remote = read_endpoint(in, layout.family);
  }
  if (tcp && !state_first) {
    read.state = in.u32();
  }
  if (layout.with_pid()) {
    row.holder_key = in.u32();
  }
  if (layout.table == capture::MibTable::offload) {
    read.offload = in.u32();
  }
  if (layout.with_module()) {
    in.skip(tcp ? 0 : 4);
    row.incarnation = in.u64();
    if (!tcp) {
      constexpr std::uint32_t kSpecificPortBind = 1;
      const auto flags = in.u32();
      in.skip(4);  // rows with 64-bit members are aligned to them
      // wine fills in neither the timestamp nor the flags.
      row.is_port_chosen = row.incarnation != 0 && (flags & kSpecificPortBind) == 0;
    }
    row.module = in.u64();
    in.skip(kModuleInfoBytes - sizeof(std::uint64_t));
  }
  return read;
}

Result<std::vector<MibRow>> read_table(std::span<const std::byte> bytes, const Layout& layout) {
  ByteReader in{bytes};
  const auto count = in.u32();
  in.skip(count == 0 ? 0 : layout.header_bytes() - sizeof(count));
  if (!in.ok() || in.remaining() / layout.row_bytes() < count) {
    return fail(errc::truncated,
                fmt::format("a table of {} rows in {} bytes", count, bytes.size()));
  }
  std::vector<MibRow> rows;
  rows.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto read = read_row(in, layout);
    if (layout.protocol == Protocol::tcp && read.state == kBound) {
      continue;
    }
    if (layout.protocol == Protocol::tcp) {
      read.row.state = state_from_windows(read.state);
    }
    if (read.row.state == TcpState::listen) {
      read.row.tuple.remote = {};  // whatever the row has
      read.row.tuple.remote.address.family = layout.family;
    }
    rows.push_back(read);
  }
  return rows;
}

std::optional<Offload> offload_of(std::uint32_t code) {
  return code <= static_cast<std::uint32_t>(Offload::uploading)
             ? std::optional{static_cast<Offload>(code)}
             : std::nullopt;
}

/// A row of TCP_TABLE2 belongs to the row with its tuple and owner; a tuple's only row, also where
/// one of the tables knows the owner and the other does not.
void join_offload(std::vector<SocketRow>& rows, std::vector<MibRow> states) {
  const auto by_tuple = [](const MibRow& a, const MibRow& b) { return a.row.tuple < b.row.tuple; };
  std::sort(states.begin(), states.end(), by_tuple);
  for (auto& row : rows) {
    MibRow wanted;
    wanted.row.tuple = row.tuple;
    const auto [first, last] = std::equal_range(states.begin(), states.end(), wanted, by_tuple);
    const bool only = last - first == 1;
    const auto match = std::find_if(first, last, [&](const MibRow& state) {
      const bool either_unknown = state.row.holder_key == 0 || row.holder_key == 0;
      return state.row.holder_key == row.holder_key || (either_unknown && only);
    });
    if (match != last) {
      row.offload = offload_of(match->offload);
    }
  }
}

/// Without timestamps, sockets that share a tuple (SO_REUSEADDR) are distinguished by their owners.
void distinguish_by_owner(std::vector<SocketRow>& rows) {
  std::vector<SocketRow*> order;  // of those that need it: on Windows 10 these are few
  for (auto& row : rows) {
    if (row.incarnation == 0) {
      order.push_back(&row);
    }
  }
  std::sort(
      order.begin(), order.end(), [](const auto* a, const auto* b) { return a->tuple < b->tuple; });
  for (std::size_t begin = 0; begin < order.size();) {
    auto end = begin + 1;
    while (end < order.size() && order[end]->tuple == order[begin]->tuple) {
      ++end;
    }
    const bool shared = end - begin > 1;
    for (; begin < end; ++begin) {
      if (shared) {
        order[begin]->incarnation = order[begin]->holder_key;
      }
    }
  }
}

}  // namespace

Result<MibRows> decode_mib_tables(std::span<const std::byte> sections,
                                  Protocol protocol,
                                  Family family) {
  std::optional<Error> failed;
  std::optional<capture::MibTable> table;
  std::vector<SocketRow> rows;
  std::vector<MibRow> states;
  std::optional<std::uint32_t> unknown_state;
  const bool whole = capture::for_each_section<capture::MibTable>(
      sections, [&](capture::MibTable tag, auto bytes) {
        auto read = read_table(bytes, Layout{protocol, family, tag});
        if (!read) {
          failed = read.error();
        } else if (tag == capture::MibTable::offload) {
          states = std::move(*read);
        } else {
          table = tag;
          for (auto& one : *read) {
            if (protocol == Protocol::tcp && !one.row.state) {
              unknown_state = one.state;
            }
            rows.push_back(std::move(one.row));
          }
        }
        return !failed;
      });
  if (failed) {
    return *failed;
  }
  if (!whole || !table) {
    return fail(whole ? errc::malformed : errc::truncated,
                fmt::format("IP Helper tables of {} bytes", sections.size()));
  }
  distinguish_by_owner(rows);
  if (!states.empty()) {
    join_offload(rows, std::move(states));
  }
  return MibRows{std::move(rows),
                 table == capture::MibTable::basic ? HolderKeys::none : HolderKeys::pids,
                 unknown_state};
}

namespace {

void add(std::optional<std::int64_t>& sum, std::uint64_t value) {
  constexpr auto kMax = std::uint64_t{1} << 60U;  // two of them fit; no machine counts so far
  sum = sum.value_or(0) + static_cast<std::int64_t>(std::min(value, kMax));
}

void add_tcp(ByteReader& in, bool wide, Counters& counters) {
  TcpParameters parameters;  // of the family; both have the same
  for (auto* const member :
       {&parameters.rto_algorithm, &parameters.rto_min_ms, &parameters.rto_max_ms}) {
    *member = in.u32();
  }
  parameters.max_conn = static_cast<std::int32_t>(in.u32());  // -1: there is no fixed one
  if (!counters.parameters.rto_algorithm) {
    counters.parameters = parameters;
  }
  for (auto* const member : {&counters.active_opens,
                             &counters.passive_opens,
                             &counters.attempt_fails,
                             &counters.estab_resets,
                             &counters.curr_estab}) {
    add(*member, in.u32());
  }
  in.skip(wide ? 4 : 0);  // 64-bit members are aligned
  add(counters.in_segs, wide ? in.u64() : in.u32());
  add(counters.out_segs, wide ? in.u64() : in.u32());
  for (auto* const member : {&counters.retrans_segs, &counters.in_errs, &counters.out_rsts}) {
    add(*member, in.u32());
  }
  add(counters.num_conns, in.u32());
}

void add_udp(ByteReader& in, bool wide, Counters& counters) {
  add(counters.in_datagrams, wide ? in.u64() : in.u32());
  add(counters.no_ports, in.u32());
  add(counters.in_errors, in.u32());
  add(counters.out_datagrams, wide ? in.u64() : in.u32());
  add(counters.num_addrs, in.u32());
}

/// @return false if the table is cut
bool add_bound(std::span<const std::byte> bytes, Family family, Counters& counters) {
  ByteReader in{bytes};
  const Layout layout{Protocol::tcp, family, capture::MibTable::offload};
  const auto count = in.u32();
  if (!in.ok() || in.remaining() / layout.row_bytes() < count) {
    return false;
  }
  std::uint64_t bound = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    bound += read_row(in, layout).state == kBound ? 1U : 0U;
  }
  add(counters.bound_sockets, bound);
  return true;
}

bool is_of_udp(capture::MibStatistics tag) {
  using enum capture::MibStatistics;
  return tag == udp4 || tag == udp6 || tag == udp4_wide || tag == udp6_wide;
}

/// @return false if the structure is cut
bool add_structure(std::span<const std::byte> bytes,
                   capture::MibStatistics tag,
                   Counters& counters) {
  using enum capture::MibStatistics;
  ByteReader in{bytes};
  if (is_of_udp(tag)) {
    add_udp(in, tag == udp4_wide || tag == udp6_wide, counters);
  } else {
    add_tcp(in, tag == tcp4_wide || tag == tcp6_wide, counters);
  }
  return in.ok();
}

}  // namespace

Result<Counters> decode_mib_statistics(std::span<const std::byte> sections) {
  Counters counters;
  int tcp_families = 0;
  bool sound = true;
  bool bound_is_sound = true;
  const bool whole = capture::for_each_section<capture::MibStatistics>(
      sections, [&](capture::MibStatistics tag, auto bytes) {
        using enum capture::MibStatistics;
        if (tag == bound4 || tag == bound6) {  // not documented: costs no other counter
          const auto family = tag == bound4 ? Family::ipv4 : Family::ipv6;
          bound_is_sound = (bytes.empty() || add_bound(bytes, family, counters)) && bound_is_sound;
          return true;
        }
        tcp_families += is_of_udp(tag) ? 0 : 1;
        sound = sound && (bytes.empty() || add_structure(bytes, tag, counters));
        return true;
      });
  if (!whole || !sound) {
    return fail(errc::truncated, fmt::format("IP Helper statistics of {} bytes", sections.size()));
  }
  if (!bound_is_sound) {
    counters.bound_sockets.reset();
  }
  if (tcp_families != 2) {
    // One family's opens would pass for all.
    Counters udp_only;
    udp_only.in_datagrams = counters.in_datagrams;
    udp_only.no_ports = counters.no_ports;
    udp_only.in_errors = counters.in_errors;
    udp_only.out_datagrams = counters.out_datagrams;
    udp_only.num_addrs = counters.num_addrs;
    udp_only.bound_sockets = counters.bound_sockets;
    udp_only.parameters = counters.parameters;
    return udp_only;
  }
  return counters;
}

Result<std::vector<ServiceName>> decode_mib_modules(std::span<const std::byte> sections) {
  std::vector<ServiceName> services;
  bool sound = true;
  bool is_named = false;
  const bool whole = capture::for_each_section<capture::ModuleSection>(
      sections, [&](capture::ModuleSection section, auto bytes) {
        const auto text = as_text(bytes);
        if (section == capture::ModuleSection::caption) {
          if (is_named) {
            services.back().caption = to_utf8(text, kMaxServiceName);
          }
          return true;
        }
        is_named = false;
        const auto fields = words(text);
        if (fields.size() == 2) {
          return true;  // a service without a name
        }
        const auto pid = fields.size() < 3 ? std::nullopt : parse_number<std::uint32_t>(fields[0]);
        const auto tag = fields.size() < 3 ? std::nullopt : parse_number<std::uint64_t>(fields[1]);
        sound = pid && tag;
        if (sound) {
          const auto name = text.substr(static_cast<std::size_t>(fields[2].data() - text.data()));
          services.push_back(ServiceName{*pid, *tag, to_utf8(name, kMaxServiceName), {}});
          is_named = true;
        }
        return sound;
      });
  if (!whole || !sound) {
    return fail(errc::malformed, fmt::format("IP Helper modules of {} bytes", sections.size()));
  }
  return services;
}

}  // namespace netlog::decode
