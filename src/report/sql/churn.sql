-- SPDX-License-Identifier: MIT
-- about: who opened how many connections a second, and when
-- section: processes | By whom
-- column: opened | opened | count
-- column: peak | most in 1 s | count
-- column: peak_ns | at | time
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: user | user | optional
-- column: direction | direction |
WITH
/*part blind*/,
matching AS MATERIALIZED (
  SELECT process_id, pid, process, user, direction, span_s, second, opens, max_opens, max_second
  FROM process_opens
  WHERE (:since_ns IS NULL OR opened_ns >= :since_ns) AND (:until_ns IS NULL OR opened_ns <= :until_ns) AND (/*filter of sums*/ 1)
),
-- Short processes of one program are one row.
counted AS MATERIALIZED (
  SELECT matching.*, g.lasting_id, (SELECT max(ns) FROM blind WHERE max_second BETWEEN first AND last) AS gap_ns
  FROM matching
  LEFT JOIN programs AS g ON g.process_id = matching.process_id
),
seconds AS (
  SELECT
    lasting_id,
    process,
    user,
    direction,
    sum(opens) AS n,
    -- A row of a minute or an hour holds its busiest second. What was first seen after a gap was opened within it: so many in one
    -- second at least.
    CASE
      WHEN span_s > 1 THEN max(max(iif(gap_ns IS NULL, max_opens, 0)), (sum(opens) + span_s - 1) / span_s)
      ELSE (sum(opens) * 1000000000 + coalesce(max(gap_ns), 0)) / (1000000000 + coalesce(max(gap_ns), 0))
    END AS max_opens,
    max_second
  FROM counted
  GROUP BY lasting_id, process, user, direction, span_s, second
),
programs_found AS (
  SELECT
    c.lasting_id,
    c.process,
    c.user,
    c.direction,
    count(DISTINCT c.pid) AS processes,
    iif(count(DISTINCT c.pid) = 1, max(c.pid), NULL) AS pid,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM counted AS c
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = c.process_id
  GROUP BY c.lasting_id, c.process, c.user, c.direction
)
SELECT
  sum(s.n) AS opened,
  -- In a query with max(), SQLite takes the other columns from the row of the maximum.
  max(s.max_opens) AS peak,
  s.max_second * 1000000000 AS peak_ns,
  f.pid,
  s.process,
  f.processes,
  s.user,
  s.direction,
  (SELECT t.script FROM scripts AS t WHERE t.process_id = f.script_id) AS script
FROM seconds AS s
JOIN programs_found AS f
  ON f.lasting_id IS s.lasting_id AND f.process IS s.process AND f.user IS s.user AND f.direction = s.direction
GROUP BY s.lasting_id, s.process, s.user, s.direction
ORDER BY opened DESC, f.pid, s.process, s.direction
LIMIT iif(:limit < 0, 20, :limit);
-- section: times | When
-- column: from_ns | from | time
-- column: opened | opened | count bar
-- column: per_second | a second | right
-- column: gap_ns | with a gap of | ns known
-- column: process | mostly |
WITH
/*part blind*/,
matching AS MATERIALIZED (
  SELECT process, span_s, second, opens
  FROM process_opens
  WHERE (:since_ns IS NULL OR opened_ns >= :since_ns) AND (:until_ns IS NULL OR opened_ns <= :until_ns) AND (/*filter of sums*/ 1)
),
selected AS MATERIALIZED (
  SELECT process, second, max(span_s) AS span_s, sum(opens) AS n
  FROM matching
  GROUP BY second, process
),
-- About thirty steps, each of some seconds or minutes.
step AS (
  SELECT max(1, (max(second) - min(second)) / 30 / max(span_s)) * max(span_s) AS seconds, min(second) AS began
  FROM selected
),
counted AS (
  SELECT
    (second - step.began) / step.seconds AS slot,
    process,
    sum(n) AS n,
    max((SELECT max(ns) FROM blind WHERE last >= second AND first < second + span_s)) AS gap_ns
  FROM selected, step
  GROUP BY slot, process
),
slots AS (
  -- In a query with max(), SQLite takes the other columns from the row of the maximum.
  SELECT slot, sum(n) AS opened, process, max(n) AS most, (SELECT max(x.gap_ns) FROM counted AS x WHERE x.slot = counted.slot) AS gap_ns
  FROM counted
  GROUP BY slot
)
SELECT
  (step.began + slot * step.seconds) * 1000000000 AS from_ns,
  opened,
  -- What was first seen after a gap was opened within it.
  round(1.0 * opened / (step.seconds + coalesce(gap_ns, 0) / 1e9), 1) AS per_second,
  gap_ns,
  process
FROM slots, step
ORDER BY slot;
