#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads exports back with readers that are not netlog's: exports.py NETLOG

A process with a hostile name makes connections. Every format has as many of them as the recording, with that name. Graphviz, tcpdump, tshark
and promtool are asked where they are installed."""
import codecs
import contextlib
import csv
import ctypes
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

NAME = 'a\t"b\\\x1b[3\n;#'  # the kernel keeps 15 bytes
PR_SET_NAME = 15


def record(netlog, path):
    with subprocess.Popen([netlog, "record", "--db", path, "--source", "poll", "--interval", "20ms", "--log-level", "warn"]) as recorder:
        count = 0
        ctypes.CDLL(None).prctl(PR_SET_NAME, NAME.encode(), 0, 0, 0)
        server = socket.create_server(("127.0.0.1", 0))
        held = []
        for _ in range(500):  # until the recorder has seen a few
            held += [socket.create_connection(server.getsockname()), server.accept()[0]]
            time.sleep(0.05)
            try:
                count = int(query(netlog, path, f"SELECT count(*) AS n FROM connections WHERE process = '{NAME}' AND remote IS NOT NULL"))
            except (subprocess.CalledProcessError, ValueError):
                continue  # no file yet
            if count > 3:
                break
        recorder.terminate()
        assert recorder.wait(60) == 0 and count > 3


def follow(netlog, path, folder):
    """Each format of rows while it is recorded: what ends after the beginning has a row, once, with the fields of an export."""
    formats = ("ecs", "zeek", "zeek-json", "csv")
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    files = {name: f"{folder}/followed.{name}" for name in formats}
    with subprocess.Popen([netlog, "record", "--db", path, "--source", "poll", "--interval", "20ms", "--log-level", "warn"]) as recorder:
        until("the first tick is on record", lambda: query(netlog, path, "SELECT count(*) AS n FROM sessions WHERE ticks > 0") != "0")
        followers = []
        for name, file in files.items():
            with open(file, "wb") as out:
                followers.append(subprocess.Popen([netlog, "tail", "-f", "-n", "0", "--as", name, "--db", path, "--port", str(port)], stdout=out))
        kept = [socket.create_connection(server.getsockname()), server.accept()[0]]

        def is_followed():
            pair = [socket.create_connection(server.getsockname()), server.accept()[0]]
            time.sleep(0.05)  # some intervals, so that it is seen
            for one in pair:
                one.close()
            return all(len(rows_of(name, file)) > 20 for name, file in files.items())

        until("each format has rows", is_followed)
        rows = {name: rows_of(name, file) for name, file in files.items()}
        for follower in followers:
            follower.terminate()
            follower.wait(60)
        recorder.terminate()
        same("the end of the recorder", recorder.wait(60), 0)
    for name, uid in (("ecs", "event.id"), ("zeek", "uid"), ("zeek-json", "uid"), ("csv", "id")):
        ids = [row[uid] for row in rows[name]]
        same(f"ids of {name} that are there twice", len(ids) - len(set(ids)), 0)
    same("open connections in ecs", [row for row in rows["ecs"] if row["netlog.outcome"] == "open"], [])
    ids = ", ".join(row["id"] for row in rows["csv"])
    same("rows of csv that ended", int(query(netlog, path, f"SELECT count(*) AS n FROM connections WHERE id IN ({ids}) AND closed_ns IS NOT NULL")),
         len(rows["csv"]))
    kept_ports = {kept[0].getsockname()[1]}
    same("ends of the connection that was open", [row for row in rows["csv"] if {int(row["local_port"]), int(row["remote_port"] or 0)} & kept_ports], [])
    for one in (*kept, server):
        one.close()
    return len(rows["csv"])


def rows_of(name, file):
    """The whole rows of a file that is being written."""
    with open(file, encoding="utf-8", newline="") as text:
        lines = [line for line in text.read().splitlines(keepends=True) if line.endswith("\n")]
    if name == "csv":
        return list(csv.DictReader(lines))
    if name == "zeek":
        fields = [line.rstrip("\n").split("\t")[1:] for line in lines if line.startswith("#fields")]
        return [dict(zip(fields[0], line.rstrip("\n").split("\t"), strict=True)) for line in lines if not line.startswith("#")]
    return [json.loads(line) for line in lines]


def until(what, condition):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(subprocess.CalledProcessError):  # no file yet
            if condition():
                return
        time.sleep(0.05)
    sys.exit(f"FAILED: not within 60 s: {what}")


def lines_of(netlog, path, sql):
    return subprocess.run([netlog, "sql", "--db", path, "--format", "csv", sql], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
                          encoding="utf-8").stdout.split("\n")


def query(netlog, path, sql):
    return lines_of(netlog, path, sql)[1]


def same(what, got, expected):
    assert got == expected, f"{what}: {got!r} instead of {expected!r}"


def check_display_filter(netlog, path, capture):
    """Of a capture with one connection of the recording in both directions, and with another one, it selects the first."""
    port = int(query(netlog, path, f"SELECT local_port AS n FROM connections WHERE process = '{NAME}' AND direction = 'outbound' LIMIT 1"))
    peer = int(query(netlog, path, f"SELECT remote_port AS n FROM connections WHERE local_port = {port} AND direction = 'outbound'"))
    loopback = socket.inet_aton("127.0.0.1")
    with open(capture, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))  # LINKTYPE_RAW
        for source, target in ((port, peer), (peer, port), (port, peer ^ 1)):
            ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0, loopback, loopback)
            tcp = struct.pack(">HHIIBBHHH", source, target, 1, 0, 0x50, 0x10, 1024, 0, 0)
            file.write(struct.pack("<IIII", 0, 0, 40, 40) + ip + tcp)
    wanted = subprocess.run([netlog, "export", "--db", path, "--as", "display-filter", "--port", str(port)], stdout=subprocess.PIPE, check=True).stdout
    packets = subprocess.run(["tshark", "-r", capture, "-Y", wanted.decode().strip()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    same("packets that the display filter selects", len(packets.stdout.splitlines()), 2)


def main():
    netlog = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.db"
        record(netlog, path)
        all_rows, peers, named, sent = (int(query(netlog, path, f"SELECT {sql} AS n FROM connections")) for sql in (
            "count(*)", "sum(direction <> 'listen' AND (protocol = 'tcp' OR remote IS NOT NULL))",
            f"sum(process = '{NAME}' AND direction <> 'listen')", "sum(coalesce(bytes_sent, 0))"))

        def export(name):
            return subprocess.run([netlog, "export", "--db", path, "--as", name], stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")

        rows = [json.loads(line) for line in export("ecs").splitlines()]
        same("rows of ecs", len(rows), all_rows)
        same("names in ecs", sum(row.get("process.name") == NAME and "connection" in row["event.type"] for row in rows), named)
        rows = [json.loads(line) for line in export("zeek-json").splitlines()]
        same("rows of zeek-json", len(rows), peers)
        same("names in zeek-json", sum(row.get("process") == NAME for row in rows), named)
        lines = export("zeek").split("\n")
        fields = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
        rows = [dict(zip(fields, line.split("\t"), strict=True)) for line in lines if line and not line.startswith("#")]
        same("rows of zeek", len(rows), peers)
        same("names in zeek", sum(codecs.decode(row["process"], "unicode_escape") == NAME for row in rows), named)
        rows = list(csv.DictReader(export("csv").splitlines(keepends=True)))
        same("rows of csv", len(rows), all_rows)
        view = lines_of(netlog, path, "SELECT * FROM connections LIMIT 0")[0].rstrip("\r").split(",")
        same("columns that csv lacks", set(view) - set(rows[0]), set())
        same("names in csv", sum(row["process"] == NAME and row["direction"] != "listen" for row in rows), named)
        same("bytes in csv", sum(int(row["bytes_sent"] or 0) for row in rows), sent)
        open_events = set()
        for event in json.loads(export("perfetto"))["traceEvents"]:
            if event["ph"] in "be":
                open_events ^= {(event["cat"], event["id"], event["pid"], event["name"])}
        same("open events of perfetto", open_events, set())
        for name, command in (("dot", ["dot", "-Tcanon"]), ("prometheus", ["promtool", "check", "metrics"])):
            if shutil.which(command[0]):
                subprocess.run(command, input=export(name), encoding="utf-8", stdout=subprocess.DEVNULL, check=True)
        if shutil.which("tcpdump"):
            subprocess.run(["tcpdump", "-y", "EN10MB", "-d", export("pcap-filter")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        if shutil.which("tshark"):
            check_display_filter(netlog, path, f"{folder}/c.pcap")
        followed = follow(netlog, f"{folder}/b.db", folder)
        for options in (["--as", "dot"], ["--as", "csv", "--kind", "close"], ["--as", "csv", "--format", "json"]):
            asked = subprocess.run([netlog, "tail", "--db", path, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            same(f"the status of tail {options}", asked.returncode, 2)
        last = subprocess.run([netlog, "tail", "--db", f"{folder}/b.db", "--as", "ecs", "-n", "3"], stdout=subprocess.PIPE, check=True, encoding="utf-8").stdout
        same("the last that ended", len([json.loads(line) for line in last.splitlines()]), 3)
        print(f"{followed} connections were followed")
        print(f"{all_rows} rows, {named} of them with the hostile name, were read back")


main()
