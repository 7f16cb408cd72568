#!/usr/bin/env python3
"""Runs protoc with the plugin: output against golden/, then through the compilers; errors/ for what
it must refuse. TAP on stdout. With --update it writes golden/ instead of comparing.

usage: golden_test.py PROTOC PROTOC_GEN_C PROTOC_GEN_ACTR CC CXX SOURCE_ROOT [--update]
"""
import os
import re
import subprocess
import sys
import tempfile

PROTOC, GEN_C, GEN_ACTR, CC, CXX, ROOT = sys.argv[1:7]
os.environ["PROTOC_GEN_C"] = GEN_C
UPDATE = "--update" in sys.argv
TESTS = os.path.join(ROOT, "codegen", "tests")
PROTOS, ERRORS, GOLDEN = (os.path.join(TESTS, d) for d in ("protos", "errors", "golden"))
INCLUDES = [os.path.join(ROOT, "proto"), "/usr/include"]
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wvla", "-Wformat=2",
            "-Wimplicit-fallthrough", "-Wundef", "-Werror"]
C_WARNINGS = WARNINGS + ["-Wstrict-prototypes", "-Wmissing-prototypes"]
COMPILERS = {
    "C17": [CC, "-std=c17", "-O2", "-c", *C_WARNINGS],
    # protobuf-c makes an anonymous union of a oneof, which strict C99 has not.
    "C99": [CC, "-std=c99", "-fsyntax-only", *C_WARNINGS, "-Wno-pedantic"],
    "C++17": [CXX, "-std=c++17", "-x", "c++", "-fsyntax-only", *WARNINGS],
}
KNOWN = ["empty", "timestamp", "wrappers"]  # of google/protobuf, for their headers
count = failures = 0


def check(name, problem):
    global count, failures
    count += 1
    if problem:
        failures += 1
        for line in problem.splitlines()[:30]:
            print("#", line)
    print(f"{'not ok' if problem else 'ok'} {count} - {name}", flush=True)


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def protoc(out, folder, files, options=""):
    return run(PROTOC, f"--plugin=protoc-gen-actr={GEN_ACTR}", "-I" + folder,
               *("-I" + i for i in INCLUDES), f"--actr_out={options}{out}", *files)


def read(path):
    if not os.path.exists(path):
        return None
    with open(path, encoding="utf-8") as f:
        return re.sub(r"protoc-gen-actr [0-9.]+ from", "protoc-gen-actr VERSION from", f.read())


def compare(out, name):
    made, golden = read(os.path.join(out, name)), os.path.join(GOLDEN, name + ".golden")
    if made is None:
        return f"{name} was not generated"
    if UPDATE:
        os.makedirs(os.path.dirname(golden), exist_ok=True)
        with open(golden, "w", encoding="utf-8") as f:
            f.write(made)
    if made == read(golden):
        return ""
    return run("diff", "-u", golden, os.path.join(out, name))[1]


def good(out, proto):
    base = proto[:-len(".proto")]
    status, text = protoc(out, PROTOS, [proto], "messages:")
    check(f"{base}: is generated", text if status else "")
    for suffix in (".actr.h", ".actr.c"):
        check(f"{base}: {suffix} is as in golden/", compare(out, base + suffix))
    for name in COMPILERS:
        check(*defect_15_a_generated_file_compiles_as(name, out, base))


def defect_15_a_generated_file_compiles_as(name, out, base):
    code, text = run(*COMPILERS[name], "-I" + out, "-I" + os.path.join(ROOT, "include"),
                     os.path.join(out, base + ".actr.c"), "-o", os.path.join(out, "x.o"))
    return f"defect_15_{base}: compiles as {name}", text if code else ""


