-- about: states follow one another without a gap
-- section: violations | Violations
WITH changes AS (
  SELECT
    e.connection_id,
    e.id,
    e.kind,
    e.old,
    lag(e.new) OVER (PARTITION BY e.connection_id ORDER BY e.id) AS before
  FROM event AS e
  WHERE e.kind IN (0, 1, 2, 5)
)
SELECT
  connection_id,
  'event ' || id || ' comes of '
    || coalesce((SELECT name FROM code_name WHERE kind = 'state' AND code = changes.old), 'an unknown state')
    || ', the one before led to '
    || coalesce((SELECT name FROM code_name WHERE kind = 'state' AND code = changes.before), 'an unknown state') AS detail
FROM changes
WHERE kind IN (2, 5) AND old IS NOT before
LIMIT :limit
