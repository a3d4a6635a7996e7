-- about: no event has the id of another one, and rows name the last event that they hold
-- section: violations | Violations
SELECT max(connection_id) AS connection_id, 'event ' || id || ' is there ' || count(*) || ' times' AS detail
FROM event_codes
GROUP BY id
HAVING count(*) > 1
UNION ALL
SELECT connection_id, 'its last event is ' || max(id) || ', its row says ' || max(newest)
FROM event_codes
GROUP BY connection_id
HAVING max(id) <> max(newest)
LIMIT :limit
