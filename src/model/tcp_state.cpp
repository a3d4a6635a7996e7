// SPDX-License-Identifier: MIT
#include "model/tcp_state.hpp"

#include <array>
#include <string>
#include <utility>

namespace netlog {
namespace {

constexpr std::array<std::string_view, 12> kNames{"CLOSED",
                                                  "LISTEN",
                                                  "SYN_SENT",
                                                  "SYN_RECEIVED",
                                                  "ESTABLISHED",
                                                  "FIN_WAIT_1",
                                                  "FIN_WAIT_2",
                                                  "CLOSE_WAIT",
                                                  "LAST_ACK",
                                                  "CLOSING",
                                                  "TIME_WAIT",
                                                  "DELETE_TCB"};

// Folded spellings of ss, netstat, proc(5) and lsof that differ from the RFC's.
constexpr std::array<std::pair<std::string_view, TcpState>, 9> kAliases{{
    {"close", TcpState::closed},
    {"unconn", TcpState::closed},
    {"listening", TcpState::listen},
    {"synrecv", TcpState::syn_received},
    {"synrcvd", TcpState::syn_received},
    {"newsynrecv", TcpState::syn_received},
    {"estab", TcpState::established},
    {"finwait", TcpState::fin_wait_1},
    {"timedwait", TcpState::time_wait},
}};

std::string fold(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') {
      folded.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if (c != '_' && c != '-' && c != ' ') {
      folded.push_back(c);
    }
  }
  return folded;
}

}  // namespace

std::string_view name(TcpState state) {
  return kNames.at(static_cast<std::size_t>(state) - 1);
}

std::optional<TcpState> tcp_state_from_mib(std::int64_t number) {
  if (number < 1 || number > static_cast<std::int64_t>(kNames.size())) {
    return std::nullopt;
  }
  return static_cast<TcpState>(number);
}

std::optional<TcpState> parse_tcp_state(std::string_view text) {
  const auto folded = fold(text);
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (folded == fold(kNames.at(i))) {
      return static_cast<TcpState>(i + 1);
    }
  }
  for (const auto& [alias, state] : kAliases) {
    if (folded == alias) {
      return state;
    }
  }
  return std::nullopt;
}

}  // namespace netlog
