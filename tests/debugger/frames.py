#!/usr/bin/env python3
"""Frames and steps by line on x86 and RISC-V. The judge for x86 is gdb-multiarch, which sees the same guests run in QEMU: after the
same commands the same lines, backtraces, arguments and locals. What gdb cannot say (what an interrupt was, interrupts without
call frame information, going back) is compared with what is known of the guests. make check runs it in the build directory."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SRC = os.path.abspath(os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
BUILD = os.path.abspath(os.environ.get("BUILD", os.getcwd()))
ORRERY = os.environ.get("ORRERY", os.path.join(BUILD, "orrery"))
SLOW = int(os.environ.get("ORRERY_TEST_SLOW", "1"))
GUEST = os.path.join(SRC, "tests/debugger/guest")
MACHINE = {
    "x86_64": ["-machine", "pc", "-m", "64", "-device", "isa-debug-exit"],
    "i386": ["-machine", "pc", "-m", "64", "-device", "isa-debug-exit"],
    "riscv64": ["-machine", "virt", "-m", "64", "-bios", "none"],
    "riscv32": ["-machine", "virt", "-m", "64", "-bios", "none", "-cpu", "rv32"],
}
failed = checked = 0


def check(ok, what, text=""):
    global failed, checked
    checked += 1
    if not ok:
        failed += 1
        print(f"FAILED: {what}\n{text[-3000:]}")


def says(what, text, *patterns):
    """Regular expressions that have to come in this order, each on a line after the one before."""
    at = 0
    for p in patterns:
        m = re.compile(p, re.M).search(text, at)
        check(m is not None, f"{what}: {p}", text[at:])
        if not m:
            return
        at = m.end()


def build(name, isa, source, compiler="clang", opt="-O0", dwarf=5, more=()):
    flags = ["-ffreestanding", "-nostdlib", "-static", f"-gdwarf-{dwarf}", opt, *more]
    if isa.startswith("riscv"):
        xlen = isa[5:]
        flags += [f"--target={isa}", *(["-march=rv64gc", "-mabi=lp64d"] if xlen == "64" else ["-march=rv32gc", "-mabi=ilp32d"]),
                  "-mcmodel=medany", "-mno-relax", "-fuse-ld=lld", f"-Wl,-T,{GUEST}/riscv.ld", f"{GUEST}/riscv.S"]
    else:
        flags += ["-fno-pic", "-mno-red-zone", f"-Wl,-T,{GUEST}/x86.ld", f"{GUEST}/x86.S"]
        if compiler == "clang":
            flags += [f"--target={isa}-unknown-none-elf", "-fuse-ld=lld"]
        else:
            flags += ["-m64" if isa == "x86_64" else "-m32", "-no-pie", "-fno-stack-protector", "-w", "-Wl,--no-warnings", "-Wl,--build-id=none"]
    elf = f"{name}.elf"
    subprocess.run([compiler, *flags, os.path.join(GUEST, source), "-o", elf], check=True, stderr=subprocess.DEVNULL)
    return elf


def marked(commands):
    """A script that says before each command which it is."""
    return "".join(f"echo @@{n}\\n\n{c}\n" for n, c in enumerate(commands))


def answers(text):
    return [a.strip("\n") for a in re.split(r"@@\d+\n", text)[1:]]


def debug(isa, elf, commands):
    with open("own.commands", "w") as f:
        f.write(marked(commands))
    p = subprocess.run([ORRERY, "debug", *MACHINE[isa], "-display", "none", "-serial", "none", "-monitor", "none", "-kernel", elf, "--batch",
                        "-x", "own.commands"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, check=False)
    check("rror in sourced" not in p.stdout + p.stderr, f"{elf}: the commands are understood", p.stdout + p.stderr)
    return answers(p.stdout)


def gdb(isa, elf, commands):
    with open("gdb.commands", "w") as f:
        f.write(marked(commands))
    sock = os.path.abspath("gdb.sock")
    if os.path.exists(sock):
        os.unlink(sock)
    qemu = subprocess.Popen([f"qemu-system-{isa}", "-m", "64", "-display", "none", "-monitor", "none", "-serial", "none", "-device",
                             "isa-debug-exit", "-kernel", elf, "-S", "-gdb", f"unix:{sock},server=on,wait=off"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if os.path.exists(sock):
                break
            time.sleep(0.05)
        setup = ["set pagination off", "set confirm off", "set width 0", "set print entry-values no", "set print null-stop on", "set backtrace past-main on",
                 f"set architecture {'i386:x86-64' if isa == 'x86_64' else 'i386'}", f"file {elf}", f"target remote {sock}"]
        p = subprocess.run(["gdb-multiarch", "-nx", "-q", "-batch", *(x for c in setup for x in ("-ex", c)), "-x", "gdb.commands"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, check=False)
        return answers(p.stdout)
    finally:
        qemu.send_signal(signal.SIGKILL)
        qemu.wait()


def plain(text):
    """What both say of the same."""
    text = re.sub(r"0x0*([0-9a-f]+)", r"0x\1", text)
    text = re.sub(r"(at|file) \S*/", r"\1 ", text)
    text = re.sub(r"^\$\d+ = |\$\d+ = ", "$ = ", text)
    # gdb shows the handler's entry, which its CFI marks, as one frame; here it is a frame with a name, and what came is another.
    text = re.sub(r"#\d+ +0x\w+ in (common|vector_\d+) \(\) at .*\n#\d+ +<.*>", "#- <trap>", text)
    text = re.sub(r"#\d+ +<signal handler called>", "#- <trap>", text)
    if "#- <trap>" in text:
        text = re.sub(r"^#\d+ +", "#- ", text, flags=re.M)
        text = re.sub(r"\n#- 0x\w+ in \?\? \(\)", "", text) # gdb goes on behind the end of the user's stack
    ignored = re.compile(r"Continuing|\[Inferior|Run till exit|\(no caller|Deleted")
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip() and not ignored.match(line))


def same(what, isa, elf, commands):
    """Of a pair of commands the second is for gdb."""
    theirs = gdb(isa, elf, [c if isinstance(c, str) else c[1] for c in commands])
    commands = [c if isinstance(c, str) else c[0] for c in commands]
    own = debug(isa, elf, commands)
    check(len(theirs) == len(commands), f"{what}: gdb answered {len(theirs)} of {len(commands)} commands")
    for n, (command, a, b) in enumerate(zip(commands, theirs, own)):
        a, b = plain(a), plain(b)
        if command.startswith(("frame ", "up")):
            a, b = (re.sub(r"^#\d+ +", "# ", t) for t in (a, b))
        check(a == b, f"{what}: command {n}, {command}", f"  gdb:\n{a}\n  here:\n{b}")
        if a != b:
            return


def steps(command, n):
    return [x for _ in range(n) for x in (command, "bt", "info locals", "info args")]


def compare_with_gdb():
    for isa, compiler, opt, dwarf, command, n in (
            ("x86_64", "clang", "-O0", 5, "step", 64), ("i386", "clang", "-O0", 4, "step", 30), ("x86_64", "clang", "-O2", 4, "step", 40),
            ("i386", "clang", "-O2", 5, "step", 42), ("x86_64", "gcc", "-O2", 5, "next", 7), ("i386", "gcc", "-O0", 4, "next", 8),
            ("i386", "gcc", "-Os", 5, "next", 3)):
        elf = build(f"guest-{isa}{opt}-{compiler}", isa, "guest.c", compiler, opt, dwarf)
        what = f"{isa} {compiler} {opt} DWARF {dwarf} {command}"
        same(what, isa, elf, ["break main", "continue", "bt", *steps(command, n)])
        if command == "step":
            same(what + ": finish, until, advance, frames", isa, elf, [
                "break sum_table", "continue", "bt", "up", "down", "finish", "delete", "break leaf", "continue", "bt", "up", "info locals", "up", "down",
                "frame function main", "info locals", "frame 1", "finish", "bt", "delete", "advance leaf", "bt", "print &nodes[1]",
                "print nodes[0]", "print *nodes[0].next", "print sizeof(long)", "print sizeof(struct node)", "whatis nodes[0].next",
                "ptype struct point", "print greeting", "x/s greeting", "print (char)nodes[2].name[0]", "print table", "print ratio", "up",
                "print $sp", "print $pc", "until 81", "bt", "info locals"])
        kernel = build(f"kernel-{isa}{opt}-{compiler}", isa, "kernel.c", compiler, opt, dwarf, ("-DKERNEL", "-DCFI"))
        if compiler == "clang":
            same(what + ": interrupts", isa, kernel, [
                "break on_fault", "continue", "bt", "info args", "delete", "break on_call", "continue", "bt",
                ("frame 5", "frame 4") if opt == "-O0" else ("frame 4", "frame 3"), "info locals", "up", "info locals", "info args"])


REASON = {
    "timer": {"x": r"<interrupt: timer \(IRQ 0\)>", "r": r"<interrupt: supervisor timer>"},
    "fault": {"x": r"<exception: page fault>", "r": r"<exception: store page fault>"},
    "call": {"x": r"<software interrupt: int 0x30>", "r": r"<exception: environment call from U-mode>"},
}


def through_interrupts():
    """The handlers' common code has no call frame information here."""
    for isa, opt, more in (("x86_64", "-O0", ()), ("x86_64", "-O2", ("-DSYSCALL",)), ("i386", "-O0", ()), ("i386", "-O2", ()),
                           ("riscv64", "-O0", ()), ("riscv64", "-O2", ()), ("riscv32", "-O0", ()), ("riscv32", "-O2", ())):
        elf = build(f"bare-{isa}{opt}", isa, "kernel.c", "clang", opt, 5, ("-DKERNEL", *more))
        what, k = f"{isa} {opt}", isa[0] if isa[0] == "r" else "x"
        entry = "trap_entry" if k == "r" else "common"
        call = r"<system call>" if more else REASON["call"][k]
        main = r"main \(\) at kernel.c:%d"
        start = r"_start \(\)" if k == "r" else r"begin \(\)"
        out = debug(isa, elf, ["break on_timer", "continue", "bt", "up", "up", "up", "info frame", "break tick_work", "delete 1", "continue", "bt",
                               "delete", "break on_fault", "continue", "bt", "delete", "break on_call", "continue", "bt", "delete",
                               f"break *{entry}", "continue", "bt", "stepi 6", "bt", "delete", "continue"])
        interrupted = [entry + r" \(\) at", REASON["timer"][k], r"spin \(until=2\) at kernel.c:7[01]", main % 99, start]
        says(f"{what}: timer", out[2], r"^#0 +on_timer \(", *interrupted)
        check("guessed" not in out[2], f"{what}: nothing is guessed", out[2])
        says(f"{what}: timer, further in", out[10], r"^#\d+ .*tick_work \(", r"on_timer \(", *interrupted)
        says(f"{what}: page fault", out[14], r"^#0 +on_fault \(", entry + r" \(\) at", REASON["fault"][k],
             r"touch \(p=0x0*(3fe|900|c00)03000, v=5\) at kernel.c:77", main % 100, start)
        says(f"{what}: call from user mode", out[18], r"^#0 +on_call \(", entry + r" \(\) at", call, r"user_add \(.*\) at kernel.c:84",
             r"user_main \(\) at kernel.c:91")
        says(f"{what}: at the entry", out[22], r"^#0 +.*" + entry, call, r"user_add \(.*\) at kernel.c:84", r"user_main \(\)")
        says(f"{what}: a few instructions later", out[24], r"^#0 +.*" + entry, call, r"user_add \(.*\) at kernel.c:84", r"user_main \(\)")
        says(f"{what}: to the end", out[26], r"powered off with status " + ("13" if k == "r" else "27"))


