-- SPDX-License-Identifier: MIT
-- about: how many of the connections with the given ids were opened, failed and were reset, in buckets of the window
-- section: rates | Opens, failures and resets
-- column: bucket | bucket | count
-- column: opened | opened | count
-- column: failed | failed | count
-- column: reset | reset | count
WITH
ends AS (
  SELECT (c.opened_ns - :from_ns) / :bucket_ns AS bucket, 1 AS opened, 0 AS failed, 0 AS reset
  FROM json_each(:ids) AS i
  CROSS JOIN connection AS c ON c.id = i.value
  WHERE c.opened_ns BETWEEN :from_ns AND :to_ns AND c.direction <> $direction.listen
  UNION ALL
  SELECT
    (c.closed_ns - :from_ns) / :bucket_ns,
    0,
    $failed(c.outcome, c.outcome_reason, c.direction) AND c.outcome <> 'reset',
    c.outcome = 'reset'
  FROM json_each(:ids) AS i
  CROSS JOIN (
    SELECT
      id, closed_ns, $name(outcome, outcome) AS outcome, $name(outcome_reason, outcome_reason) AS outcome_reason,
      $name(direction, direction) AS direction
    FROM connection
  ) AS c ON c.id = i.value
  WHERE c.closed_ns BETWEEN :from_ns AND :to_ns
)
SELECT bucket, sum(opened) AS opened, sum(failed) AS failed, sum(reset) AS reset
FROM ends
GROUP BY bucket
ORDER BY bucket;
