-- SPDX-License-Identifier: MIT
-- about: what listens here, since when, and whether it was ever gone
-- section: listeners | Listeners and unconnected UDP sockets
-- column: protocol | proto |
-- column: local | local | endpoint
-- column: pid | pid | right
-- column: process | process |
-- column: user | user | optional
-- column: since_ns | since | time
-- column: gone_ns | gone | time optional
-- column: away_ns | away before | ns optional
-- column: accepted | accepted | count
-- column: container | container | optional
WITH
selected AS (
  SELECT *
  FROM connections
  WHERE direction = 'listen' AND (/*filter*/ 1) AND id IN (
    SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  )
),
-- Flows of the whole recording; with a window, connections that lived in it.
flows AS MATERIALIZED (
  SELECT protocol, local_address, local_port, netns, first_ns, last_ns, connections
  FROM /* never connections */ peer_flows
  WHERE direction = 'inbound' AND coalesce(:since_ns, :until_ns) IS NULL
  UNION ALL
  SELECT protocol, local_address, local_port, netns, first_ns, last_ns, connections
  FROM connection_flows
  WHERE direction = 'inbound' AND coalesce(:since_ns, :until_ns) IS NOT NULL AND id IN (
    SELECT c.id
    FROM duration_bucket AS k
    CROSS JOIN connection AS c
      ON c.duration_bucket = k.code
      AND coalesce(c.opened_ns, c.first_seen_ns) BETWEEN coalesce(:since_ns - k.span_ns, -9e18) AND coalesce(:until_ns, 9e18)
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  ) AND (:until_ns IS NULL OR first_ns <= :until_ns) AND (:since_ns IS NULL OR max(last_seen_ns, coalesce(closed_ns, 0)) >= :since_ns)
),
-- Inbound connections while it listened. NULL for a flow that also began before or after: its share is not known.
accepted AS (
  SELECT s.id, sum(iif(a.first_ns >= s.first_seen_ns AND a.last_ns <= coalesce(s.closed_ns, a.last_ns), a.connections, NULL)) AS n,
    max((a.first_ns < s.first_seen_ns AND a.last_ns >= s.first_seen_ns) OR (a.first_ns <= s.closed_ns AND a.last_ns > s.closed_ns)) AS mixed
  FROM selected AS s
  JOIN flows AS a
    ON a.protocol = s.protocol AND a.local_port = s.local_port AND a.netns IS s.netns
    AND (s.local_address IN ('0.0.0.0', '::') OR a.local_address = s.local_address)
  GROUP BY s.id
)
SELECT
  protocol,
  local,
  pid,
  process,
  user,
  -- NULL: it listened before the recorder started.
  opened_ns AS since_ns,
  closed_ns AS gone_ns,
  nullif(max(opened_ns - max(closed_ns) OVER (
    PARTITION BY protocol, local, netns
    ORDER BY coalesce(opened_ns, first_seen_ns), selected.id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0), 0) AS away_ns,
  iif(accepted.mixed, NULL, coalesce(accepted.n, 0)) AS accepted,
  container
FROM selected
LEFT JOIN accepted ON accepted.id = selected.id
ORDER BY protocol, local_port, local, coalesce(opened_ns, first_seen_ns), selected.id
LIMIT :limit;
