-- about: the sums of flows are those of their connections, and every ended connection is in one
-- section: violations | Violations
WITH
told AS (
  SELECT flow_id, count(*) AS n, sum(opened_ns IS NOT NULL) AS opened, sum(bytes_sent) AS sent, sum(bytes_received) AS received
  FROM connection
  WHERE flow_id IS NOT NULL
  GROUP BY flow_id
),
summed AS (
  SELECT
    f.id AS flow_id,
    f.local_address_id IS NULL AS of_process,
    sum(u.connections) AS n,
    sum(u.opened) AS opened,
    sum(u.bytes_sent) AS sent,
    sum(u.bytes_received) AS received
  FROM flow AS f
  JOIN flow_sum AS u ON u.flow_id = f.id
  GROUP BY f.id
  HAVING n > 0
)
SELECT NULL AS connection_id, 'flow ' || s.flow_id || ' sums up ' || s.n || ' connections, there are ' || coalesce(t.n, 0) AS detail
FROM summed AS s
LEFT JOIN told AS t ON t.flow_id = s.flow_id
WHERE NOT s.of_process
  AND (t.n IS NOT s.n OR t.opened IS NOT s.opened OR t.sent IS NOT s.sent OR t.received IS NOT s.received)
UNION ALL
SELECT NULL, 'the flows of processes sum up ' || sum(iif(of_process, n, 0)) || ' connections, those of peers ' || sum(iif(of_process, 0, n))
FROM summed
HAVING sum(iif(of_process, n, 0)) <> sum(iif(of_process, 0, n))
UNION ALL
SELECT id, 'it has ended and is in no sum'
FROM connection
WHERE gone AND flow_id IS NULL
LIMIT :limit
