# SPDX-License-Identifier: MIT
"""Short connections: the share that is seen with its process, and what one costs the whole machine."""
import contextlib
import csv
import re
import sqlite3
import subprocess
import time

import common
from common import BIN, Absent, Row

CONNTRACK = r"\[NEW\] tcp .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)"
TRACK = "add table inet t; add chain inet t c { type filter hook input priority 0; }; add rule inet t c ct state invalid accept"


def truth_of(path):
    with open(path, newline="", encoding="ascii") as file:
        return {(row["local_address"], int(row["local_port"]), row["remote_address"], int(row["remote_port"])): int(row["pid"])
                for row in csv.DictReader(file)}


def ends_in_recording(path):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    rows = database.execute("SELECT local_address, local_port, remote_address, remote_port, pid FROM connections"
                            " WHERE protocol = 'tcp' AND direction <> 'listen'")
    return {tuple(row[:4]): row[4] for row in rows}


def sources_of(path):
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT sources FROM sessions").fetchone()[0]


def endpoint(text):
    address, port = text.rsplit(":", 1)
    return address.strip("[]"), int(port)


def ends_in_ss(path):
    reported = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.split()
            if len(words) >= 5 and words[1].isdigit() and not words[4].endswith(":*"):
                pid = re.search(r"pid=(\d+)", line)
                reported[endpoint(words[3]) + endpoint(words[4])] = int(pid[1]) if pid else None
    return reported


def ends_in_conntrack(path):
    reported = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for source, target, source_port, target_port in re.findall(CONNTRACK, file.read()):
            reported[(source, int(source_port), target, int(target_port))] = None
            reported[(target, int(target_port), source, int(source_port))] = None
    return reported


@contextlib.contextmanager
def writing(command, path):
    with open(path, "wb") as file, subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL) as process:
        time.sleep(0.5)  # it does not report when it is ready
        try:
            yield process
        finally:
            process.terminate()


WATCHERS = {
    "netlog": lambda scratch: common.recorder(scratch / "reported"),
    "netlog, polling only": lambda scratch: common.recorder(scratch / "reported", "--source", "poll"),
    "ss -E": lambda scratch: writing(["stdbuf", "-oL", "ss", "-E", "-tanpO"], scratch / "reported"),
    "conntrack -E": lambda scratch: writing(["conntrack", "-E", "-p", "tcp"], scratch / "reported"),
}


def ends_reported_by(watcher, path):
    return {"ss -E": ends_in_ss, "conntrack -E": ends_in_conntrack}.get(watcher, ends_in_recording)(path)


def churn(scratch, rate, life_ms, seconds):
    subprocess.run([BIN / "netlog-churn", "--rate", str(rate), "--life-ms", str(life_ms), "--seconds", str(seconds), "--truth",
                    scratch / "truth.csv"], stdout=subprocess.DEVNULL, check=True)


def measure_seen(watcher, rate, life_ms, seconds):
    """Percent of the ends that were reported, and with the right process; microseconds a connection cost the machine."""
    if watcher == "conntrack -E":
        subprocess.run(["nft", TRACK], check=True)
    with common.scratch_directory() as scratch:
        with WATCHERS[watcher](scratch) if watcher else contextlib.nullcontext():
            time.sleep(1)
            before = common.busy_s()
            churn(scratch, rate, life_ms, seconds)
            time.sleep(1.3)  # what is reported or written later counts, too
            busy = common.busy_s() - before
        truth = truth_of(scratch / "truth.csv")
        reported = ends_reported_by(watcher, scratch / "reported") if watcher else {}
        return {"sources": sources_of(scratch / "reported") if watcher.startswith("netlog") else "",
                "seen": 100 * sum(end in reported for end in truth) / len(truth),
                "named": 100 * sum(reported.get(end) == pid for end, pid in truth.items()) / len(truth),
                "cost": 1e6 * busy / (len(truth) / 2)}


def absent(watcher):
    why = common.missing(watcher.split()[0]) if watcher != "netlog" and not watcher.startswith("netlog,") else None
    return why or (common.missing("nft") if watcher == "conntrack -E" else None)


def shares(cases, seconds):
    rows = []
    for rate, life_ms in cases:
        found = {watcher: common.in_own_network(measure_seen, watcher, rate, life_ms, seconds)
                 for watcher in WATCHERS if not absent(watcher)}
        what = f"{rate:,}/s of {life_ms:g} ms"
        ours = found.pop("netlog")
        what += f", from {ours['sources']}"
        for watcher in [name for name in WATCHERS if name != "netlog"]:
            if absent(watcher):
                rows.append(Absent(f"seen with the right process, {what}", watcher, absent(watcher)))
                continue
            theirs = found[watcher]
            rows.append(Row(f"seen, {what}", watcher, [ours["seen"]], [theirs["seen"]], "%"))
            rows.append(Row(f"seen with the right process, {what}", watcher, [ours["named"]], [theirs["named"]], "%"))
    rows.append(Absent("seen with the right process", "tcplife (bcc)", tcplife()))
    return rows


def tcplife():
    """Why tcplife cannot be compared. That of bcc needs kernel headers, that of libbpf-tools a tracepoint."""
    if common.missing("tcplife"):
        return common.missing("tcplife")
    done = subprocess.run(["timeout", "3", "tcplife"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    failed = [line for line in done.stderr.splitlines() if "failed" in line]
    return failed[0][:90] if failed else "runs here; no comparison exists"


def costs(rate, life_ms, seconds, repeats):
    rows = []
    found = {watcher: [] for watcher in WATCHERS if not absent(watcher)}
    for _ in range(repeats):
        without = common.in_own_network(measure_seen, "", rate, life_ms, seconds)["cost"]
        for watcher, runs in found.items():
            runs.append(common.in_own_network(measure_seen, watcher, rate, life_ms, seconds)["cost"] - without)
    what = f"CPU that a short connection costs more, {rate:,}/s of {life_ms:g} ms"
    for watcher in [name for name in WATCHERS if name != "netlog"]:
        if watcher not in found:
            rows.append(Absent(what, watcher, absent(watcher)))
        else:
            # Without a measurable cost there is no ratio.
            rows.append(Row(what, watcher, found["netlog"], found[watcher], "us", ratio=min(found[watcher]) > 0))
    return rows
