-- SPDX-License-Identifier: MIT
-- about: one process, also one that has ended; `netlog report --pid PID` is the same
-- section: processes | Process
-- column: pid | pid | right
-- column: name | name |
-- column: user | user |
-- column: parent_pid | parent | right optional
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: how | ended by |
-- column: script | script | known
-- column: exe | exe | optional
-- column: cmdline | command line |
-- column: executed_ns | executed | time optional
-- column: cgroup | cgroup | optional
SELECT
  pid,
  name,
  user,
  parent_pid,
  started_ns,
  ended_ns,
  -- How it ended.
  (
    SELECT coalesce('signal ' || x.exit_signal, 'exit ' || x.exit_status) FROM process AS x WHERE x.id = process_images.id
  ) AS how,
  script,
  exe,
  cmdline,
  iif(image > 0, from_ns, NULL) AS executed_ns,
  cgroup
FROM process_images
WHERE instr(:pids, ',' || pid || ',')
ORDER BY started_ns, image, id;
-- section: listeners | Listened on
-- column: protocol | proto |
-- column: local | local | endpoint
-- column: owner | listener of | known
-- column: since_ns | since | time
-- column: closed_ns | closed | time
-- column: accepted | accepted | count
-- column: sockets | sockets | count several
-- column: netns | namespace | right optional several
WITH
/*part accepted*/,
-- What it took of listeners, also of those of other processes.
took AS (
  SELECT s.id, sum(s.opened) AS opened, max(s.is_unsure) AS is_unsure
  FROM shares AS s
  JOIN process AS p ON p.id = s.process_id
  WHERE instr(:pids, ',' || p.pid || ',')
  GROUP BY s.id
)
SELECT
  l.protocol,
  l.local,
  -- NULL: its own.
  iif(l.shown, NULL, coalesce(l.process || ' ' || l.pid, 'unknown')) AS owner,
  l.opened_ns AS since_ns,
  iif(l.closed_ns > :until_ns, NULL, l.closed_ns) AS closed_ns,
  CASE
    WHEN NOT l.shown THEN iif(t.is_unsure, NULL, t.opened)
    WHEN l.protocol = 'tcp' THEN iif(a.id IS NULL, 0, a.n)
  END AS accepted,
  l.sockets,
  l.netns
FROM listeners AS l
LEFT JOIN accepted AS a ON a.id = l.id
LEFT JOIN took AS t ON t.id = l.id
WHERE l.shown OR t.id IS NOT NULL
ORDER BY NOT l.shown, l.protocol, l.local_port, l.local, l.began_ns, l.id;
-- section: hanging | Still waiting for an answer
-- column: connections | connections | count several
-- column: pid | pid | right optional several
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
  connections, pid, direction, remote, remote_name, remote_address, addresses, address, state, since_ns, waited_ns, netns
FROM waiting
ORDER BY waited_ns DESC, pid, remote
LIMIT iif(:limit < 0, 10, :limit);
-- section: peers | Peers
-- column: process | process | optional
-- column: script | script | optional known
-- column: process_started_ns | of | time optional
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: connections | connections | count
-- column: open_now | open | count
-- column: failed | failed | count
-- column: longest_ns | longest | ns
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
WITH
/*part lines*/,
/*part recorded*/,
flows AS MATERIALIZED (
  SELECT process_id, direction, peer_id, outcome, outcome_reason, connections, longest_ns, bytes_sent, bytes_received, first_ns
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND (/*filter of sums*/ 1)
),
top AS (
  SELECT
    process_id,
    coalesce(l.line, f.peer_id) AS line,
    count(DISTINCT l.address_id) AS addresses,
    max(l.address_id) AS address_id,
    sum(connections) AS connections,
    sum(iif(outcome = 'open', connections, 0)) AS open_now,
    sum(iif($failed(outcome, outcome_reason, direction), connections, 0)) AS failed,
    max(coalesce(longest_ns, iif(outcome = 'open', max(0, (SELECT until_ns FROM recorded) - first_ns), NULL))) AS longest_ns,
    sum(bytes_sent) AS bytes_sent,
    sum(bytes_received) AS bytes_received
  FROM flows AS f
  LEFT JOIN lines AS l ON l.peer_id = f.peer_id
  GROUP BY process_id, coalesce(l.line, f.peer_id)
  ORDER BY connections DESC, coalesce(l.line, f.peer_id)
  LIMIT iif(:limit < 0, 20, :limit)
),
/*part shown*/
SELECT
  r.name AS process,
  (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id) AS script,
  r.started_ns AS process_started_ns,
  n.direction,
  n.protocol,
  /*part peer*/,
  connections,
  open_now,
  failed,
  longest_ns,
  bytes_sent,
  bytes_received
