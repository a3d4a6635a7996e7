#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds SOCKETS TCP sockets open over loopback in PROCESSES processes or more, says `ready`, and ends with its standard input."""
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
    ready, tell = os.pipe()
    parts = -(-wanted // most)
    for i in range(parts):
        if os.fork() == 0:
            try:
                held = hold(min(most, wanted - i * most), f"127.0.1.{i + 1}")
                os.write(tell, b"!")
            except OSError as error:
                print(f"hold.py: {error}", file=sys.stderr)
                os._exit(1)
            os.close(tell)
            sys.stdin.read()
            os._exit(len(held) == 0)
    os.close(tell)
    while parts > 0:
        told = os.read(ready, parts)
        if not told:
            sys.exit("hold.py: not all could be held")
        parts -= len(told)
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
