-- SPDX-License-Identifier: MIT
-- A row for each of the connections in `ids`, as it was at the end of the window.
selected AS (SELECT * FROM connections WHERE id IN (SELECT id FROM ids)),
/*part owners*/,
held AS (
  -- Its owner in the window, or the one that the filter selects, if it has another one now.
  SELECT
    selected.*,
    coalesce(closed_ns, last_seen_ns) > :until_ns AS goes_on,
    owners.process_id AS then_id
  FROM selected
  LEFT JOIN owners ON owners.id = selected.id
)
SELECT
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  -- NULL: it was there before the recorder.
  opened_ns,
  iif(then_id IS NULL, held.pid, p.pid) AS pid,
  iif(then_id IS NULL, process, p.name) AS process,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = coalesce(then_id, held.process_id)) AS script,
  direction,
  protocol,
  local,
  remote,
  remote_name,
  name_source,
  -- The state at the end of the window, else the last one.
  coalesce((
    SELECT i.state
    FROM state_intervals AS i
    WHERE i.connection_id = held.id AND i.from_ns <= :until_ns AND (i.to_ns IS NULL OR i.to_ns > :until_ns)
  ), iif(:until_ns < closed_ns OR :until_ns < opened_ns, NULL, state)) AS state,
  -- At an instant: `?` if it may have opened later or closed earlier, within the error bounds.
  CASE WHEN :since_ns = :until_ns THEN iif(
    :since_ns < opened_ns
      OR (:since_ns BETWEEN closed_ns - close_error_ns AND closed_ns AND coalesce(state, '') <> 'TIME_WAIT'),
    '?',
    'yes'
  ) END AS sure,
  iif(goes_on, 'open', outcome) AS outcome,
  iif(goes_on, NULL, outcome_reason) AS outcome_reason,
  syns,
  iif(closed_ns > :until_ns, NULL, duration_ns) AS duration_ns,
  -- NULL where the bound is no more than a tick.
  iif(
    close_error_ns > (SELECT s.interval_ns FROM sessions AS s WHERE s.id = held.session_id) AND NOT coalesce(closed_ns > :until_ns, 0),
    close_error_ns,
    NULL
  ) AS close_doubt_ns,
  -- What it had later is not what it had then.
  iif(goes_on, NULL, bytes_sent) AS bytes_sent,
  iif(goes_on, NULL, bytes_received) AS bytes_received,
  iif(goes_on, NULL, rtt_us) AS rtt_us,
  iif(goes_on, NULL, retransmits) AS retransmits,
  open_error_ns,
  owner_source,
  iif(then_id IS NULL, held.user, p.user) AS user,
  offload,
  -- All in the unit of the longest, exact to a microsecond.
  (
    SELECT group_concat(step, ' > ')
    FROM (
      SELECT state || CASE
        WHEN dwell_ns IS NULL THEN ''
        WHEN longest_ns < 1e6 THEN printf(' %dus', dwell_ns / 1000)
        WHEN longest_ns < 1e9 THEN ' ' || rtrim(rtrim(printf('%.3f', dwell_ns / 1e6), '0'), '.') || 'ms'
        ELSE ' ' || rtrim(rtrim(printf('%.6f', dwell_ns / 1e9), '0'), '.') || 's'
      END AS step
      FROM (
        SELECT state, from_ns, dwell_ns, max(dwell_ns) OVER () AS longest_ns
        FROM (
          SELECT state, from_ns, iif(to_ns > :until_ns, NULL, dwell_ns) AS dwell_ns
          FROM state_intervals
          WHERE connection_id = held.id AND coalesce(from_ns <= :until_ns, 1)
        )
      )
      ORDER BY from_ns
    )
  ) AS states,
  held.id,
  closed_ns,
  close_error_ns,
  iif(then_id IS NULL, held.container, p.container) AS container,
  netns
FROM held
LEFT JOIN (SELECT id, pid, name, user, container FROM process) AS p ON p.id = then_id
