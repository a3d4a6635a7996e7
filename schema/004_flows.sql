-- SPDX-License-Identifier: MIT
-- Sums of ended connections, so that a question about a whole recording need not read each of them; and an index over time.

-- Lives by their length: what was there in a window began at most a class's span before it.
CREATE TABLE life_class (
  code INTEGER PRIMARY KEY,
  span_ns INTEGER NOT NULL
) STRICT;
INSERT INTO life_class (code, span_ns) VALUES
  (0, 1000000000), (1, 10000000000), (2, 60000000000), (3, 600000000000), (4, 3600000000000), (5, 21600000000000),
  (6, 86400000000000), (7, 604800000000000), (8, 4611686018427387904);

ALTER TABLE connection ADD COLUMN life_class INTEGER REFERENCES life_class (code); -- NULL: still there, or not summed up yet
ALTER TABLE connection ADD COLUMN flow_id INTEGER REFERENCES flow (id);            -- the same
CREATE INDEX connection_by_life ON connection (life_class, coalesce(opened_ns, first_seen_ns));
CREATE INDEX connection_by_flow ON connection (flow_id) WHERE flow_id IS NOT NULL;
DROP INDEX connection_by_process;

-- An aggregated flow (RFC 7015): what one process had with one peer on one port of a service.
CREATE TABLE flow (
  id INTEGER PRIMARY KEY,
  process_id INTEGER REFERENCES process (id),
  direction INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  netns INTEGER,
  local_address_id INTEGER NOT NULL REFERENCES address (id),
  remote_address_id INTEGER REFERENCES address (id),
  port INTEGER                 -- ours of inbound connections and listeners, else the peer's
) STRICT;
CREATE INDEX flow_by_peer ON flow (remote_address_id, port, process_id, direction);
CREATE INDEX flow_by_process ON flow (process_id);
CREATE INDEX flow_by_port ON flow (port);

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
CREATE TABLE flow_stay (
  flow_id INTEGER NOT NULL REFERENCES flow (id),
  state INTEGER NOT NULL,
  class INTEGER NOT NULL,
  stays INTEGER NOT NULL,
  longest_ns INTEGER NOT NULL,
  PRIMARY KEY (flow_id, state, class)
) STRICT, WITHOUT ROWID;

