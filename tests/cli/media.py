#!/usr/bin/env python3
"""Floppy disks and CDs that are changed while the machine runs: the guest sees it, a recording has it, the past and snapshots know
which one was in. And boot_set. Guest: tests/cli/guest/media.S."""
import json
from front import *

q = 'orrery-system-x86_64'
if not (shutil.which('clang') and shutil.which('ld.lld')):
    print('SKIP: clang or ld.lld is not installed')
    sys.exit(77)
subprocess.run(['clang', '--target=i386-unknown-elf', '-m32', '-c', '-o', 'media.o', f'{SRC}/tests/cli/guest/media.S'], check=True)
subprocess.run(['ld.lld', '--oformat', 'binary', '-Ttext', '0x7c00', '-o', 'boot.img', 'media.o'], check=True)
check(os.path.getsize('boot.img') == 512, 'the boot sector')
for name, letter in (('a.img', b'A'), ('b.img', b'B'), ('q.img', b'Q'), ('blank one.img', b'\0'), ('two.img', b'\0')):
    open(name, 'wb').write(letter + bytes(1474559))
for name, letter in (('c.iso', b'C'), ('d.iso', b'D')):
    open(name, 'wb').write(letter + bytes(2048 * 64 - 1))
open('small.img', 'wb').write(bytes(1000))
PC = ('-machine', 'pc', '-m', '32', '-display', 'none', '-serial', 'none', '-drive', 'file=boot.img,format=raw,index=0', '-boot', 'c',
      '-drive', 'file=a.img,if=floppy,format=raw', '-drive', 'file=c.iso,media=cdrom,index=2,format=raw', '-debugcon', 'file:e9',
      '-device', 'isa-debug-exit,iobase=0xf4')


