-- about: the sums of flows are those of their connections, and every ended connection is in one
-- section: violations | Violations
WITH
-- In these hours there are sums of connections that have no row.
deleted AS (SELECT from_ns / 3600000000000 AS from_hour, to_ns / 3600000000000 AS to_hour FROM deleted_times),
counted AS (
  SELECT
    flow_id,
    count(*) AS n,
    sum(opened_ns IS NOT NULL) AS opened,
    sum(closed_ns - opened_ns > coalesce(clock_adjust_ns, 0)) AS lifetimes,
    sum(bytes_sent) AS sent,
    sum(bytes_received) AS received
  FROM connection
  WHERE flow_id IS NOT NULL
  GROUP BY flow_id
),
summed AS (
  SELECT flow_id, sum(connections) AS n, sum(opened) AS opened, sum(bytes_sent) AS sent, sum(bytes_received) AS received
  FROM flow_sum
  GROUP BY flow_id
  HAVING n > 0
),
lived AS (SELECT flow_id, sum(dwells) AS lifetimes FROM flow_dwell WHERE state = $dwell.lifetime GROUP BY flow_id),
-- Connections in the sums by process and in the sums by peer.
totals AS (
  SELECT
    sum(iif(f.local_address_id IS NULL, s.n, 0)) AS of_processes,
    sum(iif(f.local_address_id IS NULL, 0, s.n)) AS of_peers
  FROM summed AS s
  JOIN flow AS f ON f.id = s.flow_id
)
SELECT NULL AS connection_id, 'flow ' || t.flow_id || ' sums up ' || coalesce(s.n, 0) || ' connections, there are ' || t.n AS detail
FROM counted AS t
LEFT JOIN summed AS s ON s.flow_id = t.flow_id
LEFT JOIN lived AS l ON l.flow_id = t.flow_id
LEFT JOIN flow AS f ON f.id = t.flow_id
WHERE t.n > coalesce(s.n, 0) OR (NOT EXISTS (SELECT 1 FROM deleted WHERE f.hour BETWEEN from_hour AND to_hour) AND (
  t.n IS NOT s.n OR t.opened IS NOT s.opened OR t.sent IS NOT s.sent OR t.received IS NOT s.received
  OR coalesce(t.lifetimes, 0) <> coalesce(l.lifetimes, 0)
))
UNION ALL
SELECT NULL, 'the flows of processes sum up ' || of_processes || ' connections, those of peers ' || of_peers
FROM totals
WHERE of_processes <> of_peers
UNION ALL
SELECT NULL, 'the seconds count ' || seconds || ' openings, the minutes ' || minutes || ', there are ' || opened
FROM (
  SELECT
    (SELECT coalesce(sum(opened), 0) FROM open_second) AS seconds,
    (SELECT coalesce(sum(opened), 0) FROM open_minute) AS minutes,
    (SELECT count(*) FROM connection WHERE flow_id IS NOT NULL AND opened_ns IS NOT NULL AND direction <> $direction.listen) AS opened
)
WHERE seconds <> opened OR minutes <> opened
UNION ALL
SELECT c.id, 'it is counted for another peer'
FROM connection AS c
JOIN flow AS f ON f.id = c.flow_id
WHERE c.peer_id IS NOT f.peer_id
UNION ALL
SELECT id, 'it has ended and is in no sum'
FROM connection
WHERE gone AND flow_id IS NULL
LIMIT :limit
