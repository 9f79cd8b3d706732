#!/usr/bin/env -S python3 -B
"""What is told of compiled code: --dump-jit, info jit, -perfmap, -jitdump (read here, and by perf where it may run)."""
import platform, re, struct
from front import *

if platform.machine() not in ('x86_64', 'aarch64'):
    sys.exit(77)
POWEROFF = 'li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n1: j 1b\n'
G = guest('loop', ''' li s0, 4000000
 la s1, word
 call work
''' + POWEROFF + '''
.type work, @function
work:
 lw a0, 0(s1)
 add a0, a0, s0
 sw a0, 0(s1)
 addi s0, s0, -1
 bnez s0, work
 ret
.size work, . - work
 .align 6
word: .word 0
''')
K = ['-nographic', '-bios', 'none', '-kernel', G]
J = K + ['-accel', 'jit']

# --- --dump-jit: the guest's text, operations, host code
def shows(what, *options, face='run'):
    r = expect(what, 0, run(face, *J, *options))
    for part in ('<work>:  c.lw a0,0(s1)', 'tier 1', 'bnez s0,', 'get [', 'add v', 'exits:'):
        has(what, r.err, part)
    check(len(r.err.splitlines()) > 25, f'{what}: it is long', r.err)
    return r
r = shows('--dump-jit SYMBOL', '--dump-jit', 'work')
check(re.search(r'^ +\d+  get \[0x[0-9a-f]+\] s1 +[0-9a-f]+  ', r.err, re.M), 'operations and host code side by side', r.err)
address = re.search(r'(0x[0-9a-f]+) <work>', r.err)[1]
has('--dump-jit of a region', r.err, 'tier 2')
shows('--dump-jit ADDRESS', '--dump-jit', address)
shows('--dump-jit of an expression', '--dump-jit', 'work+4')
r = expect('--dump-jit of a place that is not compiled', 0, run('run', *J, '--dump-jit', 'work+0x400'))
check(r.err == '', 'nothing is shown', r.err)
expect('--dump-jit of a name nobody knows', 2, run('run', *J, '--dump-jit', 'wrok'), err='--dump-jit: ')
expect('--dump-jit without a compiler', 2, run('run', *K, '-accel', 'interp', '--dump-jit', 'work'), err='leave out -accel interp')
expect('-jitdump without a compiler', 2, run('run', *K, '-accel', 'interp', '-jitdump'), err='leave out -accel interp')
shows('--dump-jit under the debugger, before it has symbols', '--dump-jit', 'work', '--batch', '-ex', 'continue', face='debug')

# --- the debugger
r = expect('info jit', 0, run('debug', *J, '--batch', '-ex', 'run-until 1000000', '-ex', 'info jit', '-ex', 'info jit work'))
for part in ('JIT: blocks compiled ', 'JIT tier 1: ', 'JIT chains: direct ', 'memory accesses ', 'code pages rewritten ',
             '<work>:  c.lw a0,0(s1)', 'made again to be looked at'):
    has('info jit', r.out, part)
r = run('debug', *J, '--batch', '-ex', 'run-until 1000000', '-ex', 'info jit word')
has('info jit of data', r.out + r.err, 'no compiled block holds 0x')
r = run('debug', *K, '-accel', 'interp', '--batch', '-ex', 'info jit work')
has('info jit, interpreted', r.out + r.err, 'run without -accel interp')
r = expect('a breakpoint in compiled code', 0, run('debug', *J, '--batch', '-ex', 'run-until 1000000', '-ex', 'tbreak work',
           '-ex', 'continue', '-ex', 'delete', '-ex', 'p $pc == work', '-ex', 'continue'))
has('a breakpoint in compiled code', r.out, '= 1')

