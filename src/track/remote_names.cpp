// SPDX-License-Identifier: MIT
#include "track/remote_names.hpp"

#include "track/identity.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace netlog::track {
namespace {

/// As answers of DNS have it: of a dual-stack socket the IPv4 address, of others without a scope.
IpAddress plain(const IpAddress& address) {
  auto plain = ipv4_if_mapped(address);
  plain.scope = 0;
  return plain;
}

bool is_same(const std::shared_ptr<const std::string>& name,
             const std::shared_ptr<const std::string>& other) {
  return name == other || (name && other && *name == *other);
}

bool may_have_name(const Connection& connection) {
  const auto& address = connection.tuple.remote.address;
  return connection.direction == Direction::outbound && connection.opened &&
         !address.is_loopback() && !address.is_unspecified();
}

}  // namespace

std::size_t RemoteNames::PlaceHash::operator()(const Place& place) const {
  return ProcessIdHash{}(place.process) ^
         IdentityHash {}({place.netns, hash_value(Endpoint{place.address, 0}), {}});
}

RemoteNames::Place RemoteNames::place_of(const Connection& connection,
                                         const std::optional<ProcessId>& process) {
  return {connection.netns,
          plain(connection.tuple.remote.address),
          process ? process->first_image() : ProcessId{}};
}

void RemoteNames::add(Answers& answers, Answer answer) {
  auto& kept = answers.kept;
  if (!kept.empty() && is_same(kept.back().name, answer.name)) {
    kept.back().until_ns = answer.until_ns;
    return;
  }
  if (kept.size() >= kMaxAnswers) {
    kept.erase(kept.begin());
    answers.has_forgotten = true;
  }
  kept.push_back(std::move(answer));
}

/// The last answer before this time; else the first one after it that is at most so late. Null:
/// there is none, or it is over. One before it that is not over does not count: the process has
/// asked for another name since.
const RemoteNames::Answer* RemoteNames::pick(const Answers* answers,
                                             std::int64_t at_ns,
                                             std::int64_t late_ns) {
  if (answers == nullptr) {
    return nullptr;
  }
  const auto& kept = answers->kept;
  const auto before = std::find_if(
      kept.rbegin(), kept.rend(), [&](const Answer& answer) { return answer.from_ns <= at_ns; });
  if (before != kept.rend()) {
    return at_ns <= before->until_ns ? &*before : nullptr;
  }
  const bool is_near =
      !answers->has_forgotten && !kept.empty() && kept.front().from_ns - at_ns <= late_ns;
  return is_near ? &kept.front() : nullptr;
}

RemoteNames::Name RemoteNames::name_of(const Answer& answer, NameSource source) {
  return answer.name ? Name{*answer.name, source} : Name{};
}

void RemoteNames::apply(const Lookup& lookup, const std::vector<IpAddress>& addresses) {
  const bool has_failed = lookup.rcode.value_or(0) != 0;  // nobody uses its addresses
  if (has_failed) {
    return;
  }
  const auto from_ns = lookup.at_ns + lookup.latency_ns.value_or(0);
  name_opened_before(from_ns);  // of many answers for one address, only the last ones are kept
  const bool is_own = lookup.process && from_ns > lost_until_ns_;
  const auto ttl_ns = lookup.ttl_s.value_or(0) * kNsPerSecond;
  // One that is too long takes the place of the names before it all the same.
  const bool is_kept = lookup.name.size() <= kMaxNameBytes;
  const Answer answer{is_kept ? std::make_shared<const std::string>(lookup.name) : nullptr,
                      from_ns,
                      from_ns + ttl_ns + kGraceNs};
  for (const auto& address : addresses) {
    Place place{lookup.netns, plain(address), {}};
    for (auto* const known : {&of_all_, &of_process_}) {
      if (auto* const answers = known->find(place)) {
        add(*answers, answer);
      } else {
        known->put(place, {{answer}});
      }
      if (!is_own) {
        break;
      }
      place.process = lookup.process->first_image();
    }
    if (is_own && is_kept) {
      name_late(place, answer);
    }
  }
}

