-- SPDX-License-Identifier: MIT
-- The views that reports read, beside those of views.sql. The same rules hold for them.

-- Gaps in which nobody looked. In others single changes are missing, or what ended was deleted. A
-- trace goes on while the recorder is late: what the kernel had no room for is a gap of its own.
CREATE VIEW blind_gaps AS
WITH traces AS (
  SELECT s.id AS session_id, coalesce(min(g.from_ns), 9223372036854775807) AS until_ns
  FROM session AS s LEFT JOIN gap AS g ON g.session_id = s.id AND g.reason = 'trace detached'
  WHERE '+' || s.sources || '+' LIKE '%+trace+%'
  GROUP BY s.id
)
SELECT g.netns, g.from_ns, g.to_ns, g.reason
FROM gap AS g LEFT JOIN traces AS t ON t.session_id = g.session_id
WHERE g.source <> 'retention' AND g.reason NOT LIKE 'missed %'
  AND NOT (g.reason IN ('skipped ticks', 'interval stretched', 'queue full') AND coalesce(g.to_ns < t.until_ns, 0));

-- Times of which ended connections have no rows, but sums. Retention deletes the oldest. What was
-- more than could be written never had a row.
CREATE VIEW deleted_times AS
SELECT
  iif(reason = 'more than could be written', from_ns, -9223372036854775808) AS from_ns,
  to_ns
FROM gap
WHERE source = 'retention' AND reason NOT GLOB 'lookups *';

-- The views below answer reports on whole recordings. A view `peer_…` or `process_…` reads the sums
-- of closed connections and, one by one, the connections that are still open. The view
-- `connection_…` of the same name has the same columns and one row for each connection. A LEFT JOIN
-- costs nothing where a query does not use its columns.
CREATE VIEW connection_flows AS
SELECT
  c.process_id, p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, c.direction) AS direction,
  $name(protocol, c.protocol) AS protocol,
  c.netns,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port, c.peer_id,
  (SELECT peer FROM peers WHERE peers.id = c.peer_id) AS peer,
  n.text AS remote_name,
  -- An earlier session left it open: whether it still is, is not known.
  $name(outcome, iif(
    c.duration_bucket IS NOT NULL AND c.outcome = $outcome.open, $outcome.unknown, c.outcome
  )) AS outcome,
  $name(outcome_reason, c.outcome_reason) AS outcome_reason,
  $name(owner_reason, c.owner_reason) AS owner_reason,
  CAST(1 AS INTEGER) AS connections,
  CAST(c.opened_ns IS NOT NULL AS INTEGER) AS opened,
  CAST(c.outcome = $outcome.closed AND EXISTS (
    SELECT 1
    FROM event_codes AS e
    WHERE e.connection_id = c.id AND e.kind IN ($event.present, $event.open, $event.state)
      AND e.new IN ($state.fin_wait_1, $state.fin_wait_2, $state.closing, $state.time_wait)
  ) AS INTEGER) AS closed_by_us,
  CAST(c.outcome = $outcome.closed AND EXISTS (
    SELECT 1
    FROM event_codes AS e
    WHERE e.connection_id = c.id AND e.kind IN ($event.present, $event.open, $event.state)
      AND e.new IN ($state.close_wait, $state.last_ack)
  ) AND NOT EXISTS (
    SELECT 1
    FROM event_codes AS e
    WHERE e.connection_id = c.id AND e.kind IN ($event.present, $event.open, $event.state)
      AND e.new IN ($state.fin_wait_1, $state.fin_wait_2, $state.closing, $state.time_wait)
  ) AS INTEGER) AS closed_by_peer,
  c.syns,
  -- NULL if it was opened and closed between two reads of the table.
  CAST(iif(
    c.closed_ns - c.opened_ns > coalesce(c.clock_adjust_ns, 0),
    c.closed_ns - c.opened_ns - coalesce(c.clock_adjust_ns, 0),
    NULL
  ) AS INTEGER) AS longest_ns,
  c.open_error_ns, c.bytes_sent, c.bytes_received,
  CAST(coalesce(c.opened_ns, c.first_seen_ns) AS INTEGER) AS first_ns,
  CAST(coalesce(c.opened_ns, c.first_seen_ns) AS INTEGER) AS last_ns,
  c.closed_ns AS first_closed_ns,
  c.closed_ns AS last_closed_ns,
  c.id, c.opened_ns, c.first_seen_ns,
  CASE WHEN c.gone THEN c.last_seen_ns ELSE max(c.last_seen_ns, s.alive_ns) END AS last_seen_ns,
  c.closed_ns, c.duration_bucket
FROM connection AS c
LEFT JOIN session AS s ON s.id = c.session_id
LEFT JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id
LEFT JOIN peer AS e ON e.id = c.peer_id
LEFT JOIN name AS n ON n.id = e.name_id;

