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
SELECT from_ns, to_ns, netns, kernel_opens, recorded_opens, percent, kernel_failures, recorded_failures
FROM coverage
WHERE (:until_ns IS NULL OR from_ns <= :until_ns) AND (:since_ns IS NULL OR to_ns >= :since_ns)
  AND (:limit >= 0 OR recorded_opens < kernel_opens OR recorded_failures < kernel_failures)
ORDER BY from_ns, netns
LIMIT :limit;