-- Stays of five seconds and more in a state that should pass.
CREATE TABLE slow_stay (
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  state INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
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

-- Local ports in use at once between one of our addresses and one endpoint.
CREATE TABLE port_use (
  local_address_id INTEGER NOT NULL REFERENCES address (id),
  remote_address_id INTEGER NOT NULL REFERENCES address (id),
  remote_port INTEGER NOT NULL,
  connections INTEGER NOT NULL,
  peak INTEGER NOT NULL,
  peak_ns INTEGER NOT NULL,
  PRIMARY KEY (local_address_id, remote_address_id, remote_port)
) STRICT, WITHOUT ROWID;
INSERT INTO port_use (local_address_id, remote_address_id, remote_port, connections, peak, peak_ns)
WITH
steps AS (
  SELECT local_address_id, remote_address_id, remote_port, coalesce(opened_ns, first_seen_ns) AS at_ns, 1 AS step
  FROM connection
  WHERE protocol = 6 AND direction IN (0, 1) AND remote_address_id IS NOT NULL AND remote_port IS NOT NULL
  UNION ALL
  SELECT local_address_id, remote_address_id, remote_port, max(last_seen_ns, coalesce(closed_ns, 0)), -1
  FROM connection
  WHERE protocol = 6 AND direction IN (0, 1) AND remote_address_id IS NOT NULL AND remote_port IS NOT NULL AND gone
),
levels AS (
  SELECT
    local_address_id,
    remote_address_id,
    remote_port,
    at_ns,
    step,
    sum(step) OVER (PARTITION BY local_address_id, remote_address_id, remote_port ORDER BY at_ns, step DESC) AS level
  FROM steps
)
SELECT local_address_id, remote_address_id, remote_port, sum(step > 0), max(level), at_ns
FROM levels
GROUP BY local_address_id, remote_address_id, remote_port;

-- The next event is looked up, so that a question about a few connections reads the events of those only.
DROP VIEW state_intervals;
CREATE VIEW state_intervals AS
SELECT
  connection_id,
  (SELECT name FROM code_name WHERE kind = 'state' AND code = state_code) AS state,
  from_ns,
  to_ns,
  to_ns - from_ns AS dwell_ns
FROM (
  SELECT
    e.connection_id,
    e.new AS state_code,
    e.at_ns AS from_ns,
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

-- Reports read the views `flow…` for a whole recording, and `connection_flow…`, the same of every single connection, for anything less.
CREATE VIEW flow_keys AS
SELECT
  f.id AS flow_id,
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  (SELECT name FROM code_name WHERE kind = 'direction' AND code = f.direction) AS direction,
  (SELECT name FROM code_name WHERE kind = 'protocol' AND code = f.protocol) AS protocol,
  f.netns,
  l.text AS local_address,
  CASE WHEN f.direction IN (2, 3) THEN f.port END AS local_port,
  r.text AS remote_address,
  CASE WHEN f.direction NOT IN (2, 3) THEN f.port END AS remote_port,
  CASE f.direction
    WHEN 2 THEN r.text || ' to port ' || f.port
    WHEN 3 THEN NULL
    ELSE CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || f.port, '')
  END AS peer
FROM flow AS f
JOIN address AS l ON l.id = f.local_address_id
LEFT JOIN address AS r ON r.id = f.remote_address_id
LEFT JOIN process AS p ON p.id = f.process_id;

CREATE VIEW connection_flows AS
SELECT
  p.pid,
  p.name AS process,
  p.exe,
  p.user,
  (SELECT name FROM code_name WHERE kind = 'direction' AND code = c.direction) AS direction,
  (SELECT name FROM code_name WHERE kind = 'protocol' AND code = c.protocol) AS protocol,
  c.netns,
  l.text AS local_address,
  c.local_port,
  r.text AS remote_address,
  c.remote_port,
  CASE c.direction
    WHEN 2 THEN r.text || ' to port ' || c.local_port
    WHEN 3 THEN NULL
    ELSE CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || c.remote_port, '')
  END AS peer,
  (SELECT name FROM code_name WHERE kind = 'outcome' AND code = c.outcome) AS outcome,
  (SELECT name FROM code_name WHERE kind = 'outcome_reason' AND code = c.outcome_reason) AS outcome_reason,
  (SELECT name FROM code_name WHERE kind = 'owner_reason' AND code = c.owner_reason) AS owner_reason,
  1 AS connections,
  c.opened_ns IS NOT NULL AS opened,
  c.outcome = 1 AND EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (6, 7, 10, 11)
  ) AS closed_by_us,
  c.outcome = 1 AND EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (8, 9)
  ) AND NOT EXISTS (
    SELECT 1 FROM event AS e WHERE e.connection_id = c.id AND e.kind IN (0, 1, 2) AND e.new IN (6, 7, 10, 11)
  ) AS closed_by_peer,
  c.syns,
  nullif(c.closed_ns - c.opened_ns, 0) AS longest_ns,
  c.open_error_ns,
  c.bytes_sent,
  c.bytes_received,
  coalesce(c.opened_ns, c.first_seen_ns) AS first_ns,
  coalesce(c.opened_ns, c.first_seen_ns) AS last_ns,
  c.closed_ns AS first_closed_ns,
  c.closed_ns AS last_closed_ns,
  c.id,
  c.opened_ns,
  c.first_seen_ns,
  CASE WHEN c.gone THEN c.last_seen_ns ELSE max(c.last_seen_ns, s.alive_ns) END AS last_seen_ns,
  c.closed_ns,
  c.life_class
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

CREATE VIEW flows AS
SELECT
  k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port, k.remote_address,
  k.remote_port, k.peer,
  (SELECT name FROM code_name WHERE kind = 'outcome' AND code = u.outcome) AS outcome,
  (SELECT name FROM code_name WHERE kind = 'outcome_reason' AND code = u.outcome_reason) AS outcome_reason,
  (SELECT name FROM code_name WHERE kind = 'owner_reason' AND code = u.owner_reason) AS owner_reason,
  u.connections, u.opened, u.closed_by_us, u.closed_by_peer, u.syns, u.longest_ns, u.open_error_ns, u.bytes_sent,
  u.bytes_received, u.first_ns, u.last_ns, u.first_closed_ns, u.last_closed_ns
FROM flow_sum AS u
JOIN flow_keys AS k ON k.flow_id = u.flow_id
WHERE u.connections > 0
UNION ALL
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  outcome, outcome_reason, owner_reason, connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns,
  bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns
FROM connection_flows
WHERE life_class IS NULL;

