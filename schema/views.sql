-- SPDX-License-Identifier: MIT
-- The views are the contract (docs/database.md): columns are only ever added. Views are code, not
-- data. The recorder replaces those in the file that differ; every reader has its own as TEMP views.
-- So each view is one statement that names tables without a schema, and that a plain `sqlite3` can
-- run. What begins with `$` is replaced before (src/store/db/sql_macros.hpp): `$state.established`
-- by the stored code, `$name(state, x)` by a CASE from the codes in x to their names, `$utc(ns)` by
-- ISO 8601 text, `$endpoint(address, port)` by `192.0.2.1:80`. The CASTs give the columns of both
-- sides of a UNION ALL the same affinity: only then does SQLite look for rows on each side.

CREATE VIEW connections AS
SELECT
  c.id, c.session_id,
  $name(protocol, c.protocol) AS protocol,
  $name(family, l.family) AS family,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  $name(direction, c.direction) AS direction,
  p.pid,
  p.name AS process,
  p.exe, p.cmdline, p.user, p.cgroup,
  coalesce(
    (
      SELECT name
      FROM service AS v
      WHERE v.session_id = c.session_id AND v.pid = p.pid AND v.tag = c.module
    ),
    p.service
  ) AS service,
  c.netns,
  $name(owner_source, c.owner_source) AS owner_source,
  $utc(c.opened_ns) AS opened_at,
  c.opened_ns, c.open_error_ns, c.first_seen_ns,
  CASE WHEN c.gone THEN c.last_seen_ns ELSE max(c.last_seen_ns, s.alive_ns) END AS last_seen_ns,
  $utc(c.closed_ns) AS closed_at,
  c.closed_ns, c.close_error_ns,
  -- NULL if it was opened and closed between two reads of the table: the duration is not known.
  iif(
    c.closed_ns - c.opened_ns > coalesce(c.clock_adjust_ns, 0),
    c.closed_ns - c.opened_ns - coalesce(c.clock_adjust_ns, 0),
    NULL
  ) AS duration_ns,
  $name(state, c.state) AS state,
  $name(offload, c.offload) AS offload,
  $name(outcome, c.outcome) AS outcome,
  c.bytes_sent, c.bytes_received, c.retransmits, c.rtt_us,
  $name(seen_by, c.seen_by) AS seen_by,
  $name(owner_reason, c.owner_reason) AS owner_reason,
  c.uid, c.gone,
  $endpoint(l.text, c.local_port) AS local,
  $endpoint(r.text, c.remote_port) AS remote,
  $name(outcome_reason, c.outcome_reason) AS outcome_reason,
  c.syns, p.container, c.clock_adjust_ns
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW events AS
SELECT
  e.id,
  $utc(e.at_ns) AS at,
  e.at_ns, e.error_ns,
  $name(event, e.kind) AS kind,
  e.connection_id,
  CASE e.kind
    WHEN $event.offload THEN $name(offload, e.old)
    WHEN $event.owner THEN (SELECT CAST(pid AS TEXT) FROM process WHERE id = e.old)
    ELSE $name(state, e.old)
  END AS old,
  CASE e.kind
    WHEN $event.offload THEN $name(offload, e.new)
    WHEN $event.owner THEN (SELECT CAST(pid AS TEXT) FROM process WHERE id = e.new)
    ELSE $name(state, e.new)
  END AS new,
  p.pid,
  p.name AS process,
  $name(protocol, c.protocol) AS protocol,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  $endpoint(l.text, c.local_port) AS local,
  $endpoint(r.text, c.remote_port) AS remote
FROM event AS e
JOIN connection AS c ON c.id = e.connection_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

-- One row for each state entered. The next event is looked up for each row, so that a query about a
-- few connections reads only their events. Ids order the events of a connection as they happened,
-- whatever the clock.
CREATE VIEW state_intervals AS
SELECT
  connection_id,
  $name(state, state_code) AS state,
  from_ns, to_ns,
  -- Two events with bounds that overlap can have their times in the other order.
  max(0, to_ns - from_ns - clock_adjust_ns) AS dwell_ns,
  clock_adjust_ns
FROM (
  SELECT
    e.connection_id,
    e.new AS state_code,
    e.at_ns AS from_ns,
    -- The maximum is computed once for all rows, so a recording without clock steps pays nothing.
    iif((SELECT max(after_event) FROM clock_step) >= e.id, (
      SELECT coalesce(sum(k.step_ns), 0)
      FROM clock_step AS k
      WHERE k.after_event >= e.id AND k.after_event < coalesce((
        SELECT n.id
        FROM event AS n
        WHERE n.connection_id = e.connection_id AND n.id > e.id
          AND n.kind IN ($event.present, $event.open, $event.state, $event.close)
        ORDER BY n.id
        LIMIT 1
      ), (
        -- Steps of later sessions do not count for a connection that an earlier session left open.
        SELECT iif(c.duration_bucket IS NULL OR c.session_id = k.session_id, k.after_event + 1, 0)
        FROM connection AS c
        WHERE c.id = e.connection_id
      ))
    ), 0) AS clock_adjust_ns,
    (
      SELECT n.at_ns
      FROM event AS n
      WHERE n.connection_id = e.connection_id AND n.id > e.id
        AND n.kind IN ($event.present, $event.open, $event.state, $event.close)
      ORDER BY n.id
      LIMIT 1
    ) AS to_ns
  FROM event AS e
  WHERE e.kind IN ($event.present, $event.open, $event.state) AND e.new IS NOT NULL
);

