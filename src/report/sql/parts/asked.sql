-- SPDX-License-Identifier: MIT
-- `top`: lookups by program, name, type and namespace. `failures`: their response codes, such as `3 NXDOMAIN, 1 SERVFAIL`.
-- `halves`: the median time to the answer.
selected AS MATERIALIZED (
  SELECT process_id, pid, process, netns, name, type, rcode, latency_ns, at_ns FROM lookups WHERE /*filter of lookups*/ 1
),
-- Short processes of one program are one row.
asked AS MATERIALIZED (
  SELECT s.*, dense_rank() OVER (ORDER BY g.lasting_id, s.process, s.name, s.type, s.netns) AS line
  FROM selected AS s
  LEFT JOIN programs AS g ON g.process_id = s.process_id
),
top AS MATERIALIZED (
  SELECT
    a.line,
    count(*) AS lookups,
    iif(count(DISTINCT a.pid) = 1, max(a.pid), NULL) AS pid,
    a.process,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id,
    count(DISTINCT a.pid) AS processes,
    a.name,
    a.type,
    sum(a.rcode IS 'NOERROR') AS answered,
    sum(a.rcode IS NOT NULL AND a.rcode <> 'NOERROR') AS failed,
    sum(a.rcode IS NULL) AS unanswered,
    max(a.latency_ns) AS longest_ns,
    max(a.at_ns) AS last_ns,
    a.netns
  FROM asked AS a
  LEFT JOIN (SELECT id, cmdline FROM process) AS r ON r.id = a.process_id
  GROUP BY a.line
  ORDER BY lookups DESC, a.line
  LIMIT iif(:limit < 0, 20, :limit)
),
counted AS (
  SELECT line, rcode, count(*) AS n
  FROM asked
  WHERE rcode <> 'NOERROR' AND line IN (SELECT line FROM top)
  GROUP BY line, rcode
  ORDER BY line, n DESC, rcode
),
failures AS MATERIALIZED (SELECT line, group_concat(n || ' ' || rcode, ', ') AS text FROM counted GROUP BY line),
ranked AS (
  SELECT
    line,
    latency_ns,
    row_number() OVER (PARTITION BY line ORDER BY latency_ns) AS rank,
    count(*) OVER (PARTITION BY line) AS n
  FROM asked
  WHERE latency_ns IS NOT NULL AND line IN (SELECT line FROM top)
),
halves AS MATERIALIZED (SELECT line, max(iif(rank <= (n + 1) / 2, latency_ns, NULL)) AS half_ns FROM ranked GROUP BY line)
