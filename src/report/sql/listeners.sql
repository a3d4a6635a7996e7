-- SPDX-License-Identifier: MIT
-- about: what listens here, since when, whether it was ever gone, and what it accepted
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
-- column: workers | workers | count optional
-- column: sockets | sockets | count optional several
-- column: container | container | optional
-- column: netns | namespace | right several
WITH
/*part accepted*/
SELECT
  l.protocol,
  l.local,
  l.pid,
  l.process,
  l.user,
  l.opened_ns AS since_ns,
  l.closed_ns AS gone_ns,
  -- Not away while another socket listened.
  nullif(max(l.opened_ns - max(coalesce(l.closed_ns, 9223372036854775807)) OVER (
    PARTITION BY l.protocol, l.local, l.netns ORDER BY l.began_ns, l.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0), 0) AS away_ns,
  iif(l.protocol = 'tcp', iif(a.id IS NULL, 0, a.n), NULL) AS accepted,
  -- Other processes that took connections from it.
  iif(l.protocol = 'tcp', coalesce(a.workers, 0), NULL) AS workers,
  l.sockets,
  l.container,
  l.netns
FROM listeners AS l
LEFT JOIN accepted AS a ON a.id = l.id
WHERE l.shown
ORDER BY l.protocol, l.local_port, l.local, l.began_ns, l.id
LIMIT :limit;
