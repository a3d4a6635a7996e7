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
selected AS (
  SELECT
    id,
    outcome,
    iif(direction = 'inbound', remote_address || ' to port ' || local_port, coalesce(remote, remote_address)) AS peer
  FROM connections
  WHERE protocol = 'tcp' AND direction <> 'listen' AND outcome <> 'open' AND (/*filter*/ 1)
),
fins AS (
  SELECT
    connection_id,
    max(state IN ('FIN_WAIT_1', 'FIN_WAIT_2', 'CLOSING', 'TIME_WAIT')) AS by_us,
    max(state IN ('CLOSE_WAIT', 'LAST_ACK')) AS by_peer
  FROM state_intervals
  WHERE connection_id IN (SELECT id FROM selected)
  GROUP BY connection_id
)
SELECT
  count(*) AS ended,
  peer,
  sum(outcome = 'closed' AND coalesce(f.by_us, 0)) AS by_us,
  sum(outcome = 'closed' AND coalesce(f.by_peer, 0) AND NOT coalesce(f.by_us, 0)) AS by_peer,
  sum(outcome = 'closed' AND NOT coalesce(f.by_us, 0) AND NOT coalesce(f.by_peer, 0)) AS by_whom,
  sum(outcome = 'reset') AS reset,
  sum(outcome = 'aborted') AS aborted,
  sum(outcome = 'refused') AS refused,
  sum(outcome = 'timed_out') AS timed_out,
  sum(outcome = 'unknown') AS unknown_end
FROM selected
LEFT JOIN fins AS f ON f.connection_id = selected.id
GROUP BY peer
ORDER BY ended DESC, peer
LIMIT iif(:limit < 0, 20, :limit);
