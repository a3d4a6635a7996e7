-- SPDX-License-Identifier: MIT
-- about: who looks up which names, what failed, which servers are slow, and which names nobody connected to
-- section: names | Who asked for what
-- column: lookups | lookups | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: name | name |
-- column: type | type |
-- column: answered | answered | count
-- column: failures | failed | known
-- column: unanswered | no answer | count
-- column: half_ns | median | ns
-- column: longest_ns | longest | ns
-- column: last_ns | last | time
-- column: netns | namespace | right optional several
WITH
/*part asked*/
SELECT
  top.lookups,
  top.pid,
  top.process,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = top.script_id) AS script,
  top.processes,
  top.name,
  top.type,
  top.answered,
  top.failed,
  f.text AS failures,
  top.unanswered,
  h.half_ns,
  top.longest_ns,
  top.last_ns,
  top.netns
FROM top
LEFT JOIN failures AS f ON f.line = top.line
LEFT JOIN halves AS h ON h.line = top.line
ORDER BY top.lookups DESC, top.process, top.name, top.type, top.line;
-- section: servers | Servers, those that did not answer or failed first
-- column: server | server | endpoint
-- column: lookups | lookups | count
-- column: unanswered | no answer | count
-- column: servfail | SERVFAIL | count
-- column: half_ns | median | ns
-- column: p99_ns | 99 % | ns
-- column: longest_ns | longest | ns
-- column: last_ns | last | time optional
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (SELECT server, netns, rcode, latency_ns, at_ns FROM lookups WHERE /*filter of lookups*/ 1),
ranked AS (
  SELECT
    *,
    -- NULL, without an answer, is behind the others.
    row_number() OVER (PARTITION BY server, netns ORDER BY latency_ns IS NULL, latency_ns) AS rank,
    count(latency_ns) OVER (PARTITION BY server, netns) AS n
  FROM selected
)
SELECT
  server,
  count(*) AS lookups,
  sum(rcode IS NULL) AS unanswered,
  sum(rcode IS 'SERVFAIL') AS servfail,
  max(iif(rank <= (n + 1) / 2, latency_ns, NULL)) AS half_ns,
  max(iif(rank <= (n * 99 + 99) / 100, latency_ns, NULL)) AS p99_ns,
  max(latency_ns) AS longest_ns,
  max(at_ns) AS last_ns,
  netns
FROM ranked
GROUP BY server, netns
ORDER BY unanswered + servfail DESC, p99_ns DESC, lookups DESC, server, netns
LIMIT iif(:limit < 0, 20, :limit);
-- section: shared | Addresses of several names: the name of a connection is the one that was looked up last before it
-- column: address | address |
-- column: names | names | count
-- column: newest | newest first |
-- column: last_ns | last | time
-- column: netns | namespace | right optional several
WITH
selected AS MATERIALIZED (
  SELECT netns, name, answers, at_ns
  FROM lookups
  WHERE type IN ('A', 'AAAA') AND rcode = 'NOERROR' AND answers IS NOT NULL AND (/*filter of lookups*/ 1)
),
/*part answered*/,
named AS MATERIALIZED (
  SELECT a.address, s.netns, s.name, max(s.at_ns) AS last_ns
  FROM selected AS s
  JOIN answered AS a ON a.answers = s.answers
  GROUP BY a.address, s.netns, s.name
),
ranked AS (SELECT *, row_number() OVER (PARTITION BY address, netns ORDER BY last_ns DESC, name) AS rank FROM named)
SELECT
  address,
  count(*) AS names,
  group_concat(iif(rank <= 3, name, NULL), ', ') || iif(count(*) > 3, ', …', '') AS newest,
  max(last_ns) AS last_ns,
  netns
FROM (SELECT * FROM ranked ORDER BY address, netns, rank)
GROUP BY address, netns
HAVING count(*) > 1
ORDER BY names DESC, last_ns DESC, address, netns
LIMIT iif(:limit < 0, 20, :limit);
-- section: unused | Looked up with success, and the process never connected to the name or its addresses
-- column: lookups | lookups | count
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | optional known
-- column: processes | processes | count optional several
-- column: name | name |
-- column: answers | last answer | optional
-- column: last_ns | last | time
-- column: netns | namespace | right optional several
WITH
-- A server at port 53 asks for others.
servers AS MATERIALIZED (
  SELECT process_id FROM flow WHERE local_port = 53 AND direction = $direction.listen
  UNION
  SELECT process_id FROM connection WHERE duration_bucket IS NULL AND direction = $direction.listen AND local_port = 53
),
selected AS MATERIALIZED (
  SELECT process_id, pid, process, netns, name, answers, at_ns
  FROM lookups
  WHERE type IN ('A', 'AAAA') AND rcode = 'NOERROR' AND answers IS NOT NULL AND process_id IS NOT NULL
    AND process_id NOT IN (SELECT process_id FROM servers WHERE process_id IS NOT NULL) AND (/*filter of lookups*/ 1)
),
-- The images of one process.
images AS MATERIALIZED (
  SELECT n.id AS process_id, min(p.id) AS asker
  FROM process AS p
  CROSS JOIN process AS n ON n.pid = p.pid AND n.start = p.start AND n.session_id = p.session_id
  WHERE p.id IN (SELECT process_id FROM selected)
  GROUP BY n.id
),
met AS (
  SELECT process_id, peer_id
  FROM flow
  WHERE process_id IN (SELECT process_id FROM images) AND local_address_id IS NOT NULL AND peer_id IS NOT NULL
  UNION
  SELECT process_id, peer_id
  FROM connection
  WHERE duration_bucket IS NULL AND process_id IN (SELECT process_id FROM images) AND peer_id IS NOT NULL
),
ends AS MATERIALIZED (
  SELECT DISTINCT i.asker, p.remote_address, p.remote_name
  FROM met
  CROSS JOIN images AS i ON i.process_id = met.process_id
  CROSS JOIN peers AS p ON p.id = met.peer_id
),
/*part answered*/,
-- Another name can have the same address, and a connection has only one name.
used AS MATERIALIZED (
  SELECT i.asker, s.name
  FROM selected AS s
  JOIN images AS i ON i.process_id = s.process_id
  JOIN answered AS a ON a.answers = s.answers
  JOIN ends AS e ON e.asker = i.asker AND e.remote_address = a.address
  UNION
  SELECT asker, remote_name FROM ends WHERE remote_name IS NOT NULL
)
SELECT
  count(*) AS lookups,
  iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
  s.process,
  iif(min(r.cmdline) = max(r.cmdline), (SELECT t.script FROM scripts AS t WHERE t.process_id = r.id), NULL) AS script,
  count(DISTINCT s.pid) AS processes,
  s.name,
  substr(max(printf('%020d', s.at_ns) || s.answers), 21) AS answers,
  max(s.at_ns) AS last_ns,
  s.netns
FROM selected AS s
JOIN images AS i ON i.process_id = s.process_id
LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = s.process_id
LEFT JOIN programs AS g ON g.process_id = s.process_id
LEFT JOIN used AS u ON u.asker = i.asker AND u.name = s.name
WHERE u.name IS NULL
GROUP BY g.lasting_id, s.process, s.name, s.netns
ORDER BY lookups DESC, last_ns DESC, s.process, s.name
LIMIT iif(:limit < 0, 20, :limit);
