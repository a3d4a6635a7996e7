// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "source/linux/namespace_source.hpp"
#include "source/linux/namespaces.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>

namespace netlog::source {

/// The sources of all network namespaces: our own, and every other one that a process lives in.
class NamespaceSources {
 public:
  /// `own` is the source of our namespace `own_netns`. Sources of other namespaces are opened with
  /// `options` and subscribe to closes of sockets of `notice_tables`.
  NamespaceSources(std::uint64_t own_netns,
                   NamespaceSource own,
                   const SourceOptions& options,
                   TableSet notice_tables);

  [[nodiscard]] std::uint64_t own_netns() const { return own_netns_; }
  [[nodiscard]] const NamespaceSource& own() const { return own_; }
  [[nodiscard]] NamespaceSource& own() { return own_; }

  /// Looks for namespaces that began or ended and emits namespace_found and namespace_gone, then
  /// reads the tables of each namespace. A namespace that cannot be opened is a table_failed
  /// record.
  void sample(const SamplePlan& plan, capture::RecordSink& sink);

  /// Emits the notices of all namespaces. @return false if the kernel dropped some
  bool drain_notices(capture::RecordSink& sink);

  /// Subscribes to closes of TCP sockets, too, in every namespace.
  void subscribe_tcp();
  /// The reverse.
  void unsubscribe_tcp();

 private:
  void follow(bool all, capture::RecordSink& sink);
  void open(std::uint64_t netns, std::uint32_t pid, capture::RecordSink& sink);
  void close(std::uint64_t netns, capture::RecordSink& sink);
  void replace_unusable();

  SourceOptions options_;
  TableSet notice_tables_;
  std::uint64_t own_netns_;
  NamespaceSource own_;
  std::map<std::uint64_t, NamespaceSource> others_;
  NamespaceSearch search_;
  Namespaces inhabited_;            ///< other namespaces with a process or a mount, as last seen
  std::set<std::uint64_t> pinned_;  ///< those that a mount keeps
  std::optional<std::int64_t> looked_ns_;  ///< when all processes were last looked at
};

}  // namespace netlog::source
