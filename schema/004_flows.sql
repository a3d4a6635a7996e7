-- SPDX-License-Identifier: MIT
-- Sums of ended connections, so that a question about a whole recording need not read each of them; and an index over time.

-- Lives by their length: what was there in a window began at most a class's span before it. A minute and two of TIME_WAIT have classes of
-- their own.
CREATE TABLE duration_bucket (
  code INTEGER PRIMARY KEY,
  span_ns INTEGER NOT NULL
) STRICT;
INSERT INTO duration_bucket (code, span_ns) VALUES
  (0, 1000000000), (1, 10000000000), (2, 65000000000), (3, 130000000000), (4, 300000000000), (5, 900000000000),
  (6, 3600000000000), (7, 21600000000000), (8, 86400000000000), (9, 604800000000000), (10, 4611686018427387904);

-- When the wall clock was set, and by how much: events up to `after_event` are stamped by the clock as it was before. A duration is the
-- difference of two stamps less the steps between them, which is what the boot clock counted.
CREATE TABLE clock_step (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  at_ns INTEGER NOT NULL,           -- by the new clock
  step_ns INTEGER NOT NULL,
  after_event INTEGER NOT NULL      -- 0: none
) STRICT;
CREATE INDEX clock_step_by_event ON clock_step (after_event, step_ns);
ALTER TABLE connection ADD COLUMN clock_adjust_ns INTEGER; -- sum of the steps while it was open; NULL: none

-- Whom connections are with. The port is the service's: ours of inbound connections, else the peer's.
CREATE TABLE peer (
  id INTEGER PRIMARY KEY,
  direction INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  remote_address_id INTEGER NOT NULL REFERENCES address (id),
  port INTEGER
) STRICT;
CREATE INDEX peer_by_address ON peer (remote_address_id, port, direction, protocol);

-- Aggregated flows (RFC 7015): what one process had with one peer from one of our addresses; and, without an address, with all.
CREATE TABLE flow (
  id INTEGER PRIMARY KEY,
  process_id INTEGER REFERENCES process (id),
  direction INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  netns INTEGER,
  local_address_id INTEGER REFERENCES address (id),
  local_port INTEGER,               -- of listeners and inbound connections
  peer_id INTEGER REFERENCES peer (id)
) STRICT;
CREATE INDEX flow_by_process ON flow (process_id, direction, protocol, netns) WHERE local_address_id IS NULL;
CREATE INDEX flow_by_owner ON flow (process_id, peer_id, local_address_id) WHERE local_address_id IS NOT NULL;
CREATE INDEX flow_by_peer ON flow (peer_id) WHERE peer_id IS NOT NULL;
CREATE INDEX flow_by_port ON flow (local_port) WHERE local_port IS NOT NULL;

ALTER TABLE connection ADD COLUMN peer_id INTEGER REFERENCES peer (id);
ALTER TABLE connection ADD COLUMN duration_bucket INTEGER REFERENCES duration_bucket (code); -- NULL: still there
ALTER TABLE connection ADD COLUMN flow_id INTEGER REFERENCES flow (id);            -- the same
DROP INDEX connection_by_process;

INSERT INTO peer (direction, protocol, remote_address_id, port)
SELECT DISTINCT direction, protocol, remote_address_id, iif(direction = 2, local_port, remote_port)
FROM connection
WHERE remote_address_id IS NOT NULL AND direction <> 3;
UPDATE connection SET peer_id = (
  SELECT p.id
  FROM peer AS p
  WHERE p.remote_address_id = connection.remote_address_id
    AND p.port IS iif(connection.direction = 2, connection.local_port, connection.remote_port)
    AND p.direction = connection.direction AND p.protocol = connection.protocol
);

-- Former owners.
CREATE INDEX event_of_owner ON event (old) WHERE kind = 4 AND old IS NOT NULL;
CREATE INDEX connection_by_duration ON connection (duration_bucket, coalesce(opened_ns, first_seen_ns));
CREATE INDEX connection_by_flow ON connection (flow_id) WHERE flow_id IS NOT NULL;

