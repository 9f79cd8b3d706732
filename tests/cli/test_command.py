#!/usr/bin/env -S python3 -B
"""`orrery test`: each exit status from a real guest, races by seeds, crashes of a disk, reports that other programs read."""
import json, re, xml.etree.ElementTree as xml
from front import *

def test(*args, timeout=60, **more):
    return run('test', *args, timeout=timeout, **more)

def debug(file, *commands):
    return run('debug', file, '--batch', *[w for c in commands for w in ('-ex', c)], timeout=60)

def replays():
    return sorted(f for f in os.listdir('.') if f.endswith('.replay'))

def fails(what, status, *args, part=None, file='test.replay'):
    """It ends so, and leaves one recording, which the debugger opens where it failed."""
    r = expect(what, status, test(*args), out=part)
    check(replays() == [file], f'{what}: one recording', replays())
    has(what, r.out, f'orrery debug {file}')
    at = re.search(r'at position (\d+)', r.out)
    d = debug(file, 'position')
    if check(at, f'{what}: says where', r.out):
        has(f'{what}: debugged', d.out, f'position {at[1]} ')
    os.unlink(file) if os.path.exists(file) else None
    return r, d

T = ['--', '-machine', 'virt', '-bios', 'none', TEACH]

# --- each exit status ------------------------------------------------------------------------------------------------
r = expect('0', 0, test('--expect', 'hello from', '--expect', r'/fib\(20\): [0-9]+$/', '--expect-exit', '0', '--assert', 'ticks == 11', *T), out='1 passed')
check(not replays(), 'nothing is left of what passed', replays())
expect('without steps the end counts', 0, test(*T))
r, d = fails('1: assertion', 1, '--expect', 'primes below', '--assert', 'switches == 7', *T, part='switches is 6')
has('1: its story', d.out, 'assert switches == 7: switches is 6')
fails('1: it never said so', 1, '--expect', 'no such text', *T, part='waiting for no such text: the guest ended with status 0')
fails('1: it said what it must not', 1, '--reject', '/pri.*low/', *T, part='which it must not')
fails('1: another end', 1, '--expect-exit', '7', *T, part='status 7 was expected: the guest ended with status 0')
fails('1: order counts', 1, '--expect', 'primes', '--expect', 'hello', *T)
fails('1: $ is the end of a line', 1, '--expect', '/primes$/', *T)
r, d = fails('4: guest time', 4, '--expect', 'primes', '--max-guest-time', '500us', *T, part='0.0005 s of guest time are over')
has('4: its story', d.out, 'The recording is over: 0.0005 s of guest time are over')
fails('4: instructions', 4, '--expect', 'primes', '--max-instructions', '100k', *T, part='100000 instructions were executed')
for options, part in ([], 'usage'), (['--nonsense', '1', *T], "there is no 'nonsense'"), (['--expekt', 'a', *T], "did you mean 'expect'"), \
                     (['--expect', '/(/', *T], 'regular expression'), (['--max-guest-time', '10', *T], 'write 10s'), \
                     (['--', '-machine', 'nonsense'], 'there is no machine'), (['nonsense.suite'], 'there is no such file'), \
                     (['--expect', 'x'], 'there is no machine to run'), (['--', '-gdb', 'tcp::1', TEACH], 'has no place'), \
                     (['--seed-sweep', '1..2', *T], 'one CPU has one schedule'), (['--seed-sweep', '9..2', *T], 'not a range'), \
                     (['--stop-at', 'nowhere_at_all', *T], 'nowhere_at_all'), (['--after-crash', *T], 'needs crash-after-writes'), \
                     (['--send', '"\\q"', *T], 'is no escape'), (['--expect', '/((a{1,250}){1,250}){1,250}/', *T], 'longer than'), \
                     (['--expect', '/a{1,30000}/', *T], 'longer than'), (['--expect', '/' + '(' * 20000 + '/', *T], 'in one another'):
    r = test(*options)
    check(r.status == 2 and part in r.out + r.err, f'2: {options}', (r.status, r.out, r.err))