class Machine:
    """One that runs, with QMP."""
    def __init__(self, *args, pc=PC):
        for f in ('m.sock', 'e9'):
            if os.path.exists(f):
                os.unlink(f)
        self.p = subprocess.Popen([face(q), *pc, '-monitor', 'none', '-qmp', 'unix:m.sock,server=on,wait=off', '-pace', 'none', *args],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        atexit.register(self.p.kill)
        import socket
        self.s = socket.socket(socket.AF_UNIX)
        end = time.time() + 20 * SLOW
        while True:
            try:
                self.s.connect('m.sock')
                break
            except OSError:
                if time.time() > end or self.p.poll() is not None:
                    sys.exit('QMP is not there: ' + self.p.stdout.read().decode())
                time.sleep(0.02)
        self.s.settimeout(30 * SLOW)
        self.f = self.s.makefile('rw')
        self.f.readline()
        self.do('qmp_capabilities')

    def do(self, name, **args):
        self.f.write(json.dumps({'execute': name, 'arguments': {k.replace('_', '-'): v for k, v in args.items()}}) + '\n')
        self.f.flush()
        while True:
            o = json.loads(self.f.readline())
            if 'event' not in o:
                return o

    def hmp(self, line):
        return self.do('human-monitor-command', command_line=line)['return']

    def says(self, text):
        """The guest's story so far ends so."""
        end, said = time.time() + 10 * SLOW, ''
        while time.time() < end and self.p.poll() is None:
            said = open('e9', 'rb').read().decode('latin-1') if os.path.exists('e9') else ''
            if said.endswith(text):
                break
            time.sleep(0.02)
        return check(said.endswith(text), f'the guest says {text!r}', said[-60:])

    def end(self):
        out = self.p.communicate(timeout=30 * SLOW)[0].decode()
        return self.p.returncode, out


# What the guest sees, while it is recorded. It has locked the tray.
m = Machine('--record', 'media.rec')
m.says('+AC')
check(m.hmp('change floppy0 b.img') == '', 'another floppy disk')
m.says('+B')
has('which it is', m.hmp('info block'), 'floppy1: b.img')
has('a locked tray', m.hmp('change ide1-cd0 d.iso'), 'has locked the tray')
has('is shown', m.hmp('info block'), 'CD with a tray, locked')
check('locked' in m.do('blockdev-change-medium', device='ide1-cd0', filename='d.iso').get('error', {}).get('desc', ''), 'QMP says so, too')
m.says('+B')
check(m.do('blockdev-change-medium', id='ide1-cd0', filename='d.iso', format='raw', force=True) == {'return': {}}, 'forced')
m.says('6D')
check([(b['device'], b['inserted']['file']) for b in m.do('query-block')['return']] ==
      [('ide0', 'boot.img'), ('floppy1', 'b.img'), ('ide2', 'd.iso')], 'query-block', m.do('query-block'))
check(m.do('blockdev-open-tray', device='ide2', force=True) == {'return': {}}, 'the tray is opened')
m.says('D2')
check(m.do('query-block')['return'][2]['tray_open'] is True, 'and is open')
check(m.hmp('change -f ide2 c.iso raw') == '', 'a CD into an open tray')
m.says('26C')
check(m.hmp('change /floppy/floppy a.img') == '', 'the first disk again')
m.says('+A')
check(m.hmp('change floppy0') == '', 'out and in again')
m.says('+A+A')
# What cannot be.
for line, part in (('change floppy0 nosuch.img', 'no such image'), ('change floppy0 small.img', 'no floppy disk'), ('change -f ide1-cd0 small.img', 'one block'),
                   ('change ide0 b.img', 'no CD or floppy drive'), ('change nosuch b.img', "is called 'nosuch'"), ('change', 'DRIVE [FILE'),
                   ('change floppy0 b.img raw sideways', 'no mode'), ('change -f ide1-cd0 d.iso raw read-write', 'cannot be written'),
                   ('change floppy0 b.img qcow3', 'qcow3'), ('change floppy0 boot.img', 'it is in ide0')):
    has(line, m.hmp(line), part)
check('error' in m.do('blockdev-change-medium', device='floppy0') and 'error' in m.do('blockdev-change-medium', filename='b.img'), 'what QMP misses')
m.says('+A+A')
m.hmp('stop')
check(m.hmp('savevm with.snap') == '', 'a snapshot')
m.hmp('cont')
check(m.hmp('change floppy0 q.img') == '', 'the last one')
status, out = m.end()
said = open('e9').read()
check(status == len(said) << 1 | 1, f'the guest counts what it told: {status}', said[-60:] + out)

# The recording has all of it, interpreted and compiled.
for how in ([], ['-accel', 'jit']):
    r = run('replay', 'media.rec', *how, timeout=60)
    check(r.status == status, f'replay {how}: {r.status}', r.out + r.err)
# In the past the medium of then is in the drive.
r = run('debug', 'media.rec', '--batch', '-ex', 'info device floppy/floppy', '-ex', 'goto begin', '-ex', 'info device floppy/floppy', '-ex', 'goto end',
        '-ex', 'info device floppy/floppy', timeout=60)
words = r.out.replace(',', ' ').split()
media = [w for w in words if w.startswith('medium-')]
check(len(media) == 2 and media[0] == media[1] and 'floppy1' in words, 'the past has its own disk', r.out[-1500:] + r.err)
# Its images are needed, and as they were.
os.rename('b.img', 'gone.img')
r = run('replay', 'media.rec', timeout=60)
check(r.status == 6 and 'b.img' in r.err and 'no such image' in r.err, f'an image that is gone: {r.status}', r.err)
open('b.img', 'wb').write(b'X' + bytes(1474559))
r = run('replay', 'media.rec', timeout=60)
check(r.status == 6 and 'b.img has changed' in r.err, f'an image that has changed: {r.status}', r.err)
os.rename('gone.img', 'b.img')

# A run that keeps its past, without a recording.
def held(m):
    return [w for w in m.hmp('info device floppy/floppy').replace(',', ' ').split() if w.startswith('medium-') or w == 'floppy1'][-1]


m = Machine('-snapshot', '--history', '64M')
m.says('+AC')
check(m.hmp('change floppy0 b.img') == '', 'changed in a run with a past')
m.says('+B')
m.hmp('stop')
now = held(m)
m.hmp('goto begin')
then = held(m)
m.hmp('goto end')
check(now.startswith('medium-') and then == 'floppy1' and held(m) == now, 'there and back', [now, then, held(m)])
m.do('quit')
m.end()

# The guest goes on from a snapshot in another process.
m = Machine('-snapshot', '--load', 'with.snap')
check(m.hmp('change floppy0 q.img') == '', 'the last one, elsewhere')
there, out = m.end()
check(there == status, f'as if nothing had happened: {there}', out)

# Snapshots know what is in, and disks keep what was written to them. QMP's other names; two blank disks are two.
m = Machine('-S', '-snapshot')
check(m.hmp('change floppy0 "blank one.img"') == '', 'a name with a blank')
has('it is in', m.hmp('info block'), 'blank one.img')
first = [w for w in m.hmp('info device floppy/floppy').replace(',', ' ').split() if w.startswith('medium-')]
check(m.hmp('change floppy0 two.img') == '', 'another blank disk')
second = [w for w in m.hmp('info device floppy/floppy').replace(',', ' ').split() if w.startswith('medium-')]
check(first and second and first != second, 'is another disk', [first, second])
check(m.hmp('savevm two.snap') == '' and m.hmp('change floppy0 a.img') == '', 'saved with it')
check(m.hmp('loadvm two.snap') == '', 'and back')
has('that disk is in again', m.hmp('info block'), 'two.img')
m.do('quit')
m.end()
m = Machine('-S', '-snapshot', '--load', 'two.snap')
has('in another process', m.hmp('info block'), 'floppy1: two.img')
m.do('quit')
m.end()
os.rename('two.img', 'gone.img')
r = run('-display', 'none', '-S', *PC, '--load', 'two.snap', face_name=q, timeout=20)
check(r.status not in (0, 'hangs') and 'two.img' in r.err, 'without its image', r.err)

# boot_set: what the firmware starts after the next reset. Drive A has a boot sector that says so.
boot = bytes.fromhex('b046 e6e9 b001 e6f4 ebfe'.replace(' ', ''))
open('f.img', 'wb').write(boot.ljust(510, b'\0') + b'\x55\xaa' + bytes(1474560 - 512))
open('h.img', 'wb').write(bytes.fromhex('b048 e6e9 ebfe'.replace(' ', '')).ljust(510, b'\0') + b'\x55\xaa')
BOOT = ('-machine', 'pc', '-m', '32', '-display', 'none', '-serial', 'none', '-drive', 'file=h.img,format=raw', '-drive', 'file=f.img,if=floppy,format=raw',
        '-debugcon', 'file:e9', '-device', 'isa-debug-exit,iobase=0xf4')
for order in ('c', 'order=c,once=c'):
    m = Machine('-boot', order, '--record', 'boot.rec', pc=BOOT)
    m.says('H')
    has('letters', m.hmp('boot_set x'), 'nothing a PC boots from')
    has('none', m.hmp('boot_set'), 'it needs letters')
    check(m.hmp('boot_set ac') == '' and m.hmp('system_reset') == '', 'another order')
    status, out = m.end()
    check(status == 3 and open('e9').read().endswith('F'), f'-boot {order}: now from the floppy disk: {status}', out)
    r = run('replay', 'boot.rec', timeout=60)
    check(r.status == 3, f'the replay, too: {r.status}', r.out + r.err)
r = run('-display', 'none', '-serial', 'none', '-monitor', 'stdio', '-S', '-bios', 'none', '-kernel', TEACH, face_name='orrery-system-riscv64',
        stdin=b'boot_set c\nquit\n')
has('a machine without', r.out, 'has no boot order')
finish()
