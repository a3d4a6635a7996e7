-- SPDX-License-Identifier: MIT
-- about: what listens here, since when, whether it was ever gone, and what it accepted
-- section: listeners | Listeners and unconnected UDP sockets
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: user | user | optional
-- column: since_ns | since | time
-- column: taken_ns | taken over | time known
-- column: gone_ns | gone | time
-- column: away_ns | away | ns
-- column: accepted | accepted | count
-- column: workers | workers | count optional
-- column: sockets | sockets | count optional several
-- column: container | container | optional
-- column: netns | namespace | right optional several
-- column: also_accepted_by | also accepted by | optional
WITH
/*part accepted*/,
-- Other processes that took connections from it, each with one row for all its images.
takers AS MATERIALIZED (
  SELECT
    id,
    name,
    pid,
    count(*) OVER (PARTITION BY id) AS processes,
    row_number() OVER (PARTITION BY id ORDER BY opened DESC, pid, start) AS place
  FROM (
    SELECT s.id, p.name, p.pid, p.start, sum(s.opened) AS opened, max(p.image)
    FROM shares AS s
    JOIN listeners AS l ON l.id = s.id
    JOIN process AS p ON p.id = s.process_id
    LEFT JOIN process AS o ON o.id = l.process_id
    WHERE (p.pid, p.start) IS NOT (o.pid, o.start)
    GROUP BY s.id, p.pid, p.start
  )
),
-- The five that took most, by name: `gunicorn 812, 813, nginx 900 and 4 more`.
named AS (
  SELECT
    id,
    processes,
    iif(lag(name) OVER (PARTITION BY id ORDER BY name, pid) IS name, pid, name || ' ' || pid) AS text,
    row_number() OVER (PARTITION BY id ORDER BY name, pid) AS number
  FROM takers
  WHERE place <= 5
),
workers AS MATERIALIZED (
  SELECT
    id,
    max(processes) AS n,
    group_concat(text, ', ') || iif(max(processes) > 5, ' and ' || (max(processes) - 5) || ' more', '') AS names
  FROM (SELECT * FROM named ORDER BY id, number)
  GROUP BY id
)
SELECT
  l.protocol,
  l.local,
  l.pid,
  l.process,
  l.user,
  l.opened_ns AS since_ns,
  iif(l.closed_ns > :until_ns, NULL, l.closed_ns) AS gone_ns,
  -- Not away while another socket listened.
  iif(l.are_queries, NULL, nullif(max(l.opened_ns - max(coalesce(l.closed_ns, 9223372036854775807)) OVER (
    PARTITION BY l.protocol, l.local, l.netns ORDER BY l.began_ns, l.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0), 0)) AS away_ns,
  iif(l.protocol = 'tcp', iif(a.id IS NULL, 0, a.n), NULL) AS accepted,
  iif(l.protocol = 'tcp', coalesce(w.n, 0), NULL) AS workers,
  l.sockets,
  l.container,
  l.netns,
  w.names AS also_accepted_by,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = l.process_id) AS script,
  -- From another process. NULL: it has been the first one.
  l.taken_ns
FROM listeners AS l
LEFT JOIN accepted AS a ON a.id = l.id
LEFT JOIN workers AS w ON w.id = l.id
WHERE l.shown
ORDER BY gone_ns IS NOT NULL, l.protocol, l.local_port, l.local, l.began_ns, l.id
LIMIT iif(:limit < 0, 40, :limit);
