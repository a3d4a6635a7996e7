-- SPDX-License-Identifier: MIT
-- Whether the row of `connections` only stood in TIME_WAIT in the window: it had ended, and no process held it. States are read
-- only of what had ended before the window or the first look, and of what was there before the recorder.
iif(connections.opened_ns IS NULL OR connections.closed_ns <= max(connections.first_seen_ns, coalesce(:since_ns, connections.first_seen_ns)), coalesce((
  SELECT f.state = 'TIME_WAIT'
  FROM (
    SELECT i.state, i.from_ns
    FROM state_intervals AS i
    WHERE i.connection_id = connections.id AND coalesce(i.from_ns <= :until_ns, 1) AND (i.to_ns IS NULL OR coalesce(i.to_ns > :since_ns, 1))
    ORDER BY i.from_ns
    LIMIT 1
  ) AS f
), 0), 0)
