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
selected AS (
  SELECT
    direction,
    protocol,
    process,
    outcome,
    duration_ns,
    bytes_sent,
    bytes_received,
    coalesce(opened_ns, first_seen_ns) AS began_ns,
    iif(direction = 'inbound', remote_address || ' to port ' || local_port, coalesce(remote, remote_address)) AS peer
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
),
ranked AS (
  SELECT
    *,
    row_number() OVER (PARTITION BY direction, protocol, peer ORDER BY duration_ns NULLS LAST) AS rank,
    count(duration_ns) OVER (PARTITION BY direction, protocol, peer) AS n
  FROM selected
)
SELECT
  count(*) AS connections,
  direction,
  protocol,
  peer,
  (
    SELECT s.process
    FROM selected AS s
    WHERE s.peer IS ranked.peer AND s.direction = ranked.direction AND s.process IS NOT NULL
    GROUP BY s.process
    ORDER BY count(*) DESC, s.process
    LIMIT 1
  ) AS process,
  sum(outcome = 'open') AS open_now,
  sum(outcome IN ('refused', 'timed_out', 'reset', 'aborted')) AS failed,
  max(iif(rank <= (n + 1) / 2, duration_ns, NULL)) AS half_ns,
  max(duration_ns) AS longest_ns,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received,
  min(began_ns) AS first_ns,
  max(began_ns) AS last_ns
FROM ranked
GROUP BY direction, protocol, peer
ORDER BY connections DESC, direction, peer
LIMIT iif(:limit < 0, 20, :limit);
