#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs each netlog command of the documentation on a recording of this host: documented_commands.py NETLOG SOURCES

The pid and the ports in them become those of a server of ours. A recorder that would go on gets SIGINT when its first tick is on record.
Each command must exit with 0."""
import contextlib
import grp
import os
import pathlib
import re
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from fake_clickhouse import Server

LIMIT_S = 60
# A command stands in an indented block, alone or behind sudo. In the README and in the texts of `netlog help`, too.
LINE = re.compile(r"^ {4,}(?:sudo )?(netlog(?: .*)?)$", re.M)
# What stands for something else.
OUR_NAME = pathlib.Path("/proc/self/comm").read_text(encoding="utf-8").strip()
# Only its members may give a file to a group.
PLACEHOLDERS = {"127.0.0.1:9473": "127.0.0.1:0", "adm": grp.getgrgid(os.getgid()).gr_name, "A..B": "-1h..now", "FILE": "placeholder.db", "NAME": "leaks"}


def documented(sources):
    for path in [sources / "README.md", *sorted((sources / "docs").rglob("*.md"))]:
        for line in LINE.findall(path.read_text(encoding="utf-8")):
            line = re.split(r" +# | {2,}| \| ", line)[0].strip()  # behind it stands what it does, or who reads it
            if line != "netlog" and line not in ("netlog service install",):
                yield path.relative_to(sources), line


class Host:
    """A recording at the usual place, with a connection of ours in it, and the files that commands name."""

    def __init__(self, netlog, folder):
        self.netlog, self.folder = netlog, folder
        self.environment = dict(os.environ, NETLOG_DB=f"{folder}/netlog.db", TZ="UTC")
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        with subprocess.Popen([netlog, "record", "--log-level", "warn"], env=self.environment) as recorder:
            try:
                self.wait_for_tick("netlog.db", recorder)
                client = socket.create_connection(listener.getsockname())
                server = listener.accept()[0]
                self.wait("our connection", lambda: self.count("netlog.db", f"FROM connections WHERE remote_port = {self.port}"), recorder)
                client.close()
                server.close()
                self.end(recorder)
            finally:
                recorder.kill()
        with open(f"{folder}/netlog.toml", "w", encoding="utf-8") as configuration:
            configuration.write("[record]\nmax-age = '7d'\n")
        for name in ("client.db", "server.db"):
            self.run(["clip", "-1h..now", "-o", name])
        self.fleet = f"127.0.0.1:{Server().port}"
        self.run(["ship", "--init", "--to", f"clickhouse://{self.fleet}/netlog"])

    def count(self, name, sql):
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.folder}/{name}?mode=ro", uri=True)) as connection:
                return connection.execute(f"SELECT count(*) {sql}").fetchone()[0]
        except sqlite3.Error:
            return 0  # not yet

    def wait(self, what, condition, process):
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert process.poll() is None, f"ended with {process.returncode} before: {what}"
            assert time.monotonic() < end, f"not within {LIMIT_S} s: {what}"
            time.sleep(0.05)

    def wait_for_tick(self, name, recorder):
        self.wait("a tick is on record", lambda: self.count(name, "FROM sessions WHERE ended_ns IS NULL AND ticks > 0"), recorder)

    def end(self, process, expected=0):
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == expected, process.returncode

    def run(self, words):
        done = subprocess.run([self.netlog, *words], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_S, check=False)
        assert done.returncode == 0, f"{shlex.join(words)} exits with {done.returncode}: {done.stdout.decode()[-1000:]}"

    def run_until_stopped(self, words):
        """A command that goes on: a recorder until its first tick, the others until they have shown something."""
        with subprocess.Popen([self.netlog, *words], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE) as process:
            try:
                if words[0] == "record":
                    self.wait_for_tick(words[words.index("--db") + 1] if "--db" in words else "netlog.db", process)
                    self.end(process)
                else:
                    too_late = threading.Timer(LIMIT_S, process.kill)
                    too_late.start()
                    shown = process.stdout.readline()
                    too_late.cancel()
                    assert shown, f"{shlex.join(words)} shows nothing"
                    self.end(process, -signal.SIGINT if "-f" in words else 0)
            finally:
                process.kill()

    def try_one(self, line):
        words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
        words = [{"1234": str(os.getpid()), "8080": str(self.port), "443": str(self.port)}.get(word, word) for word in words]
        words = [word.replace("clickhouse.example:8123", self.fleet) for word in words]
        words = [OUR_NAME if word == "post*" else word for word in words]
        for i, word in enumerate(words[:-1]):  # as a reader would, who starts again
            if word in ("-o", "--capture") and os.path.exists(f"{self.folder}/{words[i + 1]}"):
                os.remove(f"{self.folder}/{words[i + 1]}")
        if "--db" in words and words[words.index("--db") + 1].startswith("/"):
            words[words.index("--db") + 1] = f"{self.folder}/netlog.db"
        records = words[:1] == ["record"] and not any(word.startswith("capture:") for word in words)
        goes_on = records or "-f" in words or "--watch" in words or "--follow" in words or "top" in words
        (self.run_until_stopped if goes_on else self.run)(words)


def main():
    netlog, sources = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    commands = list(documented(sources))
    assert len(commands) > 40, f"only {len(commands)} commands were found"
    with tempfile.TemporaryDirectory() as folder:
        host = Host(netlog, folder)
        failed = 0
        for path, line in dict((line, (path, line)) for path, line in commands).values():
            try:
                host.try_one(line)
                print(f"ok: {line}")
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"{path}: {line}\n    {error}")
    sys.exit(1 if failed else 0)


main()
