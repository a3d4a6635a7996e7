// SPDX-License-Identifier: MIT
#include "decode/kernel.hpp"
#include "decode/tables.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace netlog::decode {
namespace {

constexpr std::size_t kFlowBytes = 112;
constexpr std::uint8_t kSentFirst = 1;
constexpr std::uint8_t kConnected = 2;
constexpr std::uint8_t kRest = 4;
// Some 146 years: sums of two such times do not overflow.
constexpr std::int64_t kLatestFlowNs = std::int64_t{1} << 62U;
// More than any host sends in a second; sums of many do not overflow.
constexpr std::uint64_t kMaxCount = std::uint64_t{1} << 48U;

Result<UdpFlow> read_flow(ByteReader in) {
  UdpFlow flow;
  const auto first_ns = static_cast<std::int64_t>(in.u64());
  const auto last_ns = static_cast<std::int64_t>(in.u64());
  flow.incarnation = in.u64();
  for (auto* const count :
       {&flow.bytes_sent, &flow.bytes_received, &flow.datagrams_sent, &flow.datagrams_received}) {
    *count = in.u64();
    if (*count > kMaxCount) {
      return fail(errc::malformed, fmt::format("UDP flow with a count of {}", *count));
    }
  }
  flow.netns = in.u32();
  const auto interface = in.u32();
  flow.uid = in.u32();
  const auto local_port = in.u16();
  const auto remote_port = in.u16();
  const unsigned family_number = in.u8();
  const auto family = family_from_kernel(family_number);
  const auto flags = in.u8();
  if (!family) {
    return fail(errc::unknown_family, fmt::format("UDP flow of family {}", family_number));
  }
  if (first_ns < 0 || first_ns > kLatestFlowNs || last_ns < 0 || last_ns > kLatestFlowNs) {
    return fail(errc::malformed, fmt::format("UDP flow at {} ns since boot", first_ns));
  }
  // Two processors can have counted at once.
  flow.first_ns = std::min(first_ns, last_ns);
  flow.last_ns = std::max(first_ns, last_ns);
  const auto local = read_address(in, *family);
  flow.tuple =
      FiveTuple{Protocol::udp, {local, local_port}, {read_address(in, *family), remote_port}};
  set_scope(flow.tuple, interface);
  flow.sent_first = (flags & kSentFirst) != 0;
  flow.is_connected = (flags & kConnected) != 0;
  flow.is_rest = (flags & kRest) != 0;
  return flow;
}

}  // namespace

Result<std::vector<UdpFlow>> decode_udp_flows(std::span<const std::byte> bytes) {
  if (bytes.size() % kFlowBytes != 0) {
    return fail(errc::truncated, fmt::format("UDP flows of {} bytes", bytes.size()));
  }
  std::vector<UdpFlow> flows;
  flows.reserve(bytes.size() / kFlowBytes);
  for (; !bytes.empty(); bytes = bytes.subspan(kFlowBytes)) {
    auto flow = read_flow(ByteReader{bytes.first(kFlowBytes)});
    if (!flow) {
      return flow.error();
    }
    flows.push_back(*flow);
  }
  return flows;
}

}  // namespace netlog::decode
