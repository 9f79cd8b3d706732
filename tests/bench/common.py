"""What both computers of the benchmark share: running and timing, and the table."""
import gzip, os, re, selectors, signal, statistics, subprocess, sys, tempfile, time

from costs import costs

INTEGER = ["sieve", "sha256", "qsort", "bytecode", "fib"]
FLOAT = ["matmul", "nbody"]
OTHER = FLOAT + ["chase", "memcpy"]
KERNEL = ["fork", "syscalls", "faults"]
PHASES = INTEGER + OTHER + ["boot"] + KERNEL
C_NAME = {"qsort": "qsort_", "memcpy": "memcpy_"}  # where the plain name is the C library's
LIMIT = 300  # seconds of processor time a run may take; Bochs needs more of a kernel boot


class Run:
    """One run of a command: its output, the moment of each line of it (seconds since the start, of the clock and of the
    process's own processor time), what it used in all."""

    def __init__(self, command, watch=None, start=None, last=None, limit=LIMIT):
        """start: makes (process, descriptor of its output) instead of command; last: ends it when a line says this."""
        self.lines, self.status = [], None  # (text, wall, cpu)
        begin = time.monotonic()
        if start:
            p, out = start()
            keeper = os.fdopen(out, "rb", buffering=0)  # closes it in the end
            out = keeper.fileno()
        else:
            p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            out = p.stdout.fileno()
        clock = ~p.pid << 3 | 2  # the process's CPU clock, as clock_getcpuclockid(3) numbers it
        rest, watched = b"", begin
        with selectors.DefaultSelector() as s:
            s.register(out, selectors.EVENT_READ)
            while True:
                if self.seconds(clock) > limit or time.monotonic() - begin > 5 * limit:
                    os.kill(p.pid, signal.SIGKILL)  # not p.kill(), which may wait for it
                ready = s.select(0.1 if watch else 1.0)
                if watch and time.monotonic() - watched > 0.1:
                    watch(p.pid)
                    watched = time.monotonic()
                if ready:
                    data = os.read(out, 65536)
                    if not data:
                        if not start or os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                            break
                        time.sleep(0.1)  # a pipe that is not open yet at the other end
                        continue
                    wall = time.monotonic() - begin
                    cpu = self.seconds(clock)
                    *whole, rest = (rest + data).split(b"\n")
                    self.lines += [(line.decode(errors="replace").strip("\r"), wall, cpu) for line in whole]
                    if last and any(last in line for line, _, _ in self.lines[-len(whole):]):
                        os.kill(p.pid, signal.SIGKILL)
                        last = None
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.wall, self.cpu, self.rss = time.monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        self.text = "\n".join(line for line, _, _ in self.lines) + rest.decode(errors="replace")

    def seconds(self, clock):
        try:
            return time.clock_gettime(clock)
        except OSError:  # it has just ended
            return self.lines[-1][2] if self.lines else 0.0

    def tail(self):
        return f"status {self.status}: " + " | ".join(self.text.strip().splitlines()[-3:])