check(not replays(), '2 leaves no recording', replays())

def broken(name, *sources):
    objects = []
    for s in sources or [name + '.S']:
        o = s.replace('.', '-') + '.o'
        flags = ['-I' + SRC + '/tests/broken'] if s.endswith('.S') else ['-O0', '-ffreestanding', '-fno-stack-protector', '-mno-sse']
        subprocess.run(['clang', '--target=i386-unknown-elf', '-m32', '-g', '-gdwarf-4', '-c', *flags, '-o', o, f'{SRC}/tests/broken/{s}'], check=True)
        objects.append(o)
    subprocess.run(['ld.lld', '-static', '-Ttext', '0x100000', '-z', 'max-page-size=4096', '-o', name + '.elf', *objects], check=True)
    return ['--', '-machine', 'pc', '-m', '64', '-kernel', name + '.elf']
guard = broken('guard', 'guard.S', 'guard.c')
r, d = fails('3: triple fault', 3, *guard, part='a triple fault')
has('3: its story in the debugger', d.out, 'The guest lost its way: a triple fault')
has('3: where', d.out, 'depth')
fails('3: while it should say something', 3, '--expect', 'login:', *guard, part='waiting for login:: the guest lost its way')
expect('a panic can be what is wanted', 0, test('--expect-exit', 'panic', *guard))

spin = guest('spin', 'spin: j spin\n')
S = ['--', '-machine', 'virt', '-bios', 'none', spin]
fails('5: instructions', 5, '--no-progress', '100k', *S, part='no progress: for 100000 instructions')
fails('5: guest time', 5, '--no-progress', '50ms', '--expect', 'x', *S, part='no progress: for 0.05 s of guest time')
idle = guest('idle', '1: wfi\n j 1b\n')
fails('5: it waits for ever', 5, '--expect', 'x', '--', '-machine', 'virt', '-bios', 'none', idle, part='every CPU waits')
echo = echo_guest(last='q', exit_word=0x53333)
E = ['--', '-machine', 'virt', '-bios', 'none', echo]
expect('send', 0, test('--send', 'abc', '--expect', 'abc', '--send', '"d\\x65f\\n"', '--expect', '"def\\n"', '--send', 'q', '--expect-exit', '5', *E))
fails('5: nobody types', 5, '--send', 'abc', '--expect', 'abcd', '--no-progress', '10ms', *E)

expect('record', 0, run('record', 'r.rec', '-bios', 'none', '-display', 'none', '-serial', 'stdio', echo, '--stop-at', '20000000', stdin=b'hello'))
expect('a replay is a test', 0, test('--replay', 'r.rec', '--expect', 'hello'))
r = expect('a replay that says something else', 1, test('--replay', 'r.rec', '--expect', 'good bye'))
data = bytearray(open('r.rec', 'rb').read())
at = data.index(b'hello'[:1], data.index(b'/uart0')) # the first byte typed
data[at] ^= 1
open('w.rec', 'wb').write(data)
expect('6: another input', 6, test('--replay', 'w.rec'), out='replay differs (6)')
shutil.copy(echo, 'echo2.elf')
expect('record', 0, run('record', 'x.rec', '-bios', 'none', '-display', 'none', 'echo2.elf', '--stop-at', '5000'))
open('echo2.elf', 'ab').write(b'changed')
expect('6: another image', 6, test('--replay', 'x.rec'), out='has changed since the recording')
for f in replays():
    check(False, f'{f} was left by a replay')

r, d = fails('7: wall limit', 7, '--wall-limit', '300ms', '--max-guest-time', '100000s', *S, part='longer than the wall limit of 0.3 s')

