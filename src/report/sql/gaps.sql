-- SPDX-License-Identifier: MIT
-- about: what the recorder missed, when and why, and what share of the kernel's count it saw
-- section: gaps | Gaps
-- column: from_ns | from | time
-- column: to_ns | to | time
-- column: length_ns | length | ns
-- column: source | source |
-- column: reason | reason |
-- column: lost | lost | count
-- column: netns | namespace | right optional
-- column: detail | detail |
SELECT from_ns, to_ns, to_ns - from_ns AS length_ns, source, reason, lost, netns, detail
FROM gaps
WHERE (:until_ns IS NULL OR from_ns <= :until_ns) AND (:since_ns IS NULL OR to_ns >= :since_ns)
ORDER BY from_ns, id
LIMIT :limit;
-- section: coverage | Coverage; without --limit, intervals that were not covered in full
-- column: from_ns | from | time
-- column: to_ns | to | time
-- column: netns | namespace | right optional several
-- column: kernel_opens | opened | count
-- column: recorded_opens | recorded | count
-- column: percent | share | percent
-- column: kernel_failures | failed | count
-- column: recorded_failures | failed recorded | count
WITH
-- What is opened while the kernel's counters are read is recorded in the interval after them.
compared AS (
  SELECT
    *,
    recorded_opens + max(0, lead(recorded_opens - kernel_opens, 1, 0) OVER later) AS opens_seen,
    recorded_failures + max(0, lead(recorded_failures - kernel_failures, 1, 0) OVER later) AS failures_seen
  FROM coverage
  WINDOW later AS (PARTITION BY netns ORDER BY from_ns)
)
SELECT from_ns, to_ns, netns, kernel_opens, recorded_opens, percent, kernel_failures, recorded_failures
FROM compared
WHERE (:until_ns IS NULL OR from_ns <= :until_ns) AND (:since_ns IS NULL OR to_ns >= :since_ns)
  AND (:limit >= 0 OR opens_seen < kernel_opens OR failures_seen < kernel_failures)
ORDER BY from_ns, netns
LIMIT :limit;
