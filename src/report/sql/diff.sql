-- SPDX-License-Identifier: MIT
-- about: what changed between two windows: `netlog diff A..B C..D`
-- section: rates | Then and now
-- column: what | what |
-- column: before | before | right
-- column: after | after | right
-- column: change | change | right
WITH
selected AS MATERIALIZED (
  SELECT
    $failed(outcome, outcome_reason, direction) AS failed,
    opened_ns BETWEEN :before_since_ns AND :before_until_ns AS opened_before,
    opened_ns BETWEEN :since_ns AND :until_ns AS opened_after,
    closed_ns BETWEEN :before_since_ns AND :before_until_ns AS closed_before,
    closed_ns BETWEEN :since_ns AND :until_ns AS closed_after,
    longest_ns / 1e9 AS lasted
  FROM /* as they are now */ connection_flows
  WHERE direction <> 'listen' AND (/*filter of both windows*/ 1)
),
span AS (
  -- Seconds of each window that were recorded; NULL where none were.
  SELECT
    nullif(sum(max(0, min(last_alive_ns, :before_until_ns) - max(started_ns, :before_since_ns))) / 1e9, 0) AS before,
    nullif(sum(max(0, min(last_alive_ns, :until_ns) - max(started_ns, :since_ns))) / 1e9, 0) AS after
  FROM sessions
),
rates (rank, what, before, after) AS (
  SELECT 1, 'opened a second', sum(opened_before) / span.before, sum(opened_after) / span.after FROM selected, span
  UNION ALL
  SELECT 2, 'ended a second', sum(closed_before) / span.before, sum(closed_after) / span.after FROM selected, span
  UNION ALL
  SELECT
    3,
    'failed a second',
    sum(closed_before AND failed) / span.before,
    sum(closed_after AND failed) / span.after
  FROM selected, span
  UNION ALL
  SELECT 4, 'mean life of the ended, s', avg(iif(closed_before, lasted, NULL)), avg(iif(closed_after, lasted, NULL)) FROM selected
)
SELECT
  what,
  round(before, 3) AS before,
  round(after, 3) AS after,
  iif(before > 0 AND after IS NOT NULL, printf('%+.0f %%', 100.0 * (after - before) / before), NULL) AS change
FROM rates
ORDER BY rank;
-- section: peers | Peers that came or went, are slower, fail more or do not answer
-- column: change | change |
-- column: process | process |
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: before | before | count
-- column: after | after | count
-- column: failed_before | failed before | count
-- column: failed_after | failed after | count
-- column: lasted_before_ns | lasted before | ns optional
-- column: lasted_after_ns | lasted after | ns optional
-- column: netns | namespace | right several
WITH
/*part watched*/,
selected AS MATERIALIZED (
  SELECT
    process,
    direction,
    peer_id,
    netns,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= :since_ns AS after,
    -- An attempt that still waits has no answer either.
    outcome = 'open' AND hangs AS hangs,
    coalesce($failed(outcome, outcome_reason, direction) OR (outcome = 'open' AND hangs), 0) AS failed,
    coalesce(outcome IN ('refused', 'reset'), 0) AS answered,
    -- It counts where it failed; while it waits, in both windows.
    coalesce(closed_ns BETWEEN :before_since_ns AND :before_until_ns, 1) AS ended_before,
    coalesce(closed_ns BETWEEN :since_ns AND :until_ns, 1) AS ended_after,
    -- How long those that began in a window lasted, as far as the shorter window can show.
    iif(opened_ns BETWEEN :before_since_ns AND :before_until_ns, min(
      min(coalesce(closed_ns, last_seen_ns), :before_until_ns) - opened_ns,
      :until_ns - :since_ns,
      :before_until_ns - :before_since_ns
    ), NULL) AS lasted_before_ns,
    iif(opened_ns BETWEEN :since_ns AND :until_ns, min(
      min(coalesce(closed_ns, last_seen_ns), :until_ns) - opened_ns,
      :until_ns - :since_ns,
      :before_until_ns - :before_since_ns
    ), NULL) AS lasted_after_ns
  FROM (
    SELECT
      *,
      direction = 'outbound' AND (SELECT n.state FROM connection AS n WHERE n.id = connection_flows.id) = $state.syn_sent AS hangs
    FROM /* as they are now */ connection_flows
    WHERE direction <> 'listen'
      -- Leftovers in TIME_WAIT from before the recorder did not go: they ran out.
      AND NOT (opened_ns IS NULL AND coalesce(owner_reason, '') = 'kernel') AND (/*filter of both windows*/ 1)
  )
),
counted AS (
  SELECT
    process,
    direction,
    peer_id,
    netns,
    sum(before) AS before,
    sum(after) AS after,
    sum(before AND failed AND ended_before) AS failed_before,
    sum(after AND failed AND ended_after) AS failed_after,
    -- Without those that still wait.
    sum(before AND failed AND ended_before AND hangs IS NOT 1) AS over_before,
    sum(after AND failed AND ended_after AND hangs IS NOT 1) AS over_after,
    sum(after AND failed AND ended_after AND answered) AS answered_after,
    count(lasted_before_ns) AS began_before,
    avg(lasted_before_ns) AS lasted_before_ns,
    avg(lasted_after_ns) AS lasted_after_ns
  FROM selected
  GROUP BY process, direction, peer_id, netns
),
changes AS (
  SELECT
    *,
    CASE
      -- A refused or reset connection has an answer.
      WHEN before > 0 AND after > 0 AND failed_after = after AND failed_before < before THEN iif(answered_after, 'all fail', 'no answer')
      -- A share of them that is larger by a tenth of all, and more in the same time of recording. What waits in both is no
      -- difference.
      WHEN before > 0 AND after > 0 AND 10 * (failed_after * before - failed_before * after) >= before * after AND (
        failed_after - over_after > failed_before - over_before
        OR 1.0 * over_after / (SELECT w.after_ns FROM watched AS w) > 1.0 * over_before / (SELECT w.before_ns FROM watched AS w)
      ) THEN 'fails more'
      -- Three times as long, and a tenth of a second; a single one before is no measure.
      WHEN began_before >= 3 AND lasted_after_ns > max(3 * lasted_before_ns, lasted_before_ns + 1e8) THEN 'slower'
      WHEN before = 0 AND after > 0 AND (SELECT w.before FROM watched AS w) THEN 'new'
      WHEN before > 0 AND after = 0 AND (SELECT w.after FROM watched AS w) THEN 'gone'
    END AS change
  FROM counted
)
SELECT
  change,
  process,
  direction,
  (SELECT p.peer FROM peers AS p WHERE p.id = peer_id) AS peer,
  before,
  after,
  failed_before,
  failed_after,
  before + after AS connections,
  failed_before + failed_after AS failed,
  CAST(lasted_before_ns AS INTEGER) AS lasted_before_ns,
  CAST(lasted_after_ns AS INTEGER) AS lasted_after_ns,
  netns
