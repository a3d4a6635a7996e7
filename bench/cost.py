# SPDX-License-Identifier: MIT
"""What recording costs: ticks, a second of recording, owners, start and stop."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import common
from common import BIN, Absent, Row

# Exits on SIGTERM, so that the time of its children is counted.
SS_LOOP = 'trap exit TERM; while :; do ss -tanp >>"$1"; echo >>"$1.polls"; sleep "$2"; done'
PASSES = 3


def psutil_ms():
    """Processor time without the start of the interpreter. None if psutil is not installed."""
    code = "import time, psutil; begun = time.process_time(); psutil.net_connections('inet'); print(1e3 * (time.process_time() - begun))"
    done = subprocess.run(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else None


def tick(scratch, rounds):
    done = subprocess.run([BIN / "netlog-bench-tick", "--rounds", str(rounds), scratch / f"{time.monotonic_ns()}.db"], stdout=subprocess.PIPE,
                          check=True)
    return json.loads(done.stdout)


def measure_ticks(sockets, rounds):
    """Each pass measures everything once, so that compared figures are close in time."""
    peers = {"ss -tan": ["ss", "-tan"], "ss -tanp": ["ss", "-tanp"]}
    if not common.missing("lsof") and sockets <= 10_000:
        peers["lsof -i -nP"] = ["lsof", "-i", "-nP"]
    with common.scratch_directory() as scratch, common.held_sockets(sockets):
        passes = []
        for _ in range(PASSES):
            found = tick(scratch, -(-rounds // PASSES))
            if found["connections"] < 0.99 * sockets:
                raise RuntimeError(f"{found['connections']} connections of {sockets}")
            found["peers"] = {name: common.run_cpu_ms(command) for name, command in peers.items()}
            found["peers"]["psutil"] = psutil_ms()
            passes.append(found)
        return passes


def ticks(sizes, rounds):
    rows = []
    for sockets in sizes:
        passes = common.in_own_network(measure_ticks, sockets, rounds, own_processes=True)

        def every(name, passes=passes):
            return [value / 1e3 for found in passes for value in found[name]]

        def once(name, passes=passes):
            return [value / 1e3 for value in common.medians(found[name] for found in passes)]

        what = {"light": f"light tick, {sockets:,} sockets", "whole": f"whole tick, {sockets:,} sockets"}
        rows.append(Row(what["light"], "bare dump", every("light"), every("bare_light")))
        rows.append(Row(what["whole"], "bare dump", every("whole"), every("bare_whole")))
        rows.append(Row(what["light"], "/proc/net/tcp, parsed", every("light"), every("procfs")))
        for peer in passes[0]["peers"]:
            theirs = [found["peers"][peer] for found in passes]
            kind = "light" if peer == "ss -tan" else "whole"
            rows.append(Absent(what[kind], peer, "not installed") if None in theirs else Row(what[kind], peer, once(kind), theirs))
        rows.append(Row(f"heap allocations of a light tick, {sockets:,} sockets", "", common.medians(found["allocated_light"] for found in passes), [], unit="",
                        ratio=False))
    return rows


def measure_recording(sockets, rate, seconds, interval_s):
    """Percent of one processor, for the recorder and for as many polls with ss; the recorder's memory in MB."""
    churn = None
    with common.scratch_directory() as scratch, common.held_sockets(sockets):
        try:
            if rate:
                churn = subprocess.Popen([BIN / "netlog-churn", "--rate", str(rate), "--life-ms", "20", "--seconds", "300", "--truth",
                                          scratch / "truth.csv"], stdout=subprocess.DEVNULL)
            with common.recorder(scratch / "a.db", "--interval", f"{1000 * interval_s:.0f}ms") as process:
                time.sleep(3)  # the first poll, and its first sums
                before = common.own_cpu_s(process.pid)
                time.sleep(seconds)
                ours = 100 * (common.own_cpu_s(process.pid) - before) / seconds
                memory = common.memory_mb(process.pid)
            loop = subprocess.Popen(["timeout", "300", "bash", "-c", SS_LOOP, "bash", scratch / "ss.txt", str(interval_s)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                time.sleep(seconds)
            finally:
                loop.send_signal(signal.SIGTERM)
                _, _status, usage = os.wait4(loop.pid, 0)
                loop.returncode = 0
            polls = os.path.getsize(scratch / "ss.txt.polls")
            return {"ours": ours, "memory": memory, "ss": 100 * (usage.ru_utime + usage.ru_stime) / polls / interval_s}
        finally:
            if churn:
                churn.kill()
                churn.wait()


def recording(cases, seconds, repeats):
    rows = []
    for sockets, rate, interval_s in cases:
        found = [common.in_own_network(measure_recording, sockets, rate, seconds, interval_s) for _ in range(repeats)]
        what = f"recording, {1 / interval_s:g} polls/s, {sockets:,} sockets" + (f", {rate} connections/s" if rate else ", idle")
        rows.append(Row(what, "as many ss -tanp >>file", [run["ours"] for run in found], [run["ss"] for run in found], "% of a core"))
        rows.append(Row(f"its largest memory, {sockets:,} sockets" + (f", {rate} connections/s" if rate else ", idle"), "",
                        [run["memory"] for run in found], [], "MB", ratio=False))
    return rows


def measure_packets(kind, rate, seconds, is_recorded):
    """Percent of one processor that the whole machine spends while so many packets a second go over loopback."""
    with common.scratch_directory() as scratch:
        with common.recorder(scratch / "a.db") if is_recorded else contextlib.nullcontext():
            time.sleep(1)
            before = common.busy_s()
            done = subprocess.run([BIN / "netlog-bench-packets", kind, "--rate", str(rate), "--seconds", str(seconds)],
                                  stdout=subprocess.PIPE, check=True)
            busy = common.busy_s() - before
        if int(done.stdout) < 0.95 * rate * seconds:
            raise RuntimeError(f"{int(done.stdout)} packets of {rate * seconds:.0f}: this machine is too slow for the rate")
        return 100 * busy / seconds


def packets(rate, seconds, repeats):
    """Over loopback each packet is looked at twice: where it is sent, and where it is received."""
    rows = []
    for kind, what in (("connected", "datagrams of a connected socket"), ("unconnected", "datagrams of a socket that names each peer"),
                       ("tcp", "segments of TCP")):
        found = [[common.in_own_network(measure_packets, kind, rate, seconds, is_recorded) for is_recorded in (True, False)]
                 for _ in range(repeats)]
        rows.append(Row(f"the machine, {rate:,}/s {what}, sent and received", "without netlog", [run[0] for run in found],
                        [run[1] for run in found], "% of a core"))
    return rows


def links_ms():
    begun = time.process_time()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for descriptor in os.scandir(f"/proc/{pid}/fd"):
                os.readlink(descriptor.path)
        except OSError:
            pass  # the process has ended
    return 1e3 * (time.process_time() - begun)


def measure_owners(sockets, processes):
    with common.scratch_directory() as scratch, common.held_sockets(sockets, processes):
        return [{"tick": tick(scratch, 4), "links": links_ms(), "psutil": psutil_ms()} for _ in range(PASSES)]


def owners(sockets, processes):
    passes = common.in_own_network(measure_owners, sockets, processes, own_processes=True)
    what = f"owners of {sockets:,} sockets of {processes} processes"
    first = [found["tick"]["first"] / 1e3 for found in passes]
    after = [value / 1e3 for value in common.medians(found["tick"]["whole"] for found in passes)]
    rows = []
    for name, peer in (("links", "every /proc/*/fd link, in Python"), ("psutil", "psutil")):
        theirs = [found[name] for found in passes]
        for when, ours in (("with all owners found", first), ("a whole tick after that", after)):
            rows.append(Absent(f"{what}, {when}", peer, "not installed") if None in theirs else Row(f"{what}, {when}", peer, ours, theirs))
    return rows


def measure_ends():
    """Milliseconds from start to the first event of an open connection, and from SIGINT to the closed file."""
    with common.scratch_directory() as scratch, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        database = scratch / "a.db"
        begun = time.monotonic()
        with subprocess.Popen([BIN / "netlog", "record", "--db", database, "--log-level", "warn"]) as process:
            common.until(lambda: common.count(database, "events") > 0, process)
            first = time.monotonic() - begun
            time.sleep(1)
            begun = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(60)
            return {"first": 1e3 * first, "stop": 1e3 * (time.monotonic() - begun)}


def ends(repeats):
    found = [common.in_own_network(measure_ends) for _ in range(repeats)]
    return [Row("start to the first event in the file", "", [run["first"] for run in found], [], ratio=False),
            Row("stop to the file closed", "", [run["stop"] for run in found], [], ratio=False)]


def inner(repeats):
    """Time per socket of the inner loops of a tick, compared with a pass over the same bytes."""
    found = {}
    for _ in range(repeats):
        done = subprocess.run([BIN / "netlog-bench-inner", "--benchmark_format=json", "--benchmark_min_time=0.2"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True)
        for run in json.loads(done.stdout)["benchmarks"]:
            found.setdefault(tuple(run["name"].split("/")), []).append(1e9 / run["items_per_second"])
    rows = []
    for (loop, sockets), ours in found.items():
        if loop != "pass_over_bytes":
            what = f"{loop.replace('_', ' ')}, {int(sockets):,} sockets, each"
            rows.append(Row(what, "a pass over the bytes", ours, found["pass_over_bytes", sockets], "ns"))
    return rows
