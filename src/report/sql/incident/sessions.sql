-- SPDX-License-Identifier: MIT
-- about: the sessions of the recorder that touch the window
-- section: sessions | Recorder
-- column: host | host |
-- column: os | system |
-- column: kernel | kernel |
-- column: netlog_version | netlog |
-- column: sources | sources |
-- column: interval_ns | interval | ns
-- column: started_ns | started | time
-- column: ended_ns | ended | time
-- column: last_alive_ns | last alive | time
-- column: redacted | replaced |
SELECT
  host, os, kernel, netlog_version, sources, interval_ns, started_ns, ended_ns, last_alive_ns,
  (SELECT group_concat(redacted, ',') FROM clips) AS redacted
FROM sessions
WHERE started_ns <= :to_ns AND last_alive_ns >= :from_ns
ORDER BY started_ns, id
LIMIT 200;
