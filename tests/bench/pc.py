"""The PC of the benchmark: the same CD image, made by GRUB, boots in Orrery, Debian's QEMU (TCG) and Debian's Bochs; everything
is timed between lines on the serial port, so what firmware and boot loader take does not count."""
import os, pty, shutil, subprocess, tempfile, threading

from common import FLOAT, INTEGER, KERNEL, OTHER, PHASES, Results, Run, second_archive

here = os.path.dirname(os.path.abspath(__file__))
CFLAGS = ["-O2", "-ffreestanding", "-nostdlib", "-fno-pic", "-fuse-ld=lld", "-static", "-fno-vectorize", "-fno-math-errno",
          "-march=x86-64"]
RAM = 256
# A processor that all three know, with what Debian's kernel uses: a Core 2 (Penryn: SSE4.1, no AVX).
MODEL = {"orrery": "core2duo", "qemu": "Penryn", "bochs": "core2_penryn_t9600"}
# Bochs' clock counts instructions. Fewer for a second mean shorter waits for devices, more mean fewer timer interrupts; this is
# about what it reaches. (With ten times as many, waiting for the serial port alone took minutes.)
IPS = 100000000


def cd(work, name, files, commands):
    """A bootable CD of files and GRUB commands."""
    tree, image = os.path.join(work, name), os.path.join(work, name + ".iso")
    os.makedirs(tree + "/boot/grub", exist_ok=True)
    for at, source in files.items():
        shutil.copyfile(source, tree + "/" + at)
    with open(tree + "/boot/grub/grub.cfg", "w") as f:
        f.write("serial --unit=0 --speed=115200\n" + commands + "boot\n")
    r = subprocess.run(["grub-mkrescue", "-o", image, tree], capture_output=True, text=True)
    if r.returncode:
        raise SystemExit("bench: grub-mkrescue fails: " + r.stderr[-500:])
    return image


def loops_cd(work, phases):
    elf = os.path.join(work, "loops.elf")
    subprocess.run(["clang", "--target=x86_64-unknown-elf", "-mno-red-zone", "-Wl,-T," + here + "/pc.ld",
                    "-Wl,-z,max-page-size=4096", "-o", elf, here + "/pc.S", here + "/pc.c"] + CFLAGS, check=True)
    return cd(work, "loops", {"loops": elf}, "multiboot /loops bench=" + ",".join(phases) + "\n")


def linux_cd(work, linux, phases):
    subprocess.run([here + "/../boot/fetch-linux", linux, "amd64"], check=True)
    program, initrd = os.path.join(work, "bench"), os.path.join(work, "initrd.gz")
    subprocess.run(["clang", "--target=x86_64-linux-gnu", "-o", program, here + "/linux.c"] + CFLAGS, check=True)
    with open(initrd, "wb") as out, open(linux + "/initrd.gz", "rb") as first:
        out.write(first.read() + second_archive(program))
    return cd(work, "linux", {"linux": linux + "/Image", "initrd": initrd},
              f"linux /linux console=ttyS0,115200 test=bench bench={','.join(phases)}\ninitrd /initrd\n"
              "terminal_output serial\necho 'bench: boot begin'\n")


def command(system, orrery, image):
    if system == "qemu":
        return ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg", "-cpu", MODEL["qemu"], "-m", str(RAM), "-display", "none",
                "-monitor", "none", "-serial", "stdio", "-cdrom", image]
    return [orrery, "run", "-machine", "pc", "-accel", system, "-cpu", MODEL["orrery"], "-m", str(RAM), "-display", "none",
            "-monitor", "none", "-serial", "stdio", "-cdrom", image, "--pace", "none"]


