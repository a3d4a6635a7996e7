# SPDX-License-Identifier: MIT
# Sourced by each incident with its arguments: NETLOG. Everything that an incident starts ends with it, and so does its scratch
# directory.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
netlog=$1
scratch=$(mktemp -d)
chmod 755 "$scratch" # for servers of another user
started=()

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  for ((i = ${#started[@]} - 1; i >= 0; --i)); do
    kill -CONT "${started[i]}" 2>/dev/null || true
    kill -TERM "${started[i]}" 2>/dev/null || true
  done
  for pid in "${started[@]}"; do
    for _ in {1..50}; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then tail -n 20 "$scratch"/*.log 2>/dev/null || true; fi
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

skip() { echo "skipped: $*"; exit 77; }
need() { # programs
  for program; do command -v "$program" >/dev/null || skip "no $program here"; done
}
need_root() { [ "$(id -u)" -eq 0 ] || skip "not root"; }
# A network namespace of its own for the whole incident, its loopback up; inside it runs the script again.
in_own_network() {
  if [ -z "${NETLOG_INCIDENT_NETWORK:-}" ]; then
    unshare -n true 2>/dev/null || skip "no network namespaces here"
    rm -rf "$scratch"
    NETLOG_INCIDENT_NETWORK=1 exec unshare -n "$0" "$netlog"
  fi
  ip link set lo up
}
set_limit() { # NAME below /proc/sys/net, value: of our network alone
  [ -w "/proc/sys/net/$1" ] || skip "net/$1 cannot be set here"
  echo "$2" >"/proc/sys/net/$1"
}

until_true() { # SECONDS, what, command: waits for a condition, not for a time
  local seconds=$1 what=$2
  local end=$((SECONDS + seconds))
  shift 2
  until "$@"; do
    if [ "$SECONDS" -ge "$end" ]; then echo "not within $seconds s: $what"; exit 1; fi
    sleep 0.1
  done
}

in_background() { # NAME of its log, command: $! is its process
  "${@:2}" >"$scratch/$1.log" 2>&1 &
  started+=($!)
}

listens() { # PORT on 127.0.0.1, without a connection to it
  grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}
asked() { sqlite3 "file:$scratch/netlog.db?mode=ro" "$1"; } # SQL
gives() { [ "$(asked "$1")" = "$2" ]; }                     # SQL, its only value

start_recording() {
  in_background recorder "$netlog" record --cpu-budget 100% --db "$scratch/netlog.db"
  recorder=$!
  until_true 20 "a recorder" grep -q 'recording into' "$scratch/recorder.log"
  until_true 20 "its first look" recorded_more_than 0
}
recorded_more_than() { [ "$(asked "SELECT coalesce(max(ticks), 0) FROM sessions")" -gt "$1" ]; }
stop_recording() { # when what has happened by now is in the file
  recorded=$(asked 'SELECT max(ticks) FROM sessions')
  until_true 30 "more of the recording" recorded_more_than $((recorded + 15))
  kill -INT "$recorder"
  wait "$recorder"
  "$netlog" check --db "$scratch/netlog.db"
}

# The cells of these columns in the first row of the first table that has them, joined by blanks. The report is shown as well.
first_row() { # the command without its --db, --, columns
  local command=()
  while [ "$1" != -- ]; do command+=("$1"); shift; done
  shift
  echo "\$ netlog ${command[*]}" >&2
  "$netlog" "${command[@]}" --db "$scratch/netlog.db" | sed -n 1,20p >&2
  "$netlog" "${command[@]}" --db "$scratch/netlog.db" --format csv | python3 -c '
import csv, sys
wanted = sys.argv[1:]
heading, found = None, None
for row in csv.reader(sys.stdin):
    if set(wanted) <= set(row):
        heading = row
    elif not row:
        heading = None
    elif heading and found is None:
        found = [row[heading.index(name)] for name in wanted]
print(*(found or ["nothing"]))
' "$@"
}

same() { # what, found, expected
  if [ "$2" != "$3" ]; then echo "$1: '$2' instead of '$3'"; exit 1; fi
  echo "$1: $2"
}
