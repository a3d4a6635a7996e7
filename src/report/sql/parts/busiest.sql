-- SPDX-License-Identifier: MIT
-- The lines of `flows` with the most connections. After the part `lines`.
top AS MATERIALIZED (
  SELECT
    coalesce(l.line, f.peer_id) AS line,
    count(DISTINCT l.address_id) AS addresses,
    max(l.address_id) AS address_id,
    sum(f.connections) AS connections
  FROM flows AS f
  LEFT JOIN lines AS l ON l.peer_id = f.peer_id
  GROUP BY coalesce(l.line, f.peer_id)
  ORDER BY connections DESC, coalesce(l.line, f.peer_id)
  LIMIT iif(:limit < 0, 20, :limit)
)