CREATE TABLE flow_sum (
  flow_id INTEGER NOT NULL REFERENCES flow (id),
  outcome INTEGER NOT NULL,
  outcome_reason INTEGER NOT NULL,  -- -1: none
  owner_reason INTEGER NOT NULL,    -- -1: none
  connections INTEGER NOT NULL,
  opened INTEGER NOT NULL,          -- those whose beginning was seen
  closed_by_us INTEGER NOT NULL,    -- of those that were closed: who sent the first FIN
  closed_by_peer INTEGER NOT NULL,
  syns INTEGER,                     -- most
  longest_ns INTEGER,
  open_error_ns INTEGER,            -- largest
  bytes_sent INTEGER,
  bytes_received INTEGER,
  first_ns INTEGER NOT NULL,        -- beginnings
  last_ns INTEGER NOT NULL,
  first_closed_ns INTEGER,
  last_closed_ns INTEGER,
  PRIMARY KEY (flow_id, outcome, outcome_reason, owner_reason)
) STRICT, WITHOUT ROWID;

-- How long its connections stayed in a state (0: how long they lived): eight classes for each doubling.
CREATE TABLE flow_dwell (
  flow_id INTEGER NOT NULL REFERENCES flow (id),
  state INTEGER NOT NULL,
  class INTEGER NOT NULL,
  dwells INTEGER NOT NULL,
  longest_ns INTEGER NOT NULL,
  PRIMARY KEY (flow_id, state, class)
) STRICT, WITHOUT ROWID;

-- Stays of five seconds and more in a state that should pass.
CREATE TABLE long_dwell (
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  state INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  clock_adjust_ns INTEGER NOT NULL,      -- the clock, meanwhile
  PRIMARY KEY (connection_id, state, from_ns)
) STRICT, WITHOUT ROWID;

-- Connections opened in each second of UTC, and by now ended.
CREATE TABLE open_second (
  second INTEGER NOT NULL,
  process_id INTEGER NOT NULL,      -- -1: unknown
  direction INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  PRIMARY KEY (second, process_id, direction)
) STRICT, WITHOUT ROWID;

-- The same for each minute, with its busiest second.
CREATE TABLE open_minute (
  minute INTEGER NOT NULL,          -- since 1970
  process_id INTEGER NOT NULL,      -- -1: unknown
  direction INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  max_opened INTEGER NOT NULL,
  max_second INTEGER NOT NULL,
  PRIMARY KEY (minute, process_id, direction)
) STRICT, WITHOUT ROWID;

-- Local ports in use at once between one of our addresses and one endpoint.
CREATE TABLE port_use (
  netns INTEGER NOT NULL,           -- -1: none
  local_address_id INTEGER NOT NULL REFERENCES address (id),
  remote_address_id INTEGER NOT NULL REFERENCES address (id),
  remote_port INTEGER NOT NULL,
  connections INTEGER NOT NULL,
  peak INTEGER NOT NULL,
  peak_ns INTEGER NOT NULL,
  PRIMARY KEY (netns, local_address_id, remote_address_id, remote_port)
) STRICT, WITHOUT ROWID;
INSERT INTO port_use (netns, local_address_id, remote_address_id, remote_port, connections, peak, peak_ns)
WITH
steps AS (
  SELECT coalesce(netns, -1) AS netns, local_address_id, remote_address_id, remote_port, coalesce(opened_ns, first_seen_ns) AS at_ns, 1 AS step
  FROM connection
  WHERE protocol = 6 AND direction IN (0, 1) AND remote_address_id IS NOT NULL AND remote_port IS NOT NULL
  UNION ALL
  SELECT coalesce(netns, -1), local_address_id, remote_address_id, remote_port, max(last_seen_ns, coalesce(closed_ns, 0)), -1
  FROM connection
  WHERE protocol = 6 AND direction IN (0, 1) AND remote_address_id IS NOT NULL AND remote_port IS NOT NULL AND gone
),
levels AS (
  SELECT
    netns,
    local_address_id,
    remote_address_id,
    remote_port,
    at_ns,
    step,
    sum(step) OVER (PARTITION BY netns, local_address_id, remote_address_id, remote_port ORDER BY at_ns, step) AS level
  FROM steps
)
SELECT netns, local_address_id, remote_address_id, remote_port, sum(step > 0), max(level), at_ns
FROM levels
GROUP BY netns, local_address_id, remote_address_id, remote_port;

