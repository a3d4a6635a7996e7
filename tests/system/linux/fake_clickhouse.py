# SPDX-License-Identifier: MIT
"""A server that understands what `netlog ship` asks of ClickHouse, and fails as a test wants it to. Its tables are SQLite's."""
import gzip
import http.server
import re
import socket
import sqlite3
import struct
import threading
import time
import urllib.parse

TYPES = {"Int64": "<q", "UInt64": "<Q", "DateTime('UTC')": "<I"}
FINAL_BYTES = 1 << 40  # an answer without an end


class RowBinary:
    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, count):
        assert self.at + count <= len(self.body), "the rows are cut short"
        self.at += count
        return self.body[self.at - count:self.at]

    def value(self, kind):
        if kind.startswith("Nullable("):
            return None if self.take(1) == b"\1" else self.value(kind[len("Nullable("):-1])
        if kind == "String":
            length, shift = 0, 0
            while True:
                byte = self.take(1)[0]
                length |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return self.take(length).decode("utf-8")
        form = TYPES[kind]
        value = struct.unpack(form, self.take(struct.calcsize(form)))[0]
        return value if value < 1 << 63 else value - (1 << 64)


class Tables:
    """Of rows with the same key, it keeps the one with the largest version, as ReplacingMergeTree does."""

    def __init__(self):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.create_function("unhex", 1, lambda text: bytes.fromhex(text).decode("utf-8"))
        self.database.execute("CREATE TABLE tables (database, name)")
        self.columns, self.keys = {}, {}

    def create(self, statement):
        database, name, columns, key = re.match(
            r"CREATE TABLE IF NOT EXISTS `(\w+)`\.`?(\w+)`? \((.*)\) ENGINE = .* ORDER BY \(?([\w, ]+?)\)?(?: SETTINGS .*)?$", statement).groups()
        if name in self.columns:
            return
        self.columns[name] = {column: kind for column, kind in re.findall(r"`?(\w+)`? ([^,]+)", columns)}
        self.keys[name] = key
        self.database.execute(f"CREATE TABLE {name} ({', '.join(self.columns[name])}, PRIMARY KEY ({key}))")
        self.database.execute("INSERT INTO tables VALUES (?, ?)", (database, name))

    def upsert(self, name, into):
        changes = ", ".join(f"{column} = excluded.{column}" for column in self.columns[name])
        return f"INSERT INTO {name} {into} ON CONFLICT ({self.keys[name]}) DO UPDATE SET {changes} WHERE excluded.version >= {name}.version"

    def insert(self, name, names, body):
        columns = re.findall(r"\w+", names)
        rows, values = RowBinary(body), []
        while rows.at < len(body):
            values.append([rows.value(self.columns[name][column]) for column in columns])
        self.database.executemany(self.upsert(name, f"({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"), values)

    def run(self, statement, body=b""):
        """The text that ClickHouse answers with."""
        with self.lock:
            if statement.startswith("CREATE TABLE"):
                self.create(statement)
            if insertion := re.match(r"INSERT INTO `\w+`\.`(\w+)` \((.*)\) FORMAT RowBinary$", statement):
                self.insert(*insertion.groups(), body)
            statement = re.sub(r" FORMAT TabSeparated$| FINAL\b", "", statement).replace("system.tables", "tables")
            statement = re.sub(r"`\w+`\.`?(\w+)`?", r"\1", statement).replace("uniqExact(id)", "count(DISTINCT id)").replace("count()", "count(*)")
            if closing := re.match(r"INSERT INTO (connection_rows) (\(.*?\) SELECT .*)", statement):
                self.database.execute(self.upsert(*closing.groups()))
            elif statement.startswith("INSERT INTO netlog_schema"):
                self.database.execute(statement.replace("INSERT", "INSERT OR REPLACE", 1))
            elif statement.startswith("SELECT"):
                return "".join("\t".join("" if cell is None else str(cell) for cell in row) + "\n" for row in self.database.execute(statement))
            return ""

    def query(self, sql):
        with self.lock:
            return self.database.execute(sql).fetchall()


class Server:
    """Runs until close(). `fault(kind)` makes the next insertion of connections fail; `on_insert` is called before each."""

    def __init__(self, tables=None, port=0, password="", tls=None):
        self.tables, self.password, self.faults, self.met = tables or Tables(), password, [], []
        self.on_insert = lambda: None
        self.running = True
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def do_POST(self):
                outer.answer(self)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None
        if tls:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def close(self):
        self.running = False
        self.http.shutdown()
        self.http.server_close()

    def fault(self, *kinds):
        self.faults += kinds

    def answer(self, request):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query).get("query", [""])[0]
        inserts = "connection_rows` (" in query
        if not self.running or (inserts and self.faults and self.faults[0] == "cut request"):
            if self.running:
                self.met.append(self.faults.pop(0))
                request.rfile.read(10)
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if request.headers.get("X-ClickHouse-Key", "") != self.password:
            self.write(request, 401, "Code: 516. DB::Exception: Authentication failed")
            return
        if inserts:
            self.on_insert()
        if inserts and self.faults:
            self.met.append(self.faults.pop(0))
            self.fail(request, self.met[-1], query, body)
            return
        self.write(request, 200, self.run(request, query, body))

    def run(self, request, query, body):
        if request.headers.get("Content-Encoding") == "gzip":
            return self.tables.run(query, gzip.decompress(body))
        return self.tables.run(query or body.decode("utf-8"))

    @staticmethod
    def write(request, status, text):
        body = text.encode("utf-8")
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def fail(self, request, kind, query, body):
        request.close_connection = True
        if kind == "cut answer":  # the rows are there, and nobody knows
            self.run(request, query, body)
        elif kind == "delivered twice":
            self.run(request, query, body)
            self.write(request, 200, self.run(request, query, body))
        elif kind == "slow":
            self.run(request, query, body)
            end = time.monotonic() + 30
            request.connection.settimeout(30)
            while time.monotonic() < end and request.rfile.read(1):  # until the client closes it
                pass
        elif kind == "memory limit":
            self.write(request, 500, "Code: 241, e.displayText() = DB::Exception: Memory limit (total) exceeded\n\x1b[31m")
        elif kind == "bad gateway":
            self.write(request, 502, "<html>" + "x" * 100_000)
        elif kind == "page of a proxy":
            self.write(request, 200, "<html>log in</html>")
        elif kind == "garbage":
            request.wfile.write(b"\0\xff\r\n\r\nSSH-2.0-x\r\n" * 100)
        elif kind in ("endless header", "endless answer"):
            request.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: %d\r\n\r\n" % FINAL_BYTES if kind == "endless answer" else b"X: "))
            for _ in range(10_000):  # until the client has enough
                request.wfile.write(b"x" * 65536)
        else:
            raise AssertionError(kind)
