-- SPDX-License-Identifier: MIT
-- about: how long connections last: is a pool being recycled
-- section: histogram | Lifetimes, at least
-- column: lasted | lasted |
-- column: connections | connections | count bar
WITH
classes (class, lasted, from_ns, to_ns) AS (
  VALUES
    (1, 'up to 10 ms', -1, 10000000),
    (2, 'up to 100 ms', 10000000, 100000000),
    (3, 'up to 1 s', 100000000, 1000000000),
    (4, 'up to 10 s', 1000000000, 10000000000),
    (5, 'up to 1 min', 10000000000, 60000000000),
    (6, 'up to 10 min', 60000000000, 600000000000),
    (7, 'up to 1 h', 600000000000, 3600000000000),
    (8, 'longer', 3600000000000, 9223372036854775807)
),
matching AS MATERIALIZED (
  SELECT lifetime_ns, lifetimes
  FROM process_lifetimes
  WHERE direction <> 'listen' AND (:since_ns IS NULL OR closed_ns >= :since_ns) AND (:until_ns IS NULL OR closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
lifetimes AS MATERIALIZED (SELECT lifetime_ns, sum(lifetimes) AS n FROM matching GROUP BY lifetime_ns),
flows AS MATERIALIZED (
  SELECT connections
  FROM process_flows
  WHERE direction <> 'listen' AND outcome <> 'open'
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
ended AS (SELECT sum(connections) AS n FROM flows)
SELECT lasted, sum(n) AS connections
FROM (
  SELECT class, lasted, n FROM classes JOIN lifetimes ON lifetime_ns >= from_ns AND lifetime_ns < to_ns
  UNION ALL
  -- Opened and closed between two snapshots, or opened before the recorder started.
  SELECT 9, 'not known', ended.n - coalesce((SELECT sum(n) FROM lifetimes), 0) FROM ended
)
WHERE n > 0
GROUP BY class
ORDER BY class;
-- section: peers | By peer, at least
-- column: connections | ended | count
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: half_ns | median | ns
-- column: p90_ns | 90 % | ns
-- column: longest_ns | longest | ns
-- column: doubt_ns | at most more | ns optional
WITH
/*part lines*/,
flows AS MATERIALIZED (
  SELECT peer_id, connections
  FROM peer_flows
  WHERE direction <> 'listen' AND outcome <> 'open' AND longest_ns IS NOT NULL AND peer_id IS NOT NULL
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
/*part busiest*/,
/*part members*/,
/*part shown*/,
lifetimes AS MATERIALIZED (
  SELECT peer_id, lifetime_ns, open_error_ns, lifetimes
  FROM peer_lifetimes
  WHERE peer_id IN (SELECT peer_id FROM members)
    AND (:since_ns IS NULL OR closed_ns >= :since_ns) AND (:until_ns IS NULL OR closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
ranked AS (
  SELECT
    line,
    lifetime_ns,
    open_error_ns,
    sum(lifetimes) OVER (PARTITION BY line ORDER BY lifetime_ns) AS reached,
    sum(lifetimes) OVER (PARTITION BY line) AS total
  FROM (
    SELECT coalesce(l.line, y.peer_id) AS line, y.lifetime_ns, y.open_error_ns, y.lifetimes
    FROM lifetimes AS y
    LEFT JOIN lines AS l ON l.peer_id = y.peer_id
  )
),
-- One row for each line, so that the join below is short.
summed AS MATERIALIZED (
  SELECT
    line,
    total AS connections,
    min(iif(reached >= (total + 1) / 2, lifetime_ns, NULL)) AS half_ns,
    min(iif(reached >= (total * 90 + 99) / 100, lifetime_ns, NULL)) AS p90_ns,
    max(lifetime_ns) AS longest_ns,
    -- It may have been opened earlier, by this much at most.
    max(open_error_ns) AS doubt_ns
  FROM ranked
  GROUP BY line, total
)
SELECT s.connections, /*part peer*/, s.half_ns, s.p90_ns, s.longest_ns, s.doubt_ns
FROM top
JOIN summed AS s ON s.line = top.line
LEFT JOIN shown AS n ON n.id = top.line
ORDER BY s.connections DESC, peer;
