#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""windows.py PROGRAM VERSION DIRECTORY [URL]: puts netlog.exe, its licence and its documents into netlog-VERSION-windows-x64.zip, and
writes the manifests by which winget installs it from URL, the folder of the releases. The same input makes the same bytes."""

import hashlib
import os
import pathlib
import sys
import time
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
# Source: https://learn.microsoft.com/windows/package-manager/package/manifest
MANIFEST_VERSION = "1.6.0"
SAME = "PackageIdentifier: netlog.netlog\nPackageVersion: {version}\n"


def members(program):
    yield "netlog.exe", program
    for name in ("LICENSE", "README.md", "CHANGELOG.md", "SECURITY.md"):
        yield name, SOURCE / name
    for page in sorted((SOURCE / "docs").rglob("*.md")):
        yield page.relative_to(SOURCE).as_posix(), page


def write_zip(path, folder, program):
    made = time.gmtime(max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315532800))[:6]  # a zip has no time before 1980
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in members(program):
            entry = zipfile.ZipInfo(f"{folder}/{name}", made)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, source.read_bytes())


def manifests(version, name, sha256, url):
    same = SAME.format(version=version)

    def manifest(kind, text):
        return f"{same}{text}ManifestType: {kind}\nManifestVersion: {MANIFEST_VERSION}\n"

    yield "netlog.netlog.yaml", manifest("version", "DefaultLocale: en-US\n")
    yield "netlog.netlog.locale.en-US.yaml", manifest("defaultLocale", (
        "PackageLocale: en-US\nPublisher: netlog\nPackageName: netlog\nLicense: MIT\n"
        "ShortDescription: Flight recorder for connections\n"))
    yield "netlog.netlog.installer.yaml", manifest("installer", (
        "InstallerType: zip\nNestedInstallerType: portable\nNestedInstallerFiles:\n"
        f"- RelativeFilePath: netlog-{version}\\netlog.exe\n  PortableCommandAlias: netlog\n"
        "Installers:\n- Architecture: x64\n"
        f"  InstallerUrl: {url}/{name}\n  InstallerSha256: {sha256.upper()}\n"))


def main(program, version, directory, url="https://netlog.invalid/releases"):
    target = pathlib.Path(directory)
    name = f"netlog-{version}-windows-x64.zip"
    write_zip(target / name, f"netlog-{version}", pathlib.Path(program))
    sha256 = hashlib.sha256((target / name).read_bytes()).hexdigest()
    (target / f"{name}.sha256").write_text(f"{sha256}  {name}\n")
    for file, text in manifests(version, name, sha256, url):
        (target / file).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(*sys.argv[1:])
