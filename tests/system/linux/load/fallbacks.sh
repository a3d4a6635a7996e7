#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# fallbacks.sh NETLOG CHURN CHECK: where tracing is not allowed, or is taken away, netlog says why in one line and records by the
# next best source.
netlog=$1 churn=$2 check=$3
. "$(dirname "$0")/../common.sh"
need sqlite3 python3 setpriv unshare
need_tracing
need_mounts
chmod 1777 "$scratch" # for a recorder without rights; root trusts a folder that others may write only if it is sticky
groups=$(awk '$(NF-2) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
hide() { echo "mount -t tmpfs none $1 &&"; } # for a shell in a mount namespace of its own
hide_groups() { # each mount of cgroup2: a host may have more than one
  awk '$(NF-2) == "cgroup2" { print "mount -t tmpfs none", $5, "&&" }' /proc/self/mountinfo
}

expect() { # NAME, source, pattern on standard error, command: records for half a second and warns once
  local name=$1 source=$2 warning=$3
  shift 3
  echo "--- $name"
  "$@" record --db "$scratch/$name.db" --duration 500ms 2>"$scratch/$name.log" || { cat "$scratch/$name.log"; exit 1; }
  cat "$scratch/$name.log"
  grep -q "recording into .* from $source\$" "$scratch/$name.log"
  if [ -n "$warning" ]; then
    [ "$(grep -c ' warning ' "$scratch/$name.log")" -eq 1 ]
    grep -q "$warning" "$scratch/$name.log"
  elif says ' warning ' "$scratch/$name.log"; then
    echo "a warning was not expected"
    exit 1
  fi
}
begin() { # NAME, command: a recorder that traces, and has read the tables once
  begin_recorder "$@"
  started_recording "$1" 0
  says 'from trace' "$scratch/$1.log"
}
finish() { # NAME
  record_load "$1"
  end_recorder
}
in_mounts() { unshare -m sh -c "$1 exec \"\$@\"" sh "${@:2}"; }

expect usual 'trace+sock_diag+notices' '' "$netlog"
expect no_types 'sock_diag+notices' 'no tracing: this kernel.s type information' in_mounts "$(hide /sys/kernel/btf)" "$netlog"
expect refused 'sock_diag+notices' 'no tracing: .*Operation not permitted' setpriv --bounding-set=-bpf,-perfmon,-sys_admin "$netlog"
cp "$netlog" "$scratch/netlog"
expect unprivileged 'sock_diag+notices' 'no tracing: .*Operation not permitted' setpriv --reuid=65534 --regid=65534 --clear-groups "$scratch/netlog"

echo "--- a pid namespace of its own: the kernel's pids are not ours, /proc has ours"
begin_recorder foreign_pids unshare -p -f --kill-child --mount-proc sh -c '
  python3 -c "import socket, signal; s = socket.create_server((\"127.0.0.1\", 0)); signal.pause()" &
  exec "$@"' sh "$netlog" record --db "$scratch/foreign_pids.db"
wait_until "the owner by its pid in there" gives "$scratch/foreign_pids.db" \
  "SELECT count(*) FROM connections WHERE process = 'python3' AND pid < 10 AND owner_source = 'held'" 1
grep -q 'recording into .* from sock_diag+notices$' "$scratch/foreign_pids.log"
grep -q 'no tracing: BPF reports pids of the first pid namespace' "$scratch/foreign_pids.log"
kill -INT "$(cat "/proc/$recorder/task/$recorder/children")" # the recorder: unshare waits for it
recorders=()
wait "$recorder"

echo "--- the least rights that trace: a user of its own, and all of them but one given up"
rights=-all,+bpf,+perfmon,+net_admin
begin least setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps="$rights" --ambient-caps="$rights" \
  "$scratch/netlog" record --db "$scratch/least.db"
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
  in_mounts "$(hide_groups)" "$netlog" doctor | grep 'by tp_btf'
  begin tp unshare -m sh -c "$(hide_groups) exec \"\$@\"" sh "$netlog" record --db "$scratch/tp.db"
  "$churn" --rate 150 --seconds 1 --all-kinds --life-ms 20 --truth "$scratch/tp.csv"
  finish tp
  "$check" "$scratch/tp.csv" "$scratch/tp.db"

  echo "--- a cgroup namespace, where the mount of a part looks like the root: tp_btf"
  part=$groups/netlog-fallbacks-$$
  mkdir "$part"
  sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$part" unshare -C -m sh -c "$(hide_groups) mkdir \$0/part &&
    mount -t cgroup2 none \$0/part && exec \"\$@\"" "$groups" "$netlog" doctor | tee "$scratch/part.log"
  rmdir "$part"
  says 'by tp_btf' "$scratch/part.log"

  echo "--- detached while it records"
  begin detached "$netlog" record --db "$scratch/detached.db"
  # Its links and not those of another recorder on this host.
  mapfile -t links < <(grep -hoP '^link_id:\s*\K.*' "/proc/$recorder/fdinfo/"* 2>/dev/null)
  [ ${#links[@]} -gt 0 ]
  for link in "${links[@]}"; do bpftool link detach id "$link" 2>/dev/null || true; done # those of a cgroup can be detached
  wait_until "a message" says 'from now on: somebody has detached the trace' "$scratch/detached.log"
  "$churn" --rate 150 --seconds 1 --all-kinds --life-ms 20 --truth "$scratch/detached.csv"
  finish detached
  grep warning "$scratch/detached.log"
  "$check" "$scratch/detached.csv" "$scratch/detached.db"
  # What began between the first link and the moment that the recorder noticed is a gap of its own.
  gap="SELECT count(*) FROM gaps WHERE source = 'trace' AND reason"
  [ "$(query "$scratch/detached.db" "$gap = 'trace detached'")" -eq 1 ]
  [ "$(query "$scratch/detached.db" "$gap NOT IN ('trace detached', 'missed opens')")" -eq 0 ]
fi
