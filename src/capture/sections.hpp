// SPDX-License-Identifier: MIT
#pragma once

#include "util/byte_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

namespace netlog::capture {

/// What is read of one process, each as the platform gave it, as UTF-8. Written by the platform,
/// read by decode. The codes are part of the capture format; never renumber.
enum class ProcessSection : std::uint8_t {
  stat = 1,              ///< /proc/PID/stat
  exe = 2,               ///< link text of /proc/PID/exe; Windows: the image's path
  cmdline = 3,           ///< /proc/PID/cmdline, at most 4 KiB; Windows: the command line
  cgroup = 4,            ///< /proc/PID/cgroup
  user = 5,              ///< account name, or the number where it has none; Windows: `DOMAIN\name`
  started_ns = 6,        ///< decimal text, ns; ProcessRead::start_shift_ns leads to the boot clock
  listed = 7,            ///< `pid start parent name`, start as of ProcessId
  service = 8,           ///< Windows: the name of a service that runs in it; several sections
  image_since_ns = 9,    ///< it has executed a program or changed its user since; as `started_ns`
  container_name = 10,   ///< from the files of its runtime
  pod_name = 11,         ///< `namespace/name`, from the files of the kubelet
  service_caption = 12,  ///< the name that people see, of the `service` before it
};

/// A table of the IP Helper API in a section of its own. The codes are part of the capture format;
/// never renumber. Source: learn.microsoft.com, iprtrmib.h TCP_TABLE_CLASS and UDP_TABLE_CLASS.
enum class MibTable : std::uint8_t {
  basic = 1,         ///< MIB_TCPTABLE, MIB_TCP6TABLE, MIB_UDPTABLE, MIB_UDP6TABLE
  owner_pid = 2,     ///< MIB_TCPTABLE_OWNER_PID and its kin
  owner_module = 3,  ///< MIB_TCPTABLE_OWNER_MODULE and its kin
  offload = 4,       ///< MIB_TCPTABLE2, MIB_TCP6TABLE2
};

/// A family's statistics of the IP Helper API, or the table of its bound sockets, in a section of
/// its own, empty where the system lacks the family. The codes are part of the capture format;
/// never renumber.
enum class MibStatistics : std::uint8_t {
  tcp4 = 1,       ///< MIB_TCPSTATS
  tcp6 = 2,       ///< MIB_TCPSTATS
  udp4 = 3,       ///< MIB_UDPSTATS
  udp6 = 4,       ///< MIB_UDPSTATS
  tcp4_wide = 5,  ///< MIB_TCPSTATS2
  tcp6_wide = 6,  ///< MIB_TCPSTATS2
  udp4_wide = 7,  ///< MIB_UDPSTATS2
  udp6_wide = 8,  ///< MIB_UDPSTATS2
  bound4 = 9,     ///< MIB_TCPTABLE2 of TCP sockets that are bound and nothing else
  bound6 = 10,    ///< MIB_TCP6TABLE2 of these
};

/// The service behind a row of an OWNER_MODULE table, tag = OwningModuleInfo[0]. The codes are part
/// of the capture format.
enum class ModuleSection : std::uint8_t {
  service = 1,  ///< `pid tag name`
  caption = 2,  ///< the name that people see, of the `service` before it
};

/// Appends `tag`, a 32-bit length and the bytes.
template <typename Tag>
requires std::is_enum_v<Tag>
void append_section(std::vector<std::byte>& out, Tag tag, std::span<const std::byte> bytes) {
  out.push_back(static_cast<std::byte>(tag));
  const auto length = static_cast<std::uint32_t>(bytes.size());
  const auto length_bytes = std::as_bytes(std::span{&length, 1});
  out.insert(out.end(), length_bytes.begin(), length_bytes.end());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Calls `take(tag, bytes)` for each section until it returns false. False when the sections end
/// before one of them does.
template <typename Tag, typename Take>
requires std::is_enum_v<Tag>
bool for_each_section(std::span<const std::byte> sections, Take&& take) {
  ByteReader in{sections};
  while (in.remaining() > 0) {
    const auto tag = static_cast<Tag>(in.u8());
    const auto bytes = in.take(in.u32());
    if (!in.ok()) {
      return false;
    }
    if (!take(tag, bytes)) {
      return true;
    }
  }
  return true;
}

}  // namespace netlog::capture
