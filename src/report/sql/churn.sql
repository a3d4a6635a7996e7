-- SPDX-License-Identifier: MIT
-- about: who opened how many connections a second, and when
-- section: processes | By whom
-- column: opened | opened | count
-- column: peak | most in 1 s | count
-- column: peak_ns | at | time
-- column: pid | pid | right
-- column: process | process |
-- column: user | user | optional
-- column: direction | direction |
WITH
told AS (
  SELECT pid, process, user, direction, second, opens
  FROM process_opens
  WHERE (:since_ns IS NULL OR second >= :since_ns / 1000000000) AND (/*filter of flows*/ 1)
),
seconds AS (
  SELECT pid, process, user, direction, second, sum(opens) AS n
  FROM told
  GROUP BY pid, process, user, direction, second
)
SELECT
  sum(n) AS opened,
  -- SQLite takes the second from the row of the maximum.
  max(n) AS peak,
  second * 1000000000 AS peak_ns,
  pid,
  process,
  user,
  direction
FROM seconds
GROUP BY pid, process, user, direction
ORDER BY opened DESC, pid, direction
LIMIT iif(:limit < 0, 20, :limit);
-- section: times | When
-- column: from_ns | from | time
-- column: opened | opened | count bar
-- column: per_second | a second | right
-- column: process | mostly |
WITH
told AS (
  SELECT process, second, opens
  FROM process_opens
  WHERE (:since_ns IS NULL OR second >= :since_ns / 1000000000) AND (/*filter of flows*/ 1)
),
selected AS MATERIALIZED (
  SELECT process, second, sum(opens) AS n
  FROM told
  GROUP BY second, process
),
-- About thirty steps.
step AS (SELECT max(1, (max(second) - min(second)) / 30) AS seconds, min(second) AS began FROM selected),
counted AS (
  SELECT (second - step.began) / step.seconds AS slot, process, sum(n) AS n
  FROM selected, step
  GROUP BY slot, process
)
SELECT
  (step.began + slot * step.seconds) * 1000000000 AS from_ns,
  sum(n) AS opened,
  printf('%.1f', 1.0 * sum(n) / step.seconds) AS per_second,
  -- SQLite takes the process from the row of the maximum.
  process
FROM (SELECT slot, n, process, max(n) OVER (PARTITION BY slot) AS most FROM counted), step
GROUP BY slot
ORDER BY slot;
