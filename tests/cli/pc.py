#!/usr/bin/env -S python3 -B
"""Options of PCs: -boot and bootindex= as SeaBIOS obeys them, -debugcon, -parallel; sendkey, recorded and replayed."""
from front import *

if not os.path.exists('/usr/share/seabios/bios-256k.bin'):
    print('SKIP: SeaBIOS is not installed (Debian package seabios)')
    sys.exit(77)


def out(port, value):
    return bytes([0xba, port & 255, port >> 8, 0xb0, value, 0xee])  # mov dx, port; mov al, value; out dx, al


def sector(code, size=512):
    return (code.ljust(510, b'\0') + b'\x55\xaa').ljust(size, b'\0')


def image(name, code, size):
    with open(name, 'wb') as f:
        f.write(sector(code, size))
    return name


END = out(0x501, 1)                              # isa-debug-exit: status 3
HALT = b'\xfa\xf4'
RESET = out(0x64, 0xfe) + HALT
image('floppy.img', out(0xe9, ord('a')) + END, 1474560)
image('disk.img', out(0xe9, ord('c')) + END, 1 << 20)
image('other.img', out(0xe9, ord('o')) + END, 1 << 20)
image('nothing.img', b'', 1 << 20)
with open('nothing.img', 'wb') as f:
    f.write(bytes(1 << 20))
DRIVES = ['-fda', 'floppy.img', '-hda', 'disk.img']
have_cd = shutil.which('xorriso') is not None
if have_cd:
    os.mkdir('cd')
    for name, code in ('cd', END), ('again', RESET):
        image('cd/boot.bin', out(0xe9, ord('d')) + code, 2048)
        subprocess.run(['xorriso', '-as', 'mkisofs', '-quiet', '-b', 'boot.bin', '-no-emul-boot', '-boot-load-size', '4',
                        '-o', f'{name}.iso', 'cd'], check=True, stderr=subprocess.DEVNULL)
    DRIVES += ['-cdrom', 'cd.iso']


def boots(what, said, *options, status=3, machine='pc'):
    """What the boot sectors write to the debug port, one letter each."""
    if os.path.exists('said'):
        os.remove('said')
    r = expect(what, status, run('run', '-machine', machine, '-m', '16', '-display', 'none', '-monitor', 'none', '-debugcon',
                                 'file:said', '-device', 'isa-debug-exit', '--pace', 'none', '--max-instructions',
                                 '300000000', *options, timeout=60))
    got = open('said').read() if os.path.exists('said') else None
    check(got == said, f'{what}: {said} boots', got)
    return r


boots('the usual order', 'c', *DRIVES)
boots('-boot a', 'a', *DRIVES, '-boot', 'a')
boots('-boot order=ac', 'a', *DRIVES, '-boot', 'order=ac')
boots('isapc -boot a', 'a', *DRIVES[:4], '-boot', 'a', machine='isapc')
if have_cd:
    boots('-boot d', 'd', *DRIVES, '-boot', 'd')
    boots('-boot once=d', 'dc', *DRIVES[:4], '-cdrom', 'again.iso', '-boot', 'once=d')
    boots('-boot once=d,order=a', 'da', *DRIVES[:4], '-cdrom', 'again.iso', '-boot', 'order=a,once=d')
two = ['-drive', 'file=disk.img,if=none,id=one', '-drive', 'file=other.img,if=none,id=two']
boots('without bootindex', 'c', *two, '-device', 'ide-hd,drive=one', '-device', 'ide-hd,drive=two')
boots('bootindex', 'o', *two, '-device', 'ide-hd,drive=one,bootindex=7', '-device', 'ide-hd,drive=two,bootindex=3')
boots('bootindex of one', 'o', *two, '-device', 'ide-hd,drive=one', '-device', 'ide-hd,drive=two,bootindex=3')
boots('bootindex of a floppy', 'a', '-drive', 'file=floppy.img,if=none,id=f', '-device', 'floppy,drive=f,bootindex=1', '-hda', 'disk.img')
boots('-boot strict=on', '', '-hda', 'disk.img', '-drive', 'file=nothing.img,if=none,id=n', '-device',
      'ide-hd,drive=n,bootindex=1', '-boot', 'strict=on', status=4)
with open('plain.img', 'wb') as f:                # a floppy without the signature
    f.write((out(0xe9, ord('p')) + END).ljust(1474560, b'\0'))
boots('a floppy without signature', 'c', '-fda', 'plain.img', '-hda', 'disk.img', '-boot', 'ac')
boots('-no-fd-bootchk', 'p', '-fda', 'plain.img', '-hda', 'disk.img', '-boot', 'ac', '-no-fd-bootchk')
PC = ['run', '-machine', 'pc', '-display', 'none']
for option, why in (('order=x', "'x' is nothing a PC boots from"), ('acdn', 'room for three letters'), ('order=aa', 'there twice'),
                    ('menu=yes', 'on or off'), ('splash-time=70000', 'up to 65535'), ('nosuch=1', "'nosuch' is not known")):
    expect(f'-boot {option}', 2, run(*PC, '-boot', option), err=why)
