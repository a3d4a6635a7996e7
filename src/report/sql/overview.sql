-- SPDX-License-Identifier: MIT
-- about: what happened in the window; with --pid, the report of that process
-- section: recordings | Recorded
-- column: host | host |
-- column: os | os | optional
-- column: kernel | kernel | optional
-- column: sources | sources |
-- column: interval_ns | interval | ns
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: skipped_ticks | skipped | count optional
SELECT host, kernel, sources, interval_ns, started_ns, ended_ns, skipped_ticks, os
FROM sessions
WHERE (:until_ns IS NULL OR started_ns <= :until_ns)
  AND (:since_ns IS NULL OR max(coalesce(ended_ns, 0), last_alive_ns) >= :since_ns)
ORDER BY id DESC
LIMIT iif(:limit < 0, 5, :limit);
-- section: totals | Connections
-- column: protocol | proto |
-- column: direction | direction |
-- column: connections | connections | count
-- column: open_now | open | count
-- column: closed | closed | count
-- column: failed | failed | count
-- column: unknown_end | end unknown | count
-- column: longest_ns | longest | ns optional
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
WITH flows AS MATERIALIZED (
  SELECT protocol, direction, outcome, connections, longest_ns, bytes_sent, bytes_received FROM process_flows WHERE /*filter of sums*/ 1
)
SELECT
  protocol,
  direction,
  sum(connections) AS connections,
  sum(iif(outcome = 'open', connections, 0)) AS open_now,
  sum(iif(outcome = 'closed', connections, 0)) AS closed,
  sum(iif(outcome IN ('refused', 'timed_out', 'reset', 'aborted'), connections, 0)) AS failed,
  sum(iif(outcome = 'unknown', connections, 0)) AS unknown_end,
  max(longest_ns) AS longest_ns,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received
FROM flows
GROUP BY protocol, direction
ORDER BY protocol, connections DESC, direction;
-- section: processes | Busiest processes
-- column: pid | pid | right
-- column: process | process |
-- column: user | user | optional
-- column: connections | connections | count
-- column: opened | opened | count
-- column: open_now | open | count
-- column: failed | failed | count
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
WITH flows AS MATERIALIZED (
  SELECT process_id, pid, process, user, outcome, connections, opened, bytes_sent, bytes_received FROM process_flows WHERE /*filter of sums*/ 1
)
SELECT
  pid,
  process,
  user,
  sum(connections) AS connections,
  sum(opened) AS opened,
  sum(iif(outcome = 'open', connections, 0)) AS open_now,
  sum(iif(outcome IN ('refused', 'timed_out', 'reset', 'aborted'), connections, 0)) AS failed,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received
FROM flows
GROUP BY process_id
ORDER BY connections DESC, pid
LIMIT iif(:limit < 0, 10, :limit);
-- section: states | TCP states
-- column: state | state |
-- column: now | now | count
-- column: entered | entered | count
-- column: longest_ns | longest dwell | ns
WITH matching AS MATERIALIZED (SELECT state, dwells, still, dwell_ns FROM process_dwells WHERE /*filter of sums*/ 1)
SELECT state, sum(still) AS now, sum(dwells) AS entered, max(dwell_ns) AS longest_ns
FROM matching
GROUP BY state
ORDER BY entered DESC, state;
-- section: failures | Failures
-- column: pid | pid | right
-- column: process | process |
-- column: direction | direction | optional
-- column: peer | remote | endpoint
-- column: outcome | outcome |
-- column: connections | connections | count
-- column: last_ns | last | time
WITH flows AS MATERIALIZED (
  SELECT process_id, pid, process, direction, peer_id, outcome, connections, last_closed_ns
  FROM peer_flows
  WHERE outcome IN ('refused', 'timed_out', 'reset', 'aborted') AND (/*filter of sums*/ 1)
)
SELECT
  pid,
  process,
  direction,
  (SELECT p.peer FROM peers AS p WHERE p.id = peer_id) AS peer,
  outcome,
  sum(connections) AS connections,
  max(last_closed_ns) AS last_ns
FROM flows
GROUP BY process_id, direction, peer_id, outcome
ORDER BY connections DESC, last_ns DESC
LIMIT iif(:limit < 0, 10, :limit);
