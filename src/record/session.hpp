// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "record/metrics_server.hpp"
#include "record/recorder.hpp"
#include "source/live_source.hpp"
#include "track/udp_flow_tracker.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

namespace netlog::record {

/// How the recording is stored.
struct StorageOptions {
  store::RetentionLimits limits;
  store::Synchronous synchronous = store::Synchronous::every_batch;
  std::optional<os::Readers> readers;  ///< absent: it is its owner's alone
};

/// What may change while it is recorded.
struct Adjustable {
  double cpu_budget = 0.25;  ///< share of one processor above which ticks become rarer
  store::RetentionLimits limits;
};

/// Where and how metrics are served while it is recorded.
struct MetricsOptions {
  Endpoint address;  ///< port 0: any free one
  MetricsServer::Text text;
};

struct LiveOptions {
  std::filesystem::path database;
  std::chrono::nanoseconds interval{};
  std::optional<std::chrono::nanoseconds> duration;  ///< absent: until a signal
  double cpu_budget = 0.25;                          ///< as in Adjustable
  source::SourceOptions source;
  std::optional<std::filesystem::path> capture;
  StorageOptions storage;
  /// A UDP flow that was silent for so long has ended.
  std::chrono::nanoseconds udp_timeout{track::UdpFlowTracker::kDefaultTimeoutNs};
  std::optional<MetricsOptions> metrics;
  /// Reads the options again. Called on a thread without special rights, whenever SIGHUP comes.
  /// @returns nothing: all stays as it is. Absent: SIGHUP is a request to stop.
  std::function<std::optional<Adjustable>()> read_again{};
};

/// Called on the thread that records.
struct Observer {
  std::function<void(std::string_view source, std::string_view fallback_reason)> started;
  /// The best source has ended: the source in use from now on, and why.
  std::function<void(std::string_view source, std::string_view reason)> fell_back;
  /// The recording cannot be written, or can be written again. One line.
  std::function<void(const std::string& text)> on_message;
  std::function<void(const Progress&, const store::WriterTotals&, std::size_t open_connections)>
      progress;
  /// Metrics are served at this address. Needed where they are asked for.
  std::function<void(const Endpoint& address)> serving;
  /// What `read_again` has returned is in effect. Needed where that is set.
  std::function<void()> adjusted;
  std::chrono::milliseconds every{500};  ///< between two calls of `progress`
};

struct Recorded {
  Progress progress;
  store::WriterTotals totals;
};

/// Records this host until the duration is over or a stop is requested (os/signals.hpp), then
/// flushes everything. Once its sources and files are open, the process drops the rights that it no
/// longer needs (os/privileges.hpp). @throws CommandFailed, StoreError.
Recorded record_live(const LiveOptions& options, const Observer& observer);

/// Records what a capture file contains. `udp_timeout`: as in LiveOptions. @throws CommandFailed,
/// StoreError.
Recorded record_capture(const std::filesystem::path& capture,
                        const std::filesystem::path& database,
                        const StorageOptions& storage,
                        const Observer& observer,
                        std::chrono::nanoseconds udp_timeout = std::chrono::nanoseconds{
                            track::UdpFlowTracker::kDefaultTimeoutNs});

}  // namespace netlog::record
