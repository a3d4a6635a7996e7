-- SPDX-License-Identifier: MIT
-- about: the connections of the window, with how bad each is
-- section: chosen | Chosen
SELECT
  id,
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  CASE
    WHEN coalesce(closed_ns, last_seen_ns) <= coalesce(:until_ns, 9e18) AND $failed(outcome, outcome_reason, direction) THEN 4
    WHEN outcome = 'aborted' THEN 3
    WHEN retransmits > 0 THEN 2
    WHEN direction = 'listen' THEN 1
    ELSE 0
  END AS badness
FROM connections
WHERE /*filter*/ 1;
