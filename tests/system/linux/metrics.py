#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scrapes a recorder as Prometheus does, and attacks it: metrics.py NETLOG DASHBOARD

What it serves agrees with the recording. Clients that are slow, silent, many or that send garbage keep neither the recorder from recording nor
others from scraping, and a client that hangs does not keep it from ending. The queries of the dashboard name only what is served. promtool checks
the text and the queries where it is installed."""
import contextlib
import csv
import http.client
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LIMIT_S = 60
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? ([0-9.e+-]+)$')
LABEL = re.compile(r'([a-z]+)="([^"]*)"')
LABELS = {"direction", "outcome", "protocol", "reason", "source", "state", "version"}


def until(what, condition):
    """What the condition returns, once that is true."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"FAILED: not within {LIMIT_S} s: {what}")


def check(what, holds):
    if not holds:
        sys.exit(f"FAILED: {what}")


class Recorder:
    """A recorder that serves metrics at a free port, which its configuration asks for."""

    def __init__(self, netlog, folder):
        self.netlog, self.path, self.log = netlog, f"{folder}/a.db", f"{folder}/log"
        with open(f"{folder}/netlog.toml", "w", encoding="utf-8") as configuration:
            configuration.write("metrics = '127.0.0.1:0'\ninterval = '20ms'\n")
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen([netlog, "record", "--db", self.path, "--config", f"{folder}/netlog.toml"], stderr=log)
        self.address = until("an address in the log", self.find_address)

    def find_address(self):
        check(f"the recorder runs; its log: {self.log_text()}", self.process.poll() is None)
        found = re.search(r"metrics at http://(127\.0\.0\.1):([0-9]+)/metrics$", self.log_text(), re.M)
        return found and (found[1], int(found[2]))

    def log_text(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def get(self, target="/metrics", method="GET", body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=LIMIT_S)
        with contextlib.closing(connection):
            connection.request(method, target, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def text(self):
        status, text = self.get()
        check(f"the status is {status}", status == 200)
        return text

    def samples(self):
        """The values, by name and labels."""
        found = {}
        for line in self.text().splitlines():
            if not line.startswith("#"):
                name, labels, value = SAMPLE.match(line).groups()
                found[name, tuple(sorted(LABEL.findall(labels or "")))] = float(value)
        return found

    def sql(self, text):
        asked = subprocess.run([self.netlog, "sql", "--db", self.path, "--format", "csv", text], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               check=True, encoding="utf-8", timeout=LIMIT_S)
        return list(csv.reader(io.StringIO(asked.stdout, newline="")))[1:]

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            check("the recorder ends with 0", self.process.wait(LIMIT_S) == 0)
        except subprocess.TimeoutExpired:
            sys.exit(f"FAILED: the recorder has not ended {LIMIT_S} s after SIGTERM")


def sum_of(samples, name, **labels):
    """Of the samples with this name and these labels."""
    return sum(value for (found, pairs), value in samples.items() if found == name and labels.items() <= dict(pairs).items())


# What a metric counts: its name, its labels, and the same in SQL. Nothing that is counted becomes less.
COUNTS = [
    ("netlog_opened_connections_total", {"protocol": "tcp"}, "FROM connections WHERE protocol = 'tcp' AND opened_ns IS NOT NULL"),
    ("netlog_opened_connections_total", {"direction": "listen"}, "FROM connections WHERE direction = 'listen' AND opened_ns IS NOT NULL"),
    ("netlog_ended_connections_total", {"protocol": "tcp"}, "FROM connections WHERE protocol = 'tcp' AND closed_ns IS NOT NULL"),
    ("netlog_failed_connects_total", {"outcome": "refused"}, "FROM connections WHERE outcome = 'refused'"),
    ("netlog_gaps_total", {"source": "tick", "reason": "skipped ticks"}, "FROM gaps WHERE source = 'tick' AND reason = 'skipped ticks'"),
    ("netlog_written_events_total", {}, "FROM events"),
]


def recorded_counts(recorder):
    return [int(recorder.sql(f"SELECT count(*) AS n {question}")[0][0]) for _, _, question in COUNTS]


def served_counts(recorder):
    samples = recorder.samples()
    return [sum_of(samples, name, **labels) for name, labels, _ in COUNTS]


def check_agreement(recorder):
    """Each count that is served lies between one that was recorded before and one that was recorded after."""
    def reaches(least, counts):
        return counts if all(one >= other for one, other in zip(counts, least, strict=True)) else None

    before = recorded_counts(recorder)
    served = until(f"what is served reaches {before}", lambda: reaches(before, served_counts(recorder)))
    after = until(f"what is recorded reaches {served}", lambda: reaches(served, recorded_counts(recorder)))
    print(f"recorded {before}, then served {served}, then recorded {after}")


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def close_all(sockets):
    for one in sockets:
        one.close()


def make_traffic(recorder):
    """Closed, refused and open connections of ours. The open ones, which must be kept."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = [server]
    for number in range(23):
        pair = [socket.create_connection(server.getsockname()), server.accept()[0]]
        if number < 3:
            kept += pair
        else:
            close_all(pair)
    port = closed_port()
    for _ in range(7):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port)).close()
    until("our connections are served", lambda: sum_of(recorder.samples(), "netlog_ended_connections_total", protocol="tcp") >= 20)
    until("our refused connects are served", lambda: sum_of(recorder.samples(), "netlog_failed_connects_total", outcome="refused") >= 7)
    for direction in ("inbound", "outbound"):
        until(f"our {direction} ones that are open", lambda direction=direction: sum_of(
            recorder.samples(), "netlog_open_connections", protocol="tcp", direction=direction, state="ESTABLISHED") >= 3)
    return kept


def make_gap(recorder):
    recorder.process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)  # the ticks of this time are skipped
    recorder.process.send_signal(signal.SIGCONT)
    until("a gap of skipped ticks", lambda: sum_of(recorder.samples(), "netlog_gaps_total", source="tick", reason="skipped ticks") > 0)


def check_text(recorder):
    text = recorder.text()
    samples = recorder.samples()
    check("it has many samples", len(samples) > 50)
    check("labels are of a bounded set", {name for _, labels in samples for name, _ in labels} <= LABELS)
    values = {value for _, labels in samples for name, value in labels if name != "version"} - {"FIN_WAIT_1", "FIN_WAIT_2"}
    check(f"no label has an address or a port: {values}", not any(re.search(r"[0-9]", value) for value in values))
    check("the file has a size", sum_of(samples, "netlog_recording_size_bytes") > 4096)
    served = until("coverage is served", lambda: dict(recorder.samples()).get(("netlog_coverage_ratio", ())))
    check(f"the coverage is {served}", 0 < served <= 1)
    for (target, method), expected in {("/", "GET"): 404, ("/metrics/", "GET"): 404, ("/metrics", "POST"): 405, ("/metrics", "DELETE"): 405}.items():
        status, _ = recorder.get(target, method, body="x" if method == "POST" else None)
        check(f"{method} {target} answers {status}", status == expected)
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, encoding="utf-8", check=True, timeout=LIMIT_S)
        print("promtool has no complaint")
    else:
        print("promtool is not installed: it has not checked the text")


def check_dashboard(path, text):
    """Its queries name metrics that are served, with labels that they have, and promtool can read them."""
    with open(path, encoding="utf-8") as file:
        dashboard = json.load(file)
    served = set(re.findall(r"^# TYPE (\w+) ", text, re.M))
    labels = {(name, label) for name, pairs in re.findall(r"^(\w+)\{(.*)\} ", text, re.M) for label, _ in LABEL.findall(pairs)}
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    check("the dashboard has queries", len(queries) > 20)
    for query in [*queries, *(variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query")]:
        names = re.findall(r"\bnetlog_\w+", query)
        check(f"each metric is served: {query}", names and set(names) <= served)
        # `instance` is Prometheus' own label.
        wanted = set(re.findall(r"(\w+)!?=~?\"", query)) | {
            word for words in re.findall(r"by \(([^)]*)\)", query) for word in re.findall(r"\w+", words)}
        check(f"each label is served: {query}", all((names[0], label) in labels for label in wanted - {"instance"}))
    unused = served - {name for query in queries for name in re.findall(r"\bnetlog_\w+", query)} - {"netlog_start_time_seconds"}
    check(f"the dashboard shows each metric: {unused}", not unused)
    places = [(grid["x"], grid["y"]) for grid in (panel["gridPos"] for panel in dashboard["panels"])]
    check("each panel has a place and a number of its own",
          len(set(places)) == len(places) == len({panel["id"] for panel in dashboard["panels"]}))
    if shutil.which("promtool"):
        with tempfile.NamedTemporaryFile("w", suffix=".yml", encoding="utf-8") as rules:  # JSON is YAML
            json.dump({"groups": [{"name": "dashboard", "rules": [
                {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "1m")} for number, query in enumerate(queries)]}]}, rules)
            rules.flush()
            subprocess.run(["promtool", "check", "rules", rules.name], stdout=subprocess.DEVNULL, check=True, timeout=LIMIT_S)
        print(f"promtool has read {len(queries)} queries of the dashboard")


def connect(address):
    """Without waiting for the end of the handshake."""
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(address)
    return client


def flood(address):
    """Connects thousands of times, and resets half of the connections."""
    clients = []
    for _ in range(5_000):
        client = connect(address)
        if len(clients) % 2:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        clients.append(client)
        if len(clients) == 100:
            close_all(clients)
            clients = []


def send(client, data):
    with contextlib.suppress(OSError):  # it may not be connected yet, or not any more
        client.send(data)


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def attack(recorder):
    """The recorder goes on ticking and recording, and answers afterwards."""
    before = recorder.samples()
    usual = descriptors(recorder.process)
    silent = [connect(recorder.address) for _ in range(40)]
    garbage = [b"\x16\x03\x01\x02\x00\x01\x00", b"GET " + b"/" * 100_000, b"\r\n" * 5_000, b"GET /metrics HTTP/1.1\r\nX: ", b"\0" * 10_000,
               b"GET /metrics HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    for number, client in enumerate(silent):
        send(client, garbage[number % len(garbage)])
    check("others are answered meanwhile", sum_of(recorder.samples(), "netlog_ticks_total") > 0)
    thread = threading.Thread(target=flood, args=(recorder.address,))
    thread.start()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        close_all([socket.create_connection(server.getsockname()), server.accept()[0]])
    most = descriptors(recorder.process)
    while thread.is_alive():
        most = max(most, descriptors(recorder.process))
        thread.join(0.01)
    check(f"few connections are open at once: {usual} descriptors, then {most}", most < usual + 20)
    until("a connection during the flood is recorded",
          lambda: recorder.sql(f"SELECT id FROM connections WHERE remote_port = {port} AND closed_ns IS NOT NULL"))
    check("the recorder still runs", recorder.process.poll() is None)
    after = recorder.samples()
    check("it has ticked", sum_of(after, "netlog_ticks_total") > sum_of(before, "netlog_ticks_total"))
    late, skipped = (sum_of(after, f"netlog_{name}_ticks_total") - sum_of(before, f"netlog_{name}_ticks_total") for name in ("late", "skipped"))
    print(f"attacked: {sum_of(after, 'netlog_ticks_total') - sum_of(before, 'netlog_ticks_total'):.0f} ticks, {late:.0f} late, {skipped:.0f} skipped")
    close_all(silent)


def can_run(netlog, user):
    """Whether this user reaches the file; others may not enter root's folders."""
    with contextlib.suppress(PermissionError):
        return subprocess.run([netlog, "--version"], user=user, check=False, stdout=subprocess.DEVNULL).returncode == 0
    return False


def check_refusals(netlog, folder, address):
    """What cannot be served is said before there is a recording."""
    taken = f"{address[0]}:{address[1]}"
    cases = [
        (["--metrics", taken], 1, f"netlog record: cannot serve metrics at {taken}: Address already in use; "
                                  "stop the program that listens there, or name another port with --metrics\n", None),
        (["--metrics", "192.0.2.1:9473"], 1, "netlog record: cannot serve metrics at 192.0.2.1:9473: Cannot assign requested address; "
                                             "name an address of this host with --metrics, or 0.0.0.0 for all of them\n", None),
        (["--metrics", "9473"], 2, "netlog record: --metrics '9473' is not an address with a port, such as 127.0.0.1:9473 or [::1]:9473\n", None),
    ]
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="utf-8") as file:
        first = int(file.read())
    user = 65534 if os.getuid() == 0 else os.getuid()
    if first > 1 and can_run(netlog, user):
        cases.append((["--metrics", "127.0.0.1:1"], 1, "netlog record: cannot serve metrics at 127.0.0.1:1: Permission denied; "
                                                       "name a port of 1024 or above with --metrics\n", user))
    else:
        print("not tried: a port that only root may have")
    for options, code, message, user in cases:
        path = f"{folder}/b.db"
        asked = subprocess.run([netlog, "record", "--db", path, "--duration", "1s", *options], stderr=subprocess.PIPE, check=False, encoding="utf-8",
                               timeout=LIMIT_S, user=user)
        check(f"{options}: {asked.returncode}, {asked.stderr!r}", (asked.returncode, asked.stderr.split("\n", 1)[0] + "\n") == (code, message))
        check(f"{options} leaves no file", not os.path.exists(path))
    asked = subprocess.run([netlog, "record", "--source", "capture:x", "--metrics", "127.0.0.1:0"], stderr=subprocess.PIPE, check=False,
                           encoding="utf-8", timeout=LIMIT_S)
    check(f"a replay has no metrics: {asked.stderr}", asked.returncode == 2)


def main():
    netlog, dashboard = (os.path.abspath(path) for path in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(netlog, folder)
        try:
            kept = make_traffic(recorder)
            make_gap(recorder)
            check_agreement(recorder)
            check_text(recorder)
            check_dashboard(dashboard, recorder.text())
            check_refusals(netlog, folder, recorder.address)
            attack(recorder)
            check_agreement(recorder)
            hanging = [socket.create_connection(recorder.address) for _ in range(12)]
            for client in hanging[::2]:
                client.send(b"GET /metrics HT")
            recorder.end()
            close_all(hanging + kept)
        finally:
            recorder.process.kill()
            recorder.process.wait()
        check(f"the log has no error: {recorder.log_text()}", " error " not in recorder.log_text())
        subprocess.run([netlog, "check", "--db", recorder.path], check=True, stdout=subprocess.DEVNULL, timeout=LIMIT_S)


main()
