#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""slow_scenario.py: a server and a client process with four connections, one step for each line on standard input. A step returns
when the kernel has made its transitions; then the script prints one line. The first line is the port of the server."""
import os
import socket
import struct
import sys

from_server, to_client = os.pipe()
from_client, to_server = os.pipe()
NAMES = ("orderly", "half_closed", "reset", "leaked")


def reset_on_close(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def serve():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    os.write(to_client, f"{listener.getsockname()[1]:<8}".encode())
    accepted = dict(zip(NAMES, (listener.accept()[0] for _ in NAMES)))
    os.write(to_client, b".")
    while True:
        step = os.read(from_client, 1)
        if step == b"1":
            accepted["orderly"].close()
            accepted["half_closed"].shutdown(socket.SHUT_WR)
        elif step == b"2":
            accepted["half_closed"].close()
            reset_on_close(accepted["reset"])
            accepted["reset"].close()
        elif step == b"3":
            accepted["leaked"].close()
        else:
            os._exit(0)
        os.write(to_client, b".")


def main():
    if os.fork() == 0:
        serve()

    def server(step):
        os.write(to_server, step)
        os.read(from_server, 1)

    def done(what):
        print(what, flush=True)
        sys.stdin.readline()

    port = int(os.read(from_server, 8))
    done(port)
    client = {name: socket.create_connection(("127.0.0.1", port)) for name in NAMES}
    os.read(from_server, 1)
    done("all are ESTABLISHED")
    client["orderly"].close()
    client["leaked"].shutdown(socket.SHUT_WR)
    done("the server's ends of orderly and leaked are in CLOSE_WAIT")
    server(b"1")
    done("orderly is closed; the client's end of half_closed is in CLOSE_WAIT")
    client["half_closed"].close()
    done("half_closed is closed")
    server(b"2")
    done("reset is closed")
    server(b"3")
    client["reset"].close()
    client["leaked"].close()
    os.write(to_server, b"e")
    os.wait()
    done("leaked is closed")


main()
