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
-- column: script | script | known
-- column: direction | direction | optional
-- column: peer | peer | endpoint
-- column: address | address | optional known
-- column: before | before | count
-- column: after | after | count
-- column: failed_before | failed before | count
-- column: failed_after | failed after | count
-- column: lasted_before_ns | lasted before | ns optional
-- column: lasted_after_ns | lasted after | ns optional
-- column: netns | namespace | right optional several
WITH
/*part lines*/,
/*part watched*/,
-- The answer to a lookup can be older than a connection by hours, and then the connection has no name. At an address that has just
-- one name at this port it belongs to this name.
named AS MATERIALIZED (
  SELECT peer_id, line, address_id FROM lines
  UNION ALL
  SELECT u.id, min(l.line), u.remote_address_id
  FROM lines AS l
  CROSS JOIN peer AS p ON p.id = l.peer_id
  CROSS JOIN peer AS u
    ON u.remote_address_id = p.remote_address_id AND u.port = p.port AND u.direction = p.direction AND u.protocol = p.protocol
  WHERE u.name_id IS NULL
  GROUP BY u.id
  HAVING min(l.line) = max(l.line)
),
-- What was first seen in TIME_WAIT lived before that, by an owner that nobody knows. A peer that it had is not new.
leftovers AS MATERIALIZED (
  SELECT netns, remote_address, remote_port, local_port
  FROM /* as they are now */ connection_flows
  WHERE opened_ns IS NULL AND owner_reason = 'kernel' AND id IN (
    SELECT c.id
    FROM duration_bucket AS k
    CROSS JOIN connection AS c
      ON c.duration_bucket = k.code
      AND coalesce(c.opened_ns, c.first_seen_ns) BETWEEN :before_since_ns - k.span_ns AND :before_until_ns
    UNION ALL
    SELECT id FROM connection WHERE duration_bucket IS NULL
  ) AND first_seen_ns <= :before_until_ns AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns
),
known AS MATERIALIZED (
  SELECT
    *,
    -- Since when it has had no answer: a connect, or what the peer has not acknowledged for a second.
    iif(outcome = 'open', (
      SELECT CASE
        WHEN n.state = $state.syn_sent AND n.direction = $direction.outbound THEN coalesce(n.opened_ns, n.first_seen_ns)
        WHEN n.unanswered_ms >= 1000 THEN n.last_seen_ns - 1000000 * n.unanswered_ms
      END
      FROM connection AS n
      WHERE n.id = f.id
    ), NULL) AS hangs_ns,
    -- What was there before the recorder has no direction if its listener is gone. It belongs to the peer of what came later.
    iif(direction = 'unknown', coalesce(
      (
        SELECT o.id
        FROM peer AS u
        JOIN peer AS o
          ON o.remote_address_id = u.remote_address_id AND o.port = u.port AND o.direction = $direction.outbound AND o.protocol = u.protocol
        WHERE u.id = f.peer_id
        ORDER BY o.name_id IS NOT u.name_id, o.id
        LIMIT 1
      ),
      (
        SELECT o.id
        FROM peer AS u
        JOIN peer AS o
          ON o.remote_address_id = u.remote_address_id AND o.port = f.local_port AND o.direction = $direction.inbound AND o.protocol = u.protocol
        WHERE u.id = f.peer_id
      ),
      peer_id
    ), peer_id) AS peer_line
  FROM /* as they are now */ connection_flows AS f
  WHERE direction <> 'listen' AND NOT (opened_ns IS NULL AND coalesce(owner_reason, '') = 'kernel') AND (/*filter of both windows*/ 1)
),
lived AS MATERIALIZED (
  SELECT k.*, coalesce(n.line, k.peer_line) AS line, n.address_id FROM known AS k LEFT JOIN named AS n ON n.peer_id = k.peer_line
),
-- What has no known owner is counted with the program that has this peer, if there is just one.
owners AS (
  SELECT line, netns, iif(count(DISTINCT process) = 1, max(process), NULL) AS process FROM lived GROUP BY line, netns
),
selected AS MATERIALIZED (
  SELECT
    coalesce(l.process, o.process) AS process,
    l.process_id,
    l.line,
    l.netns,
    l.address_id,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= :since_ns AS after,
    -- An attempt that still waits has no answer either.
    hangs_ns IS NOT NULL AS hangs,
    coalesce($failed(outcome, outcome_reason, direction) OR hangs_ns IS NOT NULL, 0) AS failed,
    coalesce(outcome IN ('refused', 'reset'), 0) AS answered,
    -- It counts where it failed; while it waits, in each window that reaches beyond the begin of that.
    coalesce(closed_ns BETWEEN :before_since_ns AND :before_until_ns, hangs_ns <= :before_until_ns, 1) AS ended_before,
    coalesce(closed_ns BETWEEN :since_ns AND :until_ns, hangs_ns <= :until_ns, 1) AS ended_after,
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
  FROM lived AS l
  JOIN owners AS o ON o.line IS l.line AND o.netns IS l.netns
),
counted AS (
  SELECT
    process,
    line,
    netns,
    count(DISTINCT iif(before OR after, address_id, NULL)) AS addresses,
    max(iif(before OR after, address_id, NULL)) AS address_id,
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
    avg(lasted_after_ns) AS lasted_after_ns,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM selected
  LEFT JOIN (SELECT id, cmdline, ended_ns FROM process) AS r ON r.id = selected.process_id
  GROUP BY process, line, netns
),
former AS MATERIALIZED (
  SELECT netns, remote_address, 0 AS is_inbound, remote_port AS port FROM leftovers
  UNION
  SELECT netns, remote_address, 1, local_port FROM leftovers
),
former_lines AS MATERIALIZED (
  SELECT DISTINCT n.line, f.netns
  FROM former AS f
  JOIN (SELECT n.line, p.remote_address, p.port FROM named AS n CROSS JOIN peers AS p ON p.id = n.peer_id) AS n
    ON n.remote_address = f.remote_address AND n.port = f.port
  WHERE NOT f.is_inbound
),
-- Whether another row of the peer may hold what this one lacks: one of the two has no known owner.
compared AS (
  SELECT
    c.*,
    p.direction,
    sum(iif(c.process IS NULL, 0, c.before)) OVER peer AS owned_before,
    sum(iif(c.process IS NULL, 0, c.after)) OVER peer AS owned_after,
    sum(iif(c.process IS NULL, c.before, 0)) OVER peer AS unowned_before,
    sum(iif(c.process IS NULL, c.after, 0)) OVER peer AS unowned_after,
    f.port IS NOT NULL OR l.line IS NOT NULL AS is_former
  FROM counted AS c
  LEFT JOIN peers AS p ON p.id = c.line
  LEFT JOIN former AS f
    ON f.remote_address = p.remote_address AND f.port = p.port AND f.is_inbound = (p.direction = 'inbound') AND f.netns IS c.netns
  LEFT JOIN former_lines AS l ON l.line = c.line AND l.netns IS c.netns
  WINDOW peer AS (PARTITION BY c.line, c.netns)
),
doubtful AS (
  SELECT
    *,
    is_former OR iif(process IS NULL, owned_before, unowned_before) > 0 AS perhaps_before,
    iif(process IS NULL, owned_after, unowned_after) > 0 AS perhaps_after
  FROM compared
),
top AS (
  SELECT
    *,
    CASE
      WHEN before = 0 AND perhaps_before AND failed_after = after AND after > 0 THEN iif(answered_after, 'all fail', 'no answer')
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
      WHEN before = 0 AND after > 0 AND NOT perhaps_before AND (SELECT w.before FROM watched AS w) THEN 'new'
      WHEN before > 0 AND after = 0 AND NOT perhaps_after AND (SELECT w.after FROM watched AS w) THEN 'gone'
    END AS change
  FROM doubtful
),
/*part shown*/
SELECT
  change,
  process,
  top.direction,
  /*part peer*/,
  before,
  after,
  failed_before,
  failed_after,
  before + after AS connections,
  failed_before + failed_after AS failed,
  CAST(lasted_before_ns AS INTEGER) AS lasted_before_ns,
  CAST(lasted_after_ns AS INTEGER) AS lasted_after_ns,
  netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = script_id) AS script
