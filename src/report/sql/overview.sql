-- SPDX-License-Identifier: MIT
-- about: what happened in the window; with --pid, that process's story
-- section: recordings | Recorded
-- column: host | host |
-- column: os | os | optional
-- column: kernel | kernel | optional
-- column: sources | sources |
-- column: interval_ns | interval | ns
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: skipped_ticks | skipped | count
SELECT host, kernel, sources, interval_ns, started_ns, ended_ns, skipped_ticks, os
FROM sessions
WHERE (:until_ns IS NULL OR started_ns <= :until_ns)
  AND (:since_ns IS NULL OR max(coalesce(ended_ns, 0), last_alive_ns) >= :since_ns)
ORDER BY id DESC
LIMIT 5;
-- section: totals | Connections
-- column: protocol | proto |
-- column: direction | direction |
-- column: connections | connections | count
-- column: open_now | open | count
-- column: closed | closed | count
-- column: failed | failed | count
-- column: unknown_end | end unknown | count
-- column: longest_ns | longest | ns optional
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
WITH selected AS (SELECT * FROM connections WHERE /*filter*/ 1)
SELECT
  protocol,
  direction,
  count(*) AS connections,
  sum(outcome = 'open') AS open_now,
  sum(outcome = 'closed') AS closed,
  sum(outcome IN ('refused', 'timed_out', 'reset', 'aborted')) AS failed,
  sum(outcome = 'unknown') AS unknown_end,
  max(duration_ns) AS longest_ns,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received
FROM selected
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
WITH selected AS (SELECT * FROM connections WHERE /*filter*/ 1)
SELECT
  pid,
  process,
  user,
  count(*) AS connections,
  sum(opened_ns IS NOT NULL) AS opened,
  sum(outcome = 'open') AS open_now,
  sum(outcome IN ('refused', 'timed_out', 'reset', 'aborted')) AS failed,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received
FROM selected
GROUP BY pid, process, user
ORDER BY connections DESC, pid
LIMIT 10;
-- section: states | TCP states
-- column: state | state |
-- column: now | now | count
-- column: entered | entered | count
-- column: longest_ns | longest dwell | ns
WITH selected AS (SELECT * FROM connections WHERE /*filter*/ 1)
SELECT
  state,
  sum(to_ns IS NULL) AS now,
  count(*) AS entered,
  max(coalesce(to_ns, (SELECT max(last_alive_ns) FROM sessions)) - from_ns) AS longest_ns
FROM state_intervals
WHERE connection_id IN (SELECT id FROM selected)
GROUP BY state
ORDER BY entered DESC, state;
-- section: failures | Failures
-- column: pid | pid | right
-- column: process | process |
-- column: direction | direction |
-- column: peer | remote | endpoint
-- column: outcome | outcome |
-- column: connections | connections | count
-- column: last_ns | last | time
WITH selected AS (SELECT * FROM connections WHERE /*filter*/ 1)
SELECT
  pid,
  process,
  direction,
  iif(direction = 'inbound', remote_address, remote) AS peer,
  outcome,
  count(*) AS connections,
  max(closed_ns) AS last_ns
FROM selected
WHERE outcome IN ('refused', 'timed_out', 'reset', 'aborted')
GROUP BY pid, process, direction, peer, outcome
ORDER BY connections DESC, last_ns DESC
LIMIT 10;
