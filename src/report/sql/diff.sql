-- SPDX-License-Identifier: MIT
-- about: what changed between two windows: `netlog diff A..B C..D`
-- section: rates | Then and now
-- column: what | what |
-- column: before | before | right
-- column: after | after | right
-- column: change | change | right
WITH
selected AS MATERIALIZED (
  SELECT
    outcome,
    opened_ns BETWEEN :before_since_ns AND :before_until_ns AS opened_before,
    opened_ns BETWEEN :since_ns AND :until_ns AS opened_after,
    closed_ns BETWEEN :before_since_ns AND :before_until_ns AS closed_before,
    closed_ns BETWEEN :since_ns AND :until_ns AS closed_after,
    longest_ns / 1e9 AS lasted
  FROM connection_flows
  WHERE direction <> 'listen' AND (/*filter of both windows*/ 1)
),
span AS (
  -- Seconds of each window that were recorded; NULL where none were.
  SELECT
    nullif(sum(max(0, min(last_alive_ns, :before_until_ns) - max(started_ns, :before_since_ns))) / 1e9, 0) AS before,
    nullif(sum(max(0, min(last_alive_ns, :until_ns) - max(started_ns, :since_ns))) / 1e9, 0) AS after
  FROM sessions
),
rates (rank, what, before, after) AS (
  SELECT 1, 'opened a second', sum(opened_before) / span.before, sum(opened_after) / span.after FROM selected, span
  UNION ALL
  SELECT 2, 'ended a second', sum(closed_before) / span.before, sum(closed_after) / span.after FROM selected, span
  UNION ALL
  SELECT
    3,
    'failed a second',
    sum(closed_before AND outcome IN ('refused', 'timed_out', 'reset', 'aborted')) / span.before,
    sum(closed_after AND outcome IN ('refused', 'timed_out', 'reset', 'aborted')) / span.after
  FROM selected, span
  UNION ALL
  SELECT 4, 'mean life of the ended, s', avg(iif(closed_before, lasted, NULL)), avg(iif(closed_after, lasted, NULL)) FROM selected
)
SELECT
  what,
  iif(before IS NULL, NULL, printf('%.3f', before)) AS before,
  iif(after IS NULL, NULL, printf('%.3f', after)) AS after,
  iif(before > 0 AND after IS NOT NULL, printf('%+.0f %%', 100.0 * (after - before) / before), NULL) AS change
FROM rates
ORDER BY rank;
-- section: peers | Peers that came or went
-- column: change | change |
-- column: process | process |
-- column: direction | direction |
-- column: peer | peer | endpoint
-- column: connections | connections | count
-- column: failed | failed | count
WITH
selected AS MATERIALIZED (
  SELECT
    process,
    direction,
    peer_id,
    outcome,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :since_ns AS after
  FROM connection_flows
  WHERE direction <> 'listen' AND (/*filter of both windows*/ 1)
)
SELECT
  iif(sum(before) = 0, 'new', 'gone') AS change,
  process,
  direction,
  (SELECT p.peer FROM peers AS p WHERE p.id = peer_id) AS peer,
  sum(before) + sum(after) AS connections,
  sum((before OR after) AND outcome IN ('refused', 'timed_out', 'reset', 'aborted')) AS failed
FROM selected
GROUP BY process, direction, peer_id
HAVING (sum(before) = 0) <> (sum(after) = 0)
ORDER BY change DESC, connections DESC, peer
LIMIT iif(:limit < 0, 40, :limit);
-- section: listeners | Listeners that came or went
-- column: change | change |
-- column: pid | pid | right
-- column: process | process |
-- column: protocol | proto |
-- column: local | local | endpoint
WITH
selected AS MATERIALIZED (
  SELECT
    pid,
    process,
    protocol,
    local,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :since_ns AS after
  FROM connections
  WHERE direction = 'listen' AND (/*filter of both windows*/ 1) AND id IN (
    SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  )
)
SELECT iif(sum(before) = 0, 'new', 'gone') AS change, pid, process, protocol, local
FROM selected
GROUP BY pid, process, protocol, local
HAVING (sum(before) = 0) <> (sum(after) = 0)
ORDER BY change DESC, local, pid;
-- section: processes | Processes that came or went
-- column: change | change |
-- column: pid | pid | right
-- column: process | process |
-- column: connections | connections | count
WITH
selected AS MATERIALIZED (
  SELECT
    process_id,
    pid,
    process,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND max(last_seen_ns, coalesce(closed_ns, 0)) >= :since_ns AS after
  FROM connection_flows
  WHERE pid IS NOT NULL AND (/*filter of both windows*/ 1)
)
SELECT iif(sum(before) = 0, 'new', 'gone') AS change, pid, process, sum(before) + sum(after) AS connections
FROM selected
GROUP BY process_id
HAVING (sum(before) = 0) <> (sum(after) = 0)
ORDER BY change DESC, connections DESC, pid;
