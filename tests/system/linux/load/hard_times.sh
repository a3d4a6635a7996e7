#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# hard_times.sh NETLOG CHURN: what happens to recorders that are left running, with the real binary on a file system of its own: the
# disk fills, becomes read-only, the file is copied, deleted, the recorder is killed and started again. It never ends by itself,
# says so once, loses nothing that it need not, and what it loses is a row.
set -euo pipefail
if [ "${1:-}" != --inside ]; then
  # Mounts of our own need root, or user namespaces.
  unshare --mount --map-root-user true 2>/dev/null || { echo "no mount namespaces here"; exit 77; }
  exec unshare --mount --map-root-user "$0" --inside "$@"
fi
netlog=$2 churn=$3
scratch=$(mktemp -d)
mount -t tmpfs -o size=12M none "$scratch"
db=$scratch/a.db
log=/dev/shm/hard_times.$$.log
trap 'kill "${recorder:-}" 2>/dev/null || true; umount -l "$scratch"; rmdir "$scratch"; rm -f "$log" "$log".*' EXIT

start() {
  "$netlog" record --cpu-budget 100% --source poll --db "$db" "$@" 2>>"$log" &
  recorder=$!
  local ticks
  ticks=$(ask 'SELECT coalesce(max(id), 0) FROM sessions' || echo 0)
  until [ "$(ask 'SELECT coalesce(max(id), 0) FROM sessions' || echo 0)" -gt "$ticks" ]; do kill -0 "$recorder"; sleep 0.05; done
  tick 3
}
stop() {
  kill "-${1:-INT}" "$recorder"
  wait "$recorder" || [ "${1:-INT}" = KILL ]
}
ask() { sqlite3 -cmd '.timeout 5000' "$db" "$1" 2>/dev/null; }
tick() { # N: ticks that are on record from now on
  local last
  last=$(ask 'SELECT max(ticks) FROM sessions WHERE id = (SELECT max(id) FROM sessions)')
  until [ "$(ask 'SELECT max(ticks) FROM sessions WHERE id = (SELECT max(id) FROM sessions)')" -ge $((last + $1)) ]; do
    kill -0 "$recorder"
    sleep 0.05
  done
}
says() { # TEXT: until the recorder has said it, once
  until grep -q "$1" "$log"; do kill -0 "$recorder"; sleep 0.05; done
  [ "$(grep -c "$1" "$log")" -eq "${2:-1}" ]
}
sound() {
  "$netlog" check --db "${1:-$db}" >"$log.check" || { cat "$log.check"; exit 1; }
}
load() { "$churn" --truth "$log.csv" --rate 100 --seconds 1 --life-ms 20 >/dev/null; }

echo "--- the disk is full for a while"
start
head -c 12M /dev/zero >"$scratch/filler" 2>/dev/null || true
load
says 'sampling goes on'
load
rm "$scratch/filler"
says "recording into $db again"
tick 5
stop
[ "$(ask "SELECT count(*) FROM gaps WHERE source = 'writer'")" -eq 0 ]
[ "$(ask "SELECT 100 * sum(recorded_opens) / sum(kernel_opens) FROM coverage")" -ge 20 ]
sound

echo "--- the file system is read-only for a while"
start
mount -o remount,ro "$scratch" 2>/dev/null || true # refused while a file is open for writing
if ! touch "$scratch/x" 2>/dev/null; then
  says 'sampling goes on' 2
  mount -o remount,rw "$scratch"
  says "recording into $db again" 2
fi
stop
sound

echo "--- the file is copied while it is recorded into"
start
load
cp "$db" "$scratch/copy.db"
[ ! -e "$db-wal" ] || cp "$db-wal" "$scratch/copy.db-wal"
sqlite3 "$db" ".backup $scratch/backup.db"
stop
sound "$scratch/copy.db"
sound "$scratch/backup.db"
rm -f "$scratch"/copy.db* "$scratch"/backup.db*

echo "--- the file is deleted while it is recorded into"
start
tick 5
rm -f "$db" "$db-wal" "$db-shm"
says 'the file was deleted or replaced'
until [ -e "$db" ]; do kill -0 "$recorder"; sleep 0.05; done
tick 20
stop
sound
[ "$(ask "SELECT count(*) FROM connections WHERE direction = 'listen'")" -gt 0 ]

echo "--- it is killed, and goes on"
start
before=$(ask "SELECT group_concat(id) FROM (SELECT id FROM connections WHERE direction = 'listen' ORDER BY id)")
stop KILL
start
tick 12
stop
after=$(ask "SELECT group_concat(id) FROM (SELECT id FROM connections WHERE direction = 'listen' AND outcome = 'open' ORDER BY id)")
echo "listeners: $before"
[ -n "$before" ] && [ "$before" = "$after" ]
[ "$(ask "SELECT count(*) FROM gaps WHERE reason = 'recorder was killed'")" -eq 1 ]
sound
