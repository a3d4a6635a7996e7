#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# dns.sh NETLOG: programs look up names at dnsmasq and connect. Each connection must have the name that its own process has
# asked for, and each lookup must be on record. All of it is in a network namespace with files /etc/hosts and /etc/resolv.conf
# of its own.
netlog=$1
. "$(dirname "$0")/common.sh"
need ip python3 sqlite3 dnsmasq mount
need_tracing
grep -q ' - cgroup2 ' /proc/self/mountinfo || skip "cgroup2 is not mounted here"
if [ -z "${NETLOG_DNS_HOST:-}" ]; then
  need_netns
  rm -rf "$scratch"
  NETLOG_DNS_HOST=1 exec unshare --net --mount --propagation private "$0" "$netlog"
fi
client="$(cd "$(dirname "$0")" && pwd)/dns_client.py"
readonly addresses=(198.51.100.{10..14} 198.51.100.30 198.51.100.31 2001:db8::10)
ip link set lo up
need_ipv6
ip link add wire type veth peer name far || skip "no veth here"
echo 0 >/proc/sys/net/ipv6/conf/wire/accept_dad
ip link set wire up && ip link set far up
ip addr add 192.0.2.53/24 dev wire
for address in "${addresses[@]}"; do ip addr add "$address" dev wire; done
printf '127.0.0.1 localhost\n198.51.100.30 db db.example\n' >"$scratch/hosts"
printf 'hosts: files dns\n' >"$scratch/nsswitch.conf"
printf 'nameserver 192.0.2.53\noptions timeout:1 attempts:1\n' >"$scratch/resolv.conf"
for file in hosts nsswitch.conf resolv.conf; do
  [ -e "/etc/$file" ] || skip "no /etc/$file here"
  mount --bind "$scratch/$file" "/etc/$file" || skip "/etc/$file cannot be replaced here"
done

records=()
for i in {0..9}; do records+=("--address=/host$i.example/198.51.100.$((11 + i % 4))"); done
in_background dnsmasq dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon --user=root --listen-address=192.0.2.53 \
  --bind-interfaces --conf-file=/dev/null --pid-file= --host-record=web.example,198.51.100.10,300 \
  --host-record=six.example,2001:db8::10,300 --cname=alias.example,middle.example --cname=middle.example,web.example \
  --address=/first.example/198.51.100.14 --address=/second.example/198.51.100.14 --local-ttl=60 --local=/example/ \
  --address=/sinkhole.example/127.0.0.1 --txt-record=long.example,"$(printf 'x%.0s' {1..250})" "${records[@]}"
in_background server python3 "$client" serve "${addresses[@]}" 127.0.0.1
wait_until "the server listens" says listening "$scratch/server.log"
answers() { python3 -c 'import socket; socket.getaddrinfo("web.example", 80)'; }
wait_until "dnsmasq answers" answers

begin_recorder netlog "$netlog" record --cpu-budget 100% --db "$scratch/netlog.db" --capture "$scratch/netlog.capture"
started_recording netlog 0
record_ticks netlog 3
fails() { ! python3 "$client" connect "$1" 2>>"$scratch/fails.log"; }

python3 "$client" connect alias.example six.example # CNAMEs lead to the question, AAAA
python3 "$client" connect first.example             # two names with one address
python3 "$client" connect second.example
python3 "$client" connect 198.51.100.14 # of the two, the last that anybody has asked for
python3 "$client" connect db            # /etc/hosts
python3 "$client" connect 198.51.100.31 # nobody has asked for it
python3 "$client" connect sinkhole.example
fails nothing.example
printf 'nameserver 192.0.2.53\noptions use-vc\n' >"$scratch/resolv.conf"
python3 "$client" connect web.example # by TCP
printf 'nameserver 192.0.2.54\noptions timeout:1 attempts:1\n' >"$scratch/resolv.conf"
fails silent.example # the server does not exist
printf 'nameserver 192.0.2.53\n' >"$scratch/resolv.conf"
python3 "$client" mixed 400 10 >"$scratch/mixed"
wait_until "the lookup without an answer" at_least "$scratch/netlog.db" \
  "SELECT count(*) FROM lookups WHERE name = 'silent.example' AND rcode IS NULL" 1
