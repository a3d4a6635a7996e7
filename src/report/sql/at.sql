-- SPDX-License-Identifier: MIT
-- about: what was open at a moment (`netlog at TIME`): by program, peer and state, then one by one
-- section: summary | Open, by program, peer and state
-- column: connections | connections | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: state | state |
-- column: oldest_ns | oldest | time
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (
  SELECT
    id, process_id, process, pid, direction, coalesce(remote_name || ':' || remote_port, remote) AS remote_end, remote_name, remote_address, local_port, netns,
    opened_ns,
    iif(:until_ns IS NULL, state, (
      SELECT i.state
      FROM state_intervals AS i
      WHERE i.connection_id = connections.id AND i.from_ns <= :until_ns AND (i.to_ns IS NULL OR i.to_ns > :until_ns)
    )) AS state
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
    -- Without a moment what is open now.
    AND (:until_ns IS NOT NULL OR id IN (SELECT id FROM connection WHERE duration_bucket IS NULL))
),
ids AS (SELECT id FROM selected),
/*part owners*/,
held AS (
  SELECT s.*, iif(o.id IS NULL, s.process_id, o.process_id) AS holder_id
  FROM selected AS s
  LEFT JOIN owners AS o ON o.id = s.id
  WHERE s.state IS NOT 'TIME_WAIT'
)
-- Short processes of one program are one row, and so are the clients of one service.
SELECT
  count(*) AS connections,
  iif(count(DISTINCT r.pid) = 1, max(r.pid), NULL) AS pid,
  r.name AS process,
  iif(min(r.cmdline) = max(r.cmdline), (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id), NULL) AS script,
  count(DISTINCT r.pid) AS processes,
  h.direction,
  iif(
    h.direction = 'inbound',
    iif(count(DISTINCT h.remote_address) = 1, max(h.remote_address), count(DISTINCT h.remote_address) || ' addresses')
      || ' to port ' || h.local_port,
    h.remote_end
  ) AS peer,
  h.remote_name,
  /*part with_addresses*/,
  h.state,
  -- NULL: one was there before the recorder.
  iif(count(*) = count(h.opened_ns), min(h.opened_ns), NULL) AS oldest_ns,
  h.netns
FROM held AS h
LEFT JOIN (SELECT id, pid, name, cmdline FROM process) AS r ON r.id = h.holder_id
LEFT JOIN programs AS g ON g.process_id = h.holder_id
GROUP BY
  g.lasting_id, r.name, h.direction, iif(h.direction = 'inbound', h.local_port, h.remote_end), h.state, h.netns
ORDER BY connections DESC, pid, process, peer, h.state
LIMIT iif(:limit < 0, 20, :limit);
-- section: time_wait | In TIME_WAIT, by service: they have ended, and no process holds them
-- column: connections | connections | count
-- column: peer | service | endpoint
-- column: address | address | optional known
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (
  SELECT
    id, direction, coalesce(remote_name || ':' || remote_port, remote) AS remote_end, remote_name, remote_address, remote_port, local_port, netns,
    iif(:until_ns IS NULL, state, (
      SELECT i.state
      FROM state_intervals AS i
      WHERE i.connection_id = connections.id AND i.from_ns <= :until_ns AND (i.to_ns IS NULL OR i.to_ns > :until_ns)
    )) AS state
  FROM connections
  WHERE direction <> 'listen' AND (/*filter*/ 1)
    AND (:until_ns IS NOT NULL OR id IN (SELECT id FROM connection WHERE duration_bucket IS NULL))
),
placed AS (
  SELECT
    *,
    -- Where the direction is not known, the service is at the port that is not ephemeral.
    CASE
      WHEN direction = 'inbound' OR (direction = 'unknown' AND remote_port >= 32768 AND local_port < 32768) THEN 'to port ' || local_port
      WHEN direction = 'unknown' AND remote_port >= 32768 THEN 'ephemeral ports'
      ELSE remote_end
    END AS place
  FROM selected
  WHERE state = 'TIME_WAIT'
)
SELECT
  count(*) AS connections,
  iif(place = remote_end, '', iif(count(DISTINCT remote_address) = 1, max(remote_address), count(DISTINCT remote_address) || ' addresses') || iif(place = 'ephemeral ports', ', ', ' ')) || place AS peer,
  remote_name,
  /*part with_addresses*/,
  netns
FROM placed
GROUP BY place, netns
ORDER BY connections DESC, peer, netns
LIMIT iif(:limit < 0, 20, :limit);
-- section: connections | Connections and listeners, without TIME_WAIT (report connections --at has it)
-- column: opened_ns | opened | time
-- column: closed_ns | closed | time optional
-- column: id | id | right optional
-- column: open_error_ns | ± | ns optional
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: state | state |
-- column: sure | sure | optional
-- column: outcome | outcome | optional
-- column: outcome_reason | why | optional
-- column: syns | SYNs | count optional
-- column: duration_ns | duration | ns optional
-- column: bytes_sent | sent | bytes optional
-- column: bytes_received | received | bytes optional
-- column: retransmits | retrans | count optional
-- column: rtt_us | rtt | us optional
-- column: offload | offload | optional
-- column: owner_source | owner | optional
-- column: user | user | optional
-- column: states | states | optional
-- column: container | container | optional several
-- column: netns | namespace | right optional several
WITH
chosen AS (
  SELECT
    id,
    coalesce(opened_ns, first_seen_ns) AS began_ns,
    direction <> 'listen' AND /*part leftover*/ AS is_leftover
  FROM connections
  WHERE (/*filter*/ 1) AND (:until_ns IS NOT NULL OR id IN (SELECT id FROM connection WHERE duration_bucket IS NULL))
),
ids AS MATERIALIZED (
  SELECT id
  FROM chosen
  WHERE NOT is_leftover
  ORDER BY began_ns, id
  LIMIT iif(:limit < 0, 200, :limit)
),
/*part connections*/
ORDER BY began_ns, held.id;
