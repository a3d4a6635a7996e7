// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/process.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog {

/// How the name of a remote address is known. The codes are stored; never renumber.
enum class NameSource : std::uint8_t {
  none = 0,
  asked = 1,  ///< the process of the connection has looked it up
  seen = 2,   ///< another process of the same network namespace has looked it up
  hosts = 3,  ///< /etc/hosts has it
};

/// `asked`, `seen`, `hosts`; empty for none.
std::string_view name(NameSource source);

/// One question that a process has asked a DNS server, and the answer. Names are in lower case,
/// without the dot at their end, at most 255 bytes on the wire; the root is `.`. A byte that is not
/// printable ASCII is `\DDD` (RFC 1035 §5.1).
struct Lookup {
  std::uint64_t netns = 0;
  std::optional<ProcessId> process;  ///< absent: not known who asked
  std::int64_t at_ns = 0;            ///< when it was asked first, as of Moment
  std::string name;
  std::uint16_t type = 0;              ///< dns_types()
  std::optional<std::uint16_t> rcode;  ///< dns_response_codes(); absent: no answer
  /// The data of the records of this type, or of what CNAMEs lead to, as text: addresses, names.
  std::vector<std::string> answers;
  std::optional<std::uint32_t> ttl_s;  ///< the smallest of the records in use
  std::optional<std::int64_t> latency_ns;
  Endpoint server;

  bool operator==(const Lookup&) const = default;
};

/// Questions without an answer so far.
struct OpenQuestions {
  std::int64_t count = 0;
  std::int64_t since_ns = 0;  ///< when the oldest one was asked, boot-clock ns

  bool operator==(const OpenQuestions&) const = default;
};

/// A question or an answer of DNS that a socket has exchanged with port 53 of a server.
struct DnsMessage {
  std::uint64_t netns = 0;
  std::uint64_t incarnation = 0;  ///< of the socket: its cookie
  std::int64_t at_ns = 0;         ///< boot-clock ns
  std::optional<Caller> caller;   ///< who has sent it
  Endpoint server;
  bool is_tcp = false;
  bool is_answer = false;
  bool is_truncated = false;  ///< by the server (TC): the client asks again by TCP
  std::uint16_t id = 0;
  std::uint16_t rcode = 0;  ///< of an answer
  std::string name;         ///< as in Lookup
  std::uint16_t type = 0;
  std::vector<std::string> answers;  ///< as in Lookup
  std::vector<IpAddress> addresses;  ///< those among the answers
  std::optional<std::uint32_t> ttl_s;

  bool operator==(const DnsMessage&) const = default;
};

/// A line of /etc/hosts: an address and the first of its names.
struct HostsEntry {
  IpAddress address;
  std::string name;  ///< as in Lookup

  bool operator==(const HostsEntry&) const = default;
};

}  // namespace netlog
