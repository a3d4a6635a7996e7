-- SPDX-License-Identifier: MIT
-- about: which process leaks CLOSE_WAIT, or anything that only grows: since when, how fast, to which peer first
-- section: stuck | In a state that should pass
-- column: now | now | count
-- column: peak | most | count
-- column: state | state |
-- column: pid | pid | right
-- column: process | process |
-- column: passed | left it | count optional
-- column: longest_ns | longest | ns optional
-- column: oldest_ns | oldest since | time optional
-- column: newest_ns | newest since | time optional
-- column: per_hour | an hour | count
-- column: first_peer | first peer | endpoint
WITH
selected AS (SELECT id, pid, process, remote, remote_address FROM connections WHERE /*filter*/ 1),
-- Up to the end of the window.
stays AS (
  SELECT
    c.pid,
    c.process,
    i.state,
    i.from_ns,
    iif(i.to_ns <= coalesce(:until_ns, i.to_ns), i.to_ns, NULL) AS to_ns,
    coalesce(:until_ns, (SELECT max(last_alive_ns) FROM sessions)) AS end_ns,
    coalesce(c.remote, c.remote_address) AS peer
  FROM state_intervals AS i
  JOIN selected AS c ON c.id = i.connection_id
  WHERE i.state IN ('CLOSE_WAIT', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'SYN_SENT', 'SYN_RECEIVED')
    AND (:until_ns IS NULL OR i.from_ns <= :until_ns)
),
steps AS (
  SELECT pid, process, state, from_ns AS at_ns, 1 AS step FROM stays
  UNION ALL
  SELECT pid, process, state, to_ns, -1 FROM stays WHERE to_ns IS NOT NULL
),
levels AS (
  SELECT
    pid,
    process,
    state,
    sum(step) OVER (PARTITION BY pid, process, state ORDER BY at_ns, step) AS level
  FROM steps
),
peaks AS (SELECT pid, process, state, max(level) AS peak FROM levels GROUP BY pid, process, state),
-- Those that stay; of what has passed by now, those that stayed for long.
stuck AS (SELECT * FROM stays WHERE to_ns IS NULL OR to_ns - from_ns >= 5000000000)
SELECT
  sum(s.to_ns IS NULL) AS now,
  p.peak,
  s.state,
  s.pid,
  s.process,
  (
    SELECT count(*)
    FROM stays AS x
    WHERE x.to_ns IS NOT NULL AND x.state = s.state AND x.pid IS s.pid AND x.process IS s.process
  ) AS passed,
  max(coalesce(s.to_ns, s.end_ns) - s.from_ns) AS longest_ns,
  min(s.from_ns) AS oldest_ns,
  max(s.from_ns) AS newest_ns,
  -- How fast they grew; of a single one, and of those that came at once, nothing can be said.
  CAST(round((count(*) - 1) * 3.6e12 / nullif(max(s.from_ns) - min(s.from_ns), 0)) AS INTEGER) AS per_hour,
  (
    SELECT x.peer
    FROM stuck AS x
    WHERE x.state = s.state AND x.pid IS s.pid AND x.process IS s.process
    ORDER BY x.from_ns
    LIMIT 1
  ) AS first_peer
FROM stuck AS s
JOIN peaks AS p ON p.pid IS s.pid AND p.process IS s.process AND p.state = s.state
GROUP BY s.state, s.pid, s.process
ORDER BY s.state <> 'CLOSE_WAIT', now DESC, p.peak DESC, s.pid
LIMIT :limit;
-- section: growing | Opened and never closed
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: direction | direction |
-- column: closed | closed | count
-- column: first_ns | first | time
-- column: last_ns | last | time
-- column: first_peer | first peer | endpoint
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
