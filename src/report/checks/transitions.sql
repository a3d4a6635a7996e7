-- about: exactly known changes are transitions of RFC 9293, figure 5
-- section: violations | Violations
-- A change with an error can hide others. 12 is Windows' DELETE_TCB, which may follow anything.
WITH allowed (old, new) AS (
  VALUES
    (2, 3), (2, 4), (2, 1),
    (3, 4), (3, 5), (3, 1),
    (4, 5), (4, 6), (4, 8), (4, 2), (4, 1),
    (5, 6), (5, 8), (5, 1),
    (6, 7), (6, 10), (6, 11), (6, 1),
    (7, 11), (7, 1),
    (8, 9), (8, 1),
    (9, 1),
    (10, 11), (10, 1),
    (11, 1)
)
SELECT
  e.connection_id,
  'event ' || e.id || ' goes from ' || (SELECT name FROM code_name WHERE kind = 'state' AND code = e.old)
    || ' to ' || (SELECT name FROM code_name WHERE kind = 'state' AND code = e.new) AS detail
FROM event AS e
WHERE e.kind IN (2, 5) AND e.error_ns = 0 AND e.old IS NOT NULL AND e.new IS NOT NULL AND e.new <> 12 AND e.old <> 12
  AND NOT EXISTS (SELECT 1 FROM allowed AS a WHERE a.old = e.old AND a.new = e.new)
LIMIT :limit
