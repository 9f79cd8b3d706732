"""What the tests of the command line share: runs, guests made on the spot, terminals, and counting what was checked.
`make check` gives ORRERY, SRC and BUILD; by hand: tests/cli/errors.py BUILD-DIRECTORY."""
import atexit, os, pty, select, shutil, signal, subprocess, sys, time

BUILD = os.environ.get('BUILD') or os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else '.')
SRC = os.environ.get('SRC') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORRERY = os.environ.get('ORRERY') or BUILD + '/orrery'
SLOW = float(os.environ.get('ORRERY_TEST_SLOW', '1'))
TEACH = BUILD + '/tests/labs/teach/teach.elf'
NAME = os.path.basename(sys.argv[0]).removesuffix('.py')
work = f'{BUILD}/tests/cli/{NAME}.dir'
checked = failed = 0

shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
os.chdir(work)
if not os.access(ORRERY, os.X_OK):
    sys.exit(f'{ORRERY} is not there; build it, and say where: {sys.argv[0]} BUILD-DIRECTORY')
if not os.path.exists(TEACH):
    subprocess.run(['make', '-C', BUILD, 'tests/labs/teach/teach.elf'], stdout=subprocess.DEVNULL, check=True)


def face(name):
    """The program under another name."""
    path = f'{work}/{name}'
    if not os.path.exists(path):
        os.symlink(ORRERY, path)
    return path


def check(ok, what, seen=''):
    global checked, failed
    checked += 1
    if not ok:
        failed += 1
        print(f'FAILED: {what}' + (f'\n   it was: {seen!r}' if seen != '' else ''), flush=True)
    return ok


def has(what, text, part):
    return check(part in text, f'{what}: {part!r} is in it', text[-2000:])


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


def run(*args, face_name=None, stdin=b'', timeout=20, env=None):
    """A run to its end; the status of one that has to be killed is 'hangs'."""
    program = face(face_name) if face_name else ORRERY
    e = dict(os.environ, **(env or {}))
    p = subprocess.Popen([program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=e)
    try:
        out, err = p.communicate(stdin, timeout * SLOW)
        status = p.returncode
    except subprocess.TimeoutExpired:
        p.kill()
        out, err = p.communicate()
        status = 'hangs'
    return Result(status, out.decode(errors='replace'), err.decode(errors='replace'))


def expect(what, status, r, out=None, err=None):
    check(r.status == status, f'{what}: status {status}', (r.status, r.out[-500:], r.err[-500:]))
    if out is not None:
        has(what, r.out, out)
    if err is not None:
        has(what, r.err, err)
    return r


def guest(name, text, xlen=64, base=0x80000000):
    """Assembles, links at base and returns the path."""
    with open(f'{name}.S', 'w') as f:
        f.write('.globl _start\n_start:\n' + text)
    with open(f'{name}.ld', 'w') as f:
        f.write('ENTRY(_start) SECTIONS { . = %#x; .text : { *(.text*) *(.rodata*) *(.data*) *(.bss*) } '
                '/DISCARD/ : { *(.comment) *(.riscv.attributes) *(.eh_frame) } }' % base)
    arch = ['-march=rv64imac_zicsr', '-mabi=lp64'] if xlen == 64 else ['-march=rv32imac_zicsr', '-mabi=ilp32']
    for a in arch, [arch[0].replace('_zicsr', ''), arch[1]]: # clang before 16 knows no zicsr and needs none
        r = subprocess.run(['clang', f'--target=riscv{xlen}-unknown-elf', *a, '-mno-relax', '-nostdlib', '-static',
                            '-fuse-ld=lld', f'-Wl,-T,{name}.ld', '-o', f'{name}.elf', f'{name}.S'],
                           stderr=subprocess.PIPE, text=True)
        if r.returncode == 0:
            return f'{work}/{name}.elf'
    sys.exit(r.stderr)


def echo_guest(name='echo', greeting='', last='', exit_word=0x5555):
    """Sends back what it receives on its serial port; after `last` it writes exit_word to the sifive_test device."""
    greet = ''.join(f" li t0, '{c}'\n sb t0, 0(s1)\n" for c in greeting)
    end = f"""
        li t1, '{last}'
        bne t0, t1, 1b
        li t0, 0x100000
        li t1, {exit_word:#x}
        sw t1, 0(t0)
    2:  j 2b
    """ if last else ' j 1b\n'
    return guest(name, f""" li s1, 0x10000000
        {greet}
    1:  lbu t0, 5(s1)
        andi t0, t0, 1
        beqz t0, 1b
        lbu t0, 0(s1)
        sb t0, 0(s1)
        {end}""")


class Term:
    """The program on a terminal, and a person before it."""
    def __init__(self, *args, env=None):
        self.text, self.name, self.seen = '', ' '.join(args), ''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env or {})
            os.execv(args[0] if '/' in args[0] else ORRERY, [ORRERY, *args] if '/' not in args[0] else args)

    def _read(self, seconds):
        if not select.select([self.fd], [], [], max(0, seconds))[0]:
            return None
        try:
            got = os.read(self.fd, 65536).decode(errors='replace')
        except OSError:
            got = ''
        self.text += got
        self.seen += got
        return got

    def want(self, part, seconds=10):
        end = time.time() + seconds * SLOW
        while part not in self.text:
            got = self._read(end - time.time())
            if not got:
                check(False, f'{self.name}: {part!r} comes', self.text)
                return False
        self.text = self.text[self.text.index(part) + len(part):]
        return check(True, part)

    def send(self, text):
        os.write(self.fd, text.encode())

    def say(self, line, part='(orrery) '):
        """A command, and its prompt again; returns what was in between."""
        self.send(line + '\r')
        before = len(self.seen)
        self.want(part)
        return self.seen[before:]

    def end(self, status, seconds=10):
        end = time.time() + seconds * SLOW
        while True:
            p, s = os.waitpid(self.pid, os.WNOHANG)
            if p:
                break
            if time.time() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                check(False, f'{self.name}: it ends', self.text)
                return
            self._read(0.02)
        while self._read(0):
            pass
        os.close(self.fd)
        s = os.waitstatus_to_exitcode(s)
        check(s == status, f'{self.name}: status {status}', (s, self.text))


def finish():
    print(f'{NAME}: {checked} checked, {failed} failed')
    sys.exit(1 if failed or not checked else 0)