CREATE VIEW connection_flow_stays AS
SELECT
  c.pid, c.process, c.exe, c.user, c.direction, c.protocol, c.netns, c.local_address, c.local_port, c.remote_address,
  c.remote_port, c.peer,
  i.state,
  1 AS stays,
  i.to_ns IS NULL AS still,
  coalesce(i.to_ns, (SELECT max(alive_ns) FROM session)) - i.from_ns AS dwell_ns,
  c.id, c.opened_ns, c.first_seen_ns, c.last_seen_ns, c.closed_ns, c.life_class
FROM connection_flows AS c
JOIN state_intervals AS i ON i.connection_id = c.id;

CREATE VIEW flow_stays AS
SELECT
  k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port, k.remote_address,
  k.remote_port, k.peer,
  (SELECT name FROM code_name WHERE kind = 'state' AND code = y.state) AS state,
  y.stays,
  0 AS still,
  y.longest_ns AS dwell_ns
FROM flow_stay AS y
JOIN flow_keys AS k ON k.flow_id = y.flow_id
WHERE y.state > 0 AND y.stays > 0
UNION ALL
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  state, stays, still, dwell_ns
FROM connection_flow_stays
WHERE life_class IS NULL;

CREATE VIEW connection_flow_lives AS
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  1 AS lives,
  longest_ns AS life_ns,
  open_error_ns,
  id, opened_ns, first_seen_ns, last_seen_ns, closed_ns, life_class
FROM connection_flows
WHERE longest_ns IS NOT NULL;

CREATE VIEW flow_lives AS
SELECT
  k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port, k.remote_address,
  k.remote_port, k.peer,
  y.stays AS lives,
  y.longest_ns AS life_ns,
  (SELECT max(u.open_error_ns) FROM flow_sum AS u WHERE u.flow_id = y.flow_id) AS open_error_ns
FROM flow_stay AS y
JOIN flow_keys AS k ON k.flow_id = y.flow_id
WHERE y.state = 0 AND y.stays > 0
UNION ALL
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  lives, life_ns, open_error_ns
FROM connection_flow_lives
WHERE life_class IS NULL;

CREATE VIEW connection_flow_opens AS
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  opened_ns / 1000000000 AS second,
  1 AS opens,
  id, opened_ns, first_seen_ns, last_seen_ns, closed_ns, life_class
FROM connection_flows
WHERE opened_ns IS NOT NULL AND direction <> 'listen';

CREATE VIEW flow_opens AS
SELECT
  p.pid, p.name AS process, p.exe, p.user,
  (SELECT name FROM code_name WHERE kind = 'direction' AND code = o.direction) AS direction,
  o.second,
  o.opened AS opens
FROM open_second AS o
LEFT JOIN process AS p ON p.id = o.process_id
WHERE o.opened > 0
UNION ALL
SELECT pid, process, exe, user, direction, second, opens
FROM connection_flow_opens
WHERE life_class IS NULL;

-- Calls that may have a rhythm: of flows that call six times or more, and not more than once a second on average, the last thousand.
CREATE VIEW connection_flow_calls AS
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  id, opened_ns, first_seen_ns, last_seen_ns, closed_ns, life_class
FROM connection_flows
WHERE direction = 'outbound' AND opened_ns IS NOT NULL;

CREATE VIEW flow_calls AS
SELECT
  k.pid, k.process, k.exe, k.user, k.direction, k.protocol, k.netns, k.local_address, k.local_port, k.remote_address,
  k.remote_port, k.peer,
  c.opened_ns
FROM (
  SELECT flow_id
  FROM flow_sum
  GROUP BY flow_id
  HAVING sum(opened) >= 6 AND max(last_ns) - min(first_ns) >= 1000000000 * (sum(connections) - 1)
) AS u
JOIN flow_keys AS k ON k.flow_id = u.flow_id AND k.direction = 'outbound'
JOIN connection AS c ON c.flow_id = u.flow_id
WHERE c.opened_ns IS NOT NULL
  AND c.id >= coalesce((SELECT n.id FROM connection AS n WHERE n.flow_id = u.flow_id ORDER BY n.id DESC LIMIT 1 OFFSET 999), 0)
UNION ALL
SELECT
  pid, process, exe, user, direction, protocol, netns, local_address, local_port, remote_address, remote_port, peer,
  opened_ns
FROM connection_flow_calls
WHERE life_class IS NULL;
