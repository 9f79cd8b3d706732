#!/usr/bin/env -S python3 -B
"""Command lines as courses type them, each to the end of a real guest."""
import socket, threading
from front import *

DONE = 'teach: all programs are done'
K = ['-bios', 'none', TEACH]
q = 'qemu-system-riscv64'

# The exact line of xv6-riscv, and under each name.
open('fs.img', 'wb').truncate(1 << 20)
xv6 = ['-machine', 'virt', '-bios', 'none', '-kernel', TEACH, '-m', '128M', '-smp', '3', '-nographic', '-global',
       'virtio-mmio.force-legacy=false', '-drive', 'file=fs.img,if=none,format=raw,id=x0', '-device',
       'virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0']
for name in q, 'orrery-system-riscv64':
    r = expect(f'xv6 line as {name}', 0, run(*xv6, face_name=name), out=DONE)
    check(r.err == '', 'it says nothing else', r.err)
expect('xv6 line as orrery run', 0, run('run', *xv6), out=DONE)

# Where the serial port goes.
def quiet(what, *options, face_name=q):
    r = expect(what, 0, run(*K, *options, face_name=face_name))
    check(r.out == '', f'{what}: nothing on the terminal', r.out)
    return r
def shown(what, *options, stdin=b''):
    return expect(what, 0, run(*K, *options, face_name=q, stdin=stdin), out=DONE)
shown('no option at all')
shown('-nographic', '-nographic')
shown('-serial stdio', '-serial', 'stdio')
shown('-nographic -serial mon:stdio', '-nographic', '-serial', 'mon:stdio')
shown('-display none -serial stdio', '-display', 'none', '-serial', 'stdio')
shown('Pintos: -serial stdio -monitor null', '-nographic', '-serial', 'stdio', '-monitor', 'null', '-net', 'none')
shown('two ports', '-serial', 'stdio', '-serial', 'null')
shown('-chardev', '-chardev', 'stdio,id=c0', '-serial', 'chardev:c0')
shown('-chardev with mux', '-chardev', 'stdio,id=c0,mux=on', '-serial', 'chardev:c0', '-monitor', 'chardev:c0')
quiet('-display none', '-display', 'none')
quiet('-nodefaults', '-nodefaults')
quiet('-serial none', '-serial', 'none')
quiet('Pi: -serial null -serial stdio', '-serial', 'null', '-serial', 'stdio', '-display', 'none')
quiet('-serial file:', '-serial', 'file:serial.txt', '-display', 'none')
has('-serial file:', open('serial.txt').read(), DONE)
r = quiet('-serial pty', '-serial', 'pty', '-display', 'none')
has('-serial pty', r.err, 'char device redirected to /dev/pts/')
quiet('-serial unix: server', '-serial', 'unix:s.sock,server=on,wait=off', '-display', 'none')

def listener(family, address):
    s = socket.socket(family)
    s.bind(address)
    s.listen(1)
    s.settimeout(20 * SLOW)
    got = []
    def take():
        c = s.accept()[0]
        while data := c.recv(4096):
            got.append(data)
    t = threading.Thread(target=take, daemon=True)
    t.start()
    return s, t, got
s, t, got = listener(socket.AF_UNIX, work + '/l.sock')
quiet('-serial unix:', '-serial', f'unix:{work}/l.sock', '-display', 'none')
t.join(10)
has('-serial unix:', b''.join(got).decode(), DONE)
s, t, got = listener(socket.AF_INET, ('127.0.0.1', 0))
quiet('-serial tcp:', '-serial', f'tcp:127.0.0.1:{s.getsockname()[1]}', '-display', 'none')
t.join(10)
has('-serial tcp:', b''.join(got).decode(), DONE)

# Disks: what a drive does is for tests/host and tests/device; here, that the options arrive.
for options in (['-drive', 'file=fs.img,if=virtio'], ['-drive', 'file=fs.img'], ['-hda', 'fs.img'], ['-hda', 'fs.img', '-snapshot'],
                ['-drive', 'file=fs.img,readonly=on,format=raw'], ['-drive', 'file=fs.img,snapshot=on,cache=writeback,media=disk'],
                ['-drive', 'file=fs.img,if=none,id=d', '-device', 'virtio-blk,drive=d']):
    r = run(*K, *options, '-monitor', 'stdio', '-S', face_name=q, stdin=b'info block\nquit\n')
    expect(f'{options}', 0, r, out='fs.img')
    check(('read-only' in r.out) == ('readonly=on' in str(options)), f'{options}: read-only', r.out)
    check(('stay in memory' in r.out) == ('snapshot' in str(options)), f'{options}: snapshot', r.out)

