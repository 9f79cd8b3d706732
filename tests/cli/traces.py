#!/usr/bin/env -S python3 -B
"""Traces: each format read by its own readers, where Debian has one, else by a reader here; filters; equal runs, equal bytes."""
import collections, re, struct, xml.etree.ElementTree
from front import *

TEACH_RUN = ['run', '-bios', 'none', '-display', 'none']

def tool(*words, **options):
    r = subprocess.run(words, capture_output=True, text=True, timeout=60 * SLOW, **options)
    check(r.returncode == 0, ' '.join(words), r.stderr[-500:] + r.stdout[-500:])
    return r.stdout

def read(name, mode='r'):
    with open(name, mode) as f:
        return f.read()

def linked(name, target, base, *options):
    """tests/cli/calls/calls.c with the machine's side of it."""
    flags = ['clang', f'--target={target}', '-g', *options]
    tool(*flags, '-O1', '-ffreestanding', '-fno-pic', '-fno-stack-protector', '-Wall', '-Werror', '-c', '-o', 'c.o',
         f'{SRC}/tests/cli/calls/calls.c')
    tool(*flags, '-c', '-o', 's.o', f'{SRC}/tests/cli/calls/{name}.S')
    with open('calls.ld', 'w') as f:
        f.write('ENTRY(_start) SECTIONS { . = %#x; .text : { *(.text.entry) *(.text*) *(.rodata*) *(.data*) *(.bss*) *(COMMON) } '
                '/DISCARD/ : { *(.comment) *(.riscv.attributes) *(.eh_frame) } }' % base)
    tool('ld.lld', '-static', '-T', 'calls.ld', '-o', f'{name}.elf', 's.o', 'c.o')
    return f'{name}.elf'

CALLS = { # options, status; filters: without the firmware before it
    'riscv64': (['-bios', 'none', '-display', 'none', linked('riscv64', 'riscv64-unknown-elf', 0x80000000, '-march=rv64imac',
                                                             '-mabi=lp64', '-mcmodel=medany', '-mno-relax')], 0),
    'i386': (['-machine', 'pc', '-display', 'none', '-device', 'isa-debug-exit,iobase=0xf4', '-kernel',
              linked('i386', 'i386-unknown-elf', 0x100000, '-m32')], 1),
}

r = run('debug', '--batch', '-ex', 'break *_start', '-ex', 'continue', '-ex', 'position', *CALLS['i386'][0])
FROM = {'riscv64': '', 'i386': ',from=' + re.search(r'position (\d+)', r.out)[1]}

# Of Debian's libdevel-nytprof-perl: Brendan Gregg's reader of folded stacks, which draws them.
FLAMEGRAPH = '/usr/share/perl5/Devel/NYTProf/flamegraph.pl'
if not os.path.exists(FLAMEGRAPH):
    print('left out: flamegraph.pl is not installed (Debian package libdevel-nytprof-perl)')

# --- who calls whom ------------------------------------------------------------------------------------------------

def folded(name):
    return dict((chain, int(n)) for chain, n in (l.rsplit(' ', 1) for l in read(name).splitlines()))

def flames(isa, chains):
    """flamegraph.pl draws each function above its callers, as wide as what it and those above it executed."""
    svg = tool('perl', FLAMEGRAPH, '--minwidth=0', '--width=4000', '--countname=instructions', f'{isa}.folded')
    below, depth = collections.Counter(), {}
    for chain, n in chains.items():
        parts = chain.split(';')
        for k in range(len(parts)):
            below[tuple(parts[:k + 1])] += n
    total = sum(chains.values())
    seen, wanted = collections.Counter(), collections.Counter((chain[-1], n) for chain, n in below.items())
    for g in xml.etree.ElementTree.fromstring(svg).iter():
        title = g.find('{http://www.w3.org/2000/svg}title')
        m = title is not None and re.fullmatch(r'(.*) \(([\d,]+) instructions, ([\d.]+)%\)', title.text)
        if m:
            seen[m[1], int(m[2].replace(',', ''))] += 1
            if m[1] != 'all':
                check(abs(float(m[3]) - 100 * int(m[2].replace(',', '')) / total) < 0.01, f'{isa}: flamegraph.pl: the share of {m[1]}', m[0])
    wanted['all', total] += 1
    check(seen == wanted, f'{isa}: flamegraph.pl draws each chain of callers with its instructions', (seen - wanted, wanted - seen))

