-- SPDX-License-Identifier: MIT
-- The views are the contract (docs/database.md): columns are only ever added. Views are code, not
-- data. The recorder replaces those in the file that differ; every reader has its own as TEMP views.
-- So each view is one statement that names tables without a schema, and that a plain `sqlite3` can
-- run. What begins with `$` is replaced before (src/store/db/sql_macros.hpp): `$state.established`
-- by the stored code, `$name(state, x)` by a CASE from the codes in x to their names, `$utc(ns)` by
-- ISO 8601 text, `$endpoint(address, port)` by `192.0.2.1:80`, `$history(at, c, e)` by the time of
-- the element e of c.history, `$list(text)` by '[]' if the text is not a JSON list of at most 128
-- elements. The CASTs give the columns of both sides of a UNION ALL the same affinity: only then
-- does SQLite look for rows on each side.

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
  c.syns, p.container, c.clock_adjust_ns, c.unanswered_ms, p.unit, p.pod, p.container_name,
  p.pod_name, c.errno, c.process_id, c.datagrams_sent, c.datagrams_received,
  n.text AS remote_name,
  $name(name_source, e.name_source) AS name_source,
  coalesce(
    (
      SELECT caption
      FROM service AS v
      WHERE v.session_id = c.session_id AND v.pid = p.pid AND v.tag = c.module
    ),
    p.service_caption
  ) AS service_caption,
  coalesce(c.opened_ns - c.open_error_ns, c.first_seen_ns - c.max_age_ns) AS not_before_ns
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id
LEFT JOIN peer AS e ON e.id = c.peer_id
LEFT JOIN name AS n ON n.id = e.name_id;

-- All events, with their stored codes: those of the table and those of connection.history. newest is
-- the id of the last event that is stored in the same row: `newest > x AND id > x` finds the events
-- after x by an index.
CREATE VIEW event_codes AS
SELECT id, connection_id, kind, at_ns, error_ns, old, new, id AS newest
FROM event
UNION ALL
SELECT
  $history(id, c, e), c.id, $history(kind, c, e), $history(at, c, e), $history(error, c, e),
  $history(old, c, e), $history(new, c, e),
  c.last_event
FROM connection AS c
JOIN json_each($list(c.history)) AS e
WHERE c.last_event IS NOT NULL;

-- The newest event, by an index. No row without any.
CREATE VIEW newest_event AS
SELECT id, connection_id
FROM (
  SELECT * FROM (SELECT id, connection_id FROM event ORDER BY id DESC LIMIT 1)
  UNION ALL
  SELECT * FROM (
    SELECT last_event, id FROM connection
    WHERE last_event IS NOT NULL
    ORDER BY last_event DESC LIMIT 1
  )
)
ORDER BY id DESC
LIMIT 1;

CREATE VIEW event_count AS
SELECT (SELECT count(*) FROM event) + coalesce(sum(json_array_length($list(history))), 0) AS events
FROM connection;

-- The rows of `events`, with `newest`.
CREATE VIEW event_rows AS
SELECT
  e.newest,
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
FROM event_codes AS e
JOIN connection AS c ON c.id = e.connection_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW events AS
SELECT
  id, at, at_ns, error_ns, kind, connection_id, old, new, pid, process, protocol, local_address,
  local_port, remote_address, remote_port, local, remote
FROM event_rows;

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
    CAST(iif((SELECT max(after_event) FROM clock_step) >= e.id, (
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
    ), 0) AS INTEGER) AS clock_adjust_ns,
    CAST((
      SELECT n.at_ns FROM event AS n
      WHERE n.connection_id = e.connection_id AND n.id > e.id
        AND n.kind IN ($event.present, $event.open, $event.state, $event.close)
      ORDER BY n.id
      LIMIT 1
    ) AS INTEGER) AS to_ns
  FROM event AS e
  WHERE e.kind IN ($event.present, $event.open, $event.state) AND e.new IS NOT NULL
  UNION ALL
  SELECT
    c.id,
    $history(new, c, e),
    $history(at, c, e),
    CAST(iif((SELECT max(after_event) FROM clock_step) >= $history(id, c, e), (
      SELECT coalesce(sum(k.step_ns), 0)
      FROM clock_step AS k
      WHERE k.after_event >= $history(id, c, e) AND k.after_event < coalesce((
        SELECT $history(id, c, n)
        FROM json_each($list(c.history)) AS n
        WHERE n.key > e.key AND $history(kind, c, n) <> $event.offload
        ORDER BY n.key
        LIMIT 1
      ), iif(c.duration_bucket IS NULL OR c.session_id = k.session_id, k.after_event + 1, 0))
    ), 0) AS INTEGER),
    -- Nearly always the next element is a number, and that of a state.
    CAST(iif(
      typeof(c.history ->> (e.key + 1)) = 'integer'
        AND ((c.history ->> (e.key + 1)) >> 8 & 7) <> $event.offload,
      c.first_seen_ns + ((c.history ->> (e.key + 1)) >> 11),
      (
        SELECT $history(at, c, n)
        FROM json_each($list(c.history)) AS n
        WHERE n.key > e.key AND $history(kind, c, n) <> $event.offload
        ORDER BY n.key
        LIMIT 1
      )
    ) AS INTEGER)
  FROM connection AS c
  JOIN json_each($list(c.history)) AS e
  WHERE c.last_event IS NOT NULL AND $history(new, c, e) IS NOT NULL
    AND $history(kind, c, e) IN ($event.present, $event.open, $event.state)
);

