// SPDX-License-Identifier: MIT
#include "record/recording_state.hpp"

#include "render/exports/summaries.hpp"
#include "support/catch.hpp"
#include "util/version.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace netlog_tests::record_recording_state_test {

using namespace netlog;

namespace {

/// Without comments and without samples that are 0.
std::string samples_of(const std::string& text) {
  std::string samples;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at) + 1;
    const auto line = text.substr(at, end - at);
    if (line[0] != '#' && !line.ends_with(" 0\n")) {
      samples += line;
    }
    at = end;
  }
  return samples;
}

Connection connection_of(Protocol protocol,
                         Direction direction,
                         std::optional<TcpState> state,
                         Outcome outcome = Outcome::open) {
  Connection connection;
  connection.tuple.protocol = protocol;
  connection.direction = direction;
  connection.state = state;
  connection.outcome = outcome;
  return connection;
}

}  // namespace

TEST_CASE("the state of a recording becomes metrics", "[record]") {
  using enum TcpState;
  record::RecordingState state;
  state.source = "sock_diag+notices";
  state.started_ns = 1'700'000'000'250'000'000;
  state.interval_ns = 100'000'000;
  state.last_tick_ns = 1'700'000'005'000'000'000;
  state.progress = {50, 2, 1, 30, 4};
  state.totals.events = 29;
  state.totals.file_bytes = 4'096;
  state.totals.queued_items = 7;
  state.totals.queue_limit = 100;
  state.totals.outage = true;
  state.open.add(connection_of(Protocol::tcp, Direction::inbound, established));
  state.open.add(connection_of(Protocol::tcp, Direction::inbound, established));
  state.open.add(connection_of(Protocol::tcp, Direction::outbound, time_wait));
  state.open.add(connection_of(Protocol::udp, Direction::unknown, {}));
  state.counts.add(
      {connection_of(Protocol::udp, Direction::outbound, {}), {{EventKind::open, {}, {}, {}, {}}}});
  state.counts.add({connection_of(Protocol::tcp, Direction::outbound, closed, Outcome::refused),
                    {{EventKind::close, {}, {}, {}, {}}}});
  state.counts.add(Gap{{}, 0, 1, "trace", "buffer full", 12, {}});
  state.counts.add(Coverage{1, 0, 60, 8, 7, {}, 0});

  const auto text = render::prometheus_text(record::state_tables(state));
  CHECK(samples_of(text) == "netlog_info{version=\"" + std::string{kVersion} +
                                "\",source=\"sock_diag+notices\"} 1\n"
                                R"(netlog_start_time_seconds 1700000000.25
netlog_last_tick_timestamp_seconds 1700000005
netlog_interval_seconds 0.1
netlog_ticks_total 50
netlog_late_ticks_total 2
netlog_skipped_ticks_total 1
netlog_events_total 30
netlog_written_events_total 29
netlog_queued_items 7
netlog_queue_limit_items 100
netlog_write_outage 1
netlog_recording_size_bytes 4096
netlog_gaps_total{source="trace",reason="buffer full"} 1
netlog_gap_losses_total{source="trace",reason="buffer full"} 12
netlog_kernel_opens_total 8
netlog_recorded_opens_total 7
netlog_coverage_ratio 0.875
netlog_opened_connections_total{protocol="udp",direction="outbound"} 1
netlog_ended_connections_total{protocol="tcp",direction="outbound",outcome="refused"} 1
netlog_failed_connects_total{outcome="refused"} 1
netlog_open_connections{protocol="tcp",direction="inbound",state="ESTABLISHED"} 2
netlog_open_connections{protocol="udp",direction="unknown",state="none"} 1
netlog_time_wait_connections 1
)");
}

TEST_CASE("what can happen has a metric before it happens", "[record]") {
  const auto text = render::prometheus_text(record::state_tables({}));
  for (const auto* const line :
       {"# HELP netlog_ticks_total Times that it read the tables.\n"
        "# TYPE netlog_ticks_total counter\n"
        "netlog_ticks_total 0\n",
        "netlog_gaps_total{source=\"trace\",reason=\"buffer full\"} 0\n",
        "netlog_ended_connections_total{protocol=\"tcp\",direction=\"inbound\",outcome=\"reset\"} "
        "0\n",
        "netlog_failed_connects_total{outcome=\"refused\"} 0\n",
        "# TYPE netlog_coverage_ratio gauge\n# HELP"}) {
    CAPTURE(line);
    CHECK(text.find(line) != std::string::npos);
  }
}

}  // namespace netlog_tests::record_recording_state_test
