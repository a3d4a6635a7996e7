-- SPDX-License-Identifier: MIT
-- about: what happened in the window; with --pid, the report of that process
-- section: recordings | Recorded
-- column: host | host |
-- column: os | os | optional
-- column: kernel | kernel | optional
-- column: sources | sources |
-- column: interval_ns | interval | ns
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: last_alive_ns | last alive | time optional
-- column: skipped_ticks | skipped | count optional
SELECT host, kernel, sources, interval_ns, started_ns, ended_ns, last_alive_ns, skipped_ticks, os
FROM sessions
WHERE (:until_ns IS NULL OR started_ns <= :until_ns)
  AND (:since_ns IS NULL OR max(coalesce(ended_ns, 0), last_alive_ns) >= :since_ns)
ORDER BY id DESC
LIMIT iif(:limit < 0, 5, :limit);
-- section: totals | Connections
-- column: protocol | proto |
-- column: direction | direction |
-- column: connections | connections | count
-- column: open_now | open | count
-- column: closed | closed | count
-- column: failed | failed | count
-- column: unknown_end | end unknown | count
-- column: longest_ns | longest | ns optional
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
WITH
/*part recorded*/,
flows AS MATERIALIZED (
  SELECT protocol, direction, outcome, outcome_reason, connections, longest_ns, bytes_sent, bytes_received, first_ns
  FROM process_flows
  WHERE /*filter of sums*/ 1
)
SELECT
  protocol,
  direction,
  sum(connections) AS connections,
  sum(iif(outcome = 'open', connections, 0)) AS open_now,
  sum(iif(outcome = 'closed', connections, 0)) AS closed,
  sum(iif($failed(outcome, outcome_reason, direction), connections, 0)) AS failed,
  sum(iif(outcome = 'unknown', connections, 0)) AS unknown_end,
  max(coalesce(longest_ns, iif(outcome = 'open', max(0, (SELECT until_ns FROM recorded) - first_ns), NULL))) AS longest_ns,
  sum(bytes_sent) AS bytes_sent,
  sum(bytes_received) AS bytes_received
FROM flows
GROUP BY protocol, direction
ORDER BY protocol, connections DESC, direction;
-- section: processes | Busiest processes
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: user | user | optional
-- column: connections | connections | count
-- column: opened | opened | count
-- column: open_now | open | count
-- column: failed | failed | count
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
WITH
/*part chosen*/,
flows AS MATERIALIZED (
  SELECT process_id, pid, process, exe, user, direction, outcome, outcome_reason, connections, opened, bytes_sent, bytes_received
  FROM process_flows
  WHERE /*filter of sums*/ 1
),
-- What was handed over is counted with the owner that the filter selects.
owned AS (
  SELECT f.*, iif(coalesce((/*filter of owner*/ 1), 0) OR (SELECT c.process_id FROM chosen AS c) IS NULL, process_id, (SELECT c.process_id FROM chosen AS c)) AS owner_id
  FROM flows AS f
),
-- Read once for each command line: a loop of a shell has many processes of one.
lines AS MATERIALIZED (
  SELECT p.name, p.cmdline, s.script
  FROM (SELECT name, cmdline, min(id) AS id FROM process WHERE cmdline IS NOT NULL GROUP BY name, cmdline) AS p
  JOIN scripts AS s ON s.process_id = p.id
  WHERE s.script IS NOT NULL
  GROUP BY p.name, p.cmdline
),
-- Short processes of one program are one row, those of an interpreter for each script.
top AS MATERIALIZED (
  SELECT
    iif(count(DISTINCT r.pid) = 1, max(r.pid), NULL) AS pid,
    r.name AS process,
    count(DISTINCT r.pid) AS processes,
    r.user,
    sum(f.connections) AS connections,
    sum(f.opened) AS opened,
    sum(iif(f.outcome = 'open', f.connections, 0)) AS open_now,
    sum(iif($failed(f.outcome, f.outcome_reason, f.direction), f.connections, 0)) AS failed,
    sum(f.bytes_sent) AS bytes_sent,
    sum(f.bytes_received) AS bytes_received,
    l.script
  FROM owned AS f
  LEFT JOIN (SELECT id, pid, name, user, cmdline FROM process) AS r ON r.id = f.owner_id
  LEFT JOIN lines AS l ON l.name = r.name AND l.cmdline = r.cmdline
  LEFT JOIN programs AS g ON g.process_id = f.owner_id
  GROUP BY g.lasting_id, r.name, l.script, r.user
  -- What has no process, such as TIME_WAIT, hides nobody.
  ORDER BY r.name IS NULL, connections DESC, pid, process
  LIMIT iif(:limit < 0, 10, :limit)
)
SELECT
  pid, process, script, processes, user, connections, opened, open_now, failed, bytes_sent, bytes_received
