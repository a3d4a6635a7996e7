// SPDX-License-Identifier: MIT
#include "model/connection.hpp"
#include "model/event.hpp"
#include "model/lookup.hpp"
#include "model/process.hpp"

#include <array>
#include <utility>

namespace netlog {
namespace {

template <typename Enum, std::size_t N>
std::string_view pick(const std::array<std::string_view, N>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

}  // namespace

std::string_view name(Protocol protocol) {
  return protocol == Protocol::tcp ? "tcp" : "udp";
}

std::string_view name(Family family) {
  return family == Family::ipv4 ? "ipv4" : "ipv6";
}

std::string_view name(Direction direction) {
  return pick(std::array<std::string_view, 4>{"unknown", "outbound", "inbound", "listen"},
              direction);
}

std::string_view name(Offload offload) {
  return pick(std::array<std::string_view, 4>{"IN_HOST", "OFFLOADING", "OFFLOADED", "UPLOADING"},
              offload);
}

std::string_view name(UnknownOutcome why) {
  switch (why) {
    case UnknownOutcome::not_noticed:
      return "not_noticed";
    case UnknownOutcome::peer_end_unseen:
      return "peer_end_unseen";
    case UnknownOutcome::unanswered:
      return "unanswered";
    case UnknownOutcome::retransmitting:
      return "retransmitting";
    case UnknownOutcome::caller_gave_up:
      return "caller_gave_up";
    case UnknownOutcome::kernel_gave_up:
      return "kernel_gave_up";
  }
  return "?";
}

std::string_view name(Outcome outcome) {
  return pick(
      std::array<std::string_view, 8>{
          "open", "closed", "refused", "timed_out", "reset", "aborted", "unknown", "unreachable"},
      outcome);
}

std::string name(SeenBy sources) {
  std::string text;
  for (const auto& [source, word] : {std::pair{SeenBy::snapshot, "snapshot"},
                                     std::pair{SeenBy::notice, "notice"},
                                     std::pair{SeenBy::trace, "trace"}}) {
    if ((static_cast<unsigned>(sources) & static_cast<unsigned>(source)) != 0) {
      text += text.empty() ? "" : "+";
      text += word;
    }
  }
  return text;
}

std::string_view name(OwnerSource source) {
  return pick(std::array<std::string_view, 5>{"unknown", "exact", "inherited", "last_seen", "held"},
              source);
}

std::string_view name(UnknownOwner why) {
  return pick(
      std::array<std::string_view, 5>{"not_yet", "not_permitted", "gone", "kernel", "no_source"},
      why);
}

std::string_view name(NameSource source) {
  return pick(std::array<std::string_view, 4>{"", "asked", "seen", "hosts"}, source);
}

std::string_view name(EventKind kind) {
  return pick(
      std::array<std::string_view, 6>{"present", "open", "state", "offload", "owner", "close"},
      kind);
}

}  // namespace netlog