def stepping_past_interrupts():
    """`next` and its twin do not see the timer; `finish` waits for its own frame."""
    for isa in "x86_64", "i386", "riscv64", "riscv32":
        elf = f"bare-{isa}-O0.elf"
        out = debug(isa, elf, ["break spin", "continue", *["next"] * 9, *["reverse-next"] * 9, "finish", "delete", "break touch", "continue", "next",
                               "reverse-next", "next", "next", "reverse-next", "reverse-step", "reverse-finish", "delete", "break user_main", "continue",
                               *["next"] * 6, *["reverse-next"] * 4, "step", "next", "reverse-step", "reverse-step", "reverse-step"])
        line = [(re.findall(r"^(?:0x\w+\s+)?(\d+)\t", x, re.M) or ["?"])[-1] for x in out]
        check(set(line[2:11]) == {"70", "71"}, f"{isa}: next stays in the loop", " ".join(line))
        check(line[11:20] == line[1:10][::-1], f"{isa}: reverse-next goes where next came from", " ".join(line))
        says(f"{isa}: finish", out[20], r"main \(\) at kernel.c:99", r"^Value returned is \$\d+ = \d+")
        check(line[23:31] == "77 78 77 78 101 100 72 99".split(), f"{isa}: over a page fault and back", " ".join(line[20:]))
        check(line[33:44] == "89 90 91 90 91 90 91 90 91 90 91".split(), f"{isa}: next over calls of the kernel", " ".join(line[20:]))
        check(line[44:49] == "83 84 83 82 91".split(), f"{isa}: step goes in, and back out", " ".join(line[20:]))


