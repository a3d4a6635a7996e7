// SPDX-License-Identifier: MIT
#include "track/coverage.hpp"

#include <algorithm>

namespace netlog::track {
namespace {

bool counts(const Event& event) {
  const auto half_open = static_cast<std::uint8_t>(TcpState::syn_received);
  const auto closed = static_cast<std::uint8_t>(TcpState::closed);
  if (event.connection.tuple.protocol != Protocol::tcp ||
      event.connection.direction == Direction::listen) {
    return false;
  }
  if (event.kind == EventKind::open) {
    return event.new_code != half_open;
  }
  if (event.old_code != half_open) {
    return false;
  }
  // Only what came of a handshake is announced at its end.
  const bool noticed = (event.connection.seen_by | SeenBy::notice) == event.connection.seen_by;
  return event.kind == EventKind::close
             ? noticed
             : event.kind == EventKind::state && event.new_code != closed;
}

}  // namespace

void CoverageMeter::count(const Event& event) {
  if (counts(event)) {
    ++namespaces_[event.connection.netns].recorded_opens;
  }
}

std::optional<Coverage> CoverageMeter::measure(const Counters& counters) {
  if (!counters.active_opens || !counters.passive_opens) {
    return std::nullopt;
  }
  auto& of = namespaces_[counters.netns];
  const Sample now{
      counters.at_ns, *counters.active_opens + *counters.passive_opens, of.recorded_opens};
  if (!of.first) {
    of.first = now;
  }
  of.last = now;
  if (now.at_ns - of.first->at_ns < window_ns_) {
    return std::nullopt;
  }
  const auto coverage = between(counters.netns, *of.first, now);
  of.first = now;
  return coverage;
}

std::vector<Coverage> CoverageMeter::finish() {
  std::vector<Coverage> rest;
  for (auto& [netns, of] : namespaces_) {
    if (of.first && of.last && of.last->at_ns > of.first->at_ns) {
      rest.push_back(between(netns, *of.first, *of.last));
      of.first = of.last;
    }
  }
  return rest;
}

Coverage CoverageMeter::between(std::uint64_t netns, const Sample& first, const Sample& last) {
  // Counters that ran backwards belong to another namespace of the same number.
  return {netns,
          first.at_ns,
          last.at_ns,
          std::max<std::int64_t>(last.kernel_opens - first.kernel_opens, 0),
          last.recorded_opens - first.recorded_opens};
}

}  // namespace netlog::track
