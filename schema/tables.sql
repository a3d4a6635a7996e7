-- SPDX-License-Identifier: MIT
-- The tables of a recording. The views in views.sql are the contract (docs/database.md); the tables
-- may change with the schema version. `$state.established` stands for the stored code of that name
-- (src/model/codes.hpp). Unknown is NULL. `*_ns` are nanoseconds: moments in UTC since 1970, or
-- durations.

-- One run of the recorder.
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
  ended_ns INTEGER,                 -- NULL: still running, or killed
  alive_ns INTEGER NOT NULL,        -- the last heartbeat
  ticks INTEGER NOT NULL DEFAULT 0,
  late_ticks INTEGER NOT NULL DEFAULT 0,
  skipped_ticks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE address (
  id INTEGER PRIMARY KEY,
  family INTEGER NOT NULL,
  text TEXT NOT NULL UNIQUE,        -- RFC 5952, with the scope
  bytes BLOB NOT NULL               -- 4 or 16, network order: ranges are compared by them
) STRICT;

-- One row for each image of each process incarnation. pid, start and the boot identify a process.
-- It has another image after an exec, and after a change of its user. A row without a pid stands for
-- processes of one program, or of several, whose connections were deleted: see `flow`.
CREATE TABLE process (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  pid INTEGER,
  start INTEGER NOT NULL,           -- since boot, in units of the platform
  started_ns INTEGER NOT NULL,
  ended_ns INTEGER,
  end_error_ns INTEGER,
  name TEXT NOT NULL,
  exe TEXT,
  cmdline TEXT,
  user TEXT,
  cgroup TEXT,
  service TEXT,
  parent_pid INTEGER,
  container TEXT,
  image INTEGER NOT NULL DEFAULT 0, -- counts what it executed while it was watched
  image_since_ns INTEGER,           -- NULL: it was met with this image
  unit TEXT,
  pod TEXT,
  exit_status INTEGER,
  exit_signal INTEGER,
  container_name TEXT,
  pod_name TEXT,
  exe_sha256 TEXT,                  -- lower-case hexadecimal; NULL: not read
  service_caption TEXT              -- Windows: the names of its services for people
) STRICT;
CREATE INDEX process_by_pid ON process (pid);

-- Windows: the services that share one process, by the tag of their sockets.
CREATE TABLE service (
  session_id INTEGER NOT NULL REFERENCES session (id),
  pid INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  name TEXT NOT NULL,
  caption TEXT,                     -- the name for people
  PRIMARY KEY (session_id, pid, tag)
) STRICT, WITHOUT ROWID;

-- Upper bounds of lifetimes. A connection that was open in a window was opened at most the span of
-- its bucket before the window. One minute and two minutes of TIME_WAIT have buckets of their own.
CREATE TABLE duration_bucket (
  code INTEGER PRIMARY KEY,
  span_ns INTEGER NOT NULL
) STRICT;
INSERT INTO duration_bucket (code, span_ns) VALUES
  (0, 1000000000), (1, 10000000000), (2, 65000000000), (3, 130000000000), (4, 300000000000),
  (5, 900000000000), (6, 3600000000000), (7, 21600000000000), (8, 86400000000000),
  (9, 604800000000000), (10, 4611686018427387904);

