-- SPDX-License-Identifier: MIT
-- The views at the end are the contract (docs/database.md); the tables are ours to change by later migrations.
-- Integer codes are the enums of src/model; they are stored and never renumbered.

CREATE TABLE code_name (
  kind TEXT NOT NULL,
  code INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (kind, code)
) STRICT, WITHOUT ROWID;

INSERT INTO code_name (kind, code, name) VALUES
  ('state', 1, 'CLOSED'), ('state', 2, 'LISTEN'), ('state', 3, 'SYN_SENT'), ('state', 4, 'SYN_RECEIVED'),
  ('state', 5, 'ESTABLISHED'), ('state', 6, 'FIN_WAIT_1'), ('state', 7, 'FIN_WAIT_2'), ('state', 8, 'CLOSE_WAIT'),
  ('state', 9, 'LAST_ACK'), ('state', 10, 'CLOSING'), ('state', 11, 'TIME_WAIT'), ('state', 12, 'DELETE_TCB'),
  ('offload', 0, 'IN_HOST'), ('offload', 1, 'OFFLOADING'), ('offload', 2, 'OFFLOADED'), ('offload', 3, 'UPLOADING'),
  ('protocol', 6, 'tcp'), ('protocol', 17, 'udp'),
  ('family', 4, 'ipv4'), ('family', 6, 'ipv6'),
  ('direction', 0, 'unknown'), ('direction', 1, 'outbound'), ('direction', 2, 'inbound'), ('direction', 3, 'listen'),
  ('outcome', 0, 'open'), ('outcome', 1, 'closed'), ('outcome', 2, 'refused'), ('outcome', 3, 'timed_out'),
  ('outcome', 4, 'reset'), ('outcome', 5, 'aborted'), ('outcome', 6, 'unknown'),
  ('owner_source', 0, 'unknown'), ('owner_source', 1, 'exact'), ('owner_source', 2, 'inherited'),
  ('owner_source', 3, 'last_seen'),
  ('owner_reason', 0, 'not_yet'), ('owner_reason', 1, 'not_permitted'), ('owner_reason', 2, 'gone'),
  ('owner_reason', 3, 'kernel'), ('owner_reason', 4, 'no_source'),
  ('seen_by', 1, 'snapshot'), ('seen_by', 2, 'notice'), ('seen_by', 3, 'snapshot+notice'), ('seen_by', 4, 'trace'),
  ('seen_by', 5, 'snapshot+trace'), ('seen_by', 6, 'notice+trace'), ('seen_by', 7, 'snapshot+notice+trace'),
  ('event', 0, 'present'), ('event', 1, 'open'), ('event', 2, 'state'), ('event', 3, 'offload'), ('event', 4, 'owner'),
  ('event', 5, 'close');

CREATE TABLE session (
  id INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  os TEXT NOT NULL,
  kernel TEXT NOT NULL,
  netlog_version TEXT NOT NULL,
  boot_id TEXT,
  utc_offset_s INTEGER NOT NULL,
  interval_ns INTEGER NOT NULL,
  sources TEXT NOT NULL,
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER,            -- NULL: not ended cleanly, or still running
  alive_ns INTEGER NOT NULL,   -- the last sign of life
  ticks INTEGER NOT NULL DEFAULT 0,
  late_ticks INTEGER NOT NULL DEFAULT 0,
  skipped_ticks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE address (
  id INTEGER PRIMARY KEY,
  family INTEGER NOT NULL,
  text TEXT NOT NULL UNIQUE,   -- RFC 5952, scope included
  bytes BLOB NOT NULL          -- 4 or 16, network order, for ranges
) STRICT;

CREATE TABLE process (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  pid INTEGER NOT NULL,
  start INTEGER NOT NULL,      -- in the platform's units since boot: with pid and boot, the incarnation
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER,
  end_error_ns INTEGER,
  name TEXT NOT NULL,
  exe TEXT,
  cmdline TEXT,
  user TEXT,
  cgroup TEXT,
  service TEXT,
  parent_pid INTEGER
) STRICT;
CREATE INDEX process_by_pid ON process (pid);

CREATE TABLE connection (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  protocol INTEGER NOT NULL,
  local_address_id INTEGER NOT NULL REFERENCES address (id),
  local_port INTEGER NOT NULL,
  remote_address_id INTEGER REFERENCES address (id),
  remote_port INTEGER,
  direction INTEGER NOT NULL,
  netns INTEGER,
  process_id INTEGER REFERENCES process (id),
  owner_source INTEGER NOT NULL,
  owner_reason INTEGER,
  uid INTEGER,
  opened_ns INTEGER,
  open_error_ns INTEGER,
  first_seen_ns INTEGER NOT NULL,
  last_seen_ns INTEGER NOT NULL,
  closed_ns INTEGER,
  close_error_ns INTEGER,
  gone INTEGER NOT NULL,       -- 1: its close event has been recorded
  state INTEGER,
  offload INTEGER,
  outcome INTEGER NOT NULL,
  bytes_sent INTEGER,
  bytes_received INTEGER,
  retransmits INTEGER,
  rtt_us INTEGER,
  seen_by INTEGER NOT NULL
) STRICT;
CREATE INDEX connection_by_process ON connection (process_id);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  kind INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  error_ns INTEGER NOT NULL,
  old INTEGER,                 -- a state, an offload state or, for owner, a process
  new INTEGER
) STRICT;
CREATE INDEX event_by_connection ON event (connection_id);