def bad(out, proto):
    files = [proto, proto.replace("_a.", "_b.")] if proto.endswith("_a.proto") else [proto]
    with open(os.path.join(ERRORS, proto.replace(".proto", ".txt")), encoding="utf-8") as f:
        expected = f.read().strip()
    status, text = protoc(out, ERRORS, files)
    check(f"{proto}: is refused and the place is told",
          "" if status and expected in text else f"expected: {expected}\ngot: {text}")


def refused_option(out, option, expected):
    status, text = protoc(out, PROTOS, ["echo.proto"], option + ":")
    check(f"option {option} is refused", "" if status and expected in text else text or "accepted")


def prefix(out):
    status, text = protoc(out, PROTOS, ["echo.proto"], "manufacturer=my-corp,prefix=my_:")
    made = read(os.path.join(out, "echo.actr.h")) or ""
    wanted = ["extern const actr_service my_echo_service;", "int my_echo_service_echo(",
              "MY_ECHO_SERVICE_ECHO_METHOD", "my-corp:echo.EchoService"]
    missing = [w for w in wanted if w not in made]
    check("manufacturer and prefix are used", text if status else "\n".join(missing))


def refused_messages(out):
    status, text = protoc(out, ERRORS, ["group.proto"], "messages:")
    check("a group is refused with messages", "" if status and "groups" in text else text or "ok")
    os.environ["PROTOC_GEN_C"] = "/nowhere/protoc-gen-c"
    status, text = protoc(out, PROTOS, ["echo.proto"], "messages:")
    os.environ["PROTOC_GEN_C"] = GEN_C
    check("messages without protobuf-c's generator says what to install", "" if status and
          "/nowhere/protoc-gen-c" in text and "install protobuf-c-compiler" in text else text)


def deterministic(out):
    files = ["services.proto", "names.proto", "lanes.proto"]
    made = []
    for folder in ("one", "two"):
        os.mkdir(os.path.join(out, folder))
        protoc(os.path.join(out, folder), PROTOS, files if folder == "one" else files[::-1])
        made.append([read(os.path.join(out, folder, f.replace(".proto", s)))
                     for f in files for s in (".actr.h", ".actr.c")])
    check("the order of files changes nothing", "" if made[0] == made[1] and None not in made[0]
          else "the outputs differ")


def by_hand():
    done = subprocess.run([GEN_ACTR], input=b"\xff\xffgarbage", capture_output=True)
    check("garbage on standard input is refused", "" if done.returncode == 1 and
          b"protoc --actr_out" in done.stderr else str(done))
    for option, text in (("--version", "protoc-gen-actr "), ("--help", "manufacturer=NAME")):
        status, shown = run(GEN_ACTR, option)
        check(f"{option} prints", "" if status == 0 and text in shown else shown)


def main():
    with tempfile.TemporaryDirectory() as out:
        for known in KNOWN:
            protoc(out, "/usr/include", [f"google/protobuf/{known}.proto"], "messages:")
        protoc(out, PROTOS, ["shop/types.proto"], "messages:")
        protos = ["shop/imports.proto"] + sorted(p for p in os.listdir(PROTOS) if ".proto" in p)
        for proto in protos:
            good(out, proto)
        status, text = protoc(out, PROTOS, ["shop/types.proto"])
        check("a file without services gives nothing", text if status else "" if
              read(os.path.join(out, "shop/types.actr.h")) is None else "a header was made")
    with tempfile.TemporaryDirectory() as out:
        for proto in sorted(os.listdir(ERRORS)):
            if os.path.exists(os.path.join(ERRORS, proto.replace(".proto", ".txt"))) and \
                    proto.endswith(".proto"):
                bad(out, proto)
        refused_option(out, "colour=red", "unknown option 'colour'")
        refused_option(out, "manufacturer=9acme", "a letter first")
        refused_option(out, "manufacturer=acme-", "letter or digit last")
        refused_option(out, "prefix=My", "prefix=My")
        prefix(out)
        refused_messages(out)
        deterministic(out)
        by_hand()
    print(f"1..{count}")
    return 1 if failures else 0


sys.exit(main())
