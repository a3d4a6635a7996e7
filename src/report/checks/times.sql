-- about: no bound is negative, and nothing ends before it began, clock steps allowed for
-- section: violations | Violations
WITH
-- Before schema 4 only the gap was kept of a step: moments may be turned around.
unknown AS (
  SELECT g.session_id
  FROM gap AS g
  WHERE g.source = 'clock' AND NOT EXISTS (SELECT 1 FROM clock_step AS k WHERE k.session_id = g.session_id)
)
SELECT
  c.id AS connection_id,
  CASE
    WHEN c.open_error_ns < 0 OR c.close_error_ns < 0 THEN 'a negative bound'
    ELSE 'closed before it was opened'
  END AS detail
FROM connection AS c
WHERE c.open_error_ns < 0
  OR c.close_error_ns < 0
  OR (c.closed_ns - coalesce(c.clock_adjust_ns, 0) < c.opened_ns - c.open_error_ns AND c.session_id NOT IN (SELECT session_id FROM unknown))
UNION ALL
SELECT e.connection_id, 'event ' || e.id || ' has a negative bound'
FROM event AS e
WHERE e.error_ns < 0
LIMIT :limit
