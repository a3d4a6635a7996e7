#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Starts a recorder as systemd starts a unit of Type=notify, and checks what it reports: supervised.py DATABASE COMMAND...

Once with a path and once with an abstract name as the socket. READY comes when the first tick is in the file, WATCHDOG in time, and the
recorder ends with 0 at SIGTERM. SIGHUP makes it read its configuration again, in the same session and without a gap."""
import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

LIMIT_S = 60
WATCHDOG_US = 2_000_000


def query(database, sql):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def report(notify, process):
    """The fields of the next report."""
    try:
        text = notify.recv(4096).decode()
    except socket.timeout:
        sys.exit(f"no report within {LIMIT_S} s; the recorder's status: {process.poll()}")
    return dict(line.split("=", 1) for line in text.splitlines())


def fields(notify, process, key):
    """Those of the next report that has the key."""
    while True:
        found = report(notify, process)
        if key in found:
            return found


class Configuration:
    """Each text, and what the log says when it was read again."""

    STEPS = [
        ("max-size = '100M'\nmax-age = '1h'\n", "changed since the start: max-size, max-age"),
        ("max-size = '100M'\ninterval = '1s'\n", "changed since the start: max-size; changed, but in effect only after a restart: interval"),
        ("max-size = '1K'\n", "nothing has changed: configuration {path}:1: --max-size 1024 is too small"),
        ("interval = \n", "nothing has changed: configuration {path}:1: "),
        (None, "nothing has changed: cannot read configuration {path}: No such file or directory"),
        ("max-size = '1G'\n", "it is as at the start"),
    ]

    def __init__(self, folder):
        self.path, self.log = f"{folder}/netlog.toml", f"{folder}/log"
        self.write(self.STEPS[-1][0])

    def write(self, text):
        if text is None:
            os.remove(self.path)
            return
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)

    def logged(self, number):
        """The line of the reload with this number. The log is written in the background."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            with open(self.log, encoding="utf-8") as file:
                lines = [line for line in file if "read again" in line and line.endswith("\n")]
            if len(lines) > number:
                return lines[number]
            time.sleep(0.05)
        sys.exit(f"no line on reload {number} within {LIMIT_S} s")

    def reload(self, notify, process):
        for number, (text, said) in enumerate(self.STEPS):
            self.write(text)
            process.send_signal(signal.SIGHUP)
            assert int(fields(notify, process, "RELOADING")["MONOTONIC_USEC"]) > 0
            fields(notify, process, "READY")
            line = self.logged(number)
            assert said.format(path=self.path) in line, (said, line)


def reload(database, command, folder):
    """The session goes on without a gap."""
    configuration = Configuration(folder)
    address = f"{folder}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, open(configuration.log, "wb") as log:
        notify.bind(address)
        notify.settimeout(LIMIT_S)
        record = [*command[:2], "--db", database, "--source", "poll", "--config", configuration.path]
        with subprocess.Popen(record, env=dict(os.environ, NOTIFY_SOCKET=address), stderr=log) as process:
            try:
                fields(notify, process, "READY")
                configuration.reload(notify, process)
                process.send_signal(signal.SIGTERM)
                assert process.wait(LIMIT_S) == 0, process.returncode
            finally:
                process.kill()
    gaps = query(database, "SELECT source, reason FROM gaps WHERE session_id = (SELECT max(id) FROM sessions) AND source <> 'recorder'")
    assert not [gap for gap in gaps if gap[0] != "tick"], gaps  # a busy host may skip a tick


def supervise(name, address, database, command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(address)
        notify.settimeout(LIMIT_S)
        environment = dict(os.environ, NOTIFY_SOCKET=name, WATCHDOG_USEC=str(WATCHDOG_US))
        with subprocess.Popen(command, env=environment) as process:
            try:
                first = report(notify, process)
                assert first["READY"] == "1" and "WATCHDOG" not in first, first
                rows = query(database, "SELECT ticks FROM sessions ORDER BY id DESC")
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
        os.remove(path)
        reload(database, command, folder)
    # Nobody listens, or what is named is no socket: the recording goes on.
    for name in ["/nowhere/notify", "nonsense", "/" + 200 * "x"]:
        done = subprocess.run([*command, "--duration", "2s"], env=dict(os.environ, NOTIFY_SOCKET=name), timeout=LIMIT_S, check=False)
        assert done.returncode == 0, (name, done.returncode)


main()
