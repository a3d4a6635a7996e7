-- about: no event has the id of another one, and rows name the last of the events that they hold, of which there are at most 128
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
UNION ALL
SELECT id, 'its history is not a JSON list of at most 128 events, so no report shows them'
FROM connection
WHERE history <> $list(history)
LIMIT :limit
