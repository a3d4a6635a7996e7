// SPDX-License-Identifier: MIT
#include "report/join.hpp"

#include "report/filter.hpp"
#include "report/report.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

constexpr auto kNever = std::numeric_limits<std::int64_t>::max() / 4;
// How long an opening may take from one end to the other where no round-trip time was read: the
// first SYN is sent again after a second (RFC 6298).
constexpr std::int64_t kMaxDelayNs = kNsPerSecond;

/// One end of a connection, by the clock of its own recording.
struct End {
  std::int64_t id = 0;
  std::string local;
  std::string remote;
  std::string local_address;
  std::string remote_address;
  std::string direction;
  std::string outcome;
  Cell process;
  std::optional<std::int64_t> opened_ns;
  std::int64_t open_error_ns = 0;
  std::int64_t first_seen_ns = 0;
  std::optional<std::int64_t> closed_ns;
  std::int64_t close_error_ns = 0;
  std::optional<std::int64_t> sent;
  std::optional<std::int64_t> received;
  std::optional<std::int64_t> rtt_ns;
  std::optional<std::size_t> other;  ///< index of its other end

  [[nodiscard]] std::int64_t begun_after_ns() const {
    return opened_ns ? *opened_ns - open_error_ns : -kNever;
  }
  [[nodiscard]] std::int64_t ended_before_ns() const { return closed_ns.value_or(kNever); }
  /// What was left of it when the recorder came: TIME_WAIT.
  [[nodiscard]] bool is_leftover() const { return !opened_ns && !closed_ns && outcome != "open"; }
};

struct Recording {
  std::vector<End> ends;
  std::string host;
  std::string boot_id;
  std::int64_t interval_ns = 0;
  bool polled = false;
  std::vector<std::array<std::int64_t, 2>> gaps;
  Honesty honesty;
  std::unordered_set<std::string> addresses;  ///< its own
};

std::optional<std::int64_t> number(const Cell& cell) {
  const auto* const value = std::get_if<std::int64_t>(&cell);
  return value == nullptr ? std::nullopt : std::optional{*value};
}
std::string text(const Cell& cell) {
  const auto* const value = std::get_if<std::string>(&cell);
  return value == nullptr ? std::string{} : *value;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

Recording read(store::Reader& reader) {
  Recording recording;
  const auto session = reader.query(
      "SELECT host, boot_id, interval_ns, sources FROM sessions ORDER BY id DESC LIMIT 1");
  if (!session.cells.empty()) {
    const auto& row = session.cells.front();
    recording.host = text(row[0]);
    recording.boot_id = text(row[1]);
    recording.interval_ns = number(row[2]).value_or(0);
    const auto sources = text(row[3]);
    recording.polled =
        sources.find("trace") == std::string::npos && sources.find("notices") == std::string::npos;
  }
  recording.honesty = honesty(reader, {});
  for (const auto& row : reader.query("SELECT from_ns, to_ns FROM gaps ORDER BY from_ns").cells) {
    recording.gaps.push_back({number(row[0]).value_or(0), number(row[1]).value_or(0)});
  }
  reader.each(
      "SELECT id, local, remote, local_address, remote_address, direction, outcome, process, "
      "opened_ns, open_error_ns, first_seen_ns, closed_ns, close_error_ns, bytes_sent, "
      "bytes_received, rtt_us FROM connections WHERE protocol = 'tcp' AND direction <> 'listen' "
      "AND "
      "remote_port IS NOT NULL ORDER BY first_seen_ns, id",
      {},
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        End end;
        end.id = number(row[0]).value_or(0);
        end.local = text(row[1]);
        end.remote = text(row[2]);
        end.local_address = text(row[3]);
        end.remote_address = text(row[4]);
        end.direction = text(row[5]);
        end.outcome = text(row[6]);
        end.process = row[7];
        end.opened_ns = number(row[8]);
        end.open_error_ns = number(row[9]).value_or(0);
        end.first_seen_ns = number(row[10]).value_or(0);
        end.closed_ns = number(row[11]);
        end.close_error_ns = number(row[12]).value_or(0);
        end.sent = number(row[13]);
        end.received = number(row[14]);
        if (const auto rtt_us = number(row[15])) {
          end.rtt_ns = *rtt_us * kNsPerUs;
        }
        recording.addresses.insert(end.local_address);
        recording.ends.push_back(std::move(end));
        return true;
      });
  return recording;
}

