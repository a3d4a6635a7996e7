# SPDX-License-Identifier: MIT
"""dns_client.py WHAT…: programs that look up names and connect, for dns.sh.

serve ADDRESS…: accepts and closes connections on port 80 of each address; writes a line when it listens
connect [NAME|ADDRESS]…: looks up each and connects to port 80
mixed COUNT NAMES: COUNT times a name of host0.example to host(NAMES-1).example, half of them in a process
  of their own; prints `PORT NAME` with the local port of each connect
"""

import os
import random
import selectors
import socket
import sys

PORT = 80


def serve(addresses):
    selector = selectors.DefaultSelector()
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.create_server((address, PORT), family=family, backlog=1024)
        listener.setblocking(False)
        selector.register(listener, selectors.EVENT_READ)
    print("listening", flush=True)
    while True:  # until it is killed
        for key, _ in selector.select():
            try:
                key.fileobj.accept()[0].close()
            except BlockingIOError:
                pass


def connect(name):
    """The local port. The peer closes first, so that the port is not used again soon."""
    family, kind, protocol, _, address = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as client:
        client.settimeout(10)
        client.connect(address)
        port = client.getsockname()[1]
        client.recv(1)
    return port


def mixed(count, names):
    chosen = random.Random(7)
    for _ in range(count):
        name = f"host{chosen.randrange(names)}.example"
        if chosen.random() < 0.5:
            print(connect(name), name, flush=True)
            continue
        child = os.fork()
        if child == 0:
            print(connect(name), name, flush=True)
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit("a child failed")


if sys.argv[1] == "serve":
    serve(sys.argv[2:])
elif sys.argv[1] == "connect":
    for wanted in sys.argv[2:]:
        connect(wanted)
else:
    mixed(int(sys.argv[2]), int(sys.argv[3]))