def registers_and_expressions():
    out = debug("i386", "guest-i386-O0-clang.elf", [
        "break sum_table", "continue", "print $eip", "print $pc == $eip", "print $esp == $sp", "print sizeof(char *)", "print sizeof $sp", "print &table[1]",
        "info registers eip", "x/i $pc", "x/2xw $sp", "display sum", "next", "print (char *)greeting", "ptype nodes", "print values[1]",
        "print *values@3", "print/x $ax", "set var values[1] = 77", "print table", "info frame", "print $_x = 5", "until", "info line"])
    says("i386 registers", "\n".join(out), r"\(void \(\*\)\(\)\) 0x\w+ <sum_table\+\d+>", r"= 1$", r"= 1$", r"= 4$", r"= 4$",
         r"\(int \*\) 0x\w+ <table\+4>", r"<sum_table\+\d+>", r"=> 0x\w+ <sum_table\+\d+>:\t", r"^0x", r"1: sum = ", r'"hello, guest"', r"struct node \{",
         r"= 1$", r"= \{3, 1, 4\}", r"^\$\d+ = 0x", r"\{3, 77, 4, 1, 5", r"found by CFI")


def returned():
    for isa in "x86_64", "i386", "riscv64", "riscv32":
        for opt in "-O0", "-O2":
            out = debug(isa, f"bare-{isa}{opt}.elf", ["break half", "break wide", "continue", "info args", "finish", "continue", "finish"])
            what = f"{isa} {opt}: what functions return"
            says(what, "\n".join(out), r"half \(v=(5|<optimized out>)\)", r"^Value returned is \$1 = 2.5$", r"wide \(v=3\)", r"^Value returned is \$2 = 25769803781$")


