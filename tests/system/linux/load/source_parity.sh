#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# source_parity.sh NETLOG: four recorders with different sources record the same slow scenario. They may differ in error bounds, and in
# states that are too short to be polled. Connections, lasting states and owners are the same.
netlog=$1
. "$(dirname "$0")/../common.sh"
need sqlite3 python3
sources=(notice poll procfs)
if (need_tracing) >/dev/null; then sources=(trace "${sources[@]}"); fi

for source in "${sources[@]}"; do
  begin_recorder "$source" "$netlog" record --cpu-budget 100% --source "$source" --db "$scratch/$source.db"
done
for source in "${sources[@]}"; do started_recording "$source" 0; done
coproc SCENARIO { exec python3 "$(dirname "$0")/slow_scenario.py"; }
scenario=$SCENARIO_PID
started+=("$scenario")
exec 5<&"${SCENARIO[0]}" 6>&"${SCENARIO[1]}"
read -r -t "$limit_s" port <&5
# Which of the first connections it accepted is known of a listener that a table has shown.
for source in "${sources[@]}"; do
  wait_until "the listener" at_least "$scratch/$source.db" \
    "SELECT count(*) FROM connections WHERE local_port = $port AND direction = 'listen'" 1
done
# After each step every source reads the tables: while it traces once a second, with TIME_WAIT once a second.
all_read() {
  local source
  local -A from
  for source in "${sources[@]}"; do from[$source]=$(ticks "$source"); done
  for source in "${sources[@]}"; do wait_until "15 more ticks of $source" ticked "$source" $((from[$source] + 15)); done
}
for ((step = 1; step <= 6; ++step)); do
  echo >&6
  read -r -t "$limit_s" did <&5
  echo "$did"
  all_read
done
echo >&6
wait "$scenario"
all_read
for source in "${sources[@]}"; do
  kill -INT "${recorders[0]}"
  wait "${recorders[0]}"
  recorders=("${recorders[@]:1}")
done

# States of less than half a second are for the trace alone; a state that is still there has no length.
rows="
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
  query "$scratch/$source.db" "$rows" >"$scratch/$source.txt"
  consistent "$scratch/$source.db"
done
cat "$scratch/${sources[0]}.txt"
[ "$(wc -l <"$scratch/${sources[0]}.txt")" -eq 9 ]
for source in "${sources[@]:1}"; do
  diff "$scratch/${sources[0]}.txt" "$scratch/$source.txt"
  echo "$source records the same as ${sources[0]}"
done
for source in "${sources[@]}"; do
  query "$scratch/$source.db" "SELECT '$source: mean error of an opening ' || round(avg(open_error_ns) / 1e6, 1) || ' ms, of an end '
    || round(avg(close_error_ns) / 1e6, 1) || ' ms' FROM connections WHERE $port IN (local_port, remote_port)"
done