def start(chain):
    """Without firmware's own."""
    return chain.split(';')[0] not in ('0x1000',) and not re.match(r'0x|\[interrupt', chain)

recursion = {'main' + ';recursive' * k + leaf for k in range(1, 6) for leaf in ('', ';leaf')}
longjmp = {'main' + ';deep' * k for k in range(1, 8)} | {'main' + ';deep' * 7 + ';go_back'}
WAYS = {'', ';main', *(';' + c for c in recursion | longjmp), ';main;save_place', ';main;tasks', ';main;tasks;switch_to', ';main;step',
        ';main;first', ';main;first;middle', ';main;first;middle;leaf', ';main;first;middle;last', ';main;first;middle;last;leaf',
        ';main;trap_on_purpose'}
TASKS = {'begin_task', 'begin_task;task_main', *('begin_task;task_main;task' + c for c in ('', ';step', ';yield', ';yield;switch_to'))}
TRAP = {'riscv64': '[environment call from M-mode]', 'i386': '[INT 0x40]'}
calls_of = {}
for isa, (args, status) in CALLS.items():
    r = expect(f'{isa} calls', status, run('run', *args, *[
        w for k in ('folded', 'callgrind', 'execlog', 'lcov') for w in ('--trace', f'{k}:{isa}.{k}{FROM[isa]}')]))
    got = folded(f'{isa}.folded')
    wanted = {'_start' + w for w in WAYS} | TASKS | {
        '_start;main;trap_on_purpose;' + TRAP[isa] + ';trap_entry' + c for c in ('', ';on_trap', ';on_trap;leaf')}
    if isa == 'riscv64':
        wanted |= {'[machine timer interrupt];trap_entry' + c for c in ('', ';on_tick', ';on_tick;step')}
    seen = {c for c in got if start(c)}
    check(seen == wanted, f'{isa}: all chains of callers and no other', (sorted(seen - wanted), sorted(wanted - seen)))
    check(sum(got.values()) == read(f'{isa}.execlog').count('\n'), f'{isa}: each instruction is in one chain',
          (sum(got.values()), read(f'{isa}.execlog').count('\n')))
    if os.path.exists(FLAMEGRAPH):
        flames(isa, got)
    # callgrind_annotate reads the other text of it, and finds the same sums.
    self_cost, below = collections.Counter(), collections.Counter()
    for chain, n in got.items():
        parts = chain.split(';')
        self_cost[parts[-1]] += n
        for f in set(parts):
            below[f] += n
    for inclusive, costs in ('no', self_cost), ('yes', below):
        text = tool('callgrind_annotate', '--threshold=100', '--auto=no', f'--inclusive={inclusive}', f'{isa}.callgrind')
        found = {m[2]: int(m[1].replace(',', '')) for m in re.finditer(r'^ *([\d,]+) \(.*?\)  \S+?:(\S+)', text, re.M)}
        for f in ('main', 'recursive', 'leaf', 'first', 'middle', 'deep', 'task', 'step', 'switch_to', 'trap_entry', 'on_trap'):
            check(found.get(f) == costs[f], f'{isa}: callgrind_annotate --inclusive={inclusive}: {f}', (found.get(f), costs[f]))
    text = read(f'{isa}.callgrind')
    # 3 times recursive(4): 3 calls from main, 12 from itself.
    number = re.search(r'=\((\d+)\) recursive$', text, re.M)[1]
    calls = [int(n) for n in re.findall(rf'cfn=\({number}\).*\ncalls=(\d+) ', text)]
    check(sorted(calls) == [3, 12], f'{isa}: calls of recursive', calls)

