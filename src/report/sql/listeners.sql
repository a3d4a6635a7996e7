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
selected AS (SELECT * FROM connections WHERE direction = 'listen' AND (/*filter*/ 1))
SELECT
  protocol,
  local,
  pid,
  process,
  user,
  -- NULL: it was there before the recorder.
  opened_ns AS since_ns,
  closed_ns AS gone_ns,
  nullif(max(opened_ns - max(closed_ns) OVER (
    PARTITION BY protocol, local, netns
    ORDER BY coalesce(opened_ns, first_seen_ns), id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0), 0) AS away_ns,
  (
    SELECT count(*)
    FROM connections AS a
    WHERE a.direction = 'inbound' AND a.protocol = selected.protocol AND a.local_port = selected.local_port
      AND a.netns IS selected.netns
      AND coalesce(a.opened_ns, a.first_seen_ns) >= selected.first_seen_ns
      AND (selected.closed_ns IS NULL OR coalesce(a.opened_ns, a.first_seen_ns) <= selected.closed_ns)
  ) AS accepted,
  container
FROM selected
ORDER BY protocol, local_port, local, coalesce(opened_ns, first_seen_ns), id
LIMIT :limit;
