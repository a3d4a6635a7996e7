#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# same_story.sh NETLOG: four recorders with four kinds of sources watch the same slow scenario. What they tell of it may differ in
# error bounds, and in states that none of the slower ones can see; connections, lasting states and owners are the same.
set -euo pipefail
netlog=$1
here=$(dirname "$0")
scratch=$(mktemp -d)
recorders=()
trap 'kill "${recorders[@]}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
sources=(notice poll procfs)
if "$netlog" doctor | grep -q 'every TCP change'; then sources=(trace "${sources[@]}"); fi

for source in "${sources[@]}"; do
  "$netlog" record --cpu-budget 100% --source "$source" --db "$scratch/$source.db" 2>"$scratch/$source.log" &
  recorders+=($!)
done
for source in "${sources[@]}"; do
  until grep -q 'recording into' "$scratch/$source.log"; do kill -0 "${recorders[@]}"; sleep 0.05; done
  until [ "$(sqlite3 "$scratch/$source.db" 'SELECT count(*) FROM counters')" -gt 0 ]; do kill -0 "${recorders[@]}"; sleep 0.05; done
done
coproc SCENARIO { exec python3 "$here/slow_story.py"; }
scenario=$SCENARIO_PID
read -r port <&"${SCENARIO[0]}"
# A listener that no table has shown yet does not tell which of the first connections it accepted.
for source in "${sources[@]}"; do
  until [ "$(sqlite3 "$scratch/$source.db" "SELECT count(*) FROM connections WHERE local_port = $port AND direction = 'listen'")" -gt 0 ]; do
    kill -0 "${recorders[@]}"
    sleep 0.05
  done
done
echo go >&"${SCENARIO[1]}"
wait "$scenario" || true
for source in "${sources[@]}"; do
  after=$(sqlite3 "$scratch/$source.db" 'SELECT max(ticks) FROM sessions')
  until [ "$(sqlite3 "$scratch/$source.db" 'SELECT max(ticks) FROM sessions')" -gt $((after + 25)) ]; do kill -0 "${recorders[@]}"; sleep 0.1; done
done
kill -INT "${recorders[@]}"
for recorder in "${recorders[@]}"; do wait "$recorder"; done

# States of less than half a second are for the trace alone; a state that is still there has no length.
story="
WITH ours AS (
  SELECT * FROM connections WHERE $port IN (local_port, remote_port) AND protocol = 'tcp'
)
SELECT
  CASE WHEN direction = 'listen' THEN 'listener' ELSE local_port = $port END AS side,
  row_number() OVER (PARTITION BY direction ORDER BY iif(local_port = $port, remote_port, local_port)) AS n,
  direction,
  process,
  pid,
  (SELECT group_concat(state, ' ') FROM (
    SELECT state FROM state_intervals AS s
    WHERE s.connection_id = ours.id AND (s.dwell_ns > 500000000 OR s.dwell_ns IS NULL) AND state <> 'TIME_WAIT'
    ORDER BY from_ns)) AS states
FROM ours
ORDER BY side, n"
for source in "${sources[@]}"; do
  sqlite3 "$scratch/$source.db" "$story" >"$scratch/$source.txt"
  "$netlog" check --db "$scratch/$source.db" >/dev/null
done
cat "$scratch/${sources[0]}.txt"
[ "$(wc -l <"$scratch/${sources[0]}.txt")" -eq 9 ]
for source in "${sources[@]:1}"; do
  diff "$scratch/${sources[0]}.txt" "$scratch/$source.txt"
  echo "$source tells the same as ${sources[0]}"
done
for source in "${sources[@]}"; do
  sqlite3 "$scratch/$source.db" "SELECT '$source: mean error of an opening ' || round(avg(open_error_ns) / 1e6, 1) || ' ms, of an end '
    || round(avg(close_error_ns) / 1e6, 1) || ' ms' FROM connections WHERE $port IN (local_port, remote_port)"
done
