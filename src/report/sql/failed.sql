-- SPDX-License-Identifier: MIT
-- about: which connections failed or hung, why, after how long, to whom
-- section: hanging | Still waiting for an answer
-- column: pid | pid | right
-- column: process | process |
-- column: remote | remote | endpoint
-- column: since_ns | since | time
-- column: waited_ns | waited | ns
WITH selected AS (
  SELECT pid, process, remote, coalesce(opened_ns, first_seen_ns) AS since_ns, last_seen_ns, id
  FROM connections
  WHERE id IN (SELECT id FROM connection WHERE duration_bucket IS NULL) AND outcome = 'open' AND state = 'SYN_SENT' AND (/*filter*/ 1)
)
SELECT
  pid,
  process,
  remote,
  since_ns,
  coalesce(:until_ns, (
    SELECT max(at_ns) FROM (SELECT max(last_alive_ns) AS at_ns FROM sessions UNION ALL SELECT last_seen_ns FROM selected)
  )) - since_ns AS waited_ns
FROM selected
ORDER BY since_ns, id
LIMIT :limit;
-- section: failures | Failed
-- column: connections | connections | count
-- column: outcome | outcome |
-- column: outcome_reason | why |
-- column: pid | pid | right optional
-- column: process | process |
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: syns | SYNs | count
-- column: longest_ns | longest | ns
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
WITH flows AS MATERIALIZED (
  SELECT process_id, connections, outcome, outcome_reason, pid, process, direction, peer_id, syns, longest_ns, first_closed_ns, last_closed_ns
  FROM peer_flows
  WHERE (outcome IN ('refused', 'timed_out', 'reset', 'aborted') OR outcome_reason IN ('unanswered', 'retransmitting'))
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
)
SELECT
  sum(connections) AS connections,
  outcome,
  outcome_reason,
  pid,
  process,
  direction,
  (SELECT p.peer FROM peers AS p WHERE p.id = peer_id) AS peer,
  max(syns) AS syns,
  max(longest_ns) AS longest_ns,
  min(first_closed_ns) AS first_ns,
  max(last_closed_ns) AS last_ns
FROM flows
GROUP BY outcome, outcome_reason, process_id, direction, peer_id
ORDER BY connections DESC, last_ns DESC, pid, peer
LIMIT iif(:limit < 0, 20, :limit);
