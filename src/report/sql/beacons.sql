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
-- column: first_ns | first | time
-- column: last_ns | last | time
WITH
calls AS (
  SELECT
    pid,
    process,
    peer AS remote,
    opened_ns,
    opened_ns - lag(opened_ns) OVER (PARTITION BY pid, process, peer ORDER BY opened_ns) AS pause_ns
  FROM peer_calls
  WHERE /*filter of flows*/ 1
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY pid, process, remote ORDER BY pause_ns) AS rank,
    count(*) OVER (PARTITION BY pid, process, remote) AS n
  FROM calls
  WHERE pause_ns IS NOT NULL
),
medians AS (
  SELECT pid, process, remote, n, max(iif(rank <= (n + 1) / 2, pause_ns, NULL)) AS period_ns
  FROM ranked
  GROUP BY pid, process, remote, n
  -- Fewer say nothing.
  HAVING n >= 5
),
away AS (
  SELECT
    m.pid,
    m.process,
    m.remote,
    m.period_ns,
    r.opened_ns,
    r.pause_ns,
    row_number() OVER (PARTITION BY m.pid, m.process, m.remote ORDER BY abs(r.pause_ns - m.period_ns)) AS rank,
    m.n
  FROM medians AS m
  JOIN ranked AS r ON r.pid IS m.pid AND r.process IS m.process AND r.remote = m.remote
),
-- The median absolute deviation is not moved by a call that was missed.
rhythms AS (
  SELECT
    pid,
    process,
    remote,
    n,
    period_ns,
    max(iif(rank <= (n + 1) / 2, abs(pause_ns - period_ns), NULL)) AS jitter_ns,
    min(opened_ns - pause_ns) AS first_ns,
    max(opened_ns) AS last_ns
  FROM away
  GROUP BY pid, process, remote, n, period_ns
)
SELECT
  printf('%.2f', max(0.0, 1.0 - 2.0 * jitter_ns / period_ns)) AS score,
  period_ns,
  jitter_ns,
  n + 1 AS calls,
  pid,
  process,
  remote,
  first_ns,
  last_ns
FROM rhythms
WHERE period_ns > 0 AND 2.0 * jitter_ns / period_ns < 0.5
ORDER BY score DESC, calls DESC, pid, remote
LIMIT iif(:limit < 0, 20, :limit);
