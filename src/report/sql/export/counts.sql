-- SPDX-License-Identifier: MIT
-- about: counts of connections by words that have few values
-- section: counts | Counts
-- column: protocol | protocol |
-- column: direction | direction |
-- column: outcome | outcome |
-- column: state | state |
-- column: connections | connections | count
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
SELECT
  c.protocol,
  c.direction,
  c.outcome,
  iif(c.outcome = 'open', c.state, NULL) AS state,
  count(*) AS connections,
  sum(c.bytes_sent) AS bytes_sent,
  sum(c.bytes_received) AS bytes_received
FROM (/*selected*/) AS c
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;
