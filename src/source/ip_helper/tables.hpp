// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include <boost/system/result.hpp>

namespace netlog::source::ip_helper {

/// Why a call came to nothing.
struct Refusal {
  std::uint32_t code = kNoError;
  std::string
      text;  ///< one line: the function, what it was asked for, the system's words, the code
};

template <typename T>
using Answer = boost::system::result<T, Refusal>;

[[noreturn]] void throw_exception_from_error(const Refusal& refusal,
                                             const boost::source_location& where);

/// `GetExtendedTcpTable (IPv4, OWNER_MODULE)`: what is called for a table.
std::string call_name(Protocol protocol, Family family, capture::MibTable table);

std::string_view call_name(capture::MibStatistics which);

/// What a failed call came to, in one line.
Refusal refuse(Api& api, std::string_view call, std::uint32_t code);

/// Reads tables whole: asks for the size, then for the rows, with head-room for those that come in
/// between, a bounded number of times. Remembers how long each table was.
class TableReader {
 public:
  explicit TableReader(Api& api) : api_{api} {}

  /// The table's bytes. An empty table is four bytes of zero. kInsufficientBuffer in the end, too:
  /// the table kept outgrowing every buffer.
  Answer<std::vector<std::byte>> read(Protocol protocol, Family family, capture::MibTable table);

 private:
  Api& api_;
  std::map<std::tuple<Protocol, Family, capture::MibTable>, std::uint32_t> sizes_;
};

}  // namespace netlog::source::ip_helper
