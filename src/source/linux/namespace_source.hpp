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

/// The tables, notices and counters of one network namespace. What it holds open keeps the
/// namespace alive, so it must be let go when no process lives there any more.
class NamespaceSource {
 public:
  /// Opens the sources of the calling thread's namespace, whose inode number is `netns`. Ends of
  /// sockets of the tables in `notice_tables` are asked for.
  static Result<NamespaceSource> open(std::uint64_t netns,
                                      const SourceOptions& options,
                                      TableSet notice_tables);

  [[nodiscard]] std::string name() const {
    return diag_ ? notices_ ? "sock_diag+notices" : "sock_diag" : "procfs";
  }
  /// Why the best source is not in use; empty when it is.
  [[nodiscard]] const std::string& fallback_reason() const { return fallback_reason_; }

  /// False after a dump that was given up: the rest of it would be in the way of the next one, so
  /// the source is to be opened anew.
  [[nodiscard]] bool usable() const { return usable_; }
  /// From within the namespace.
  void reopen_tables();

  /// Asks for the ends of TCP sockets, too.
  void subscribe_tcp();

  void sample(const SamplePlan& plan, capture::RecordSink& sink);
  /// False when the kernel had to drop some.
  bool drain_notices(capture::RecordSink& sink);

 private:
  /// A file of /proc/net; `empty` is what its text completes.
  struct TextTable {
    capture::ProcfsTable empty;
    ProcFile file;
  };

  explicit NamespaceSource(std::uint64_t netns);

  [[nodiscard]] capture::RawRecord make(capture::Payload payload, std::int64_t began_ns) const;
  void open_tables();
  void dump_tables(const SamplePlan& plan, capture::RecordSink& sink);
  template <typename Dump>
  void dump(TableSet tables, capture::DumpDepth depth, capture::RecordSink& sink, Dump&& run);
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
  std::vector<TextTable> tables_;  ///< where there is no sock_diag
  std::optional<ProcFile> snmp_;
  std::optional<ProcFile> snmp6_;
  bool usable_ = true;
  TableSet reported_tables_ = 0;
  std::int64_t drained_ns_ = 0;  ///< when the last drain began
  std::string fallback_reason_;
  std::vector<std::byte> buffer_;
};

}  // namespace netlog::source
