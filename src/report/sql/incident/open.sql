-- SPDX-License-Identifier: MIT
-- about: how many of the connections with the given ids enter and leave each state, in buckets of the window
-- section: open | Open connections: changes by state
-- column: bucket | bucket | count
-- column: state | state |
-- column: change | change | count
WITH
changes AS (
  SELECT e.at_ns, e.kind, e.old, e.new, c.protocol
  FROM json_each(:ids) AS i
  CROSS JOIN connection AS c ON c.id = i.value
  CROSS JOIN event AS e ON e.connection_id = c.id
  WHERE c.direction <> $direction.listen
  UNION ALL
  SELECT $history(at, c, e), $history(kind, c, e), $history(old, c, e), $history(new, c, e), c.protocol
  FROM json_each(:ids) AS i
  CROSS JOIN connection AS c ON c.id = i.value
  CROSS JOIN json_each($list(c.history)) AS e
  WHERE c.last_event IS NOT NULL AND c.direction <> $direction.listen
),
counted AS (
  SELECT
    max(0, (at_ns - :from_ns) / :bucket_ns) AS bucket,
    iif(kind IN ($event.present, $event.open), NULL, old) AS old,
    iif(kind = $event.close, NULL, new) AS new,
    kind IN ($event.present, $event.open) AS begins,
    kind = $event.close AS ends,
    protocol = $protocol.udp AS is_udp,
    count(*) AS number
  FROM changes
  WHERE kind IN ($event.present, $event.open, $event.state, $event.close) AND at_ns <= :to_ns
  GROUP BY 1, 2, 3, 4, 5, 6
),
steps AS (
  SELECT bucket, iif(is_udp, 'UDP', coalesce($name(state, new), 'unknown')) AS state, number AS change FROM counted WHERE NOT ends
  UNION ALL
  SELECT bucket, iif(is_udp, 'UDP', coalesce($name(state, old), 'unknown')), -number FROM counted WHERE NOT begins
  UNION ALL
  -- Nobody saw the end of these.
  SELECT
    max(0, (c.last_seen_ns - :from_ns) / :bucket_ns),
    iif(c.protocol = 'udp', 'UDP', coalesce(c.state, 'unknown')),
    -1
  FROM json_each(:ids) AS i
  CROSS JOIN connections AS c ON c.id = i.value
  WHERE NOT c.gone AND c.direction <> 'listen' AND c.last_seen_ns < :to_ns
)
SELECT bucket, state, sum(change) AS change
FROM steps
GROUP BY bucket, state
HAVING sum(change) <> 0
ORDER BY bucket, state;