FROM top
JOIN shown AS n ON n.id = top.line
LEFT JOIN (SELECT id, name, started_ns FROM process) AS r ON r.id = top.process_id
ORDER BY connections DESC, peer, r.name, r.started_ns;
-- section: lookups | Names that it looked up
-- column: lookups | lookups | count
-- column: pid | pid | right optional several
-- column: name | name |
-- column: type | type |
-- column: answered | answered | count
-- column: failures | failed | known
-- column: unanswered | no answer | count
-- column: half_ns | median | ns
-- column: longest_ns | longest | ns
-- column: last_ns | last | time
WITH
/*part asked*/
SELECT
  top.lookups, top.pid, top.name, top.type, top.answered, top.failed, f.text AS failures, top.unanswered, h.half_ns, top.longest_ns,
  top.last_ns
FROM top
LEFT JOIN failures AS f ON f.line = top.line
LEFT JOIN halves AS h ON h.line = top.line
ORDER BY top.lookups DESC, top.name, top.type, top.line;
-- section: connections | Its last connections, those that wait or failed first
-- column: opened_ns | opened | time
-- column: process | process | optional
-- column: script | script | optional known
-- column: process_started_ns | of | time optional
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: outcome | outcome |
-- column: duration_ns | duration | ns
-- column: close_doubt_ns | close ± | ns known
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
-- column: open_error_ns | ± | ns optional
-- column: states | states | optional
WITH
newest AS (
  SELECT id
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
  ORDER BY id DESC
  LIMIT max(:limit, 1000)
),
ranked AS (
  SELECT
    id,
    coalesce(closed_ns, last_seen_ns) > :until_ns AS goes_on,
    CASE
      WHEN coalesce(closed_ns, last_seen_ns) > :until_ns THEN 3
      WHEN outcome = 'open' AND (unanswered_ms IS NOT NULL OR state = 'SYN_SENT') THEN 1
      WHEN $failed(outcome, outcome_reason, direction) THEN 2
      ELSE 3
    END AS rank
  FROM connections
  WHERE id IN (SELECT id FROM newest)
    OR (direction <> 'listen' AND id IN (SELECT id FROM connection WHERE duration_bucket IS NULL) AND (/*filter*/ 1))
),
last AS MATERIALIZED (SELECT id, goes_on, rank FROM ranked ORDER BY rank, id DESC LIMIT iif(:limit < 0, 20, :limit)),
selected AS (SELECT c.*, l.goes_on, l.rank FROM last AS l CROSS JOIN connections AS c ON c.id = l.id)
SELECT
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  -- NULL: it was there before the recorder.
  opened_ns,
  process,
  (
    SELECT t.script FROM connection AS c JOIN scripts AS t ON t.process_id = c.process_id WHERE c.id = selected.id
  ) AS script,
  (
    SELECT r.started_ns FROM connection AS c JOIN process AS r ON r.id = c.process_id WHERE c.id = selected.id
  ) AS process_started_ns,
  direction,
  protocol,
  local,
  remote,
  remote_name,
  name_source,
  iif(goes_on, 'open', outcome) AS outcome,
  iif(closed_ns > :until_ns, NULL, duration_ns) AS duration_ns,
  -- NULL where the bound is no more than a tick.
  iif(
    close_error_ns > (SELECT s.interval_ns FROM sessions AS s WHERE s.id = selected.session_id) AND NOT coalesce(closed_ns > :until_ns, 0),
    close_error_ns,
    NULL
  ) AS close_doubt_ns,
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
        FROM (
          SELECT state, from_ns, iif(to_ns > :until_ns, NULL, dwell_ns) AS dwell_ns
          FROM state_intervals
          WHERE connection_id = selected.id AND coalesce(from_ns <= :until_ns, 1)
        )
      )
      ORDER BY from_ns
    )
  ) AS states,
  iif(goes_on, NULL, bytes_sent) AS bytes_sent,
  iif(goes_on, NULL, bytes_received) AS bytes_received,
  open_error_ns
FROM selected
ORDER BY rank, began_ns DESC, id DESC;
