#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails when the sources use a word that only this project would understand: tests/form/words.py [ROOT]

Prints file:line of each use. CONTRIBUTING.md ("Plain words") says what to write instead."""
import pathlib
import re
import sys

FOLDERS = ["src", "schema", "tests", "docs", "tools", "bench", "cmake"]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CMakeLists.txt"]
SKIPPED = {"tests/form/words.py"}  # has the words themselves

# Anywhere, also in comments and texts.
WORDS = """
    bury buried exhume exhumed bequeath doubt_holder kBelieveNs take_vacated vacated rests_ Remainders remainders
    adopt_remainder take_announcement settle_doubts judge judged verdict wiped give_up LateOwner disagreement
    disagreements told tell tells telling tellable census take_up end_unlisted begin_anew anew number_anew take_again
    wait_out may_pass KnownRows UnseenEnds flow_stay slow_stay slow_stays life_class stepped_ns ClipWish bystander bystanders
    tell_of_the_cut honesty widen twin twins spark kStory story stories quarrel let_read lasting_rights companions
    traps_test keeping_test hard_times same_story patience announce announces announced conclude basis settle
""".split()
# Identifiers that are ordinary words elsewhere: only where code declares or calls them.
CODE = [
    r"\b(struct|class|enum class|using) (Question|Birth|Basis|Alone|Run|Bulk|Inserts|Story|Verdict|Census)\b",
    r"\b(ask|say|know|meet|settle|conclude|announced?)\(",
    r"\b(asked|companions|buried|rests|announced)_\b",
    r"\bk(Most|Least|Fewest)[A-Z]\w*",
]
FILES = re.compile(r"(^|/)(opening|derived|bounds|states|pages|patience|choices)\.(cpp|hpp)$")
CODE_SUFFIXES = {".cpp", ".hpp", ".c", ".h", ".py", ".sh"}
# A word is also found as a part of a name such as was_told.
ANYWHERE = re.compile(r"(?<![a-zA-Z])(" + "|".join(WORDS) + r")(?![a-zA-Z])", re.IGNORECASE)
IN_CODE = re.compile("|".join(CODE))


def lines_of(path):
    return path.read_text(encoding="utf-8", errors="replace").splitlines()


def is_code(path):
    return path.suffix in CODE_SUFFIXES or path.suffix == ""


def private_words(name, lines):
    """Complaints about one file, each with its line."""
    found = []
    if FILES.search(name):
        found.append(f"{name}:1: private word in the file's name")
    for number, line in enumerate(lines, 1):
        patterns = [ANYWHERE, IN_CODE] if is_code(pathlib.Path(name)) else [ANYWHERE]
        for pattern in patterns:
            for match in pattern.finditer(line):
                found.append(f"{name}:{number}: private word '{match.group()}'")
    return found


def files_of(root):
    for page in PAGES:
        yield root / page
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield path


def check_self():
    """A check that finds nothing must be able to find something."""
    bad = ["// what was told before", "bool was_told;", "  tracker.ask(key);", "constexpr int kMostRows = 3;", "GROUP BY life_class"]
    good = ["// the folder", "  tracker.task(key);", "constexpr int kMaxRows = 3;", "// ask the kernel"]
    for line in bad:
        assert private_words("src/a.cpp", [line]), line
    for line in good:
        assert not private_words("src/a.cpp", [line]), line
    assert private_words("src/cli/patience.cpp", [])
    assert not private_words("docs/topics/states.md", [])
    assert not private_words("src/store/salvage/sqlite_pages.cpp", [])


def main():
    check_self()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    found = []
    read = 0
    for path in files_of(root):
        name = path.relative_to(root).as_posix()
        if name in SKIPPED or "/corpus/" in name:
            continue
        read += 1
        found += private_words(name, lines_of(path))
    if read < 100:
        sys.exit(f"tests/form/words.py: only {read} files below {root}")
    print("\n".join(found + [f"{read} files, {len(found)} private words"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