CREATE TABLE gap (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  netns INTEGER,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  lost INTEGER,
  detail TEXT
) STRICT;

CREATE TABLE coverage_window (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  netns INTEGER,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  kernel_opens INTEGER NOT NULL,
  recorded_opens INTEGER NOT NULL
) STRICT;

CREATE TABLE counter_sample (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  netns INTEGER,
  at_ns INTEGER NOT NULL,
  active_opens INTEGER,
  passive_opens INTEGER,
  attempt_fails INTEGER,
  estab_resets INTEGER,
  curr_estab INTEGER,
  in_segs INTEGER,
  out_segs INTEGER,
  retrans_segs INTEGER,
  in_errs INTEGER,
  out_rsts INTEGER,
  in_datagrams INTEGER,
  no_ports INTEGER,
  in_errors INTEGER,
  out_datagrams INTEGER
) STRICT;

CREATE VIEW connections AS
SELECT
  c.id,
  c.session_id,
  (SELECT name FROM code_name WHERE kind = 'protocol' AND code = c.protocol) AS protocol,
  (SELECT name FROM code_name WHERE kind = 'family' AND code = l.family) AS family,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  (SELECT name FROM code_name WHERE kind = 'direction' AND code = c.direction) AS direction,
  p.pid,
  p.name AS process,
  p.exe,
  p.cmdline,
  p.user,
  p.cgroup,
  p.service,
  c.netns,
  (SELECT name FROM code_name WHERE kind = 'owner_source' AND code = c.owner_source) AS owner_source,
  strftime('%Y-%m-%dT%H:%M:%S', c.opened_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', c.opened_ns / 1000 % 1000000) AS opened_at,
  c.opened_ns,
  c.open_error_ns,
  c.first_seen_ns,
  CASE WHEN c.gone THEN c.last_seen_ns ELSE max(c.last_seen_ns, s.alive_ns) END AS last_seen_ns,
  strftime('%Y-%m-%dT%H:%M:%S', c.closed_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', c.closed_ns / 1000 % 1000000) AS closed_at,
  c.closed_ns,
  c.close_error_ns,
  -- Opened and closed within one look at the table: how long is not known.
  nullif(c.closed_ns - c.opened_ns, 0) AS duration_ns,
  (SELECT name FROM code_name WHERE kind = 'state' AND code = c.state) AS state,
  (SELECT name FROM code_name WHERE kind = 'offload' AND code = c.offload) AS offload,
  (SELECT name FROM code_name WHERE kind = 'outcome' AND code = c.outcome) AS outcome,
  c.bytes_sent,
  c.bytes_received,
  c.retransmits,
  c.rtt_us,
  (SELECT name FROM code_name WHERE kind = 'seen_by' AND code = c.seen_by) AS seen_by,
  (SELECT name FROM code_name WHERE kind = 'owner_reason' AND code = c.owner_reason) AS owner_reason,
  c.uid,
  c.gone,
  CASE WHEN l.text LIKE '%:%' THEN '[' || l.text || ']' ELSE l.text END || ':' || c.local_port AS local,
  CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || ':' || c.remote_port AS remote
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW events AS
SELECT
  e.id,
  strftime('%Y-%m-%dT%H:%M:%S', e.at_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', e.at_ns / 1000 % 1000000) AS at,
  e.at_ns,
  e.error_ns,
  (SELECT name FROM code_name WHERE kind = 'event' AND code = e.kind) AS kind,
  e.connection_id,
  CASE e.kind
    WHEN 3 THEN (SELECT name FROM code_name WHERE kind = 'offload' AND code = e.old)
    WHEN 4 THEN (SELECT CAST(pid AS TEXT) FROM process WHERE id = e.old)
    ELSE (SELECT name FROM code_name WHERE kind = 'state' AND code = e.old)
  END AS old,
  CASE e.kind
    WHEN 3 THEN (SELECT name FROM code_name WHERE kind = 'offload' AND code = e.new)
    WHEN 4 THEN (SELECT CAST(pid AS TEXT) FROM process WHERE id = e.new)
    ELSE (SELECT name FROM code_name WHERE kind = 'state' AND code = e.new)
  END AS new,
  p.pid,
  p.name AS process,
  (SELECT name FROM code_name WHERE kind = 'protocol' AND code = c.protocol) AS protocol,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  CASE WHEN l.text LIKE '%:%' THEN '[' || l.text || ']' ELSE l.text END || ':' || c.local_port AS local,
  CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || ':' || c.remote_port AS remote
FROM event AS e
JOIN connection AS c ON c.id = e.connection_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

-- One row for each state entered. Ids order events as they happened to a connection; a stepped clock does not disturb them.
CREATE VIEW state_intervals AS
SELECT
  connection_id,
  (SELECT name FROM code_name WHERE kind = 'state' AND code = state_code) AS state,
  from_ns,
  to_ns,
  to_ns - from_ns AS dwell_ns
FROM (
  SELECT
    connection_id,
    kind,
    new AS state_code,
    at_ns AS from_ns,
    lead(at_ns) OVER (PARTITION BY connection_id ORDER BY id) AS to_ns
  FROM event
  WHERE kind IN (0, 1, 2, 5)
)
WHERE kind <> 5 AND state_code IS NOT NULL;

CREATE VIEW processes AS
SELECT
  id,
  pid,
  strftime('%Y-%m-%dT%H:%M:%S', started_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', started_ns / 1000 % 1000000) AS started_at,
  strftime('%Y-%m-%dT%H:%M:%S', ended_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', ended_ns / 1000 % 1000000) AS ended_at,
  name,
  exe,
  cmdline,
  user,
  cgroup,
  service,
  parent_pid,
  started_ns,
  ended_ns,
  end_error_ns,
  session_id
FROM process;

CREATE VIEW sessions AS
SELECT
  id,
  host,
  os,
  kernel,
  netlog_version,
  boot_id,
  utc_offset_s,
  interval_ns,
  sources,
  strftime('%Y-%m-%dT%H:%M:%S', started_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', started_ns / 1000 % 1000000) AS started_at,
  strftime('%Y-%m-%dT%H:%M:%S', ended_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', ended_ns / 1000 % 1000000) AS ended_at,
  started_ns,
  ended_ns,
  alive_ns AS last_alive_ns,
  ticks,
  late_ticks,
  skipped_ticks
FROM session;

CREATE VIEW gaps AS
SELECT
  id,
  session_id,
  netns,
  from_ns,
  to_ns,
  strftime('%Y-%m-%dT%H:%M:%S', from_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', from_ns / 1000 % 1000000) AS from_at,
  strftime('%Y-%m-%dT%H:%M:%S', to_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', to_ns / 1000 % 1000000) AS to_at,
  source,
  reason,
  lost,
  detail
FROM gap;

CREATE VIEW coverage AS
SELECT
  session_id,
  netns,
  from_ns,
  to_ns,
  strftime('%Y-%m-%dT%H:%M:%S', from_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', from_ns / 1000 % 1000000) AS from_at,
  kernel_opens,
  recorded_opens,
  CASE WHEN kernel_opens > 0 THEN min(100.0, 100.0 * recorded_opens / kernel_opens) END AS percent
FROM coverage_window;

CREATE VIEW counters AS
SELECT at_ns,
  strftime('%Y-%m-%dT%H:%M:%S', at_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', at_ns / 1000 % 1000000) AS at,
  protocol, name, value, session_id, netns
FROM (
  SELECT at_ns, 'tcp' AS protocol, 'ActiveOpens' AS name, active_opens AS value, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'PassiveOpens', passive_opens, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'AttemptFails', attempt_fails, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'EstabResets', estab_resets, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'CurrEstab', curr_estab, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'InSegs', in_segs, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'OutSegs', out_segs, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'RetransSegs', retrans_segs, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'InErrs', in_errs, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'tcp', 'OutRsts', out_rsts, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'udp', 'InDatagrams', in_datagrams, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'udp', 'NoPorts', no_ports, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'udp', 'InErrors', in_errors, session_id, netns FROM counter_sample
  UNION ALL SELECT at_ns, 'udp', 'OutDatagrams', out_datagrams, session_id, netns FROM counter_sample
)
WHERE value IS NOT NULL;