# Networks.
port = socket.socket(); port.bind(('127.0.0.1', 0)); n = port.getsockname()[1]; port.close()
for options in (['-nic', f'user,hostfwd=tcp::{n}-:22'], ['-netdev', f'user,id=n0,hostfwd=tcp::{n}-:22', '-device', 'virtio-net-device,netdev=n0'],
                ['-netdev', f'user,id=n0,hostfwd=udp::{n}-:2000', '-device', 'virtio-net,netdev=n0'], ['-nic', 'user'], ['-nic', 'none']):
    shown(f'{options[0]}', *options)
r = run(*K, '-netdev', 'user,id=n0', '-device', 'virtio-net-device,netdev=n0', '-monitor', 'stdio', '-S', face_name=q,
        stdin=f'hostfwd_add n0 tcp::{n}-:22\ninfo network\nhostfwd_remove n0 tcp::{n}\nhostfwd_add n0 x\nquit\n'.encode())
expect('hostfwd_add', 0, r, out=str(n))
has('hostfwd_add x', r.out, "'x' begins with neither tcp: nor udp:")

# Options that old makefiles have.
shown('accepted', '-smp', '2,cores=2,threads=1,sockets=1', '-icount', 'shift=0', '-accel', 'tcg,thread=single', '-rtc', 'base=utc,clock=vm',
      '-name', 'x', '-vga', 'none', '-parallel', 'none', '-no-user-config', '-k', 'en-us', '-no-reboot', '-object',
      'rng-random,id=r,filename=/dev/urandom', '-device', 'virtio-rng-device,rng=r', '-machine', 'virt,accel=kvm:tcg,usb=off')
expect('-global of an unknown class', 0, run(*K, '-global', 'nosuch.x=1', face_name=q), out=DONE, err='warning')
expect('-pidfile', 0, run(*K, '-pidfile', 'pid', face_name=q), out=DONE)
check(open('pid').read().strip().isdigit(), '-pidfile has a number')

# Device trees.
expect('dumpdtb', 0, run('-machine', 'virt,dumpdtb=virt.dtb', '-smp', '2', '-m', '256M', face_name=q), err='virt.dtb')
expect('dumpdtb under our name', 0, run('run', '-machine', 'virt,dumpdtb=virt2.dtb', '-bios', 'none', '-smp', '2', '-m', '256M'))
blob = open('virt.dtb', 'rb').read()
check(blob[:4] == b'\xd0\x0d\xfe\xed' and b'riscv-virtio' in blob, 'it is a device tree')
shown('-dtb', '-dtb', 'virt.dtb', '-smp', '2', '-m', '256M')

# Loaders: a number, a raw file and a hart's start; the finisher reports what arrived as the exit status.
sums = guest('sums', '''
  csrr t0, mhartid
  bnez t0, 1f
  li t0, 0x80100000
  lbu t1, 0(t0)
  lbu t2, 7(t0)
  li t0, 0x80200000
  lbu t3, 0(t0)
  add t1, t1, t2
  add t1, t1, t3
  slli t1, t1, 16
  li t2, 0x3333
  or t1, t1, t2
  li t0, 0x100000
  sw t1, 0(t0)
1: wfi
  j 1b
''')
open('raw.bin', 'wb').write(b'\x04rest')
loads = ['-device', 'loader,addr=0x80100000,data=0x0100000000000002,data-len=8', '-device', 'loader,file=raw.bin,addr=0x80200000']
expect('loaders: 2 + 1 + 4', 7, run('-bios', 'none', '-kernel', sums, '-display', 'none', *loads, face_name=q))
expect('loader, data-be', 3, run('-bios', 'none', '-kernel', sums, '-display', 'none', '-device',
                                 'loader,addr=0x80100000,data=0x0300000000000000,data-len=8,data-be=off', face_name=q))
