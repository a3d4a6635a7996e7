#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# port_exhaustion.sh NETLOG: in a network namespace with a narrowed range of ephemeral ports a client opens and closes connections until
# connect fails with EADDRNOTAVAIL: all ports are in TIME_WAIT. `netlog report ports` shows as many in use at once as there are.
netlog=$1
. "$(dirname "$0")/../common.sh"
need ip python3 sqlite3 unshare
need_root
in_own_network

ports=4000
set_limit ipv4/ip_local_port_range "20000 $((20000 + ports - 1))"
set_limit ipv4/tcp_tw_reuse 0 # on loopback it is on, unlike elsewhere
cat >"$scratch/price-api.py" <<'SERVER'
import socket
listener = socket.socket()
listener.bind(("127.0.0.1", 8080))
listener.listen(64)
while True:
    connection = listener.accept()[0]
    connection.sendall(b"!")
    connection.recv(1)  # until the client has closed: its port is the one in TIME_WAIT
    connection.close()
SERVER
cat >"$scratch/price-sync.py" <<'CLIENT'
import errno, os, socket, sys, time
done = 0
while True:
    try:
        with socket.create_connection(("127.0.0.1", 8080)) as connection:
            connection.recv(1)
            done += 1
        time.sleep(0.001 * (int(sys.argv[1]) - 1))
    except OSError as error:
        assert error.errno == errno.EADDRNOTAVAIL, error
        print(done, os.strerror(error.errno), flush=True)
        break
time.sleep(600)
CLIENT
in_background price-api python3 "$scratch/price-api.py"
wait_until "a server" listens 8080
start_recording
in_background price-sync python3 "$scratch/price-sync.py" "$slower"
wait_until "an end of the ports" grep -q 'Cannot assign requested address' "$scratch/price-sync.log"
cat "$scratch/price-sync.log"
# Seldom the kernel gives one to another just before it is in TIME_WAIT.
[ "$(cut -d ' ' -f 1 "$scratch/price-sync.log")" -ge "$ports" ]
stop_recording

answer=$(first_row report ports -- peak local_address remote process)
same "in use at once" "$answer" "$ports 127.0.0.1 127.0.0.1:8080 python3"
