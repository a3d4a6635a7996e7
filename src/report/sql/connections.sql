-- SPDX-License-Identifier: MIT
-- about: every connection, in the order in which they began; as text the first 200
-- section: connections | Connections
-- column: opened_ns | opened | time
-- column: closed_ns | closed | time optional
-- column: id | id | right optional
-- column: open_error_ns | ± | ns optional
-- column: pid | pid | right optional
-- column: process | process |
-- column: script | script | optional known
-- column: direction | direction | optional
-- column: protocol | proto | optional
-- column: local | local | endpoint
-- column: remote | remote | endpoint
-- column: remote_name | name | known
-- column: state | state |
-- column: sure | sure | optional
-- column: outcome | outcome |
-- column: outcome_reason | why | optional
-- column: syns | SYNs | count optional
-- column: duration_ns | duration | ns
-- column: close_doubt_ns | close ± | ns known
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
ids AS MATERIALIZED (
  SELECT id
  FROM connections
  WHERE /*filter*/ 1
  ORDER BY coalesce(opened_ns, first_seen_ns), id
  LIMIT iif(:limit < 0, 200, :limit)
),
/*part connections*/
ORDER BY began_ns, held.id;
