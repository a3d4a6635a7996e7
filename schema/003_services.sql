-- SPDX-License-Identifier: MIT
-- Several services of Windows share a process; the tag of a socket tells which of them it belongs to.

CREATE TABLE service (
  session_id INTEGER NOT NULL REFERENCES session (id),
  pid INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (session_id, pid, tag)
) STRICT, WITHOUT ROWID;

ALTER TABLE connection ADD COLUMN module INTEGER; -- the tag; NULL: unknown

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