-- The next event is looked up, so that a question about a few connections reads the events of those only.
DROP VIEW state_intervals;
CREATE VIEW state_intervals AS
SELECT
  connection_id,
  CAST(CASE state_code
    WHEN 1 THEN 'CLOSED' WHEN 2 THEN 'LISTEN' WHEN 3 THEN 'SYN_SENT' WHEN 4 THEN 'SYN_RECEIVED' WHEN 5 THEN 'ESTABLISHED'
    WHEN 6 THEN 'FIN_WAIT_1' WHEN 7 THEN 'FIN_WAIT_2' WHEN 8 THEN 'CLOSE_WAIT' WHEN 9 THEN 'LAST_ACK' WHEN 10 THEN 'CLOSING'
    WHEN 11 THEN 'TIME_WAIT' WHEN 12 THEN 'DELETE_TCB'
  END AS TEXT) AS state,
  from_ns,
  to_ns,
  -- Bounds that overlap, and steps of which only the gap was kept (before schema 4), can turn the moments around.
  max(0, to_ns - from_ns - clock_adjust_ns) AS dwell_ns,
  clock_adjust_ns
FROM (
  SELECT
    e.connection_id,
    e.new AS state_code,
    e.at_ns AS from_ns,
    -- Asked once for all rows, so that a recording without steps pays nothing for them.
    iif((SELECT max(after_event) FROM clock_step) >= e.id, (
      SELECT coalesce(sum(k.step_ns), 0)
      FROM clock_step AS k
      WHERE k.after_event >= e.id AND k.after_event < coalesce((
        SELECT n.id
        FROM event AS n
        WHERE n.connection_id = e.connection_id AND n.id > e.id AND n.kind IN (0, 1, 2, 5)
        ORDER BY n.id
        LIMIT 1
      ), (
        -- What a recorder has left open knows no steps of later ones.
        SELECT iif(c.duration_bucket IS NULL OR c.session_id = k.session_id, k.after_event + 1, 0)
        FROM connection AS c
        WHERE c.id = e.connection_id
      ))
    ), 0) AS clock_adjust_ns,
    (
      SELECT n.at_ns
      FROM event AS n
      WHERE n.connection_id = e.connection_id AND n.id > e.id AND n.kind IN (0, 1, 2, 5)
      ORDER BY n.id
      LIMIT 1
    ) AS to_ns
  FROM event AS e
  WHERE e.kind IN (0, 1, 2) AND e.new IS NOT NULL
);

DROP VIEW connections;
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
  coalesce(
    (SELECT name FROM service AS sv WHERE sv.session_id = c.session_id AND sv.pid = p.pid AND sv.tag = c.module),
    p.service) AS service,
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
  iif(
    c.closed_ns - c.opened_ns > coalesce(c.clock_adjust_ns, 0), c.closed_ns - c.opened_ns - coalesce(c.clock_adjust_ns, 0), NULL
  ) AS duration_ns,
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
  CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || c.remote_port, '') AS remote,
  (SELECT name FROM code_name WHERE kind = 'outcome_reason' AND code = c.outcome_reason) AS outcome_reason,
  c.syns,
  p.container,
  c.clock_adjust_ns
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW clock_steps AS
SELECT
  id,
  session_id,
  strftime('%Y-%m-%dT%H:%M:%S', at_ns / 1000000000, 'unixepoch')
    || printf('.%06dZ', at_ns / 1000 % 1000000) AS at,
  at_ns,
  step_ns,
  after_event
FROM clock_step;