# --- coverage --------------------------------------------------------------------------------------------------------

    tool('genhtml', '-q', '--branch-coverage', '-o', f'{isa}.html', f'{isa}.lcov')
    info = read(f'{isa}.lcov')
    source = read(f'{SRC}/tests/cli/calls/calls.c').splitlines()
    at = info[info.index('calls.c\n'):].split('end_of_record')[0]
    lines = {int(a): int(b) for a, b in re.findall(r'^DA:(\d+),(\d+)$', at, re.M)}
    functions = dict((f, int(n)) for n, f in re.findall(r'^FNDA:(\d+),(\w+)$', at, re.M))
    for f, n in ('recursive', 15), ('leaf', 18), ('deep', 7), ('first', 1), ('task', 2), ('on_trap', 1), ('main', 1):
        check(functions.get(f) == n, f'{isa}: lcov: {f} was called {n} times', functions)
    def line(part):
        return next(n for n, text in enumerate(source, 1) if part in text)
    check(lines[line('leaf(7)')] == 1 and lines[line('go_back(place);')] == 1, f'{isa}: lcov: lines that were executed once', lines)
    check(lines.get(line('sum++')) == 0, f'{isa}: lcov: the line behind the longjmp was not', lines.get(line('sum++')))
    branches = [(int(c), int(d)) for c, d in re.findall(rf'^BRDA:{line("if (!n)")},\d+,(\d),(\d+)$', at, re.M)]
    check(sorted(n for _, n in branches) == [1, 6], f'{isa}: lcov: both ways of a branch', branches)
    html = read([os.path.join(d, f) for d, _, fs in os.walk(f'{isa}.html') for f in fs if f == 'calls.c.gcov.html'][0])
    has('genhtml shows the source', html, 'go_back(place)')

# --- equal bytes, filters --------------------------------------------------------------------------------------------

KINDS = [l.split()[0] for l in run('info', 'traces').out.splitlines()]
for isa, (args, status) in CALLS.items():
    kinds = [k for k in KINDS if isa == 'riscv64' or k not in ('spike', 'cycles')]
    def traced(tag, *command):
        expect(f'{isa} {tag}', status, run(*command, *[w for k in kinds for w in ('--trace', f'{k}:{isa}.{tag}.{k}{FROM[isa]}')]))
        return {k: read(f'{isa}.{tag}.{k}', 'rb') for k in kinds}
    one, two = traced('one', 'run', *args), traced('two', 'run', *args)
    expect(f'{isa} record', status, run('record', f'{isa}.rec', *args))
    three = traced('three', 'replay', f'{isa}.rec')
    for k in kinds:
        check(one[k], f'{isa} {k}: something', '')
        check(one[k] == two[k], f'{isa} {k}: two runs', (len(one[k]), len(two[k])))
        check(one[k] == three[k], f'{isa} {k}: from a recording', (len(one[k]), len(three[k])))
r = run('run', *CALLS['i386'][0], '--trace', 'spike:x')
expect('spike is RISC-V only', 2, r, err="a trace of kind 'spike' is of riscv CPUs")

args = CALLS['riscv64'][0]
whole = read('riscv64.one.exec').splitlines()
def part(filters, wanted, tag='part', name='part'):
    expect(filters, 0, run('run', *args, '--trace', f'exec:{tag}.txt,{filters}'))
    got = read(f'{name}.txt').splitlines()
    check(got == wanted, f'exec,{filters}', (len(got), len(wanted), got[:2], wanted[:2]))
address = lambda l: int(l.split()[2].rstrip(':'), 16)
where = {l.split()[2]: l.split() for l in tool('llvm-nm', '-S', 'riscv64.elf').splitlines() if len(l.split()) > 2}
sizes = {l.split()[3]: (int(l.split()[0], 16), int(l.split()[1], 16)) for l in tool('llvm-nm', '-S', 'riscv64.elf').splitlines() if len(l.split()) == 4}
low, size = sizes['leaf']
part('from=1000,to=2000', [l for l in whole if 1000 <= int(l.split()[0]) < 2000])
part('addr=leaf', [l for l in whole if low <= address(l) < low + size])
part(f'addr={low:#x}', [l for l in whole if address(l) == low])
part(f'addr={low:#x}..{low + 2:#x},to=3000', [l for l in whole if low <= address(l) <= low + 2 and int(l.split()[0]) < 3000])
part('privilege=M', whole)
part('privilege=U', [])
part('cpu=0', whole)
for accel in 'interp', 'jit': # blocks that exist already, compiled or not, tell each instruction as well
    for isa, (a, status) in CALLS.items():
        at = int(FROM[isa].split('=')[-1] or 0)
        for window in (1000, 2000), (20001, 20500):
            lo, hi = at + window[0], at + window[1]
            expect(f'{isa} {accel} {window}', status, run('run', *a, '-accel', accel, '--trace', f'exec:w.txt,from={lo},to={hi}'))
            check(read('w.txt').splitlines() == [l for l in read(f'{isa}.one.exec').splitlines() if lo <= int(l.split()[0]) < hi],
                  f'{isa} {accel}: from={lo},to={hi}', len(read('w.txt').splitlines()))
