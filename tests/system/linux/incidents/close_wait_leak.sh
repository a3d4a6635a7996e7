#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# close_wait_leak.sh NETLOG: a client keeps what it has read from nginx and never closes it; nginx closes after a second, and what is
# left on the client's side stays in CLOSE_WAIT. `netlog report leaks` names the client, how many, since when and the peer.
netlog=$1
. "$(dirname "$0")/../common.sh"
need nginx python3 sqlite3

port=8080 # in a network of its own
if [ -z "${NETLOG_INCIDENT_NETWORK:-}" ]; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
fi
cat >"$scratch/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $scratch/nginx.pid;
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path $scratch/body;
  proxy_temp_path $scratch/proxy;
  fastcgi_temp_path $scratch/fastcgi;
  uwsgi_temp_path $scratch/uwsgi;
  scgi_temp_path $scratch/scgi;
  keepalive_timeout 1s;
  server {
    listen 127.0.0.1:$port;
    location / { return 200 "good\n"; }
  }
}
CONF
# Of four connections it loses one, and it never looks at them again.
cat >"$scratch/orders-api.py" <<'CLIENT'
import http.client, sys, time
lost = []
for number in range(80):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"good\n"
    if number % 4 == 0:
        lost.append(connection)
    else:
        connection.close()
    time.sleep(0.05 * int(sys.argv[2]))
print("done", flush=True)
time.sleep(600)
CLIENT

in_background nginx nginx -e stderr -c "$scratch/nginx.conf" -p "$scratch"
wait_until "nginx" listens "$port"
start_recording
began=$(date +%s)
in_background orders-api python3 "$scratch/orders-api.py" "$port" "$slower"
client=$!
wait_until "twenty sockets in CLOSE_WAIT" gives "$scratch/netlog.db" \
  "SELECT count(*) FROM connections WHERE pid = $client AND state = 'CLOSE_WAIT'" 20
stop_recording

answer=$(first_row report leaks -- now state pid process first_peer oldest_ns newest_ns)
read -r now state pid process peer oldest newest <<<"$answer"
same "who leaks" "$process $pid" "python3 $client"
same "what, and how many" "$now $state" "20 CLOSE_WAIT"
same "to whom first" "$peer" "127.0.0.1:$port"
since=$((oldest / 1000000000 - began))
echo "since $since s after the client began; the newest $(((newest - oldest) / 1000000)) ms later"
[ "$since" -ge 0 ] && [ "$since" -le 5 ]
# Nineteen times four steps of 50 ms.
[ $((newest - oldest)) -ge 3500000000 ]
