-- SPDX-License-Identifier: MIT
-- about: opens, ends and failures a second, by process and by peer
-- section: processes | Processes
-- column: opened_per_second | opened/s | count
-- column: ended_per_second | ended/s | count
-- column: failed_per_second | failed/s | count
-- column: open_now | open | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: user | user | optional
WITH
/*part recorded*/,
/*part span*/,
flows AS MATERIALIZED (
  SELECT process_id, pid, process, user, direction, outcome, outcome_reason, connections, opened
  FROM process_flows
  WHERE direction <> 'listen' AND (/*filter of sums*/ 1)
),
-- Short processes of one program are one row.
top AS MATERIALIZED (
  SELECT
    sum(f.opened) AS opened,
    sum(iif(f.outcome <> 'open', f.connections, 0)) AS ended,
    sum(iif($failed(f.outcome, f.outcome_reason, f.direction), f.connections, 0)) AS failed,
    sum(iif(f.outcome = 'open', f.connections, 0)) AS open_now,
    iif(count(DISTINCT f.pid) = 1, max(f.pid), NULL) AS pid,
    f.process,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id,
    count(DISTINCT f.pid) AS processes,
    f.user
  FROM flows AS f
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = f.process_id
  LEFT JOIN programs AS g ON g.process_id = f.process_id
  GROUP BY g.lasting_id, f.process, f.user
  ORDER BY f.process IS NULL, opened + ended DESC, open_now DESC, pid, f.process
  LIMIT iif(:limit < 0, 10, :limit)
)
SELECT
  round(opened / seconds, 2) AS opened_per_second,
  round(ended / seconds, 2) AS ended_per_second,
  round(failed / seconds, 2) AS failed_per_second,
  open_now,
  pid,
  process,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = script_id) AS script,
  processes,
  user
FROM top, span
ORDER BY process IS NULL, opened + ended DESC, open_now DESC, pid, process;
-- section: peers | Peers
-- column: opened_per_second | opened/s | count
-- column: ended_per_second | ended/s | count
-- column: failed_per_second | failed/s | count
-- column: open_now | open | count
-- column: direction | direction |
-- column: peer | peer | endpoint
-- column: address | address | optional known
WITH
/*part lines*/,
/*part recorded*/,
/*part span*/,
flows AS MATERIALIZED (
  SELECT peer_id, direction, outcome, outcome_reason, connections, opened
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND (/*filter of sums*/ 1)
),
top AS MATERIALIZED (
  SELECT
    coalesce(l.line, f.peer_id) AS line,
    count(DISTINCT l.address_id) AS addresses,
    max(l.address_id) AS address_id,
    max(f.direction) AS direction,
    sum(f.opened) AS opened,
    sum(iif(f.outcome <> 'open', f.connections, 0)) AS ended,
    sum(iif($failed(f.outcome, f.outcome_reason, f.direction), f.connections, 0)) AS failed,
    sum(iif(f.outcome = 'open', f.connections, 0)) AS open_now
  FROM flows AS f
  LEFT JOIN lines AS l ON l.peer_id = f.peer_id
  GROUP BY coalesce(l.line, f.peer_id)
  ORDER BY opened + ended DESC, open_now DESC, coalesce(l.line, f.peer_id)
  LIMIT iif(:limit < 0, 10, :limit)
),
/*part shown*/
SELECT
  round(top.opened / span.seconds, 2) AS opened_per_second,
  round(top.ended / span.seconds, 2) AS ended_per_second,
  round(top.failed / span.seconds, 2) AS failed_per_second,
  top.open_now,
  top.direction,
  /*part peer*/
FROM top
CROSS JOIN span
LEFT JOIN shown AS n ON n.id = top.line
ORDER BY top.opened + top.ended DESC, top.open_now DESC, top.line;
