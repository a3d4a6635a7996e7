-- about: a connection's row agrees with its last events
-- section: violations | Violations
WITH last AS (
  SELECT
    connection_id,
    new,
    max(kind = $event.close) OVER whole AS closed,
    row_number() OVER (PARTITION BY connection_id ORDER BY id DESC) AS place
  FROM event_codes
  WHERE kind IN ($event.present, $event.open, $event.state, $event.close)
  WINDOW whole AS (PARTITION BY connection_id)
)
SELECT
  c.id AS connection_id,
  CASE
    WHEN c.gone <> last.closed THEN 'gone is ' || c.gone || ', its events say otherwise'
    ELSE 'its state is not the one that its last event led to'
  END AS detail
FROM connection AS c
JOIN last ON last.connection_id = c.id AND last.place = 1
WHERE c.gone <> last.closed OR (last.new IS NOT c.state AND last.new IS NOT NULL)
LIMIT :limit
