#!/usr/bin/env python3
"""Write docs/defects.md: situations that broke the original, and the tests of ours that cover each.

A test covers number N when `defect_N` is in its name. `--check` fails when the page is not up to date.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/defects.md"
TITLES = """peers behind NATs connect|the next call after a lost peer succeeds|an idle service stays discoverable
a handler's error reaches the caller at once|no call outlives its deadline|a thousand first calls, one connection
ready means ICE, DTLS and channels are up|chunks of a stream keep their order|an access rule that cannot be read stops the start
on_stop once, before transports close|no pending entry outlives its call|local time-outs are honoured
the lane option of a method is honoured|un-acked messages come again after a crash|every generated form compiles
glare yields one connection|old session cleaned up before a new role|no lock held across a wait
pending calls fail when the peer closes|connecting still works after key rotations|a lost socket: the identity resumes
one ICE restart at a time, after signaling|wss works by default|address mapping applied once
internal reconnects are not debounced|closing all tells each once|every transition is published
an expired credential leads to registration|a new registration clears the old identity|teardown needs the session's number
close is bounded and not from its own callback|stale callbacks are ignored|one deadline over connect, retries, waiting
size limits hold to the byte, partial messages are bounded|recovery compares the session|cleanup guards compare the session
sends fail fast, signaling requests fail on loss|hooks in a documented order|a repeated request runs once
a new identity reaches all layers|the role is fixed per session|an answer to an older offer is ignored
a superseded socket may not relay|answers survive a short recovery|recovery is told by code, not by words
a killed peer is noticed in bounded time|the reconnect loop never ends|codes are equal local and remote
a failed first try leaves no residue|the status sequence is complete|a time-out never tears down a transport
a late answer is not a new request|descriptors stay flat over connect and close|no owner cycles, peers are reaped
a tell is never answered|send errors free their pending entry|lanes are torn down independently
a set-up is all or nothing|every send has a deadline|stream queues are bounded
candidates of an older generation are dropped|either side may ask for a restart|callbacks keep their order
stack need is documented|a forged relay source is refused|only live instances are candidates
ranking factors are a multi-key sort|an unroutable advertised address is refused|a missing expiry is invalid
imported types resolve by descriptor|outside a project the message names the file|the log sink is ready first
relayed payloads keep unknown fields|one log filter for all sinks"""


def tests():
    found = {}
    files = subprocess.check_output(["git", "ls-files", "*_test.c", "*_test.py"], cwd=ROOT, text=True).split()
    for name in files:
        for match in re.finditer(r"\b(?:void|def)\s+(\w*defect_\w+)", (ROOT / name).read_text()):
            test = match.group(1)
            head = re.search(r"defect_(\d+)((?:_and_\d+)*)", test)
            for number in [head.group(1)] + re.findall(r"\d+", head.group(2)):
                found.setdefault(int(number), []).append(f"`{test}` ({name})")
    return found


def main():
    titles = [t.strip() for line in TITLES.splitlines() for t in line.split("|")]
    found = tests()
    lines = ["# Situations that broke the original", "",
             "Written by `tools/defects.py`. A number without a test is not covered yet.", "",
             "| # | what must hold | tests |", "|---|---|---|"]
    for number, title in enumerate(titles, 1):
        lines.append(f"| {number} | {title} | {'<br>'.join(sorted(found.get(number, [])))} |")
    lines += ["", f"{len(found)} of {len(titles)} covered."]
    text = "\n".join(lines) + "\n"
    if "--check" in sys.argv:
        if PAGE.read_text() != text:
            sys.exit("docs/defects.md is out of date: run tools/defects.py")
        return
    PAGE.write_text(text)


main()
