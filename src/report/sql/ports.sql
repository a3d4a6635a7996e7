-- SPDX-License-Identifier: MIT
-- about: ephemeral ports in use at once for each local address and remote endpoint, TIME_WAIT counted, and who used them
-- section: ports | Ports in use at once; by default there are 28,232 (Linux) or 16,384 (Windows)
-- granularity: sums
-- column: peak | peak | count
-- column: peak_ns | at | time optional
-- column: open_now | open | count
-- column: time_wait_now | TIME_WAIT | count
-- column: connections | connections | count
-- column: local_address | local |
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: process | mostly |
-- column: script | script | known
-- column: netns | namespace | right optional several
WITH
top AS (
  SELECT *
  FROM port_use
  ORDER BY peak DESC, netns, remote_address_id, remote_port
  LIMIT iif(:limit < 0, 20, :limit)
),
present AS MATERIALIZED (
  SELECT coalesce(netns, -1) AS netns, local_address_id, remote_address_id, remote_port, state, process_id
  FROM connection
  WHERE duration_bucket IS NULL AND protocol = $protocol.tcp AND direction IN ($direction.unknown, $direction.outbound) AND remote_port IS NOT NULL
),
now AS (
  SELECT netns, local_address_id, remote_address_id, remote_port, sum(state <> $state.time_wait) AS open_now, sum(state = $state.time_wait) AS time_wait_now
  FROM present
  GROUP BY netns, local_address_id, remote_address_id, remote_port
)
SELECT
  top.peak,
  top.peak_ns,
  coalesce(now.open_now, 0) AS open_now,
  coalesce(now.time_wait_now, 0) AS time_wait_now,
  top.connections,
  l.text AS local_address,
  iif(r.text LIKE '%:%', '[' || r.text || ']', r.text) || ':' || top.remote_port AS remote,
  -- One of several, in the order of the alphabet.
  (
    SELECT min(n.text)
    FROM peer AS e
    CROSS JOIN name AS n ON n.id = e.name_id
    WHERE e.remote_address_id = top.remote_address_id AND e.port = top.remote_port AND e.direction IN ($direction.unknown, $direction.outbound) AND e.protocol = $protocol.tcp
  ) AS remote_name,
  (
    SELECT p.name
    FROM (
      SELECT f.process_id, u.connections AS n
      FROM peer AS e
      CROSS JOIN flow AS f ON f.peer_id = e.id
      CROSS JOIN flow_sum AS u ON u.flow_id = f.id
      WHERE e.remote_address_id = top.remote_address_id AND e.port = top.remote_port AND e.direction IN ($direction.unknown, $direction.outbound) AND e.protocol = $protocol.tcp
        AND f.local_address_id = top.local_address_id AND f.netns IS nullif(top.netns, -1)
      UNION ALL
      SELECT process_id, 1
      FROM present AS o
      WHERE o.netns = top.netns AND o.local_address_id = top.local_address_id AND o.remote_address_id = top.remote_address_id
        AND o.remote_port = top.remote_port
    ) AS used
    LEFT JOIN (SELECT id, name, cmdline FROM process) AS p ON p.id = used.process_id
    GROUP BY p.name
    ORDER BY sum(used.n) DESC, p.name
    LIMIT 1
  ) AS process,
  nullif(top.netns, -1) AS netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = (
    SELECT iif(min(p.cmdline) = max(p.cmdline), max(p.id), NULL)
    FROM (
      SELECT f.process_id, u.connections AS n
      FROM peer AS e
      CROSS JOIN flow AS f ON f.peer_id = e.id
      CROSS JOIN flow_sum AS u ON u.flow_id = f.id
      WHERE e.remote_address_id = top.remote_address_id AND e.port = top.remote_port AND e.direction IN ($direction.unknown, $direction.outbound) AND e.protocol = $protocol.tcp
        AND f.local_address_id = top.local_address_id AND f.netns IS nullif(top.netns, -1)
      UNION ALL
      SELECT process_id, 1
      FROM present AS o
      WHERE o.netns = top.netns AND o.local_address_id = top.local_address_id AND o.remote_address_id = top.remote_address_id
        AND o.remote_port = top.remote_port
    ) AS used
    LEFT JOIN (SELECT id, name, cmdline FROM process) AS p ON p.id = used.process_id
    GROUP BY p.name
    ORDER BY sum(n) DESC, p.name
    LIMIT 1
  )) AS script
