-- SPDX-License-Identifier: MIT
-- about: counts of connections by words that have few values
-- section: counts | Counts
-- column: protocol | protocol |
-- column: direction | direction |
-- column: outcome | outcome |
-- column: state | state |
-- column: connections | connections | count
-- column: open_connections | open | count
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
SELECT
  c.protocol,
  c.direction,
  c.outcome,
  iif(c.outcome = 'open', coalesce(c.state, 'none'), NULL) AS state,
  count(*) AS connections,
  iif(c.outcome = 'open', count(*), NULL) AS open_connections,
  sum(c.bytes_sent) AS bytes_sent,
  sum(c.bytes_received) AS bytes_received
FROM (/*selected*/) AS c
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;
