#!/usr/bin/env -S python3 -B
"""`orrery debug RECORDING`: where it begins, all of it forwards and backwards, and who leaves it."""
import re
from front import *

def lines(r):
    return re.findall(r'^[0-9a-f]{16}$', r.out, re.M)

def debug(file, *commands, options=()):
    return run('debug', file, '--batch', *options, *[w for c in commands for w in ('-ex', c)], timeout=30)

# It counts what is typed, and ends with the third 'x': what the recording brings matters.
counter = guest('counter', '''
    la s0, count
    li s1, 0x10000000
1:  addi s2, s2, 1
    lbu t0, 5(s1)
    andi t0, t0, 1
    beqz t0, 1b
    lbu t0, 0(s1)
    sb t0, 0(s1)
    li t1, 'x'
    bne t0, t1, 1b
    lw t2, 0(s0)
    addi t2, t2, 1
store:
    sw t2, 0(s0)
    li t1, 3
    bne t2, t1, 1b
    li t0, 0x100000
    li t1, 0x73333
    sw t1, 0(t0)
2:  j 2b
    .data
    .balign 8
count: .word 0
''')
K = ['-bios', 'none', '-nographic', counter]
expect('record', 7, run('record', 'c.rec', *K, '--state-hash', stdin=b'axbxyz.x'), out='axbxyz.x')
r = expect('replay', 7, run('replay', 'c.rec', '--state-hash'), out='axbxyz.x')
end = re.search(r'state-hash ([0-9a-f]{16}) at (\d+)', r.out)
r = expect('it begins at the end', 7, debug('c.rec', 'hash', 'position'), out='powered off with status 7')
check(lines(r) == [end[1]], 'with the state of the end', (lines(r), end[1]))
has('and its position', r.out, f'position {end[2]}')

# Each position by its hash, from the replay.
at = [int(end[2]) * k // 7 for k in range(1, 7)]
for step in range(2):
    straight = []
    for a in at:
        r = run('replay', 'c.rec', '--batch', '-ex', f'run-until {a}', '-ex', 'hash')
        straight += lines(r)[-1:]
    tour = [3, 0, 5, 1, 1, 4, 2, 5, 0]
    options = ['--at', str(at[2])] if step else []
    r = debug('c.rec', *[c for k in tour for c in (f'goto {at[k]}', 'hash')], 'goto end' if not step else f'goto {end[2]}', 'hash',
              options=options)
    check(lines(r) == [straight[k] for k in tour] + [end[1]], f'a tour {options}: the states of the replay', (r.status, lines(r), straight, r.err))
check(len(set(straight)) == 6, 'they differ', straight)
r = debug('c.rec', 'last-write *(int *)count', 'break store', 'reverse-continue', 'reverse-continue', 'p *(int *)count')
has('last-write', r.out, '0x2 -> 0x3')
has('the stores before', r.out, '$1 = 0')
r = expect('--at', 7, debug('c.rec', 'position', 'continue', options=['--at', '100']), out='position 100 ')
has('and on to the end', r.out, 'powered off with status 7')
check(r.out.count('axbxyz.x') == 1, 'said once', r.out)
expect('--at behind the end', 1, debug('c.rec', options=['--at', '99999999999']), out='is not in the history')

# Options before and behind the file; a recording that was ended from outside.
expect('options first', 7, run('debug', '--batch', '-ex', 'info timeline', 'c.rec'), out='the present')
expect('recorded to a position', 0, run('record', 's.rec', *K, '--stop-at', '5000', stdin=b'ax'))
r = expect('it ends there', 0, debug('s.rec', 'position', 'stepi 10', 'position', 'goto 10'), out='[The recording is over]')
has('and lives on', r.out, 'position 5010 ')
has('a change', debug('s.rec', 'set $s2 = 1').out, 'another life than the one in s.rec')
r = debug('c.rec', 'goto 300', 'set $s2 = 1', 'goto begin', 'goto end', 'p $s2')
has('a change in the past', r.out, 'The timeline branches at position 300: what came after')
has('it is kept', r.out, '$1 = 1')

# Typing where the recording is over.
t = Term('debug', 's.rec')
t.want('The recording is over')
t.want('(orrery) ')
t.send('continue\r')
t.want('Continuing.')
t.send('x')
t.want('another life than the one in s.rec')
t.send('\3')
t.want('(orrery) ')
t.send('quit\r')
t.end(0)

# What replay refuses is refused.
open(counter, 'ab').write(b'more')
expect('another image', 6, debug('c.rec'), err='has changed since the recording')
open('cut.rec', 'wb').write(open('c.rec', 'rb').read()[:200])
expect('cut short', 2, debug('cut.rec'), err='cut short or damaged')
finish()