part('from=5', [l for l in whole if int(l.split()[0]) >= 5], 'a,,b', 'a,b')  # the name's own comma
check(os.path.exists('a,b.txt'), 'a comma in a name', os.listdir())
expect('compressed', 0, run('run', *args, '--trace', 'exec:whole.zst'))
check(tool('zstd', '-dc', 'whole.zst').splitlines() == whole, 'compressed: the same')
U = run(*TEACH_RUN, '--trace', 'exec:u.txt,privilege=U', '--stop-at', '300000', TEACH)
R = run(*TEACH_RUN, '--trace', 'exec:r.txt,process=0x80003000,from=200000', '--stop-at', '300000', TEACH)
u, r = read('u.txt').splitlines(), read('r.txt').splitlines()
check(u and all(0x80400000 <= address(l) < 0x80500000 for l in u), 'privilege=U: the user\'s page', u[:3])
check(r and set(l for l in u if int(l.split()[0]) >= 200000) < set(r), 'process=: the user and the kernel under its page table')
for bad, why in (('exec:x,form=1', "did you mean 'from'"), ('exec:x,from=yes', 'is no position'), ('exec:x,addr=nowhere', 'no such symbol'),
                 ('exec:x,cpu=7', 'has the CPUs 0 to 0'), ('exec:x,privilege=Q', 'write U, S or M'), ('exec:x,device=uart0', 'belong to no device'),
                 ('exec:x,process=sh', 'names'), ('exec:', 'names no file'), ('exec:/nowhere/x', 'cannot be written'),
                 ('exec:x,addr=9..1', 'LOW..HIGH')):
    expect(bad, 2, run('run', *args, '--trace', bad), err=why)

# --- texts and records -----------------------------------------------------------------------------------------------

def drcov(name):
    """A reader of drcov files: the modules, and for each block (module, offset, size)."""
    data = read(name, 'rb')
    head, rest = data[:data.index(b'BB Table')].decode(), data[data.index(b'BB Table'):]
    check(head.startswith('DRCOV VERSION: 2\nDRCOV FLAVOR: '), 'drcov: version', head)
    n = int(re.search(r'Module Table: version 2, count (\d+)', head)[1])
    modules = [[w.strip() for w in l.split(',', 6)] for l in head.splitlines()[4:]]
    check(len(modules) == n and modules[0][6].endswith('.elf'), 'drcov: modules', modules)
    title, body = rest.split(b'\n', 1)
    count = int(re.match(rb'BB Table: (\d+) bbs', title)[1])
    check(len(body) == 8 * count, 'drcov: blocks', (len(body), count))
    return modules, [(m, o, s) for o, s, m in struct.iter_unpack('<IHH', body)]

