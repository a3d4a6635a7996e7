// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/process.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace netlog::source {

/// A process that was reported.
struct ReportedProcess {
  ProcessId id;
  std::string exe;         ///< its executable, as reported; only the file name is kept
  std::int64_t at_ns = 0;  ///< when it had this executable, boot clock
};

/// Whether two link texts of /proc/PID/exe end in the same file name. A file that was deleted has
/// the same name as before.
bool same_file_name(std::string_view a, std::string_view b);

/// Finds the SHA-256 of the executables of processes. A thread of low priority opens and reads
/// them, so that neither a large file nor a file system that does not answer holds up the caller,
/// who never waits. The thread begins with the first request and has the rights that its starter
/// has then, less those that it does not need.
class ExecutableHashes {
 public:
  /// Larger executables have no hash.
  static constexpr std::uint64_t kMaxFileBytes = std::uint64_t{512} << 20U;
  /// A request that comes while so many wait is dropped.
  static constexpr std::size_t kMaxWaiting = 10'000;

  ExecutableHashes();
  ExecutableHashes(const ExecutableHashes&) = delete;
  ExecutableHashes& operator=(const ExecutableHashes&) = delete;
  /// Leaves a thread behind that a file system does not let end.
  ~ExecutableHashes();

  void request(ReportedProcess process);

  /// Hands over the requests, and takes the results. To be called before the changes of processes
  /// are reported that took place until now.
  void exchange();
  /// Emits the results that were taken. A process that has ended, or whose executable cannot be
  /// read, has none.
  void report(capture::RecordSink& sink);

 private:
  struct Shared;

  void start();

  std::shared_ptr<Shared> shared_;
  std::thread thread_;
  bool may_start_ = true;
  std::vector<ReportedProcess> requested_;   ///< not handed over yet
  std::vector<capture::RawRecord> results_;  ///< not reported yet
};

}  // namespace netlog::source
