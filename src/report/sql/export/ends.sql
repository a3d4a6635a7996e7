-- SPDX-License-Identifier: MIT
-- about: what distinguishes the packets of the connections: the finest that is few enough is used
-- section: exact_ends | Both ends
-- column: protocol | protocol |
-- column: local_ip | local |
-- column: local_port | local port | port
-- column: remote_ip | remote |
-- column: remote_port | remote port | port
SELECT DISTINCT c.protocol, c.local_ip, c.local_number AS local_port, c.remote_ip, c.remote_port
FROM (/*selected*/) AS c
WHERE c.has_peer AND c.remote_ip IS NOT NULL
ORDER BY 1, 2, 3, 4, 5
LIMIT :limit;
-- section: service_ends | Peers and the ports of services
-- column: protocol | protocol |
-- column: local_ip | local |
-- column: local_port | local port | port
-- column: remote_ip | remote |
-- column: remote_port | remote port | port
SELECT DISTINCT
  c.protocol,
  NULL AS local_ip,
  iif(c.direction = 'inbound', c.local_number, NULL) AS local_port,
  c.remote_ip,
  iif(c.direction = 'outbound', c.remote_port, NULL) AS remote_port
FROM (/*selected*/) AS c
WHERE c.has_peer AND c.remote_ip IS NOT NULL
ORDER BY 1, 2, 3, 4, 5
LIMIT :limit;
-- section: remote_ends | Peers
-- column: protocol | protocol |
-- column: local_ip | local |
-- column: local_port | local port | port
-- column: remote_ip | remote |
-- column: remote_port | remote port | port
SELECT DISTINCT c.protocol, NULL AS local_ip, NULL AS local_port, c.remote_ip, NULL AS remote_port
FROM (/*selected*/) AS c
WHERE c.has_peer AND c.remote_ip IS NOT NULL
ORDER BY 1, 2, 3, 4, 5
LIMIT :limit;
