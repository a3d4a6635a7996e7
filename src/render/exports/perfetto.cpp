// SPDX-License-Identifier: MIT
#include "render/exports/field_writers.hpp"
#include "render/exports/named_cells.hpp"
#include "render/json_text.hpp"
#include "util/arithmetic.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace netlog::render {
namespace {

constexpr std::uint64_t kNobodysGroup = 1;  // its processes are numbered from 2

/// Microseconds with three decimals.
std::string trace_us(std::int64_t ns) {
  const auto distance =
      ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  return fmt::format("{}{}.{:03}", ns < 0 ? "-" : "", distance / 1'000, distance % 1'000);
}

/// Chrome's trace format, in JSON: a pair of asynchronous events for each connection, in the group
/// of its process.
class PerfettoWriter : public ConnectionWriter {
 public:
  PerfettoWriter(const std::vector<std::string>& names, std::int64_t base_ns) : base_ns_{base_ns} {
    for (std::size_t i = 0; i < names.size(); ++i) {
      places_.emplace(names[i], i);
    }
    for (const auto name : kArguments) {
      arguments_.push_back(place_of(names, name));
    }
  }

  std::string begin() override {
    return fmt::format(R"({{"displayTimeUnit":"ns","otherData":{{"base":{}}},"traceEvents":[)",
                       json_text(iso8601_utc(base_ns_)));
  }

  std::string row(const std::vector<Cell>& cells) override {
    const auto began_ns = number_in(at(cells, "began_ns"));
    const auto until_ns = number_in(at(cells, "until_ns"));
    const auto id = number_in(at(cells, "id"));
    if (!began_ns || !until_ns || !id) {
      return {};
    }
    const auto process = number_in(at(cells, "process_id"));
    const auto group =
        process ? static_cast<std::uint64_t>(*process) + kNobodysGroup : kNobodysGroup;
    std::string text;
    if (groups_.insert(group).second) {
      add_event(text,
                fmt::format(R"("ph":"M","name":"process_name","pid":{},"args":{{"name":{}}})",
                            group,
                            json_text(group_name(cells, process.has_value()))));
    }
    const auto common = fmt::format(R"("cat":{},"id":"0x{:x}","name":{},"pid":{},"tid":{})",
                                    json_text(text_in(at(cells, "protocol"))),
                                    static_cast<std::uint64_t>(*id),
                                    json_text(name_of(cells)),
                                    group,
                                    group);
    add_event(text,
              fmt::format(R"("ph":"b",{},"ts":{},"args":{{{}}})",
                          common,
                          trace_us(wrapping_subtract(*began_ns, base_ns_)),
                          arguments(cells)));
    add_event(text,
              fmt::format(R"("ph":"e",{},"ts":{})",
                          common,
                          trace_us(wrapping_subtract(std::max(*began_ns, *until_ns), base_ns_))));
    return text;
  }

  std::string end() override { return "\n]}\n"; }

 private:
  [[nodiscard]] const Cell& at(const std::vector<Cell>& cells, std::string_view name) const {
    const auto found = places_.find(name);
    return cell_at(cells, found == places_.end() ? cells.size() : found->second);
  }

  void add_event(std::string& text, std::string_view members) {
    text += fmt::format("{}\n{{{}}}", is_first_ ? "" : ",", members);
    is_first_ = false;
  }

  [[nodiscard]] std::string group_name(const std::vector<Cell>& cells, bool has_owner) const {
    const auto pid = number_in(at(cells, "pid"));
    return has_owner && pid
               ? fmt::format("{} (pid {})", text_in(at(cells, "process")), *pid)
               : std::string{has_owner ? text_in(at(cells, "process")) : "unknown owner"};
  }

  /// `→ example.com:443`
  [[nodiscard]] std::string name_of(const std::vector<Cell>& cells) const {
    const auto direction = text_in(at(cells, "direction"));
    const auto remote = text_in(at(cells, "remote"));
    const auto name = text_in(at(cells, "remote_name"));
    if (remote.empty()) {
      return fmt::format("{} {}", direction, text_in(at(cells, "local")));
    }
    const auto port = number_in(at(cells, "remote_port"));
    const auto peer = name.empty() ? std::string{remote}
                      : port       ? fmt::format("{}:{}", name, *port)
                                   : std::string{name};
    const auto* const arrow =
        direction == "outbound" ? "\u2192" : (direction == "inbound" ? "\u2190" : "\u2194");
    return fmt::format("{} {}", arrow, peer);
  }

  [[nodiscard]] std::string arguments(const std::vector<Cell>& cells) const {
    std::string text;
    for (std::size_t i = 0; i < kArguments.size(); ++i) {
      const auto& cell = cell_at(cells, arguments_[i]);
      if (!std::holds_alternative<std::monostate>(cell)) {
        text += fmt::format(
            "{}{}:{}", text.empty() ? "" : ",", json_text(kArguments.at(i)), json_value(cell));
      }
    }
    return text;
  }

  static constexpr std::array<std::string_view, 13> kArguments{"local",
                                                               "remote",
                                                               "remote_name",
                                                               "direction",
                                                               "user",
                                                               "state",
                                                               "outcome",
                                                               "outcome_reason",
                                                               "bytes_sent",
                                                               "bytes_received",
                                                               "retransmits",
                                                               "rtt_us",
                                                               "community_id"};

  std::map<std::string, std::size_t, std::less<>> places_;  // of the columns
  std::int64_t base_ns_;
  std::vector<std::size_t> arguments_;
  std::set<std::uint64_t> groups_;  // that have their name
  bool is_first_ = true;
};

}  // namespace

WriterPtr perfetto_writer(const std::vector<std::string>& names, std::int64_t base_ns) {
  return std::make_unique<PerfettoWriter>(names, base_ns);
}

}  // namespace netlog::render
