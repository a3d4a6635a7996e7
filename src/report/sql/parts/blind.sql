-- SPDX-License-Identifier: MIT
-- `blind`: the seconds at the end of each gap of a second and more. What was opened in the gap was first seen in them.
blind AS MATERIALIZED (
  SELECT to_ns / 1000000000 AS first, (to_ns + 500000000) / 1000000000 AS last, to_ns - from_ns AS ns
  FROM blind_gaps
  WHERE to_ns - from_ns >= 1000000000
)
