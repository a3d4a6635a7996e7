#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""slow_story.py: a server and a client process, and four connections whose every state lasts a second. The server prints the port where
it listens; the story begins with a line on standard input."""
import os
import socket
import struct
import sys
import time

STEP = 1.2  # longer than the slowest source looks away

from_server, to_client = os.pipe()
from_client, to_server = os.pipe()
server = os.fork()
if server == 0:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    os.write(to_client, str(listener.getsockname()[1]).encode())
    accepted = [listener.accept()[0] for _ in range(4)]
    os.read(from_client, 1)
    orderly, half_closed, reset, leaked = accepted
    time.sleep(STEP)  # the client has closed the first: CLOSE_WAIT
    orderly.close()
    half_closed.shutdown(socket.SHUT_WR)  # FIN_WAIT_2
    time.sleep(STEP * 1.5)
    half_closed.close()
    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    reset.close()
    time.sleep(STEP)
    leaked.close()
    os._exit(0)

port = int(os.read(from_server, 16))
print(port, flush=True)
sys.stdin.readline()
clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
time.sleep(STEP)
orderly, half_closed, reset, leaked = clients
orderly.close()
leaked.shutdown(socket.SHUT_WR)
os.write(to_server, b"g")
time.sleep(STEP * 2)
half_closed.close()  # the server has half closed it: CLOSE_WAIT until now
time.sleep(STEP)
os.waitpid(server, 0)
reset.close()
leaked.close()
time.sleep(STEP)
