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
selected AS (SELECT pid, process, user, direction, opened_ns FROM connections WHERE direction <> 'listen' AND opened_ns IS NOT NULL AND (/*filter*/ 1)),
seconds AS (
  SELECT pid, process, user, direction, opened_ns / 1000000000 AS second, count(*) AS n
  FROM selected
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
-- column: opened | opened | count
-- column: per_second | a second | right
-- column: bar | shape |
-- column: process | mostly |
WITH
selected AS (SELECT process, opened_ns FROM connections WHERE direction <> 'listen' AND opened_ns IS NOT NULL AND (/*filter*/ 1)),
-- About thirty steps of whole seconds.
step AS (
  SELECT
    max(1, (max(opened_ns) - min(opened_ns)) / 30000000000) * 1000000000 AS ns,
    min(opened_ns) / 1000000000 * 1000000000 AS began_ns
  FROM selected
),
counted AS (
  SELECT (opened_ns - step.began_ns) / step.ns AS slot, process, count(*) AS n
  FROM selected, step
  GROUP BY slot, process
),
slots AS (
  -- SQLite takes the process from the row of the maximum.
  SELECT slot, sum(n) AS opened, process, max(n) AS most FROM counted GROUP BY slot
)
SELECT
  step.began_ns + slot * step.ns AS from_ns,
  opened,
  printf('%.1f', opened * 1e9 / step.ns) AS per_second,
  substr('##############################', 1, (opened * 30 - 1) / (SELECT max(opened) FROM slots) + 1) AS bar,
  process
FROM slots, step
ORDER BY slot;
