-- SPDX-License-Identifier: MIT
-- `listeners`: a row for each listener or UDP socket. Sockets of one process that listen at one
-- endpoint at the same time (SO_REUSEPORT) are one row, and so are short UDP sockets of one process on
-- ephemeral ports, such as those of queries: `are_queries`. `shown`: the filter selects it. `accepted`:
-- what came in on each of them. A socket has the owner of the window, and ends with its time.
listening AS (
  SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
  UNION ALL
  SELECT id FROM connection WHERE duration_bucket IS NULL
),
selected AS MATERIALIZED (
  SELECT id FROM connections WHERE direction = 'listen' AND id IN (SELECT id FROM listening) AND (/*filter*/ 1)
),
ids AS (
  SELECT c.id FROM listening CROSS JOIN connection AS c USING (id) WHERE c.direction = $direction.listen
),
/*part owners*/,
sockets AS (
  SELECT
    c.id,
    c.protocol,
    c.netns,
    c.local,
    c.local_address,
    c.local_port,
    c.opened_ns,
    p.id AS process_id,
    p.pid,
    p.name AS process,
    p.user,
    p.container,
    o.from_ns AS taken_ns,
    coalesce(o.until_ns, c.closed_ns) AS closed_ns,
    coalesce(c.opened_ns, c.first_seen_ns) AS began_ns,
    $of_udp_client(c) AS is_query,
    -- What was there before the recorder may have accepted since the end of the recorder before the
    -- one that saw it first. The session of a connection is the last one that saw it.
    coalesce(
      c.opened_ns - c.open_error_ns,
      (
        SELECT max(max(coalesce(s.ended_ns, 0), s.last_alive_ns))
        FROM sessions AS s
        WHERE s.id < (SELECT max(n.id) FROM sessions AS n WHERE n.started_ns <= c.first_seen_ns)
      ),
      0
    ) AS from_ns
  FROM listening
  CROSS JOIN connections AS c USING (id)
  LEFT JOIN owners AS o ON o.id = c.id
  LEFT JOIN process AS p ON p.id = iif(o.id IS NULL, c.process_id, o.process_id)
  WHERE c.direction = 'listen'
),
placed AS (SELECT *, iif(is_query, local_address || ', ephemeral ports', local) AS place FROM sockets),
marked AS (
  SELECT
    *,
    coalesce(began_ns >= max(coalesce(closed_ns, 9223372036854775807)) OVER (
      PARTITION BY protocol, place, netns, process_id ORDER BY began_ns, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 1) AS is_first
  FROM placed
),
numbered AS (
  SELECT
    *,
    CASE
      WHEN is_query THEN 0
      WHEN process_id IS NULL THEN -id
      ELSE sum(is_first) OVER (PARTITION BY protocol, place, netns, process_id ORDER BY began_ns, id)
    END AS number
  FROM marked
),
listeners AS MATERIALIZED (
  SELECT
    min(id) AS id,
    protocol,
    netns,
    iif(count(*) = 1, max(local), place) AS local,
    local_address,
    local_port,
    process_id,
    pid,
    process,
    user,
    container,
    count(*) AS sockets,
    max(is_query) AS are_queries,
    max(taken_ns) AS taken_ns,
    max(id IN (SELECT id FROM selected)) AS shown,
    min(began_ns) AS began_ns,
    min(from_ns) AS from_ns,
    -- NULL: it listened before the recorder started.
    iif(count(*) = count(opened_ns), min(opened_ns), NULL) AS opened_ns,
    iif(count(*) = count(closed_ns), max(closed_ns), NULL) AS closed_ns
  FROM numbered
  GROUP BY protocol, place, netns, process_id, number
),
-- Of a small recording the connections, of another one its flows; with a window, the connections that
-- lived in it.
source AS (
  SELECT coalesce(:since_ns, :until_ns) IS NULL AND count(*) > 50000 AS is_flows FROM (SELECT 1 FROM connection LIMIT 50001)
),
inbound AS (
  SELECT process_id, protocol, local_address, local_port, netns, first_ns, last_ns, opened
  FROM /* never connections */ peer_flows
  WHERE direction = 'inbound' AND protocol = 'tcp' AND (SELECT is_flows FROM source)
  UNION ALL
  SELECT process_id, protocol, local_address, local_port, netns, first_ns, last_ns, opened
  FROM connection_flows
  WHERE direction = 'inbound' AND protocol = 'tcp' AND NOT (SELECT is_flows FROM source) AND id IN (
    SELECT c.id
    FROM duration_bucket AS k
    CROSS JOIN connection AS c
      ON c.duration_bucket = k.code
      AND coalesce(c.opened_ns, c.first_seen_ns) BETWEEN coalesce(:since_ns - k.span_ns, -9e18) AND coalesce(:until_ns, 9e18)
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  ) AND (:until_ns IS NULL OR first_ns <= :until_ns) AND (:since_ns IS NULL OR max(last_seen_ns, coalesce(closed_ns, 0)) >= :since_ns)
),
flows AS MATERIALIZED (SELECT row_number() OVER () AS flow, * FROM inbound WHERE opened > 0),
-- A flow goes to the listener at its own address before one at all addresses, and to its process
-- before another.
matched AS (
  SELECT
    f.flow,
    l.id,
    f.opened,
    f.process_id,
    f.first_ns >= l.from_ns AND f.last_ns <= coalesce(l.closed_ns, f.last_ns) AS whole,
    2 * (f.local_address = l.local_address) + (f.process_id IS l.process_id) AS fit
  FROM listeners AS l
  JOIN flows AS f
    ON f.protocol = l.protocol AND f.local_port = l.local_port AND f.netns IS l.netns AND f.last_ns >= l.from_ns
    AND f.first_ns <= coalesce(l.closed_ns, f.first_ns)
    AND (
      f.local_address = l.local_address
      OR (l.local_address = '0.0.0.0' AND instr(f.local_address, ':') = 0)
      OR (l.local_address = '::' AND instr(f.local_address, ':') > 0)
    )
),
best AS (SELECT *, max(fit) OVER (PARTITION BY flow) AS best FROM matched),
taken AS (SELECT *, count(*) OVER (PARTITION BY flow) AS takers FROM best WHERE fit = best),
-- What each process took of each listener.
shares AS MATERIALIZED (
  SELECT id, process_id, sum(opened) AS opened, max(takers > 1 OR NOT whole) AS is_unsure
  FROM taken
  GROUP BY id, process_id
),
-- NULL where the share of a listener is not known: several could have accepted, or a flow also
-- began before or after it.
accepted AS (SELECT id, iif(max(is_unsure), NULL, sum(opened)) AS n FROM shares GROUP BY id)
