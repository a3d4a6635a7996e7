// SPDX-License-Identifier: MIT
#include "store/rollup/flow_key.hpp"

#include "model/connection.hpp"
#include "util/time.hpp"

namespace netlog::store {
namespace {

bool has_our_port(std::int64_t direction) {
  return direction == static_cast<std::int64_t>(Direction::inbound) ||
         direction == static_cast<std::int64_t>(Direction::listen);
}

}  // namespace

FlowKey flow_key(const ClosedConnection& connection) {
  auto key = process_flow_key(connection);
  key.local_address = connection.local_address.value_or(kNoNumber);
  if (has_our_port(connection.direction)) {
    key.local_port = connection.local_port.value_or(kNoNumber);
  }
  key.peer = connection.peer.value_or(kNoNumber);
  return key;
}

FlowKey process_flow_key(const ClosedConnection& connection) {
  FlowKey key;
  key.hour = hour_of(connection.ended_ns());
  key.process = connection.process.value_or(kNoNumber);
  key.direction = connection.direction;
  key.protocol = connection.protocol;
  key.netns = connection.netns.value_or(kNoNumber);
  return key;
}

}  // namespace netlog::store
