-- SPDX-License-Identifier: MIT
-- `members`: the peers of the lines in `top`, which the part `lines` makes.
members AS MATERIALIZED (
  SELECT line AS peer_id, line FROM top WHERE line >= 0
  UNION
  SELECT peer_id, line FROM lines WHERE line IN (SELECT line FROM top)
)