CREATE VIEW peers AS
SELECT
  p.id,
  CAST(CASE p.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
  CAST(CASE p.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' END AS TEXT) AS protocol,
  r.text AS remote_address,
  p.port,
  CASE
    WHEN p.direction = 2 THEN r.text || ' to port ' || p.port
    ELSE CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || p.port, '')
  END AS peer
FROM peer AS p
JOIN address AS r ON r.id = p.remote_address_id;

-- (SQLite looks into a UNION ALL only where both sides have the same affinity: hence the CASTs. A LEFT JOIN costs nothing where
-- nobody asks for its columns.)
-- Every view `connection_…` below has a twin `peer_…` that says the same of whole recordings by flows, and where no peer is asked for
-- one `process_…` that has even fewer rows.
CREATE VIEW connection_flows AS
SELECT
  c.process_id,
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  CAST(CASE c.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
  CAST(CASE c.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' END AS TEXT) AS protocol,
  c.netns,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  c.peer_id,
  (SELECT peer FROM peers WHERE peers.id = c.peer_id) AS peer,
  -- Whether what an earlier recorder left open is still there is not known.
  CAST(CASE iif(c.duration_bucket IS NOT NULL AND c.outcome = 0, 6, c.outcome)
    WHEN 0 THEN 'open' WHEN 1 THEN 'closed' WHEN 2 THEN 'refused' WHEN 3 THEN 'timed_out' WHEN 4 THEN 'reset'
    WHEN 5 THEN 'aborted' WHEN 6 THEN 'unknown'
  END AS TEXT) AS outcome,
  CAST(CASE c.outcome_reason
    WHEN 0 THEN 'not_noticed' WHEN 1 THEN 'peer_end_unseen' WHEN 2 THEN 'unanswered' WHEN 3 THEN 'retransmitting'
  END AS TEXT) AS outcome_reason,
  CAST(CASE c.owner_reason
    WHEN 0 THEN 'not_yet' WHEN 1 THEN 'not_permitted' WHEN 2 THEN 'gone' WHEN 3 THEN 'kernel' WHEN 4 THEN 'no_source'
  END AS TEXT) AS owner_reason,
  CAST(1 AS INTEGER) AS connections,
  CAST(c.opened_ns IS NOT NULL AS INTEGER) AS opened,
  CAST(c.outcome = 1 AND EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (6, 7, 10, 11)
  ) AS INTEGER) AS closed_by_us,
  CAST(c.outcome = 1 AND EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (8, 9)
  ) AND NOT EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (6, 7, 10, 11)
  ) AS INTEGER) AS closed_by_peer,
  c.syns,
  -- Of what was opened and closed within one look nothing is known.
  CAST(iif(
    c.closed_ns - c.opened_ns > coalesce(c.clock_adjust_ns, 0), c.closed_ns - c.opened_ns - coalesce(c.clock_adjust_ns, 0), NULL
  ) AS INTEGER) AS longest_ns,
  c.open_error_ns,
  c.bytes_sent,
  c.bytes_received,
  CAST(coalesce(c.opened_ns, c.first_seen_ns) AS INTEGER) AS first_ns,
  CAST(coalesce(c.opened_ns, c.first_seen_ns) AS INTEGER) AS last_ns,
  c.closed_ns AS first_closed_ns,
  c.closed_ns AS last_closed_ns,
  c.id,
  c.opened_ns,
  c.first_seen_ns,
  CASE WHEN c.gone THEN c.last_seen_ns ELSE max(c.last_seen_ns, s.alive_ns) END AS last_seen_ns,
  c.closed_ns,
  c.duration_bucket
FROM connection AS c
LEFT JOIN session AS s ON s.id = c.session_id
LEFT JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW connection_dwells AS
SELECT
  c.process_id, c.pid, c.process, c.exe, c.user, c.direction, c.protocol, c.netns, c.local_address, c.local_port,
  c.remote_address, c.remote_port, c.peer_id, c.peer,
  i.state,
  CAST(1 AS INTEGER) AS dwells,
  CAST(iif(c.duration_bucket IS NULL, i.to_ns IS NULL, 0) AS INTEGER) AS still,
  CAST(max(0, coalesce(i.to_ns, c.last_seen_ns) - i.from_ns - i.clock_adjust_ns) AS INTEGER) AS dwell_ns,
  c.id, c.opened_ns, c.open_error_ns, c.first_seen_ns, c.last_seen_ns, c.closed_ns, c.duration_bucket
FROM connection_flows AS c
JOIN state_intervals AS i ON i.connection_id = c.id;

CREATE VIEW connection_lifetimes AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  CAST(1 AS INTEGER) AS lifetimes,
  longest_ns AS lifetime_ns,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket
FROM connection_flows
WHERE longest_ns IS NOT NULL;

CREATE VIEW connection_opens AS
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
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
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  id, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_ns, duration_bucket
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction = 'outbound' AND peer_id IS NOT NULL;