# --- /tmp/perf-PID.map
def pid_of(*args):
    p = subprocess.Popen([ORRERY, *args], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, err = p.communicate(timeout=20 * SLOW)
    except subprocess.TimeoutExpired:
        p.kill()
        _, err = p.communicate()
    check(p.returncode == 0, ' '.join(args[-2:]), (p.returncode, err))
    return p.pid
def lines_of_map(path):
    rows = [l.split(None, 2) for l in open(path).read().splitlines()]
    return [(int(a, 16), int(n, 16), name) for a, n, name in rows]
path = f'/tmp/perf-{pid_of("run", *J, "-perfmap")}.map'
rows = lines_of_map(path)
os.unlink(path)
check(any(name == 'work' for _, _, name in rows), '-perfmap: the function is there', rows)
check(all(0 < n < 1 << 20 for _, n, _ in rows), '-perfmap: sizes', rows)
check(all(a[0] + a[1] <= b[0] for a, b in zip(sorted(rows), sorted(rows)[1:])), '-perfmap: nothing overlaps', rows)

# --- jit-PID.dump, by the format's description (Linux, tools/perf/Documentation/jitdump-specification.txt)
def read_dump(path, pid):
    d = open(path, 'rb').read()
    magic, version, size, machine, pad, its_pid, when, flags = struct.unpack_from('<6I2Q', d)
    check((magic, version, size, pad, its_pid, flags) == (0x4a695444, 1, 40, 0, pid, 0), 'jitdump: header', d[:40])
    check(machine == {'x86_64': 62, 'aarch64': 183}[platform.machine()], 'jitdump: machine', machine)
    at, loads, closed, lines, last = size, [], False, [], when
    while at < len(d):
        kind, n, when = struct.unpack_from('<IIQ', d, at)
        check(n >= 16 and at + n <= len(d) and when >= last, 'jitdump: record', (at, kind, n, when))
        if n < 16:
            break
        body, last = d[at + 16:at + n], when
        if kind == 0:
            p, tid, vma, addr, length, index = struct.unpack_from('<2I4Q', body)
            name, code = body[40:].split(b'\0', 1)
            check(p == pid and tid == pid and vma == addr and len(code) == length and index == len(loads), 'jitdump: code',
                  (p, tid, vma, addr, length, index, len(code)))
            loads.append((addr, length, name.decode(), code))
        elif kind == 2:
            addr, count = struct.unpack_from('<2Q', body)
            rest = body[16:]
            for _ in range(count):
                host, line, _, = struct.unpack_from('<QII', rest)
                name, rest = rest[16:].split(b'\0', 1)
                lines.append((addr, host, line, name.decode()))
            check(rest == b'', 'jitdump: lines fill their record', rest)
        closed = kind == 3
        check(kind in (0, 2, 3), 'jitdump: kinds', kind)
        at += n
    check(closed, 'jitdump: closed at the end')
    return loads, lines
pid = pid_of('run', *J, '-jitdump')
loads, lines = read_dump(f'jit-{pid}.dump', pid)
check(any(name == 'work' for _, _, name, _ in loads), '-jitdump: the function is there', loads)
pid = pid_of('run', '-nographic', '-bios', 'none', '-kernel', TEACH, '-accel', 'jit,threshold=1', '-jitdump')
loads, lines = read_dump(f'jit-{pid}.dump', pid)
check(any(f.endswith('kernel.c') and n > 0 for _, _, n, f in lines), '-jitdump: lines of the guest\'s source', lines[:5])
spans = {a: n for a, n, _, _ in loads}
check(all(a in spans and a <= host < a + spans[a] for a, host, _, _ in lines), '-jitdump: lines are of the code that follows',
      lines[:5])
# The bytes are those that run: a dump of the same machine shows the same sizes.
check(len(loads) > 20 and all(n == len(c) for _, n, _, c in loads), '-jitdump: code', len(loads))

# --- perf itself
perf = shutil.which('perf')
home = dict(os.environ, HOME=work) # where perf keeps copies of programs
why = None if perf else 'perf is not installed (Debian: linux-perf)'
if not why:
    r = subprocess.run([perf, 'record', '-k', 'mono', '-e', 'cpu-clock:u', '-o', 'perf.data', ORRERY, 'run', *J, '-jitdump'],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, env=home, timeout=60 * SLOW)
    if r.returncode:
        why = 'perf may not record here: ' + (r.stderr.strip().splitlines() or ['?'])[-1]
if why:
    print('skipped: ' + why)
else:
    r = subprocess.run([perf, 'inject', '--jit', '-i', 'perf.data', '-o', 'perf.jit'], capture_output=True, text=True, env=home)
    check(r.returncode == 0, 'perf inject --jit', r.stderr)
    r = subprocess.run([perf, 'report', '-i', 'perf.jit', '--stdio', '--sort', 'sym'], capture_output=True, text=True, env=home)
    check(re.search(r'^ +\d+\.\d+% +\[\.\] work *$', r.stdout, re.M), 'perf report names the guest\'s function', r.stdout[:1500])
finish()