FROM changes
WHERE change IS NOT NULL
ORDER BY
  CASE change WHEN 'no answer' THEN 1 WHEN 'all fail' THEN 1 WHEN 'fails more' THEN 2 WHEN 'slower' THEN 3 WHEN 'new' THEN 4 ELSE 5 END,
  failed_after DESC,
  connections DESC,
  peer
LIMIT iif(:limit < 0, 40, :limit);
-- section: listeners | Listeners that came or went
-- column: change | change |
-- column: pid | pid | right
-- column: process | process |
-- column: protocol | proto |
-- column: local | local | endpoint
-- column: netns | namespace | right several
WITH
/*part watched*/,
selected AS MATERIALIZED (
  SELECT
    pid,
    process,
    protocol,
    local,
    netns,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= :since_ns AS after
  FROM connections
  WHERE direction = 'listen' AND (/*filter of both windows*/ 1) AND id IN (
    SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  )
)
SELECT iif(sum(before) = 0, 'new', 'gone') AS change, pid, process, protocol, local, netns
FROM selected
GROUP BY pid, process, protocol, local, netns
HAVING (sum(before) = 0) <> (sum(after) = 0)
  AND iif(sum(before) = 0, (SELECT w.before FROM watched AS w), (SELECT w.after FROM watched AS w))
ORDER BY change DESC, local, pid;
-- section: processes | Programs that came or went
-- column: change | change |
-- column: pid | pid | right
-- column: process | process |
-- column: processes | processes | count optional several
-- column: connections | connections | count
WITH
/*part watched*/,
selected AS MATERIALIZED (
  SELECT
    process_id,
    pid,
    process,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= :since_ns AS after
  FROM /* as they are now */ connection_flows
  WHERE pid IS NOT NULL AND (/*filter of both windows*/ 1)
)
-- Short processes of one program are one row.
SELECT
  iif(sum(s.before) = 0, 'new', 'gone') AS change,
  iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
  s.process,
  count(DISTINCT s.pid) AS processes,
  sum(s.before) + sum(s.after) AS connections
FROM selected AS s
LEFT JOIN programs AS g ON g.process_id = s.process_id
GROUP BY g.lasting_id, s.process
HAVING (sum(s.before) = 0) <> (sum(s.after) = 0)
  AND iif(sum(s.before) = 0, (SELECT w.before FROM watched AS w), (SELECT w.after FROM watched AS w))
ORDER BY change DESC, connections DESC, pid, s.process;
