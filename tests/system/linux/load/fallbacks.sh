#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fallbacks.sh NETLOG CHURN CHECK: what netlog does where tracing is not to be had, or is taken away: it says why in one line and goes
# on with the next best. Needs root and namespaces of its own; ends with 77 where it can't have them.
set -euo pipefail
netlog=$1 churn=$2 check=$3
if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null || ! "$netlog" doctor | grep -q 'every TCP change'; then
  echo "no root, no mount namespaces or no tracing here"
  exit 77
fi
scratch=$(mktemp -d)
chmod 777 "$scratch" # for a recorder without rights
trap 'kill "${recorder:-}" 2>/dev/null || true; rm -rf "$scratch"' EXIT
groups=$(awk '$(NF-2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
hide() { echo "mount -t tmpfs none $1 &&"; } # for a shell in a mount namespace of its own

expect() { # NAME, source, pattern on standard error, command: records for a second, warns once
  local name=$1 source=$2 warning=$3
  shift 3
  echo "--- $name"
  "$@" record --db "$scratch/$name.db" --duration "${duration:-500ms}" 2>"$scratch/$name.log" || { cat "$scratch/$name.log"; exit 1; }
  cat "$scratch/$name.log"
  grep -q "recording into .* from $source\$" "$scratch/$name.log"
  if [ -n "$warning" ]; then
    [ "$(grep -c ' warning ' "$scratch/$name.log")" -eq 1 ]
    grep -q "$warning" "$scratch/$name.log"
  else
    ! grep -q ' warning ' "$scratch/$name.log"
  fi
}
begun() { # NAME: the recorder in the background traces and has looked once
  until grep -q 'from trace' "$scratch/$1.log"; do kill -0 "$recorder"; sleep 0.05; done
  until [ "$(sqlite3 "$scratch/$1.db" 'SELECT count(*) FROM counters')" -gt 0 ]; do kill -0 "$recorder"; sleep 0.05; done
}
finish() { # NAME: it has looked at the tables with TIME_WAIT once more, and ends
  local after
  after=$(sqlite3 "$scratch/$1.db" 'SELECT max(ticks) FROM sessions')
  until [ "$(sqlite3 "$scratch/$1.db" 'SELECT max(ticks) FROM sessions')" -gt $((after + 25)) ]; do kill -0 "$recorder"; sleep 0.1; done
  kill -INT "$recorder"
  wait "$recorder"
}
in_mounts() { unshare -m sh -c "$1 exec \"\$@\"" sh "${@:2}"; }

expect usual 'trace+sock_diag+notices' '' "$netlog"
expect no_types 'sock_diag+notices' 'no tracing: this kernel.s type information' in_mounts "$(hide /sys/kernel/btf)" "$netlog"
expect refused 'sock_diag+notices' 'no tracing: .*Operation not permitted' setpriv --bounding-set=-bpf,-perfmon,-sys_admin "$netlog"
cp "$netlog" "$scratch/netlog"
expect unprivileged 'sock_diag+notices' 'no tracing: .*Operation not permitted' setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netlog"

echo "--- a pid namespace of its own: the kernel's pids are not ours, /proc tells"
duration=3s expect foreign_pids 'sock_diag+notices' 'no tracing: .*pids of another namespace' unshare -p -f --mount-proc \
  sh -c 'python3 -c "import socket, time; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen(); time.sleep(60)" & exec "$@"' sh "$netlog"
[ "$(sqlite3 "$scratch/foreign_pids.db" "SELECT count(*) FROM connections WHERE process = 'python3' AND pid < 10 AND owner_source = 'exact'")" -eq 1 ]

echo "--- the least rights that trace: a user of its own, and all of them but one given up"
rights=-all,+bpf,+perfmon,+net_admin
setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$rights" --ambient-caps="$rights" \
  "$scratch/netlog" record --db "$scratch/least.db" 2>"$scratch/least.log" &
recorder=$!
begun least
grep '^Cap[EP]' "/proc/$recorder/status"
[ "$(grep -c '0000000000001000$' <(grep '^Cap[EP]' "/proc/$recorder/status"))" -eq 2 ] # CAP_NET_ADMIN
"$churn" --rate 100 --seconds 1 --life-ms 5 --truth "$scratch/least.csv"
finish least
"$check" "$scratch/least.csv" "$scratch/least.db" | tee "$scratch/least.txt"
grep -q '200 named, 0 wrong' "$scratch/least.txt"

echo "--- asked for, and not to be had"
if in_mounts "$(hide /sys/kernel/btf)" "$netlog" record --source trace --db "$scratch/never.db" 2>"$scratch/never.log"; then exit 1; fi
cat "$scratch/never.log"
[ "$(wc -l <"$scratch/never.log")" -eq 1 ]
[ ! -e "$scratch/never.db" ]

if [ -n "$groups" ]; then
  echo "--- no cgroup2: tp_btf"
  in_mounts "$(hide "$groups")" "$netlog" doctor | grep 'by tp_btf'
  unshare -m sh -c "$(hide "$groups") exec \"\$@\"" sh "$netlog" record --db "$scratch/tp.db" 2>"$scratch/tp.log" &
  recorder=$!
  begun tp
  "$churn" --rate 150 --seconds 1 --all-kinds --life-ms 20 --truth "$scratch/tp.csv"
  finish tp
  "$check" "$scratch/tp.csv" "$scratch/tp.db"

  echo "--- detached while it records"
  "$netlog" record --db "$scratch/detached.db" 2>"$scratch/detached.log" &
  recorder=$!
  begun detached
  bpftool=$(command -v bpftool || echo /usr/sbin/bpftool)
  "$bpftool" link show | awk '/^[0-9]+: cgroup/ { sub(":", "", $1); print $1, $4 }' | while read -r link program; do
    if "$bpftool" prog show id "$program" | grep -q 'name netlog_'; then "$bpftool" link detach id "$link"; fi
  done
  until grep -q 'from now on: somebody has detached the trace' "$scratch/detached.log"; do kill -0 "$recorder"; sleep 0.05; done
  "$churn" --rate 150 --seconds 1 --all-kinds --life-ms 20 --truth "$scratch/detached.csv"
  finish detached
  grep warning "$scratch/detached.log"
  "$check" "$scratch/detached.csv" "$scratch/detached.db"
  [ "$(sqlite3 "$scratch/detached.db" "SELECT source || ' ' || reason FROM gaps WHERE source = 'trace'")" = 'trace ended' ]
fi
