#!/usr/bin/env python3
"""Fail on functions that conventions ban, and say what to use instead; list files that grew too long."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BANNED = {
    "strcpy": "actr__copy_text or snprintf",
    "strcat": "struct actr__buf",
    "sprintf": "snprintf",
    "strtok": "strcspn and slices",
    "atoi": "strtoul with its checks",
    "gets": "fgets",
    "alloca": "struct actr__arena",
    "rand": "actr__random",
    "system": "posix_spawn",
    "usleep": "a timer of the loop",
    "nanosleep": "a timer of the loop",
    "malloc": "actr__alloc",
    "calloc": "actr__alloc0",
    "realloc": "actr__realloc",
    "free": "actr__free",
}
MAY_ALLOCATE = {"src/base/alloc.c"}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", re.S)
LINES_MAX = 600


def main():
    files = subprocess.check_output(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, text=True).split()
    bad = []
    for name in files:
        text = (ROOT / name).read_text()
        tests = re.search(r"_test\.[ch]$|/tests/|^tests/|scripted_|test_world", name)
        library = name.startswith(("src/", "server/", "codegen/", "cli/")) and not tests
        code = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)
        for number, line in enumerate(code.splitlines(), 1):
            for call in CALL.findall(line):
                memory = call in ("malloc", "calloc", "realloc", "free")
                if memory and (not library or name.startswith("cli/") or name in MAY_ALLOCATE):
                    continue  # programs and tests use libc's
                bad.append(f"{name}:{number}: {call}: use {BANNED[call]}")
        length = text.count("\n")
        if length > LINES_MAX and library and "unicode_table" not in name and "Long because" not in text:
            bad.append(f"{name}: {length} lines: two nouns? split it, or say \"Long because\" at its top")
    for line in bad:
        print(line, file=sys.stderr)
    print(f"style: {len(bad)} findings in {len(files)} files")
    return 1 if bad else 0


sys.exit(main())