for isa in CALLS:
    modules, blocks = drcov(f'{isa}.one.drcov')
    base = [int(m[1], 16) for m in modules]
    covered = {base[m] + o + k for m, o, s in blocks for k in range(s)}
    executed = {int(l.split(',')[1], 16) for l in read(f'{isa}.execlog').splitlines()}
    check(executed <= covered, f'{isa}: drcov: all that was executed is covered', sorted(executed - covered)[:5])
    starts = {base[m] + o for m, o, s in blocks}
    check(starts <= executed and len(starts) == len(blocks), f'{isa}: drcov: blocks begin where something was executed, once')

    log = re.compile(r'\d+, 0x[0-9a-f]+, 0x[0-9a-f]+, "[^"]*"(, (load|store), 0x[0-9a-f]{8,}, \S+)*')
    bad = [l for l in read(f'{isa}.execlog').splitlines() if not log.fullmatch(l)]
    check(not bad, f'{isa}: execlog: each line has its form', bad[:3])
    form = re.compile(r'\d+ clk \w+ (I[TS] \(\d+\) [0-9a-f]+ [0-9a-f]+ O EL[013][th] : .*|R \w+ [0-9a-f]+|M[RW]\d [0-9a-f]+ [0-9a-f]+|'
                      r'E [0-9a-f]+ [0-9a-f]+ CoreEvent_\S+)')
    tarmac = read(f'{isa}.one.tarmac').splitlines()
    bad = [l for l in tarmac if not form.fullmatch(l)]
    check(not bad, f'{isa}: tarmac: each line has its form', bad[:3])
    check(sum(' E ' in l for l in tarmac) >= 1, f'{isa}: tarmac: traps')

    # Konata: every instruction begins, has its text and its stage, and ends once, in time.
    now, live, done, ids = None, {}, 0, 0
    ok = read(f'{isa}.one.konata').startswith('Kanata\t0004\n')
    for l in read(f'{isa}.one.konata').splitlines()[1:]:
        w = l.split('\t')
        if w[0] == 'C=':
            ok, now = ok and now is None, int(w[1])
        elif w[0] == 'C':
            ok, now = ok and int(w[1]) > 0, now + int(w[1])
        elif w[0] == 'I':
            ok = ok and int(w[1]) == ids
            ids += 1
            live[w[1]] = [now]
        elif w[0] in 'LS':
            ok = ok and w[1] in live
            live[w[1]].append(w[0])
        elif w[0] == 'R':
            begun = live.pop(w[1])
            ok = ok and 'S' in begun and 'L' in begun and now > begun[0]
            done += 1
    check(ok and not live and done == ids > 1000, f'{isa}: konata', (ok, len(live), done, ids))

# The Spike form, read as its definition says: registers followed from it are those of the machine.
regs = {}
for l in read('riscv64.one.spike').splitlines():
    m = re.fullmatch(r'core +0: [013] 0x[0-9a-f]{16} \(0x[0-9a-f]{4,8}\)((?: [xf]\d+ +0x[0-9a-f]{16}| c\d+_\w+ 0x[0-9a-f]{16})*)'
                     r'((?: mem 0x[0-9a-f]{16}(?: 0x[0-9a-f]+)?)*)', l)
    if not m:
        check(False, 'spike: a line has its form', l)
        break
    for n, v in re.findall(r' x(\d+) +0x([0-9a-f]{16})', m[1]):
        regs[int(n)] = v
end = len(read('riscv64.execlog').splitlines())
r = run('debug', '--batch', '-ex', f'run-until {end - 2}', '-ex', 'p/x $sp', '-ex', 'p/x $s0', *args)
check(int(regs[2], 16) == int(re.search(r'\$1 = (0x[0-9a-f]+)', r.out)[1], 16), 'spike: the stack pointer', (regs[2], r.out))

# While debugging: from here on, and in the past.
r = run('debug', '--batch', '-ex', 'run-until 1000', '-ex', 'tracefile exec:d.txt', '-ex', 'run-until 2000', '-ex', 'goto 1500', '-ex',
        'tracefile', '-ex', 'run-until 2500', '-ex', 'tracefile off', '-ex', 'run-until 3000', '-ex', 'goto 500', '-ex',
        'tracefile exec:p.txt', '-ex', 'goto 600', '-ex', 'goto 550', '-ex', 'goto 700', '-ex', 'tracefile off', *args)
check(read('d.txt').splitlines() == [l for l in whole if 1000 <= int(l.split()[0]) < 2500], 'tracefile: once, whatever is gone back to', r.out)
check(read('p.txt').splitlines() == [l for l in whole if 500 <= int(l.split()[0]) < 700], 'tracefile in the past', r.out)
has('tracefile', r.out, 'exec:d.txt')

# --- flow: found again by position, the rest from a recording --------------------------------------------------------

