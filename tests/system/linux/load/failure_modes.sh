#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# failure_modes.sh NETLOG CHURN: recorders that are left running, on a file system of their own: the disk fills, the file system is
# read-only, the file is copied, deleted, the recorder is killed and started again. A recorder never ends by itself, reports each
# failure once, loses nothing that it can keep, and what it loses is a row.
if [ "${1:-}" != --inside ]; then
  . "$(dirname "$0")/../host.sh"
  need sqlite3 unshare python3
  need_mounts
  exec unshare --mount --map-root-user "$0" --inside "$@"
fi
netlog=$2 churn=$3
. "$(dirname "$0")/../common.sh"
disk=$scratch/disk # the recorders' messages are beside it
mkdir "$disk"
mount -t tmpfs -o size=12M none "$disk"
db=$disk/a.db
ln -s "$db" "$scratch/a.db"

start() {
  local before
  before=$(session a)
  begin_recorder a "$netlog" record --cpu-budget 100% --source poll --db "$db" "$@"
  started_recording a "$before"
  record_ticks a 3
}
reported() { [ "$(grep -c -- "$1" "$scratch/a.log")" -ge "${2:-1}" ]; } # TEXT, times
once() { # TEXT, times in all: until the recorder has reported it, and not more often
  wait_until "a message: $1" reported "$@"
  [ "$(grep -c -- "$1" "$scratch/a.log")" -eq "${2:-1}" ]
}
load() { "$churn" --truth "$scratch/truth.csv" --rate 100 --seconds 1 --life-ms 20 >/dev/null; }
exists() { [ -e "$1" ]; }
at_least_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; } # FILE, number

# Each recording has this one; those of other suites end meanwhile.
in_background listener python3 -uc "import socket, signal; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1]); signal.pause()"
wait_until "a listener" at_least_lines "$scratch/listener.log" 1
port=$(<"$scratch/listener.log")

echo "--- the disk is full for a while"
start
head -c 12M /dev/zero >"$disk/filler" 2>/dev/null || true
load
once 'sampling goes on'
load
rm "$disk/filler"
once "recording into $db again"
record_ticks a 5
end_recorder
[ "$(query "$db" "SELECT count(*) FROM gaps WHERE source = 'writer'")" -eq 0 ]
[ "$(query "$db" "SELECT 100 * sum(recorded_opens) / sum(kernel_opens) FROM coverage")" -ge 20 ]
consistent "$db"

# From here on it is large enough for the connections of other suites, which run at the same time.
mount -o remount,size=512M "$disk"

echo "--- the file system is read-only"
rows=$(query "$db" 'SELECT count(*) FROM events')
mount -o remount,ro "$disk"
if touch "$disk/x" 2>/dev/null; then echo "it can be written all the same"; exit 1; fi
if "$netlog" record --db "$db" --duration 1s 2>"$scratch/refused"; then echo "a recorder began"; exit 1; fi
cat "$scratch/refused"
[ "$(wc -l <"$scratch/refused")" -eq 1 ]
"$netlog" report --db "$db" >/dev/null # what is there can be read
mount -o remount,rw "$disk"
[ "$(query "$db" 'SELECT count(*) FROM events')" -eq "$rows" ]

echo "--- the file is copied while it is recorded into"
start
load
cp "$db" "$disk/copy.db"
[ ! -e "$db-wal" ] || cp "$db-wal" "$disk/copy.db-wal"
sqlite3 "$db" ".backup $disk/backup.db"
end_recorder
consistent "$disk/copy.db"
consistent "$disk/backup.db"
rm -f "$disk"/copy.db* "$disk"/backup.db*

echo "--- the file is deleted while it is recorded into"
start
record_ticks a 5
rm -f "$db" "$db-wal" "$db-shm"
once 'the file was deleted or replaced'
wait_until "a new file" exists "$db"
wait_until "rows in it" at_least "$db" 'SELECT ticks FROM sessions' 20
end_recorder
consistent "$db"
[ "$(query "$db" "SELECT count(*) FROM connections WHERE direction = 'listen'")" -gt 0 ]

echo "--- the recorder is killed, and started again"
listeners() { query "$db" "SELECT group_concat(id) FROM connections WHERE direction = 'listen' AND local_port = $port $1"; }
start
before=$(listeners '')
end_recorder KILL
start
record_ticks a 12
end_recorder
after=$(listeners "AND outcome = 'open'")
echo "listeners: $before"
[ -n "$before" ] && [ "$before" = "$after" ]
[ "$(query "$db" "SELECT count(*) FROM gaps WHERE reason = 'recorder was killed'")" -eq 1 ]
consistent "$db"
