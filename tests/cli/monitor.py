#!/usr/bin/env python3
"""The monitor's commands that hands know from QEMU: memory, ports, snapshots, media, interrupts, logs. What they say of the
same state is compared with QEMU in tests/debugger/gdb_x86.py."""
from front import *

q = 'orrery-system-x86_64'
boot = bytearray(b'\xeb\xfe' * 255 + b'\x55\xaa')  # jmp .
boot[0x100:0x110] = bytes(range(16))
open('boot.img', 'wb').write(boot)
open('cd.iso', 'wb').write(bytes(2048 * 64))
# The NMI handler writes to port 0xe9 and ends the machine.
nmi = bytes.fromhex('fa 31c0 8ed8 c7060800207c c7060a000000 ebfe'.replace(' ', ''))
nmi = nmi.ljust(0x20, b'\x90') + bytes.fromhex('b04e e6e9 b021 e6f4 ebfe'.replace(' ', ''))
open('nmi.img', 'wb').write(nmi.ljust(510, b'\0') + b'\x55\xaa')


def monitor(*lines, args=('-S',), name=q, status=0):
    """What each line is answered with."""
    r = run('-display', 'none', '-serial', 'none', '-monitor', 'stdio', '-m', '64', *args, face_name=name,
            stdin='\n'.join([*lines, 'quit', '']).encode(), timeout=30)
    check(r.status == status, f'{lines}: status {r.status}', r.out + r.err)
    return (r.out.replace('\r', '').split('(orrery) ') + [''] * len(lines))[1:]  # behind the greeting; the first has the echo of all


def answers(lines, parts, **how):
    said = monitor(*lines, **how)
    for n, (line, part) in enumerate(zip(lines, parts)):
        if isinstance(part, str):
            has(line, said[n], part)
        else:
            check(part(said[n]), line, said[n])


DISK = ('-S', '-drive', 'file=boot.img,format=raw,snapshot=on', '-cdrom', 'cd.iso', '-drive', 'file=boot.img,if=none,id=x,format=raw,readonly=on')

rom = open('/usr/share/seabios/bios-256k.bin', 'rb').read()[-16:] if os.path.exists('/usr/share/seabios/bios-256k.bin') else None
total = 0
for b in rom or b'':
    total = (((total >> 1) | (total << 15)) & 0xffff) + b & 0xffff

# Memory, addresses and ports.
answers(['gva2gpa 0x7c00', 'gpa2hva 0x7c00', 'sum 0xffff0 16', 'pmemsave 0xffff0 16 a.bin', 'memsave 0xfffffff0 16 "b.bin"', 'memsave 1',
         'pmemsave 0 16 /nosuch/file', 'pmemsave 0xffffffffffff 16 c.bin', 'sum 0 0x1000000000', 'i /b 0x92', 'o /b 0x80 0x41', 'i /b 0x80', 'i /w 0xcf8',
         'i /x 1', 'i r rip', 'p/x 0x10 + 1', 'x/i $pc', 'xp/1xw 0x7c00', 'info registers', 'info registers -a', 'info registers -b', 'info mem'],
        ['gpa: 0x7c00', 'another place in every run', f'{total:05}', '', '', 'it needs 2 numbers', 'cannot be written', 'no memory', 'at most 4 GiB',
         'portb[0x0092] = 0x', '', 'portb[0x0080] = 0x', 'portl[0x0cf8] = 0x', 'has the size', 'rip ', '= 0x11', 'jmp', '0x00000000', 'EIP=0000fff0', 'CPU#0',
         '-a shows', 'PG disabled'])
if rom:
    check(open('a.bin', 'rb').read() == open('b.bin', 'rb').read() == rom, 'what pmemsave and memsave wrote')
answers(['i /b 0x92', 'gva2gpa 0x80000000', 'nmi', 'info usb', 'info registers pc'],
        ['no I/O ports', 'gpa: 0x80000000', 'no such interrupt', 'not enabled', '0x1000'], name='orrery-system-riscv64', args=('-S', '-bios', 'none', '-kernel', TEACH))
# Snapshots are files, and delvm removes nothing else.
answers(['info snapshots', 'savevm one.snap', 'info snapshots', 'delvm boot.img', 'delvm nosuch', 'delvm one.snap', 'info snapshots', 'delvm'],
        ['no snapshot', '', 'one.snap', 'not a snapshot of ours', 'No such file', '', 'no snapshot', 'it needs'])
check(os.path.exists('boot.img') and not os.path.exists('one.snap'), 'what is left')
# Media.
answers(['info block', 'info ide', 'eject ide1-cd0', 'info ide', 'change ide1-cd0', 'info ide', 'eject nosuch', 'change ide1-cd0 other.iso', 'change ide0'],
        ['Removable device: CD with a tray', '', lambda t: t == '', 'open', lambda t: t == '', lambda t: 'open' not in t, 'no CD or floppy', 'no such image',
         'no CD or floppy'], args=DISK)
answers(['change floppy0', 'eject floppy0', 'info fdc'], ['', 'no motor', ''], args=('-S', '-drive', 'file=fd.img,if=floppy,format=raw')
        if open('fd.img', 'wb').write(bytes(1474560)) else ())
# Names, logs, what nobody knows.
answers(['info name', 'info uuid', 'info kvm', 'info roms', 'info version', 'log nosuch', 'log exec', 'logfile the.log', 'log cpu_reset', 'system_reset', 'stepi',
         'log none', 'sistem_reset', 'info blok', 'help'],
        ['fred', '00000000-0000-0000-0000-000000000000', 'disabled', 'bios-256k.bin', '.', 'not an item', 'tracefile', '', '', '', '', '', "has 'system_reset'",
         "has 'info block'", 'pmemsave ADDRESS SIZE FILE'], args=('-S', '-name', 'fred'))
has('the log', open('the.log').read(), 'cpu.reset')

# An NMI comes through the door: it is in the recording.

NMI = ('-drive', 'file=nmi.img,format=raw,snapshot=on', '-debugcon', 'file:e9', '-device', 'isa-debug-exit,iobase=0xf4', '-display', 'none', '-serial', 'none', '-m', '64')
p = subprocess.Popen([face(q), *NMI, '-monitor', 'stdio', '--record', 'nmi.rec', '-pace', 'none'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
time.sleep(1.5 * SLOW)
p.stdin.write(b'i /b 0x92\nnmi\n')
p.stdin.flush()
try:
    out = p.communicate(timeout=30 * SLOW)[0].decode()
except subprocess.TimeoutExpired:
    p.kill()
    out = p.communicate()[0].decode()
has('a recorded port', out, 'recorded')
check(p.returncode == 0x43, f'the guest saw the NMI: status {p.returncode}', out)
check(open('e9').read() == 'N', 'what its handler wrote')
r = run('replay', 'nmi.rec', timeout=60)
check(r.status == 0x43, f'the replay sees it too: {r.status}', r.out + r.err)
finish()
