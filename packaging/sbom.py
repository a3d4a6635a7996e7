#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""packaging/sbom.py BUILD VERSION PROGRAM: prints which Debian packages are part of a static PROGRAM, as SPDX 2.3 in JSON.

They are those of the headers that were compiled (ninja's dependencies) and of the archives that were linked, in the folder BUILD. Needs
dpkg and ninja. SOURCE_DATE_EPOCH is the time of the document."""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

# The format: https://spdx.github.io/spdx-spec/v2.3/


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def files_used(build):
    """The files of the system that went into the program, and the folder with the libraries of another machine, or an empty name."""
    headers = re.findall(r"^\s+(/\S+)$", output("ninja", "-C", build, "-t", "deps"), re.M)
    link = output("ninja", "-C", build, "-t", "commands", "-s", "bin/netlog")
    archives = re.findall(r"(?<!\S)/\S+\.a(?!\S)", link)
    compiler = re.findall(r"(?<=&& )/\S+(?= )", link)[-1:] + re.findall(r"(?<!\S)-B\S+", link)[-1:]
    names = ("libstdc++.a", "libgcc.a", "libgcc_eh.a", "libc.a", "libm.a")
    runtime = [output(*compiler, f"-print-file-name={name}").strip() for name in names]
    cache = (pathlib.Path(build) / "CMakeCache.txt").read_text(encoding="utf-8")
    scripts = re.findall(r"^NETLOG_DYGRAPHS:FILEPATH=(/.*)$", cache, re.M)  # a part of the program, for its pages
    root = "".join(re.findall(r"(?<!\S)--sysroot=(\S+)", link)[-1:])
    return sorted({os.path.realpath(name) for name in headers + archives + runtime + scripts}), root


def packages_of(files, root):
    """The Debian packages in the folder root that own the files: [(name, version, source, architecture, homepage)]."""
    lists = f"--admindir={root}/var/lib/dpkg"
    names = {name.removeprefix(root) for name in files}
    # Before Debian 13 some are listed below /lib, which is a link to /usr/lib.
    names |= {name.removeprefix("/usr") for name in names}
    found = set()
    for line in output("dpkg", lists, "-S", *sorted(names)).splitlines():
        found.update(re.sub(r":\S+$", "", owner.strip()) for owner in line.rsplit(": ", 1)[0].split(","))
    if not found:
        return []
    shown = output("dpkg-query", lists, "-W", "-f", "${Package}\t${Version}\t${source:Package}\t${Architecture}\t${Homepage}\n", *sorted(found))
    return sorted(tuple(line.split("\t")) for line in shown.splitlines())


def main():
    build, version, program = sys.argv[1:4]
    files, root = files_used(build)
    packages = sorted({package for folder in {"", root} for package in packages_of(files, folder)})
    if not any(source == "sqlite3" for _, _, source, _, _ in packages):
        sys.exit(f"cannot list what is part of {program}: no package of SQLite among {len(packages)}; is {build} its build?")
    sha256 = hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), datetime.timezone.utc)
    entries = [{"SPDXID": "SPDXRef-netlog", "name": "netlog", "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                "licenseDeclared": "MIT", "checksums": [{"algorithm": "SHA256", "checksumValue": sha256}]}]
    relations = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-netlog"}]
    for name, its_version, source, architecture, homepage in packages:
        reference = "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)
        entries.append({"SPDXID": reference, "name": name, "versionInfo": its_version, "downloadLocation": homepage or "NOASSERTION",
                        "filesAnalyzed": False, "sourceInfo": f"Debian source package {source}",
                        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                          "referenceLocator": f"pkg:deb/debian/{name}@{its_version}?arch={architecture}"}]})
        relations.append({"spdxElementId": "SPDXRef-netlog", "relationshipType": "STATIC_LINK", "relatedSpdxElement": reference})
    json.dump({"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": pathlib.Path(program).name,
               "documentNamespace": f"https://netlog.invalid/spdx/{sha256}",
               "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": [f"Tool: netlog-sbom-{version}"]},
               "packages": entries, "relationships": relations}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
