-- SPDX-License-Identifier: MIT
-- about: how connections end with each peer: who closes first, who resets
-- section: peers | Ends
-- column: ended | ended | count
-- column: peer | peer | endpoint
-- column: by_us | we first | count
-- column: by_peer | peer first | count
-- column: by_whom | one of us | count optional
-- column: reset | reset | count
-- column: aborted | aborted | count optional
-- column: refused | refused | count optional
-- column: timed_out | timed out | count optional
-- column: unknown_end | unknown | count
WITH
flows AS MATERIALIZED (
  SELECT peer_id, outcome, connections, closed_by_us, closed_by_peer
  FROM peer_flows
  WHERE protocol = 'tcp' AND direction <> 'listen' AND outcome <> 'open'
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
ends AS (
  SELECT
    peer_id,
    sum(connections) AS ended,
    sum(closed_by_us) AS by_us,
    sum(closed_by_peer) AS by_peer,
    sum(iif(outcome = 'closed', connections - closed_by_us - closed_by_peer, 0)) AS by_whom,
    sum(iif(outcome = 'reset', connections, 0)) AS reset,
    sum(iif(outcome = 'aborted', connections, 0)) AS aborted,
    sum(iif(outcome = 'refused', connections, 0)) AS refused,
    sum(iif(outcome = 'timed_out', connections, 0)) AS timed_out,
    sum(iif(outcome = 'unknown', connections, 0)) AS unknown_end
  FROM flows
  GROUP BY peer_id
)
SELECT ended, p.peer, by_us, by_peer, by_whom, reset, aborted, refused, timed_out, unknown_end
FROM ends
LEFT JOIN peers AS p ON p.id = ends.peer_id
ORDER BY ended DESC, p.peer
LIMIT iif(:limit < 0, 20, :limit);