REAL = r"""
        .code16
        .section .text
        .globl _start
_start: xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x7000, %sp
        xor %bp, %bp
        call near
        cli
        hlt
        .type near, @function
near:   push %bp
        mov %sp, %bp
        lcall $0x7c0, $far - _start
        pop %bp
        ret
        .size near, . - near
        .type far, @function
far:    push %bp
        mov %sp, %bp
        call inner
        pop %bp
        lret
        .size far, . - far
        .type inner, @function
inner:  push %bp
        mov %sp, %bp
        mov $0x55aa, %ax
        pop %bp
        ret
        .size inner, . - inner
        .org 510
        .byte 0x55, 0xaa
"""


def real_mode():
    with open("real.S", "w") as f:
        f.write(REAL)
    subprocess.run(["clang", "--target=i386-unknown-elf", "-m32", "-g", "-c", "-o", "real.o", "real.S"], check=True)
    subprocess.run(["ld.lld", "-static", "-Ttext", "0x7c00", "-o", "real.elf", "real.o"], check=True)
    subprocess.run(["llvm-objcopy", "-O", "binary", "-j", ".text", "real.elf", "real.img"], check=True)
    with open("own.commands", "w") as f:
        f.write(marked(["symbol-file real.elf", "break *inner", "continue", "bt", "stepi", "bt", "stepi", "bt", "finish", "bt", "nexti", "delete", "break near",
                        "break *&near"]))
    p = subprocess.run([ORRERY, "debug", "-machine", "pc", "-m", "64", "-display", "none", "-serial", "none", "-monitor", "none", "-drive",
                        "file=real.img,format=raw", "--batch", "-x", "own.commands"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=60 * SLOW, check=False)
    out = answers(p.stdout)
    for n in 3, 5, 7:
        says(f"real mode, {n // 2} instructions into inner", out[n] if len(out) > n else p.stdout + p.stderr, r"^#0 .*inner \(\)", r"^#1 .*far \(\)", r"^#2 .*near \(\)")
    says("real mode, finish", out[8] if len(out) > 8 else "", r"far \(\)")


def main():
    tools = ["clang", "ld.lld", "gcc", "gdb-multiarch", "qemu-system-x86_64", "qemu-system-i386"]
    missing = [t for t in tools if not shutil.which(t)]
    if missing:
        print(f"SKIP: {', '.join(missing)} not installed")
        return 77
    with tempfile.TemporaryDirectory(prefix="orrery-frames-") as work:
        os.chdir(work)
        compare_with_gdb()
        through_interrupts()
        stepping_past_interrupts()
        registers_and_expressions()
        returned()
        real_mode()
    print(f"{checked} checked, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
