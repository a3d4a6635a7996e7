#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# failed_connects.sh NETLOG: connects that fail in all the ways that a firewall, a route and a timeout have. Each is one row with
# its owner, and says why it failed; a connect for which no port is left is none.
netlog=$1
. "$(dirname "$0")/../common.sh"
need nft python3 sqlite3
need_tracing
in_own_network
rules() { # FAMILY, the words of a rejection
  nft add table "$1" t
  nft add chain "$1" t i '{ type filter hook input priority 0; }'
  nft add chain "$1" t o '{ type filter hook output priority 0; }'
  nft add rule "$1" t i tcp dport 1801 reject with tcp reset
  nft add rule "$1" t i tcp dport 1802 reject with "$2" type port-unreachable
  nft add rule "$1" t i tcp dport 1803 reject with "$2" type admin-prohibited
  nft add rule "$1" t o tcp dport 1804 reject with "$2" type port-unreachable
  nft add rule "$1" t i tcp dport 1805 drop
}
rules ip icmp
rules ip6 icmpv6
start_recording
python3 - "$scratch/pid" <<'CLIENT'
import os, select, socket, sys

with open(sys.argv[1], "w") as file:
    file.write(str(os.getpid()))


def connect(family, address, port, wait_s):
    one = socket.socket(family)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
    if wait_s is None:
        try:
            one.connect((address, port))
        except OSError:
            pass
    else:
        one.setblocking(False)
        one.connect_ex((address, port))
        poll = select.poll()
        poll.register(one, select.POLLOUT)
        poll.poll(wait_s * 1000)
        one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    one.close()


for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    for port in (1800, 1801, 1802, 1803, 1804):
        connect(family, address, port, 30)
        connect(family, address, port, None)
    connect(family, address, 1805, 2)  # it gives up after two SYNs
    connect(family, address, 1805, None)
    connect(family, address, 1805, 0)
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as range:
    range.write("40000 40001")
held = [socket.create_server(("127.0.0.1", port)) for port in (40000, 40001)]
connect(socket.AF_INET, "127.0.0.1", 1806, None)  # no port is left
CLIENT
stop_recording
query "$scratch/netlog.db" "SELECT family, remote_port, outcome, coalesce(outcome_reason, '-'), coalesce(errno, '-'), count(*)
  FROM connections WHERE direction = 'outbound' AND pid = $(cat "$scratch/pid") GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4" \
  >"$scratch/found"
for family in ipv4 ipv6; do
  cat <<ROWS
$family|1800|refused|-|111|2
$family|1801|refused|-|111|2
$family|1802|refused|-|111|2
$family|1803|unreachable|-|$([ $family = ipv4 ] && echo 113 || echo 13)|2
$family|1804|refused|-|111|2
$family|1805|aborted|caller_gave_up|-|1
$family|1805|timed_out|caller_gave_up|-|1
$family|1805|timed_out|kernel_gave_up|110|1
ROWS
done >"$scratch/expected"
diff "$scratch/expected" "$scratch/found"