-- A name that was looked up, as in Lookup (src/model/lookup.hpp).
CREATE TABLE name (
  id INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;

-- A remote address, the port of the service (our port if the connection is inbound, else the remote
-- port) and the name by which the program knew the address.
CREATE TABLE peer (
  id INTEGER PRIMARY KEY,
  direction INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  remote_address_id INTEGER NOT NULL REFERENCES address (id),
  port INTEGER,
  name_id INTEGER REFERENCES name (id),
  name_source INTEGER               -- NULL where name_id is
) STRICT;
CREATE INDEX peer_by_address ON peer (remote_address_id, port, direction, protocol, name_id);
CREATE INDEX peer_by_name ON peer (name_id) WHERE name_id IS NOT NULL;

-- Aggregated flows (RFC 7015) of the connections that ended within one hour: one for each process,
-- peer and local address; and one for each process, with local_address_id, local_port and peer_id
-- NULL. The flows of an hour stay when its connections are deleted. Then short processes of one
-- program share a process, and rare peers share the address `other addresses`.
CREATE TABLE flow (
  id INTEGER PRIMARY KEY,
  hour INTEGER NOT NULL,            -- since 1970, UTC
  process_id INTEGER REFERENCES process (id),
  direction INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  netns INTEGER,
  local_address_id INTEGER REFERENCES address (id),
  local_port INTEGER,               -- of listeners and inbound connections
  peer_id INTEGER REFERENCES peer (id)
) STRICT;
CREATE INDEX flow_by_hour ON flow (hour);
CREATE INDEX flow_by_process ON flow (process_id, hour) WHERE local_address_id IS NULL;
CREATE INDEX flow_by_owner ON flow (process_id, hour, peer_id) WHERE local_address_id IS NOT NULL;
CREATE INDEX flow_by_peer ON flow (peer_id) WHERE peer_id IS NOT NULL;
CREATE INDEX flow_by_port ON flow (local_port) WHERE local_port IS NOT NULL;

-- One row for each incarnation of a five-tuple, listener or UDP socket. flow_id and duration_bucket
-- are NULL until the connection is closed and counted in its flows. What is GENERATED takes no place
-- in the file: differences are stored in fewer bytes.
CREATE TABLE connection (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  protocol INTEGER NOT NULL,
  local_address_id INTEGER NOT NULL REFERENCES address (id),
  local_port INTEGER NOT NULL,
  remote_address_id INTEGER REFERENCES address (id),
  remote_port INTEGER,
  direction INTEGER NOT NULL,
  netns_above INTEGER,              -- Linux numbers namespaces from 0xF0000000
  netns INTEGER GENERATED ALWAYS AS (4026531840 + netns_above) VIRTUAL,
  process_id INTEGER REFERENCES process (id),
  owner_source INTEGER NOT NULL,
  owner_reason INTEGER,
  uid INTEGER,
  first_seen_ns INTEGER NOT NULL,
  opened_after_ns INTEGER,          -- first_seen_ns
  opened_ns INTEGER GENERATED ALWAYS AS (first_seen_ns + opened_after_ns) VIRTUAL,
  open_error_ns INTEGER,
  last_seen_after_ns INTEGER NOT NULL,
  last_seen_ns INTEGER GENERATED ALWAYS AS (first_seen_ns + last_seen_after_ns) VIRTUAL,
  closed_after_ns INTEGER,
  closed_ns INTEGER GENERATED ALWAYS AS (first_seen_ns + closed_after_ns) VIRTUAL,
  close_error_ns INTEGER,
  gone INTEGER NOT NULL,            -- 1: its close event is recorded
  state INTEGER,
  offload INTEGER,
  outcome INTEGER NOT NULL,
  bytes_sent INTEGER,
  bytes_received INTEGER,
  retransmits INTEGER,
  rtt_us INTEGER,
  unanswered_ms INTEGER,            -- at last_seen_ns, for how long the peer had not answered
  seen_by INTEGER NOT NULL,
  outcome_reason INTEGER,
  syns INTEGER,                     -- SYNs sent by a connect that failed
  errno INTEGER,                    -- that the kernel left with the socket
  module INTEGER,                   -- Windows: the tag of its service
  clock_adjust_ns INTEGER,          -- sum of the clock steps while it was open; NULL: none
  peer_id INTEGER REFERENCES peer (id),
  duration_bucket INTEGER REFERENCES duration_bucket (code),
  flow_id INTEGER REFERENCES flow (id),
  incarnation INTEGER,              -- while open: the cookie (Linux) or create timestamp (Windows)
  -- The events of a connection that is over, but for those of kind owner. A JSON list in order of
  -- the ids; the view event_codes reads it. An element is a number if the time is exact:
  -- (at_ns - first_seen_ns) * 2048 + kind * 256 + old * 16 + new, where 15 is NULL. Otherwise it is
  -- [at_ns - first_seen_ns, kind, old, new, error_ns, ahead]. The id of an event is first_event +
  -- its place in the list + ahead (0 if there is none).
  history TEXT,
  first_event INTEGER,              -- NULL where history is
  last_event INTEGER,               -- the id of the last element
  datagrams_sent INTEGER,           -- UDP; NULL: not counted
  datagrams_received INTEGER,
  max_age_ns INTEGER                -- at first_seen_ns, where opened_ns is NULL; NULL: not known
) STRICT;
CREATE INDEX connection_by_duration
ON connection (duration_bucket, coalesce(opened_ns, first_seen_ns));
CREATE INDEX connection_by_flow ON connection (flow_id) WHERE flow_id IS NOT NULL;
CREATE INDEX connection_left_open ON connection (incarnation) WHERE incarnation IS NOT NULL;
CREATE INDEX connection_by_event ON connection (last_event) WHERE last_event IS NOT NULL;

-- Events of connections that are not over, events of kind owner, and all events of a connection
-- that has more than 64. The others are in connection.history.
CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  kind INTEGER NOT NULL,
  at_ns INTEGER NOT NULL,
  error_ns INTEGER NOT NULL,        -- it happened in (at_ns - error_ns, at_ns]
  old INTEGER,                      -- a state; offload event: an offload state; owner: a process
  new INTEGER
) STRICT;
CREATE INDEX event_by_connection ON event (connection_id);
CREATE INDEX event_of_owner ON event (old) WHERE kind = $event.owner AND old IS NOT NULL;