using Lookup = std::unordered_map<std::string, std::vector<std::size_t>>;

/// The ends of a recording by two of their endpoints, in order of time.
Lookup by_tuple(const std::vector<End>& ends, std::string End::*first, std::string End::*second) {
  Lookup lookup;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    lookup[ends[i].*first + ' ' + ends[i].*second].push_back(i);
  }
  return lookup;
}

/// What one pair's openings tell of b's clock minus a's: who connects is first, the other end is
/// open one and a half round trips later at most (RFC 9293 §3.5), and its host may have been busy.
std::optional<OffsetBound> offset_of(const End& a, const End& b) {
  if (!a.opened_ns || !b.opened_ns) {
    return std::nullopt;
  }
  const auto rtt_ns = a.rtt_ns ? a.rtt_ns : b.rtt_ns;
  const auto delay_ns = rtt_ns ? 2 * *rtt_ns + kNsPerMs : kMaxDelayNs;
  const bool a_connects = a.direction == "outbound" || b.direction == "inbound";
  return OffsetBound{*b.opened_ns - b.open_error_ns - *a.opened_ns - (a_connects ? delay_ns : 0),
                     *b.opened_ns - (*a.opened_ns - a.open_error_ns) + (a_connects ? 0 : delay_ns)};
}

class Join {
 public:
  Join(store::Reader& a, store::Reader& b)
      : a_{read(a)},
        b_{read(b)},
        one_host_{a_.host == b_.host && a_.boot_id == b_.boot_id && !a_.boot_id.empty()} {
    ours_ = by_tuple(a_.ends, &End::local, &End::remote);
    theirs_ = by_tuple(b_.ends, &End::remote, &End::local);
    find_offset();
    pair();
    only_a_ = find_alone(a_, b_, offset_ns_);
    only_b_ = find_alone(b_, a_, -offset_ns_);
  }

  [[nodiscard]] Answer answer(std::int64_t limit) const {
    Answer answer{"join", {}, {}};
    answer.tables = {recordings(), clocks(), ends(), disagreements(), seen_by_one()};
    for (std::size_t i = 3; i < answer.tables.size(); ++i) {
      auto& rows = answer.tables[i].rows;
      rows.resize(std::min(rows.size(), static_cast<std::size_t>(limit)));
    }
    return answer;
  }

 private:
  /// What one recording has and the other should have.
  struct Alone {
    std::vector<const End*> inside;  ///< while the other recorded
    std::int64_t outside = 0;
  };

  [[nodiscard]] bool may_join(const End& end) const {
    return one_host_ || !is_loopback(end.remote_address);
  }

  void find_offset() {
    std::vector<OffsetBound> bounds;
    for (const auto& [tuple, ours] : ours_) {
      const auto theirs = theirs_.find(tuple);
      if (theirs != theirs_.end() && ours.size() == 1 && theirs->second.size() == 1 &&
          may_join(a_.ends[ours.front()])) {
        if (auto bound = offset_of(a_.ends[ours.front()], b_.ends[theirs->second.front()])) {
          bounds.push_back(*bound);
        }
      }
    }
    asked_ = static_cast<std::int64_t>(bounds.size());
    agreement_ = agree(bounds);
    if (agreement_) {
      offset_ns_ =
          agreement_->bound.least_ns + (agreement_->bound.most_ns - agreement_->bound.least_ns) / 2;
      error_ns_ = (agreement_->bound.most_ns - agreement_->bound.least_ns + 1) / 2;
    }
  }

  /// Two ends of one connection live at the same time. Uses of a tuple do not overlap.
  void pair() {
    for (const auto& [tuple, ours] : ours_) {
      const auto theirs = theirs_.find(tuple);
      if (theirs == theirs_.end()) {
        continue;
      }
      auto other = theirs->second.begin();
      for (const auto mine : ours) {
        auto& a = a_.ends[mine];
        const auto begun = a.begun_after_ns() + offset_ns_ - error_ns_;
        const auto ended = a.ended_before_ns() + offset_ns_ + error_ns_ + kMaxDelayNs;
        while (other != theirs->second.end() &&
               b_.ends[*other].ended_before_ns() + kMaxDelayNs < begun) {
          ++other;
        }
        if (may_join(a) && other != theirs->second.end() &&
            b_.ends[*other].begun_after_ns() <= ended) {
          a.other = *other;
          b_.ends[*other].other = mine;
          ++other;
        }
      }
    }
  }

