// SPDX-License-Identifier: MIT
#include "report/recorded_ends.hpp"

#include "report/completeness.hpp"
#include "store/db/sql_macros.hpp"
#include "util/time.hpp"

#include <limits>
#include <utility>

namespace netlog::report {
namespace {

// Later than any time, with room to add and subtract.
constexpr auto kFarFutureNs = std::numeric_limits<std::int64_t>::max() / 4;

std::optional<std::int64_t> number(const Cell& cell) {
  const auto* const value = std::get_if<std::int64_t>(&cell);
  return value == nullptr ? std::nullopt : std::optional{*value};
}
std::string text(const Cell& cell) {
  const auto* const value = std::get_if<std::string>(&cell);
  return value == nullptr ? std::string{} : *value;
}

void read_last_session(store::Reader& reader, RecordedEnds& recording) {
  const auto session = reader.query(
      "SELECT host, boot_id, interval_ns, sources FROM sessions ORDER BY id DESC LIMIT 1");
  if (session.cells.empty()) {
    return;
  }
  const auto& row = session.cells.front();
  recording.host = text(row[0]);
  recording.boot_id = text(row[1]);
  recording.interval_ns = number(row[2]).value_or(0);
  const auto sources = text(row[3]);
  recording.polled =
      sources.find("trace") == std::string::npos && sources.find("notices") == std::string::npos;
}

RecordedEnd end_of(const std::vector<Cell>& row) {
  RecordedEnd end;
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
  end.bytes_sent = number(row[13]);
  end.bytes_received = number(row[14]);
  if (const auto rtt_us = number(row[15])) {
    end.rtt_ns = *rtt_us * kNsPerUs;
  }
  end.never_connected = number(row[16]).value_or(0) != 0;
  end.remote_name = row[17];
  return end;
}

}  // namespace

std::int64_t RecordedEnd::earliest_open_ns() const {
  return opened_ns ? *opened_ns - open_error_ns : -kFarFutureNs;
}

std::int64_t RecordedEnd::latest_close_ns() const {
  return closed_ns.value_or(kFarFutureNs);
}

RecordedEnds read_ends(store::Reader& reader) {
  RecordedEnds recording;
  read_last_session(reader, recording);
  recording.completeness = completeness(reader, {});
  for (const auto& row : reader.query("SELECT from_ns, to_ns FROM gaps ORDER BY from_ns").cells) {
    recording.gaps.push_back({number(row[0]).value_or(0), number(row[1]).value_or(0)});
  }
  reader.each(
      store::expand_sql(
          "SELECT id, local, remote, local_address, remote_address, direction, outcome, process, "
          "opened_ns, open_error_ns, first_seen_ns, closed_ns, close_error_ns, bytes_sent, "
          "bytes_received, rtt_us, $connect_failed(outcome, outcome_reason) OR (outcome = 'open' "
          "AND state = 'SYN_SENT'), remote_name FROM connections WHERE protocol = 'tcp' AND "
          "direction <> "
          "'listen' AND remote_port IS NOT NULL ORDER BY first_seen_ns, id"),
      {},
      [](const auto&) {},
      [&](const std::vector<Cell>& row) {
        auto end = end_of(row);
        recording.addresses.insert(end.local_address);
        recording.ends.push_back(std::move(end));
        return true;
      });
  return recording;
}

bool same_host(const RecordedEnds& a, const RecordedEnds& b) {
  return a.host == b.host && a.boot_id == b.boot_id && !a.boot_id.empty();
}

}  // namespace netlog::report
