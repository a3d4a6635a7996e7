// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <boost/system/result.hpp>

namespace netlog::source::ip_helper {

/// Why a call failed.
struct Refusal {
  std::uint32_t code = kNoError;
  std::string text;  ///< one line: the function, its arguments, the system's message, the code
};

template <typename T>
using Answer = boost::system::result<T, Refusal>;

[[noreturn]] void throw_exception_from_error(const Refusal& refusal,
                                             const boost::source_location& where);

/// The call that reads a table, such as `GetExtendedTcpTable (IPv4, OWNER_MODULE)`.
std::string call_name(Protocol protocol, Family family, capture::MibTable table);

std::string_view call_name(capture::MibStatistics which);

/// Describes a failed call.
Refusal refuse(Api& api, std::string_view call, std::uint32_t code);

/// An empty table.
std::span<const std::byte> no_rows();

/// The number of rows that a table says it has.
std::uint32_t row_count(std::span<const std::byte> table);

/// Whether a row of an OWNER_MODULE table of TCP over IPv4 has a create timestamp. Source:
/// tcpmib.h, MIB_TCPTABLE_OWNER_MODULE.
bool shows_create_timestamp(std::span<const std::byte> table);

/// Whether a row of a TCP_TABLE2 has another offload state than InHost. Source: tcpmib.h,
/// MIB_TCPTABLE2, MIB_TCP6TABLE2.
bool shows_offload(std::span<const std::byte> table, Family family);

/// Reads whole tables, all into one buffer. It remembers the size of each table and adds room for
/// new rows. If the buffer is still too small, or the table changed meanwhile, it tries again with
/// a larger one, a limited number of times.
class TableReader {
 public:
  explicit TableReader(Api& api) : api_{api} {}

  /// The bytes of a table, valid until the next read. An empty table is four zero bytes. Errors:
  /// the code of the call; a transient one if no try has succeeded.
  Answer<std::span<const std::byte>> read(Protocol protocol,
                                          Family family,
                                          capture::MibTable table);

 private:
  Api& api_;
  std::map<std::tuple<Protocol, Family, capture::MibTable>, std::uint32_t> sizes_;
  std::vector<std::byte> buffer_;  ///< as large as the largest table needed
};

}  // namespace netlog::source::ip_helper
