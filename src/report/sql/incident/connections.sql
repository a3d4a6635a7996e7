-- SPDX-License-Identifier: MIT
-- about: the connections with the given ids, in this order, as they were at the end of the window
-- section: connections | Connections
-- column: id | id | right
-- column: began_ns | began | time
-- column: open_error_ns | began ± | ns
-- column: ended_ns | ended | time
-- column: close_error_ns | ended ± | ns
-- column: last_seen_ns | last seen | time
-- column: process | process |
-- column: pid | pid | right
-- column: script | script |
-- column: cmdline | command line |
-- column: user | user |
-- column: container | container |
-- column: owner_source | owner by |
-- column: owner_reason | owner unknown |
-- column: protocol | protocol |
-- column: direction | direction |
-- column: local_address | local address |
-- column: local_port | local port | port
-- column: remote_address | remote address |
-- column: remote_port | remote port | port
-- column: remote_name | name |
-- column: name_source | name by |
-- column: state | state |
-- column: outcome | outcome |
-- column: outcome_reason | why |
-- column: trouble | trouble |
-- column: duration_ns | duration | ns
-- column: bytes_sent | sent | bytes
-- column: bytes_received | received | bytes
-- column: retransmits | retransmits | count
-- column: rtt_us | rtt | us
-- column: syns | SYNs | count
-- column: netns | namespace | right
-- column: seen_by | seen by |
WITH
held AS (
  SELECT
    i.key AS place,
    c.*,
    coalesce(c.closed_ns, c.last_seen_ns) > coalesce(:until_ns, 9e18) AS goes_on
  FROM json_each(:ids) AS i
  CROSS JOIN connections AS c ON c.id = i.value
)
SELECT
  id,
  coalesce(opened_ns, first_seen_ns) AS began_ns,
  -- NULL: it was there before the recorder.
  iif(opened_ns IS NULL, NULL, open_error_ns) AS open_error_ns,
  iif(goes_on, NULL, closed_ns) AS ended_ns,
  iif(goes_on, NULL, close_error_ns) AS close_error_ns,
  last_seen_ns,
  process,
  pid,
  (SELECT s.script FROM connection AS k JOIN scripts AS s ON s.process_id = k.process_id WHERE k.id = held.id) AS script,
  cmdline,
  user,
  container,
  owner_source,
  owner_reason,
  protocol,
  direction,
  local_address,
  local_port,
  remote_address,
  remote_port,
  remote_name,
  name_source,
  iif(goes_on, NULL, state) AS state,
  iif(goes_on, 'open', outcome) AS outcome,
  iif(goes_on, NULL, outcome_reason) AS outcome_reason,
  CASE
    WHEN goes_on THEN NULL
    WHEN outcome = 'reset' AND direction <> 'inbound' THEN 'reset'
    WHEN $failed(outcome, outcome_reason, direction) THEN coalesce(nullif(outcome, 'unknown'), outcome_reason)
    WHEN outcome = 'aborted' THEN 'aborted'
    WHEN retransmits > 0 THEN 'retransmits'
  END AS trouble,
  iif(goes_on, NULL, duration_ns) AS duration_ns,
  -- What it had later is not what it had then.
  iif(goes_on, NULL, bytes_sent) AS bytes_sent,
  iif(goes_on, NULL, bytes_received) AS bytes_received,
  iif(goes_on, NULL, retransmits) AS retransmits,
  iif(goes_on, NULL, rtt_us) AS rtt_us,
  syns,
  netns,
  seen_by
FROM held
ORDER BY place;
