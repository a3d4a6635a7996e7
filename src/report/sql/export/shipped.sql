-- SPDX-License-Identifier: MIT
-- about: what netlog ship reads; the columns of rows are those of src/ship/fleet_schema.cpp
-- section: ship_newest | Newest
SELECT
  s.id, s.started_ns, s.ticks,
  coalesce((SELECT id FROM newest_event), 0) AS event,
  coalesce((SELECT connection_id FROM newest_event), 0) AS event_connection,
  coalesce((SELECT max(id) FROM connection), 0) AS connection,
  coalesce(
    (
      SELECT sum(lost) FROM gap
      WHERE source = 'retention' AND reason IN ('over --max-size', 'older than --max-age')
    ),
    0
  ) AS deleted
FROM session AS s
ORDER BY s.id DESC
LIMIT 1;
-- section: ship_sessions_known | Sessions
SELECT id, started_ns, host, boot_id FROM session ORDER BY id LIMIT 100;
-- section: ship_sessions_last | Sessions
SELECT id, started_ns, host, boot_id FROM session ORDER BY id DESC LIMIT 100;
-- section: ship_clips | Clips
SELECT cut_ns, from_ns, to_ns, filters, redacted FROM clip ORDER BY id LIMIT 100;
-- section: ship_event | Event
SELECT at_ns FROM event_codes WHERE connection_id = :connection AND id = :event;
-- section: ship_has_closed_before | Closed
SELECT EXISTS (SELECT 1 FROM connection WHERE last_event IS NOT NULL AND last_event <= :event) AS found;
-- section: ship_deletions | Deletions
SELECT min(from_ns) AS from_ns, max(to_ns) AS to_ns FROM gap
WHERE source = 'retention' AND reason IN ('over --max-size', 'older than --max-age');
-- section: ship_missing | Missing
SELECT e.value FROM json_each(:ids) AS e WHERE NOT EXISTS (SELECT 1 FROM connection AS c WHERE c.id = e.value);
-- section: ship_changed | Changed
SELECT newest, connection_id FROM (
  SELECT * FROM (SELECT id AS newest, connection_id FROM event WHERE id > :event ORDER BY id LIMIT :rows)
  UNION ALL
  SELECT * FROM (
    SELECT last_event, id FROM connection
    WHERE last_event IS NOT NULL AND last_event > :event
    ORDER BY last_event LIMIT :rows
  )
)
ORDER BY newest
LIMIT :rows;
-- section: ship_open | Open
SELECT id, id FROM connection WHERE duration_bucket IS NULL AND id > :connection ORDER BY id LIMIT :rows;
-- section: ship_first | First
SELECT id, id FROM connection WHERE id > :connection ORDER BY id LIMIT :rows;
-- section: ship_connections | Connections
SELECT
  s.host, s.boot_id,
  c.id, c.session_id, c.protocol, c.family, c.local_address, c.local_port, c.remote_address, c.remote_port, c.direction, c.pid,
  c.process, c.exe, c.cmdline, c.user, c.cgroup, c.service, c.netns, c.owner_source, c.opened_ns, c.open_error_ns,
  c.first_seen_ns, c.last_seen_ns, c.closed_ns, c.close_error_ns, c.duration_ns, c.state, c.offload, c.outcome,
  c.bytes_sent, c.bytes_received, c.retransmits, c.rtt_us, c.seen_by, c.owner_reason, c.uid, c.gone,
  c.outcome_reason, c.syns, c.container, c.clock_adjust_ns, c.unanswered_ms, c.unit, c.pod, c.container_name, c.pod_name, c.errno,
  c.process_id, c.datagrams_sent, c.datagrams_received, c.remote_name, c.name_source,
  c.service_caption, c.not_before_ns
FROM connections AS c
JOIN sessions AS s ON s.id = c.session_id
WHERE c.id IN (/*ids*/);
-- section: ship_sessions | Sessions
SELECT
  id, host, os, kernel, netlog_version, boot_id, utc_offset_s, interval_ns, sources, started_ns, ended_ns, last_alive_ns, ticks,
  late_ticks, skipped_ticks
FROM sessions
WHERE id >= :session
ORDER BY id
LIMIT :rows;
-- section: ship_gaps | Gaps
SELECT s.host, g.id, g.session_id, g.netns, g.from_ns, g.to_ns, g.source, g.reason, g.lost, g.detail
FROM gaps AS g
JOIN sessions AS s ON s.id = g.session_id
WHERE g.id > :gap OR g.source = 'retention'
ORDER BY g.id
LIMIT :rows;
-- section: ship_coverage | Coverage
SELECT
  s.host, v.id, v.session_id, v.netns, v.from_ns, v.to_ns, v.kernel_opens, v.recorded_opens, v.kernel_failures,
  v.recorded_failures
FROM coverage_window AS v
JOIN sessions AS s ON s.id = v.session_id
WHERE v.id > :coverage
ORDER BY v.id
LIMIT :rows;
