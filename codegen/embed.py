#!/usr/bin/env python3
"""Template file → C header: each part that follows a line `@@ name` becomes a string template_name."""
import re
import sys


def main(source, target):
    text = open(source, encoding="ascii").read()
    parts = re.split(r"^@@ (\w+)\n", text, flags=re.M)
    with open(target, "w", encoding="ascii") as out:
        out.write("/* Made by embed.py. */\n")
        for name, body in zip(parts[1::2], parts[2::2]):
            out.write(f"static const char template_{name}[] =")
            for line in body.splitlines():
                escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
                out.write(f'\n\t"{escaped}\\n"')
            out.write(";\n")


main(*sys.argv[1:])
