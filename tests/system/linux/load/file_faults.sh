#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# file_faults.sh NETLOG: what users do to a recorder and its file: rename, stop, hang up, hold its terminal, fill the disk of its
# capture, limit the size of files, take its home away, forget a reader.
if [ "${1:-}" != --inside ]; then
  . "$(dirname "$0")/../host.sh"
  need sqlite3 unshare python3 ip
  need_mounts
  need_netns
  exec unshare --mount --net --map-root-user "$0" --inside "$@"
fi
netlog=$2
. "$(dirname "$0")/../common.sh"
db=$scratch/a.db
ip link set lo up
in_background listener python3 -uc "
import socket, time
listener = socket.create_server(('127.0.0.1', 18101))
print('listens')
time.sleep(1000)"
wait_until 'a listener' listens 18101

start() { # OPTIONS
  local before
  before=$(session a)
  begin_recorder a "$netlog" record --cpu-budget 100% --source poll --db "$db" "$@"
  started_recording a "$before"
}
fresh() { rm -f "$db"* "$scratch/a.log"; }
listeners() { query "$1" "SELECT group_concat(local_port) FROM connections WHERE direction = 'listen'"; } # DB
now_ns() { date +%s%N; }

echo "--- rotated by name, three times, with a reader that stays"
start
in_background reader python3 -uc "
import sqlite3, time
reader = sqlite3.connect('file:$db?mode=ro', uri=True, isolation_level=None)
reader.execute('BEGIN').execute('SELECT count(*) FROM event').fetchall()
print('reads')
time.sleep(1000)"
reads() { says reads "$scratch/reader.log" 2>/dev/null; }
wait_until 'a reader' reads
for round in 1 2 3; do
  record_ticks a 5
  mv "$db" "$db.$round"
  wait_until "new file $round" gives "$db" 'SELECT count(*) FROM sessions WHERE ticks > 0' 1
done
end_recorder
same 'moved files' "$(grep -c 'the file was moved to' "$scratch/a.log")" 3
for round in 1 2 3; do
  consistent "$db.$round"
  same "session $round has an end" "$(query "$db.$round" 'SELECT ended_at IS NOT NULL FROM sessions')" 1
  same "listeners of $round" "$(listeners "$db.$round")" 18101
done
same 'gaps' "$(for file in "$db" "$db".[123]; do query "$file" 'SELECT count(*) FROM gaps'; done | uniq)" 0

echo "--- stopped, and ended while it is stopped"
fresh
start
record_ticks a 2
kill -STOP "$recorder"
from=$(now_ns)
sleep 1 # the blind time
to=$(now_ns)
kill -INT "$recorder"
kill -CONT "$recorder"
end_recorder CONT
same 'gaps over the blind time' \
  "$(query "$db" "SELECT count(*) FROM gaps WHERE source = 'tick' AND from_ns <= $from AND to_ns >= $to")" 1

echo "--- stopped beyond its duration"
fresh
start --interval 1s --duration 3s
kill -STOP "$recorder"
from=$(now_ns)
sleep 4 # the blind time
to=$(now_ns)
end_recorder CONT
same 'gaps over the blind time' \
  "$(query "$db" "SELECT count(*) FROM gaps WHERE source = 'tick' AND from_ns <= $from + 1000000000 AND to_ns >= $to")" 1

echo "--- its terminal stops who writes to it from the background"
fresh
python3 - "$netlog" "$db" <<'EOF'
import os, pty, signal, subprocess, sys, termios, time
netlog, db = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:  # a shell's part: the recorder is a job in the background
    attributes = termios.tcgetattr(0)
    attributes[3] |= termios.TOSTOP
    termios.tcsetattr(0, termios.TCSANOW, attributes)
    job = subprocess.Popen([netlog, "record", "--source", "poll", "--db", db, "--duration", "1s"], preexec_fn=lambda: os.setpgid(0, 0))
    os._exit(job.wait(60))
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    try:
        os.read(terminal, 4096)
    except OSError:
        break
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
EOF
same 'the session has an end' "$(query "$db" 'SELECT ended_at IS NOT NULL FROM sessions')" 1