CREATE VIEW processes AS
SELECT
  id, pid,
  $utc(started_ns) AS started_at, $utc(ended_ns) AS ended_at,
  name, exe, cmdline, user, cgroup, service, parent_pid, started_ns, ended_ns, end_error_ns,
  session_id, container, unit, pod, exit_status, exit_signal, image, container_name, pod_name,
  exe_sha256,
  (SELECT script FROM scripts WHERE process_id = p.id) AS script,
  service_caption
FROM process AS p
WHERE image = (
  SELECT max(n.image) FROM process AS n
  WHERE n.pid = p.pid AND n.start = p.start AND n.session_id = p.session_id
);

CREATE VIEW process_images AS
SELECT
  id, session_id, pid, started_ns, image, coalesce(image_since_ns, started_ns) AS from_ns,
  $utc(coalesce(image_since_ns, started_ns)) AS from_at,
  coalesce((
    SELECT n.image_since_ns FROM process AS n
    WHERE n.pid = p.pid AND n.start = p.start AND n.session_id = p.session_id
      AND n.image = p.image + 1
  ), ended_ns) AS to_ns,
  name, exe, cmdline, user, cgroup, unit, container, pod, parent_pid, ended_ns, exe_sha256,
  (SELECT script FROM scripts WHERE process_id = p.id) AS script
FROM process AS p;

CREATE VIEW sessions AS
SELECT
  id, host, os, kernel, netlog_version, boot_id, utc_offset_s, interval_ns, sources,
  $utc(started_ns) AS started_at, $utc(ended_ns) AS ended_at,
  started_ns, ended_ns,
  alive_ns AS last_alive_ns, ticks, late_ticks, skipped_ticks
FROM session;

CREATE VIEW gaps AS
SELECT
  id, session_id, netns, from_ns, to_ns,
  $utc(from_ns) AS from_at, $utc(to_ns) AS to_at,
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

-- MIB names, but for BoundSockets.
CREATE VIEW counters AS
SELECT
  at_ns,
  $utc(at_ns) AS at,
  protocol, name, value, session_id, netns
FROM (
  SELECT at_ns, session_id, netns, 'tcp' AS protocol, 'ActiveOpens' AS name, active_opens AS value
  FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'PassiveOpens', passive_opens FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'AttemptFails', attempt_fails FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'EstabResets', estab_resets FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'CurrEstab', curr_estab FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'InSegs', in_segs FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'OutSegs', out_segs FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'RetransSegs', retrans_segs FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'InErrs', in_errs FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'OutRsts', out_rsts FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'InDatagrams', in_datagrams FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'NoPorts', no_ports FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'InErrors', in_errors FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'OutDatagrams', out_datagrams FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'NumConns', num_conns FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'udp', 'NumAddrs', num_addrs FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'BoundSockets', bound_sockets FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'RtoAlgorithm', rto_algorithm FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'RtoMin', rto_min FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'RtoMax', rto_max FROM counter_sample
  UNION ALL SELECT at_ns, session_id, netns, 'tcp', 'MaxConn', max_conn FROM counter_sample
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
SELECT id, session_id, $utc(at_ns) AS at, at_ns, step_ns, after_event
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
  END AS peer,
  n.text AS remote_name,
  $name(name_source, p.name_source) AS name_source
FROM peer AS p
JOIN address AS r ON r.id = p.remote_address_id
LEFT JOIN name AS n ON n.id = p.name_id;

CREATE VIEW lookups AS
SELECT
  q.id, q.session_id,
  $utc(q.at_ns) AS at,
  q.at_ns, p.pid,
  p.name AS process,
  q.netns,
  n.text AS name,
  coalesce($name(dns_type, q.type), 'TYPE' || q.type) AS type,
  coalesce($name(rcode, q.rcode), 'RCODE' || q.rcode) AS rcode,
  q.answers, q.ttl_s, q.latency_ns,
  $endpoint(a.text, q.server_port) AS server,
  q.process_id
FROM lookup AS q
LEFT JOIN name AS n ON n.id = q.name_id
LEFT JOIN process AS p ON p.id = q.process_id
LEFT JOIN address AS a ON a.id = q.server_id;
