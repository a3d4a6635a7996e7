-- SPDX-License-Identifier: MIT
-- about: which process leaks CLOSE_WAIT, or anything that only grows: since when, how fast, to which peer first
-- section: stuck | In a state that should pass
-- column: now | now | count
-- column: state | state |
-- column: pid | pid | right
-- column: process | process |
-- column: passed | left it | count
-- column: oldest_ns | oldest since | time
-- column: newest_ns | newest since | time
-- column: per_hour | an hour | count
-- column: first_peer | first peer |
WITH
selected AS (SELECT id, pid, process, remote, remote_address FROM connections WHERE /*filter*/ 1),
entered AS (
  SELECT c.pid, c.process, i.state, i.from_ns, i.to_ns, coalesce(c.remote, c.remote_address) AS peer
  FROM state_intervals AS i
  JOIN selected AS c ON c.id = i.connection_id
  WHERE i.state IN ('CLOSE_WAIT', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'SYN_SENT', 'SYN_RECEIVED')
)
SELECT
  sum(to_ns IS NULL) AS now,
  state,
  pid,
  process,
  sum(to_ns IS NOT NULL) AS passed,
  min(iif(to_ns IS NULL, from_ns, NULL)) AS oldest_ns,
  max(iif(to_ns IS NULL, from_ns, NULL)) AS newest_ns,
  -- How fast they grew; of a single one, and of those that came at once, nothing can be said.
  CAST(round((sum(to_ns IS NULL) - 1) * 3.6e12
    / nullif(max(iif(to_ns IS NULL, from_ns, NULL)) - min(iif(to_ns IS NULL, from_ns, NULL)), 0)) AS INTEGER) AS per_hour,
  (
    SELECT e.peer
    FROM entered AS e
    WHERE e.to_ns IS NULL AND e.state = entered.state AND e.pid IS entered.pid
    ORDER BY e.from_ns
    LIMIT 1
  ) AS first_peer
FROM entered
GROUP BY state, pid, process
HAVING now > 0
ORDER BY state <> 'CLOSE_WAIT', now DESC, pid
LIMIT :limit;
-- section: growing | Opened and never closed
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: direction | direction |
-- column: closed | closed | count
-- column: first_ns | first | time
-- column: last_ns | last | time
-- column: first_peer | first peer |
WITH selected AS (
  SELECT pid, process, direction, outcome, opened_ns, remote, local
  FROM connections
  WHERE opened_ns IS NOT NULL AND direction <> 'listen' AND (/*filter*/ 1)
)
SELECT
  sum(outcome = 'open') AS open_now,
  pid,
  process,
  direction,
  sum(outcome <> 'open') AS closed,
  min(iif(outcome = 'open', opened_ns, NULL)) AS first_ns,
  max(iif(outcome = 'open', opened_ns, NULL)) AS last_ns,
  (
    SELECT coalesce(s.remote, s.local)
    FROM selected AS s
    WHERE s.outcome = 'open' AND s.pid IS selected.pid AND s.direction = selected.direction
    ORDER BY s.opened_ns
    LIMIT 1
  ) AS first_peer
FROM selected
GROUP BY pid, process, direction
HAVING open_now >= 10 AND open_now > 10 * closed
ORDER BY open_now DESC, pid
LIMIT :limit;