for isa, (args, status) in CALLS.items():
    flow = f'{isa}.one.flow'
    executed = [l.split() for l in read(f'{isa}.one.exec').splitlines()]
    r = expect(f'{isa} show', 0, run('trace', 'show', flow))
    blocks = [re.fullmatch(r'(\d+) cpu(\d) (\d) 0x([0-9a-f]+)\.\.0x([0-9a-f]+) (\d+)( jump| trap| interrupt)?', l) for l in r.out.splitlines()]
    check(all(blocks), f'{isa} show: each line has its form', [l for l, b in zip(r.out.splitlines(), blocks) if not b][:3])
    check(sum(int(b[6]) for b in blocks) == len(executed), f'{isa} show: all instructions', (len(blocks), len(executed)))
    at = {int(w[0]): int(w[2].rstrip(':'), 16) for w in executed}
    check(all(at[int(b[1])] == int(b[4], 16) for b in blocks), f'{isa} show: blocks begin where it was executed')
    size = os.path.getsize(flow)
    check(size < len(executed) / 8, f'{isa} flow is small', (size, len(executed)))
    middle = min(at) + 20000
    r = run('trace', 'show', flow, '--from', str(middle), '--to', str(middle + 100))
    there = [b[0] for b in blocks if int(b[1]) + int(b[6]) > middle and int(b[1]) < middle + 100]
    check(r.out.splitlines() == there, f'{isa} show: a part of it', (r.out, there))
    r = run('trace', 'show', flow, '--from', str(middle), '--symbols', f'{isa}.elf')
    has(f'{isa} show: symbols', r.out, ' at calls.c:')
    for kind in ('exec', 'execlog') + (('spike',) if isa == 'riscv64' else ()):
        r = expect(f'{isa} show --format {kind}', 0, run('trace', 'show', flow, '--from', str(middle), '--to', str(middle + 500), '--format', kind,
                                                      '--recording', f'{isa}.rec'))
        whole = read(f'{isa}.one.{kind}').splitlines()
        check(len(r.out.splitlines()) > 400 and '\n'.join(r.out.splitlines()) in '\n'.join(whole), f'{isa} show --format {kind}: as in the whole trace', r.out[:300])
    with open('cut.flow', 'wb') as f:
        f.write(read(flow, 'rb')[:-10])
    r = expect(f'{isa} show: cut off', 0, run('trace', 'show', 'cut.flow'), err='was cut off')
    check(r.out.splitlines() == [b[0] for b in blocks], f'{isa} show: cut off: what is there')
expect('show: another recording', 6, run('trace', 'show', 'riscv64.one.flow', '--from', '1000', '--to', '9000', '--format', 'exec', '--recording',
                                         'i386.rec'), err='is not of this recording')
expect('show: no flow', 2, run('trace', 'show', 'riscv64.one.exec'), err="no trace of kind 'flow'")
expect('show: half', 2, run('trace', 'show', 'riscv64.one.flow', '--format', 'exec'), err='--format needs --recording')
expect('trace of a recording', 0, run('trace', 'exec:again.txt', 'riscv64.rec'))
check(read('again.txt') == read('riscv64.one.exec'), 'orrery trace KIND:FILE RECORDING')
expect('trace of a recording, a part', 0, run('trace', 'exec:again.txt,from=100,to=110', 'riscv64.rec'))
check(len(read('again.txt').splitlines()) == 10, 'with filters', read('again.txt'))

# --- diff --------------------------------------------------------------------------------------------------------------

def diff(what, status, *args, out=(), **options):
    r = expect(what, status, run('trace', 'diff', *args, **options))
    for part in out:
        has(what, r.out, part)
    return r
lines = read('riscv64.one.spike').splitlines()
at = next(n for n in range(30000, len(lines)) if ' x14 ' in lines[n])
changed = lines[:at] + [re.sub(r'( x14 0x)[0-9a-f]{16}', r'\g<1>00000000deadbeef', lines[at])] + lines[at + 1:]
with open('changed.spike', 'w') as f:
    f.write('\n'.join(changed) + '\n')
with open('short.spike', 'w') as f:
    f.write('\n'.join(lines[:500]) + '\n')
