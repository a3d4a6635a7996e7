// SPDX-License-Identifier: MIT
#include "source/doctor.hpp"

namespace netlog::source {

std::string_view name(Allowed allowed) {
  switch (allowed) {
    case Allowed::all:
      return "all";
    case Allowed::some:
      return "some";
    case Allowed::none:
      return "none";
  }
  return "?";
}

}  // namespace netlog::source
