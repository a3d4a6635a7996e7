// SPDX-License-Identifier: MIT
#include "fuzz/targets.hpp"

#include "capture/capture_file.hpp"
#include "decode/dns.hpp"
#include "decode/tables.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"
#include "util/error.hpp"

#include <fstream>

namespace netlog::test {
namespace {

using Bytes = std::span<const std::byte>;

void sock_diag(Bytes bytes) {
  std::vector<SocketRow> rows;
  static_cast<void>(decode::decode_sock_diag_end(bytes, Protocol::tcp, rows));
  static_cast<void>(decode::decode_sock_diag_end(bytes, Protocol::udp, rows));
  static_cast<void>(decode::decode_inet_diag(bytes, Protocol::tcp));
}

void notices(Bytes bytes) {
  static_cast<void>(decode::decode_destroy_notices(bytes));
}

void trace(Bytes bytes) {
  static_cast<void>(decode::decode_trace(bytes, 1'700'000'000'000'000'000));
}

void udp_flows(Bytes bytes) {
  static_cast<void>(decode::decode_udp_flows(bytes));
}

void dns(Bytes bytes) {
  static_cast<void>(decode::decode_dns_messages(bytes));
}

void hosts(Bytes bytes) {
  static_cast<void>(decode::decode_hosts(as_text(bytes)));
}

void procfs(Bytes bytes) {
  for (const auto family : {Family::ipv4, Family::ipv6}) {
    static_cast<void>(decode::decode_procfs_net(as_text(bytes), Protocol::tcp, family));
  }
}

void snmp(Bytes bytes) {
  Counters counters;
  static_cast<void>(decode::decode_snmp(as_text(bytes)));
  static_cast<void>(decode::add_snmp6(as_text(bytes), counters));
}

void process(Bytes bytes) {
  static_cast<void>(decode::decode_process(bytes, 0));
}

void process_events(Bytes bytes) {
  static_cast<void>(decode::decode_process_events(bytes, 1'000'000'000));
}

void holders(Bytes bytes) {
  static_cast<void>(decode::decode_holders(as_text(bytes)));
}

void session(Bytes bytes) {
  static_cast<void>(decode::decode_session(as_text(bytes)));
}

void mib_tables(Bytes bytes) {
  for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
    for (const auto family : {Family::ipv4, Family::ipv6}) {
      static_cast<void>(decode::decode_mib_tables(bytes, protocol, family));
    }
  }
}

void mib_statistics(Bytes bytes) {
  static_cast<void>(decode::decode_mib_statistics(bytes));
}

void mib_modules(Bytes bytes) {
  static_cast<void>(decode::decode_mib_modules(bytes));
}

std::filesystem::path write(const Scratch& scratch, Bytes bytes) {
  const auto path = scratch / "x";
  std::ofstream out{path, std::ios::binary};
  out.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  return path;
}

void capture(Bytes bytes) {
  const Scratch scratch;
  try {
    capture::CaptureReader reader{write(scratch, bytes)};
    for (auto record = reader.next(); record && *record; record = reader.next()) {
    }
  } catch (const CommandFailed&) {
  }
}

}  // namespace

const std::vector<FuzzTarget>& fuzz_targets() {
  static const std::vector<FuzzTarget> targets{{"sock_diag", sock_diag},
                                               {"notices", notices},
                                               {"trace", trace},
                                               {"udp_flows", udp_flows},
                                               {"dns", dns},
                                               {"hosts", hosts},
                                               {"procfs", procfs},
                                               {"snmp", snmp},
                                               {"process", process},
                                               {"process_events", process_events},
                                               {"holders", holders},
                                               {"session", session},
                                               {"mib_tables", mib_tables},
                                               {"mib_statistics", mib_statistics},
                                               {"mib_modules", mib_modules},
                                               {"capture", capture}};
  return targets;
}

}  // namespace netlog::test
