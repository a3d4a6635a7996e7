#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a server has after `netlog ship` is what the recording has: ship.py NETLOG

A server of this test fails in all ways that a network and a server can. Where clickhouse-server is installed, a real one is killed and
started again, too."""
import concurrent.futures
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

from fake_clickhouse import Server

NAME = 'a\t"b\\\'`\x1b[3\n'  # the kernel keeps 15 bytes
PR_SET_NAME = 15
LIMIT_S = 60
SECRET = "s3cret of the fleet"
VIEWS = {"connections": "id", "sessions": "id", "gaps": "id", "coverage": "from_ns, netns"}
# Columns that a view on the server computes from others; their tables do not have them.
COMPUTED = {"opened_at", "closed_at", "local", "remote", "started_at", "ended_at", "from_at", "to_at", "percent"}
FAULTS = ["cut request", "cut answer", "delivered twice", "slow", "memory limit", "bad gateway", "page of a proxy", "garbage",
          "endless header", "endless answer"]


def same(what, got, expected):
    assert got == expected, f"{what}: {got!r} instead of {expected!r}"


def wait(what, condition):
    end = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end, f"not within {LIMIT_S} s: {what}"
        time.sleep(0.02)


class Recording:
    """A recorder that sees connections of a process with a hostile name."""

    def __init__(self, netlog, path):
        self.netlog, self.path = netlog, path
        self.made, self.held, self.server = 0, [], socket.create_server(("127.0.0.1", 0))
        ctypes.CDLL(None).prctl(PR_SET_NAME, NAME.encode(), 0, 0, 0)
        self.start()

    def start(self):
        self.recorder = subprocess.Popen([self.netlog, "record", "--db", self.path, "--source", "poll", "--interval", "10ms", "--log-level",
                                          "warn"])

    def connect(self, count):
        """Until so many connections more are on record; every second one is closed."""
        expected = self.count() + count

        def connect_one():
            client, accepted = socket.create_connection(self.server.getsockname()), self.server.accept()[0]
            self.made += 1
            if self.made % 2:
                self.held += [client, accepted]
            return self.count() >= expected
        wait("connections on record", connect_one)

    def count(self):
        with contextlib.suppress(sqlite3.Error):
            return self.query(f"SELECT count(*) FROM connections WHERE local_port = {self.server.getsockname()[1]} OR "
                              f"remote_port = {self.server.getsockname()[1]}")[0][0]
        return 0

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as file:
            return file.execute(sql).fetchall()

    def columns(self, view):
        with contextlib.closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as file:
            return [column[0] for column in file.execute(f"SELECT * FROM {view} LIMIT 0").description]

    def stop(self):
        self.recorder.send_signal(signal.SIGTERM)
        same("exit code of the recorder", self.recorder.wait(LIMIT_S), 0)


class Shippers:
    def __init__(self, netlog, path, url, options=()):
        self.words = [netlog, "ship", "--to", url, *options]
        self.path = path

    def start(self, *options, stderr=subprocess.DEVNULL):
        return subprocess.Popen([*self.words, "--db", self.path, *options], stdout=subprocess.PIPE, stderr=stderr)

    def run(self, *options, expected=0, database=True, environment=None):
        done = subprocess.run([*self.words, *(["--db", self.path] if database else []), *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=LIMIT_S, check=False, env=environment)
        message = done.stderr.decode("utf-8")
        same(f"exit code ({message.strip()})", done.returncode, expected)
        assert SECRET not in message and "\x1b" not in message, message
        return message

    def init(self):
        self.run("--init", database=False)


def compare(recording, tables):
    """Each row of each view, in all columns that the server's tables have."""
    for view, order in VIEWS.items():
        columns = ", ".join(f"{column}" for column in recording.columns(view) if column not in COMPUTED)
        table = {"connections": "connection_rows", "sessions": "session_rows", "gaps": "gap_rows", "coverage": "coverage_rows"}[view]
        same(f"rows of {view}", tables.query(f"SELECT {columns} FROM {table} WHERE {'id > 0' if view == 'gaps' else '1'} ORDER BY {order}"),
             recording.query(f"SELECT {columns} FROM {view} ORDER BY {order}"))


