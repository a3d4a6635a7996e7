# SPDX-License-Identifier: MIT
"""Shared by the measurements: rows of the table, processor time, sockets that are held open."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"
BENCH = ROOT / "bench"
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
LONGEST_S = 600
os.environ["PATH"] += ":/usr/sbin:/sbin"


class Row:
    """One comparison: the figures of netlog and of another program, measured in turn, in the same unit."""

    def __init__(self, what, against, ours, theirs, unit="ms", ratio=True):
        self.what = what
        self.against = against
        self.ours = list(ours)
        self.theirs = list(theirs)
        self.unit = unit
        self.ratios = [a / b for a, b in zip(self.ours, self.theirs) if b] if ratio else []

    def cells(self):
        ratio = f"{statistics.median(self.ratios):.2f} ({min(self.ratios):.2f} .. {max(self.ratios):.2f})" if self.ratios else ""
        theirs = f"{figure(statistics.median(self.theirs))} {self.unit}" if self.theirs else ""
        return [self.what, f"{figure(statistics.median(self.ours))} {self.unit}", self.against, theirs, ratio]

    def to_json(self):
        return {"what": self.what, "unit": self.unit, "netlog": self.ours, "against": self.against, "theirs": self.theirs,
                "ratios": self.ratios}


class Absent:
    """A comparison that could not be made, and why."""

    def __init__(self, what, against, why):
        self.what, self.against, self.why = what, against, why

    def cells(self):
        return [self.what, "", self.against, self.why, ""]

    def to_json(self):
        return {"what": self.what, "against": self.against, "absent": self.why}


def medians(lists):
    return [statistics.median(values) for values in lists]


def figure(value):
    """Three digits: measurements are not more exact."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def missing(program):
    return None if shutil.which(program) else f"no {program} here"


def run_cpu_ms(command, **options):
    """Runs a command to its end. Returns the processor time of the process and of the children it waited for."""
    with open(os.devnull, "wb") as nothing:
        child = subprocess.Popen(command, stdout=nothing, stderr=nothing, **options)
        _, _status, usage = os.wait4(child.pid, 0)
        child.returncode = 0
    return 1e3 * (usage.ru_utime + usage.ru_stime)


def own_cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def busy_s():
    """Processor time of the whole machine since it started, interrupts included."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = [int(field) for field in file.readline().split()[1:9]]
    return (user + nice + system + irq + softirq + steal) * TICK_S


def memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024


@contextlib.contextmanager
def held_sockets(count, processes=1):
    with subprocess.Popen([sys.executable, BENCH / "hold.py", str(count), str(processes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as holder:
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"cannot hold {count} sockets here")
        try:
            yield
        finally:
            holder.stdin.close()


@contextlib.contextmanager
def scratch_directory():
    with tempfile.TemporaryDirectory(prefix="netlog-bench-") as path:
        yield pathlib.Path(path)


@contextlib.contextmanager
def recorder(database, *options):
    """A running recorder that has written its first counters. Waits at the end until its file is closed."""
    with subprocess.Popen([BIN / "netlog", "record", "--db", database, "--log-level", "warn", *options]) as process:
        try:
            until(lambda: count(database, "counters") > 0, process)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def count(database, view):
    if not os.path.exists(database):
        return 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(f"SELECT count(*) FROM {view}").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # does not exist yet
    finally:
        connection.close()


def until(condition, process, seconds=60):
    ends = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > ends:
            raise RuntimeError("the recorder did not start")
        time.sleep(0.01)


def in_own_network(function, *arguments, own_processes=False):
    """Calls a function of one of these modules in a new network namespace. Arguments and result are JSON values."""
    code = (f"import json, sys; sys.path.insert(0, {str(BENCH)!r}); import {function.__module__} as module; "
            f"print('RESULT', json.dumps(module.{function.__name__}(*json.loads(sys.argv[1]))))")
    unshare = ["unshare", "-n", "-f", "--kill-child"] + (["-m", "-p", "--mount-proc"] if own_processes else [])
    done = subprocess.run([*unshare, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", sys.executable, "-c", code,
                           json.dumps(arguments)], stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST_S)
    results = [line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode != 0 or not results:
        raise RuntimeError(f"{function.__name__}{arguments} failed")
    return json.loads(results[0])
