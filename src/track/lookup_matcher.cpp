// SPDX-License-Identifier: MIT
#include "track/lookup_matcher.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace netlog::track {

std::size_t LookupMatcher::QueryHash::operator()(const Query& query) const {
  return IdentityHash{}(query.socket) ^ (query.name + query.id * std::size_t{65'537} + query.type);
}

LookupMatcher::Query LookupMatcher::query_of(const DnsMessage& message) {
  return {socket_of(message.netns, message.incarnation),
          message.server,
          message.id,
          message.type,
          message.is_tcp,
          std::hash<std::string>{}(message.name)};
}

std::optional<ProcessId> LookupMatcher::user_of(const Identity& socket) {
  const auto owner = owners_.find(socket);
  return owner ? owner->process : std::nullopt;
}

std::optional<Lookup> LookupMatcher::apply(const DnsMessage& message) {
  const auto query = query_of(message);
  auto* const known = pending_.find(query);
  if (!message.is_answer) {
    if (known == nullptr) {  // else it asks again
      Lookup lookup;
      lookup.netns = message.netns;
      lookup.at_ns = message.at_ns;
      lookup.name = message.name;
      lookup.type = message.type;
      lookup.server = message.server;
      lookup.process = message.caller ? std::optional{message.caller->id} : user_of(query.socket);
      forgotten_ += pending_.is_full() ? 1 : 0;  // the oldest one
      pending_.put(query, std::move(lookup));
    }
    return std::nullopt;
  }
  if (known == nullptr || known->name != message.name) {
    return std::nullopt;
  }
  auto lookup = std::move(*known);
  pending_.erase(query);
  lookup.rcode = message.rcode;
  lookup.answers = message.answers;
  lookup.ttl_s = message.ttl_s;
  lookup.latency_ns = std::max<std::int64_t>(message.at_ns - lookup.at_ns, 0);
  if (!lookup.process) {
    lookup.process = user_of(query.socket);
  }
  return lookup;
}

std::vector<Lookup> LookupMatcher::expire(std::int64_t now_ns) {
  std::vector<Lookup> expired;
  pending_.erase_oldest_while([&](const Lookup& lookup) {
    const bool is_over = lookup.at_ns < now_ns - kNoAnswerNs;
    if (is_over) {
      expired.push_back(lookup);
    }
    return is_over;
  });
  return expired;
}

std::optional<OpenQuestions> LookupMatcher::open() const {
  const auto* const oldest = pending_.oldest();
  if (oldest == nullptr) {
    return std::nullopt;
  }
  return OpenQuestions{static_cast<std::int64_t>(pending_.size()), oldest->at_ns};
}

std::int64_t LookupMatcher::take_forgotten() {
  return std::exchange(forgotten_, 0);
}

}  // namespace netlog::track
