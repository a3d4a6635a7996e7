-- SPDX-License-Identifier: MIT
-- about: which process leaks CLOSE_WAIT, or anything that only grows: since when, how fast, to which peer first
-- section: stuck | In a state that should pass: still, or for 5 s and more
-- column: now | now | count
-- column: peak | most | count
-- column: state | state |
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: before | at first look | count optional
-- column: passed | left it | count optional
-- column: longest_ns | longest | ns optional
-- column: oldest_ns | oldest since | time optional
-- column: newest_ns | newest since | time optional
-- column: per_hour | an hour | count
-- column: first_peer | first peer | endpoint
-- column: first_name | its name | known
WITH
/*part recorded*/,
/*part stuck*/,
matching AS MATERIALIZED (SELECT process_id, process, state, dwells FROM process_dwells WHERE NOT still AND (/*filter of sums*/ 1)),
passed AS MATERIALIZED (
  SELECT coalesce(g.lasting_id, m.process) AS program, m.state, sum(m.dwells) AS n
  FROM matching AS m
  LEFT JOIN programs AS g ON g.process_id = m.process_id
  GROUP BY coalesce(g.lasting_id, m.process), m.state
)
SELECT
  sum(s.to_ns IS NULL) AS now,
  p.peak,
  s.state,
  iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
  s.process,
  iif(min(r.cmdline) = max(r.cmdline), (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id), NULL) AS script,
  count(DISTINCT s.pid) AS processes,
  sum(s.is_old) AS before,
  coalesce(passed.n, 0) AS passed,
  max(max(coalesce(s.to_ns, s.end_ns) - s.from_ns - s.clock_adjust_ns, 0)) AS longest_ns,
  iif(max(s.is_old), NULL, min(s.from_ns)) AS oldest_ns,
  max(iif(s.is_old, NULL, s.from_ns)) AS newest_ns,
  -- How fast their number grew: those at the end less those at the first look, or less the first one. NULL if none came, for a
  -- single one, and for less than ten seconds, from which no rate follows.
  CAST(round(
    iif(
      max(s.was_there),
      iif(min(s.was_there), NULL, sum(s.to_ns IS NULL) - sum(s.was_there)),
      iif(count(*) = 1, NULL, max(sum(s.to_ns IS NULL) - 1, 0))
    ) * 3.6e12 / iif(w.ns >= 10000000000, w.ns, NULL)
  ) AS INTEGER) AS per_hour,
  f.peer AS first_peer,
  f.remote_name AS first_name
