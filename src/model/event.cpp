// SPDX-License-Identifier: MIT
#include "model/event.hpp"

namespace netlog {

bool reports_end(const Event& event) {
  constexpr auto kTimeWait = static_cast<std::uint8_t>(TcpState::time_wait);
  switch (event.kind) {
    case EventKind::present:
    case EventKind::open:
    case EventKind::state:
      return event.new_code == kTimeWait;
    case EventKind::close:
      return event.old_code != kTimeWait;
    case EventKind::offload:
    case EventKind::owner:
      break;
  }
  return false;
}

}  // namespace netlog
