#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts a recorder as systemd starts a unit of Type=notify, and checks what it reports: supervised.py DATABASE COMMAND...

Once with a path and once with an abstract name as the socket. READY comes when the first tick is in the file, WATCHDOG in time, and the
recorder ends with 0 at SIGTERM."""
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile

LIMIT_S = 60
WATCHDOG_US = 2_000_000


def report(notify, process):
    """The fields of the next report."""
    try:
        text = notify.recv(4096).decode()
    except socket.timeout:
        sys.exit(f"no report within {LIMIT_S} s; the recorder's status: {process.poll()}")
    return dict(line.split("=", 1) for line in text.splitlines())


def supervise(name, address, database, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(LIMIT_S)
        environment = dict(os.environ, NOTIFY_SOCKET=name, WATCHDOG_USEC=str(WATCHDOG_US))
        with subprocess.Popen(command, env=environment) as process:
            try:
                first = report(notify, process)
                assert first["READY"] == "1" and "WATCHDOG" not in first, first
                rows = sqlite3.connect(f"file:{database}?mode=ro", uri=True).execute("SELECT ticks FROM sessions ORDER BY id DESC").fetchall()
                assert rows[0][0] > 0, f"ready without a tick on record: {rows}"
                for _ in range(2):
                    later = report(notify, process)
                    assert later["WATCHDOG"] == "1" and "READY" not in later, later
                    assert "connections open" in later["STATUS"], later
                process.send_signal(signal.SIGTERM)
                assert process.wait(LIMIT_S) == 0, process.returncode
            finally:
                process.kill()


def main():
    database, command = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/notify"
        supervise(path, path, database, command)
        abstract = f"netlog-test-{os.getpid()}"
        supervise("@" + abstract, "\0" + abstract, database, command)
    # Nobody listens, or what is named is no socket: the recording goes on.
    for name in ["/nowhere/notify", "nonsense", "/" + 200 * "x"]:
        done = subprocess.run([*command, "--duration", "2s"], env=dict(os.environ, NOTIFY_SOCKET=name), timeout=LIMIT_S, check=False)
        assert done.returncode == 0, (name, done.returncode)


main()
