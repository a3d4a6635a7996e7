// SPDX-License-Identifier: MIT
#include "kinds.hpp"

#include <array>

namespace churn {

std::span<const Kind> kinds() {
  using enum End;
  using enum Listener;
  static constexpr std::array kKinds{
      Kind{"close_by_client", accepts, close, await, close, true, false, false},
      Kind{"close_by_server", accepts, await, close, close, true, true, false},
      Kind{"close_without_data", accepts, close, await, close, false, false, false},
      Kind{"half_close", accepts, half_close, await, close, true, true, false},
      Kind{"half_close_then_reset", accepts, half_close, await, abort, true, false, false},
      Kind{"reset_by_client", accepts, close_unread, await, close, true, true, false},
      Kind{"reset_by_server", accepts, await, close_unread, close, true, false, false},
      Kind{"linger0_by_client", accepts, abort, await, close, true, false, false},
      Kind{"linger0_by_server", accepts, await, abort, close, true, false, false},
      Kind{"never_accepted", never_accepts, close, await, close, true, false, false},
      Kind{"refused", nobody, await, await, close, false, false, false},
      Kind{"refused_blocking", nobody, await, await, close, false, false, true},
      Kind{"timed_out", full, await, await, close, false, false, false},
      Kind{"timed_out_blocking", full, await, await, close, false, false, true},
      Kind{"interrupted", full, close, await, close, false, false, false},
  };
  return kKinds;
}

}  // namespace churn
