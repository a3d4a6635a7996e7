// SPDX-License-Identifier: MIT
#pragma once

#include "model/lookup.hpp"
#include "track/socket_owners.hpp"
#include "util/bounded_map.hpp"
#include "util/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog::track {

/// Finds the question that an answer of DNS belongs to. Times are boot-clock ns.
///
/// An answer that nobody has asked for is no lookup: anybody may send one. It belongs to the
/// question if the socket, the id, the name and the type are the same, and it comes from the server
/// that was asked (RFC 5452 §9.1).
class LookupMatcher {
 public:
  /// A question without an answer for so long has none.
  static constexpr std::int64_t kNoAnswerNs = 10 * kNsPerSecond;

  explicit LookupMatcher(SocketOwners& owners) : owners_{owners} {}

  /// The lookup that this message ends. Nothing for a question, and for an answer to none.
  std::optional<Lookup> apply(const DnsMessage& message);
  /// The lookups that have waited too long.
  std::vector<Lookup> expire(std::int64_t now_ns);
  /// Questions that are no lookup yet; nothing if there are none.
  [[nodiscard]] std::optional<OpenQuestions> open() const;
  /// Questions that will be no lookup, since the last call: too many waited for their answers.
  std::int64_t take_forgotten();

 private:
  struct Query {
    Identity socket;
    Endpoint server;
    std::uint16_t id = 0;
    std::uint16_t type = 0;
    bool is_tcp = false;
    std::size_t name = 0;  ///< a hash of it; a name can be long, and the lookup has it

    bool operator==(const Query&) const = default;
  };
  struct QueryHash {
    std::size_t operator()(const Query& query) const;
  };
  static constexpr std::size_t kMaxQueries = 32'768;

  static Query query_of(const DnsMessage& message);
  std::optional<ProcessId> user_of(const Identity& socket);

  SocketOwners& owners_;
  BoundedMap<Query, Lookup, QueryHash> pending_{kMaxQueries};
  std::int64_t forgotten_ = 0;
};

}  // namespace netlog::track