wait_until "all connects" gives "$scratch/netlog.db" "SELECT count(*) FROM connections WHERE remote_port = 80
  AND direction = 'outbound' AND outcome <> 'open'" 409
printf 'nameserver 192.0.2.54\noptions timeout:1 attempts:1\n' >"$scratch/resolv.conf"
fails late.example # its two questions still wait when the recorder ends
end_recorder
printf 'nameserver 192.0.2.53\n' >"$scratch/resolv.conf"
consistent "$scratch/netlog.db"
"$netlog" record --source "capture:$scratch/netlog.capture" --db "$scratch/replayed.db" 2>"$scratch/replay.log"

# Connections: what was asked by whom, in order.
readonly named="SELECT remote_address, coalesce(remote_name, '-'), coalesce(name_source, '-') FROM connections
  WHERE remote_port = 80 AND direction = 'outbound' ORDER BY opened_ns LIMIT 9"
readonly expected_names='198.51.100.10|alias.example|asked
2001:db8::10|six.example|asked
198.51.100.14|first.example|asked
198.51.100.14|second.example|asked
198.51.100.14|second.example|seen
198.51.100.30|db|hosts
198.51.100.31|-|-
127.0.0.1|-|-
198.51.100.10|web.example|asked'
# Each program of the load has the name that it has asked for.
awk '{ print $1 "|" $2 }' "$scratch/mixed" | sort >"$scratch/mixed.expected"
readonly mixed="SELECT local_port, coalesce(remote_name, '-') FROM connections WHERE remote_port = 80 AND direction = 'outbound'
  AND name_source = 'asked' AND remote_name LIKE 'host%.example'"
readonly lookups="SELECT DISTINCT process, name, type, coalesce(rcode, '-'), answers, coalesce(ttl_s, '-'), latency_ns IS NOT NULL, server
  FROM lookups WHERE name NOT LIKE 'host%' AND name <> 'late.example' AND type = 'A' ORDER BY id"
readonly expected_lookups='python3|alias.example|A|NOERROR|198.51.100.10|60|1|192.0.2.53:53
python3|six.example|A|NOERROR||-|1|192.0.2.53:53
python3|first.example|A|NOERROR|198.51.100.14|60|1|192.0.2.53:53
python3|second.example|A|NOERROR|198.51.100.14|60|1|192.0.2.53:53
python3|sinkhole.example|A|NOERROR|127.0.0.1|60|1|192.0.2.53:53
python3|nothing.example|A|NXDOMAIN||-|1|192.0.2.53:53
python3|web.example|A|NOERROR|198.51.100.10|300|1|192.0.2.53:53
python3|silent.example|A|-||-|0|192.0.2.54:53'
for db in netlog replayed; do
  same "names in $db" "$(query "$scratch/$db.db" "$named")" "$expected_names"
  same "lookups in $db" "$(query "$scratch/$db.db" "$lookups")" "$expected_lookups"
  query "$scratch/$db.db" "$mixed" | sort >"$scratch/mixed.$db"
  diff "$scratch/mixed.expected" "$scratch/mixed.$db" || { echo "names of the load in $db differ"; exit 1; }
  # On a slow machine they have waited for ten seconds, and are lookups.
  same "unanswered in $db" "$(query "$scratch/$db.db" "SELECT (SELECT coalesce(sum(lost), 0) FROM gaps WHERE reason = 'no answer yet')
    + (SELECT count(*) FROM lookups WHERE name = 'late.example' AND rcode IS NULL)")" 2
  same "lost in $db" "$(query "$scratch/$db.db" "SELECT count(*) FROM gaps WHERE source = 'dns' AND reason <> 'no answer yet'")" 0
done

# It can be left out.
begin_recorder none "$netlog" record --db "$scratch/none.db" --no-names
started_recording none 0
python3 "$client" connect web.example
wait_until "its connection" at_least "$scratch/none.db" "SELECT count(*) FROM connections WHERE remote_port = 80" 1
end_recorder
same "without names" "$(query "$scratch/none.db" "SELECT count(remote_name), (SELECT count(*) FROM lookups) FROM connections")" "0|0"
