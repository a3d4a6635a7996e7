// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/outcome.hpp"
#include "util/time.hpp"

#include <cstdint>

namespace netlog::track {

/// A notice whose socket does not say when it heard of its peer is not later than this, also where
/// the kernel's worker has to wait for a processor: the real-time processes of a host leave the
/// others some time of each second.
inline constexpr std::int64_t kMaxNoticeDelayNs = 1'000'000'000;

/// The kernel counts the times of Delivery in ticks of its timer, 10 ms at most.
inline constexpr std::int64_t kTimerTickNs = 10'000'000;

/// The longest time that a time of Delivery stands for.
constexpr std::int64_t at_most_ago(std::uint32_t ms) {
  return ms == 0 ? 0 : ms * kNsPerMs + kTimerTickNs;
}

/// When the full socket of a notice ended: after its peer was heard of last. The notice comes
/// later, by more where the kernel's worker has to wait, or an application keeps a socket that was
/// reset.
inline Moment end_of(const Connection& connection, const Evidence& evidence, const Notice& notice) {
  const auto& [at_ns, error_ns] = notice.at;
  const auto& delivery = notice.row.delivery;
  const bool says =
      delivery && !evidence.disconnected && was_answered(connection, evidence, *delivery);
  return {at_ns, error_ns + (says ? at_most_ago(delivery->since_acked_ms) : kMaxNoticeDelayNs)};
}

/// True if the full socket of a notice may have ended at this time or before.
inline bool may_have_ended(const Connection& connection,
                           const Evidence& evidence,
                           const Notice& notice,
                           std::int64_t until_ns) {
  const auto [at_ns, error_ns] = end_of(connection, evidence, notice);
  return at_ns - error_ns <= until_ns;
}

}  // namespace netlog::track