CREATE VIEW processes AS
SELECT
  id, pid,
  $utc(started_ns) AS started_at,
  $utc(ended_ns) AS ended_at,
  name, exe, cmdline, user, cgroup, service, parent_pid, started_ns, ended_ns, end_error_ns,
  session_id, container
FROM process;

CREATE VIEW sessions AS
SELECT
  id, host, os, kernel, netlog_version, boot_id, utc_offset_s, interval_ns, sources,
  $utc(started_ns) AS started_at,
  $utc(ended_ns) AS ended_at,
  started_ns, ended_ns,
  alive_ns AS last_alive_ns,
  ticks, late_ticks, skipped_ticks
FROM session;

CREATE VIEW gaps AS
SELECT
  id, session_id, netns, from_ns, to_ns,
  $utc(from_ns) AS from_at,
  $utc(to_ns) AS to_at,
  source, reason, lost, detail
FROM gap;

CREATE VIEW coverage AS
SELECT
  session_id, netns, from_ns, to_ns,
  $utc(from_ns) AS from_at,
  kernel_opens, recorded_opens,
  CASE WHEN kernel_opens > 0 THEN min(100.0, 100.0 * recorded_opens / kernel_opens) END AS percent,
  kernel_failures, recorded_failures
FROM coverage_window;

-- MIB names.
CREATE VIEW counters AS
SELECT
  at_ns,
  $utc(at_ns) AS at,
  protocol, name, value, session_id, netns
FROM (
  SELECT at_ns, session_id, netns, 'tcp' AS protocol, 'ActiveOpens' AS name, active_opens AS value
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'PassiveOpens', passive_opens
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'AttemptFails', attempt_fails
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'EstabResets', estab_resets
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'CurrEstab', curr_estab
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'InSegs', in_segs
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'OutSegs', out_segs
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'RetransSegs', retrans_segs
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'InErrs', in_errs
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'OutRsts', out_rsts
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'InDatagrams', in_datagrams
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'NoPorts', no_ports
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'InErrors', in_errors
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'OutDatagrams', out_datagrams
  FROM counter_sample
)
WHERE value IS NOT NULL;

CREATE VIEW clips AS
SELECT
  id,
  $utc(cut_ns) AS cut_at,
  cut_ns, from_ns, to_ns, filters, source, source_connections, source_events, redacted,
  netlog_version
FROM clip;

CREATE VIEW clock_steps AS
SELECT
  id, session_id,
  $utc(at_ns) AS at,
  at_ns, step_ns, after_event
FROM clock_step;

CREATE VIEW peers AS
SELECT
  p.id,
  $name(direction, p.direction) AS direction,
  $name(protocol, p.protocol) AS protocol,
  r.text AS remote_address,
  p.port,
  CASE
    WHEN p.direction = $direction.inbound THEN r.text || ' to port ' || p.port
    ELSE $endpoint(r.text, p.port)
  END AS peer