CREATE TABLE gap (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  netns INTEGER,                    -- NULL: all of them
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
  recorded_opens INTEGER NOT NULL,
  kernel_failures INTEGER,
  recorded_failures INTEGER
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
  out_datagrams INTEGER,
  num_conns INTEGER,                -- Windows, as the next two
  num_addrs INTEGER,
  bound_sockets INTEGER,
  rto_algorithm INTEGER,            -- from here on: at first, and with each coverage_window
  rto_min INTEGER,
  rto_max INTEGER,
  max_conn INTEGER
) STRICT;

-- Questions that processes asked DNS servers. An id is larger than those of questions that were
-- answered, or given up, before.
CREATE TABLE lookup (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  at_ns INTEGER NOT NULL,           -- when it was asked first
  process_id INTEGER REFERENCES process (id),
  netns_above INTEGER,              -- as in connection
  netns INTEGER GENERATED ALWAYS AS (4026531840 + netns_above) VIRTUAL,
  name_id INTEGER NOT NULL REFERENCES name (id),
  type INTEGER NOT NULL,            -- of the records asked for
  rcode INTEGER,                    -- NULL: no answer
  answers TEXT,                     -- joined by ', '; NULL: none
  ttl_s INTEGER,
  latency_ns INTEGER,
  server_id INTEGER NOT NULL REFERENCES address (id),
  server_port INTEGER NOT NULL
) STRICT;

-- When the wall clock was set, and by how much. Events up to after_event have the time of the clock
-- before the step. A duration is the difference of two times less the steps between them.
CREATE TABLE clock_step (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  at_ns INTEGER NOT NULL,           -- by the new clock
  step_ns INTEGER NOT NULL,         -- negative: backwards
  after_event INTEGER NOT NULL      -- 0: no event before the step
) STRICT;
CREATE INDEX clock_step_by_event ON clock_step (after_event, step_ns);

