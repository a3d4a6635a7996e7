#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What packaging/windows.py makes for Windows: the same bytes each time, and manifests that agree with the zip."""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]
wrong = []


def check(what, holds):
    if not holds:
        wrong.append(what)


with tempfile.TemporaryDirectory() as folder:
    made = []
    for name in ("first", "again"):
        target = pathlib.Path(folder, name)
        target.mkdir()
        program = pathlib.Path(folder, "build.exe")
        program.write_bytes(b"MZ a program")
        subprocess.run([SOURCE / "packaging" / "windows.py", program, "1.2.3", target, "https://example.org/r"], check=True, timeout=60)
        made.append({file.name: file.read_bytes() for file in target.iterdir()})
    check("the same input makes the same bytes", made[0] == made[1])
    archive = made[0]["netlog-1.2.3-windows-x64.zip"]
    sha256 = hashlib.sha256(archive).hexdigest()
    check("its SHA-256", made[0]["netlog-1.2.3-windows-x64.zip.sha256"].decode() == f"{sha256}  netlog-1.2.3-windows-x64.zip\n")
    with zipfile.ZipFile(pathlib.Path(folder, "first", "netlog-1.2.3-windows-x64.zip")) as opened:
        names = opened.namelist()
        check("the program", opened.read("netlog-1.2.3/netlog.exe") == b"MZ a program")
    for name in ("LICENSE", "README.md", "docs/usage.md", "docs/limits.md"):
        check(name, f"netlog-1.2.3/{name}" in names)
    installer = made[0]["netlog.netlog.installer.yaml"].decode()
    for line in ("PackageVersion: 1.2.3", "InstallerType: zip", "NestedInstallerType: portable",
                 "- RelativeFilePath: netlog-1.2.3\\netlog.exe", f"  InstallerSha256: {sha256.upper()}",
                 "  InstallerUrl: https://example.org/r/netlog-1.2.3-windows-x64.zip", "ManifestType: installer"):
        check(f"a line of the installer's manifest: {line}", line in installer.splitlines())
    for name, kind in (("netlog.netlog.yaml", "version"), ("netlog.netlog.locale.en-US.yaml", "defaultLocale")):
        check(name, f"ManifestType: {kind}" in made[0][name].decode().splitlines())

if wrong:
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1)