FROM top
ORDER BY process IS NULL, connections DESC, pid, process;
-- section: states | TCP states
-- column: state | state |
-- column: now | now | count
-- column: entered | entered | count
-- column: longest_ns | longest dwell | ns
WITH matching AS MATERIALIZED (SELECT state, dwells, still, dwell_ns FROM process_dwells WHERE /*filter of sums*/ 1)
SELECT state, sum(still) AS now, sum(dwells) AS entered, max(dwell_ns) AS longest_ns
FROM matching
GROUP BY state
ORDER BY entered DESC, state;
-- section: hanging | Still waiting for an answer
-- column: connections | connections | count several
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: direction | direction | optional several
-- column: remote | remote | endpoint
-- column: address | address | optional known
-- column: state | state |
-- column: since_ns | since | time
-- column: waited_ns | waited | ns
-- column: netns | namespace | right optional several
WITH
/*part waiting*/
SELECT
  connections, pid, process, script, processes, direction, remote, remote_name, remote_address, addresses, address, state, since_ns,
  waited_ns, netns
FROM waiting
ORDER BY waited_ns DESC, pid, remote
LIMIT iif(:limit < 0, 10, :limit);
-- section: failures | Failures, failed connects first
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: direction | direction | optional
-- column: peer | remote | endpoint
-- column: address | address | optional known
-- column: outcome | outcome |
-- column: outcome_reason | why | optional
-- column: connections | connections | count
-- column: last_ns | last | time
-- column: netns | namespace | right optional several
WITH
/*part lines*/,
flows AS MATERIALIZED (
  SELECT process_id, pid, process, direction, peer_id, outcome, outcome_reason, netns, connections, last_closed_ns
  FROM peer_flows
  WHERE outcome NOT IN ('open', 'closed') AND (/*filter of sums*/ 1)
),
top AS MATERIALIZED (
  SELECT
    iif(count(DISTINCT f.pid) = 1, max(f.pid), NULL) AS pid,
    f.process,
    count(DISTINCT f.pid) AS processes,
    f.direction,
    coalesce(l.line, f.peer_id) AS line,
    count(DISTINCT l.address_id) AS addresses,
    max(l.address_id) AS address_id,
    f.outcome,
    f.outcome_reason,
    sum(f.connections) AS connections,
    max(f.last_closed_ns) AS last_ns,
    f.netns,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM flows AS f
  LEFT JOIN (SELECT id, pid, name, user, cmdline FROM process) AS r ON r.id = f.process_id
  LEFT JOIN programs AS g ON g.process_id = f.process_id
  LEFT JOIN lines AS l ON l.peer_id = f.peer_id
  WHERE $failed(f.outcome, f.outcome_reason, f.direction)
  GROUP BY g.lasting_id, f.process, f.direction, coalesce(l.line, f.peer_id), f.outcome, f.outcome_reason, f.netns
  ORDER BY NOT $connect_failed(f.outcome, f.outcome_reason), connections DESC, last_ns DESC
  LIMIT iif(:limit < 0, 10, :limit)
),
/*part shown*/
SELECT
  pid,
  process,
  processes,
  top.direction,
  /*part peer*/,
  outcome,
  outcome_reason,
  connections,
  last_ns,
  netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = script_id) AS script
FROM top
LEFT JOIN shown AS n ON n.id = top.line
ORDER BY NOT $connect_failed(top.outcome, top.outcome_reason), connections DESC, last_ns DESC;
