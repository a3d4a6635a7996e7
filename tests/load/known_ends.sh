#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# known_ends.sh NETLOG CHURN CHECK: connections that end in every known way, recorded by the real binary, hold nothing untrue. Once
# as usual and once with a receive buffer that must overrun, where the loss has to be on record.
set -euo pipefail
netlog=$1 churn=$2 check=$3
scratch=$(mktemp -d)
trap 'kill "${recorder:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT

record() { # NAME, options of record, --, options of netlog-churn
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  "$netlog" record --db "$scratch/$name.db" "${options[@]}" 2>"$scratch/$name.log" &
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
}

record usual -- --rate 150 --seconds 1 --all-kinds --life-ms 20
"$check" "$scratch/usual.csv" "$scratch/usual.db"

record overrun --notice-buffer 4K -- --rate 3000 --seconds 2 --life-ms 1
"$check" "$scratch/overrun.csv" "$scratch/overrun.db"
lost=$(sqlite3 "$scratch/overrun.db" "SELECT coalesce(sum(lost), 0) FROM gaps WHERE reason = 'receive buffer overrun'")
unseen=$(sqlite3 "$scratch/overrun.db" 'SELECT sum(kernel_opens) - sum(recorded_opens) FROM coverage')
echo "lost $lost notices, $unseen opens unseen"
[ "$lost" -gt 0 ] && [ "$unseen" -gt 0 ]
