-- SPDX-License-Identifier: MIT
-- `waiting`: connects without an answer, and connections whose peer does not acknowledge, a row for each program, peer and state.
-- A connect, or what the peer has not acknowledged.
waiting_connections AS MATERIALIZED (
  SELECT
    c.pid,
    c.process,
    coalesce(c.remote_name || ':' || c.remote_port, c.remote) AS remote,
    c.remote_name,
    c.remote_address,
    c.direction,
    -- At the end of the window.
    iif(c.hung, 'SYN_SENT', coalesce((
      SELECT i.state
      FROM state_intervals AS i
      WHERE i.connection_id = c.id AND i.from_ns <= :until_ns AND i.to_ns > :until_ns
    ), c.state)) AS state,
    c.netns,
    iif(c.hung OR c.state = 'SYN_SENT', c.opened_ns, n.last_seen_ns - 1000000 * c.unanswered_ms) AS since_ns,
    -- At least since it was first seen.
    iif(c.hung OR c.state = 'SYN_SENT', coalesce(c.opened_ns, c.first_seen_ns), n.last_seen_ns - 1000000 * c.unanswered_ms) AS from_ns,
    n.last_seen_ns,
    n.process_id
  FROM (
    SELECT
      *,
      outcome = 'open' AND id IN (SELECT id FROM connection WHERE duration_bucket IS NULL) AS is_open,
      -- At the end of the window it waited; it does not any more.
      coalesce(coalesce(closed_ns, last_seen_ns) > :until_ns, 0) AND direction <> 'listen' AND EXISTS (
        SELECT 1
        FROM state_intervals AS i
        WHERE i.connection_id = connections.id AND i.state = 'SYN_SENT' AND i.from_ns <= :until_ns AND i.to_ns > :until_ns
      ) AS hung
    FROM connections
    -- What was open at the end of the window.
    WHERE id IN (
        SELECT id FROM connection WHERE duration_bucket IS NULL
        UNION ALL
        SELECT o.id
        FROM duration_bucket AS b
        CROSS JOIN connection AS o
        WHERE o.duration_bucket = b.code AND coalesce(o.opened_ns, o.first_seen_ns) BETWEEN :until_ns - b.span_ns AND :until_ns
      ) AND (/*filter*/ 1)
  ) AS c
  JOIN connection AS n ON n.id = c.id
  WHERE c.hung OR (c.is_open AND (c.state = 'SYN_SENT' OR c.unanswered_ms IS NOT NULL))
),
-- Short processes of one program are one row.
waiting AS (
  SELECT
    count(*) AS connections,
    iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
    s.process,
    iif(min(r.cmdline) = max(r.cmdline), (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id), NULL) AS script,
    count(DISTINCT s.pid) AS processes,
    s.direction,
    s.remote,
    s.remote_name,
    /*part with_addresses*/,
    s.state,
    iif(count(*) = count(s.since_ns), min(s.since_ns), NULL) AS since_ns,
    -- Until the end of the window, or of the recording if that is earlier.
    max(min(coalesce(:until_ns, 9223372036854775807), (
      SELECT max(at_ns) FROM (SELECT max(last_alive_ns) AS at_ns FROM sessions UNION ALL SELECT last_seen_ns FROM waiting_connections)
    )) - s.from_ns) AS waited_ns,
    s.netns
  FROM waiting_connections AS s
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = s.process_id
  LEFT JOIN programs AS g ON g.process_id = s.process_id
  WHERE coalesce(s.from_ns <= :until_ns, 1)
  GROUP BY g.lasting_id, s.process, s.direction, iif(s.direction = 'inbound', NULL, s.remote), s.state, s.netns
)
