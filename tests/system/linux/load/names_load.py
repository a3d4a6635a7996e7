# SPDX-License-Identifier: MIT
"""For names.sh.

names_load.py load SERVER COUNT WORKERS: WORKERS processes look up names and connect to port 80, COUNT times in
all: by themselves, in children, in threads, over a socket that asks for many names, and after many names of one address.
Writes `PORT ADDRESS NAME` for each connect, in the order of time. host0.example to host191.example have 16 addresses.

names_load.py compare EXPECTED FOUND: counts how the names in FOUND (`PORT ADDRESS NAME SOURCE`) are. Fails if a name that was
asked is wrong, and if none is right."""

import collections
import os
import random
import socket
import struct
import sys
import threading
import time

NAMES, ADDRESSES = 192, 16


def connect(address, name, log):
    with socket.socket() as client:
        client.settimeout(20)
        began_ns = time.time_ns()
        client.connect((address, 80))
        port = client.getsockname()[1]
        client.recv(1)  # the peer closes first
    os.write(log, f"{began_ns} {port} {address} {name}\n".encode())


def look_up_and_connect(name, log):
    found = socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)
    connect(found[0][4][0], name, log)


class Resolver:
    """One socket for many questions, as c-ares has it."""

    def __init__(self, server):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.connect((server, 53))
        self.id = 0

    def look_up(self, name):
        self.id = (self.id + 1) % 65536
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        self.socket.send(struct.pack(">6H", self.id, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
        while True:
            answer = self.socket.recv(4096)
            if struct.unpack(">H", answer[:2])[0] == self.id:
                return socket.inet_ntoa(answer[-4:])


def name_at(chosen, address):
    return f"host{chosen.randrange(NAMES // ADDRESSES) * ADDRESSES + address}.example"


def work(seed, server, rest, log):
    chosen = random.Random(seed)
    resolver = Resolver(server)
    while rest > 0:
        kind = chosen.randrange(5)
        address = chosen.randrange(ADDRESSES)
        name = name_at(chosen, address)
        rest -= 1
        if kind == 0:
            look_up_and_connect(name, log)
        elif kind == 1:
            child = os.fork()
            if child == 0:
                look_up_and_connect(name, log)
                os._exit(0)
            os.waitpid(child, 0)
        elif kind == 2:
            connect(resolver.look_up(name), name, log)
        elif kind == 3:
            for _ in range(chosen.randrange(2, 14)):
                name = name_at(chosen, address)
                found = resolver.look_up(name)
            connect(found, name, log)
        else:  # no two at once have an address in common
            names = [name_at(chosen, at) for at in chosen.sample(range(ADDRESSES), 4)]
            threads = [threading.Thread(target=look_up_and_connect, args=(name, log)) for name in names]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rest -= len(names) - 1


def load(server, count, workers):
    read_end, log = os.pipe()
    for seed in range(workers):
        if os.fork() == 0:
            os.close(read_end)
            work(seed, server, count // workers, log)
            os._exit(0)
    os.close(log)
    with os.fdopen(read_end) as lines:
        for line in sorted(lines, key=lambda line: int(line.split()[0])):
            print(*line.split()[1:])


def by_tuple(path):
    """What is behind the port and the address in each line: a port can have been used several times."""
    known = collections.defaultdict(list)
    with open(path) as lines:
        for line in lines:
            port, address, *rest = line.split()
            known[port, address].append(rest)
    return known


def compare(expected_path, found_path):
    found = by_tuple(found_path)
    counts = collections.Counter()
    for key, expected in by_tuple(expected_path).items():
        if len(found[key]) != len(expected):
            counts["not recorded each"] += len(expected)
            continue
        for (name,), (known, source) in zip(expected, found[key]):
            right = "right" if known == name else "wrong"
            counts[right if source == "asked" else "without a name" if source == "-" else source] += 1
    print(*(f"{what}: {count}" for what, count in sorted(counts.items())), sep="\n")
    return 1 if counts["wrong"] or not counts["right"] else 0


if sys.argv[1] == "load":
    load(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    sys.exit(compare(sys.argv[2], sys.argv[3]))