CREATE VIEW connection_dwells AS
SELECT
  c.process_id, c.pid, c.process, c.exe, c.user, c.direction, c.protocol, c.netns, c.local_address,
  c.local_port, c.remote_address, c.remote_port, c.peer_id, c.peer, c.remote_name, i.state,
  CAST(1 AS INTEGER) AS dwells,
  CAST(iif(c.duration_bucket IS NULL, i.to_ns IS NULL, 0) AS INTEGER) AS still,
  CAST(
    max(0, coalesce(i.to_ns, c.last_seen_ns) - i.from_ns - i.clock_adjust_ns) AS INTEGER
  ) AS dwell_ns,
  i.from_ns, i.to_ns, i.clock_adjust_ns,
  c.id, c.opened_ns, c.open_error_ns, c.first_seen_ns, c.last_seen_ns, c.closed_ns,
  c.duration_bucket, c.outcome
FROM connection_flows AS c
JOIN state_intervals AS i ON i.connection_id = c.id;

CREATE VIEW connection_lifetimes AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name,
  CAST(1 AS INTEGER) AS lifetimes,
  longest_ns AS lifetime_ns,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket, outcome
FROM connection_flows
WHERE longest_ns IS NOT NULL;

CREATE VIEW connection_opens AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name,
  CAST(1 AS INTEGER) AS span_s, CAST(opened_ns / 1000000000 AS INTEGER) AS second,
  CAST(1 AS INTEGER) AS opens, CAST(1 AS INTEGER) AS max_opens,
  CAST(opened_ns / 1000000000 AS INTEGER) AS max_second,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket, outcome
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction <> 'listen';

CREATE VIEW connection_outbound_opens AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, id, opened_ns, open_error_ns,
  first_seen_ns, last_seen_ns, closed_ns, duration_bucket, outcome
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction = 'outbound' AND peer_id IS NOT NULL;

CREATE VIEW peer_keys AS
SELECT
  f.id AS flow_id,
  f.hour, f.process_id, p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, f.direction) AS direction,
  $name(protocol, f.protocol) AS protocol,
  f.netns,
  l.text AS local_address,
  f.local_port,
  r.text AS remote_address,
  CAST(iif(f.direction = $direction.inbound, NULL, e.port) AS INTEGER) AS remote_port,
  f.peer_id,
  (SELECT peer FROM peers WHERE peers.id = f.peer_id) AS peer,
  n.text AS remote_name
FROM flow AS f
LEFT JOIN address AS l ON l.id = f.local_address_id
LEFT JOIN peer AS e ON e.id = f.peer_id
LEFT JOIN address AS r ON r.id = e.remote_address_id
LEFT JOIN name AS n ON n.id = e.name_id
LEFT JOIN process AS p ON p.id = f.process_id
WHERE f.local_address_id IS NOT NULL;

CREATE VIEW process_keys AS
SELECT
  f.id AS flow_id,
  f.hour, f.process_id, p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, f.direction) AS direction,
  $name(protocol, f.protocol) AS protocol,
  f.netns
FROM flow AS f
LEFT JOIN process AS p ON p.id = f.process_id
WHERE f.local_address_id IS NULL;

-- Sums of closed connections by the hour in which they ended.
CREATE VIEW peer_flow_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  k.local_address, k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, k.remote_name,
  $name(outcome, iif(u.outcome = $outcome.open, $outcome.unknown, u.outcome)) AS outcome,
  $name(outcome_reason, u.outcome_reason) AS outcome_reason,
  $name(owner_reason, u.owner_reason) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns,
  u.bytes_sent, u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM peer_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0;

CREATE VIEW peer_flows AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, outcome, outcome_reason, owner_reason,
  connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns, bytes_sent,
  bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM peer_flow_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, outcome, outcome_reason, owner_reason,
  connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns, bytes_sent,
  bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW peer_dwell_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  k.local_address, k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, k.remote_name,
  $name(state, y.state) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > $dwell.lifetime AND y.dwells > 0;

CREATE VIEW peer_dwells AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, state, dwells, still, dwell_ns
FROM peer_dwell_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW peer_lifetime_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  k.local_address, k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, k.remote_name,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(k.hour * 3600000000000 AS INTEGER) AS closed_ns,
  CAST((
    SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id
  ) AS INTEGER) AS open_error_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = $dwell.lifetime AND y.dwells > 0;

CREATE VIEW peer_lifetimes AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, lifetimes, lifetime_ns, closed_ns,
  open_error_ns
FROM peer_lifetime_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, lifetimes, lifetime_ns, closed_ns,
  open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

CREATE VIEW process_flow_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  $name(outcome, iif(u.outcome = $outcome.open, $outcome.unknown, u.outcome)) AS outcome,
  $name(outcome_reason, u.outcome_reason) AS outcome_reason,
  $name(owner_reason, u.owner_reason) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns,
  u.bytes_sent, u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM process_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0;

CREATE VIEW process_flows AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, outcome, outcome_reason,
  owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM process_flow_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, outcome, outcome_reason,
  owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW process_dwell_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  $name(state, y.state) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > $dwell.lifetime AND y.dwells > 0;

