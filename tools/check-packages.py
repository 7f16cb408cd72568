#!/usr/bin/env python3
"""Fail when the build or a script needs something that tools/apt-packages.txt does not install.

NEEDS says which Debian package has what. A dependency() of meson, a program that meson looks for, or a program that a
script runs which is not in it must be added here and there. Optional ones tell what to install when they are missing.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASE = {"threads": "build-essential", "m-lib": "build-essential"}
NEEDS = {
    "libuv": "libuv1-dev", "cmocka": "libcmocka-dev", "libprotobuf-c": "libprotobuf-c-dev", "openssl": "libssl-dev",
    "sqlite3": "libsqlite3-dev", "nice": "libnice-dev", "usrsctp": "libusrsctp-dev", "libsrtp2": "libsrtp2-dev",
    "libwebsockets": "libwebsockets-dev", "jansson": "libjansson-dev", "tomlplusplus": "libtomlplusplus-dev",
    "protobuf": "libprotobuf-dev", "protoc-gen-c": "protobuf-c-compiler", "protoc": "protobuf-compiler",
    "python3": "python3", "pkg-config": "pkg-config", "meson": "meson", "ninja": "ninja-build", "git": "git",
    "ip": "iproute2", "ss": "iproute2", "tc": "iproute2", "nm": "build-essential", "objcopy": "build-essential",
    "make": "build-essential", "gcc": "build-essential", "cc": "build-essential",
    "protoc-lib": "libprotoc-dev",
}
# Found on every Debian: the packages that are marked essential (coreutils, util-linux …), and dpkg and apt.
ESSENTIAL = {"sh", "bash", "env", "stdbuf", "unshare", "timeout", "dpkg", "apt-get", "perl", "sleep", "cat"}
# Asked for only by what says so when it is missing.
OPTIONAL = {"clang", "clang++", "clang-format", "cargo", "nats-server", "ffmpeg", "ffprobe", "grpc++", "grpc_cpp_plugin"}


def texts(*patterns):
    names = subprocess.check_output(["git", "ls-files", *patterns], cwd=ROOT, text=True).split()
    for name in names:
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(errors="replace")


def needed():
    for name, text in texts("*meson.build"):
        for what in re.findall(r"\b(?:dependency|find_program)\('([^']+)'", text):
            if not (ROOT / name).with_name(what).exists():
                yield name, what
        for what in re.findall(r"\bfind_library\('([^']+)'", text):
            yield name, what + "-lib"
    for name, text in texts("tests/*.py", "tools/*", "bench/*.py"):
        if name != "tools/check-packages.py":
            for what in re.findall(r"""(?:run|Popen|call|check_output)\(\s*\[["']([\w.+-]+)["']""", text):
                yield name, what


def main():
    listed = {line for line in (ROOT / "tools/apt-packages.txt").read_text().split("\n") if line and line[0] != "#"}
    bad = []
    for name, what in sorted(set(needed())):
        package = BASE.get(what, NEEDS.get(what))
        if what in OPTIONAL or what in ESSENTIAL or package in listed:
            continue
        bad.append(f"{name}: {what}: " + (f"{package} is not in tools/apt-packages.txt" if package else
                                          "say in tools/check-packages.py which package has it"))
    for line in bad:
        print(line, file=sys.stderr)
    print(f"packages: {len(listed)} listed, {len(bad)} findings")
    return 1 if bad else 0


sys.exit(main())
