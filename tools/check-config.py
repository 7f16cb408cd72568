#!/usr/bin/env python3
"""Fail unless docs/config.md has each key that src/config/keys.c reads, and no other.

A row of a table in that page begins with its key in backquotes, `table.key` where the heading names several tables.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE, CODE = ROOT / "docs/config.md", ROOT / "src/config/keys.c"


def read_by_code():
    rows = re.findall(r'^\t\{(NULL|"\w+"), "(\w+)", read_', CODE.read_text(), re.M)
    return {f"package.{name}" if table == "NULL" else f"system.{table.strip(chr(34))}.{name}" for table, name in rows}


def told_by_page():
    keys, tables = set(), []
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            tables = re.findall(r"\[([\w.]+)\]", line)
        if not line.startswith("| `") or not tables:
            continue
        for key in re.findall(r"`([\w.]+)`", line.split("|")[1]):
            if "." in key:
                keys.add("system." + key)
            else:
                keys.add(f"{tables[0]}.{key}")
    return {key for key in keys if key.startswith(("package.", "system."))}


def main():
    code, page = read_by_code(), told_by_page()
    for key in sorted(code - page):
        print(f"docs/config.md: no row for `{key}`, which src/config/keys.c reads", file=sys.stderr)
    for key in sorted(page - code):
        print(f"docs/config.md: `{key}` is not read by src/config/keys.c", file=sys.stderr)
    print(f"config: {len(code)} keys, {len(code ^ page)} findings")
    return 1 if code ^ page or not code else 0


sys.exit(main())
