// SPDX-License-Identifier: MIT
#include "model/codes.hpp"

#include "model/connection.hpp"
#include "model/dns_names.hpp"
#include "model/event.hpp"
#include "model/lookup.hpp"
#include "model/process.hpp"
#include "model/tcp_state.hpp"

#include <initializer_list>

namespace netlog {
namespace {

template <typename Enum>
void add(std::vector<StoredCode>& codes,
         std::string_view kind,
         std::initializer_list<Enum> values) {
  for (const auto value : values) {
    codes.push_back({kind, static_cast<std::int64_t>(value), std::string{name(value)}});
  }
}

void add_states(std::vector<StoredCode>& codes) {
  using enum TcpState;
  add(codes,
      "state",
      {closed,
       listen,
       syn_sent,
       syn_received,
       established,
       fin_wait_1,
       fin_wait_2,
       close_wait,
       last_ack,
       closing,
       time_wait,
       delete_tcb});
}

void add_outcomes(std::vector<StoredCode>& codes) {
  using enum Outcome;
  add(codes, "outcome", {open, closed, refused, timed_out, reset, aborted, unknown, unreachable});
}

void add_owner_reasons(std::vector<StoredCode>& codes) {
  using enum UnknownOwner;
  add(codes, "owner_reason", {not_yet, not_permitted, gone, kernel, no_source});
}

void add_outcome_reasons(std::vector<StoredCode>& codes) {
  using enum UnknownOutcome;
  add(codes,
      "outcome_reason",
      {not_noticed, peer_end_unseen, unanswered, retransmitting, caller_gave_up, kernel_gave_up});
}

/// Every combination of sources.
void add_seen_by(std::vector<StoredCode>& codes) {
  constexpr auto kAll = static_cast<int>(SeenBy::snapshot | SeenBy::notice | SeenBy::trace);
  for (int bits = 1; bits <= kAll; ++bits) {
    add(codes, "seen_by", {static_cast<SeenBy>(bits)});
  }
}

void add_events(std::vector<StoredCode>& codes) {
  using enum EventKind;
  add(codes, "event", {present, open, state, offload, owner, close});
}

void add_dns(std::vector<StoredCode>& codes,
             std::string_view kind,
             std::span<const DnsCode> named) {
  for (const auto& [code, name] : named) {
    codes.push_back({kind, code, std::string{name}});
  }
}

}  // namespace

const std::vector<StoredCode>& stored_codes() {
  static const auto all_codes = [] {
    std::vector<StoredCode> codes;
    add(codes, "protocol", {Protocol::tcp, Protocol::udp});
    add(codes, "family", {Family::ipv4, Family::ipv6});
    add(codes,
        "direction",
        {Direction::unknown, Direction::outbound, Direction::inbound, Direction::listen});
    add_states(codes);
    add(codes,
        "offload",
        {Offload::in_host, Offload::offloading, Offload::offloaded, Offload::uploading});
    add_outcomes(codes);
    add_outcome_reasons(codes);
    add(codes,
        "owner_source",
        {OwnerSource::unknown,
         OwnerSource::exact,
         OwnerSource::inherited,
         OwnerSource::last_seen,
         OwnerSource::held});
    add_owner_reasons(codes);
    add_seen_by(codes);
    add_events(codes);
    add(codes, "name_source", {NameSource::asked, NameSource::seen, NameSource::hosts});
    add_dns(codes, "dns_type", dns_types());
    add_dns(codes, "rcode", dns_response_codes());
    // In the table flow_dwell, in the place of a state.
    codes.push_back({"dwell", 0, "lifetime"});
    return codes;
  }();
  return all_codes;
}

}  // namespace netlog
