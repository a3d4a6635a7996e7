-- SPDX-License-Identifier: MIT
-- about: the events of the connections with the given ids, in the order of the ids, up to the end of the window
-- section: events | Events
-- column: connection | connection | count
-- column: after_ns | after its begin | ns
-- column: error_ns | ± | ns
-- column: kind | what |
-- column: new | new |
WITH
found AS (
  SELECT i.key AS place, e.id, e.connection_id, e.at_ns, e.error_ns, e.kind, e.new
  FROM json_each(:ids) AS i
  CROSS JOIN event AS e ON e.connection_id = i.value
  UNION ALL
  SELECT
    i.key, $history(id, c, e), c.id, $history(at, c, e), $history(error, c, e), $history(kind, c, e), $history(new, c, e)
  FROM json_each(:ids) AS i
  CROSS JOIN connection AS c ON c.id = i.value
  CROSS JOIN json_each($list(c.history)) AS e
  WHERE c.last_event IS NOT NULL
)
SELECT
  f.place AS connection,
  f.at_ns - coalesce(c.opened_ns, c.first_seen_ns) AS after_ns,
  f.error_ns,
  $name(event, f.kind) AS kind,
  CASE f.kind
    WHEN $event.offload THEN $name(offload, f.new)
    WHEN $event.owner THEN (SELECT p.name || ' ' || p.pid FROM process AS p WHERE p.id = f.new)
    ELSE $name(state, f.new)
  END AS new
FROM found AS f
JOIN connection AS c ON c.id = f.connection_id
WHERE f.at_ns <= coalesce(:until_ns, 9e18)
ORDER BY f.place, f.id;
