#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# known_ends.sh NETLOG CHURN CHECK: connections that end in every known way are recorded as they were: by the best source, over IPv6,
# by notices and by polling alone. Where buffers overrun, the loss is on record.
netlog=$1 churn=$2 check=$3
. "$(dirname "$0")/../common.sh"
need sqlite3 python3

record() { # NAME, options of record, --, options of netlog-churn
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  begin_recorder "$name" "$netlog" record --cpu-budget 100% --db "$scratch/$name.db" "${options[@]}"
  started_recording "$name" 0
  "$churn" --truth "$scratch/$name.csv" "$@"
  record_load "$name"
  end_recorder
  echo "--- $name"
  "$check" "$scratch/$name.csv" "$scratch/$name.db"
  consistent "$scratch/$name.db"
}

lost() { # NAME, reason of the gap: how many of what it counts
  query "$scratch/$1.db" "SELECT coalesce(sum(lost), 0) FROM gaps WHERE reason = '$2'"
}

record best -- --rate 150 --seconds 1 --all-kinds --life-ms 20
record best6 -- --rate 150 --seconds 1 --all-kinds --life-ms 20 --ipv6
record notices --source notice -- --rate 150 --seconds 1 --all-kinds --life-ms 20
record polled --source poll -- --rate 50 --seconds 1 --all-kinds --life-ms 150

record overrun --source notice --notice-buffer 4K -- --rate 3000 --seconds 2 --life-ms 1
unseen=$(query "$scratch/overrun.db" 'SELECT sum(kernel_opens) - sum(recorded_opens) FROM coverage')
echo "lost $(lost overrun 'receive buffer overrun') notices, $unseen opens unseen"
[ "$(lost overrun 'receive buffer overrun')" -gt 0 ]
[ "$unseen" -gt 0 ]

if says 'from trace' "$scratch/best.log"; then
  # 4 KiB hold 25 events; 10 ms bring 270.
  record tiny --trace-buffer 4K -- --rate 3000 --seconds 2 --life-ms 1
  echo "lost $(lost tiny 'buffer full') events"
  [ "$(lost tiny 'buffer full')" -gt 0 ]
fi
