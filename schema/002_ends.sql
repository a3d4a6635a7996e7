-- SPDX-License-Identifier: MIT
-- Why an outcome is unknown, how many SYNs a failed connect had sent, how many the kernel counted; containers; a remote address can be known without its port.

ALTER TABLE connection ADD COLUMN outcome_reason INTEGER;
ALTER TABLE connection ADD COLUMN syns INTEGER;
ALTER TABLE coverage_window ADD COLUMN kernel_failures INTEGER;
ALTER TABLE coverage_window ADD COLUMN recorded_failures INTEGER;
ALTER TABLE process ADD COLUMN container TEXT;

INSERT INTO code_name (kind, code, name) VALUES
  ('outcome_reason', 0, 'not_noticed'), ('outcome_reason', 1, 'peer_end_unseen'), ('outcome_reason', 2, 'unanswered'),
  ('outcome_reason', 3, 'retransmitting');

-- Of the noticed ones nothing was kept to judge by.
UPDATE connection SET outcome_reason = 0 WHERE outcome = 6 AND (seen_by & 2) = 0;

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
  CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || c.remote_port, '') AS remote,
  (SELECT name FROM code_name WHERE kind = 'outcome_reason' AND code = c.outcome_reason) AS outcome_reason,
  c.syns,
  p.container
FROM connection AS c
JOIN session AS s ON s.id = c.session_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

DROP VIEW events;
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
  CASE WHEN r.text LIKE '%:%' THEN '[' || r.text || ']' ELSE r.text END || coalesce(':' || c.remote_port, '') AS remote
FROM event AS e
JOIN connection AS c ON c.id = e.connection_id
JOIN address AS l ON l.id = c.local_address_id
LEFT JOIN address AS r ON r.id = c.remote_address_id
LEFT JOIN process AS p ON p.id = c.process_id;

DROP VIEW processes;
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
  session_id,
  container
FROM process;

DROP VIEW coverage;
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
  CASE WHEN kernel_opens > 0 THEN min(100.0, 100.0 * recorded_opens / kernel_opens) END AS percent,
  kernel_failures,
  recorded_failures
FROM coverage_window;