class Results:
    """Times by phase and system, what was computed, and the table of it."""

    def __init__(self, o):
        self.o = o
        self.work = tempfile.mkdtemp(prefix="orrery-bench-")
        self.orrery = os.path.join(o.build, "orrery")
        self.times = {}  # phase: [ {system: seconds} for each round ]
        self.counts = {}  # loop: guest instructions
        self.sums = {}  # phase: {system: checksum}
        self.columns, self.pairs = [], []  # systems; those to be compared
        self.bad = []

    def clock(self, wall, cpu):
        return wall if self.o.clock == "wall" else cpu

    def complain(self, text):
        self.bad.append(text)
        print("bench: " + text, file=sys.stderr, flush=True)

    def note(self, phase, system, seconds, checksum):
        if seconds is not None:
            self.times[phase][-1][system] = max(seconds, 0.0005)
        if checksum:
            self.sums.setdefault(phase, {}).setdefault(system, checksum)
            if self.sums[phase][system] != checksum:
                self.complain(f"{phase}: {system} computes {checksum}, before it was {self.sums[phase][system]}")

    def take_lines(self, run, system):
        """The lines of phases.h. False: it did not come to the end."""
        begun = {}
        for line, wall, cpu in run.lines:
            m = re.search(r"bench: (\w+) (begin|end|wrong) ?(\w*)$", line)
            if not m:
                continue
            name, what, checksum = m.groups()
            now = self.clock(wall, cpu)
            if what == "begin":
                begun[name] = now
                if name == "all" and "boot" in self.times:
                    self.note("boot", system, now - begun.get("boot", 0), None)
            elif what == "wrong":
                self.complain(f"{name}: {system}: wrong result")
            elif name == "all":
                begun["ended"] = now
            else:
                self.note(name, system, now - begun[name], checksum)
        return "ended" in begun

    def build_native(self, name):
        """One loop for the host itself."""
        host = os.path.join(self.work, name)
        subprocess.run([self.o.native_cc, "-O2", "-fno-math-errno", "-DHOST", "-DPHASE=" + C_NAME.get(name, name), "-o", host,
                        os.path.dirname(os.path.abspath(__file__)) + "/loops.c"], check=True)
        return host

    def ratio(self, phase, a, b):
        if self.o.least:
            x, y = self.seconds(phase, a), self.seconds(phase, b)
            return x / y if x and y else None
        both = [r[a] / r[b] for r in self.times.get(phase, []) if a in r and b in r]
        return statistics.median(both) if both else None

    def seconds(self, phase, system):
        all_rounds = [r[system] for r in self.times.get(phase, []) if system in r]
        return (min if self.o.least else statistics.median)(all_rounds) if all_rounds else None

    def row(self, name, seconds, ratios, mips=None):
        def number(x, width, digits):
            return f"{x:{width}.{digits}f}" if x is not None else " " * (width - 1) + "-"
        text = f"{name:10}" + "".join(number(seconds(k), 9, 3) for k in self.columns)
        text += "".join(number(ratios(a, b), len(a) + len(b) + 3, 2) for a, b in self.pairs)
        print(text + number(mips, 7, 0), flush=True)

    def title(self, what, more=""):
        clock = "processor time (user + system)" if self.o.clock == "cpu" else "wall clock"
        print(f"{what}: seconds of {clock}, {'the least' if self.o.least else 'medians'} of {self.o.rounds}; {more}"
              f"load {os.getloadavg()[0]:.1f} at the start")

    def heading(self):
        print(f"{'phase':10}" + "".join(f"{k:>9}" for k in self.columns) +
              "".join(f"  {a}/{b}" for a, b in self.pairs) + "   MIPS")

    def phase_row(self, phase):
        best = self.seconds(phase, "jit") or self.seconds(phase, "interp")
        count = self.counts.get(phase)
        self.row(phase, lambda k: self.seconds(phase, k), lambda a, b: self.ratio(phase, a, b),
                 count / best / 1e6 if count and best else None)

    def total(self, name, phases):
        """Sums of medians; a system that lacks one of the phases has no sum. Returns the ratio of two systems."""
        def seconds(k):
            all_of_them = [self.seconds(p, k) for p in phases]
            return sum(all_of_them) if all_of_them and None not in all_of_them else None

        def ratio(a, b):
            return seconds(a) / seconds(b) if seconds(a) and seconds(b) else None
        self.row(name, seconds, ratio)
        return ratio

    def judge(self, what, value, limit):
        if value is not None:
            print(f"{what:52} {value:6.2f}  {'ok' if value <= limit else 'MISSED':6} (at most {limit:.2f})")

    def over(self, phases, a, b, limit):
        over = [f"{p} {v:.2f}" for p in phases if (v := self.ratio(p, a, b)) is not None and v > limit]
        if over:
            print(f"    above {limit}: " + ", ".join(over))

    def costs(self, machine):
        o = self.o
        for system in ("interp", "jit"):
            if (system == "interp" and o.jit_only) or (system == "jit" and o.interp_only):
                continue
            front = os.path.join(self.work, "orrery-" + system)
            with open(front, "w") as f:  # so that the options of -accel go everywhere
                f.write(f'#!/bin/sh\ncase $1 in\nrecord) f=$2; shift 2; exec {self.orrery} record "$f" -accel {system} "$@" ;;\n'
                        f'*) c=$1; shift; exec {self.orrery} "$c" -accel {system} "$@" ;;\nesac\n')
            os.chmod(front, 0o755)
            print(f"costs on {machine} with {system}, over {o.instructions} instructions (issue 2 asks for under 2 %, issue 3 for under "
                  "3 % for recording with jit)", flush=True)
            if not costs(machine, front, self.linux, self.work, o.rounds, o.count, o.instructions, o.cost):
                self.complain(f"costs on {machine} with {system}: see above")

    def check_sums(self):
        for phase, sums in self.sums.items():
            if len(set(sums.values())) > 1:
                self.complain(f"{phase}: results differ: " + ", ".join(f"{k} {v}" for k, v in sums.items()))


def second_archive(program):
    """What follows the boot tests' initial RAM disk: /bin/bench."""
    archive = b""
    with open(program, "rb") as f:
        content = f.read()
    for number, (name, mode, data) in enumerate([("bin/bench", 0o100755, content), ("TRAILER!!!", 0, b"")], 700):
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        head = b"070701" + b"".join(b"%08X" % x for x in fields) + name.encode() + b"\0"
        for part in (head, data):
            archive += part + b"\0" * (-len(part) % 4)
    return gzip.compress(archive, 9, mtime=0)
