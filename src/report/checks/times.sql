-- about: no bound is negative, and nothing ends before it began, clock steps allowed for
-- section: violations | Violations
WITH
-- Sessions with a gap of the clock and no clock step: salvage lost it, so times may be out of order.
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
FROM event_codes AS e
WHERE e.error_ns < 0
LIMIT :limit
