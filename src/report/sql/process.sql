-- SPDX-License-Identifier: MIT
-- about: one process, also one that has ended; `netlog report --pid PID` is the same
-- section: processes | Process
-- column: pid | pid | right
-- column: name | name |
-- column: user | user |
-- column: parent_pid | parent | right optional
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: exe | exe |
-- column: cmdline | command line |
-- column: cgroup | cgroup | optional
SELECT pid, name, user, parent_pid, started_ns, ended_ns, exe, cmdline, cgroup
FROM processes
WHERE instr(:pids, ',' || pid || ',')
ORDER BY started_ns, id;
-- section: listeners | Listened on
-- column: protocol | proto |
-- column: local | local | endpoint
-- column: since_ns | since | time
-- column: closed_ns | closed | time
-- column: accepted | accepted | count
WITH
flows AS MATERIALIZED (
  SELECT protocol, local_address, local_port, connections FROM peer_flows WHERE direction = 'inbound' AND (/*filter of sums*/ 1)
),
accepted AS MATERIALIZED (
  SELECT protocol, local_address, local_port, sum(connections) AS n FROM flows GROUP BY protocol, local_address, local_port
),
listening AS (
  SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
  UNION ALL
  SELECT id FROM connection WHERE duration_bucket IS NULL
)
SELECT
  protocol,
  local,
  coalesce(opened_ns, first_seen_ns) AS since_ns,
  closed_ns,
  CASE WHEN protocol = 'tcp' THEN coalesce((
    SELECT sum(a.n)
    FROM accepted AS a
    WHERE a.local_port = listener.local_port AND a.protocol = listener.protocol
      AND (listener.local_address IN ('0.0.0.0', '::') OR a.local_address = listener.local_address)
  ), 0) END AS accepted
FROM listening
CROSS JOIN connections AS listener USING (id)
WHERE direction = 'listen' AND (/*filter*/ 1)
ORDER BY protocol, local_port, local, since_ns;
-- section: peers | Peers
-- column: process | process | optional
-- column: process_started_ns | of | time optional
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: peer | peer | endpoint
-- column: connections | connections | count
-- column: open_now | open | count
-- column: failed | failed | count
-- column: longest_ns | longest | ns
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
WITH
flows AS MATERIALIZED (
  SELECT process_id, peer_id, outcome, connections, longest_ns, bytes_sent, bytes_received
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND (/*filter of sums*/ 1)
),
met AS (
  SELECT
    process_id,
    peer_id,
    sum(connections) AS connections,
    sum(iif(outcome = 'open', connections, 0)) AS open_now,
    sum(iif(outcome IN ('refused', 'timed_out', 'reset', 'aborted'), connections, 0)) AS failed,
    max(longest_ns) AS longest_ns,
    sum(bytes_sent) AS bytes_sent,
    sum(bytes_received) AS bytes_received
  FROM flows
  GROUP BY process_id, peer_id
  ORDER BY connections DESC, peer_id
  LIMIT iif(:limit < 0, 20, :limit)
)
SELECT
  r.name AS process,
  r.started_ns AS process_started_ns,
  p.direction,
  p.protocol,
  p.peer,
  connections,
  open_now,
  failed,
  longest_ns,
  bytes_sent,
  bytes_received
FROM met
JOIN peers AS p ON p.id = met.peer_id
LEFT JOIN processes AS r ON r.id = met.process_id
ORDER BY connections DESC, p.peer, r.name, r.started_ns;
-- section: connections | Its last connections
-- column: began_ns | began | time
-- column: process | process | optional
-- column: process_started_ns | of | time optional
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: remote | remote | endpoint
-- column: outcome | outcome |
-- column: duration_ns | duration | ns
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
-- column: open_error_ns | ± | ns optional
-- column: states | states | optional
WITH
last AS (
  SELECT id
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
  ORDER BY id DESC
  LIMIT iif(:limit < 0, 200, :limit)
),
selected AS (SELECT * FROM connections WHERE id IN (SELECT id FROM last))
SELECT
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  process,
  (
    SELECT r.started_ns FROM connection AS c JOIN process AS r ON r.id = c.process_id WHERE c.id = selected.id
  ) AS process_started_ns,
  direction,
  protocol,
  local,
  remote,
  outcome,
  duration_ns,
  -- All in the unit of the longest, exact to a microsecond.
  (
    SELECT group_concat(step, ' > ')
    FROM (
      SELECT state || CASE
        WHEN dwell_ns IS NULL THEN ''
        WHEN longest_ns < 1e6 THEN printf(' %dus', dwell_ns / 1000)
        WHEN longest_ns < 1e9 THEN ' ' || rtrim(rtrim(printf('%.3f', dwell_ns / 1e6), '0'), '.') || 'ms'
        ELSE ' ' || rtrim(rtrim(printf('%.6f', dwell_ns / 1e9), '0'), '.') || 's'
      END AS step
      FROM (
        SELECT state, from_ns, dwell_ns, max(dwell_ns) OVER () AS longest_ns
        FROM state_intervals
        WHERE connection_id = selected.id
      )
      ORDER BY from_ns
    )
  ) AS states,
  bytes_sent,
  bytes_received,
  open_error_ns
FROM selected
ORDER BY began_ns, id;
