#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# known_ends.sh NETLOG CHURN CHECK: connections that end in every known way, recorded by the real binary, hold nothing untrue. With
# the best source there is, with notices and with polling alone, over IPv6; and with buffers that must overrun, where the loss has
# to be on record.
set -euo pipefail
netlog=$1 churn=$2 check=$3
scratch=$(mktemp -d)
trap 'kill "${recorder:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

record() { # NAME, options of record, --, options of netlog-churn
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  "$netlog" record --cpu-budget 100% --db "$scratch/$name.db" "${options[@]}" 2>"$scratch/$name.log" &
  recorder=$!
  until grep -q 'recording into' "$scratch/$name.log"; do kill -0 "$recorder"; sleep 0.05; done
  until [ "$(sqlite3 "$scratch/$name.db" 'SELECT count(*) FROM counters')" -gt 0 ]; do kill -0 "$recorder"; sleep 0.05; done
  "$churn" --truth "$scratch/$name.csv" "$@"
  # The last ends are told by the next look that shows TIME_WAIT, once a second.
  local after
  after=$(sqlite3 "$scratch/$name.db" 'SELECT max(ticks) FROM sessions')
  until [ "$(sqlite3 "$scratch/$name.db" 'SELECT max(ticks) FROM sessions')" -gt $((after + 25)) ]; do kill -0 "$recorder"; sleep 0.1; done
  kill -INT "$recorder"
  wait "$recorder"
  echo "--- $name"
  "$check" "$scratch/$name.csv" "$scratch/$name.db"
  "$netlog" check --db "$scratch/$name.db"
}

lost() { # NAME, reason of the gap: how many of what it counts
  sqlite3 "$scratch/$1.db" "SELECT coalesce(sum(lost), 0) FROM gaps WHERE reason = '$2'"
}

record best -- --rate 150 --seconds 1 --all-kinds --life-ms 20
record best6 -- --rate 150 --seconds 1 --all-kinds --life-ms 20 --ipv6
record notices --source notice -- --rate 150 --seconds 1 --all-kinds --life-ms 20
record polled --source poll -- --rate 50 --seconds 1 --all-kinds --life-ms 150

record overrun --source notice --notice-buffer 4K -- --rate 3000 --seconds 2 --life-ms 1
unseen=$(sqlite3 "$scratch/overrun.db" 'SELECT sum(kernel_opens) - sum(recorded_opens) FROM coverage')
echo "lost $(lost overrun 'receive buffer overrun') notices, $unseen opens unseen"
[ "$(lost overrun 'receive buffer overrun')" -gt 0 ]
[ "$unseen" -gt 0 ]

if grep -q 'from trace' "$scratch/best.log"; then
  # 4 KiB hold 25 events; 10 ms bring 270.
  record tiny --trace-buffer 4K -- --rate 3000 --seconds 2 --life-ms 1
  echo "lost $(lost tiny 'buffer full') events"
  [ "$(lost tiny 'buffer full')" -gt 0 ]
fi