FROM peer AS p
JOIN address AS r ON r.id = p.remote_address_id;

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
    FROM event AS e
    WHERE e.connection_id = c.id AND e.kind IN ($event.present, $event.open, $event.state)
      AND e.new IN ($state.fin_wait_1, $state.fin_wait_2, $state.closing, $state.time_wait)
  ) AS INTEGER) AS closed_by_us,
  CAST(c.outcome = $outcome.closed AND EXISTS (
    SELECT 1
    FROM event AS e
    WHERE e.connection_id = c.id AND e.kind IN ($event.present, $event.open, $event.state)
      AND e.new IN ($state.close_wait, $state.last_ack)
  ) AND NOT EXISTS (
    SELECT 1
    FROM event AS e
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
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW connection_dwells AS
SELECT
  c.process_id, c.pid, c.process, c.exe, c.user, c.direction, c.protocol, c.netns, c.local_address,
  c.local_port, c.remote_address, c.remote_port, c.peer_id, c.peer, i.state,
  CAST(1 AS INTEGER) AS dwells,
  CAST(iif(c.duration_bucket IS NULL, i.to_ns IS NULL, 0) AS INTEGER) AS still,
  CAST(
    max(0, coalesce(i.to_ns, c.last_seen_ns) - i.from_ns - i.clock_adjust_ns) AS INTEGER
  ) AS dwell_ns,
  c.id, c.opened_ns, c.open_error_ns, c.first_seen_ns, c.last_seen_ns, c.closed_ns,
  c.duration_bucket
FROM connection_flows AS c
JOIN state_intervals AS i ON i.connection_id = c.id;

CREATE VIEW connection_lifetimes AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer,
  CAST(1 AS INTEGER) AS lifetimes,
  longest_ns AS lifetime_ns,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket
FROM connection_flows
WHERE longest_ns IS NOT NULL;

CREATE VIEW connection_opens AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer,
  CAST(1 AS INTEGER) AS span_s,
  CAST(opened_ns / 1000000000 AS INTEGER) AS second,
  CAST(1 AS INTEGER) AS opens,
  CAST(1 AS INTEGER) AS max_opens,
  CAST(opened_ns / 1000000000 AS INTEGER) AS max_second,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction <> 'listen';

CREATE VIEW connection_outbound_opens AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, id, opened_ns, open_error_ns, first_seen_ns,
  last_seen_ns, closed_ns, duration_bucket
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction = 'outbound' AND peer_id IS NOT NULL;

CREATE VIEW peer_keys AS
SELECT
  f.id AS flow_id,
  f.process_id, p.pid,
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
  (SELECT peer FROM peers WHERE peers.id = f.peer_id) AS peer
FROM flow AS f
LEFT JOIN address AS l ON l.id = f.local_address_id
LEFT JOIN peer AS e ON e.id = f.peer_id
LEFT JOIN address AS r ON r.id = e.remote_address_id
LEFT JOIN process AS p ON p.id = f.process_id
WHERE f.local_address_id IS NOT NULL;

CREATE VIEW process_keys AS
SELECT
  f.id AS flow_id,
  f.process_id, p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, f.direction) AS direction,
  $name(protocol, f.protocol) AS protocol,
  f.netns
FROM flow AS f
LEFT JOIN process AS p ON p.id = f.process_id
WHERE f.local_address_id IS NULL;

CREATE VIEW peer_flows AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address,
  k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer,
  $name(outcome, iif(u.outcome = $outcome.open, $outcome.unknown, u.outcome)) AS outcome,
  $name(outcome_reason, u.outcome_reason) AS outcome_reason,
  $name(owner_reason, u.owner_reason) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns,
  u.bytes_sent, u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM peer_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, outcome, outcome_reason, owner_reason, connections,
  opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns, bytes_sent, bytes_received,
  first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW peer_dwells AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address,
  k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer,
  $name(state, y.state) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > $dwell.lifetime AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW peer_lifetimes AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address,
  k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(NULL AS INTEGER) AS closed_ns,
  CAST((
    SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id
  ) AS INTEGER) AS open_error_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = $dwell.lifetime AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, lifetimes, lifetime_ns, closed_ns, open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

CREATE VIEW process_flows AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  $name(outcome, iif(u.outcome = $outcome.open, $outcome.unknown, u.outcome)) AS outcome,
  $name(outcome_reason, u.outcome_reason) AS outcome_reason,
  $name(owner_reason, u.owner_reason) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns,
  u.bytes_sent, u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM process_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, outcome, outcome_reason,
  owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW process_dwells AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  $name(state, y.state) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > $dwell.lifetime AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW process_lifetimes AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(NULL AS INTEGER) AS closed_ns,
  CAST((
    SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id
  ) AS INTEGER) AS open_error_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = $dwell.lifetime AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, lifetimes, lifetime_ns,
  closed_ns, open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

-- By the second for a recording of up to two hours, by the minute for a longer one.
CREATE VIEW process_opens AS
SELECT
  p.id AS process_id,
  p.pid,
  p.name AS process,
  p.exe, p.user,
  $name(direction, o.direction) AS direction,
  CAST(1 AS INTEGER) AS span_s,
  o.second,
  o.opened AS opens,
  o.opened AS max_opens,
  o.second AS max_second,
  CAST(NULL AS INTEGER) AS opened_ns
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
  CAST(NULL AS INTEGER)
FROM open_minute AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0 AND (SELECT max(minute) - min(minute) FROM open_minute) > 120
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, span_s, second, opens, max_opens, max_second,
  opened_ns
FROM connection_opens
WHERE duration_bucket IS NULL;

-- Outbound opens that may be periodic: the last hundred of each flow with six opens or more and, on
-- average, at most one a second.
CREATE VIEW peer_outbound_opens AS
WITH periodic AS MATERIALIZED (
  SELECT
    k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
    k.local_address, k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, k.flow_id,
    coalesce((
      SELECT n.id
      FROM connection AS n
      WHERE n.flow_id = k.flow_id
      ORDER BY n.id DESC
      LIMIT 1 OFFSET 99
    ), 0) AS from_id
  FROM peer_keys AS k
  WHERE k.direction = 'outbound' AND k.peer_id IS NOT NULL AND (
    SELECT
      sum(u.opened) >= 6
      AND max(u.last_ns) - min(u.first_ns) >= 1000000000 * (sum(u.connections) - 1)
    FROM flow_sum AS u
    WHERE u.flow_id = k.flow_id
  )
)
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address,
  k.local_port, k.remote_address, k.remote_port, k.peer_id, k.peer, c.opened_ns
FROM periodic AS k
CROSS JOIN connection AS c ON c.flow_id = k.flow_id AND c.id >= k.from_id
WHERE c.opened_ns IS NOT NULL
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port,
  remote_address, remote_port, peer_id, peer, opened_ns
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
