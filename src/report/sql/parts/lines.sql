-- SPDX-License-Identifier: MIT
-- `lines`: the peers with a name, and the line that they share: all addresses with one name, port of the service, direction and
-- protocol are one line. It is the id of the first of these peers. A peer without a name is a line of its own.
lines AS MATERIALIZED (
  SELECT id AS peer_id, min(id) OVER (PARTITION BY name_id, port, direction, protocol) AS line, remote_address_id AS address_id
  FROM peer
  WHERE name_id IS NOT NULL
)