# --- races -----------------------------------------------------------------------------------------------------------
race = guest('race', '''
    csrr s0, mhartid
    la s1, count
    la s2, done
    li t1, 200
again: lw t0, 0(s1)
    addi t0, t0, 1
    sw t0, 0(s1)
    addi t1, t1, -1
    bnez t1, again
    li t0, 1
    amoadd.w.aqrl x0, t0, (s2)
    bnez s0, park
1:  lw t0, 0(s2)
    li t1, 2
    bne t0, t1, 1b
both: li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
park: wfi
    j park
    .data
    .balign 8
count: .word 0
    .balign 8
done: .word 0
''')
fixed = guest('fixed', open('race.S').read().replace('.globl _start\n_start:\n', '').replace(
    'lw t0, 0(s1)\n    addi t0, t0, 1\n    sw t0, 0(s1)', 'li t0, 1\n    amoadd.w x0, t0, (s1)'))
steps = ['--stop-at', 'both', '--assert', '*(int *)count == 400']
R = ['--', '-machine', 'virt', '-bios', 'none', '-smp', '2']
expect('the default schedule hides it', 0, test(*steps, *R, race))
expect('with a lock there is none', 0, test('--seed-sweep', '1..40', *steps, *R, fixed), out='40 runs')
r = expect('a sweep finds it', 1, test('--seed-sweep', '1..40', '--json', 'race.json', *steps, *R, race))
runs = [json.loads(l) for l in open('race.json')]
bad = {l['seed']: l['message'] for l in runs[:-1] if l['status']}
check(2 < len(bad) < 38 and len(runs) == 41, 'at some seeds', bad)
first = min(bad)
has('the first is told', r.out, f'The first, seed {first}: {bad[first]}')
check(replays() == [f'test-seed{first}.replay'], 'one recording', replays())
d = debug(f'test-seed{first}.replay', 'p *(int *)count', 'hash')
value = re.search(r'\*\(int \*\)count is (\d+)', bad[first])[1]
has('the recording has the same value', d.out, f'$1 = {value}')
for seed in list(bad)[:3]:
    r = expect(f'seed {seed} again', 1, test('--seed-sweep', str(seed), *steps, *R, race))
    has(f'seed {seed} again', r.out, bad[seed])
r = run('run', '-machine', 'virt', '-bios', 'none', '-smp', '2', '-schedule', str(first), race, '--state-hash', '-display', 'none')
s = run('run', '-machine', 'virt', '-bios', 'none', '-smp', '2', '-schedule', str(first), race, '--state-hash', '-display', 'none', '-accel', 'interp')
check(r.out == s.out and 'state-hash' in r.out, 'a schedule is the same in both tiers', (r.out, s.out))
for f in replays():
    os.unlink(f)

# --- crashes ---------------------------------------------------------------------------------------------------------
def journal(name, *flags):
    subprocess.run(['clang', '--target=i386-unknown-elf', '-m32', '-O1', '-g', '-gdwarf-4', '-ffreestanding', '-fno-stack-protector',
                    '-mno-sse', *flags, '-c', '-o', 'j.o', SRC + '/tests/cli/guest/journal.c'], check=True)
    subprocess.run(['ld.lld', '-static', '-Ttext', '0x100000', '-z', 'max-page-size=4096', '-o', name, 'j.o'], check=True)
    return ['--', '-machine', 'pc', '-m', '64', '-kernel', name, '-drive', 'file=disk.img,format=raw']