def try_faults(netlog, recording, kinds):
    server = Server()
    shippers = Shippers(netlog, recording.path, f"clickhouse://127.0.0.1:{server.port}/fleet", ["--timeout", "1s"])
    message = shippers.run(expected=1)
    assert "has no tables of this netlog" in message, message
    shippers.init()
    shippers.init()  # once more changes nothing
    for kind in kinds:
        server.fault(kind)
        server.tables.query("DELETE FROM position_rows")
        shippers.run()
        compare(recording, server.tables)
    same("faults that were met", server.met, kinds)
    server.tables.query("UPDATE netlog_schema SET version = 2")
    for options in (["--init"], []):
        message = shippers.run(*options, expected=1)
        assert "have version 2, this netlog knows 1" in message and message.count("\n") == 1, message
    server.close()


def try_kills(netlog, recording):
    """A shipper is killed at each insertion of connections, and the server goes away while another one ships."""
    server = Server()
    port = server.port
    shippers = Shippers(netlog, recording.path, f"clickhouse://127.0.0.1:{port}/fleet")
    shippers.init()
    for _ in range(3):
        shipper = None
        server.on_insert = lambda: (wait("the shipper is known", lambda: shipper), shipper.kill())  # pylint: disable=cell-var-from-loop
        shipper = shippers.start()
        same("exit code of a killed shipper", shipper.wait(LIMIT_S), -signal.SIGKILL)
        shipper.stdout.close()
        shipper = None
    server.on_insert = lambda: None
    server.close()
    with shippers.start(stderr=subprocess.PIPE) as shipper:
        assert b"trying again" in shipper.stderr.readline()
        server = Server(server.tables, port)
        same("exit code after the server was away", shipper.wait(LIMIT_S), 0)
    compare(recording, server.tables)
    server.close()


def try_following(netlog, recording):
    """Two shippers follow a recording that grows; one is ended, one is killed, and the recorder begins a new session."""
    server = Server()
    shippers = Shippers(netlog, recording.path, f"clickhouse://127.0.0.1:{server.port}/fleet", ["--interval", "50ms"])
    shippers.init()
    with shippers.start("--follow") as first, shippers.start("--follow") as second:
        assert first.stdout.readline() and second.stdout.readline()
        recording.connect(40)
        recording.stop()
        recording.start()
        recording.connect(40)
        known = recording.query("SELECT max(id) FROM connections")[0][0]
        wait("what was recorded is on the server", lambda: server.tables.query("SELECT max(id) FROM connection_rows")[0][0] >= known)
        second.kill()
        first.terminate()
        same("exit code of a shipper that was ended", first.wait(LIMIT_S), 0)
    recording.stop()
    shippers.run()
    compare(recording, server.tables)
    same("recordings", server.tables.query("SELECT count(DISTINCT recording) FROM session_rows"), [(1,)])
    server.close()


CONFIGURATION = """<yandex><logger><level>error</level><log>{0}/log</log><errorlog>{0}/errors</errorlog></logger>
<http_port>{1}</http_port><listen_host>127.0.0.1</listen_host><path>{0}/data/</path><tmp_path>{0}/tmp/</tmp_path>
<user_files_path>{0}/files/</user_files_path><format_schema_path>{0}/schemas/</format_schema_path>
<users_config>{0}/users.xml</users_config><timezone>UTC</timezone><mark_cache_size>1000000</mark_cache_size>
<default_profile>default</default_profile><default_database>default</default_database></yandex>"""
USERS = """<yandex><profiles><default/></profiles><quotas><default/></quotas><users><default><password/><profile>default</profile>
<quota>default</quota><networks><ip>127.0.0.1</ip></networks></default></users></yandex>"""
# The same text is asked of the file and of the server.
QUERIES = [
    "SELECT count(*) FROM connections",
    "SELECT outcome, count(*) AS n, sum(bytes_sent) FROM connections GROUP BY outcome ORDER BY outcome",
    "SELECT process, count(*) AS n, max(duration_ns) FROM connections WHERE process IS NOT NULL GROUP BY process ORDER BY process",
    "SELECT remote, count(*) AS n FROM connections WHERE remote IS NOT NULL GROUP BY remote ORDER BY n DESC, remote LIMIT 5",
    "SELECT id, local, remote, opened_at, closed_at FROM connections WHERE direction = 'outbound' AND closed_ns IS NOT NULL ORDER BY id",
    "SELECT direction, state, count(*) AS n FROM connections WHERE state IS NOT NULL GROUP BY direction, state ORDER BY direction, state",
    "SELECT min(first_seen_ns), max(last_seen_ns), max(closed_ns - first_seen_ns) FROM connections",
    "SELECT reason, count(*) AS n, sum(to_ns - from_ns) FROM gaps WHERE source <> 'ship' GROUP BY reason ORDER BY reason",
    "SELECT host, count(*) AS n, max(last_alive_ns), sum(ticks) FROM sessions GROUP BY host",
    "SELECT sum(kernel_opens), sum(recorded_opens), count(*) FROM coverage",
]