-- What this file was cut from: one row for each cut.
CREATE TABLE clip (
  id INTEGER PRIMARY KEY,
  cut_ns INTEGER NOT NULL,          -- the last heartbeat in the source when it was cut
  from_ns INTEGER,                  -- NULL: from the beginning
  to_ns INTEGER,                    -- NULL: to the end
  filters TEXT,                     -- as given on the command line; NULL: none
  source TEXT,                      -- file name without its directory
  source_connections INTEGER NOT NULL,
  source_events INTEGER NOT NULL,
  redacted TEXT,                    -- what was replaced by pseudonyms, comma-separated; or NULL
  netlog_version TEXT NOT NULL
) STRICT;

-- The tables below hold sums over closed connections, so that a report on a whole recording need
-- not read every connection. But for what was deleted, they can be rebuilt from connection and event.

CREATE TABLE flow_sum (
  flow_id INTEGER NOT NULL REFERENCES flow (id),
  outcome INTEGER NOT NULL,
  outcome_reason INTEGER NOT NULL,  -- -1: none
  owner_reason INTEGER NOT NULL,    -- -1: none
  connections INTEGER NOT NULL,
  opened INTEGER NOT NULL,          -- connections with a known beginning
  closed_by_us INTEGER NOT NULL,    -- outcome closed: we sent the first FIN
  closed_by_peer INTEGER NOT NULL,  -- outcome closed: the peer sent the first FIN
  syns INTEGER,                     -- largest
  longest_ns INTEGER,
  open_error_ns INTEGER,            -- largest
  bytes_sent INTEGER,
  bytes_received INTEGER,
  first_ns INTEGER NOT NULL,        -- earliest beginning
  last_ns INTEGER NOT NULL,         -- latest beginning
  first_closed_ns INTEGER,
  last_closed_ns INTEGER,
  PRIMARY KEY (flow_id, outcome, outcome_reason, owner_reason)
) STRICT, WITHOUT ROWID;

-- A histogram of dwell times by state, and of lifetimes ($dwell.lifetime in the place of a state).
-- Eight classes for each doubling.
CREATE TABLE flow_dwell (
  flow_id INTEGER NOT NULL REFERENCES flow (id),
  state INTEGER NOT NULL,
  class INTEGER NOT NULL,
  dwells INTEGER NOT NULL,
  longest_ns INTEGER NOT NULL,
  PRIMARY KEY (flow_id, state, class)
) STRICT, WITHOUT ROWID;

-- Dwells of five seconds and more in a state that should be short.
CREATE TABLE long_dwell (
  connection_id INTEGER NOT NULL REFERENCES connection (id),
  state INTEGER NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  clock_adjust_ns INTEGER NOT NULL, -- sum of the clock steps in between
  PRIMARY KEY (connection_id, state, from_ns)
) STRICT, WITHOUT ROWID;

-- Closed connections that are in the file, by the second in which they were opened.
CREATE TABLE open_second (
  second INTEGER NOT NULL,          -- since 1970
  process_id INTEGER NOT NULL,      -- -1: unknown
  direction INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  PRIMARY KEY (second, process_id, direction)
) STRICT, WITHOUT ROWID;

-- The same by the minute, with the busiest second.
CREATE TABLE open_minute (
  minute INTEGER NOT NULL,          -- since 1970
  process_id INTEGER NOT NULL,      -- -1: unknown
  direction INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  max_opened INTEGER NOT NULL,      -- within one second
  max_second INTEGER NOT NULL,      -- that second, since 1970
  PRIMARY KEY (minute, process_id, direction)
) STRICT, WITHOUT ROWID;

-- Deleted connections by the hour in which they were opened. The two tables above do not count them.
CREATE TABLE open_hour (
  hour INTEGER NOT NULL,            -- since 1970
  process_id INTEGER NOT NULL,      -- -1: unknown
  direction INTEGER NOT NULL,
  opened INTEGER NOT NULL,
  PRIMARY KEY (hour, process_id, direction)
) STRICT, WITHOUT ROWID;

-- The largest number of local ports in use at once between a local address and a remote endpoint.
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
