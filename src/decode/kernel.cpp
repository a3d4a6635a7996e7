// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"

#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
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

std::optional<Family> family_from_kernel(unsigned number) {
  return number == 2    ? std::optional{Family::ipv4}
         : number == 10 ? std::optional{Family::ipv6}
                        : std::nullopt;
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

void set_scope(IpAddress& address, std::uint32_t interface) {
  if (is_link_local(address)) {
    address.scope = interface;
  }
}

void set_scope(FiveTuple& tuple, std::uint32_t interface) {
  set_scope(tuple.local.address, interface);
  set_scope(tuple.remote.address, interface);
}

std::string read_comm(ByteReader& in) {
  constexpr std::size_t kSize = 16;
  const auto name = as_text(in.take(kSize));
  return to_utf8(name.substr(0, std::min(name.find('\0'), name.size())), kSize);
}

}  // namespace netlog::decode