class ClickHouse:
    """The installed server, with data of its own."""

    def __init__(self, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.folder = folder
        os.makedirs(folder)
        for name, text in (("config.xml", CONFIGURATION.format(folder, self.port)), ("users.xml", USERS)):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        self.start()

    def start(self):
        self.process = subprocess.Popen([shutil.which("clickhouse-server"), f"--config-file={self.folder}/config.xml"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait("clickhouse-server answers", lambda: self.process.poll() is not None or self.answers())
        assert self.process.poll() is None, "clickhouse-server ended"

    def answers(self):
        with contextlib.suppress(OSError):
            return self.query("SELECT 1") == [(1,)]
        return False

    def query(self, sql):
        url = f"http://127.0.0.1:{self.port}/?output_format_json_quote_64bit_integers=0&wait_end_of_query=1"
        sql = re.sub(r"FROM (\w+)", r"FROM fleet.\1", sql)
        with urllib.request.urlopen(url, f"{sql} FORMAT JSONCompact".encode(), timeout=LIMIT_S) as answer:
            return [tuple(row) for row in json.load(answer)["data"]]

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT_S)


def compare_views(recording, server):
    """All columns of the views, also those that the server computes."""
    for view, order in VIEWS.items():
        sql = f"SELECT {', '.join(f'`{column}`' for column in recording.columns(view))} FROM {view} WHERE source <> 'ship' ORDER BY {order}"
        sql = sql if view == "gaps" else sql.replace(" WHERE source <> 'ship'", "")
        same(f"rows of {view} on clickhouse-server", server.query(sql), recording.query(sql))
    for sql in QUERIES:
        same(sql, server.query(sql), recording.query(sql))


def check_documents(server, host, root):
    """The page's query of both ends, and the queries of the dashboard, with what Grafana's plugin puts into them."""
    with open(f"{root}/docs/fleet.md", encoding="utf-8") as page:
        both_ends = re.search(r"^    SELECT client_host.*?DESC$", page.read(), re.M | re.S)[0]
    pairs = server.query(both_ends.replace("\n", " "))
    assert pairs and {(pair[0], pair[2]) for pair in pairs} == {(host, host)}, pairs
    assert all(abs(pair[5]) <= pair[6] + 1000 for pair in pairs), pairs  # one clock
    with open(f"{root}/packaging/grafana/netlog-fleet.json", encoding="utf-8") as file:
        dashboard = json.load(file)
    queries = {panel["title"]: panel["targets"][0]["rawSql"] for panel in dashboard["panels"] if panel["type"] != "row"}
    now = int(time.time())
    for title, query in queries.items():
        for name, value in (("${host:singlequote}", f"'{host}'"), ("$__fromTime", f"toDateTime({now - 3600})"), ("$__toTime", f"toDateTime({now})"),
                            ("$__interval_s", "60")):
            query = query.replace(name, value)
        query = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 >= toDateTime({now - 3600}) AND \1 <= toDateTime({now})", query)
        rows = server.query(query)
        assert rows or title in ("Gaps", "Failed connects", "Failed connects in an interval", "Left in CLOSE_WAIT"), title
    same("hosts of the dashboard's variable", server.query(dashboard["templating"]["list"][1]["query"]), [(host,)])
    print(f"clickhouse-server has answered {len(queries)} queries of the dashboard")


def try_clickhouse(netlog, recording, folder):
    """The server is killed while two shippers follow, and started again."""
    if not shutil.which("clickhouse-server"):
        print("not tried without clickhouse-server: a real server")
        return
    server = ClickHouse(f"{folder}/clickhouse")
    try:
        shippers = Shippers(netlog, recording.path, f"clickhouse://127.0.0.1:{server.port}/fleet", ["--interval", "50ms"])
        shippers.init()
        shippers.init()
        shippers.run()
        compare_views(recording, server)
        recording.start()
        with shippers.start("--follow") as first, shippers.start("--follow") as second:
            assert first.stdout.readline() and second.stdout.readline()
            recording.connect(20)
            server.kill()
            recording.connect(20)
            server.start()
            known = recording.query("SELECT max(id) FROM connections")[0][0]
            wait("what was recorded is on the server", lambda: server.query("SELECT max(id) FROM connections")[0][0] >= known)
            second.kill()
            first.terminate()
            same("exit code of a shipper that was ended", first.wait(LIMIT_S), 0)
        recording.stop()
        shippers.run()
        compare_views(recording, server)
        check_documents(server, recording.query("SELECT host FROM sessions LIMIT 1")[0][0], os.path.join(os.path.dirname(__file__), "../../.."))
        rows = server.query("SELECT count() FROM connection_rows")[0][0]
        print(f"clickhouse-server has {rows} rows of {len(recording.query('SELECT id FROM connections'))} connections")
    finally:
        server.kill()


def try_credentials(netlog, recording, folder):
    server = Server(password=SECRET)
    url = f"clickhouse://127.0.0.1:{server.port}/fleet"
    password = f"{folder}/password"
    with open(os.open(password, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as file:
        file.write(SECRET + "\n")
    shippers = Shippers(netlog, recording.path, url, ["--password-file", password])
    shippers.init()
    words = b""

    def look():
        nonlocal words
        with open(f"/proc/{shipper.pid}/cmdline", "rb") as file:
            words += file.read()
    server.on_insert = lambda: (wait("the shipper is known", lambda: shipper), look())
    shipper = None
    shipper = shippers.start()
    shipper.communicate(timeout=LIMIT_S)
    assert words and SECRET.encode() not in words, words
    compare(recording, server.tables)
    server.on_insert = lambda: None
    Shippers(netlog, recording.path, url).run(environment=dict(os.environ, NETLOG_SHIP_PASSWORD=SECRET))
    message = Shippers(netlog, recording.path, url).run(expected=1)
    assert "status 401" in message, message
    message = Shippers(netlog, recording.path, url.replace("//", "//user:s3cret@")).run(expected=2)
    assert "do not belong into it" in message and "s3cret" not in message, message
    os.chmod(password, 0o644)
    shippers.run(expected=1)
    server.close()


def try_tls(netlog, recording, folder):
    if not shutil.which("openssl"):
        print("not tried without openssl: TLS")
        return
    for name, host in (("good", "localhost"), ("other", "other.example")):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem",
                        "-days", "2", "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"], check=True, stderr=subprocess.DEVNULL)

    def start(name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
        return Server(tls=context)
    good, other = start("good"), start("other")
    url = f"clickhouses://localhost:{good.port}/fleet"
    shippers = Shippers(netlog, recording.path, url, ["--ca-file", f"{folder}/good.pem"])
    init = subprocess.run([*shippers.words, "--init"], stderr=subprocess.PIPE, check=False, timeout=LIMIT_S)
    if b"built without OpenSSL" in init.stderr:
        print("not tried in a build without OpenSSL: TLS")
    else:
        same("exit code with TLS", init.returncode, 0)
        shippers.run()
        compare(recording, good.tables)
        # Signed by nobody that the system knows; valid for another name; for a name only; not signed by this authority.
        for target, authority in ((url, []), (f"clickhouses://localhost:{other.port}/fleet", ["--ca-file", f"{folder}/other.pem"]),
                                  (f"clickhouses://127.0.0.1:{good.port}/fleet", ["--ca-file", f"{folder}/good.pem"]),
                                  (url, ["--ca-file", f"{folder}/other.pem"])):
            message = Shippers(netlog, recording.path, target, authority).run("--init", expected=1, database=False)
            assert "certificate" in message, message
        same("tables behind a certificate for another name", other.tables.columns, {})
        message = Shippers(netlog, recording.path, url, ["--ca-file", f"{folder}/good.key"]).run(expected=1)
        assert "certificates" in message, message
    good.close()
    other.close()


def main():
    netlog = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        recording = Recording(netlog, f"{folder}/a.db")
        try:
            recording.connect(20)
            try_following(netlog, recording)
            # They mostly wait, so they run beside each other.
            with concurrent.futures.ThreadPoolExecutor() as pool:
                running = [pool.submit(try_faults, netlog, recording, FAULTS[i::3]) for i in range(3)]
                running += [pool.submit(try_kills, netlog, recording), pool.submit(try_credentials, netlog, recording, folder),
                            pool.submit(try_tls, netlog, recording, folder)]
                for one in running:
                    one.result()
            try_clickhouse(netlog, recording, folder)
            print(f"{recording.query('SELECT count(*) FROM connections')[0][0]} connections were shipped")
        finally:
            recording.recorder.kill()
            recording.recorder.wait()


main()
