#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# udp_flows.sh NETLOG: two hosts, which are network namespaces joined by a cable, exchange datagrams in every way that sockets have.
# Each program says what it has sent and received of which peer, and the recording must have exactly that, at both ends.
netlog=$1
. "$(dirname "$0")/common.sh"
need ip python3 sqlite3 bpftool
need_tracing
need_ipv6
here=$(cd "$(dirname "$0")" && pwd)
grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "cgroup2 is not mounted here"

a=udp-a-$$ b=udp-b-$$
remove_hosts() {
  local status=$?
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  return "$status"
}
trap 'remove_hosts || clean_up; clean_up' EXIT
ip netns add "$a" && ip netns add "$b" || skip "no network namespaces here"
ip link add cable netns "$a" type veth peer name cable netns "$b" || skip "no veth here"
for host in "$a 1" "$b 2"; do
  set -- $host
  ip -n "$1" addr add "10.77.0.$2/24" brd + dev cable
  ip -n "$1" addr add "fd77::$2/64" dev cable nodad
  ip -n "$1" link set lo up
  ip -n "$1" link set cable up
  ip -n "$1" route add 224.0.0.0/4 dev cable
done

begin_recorder netlog "$netlog" record --cpu-budget 100% --db "$scratch/netlog.db" --capture "$scratch/netlog.capture"
started_recording netlog 0
peer() { # NAME HOST KIND…: its statement goes to $scratch/NAME.json
  local name=$1 host=$2
  shift 2
  ip netns exec "$host" python3 "$here/udp_peer.py" "$@" >"$scratch/$name.json" 2>"$scratch/$name.log"
}
said_ports() { [ -e "$scratch/$1.ready" ]; }

mkfifo "$scratch/hold"
peer server "$b" serve "$scratch/server.ready" <"$scratch/hold" &
server=$!
started+=("$server")
exec 9>"$scratch/hold" # the server ends when this is closed
wait_until "the server listens" said_ports server
for kind in connected unconnected connected_mmsg unconnected_mmsg gso gso_unconnected large empty elsewhere \
  connected6 unconnected6 unconnected6_mmsg gso6 mapped multicast broadcast many; do
  peer "$kind" "$a" "$kind" "$scratch/server.ready" || { cat "$scratch/$kind.log"; echo "$kind failed"; exit 1; }
done
peer load "$a" load "$scratch/server.ready" || { cat "$scratch/load.log"; echo "the load failed"; exit 1; }
exec 9>&-
wait "$server"
python3 "$here/udp_peer.py" check "$scratch/netlog.db" wait "$scratch"/*.json
end_recorder
consistent "$scratch/netlog.db"
python3 "$here/udp_peer.py" check "$scratch/netlog.db" now "$scratch"/*.json
"$netlog" record --source "capture:$scratch/netlog.capture" --db "$scratch/replayed.db" 2>"$scratch/replay.log"
python3 "$here/udp_peer.py" check "$scratch/replayed.db" now "$scratch"/*.json

# It can be left out.
begin_recorder none "$netlog" record --db "$scratch/none.db" --no-udp-flows
started_recording none 0
python3 "$here/udp_peer.py" alone >"$scratch/alone.out"
readonly of_program="protocol = 'udp' AND process = 'python3' AND remote_port IS NOT NULL AND outcome <> 'open'"
wait_until "its socket" at_least "$scratch/none.db" "SELECT count(*) FROM connections WHERE $of_program" 1
end_recorder
same "without counts" "$(query "$scratch/none.db" "SELECT count(*), count(datagrams_sent), count(bytes_sent) FROM connections
  WHERE $of_program")" "1|0|0"
