// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/event.hpp"
#include "model/recording.hpp"
#include "record/utc_stamper.hpp"
#include "store/write/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace netlog::record {

/// Collects what a tick brought, with boot-clock times, and hands it to the writer's queue as one
/// push with UTC times.
class Delivery {
 public:
  using Push = std::function<store::PushResult(std::vector<store::Item>)>;

  /// `push` queues items, as store::Writer::push() does.
  explicit Delivery(Push push) : push_{std::move(push)} {}

  void add(store::Item item) { items_.push_back(std::move(item)); }

  /// From `boot_ns` on UTC is the boot clock plus an offset. Where UTC was set, what was added
  /// before is stamped by the old clock, and a clock step and its gap follow. @return that gap
  std::optional<Gap> set_utc_offset(std::int64_t boot_ns, const capture::UtcOffset& utc);

  [[nodiscard]] const UtcStamper& stamper() const { return stamper_; }

  /// What the file will not have.
  struct Loss {
    Gap gap;  ///< in boot-clock times; `lost` counts the events
    std::vector<ConnectionEvents> events;
  };

  /// Queues what was added since the last call. @return what was dropped, now or from an earlier
  /// push
  std::optional<Loss> flush(std::int64_t now_ns);

  /// True after a loss until resync(): the file may differ from what is known.
  [[nodiscard]] bool wants_resync() const { return wants_resync_; }

  /// Queues all that is known, for a file that lacks some of it.
  std::optional<Loss> resync(std::vector<Process> processes,
                             std::vector<Connection> connections,
                             std::int64_t now_ns);

  /// How long full queues have blocked us since the last call.
  std::int64_t take_blocked_ns() { return std::exchange(blocked_ns_, 0); }

 private:
  void stamp();
  std::optional<Loss> note_loss(store::PushResult pushed, std::int64_t now_ns);

  Push push_;
  UtcStamper stamper_;
  std::vector<store::Item> items_;
  std::size_t stamped_ = 0;  ///< how many of them have UTC times
  std::int64_t blocked_ns_ = 0;
  std::optional<std::int64_t> lost_since_ns_;  ///< the file lacks events since then
  bool wants_resync_ = false;
};

}  // namespace netlog::record
