# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the scripts of this folder: recorders, waits with a deadline, answers. What a script starts ends with it, and so
# does its scratch directory. The script has set `netlog`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/host.sh"
scratch=$(mktemp -d)
chmod 755 "$scratch" # for servers of another user
readonly slower=${NETLOG_INCIDENT_SLOWER:-1} # so many times as slow; for pictures
started=()   # processes that end with the script
recorders=() # those of them that must not end by themselves

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
  umount -l "$scratch/disk" 2>/dev/null || true # of a script that has mounted something there
  rm -rf "$scratch"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# Runs the script again in a network namespace of its own, with its loopback up.
in_own_network() {
  if [ -z "${NETLOG_INCIDENT_NETWORK:-}" ]; then
    need_netns
    rm -rf "$scratch"
    NETLOG_INCIDENT_NETWORK=1 exec unshare -n "$0" "$netlog"
  fi
  ip link set lo up
}
set_limit() { # NAME below /proc/sys/net, value: of our network alone
  [ -w "/proc/sys/net/$1" ] || skip "net/$1 cannot be set here"
  echo "$2" >"/proc/sys/net/$1"
}

readonly limit_s=60 # ten times and more of what is usual, for a busy host
wait_until() { # WHAT, command: waits until it succeeds. Fails after limit_s, or if a recorder of the test has ended
  local what=$1 end=$((SECONDS + limit_s)) pid
  shift
  until "$@"; do
    for pid in "${recorders[@]}"; do
      kill -0 "$pid" 2>/dev/null || { echo "a recorder ended before: $what"; exit 1; }
    done
    [ "$SECONDS" -lt "$end" ] || { echo "not within $limit_s s: $what"; exit 1; }
    sleep 0.05
  done
}
says() { grep -q -- "$1" "$2"; } # TEXT, file

in_background() { # NAME of its log, command: $! is its process
  "${@:2}" >"$scratch/$1.log" 2>&1 &
  started+=($!)
}

listens() { # PORT on 127.0.0.1, without a connection to it
  grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp
}
query() { sqlite3 -cmd '.timeout 5000' "file:$1?mode=ro" "$2" 2>/dev/null; } # DB, SQL
gives() { [ "$(query "$1" "$2")" = "$3" ]; }                                       # DB, SQL, its only value
at_least() { [ "$(query "$1" "$2")" -ge "$3" ] 2>/dev/null; }                      # DB, SQL, number

# A recorder is known by the name of its files: $scratch/NAME.db and NAME.log.
begin_recorder() { # NAME, command: returns at once; $recorder is its process
  "${@:2}" >/dev/null 2>>"$scratch/$1.log" & # who outlives the test holds no pipe of it
  recorder=$!
  started+=("$recorder")
  recorders+=("$recorder")
}
session() { query "$scratch/$1.db" 'SELECT coalesce(max(id), 0) FROM sessions' || echo 0; } # NAME
ticks() { query "$scratch/$1.db" 'SELECT ticks FROM sessions ORDER BY id DESC LIMIT 1'; }    # NAME: of its latest session
ticked() { [ "$(ticks "$1")" -ge "$2" ] 2>/dev/null; }                                     # NAME, number
newer() { [ "$(session "$1")" -gt "$2" ]; }                                                # NAME, session
started_recording() { # NAME, session before it: it has read the tables and the kernel's counters
  wait_until "$1 records" newer "$1" "$2"
  wait_until "the counters of $1" at_least "$scratch/$1.db" \
    'SELECT count(*) FROM counters WHERE at_ns >= (SELECT max(started_ns) FROM sessions)' 1
}
record_ticks() { # NAME, N: until so many more ticks are on record
  local from
  from=$(ticks "$1")
  wait_until "$2 more ticks of $1" ticked "$1" $((from + $2))
}
all_ended() { # NAME: no connection of the load in $scratch/NAME.csv is open in the recording
  local ports # of its servers
  ports=$(awk -F, 'NR > 1 { print $2 == "server" ? $5 : $7 }' "$scratch/$1.csv" | sort -u | paste -sd,)
  gives "$scratch/$1.db" "SELECT count(*) FROM connections WHERE outcome = 'open' AND direction <> 'listen'
    AND (local_port IN ($ports) OR remote_port IN ($ports))" 0
}
record_load() { # NAME: until all of the load is on record. Where a trace has lost an end, the tables show it some seconds later
  record_ticks "$1" 25
  wait_until "the ends of $1" all_ended "$1"
}
end_recorder() { # [SIGNAL]: ends the latest recorder
  local pid others=() status=0
  for pid in "${recorders[@]}"; do [ "$pid" = "$recorder" ] || others+=("$pid"); done
  recorders=("${others[@]}")
  kill "-${1:-INT}" "$recorder"
  wait "$recorder" || status=$?
  [ "$status" -eq 0 ] || [ "${1:-INT}" = KILL ] || { echo "the recorder ended with $status"; exit 1; }
}
consistent() { # DB
  "$netlog" check --db "$1" >"$scratch/check" || { cat "$scratch/check"; exit 1; }
}

start_recording() { # into $scratch/netlog.db
  local before
  before=$(session netlog)
  begin_recorder netlog "$netlog" record --cpu-budget 100% --db "$scratch/netlog.db"
  started_recording netlog "$before"
}
stop_recording() { # when all that has happened by now is on record. tools/gallery keeps it in a file
  record_ticks netlog $((15 * slower))
  end_recorder
  consistent "$scratch/netlog.db"
  [ -z "${NETLOG_INCIDENT_KEEP:-}" ] || cp "$scratch/netlog.db" "$NETLOG_INCIDENT_KEEP"
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
