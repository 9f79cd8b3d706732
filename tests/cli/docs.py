#!/usr/bin/env -S python3 -B
"""Help, lists, manual page and completion: they say the same, and what makefiles grep for is there."""
import re
from front import *

help64 = run('-help', face_name='qemu-system-riscv64')
check(help64.status == 0, 'qemu-system-riscv64 -help')
check(re.search('^-gdb', help64.out, re.M), "-help has a line that begins '-gdb'")
check(re.search('^-D ', help64.out, re.M), "-help has a line that begins '-D '")
for args, name in (['--version'], None), (['-version'], None), (['--version'], 'qemu-system-riscv64'), (['-version'], 'orrery-system-riscv32'):
    r = run(*args, face_name=name)
    check(r.status == 0 and re.fullmatch(r'\d+\.\d+\.\d+', r.out.split('\n')[0].split()[3]), f'{name} {args}: field 4', r.out)
for args in ['--help'], ['-h'], ['help'], ['run', '-h'], ['run', '--help'], ['debug', '-help']:
    expect(f'orrery {args}', 0, run(*args), out='usage: orrery')
for command in 'record', 'replay', 'test', 'trace', 'info', 'img':
    expect(f'orrery {command} --help', 0, run(command, '--help'))

# Every list behind '?' and help, and what is grepped in it.
for option, words in {'-machine': ['virt ', 'bare-rv32'], '-M': ['virt '], '-cpu': ['rv64 ', 'sstc'], '-d': ['int ', 'in_asm'],
                      '-device': ['name "virtio-blk-device"', 'name "loader"'], '-accel': ['interp'], '-netdev': ['user'],
                      '-display': ['none', 'sdl', 'curses'], '-chardev': ['stdio', 'socket'], '-serial': ['pty'], '-monitor': ['stdio'],
                      '-nic': ['user'], '-object': ['filter-dump'], '-timing': ['picorv32-slow', 'exact-RTL'],
                      '-trace': ['spike', 'cycles', 'exec']}.items():
    for query in '?', 'help':
        r = expect(f'{option} {query}', 0, run(option, query, face_name='qemu-system-riscv64'))
        for w in words:
            has(f'{option} {query}', r.out, w)
expect('-device virtio-blk-device,?', 0, run('-device', 'virtio-blk-device,?', face_name='qemu-system-riscv64'), out='drive=<')
expect('-device loader,help', 0, run('-device', 'loader,help', face_name='qemu-system-riscv64'), out='cpu-num=<')
expect('-machine virt,?', 0, run('-machine', 'virt,?', face_name='qemu-system-riscv64'), out='aclint=<bool>')
expect('-cpu ? of 32 bits', 0, run('-cpu', '?', face_name='qemu-system-riscv32'), out='rv32 ')
for topic, part in ('boards', 'ns16550a'), ('devices', 'DLL'), ('cpus', 'rv32'), ('instructions', 'auipc'), ('timing', 'not proven'), \
                   ('csrs', 'mstatus'), ('traces', 'spike'):
    expect(f'info {topic}', 0, run('info', topic), out=part)
    has('info help', run('info', 'help').out, f'  {topic} ')

options = re.findall(r'^-([A-Za-z][A-Za-z-]*)(?:, -([A-Za-z]+))?', help64.out, re.M)
names = [n for pair in options for n in pair if n]
check(len(names) > 50, 'options are found in -help', names)
check(re.findall('^-[^ ,]*', run('run', '-help').out, re.M) == re.findall('^-[^ ,]*', help64.out, re.M), 'both faces have the same options')
long_lines = [l for l in run('--help').out.split('\n') if len(l) > 120]
check(not long_lines, 'no line of --help is longer than 120', long_lines)

