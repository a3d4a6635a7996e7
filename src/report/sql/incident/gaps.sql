-- SPDX-License-Identifier: MIT
-- about: the gaps that touch the window; `blind`: nobody looked
-- section: gaps | Gaps
-- column: from_ns | from | time
-- column: to_ns | to | time
-- column: source | source |
-- column: reason | reason |
-- column: lost | lost | count
-- column: detail | detail |
-- column: blind | nobody looked | count
SELECT
  from_ns, to_ns, source, reason, lost, detail,
  EXISTS (SELECT 1 FROM blind_gaps AS b WHERE b.from_ns = g.from_ns AND b.to_ns = g.to_ns AND b.reason = g.reason) AS blind
FROM gaps AS g
WHERE from_ns <= :to_ns AND to_ns >= :from_ns AND (source <> 'retention' OR reason = 'more than could be written')
ORDER BY to_ns - from_ns DESC, from_ns, id
LIMIT 2000;