expect('loader, big-endian', 5, run('-bios', 'none', '-kernel', sums, '-display', 'none', '-device',
                                    'loader,addr=0x80100000,data=5,data-len=4,data-be=on', '-device',
                                    'loader,addr=0x80100007,data=5,data-len=1', face_name=q))
expect('loader of ELF with cpu-num', 7, run('-bios', 'none', '-display', 'none', '-device', f'loader,file={sums},cpu-num=0', *loads, face_name=q))
expect('the kernel as firmware', 7, run('-bios', sums, '-display', 'none', *loads, face_name=q))

# 32 bits, by name, by CPU and by the file.
fail9 = '  li t0, 0x100000\n  li t1, 0x93333\n  sw t1, 0(t0)\n1: j 1b\n'
g32 = guest('fail32', fail9, 32)
expect('riscv32 by name', 9, run('-bios', 'none', '-kernel', g32, '-nographic', face_name='qemu-system-riscv32'))
expect('riscv32 by file', 9, run('run', '-bios', 'none', g32))
expect('riscv32 by CPU', 9, run('run', '-bios', 'none', '-cpu', 'rv32', g32))
expect('riscv32, default firmware', 1, run(g32, face_name='qemu-system-riscv32'), err='-bios')
bare = guest('bare', '''
  li t0, 0x10000000
  li t1, 'B'
  sw t1, 0(t0)
  li t1, '\\n'
  sw t1, 0(t0)
1: j 1b
''', 32, 0)
r = expect('bare-rv32', 4, run('run', '-M', 'bare-rv32', '--timing', 'picorv32-fast', bare, '-max-instructions', '20000'))

# Semihosting.
semi = guest('semi', '''
  la a1, text
  li a0, 4
  jal call
  la a1, block
  li a0, 0x18
  jal call
1: j 1b
  .balign 16
call:
  .option push
  .option norvc
  slli zero, zero, 0x1f
  ebreak
  srai zero, zero, 7
  .option pop
  ret
text: .asciz "hello from semihosting\\n"
  .balign 8
block: .dword 0x20026, 11
''')
for option in ['-semihosting'], ['-semihosting-config', 'enable=on,target=native']:
    expect(f'{option}', 11, run('-bios', 'none', '-kernel', semi, '-display', 'none', *option, face_name=q), out='hello from semihosting\n')
expect('semihosting off', 3, run('-bios', 'none', '-kernel', semi, '-display', 'none', '-semihosting', '-semihosting-config', 'enable=off',
                                 '-max-instructions', '100000', face_name=q))

# Ends and hashes that scripts rely on.
reset = guest('reset', '  li t0, 0x100000\n  li t1, 0x7777\n  sw t1, 0(t0)\n1: j 1b\n')
expect('a guest that resets for ever', 3, run('run', '-bios', 'none', reset, '-max-instructions', '100000'), err='a reset loop')
expect('-no-reboot', 0, run('run', '-bios', 'none', reset, '-no-reboot'))
def hash_of(*options):
    r = expect(f'{options}', 0, run('run', *K, '-display', 'none', '-state-hash', *options))
    return r.out.split()[-3:] if r.out.startswith('state-hash ') or '\nstate-hash ' in r.out else None
plain = hash_of()
check(plain and len(plain[0]) == 16 and plain[1] == 'at', 'state-hash HASH at POSITION', plain)
check(hash_of() == plain, 'two runs')
check(hash_of('-pace', 'none') == plain, 'without waiting')
check(hash_of('-d', 'in_asm,exec,int', '-D', 'log') == plain, 'while logging')
check(hash_of('-trace', 'spike:spike.log') == plain, 'while tracing')
check(hash_of('-seed', '2') != plain, 'another seed is another device tree')
check(hash_of('-stop-at', '1000000')[2] == '1000000', '-stop-at is exact')
hash_of('-stop-at', '1000000', '-save', 'mid.snap')
check(hash_of('-load', 'mid.snap') == plain, 'from a snapshot')
r = run('run', *K, '-display', 'none', '-hash-every', '500000')
lines = [l.split() for l in r.out.splitlines()]
check([l[0] for l in lines] == [str(500000 * (i + 1)) for i in range(len(lines))] and len(lines) == int(plain[2]) // 500000,
      '-hash-every N', r.out)
