// SPDX-License-Identifier: MIT
#include "ship/server.hpp"

#include <stdexcept>

namespace netlog::ship {

void throw_exception_from_error(const ServerFailure& failure,
                                const boost::source_location& /*where*/) {
  throw std::logic_error{failure.message};
}

}  // namespace netlog::ship