CREATE VIEW process_dwells AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, state, dwells, still, dwell_ns
FROM process_dwell_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW process_lifetime_sums AS
SELECT
  k.hour, k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(k.hour * 3600000000000 AS INTEGER) AS closed_ns,
  CAST((
    SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id
  ) AS INTEGER) AS open_error_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = $dwell.lifetime AND y.dwells > 0;

CREATE VIEW process_lifetimes AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, lifetimes, lifetime_ns,
  closed_ns, open_error_ns
FROM process_lifetime_sums
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, lifetimes, lifetime_ns,
  closed_ns, open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

-- By the second for a recording of up to two hours, by the minute for a longer one, by the hour for
-- connections that were deleted. The busiest second of such an hour is not known: at least the
-- average.
CREATE VIEW process_opens AS
SELECT
  p.id AS process_id,
  p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, o.direction) AS direction,
  CAST(1 AS INTEGER) AS span_s,
  o.second, o.opened AS opens, o.opened AS max_opens, o.second AS max_second,
  CAST(o.second * 1000000000 AS INTEGER) AS opened_ns
FROM open_second AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0 AND (SELECT max(minute) - min(minute) FROM open_minute) <= 120
UNION ALL
SELECT
  p.id AS process_id,
  p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, o.direction) AS direction,
  CAST(60 AS INTEGER) AS span_s,
  CAST(o.minute * 60 AS INTEGER),
  o.opened, o.max_opened, o.max_second,
  CAST(o.minute * 60000000000 AS INTEGER)
FROM open_minute AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0 AND (SELECT max(minute) - min(minute) FROM open_minute) > 120
UNION ALL
SELECT
  p.id AS process_id,
  p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, o.direction) AS direction,
  CAST(3600 AS INTEGER) AS span_s,
  CAST(o.hour * 3600 AS INTEGER),
  o.opened,
  CAST((o.opened + 3599) / 3600 AS INTEGER),
  CAST(o.hour * 3600 AS INTEGER),
  CAST(o.hour * 3600000000000 AS INTEGER)
FROM open_hour AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, span_s, second, opens, max_opens, max_second,
  opened_ns
FROM connection_opens
WHERE duration_bucket IS NULL;

-- Outbound opens that may be periodic: the last hundred of each flow, and the last thousand flows of
-- each program to each peer, with six opens or more and, on average, at most ten a second.
CREATE VIEW peer_outbound_opens AS
WITH opened AS (
  SELECT
    f.id AS flow_id,
    f.peer_id, g.lasting_id, g.name,
    sum(u.opened) AS opened,
    sum(u.connections) AS connections,
    min(u.first_ns) AS first_ns,
    max(u.last_ns) AS last_ns
  FROM flow AS f
  CROSS JOIN flow_sum AS u ON u.flow_id = f.id
  LEFT JOIN programs AS g ON g.process_id = f.process_id
  WHERE f.direction = $direction.outbound AND f.peer_id IS NOT NULL
    AND f.local_address_id IS NOT NULL AND u.connections > 0
  GROUP BY f.id
),
grouped AS (
  SELECT
    flow_id,
    sum(opened) OVER program AS opened,
    sum(connections) OVER program AS connections,
    min(first_ns) OVER program AS first_ns,
    max(last_ns) OVER program AS last_ns,
    row_number() OVER (PARTITION BY peer_id, lasting_id, name ORDER BY flow_id DESC) AS number
  FROM opened
  WINDOW program AS (PARTITION BY peer_id, lasting_id, name)
),
periodic AS MATERIALIZED (
  SELECT
    k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
    k.local_address, k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer,
    k.remote_name, k.flow_id,
    coalesce((
      SELECT n.id
      FROM connection AS n
      WHERE n.flow_id = k.flow_id
      ORDER BY n.id DESC
      LIMIT 1 OFFSET 99
    ), 0) AS from_id
  FROM grouped AS g
  CROSS JOIN peer_keys AS k ON k.flow_id = g.flow_id
  WHERE g.opened >= 6 AND g.number <= 1000
    AND g.last_ns - g.first_ns >= 100000000 * (g.connections - 1)
)
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address,
  k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, k.remote_name, c.opened_ns
FROM periodic AS k
CROSS JOIN connection AS c ON c.flow_id = k.flow_id AND c.id >= k.from_id
WHERE c.opened_ns IS NOT NULL
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, remote_name, opened_ns
FROM connection_outbound_opens
WHERE duration_bucket IS NULL;

-- Dwells in states that should be short: those of five seconds and more, and those that have not
-- ended.
CREATE VIEW long_dwells AS
SELECT
  connection_id,
  $name(state, y.state) AS state,
  from_ns, to_ns, clock_adjust_ns
FROM long_dwell AS y
UNION ALL
SELECT
  connection_id, state, from_ns, to_ns, clock_adjust_ns
FROM state_intervals
WHERE connection_id IN (SELECT id FROM connection WHERE duration_bucket IS NULL)
  AND state IN (
    'CLOSE_WAIT', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'SYN_SENT', 'SYN_RECEIVED'
  )
  AND (to_ns IS NULL OR dwell_ns >= 5000000000);
