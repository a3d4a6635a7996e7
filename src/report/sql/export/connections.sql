-- SPDX-License-Identifier: MIT
-- about: each connection, with what formats say in other words: its source is the side that connected
-- section: connections | Connections
SELECT
  c.id, c.session_id, c.protocol, c.family, c.local_address, c.local_port, c.remote_address, c.remote_port, c.direction, c.pid,
  c.process, c.exe, c.cmdline, c.user, c.cgroup, c.service, c.netns, c.owner_source, c.opened_at, c.opened_ns, c.open_error_ns,
  c.first_seen_ns, c.last_seen_ns, c.closed_at, c.closed_ns, c.close_error_ns, c.duration_ns, c.state, c.offload, c.outcome,
  c.bytes_sent, c.bytes_received, c.retransmits, c.rtt_us, c.seen_by, c.owner_reason, c.uid, c.gone, c.local, c.remote,
  c.outcome_reason, c.syns, c.container, c.clock_adjust_ns, c.unanswered_ms, c.unit, c.pod, c.container_name, c.pod_name, c.errno,
  c.process_id, c.datagrams_sent, c.datagrams_received, c.remote_name, c.name_source,
  c.service_caption, c.not_before_ns,
  s.host, s.boot_id, s.netlog_version,
  c.has_peer,
  coalesce(c.opened_ns, c.first_seen_ns) AS began_ns,
  -- Of an open one, when it was last seen.
  coalesce(c.closed_ns, c.last_seen_ns) AS until_ns,
  CASE c.direction WHEN 'inbound' THEN c.remote_ip WHEN 'listen' THEN NULL ELSE c.local_ip END AS source_ip,
  CASE c.direction WHEN 'inbound' THEN c.remote_port WHEN 'listen' THEN NULL ELSE c.local_number END AS source_port,
  CASE c.direction WHEN 'inbound' THEN c.local_ip WHEN 'listen' THEN c.local_ip ELSE c.remote_ip END AS destination_ip,
  CASE c.direction WHEN 'inbound' THEN c.local_number WHEN 'listen' THEN c.local_number ELSE c.remote_port END AS destination_port,
  iif(c.direction IN ('inbound', 'listen'), c.bytes_received, c.bytes_sent) AS source_bytes,
  iif(c.direction IN ('inbound', 'listen'), c.bytes_sent, c.bytes_received) AS destination_bytes,
  iif(c.direction IN ('inbound', 'listen'), c.datagrams_received, c.datagrams_sent) AS source_packets,
  iif(c.direction IN ('inbound', 'listen'), c.datagrams_sent, c.datagrams_received) AS destination_packets,
  iif(instr(coalesce(c.local_ip, c.remote_ip), ':') > 0, 'ipv6', 'ipv4') AS network_type,
  iif(c.protocol = 'tcp', '6', '17') AS iana_number,
  CASE c.direction WHEN 'outbound' THEN 'egress' WHEN 'inbound' THEN 'ingress' WHEN 'unknown' THEN 'unknown' END AS network_direction,
  CASE
    WHEN NOT c.has_peer THEN 'info'
    ELSE 'connection'
      || iif(c.opened_ns IS NULL, '', ',start')
      || iif(c.outcome = 'open', '', ',end')
      || iif(c.outcome = 'refused', ',denied', '')
  END AS event_types,
  iif(c.has_peer, 'connection', 'socket') || iif(c.outcome = 'open', '-open', '-close') AS event_action,
  CASE
    WHEN $failed(c.outcome, c.outcome_reason, c.direction) THEN 'failure'
    WHEN c.outcome = 'closed' THEN 'success'
    ELSE 'unknown'
  END AS event_outcome,
  -- Zeek's words. Its originator is the side that connected; where the end that sent something is not known, OTH.
  CASE
    WHEN c.opened_ns IS NULL THEN 'OTH'
    WHEN c.protocol = 'udp' THEN CASE
      WHEN c.datagrams_sent > 0 AND c.datagrams_received > 0 THEN 'SF'
      WHEN c.direction = 'unknown' THEN 'OTH'
      WHEN c.datagrams_sent > 0 AND c.datagrams_received = 0 THEN iif(c.direction = 'inbound', 'SHR', 'S0')
      WHEN c.datagrams_sent = 0 AND c.datagrams_received > 0 THEN iif(c.direction = 'inbound', 'S0', 'SHR')
      ELSE 'OTH'
    END
    WHEN c.outcome = 'refused' THEN 'REJ'
    WHEN c.outcome = 'unreachable' OR c.state = 'SYN_SENT' OR (c.outcome = 'timed_out' AND c.syns IS NOT NULL)
      OR coalesce(c.outcome_reason, '') IN ('unanswered', 'caller_gave_up') THEN 'S0'
    WHEN c.outcome = 'closed' OR c.state IN ('CLOSING', 'LAST_ACK', 'TIME_WAIT') THEN 'SF'
    WHEN c.outcome = 'timed_out' OR c.state = 'ESTABLISHED' THEN 'S1'
    WHEN c.direction = 'unknown' THEN 'OTH'
    -- Only a traced RST is known to be the peer's.
    WHEN c.outcome = 'reset' THEN iif(instr(c.seen_by, 'trace'), iif(c.direction = 'inbound', 'RSTO', 'RSTR'), 'OTH')
    WHEN c.outcome = 'aborted' THEN iif(c.direction = 'inbound', 'RSTR', 'RSTO')
    WHEN c.outcome_reason = 'peer_end_unseen' OR c.state IN ('FIN_WAIT_1', 'FIN_WAIT_2') THEN iif(c.direction = 'inbound', 'S3', 'S2')
    WHEN c.state = 'CLOSE_WAIT' THEN iif(c.direction = 'inbound', 'S2', 'S3')
    ELSE 'OTH'
  END AS conn_state,
  -- Which ends are on this host; NULL: not known.
  CASE
    WHEN c.direction IN ('outbound', 'unknown') THEN 1
    WHEN c.remote_ip LIKE '127.%' OR c.remote_ip IN ('::1', c.local_ip) THEN 1
  END AS source_is_here,
  CASE
    WHEN c.direction = 'inbound' THEN 1
    WHEN c.remote_ip LIKE '127.%' OR c.remote_ip IN ('::1', c.local_ip) THEN 1
  END AS destination_is_here,
  c.local_ip, c.remote_ip
FROM (/*selected*/) AS c
JOIN sessions AS s ON s.id = c.session_id
WHERE c.has_peer OR NOT :peers_only
ORDER BY c.id
LIMIT :limit;
