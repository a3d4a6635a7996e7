-- SPDX-License-Identifier: MIT
-- `unsuccessful`: what ended in another way than by the FINs of both ends, a row for each program, peer and outcome. Short
-- processes of one program are one row. `is_failure`: it is not a RST that is often intended.
/*part lines*/,
ended AS MATERIALIZED (
  SELECT process_id, connections, outcome, outcome_reason, pid, process, direction, peer_id, netns, syns, longest_ns, first_closed_ns, last_closed_ns
  FROM peer_flows
  WHERE outcome NOT IN ('open', 'closed')
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
top AS (
  SELECT
    sum(e.connections) AS connections,
    e.outcome,
    e.outcome_reason,
    $failed(e.outcome, e.outcome_reason, e.direction) AS is_failure,
    iif(count(DISTINCT e.pid) = 1, max(e.pid), NULL) AS pid,
    e.process,
    iif(min(r.cmdline) = max(r.cmdline), (SELECT s.script FROM scripts AS s WHERE s.process_id = r.id), NULL) AS script,
    count(DISTINCT e.pid) AS processes,
    e.direction,
    coalesce(l.line, e.peer_id) AS line,
    count(DISTINCT l.address_id) AS addresses,
    max(l.address_id) AS address_id,
    max(e.syns) AS syns,
    max(e.longest_ns) AS longest_ns,
    min(e.first_closed_ns) AS first_ns,
    max(e.last_closed_ns) AS last_ns,
    e.netns
  FROM ended AS e
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = e.process_id
  LEFT JOIN programs AS g ON g.process_id = e.process_id
  LEFT JOIN lines AS l ON l.peer_id = e.peer_id
  GROUP BY e.outcome, e.outcome_reason, g.lasting_id, e.process, e.direction, coalesce(l.line, e.peer_id), e.netns
),
/*part shown*/,
unsuccessful AS (
  SELECT
    top.connections, top.outcome, top.outcome_reason, top.is_failure, top.pid, top.process, top.script, top.processes, top.direction,
    /*part peer*/,
    top.syns, top.longest_ns, top.first_ns, top.last_ns, top.netns
  FROM top
  LEFT JOIN shown AS n ON n.id = top.line
)
