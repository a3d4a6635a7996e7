// SPDX-License-Identifier: MIT
#include "util/error.hpp"

#include <fmt/format.h>

namespace netlog {
namespace {

class NetlogCategory final : public boost::system::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "netlog"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::truncated:
        return "truncated";
      case errc::unknown_family:
        return "unknown address family";
      case errc::unknown_state:
        return "unknown TCP state";
      case errc::malformed:
        return "malformed";
      case errc::interrupted:
        return "interrupted by the kernel";
      case errc::refused:
        return "refused by the kernel";
      case errc::too_large:
        return "too large";
      case errc::untrusted:
        return "not trusted";
    }
    return "unknown error";
  }
};

}  // namespace

const boost::system::error_category& netlog_category() {
  static const NetlogCategory category;
  return category;
}

boost::system::error_code make_error_code(errc code) {
  return {static_cast<int>(code), netlog_category()};
}

std::string Error::message() const {
  return fmt::format(
      "{}: {} [{}:{}]", context, code.message(), code.category().name(), code.value());
}

Error fail_errno(int error_number, std::string context) {
  return Error{boost::system::error_code{error_number, boost::system::system_category()},
               std::move(context)};
}

void throw_exception_from_error(const Error& error, const boost::source_location& /*where*/) {
  throw CommandFailed{error.message()};
}

}  // namespace netlog
