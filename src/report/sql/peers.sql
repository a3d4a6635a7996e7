-- SPDX-License-Identifier: MIT
-- about: who connects to us, and whom we connect to: how often, how long, how much
-- section: peers | Peers
-- column: connections | connections | count
-- column: direction | direction |
-- column: protocol | proto | optional
-- column: peer | peer | endpoint
-- column: process | mostly | optional
-- column: open_now | open | count optional
-- column: failed | failed | count
-- column: half_ns | median | ns optional
-- column: longest_ns | longest | ns
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
WITH
flows AS MATERIALIZED (
  SELECT peer_id, outcome, connections, longest_ns, bytes_sent, bytes_received, first_ns, last_ns
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND (/*filter of sums*/ 1)
),
top AS MATERIALIZED (
  SELECT
    peer_id,
    sum(connections) AS connections,
    sum(iif(outcome = 'open', connections, 0)) AS open_now,
    sum(iif(outcome IN ('refused', 'timed_out', 'reset', 'aborted'), connections, 0)) AS failed,
    max(longest_ns) AS longest_ns,
    sum(bytes_sent) AS bytes_sent,
    sum(bytes_received) AS bytes_received,
    min(first_ns) AS first_ns,
    max(last_ns) AS last_ns
  FROM flows
  GROUP BY peer_id
  ORDER BY connections DESC, peer_id
  LIMIT iif(:limit < 0, 20, :limit)
),
lifetimes AS MATERIALIZED (
  SELECT peer_id, lifetime_ns, lifetimes FROM peer_lifetimes WHERE peer_id IN (SELECT peer_id FROM top) AND (/*filter of sums*/ 1)
),
ranked AS (
  SELECT
    peer_id,
    lifetime_ns,
    sum(lifetimes) OVER (PARTITION BY peer_id ORDER BY lifetime_ns) AS reached,
    sum(lifetimes) OVER (PARTITION BY peer_id) AS total
  FROM lifetimes
),
halves AS (SELECT peer_id, min(lifetime_ns) AS half_ns FROM ranked WHERE reached >= (total + 1) / 2 GROUP BY peer_id),
owned AS MATERIALIZED (
  SELECT peer_id, process, connections
  FROM peer_flows
  WHERE peer_id IN (SELECT peer_id FROM top) AND process IS NOT NULL AND (/*filter of sums*/ 1)
),
users AS MATERIALIZED (SELECT peer_id, process, sum(connections) AS n FROM owned GROUP BY peer_id, process)
SELECT
  top.connections,
  p.direction,
  p.protocol,
  p.peer,
  (SELECT process FROM users WHERE users.peer_id = top.peer_id ORDER BY n DESC, process LIMIT 1) AS process,
  top.open_now,
  top.failed,
  halves.half_ns,
  top.longest_ns,
  top.bytes_sent,
  top.bytes_received,
  top.first_ns,
  top.last_ns
FROM top
JOIN peers AS p ON p.id = top.peer_id
LEFT JOIN halves ON halves.peer_id = top.peer_id
ORDER BY top.connections DESC, p.direction, p.peer;
