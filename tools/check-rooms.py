#!/usr/bin/env python3
"""Fail on an include that the table of rooms (tools/rooms.txt) forbids.

A room may include its own files, the public headers, and the doors of the rooms listed for it. A door
is ROOM/ROOM.h; a header beside it counts as part of the door when the door includes it, as do the
doors of a room's parts (wire/webrtc/webrtc.h). Headers named *_internal.h never leave their room.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
SPECIAL = {"codegen": "codegen", "cli": "cli", "server": "server"}


def rooms():
    table = {}
    for line in (ROOT / "tools/rooms.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, allowed = line.split(":")
            table[name.strip()] = allowed.split()
    return table


def folder(room):
    return ROOT / SPECIAL.get(room, f"src/{room}")


def door_headers(room):
    """Headers of the room that others may include."""
    headers = set()
    base = folder(room)
    for door in [base / f"{room}.h"] + [d / f"{d.name}.h" for d in base.iterdir() if d.is_dir()]:
        if door.exists():
            headers.add(str(door.relative_to(ROOT / "src")) if base.parent.name == "src" else door.name)
            headers.update(h for h in INCLUDE.findall(door.read_text()) if h.startswith(room + "/"))
    if room == "protocol":
        headers.add("protocol/messages.h")
    return headers


def main():
    table, bad = rooms(), []
    for room, allowed in table.items():
        if not folder(room).is_dir():
            continue
        may = set().union(*[door_headers(r) for r in allowed if folder(r).is_dir()])
        for path in sorted(folder(room).rglob("*.[ch]*")):
            if path.suffix not in (".c", ".h", ".cpp") or path.name.endswith("_test.c"):
                continue
            for name in INCLUDE.findall(path.read_text()):
                other = name.split("/")[0]
                own = other == room or (path.parent / name).exists() or (folder(room) / name).exists()
                generated = ".pb-c.h" in name
                if own or generated or name in may:
                    continue
                if other in table or "/" in name or name.endswith("_internal.h"):
                    bad.append(f"{path.relative_to(ROOT)}: may not include \"{name}\"")
    for line in bad:
        print(line, file=sys.stderr)
    print(f"rooms: {len(bad)} forbidden includes")
    return 1 if bad else 0


sys.exit(main())
