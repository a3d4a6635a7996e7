#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# database_stops_accepting.sh NETLOG: PostgreSQL under pgbench, which opens a connection for each transaction; then the postmaster stops
# (SIGSTOP). Its backlog, kept short, fills; further connects hang in SYN_SENT and time out. `netlog report failed` says who
# waits for whom and since when, and what has given up.
netlog=$1
. "$(dirname "$0")/../common.sh"
need ip python3 sqlite3 unshare setpriv
need_root
PATH=$(printf '%s:' /usr/lib/postgresql/*/bin)$PATH
need initdb postgres pgbench psql
in_own_network

set_limit core/somaxconn 8
set_limit ipv4/tcp_syn_retries 2 # gives up within seconds, not after two minutes
port=5432 clients=20
export PGHOST=127.0.0.1 PGPORT=$port PGUSER=bench PGDATABASE=postgres
database="$scratch/database"
mkdir "$database"
chown nobody:nogroup "$database"
as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; }
as_nobody initdb --pgdata "$database/data" --username bench --auth trust --no-sync >"$scratch/initdb.log" 2>&1
in_background postgres setpriv --reuid=nobody --regid=nogroup --clear-groups postgres -D "$database/data" -c fsync=off \
  -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c port=$port -c max_connections=50
postmaster=$!
wait_until "PostgreSQL" psql -qc 'SELECT 1' >"$scratch/psql.log" 2>&1
pgbench --initialize --quiet >"$scratch/initialize.log" 2>&1

start_recording
in_background pgbench pgbench --connect --client $clients --jobs $clients --rate 200 --time 300 --select-only
bench=$!
ours="FROM connections WHERE pid = $bench AND remote_port = $port"
many_more_than() { [ "$(query "$scratch/netlog.db" "SELECT count(*) $ours AND outcome = 'closed'")" -gt "$1" ]; }
wait_until "a busy database" many_more_than $((200 * slower))
stopped=$(date +%s)
kill -STOP "$postmaster"
hanging() { [ "$(query "$scratch/netlog.db" "SELECT count(*) $ours AND state = 'SYN_SENT'")" -ge 8 ]; }
wait_until "connects that hang" hanging

read -r pid process remote since <<<"$(first_row report failed -- pid process remote since_ns)"
same "who waits for an answer" "$process $pid" "pgbench $bench"
same "of whom" "$remote" "127.0.0.1:$port"
since=$((since / 1000000000 - stopped))
echo "since $since s after the postmaster stopped"
[ "$since" -ge -2 ] && [ "$since" -le 5 ] # it may have been waiting for its turn

none_hangs() { gives "$scratch/netlog.db" "SELECT count(*) $ours AND state = 'SYN_SENT'" 0; }
wait_until "the last hanging connect" none_hangs
stop_recording
failures=$(grep -c 'Connection timed out' "$scratch/pgbench.log")
answer=$(first_row report failed -- connections outcome pid process peer)
same "what gave up" "$answer" "$failures timed_out $bench pgbench 127.0.0.1:$port"
[ "$failures" -ge 8 ]
