-- about: a connection begins with one open or present event, and nothing follows its close
-- section: violations | Violations
WITH ordered AS (
  SELECT
    e.connection_id,
    e.id,
    e.kind,
    lag(e.kind) OVER (PARTITION BY e.connection_id ORDER BY e.id) AS before
  FROM event_codes AS e
)
SELECT
  connection_id,
  'event ' || id || CASE
    WHEN before IS NULL THEN ' is the first, and neither open nor present'
    WHEN before = $event.close THEN ' follows the close'
    ELSE ' opens once more'
  END AS detail
FROM ordered
WHERE (before IS NULL AND kind NOT IN ($event.present, $event.open)) OR (before IS NOT NULL AND kind IN ($event.present, $event.open)) OR (before = $event.close AND kind <> $event.owner)
UNION ALL
SELECT c.id, 'no event at all'
FROM connection AS c
WHERE NOT EXISTS (SELECT 1 FROM event_codes AS e WHERE e.connection_id = c.id)
LIMIT :limit