open('disk.img', 'wb').truncate(1 << 20)
good, wrong = journal('journal.elf'), journal('journal-bug.elf', '-DBUG')
steps = ['--expect', 'done', '--after-crash', '--expect', 'sum 1000', '--reject', 'broken']
expect('a journal survives', 0, test('--crash-after-writes', '3..11', *steps, *good), out='9 runs')
r = expect('one that is written in another order does not', 1, test('--crash-after-writes', '4..6', *steps, *wrong))
has('it says when', r.out, '2 of 3 runs failed: a crash behind write 4; a crash behind write 5')
runs = [json.loads(l) for l in test('--json', '-', '--crash-after-writes', '5', '--expect', 'done', '--after-crash', *good).out.splitlines()]
check(runs[0]['disk_writes'] == 5 and runs[0]['crash_after_write'] == 5, 'writes are counted', runs)
check(replays() == ['test-crash4.replay'], 'one recording', replays())
d = debug('test-crash4.replay', 'hash', 'goto 100', 'goto end', 'hash', 'goto 1000000', 'goto end', 'hash', 'p balance')
hashes = re.findall('^[0-9a-f]{16}$', d.out, re.M)
check(len(hashes) == 3 and len(set(hashes)) == 1, 'a tour across the crash ends in the same state', (hashes, d.out))
os.unlink('test-crash4.replay')
open('look.sh', 'w').write('#!/bin/sh\nod -An -tu4 -j $((11 * 512 + 8)) -N4 "$1"\nexit $STATUS\n')
os.chmod('look.sh', 0o755)
r = test('--crash-after-writes', '2', '--expect', 'done', '--after-crash', '--check-disk', 'echo; ./look.sh', *good, env={'STATUS': '1'})
check(r.status == 1 and 'ended with status 1' in r.out and ' 400' in r.out, 'the disk as a crash left it', r.out)
r = test('--expect', 'done', '--check-disk', 'echo', *good)
check(r.status == 0, 'a command of the shell', r.out)
r = test('--expect', 'done', '--check-disk', 'exec 1>&2; ls /nowhere', *good)
check(r.status == 1 and ' disk0\n' in r.out and 'orrery-disks' not in r.out, 'names of temporary files are not told', r.out)
expect('check-disk', 0, test('--expect', 'done', '--check-disk', './look.sh', *good, env={'STATUS': '0'}))
check(open('disk.img', 'rb').read() == bytes(1 << 20), 'the image is not written')
for f in replays():
    os.unlink(f)

# --- suites and reports ----------------------------------------------------------------------------------------------
open('lab.suite', 'w').write(f'''
# what all have
run = -machine virt -bios none
group = lab 1

[boots]
run = "{TEACH}"
points = 2.5
expect = "hello"

[later]
run = "{TEACH}"
boot-from = boots
stop-at = trap
points = 2.5

[fails & "quotes" <it> #1]
run = {TEACH}
points = 5
visibility = hidden
expect = "no such text"

[race]
run = -smp 2 {race}
seed-sweep = 1..8
stop-at = both
assert = *(int *)count == 400
points = 10

[types]
run = {echo}
send = "héllo\\x01\\xff q"
expect-exit = 5
''')
def reports(j):
    os.makedirs('out', exist_ok=True)
    r = test('-j', str(j), '-out', 'out', '-junit', 'r.xml', '-tap', 'r.tap', '-json', 'r.jsonl', '-gradescope', 'results.json', 'lab.suite')
    return r, [open(f).read() for f in ('r.xml', 'r.tap', 'r.jsonl', 'results.json')]
r, files = reports(2)
expect('a suite', 1, r, out='5 scenarios: 3 passed, 2 failed; 5 of 20 points')
check(r.err == '', 'nothing else is said', r.err)
r1, files1 = reports(1)
check((r1.out, files1) == (r.out, files), '-j 1 says the same as -j 2', (r1.out, r.out))
seeds = [f for f in os.listdir('out')]
check(len(seeds) == 2 and any(re.fullmatch(r'race-seed\d\.replay', f) for f in seeds), 'two recordings, no snapshot', seeds)
for f in seeds:
    expect(f'{f} replays', 0, run('replay', 'out/' + f))
    has(f, r.out, f'orrery debug out/{f}')

root = xml.fromstring(files[0])
cases = list(root.iter('testcase'))
names = ['boots', 'later', 'fails & "quotes" <it> #1', 'race', 'types']
check([c.get('name') for c in cases] == names, 'JUnit: names', [c.get('name') for c in cases])
check(root[0].get('tests') == '5' and root[0].get('failures') == '2' and root[0].get('errors') == '0', 'JUnit: counts', root[0].attrib)
check([len(c.findall('failure')) for c in cases] == [0, 0, 1, 1, 0], 'JUnit: failures')
check(cases[3].find('failure').get('type') == 'failed' and 'count is' in cases[3].find('failure').get('message'), 'JUnit: why')
check(cases[0].get('classname') == 'lab 1' and float(cases[0].get('time')) > 0, 'JUnit: group and time', cases[0].attrib)
has('JUnit: what the guest said', cases[4].find('system-out').text, 'h')

