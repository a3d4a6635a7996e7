-- SPDX-License-Identifier: MIT
-- `owners`: of the sockets in `ids` that had other owners before, the last owner in the window that the filter selects, else
-- the last one in the window. `from_ns`: when it took over. NULL: the first owner. `until_ns`: when another process took over,
-- at the latest when it ended. NULL: the last owner.
-- `holders`: all owners of these sockets in the window, and whether the filter selects them.
changed AS MATERIALIZED (
  SELECT e.connection_id AS id, e.old AS process_id, e.at_ns AS until_ns, e.id AS number
  FROM event AS e
  WHERE e.kind = $event.owner AND e.old IS NOT NULL AND e.connection_id IN (SELECT id FROM ids)
),
owned AS (
  SELECT *, lag(until_ns) OVER (PARTITION BY id ORDER BY number) AS from_ns
  FROM (
    SELECT id, process_id, until_ns, number FROM changed
    UNION ALL
    SELECT id, process_id, NULL, 9223372036854775807 FROM connection WHERE id IN (SELECT id FROM changed)
  )
),
places AS (
  SELECT *, row_number() OVER (PARTITION BY id ORDER BY is_selected DESC, number DESC) AS place
  FROM (
    SELECT
      o.id,
      o.process_id,
      o.from_ns,
      coalesce(min(o.until_ns, p.ended_ns), o.until_ns) AS until_ns,
      o.number,
      coalesce((/*filter of owner*/ 1), 0) AS is_selected
    FROM owned AS o
    LEFT JOIN (SELECT id AS process_id, pid, name AS process, exe, user, ended_ns FROM process) AS p USING (process_id)
    WHERE coalesce(o.from_ns <= :until_ns, 1) AND coalesce(o.until_ns >= :since_ns, 1)
  )
),
-- Each place is a row of its own. With a GROUP BY SQLite expects many, and joins them by an index.
holders AS MATERIALIZED (SELECT id, process_id, from_ns, until_ns, is_selected, place FROM places GROUP BY id, place),
owners AS MATERIALIZED (SELECT id, process_id, from_ns, until_ns FROM holders WHERE place = 1 GROUP BY id)
