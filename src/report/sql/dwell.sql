-- SPDX-License-Identifier: MIT
-- about: slow to connect or slow after: how long connections stay in each state, and with whom
-- section: states | Time in each state; shape: up to 1 ms, 10 ms, 100 ms, 1 s, 10 s, 1 min, more
-- column: state | state |
-- column: intervals | intervals | count
-- column: still | still in it | count
-- column: half_ns | median | ns
-- column: p90_ns | 90 % | ns
-- column: p99_ns | 99 % | ns
-- column: longest_ns | longest | ns
-- column: shape | shape | sparkline
WITH
matching AS MATERIALIZED (SELECT state, dwell_ns, dwells, still FROM process_dwells WHERE /*filter of sums*/ 1),
dwells AS (SELECT state, dwell_ns, sum(dwells) AS n, sum(still) AS still FROM matching GROUP BY state, dwell_ns),
ranked AS (
  SELECT
    *,
    sum(n) OVER (PARTITION BY state ORDER BY dwell_ns) AS reached,
    sum(n) OVER (PARTITION BY state) AS total
  FROM dwells
)
SELECT
  state,
  total AS intervals,
  sum(still) AS still,
  min(iif(reached >= (total + 1) / 2, dwell_ns, NULL)) AS half_ns,
  min(iif(reached >= (total * 90 + 99) / 100, dwell_ns, NULL)) AS p90_ns,
  min(iif(reached >= (total * 99 + 99) / 100, dwell_ns, NULL)) AS p99_ns,
  max(dwell_ns) AS longest_ns,
  printf(
    '%d,%d,%d,%d,%d,%d,%d',
    sum(iif(dwell_ns < 1e6, n, 0)),
    sum(iif(dwell_ns >= 1e6 AND dwell_ns < 1e7, n, 0)),
    sum(iif(dwell_ns >= 1e7 AND dwell_ns < 1e8, n, 0)),
    sum(iif(dwell_ns >= 1e8 AND dwell_ns < 1e9, n, 0)),
    sum(iif(dwell_ns >= 1e9 AND dwell_ns < 1e10, n, 0)),
    sum(iif(dwell_ns >= 1e10 AND dwell_ns < 6e10, n, 0)),
    sum(iif(dwell_ns >= 6e10, n, 0))
  ) AS shape
FROM ranked
GROUP BY state, total
ORDER BY total DESC, state;
-- section: peers | Time with each peer: to connect, and ESTABLISHED if it has ended
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: connections | connections | count optional
-- column: connects | connects | count
-- column: connect_half_ns | median | ns
-- column: connect_longest_ns | longest | ns
-- column: ended | ended | count
-- column: open_half_ns | open median | ns
-- column: open_longest_ns | open longest | ns
WITH
/*part lines*/,
flows AS MATERIALIZED (
  SELECT peer_id, connections
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND protocol = 'tcp' AND (/*filter of sums*/ 1)
),
/*part busiest*/,
/*part members*/,
/*part shown*/,
matching AS MATERIALIZED (
  SELECT peer_id, state, dwell_ns, dwells
  FROM peer_dwells
  WHERE peer_id IN (SELECT peer_id FROM members) AND state IN ('SYN_SENT', 'ESTABLISHED') AND NOT still AND (/*filter of sums*/ 1)
),
dwells AS (
  SELECT coalesce(l.line, y.peer_id) AS line, y.state, y.dwell_ns, sum(y.dwells) AS n
  FROM matching AS y
  LEFT JOIN lines AS l ON l.peer_id = y.peer_id
  GROUP BY coalesce(l.line, y.peer_id), y.state, y.dwell_ns
),
ranked AS (
  SELECT
    *,
    sum(n) OVER (PARTITION BY line, state ORDER BY dwell_ns) AS reached,
    sum(n) OVER (PARTITION BY line, state) AS total
  FROM dwells
),
-- One row for each peer, so that the join below is short.
summed AS MATERIALIZED (
  SELECT
    line,
    -- Of how many the median is.
    coalesce(max(iif(state = 'SYN_SENT', total, NULL)), 0) AS connects,
    min(iif(state = 'SYN_SENT' AND reached >= (total + 1) / 2, dwell_ns, NULL)) AS connect_half_ns,
    max(iif(state = 'SYN_SENT', dwell_ns, NULL)) AS connect_longest_ns,
    coalesce(max(iif(state = 'ESTABLISHED', total, NULL)), 0) AS ended,
    min(iif(state = 'ESTABLISHED' AND reached >= (total + 1) / 2, dwell_ns, NULL)) AS open_half_ns,
    max(iif(state = 'ESTABLISHED', dwell_ns, NULL)) AS open_longest_ns
  FROM ranked
  GROUP BY line
)
SELECT
  /*part peer*/,
  top.connections,
  coalesce(s.connects, 0) AS connects,
  s.connect_half_ns,
  s.connect_longest_ns,
  coalesce(s.ended, 0) AS ended,
  s.open_half_ns,
  s.open_longest_ns
FROM top
LEFT JOIN shown AS n ON n.id = top.line
LEFT JOIN summed AS s ON s.line = top.line
ORDER BY top.connections DESC, peer;
