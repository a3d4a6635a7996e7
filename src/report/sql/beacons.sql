-- SPDX-License-Identifier: MIT
-- about: who calls a peer at a fixed rhythm: period, jitter and a score from 0 to 1
-- section: beacons | Rhythms
-- column: score | score | right
-- column: period_ns | period | ns
-- column: jitter_ns | jitter | ns
-- column: calls | calls | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: remote | remote | endpoint
-- column: address | address | optional known
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
-- column: netns | namespace | right optional several
WITH
/*part lines*/,
opened AS MATERIALIZED (SELECT process_id, pid, process, peer_id, netns, opened_ns FROM peer_outbound_opens WHERE /*filter of sums*/ 1),
-- Short processes of one program call together: `while curl …; sleep`.
callers AS MATERIALIZED (
  SELECT
    dense_rank() OVER (ORDER BY coalesce(l.line, o.peer_id), o.netns, g.lasting_id, o.process) AS caller,
    o.process_id,
    o.pid,
    o.process,
    coalesce(l.line, o.peer_id) AS line,
    l.address_id,
    o.netns,
    o.opened_ns,
    o.opened_ns - lag(o.opened_ns) OVER (PARTITION BY coalesce(l.line, o.peer_id), o.netns, g.lasting_id, o.process ORDER BY o.opened_ns) AS pause_ns
  FROM opened AS o
  LEFT JOIN programs AS g ON g.process_id = o.process_id
  LEFT JOIN lines AS l ON l.peer_id = o.peer_id
),
-- Connections that follow within 100 ms belong to the same call.
calls AS MATERIALIZED (
  SELECT caller, opened_ns, opened_ns - lag(opened_ns) OVER (PARTITION BY caller ORDER BY opened_ns) AS pause_ns
  FROM callers
  WHERE pause_ns IS NULL OR pause_ns >= 100000000
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY caller ORDER BY pause_ns) AS rank,
    count(*) OVER (PARTITION BY caller) AS n
  FROM calls
  WHERE pause_ns IS NOT NULL
),
medians AS (
  SELECT caller, n, max(iif(rank <= (n + 1) / 2, pause_ns, NULL)) AS period_ns
  FROM ranked
  GROUP BY caller, n
  -- Fewer pauses show no rhythm.
  HAVING n >= 5
),
away AS (
  SELECT
    m.caller,
    m.period_ns,
    r.opened_ns,
    r.pause_ns,
    row_number() OVER (PARTITION BY m.caller ORDER BY abs(r.pause_ns - m.period_ns)) AS rank,
    m.n
  FROM medians AS m
  JOIN ranked AS r ON r.caller = m.caller
),
-- The median absolute deviation does not change when one call is missing.
rhythms AS (
  SELECT
    caller,
    n,
    period_ns,
    max(iif(rank <= (n + 1) / 2, abs(pause_ns - period_ns), NULL)) AS jitter_ns,
    sum(iif(2 * abs(pause_ns - period_ns) < period_ns, pause_ns, 0)) AS regular_ns,
    min(opened_ns - pause_ns) AS first_ns,
    max(opened_ns) AS last_ns
  FROM away
  GROUP BY caller, n, period_ns
),
top AS (
  SELECT
    caller,
    iif(count(DISTINCT c.pid) = 1, max(c.pid), NULL) AS pid,
    count(DISTINCT c.pid) AS processes,
    c.process,
    c.line,
    count(DISTINCT c.address_id) AS addresses,
    max(c.address_id) AS address_id,
    c.netns,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM callers AS c
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = c.process_id
  GROUP BY caller
),
/*part shown*/,
found AS (
  SELECT top.caller, top.pid, top.processes, top.process, top.netns, top.script_id, /*part peer*/
  FROM top
  LEFT JOIN shown AS n ON n.id = top.line
)
SELECT
  round(max(0.0, 1.0 - 2.0 * r.jitter_ns / r.period_ns), 2) AS score,
  r.period_ns,
  r.jitter_ns,
  r.n + 1 AS calls,
  f.pid,
  f.process,
  f.processes,
  f.peer AS remote,
  f.remote_name,
  f.remote_address,
  f.addresses,
  f.address,
  r.first_ns,
  r.last_ns,
  f.netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = f.script_id) AS script
FROM rhythms AS r
JOIN found AS f ON f.caller = r.caller
-- What keeps its rhythm for less than five seconds is a burst.
WHERE r.period_ns > 0 AND 2.0 * r.jitter_ns / r.period_ns < 0.5 AND r.regular_ns >= 5000000000
ORDER BY score DESC, calls DESC, f.pid, f.process, remote
LIMIT iif(:limit < 0, 20, :limit);
