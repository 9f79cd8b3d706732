#!/usr/bin/env -S python3 -B
"""What is typed wrong is named, with the nearest that is right, before the guest starts: status 1 under QEMU's names and 2
under our own."""
import os
from front import *

os.mkdir('folder')
open('empty', 'w').close()
open('text', 'w').write('this is text\n')
open('disk.img', 'wb').truncate(65536)
open('secret', 'w').write('x')
K = ['-bios', 'none', TEACH]

wrong = [  # options, what must be said
    (['-nographi'], ["'-nographi'", "did you mean '-nographic'?"]),
    (['--nosuchthing'], ["there is no option '--nosuchthing'", '-help lists them']),
    (['-enable-kvm'], ['-enable-kvm', 'leave it out']),
    (['-kernel'], ['-kernel', 'it needs FILE behind it']),
    ([*K, 'other'], ['two kernels', "'other'"]),
    (['-bios', 'none', '-kernel', 'nowhere'], ['nowhere', 'no such file']),
    (['-bios', 'none', '-kernel', 'folder'], ['folder', 'is a directory']),
    (['-bios', 'none', '-kernel', 'empty'], ['empty', 'the file is empty']),
    (['-bios', 'nowhere.bin'], ['nowhere.bin', 'not found']),
    ([*K, '-initrd', 'nowhere'], ['nowhere', 'no such file']),
    ([*K, '-dtb', 'text'], ['text', 'not a valid device tree', 'dtc']),
    ([*K, '-machine', 'vrt'], ["'vrt'", "did you mean 'virt'?", '-machine ?']),
    ([*K, '-machine', 'virt,aclin=on'], ["'aclin'", "did you mean 'aclint'?"]),
    ([*K, '-machine', 'virt,accel=kvm'], ["'kvm'", 'not supported']),
    ([*K, '-accel', 'kvm'], ["'kvm'", 'not supported']),
    ([*K, '-cpu', 'rv6'], ["'rv6'", '-cpu ?']),
    ([*K, '-cpu', 'rv64,nosuch=on'], ["'nosuch'"]),
    ([*K, '-smp', '0'], ['1 to 8 harts', "'0'"]),
    ([*K, '-smp', '9'], ['1 to 8 harts', "'9'"]),
    ([*K, '-smp', 'many'], ["'many' is not a number"]),
    ([*K, '-smp', '2,corez=2'], ["'corez'"]),
    ([*K, '-smp', '3,cores=2'], ['not a multiple']),
    ([*K, '-m', '1.5G'], ["'1.5G'", 'write 128M or 2G']),
    ([*K, '-m', '0'], ["'0' is not a size"]),
    ([*K, '-m', '1'], ['does not fit', '-m']),
    ([*K, '-m', '999999G'], ['takes 4 KiB to']),
    ([*K, '-device', 'virtio-blk-devic'], ["'virtio-blk-devic'", "did you mean 'virtio-blk-device'?", '-device ?']),
    ([*K, '-device', 'virtio-blk-device,drve=x0'], ["'drve'", "did you mean 'drive'?", '-device virtio-blk-device,?']),
    ([*K, '-device', 'virtio-blk-device,drive=x9'], ["no drive 'x9'", '-drive id=x9']),
    ([*K, '-device', 'virtio-blk-device'], ['drive=ID']),
    ([*K, '-device', 'virtio-net-device,netdev=n9'], ["no netdev 'n9'", '-netdev user,id=n9']),
    ([*K, '-device', 'ns16550a'], ["'ns16550a' belongs to the board"]),
    ([*K, '-device', 'loader'], ['file=FILE']),
    ([*K, '-device', 'loader,file=nowhere'], ['nowhere', 'no such file']),
    ([*K, '-device', 'loader,fil=x'], ["'fil'", "did you mean 'file'?"]),
    ([*K, '-device', 'loader,addr=1,data=1,data-len=4'], ['no memory at 0x1']),
    ([*K, '-device', 'loader,addr=0x80000000,data=1,data-len=3'], ['data-len=1, 2, 4 or 8']),
    ([*K, '-device', 'loader,addr=0x80000000,cpu-num=3'], ['no CPU 3']),
    ([TEACH], ["kernel '" + TEACH + "' (0x80000000 to 0x8", 'would overwrite firmware', '(0x80000000 to 0x8000', '-bios none', '0x80200000']),
    ([*K, '-device', 'loader,file=text,addr=0x80000004'], ["loader's file 'text' (0x80000004 to 0x80000010)", "kernel '" + TEACH, 'addr=']),
    ([*K, '-device', 'loader,file=text,addr=0x80600000', '-device', 'loader,file=disk.img,addr=0x805fffff'],
     ["'disk.img' (0x805fffff to 0x8060fffe)", "'text' (0x80600000 to 0x8060000c)"]),
    ([*K, '-device', 'loader,file=' + TEACH], ["loader's file", 'would overwrite kernel']),
    ([*K, '-drive', 'disk.img'], ['write file=disk.img']),
    ([*K, '-drive', 'file=nowhere'], ['nowhere', 'orrery img create']),
    ([*K, '-drive', 'file=folder'], ['folder', 'is a directory']),
    ([*K, '-drive', 'file=disk.img,if=ide'], ['ide-hd', 'IDE controller']),
    ([*K, '-drive', 'file=disk.img,formt=raw'], ["'formt'", "did you mean 'format'?"]),
    ([*K, '-drive', 'file=disk.img,format=vmdk'], ['"vmdk"', 'raw and qcow2']),
    ([*K, '-drive', 'file=disk.img,format=qcow2'], ['not a qcow2 image', 'format=raw']),
    ([*K, '-drive', 'if=none,id=a,file=disk.img', '-drive', 'if=none,id=a,file=text'], ["id 'a' was given twice"]),
    ([*K, '-netdev', 'user,id=a', '-netdev', 'user,id=a'], ["id 'a' was given twice"]),
    ([*K, '-netdev', 'user'], ['it needs id=']),
    ([*K, '-netdev', 'tap,id=t'], ["only 'user'"]),
    ([*K, '-netdev', 'user,id=n,hostfwd=tcp::99'], ["'tcp::99' is not"]),
    ([*K, '-netdev', 'user,id=n,hostfwd=tcp:0.0.0.0:45991-:22'], ['127.0.0.1 only']),
    ([*K, '-netdev', 'user,id=n,nosuch=1'], ["'nosuch'"]),
    ([*K, '-nic', 'tap'], ["'tap'"]),
    ([*K, '-global', 'virtio-mmio.nosuch=1'], ["'virtio-mmio'", "'nosuch'"]),
    ([*K, '-global', 'x'], ['CLASS.PROPERTY=VALUE']),
    ([*K, '-object', 'nosuch,id=o'], ['only rng-random']),
    ([*K, '-serial', 'nosuch:1'], ["'nosuch'", '-chardev ?']),
    ([*K, '-serial', 'file:nowhere/x'], ['nowhere/x', 'No such file']),
    ([*K, '-serial', 'unix:nowhere.sock'], ['nowhere.sock', 'server=on']),
    ([*K, '-serial', 'chardev:c9'], ["no chardev 'c9'", '-chardev stdio,id=c9']),
    ([*K, '-serial', 'stdio', '-monitor', 'stdio'], ['standard input', 'mon:stdio']),
    ([*K, '-d', 'in_as'], ["'in_as'", "did you mean 'in_asm'?", '-d help']),
    ([*K, '-d', 'int', '-D', 'nowhere/x'], ['nowhere/x', 'cannot be written']),
    ([*K, '-rtc', 'base=tomorrow'], ["'tomorrow'", '2026-01-31']),
    ([*K, '-rtc', 'bse=utc'], ["'bse'"]),
    ([*K, '-display', 'gtk'], ["'gtk'", '-display none']),
    ([*K, '-seed', '-1'], ["'-1' is not a number"]),
    ([*K, '-quantum', '0'], ['quantum']),
    ([*K, '-pace', 'fast'], ["'fast'", "'real'"]),
    ([*K, '-timing', 'picorv32'], ["'picorv32'", '--timing ?']),
    ([*K, '-trace', 'spke:x'], ["'spke'", "did you mean 'spike'?"]),
    ([*K, '-trace', 'spike'], ['KIND:FILE']),
    ([*K, '-trace', 'spike:nowhere/x'], ['nowhere/x', 'cannot be written']),
    ([*K, '-load', 'nowhere'], ['nowhere', 'no such file']),
    ([*K, '-load', 'text'], ['not an Orrery snapshot']),
    ([*K, '-save', 'nowhere/x'], ['nowhere', 'cannot be written']),
    ([*K, '-record', 'nowhere/x'], ['nowhere/x', 'cannot be written']),
    ([*K, '-semihosting-config', 'enabl=on,x=2'], ["'x'"]),
    ([*K, '-max-instructions', 'lots'], ["'lots' is not a number"]),
]
for options, said in wrong:
    for program, status in (None, 2), ('orrery-system-riscv64', 1), ('qemu-system-riscv64', 1):
        if program == 'qemu-system-riscv64' and options[0] != '-nographi':
            continue # the same program by another name; one proves it
        r = run(*([] if program else ['run']), *options, face_name=program)
        what = f"{program or 'orrery run'} {' '.join(options).replace(TEACH, 'teach.elf')}"
        check(r.status == status, f'{what}: status {status}', (r.status, r.out, r.err))
        check(r.out == '', f'{what}: nothing ran', r.out)
        check(r.err.count('\n') == 1, f'{what}: one line', r.err)
        for part in said:
            has(what, r.err, part)

