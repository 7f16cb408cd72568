#!/usr/bin/env python3
"""Fail when docs/seed.md names a file, function or test that does not exist.

In a row's cells: `path/with.ext` is a file; `name()` after a path must be in that file (without one, anywhere in
src/ or include/); `a_name` in the last cell is a test of the path after it, or of the one before it when none follows.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/seed.md"
CODE = re.compile(r"`([^`]+)`")
PATH = re.compile(r"^[\w./-]+/[\w.-]+$")
FUNCTION = re.compile(r"^(\w+)\(\)$")
TEST = re.compile(r"^[a-z]\w*_\w+$")


def read(path):
    return (ROOT / path).read_text() if (ROOT / path).is_file() else None


def anywhere():
    names = subprocess.check_output(["git", "ls-files", "src", "include", "lib"], cwd=ROOT, text=True)
    return "\n".join(read(n) or "" for n in names.split() if n.endswith((".c", ".h")))


def check_cell(words, everything, bad):
    text = None
    for word in words:
        if PATH.match(word):
            text = read(word)
            if text is None and not (ROOT / word).is_dir():
                bad.append(f"no file {word}")
                text = ""
        elif FUNCTION.match(word):
            name = FUNCTION.match(word).group(1)
            where = everything if text is None else text
            if not re.search(rf"\b{name}\s*\(", where):
                bad.append(f"no function {name}()")


def check_tests(words, bad):
    """Tests come before their file: `a_test` `another` (`src/x_test.c`)."""
    waiting, count = [], 0
    for word in words:
        if PATH.match(word):
            text = read(word)
            for name in waiting:
                if text is None or not re.search(rf"\b(?:void|def)\s+{name}\s*\(", text):
                    bad.append(f"no test {name} in {word}")
            waiting = []
        elif TEST.match(word):
            waiting.append(word)
            count += 1
    bad += [f"test {name} without its file" for name in waiting]
    return count


def main():
    bad, tests, rows, everything = [], 0, 0, anywhere()
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        cells = [c.strip() for c in line.strip().strip("|").split(" | ")]
        if not line.startswith("|") or len(cells) < 4 or set(line) <= set("|-: ") or cells[0] in ("seed", "#"):
            continue
        found = []
        rows += 1
        check_cell(CODE.findall(cells[-2]), everything, found)
        in_row = check_tests(CODE.findall(cells[-1]), found)
        if not in_row and not cells[-1].startswith(("see ", "none: ")):
            found.append("a row without a test must begin with \"see \" or \"none: \"")
        tests += in_row
        bad += [f"docs/seed.md:{number}: {f}" for f in found]
    for line in bad:
        print(line, file=sys.stderr)
    print(f"seed: {rows} rows, {tests} tests, {len(bad)} findings")
    return 1 if bad or not rows else 0


sys.exit(main())