tool('zstd', '-q', '-f', 'changed.spike', '-o', 'changed.zst')
diff('diff: equal', 0, 'riscv64.one.spike', 'riscv64.two.spike')
for other in 'changed.spike', 'changed.zst':
    r = diff(f'diff: {other}', 1, 'riscv64.one.spike', other, '--symbols', 'riscv64.elf', '--context', '3',
             out=[f'differ from line {at + 1} on', 'A ' + lines[at], 'B ' + changed[at], '0.x14            A 0x', 'B 0x00000000deadbeef', 'at calls.c:',
                  'Registers before it'])
    check(all(l[3:].startswith(w) for l, w in zip(r.out.splitlines()[1:4], lines[at - 3:at])), 'diff: three lines before', r.out[:600])
diff('diff: one ends', 1, 'riscv64.one.spike', 'short.spike', out=['differ from line 501 on', 'B ends here'])
for kind in 'exec', 'tarmac', 'execlog', 'cycles', 'konata', 'flow':
    diff(f'diff: {kind} equal', 0, f'riscv64.one.{kind}', f'riscv64.two.{kind}')
data = bytearray(read('riscv64.one.cycles', 'rb'))
data[32 * 1000 + 12] ^= 1
with open('changed.cycles', 'wb') as f:
    f.write(data)
diff('diff: cycles', 1, 'riscv64.one.cycles', 'changed.cycles', out=['differ from line 1001 on'])
expect('a later flow', 0, run('run', *CALLS['riscv64'][0], '--trace', 'flow:later.flow,from=6'))
diff('diff: flow', 1, 'riscv64.one.flow', 'later.flow', out=['from block 1 on', 'A position 0 ', 'B position 6 '])
diff('diff: kinds', 2, 'riscv64.one.flow', 'riscv64.one.spike')
diff('diff: nothing there', 2, 'riscv64.one.spike', 'nowhere')
diff('diff: usage', 2, 'one')
echo = echo_guest(last='x')
for name, text in ('a', b'abcx'), ('b', b'abdx'), ('c', b'abcx'):
    expect(f'record {name}', 0, run('record', f'{name}.rec', '-bios', 'none', '-nographic', echo, stdin=text))
diff('diff: equal recordings', 0, 'a.rec', 'c.rec')
r = diff('diff: recordings', 1, 'a.rec', 'b.rec', '--symbols', echo, out=['The recordings hold the same up to position', 'MR1 0000000010000000 63',
                                                                    'MR1 0000000010000000 64', 'lbu t0,0(s1)'])

# Names of a process's own symbols.
tool('llvm-strip', '-o', 'stripped.elf', TEACH)
run('debug', '--batch', '-bios', 'none', '-display', 'none', '-ex', f'symbols add {TEACH} --process 0x80003000', '-ex', 'run-until 100000', '-ex',
    'tracefile folded:named.folded', '-ex', 'run-until 220000', '-ex', 'tracefile off', 'stripped.elf')
check('[0x80003000];count_primes' in folded('named.folded'), 'symbols of a process', list(folded('named.folded'))[:5])

# Ctrl-C leaves whole files.
p = subprocess.Popen([ORRERY, 'run', '-bios', 'none', '-display', 'none', '-serial', 'null', '-monitor', 'none', echo, '--trace', 'flow:int.flow',
                      '--trace', 'callgrind:int.callgrind', '--trace', 'exec:int.zst'], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
for _ in range(int(200 * SLOW)):
    time.sleep(0.05)
    if os.path.exists('int.zst') and os.path.getsize('int.zst') > 1000:
        break
p.send_signal(signal.SIGINT)
try:
    p.communicate(timeout=20 * SLOW)
except subprocess.TimeoutExpired:
    p.kill()
check(p.returncode == 130, 'Ctrl-C: status', p.returncode)
executed = tool('zstd', '-dc', 'int.zst').count('\n')
r = expect('Ctrl-C: flow', 0, run('trace', 'show', 'int.flow', timeout=60))
check(r.err == '' and executed > 1000, 'Ctrl-C: all of it is there', r.err)
has('Ctrl-C: callgrind', tool('callgrind_annotate', '--auto=no', 'int.callgrind'), f'{executed:,} (100')
finish()