if os.geteuid():
    os.chmod('secret', 0)
    expect('unreadable kernel', 2, run('run', '-bios', 'none', 'secret'), err='secret')

expect('unknown command', 2, run('rn'), err="did you mean 'run'?")
expect('no command', 2, run(), out='usage: orrery')
expect('unknown topic', 2, run('info', 'device'), err="did you mean 'devices'?")
expect('no topic', 2, run('info'), err='usage: orrery info')
expect('replay of nothing', 2, run('replay'), err='usage: orrery replay')
expect('replay of no file', 2, run('replay', 'nowhere'), err='no such file')
expect('replay of something else', 2, run('replay', 'text'), err='not an Orrery recording')
expect('record of nothing', 2, run('record'), err='usage: orrery record')
expect('trace of nothing', 2, run('trace'), err='kinds:')
expect('trace of an unknown kind', 2, run('trace', 'spke:x'), err="did you mean 'spike'?")
expect('another ISA', 1, run('-version', face_name='orrery-system-vax'), err='riscv32 riscv64')
expect('gdb under the debugger', 2, run('debug', *K, '-s'), err='two debuggers')
expect('wrong width', 1, run('-bios', 'none', TEACH, face_name='orrery-system-riscv32'), err='orrery-system-riscv64')
r = expect('nothing to run', 3, run('run', '-bios', 'none', '-max-instructions', '1000'), err='memory is empty')
finish()