FROM top
JOIN address AS l ON l.id = top.local_address_id
JOIN address AS r ON r.id = top.remote_address_id
LEFT JOIN now
  ON now.netns = top.netns AND now.local_address_id = top.local_address_id AND now.remote_address_id = top.remote_address_id
  AND now.remote_port = top.remote_port
ORDER BY top.peak DESC, remote, local_address;
-- section: ports | Ports in use at once; by default there are 28,232 (Linux) or 16,384 (Windows)
-- granularity: connections
-- column: peak | peak | count
-- column: peak_ns | at | time optional
-- column: open_now | open | count
-- column: time_wait_now | TIME_WAIT | count
-- column: connections | connections | count
-- column: local_address | local |
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: process | mostly |
-- column: script | script | known
-- column: netns | namespace | right optional several
WITH
used AS (
  SELECT
    netns,
    local_address,
    remote,
    remote_name,
    max(coalesce(opened_ns, first_seen_ns), coalesce(:since_ns, 0)) AS from_ns,
    -- NULL: until the end of the window. A connection that was open when an earlier recorder stopped counts until then.
    iif(
      id IN (SELECT id FROM connection WHERE duration_bucket IS NULL) OR coalesce(max(last_seen_ns, coalesce(closed_ns, 0)) > :until_ns, 0),
      NULL,
      max(last_seen_ns, coalesce(closed_ns, 0))
    ) AS until_ns,
    iif(:until_ns IS NULL, state, (
      -- SQLite looks up a connection's intervals only if they are sorted by a column of the result.
      SELECT state
      FROM (
        SELECT i.state, i.from_ns
        FROM state_intervals AS i
        WHERE i.connection_id = connections.id AND i.from_ns <= :until_ns AND (i.to_ns IS NULL OR i.to_ns > :until_ns)
        ORDER BY i.from_ns DESC
        LIMIT 1
      )
    )) AS state,
    process,
    process_id
  FROM connections
  WHERE protocol = 'tcp' AND direction IN ('outbound', 'unknown') AND remote_port IS NOT NULL
    -- What was there before the recorder came in where its own port is no ephemeral one.
    AND NOT (direction = 'unknown' AND remote_port >= 32768 AND local_port < 32768) AND (/*filter*/ 1)
),
steps AS (
  SELECT netns, local_address, remote, from_ns AS at_ns, 1 AS step FROM used
  UNION ALL
  SELECT netns, local_address, remote, until_ns, -1 FROM used WHERE until_ns IS NOT NULL
),
levels AS (
  SELECT
    netns,
    local_address,
    remote,
    at_ns,
    sum(step) OVER (PARTITION BY netns, local_address, remote ORDER BY at_ns, step) AS level
  FROM steps
),
peaks AS (
  -- In a query with max(), SQLite takes the other columns from the row of the maximum.
  SELECT netns, local_address, remote, max(level) AS peak, at_ns AS peak_ns FROM levels GROUP BY netns, local_address, remote
)
SELECT
  p.peak,
  p.peak_ns,
  sum(u.until_ns IS NULL AND u.state IS NOT 'TIME_WAIT') AS open_now,
  sum(u.until_ns IS NULL AND u.state IS 'TIME_WAIT') AS time_wait_now,
  count(*) AS connections,
  p.local_address,
  p.remote,
  min(u.remote_name) AS remote_name,
  (
    SELECT x.process
    FROM used AS x
    WHERE x.netns IS p.netns AND x.local_address = p.local_address AND x.remote = p.remote
    GROUP BY x.process
    ORDER BY count(*) DESC, x.process
    LIMIT 1
  ) AS process,
  p.netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = (
    SELECT iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL)
    FROM used AS x
    LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = x.process_id
    WHERE x.netns IS p.netns AND x.local_address = p.local_address AND x.remote = p.remote
    GROUP BY x.process
    ORDER BY count(*) DESC, x.process
    LIMIT 1
  )) AS script
FROM peaks AS p
JOIN used AS u ON u.netns IS p.netns AND u.local_address = p.local_address AND u.remote = p.remote
GROUP BY p.netns, p.local_address, p.remote
ORDER BY p.peak DESC, p.remote, p.local_address
LIMIT iif(:limit < 0, 20, :limit);
