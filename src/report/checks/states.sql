-- about: states follow one another without a gap
-- section: violations | Violations
WITH changes AS (
  SELECT
    e.connection_id,
    e.id,
    e.kind,
    e.old,
    lag(e.new) OVER (PARTITION BY e.connection_id ORDER BY e.id) AS before
  FROM event_codes AS e
  WHERE e.kind IN ($event.present, $event.open, $event.state, $event.close)
)
SELECT
  connection_id,
  'event ' || id || ' comes of '
    || coalesce($name(state, changes.old), 'an unknown state')
    || ', the one before led to '
    || coalesce($name(state, changes.before), 'an unknown state') AS detail
FROM changes
WHERE kind IN ($event.state, $event.close) AND old IS NOT before
LIMIT :limit
