-- SPDX-License-Identifier: MIT
-- `dwells`: stays of five seconds and more in a state that should pass. `is_orphan`: the kernel ends it, whatever processes do.
-- `peaks`, `watched`, `firsts`: of those of one program, state and kind.
-- Each interval ends with the window at the latest, or with the recording if that is earlier.
dwells AS MATERIALIZED (
  SELECT
    n.process_id,
    -- Short processes of one program are one row.
    coalesce(g.lasting_id, c.process) AS program,
    c.pid,
    c.process,
    y.state,
    y.from_ns,
    y.clock_adjust_ns,
    -- It was in this state at the first look: since when is not known.
    c.opened_ns IS NULL AND y.from_ns <= c.first_seen_ns AS is_old,
    coalesce(y.from_ns < :since_ns, 0) OR (c.opened_ns IS NULL AND y.from_ns <= c.first_seen_ns) AS was_there,
    iif(y.to_ns <= coalesce(:until_ns, y.to_ns), y.to_ns, NULL) AS to_ns,
    -- After its FIN no process need hold it, and then the kernel ends it: in FIN_WAIT_2 after a minute (tcp_fin_timeout).
    y.state IN ('FIN_WAIT_1', 'CLOSING', 'LAST_ACK') OR (
      y.state = 'FIN_WAIT_2' AND NOT (c.gone = 0 AND c.owner_source = 'held')
        AND coalesce(y.to_ns, max(c.last_seen_ns, coalesce((SELECT until_ns FROM recorded), 0))) - y.from_ns < 65000000000
    ) AS is_orphan,
    coalesce(min(:until_ns, max(c.last_seen_ns, coalesce((SELECT until_ns FROM recorded), 0))), c.last_seen_ns) AS end_ns,
    -- Of what came in, the port of the service.
    coalesce((SELECT p.peer FROM peers AS p WHERE p.id = n.peer_id), c.remote, c.remote_address) AS peer,
    c.remote_name
  FROM long_dwells AS y
  CROSS JOIN (SELECT * FROM connections WHERE /*filter*/ 1) AS c ON c.id = y.connection_id
  JOIN connection AS n ON n.id = y.connection_id
  LEFT JOIN programs AS g ON g.process_id = n.process_id
  WHERE (:until_ns IS NULL OR y.from_ns <= :until_ns) AND (:since_ns IS NULL OR y.to_ns IS NULL OR y.to_ns >= :since_ns)
),
steps AS (
  SELECT program, state, is_orphan, from_ns AS at_ns, 1 AS step FROM dwells
  UNION ALL
  SELECT program, state, is_orphan, to_ns, -1 FROM dwells WHERE to_ns IS NOT NULL
),
levels AS (
  SELECT
    program,
    state,
    is_orphan,
    sum(step) OVER (PARTITION BY program, state, is_orphan ORDER BY at_ns, step) AS level
  FROM steps
),
peaks AS (SELECT program, state, is_orphan, max(level) AS peak FROM levels GROUP BY program, state, is_orphan),
-- For how long they were watched: until the end since the first look, or since the beginning of the
-- window, if some were there, else since the first of them.
watched AS (
  SELECT
    program,
    state,
    is_orphan,
    max(end_ns) - iif(max(was_there), max(coalesce(:since_ns, 0), min(iif(was_there, from_ns, NULL))), min(from_ns)) AS ns
  FROM dwells
  GROUP BY program, state, is_orphan
),
-- In a query with min(), SQLite takes the other columns from the row of the minimum.
firsts AS (SELECT program, state, is_orphan, peer, remote_name, min(from_ns) FROM dwells GROUP BY program, state, is_orphan)