check(lines[1][1] == hash_of('-stop-at', '1000000')[0], 'a hash on the way is that of a run that ends there')

# Logs.
log = open('log').read().splitlines()
check(log[0].startswith('0x0000000000001000: 00000297  auipc t0,0x0'), 'in_asm', log[0])
check(log[1].startswith('0 hart0 0x0000000000001000: 00000297  auipc t0,0x0'), 'exec', log[1])
execs = [l for l in log if ' hart0 0x' in l]
firsts = [l for l in log if l.startswith('0x')]
traps = [l for l in log if 'cpu.trap' in l]
check(len(execs) == int(plain[2]), 'exec has a line for each instruction', len(execs))
check(len(firsts) == len(set(firsts)) == len({l.split(' ', 2)[2] for l in execs}), 'in_asm has one for each place', len(firsts))
check(traps and all('cause=' in l for l in traps), 'int')
bad = guest('bad', '''
  la t0, handler
  csrw mtvec, t0
  li t1, 0x20000000000
  ld t2, 0(t1)
  li t1, 0x80200000
  srli t2, t1, 2
  csrw pmpaddr0, t2
  li t2, 0x90
  csrw pmpcfg0, t2
  ld t2, 0(t1)
  .word 0xffffffff
  li t0, 0x80100000
  lw t1, 0(t0)
  addi t1, t1, 1
  sw t1, 0(t0)
  li t2, 2
  li t3, 0x7777
  bne t1, t2, 1f
  li t3, 0x5555
1: li t0, 0x100000
  sw t3, 0(t0)
2: j 2b
  .balign 4
handler:
  csrr a0, mepc
  addi a0, a0, 4
  csrw mepc, a0
  mret
''')
for items, parts, absent in (('guest_errors', ['load access fault', 'tval=0x20000000000', 'why=nothing answers at physical 0x20000000000',
                                               'why=PMP forbids the access to physical 0x80200000'], ['illegal']),
                             ('unimp', ['illegal instruction', 'tval=0xffffffff'], ['access fault']),
                             ('cpu_reset', ['cpu.reset pc=', 'ra '], ['cpu.trap'])):
    r = expect(f'-d {items}', 0, run('run', '-bios', 'none', bad, '-display', 'none', '-d', items, '-max-instructions', '100000'))
    for p in parts:
        has(f'-d {items}', r.err, p)
    for p in absent:
        check(p not in r.err, f'-d {items}: no {p}', r.err)

# Record and replay. The replay opens no port: one that is taken is no hindrance.
rec = ['-netdev', f'user,id=n0,hostfwd=tcp::{n}-:22', '-device', 'virtio-net-device,netdev=n0', '-hda', 'fs.img', '-S', '-monitor', 'stdio',
       '-s', '-gdb', f'unix:{work}/gdb.sock', '-d', 'int', '--D=rec.log']
r = expect('record', 0, run('record', 'run.rec', *K, *rec, '-serial', 'file:rec.txt', '-state-hash', stdin=b'cont\n'), out='state-hash')
h = r.out.split('state-hash ')[1]
os.remove('rec.log')
busy = socket.socket(); busy.bind(('127.0.0.1', n)); busy.listen(1)
r = expect('replay', 0, run('replay', 'run.rec'), out='state-hash ' + h)
busy.close()
has('replay writes the serial port again', open('rec.txt').read(), DONE)
check(not os.path.exists('rec.log'), 'the log was the recording run\'s')
r = expect('replay under the debugger', 0, run('replay', 'run.rec', '-batch', '-ex', 'break kernel_main', '-ex', 'continue', '-ex', 'info reg pc'),
           out='<kernel_main')
expect('record --record', 0, run(*K, '--record=run2.rec', '-nographic', face_name=q), out=DONE)
expect('replay of it', 0, run('replay', 'run2.rec'), out=DONE)
open('fs.img', 'r+b').write(b'changed')
expect('replay with another disk', 6, run('replay', 'run.rec'), err='fs.img')
finish()
