-- SPDX-License-Identifier: MIT
-- about: who calls a peer at a fixed rhythm: period, jitter and a score from 0 to 1
-- section: beacons | Rhythms
-- column: score | score | right
-- column: period_ns | period | ns
-- column: jitter_ns | jitter | ns
-- column: calls | calls | count
-- column: pid | pid | right
-- column: process | process |
-- column: remote | remote | endpoint
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
WITH
calls AS MATERIALIZED (
  SELECT
    process_id,
    pid,
    process,
    peer_id,
    opened_ns,
    opened_ns - lag(opened_ns) OVER (PARTITION BY peer_id, process_id ORDER BY opened_ns) AS pause_ns
  FROM peer_outbound_opens
  WHERE /*filter of sums*/ 1
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY peer_id, process_id ORDER BY pause_ns) AS rank,
    count(*) OVER (PARTITION BY peer_id, process_id) AS n
  FROM calls
  WHERE pause_ns IS NOT NULL
),
medians AS (
  SELECT process_id, pid, process, peer_id, n, max(iif(rank <= (n + 1) / 2, pause_ns, NULL)) AS period_ns
  FROM ranked
  GROUP BY peer_id, process_id, n
  -- Fewer pauses show no rhythm.
  HAVING n >= 5
),
away AS (
  SELECT
    m.process_id,
    m.pid,
    m.process,
    m.peer_id,
    m.period_ns,
    r.opened_ns,
    r.pause_ns,
    row_number() OVER (PARTITION BY m.peer_id, m.process_id ORDER BY abs(r.pause_ns - m.period_ns)) AS rank,
    m.n
  FROM medians AS m
  JOIN ranked AS r ON r.peer_id = m.peer_id AND r.process_id IS m.process_id
),
-- The median absolute deviation does not change when one call is missing.
rhythms AS (
  SELECT
    pid,
    process,
    peer_id,
    n,
    period_ns,
    max(iif(rank <= (n + 1) / 2, abs(pause_ns - period_ns), NULL)) AS jitter_ns,
    min(opened_ns - pause_ns) AS first_ns,
    max(opened_ns) AS last_ns
  FROM away
  GROUP BY peer_id, process_id, n, period_ns
)
SELECT
  printf('%.2f', max(0.0, 1.0 - 2.0 * jitter_ns / period_ns)) AS score,
  period_ns,
  jitter_ns,
  n + 1 AS calls,
  pid,
  process,
  (SELECT p.peer FROM peers AS p WHERE p.id = peer_id) AS remote,
  first_ns,
  last_ns
FROM rhythms
WHERE period_ns > 0 AND 2.0 * jitter_ns / period_ns < 0.5
ORDER BY score DESC, calls DESC, pid, remote
LIMIT iif(:limit < 0, 20, :limit);
