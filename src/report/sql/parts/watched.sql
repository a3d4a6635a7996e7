-- SPDX-License-Identifier: MIT
-- `watched`: whether each window of `netlog diff` was recorded for half of it and more. What nobody watched has neither come nor gone.
-- `before_ns` and `after_ns`: how long each was recorded, NULL where it was not.
watched AS MATERIALIZED (
  SELECT
    nullif(sum(max(0, min(last_alive_ns, :before_until_ns) - max(started_ns, :before_since_ns))), 0) AS before_ns,
    nullif(sum(max(0, min(last_alive_ns, :until_ns) - max(started_ns, :since_ns))), 0) AS after_ns,
    sum(started_ns <= :before_until_ns AND last_alive_ns >= :before_since_ns) > 0
      AND 2 * sum(max(0, min(last_alive_ns, :before_until_ns) - max(started_ns, :before_since_ns))) >= :before_until_ns - :before_since_ns
      AS before,
    sum(started_ns <= :until_ns AND last_alive_ns >= :since_ns) > 0
      AND 2 * sum(max(0, min(last_alive_ns, :until_ns) - max(started_ns, :since_ns))) >= :until_ns - :since_ns AS after
  FROM sessions
)