# orrery test: its help and its page have the same options.
said = set(re.findall('^-([a-z-]+) ', run('test', 'help').out, re.M)) - {'j'}
page = open(SRC + '/docs/user/grading.md').read()
told = {w for line in re.findall(r'^\| (`.*?`) \|', page, re.M) for w in re.findall('`-?([a-z-]+)', line)} | {'only', 'out'}
check(said == told and len(said) > 20, 'grading.md has the options of orrery test', said ^ told)
for w in 'only', 'out':
    has('grading.md', page, f'`-{w} ' if w == 'out' else f'[-{w} ')

# The manual page.
page = open(SRC + '/cli/orrery.1').read()
bold = set(re.findall(r'^\.(?:B|BI|BR|RB) "?\\-([A-Za-z\\-]+)', page, re.M))
bold = {b.replace('\\-', '-').strip('\\-') for b in bold} | set(re.findall(r'", " \\-([A-Za-z]+)', page))
for n in names:
    check(n in bold, f'orrery.1 has -{n}')
known = set(names) | {'k', 'no-user-config', 'icount', 'listen'} # the last one is of `orrery dap`
for b in bold:
    check(b in known, f'-{b} of orrery.1 is an option')
for n in known - set(names) - {'listen'}:
    arg = [] if n == 'no-user-config' else ['x']
    expect(f'-{n} is accepted', 0, run('run', f'-{n}', *arg, '-version'))
for status in '0', '1', '2', '3', '4', '5', '6', '7':
    check(f'.B {status}\n' in page, f'orrery.1 has exit status {status}')
if shutil.which('man'):
    r = subprocess.run(['man', '--warnings', '-l', SRC + '/cli/orrery.1'], capture_output=True, text=True,
                       env=dict(os.environ, MANWIDTH='100', LC_ALL='C.UTF-8'))
    check(r.returncode == 0 and 'cannot adjust' not in r.stderr.replace('cannot adjust line', '') and
          not [l for l in r.stderr.split('\n') if l and 'cannot adjust line' not in l], 'man formats it without warnings', r.stderr)

# Completion, as bash asks for it.
bash_test = r'''
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_orrery
printf '%s\n' "${COMPREPLY[@]}"
'''
def complete(*words):
    r = subprocess.run(['bash', '-c', bash_test, 'bash', SRC + '/cli/completion/orrery', *words], capture_output=True, text=True)
    check(r.returncode == 0 and not r.stderr, f'completion of {words}', r.stderr)
    return [w for w in r.stdout.split('\n') if w]
system = face('orrery-system-riscv64')
for got in complete(system, '-'), complete(ORRERY, 'run', '-'), complete(ORRERY, 'debug', 'x', '-'):
    for n in names:
        check('-' + n in got, f'completion offers -{n}', got)
check(complete(system, '--nog') == ['--nographic'], 'completion of --nog', complete(system, '--nog'))
check(complete(system, '-device', 'virtio-b') == ['virtio-blk-device'], 'completion of a device', complete(system, '-device', 'virtio-b'))
check(complete(system, '-machine', '') == ['virt', 'bare-rv32'], 'completion of machines', complete(system, '-machine', ''))
check('rv64' in complete(system, '-cpu', 'rv'), 'completion of CPU models')
check(complete(system, '-d', 'in_') == ['in_asm'], 'completion of log items')
check(complete(system, '-timing', 'ibex-s') == ['ibex-small'], 'completion of timing models')
check(complete(system, '-trace', 'sp') == ['spike:'], 'completion of traces')
check(set(complete(ORRERY, '')) >= {'run', 'debug', 'record', 'replay', 'trace', 'info', 'img', '--help'}, 'completion of commands')
check(complete(ORRERY, 'info', 'dev') == ['devices'], 'completion of topics')
check(complete(ORRERY, 'test', '--no') == ['--no-progress'] and complete(ORRERY, 'test', '--expect', 'x', '--', '-mach') == ['-machine'],
      'completion of orrery test')
check('create' in complete(ORRERY, 'img', ''), 'completion of img commands')
open('kernel.elf', 'w').close()
check(complete(system, '-kernel', 'ker') == ['kernel.elf'], 'completion of files', complete(system, '-kernel', 'ker'))
finish()
