-- SPDX-License-Identifier: MIT
-- about: which program talks to whom, those with the most connections first
-- section: talks | Talks
-- column: program | program |
-- column: direction | direction |
-- column: protocol | protocol |
-- column: peer | peer |
-- column: port | port | port
-- column: connections | connections | count
-- column: failed | failed | count
-- column: total | of all | count
SELECT
  c.process AS program,
  c.direction,
  c.protocol,
  coalesce(c.remote_name, c.remote_ip) AS peer,
  iif(c.direction = 'inbound', c.local_number, c.remote_port) AS port,
  count(*) AS connections,
  sum($failed(c.outcome, c.outcome_reason, c.direction)) AS failed,
  count(*) OVER () AS total
FROM (/*selected*/) AS c
WHERE c.has_peer
GROUP BY 1, 2, 3, 4, 5
ORDER BY connections DESC, 1, 2, 3, 4, 5
LIMIT :limit;