expect('-boot on virt', 2, run('run', '-bios', 'none', '-display', 'none', TEACH, '-boot', 'c'), err="machine 'virt' has no boot order")
expect('two of a bootindex', 2, run(*PC, *two, '-device', 'ide-hd,drive=one,bootindex=3', '-device', 'ide-hd,drive=two,bootindex=3'),
       err='have the same bootindex=3')

# SeaBIOS's own log, and -debugcon's other forms.
r = run(*PC, '-debugcon', 'stdio', '-global', 'isa-debugcon.iobase=0x402', '--max-instructions', '300000000', '--pace', 'none', '-boot',
        'reboot-timeout=-1', timeout=60)
expect('-debugcon at 0x402', 4, r, out='No bootable device.\n')
r = run(*PC, '-chardev', 'stdio,id=d', '-debugcon', 'chardev:d', '-device', 'isa-debug-exit', '-hda', 'disk.img', timeout=60)
expect('-debugcon chardev:', 3, r, out='c')
expect('-debugcon on virt', 2, run('run', '-bios', 'none', '-display', 'none', TEACH, '-debugcon', 'stdio'), err='needs an ISA bus')
expect('-parallel on virt', 2, run('run', '-bios', 'none', '-display', 'none', TEACH, '-parallel', 'stdio'), err='has 0 parallel ports')
expect('a second parallel port', 2, run(*PC, '-parallel', 'null', '-parallel', 'null'), err='has 1 parallel ports')

image('print.img', b''.join(out(0x378, ord(c)) + out(0x37a, 0x0d) + out(0x37a, 0x0c) for c in 'printed\n') + END, 1 << 20)
r = expect('-parallel', 3, run(*PC, '-parallel', 'stdio', '-device', 'isa-debug-exit', '-hda', 'print.img', timeout=60), out='printed\n')

# Keys: the boot sector writes what INT 16H gives to the debug port, until Escape.
image('keys.img', out(0xe9, ord('>')) + b'\x31\xc0\xcd\x16\x3c\x1b\x74\x04\xe6\xe9\xeb\xf4' + END, 1 << 20)
KEYS = ['-m', '16', '-device', 'isa-debug-exit', '-debugcon', 'file:typed', '-hda', 'keys.img', '-serial', 'none']


def typed():
    return open('typed', newline='').read() if os.path.exists('typed') else ''


def wait_for(text):
    end = time.time() + 20 * SLOW
    while typed() != text and time.time() < end:
        time.sleep(0.02)
    check(typed() == text, f'{text!r} was typed', typed())


t = Term('record', 'keys.rec', '-machine', 'pc', '-display', 'none', '-monitor', 'stdio', *KEYS)
t.want('(orrery) ')
wait_for('>')
t.say('sendkey h')
wait_for('>h')
for key in 'shift-e', 'l', '0x26', 'o', 'spc', 'shift-1', 'ret':
    t.say(f'sendkey {key}')
wait_for('>hEllo !\r')
has('a key that is none', t.say('sendkey nosuch'), "no key 'nosuch'")
has('one of several', t.say('sendkey ctrl-nosuch-a'), "no key 'nosuch'")
has('nothing', t.say('sendkey'), 'Argument required')
has('a time that is none', t.say('sendkey a 1x'), "'1x' is not a number")
has('mouse_move', t.say('mouse_move 1'), 'DX DY')
check('\n' in t.say('mouse_move 300 -20 1'), 'mouse_move')
has('mouse_button', t.say('mouse_button 9'), 'from 0 to 7')
t.say('mouse_button 1')
t.send('sendkey esc\r')
t.end(3)
os.rename('typed', 'was')
expect('what was typed is replayed', 3, run('replay', 'keys.rec', timeout=60))
check(typed() == '>hEllo !\r', 'the replay types the same', typed())
expect('sendkey in a replay', 1, run('replay', 'keys.rec', '-batch', '-ex', 'sendkey a'), out='replays a recording')
r = run('debug', '-bios', 'none', '-display', 'none', TEACH, '-batch', '-ex', 'sendkey a')
expect('sendkey without a keyboard', 1, r, out='has no keyboard')
r = run('debug', '-bios', 'none', '-display', 'none', TEACH, '-batch', '-ex', 'screendump a.png')
expect('screendump without a screen', 1, r, out='has no screen')
# A key that is held repeats in guest time, however fast that goes.
os.remove('typed')
commands = ['run-until 1500000000', 'sendkey k 1000', 'run-until 3500000000', 'sendkey esc', 'continue']
r = run('debug', '-machine', 'pc', '-display', 'none', '--pace', 'none', *KEYS, '-batch', *[w for c in commands for w in ('-ex', c)], timeout=60)
check(set(typed()) == {'>', 'k'} and 5 <= len(typed()) <= 12, 'a key held for a second repeats', (typed(), r.out[-500:], r.err))
# What the program knows of x86, from its own tables.
expect('instructions', 0, run('info', 'instructions'), out='VEX.256.66.0F3A.W0 1D /r ib')
r = run('info', 'csrs')
check(r.status == 0 and all(w in r.out for w in (' misa ', ' cr0 ', ' efer ')), 'registers of both', r.err)
finish()