CREATE VIEW peer_keys AS
SELECT
  f.id AS flow_id,
  f.process_id,
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  CAST(CASE f.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
  CAST(CASE f.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' END AS TEXT) AS protocol,
  f.netns,
  l.text AS local_address,
  f.local_port,
  r.text AS remote_address,
  CAST(iif(f.direction = 2, NULL, e.port) AS INTEGER) AS remote_port,
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
  f.process_id,
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  CAST(CASE f.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
  CAST(CASE f.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' END AS TEXT) AS protocol,
  f.netns
FROM flow AS f
LEFT JOIN process AS p ON p.id = f.process_id
WHERE f.local_address_id IS NULL;

CREATE VIEW peer_flows AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port,
  k.remote_address, k.remote_port, k.peer_id, k.peer,
  CAST(CASE iif(u.outcome = 0, 6, u.outcome)
    WHEN 0 THEN 'open' WHEN 1 THEN 'closed' WHEN 2 THEN 'refused' WHEN 3 THEN 'timed_out' WHEN 4 THEN 'reset'
    WHEN 5 THEN 'aborted' WHEN 6 THEN 'unknown'
  END AS TEXT) AS outcome,
  CAST(CASE u.outcome_reason
    WHEN 0 THEN 'not_noticed' WHEN 1 THEN 'peer_end_unseen' WHEN 2 THEN 'unanswered' WHEN 3 THEN 'retransmitting'
  END AS TEXT) AS outcome_reason,
  CAST(CASE u.owner_reason
    WHEN 0 THEN 'not_yet' WHEN 1 THEN 'not_permitted' WHEN 2 THEN 'gone' WHEN 3 THEN 'kernel' WHEN 4 THEN 'no_source'
  END AS TEXT) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns, u.bytes_sent,
  u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM peer_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  outcome, outcome_reason, owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW peer_dwells AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port,
  k.remote_address, k.remote_port, k.peer_id, k.peer,
  CAST(CASE y.state
    WHEN 1 THEN 'CLOSED' WHEN 2 THEN 'LISTEN' WHEN 3 THEN 'SYN_SENT' WHEN 4 THEN 'SYN_RECEIVED' WHEN 5 THEN 'ESTABLISHED'
    WHEN 6 THEN 'FIN_WAIT_1' WHEN 7 THEN 'FIN_WAIT_2' WHEN 8 THEN 'CLOSE_WAIT' WHEN 9 THEN 'LAST_ACK' WHEN 10 THEN 'CLOSING'
    WHEN 11 THEN 'TIME_WAIT' WHEN 12 THEN 'DELETE_TCB'
  END AS TEXT) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > 0 AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW peer_lifetimes AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port,
  k.remote_address, k.remote_port, k.peer_id, k.peer,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(NULL AS INTEGER) AS closed_ns,
  CAST((SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id) AS INTEGER) AS open_error_ns
FROM peer_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = 0 AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  lifetimes, lifetime_ns, closed_ns, open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

CREATE VIEW process_flows AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  CAST(CASE iif(u.outcome = 0, 6, u.outcome)
    WHEN 0 THEN 'open' WHEN 1 THEN 'closed' WHEN 2 THEN 'refused' WHEN 3 THEN 'timed_out' WHEN 4 THEN 'reset'
    WHEN 5 THEN 'aborted' WHEN 6 THEN 'unknown'
  END AS TEXT) AS outcome,
  CAST(CASE u.outcome_reason
    WHEN 0 THEN 'not_noticed' WHEN 1 THEN 'peer_end_unseen' WHEN 2 THEN 'unanswered' WHEN 3 THEN 'retransmitting'
  END AS TEXT) AS outcome_reason,
  CAST(CASE u.owner_reason
    WHEN 0 THEN 'not_yet' WHEN 1 THEN 'not_permitted' WHEN 2 THEN 'gone' WHEN 3 THEN 'kernel' WHEN 4 THEN 'no_source'
  END AS TEXT) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns, u.bytes_sent,
  u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM process_keys AS k
CROSS JOIN flow_sum AS u ON u.flow_id = k.flow_id
WHERE u.connections > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns,
  outcome, outcome_reason, owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE duration_bucket IS NULL;

CREATE VIEW process_dwells AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  CAST(CASE y.state
    WHEN 1 THEN 'CLOSED' WHEN 2 THEN 'LISTEN' WHEN 3 THEN 'SYN_SENT' WHEN 4 THEN 'SYN_RECEIVED' WHEN 5 THEN 'ESTABLISHED'
    WHEN 6 THEN 'FIN_WAIT_1' WHEN 7 THEN 'FIN_WAIT_2' WHEN 8 THEN 'CLOSE_WAIT' WHEN 9 THEN 'LAST_ACK' WHEN 10 THEN 'CLOSING'
    WHEN 11 THEN 'TIME_WAIT' WHEN 12 THEN 'DELETE_TCB'
  END AS TEXT) AS state,
  y.dwells,
  CAST(0 AS INTEGER) AS still,
  y.longest_ns AS dwell_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state > 0 AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns,
  state, dwells, still, dwell_ns
FROM connection_dwells
WHERE duration_bucket IS NULL;

CREATE VIEW process_lifetimes AS
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns,
  y.dwells AS lifetimes,
  y.longest_ns AS lifetime_ns,
  CAST(NULL AS INTEGER) AS closed_ns,
  CAST((SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id) AS INTEGER) AS open_error_ns
FROM process_keys AS k
CROSS JOIN flow_dwell AS y ON y.flow_id = k.flow_id
WHERE y.state = 0 AND y.dwells > 0
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns,
  lifetimes, lifetime_ns, closed_ns, open_error_ns
FROM connection_lifetimes
WHERE duration_bucket IS NULL;

-- Seconds of a recording up to two hours long, minutes of a longer one.
CREATE VIEW process_opens AS
SELECT
  p.id AS process_id,
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  CAST(CASE o.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
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
  p.exe,
  p.user,
  CAST(CASE o.direction
    WHEN 0 THEN 'unknown' WHEN 1 THEN 'outbound' WHEN 2 THEN 'inbound' WHEN 3 THEN 'listen'
  END AS TEXT) AS direction,
  CAST(60 AS INTEGER) AS span_s,
  CAST(o.minute * 60 AS INTEGER),
  o.opened,
  o.max_opened,
  o.max_second,
  CAST(NULL AS INTEGER)
FROM open_minute AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0 AND (SELECT max(minute) - min(minute) FROM open_minute) > 120
UNION ALL
SELECT process_id, pid, process, exe, user, direction, span_s, second, opens, max_opens, max_second, opened_ns
FROM connection_opens
WHERE duration_bucket IS NULL;

-- Calls that may have a rhythm: of flows that call six times or more, and not more than once a second on average, the last hundred.
CREATE VIEW peer_outbound_opens AS
WITH callers AS MATERIALIZED (
  SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port,
  k.remote_address, k.remote_port, k.peer_id, k.peer,
    k.flow_id,
    coalesce((SELECT n.id FROM connection AS n WHERE n.flow_id = k.flow_id ORDER BY n.id DESC LIMIT 1 OFFSET 99), 0) AS from_id
  FROM peer_keys AS k
  WHERE k.direction = 'outbound' AND k.peer_id IS NOT NULL AND (
    SELECT sum(u.opened) >= 6 AND max(u.last_ns) - min(u.first_ns) >= 1000000000 * (sum(u.connections) - 1)
    FROM flow_sum AS u
    WHERE u.flow_id = k.flow_id
  )
)
SELECT
  k.process_id, k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port,
  k.remote_address, k.remote_port, k.peer_id, k.peer,
  c.opened_ns
FROM callers AS k
CROSS JOIN connection AS c ON c.flow_id = k.flow_id AND c.id >= k.from_id
WHERE c.opened_ns IS NOT NULL
UNION ALL
SELECT
  process_id, pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port,
  peer_id, peer,
  opened_ns
FROM connection_outbound_opens
WHERE duration_bucket IS NULL;

-- Stays that last, and those of five seconds and more, in states that should pass.
CREATE VIEW long_dwells AS
SELECT connection_id, (SELECT name FROM code_name WHERE kind = 'state' AND code = y.state) AS state, from_ns, to_ns,
  clock_adjust_ns
FROM long_dwell AS y
UNION ALL
SELECT connection_id, state, from_ns, to_ns, clock_adjust_ns
FROM state_intervals
WHERE connection_id IN (SELECT id FROM connection WHERE duration_bucket IS NULL)
  AND state IN ('CLOSE_WAIT', 'FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'LAST_ACK', 'SYN_SENT', 'SYN_RECEIVED')
  AND (to_ns IS NULL OR dwell_ns >= 5000000000);
