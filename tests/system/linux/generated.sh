#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# generated.sh NETLOG NETLOG-GENERATE: an invented day is consistent, and every report answers on it, also from sums.
set -euo pipefail
netlog=$1
generate=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export NETLOG_DB=$scratch/day.db LC_ALL=C

"$generate" "$NETLOG_DB" --connections 30000 --hours 24
"$netlog" check
sums=$("$netlog" sql "SELECT max(id) > 50000 FROM connection" | tail -1)
[ "$sums" = 1 ] || { echo "too few connections to be summed up"; exit 1; }
"$netlog" report --list | while read -r name _; do
  case $name in
    diff) "$netlog" diff 2026-11-20T13:55:00Z..2026-11-20T14:00:00Z 2026-11-20T14:00:00Z..2026-11-20T14:05:00Z >"$scratch/out" ;;
    process) "$netlog" report --pid 555 >"$scratch/out" ;;
    *) "$netlog" report "$name" --limit 20 >"$scratch/out" ;;
  esac
  grep -q '^window 2026-11-20 00:00:00.000 .. 2026-11-21 00:00:00.000 UTC | coverage 100 %' "$scratch/out" ||
    grep -q '^window 2026-11-20 13:55' "$scratch/out" || { echo "$name: no completeness line"; exit 1; }
done
# What is wrong with that day.
"$netlog" report leaks --format csv | grep -q ',CLOSE_WAIT,666,legacy,' || { echo "the leak is not found"; exit 1; }
"$netlog" report beacons --format csv | sed -n 2p | grep -q ',555,agent,1,203.0.113.66:443,' || { echo "the beacon is not found"; exit 1; }
"$netlog" report failed --section failures --format csv | sed -n 2p | grep -q ',refused,.*,31337,batch,' ||
  { echo "the failing batch is not found"; exit 1; }

# A window of it, cut out: whole, and each report says the same.
window=2026-11-20T13:30:00Z..2026-11-20T14:15:00Z
"$netlog" clip $window -o "$scratch/clip.db" >"$scratch/out"
"$netlog" clip $window -o "$scratch/redacted.db" --redact >"$scratch/out"
for clip in clip redacted; do "$netlog" check --db "$scratch/$clip.db" >"$scratch/out" || { cat "$scratch/out"; exit 1; }; done
"$netlog" report --list | while read -r name _; do
  case $name in
    diff) command=(diff 2026-11-20T13:30:00Z..2026-11-20T14:00:00Z 2026-11-20T14:00:00Z..2026-11-20T14:15:00Z) ;;
    process) command=(report process --pid 555 --since $window) ;;
    *) command=(report "$name" --since $window) ;;
  esac
  for format in text csv; do
    "$netlog" "${command[@]}" --format $format >"$scratch/whole"
    "$netlog" "${command[@]}" --format $format --db "$scratch/clip.db" >"$scratch/part"
    cmp "$scratch/whole" "$scratch/part" || { echo "$name differs in the clip"; exit 1; }
  done
done
# What had to go is in no byte of it; what all recordings have in them says nothing.
"$netlog" clip 2000-01-01T00:00:00Z..2000-01-01T00:01:00Z -o "$scratch/empty.db" >"$scratch/out"
"$netlog" sql --format csv "SELECT host FROM sessions UNION SELECT cmdline FROM processes UNION SELECT exe FROM processes UNION SELECT user FROM processes
  UNION SELECT name FROM processes" | sed -e 1d -e '/^$/d' | while read -r text; do
  [ ${#text} -lt 6 ] || grep -qaF -- "$text" "$scratch/empty.db" || ! grep -qaF -- "$text" "$scratch/redacted.db" ||
    { echo "'$text' is in the redacted clip"; exit 1; }
done
