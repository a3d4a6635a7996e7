-- SPDX-License-Identifier: MIT
-- about: slow to connect or slow after: how long connections stay in each state, and with whom
-- section: states | Time in each state (of those still in it: so far)
-- column: state | state |
-- column: intervals | intervals | count
-- column: still | still | count
-- column: half_ns | median | ns
-- column: p90_ns | 90 % | ns
-- column: p99_ns | 99 % | ns
-- column: longest_ns | longest | ns
WITH
selected AS (SELECT id FROM connections WHERE /*filter*/ 1),
stays AS (
  SELECT
    state,
    to_ns IS NULL AS still,
    coalesce(to_ns, (SELECT max(last_alive_ns) FROM sessions)) - from_ns AS dwell_ns
  FROM state_intervals
  WHERE connection_id IN (SELECT id FROM selected)
),
ranked AS (
  SELECT
    state,
    still,
    dwell_ns,
    row_number() OVER (PARTITION BY state ORDER BY dwell_ns) AS rank,
    count(*) OVER (PARTITION BY state) AS n
  FROM stays
)
SELECT
  state,
  n AS intervals,
  sum(still) AS still,
  max(iif(rank <= (n + 1) / 2, dwell_ns, NULL)) AS half_ns,
  max(iif(rank <= (n * 90 + 99) / 100, dwell_ns, NULL)) AS p90_ns,
  max(iif(rank <= (n * 99 + 99) / 100, dwell_ns, NULL)) AS p99_ns,
  max(dwell_ns) AS longest_ns
FROM ranked
GROUP BY state, n
ORDER BY n DESC, state;
-- section: peers | Time with each peer
-- column: peer | peer | endpoint
-- column: connections | connections | count
-- column: connect_half_ns | connect median | ns
-- column: connect_longest_ns | longest | ns optional
-- column: open_half_ns | established median | ns
-- column: open_longest_ns | longest | ns optional
WITH
selected AS (
  SELECT id, iif(direction = 'inbound', remote_address || ' to port ' || local_port, remote) AS peer
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
),
ranked AS (
  SELECT
    s.peer,
    i.state,
    i.dwell_ns,
    i.connection_id,
    row_number() OVER (PARTITION BY s.peer, i.state ORDER BY i.dwell_ns) AS rank,
    count(*) OVER (PARTITION BY s.peer, i.state) AS n
  FROM state_intervals AS i
  JOIN selected AS s ON s.id = i.connection_id
  WHERE i.dwell_ns IS NOT NULL AND i.state IN ('SYN_SENT', 'ESTABLISHED')
)
SELECT
  peer,
  count(DISTINCT connection_id) AS connections,
  max(iif(state = 'SYN_SENT' AND rank <= (n + 1) / 2, dwell_ns, NULL)) AS connect_half_ns,
  max(iif(state = 'SYN_SENT', dwell_ns, NULL)) AS connect_longest_ns,
  max(iif(state = 'ESTABLISHED' AND rank <= (n + 1) / 2, dwell_ns, NULL)) AS open_half_ns,
  max(iif(state = 'ESTABLISHED', dwell_ns, NULL)) AS open_longest_ns
FROM ranked
GROUP BY peer
ORDER BY connections DESC, peer
LIMIT iif(:limit < 0, 20, :limit);
