-- SPDX-License-Identifier: MIT
-- about: how connections end with each peer: who closes first, who resets
-- section: peers | Ends
-- column: ended | ended | count
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: how | how |
WITH
/*part lines*/,
flows AS MATERIALIZED (
  SELECT
    -- As in `peers`: leftovers in TIME_WAIT from before the recorder are one row.
    iif(direction = 'unknown' AND owner_reason = 'kernel' AND remote_port >= 32768, -1, peer_id) AS place,
    remote_address,
    outcome,
    connections,
    closed_by_us,
    closed_by_peer
  FROM peer_flows
  WHERE protocol = 'tcp' AND direction <> 'listen' AND outcome <> 'open'
    AND (:since_ns IS NULL OR last_closed_ns >= :since_ns) AND (:until_ns IS NULL OR first_closed_ns <= :until_ns)
    AND (/*filter of sums*/ 1)
),
top AS (
  SELECT
    coalesce(l.line, place) AS line,
    count(DISTINCT iif(place < 0, remote_address, l.address_id)) AS addresses,
    max(l.address_id) AS address_id,
    max(iif(place < 0, remote_address, NULL)) AS leftover_address,
    sum(connections) AS ended,
    sum(closed_by_us) AS by_us,
    sum(closed_by_peer) AS by_peer,
    sum(iif(outcome = 'closed', connections - closed_by_us - closed_by_peer, 0)) AS by_whom,
    sum(iif(outcome = 'reset', connections, 0)) AS reset,
    sum(iif(outcome = 'aborted', connections, 0)) AS aborted,
    sum(iif(outcome = 'refused', connections, 0)) AS refused,
    sum(iif(outcome = 'unreachable', connections, 0)) AS unreachable,
    sum(iif(outcome = 'timed_out', connections, 0)) AS timed_out,
    sum(iif(outcome = 'unknown', connections, 0)) AS unknown_end
  FROM flows
  LEFT JOIN lines AS l ON l.peer_id = place
  GROUP BY coalesce(l.line, place)
),
/*part shown*/
SELECT
  ended,
  coalesce(
    n.remote_name || ':' || n.port,
    n.peer,
    iif(top.addresses = 1, top.leftover_address, top.addresses || ' addresses') || ', ephemeral ports'
  ) AS peer,
  /*part remote*/,
  by_us,
  by_peer,
  by_whom,
  reset,
  aborted,
  refused,
  unreachable,
  timed_out,
  unknown_end,
  -- For people: what is 0 is left out.
  substr(
    iif(by_us > 0, ', ' || by_us || ' we first', '') || iif(by_peer > 0, ', ' || by_peer || ' peer first', '')
      || iif(by_whom > 0, ', ' || by_whom || ' one of us', '') || iif(reset > 0, ', ' || reset || ' reset', '')
      || iif(aborted > 0, ', ' || aborted || ' aborted', '') || iif(refused > 0, ', ' || refused || ' refused', '')
      || iif(unreachable > 0, ', ' || unreachable || ' unreachable', '') || iif(timed_out > 0, ', ' || timed_out || ' timed out', '')
      || iif(unknown_end > 0, ', ' || unknown_end || ' unknown', ''),
    3
  ) AS how
FROM top
LEFT JOIN shown AS n ON n.id = top.line
ORDER BY line = -1, ended DESC, peer
LIMIT iif(:limit < 0, 20, :limit);
