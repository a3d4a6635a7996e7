// SPDX-License-Identifier: MIT
#pragma once

#include "model/process.hpp"
#include "model/recording.hpp"
#include "model/snapshot.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace netlog::decode {

/// Decodes one inet_diag_msg (72 bytes) and its attributes: INET_DIAG_INFO (tcp_info), ULP_INFO,
/// CGROUP_ID. Unknown attributes are skipped. Ports and addresses are big-endian, other integers
/// host order.
/// @return errc::truncated, unknown_family or unknown_state. Source: linux/inet_diag.h,
/// linux/tcp.h.
Result<SocketRow> decode_inet_diag(std::span<const std::byte> message, Protocol protocol);

/// Decodes netlink messages of a sock_diag dump, as many as there are, and appends their rows. UDP
/// rows have no state. A listening row's remote is all zero. Bound-only sockets (kernel state 7)
/// are left out.
/// @return whether the last message was NLMSG_DONE; errc::truncated where it is cut,
/// errc::interrupted when a message carries NLM_F_DUMP_INTR, errc::refused with the kernel's error
/// when NLMSG_DONE or NLMSG_ERROR carries one. Source: linux/netlink.h, linux/sock_diag.h.
Result<bool> decode_sock_diag_part(std::span<const std::byte> bytes,
                                   Protocol protocol,
                                   std::vector<SocketRow>& rows);

/// The same for the last part, or the whole: errc::truncated without NLMSG_DONE.
Result<void> decode_sock_diag_end(std::span<const std::byte> bytes,
                                  Protocol protocol,
                                  std::vector<SocketRow>& rows);

/// Decodes messages of the destroy multicast (SKNLGRP_INET_TCP_DESTROY …), as many as there are.
/// The protocol is read from INET_DIAG_PROTOCOL; messages without one, and sockets never connected
/// or bound (ports 0), are kept: the tracker decides. Source: linux/sock_diag.h,
/// net/core/sock_diag.c.
Result<std::vector<SocketRow>> decode_destroy_notices(std::span<const std::byte> bytes);

/// One event of a trace.
using Traced = std::variant<Transition, LastCloser, UdpSocketCreated, SocketUser>;

/// The bytes of one of them.
constexpr std::size_t kTraceEventSize = 152;

/// Decodes the events of our BPF programs, 152 bytes each (docs/capture-format.md). Their times
/// plus `clock_shift_ns` are on the boot clock.
/// @return errc::truncated, unknown_family, unknown_state, or malformed for an unknown kind.
/// Source: src/source/linux/bpf/trace.bpf.c; include/net/tcp_states.h; errno(3).
Result<std::vector<Traced>> decode_trace(std::span<const std::byte> bytes,
                                         std::int64_t clock_shift_ns);

/// Decodes the flows that our BPF programs have counted, 112 bytes each (docs/capture-format.md).
/// Times are on the boot clock; addresses are in network order, other integers in host order.
/// @return errc::truncated, unknown_family, or malformed for a time or a count that no host shows.
/// Source: src/source/linux/bpf/packets.bpf.c.
Result<std::vector<UdpFlow>> decode_udp_flows(std::span<const std::byte> bytes);

/// Decodes the text of /proc/net/tcp, tcp6, udp or udp6, header line included. The incarnation of
/// listeners and UDP sockets is their inode, since tuples repeat under SO_REUSEPORT; of others 0.
/// Source: proc(5), net/ipv4/tcp_ipv4.c get_tcp4_sock.
/// @return errc::malformed with the line's number.
Result<std::vector<SocketRow>> decode_procfs_net(std::string_view text,
                                                 Protocol protocol,
                                                 Family family);

/// Decodes the Tcp and Udp groups of /proc/net/snmp. Source: proc(5), RFC 4022, RFC 4113.
Result<Counters> decode_snmp(std::string_view text);

/// Adds the Udp6 counters of /proc/net/snmp6 to the UDP members of `counters`.
Result<void> add_snmp6(std::string_view text, Counters& counters);

/// Rows of an IP Helper table.
struct MibRows {
  std::vector<SocketRow> rows;
  HolderKeys keys = HolderKeys::pids;
  std::optional<std::uint32_t> unknown_state;  ///< of some of the rows, which have no state here
};

/// Decodes the MibTable sections of one table: its rows and, joined to them row by row, the offload
/// states of TCP_TABLE2. The incarnation is the create timestamp; where the table has none, it is
/// 0, but the pid for rows whose tuple repeats. Rows in the state 100 (bound only) are left out;
/// rows in LISTEN have no remote; rows in a state that tcpmib.h does not name have none. UDP rows
/// without SpecificPortBind have a port that the system chose. Addresses and ports are in network
/// order (a port in the first two of its four bytes), other integers in host order. So are scope
/// ids, which the page of MIB_TCP6ROW_OWNER_PID takes for network order: .NET reads them like this.
/// @return errc::truncated when the rows are fewer than the table's own count, malformed without a
/// table. Source: learn.microsoft.com, tcpmib.h, udpmib.h,
/// MIB_TCPROW_OWNER_MODULE and its kin.
Result<MibRows> decode_mib_tables(std::span<const std::byte> sections,
                                  Protocol protocol,
                                  Family family);

/// Decodes MibStatistics sections: the sums of both families. TCP counters are absent where a
/// family's statistics could not be read. Source: learn.microsoft.com, MIB_TCPSTATS, MIB_TCPSTATS2,
/// MIB_UDPSTATS.
Result<Counters> decode_mib_statistics(std::span<const std::byte> sections);

/// Decodes ModuleSection sections. Names become bounded UTF-8.
Result<std::vector<ServiceName>> decode_mib_modules(std::span<const std::byte> sections);

/// Decodes the sections of one process (capture/sections.hpp). `stat` or `listed`, and `started_ns`
/// must be there; what else is missing stays absent. Names and command lines become bounded UTF-8.
/// `started_ns` plus `start_shift_ns` is on the boot clock.
Result<Process> decode_process(std::span<const std::byte> sections, std::int64_t start_shift_ns);

/// Decodes messages of the process connector, as many as there are. Their times plus
/// `clock_shift_ns` are on the boot clock. Other messages than of an exec and of a thread's end are
/// left out. Integers are in host order.
/// @return errc::truncated, or malformed for a time that no clock shows. Source: linux/cn_proc.h,
/// linux/connector.h, drivers/connector/cn_proc.c.
Result<std::vector<ProcessEvent>> decode_process_events(std::span<const std::byte> bytes,
                                                        std::int64_t clock_shift_ns);

/// One answer of an owner search.
struct Holder {
  std::uint64_t key = 0;
  std::optional<std::uint32_t> pid;          ///< absent: nobody was found
  UnknownOwner why = UnknownOwner::not_yet;  ///< meaningful without a pid
};

/// Decodes lines `key pid` and `key - reason` (reason: not_permitted, gone).
Result<std::vector<Holder>> decode_holders(std::string_view text);

/// Decodes `key=value` lines of a session record. Unknown keys are ignored.
/// @return errc::malformed without an interval from 1 ms to 1 h
Result<Session> decode_session(std::string_view text);

}  // namespace netlog::decode
