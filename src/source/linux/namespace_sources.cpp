// SPDX-License-Identifier: MIT
#include "source/linux/namespace_sources.hpp"

#include "os/clock.hpp"

#include <utility>

#include <fmt/format.h>

namespace netlog::source {
namespace {

// Each costs some descriptors and one walk through the kernel's tables at every tick.
constexpr std::size_t kMaxNamespaces = 256;

capture::RawRecord make(capture::Payload payload, std::uint64_t netns, std::int64_t began_ns) {
  return {netns, Span{began_ns, os::read_boot_clock_ns()}, std::move(payload)};
}

Result<NamespaceSource> open_within(std::uint64_t netns,
                                    std::uint32_t pid,
                                    const SourceOptions& options,
                                    TableSet notice_tables) {
  std::optional<Result<NamespaceSource>> source;
  const auto open = [&] { source.emplace(NamespaceSource::open(netns, options, notice_tables)); };
  if (const auto entered = within_namespace(netns, pid, open); !entered) {
    return entered.error();
  }
  return std::move(*source);
}

}  // namespace

NamespaceSources::NamespaceSources(std::uint64_t own_netns,
                                   NamespaceSource own,
                                   const SourceOptions& options,
                                   TableSet notice_tables)
    : options_{options},
      notice_tables_{notice_tables},
      own_netns_{own_netns},
      own_{std::move(own)} {}

void NamespaceSources::sample(const SamplePlan& plan, capture::RecordSink& sink) {
  follow(plan.changes, sink);
  own_.sample(plan, sink);
  for (auto& [netns, source] : others_) {
    source.sample(plan, sink);
  }
  replace_unusable();
}

bool NamespaceSources::drain_notices(capture::RecordSink& sink) {
  bool has_all = own_.drain_notices(sink);
  for (auto& [netns, source] : others_) {
    has_all = source.drain_notices(sink) && has_all;
  }
  return has_all;
}

void NamespaceSources::subscribe_tcp() {
  notice_tables_ = kAllTables;
  own_.subscribe_tcp();
  for (auto& [netns, source] : others_) {
    source.subscribe_tcp();
  }
}

void NamespaceSources::unsubscribe_tcp() {
  notice_tables_ = table_bit(TableKind::udp4) | table_bit(TableKind::udp6);
  own_.unsubscribe_tcp();
  for (auto& [netns, source] : others_) {
    source.unsubscribe_tcp();
  }
}

/// New processes are looked at on every tick, because a container begins with one. That a namespace
/// has ended shows only when all processes are looked at.
void NamespaceSources::follow(bool all, capture::RecordSink& sink) {
  const auto began_ns = os::read_boot_clock_ns();
  auto found = all ? search_.all() : search_.newcomers();
  found.erase(own_netns_);
  for (const auto& [netns, pid] : found) {
    // A namespace that a mount kept is not new when a process enters it: it may hold sockets.
    const bool is_new = looked_ns_ && !inhabited_.contains(netns) && !pinned_.contains(netns);
    if (is_new) {
      sink.consume(make(capture::NamespaceFound{}, netns, *looked_ns_));
    }
    if (!others_.contains(netns) && (is_new || all || !inhabited_.contains(netns))) {
      open(netns, pid, sink);
    }
  }
  if (!all) {
    inhabited_.merge(found);
    return;
  }
  pinned_ = pinned_namespaces();
  for (const auto& [netns, pid] : std::exchange(inhabited_, found)) {
    if (pinned_.contains(netns)) {
      inhabited_.emplace(netns, pid);
    } else if (!found.contains(netns)) {
      close(netns, sink);
    }
  }
  looked_ns_ = began_ns;
}

void NamespaceSources::open(std::uint64_t netns, std::uint32_t pid, capture::RecordSink& sink) {
  auto opened =
      others_.size() < kMaxNamespaces
          ? open_within(netns, pid, options_, notice_tables_)
          : Result<NamespaceSource>{fail(
                errc::too_large, fmt::format("more than {} network namespaces", kMaxNamespaces))};
  if (opened) {
    others_.emplace(netns, std::move(*opened));
    return;
  }
  const capture::TableFailed failed{
      kAllTables, capture::RecordKind::namespace_found, opened.error().message()};
  sink.consume(make(failed, netns, looked_ns_.value_or(os::read_boot_clock_ns())));
}

void NamespaceSources::close(std::uint64_t netns, capture::RecordSink& sink) {
  if (const auto source = others_.find(netns); source != others_.end()) {
    source->second.sample(SamplePlan{}, sink);  // the remaining sockets and the last counters
    others_.erase(source);
  }
  sink.consume(make(capture::NamespaceGone{}, netns, *looked_ns_));
}

void NamespaceSources::replace_unusable() {
  if (!own_.usable()) {
    own_.reopen_tables();
  }
  // follow() opens the others again.
  std::erase_if(others_, [](const auto& entry) { return !entry.second.usable(); });
}

}  // namespace netlog::source
