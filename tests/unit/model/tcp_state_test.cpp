// SPDX-License-Identifier: MIT
#include "model/tcp_state.hpp"

#include "support/catch.hpp"

namespace netlog_tests::model_tcp_state_test {

using namespace netlog;

TEST_CASE("states are numbered as in RFC 4022 and printed as RFC 9293 names them", "[model]") {
  const auto [number, text] = GENERATE(table<int, const char*>({{1, "CLOSED"},
                                                                {2, "LISTEN"},
                                                                {3, "SYN_SENT"},
                                                                {4, "SYN_RECEIVED"},
                                                                {5, "ESTABLISHED"},
                                                                {6, "FIN_WAIT_1"},
                                                                {7, "FIN_WAIT_2"},
                                                                {8, "CLOSE_WAIT"},
                                                                {9, "LAST_ACK"},
                                                                {10, "CLOSING"},
                                                                {11, "TIME_WAIT"},
                                                                {12, "DELETE_TCB"}}));
  const auto state = tcp_state_from_mib(number);
  REQUIRE(state.has_value());
  CHECK(name(*state) == text);
  CHECK(parse_tcp_state(text) == state);
  CHECK_FALSE(tcp_state_from_mib(0).has_value());
  CHECK_FALSE(tcp_state_from_mib(13).has_value());
}

TEST_CASE("any common spelling of a state is read", "[model]") {
  using enum TcpState;
  const auto [text, state] = GENERATE(table<const char*, TcpState>({{"established", established},
                                                                    {"ESTAB", established},
                                                                    {"close-wait", close_wait},
                                                                    {"CloseWait", close_wait},
                                                                    {"SYN-RECV", syn_received},
                                                                    {"syn_rcvd", syn_received},
                                                                    {"FIN-WAIT-2", fin_wait_2},
                                                                    {"finwait2", fin_wait_2},
                                                                    {"TIME_WAIT", time_wait},
                                                                    {"unconn", closed}}));
  CAPTURE(text);
  CHECK(parse_tcp_state(text) == state);
  CHECK_FALSE(parse_tcp_state("ESTABLISHEDD").has_value());
  CHECK_FALSE(parse_tcp_state("").has_value());
}

}  // namespace netlog_tests::model_tcp_state_test