FROM top
LEFT JOIN shown AS n ON n.id = top.line
WHERE change IS NOT NULL
ORDER BY
  CASE change WHEN 'no answer' THEN 1 WHEN 'all fail' THEN 1 WHEN 'fails more' THEN 2 WHEN 'slower' THEN 3 WHEN 'new' THEN 4 ELSE 5 END,
  failed_after DESC,
  connections DESC,
  peer
LIMIT iif(:limit < 0, 40, :limit);
-- section: listeners | Listeners that came or went
-- column: change | change |
-- column: at_ns | at | time
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: protocol | proto |
-- column: local | local | endpoint
-- column: netns | namespace | right optional several
WITH
/*part recorded*/,
/*part watched*/,
selected AS MATERIALIZED (
  SELECT
    pid,
    process,
    process_id,
    protocol,
    local,
    netns,
    opened_ns,
    coalesce(closed_ns, last_seen_ns) AS until_ns,
    coalesce(opened_ns, first_seen_ns) <= :before_until_ns
      AND coalesce(closed_ns, last_seen_ns) >= :before_since_ns AS before,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= :since_ns AS after,
    coalesce(opened_ns, first_seen_ns) <= :until_ns AND coalesce(closed_ns, last_seen_ns) >= (SELECT r.until_ns FROM recorded AS r) AS at_end
  FROM connections
  WHERE direction = 'listen'
    AND NOT $of_udp_client(connections)
    AND (/*filter of both windows*/ 1) AND id IN (
      SELECT c.id FROM flow AS f CROSS JOIN connection AS c ON c.flow_id = f.id WHERE f.direction = $direction.listen
      UNION ALL
      SELECT id FROM connection WHERE duration_bucket IS NULL
    )
),
-- One that ended in the later window is gone, although it was in both.
found AS (
  SELECT
    CASE
      WHEN max(before) = 0 THEN iif(max(at_end), 'new', 'new, gone')
      WHEN max(at_end) = 0 THEN 'gone'
    END AS change,
    iif(max(at_end), min(opened_ns), max(until_ns)) AS at_ns,
    pid,
    process,
    protocol,
    local,
    netns,
    max(process_id) AS process_id
  FROM selected
  WHERE before OR after
  GROUP BY pid, process, protocol, local, netns
)
SELECT
  change, at_ns, pid, process, protocol, local, netns,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = found.process_id) AS script
