-- SPDX-License-Identifier: MIT
-- about: who held a port: --port or --local-port, with --at for one moment; inherited listeners too, TIME_WAIT leftovers last
-- section: summary | Who held the port
-- column: local_port | port | port optional
-- column: held | as |
-- column: connections | sockets | count
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: user | user | optional
-- column: from_ns | from | time
-- column: until_ns | until | time
-- column: until_doubt_ns | until ± | ns known
-- column: container | container | optional several
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (
  SELECT
    id,
    direction,
    local_port,
    protocol,
    netns,
    opened_ns,
    state,
    process_id,
    /*part leftover*/ AS is_leftover
  FROM connections
  WHERE /*filter*/ 1
),
ids AS (SELECT id FROM selected),
/*part owners*/,
held AS (
  SELECT
    s.id,
    iif(s.is_leftover, 'TIME_WAIT leftover', s.direction) AS direction,
    s.is_leftover,
    s.local_port,
    s.protocol,
    s.netns,
    coalesce(o.from_ns, s.opened_ns) AS from_ns,
    iif(o.id IS NULL, s.process_id, o.process_id) AS process_id,
    coalesce(
      o.until_ns,
      (SELECT e.at_ns FROM event_codes AS e WHERE e.connection_id = s.id AND e.kind = $event.close)
    ) AS until_ns,
    -- Only where the bound is more than a tick.
    iif(o.until_ns IS NULL, (
      SELECT e.error_ns
      FROM event_codes AS e
      WHERE e.connection_id = s.id AND e.kind = $event.close AND e.error_ns > (SELECT max(t.interval_ns) FROM sessions AS t)
    ), NULL) AS until_doubt_ns,
    iif(:until_ns IS NULL, s.state, (
      SELECT state
      FROM (
        SELECT i.state, i.from_ns
        FROM state_intervals AS i
        WHERE i.connection_id = s.id AND i.from_ns <= :until_ns
        ORDER BY i.from_ns DESC
        LIMIT 1
      )
    )) AS state_then
  FROM selected AS s
  -- A listener has a row for each owner; what was accepted counts once.
  LEFT JOIN holders AS o ON o.id = s.id AND (o.place = 1 OR (o.is_selected AND s.direction = 'listen'))
)
-- A row for each program: at each port of ours, or at all ports of its own.
SELECT
  iif(h.direction <> 'outbound' OR count(DISTINCT h.local_port) = 1, max(h.local_port), NULL) AS local_port,
  iif(h.direction = 'listen', 'listener', h.direction) AS held,
  count(*) AS connections,
  sum((h.until_ns IS NULL OR coalesce(h.until_ns > :until_ns, 0)) AND h.state_then IS NOT 'TIME_WAIT') AS open_now,
  iif(count(DISTINCT r.pid) = 1, max(r.pid), NULL) AS pid,
  r.name AS process,
  iif(min(r.cmdline) = max(r.cmdline), (SELECT s.script FROM scripts AS s WHERE s.process_id = r.id), NULL) AS script,
  count(DISTINCT r.pid) AS processes,
  r.user,
  -- NULL: one was there before the recorder.
  iif(count(*) = count(h.from_ns), min(h.from_ns), NULL) AS from_ns,
  iif(count(*) = count(h.until_ns), max(h.until_ns), NULL) AS until_ns,
  iif(count(*) = count(h.until_ns), max(h.until_doubt_ns), NULL) AS until_doubt_ns,
  r.container,
  h.netns
FROM held AS h
LEFT JOIN (SELECT id, pid, name, user, cmdline, container FROM process) AS r ON r.id = h.process_id
LEFT JOIN programs AS g ON g.process_id = h.process_id
GROUP BY
  h.direction, iif(h.direction = 'outbound', NULL, h.local_port), h.protocol, h.netns, g.lasting_id, r.name, r.user
