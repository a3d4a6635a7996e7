// SPDX-License-Identifier: MIT
#include "track/outcome.hpp"

#include "support/catch.hpp"

#include <string>

namespace netlog_tests::track_outcome_test {

using namespace netlog;
using namespace netlog::track;

namespace {

// What the destroy notices of Linux 6.18 said about loopback sockets that ended in a known way.
struct Case {
  std::string how;
  Direction direction;
  std::optional<TcpState> last_state;
  std::uint64_t bytes_sent;
  std::uint32_t segments_out;
  std::uint32_t segments_in;
  bool disconnected;
  Delivery delivery;  // acked, received, unacked, data segments in, timeouts, probes
  std::string result;
};

Evidence evidence_of(const Case& of) {
  Evidence evidence;
  if (of.last_state) {
    evidence.add(*of.last_state);
  }
  evidence.noticed = true;
  evidence.disconnected = of.disconnected;
  evidence.delivery = of.delivery;
  return evidence;
}

Connection connection_of(const Case& of) {
  Connection connection;
  connection.direction = of.direction;
  connection.state = of.last_state;
  if (!of.disconnected) {
    connection.metrics.bytes_sent = of.bytes_sent;
    connection.metrics.segments_out = of.segments_out;
    connection.metrics.segments_in = of.segments_in;
  }
  return connection;
}

std::string text(const OutcomeResult& result) {
  std::string text{name(result.outcome)};
  if (result.why) {
    text += " " + std::string{name(*result.why)};
  }
  return result.syns ? text + " " + std::to_string(*result.syns) : text;
}

constexpr auto kOut = Direction::outbound;
constexpr auto kIn = Direction::inbound;

}  // namespace

TEST_CASE("the kernel's last word about a socket leads to its outcome", "[track]") {
  using enum TcpState;
  const auto of = GENERATE(values<Case>({
      {"closed after the peer, no data",
       kIn,
       {},
       0,
       2,
       4,
       false,
       {1, 1, 0, 0, 0, 0, 52, 0},
       "closed"},
      {"closed after the peer, seen in CLOSE_WAIT",
       kIn,
       close_wait,
       6,
       4,
       6,
       false,
       {7, 6, 0, 1, 0, 0, 48, 0},
       "closed"},
      {"closed after the peer, never polled",
       kIn,
       {},
       6,
       4,
       6,
       false,
       {7, 6, 0, 1, 0, 0, 48, 0},
       "unknown peer_end_unseen"},
      {"closed first",
       kOut,
       {},
       5,
       5,
       4,
       false,
       {7, 6, 0, 1, 0, 0, 44, 0},
       "unknown peer_end_unseen"},
      {"closed first, seen in TIME_WAIT",
       kOut,
       time_wait,
       5,
       5,
       4,
       false,
       {7, 6, 0, 1, 0, 0, 44, 0},
       "closed"},
      {"reset after its FIN",
       kOut,
       fin_wait_2,
       5,
       4,
       4,
       false,
       {7, 0, 0, 0, 0, 0, 100, 56},
       "unknown peer_end_unseen"},
      {"reset by the peer, no data",
       kIn,
       established,
       0,
       0,
       3,
       false,
       {0, 0, 0, 0, 0, 0, 52, 52},
       "reset"},
      {"reset by the peer", kIn, {}, 6, 2, 5, false, {6, 5, 0, 1, 0, 0, 48, 48}, "reset"},
      {"closed with unread data", kOut, {}, 0, 4, 2, false, {1, 6, 0, 1, 0, 0, 48, 48}, "reset"},
      {"ended while data was on its way",
       kOut,
       {},
       9,
       4,
       2,
       false,
       {1, 0, 9, 0, 0, 0, 48, 48},
       "reset"},
      {"gave up on the peer",
       kOut,
       established,
       9,
       20,
       2,
       false,
       {1, 0, 9, 0, 15, 0, 900'000, 900'100},
       "unknown retransmitting"},
      {"keepalive without an answer",
       kOut,
       established,
       9,
       20,
       2,
       false,
       {10, 0, 0, 0, 0, 9, 900'000, 900'100},
       "unknown retransmitting"},
      {"linger 0", kOut, established, 0, 0, 0, true, {0, 0, 65'538, 0, 0, 0, 0, 0}, "aborted"},
      {"linger 0, never polled", kOut, {}, 0, 0, 0, true, {0, 0, 65'485, 0, 0, 0, 0, 0}, "aborted"},
      {"never accepted", kIn, {}, 0, 0, 0, true, {0, 0, 65'538, 0, 0, 0, 4280, 304}, "aborted"},
      {"refused",
       kOut,
       syn_sent,
       0,
       1,
       1,
       false,
       {0, 0, 1, 0, 0, 0, 11'562'944, 11'562'944},
       "refused 1"},
      {"refused, blocking",
       kOut,
       {},
       0,
       0,
       0,
       true,
       {0, 0, 3, 0, 0, 0, 11'559'464, 11'559'464},
       "refused 1"},
      {"timed out",
       kOut,
       syn_sent,
       0,
       2,
       0,
       false,
       {0, 0, 1, 0, 2, 0, 11'562'944, 11'562'944},
       "timed_out 2"},
      {"timed out, blocking",
       kOut,
       syn_sent,
       0,
       0,
       0,
       true,
       {0, 0, 3, 0, 2, 0, 11'562'944, 11'562'944},
       "timed_out 3"},
      {"given up after one SYN",
       kOut,
       {},
       0,
       1,
       0,
       false,
       {0, 0, 1, 0, 0, 0, 11'563'444, 11'563'444},
       "unknown unanswered 1"},
      {"who opened is unknown",
       Direction::unknown,
       {},
       6,
       4,
       6,
       false,
       {7, 6, 0, 1, 0, 0, 48, 0},
       "unknown peer_end_unseen"},
  }));
  CAPTURE(of.how);
  CHECK(text(classify_outcome(connection_of(of), evidence_of(of))) == of.result);
}

TEST_CASE("without an announcement only states prove an end", "[track]") {
  using enum TcpState;
  const auto [state, result] =
      GENERATE(table<TcpState, std::string>({{established, "unknown not_noticed"},
                                             {syn_sent, "unknown not_noticed"},
                                             {close_wait, "unknown not_noticed"},
                                             {fin_wait_2, "unknown not_noticed"},
                                             {last_ack, "closed"},
                                             {closing, "closed"},
                                             {time_wait, "closed"}}));
  CAPTURE(name(state));
  Evidence evidence;
  evidence.add(state);
  Connection connection;
  connection.state = state;
  CHECK(text(classify_outcome(connection, evidence)) == result);
}

}  // namespace netlog_tests::track_outcome_test
