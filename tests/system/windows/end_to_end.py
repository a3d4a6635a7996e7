#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""end_to_end.py EMULATOR netlog.exe talker.exe netlog: records native sockets and a Windows program's with netlog.exe under wine,
and asks both builds of netlog the same of the recording and of its capture. Ends with 1 and what was wrong."""

import base64
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import zlib

EMULATOR, NETLOG_EXE, TALKER, NETLOG = sys.argv[1:5]
wrong = []


def check(what, holds, seen=""):
    if not holds:
        wrong.append(f"{what}: {seen}")


def windows(program, *arguments, **options):
    return subprocess.Popen([EMULATOR, program, *arguments], **options)


def output(command):
    return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout


def by_windows(*arguments):
    return output([EMULATOR, NETLOG_EXE, *arguments])


def by_linux(*arguments):
    return output([NETLOG, *arguments])


def rows(database, statement, run_netlog=by_linux):
    return [json.loads(line) for line in run_netlog("sql", "--db", database, "--format", "json", statement).splitlines()]


def listen(family, address):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind((address, 0))
    made.listen()
    return made


def port(made):
    return made.getsockname()[1]


with tempfile.TemporaryDirectory(prefix="netlog für € ") as folder:
    database = str(pathlib.Path(folder, "Aufzeichnung.db"))
    capture = str(pathlib.Path(folder, "capture.nlcap"))
    at_windows = {path: "Z:" + path.replace("/", "\\") for path in (database, capture)}

    native = listen(socket.AF_INET, "127.0.0.1")
    native6 = listen(socket.AF_INET6, "::1")
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.bind(("::1", 0))

    recorder = windows(NETLOG_EXE, "record", "--db", at_windows[database], "--capture", at_windows[capture], "--duration", "10s",
                       stderr=subprocess.PIPE)
    started = recorder.stderr.readline().decode()
    check("netlog.exe begins to record", "recording into" in started and "iphlpapi" in started, started)

    def wait_for(at_least, what):
        """Waits until the recorder has written so many rows, or has ended."""
        # Asked by wine's program: what one locks is not locked for others.
        while (recorder.poll() is None
               and rows(at_windows[database], f"SELECT count(*) AS n FROM {what}", by_windows)[0]["n"] < at_least):
            time.sleep(0.1)

    wait_for(1, "events")
    talker = windows(TALKER, str(port(native)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said = {}
    while "ready" not in said:
        name, number = talker.stdout.readline().decode().split()
        said[name] = int(number)
    accepted, _ = native.accept()
    outgoing6 = socket.create_connection(("::1", port(native6)))
    incoming6, _ = native6.accept()
    outgoing6_port = port(outgoing6)
    wait_for(1, f"connections WHERE local_port = {outgoing6_port}")
    incoming6.close()
    wait_for(1, f"events WHERE local_port = {outgoing6_port} AND new = 'CLOSE_WAIT'")
    outgoing6.close()
    wait_for(3, f"connections WHERE pid = {said['pid']} AND local_port IN ({said['client']}, {said['to_native']}, {said['udp']})")
    talker.stdin.close()
    talker.wait(60)
    check("netlog.exe ends with 0", recorder.wait(60) == 0, recorder.stderr.read().decode())

    # Native sockets: no process that wine knows.
    def connection(where):
        found = rows(database, "SELECT family, direction, pid, process, state, local_address, owner_source FROM connections WHERE "
                     + where)
        return found[0] if found else {}

    check("native IPv4 listener", connection(f"local_port = {port(native)} AND direction = 'listen'").get("state") == "LISTEN",
          connection(f"local_port = {port(native)}"))
    check("native IPv6 listener", connection(f"local_port = {port(native6)} AND direction = 'listen'").get("family") == "ipv6",
          connection(f"local_port = {port(native6)}"))
    check("native IPv6 UDP socket", connection(f"local_port = {port(datagrams)} AND protocol = 'udp'").get("family") == "ipv6",
          connection(f"local_port = {port(datagrams)}"))
    states = [row["new"] for row in rows(database, "SELECT new FROM events WHERE kind IN ('open', 'state', 'close') AND local_port = "
                                         f"{outgoing6_port} ORDER BY id")]
    check("states of the native connection", states[:2] == ["ESTABLISHED", "CLOSE_WAIT"] and states[-1] == "CLOSED", states)

    # The Windows program's, as far as wine names their owner.
    for name, what in (("client", "client"), ("to_native", "client to a native server"), ("udp", "UDP socket")):
        found = connection(f"local_port = {said[name]} AND direction != 'inbound'")
        check(f"the program's {what} has its pid and image",
              (found.get("pid"), found.get("process")) == (said["pid"], "netlog-talker.exe")
              and found.get("owner_source") in ("held", "last_seen"), found)  # wine has no create timestamps
    for name in ("listener", "listener6"):
        found = connection(f"local_port = {said[name]} AND direction = 'listen'")
        check(f"the program's {name}", found.get("state") == "CLOSED", found)
    check("the program's IPv6 connection", connection(f"local_port = {said['client6']}").get("family") == "ipv6",
          connection(f"local_port = {said['client6']}"))
    image = rows(database, f"SELECT exe, user, ended_at FROM processes WHERE pid = {said['pid']}")
    check("its image, user and end", image and image[0]["exe"].endswith("netlog-talker.exe") and image[0]["user"]
          and image[0]["ended_at"], image)

    # Both builds say the same of one file.
    for question in (["report"], ["report", "connections"], ["report", "--pid", str(said["pid"])], ["report", "listeners"],
                     ["report", "gaps"], ["sql", "SELECT * FROM events ORDER BY id"],
                     ["sql", "SELECT * FROM connections ORDER BY id"], ["sql", "SELECT * FROM counters ORDER BY at_ns, name"],
                     ["check"]):
        for form in ("json", "csv", "text"):
            asked = [*question, "--format", form, "--utc"]
            theirs = by_windows(*asked, "--db", at_windows[database])
            expected = by_linux(*asked, "--db", database)
            check("both builds agree", theirs == expected, f"{asked}:\n{theirs.decode()}\n{expected.decode()}")

    # And make the same page of it.
    def page_of(run_netlog, file, arguments):
        run_netlog("html", "-o", arguments[0], "--db", arguments[1])
        data = re.search(r'id="netlog-data">(.*?)</script>', pathlib.Path(folder, file).read_text(), re.DOTALL)
        return json.loads(zlib.decompress(base64.b64decode(json.loads(data[1])["data"])))

    made = page_of(by_windows, "windows.html", ["Z:" + str(pathlib.Path(folder, "windows.html")).replace("/", "\\"), at_windows[database]])
    expected = page_of(by_linux, "linux.html", [str(pathlib.Path(folder, "linux.html")), database])
    check("both pages have the same data", made == expected and made["connections"] > 0,
          {key: (made[key], expected.get(key)) for key in made if made[key] != expected.get(key)})

    # Also by a long name, as of a file on another machine.
    asked = ["sql", "--format", "csv", "SELECT count(*) FROM events"]
    check("a long name is that of the same file",
          by_windows(*asked, "--db", "\\\\?\\" + at_windows[database]) == by_windows(*asked, "--db", at_windows[database]))

    # What was captured replays here to the same events.
    replayed = str(pathlib.Path(folder, "replayed.db"))
    by_linux("record", "--source", "capture:" + capture, "--db", replayed)
    every_event = "SELECT at_ns, error_ns, kind, connection_id, old, new, pid, process, local, remote FROM events ORDER BY connection_id, id"
    lives = ("SELECT id, local, remote, direction, pid, owner_source, opened_ns, open_error_ns, closed_ns, close_error_ns, state, "
             "offload, outcome FROM connections ORDER BY id")
    for statement in (every_event, lives, "SELECT * FROM coverage", "SELECT * FROM processes ORDER BY id"):
        first, again = rows(database, statement), rows(replayed, statement)
        differing = [pair for pair in zip(first, again) if pair[0] != pair[1]]
        check("the replay is the same", first == again, f"{statement}: {len(first)} rows and {len(again)}, {differing[:3]}")

    # Two recorders in a row, and one process that lives through both.
    twice = str(pathlib.Path(folder, "zweimal.db"))
    at_windows[twice] = "Z:" + twice.replace("/", "\\")
    talker = windows(TALKER, str(port(native)), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    while "ready" not in talker.stdout.readline().decode():
        pass
    for _ in range(2):
        by_windows("record", "--db", at_windows[twice], "--duration", "1s", "--log-level", "warn")
    talker.stdin.close()
    talker.wait(60)
    pathlib.Path(twice).chmod(0o600)  # wine makes a group of the administrators, whom the access list names
    boots = [row["boot_id"] for row in rows(twice, "SELECT boot_id FROM sessions")]
    check("two sessions of one boot", len(boots) == 2 and boots[0] == boots[1] and boots[0], boots)
    found = rows(twice, "SELECT pid, name FROM processes WHERE name = 'netlog-talker.exe'")
    check("one process, one row", len(found) == 1, found)

    # With user32 or gdi32, which SHELL32 and ole32 bring, a console program hears nothing of a shutdown.
    imports = subprocess.run(["x86_64-w64-mingw32-objdump", "-p", NETLOG_EXE], capture_output=True, check=True, text=True, timeout=120).stdout
    libraries = sorted(line.split()[-1].lower() for line in imports.splitlines() if "DLL Name" in line)
    check("the libraries of netlog.exe", libraries == ["advapi32.dll", "kernel32.dll", "msvcrt.dll", "ws2_32.dll"], libraries)
    program = pathlib.Path(NETLOG_EXE).read_bytes()
    for what in ("FileVersion".encode("utf-16-le"), b"longPathAware", b"activeCodePage"):
        check("version and manifest", what in program, what)
    nowhere = subprocess.run([EMULATOR, NETLOG_EXE, "info"], capture_output=True, timeout=120)
    check("the usual place", b"\\ProgramData\\netlog\\netlog.db" in nowhere.stderr, nowhere)

    # wine takes its zone from TZ, and gives it to programs by the calls of the system.
    summer = subprocess.run([EMULATOR, NETLOG_EXE, "report", "gaps", "--db", at_windows[database], "--since", "2026-07-01T12:00:00Z",
                             "--until", "2026-07-01T13:00:00Z"], capture_output=True, timeout=120,
                            env={**os.environ, "TZ": "Europe/Berlin"}).stdout.decode()
    check("local time in summer", "2026-07-01 14:00:00.000 .. 2026-07-01 15:00:00.000 +02:00" in summer, summer)

    facts = pathlib.Path(folder, "facts.txt")
    for _ in range(2):
        asked = subprocess.run([EMULATOR, NETLOG_EXE, "doctor", "--witness", "Z:" + str(facts).replace("/", "\\")], capture_output=True,
                               timeout=120)
    check("an existing file is not overwritten", asked.returncode == 1, asked)
    written = facts.read_text()
    check("the facts of a witness", "tcp ipv4 state 2: " in written and "tcp ipv4 rows with a timestamp: 0 of " in written
          and "127.0.0.1" not in written, written)

    # A file that somebody else has made stays theirs, and would be read by them.
    if os.getuid() == 0:
        planted = pathlib.Path(folder, "fremd.db")
        planted.touch()
        os.chown(planted, 65534, 65534)
        refused = subprocess.run([EMULATOR, NETLOG_EXE, "record", "--db", "Z:" + str(planted).replace("/", "\\"), "--duration", "1s"],
                                 capture_output=True, timeout=120)
        check("a file of somebody else is refused", refused.returncode == 1 and b"[win32:1307]" in refused.stderr
              and planted.stat().st_size == 0, refused)

    # Who may replace the program of a service may do what the system may.
    unpacked = pathlib.Path(folder, "netlog.exe")
    shutil.copy(NETLOG_EXE, unpacked)

    def by_unpacked(*arguments, program=str(unpacked)):
        return subprocess.run([EMULATOR, program, "service", *arguments], capture_output=True, timeout=120)

    planned = by_unpacked("install", "--dry-run").stdout.decode().splitlines()
    kept = r"C:\Program Files\netlog\netlog.exe"
    check("a program that others may write is copied to where they may not",
          len(planned) == 2 and planned[0].endswith(f"netlog.exe to {kept}") and f'"{kept}" service serve' in planned[1], planned)
    try:
        installed = by_unpacked("install", "--db", "Q:\\no such drive\\x.db")
        check("it is installed there", installed.returncode == 0 and not installed.stderr, installed)
        planned = by_unpacked("install", "--dry-run", program=kept).stdout.decode().splitlines()
        check("there it stays", len(planned) == 1 and f'"{kept}" service serve' in planned[0], planned)
        again = by_unpacked("install")
        check("a second install changes no program", again.returncode == 1 and b"[win32:1073]" in again.stderr, again)
        # Who starts the service sees that it cannot record.
        failed = by_unpacked("start")
        check("a service that cannot record says so", failed.returncode == 1 and b"the event log says why" in failed.stderr, failed)
        status = by_unpacked("status")
        check("its status after a failure", status.returncode == 1 and status.stdout == b"stopped\n", status)
    finally:
        removed = by_unpacked("uninstall")
    check("nothing stays of it", removed.returncode == 0 and b"remove " not in by_unpacked("uninstall", "--dry-run").stdout, removed)
    status = by_unpacked("status")
    check("the status without a service", status.returncode == 1 and status.stdout == b"not installed\n", status)

    # As a service: what was recorded is whole when it has stopped.
    served = str(pathlib.Path(folder, "Dienst.db"))
    at_windows[served] = "Z:" + served.replace("/", "\\")
    by_windows("service", "install", "--db", at_windows[served], "--interval", "200ms")
    try:
        again = subprocess.run([EMULATOR, NETLOG_EXE, "service", "install"], capture_output=True, timeout=120)
        check("a second install is refused in one line",
              again.returncode == 1 and b"[win32:1073]" in again.stderr and again.stderr.count(b"\n") == 1, again)
        by_windows("service", "start")
        check("the status of a service that runs", by_windows("service", "status") == b"running\n")
        for _ in range(300):  # the service makes the file, then its tables
            asked = subprocess.run([EMULATOR, NETLOG_EXE, "sql", "--db", at_windows[served], "--format", "csv",
                                    "SELECT count(*) > 0 FROM events"], capture_output=True, timeout=120)
            if asked.stdout.split()[-1:] == [b"1"]:
                break
            time.sleep(0.1)
        by_windows("service", "stop")
    finally:
        by_windows("service", "uninstall")
    sessions = rows(served, "SELECT ended_at, interval_ns FROM sessions")
    check("the service has ended its session", len(sessions) == 1 and sessions[0]["ended_at"]
          and sessions[0]["interval_ns"] == 200_000_000, sessions)

    events = rows(database, "SELECT count(*) AS n FROM events")[0]["n"]
    gaps = rows(database, "SELECT source, reason, detail FROM gaps WHERE source != 'tick'")
    check("every table was read", gaps == [], gaps)

if wrong:
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1)
print(f"{events} events, the same in both builds and in the replay")
