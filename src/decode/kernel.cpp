// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"

#include <array>
#include <cstring>

namespace netlog::decode {
namespace {

constexpr std::array<TcpState, 12> kStates{TcpState::established,
                                           TcpState::syn_sent,
                                           TcpState::syn_received,
                                           TcpState::fin_wait_1,
                                           TcpState::fin_wait_2,
                                           TcpState::time_wait,
                                           TcpState::closed,
                                           TcpState::close_wait,
                                           TcpState::last_ack,
                                           TcpState::listen,
                                           TcpState::closing,
                                           TcpState::syn_received};

bool is_link_local(const IpAddress& address) {
  return address.family == Family::ipv6 && address.bytes[0] == 0xFE &&
         (address.bytes[1] & 0xC0U) == 0x80U;
}

}  // namespace

std::optional<TcpState> state_from_kernel(unsigned number) {
  return number == 0 || number > kStates.size() ? std::nullopt
                                                : std::optional{kStates.at(number - 1)};
}

IpAddress read_address(ByteReader& in, Family family) {
  IpAddress address;
  address.family = family;
  const auto bytes = in.take(16);
  if (!bytes.empty()) {
    std::memcpy(address.bytes.data(), bytes.data(), address.size());
  }
  return address;
}

void set_scope(FiveTuple& tuple, std::uint32_t interface) {
  for (auto* endpoint : {&tuple.local, &tuple.remote}) {
    if (is_link_local(endpoint->address)) {
      endpoint->address.scope = interface;
    }
  }
}

}  // namespace netlog::decode
