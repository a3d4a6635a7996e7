// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

namespace netlog::ship {

/// Why a server did not do what it was asked.
struct ServerFailure {
  bool is_temporary = false;  ///< the same request may succeed later
  std::string message;        ///< one line, may contain what the server wrote
};

template <typename T>
using Answer = boost::system::result<T, ServerFailure>;

/// Boost.System asks for this; only reached by a programming error (value() on a failed Answer).
[[noreturn]] void throw_exception_from_error(const ServerFailure& failure,
                                             const boost::source_location& where);

/// A ClickHouse server, or a script in its place.
class Server {
 public:
  Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  virtual ~Server() = default;

  /// Runs a statement. @returns what the server wrote, as it is: nobody has looked at it
  virtual Answer<std::string> run(const std::string& statement) = 0;
  /// Sends rows to a statement that inserts them, all or none. @param body as its format has them
  virtual Answer<void> insert(const std::string& statement, std::string_view body) = 0;
};

}  // namespace netlog::ship