  [[nodiscard]] Table recordings() const {
    Table table{"recordings",
                "Recordings",
                {{"recording", "recording", Unit::none, Align::left, false},
                 {"host", "host", Unit::none, Align::left, false},
                 {"from_ns", "from", Unit::time, Align::left, false},
                 {"to_ns", "to", Unit::time, Align::left, false},
                 {"percent", "coverage", Unit::percent, Align::right, false},
                 {"gaps", "gaps", Unit::count, Align::right, false}},
                {}};
    for (const auto& [name, recording] : {std::pair{"a", &a_}, std::pair{"b", &b_}}) {
      table.rows.push_back({std::string{name},
                            recording->host,
                            recording->honesty.recorded_from_ns,
                            recording->honesty.recorded_to_ns,
                            recording->honesty.percent,
                            recording->honesty.gaps});
    }
    return table;
  }

  [[nodiscard]] Table clocks() const {
    Table table{"clocks",
                "Clocks: b's minus a's",
                {{"offset_ns", "offset", Unit::ns, Align::right, false},
                 {"error_ns", "±", Unit::ns, Align::right, false},
                 {"agreeing", "agreeing", Unit::count, Align::right, false},
                 {"pairs", "of pairs", Unit::count, Align::right, false}},
                {}};
    table.rows.push_back({agreement_ ? Cell{offset_ns_} : Cell{},
                          agreement_ ? Cell{error_ns_} : Cell{},
                          agreement_ ? agreement_->agreeing : std::int64_t{0},
                          asked_});
    return table;
  }

  [[nodiscard]] Table ends() const {
    Table table{"ends",
                "Connections between the two",
                {{"both_ends", "both ends", Unit::count, Align::right, false},
                 {"only_a", "only in a", Unit::count, Align::right, false},
                 {"only_b", "only in b", Unit::count, Align::right, false},
                 {"not_recorded_a", "before or after b", Unit::count, Align::right, true},
                 {"not_recorded_b", "before or after a", Unit::count, Align::right, true}},
                {}};
    const auto both = std::count_if(
        a_.ends.begin(), a_.ends.end(), [](const End& end) { return end.other.has_value(); });
    table.rows.push_back({std::int64_t{both},
                          static_cast<std::int64_t>(only_a_.inside.size()),
                          static_cast<std::int64_t>(only_b_.inside.size()),
                          only_a_.outside,
                          only_b_.outside});
    return table;
  }

  [[nodiscard]] Alone find_alone(const Recording& has,
                                 const Recording& lacks,
                                 std::int64_t shift_ns) const {
    Alone found;
    for (const auto& end : has.ends) {
      if (end.other || !may_join(end) || !lacks.addresses.contains(end.remote_address)) {
        continue;
      }
      const auto begun = end.opened_ns.value_or(end.first_seen_ns) + shift_ns;
      const auto ended = end.ended_before_ns() + shift_ns;
      if (end.is_leftover() || ended < lacks.honesty.recorded_from_ns ||
          begun > lacks.honesty.recorded_to_ns) {
        ++found.outside;
      } else {
        found.inside.push_back(&end);
      }
    }
    return found;
  }

  [[nodiscard]] static std::string why(const End& end,
                                       const Recording& lacks,
                                       std::int64_t shift_ns) {
    const auto begun = end.opened_ns.value_or(end.first_seen_ns) + shift_ns;
    const auto ended = std::min(end.ended_before_ns() + shift_ns, lacks.honesty.recorded_to_ns);
    const bool in_gap = std::any_of(lacks.gaps.begin(), lacks.gaps.end(), [&](const auto& gap) {
      return gap[0] <= ended && gap[1] >= begun;
    });
    if (in_gap) {
      return "in a gap of the other";
    }
    if (lacks.polled && ended - begun < lacks.interval_ns) {
      return "shorter than the other's interval";
    }
    return end.outcome == "refused" || end.outcome == "timed_out" ? "no connection came of it"
                                                                  : "not seen";
  }

