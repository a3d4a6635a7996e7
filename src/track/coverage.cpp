// SPDX-License-Identifier: MIT
#include "track/coverage.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace netlog::track {
namespace {

// Of one tick, or of a second where the counters of a namespace are read later.
constexpr std::size_t kMaxRecent = 20'000;

bool counts(const Connection& connection, const Event& event) {
  const auto half_open = static_cast<std::uint8_t>(TcpState::syn_received);
  const auto closed = static_cast<std::uint8_t>(TcpState::closed);
  if (connection.tuple.protocol != Protocol::tcp || connection.direction == Direction::listen) {
    return false;
  }
  if (event.kind == EventKind::open) {
    return event.new_code != half_open;
  }
  // A simultaneous open, or a socket that is its own peer, was counted when its SYN was sent.
  if (event.old_code != half_open || connection.direction == Direction::outbound) {
    return false;
  }
  // Only a handshake that was completed leads to a notice.
  const bool noticed = (connection.seen_by | SeenBy::notice) == connection.seen_by;
  return event.kind == EventKind::close
             ? noticed
             : event.kind == EventKind::state && event.new_code != closed;
}

bool fails(const Connection& connection, const Event& event) {
  // The kernel does not count a connect that its caller closes.
  return event.kind == EventKind::close &&
         connection.outcome_why != UnknownOutcome::caller_gave_up &&
         (connection.outcome == Outcome::refused || connection.outcome == Outcome::timed_out ||
          connection.outcome == Outcome::unreachable);
}

}  // namespace

void CoverageMeter::Recorded::add(const Moment& at) {
  ++total_;
  if (recent_.size() < kMaxRecent) {
    recent_.push_back(at);
  }
}

void CoverageMeter::Recorded::remove(const Moment& at) {
  --total_;
  if (const auto found = std::find(recent_.begin(), recent_.end(), at); found != recent_.end()) {
    recent_.erase(found);
  }
}

std::int64_t CoverageMeter::Recorded::until(std::int64_t at_ns) {
  std::erase_if(recent_, [&](const Moment& at) { return at.at_ns - at.error_ns <= at_ns; });
  return total_ - static_cast<std::int64_t>(recent_.size());
}

std::optional<std::int64_t> CoverageMeter::Recorded::oldest_ns() const {
  if (recent_.empty() || recent_.size() == kMaxRecent) {
    return std::nullopt;
  }
  return std::min_element(recent_.begin(),
                          recent_.end(),
                          [](const Moment& a, const Moment& b) { return a.at_ns < b.at_ns; })
      ->at_ns;
}

void CoverageMeter::count(const ConnectionEvents& of) {
  for (const auto& event : of.events) {
    if (counts(of.connection, event)) {
      namespaces_[of.connection.netns].opens.add(event.at);
    }
    if (fails(of.connection, event)) {
      namespaces_[of.connection.netns].failures.add(event.at);
    }
  }
}

void CoverageMeter::uncount(const ConnectionEvents& of) {
  for (const auto& event : of.events) {
    if (counts(of.connection, event)) {
      namespaces_[of.connection.netns].opens.remove(event.at);
    }
    if (fails(of.connection, event)) {
      namespaces_[of.connection.netns].failures.remove(event.at);
    }
  }
}

void CoverageMeter::begin(std::uint64_t netns, std::int64_t at_ns) {
  auto& of = namespaces_[netns];
  of.first = Sample{at_ns, 0, 0, 0, 0};
  of.last = of.first;
}

std::optional<Coverage> CoverageMeter::end(std::uint64_t netns) {
  const auto of = namespaces_.find(netns);
  if (of == namespaces_.end()) {
    return std::nullopt;
  }
  auto coverage = rest(netns, of->second);
  namespaces_.erase(of);
  return coverage;
}

bool CoverageMeter::is_measuring(std::uint64_t netns) const {
  const auto of = namespaces_.find(netns);
  return of != namespaces_.end() && of->second.first.has_value();
}

std::optional<Coverage> CoverageMeter::measure(const Counters& counters) {
  if (!counters.active_opens || !counters.passive_opens) {
    return std::nullopt;
  }
  auto& of = namespaces_[counters.netns];
  const auto oldest_ns = of.opens.oldest_ns();
  const Sample now{counters.at_ns,
                   *counters.active_opens + *counters.passive_opens,
                   counters.attempt_fails,
                   of.opens.until(counters.at_ns),
                   of.failures.until(counters.at_ns)};
  if (!of.first) {
    of.first = baseline(oldest_ns, now);
  }
  of.last = now;
  const auto length_ns = of.window_ns == 0 ? first_ns_ : std::min(2 * of.window_ns, window_ns_);
  if (now.at_ns - of.first->at_ns < length_ns) {
    return std::nullopt;
  }
  of.window_ns = length_ns;
  const auto coverage = between(counters.netns, *of.first, now);
  of.first = now;
  return coverage;
}

/// What the kernel had counted, and we had recorded, when both began to be compared.
CoverageMeter::Sample CoverageMeter::baseline(std::optional<std::int64_t> oldest_ns,
                                              const Sample& now) {
  if (oldest_ns && now.kernel_opens == now.recorded_opens && *oldest_ns < now.at_ns) {
    // All that the kernel has ever counted in this namespace is recorded.
    return Sample{*oldest_ns, 0, now.kernel_failures ? std::optional{0} : std::nullopt, 0, 0};
  }
  return now;
}

std::vector<Coverage> CoverageMeter::finish() {
  std::vector<Coverage> all;
  for (auto& [netns, of] : namespaces_) {
    if (const auto coverage = rest(netns, of)) {
      all.push_back(*coverage);
      of.first = of.last;
    }
  }
  return all;
}

std::optional<Coverage> CoverageMeter::rest(std::uint64_t netns, const Namespace& of) {
  return of.first && of.last && of.last->at_ns > of.first->at_ns
             ? std::optional{between(netns, *of.first, *of.last)}
             : std::nullopt;
}

Coverage CoverageMeter::between(std::uint64_t netns, const Sample& first, const Sample& last) {
  const auto grown = [](std::int64_t from, std::int64_t to) {
    // Counters that ran backwards belong to another namespace of the same number.
    return std::max<std::int64_t>(to - from, 0);
  };
  Coverage coverage;
  coverage.netns = netns;
  coverage.from_ns = first.at_ns;
  coverage.to_ns = last.at_ns;
  coverage.kernel_opens = grown(first.kernel_opens, last.kernel_opens);
  // An event that uncount() took back can have been counted in the window before.
  coverage.recorded_opens = grown(first.recorded_opens, last.recorded_opens);
  if (first.kernel_failures && last.kernel_failures) {
    coverage.kernel_failures = grown(*first.kernel_failures, *last.kernel_failures);
  }
  coverage.recorded_failures = grown(first.recorded_failures, last.recorded_failures);
  return coverage;
}

}  // namespace netlog::track
