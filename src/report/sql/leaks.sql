-- SPDX-License-Identifier: MIT
-- about: which process leaks CLOSE_WAIT, or anything that only grows: since when, how fast, to which peer first
-- section: stuck | In a state that should pass: still, or for 5 s and more
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
-- Each interval ends with the window at the latest.
dwells AS MATERIALIZED (
  SELECT
    (SELECT n.process_id FROM connection AS n WHERE n.id = c.id) AS process_id,
    c.pid,
    c.process,
    y.state,
    y.from_ns,
    y.clock_adjust_ns,
    iif(y.to_ns <= coalesce(:until_ns, y.to_ns), y.to_ns, NULL) AS to_ns,
    coalesce(:until_ns, c.last_seen_ns) AS end_ns,
    coalesce(c.remote, c.remote_address) AS peer
  FROM long_dwells AS y
  CROSS JOIN connections AS c ON c.id = y.connection_id
  WHERE (:until_ns IS NULL OR y.from_ns <= :until_ns) AND (:since_ns IS NULL OR y.to_ns IS NULL OR y.to_ns >= :since_ns)
    AND (/*filter*/ 1)
),
steps AS (
  SELECT process_id, state, from_ns AS at_ns, 1 AS step FROM dwells
  UNION ALL
  SELECT process_id, state, to_ns, -1 FROM dwells WHERE to_ns IS NOT NULL
),
levels AS (
  SELECT
    process_id,
    state,
    sum(step) OVER (PARTITION BY process_id, state ORDER BY at_ns, step) AS level
  FROM steps
),
peaks AS (SELECT process_id, state, max(level) AS peak FROM levels GROUP BY process_id, state),
-- In a query with min(), SQLite takes the other columns from the row of the minimum.
firsts AS (SELECT process_id, state, peer, min(from_ns) FROM dwells GROUP BY process_id, state),
matching AS MATERIALIZED (SELECT process_id, state, dwells FROM process_dwells WHERE NOT still AND (/*filter of sums*/ 1)),
passed AS MATERIALIZED (SELECT process_id, state, sum(dwells) AS n FROM matching GROUP BY process_id, state)
SELECT
  sum(s.to_ns IS NULL) AS now,
  p.peak,
  s.state,
  s.pid,
  s.process,
  coalesce(passed.n, 0) AS passed,
  max(max(coalesce(s.to_ns, s.end_ns) - s.from_ns - s.clock_adjust_ns, 0)) AS longest_ns,
  min(s.from_ns) AS oldest_ns,
  max(s.from_ns) AS newest_ns,
  -- How fast their number grew; NULL for a single one and for those that came at the same time.
  CAST(round((count(*) - 1) * 3.6e12 / nullif(max(s.from_ns) - min(s.from_ns), 0)) AS INTEGER) AS per_hour,
  f.peer AS first_peer
FROM dwells AS s
JOIN peaks AS p ON p.process_id IS s.process_id AND p.state = s.state
JOIN firsts AS f ON f.process_id IS s.process_id AND f.state = s.state
LEFT JOIN passed ON passed.process_id IS s.process_id AND passed.state = s.state
GROUP BY s.state, s.process_id
ORDER BY s.state <> 'CLOSE_WAIT', now DESC, p.peak DESC, s.pid
LIMIT iif(:limit < 0, 20, :limit);
-- section: growing | Opened and never closed
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: direction | direction |
-- column: closed | closed | count
-- column: first_ns | first | time
-- column: last_ns | last | time
-- column: first_peer | first peer | endpoint
WITH
opened AS (
  SELECT
    (SELECT n.process_id FROM connection AS n WHERE n.id = connections.id) AS process_id,
    pid,
    process,
    direction,
    opened_ns,
    coalesce(remote, local) AS peer
  FROM connections
  WHERE outcome = 'open' AND opened_ns IS NOT NULL AND direction <> 'listen'
    AND id IN (SELECT id FROM connection WHERE duration_bucket IS NULL) AND (/*filter*/ 1)
),
grown AS (
  -- In a query with min(), SQLite takes the other columns from the row of the minimum.
  SELECT process_id, pid, process, direction, peer, min(opened_ns) AS first_ns, count(*) AS open_now
  FROM opened
  GROUP BY process_id, direction
),
lasts AS (SELECT process_id, direction, max(opened_ns) AS last_ns FROM opened GROUP BY process_id, direction),
flows AS MATERIALIZED (SELECT process_id, direction, opened FROM process_flows WHERE outcome <> 'open' AND (/*filter of sums*/ 1)),
ended AS MATERIALIZED (SELECT process_id, direction, sum(opened) AS n FROM flows GROUP BY process_id, direction)
SELECT
  g.open_now,
  g.pid,
  g.process,
  g.direction,
  coalesce(e.n, 0) AS closed,
  g.first_ns,
  l.last_ns,
  g.peer AS first_peer
FROM grown AS g
JOIN lasts AS l ON l.process_id IS g.process_id AND l.direction = g.direction
LEFT JOIN ended AS e ON e.process_id IS g.process_id AND e.direction = g.direction
WHERE g.open_now >= 10 AND g.open_now > 10 * coalesce(e.n, 0)
ORDER BY g.open_now DESC, g.pid
LIMIT iif(:limit < 0, 20, :limit);
