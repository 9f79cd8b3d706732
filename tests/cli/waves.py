#!/usr/bin/env -S python3 -B
"""Traces of what happens beside instructions: wave forms as VCD and FST say the same (GTKWave's vcd2fst and fst2vcd read them), a
Perfetto trace is protobuf with the right fields (protoc decodes it), and they hold what the guest did."""
import re
from front import *

KERNEL = BUILD + '/tests/labs/bugs/lost-interrupt.elf'

def tool(*words, **options):
    return subprocess.run(words, capture_output=True, timeout=60 * SLOW, check=True, **options).stdout

def trace(*specs):
    words = [w for s in specs for w in ('--trace', s)]
    return run('run', '-bios', 'none', '-display', 'none', '--pace', 'none', '-kernel', KERNEL, *words)

def changes(text):
    """{name: [(time, value)]} of a VCD."""
    names, scope, now, found, defined = {}, [], 0, {}, False
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ['$scope']:
            scope.append(words[2])
        elif words[:1] == ['$upscope']:
            scope.pop()
        elif words[:1] == ['$var']:
            names[words[3]] = '.'.join(scope + [words[4]])
        elif words[:1] == ['$enddefinitions']:
            defined = True
        elif line.startswith('#'):
            now = int(line[1:])
        elif defined and line[:1] in '01xb' and line:
            value, key = (words[0][1:], words[1]) if line[0] == 'b' else (line[0], line[1:])
            value = value if 'x' in value else value.lstrip('0') or '0'
            history = found.setdefault(names[key], [])
            if 'x' not in value and (not history or history[-1][1] != value or names[key].endswith('.trap')):
                history.append((now, value))
    return {k: v for k, v in found.items() if v}

r = expect('a guest that ends asleep', 3, trace('vcd:w.vcd', 'fst:w.fst', 'perfetto:w.pftrace', 'exec:w.exec'))
again = expect('again', 3, trace('vcd:v.vcd', 'fst:v.fst', 'perfetto:v.pftrace'))
for name in ('vcd', 'fst', 'pftrace'):
    check(open('w.' + name, 'rb').read() == open('v.' + name, 'rb').read(), f'equal runs, equal bytes: {name}')
vcd = changes(open('w.vcd').read())
traps = vcd.get('machine.hart0.trap', [])
check(len(traps) == 3, 'a trap for each round that came to its end', str(traps))
check([v for _, v in vcd.get('machine.clint.out16', []) if v == '1'], "the timer's output is among the waves", str(list(vcd)))
check(vcd.get('machine.hart0.cause', [(0, '')])[0][1].endswith('111'), 'the cause is 7', str(vcd.get('machine.hart0.cause')))
def shape(text):
    """Its time unit and what it has of scopes and variables, without the letters that stand for them."""
    unit = re.search(r'\$timescale\s+(\S+?)\s*(\S+?)\s+\$end', text).groups()
    return unit, re.findall(r'\$scope (\w+) (\S+)|\$var (\w+) (\d+) \S+ (\S+)|\$(upscope)', text.replace('\n', ' '))

if shutil.which('fst2vcd') and shutil.which('vcd2fst'):
    mine, by_fst = open('w.vcd').read(), tool('fst2vcd', 'w.fst').decode()
    check(changes(by_fst) == vcd, 'fst2vcd tells the same of the FST as the VCD says')
    # GTKWave reads the VCD, too, and what it makes of it is what the FST says.
    tool('vcd2fst', 'w.vcd', 'theirs.fst')
    by_vcd = tool('fst2vcd', 'theirs.fst').decode()
    check(changes(by_vcd) == changes(by_fst), 'vcd2fst reads the VCD as fst2vcd reads the FST')
    check(len(shape(mine)[1]) > 10, 'there are variables', shape(mine))
    check(shape(by_vcd) == shape(by_fst) == shape(mine), 'scopes, kinds, widths and time unit of both are those of the VCD',
          [x for x in zip(shape(by_vcd)[1], shape(by_fst)[1], shape(mine)[1]) if len(set(x)) > 1][:3])
else:
    print('left out: vcd2fst and fst2vcd are not installed (Debian package gtkwave)')

def varint(b, at):
    v = shift = 0
    while True:
        v |= (b[at] & 127) << shift
        shift += 7
        at += 1
        if b[at - 1] < 128:
            return v, at

def message(b):
    fields, at = {}, 0
    while at < len(b):
        key, at = varint(b, at)
        if key & 7 == 2:
            n, at = varint(b, at)
            value, at = b[at:at + n], at + n
        else:
            assert key & 7 == 0
            value, at = varint(b, at)
        fields.setdefault(key >> 3, []).append(value)
    return fields

packets = [message(p) for p in message(open('w.pftrace', 'rb').read())[1]]
tracks = {m[1][0]: m[2][0].decode() for m in (message(p[60][0]) for p in packets if 60 in p)}
events = [(p[8][0], message(p[11][0])) for p in packets if 11 in p]
named = [(when, tracks[m[11][0]], m[23][0].decode()) for when, m in events if 23 in m and m[9][0] == 3]
check([n for n in named if n[1] == 'hart0' and n[2] == 'machine timer interrupt'] != [], 'traps are instants on the track of the CPU', str(named[:5]))
depth = {}
for _, m in events:
    if m[9][0] in (1, 2):
        depth[m[11][0]] = depth.get(m[11][0], 0) + (1 if m[9][0] == 1 else -1)
        check(depth[m[11][0]] in (0, 1), 'slices begin and end in turn')
check(depth and not any(depth.values()), 'and all end')
if shutil.which('protoc'):
    with open('w.pftrace', 'rb') as f:
        decoded = tool('protoc', '--decode_raw', stdin=f).decode()
    check(decoded.count('\n1 {') + decoded.startswith('1 {') == len(packets), 'protoc decodes as many packets')
else:
    print('left out: protoc is not installed (Debian package protobuf-compiler)')
finish()
