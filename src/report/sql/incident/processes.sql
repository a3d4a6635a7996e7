-- SPDX-License-Identifier: MIT
-- about: the processes that own the connections with the given ids, or did
-- section: processes | Processes
-- column: id | id | right
-- column: name | process |
-- column: pid | pid | right
-- column: script | script |
-- column: exe | program |
-- column: cmdline | command line |
-- column: user | user |
-- column: container | container |
-- column: started_ns | started | time
-- column: ended_ns | ended | time
WITH
owners AS (
  SELECT c.process_id AS id
  FROM json_each(:ids) AS i
  CROSS JOIN connection AS c ON c.id = i.value
  UNION
  SELECT e.new
  FROM json_each(:ids) AS i
  CROSS JOIN event AS e ON e.connection_id = i.value
  WHERE e.kind = $event.owner
)
SELECT
  p.id, p.name, p.pid, (SELECT s.script FROM scripts AS s WHERE s.process_id = p.id) AS script, p.exe, p.cmdline, p.user, p.container,
  p.started_ns, p.ended_ns
FROM process AS p
WHERE p.id IN (SELECT id FROM owners)
ORDER BY p.id;
