-- SPDX-License-Identifier: MIT
-- about: the connections of the window: when each began, opened and ended there, and how bad it is
-- section: chosen | Chosen
-- column: id | id |
-- column: began_ns | began | time
-- column: opened_ns | opened | time
-- column: ended_ns | ended | time
-- column: failed | failed | count
-- column: reset | reset | count
-- column: badness | badness | count
SELECT
  id,
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  iif(direction = 'listen', NULL, opened_ns) AS opened_ns,
  closed_ns AS ended_ns,
  $failed(outcome, outcome_reason, direction) AS failed,
  outcome = 'reset' AS reset,
  coalesce(retransmits > 0, 0)
    + 2 * (outcome = 'aborted' OR EXISTS (SELECT 1 FROM long_dwell AS d WHERE d.connection_id = connections.id)
      OR coalesce(outcome = 'open' AND state IN ('SYN_SENT', 'SYN_RECEIVED', 'FIN_WAIT_1', 'CLOSE_WAIT', 'CLOSING', 'LAST_ACK'), 0)
    ) AS badness
FROM connections
WHERE /*filter*/ 1;