FROM dwells AS s
JOIN peaks AS p ON p.program IS s.program AND p.state = s.state AND p.is_orphan = s.is_orphan
JOIN watched AS w ON w.program IS s.program AND w.state = s.state AND w.is_orphan = s.is_orphan
JOIN firsts AS f ON f.program IS s.program AND f.state = s.state AND f.is_orphan = s.is_orphan
LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = s.process_id
LEFT JOIN passed ON passed.program IS s.program AND passed.state = s.state
WHERE NOT s.is_orphan
GROUP BY s.state, s.program
ORDER BY s.state <> 'CLOSE_WAIT', now DESC, p.peak DESC, pid, s.process
LIMIT iif(:limit < 0, 20, :limit);
-- section: growing | Opened and never closed
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: direction | direction |
-- column: closed | closed | count
-- column: first_ns | first | time
-- column: last_ns | last | time
-- column: first_peer | first peer | endpoint
-- column: first_name | its name | known
WITH
/*part lines*/,
-- A client that leaks connections to one peer may close those to others. What comes in is of one
-- service, from many peers.
opened AS (
  SELECT
    n.process_id,
    c.pid,
    c.process,
    c.direction,
    iif(c.direction = 'inbound', NULL, coalesce(l.line, n.peer_id)) AS line,
    c.opened_ns,
    c.remote_name,
    coalesce((SELECT p.peer FROM peers AS p WHERE p.id = n.peer_id), c.remote, c.local) AS peer
  FROM (
    SELECT *
    FROM connections
    -- A flow of a UDP socket has no end of its own: it is over a minute after its last datagram.
    WHERE opened_ns IS NOT NULL AND direction <> 'listen' AND NOT (protocol = 'udp' AND seen_by = 'trace') AND (/*filter*/ 1)
      -- After its FIN the process has closed it.
      AND coalesce((
        SELECT l.state
        FROM (
          SELECT i.state, i.from_ns
          FROM state_intervals AS i
          WHERE i.connection_id = connections.id AND i.from_ns <= :until_ns
          ORDER BY i.from_ns DESC
          LIMIT 1
        ) AS l
      ), state, '') NOT IN ('FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'TIME_WAIT') AND (
      -- Open at the end of the window, or now.
      coalesce(coalesce(closed_ns, last_seen_ns) > :until_ns, 0)
      OR (outcome = 'open' AND id IN (SELECT id FROM connection WHERE duration_bucket IS NULL))
    ) AND id IN (
      SELECT id FROM connection WHERE duration_bucket IS NULL
      UNION ALL
      SELECT k.id
      FROM duration_bucket AS b
      CROSS JOIN connection AS k ON k.duration_bucket = b.code AND coalesce(k.opened_ns, k.first_seen_ns) BETWEEN :until_ns - b.span_ns AND :until_ns
    )
  ) AS c
  JOIN connection AS n ON n.id = c.id
  LEFT JOIN lines AS l ON l.peer_id = n.peer_id
),
grown AS (
  -- In a query with min(), SQLite takes the other columns from the row of the minimum.
  SELECT process_id, pid, process, direction, line, peer, remote_name, min(opened_ns) AS first_ns, count(*) AS open_now
  FROM opened
  GROUP BY process_id, direction, line
),
lasts AS (SELECT process_id, direction, line, max(opened_ns) AS last_ns FROM opened GROUP BY process_id, direction, line),
flows AS MATERIALIZED (
  SELECT process_id, direction, peer_id, opened
  FROM peer_flows
  WHERE outcome <> 'open' AND (/*filter of sums*/ 1)
),
ended AS MATERIALIZED (
  SELECT process_id, direction, iif(direction = 'inbound', NULL, coalesce(l.line, f.peer_id)) AS line, sum(opened) AS n
  FROM flows AS f
  LEFT JOIN lines AS l ON l.peer_id = f.peer_id
  GROUP BY process_id, direction, iif(direction = 'inbound', NULL, coalesce(l.line, f.peer_id))
)
SELECT
  g.open_now,
  g.pid,
  g.process,
  (SELECT t.script FROM scripts AS t WHERE t.process_id = g.process_id) AS script,
  g.direction,
  coalesce(e.n, 0) AS closed,
  g.first_ns,
  l.last_ns,
  g.peer AS first_peer,
  g.remote_name AS first_name
FROM grown AS g
JOIN lasts AS l ON l.process_id IS g.process_id AND l.direction = g.direction AND l.line IS g.line
LEFT JOIN ended AS e ON e.process_id IS g.process_id AND e.direction = g.direction AND e.line IS g.line
WHERE g.open_now >= 10 AND g.open_now > 10 * coalesce(e.n, 0)
ORDER BY g.open_now DESC, g.pid, g.peer
LIMIT iif(:limit < 0, 20, :limit);
-- section: orphans | Closed here: the kernel ends what no process holds
-- column: now | now | count
-- column: peak | most | count
-- column: state | state |
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: longest_ns | longest | ns
-- column: oldest_ns | oldest since | time optional
-- column: newest_ns | newest since | time optional
-- column: first_peer | first peer | endpoint
-- column: first_name | its name | known
WITH
/*part recorded*/,
/*part stuck*/
SELECT
  sum(s.to_ns IS NULL) AS now,
  p.peak,
  s.state,
  iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
  s.process,
  iif(min(r.cmdline) = max(r.cmdline), (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id), NULL) AS script,
  count(DISTINCT s.pid) AS processes,
  sum(s.is_old) AS before,
  max(max(coalesce(s.to_ns, s.end_ns) - s.from_ns - s.clock_adjust_ns, 0)) AS longest_ns,
  iif(max(s.is_old), NULL, min(s.from_ns)) AS oldest_ns,
  max(iif(s.is_old, NULL, s.from_ns)) AS newest_ns,
  f.peer AS first_peer,
  f.remote_name AS first_name
FROM dwells AS s
JOIN peaks AS p ON p.program IS s.program AND p.state = s.state AND p.is_orphan = s.is_orphan
JOIN firsts AS f ON f.program IS s.program AND f.state = s.state AND f.is_orphan = s.is_orphan
LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = s.process_id
WHERE s.is_orphan
GROUP BY s.state, s.program
ORDER BY now DESC, p.peak DESC, s.state, pid, s.process
LIMIT iif(:limit < 0, 20, :limit);