echo "--- the terminal hangs up"
fresh
start
record_ticks a 2
end_recorder HUP
same 'the session has an end' "$(query "$db" 'SELECT ended_at IS NOT NULL FROM sessions')" 1

echo "--- nobody takes its messages, and its capture has no room"
fresh
mkdir -p "$scratch/disk"
mount -t tmpfs -o size=8k none "$scratch/disk"
python3 - "$netlog" "$db" "$scratch/disk/c.cap" <<'PY'
import fcntl, os, signal, sqlite3, subprocess, sys, time
read, write = os.pipe()
fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ
os.set_blocking(write, False)
try:
    while True:
        os.write(write, b'x' * 4096)
except BlockingIOError:
    os.set_blocking(write, True)
recorder = subprocess.Popen([sys.argv[1], 'record', '--db', sys.argv[2], '--capture', sys.argv[3], '--source', 'poll'], stderr=write)
deadline = time.monotonic() + 60
def looks():
    try:
        return sqlite3.connect(f'file:{sys.argv[2]}?mode=ro', uri=True).execute('SELECT max(ticks) FROM session').fetchone()[0] or 0
    except sqlite3.Error:
        return 0
while looks() < 30:
    assert time.monotonic() < deadline and recorder.poll() is None
    time.sleep(0.05)
recorder.send_signal(signal.SIGINT)
assert recorder.wait(60) == 0
PY
consistent "$db"
same 'the session has an end' "$(query "$db" 'SELECT ended_at IS NOT NULL FROM sessions')" 1
"$netlog" record --source "capture:$scratch/disk/c.cap" --db "$scratch/replayed.db" 2>/dev/null
same 'the capture is cut' "$(query "$scratch/replayed.db" "SELECT count(*) FROM gaps WHERE reason = 'file is cut short'")" 1

echo "--- limits and surroundings"
fresh
(ulimit -f 1000 && "$netlog" record --db "$db" --duration 1s) 2>"$scratch/refused" && exit 1
same 'lines that refuse' "$(grep -c 'ulimit -f' "$scratch/refused")" 1
(ulimit -f 20000 && "$netlog" record --db "$db" --duration 300ms) 2>/dev/null
consistent "$db"
as_nobody=(unshare --user --map-user=65534 --map-group=65534)
place_is() { # PLACE, the environment
  env -u NETLOG_DB "${@:2}" "${as_nobody[@]}" "$netlog" info >"$scratch/place" 2>&1 || true
  grep -q -- "$1" "$scratch/place" || { echo "not $1:"; cat "$scratch/place"; exit 1; }
}
if "${as_nobody[@]}" true 2>/dev/null; then
  home=$(getent passwd 65534 | cut -d: -f6)
  place_is ' /x/netlog/netlog.db' XDG_STATE_HOME=/x HOME=/y
  place_is ' /y/.local/state/netlog/netlog.db' XDG_STATE_HOME=relative HOME=/y
  place_is ' /y/.local/state/netlog/netlog.db' XDG_STATE_HOME= HOME=/y
  place_is " ${home:-no recording is named}" -u XDG_STATE_HOME -u HOME
  place_is " ${home:-no recording is named}" -u XDG_STATE_HOME HOME=relative
fi

echo "--- tail -f follows the name, and ends with its pipe"
fresh
start
in_background tail "$netlog" tail -f -n 1 --format json --db "$db"
wait_until 'the last event' says '"id"' "$scratch/tail.log"
mv "$db" "$db.old"
wait_until 'a new file' says 'is a new file now' "$scratch/tail.log"
wait_until 'its events' says '"local":"127.0.0.1:18101".*"id":1}' "$scratch/tail.log"
mkfifo "$scratch/pipe"
"$netlog" tail -f -n 1 --pid 1 --port 1 --db "$db" >"$scratch/pipe" 2>/dev/null &
tail=$!
started+=("$tail")
: <"$scratch/pipe" # and closes it
ended() { ! kill -0 "$tail" 2>/dev/null; }
wait_until 'tail ends' ended
end_recorder
