"""What is promised to cost nothing: nothing armed, traces that are off, stop points that are armed and not hit, recording.

User time is the least of several rounds, in which plain runs take turns with the others; host instructions are counted by
valgrind, the same each time whatever else the machine does. The past is kept in none of them: what it costs is another row."""
import os, re, resource, subprocess

# Kinds of stop points with something of each that does not come. PLACE is an address in the middle of the kernel's code that nothing
# jumps to; FAR is in a page of free memory; the registers are one that is seldom written, the stack pointer, and one that is written all the time.
COMMON = ["code *{place}", "execute {place},64", "write phys {far},8", "access phys {far},64", "exception {exception}",
          "interrupt 77", "mode from {mode}", "csr {csr} == 0x77", "reg {seldom} == 0x1234567", "reg {sp} == 0x1234567",
          "reg {often} == 0x1234567", "tlb 0x77", "magic 77", "device {device} == 0x77", "dma 0xfffff000,16", "irq {irq}",
          'console "no such"', "time 1000000 s", "instructions 999999999999"]
MACHINES = {
    "riscv": dict(
        options=["-machine", "virt", "-m", "256M"], append="console=ttyS0 test=boot", kinds=COMMON,
        words=dict(place="0x80123456", far="0x8a888000", exception="30", mode="M to U", csr="sscratch",
                   seldom="s11", sp="sp", often="a0", device="uart0.SCR", irq="rtc high")),
    "x86": dict(
        options=["-machine", "pc", "-m", "512M"], append="console=ttyS0 test=boot", kinds=COMMON + ["io 0x77"],
        words=dict(place="0xffffffff81234567", far="0x15555000", exception="30", mode="v86 to 3", csr="lstar",
                   seldom="r15", sp="rsp", often="rax", device="serial0.SCR", irq="parallel0 high")),
}


def cpu_seconds(command):
    """User time of the command: steadier than the clock for differences of a percent."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, r.stdout.decode(errors="replace")


def host_instructions(command, work):
    """How many the host executes in user mode: start and end included, where what is paid once weighs more."""
    # The command may be a script that becomes the program (exec): its children are followed.
    r = subprocess.run(["valgrind", "--tool=cachegrind", "--trace-children=yes", "--cache-sim=no", "--smc-check=all-non-file",
                        "--cachegrind-out-file=" + work + "/cachegrind"] + command,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return int(re.search(rb"I\s+refs:\s+([\d,]+)", r.stderr).group(1).replace(b",", b""))


def rows(machine, orrery, linux, work, end):
    """Pairs of name and command; a name that begins with "=" is what those behind it are compared with."""
    m = MACHINES[machine]
    common = m["options"] + ["-display", "none", "-serial", "file:/dev/null", "--stop-at", end, "-kernel", linux + "/Image",
                             "-initrd", linux + "/initrd.gz", "-append", m["append"]]
    debug = [orrery, "debug"] + common + ["--history", "off", "--batch"]
    yield "=a run", [orrery, "run"] + common
    yield "tracing off", [orrery, "run"] + common + ["-d", "unimp", "-D", work + "/log"]
    yield "recording", [orrery, "record", work + "/r.rec"] + common
    yield "=a debugger", debug + ["-ex", "continue"]
    for kind in m["kinds"]:
        what = "break " + kind.format(**m["words"])
        yield what, debug + ["-ex", what, "-ex", "continue"]


def costs(machine, orrery, linux, work, rounds, count, instructions, only=""):
    """Prints a line each. Returns False when a command failed, or a stop point was hit or not understood."""
    commands = [(name, c) for name, c in rows(machine, orrery, linux, work, str(instructions))
                if name[0] == "=" or re.search(only, name)]
    least, good = {}, True
    for number in range(max(1, rounds)):
        for name, command in commands:
            seconds, said = cpu_seconds(command)
            least[name] = min(least.get(name, 1e9), seconds)
            if not number and name.startswith("break") and (f"at {instructions}" not in said or "oint 1" not in said):
                print(f"{name}: {said.strip()[-200:]}", flush=True)
                good = False
    against = counted = None
    for name, command in commands:
        n = host_instructions(command, work) if count else 0
        if name[0] == "=":
            against, counted = least[name], n
            print(f"{name[1:]:34} {against:6.2f} s" + (f"  {n / 1e6:9.1f} million host instructions" if count else ""), flush=True)
            continue
        text = f"  {name:32} {100 * (least[name] / against - 1):+6.1f} %"
        if count:
            text += f"  {100 * (n / counted - 1):+9.2f} % host instructions"
        print(text, flush=True)
    return good
