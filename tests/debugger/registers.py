#!/usr/bin/env python3
"""Stop points on general registers against a trace of every instruction: the same changes in the same order, interpreted and
compiled, over a piece of Debian's kernel boot; and backwards the same ones again."""
import os
import re
import subprocess
import sys
import tempfile

SRC = os.path.abspath(os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
BUILD = os.path.abspath(os.environ.get("BUILD", os.getcwd()))
ORRERY = os.environ.get("ORRERY", os.path.join(BUILD, "orrery"))
LINUX = os.environ.get("ORRERY_LINUX", os.path.join(BUILD, "linux"))
SLOW = int(os.environ.get("ORRERY_TEST_SLOW", "1"))
END = 400000
failed = checked = 0
REGISTERS = {"x2": "sp", "x10": "a0", "x27": "s11", "x1": "ra"}


def check(ok, what):
    global failed, checked
    checked += 1
    if not ok:
        failed += 1
        print("FAILED: " + what)


def orrery(*args):
    r = subprocess.run(["timeout", "-s", "KILL", str(60 * SLOW), ORRERY, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    return r.stdout.decode(errors="replace")


def changes_in_trace(machine, work):
    """{register: [(old, new)]}"""
    trace = os.path.join(work, "spike")
    orrery("trace", "spike:" + trace, *machine)
    now, changes = dict.fromkeys(REGISTERS, None), {r: [] for r in REGISTERS}
    with open(trace) as f:
        for line in f:
            for r, v in re.findall(r"\b(x\d+) +0x([0-9a-f]+)", line):
                if r in now:
                    v = int(v, 16)
                    if now[r] is not None and v != now[r]:
                        changes[r].append((now[r], v))
                    now[r] = v
    return changes


def stops(machine, options, commands):
    text = orrery("debug", *machine, *options, "--batch", *[a for c in commands for a in ("-ex", c)])
    return [(int(a, 16), int(b, 16)) for a, b in re.findall(r"register: \w+: (0x[0-9a-f]+) -> (0x[0-9a-f]+)", text)]


def tail(expected, seen):
    """What the trace does not know is what a register was before it wrote it first."""
    return seen[-len(expected):] == expected and len(seen) - len(expected) in (0, 1)


def main():
    if not os.path.exists(LINUX + "/Image"):
        subprocess.run([SRC + "/tests/boot/fetch-linux", LINUX], check=False)
    if not os.path.exists(LINUX + "/Image"):
        print("SKIP: Debian's riscv64 kernel is not there (tests/boot/fetch-linux says why)")
        return 77
    machine = ["-machine", "virt", "-m", "128M", "-display", "none", "-serial", "file:/dev/null", "-kernel", LINUX + "/Image",
               "-append", "console=ttyS0 earlycon", "--stop-at", str(END)]
    with tempfile.TemporaryDirectory() as work:
        expected = changes_in_trace(machine, work)
    off = ["--history", "off"]
    for r, name in REGISTERS.items():
        check(len(expected[r]) > 2, f"{name}: changes {len(expected[r])} times in the trace")
        for how in (["-accel", "interp"], ["-accel", "jit"], ["-accel", "jit", "--check-jit"]):
            seen = stops(machine, off + how, [f"trace reg {name}", "continue"])
            check(tail(expected[r], seen), f"{name} {' '.join(how)}: {len(seen)} stops, {len(expected[r])} changes in the trace")
        value = max((v for _, v in expected[r]), key=[v for _, v in expected[r]].count)
        only = [c for c in expected[r] if c[1] == value]
        for how in ("interp", "jit"):
            seen = stops(machine, off + ["-accel", how], [f"trace reg {name} == {value:#x}", "continue"])
            check(tail(only, seen), f"{name} == {value:#x} {how}: {len(seen)} stops, {len(only)} changes in the trace")
    # Two at once, one of them with every change, and backwards from the end: the last change is the one that was last.
    text = orrery("debug", *machine[:-2], "--batch", "-ex", f"run-until cycles {END}", "-ex", "break reg s11", "-ex", "reverse-continue", "-ex",
                  "delete", "-ex", f"break reg ra == {expected['x1'][-1][1]:#x}", "-ex", "continue")
    said = re.findall(r"register: (\w+): (0x[0-9a-f]+) -> (0x[0-9a-f]+)", text)
    want = ("s11", *("0x%x" % v for v in expected["x27"][-1]))
    check(said[:1] == [want], f"backwards to the last change of s11: {said[:1]}, in the trace {want}\n{text[-600:]}")
    check(len(said) > 1 and said[1][0] == "ra", f"forwards again to ra: {said[1:]}")
    print(f"{checked} checked, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
