-- SPDX-License-Identifier: MIT
-- `chosen`: the process that the filter selects, if it selects just one. Without a filter of the owner there are many.
chosen AS MATERIALIZED (
  SELECT iif(min(pid) = max(pid), max(id), NULL) AS process_id
  FROM (SELECT id, id AS process_id, pid, name AS process, exe, user FROM process)
  WHERE /*filter of owner*/ 1
)
