#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Fails when a file is too long: tests/form/sizes.py [ROOT]

A source file has at most 600 lines, the tracker's header 200, a line of documentation 100 columns.
Prints file:line of each."""
import pathlib
import sys

MAX_LINES = 600
MAX_LINES_OF = {"src/track/tracker.hpp": 200}
MAX_COLUMNS = 100
CODE = ["src", "schema", "tests", "tools", "bench", "cmake"]
CODE_SUFFIXES = {".cpp", ".hpp", ".c", ".sql", ".py", ".sh", ".cmake", ".txt", ""}


def too_many_lines(name, lines):
    most = MAX_LINES_OF.get(name, MAX_LINES)
    return [f"{name}:{most + 1}: {len(lines)} lines, at most {most}"] if len(lines) > most else []


def too_wide_lines(name, lines):
    return [
        f"{name}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
        for number, line in enumerate(lines, 1)
        if len(line) > MAX_COLUMNS
    ]


def code_files(root):
    for folder in CODE:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and path.suffix in CODE_SUFFIXES and "corpus" not in path.parts:
                yield path


def pages(root):
    yield from sorted(root.glob("*.md"))
    for folder in ["docs", *CODE]:
        yield from sorted((root / folder).rglob("*.md"))


def check_self():
    """A check that never finds anything proves nothing."""
    assert too_many_lines("src/a.cpp", [""] * 601)
    assert too_many_lines("src/track/tracker.hpp", [""] * 201)
    assert not too_many_lines("src/a.cpp", [""] * 600)
    assert too_wide_lines("docs/a.md", ["", "x" * 101]) == ["docs/a.md:2: 101 columns, at most 100"]
    assert not too_wide_lines("docs/a.md", ["─" * 100])


def main():
    check_self()
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
    found = []
    code = [(path, too_many_lines) for path in code_files(root)]
    text = [(path, too_wide_lines) for path in pages(root)]
    if len(code) < 100 or len(text) < 10:
        sys.exit(f"sizes.py: only {len(code)} files of code and {len(text)} pages below {root}")
    for path, check in code + text:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        found += check(path.relative_to(root).as_posix(), lines)
    print("\n".join(found + [f"{len(code)} files of code, {len(text)} pages: {len(found)} too large"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
