#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The programs of udp_flows.sh: a server that answers each datagram, and clients of every kind.

Each prints as JSON what it has sent and received: for each of its local endpoints and each peer, datagrams and bytes each way. `check`
compares these statements with a recording."""
import collections
import ctypes
import json
import os
import select
import socket
import sqlite3
import struct
import sys
import time

LIMIT_S = 60
GROUP = "239.1.2.3"
SOL_UDP, UDP_SEGMENT = 17, 103  # linux/udp.h
PER_SECOND, SECONDS, SERVERS = 1000, 10, 20
FIELDS = "sent", "bytes_sent", "received", "bytes_received"
libc = ctypes.CDLL(None, use_errno=True)


class Counts:
    """What was exchanged, by (local port, peer's address, peer's port)."""

    def __init__(self):
        self.flows = collections.defaultdict(lambda: dict.fromkeys(FIELDS, 0))

    def sent(self, local, peer, size, datagrams=1):
        flow = self.flows[local, *peer[:2]]
        flow["sent"] += datagrams
        flow["bytes_sent"] += size

    def received(self, local, peer, size):
        flow = self.flows[local, *peer[:2]]
        flow["received"] += 1
        flow["bytes_received"] += size

    def state(self):
        print(json.dumps({"pid": os.getpid(), "flows": [[*key, *map(flow.get, FIELDS)] for key, flow in self.flows.items()]}))


counts = Counts()


def open_socket(family=socket.AF_INET, address="", port=0):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.settimeout(LIMIT_S)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind((address, port))
    return made


def port_of(of):
    return of.getsockname()[1]


def answer_to(data):
    return bytes(len(data) // 2)


def serve(ready):
    sockets = {"v4": open_socket(), "v6": open_socket(socket.AF_INET6, "::"), "group": open_socket(), "far": open_socket()}
    sockets["group"].setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                                socket.inet_aton(GROUP) + socket.inet_aton("10.77.0.2"))
    sockets.update({f"load{i}": open_socket() for i in range(SERVERS)})
    with open(ready + ".new", "w", encoding="utf-8") as out:
        json.dump({name: port_of(one) for name, one in sockets.items()} | {"state": "ready"}, out)
    os.rename(ready + ".new", ready)
    while True:
        readable, _, _ = select.select([sys.stdin, *sockets.values()], [], [])
        for one in readable:
            if one is sys.stdin:
                return
            data, peer = one.recvfrom(70_000)
            counts.received(port_of(one), peer, len(data))
            answer = answer_to(data)
            one.sendto(answer, peer)
            counts.sent(port_of(one), peer, len(answer))


def take(one, local, peer, datagrams=1):
    """Receives answers; of a connected socket by recv(2)."""
    for _ in range(datagrams):
        data, source = one.recvfrom(70_000)
        counts.received(local, source or peer, len(data))


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Message(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_size", ctypes.c_uint), ("parts", ctypes.POINTER(IoVector)),
                ("part_count", ctypes.c_size_t), ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("padding", ctypes.c_int), ("done", ctypes.c_uint)]  # struct mmsghdr


def messages(buffers, names):
    parts = [IoVector(ctypes.cast(buffer, ctypes.c_void_p), ctypes.sizeof(buffer)) for buffer in buffers]
    made = (Message * len(buffers))()
    for message, part, name in zip(made, parts, names):
        message.parts, message.part_count = ctypes.pointer(part), 1
        if name is not None:
            message.name, message.name_size = ctypes.cast(name, ctypes.c_void_p), ctypes.sizeof(name)
    return made, parts


def raw_address(family, peer):
    address, port = peer
    packed = struct.pack("=H", family) + struct.pack("!H", port)
    if family == socket.AF_INET6:
        packed += bytes(4) + socket.inet_pton(family, address) + bytes(4)
    else:
        packed += socket.inet_pton(family, address) + bytes(8)
    return ctypes.create_string_buffer(packed, len(packed))


def exchange_mmsg(one, family, peer, connected):
    """sendmmsg(2) and recvmmsg(2), 5 datagrams a call."""
    one.setblocking(True)
    local = port_of(one)
    for _ in range(4):
        sizes = [10, 200, 1, 1400, 77]
        names = [None if connected else raw_address(family, peer) for _ in sizes]
        out, _kept = messages([ctypes.create_string_buffer(size) for size in sizes], names)
        assert libc.sendmmsg(one.fileno(), out, len(out), 0) == len(out)
        for message in out:
            counts.sent(local, peer, message.done)
        received = 0
        while received < len(sizes):
            assert select.select([one], [], [], LIMIT_S)[0]
            into, _kept2 = messages([ctypes.create_string_buffer(2000) for _ in sizes], [None] * len(sizes))
            got = libc.recvmmsg(one.fileno(), into, len(into), socket.MSG_DONTWAIT, None)
            assert got > 0
            for message in into[:got]:
                counts.received(local, peer, message.done)
            received += got


def exchange(one, peer, connected, size=100, times=3):
    for _ in range(times):
        if connected:
            sent = one.send(bytes(size))
        else:
            sent = one.sendto(bytes(size), peer)
        counts.sent(port_of(one), peer, sent)
        take(one, port_of(one), peer)


def segment(one, peer, connected):
    """One call makes many datagrams."""
    one.setsockopt(SOL_UDP, UDP_SEGMENT, 1200)
    for size in (12_000, 30_500, 1200, 700):
        sent = one.send(bytes(size)) if connected else one.sendto(bytes(size), peer)
        datagrams = -(-sent // 1200)
        counts.sent(port_of(one), peer, sent, datagrams)
        take(one, port_of(one), peer, datagrams)


def client(kind, ports):
    six = "6" in kind
    family = socket.AF_INET6 if six or kind == "mapped" else socket.AF_INET
    peer = ("fd77::2", ports["v6"]) if six else ("10.77.0.2", ports["v4"])
    if kind == "mapped":
        peer = ("::ffff:10.77.0.2", ports["v4"])
    one = open_socket(family)
    connected = kind.startswith("connected") or kind in ("gso", "gso6", "large", "empty", "mapped", "elsewhere")
    if connected:
        one.connect(peer)
    if kind.endswith("_mmsg"):
        exchange_mmsg(one, family, peer, connected)
    elif kind.startswith("gso"):
        segment(one, peer, connected)
    elif kind == "large":  # the kernel cuts them into fragments
        exchange(one, peer, True, 60_000)
    elif kind == "empty":
        exchange(one, peer, True, 0)
    elif kind == "elsewhere":  # a connected socket that names another peer; the answer is not for it
        exchange(one, peer, True)
        far = ("10.77.0.2", ports["far"])
        counts.sent(port_of(one), far, one.sendto(bytes(33), far))
        exchange(one, peer, True)
    elif kind == "multicast":  # our own host gets it, too
        heard = open_socket(port=ports["group"])
        heard.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(GROUP) + socket.inet_aton("10.77.0.1"))
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.77.0.1"))
        group = (GROUP, ports["group"])
        for _ in range(3):
            counts.sent(port_of(one), group, one.sendto(bytes(50), group))
            take(one, port_of(one), None)
            take(heard, ports["group"], None)
    elif kind == "broadcast":
        one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        everybody = ("10.77.0.255", ports["v4"])
        for _ in range(3):
            counts.sent(port_of(one), everybody, one.sendto(bytes(60), everybody))
            take(one, port_of(one), None)
    elif kind == "many":  # one socket and many peers, each several times
        for _ in range(3):
            for i in range(SERVERS):
                exchange(one, ("10.77.0.2", ports[f"load{i}"]), False, 40, 1)
    else:
        exchange(one, peer, connected)


def alone():
    """A socket that talks to itself."""
    one = open_socket(address="127.0.0.1")
    peer = one.getsockname()
    one.connect(peer)
    exchange(one, peer, True)


def load(ports):
    """Flows of one datagram each way, each of a socket of its own."""
    begun = time.monotonic()
    for i in range(PER_SECOND * SECONDS):
        due = begun + i / PER_SECOND
        while (early := due - time.monotonic()) > 0:
            time.sleep(early)
        peer = ("10.77.0.2", ports[f"load{i % SERVERS}"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.settimeout(LIMIT_S)
            one.connect(peer)
            counts.sent(port_of(one), peer, one.send(bytes(30)))
            counts.received(port_of(one), peer, len(one.recv(2000)))


def stated(files):
    """By (pid, local port, peer): what a program says."""
    flows = {}
    for name in files:
        with open(name, encoding="utf-8") as file:
            said = json.load(file)
        for local, address, port, *numbers in said["flows"]:
            # A program may use a port for the same peer again; so may the recording.
            known = flows.get((said["pid"], local, address, port), [0] * 4)
            flows[said["pid"], local, address, port] = [a + b for a, b in zip(known, numbers)]
    return flows


def recorded(database, pids):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as db:
        marks = ",".join("?" * len(pids))
        rows = db.execute(
            "SELECT pid, local_port, remote_address, remote_port, sum(datagrams_sent), sum(bytes_sent), sum(datagrams_received), "
            "sum(bytes_received) FROM connections WHERE protocol = 'udp' AND remote_port IS NOT NULL "
            f"AND pid IN ({marks}) GROUP BY 1, 2, 3, 4", list(pids))
        return {tuple(row[:4]): list(row[4:]) for row in rows}


def lost(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as db:
        return db.execute("SELECT source, reason, sum(lost) FROM gaps WHERE source IN ('udp flows', 'trace', 'writer') GROUP BY 1, 2").fetchall()


def check(database, when, files):
    expected = stated(files)
    pids = {key[0] for key in expected}
    deadline = time.monotonic() + (LIMIT_S if when == "wait" else 0)
    while True:
        found = recorded(database, pids)
        if found == expected or time.monotonic() >= deadline:
            break
        time.sleep(0.1)
    wrong = [(key, expected.get(key), found.get(key)) for key in sorted(expected.keys() | found.keys(), key=str)
             if expected.get(key) != found.get(key)]
    for key, said, has in wrong[:20]:
        print(f"{key}: {FIELDS} said {said}, recorded {has}")
    if wrong:
        sys.exit(f"{len(wrong)} of {len(expected)} flows differ; gaps: {lost(database)}")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as db:
        wrong_way = db.execute(
            "SELECT local, remote, direction, datagrams_sent, datagrams_received, seen_by, opened_at, closed_at FROM connections WHERE protocol = 'udp' AND datagrams_sent > 0 AND datagrams_received > 0 AND "
            "direction <> iif(local_address LIKE '%.1' OR local_address LIKE '%::1', 'outbound', 'inbound') AND remote_port > 0 "
            f"AND pid IN ({','.join('?' * len(pids))})", list(pids)).fetchall()
    if wrong_way:
        sys.exit(f"wrong directions: {wrong_way[:20]}")
    print(f"{len(expected)} flows are exact, {sum(numbers[0] + numbers[2] for numbers in expected.values())} datagrams")


def main():
    kind, *rest = sys.argv[1:]
    if kind == "check":
        return check(rest[0], rest[1], rest[2:])
    if kind == "serve":
        serve(rest[0])
    elif kind == "alone":
        alone()
    else:
        with open(rest[0], encoding="utf-8") as file:
            ports = json.load(file)
        if kind == "load":
            load(ports)
        else:
            client(kind, ports)
    return counts.state()


main()
