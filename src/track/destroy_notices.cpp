// SPDX-License-Identifier: MIT
#include "track/destroy_notices.hpp"

#include "track/notice_times.hpp"
#include "track/socket_rules.hpp"
#include "track/time_bounds.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <optional>

namespace netlog::track {
namespace {

/// False for a socket that was never bound, or bound and never connected.
bool was_connection(const SocketRow& row) {
  const bool used = row.tuple.protocol != Protocol::tcp || row.tuple.remote.port != 0 ||
                    (row.delivery && was_used(*row.delivery));
  return row.tuple.local.port != 0 && used;
}

}  // namespace

void DestroyNotices::apply(const Notice& notice) {
  const auto& row = notice.row;
  const Identity identity{notice.netns, row.incarnation, {}};
  auto index = table_.find(identity);
  // The trace knows more of what it has seen. Of what it has not, a notice completes what is known.
  const bool is_traced = row.tuple.protocol == Protocol::tcp && trace_.is_tracing();
  if (is_traced && (!index || table_[*index].traced_ns != 0)) {
    if (!index) {
      lifecycle_.apply_late_notice(notice);
    }
    return;
  }
  if (!index) {
    index = lifecycle_.continue_handshake(row, identity);
    if (index) {
      table_[*index].named_by_notice = true;
    }
  }
  if (index) {
    return begin_end(*index, notice);
  }
  if (!was_connection(row)) {
    if (row.tuple.protocol == Protocol::tcp && row.tuple.local.port != 0) {
      note_listener(notice);
    }
    return;
  }
  if (!lifecycle_.apply_late_notice(notice) && !join_minisock(notice)) {
    begin_end(open(notice, identity), notice);
  }
}

/// A socket without a peer is gone, and no table has shown it: it may have listened. So it is not
/// certain any more that connections with its endpoint are not its.
void DestroyNotices::note_listener(const Notice& notice) {
  const auto& local = notice.row.tuple.local;
  listeners_.maybe_closed(notice.netns, local, notice.at.at_ns);
  table_.for_each([&](Index index) {
    const auto& entry = table_[index];
    const auto& connection = entry.connection;
    if (connection.direction == Direction::outbound && !entry.is_direction_known &&
        connection.netns == notice.netns && connection.tuple.local.port == local.port &&
        connection.tuple.protocol == Protocol::tcp) {
      lifecycle_.set_direction(index, Direction::unknown);
    }
  });
}

/// Opens a connection that is first met at its end.
Index DestroyNotices::open(const Notice& notice, const Identity& identity) {
  const auto& at = notice.at;
  const auto scope = table_.scope(notice.netns, table_of(notice.row.tuple));
  const bool tcp = notice.row.tuple.protocol == Protocol::tcp;
  auto row = notice.row;
  row.holder_key = 0;  // no process holds it any more
  row.state.reset();   // not known
  if (tcp && row.tuple.remote.port == 0) {
    row.metrics.reset();  // cleared together with the peer
  }
  // It was alive when it last heard of its peer, and it need not have been after that: after a
  // reset its application may keep it. A connect that was not answered leaves no such trace.
  auto alive_ns = at.at_ns - at.error_ns;
  auto opened_until_ns = at.at_ns;
  Connection unknown;
  unknown.metrics = row.metrics.value_or(Metrics{});
  if (row.delivery && was_answered(unknown, Evidence{}, *row.delivery)) {
    const auto [newest, oldest] =
        std::minmax({row.delivery->since_sent_ms, row.delivery->since_acked_ms});
    alive_ns -= at_most_ago(newest);
    opened_until_ns -= std::max<std::int64_t>(oldest * kNsPerMs - kTimerTickNs, 0);
  } else if (const auto& first = polls_.first(scope)) {
    alive_ns =
        row.delivery ? first->ended_ns : std::max(alive_ns - kMaxNoticeDelayNs, first->ended_ns);
  }
  auto after_ns = polls_.opened_after(scope, alive_ns);
  const auto created = trace_.take_created(identity);
  if (created) {
    after_ns = std::max(after_ns.value_or(created->at_ns), created->at_ns);
  }
  const auto opened = after_ns ? between(*after_ns, std::max(opened_until_ns, *after_ns)) : at;
  Opening opening;
  opening.seen_by = SeenBy::notice;
  opening.seen = {opened.at_ns - opened.error_ns, at.at_ns};
  if (after_ns) {
    opening.opened = opened;
  }
  opening.reported = opened;
  opening.first_seen_ns = at.at_ns;
  opening.last_seen_ns = at.at_ns;
  opening.direction =
      lifecycle_.direction_of(row, notice.netns, !after_ns, after_ns.value_or(0), true);
  opening.alive_after_ns = opening.seen.began_ns;
  opening.owner = trace_.take_owner(identity, created);
  if (tcp && opening.direction == Direction::inbound) {
    aliases_.add_accepted(notice.netns, row.tuple, at.at_ns);
  }
  const auto index = lifecycle_.open(identity, row, opening);
  table_[index].named_by_notice = true;
  return index;
}

/// A snapshot showed the minisock before this notice of its full socket came.
bool DestroyNotices::join_minisock(const Notice& notice) {
  const auto index = aliases_.take_minisock(notice);
  if (!index) {
    return false;
  }
  lifecycle_.apply_destroy_info(*index, notice.row);
  const auto& entry = table_[*index];
  lifecycle_.narrow_closed(*index, end_of(entry.connection, entry.evidence, notice));
  return true;
}

void DestroyNotices::begin_end(Index index, const Notice& notice) {
  lifecycle_.apply_destroy_info(index, notice.row);
  lifecycle_.note_seen(index, notice.at.at_ns);
  if (table_.phase(index) == Phase::time_wait) {
    return;
  }
  const auto& entry = table_[index];
  const auto& connection = entry.connection;
  auto ended = end_of(connection, entry.evidence, notice);
  ended = between(std::max(ended.at_ns - ended.error_ns, entry.seen.began_ns), ended.at_ns);
  const auto left = entry.left ? overlap(*entry.left, ended) : ended;
  const bool unseen_state = !connection.state && connection.tuple.protocol == Protocol::tcp;
  if (unseen_state || may_enter_time_wait(connection)) {
    lifecycle_.begin_end(index, left);
  } else {
    lifecycle_.set_left(index, left);
  }
}

}  // namespace netlog::track