ORDER BY h.is_leftover, h.direction <> 'listen', connections DESC, pid, process
LIMIT iif(:limit < 0, 20, :limit);
-- section: holders | One by one
-- column: local_port | port | port
-- column: held | as |
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: user | user | optional
-- column: owner_source | owner | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint optional
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: state | state |
-- column: sure | sure |
-- column: from_ns | from | time
-- column: open_error_ns | ± | ns optional
-- column: until_ns | until | time
-- column: until_doubt_ns | until ± | ns known
-- column: cmdline | command line | optional
-- column: container | container | optional several
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (
  SELECT id, direction, local_port, coalesce(opened_ns, first_seen_ns) AS began_ns, /*part leftover*/ AS is_leftover
  FROM connections
  WHERE /*filter*/ 1
),
numbered AS (SELECT *, sum(is_leftover) OVER (ORDER BY local_port, began_ns, id) AS number FROM selected),
-- No process holds the port for what only stood in TIME_WAIT: people want a few of them.
ids AS MATERIALIZED (
  SELECT id, is_leftover
  FROM numbered
  WHERE NOT is_leftover OR number <= iif(:limit < 0, 5, :limit)
  ORDER BY is_leftover, direction <> 'listen', local_port, began_ns, id
  LIMIT iif(:limit < 0, 50, :limit)
),
/*part owners*/,
held AS (
  SELECT c.*, i.is_leftover, iif(o.id IS NULL, c.process_id, o.process_id) AS holder_id, o.from_ns AS held_from_ns, o.until_ns AS held_until_ns
  FROM ids AS i
  CROSS JOIN connections AS c ON c.id = i.id
  LEFT JOIN holders AS o ON o.id = c.id AND (o.place = 1 OR (o.is_selected AND c.direction = 'listen'))
)
SELECT
  local_port,
  CASE WHEN is_leftover THEN 'TIME_WAIT leftover' WHEN direction = 'listen' THEN 'listener' ELSE direction END AS held,
  p.pid,
  p.name AS process,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = p.id) AS script,
  p.user,
  owner_source,
  protocol,
  local,
  remote,
  remote_name,
  name_source,
  -- At the end of the window; CLOSED if it had ended.
  coalesce((
    SELECT state
    FROM (
      SELECT i.state, i.from_ns
      FROM state_intervals AS i
      WHERE i.connection_id = held.id AND coalesce(i.from_ns <= :until_ns, 1) AND (i.to_ns IS NULL OR i.to_ns > :until_ns)
      ORDER BY i.from_ns DESC
      LIMIT 1
    )
  ), state) AS state,
  -- At an instant: `?` if it may have opened later or closed earlier, within the error bounds.
  CASE WHEN :since_ns = :until_ns THEN iif(
    :since_ns < opened_ns
      OR (:since_ns BETWEEN closed_ns - close_error_ns AND closed_ns AND coalesce(state, '') <> 'TIME_WAIT'),
    '?',
    'yes'
  ) END AS sure,
  -- When it took over or opened it. NULL: it was there before the recorder.
  coalesce(held_from_ns, opened_ns) AS from_ns,
  iif(held_from_ns IS NULL, open_error_ns, NULL) AS open_error_ns,
  coalesce(held_until_ns, (SELECT e.at_ns FROM events AS e WHERE e.connection_id = held.id AND e.kind = 'close')) AS until_ns,
  iif(held_until_ns IS NULL, (
    SELECT e.error_ns
    FROM events AS e
    WHERE e.connection_id = held.id AND e.kind = 'close' AND e.error_ns > (SELECT max(t.interval_ns) FROM sessions AS t)
  ), NULL) AS until_doubt_ns,
  p.cmdline,
  p.container,
  netns
FROM held
LEFT JOIN (SELECT id, pid, name, user, cmdline, container FROM process) AS p ON p.id = held.holder_id
ORDER BY is_leftover, direction <> 'listen', local_port, coalesce(opened_ns, first_seen_ns), held.id, held_from_ns
LIMIT iif(:limit < 0, 50, :limit);