class Bochs:
    """Debian's Bochs wants a terminal for its screen, and its debugger to be told to go on; COM1 goes to a pipe with a name."""

    def __init__(self, work, image):
        self.dir = tempfile.mkdtemp(prefix="bochs-", dir=work)
        self.serial = self.dir + "/serial"
        os.mkfifo(self.serial)
        with open(self.dir + "/go", "w") as f:
            f.write("c\n")
        with open(self.dir + "/rc", "w") as f:
            f.write(f"""display_library: term
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
megs: {RAM}
cpu: model={MODEL['bochs']}, count=1, ips={IPS}, reset_on_triple_fault=0
clock: sync=none, time0=1577836800
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev={self.serial}
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
mouse: enabled=0
log: {self.dir}/log
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
""")
        self.command = ["bochs-bin", "-q", "-f", self.dir + "/rc", "-rc", self.dir + "/go"]

    def start(self):
        """The process and the descriptor its serial port is read from."""
        ours, its = pty.openpty()
        out = os.open(self.serial, os.O_RDONLY | os.O_NONBLOCK)
        p = subprocess.Popen(self.command, stdin=its, stdout=its, stderr=its,
                             env=dict(os.environ, TERM="vt100", BXSHARE="/usr/share/bochs"))
        os.close(its)

        def swallow():
            try:
                while os.read(ours, 65536):
                    pass
            except OSError:  # it has ended
                pass
            os.close(ours)
        threading.Thread(target=swallow, daemon=True).start()
        return p, out


class PC(Results):
    def __init__(self, o):
        super().__init__(o)
        self.linux = o.linux_amd64 or os.path.join(o.build, "linux-amd64")
        self.systems = ["qemu", "bochs", "interp"]
        if not os.path.exists("/usr/bin/bochs-bin") or o.no_bochs:
            self.systems.remove("bochs")
        self.columns = ["native"] + self.systems
        self.pairs = [p for p in (("interp", "bochs"), ("interp", "qemu"), ("interp", "native")) if p[1] in self.columns]

    def round(self, phases, image):
        for p in phases:
            self.times.setdefault(p, []).append({})
        for system in self.systems:
            how = {"command": command(system, self.orrery, image)}
            if system == "bochs":
                how = {"command": None, "start": Bochs(self.work, image).start, "limit": 1200}
            r = Run(last="bench: all end", **how)
            if not self.take_lines(r, system):
                self.complain(f"{','.join(phases)} on the PC: {system}: {r.tail()}")

    def native(self, loops):
        """One round."""
        base = None
        for name in ["empty"] + loops:
            r = Run([self.hosts[name]])
            seconds = self.clock(r.wall, r.cpu)
            base = seconds if base is None else base
            if name != "empty":
                self.note(name, "native", seconds - base, r.text.strip().splitlines()[-1] if name not in FLOAT else None)

    def run(self, wanted):
        loops = [p for p in INTEGER + OTHER if p in wanted]
        booted = [p for p in ["boot"] + KERNEL if p in wanted and not self.o.no_boot]
        if booted and "boot" not in booted:
            booted.insert(0, "boot")
        if "costs" in wanted:
            subprocess.run([here + "/../boot/fetch-linux", self.linux, "amd64"], check=True)
            self.costs("x86")
        if not loops and not booted:
            return 1 if self.bad else 0
        self.title("PC (x86-64)")
        self.heading()
        self.hosts = {p: self.build_native(p) for p in (["empty"] + loops if loops else [])}
        image = loops and loops_cd(self.work, loops)
        for _ in range(self.o.rounds if loops else 0):
            self.round(loops, image)
            self.native(loops)
        for p in loops:
            self.phase_row(p)
        image = booted and linux_cd(self.work, self.linux, booted)
        for _ in range(self.o.rounds if booted else 0):
            self.round(booted, image)
        for p in booted:
            self.phase_row(p)
        integer, floats = [p for p in loops if p in INTEGER], [p for p in loops if p in FLOAT]
        ratios = {name: self.total(name, of) if of else None
                  for name, of in (("integer", integer), ("floating", floats), ("both", integer + floats if floats else []))}
        print()
        self.judge("issue 4: interpreter, kernel boot, of Bochs' time", self.ratio("boot", "interp", "bochs"), 0.5)
        for name, text in (("integer", "integer loops"), ("floating", "floating loops"), ("both", "integer and floating loops")):
            if ratios[name]:
                self.judge(f"issue 4: interpreter, {text}, of Bochs' time", ratios[name]("interp", "bochs"), 0.6)
        self.over([p for p in integer + floats], "interp", "bochs", 0.6)
        self.check_sums()
        return 1 if self.bad else 0
