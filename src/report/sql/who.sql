-- SPDX-License-Identifier: MIT
-- about: who held a port: --port or --local-port, with --at for one moment; TIME_WAIT leftovers and inherited listeners too
-- section: holders | Held the port
-- column: local_port | port | port
-- column: held | as |
-- column: pid | pid | right
-- column: process | process |
-- column: user | user | optional
-- column: owner_source | owner | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: remote | remote | endpoint
-- column: state | state |
-- column: from_ns | from | time
-- column: open_error_ns | ± | ns optional
-- column: until_ns | until | time optional
-- column: cmdline | command line | optional
WITH
holders AS (
  SELECT id
  FROM connections
  WHERE /*filter*/ 1
  ORDER BY direction <> 'listen', local_port, coalesce(opened_ns, first_seen_ns), id
  LIMIT iif(:limit < 0, 200, :limit)
),
selected AS (SELECT * FROM connections WHERE id IN (SELECT id FROM holders))
SELECT
  local_port,
  iif(direction = 'listen', 'listener', direction) AS held,
  pid,
  process,
  user,
  owner_source,
  protocol,
  local,
  remote,
  -- At the moment asked for, else the last one.
  (
    SELECT i.state
    FROM state_intervals AS i
    WHERE i.connection_id = selected.id AND (:until_ns IS NULL OR i.from_ns <= :until_ns)
    ORDER BY i.from_ns DESC
    LIMIT 1
  ) AS state,
  coalesce(opened_ns, first_seen_ns) AS from_ns,
  open_error_ns,
  (SELECT e.at_ns FROM events AS e WHERE e.connection_id = selected.id AND e.kind = 'close') AS until_ns,
  cmdline
FROM selected
ORDER BY direction <> 'listen', local_port, from_ns, id;