  [[nodiscard]] Table seen_by_one() const {
    Table table{"seen_by_one",
                "Seen at one end only",
                {{"recording", "in", Unit::none, Align::left, false},
                 {"opened_ns", "began", Unit::time, Align::left, false},
                 {"process", "process", Unit::none, Align::left, false},
                 {"local", "local", Unit::endpoint, Align::left, false},
                 {"remote", "remote", Unit::endpoint, Align::left, false},
                 {"outcome", "outcome", Unit::none, Align::left, false},
                 {"why", "why not the other", Unit::none, Align::left, false},
                 {"connection_id", "connection", Unit::none, Align::right, true}},
                {}};
    const auto add =
        [&](const char* name, const Alone& alone, const Recording& lacks, std::int64_t shift_ns) {
          for (const auto* const end : alone.inside) {
            table.rows.push_back({std::string{name},
                                  end->opened_ns ? Cell{*end->opened_ns} : Cell{},
                                  end->process,
                                  end->local,
                                  end->remote,
                                  end->outcome,
                                  why(*end, lacks, shift_ns),
                                  end->id});
          }
        };
    add("a", only_a_, b_, offset_ns_);
    add("b", only_b_, a_, -offset_ns_);
    return table;
  }

  [[nodiscard]] static std::string mismatch_reason(const End& a, const End& b) {
    const auto resets = [](const End& end) {
      return end.outcome == "reset" || end.outcome == "aborted";
    };
    const auto open = [](const End& end) { return end.outcome == "open"; };
    if (open(a) != open(b)) {
      return fmt::format("{} has ended, {} has not", open(a) ? "b" : "a", open(a) ? "a" : "b");
    }
    if ((a.outcome == "closed" && resets(b)) || (b.outcome == "closed" && resets(a))) {
      return "closed at one end, reset at the other";
    }
    if (open(a)) {
      return {};  // bytes are still under way
    }
    const auto lost = [](const char* name, const End& from, const End& to) {
      return from.sent && to.received && *from.sent > *to.received
                 ? fmt::format("{} B that {} sent did not arrive", *from.sent - *to.received, name)
                 : std::string{};
    };
    const auto one = lost("a", a, b);
    const auto other = lost("b", b, a);
    return one + (one.empty() || other.empty() ? "" : "; ") + other;
  }

  [[nodiscard]] Table disagreements() const {
    Table table{"disagreements",
                "What the two ends tell differently",
                {{"opened_ns", "began, a's clock", Unit::time, Align::left, false},
                 {"a_process", "a's process", Unit::none, Align::left, false},
                 {"a", "a's end", Unit::endpoint, Align::left, false},
                 {"b", "b's end", Unit::endpoint, Align::left, false},
                 {"b_process", "b's process", Unit::none, Align::left, false},
                 {"a_outcome", "at a", Unit::none, Align::left, false},
                 {"b_outcome", "at b", Unit::none, Align::left, false},
                 {"what", "what", Unit::none, Align::left, false},
                 {"a_connection_id", "a's id", Unit::none, Align::right, true},
                 {"b_connection_id", "b's id", Unit::none, Align::right, true}},
                {}};
    for (const auto& a : a_.ends) {
      if (!a.other) {
        continue;
      }
      const auto& b = b_.ends[*a.other];
      if (auto what = mismatch_reason(a, b); !what.empty()) {
        table.rows.push_back({a.opened_ns ? Cell{*a.opened_ns} : Cell{},
                              a.process,
                              a.local,
                              b.local,
                              b.process,
                              a.outcome,
                              b.outcome,
                              std::move(what),
                              a.id,
                              b.id});
      }
    }
    return table;
  }

  Recording a_;
  Recording b_;
  bool one_host_;
  Lookup ours_;
  Lookup theirs_;
  std::optional<Agreement> agreement_;
  std::int64_t asked_ = 0;
  Alone only_a_;
  Alone only_b_;
  std::int64_t offset_ns_ = 0;
  std::int64_t error_ns_ = 0;
};

}  // namespace

std::optional<Agreement> agree(const std::vector<OffsetBound>& bounds) {
  // Where a bound begins and ends; at one place the beginnings first.
  std::vector<std::pair<std::int64_t, int>> edges;
  for (const auto& bound : bounds) {
    edges.emplace_back(bound.least_ns, -1);
    edges.emplace_back(bound.most_ns, 1);
  }
  std::sort(edges.begin(), edges.end());
  std::optional<Agreement> best;
  std::int64_t depth = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    depth -= edges[i].second;
    if (edges[i].second < 0 && (!best || depth > best->agreeing)) {
      best = Agreement{{edges[i].first, edges[i + 1].first}, depth};
    }
  }
  return best;
}

Answer join(store::Reader& a, store::Reader& b, std::int64_t limit) {
  return Join{a, b}.answer(limit);
}

}  // namespace netlog::report
