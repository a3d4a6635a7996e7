-- SPDX-License-Identifier: MIT
-- about: who connects to us, and whom we connect to: how often, how long, how much
-- section: peers | Peers
-- column: connections | connections | count
-- column: direction | direction |
-- column: protocol | proto | optional several
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: process | mostly | optional
-- column: script | script | known
-- column: open_now | open | count optional
-- column: failed | failed | count
-- column: half_ns | median | ns optional
-- column: longest_ns | longest | ns
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
-- column: container | container | several
-- column: netns | namespace | right optional several
WITH
/*part lines*/,
/*part recorded*/,
-- A connection in TIME_WAIT from before the recorder whose listener is gone has no known direction.
-- Those whose remote port is ephemeral are grouped by the local port, not a peer each.
flows AS MATERIALIZED (
  SELECT
    iif(direction = 'unknown' AND owner_reason = 'kernel' AND remote_port >= 32768, -1 - coalesce(iif(local_port < 32768, local_port, NULL), 0), peer_id) AS place,
    netns,
    direction,
    protocol,
    remote_address,
    outcome,
    outcome_reason,
    connections,
    longest_ns,
    bytes_sent,
    bytes_received,
    first_ns,
    last_ns
  FROM peer_flows
  WHERE direction <> 'listen' AND peer_id IS NOT NULL AND (/*filter of sums*/ 1)
),
top AS MATERIALIZED (
  SELECT
    coalesce(l.line, place) AS line,
    netns,
    max(direction) AS direction,
    max(protocol) AS protocol,
    count(DISTINCT iif(place < 0, remote_address, l.address_id)) AS addresses,
    max(l.address_id) AS address_id,
    max(iif(place < 0, remote_address, NULL)) AS leftover_address,
    sum(connections) AS connections,
    sum(iif(outcome = 'open', connections, 0)) AS open_now,
    sum(iif($failed(outcome, outcome_reason, direction), connections, 0)) AS failed,
    max(coalesce(longest_ns, iif(outcome = 'open', max(0, (SELECT until_ns FROM recorded) - first_ns), NULL))) AS longest_ns,
    sum(bytes_sent) AS bytes_sent,
    sum(bytes_received) AS bytes_received,
    min(first_ns) AS first_ns,
    max(last_ns) AS last_ns
  FROM flows
  LEFT JOIN lines AS l ON l.peer_id = place
  GROUP BY coalesce(l.line, place), netns
  ORDER BY connections DESC, coalesce(l.line, place)
  LIMIT iif(:limit < 0, 20, :limit)
),
/*part members*/,
/*part shown*/,
lifetimes AS MATERIALIZED (
  SELECT peer_id, netns, lifetime_ns, lifetimes FROM peer_lifetimes WHERE peer_id IN (SELECT peer_id FROM members) AND (/*filter of sums*/ 1)
),
ranked AS (
  SELECT
    line,
    netns,
    lifetime_ns,
    sum(lifetimes) OVER (PARTITION BY line, netns ORDER BY lifetime_ns) AS reached,
    sum(lifetimes) OVER (PARTITION BY line, netns) AS total
  FROM (
    SELECT coalesce(l.line, y.peer_id) AS line, y.netns, y.lifetime_ns, y.lifetimes
    FROM lifetimes AS y
    LEFT JOIN lines AS l ON l.peer_id = y.peer_id
  )
),
halves AS (
  SELECT line, netns, min(lifetime_ns) AS half_ns FROM ranked WHERE reached >= (total + 1) / 2 GROUP BY line, netns
),
owned AS MATERIALIZED (
  SELECT process_id, peer_id, netns, process, connections
  FROM peer_flows
  WHERE peer_id IN (SELECT peer_id FROM members) AND process IS NOT NULL AND (/*filter of sums*/ 1)
),
users AS MATERIALIZED (
  SELECT
    coalesce(l.line, o.peer_id) AS line,
    o.netns,
    o.process,
    sum(o.connections) AS n,
    max(o.process_id) AS process_id,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM owned AS o
  LEFT JOIN lines AS l ON l.peer_id = o.peer_id
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = o.process_id
  GROUP BY coalesce(l.line, o.peer_id), o.netns, o.process
),
mostly AS (
  SELECT line, netns, max(process) AS process, max(process_id) AS process_id, max(script_id) AS script_id
  FROM (SELECT *, row_number() OVER (PARTITION BY line, netns ORDER BY n DESC, process) AS rank FROM users)
  WHERE rank = 1
  GROUP BY line, netns
)
SELECT
  top.connections,
  top.direction,
  top.protocol,
  coalesce(
    n.remote_name || ':' || n.port,
    n.peer,
    iif(top.addresses = 1, top.leftover_address, top.addresses || ' addresses')
      || iif(top.line = -1, ', ephemeral ports', ' to port ' || (-1 - top.line))
  ) AS peer,
  /*part remote*/,
  mostly.process,
  top.open_now,
  top.failed,
  halves.half_ns,
  top.longest_ns,
  top.bytes_sent,
  top.bytes_received,
  top.first_ns,
  top.last_ns,
  top.netns,
  (SELECT r.container FROM process AS r WHERE r.id = mostly.process_id) AS container,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = mostly.script_id) AS script
FROM top
LEFT JOIN shown AS n ON n.id = top.line
LEFT JOIN halves ON halves.line = top.line AND halves.netns IS top.netns
LEFT JOIN mostly ON mostly.line = top.line AND mostly.netns IS top.netns
ORDER BY top.connections DESC, top.direction, peer;
