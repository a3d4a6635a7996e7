-- about: a connection's row agrees with its last events
-- section: violations | Violations
WITH last AS (
  SELECT connection_id, max(id) AS id, max(kind = $event.close) AS closed
  FROM event
  WHERE kind IN ($event.present, $event.open, $event.state, $event.close)
  GROUP BY connection_id
)
SELECT
  c.id AS connection_id,
  CASE
    WHEN c.gone <> last.closed THEN 'gone is ' || c.gone || ', its events say otherwise'
    ELSE 'its state is not the one that its last event led to'
  END AS detail
FROM connection AS c
JOIN last ON last.connection_id = c.id
JOIN event AS e ON e.id = last.id
WHERE c.gone <> last.closed OR (e.new IS NOT c.state AND e.new IS NOT NULL)
LIMIT :limit
