#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# processes.sh NETLOG CHURN CHECK: connections of processes that fork, execute, hand descriptors over and live for a millisecond are booked
# to the process that used them, or to nobody for certain.
netlog=$1 churn=$2 check=$3
. "$(dirname "$0")/../common.sh"
need sqlite3 python3

record() { # NAME, connections of each pattern, options of record
  local name=$1 count=$2
  shift 2
  begin_recorder "$name" "$netlog" record --cpu-budget 100% --db "$scratch/$name.db" "$@"
  started_recording "$name" 0
  "$churn" --truth "$scratch/$name.csv" --patterns "$count" >"$scratch/$name.out"
  record_load "$name"
  end_recorder
  echo "--- $name"
  "$check" "$scratch/$name.csv" "$scratch/$name.db" | tee "$scratch/$name.check"
  consistent "$scratch/$name.db"
}

record traced 30
if says 'from trace' "$scratch/traced.log"; then
  # Every pattern at both ends: who used it is known, and what that was.
  [ "$(grep -c '30 ends, 30 right, 0 wrong, 0 wrong and exact; 30 identities whole, 0 of another image; 30 exact' "$scratch/traced.check")" = 22 ]
fi
record noticed 20 --source notice
record polled 20 --source poll
