#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# names.sh NETLOG [COUNT [WORKERS]]: many connects to few addresses of many names, by several programs at once. No connection may have
# another name than its process has looked up last. Not one of the tests: run it by hand, also while other programs keep the host busy.
netlog=$1 count=${2:-10000} workers=${3:-8}
here="$(cd "$(dirname "$0")" && pwd)"
. "$here/../common.sh"
need ip python3 sqlite3 dnsmasq mount
need_tracing
if [ -z "${NETLOG_DNS_HOST:-}" ]; then
  need_netns
  rm -rf "$scratch"
  NETLOG_DNS_HOST=1 exec unshare --net --mount --propagation private "$0" "$netlog" "$count" "$workers"
fi
addresses=(198.51.100.{1..16})
ip link set lo up
ip link add wire type veth peer name far
ip link set wire up && ip link set far up
ip addr add 192.0.2.53/24 dev wire
for address in "${addresses[@]}"; do ip addr add "$address" dev wire; done
printf 'hosts: dns\n' >"$scratch/nsswitch.conf"
printf 'nameserver 192.0.2.53\n' >"$scratch/resolv.conf"
for file in nsswitch.conf resolv.conf; do mount --bind "$scratch/$file" "/etc/$file"; done
for i in {0..191}; do echo "host-record=host$i.example,198.51.100.$((1 + i % 16)),60"; done >"$scratch/dnsmasq.conf"
in_background dnsmasq dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon --user=root --listen-address=192.0.2.53 \
  --bind-interfaces --conf-file="$scratch/dnsmasq.conf" --pid-file= --local=/example/
in_background server python3 "$here/../dns_client.py" serve "${addresses[@]}"
wait_until "the server listens" says listening "$scratch/server.log"
start_recording
python3 "$here/names_load.py" load 192.0.2.53 "$count" "$workers" >"$scratch/expected"
record_ticks netlog 25
stop_recording
query "$scratch/netlog.db" "SELECT local_port, remote_address, coalesce(remote_name, '-'), coalesce(name_source, '-')
  FROM connections WHERE remote_port = 80 AND direction = 'outbound' ORDER BY opened_ns" | tr '|' ' ' >"$scratch/found"
query "$scratch/netlog.db" "SELECT source || ', ' || reason || ': ' || coalesce(sum(lost), count(*)) FROM gaps GROUP BY source, reason"
python3 "$here/names_load.py" compare "$scratch/expected" "$scratch/found"
