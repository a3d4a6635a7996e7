-- SPDX-License-Identifier: MIT
-- `shown`: the lines in `top` as the view `peers` has them. A LEFT JOIN with the view itself would read all peers.
shown AS MATERIALIZED (
  SELECT id, direction, protocol, remote_address, port, peer, remote_name FROM peers WHERE id IN (SELECT line FROM top)
  GROUP BY id  -- changes nothing, but SQLite expects many rows then, and joins by an index
)
