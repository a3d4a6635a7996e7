#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds TCP sockets open over loopback: hold.py SOCKETS PROCESSES. Uses at least that many processes, prints `ready`, and exits when
its standard input ends."""
import os
import resource
import socket
import sys

PORTS = 20_000  # connections to one address: fewer than there are ephemeral ports


def hold(sockets, address):
    listener = socket.socket()
    listener.bind((address, 0))
    listener.listen(1024)
    held = [listener]
    while len(held) + 1 < sockets:
        client = socket.socket()
        client.connect(listener.getsockname())
        held += [client, listener.accept()[0]]
    return held


def main():
    wanted, processes = int(sys.argv[1]), int(sys.argv[2])
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    most = min(limit - 100, PORTS, -(-wanted // processes))
    ready, done = os.pipe()
    parts = -(-wanted // most)
    for i in range(parts):
        if os.fork() == 0:
            try:
                held = hold(min(most, wanted - i * most), f"127.0.1.{i + 1}")
                os.write(done, b"!")
            except OSError as error:
                print(f"hold.py: {error}", file=sys.stderr)
                os._exit(1)
            os.close(done)
            sys.stdin.read()
            os._exit(len(held) == 0)
    os.close(done)
    while parts > 0:
        finished = os.read(ready, parts)
        if not finished:
            sys.exit("hold.py: cannot hold all sockets")
        parts -= len(finished)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