p = subprocess.run(['perl', '-MTAP::Parser', '-e', '''my $p = TAP::Parser->new({ tap => do { local $/; <STDIN> } });
    while (my $r = $p->next) { print $r->type, ":", ($r->is_test ? $r->ok . ":" . $r->description : ""), "\\n" }
    print "errors ", scalar($p->parse_errors), " planned ", $p->tests_planned, " failed ", join(",", $p->failed), "\\n"'''],
                   input=files[1], capture_output=True, text=True)
has('TAP', p.stdout, 'errors 0 planned 5 failed 3,4')
check(p.stdout.count('yaml:') == 2, 'TAP: what failed is described', p.stdout)

lines = [json.loads(l) for l in files[2].splitlines()]
check(len(lines) == 13 and lines[-1] == {'suite': 'lab.suite', 'scenarios': 5, 'passed': 3}, 'JSON lines', lines[-1])
check([l['name'] for l in lines[:3]] == names[:3] and [l.get('seed') for l in lines[3:11]] == list(range(1, 9)), 'JSON: in order')

g = json.loads(files[3])['tests']
check([(t['name'], t['score'], t['max_score'], t['status'], t['visibility']) for t in g] ==
      [(names[0], 2.5, 2.5, 'passed', 'visible'), (names[1], 2.5, 2.5, 'passed', 'visible'), (names[2], 0, 5, 'failed', 'hidden'),
       (names[3], 0, 10, 'failed', 'visible'), (names[4], 0, 0, 'passed', 'visible')], 'Gradescope', g)
check(all(t['tags'] == ['lab 1'] for t in g) and 'no such text' in g[2]['output'], 'Gradescope: tags and output', g[2])

r = expect('one of them', 0, test('-only', 'later', 'lab.suite'), out='2 scenarios: 2 passed') # and what it begins from
r = expect('TAP on standard output', 0, test('-only', 'boots', '-tap', '-', 'lab.suite'))
check(r.out == 'TAP version 13\n1..1\nok 1 - boots\n', 'nothing else is there', r.out)
expect('there is none', 2, test('-only', 'x', 'lab.suite'), err='there is no such scenario')
for text, part in ('[a]\nexpekt = 1\n', "did you mean 'expect'"), ('[a]\n', 'there is no machine'), ('expect = x\n', 'there is no scenario'), \
                  ('[a]\nrun = x\n[a]\n', 'two scenarios'), ('[a/b]\n', 'cannot be a name'), ('[a]\nrun = "x\n', 'is not closed'), \
                  ('[a]\nboot-from = b\nrun = x\n[b]\nrun = x\n', 'must stand above'), ('\0', 'not a text'), ('[a]\nrun = x\n# \udcff', 'not a text'), \
                  ('[a]\nrun = x\nseed-sweep = 1..2\n[b]\nrun = x\nboot-from = a\n', 'bad.suite: [b] boots from [a], which is a sweep'):
    open('bad.suite', 'w', errors='surrogateescape').write(text)
    expect(f'suite {text!r}', 2, test('bad.suite'), err=part)

# A person watches, and has enough.
t = Term('test', '-j', '2', '--seed-sweep', '1..4', '--max-guest-time', '100000s', *R, guest('spin2', '1: j 1b\n'))
t.want('of 4 runs done, now test')
t.send('\3')
t.want('interrupted')
t.want('1 not judged')
t.end(130)
t = Term('test', *T, env={'TERM': 'xterm', 'NO_COLOR': ''})
t.want('\033[32mok')
t.end(0)
t = Term('test', *T, env={'TERM': 'xterm', 'NO_COLOR': '1'})
t.want('1 passed')
check('\033[1' not in t.seen and '\033[3' not in t.seen, 'NO_COLOR', t.seen)
t.end(0)
finish()
