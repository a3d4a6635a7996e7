-- SPDX-License-Identifier: MIT
-- about: the connections that the filter selects; the other queries of this folder have it in place of /*selected*/
-- section: selected | Selected
-- Addresses are as in the packets: of a dual-stack socket IPv4, and without a scope. What the kernel had cleared is not known.
SELECT
  c.*,
  CASE
    WHEN c.direction <> 'listen' AND c.local_address IN ('0.0.0.0', '::') THEN NULL
    WHEN c.local_address LIKE '::ffff:%.%' THEN substr(c.local_address, 8)
    ELSE substr(c.local_address, 1, instr(c.local_address || '%', '%') - 1)
  END AS local_ip,
  CASE
    WHEN c.remote_address LIKE '::ffff:%.%' THEN substr(c.remote_address, 8)
    ELSE substr(c.remote_address, 1, instr(c.remote_address || '%', '%') - 1)
  END AS remote_ip,
  nullif(c.local_port, 0) AS local_number,
  -- Not of a listener, nor of a UDP socket that has no peer.
  c.direction <> 'listen' AND (c.protocol = 'tcp' OR c.remote_address IS NOT NULL) AS has_peer
FROM connections AS c
WHERE /*filter*/ 1;