FROM found
WHERE change IS NOT NULL AND iif(change = 'gone', (SELECT w.after FROM watched AS w), (SELECT w.before FROM watched AS w))
ORDER BY change DESC, local, pid
LIMIT iif(:limit < 0, 40, :limit);
-- section: processes | Programs that came or went
-- column: change | change |
-- column: pid | pid | right
-- column: process | process |
-- column: script | script | known
-- column: processes | processes | count optional several
-- column: connections | connections | count
WITH
/*part recorded*/,
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
),
-- Short processes of one program are one row. One that ended in the later window is gone, although it was in both.
found AS (
  SELECT
    sum(s.before) AS before,
    sum(s.after) AS after,
    sum(s.before OR s.after) AS connections,
    max(iif(g.lasting_id IS NULL, s.after, s.after AND coalesce(r.ended_ns > (SELECT e.until_ns FROM recorded AS e), 1))) AS at_end,
    iif(count(DISTINCT s.pid) = 1, max(s.pid), NULL) AS pid,
    s.process,
    count(DISTINCT s.pid) AS processes,
    iif(min(r.cmdline) = max(r.cmdline), max(r.id), NULL) AS script_id
  FROM selected AS s
  LEFT JOIN programs AS g ON g.process_id = s.process_id
  LEFT JOIN (SELECT id, cmdline, ended_ns FROM process) AS r ON r.id = s.process_id
  GROUP BY g.lasting_id, s.process
),
changes AS (
  SELECT
    *,
    CASE WHEN before = 0 THEN iif(at_end, 'new', 'new, gone') WHEN NOT at_end THEN 'gone' END AS change
  FROM found
  WHERE connections > 0
)
SELECT
  change, pid, process, processes, connections,
  (SELECT s.script FROM scripts AS s WHERE s.process_id = script_id) AS script
FROM changes
WHERE change IS NOT NULL AND iif(change = 'gone', (SELECT w.after FROM watched AS w), (SELECT w.before FROM watched AS w))
ORDER BY change DESC, connections DESC, pid, process
LIMIT iif(:limit < 0, 40, :limit);
