-- about: no state was left before it was entered, and lives know the clock steps within them
-- section: violations | Violations
WITH
-- Sessions with a gap of the clock and no clock step: salvage lost it.
unknown AS (
  SELECT g.session_id
  FROM gap AS g
  WHERE g.source = 'clock' AND NOT EXISTS (SELECT 1 FROM clock_step AS k WHERE k.session_id = g.session_id)
),
stamped AS (
  SELECT
    connection_id,
    id,
    at_ns - error_ns AS least_ns,
    lead(id) OVER next AS next_id,
    lead(at_ns) OVER next AS next_ns
  FROM event_codes
  WHERE kind IN ($event.present, $event.open, $event.state, $event.close)
  WINDOW next AS (PARTITION BY connection_id ORDER BY id)
),
lifetimes AS (
  SELECT
    connection_id,
    min(iif(kind IN ($event.present, $event.open), id, NULL)) AS first_id,
    min(iif(kind = $event.close OR (kind <> $event.owner AND new = $state.time_wait), id, NULL)) AS closed_id
  FROM event_codes
  WHERE EXISTS (SELECT 1 FROM clock_step)
  GROUP BY connection_id
)
SELECT t.connection_id, 'event ' || t.next_id || ' is earlier than event ' || t.id AS detail
FROM stamped AS t
WHERE t.next_ns - t.least_ns < iif((SELECT max(after_event) FROM clock_step) >= t.id, (
    SELECT coalesce(sum(step_ns), 0) FROM clock_step WHERE after_event >= t.id AND after_event < t.next_id
  ), 0)
  AND (SELECT c.session_id FROM connection AS c WHERE c.id = t.connection_id) NOT IN (SELECT session_id FROM unknown)
UNION ALL
SELECT l.connection_id, 'its clock steps are not those between its events'
FROM lifetimes AS l
JOIN connection AS c ON c.id = l.connection_id
WHERE l.closed_id >= l.first_id AND c.opened_ns IS NOT NULL
  AND coalesce(c.clock_adjust_ns, 0) <> (
    SELECT coalesce(sum(step_ns), 0) FROM clock_step WHERE after_event >= l.first_id AND after_event < l.closed_id
  )
LIMIT :limit
