-- about: no bound is negative, and nothing ends before it began
-- section: violations | Violations
-- A clock that was set back may turn times around.
SELECT
  c.id AS connection_id,
  CASE
    WHEN c.open_error_ns < 0 OR c.close_error_ns < 0 THEN 'a negative bound'
    ELSE 'closed before it was opened'
  END AS detail
FROM connection AS c
WHERE c.open_error_ns < 0
  OR c.close_error_ns < 0
  OR (c.closed_ns < c.opened_ns - c.open_error_ns
    AND NOT EXISTS (SELECT 1 FROM gap AS g WHERE g.session_id = c.session_id AND g.source = 'clock'))
UNION ALL
SELECT e.connection_id, 'event ' || e.id || ' has a negative bound'
FROM event AS e
WHERE e.error_ns < 0
LIMIT :limit
