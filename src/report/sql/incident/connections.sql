-- SPDX-License-Identifier: MIT
-- about: the connections with the given ids, in this order, as they were at the end of the window
-- section: connections | Connections
-- column: id | id | right
-- column: process_id | process | right
-- column: began_ns | began | time
-- column: open_error_ns | began ± | ns
-- column: ended_ns | ended | time
-- column: close_error_ns | ended ± | ns
-- column: last_seen_ns | last seen | time
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
-- column: state | last state |
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
-- The order is that of json_each(): the outer loop of a CROSS JOIN.
SELECT
  c.id,
  c.process_id,
  coalesce(c.opened_ns, c.first_seen_ns) AS began_ns,
  -- NULL: it was there before the recorder.
  iif(c.opened_ns IS NULL, NULL, c.open_error_ns) AS open_error_ns,
  -- What it had later is not what it had then.
  iif(c.goes_on, NULL, c.closed_ns) AS ended_ns,
  iif(c.goes_on, NULL, c.close_error_ns) AS close_error_ns,
  c.last_seen_ns,
  c.owner_source,
  c.owner_reason,
  c.protocol,
  c.direction,
  c.local_address,
  c.local_port,
  c.remote_address,
  c.remote_port,
  c.remote_name,
  c.name_source,
  iif(c.goes_on, NULL, c.state) AS state,
  iif(c.goes_on, 'open', c.outcome) AS outcome,
  iif(c.goes_on, NULL, c.outcome_reason) AS outcome_reason,
  CASE
    WHEN c.goes_on THEN NULL
    WHEN c.outcome = 'reset' AND c.direction <> 'inbound' THEN 'reset'
    WHEN $failed(c.outcome, c.outcome_reason, c.direction) THEN coalesce(nullif(c.outcome, 'unknown'), c.outcome_reason)
    WHEN c.outcome = 'aborted' THEN 'aborted'
    WHEN c.retransmits > 0 THEN 'retransmits'
  END AS trouble,
  iif(c.goes_on, NULL, c.duration_ns) AS duration_ns,
  iif(c.goes_on, NULL, c.bytes_sent) AS bytes_sent,
  iif(c.goes_on, NULL, c.bytes_received) AS bytes_received,
  iif(c.goes_on, NULL, c.retransmits) AS retransmits,
  iif(c.goes_on, NULL, c.rtt_us) AS rtt_us,
  c.syns,
  c.netns,
  c.seen_by
FROM (
  SELECT n.*, coalesce(n.closed_ns, n.last_seen_ns) > coalesce(:until_ns, 9e18) AS goes_on
  FROM json_each(:ids) AS i
  CROSS JOIN connections AS n ON n.id = i.value
) AS c;
