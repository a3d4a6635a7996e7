-- SPDX-License-Identifier: MIT
-- about: who held a port: --port or --local-port, with --at for one moment; TIME_WAIT leftovers and inherited listeners too
-- section: holders | Held the port
-- column: local_port | port | port
-- column: held | as | optional
-- column: pid | pid | right
-- column: process | process |
-- column: user | user | optional
-- column: owner_source | owner | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint optional
-- column: remote | remote | endpoint
-- column: state | state |
-- column: sure | sure | optional
-- column: from_ns | from | time
-- column: open_error_ns | ± | ns optional
-- column: until_ns | until | time
-- column: cmdline | command line | optional
WITH
holders AS (
  SELECT id
  FROM connections
  WHERE /*filter*/ 1
  ORDER BY direction <> 'listen', local_port, coalesce(opened_ns, first_seen_ns), id
  LIMIT iif(:limit < 0, 200, :limit)
),
selected AS (SELECT * FROM connections WHERE id IN (SELECT id FROM holders)),
held AS (
  -- Its owner at the end of the window, if it has another one now.
  SELECT
    selected.*,
    (
      SELECT e.old
      FROM event AS e
      WHERE e.connection_id = selected.id AND e.kind = $event.owner AND e.old IS NOT NULL AND e.at_ns > :until_ns
      ORDER BY e.id
      LIMIT 1
    ) AS then_id
  FROM selected
)
SELECT
  local_port,
  iif(direction = 'listen', 'listener', direction) AS held,
  iif(then_id IS NULL, held.pid, p.pid) AS pid,
  iif(then_id IS NULL, process, p.name) AS process,
  iif(then_id IS NULL, held.user, p.user) AS user,
  owner_source,
  protocol,
  local,
  remote,
  -- The state at the end of the window, else the last one.
  (
    SELECT i.state
    FROM state_intervals AS i
    WHERE i.connection_id = held.id AND (:until_ns IS NULL OR i.from_ns <= :until_ns)
    ORDER BY i.from_ns DESC
    LIMIT 1
  ) AS state,
  -- At an instant: `?` if it may have opened later or closed earlier, within the error bounds.
  CASE WHEN :since_ns = :until_ns THEN iif(
    :since_ns < opened_ns
      OR (:since_ns BETWEEN closed_ns - close_error_ns AND closed_ns AND coalesce(state, '') <> 'TIME_WAIT'),
    '?',
    'yes'
  ) END AS sure,
  coalesce(opened_ns, first_seen_ns) AS from_ns,
  open_error_ns,
  (SELECT e.at_ns FROM events AS e WHERE e.connection_id = held.id AND e.kind = 'close') AS until_ns,
  iif(then_id IS NULL, held.cmdline, p.cmdline) AS cmdline
FROM held
LEFT JOIN process AS p ON p.id = then_id
ORDER BY direction <> 'listen', local_port, from_ns, held.id;
