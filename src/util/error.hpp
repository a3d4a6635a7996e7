// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace netlog {

/// What can be wrong with bytes or text that somebody gave us.
enum class errc {
  truncated = 1,   ///< ends before its own length or layout says
  unknown_family,  ///< neither IPv4 nor IPv6
  unknown_state,   ///< no such TCP state on this platform
  malformed,       ///< not in the documented form
  interrupted,     ///< the kernel says the dump is not consistent
  refused,         ///< the kernel answered with an error
  too_large,       ///< beyond the bound that we accept
  untrusted,       ///< somebody else could have written or replaced it
};

const boost::system::error_category& netlog_category();
boost::system::error_code make_error_code(errc code);

/// An ordinary failure: what went wrong and in what. Never logged and returned both.
struct Error {
  boost::system::error_code code;
  std::string context;

  /// `context: message [category:value]`, one line.
  [[nodiscard]] std::string message() const;
};

template <typename T>
using Result = boost::system::result<T, Error>;

inline Error fail(errc code, std::string context) {
  return Error{make_error_code(code), std::move(context)};
}
inline Error fail(boost::system::error_code code, std::string context) {
  return Error{code, std::move(context)};
}
/// From errno, in the system category.
Error fail_errno(int error_number, std::string context);

/// Boost.System asks for this; only reached by a programming error (value() on a failed Result).
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

/// Ends the command with exit code 1 and this one line.
class CommandFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Ends the command with exit code 2 and this one line: the user's input was not understood.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace netlog

namespace boost::system {
template <>
struct is_error_code_enum<netlog::errc> : std::true_type {};
}  // namespace boost::system
