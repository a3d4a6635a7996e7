-- SPDX-License-Identifier: MIT
-- about: which connections failed or hung, why, after how long, to whom
-- section: hanging | Still waiting for an answer
-- column: connections | connections | count several
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: direction | direction | optional several
-- column: remote | remote | endpoint
-- column: address | address | optional known
-- column: state | state |
-- column: since_ns | since | time
-- column: waited_ns | waited | ns
-- column: netns | namespace | right optional several
WITH
/*part waiting*/
SELECT
  connections, pid, process, script, processes, direction, remote, remote_name, remote_address, addresses, address, state, since_ns,
  waited_ns, netns
FROM waiting
ORDER BY waited_ns DESC, pid, remote
LIMIT :limit;
-- section: failures | Failed, failed connects first
-- column: connections | connections | count
-- column: outcome | outcome |
-- column: outcome_reason | why |
-- column: pid | pid | right optional
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: syns | SYNs | count
-- column: longest_ns | longest | ns
-- column: first_ns | first | time optional
-- column: last_ns | last | time optional
-- column: netns | namespace | right optional several
WITH
/*part failures*/
SELECT
  connections, outcome, outcome_reason, pid, process, script, processes, direction, peer, remote_name, remote_address, addresses, address,
  syns, longest_ns, first_ns, last_ns, netns
FROM unsuccessful
WHERE is_failure OR outcome_reason = 'retransmitting'
ORDER BY NOT $connect_failed(outcome, outcome_reason), connections DESC, last_ns DESC, pid, peer
LIMIT iif(:limit < 0, 20, :limit);
-- section: resets | Ended by a RST of ours or of a client, which is often intended
-- column: connections | connections | count
-- column: outcome | outcome |
-- column: outcome_reason | why | optional
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: longest_ns | longest | ns
-- column: first_ns | first | time optional
-- column: last_ns | last | time
-- column: netns | namespace | right optional several
WITH
/*part failures*/
SELECT
  connections, outcome, outcome_reason, pid, process, script, processes, direction, peer, remote_name, remote_address, addresses, address,
  longest_ns, first_ns, last_ns, netns
FROM unsuccessful
WHERE outcome IN ('reset', 'aborted') AND NOT is_failure
ORDER BY connections DESC, last_ns DESC, pid, peer
LIMIT iif(:limit < 0, 20, :limit);
