-- SPDX-License-Identifier: MIT
-- about: how long connections last: is a pool being recycled
-- section: histogram | Lifetimes, at least
-- column: lasted | lasted |
-- column: connections | connections | count
-- column: bar | shape |
WITH
selected AS (SELECT duration_ns FROM connections WHERE direction <> 'listen' AND outcome <> 'open' AND (/*filter*/ 1)),
sorted AS (
  SELECT
    CASE
      -- Opened and closed within one look, or opened before the recorder.
      WHEN duration_ns IS NULL THEN 9
      WHEN duration_ns < 10000000 THEN 1
      WHEN duration_ns < 100000000 THEN 2
      WHEN duration_ns < 1000000000 THEN 3
      WHEN duration_ns < 10000000000 THEN 4
      WHEN duration_ns < 60000000000 THEN 5
      WHEN duration_ns < 600000000000 THEN 6
      WHEN duration_ns < 3600000000000 THEN 7
      ELSE 8
    END AS class,
    count(*) AS connections
  FROM selected
  GROUP BY class
)
SELECT
  CASE class
    WHEN 1 THEN 'up to 10 ms'
    WHEN 2 THEN 'up to 100 ms'
    WHEN 3 THEN 'up to 1 s'
    WHEN 4 THEN 'up to 10 s'
    WHEN 5 THEN 'up to 1 min'
    WHEN 6 THEN 'up to 10 min'
    WHEN 7 THEN 'up to 1 h'
    WHEN 8 THEN 'longer'
    ELSE 'not known'
  END AS lasted,
  connections,
  substr('##############################', 1, (connections * 30 - 1) / (SELECT max(connections) FROM sorted) + 1) AS bar
FROM sorted
ORDER BY class;
-- section: peers | By peer, at least
-- column: connections | ended | count
-- column: peer | peer | endpoint
-- column: half_ns | median | ns
-- column: p90_ns | 90 % | ns
-- column: longest_ns | longest | ns
-- column: doubt_ns | at most more | ns optional
WITH
selected AS (
  SELECT
    iif(direction = 'inbound', remote_address || ' to port ' || local_port, coalesce(remote, remote_address)) AS peer,
    duration_ns,
    open_error_ns
  FROM connections
  WHERE direction <> 'listen' AND outcome <> 'open' AND duration_ns IS NOT NULL AND (/*filter*/ 1)
),
ranked AS (
  SELECT
    peer,
    duration_ns,
    open_error_ns,
    row_number() OVER (PARTITION BY peer ORDER BY duration_ns) AS rank,
    count(*) OVER (PARTITION BY peer) AS n
  FROM selected
)
SELECT
  n AS connections,
  peer,
  max(iif(rank <= (n + 1) / 2, duration_ns, NULL)) AS half_ns,
  max(iif(rank <= (n * 90 + 99) / 100, duration_ns, NULL)) AS p90_ns,
  max(duration_ns) AS longest_ns,
  -- It was opened up to so much earlier.
  max(open_error_ns) AS doubt_ns
FROM ranked
GROUP BY peer, n
ORDER BY connections DESC, peer
LIMIT iif(:limit < 0, 20, :limit);
