# SPDX-License-Identifier: MIT
"""What writing and reading cost: rows a second, bytes, time to answer."""
import json
import os
import signal
import statistics
import subprocess
import threading
import time

import common
from common import BIN, Row

LONGEST_S = 30
DAY = "2026-11-20T"
NS = "CAST(strftime('%s', '{}') AS INTEGER) * 1000000000"
# A netlog command, and the SQL that somebody would type who has only the views.
QUESTIONS = [
    ("report overview", "SELECT state, count(*) FROM connections GROUP BY 1 ORDER BY 2 DESC;"
                        " SELECT process, count(*) FROM connections GROUP BY 1 ORDER BY 2 DESC LIMIT 10"),
    ("report who --port 8080 --at {day}03:12:00Z",
     "SELECT * FROM connections WHERE (local_port = 8080 OR remote_port = 8080) AND first_seen_ns <= {03:12:00}"
     " AND coalesce(closed_ns, last_seen_ns) >= {03:12:00}"),
    ("at {day}14:03:07Z",
     "SELECT * FROM connections WHERE first_seen_ns <= {14:03:07} AND coalesce(closed_ns, last_seen_ns) >= {14:03:07}"),
    ("report leaks", "SELECT process, pid, count(*), max(dwell_ns) FROM state_intervals JOIN connections ON connections.id = connection_id"
                     " WHERE state_intervals.state = 'CLOSE_WAIT' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"),
    ("report --pid 555", "SELECT * FROM connections WHERE pid = 555 ORDER BY first_seen_ns"),
    ("report failed", "SELECT remote, process, outcome, count(*) FROM connections WHERE outcome IN ('refused', 'timed_out', 'reset')"
                      " GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 20"),
    ("report dwell", "SELECT state, count(*), avg(dwell_ns), max(dwell_ns) FROM state_intervals GROUP BY 1"),
    ("report peers", "SELECT remote_address, count(*), sum(bytes_sent), sum(bytes_received) FROM connections GROUP BY 1 ORDER BY 2 DESC LIMIT 20"),
    ("report churn", "SELECT process, pid, count(*) FROM connections GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20"),
    ("report lifetimes", "SELECT process, count(*), avg(duration_ns), max(duration_ns) FROM connections GROUP BY 1"),
    ("report listeners", "SELECT * FROM connections WHERE direction = 'listen'"),
    ("report closes", "SELECT outcome, count(*) FROM connections GROUP BY 1"),
    ("report ports", None),
    ("report beacons", None),
    ("report gaps", "SELECT * FROM gaps"),
    ("report failed --since {day}14:00:00Z --until {day}14:05:00Z",
     "SELECT remote, process, outcome, count(*) FROM connections WHERE outcome IN ('refused', 'timed_out', 'reset')"
     " AND closed_ns >= {14:00:00} AND first_seen_ns < {14:05:00} GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 20"),
    ("report dwell --since {day}14:00:00Z --until {day}14:05:00Z",
     "SELECT state, count(*), avg(dwell_ns) FROM state_intervals WHERE from_ns < {14:05:00}"
     " AND coalesce(to_ns, {14:05:00}) >= {14:00:00} GROUP BY 1"),
]


def as_sql(question):
    for clock in ("03:12:00", "14:03:07", "14:00:00", "14:05:00"):
        question = question.replace("{" + clock + "}", NS.format(f"{DAY[:-1]} {clock}"))
    return question


def forget_file(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds_of(command):
    """Seconds that a command took. None if it took more than LONGEST_S."""
    begun = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        limit = threading.Timer(LONGEST_S, child.kill)  # wait(timeout) polls only every 50 ms
        limit.start()
        status = child.wait()
        took = time.monotonic() - begun
        limit.cancel()
    if status == -signal.SIGKILL:
        return None
    if status != 0:
        raise RuntimeError(f"{command[0]} ended with {status}")
    return took


def generate(path, connections):
    begun = time.monotonic()
    done = subprocess.run([BIN / "netlog-generate", path, "--connections", str(connections)], stdout=subprocess.PIPE, text=True, check=True)
    took = time.monotonic() - begun
    words = done.stdout.split(": ")[-1].split()
    return took, int(words[0]), int(words[2])


def bytes_of(path, table):
    """Bytes of a table and its indexes."""
    query = f"SELECT sum(pgsize) FROM dbstat WHERE name IN (SELECT name FROM sqlite_master WHERE tbl_name = '{table}')"
    return int(subprocess.run(["sqlite3", path, query], stdout=subprocess.PIPE, text=True, check=True).stdout)


def writing(connections, repeats):
    ours, theirs, events, made = [], [], 0, 0
    with common.scratch_directory() as scratch:
        for i in range(repeats):
            path = scratch / f"{i}.db"
            took, made, events = generate(path, connections)
            done = subprocess.run([BIN / "netlog-bench-copy", path, scratch / f"{i}.copy"], stdout=subprocess.PIPE, check=True)
            ours.append(events / took / 1e3)
            theirs.append(events / json.loads(done.stdout)["seconds"] / 1e3)
            if i + 1 < repeats:
                path.unlink()
        of_connections = bytes_of(path, "connection") + bytes_of(path, "event")
        what = f"{made:,} connections, {events:,} events"
        return [Row(f"events a second, made and written into the finished file, {what}", "the same rows, prepared statements, no index", ours, theirs, "thousand"),
                Row("bytes a connection with its events, and their indexes", "", [of_connections / made], [], "B", ratio=False),
                Row("bytes a connection, all of the file", "", [path.stat().st_size / made], [], "B", ratio=False)]


def reading(path, connections, repeats, cold):
    if not path.exists():
        generate(path, connections)
    rows = []
    for words, question in QUESTIONS:
        ours = [BIN / "netlog", *words.format(day=DAY).split(), "--db", path]
        theirs = ["sqlite3", "-readonly", path, as_sql(question)] if question else None
        seconds_of(ours)
        plain = theirs and seconds_of(theirs) is not None
        took = [(seconds_of(ours), seconds_of(theirs) if plain else 0) for _ in range(repeats)]
        against = "" if not theirs else "plain SQL in sqlite3" if plain else f"plain SQL in sqlite3: more than {LONGEST_S} s"
        row = Row("netlog " + words.format(day=""), against, [pair[0] for pair in took], [pair[1] for pair in took] if plain else [], "s")
        if cold:
            forget_file(path)
            row.what += f" (cold: {seconds_of(ours):.2f} s)"
        rows.append(row)
    slowest = max(rows, key=lambda row: statistics.median(row.ours))
    made = subprocess.run(["sqlite3", path, "SELECT count(*) FROM connection"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows.append(Row(f"the slowest of them, {int(made):,} connections", "", slowest.ours, [], "s", ratio=False))
    return rows
