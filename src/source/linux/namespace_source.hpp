// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/notices.hpp"
#include "source/linux/procfs.hpp"
#include "source/linux/sock_diag.hpp"
#include "source/live_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog::source {

/// The tables, notices and counters of one network namespace. Its open files keep the namespace
/// alive, so it must be destroyed when no process lives in the namespace any more.
class NamespaceSource {
 public:
  /// Opens the sources of the calling thread's namespace, whose inode number is `netns`, and
  /// subscribes to closes of sockets of `notice_tables`. Errors: the source that `options` demands
  /// is not available.
  static Result<NamespaceSource> open(std::uint64_t netns,
                                      const SourceOptions& options,
                                      TableSet notice_tables);

  [[nodiscard]] std::string name() const {
    return diag_ ? notices_ ? "sock_diag+notices" : "sock_diag" : "procfs";
  }
  /// Why the best source is not in use; empty if it is.
  [[nodiscard]] const std::string& fallback_reason() const { return fallback_reason_; }

  /// False after an aborted dump: its remaining messages would mix with the next dump. The source
  /// must be opened again.
  [[nodiscard]] bool usable() const { return usable_; }
  /// Opens the tables of our own namespace again.
  void reopen_tables();

  /// Subscribes to closes of TCP sockets, too.
  /// Emits the kernel's counters.
  void read_counters(capture::RecordSink& sink);

  void subscribe_tcp();
  void unsubscribe_tcp();

  /// Reads the tables that `plan` names, and emits the notices before and after them.
  void sample(const SamplePlan& plan, capture::RecordSink& sink);
  /// Emits the notices that have arrived. @return false if the kernel dropped some
  bool drain_notices(capture::RecordSink& sink);

 private:
  /// A file of /proc/net, and the payload of its records without the text.
  struct TextTable {
    capture::ProcfsTable empty;
    ProcFile file;
  };

  explicit NamespaceSource(std::uint64_t netns);

  [[nodiscard]] capture::RawRecord make(capture::Payload payload, std::int64_t began_ns) const;
  void open_tables();
  void dump_tables(const SamplePlan& plan, capture::RecordSink& sink);
  template <typename Dump>
  bool dump(TableSet tables, capture::DumpDepth depth, capture::RecordSink& sink, Dump&& run);
  template <typename Payload>
  void read_text(ProcFile& file,
                 Payload payload,
                 TableSet tables,
                 std::size_t max_bytes,
                 capture::RecordSink& sink) const;
  void report_failure(capture::RecordKind wanted,
                      TableSet tables,
                      std::int64_t began_ns,
                      const Error& error,
                      capture::RecordSink& sink) const;

  std::uint64_t netns_;
  std::optional<SockDiag> diag_;
  std::optional<Notices> notices_;
  std::vector<TextTable> tables_;  ///< empty with sock_diag
  std::optional<ProcFile> snmp_;
  std::optional<ProcFile> snmp6_;
  bool usable_ = true;
  bool has_time_wait_ = false;  ///< the last TCP tables that were to have TIME_WAIT rows were read
  TableSet reported_tables_ = 0;  ///< as in the last record of notices
  std::int64_t drained_ns_ = 0;   ///< when the last drain began
  std::string fallback_reason_;
  std::vector<std::byte> buffer_;
};

}  // namespace netlog::source