void RemoteNames::lose_answers(const Span& within) {
  name_opened_before(within.began_ns);
  of_process_.clear();
  unnamed_.clear();
  lost_until_ns_ = std::max(lost_until_ns_, within.ended_ns);
}

void RemoteNames::set_hosts(std::uint64_t netns, const std::vector<HostsEntry>& entries) {
  hosts_.clear();
  for (const auto& entry : entries) {
    hosts_.try_emplace(Place{netns, plain(entry.address), {}}, entry.name);
  }
}

RemoteNames::Name RemoteNames::find(const Connection& connection) {
  const auto at_ns = connection.opened->at_ns;
  const auto of_process = place_of(connection, connection.owner.process);
  if (connection.owner.process) {
    const auto* const answers = of_process_.find(of_process);
    const auto late_ns = at_ns > lost_until_ns_ ? kLateNs : 0;
    const auto* const asked = pick(answers, at_ns, late_ns);
    // It must be the same whenever the connection was opened.
    if (asked != nullptr && asked == pick(answers, at_ns - connection.opened->error_ns, late_ns)) {
      return name_of(*asked, NameSource::asked);
    }
  }
  const auto of_any = place_of(connection, std::nullopt);
  if (const auto entry = hosts_.find(of_any); entry != hosts_.end()) {
    return {entry->second, NameSource::hosts};
  }
  if (const auto* const seen = pick(of_all_.find(of_any), at_ns, 0)) {
    return name_of(*seen, NameSource::seen);
  }
  return {};
}

void RemoteNames::name_opened() {
  name_opened_before(std::numeric_limits<std::int64_t>::max());
  found_ = 0;
}

/// Connections are not found in the order in which they were opened.
void RemoteNames::name_opened_before(std::int64_t at_ns) {
  const auto& opened = changes_.opened();
  for (; found_ < opened.size(); ++found_) {
    const auto& connection = table_[opened[found_]].connection;
    const auto opened_ns = connection.opened ? connection.opened->at_ns : connection.first_seen_ns;
    waiting_.push({opened_ns, opened[found_]});
  }
  while (!waiting_.empty() && waiting_.top().opened_ns < at_ns) {
    name_opened(waiting_.top().index);
    waiting_.pop();
  }
}

void RemoteNames::name_opened(Index index) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  if (!may_have_name(connection)) {
    return;
  }
  auto name = find(connection);
  connection.remote_name = std::move(name.text);
  connection.name_source = name.source;
  if (name.source == NameSource::asked || entry.closed || !connection.owner.process) {
    return;
  }
  const auto opened_ns = connection.opened->at_ns;
  const auto place = place_of(connection, connection.owner.process);
  // It may have known the address from an answer that was lost, or by a name that is over.
  if (opened_ns <= lost_until_ns_ || of_process_.find(place) != nullptr) {
    return;
  }
  auto* unnamed = unnamed_.find(place);
  if (unnamed == nullptr) {
    unnamed_.put(place, {});
    unnamed = unnamed_.find(place);
  }
  auto& connections = unnamed->connections;
  std::erase_if(connections, [&](const auto& one) { return one.opened_ns < opened_ns - kLateNs; });
  connections.push_back({index, connection.id, opened_ns});
  unnamed->last_ns = std::max(unnamed->last_ns, opened_ns);
  unnamed_.erase_oldest_while(
      [&](const Unnamed& oldest) { return oldest.last_ns < opened_ns - kLateNs; });
}

void RemoteNames::name_late(const Place& place, const Answer& answer) {
  const auto* const unnamed = unnamed_.find(place);
  if (unnamed == nullptr) {
    return;
  }
  for (const auto& one : unnamed->connections) {
    const bool is_open = table_.is_kept(one.index) && table_.phase(one.index) != Phase::free &&
                         table_[one.index].connection.id == one.id;
    if (!is_open || answer.from_ns > one.opened_ns + kLateNs) {
      continue;
    }
    auto& connection = table_[one.index].connection;
    if (!may_have_name(connection)) {
      continue;  // a later datagram has shown that the peer has begun
    }
    connection.remote_name = *answer.name;
    connection.name_source = NameSource::asked;
    changes_.refresh(one.index);
  }
  unnamed_.erase(place);
}

}  // namespace netlog::track
