#!/usr/bin/env python3
"""QEMU's machine protocol on a unix socket: the greeting, commands, errors and events; a client that sends nonsense."""
import json, os, random, socket, time
from front import *


class Client:
    def __init__(self, path):
        for _ in range(int(100 * SLOW)):
            try:
                self.s = socket.socket(socket.AF_UNIX)
                self.s.connect(path)
                break
            except OSError:
                self.s.close()
                time.sleep(0.1)
        self.s.settimeout(20 * SLOW)
        self.buffer = b''
        self.events = []

    def line(self):
        while b'\n' not in self.buffer:
            more = self.s.recv(65536)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b'\n', 1)
        return json.loads(line)

    def raw(self, text):
        self.s.sendall(text if isinstance(text, bytes) else text.encode())

    def answer(self):
        while True:
            o = self.line()
            if o is None or 'event' not in o:
                return o
            self.events.append(o)

    def do(self, name, **args):
        o = {'execute': name, 'id': name}
        if args:
            o['arguments'] = {k.replace('_', '-'): v for k, v in args.items()}
        self.raw(json.dumps(o))
        a = self.answer()
        check(a is not None and a.get('id') == name, f'{name}: the answer has its id', a)
        return a or {}

    def event(self, name):
        for _ in range(50):
            for e in self.events:
                if e['event'] == name:
                    return e
            o = self.line()
            if o is None:
                break
            self.events.append(o)
        return None


def start(*args, path='qmp.sock'):
    if os.path.exists(path):
        os.unlink(path)
    p = subprocess.Popen([ORRERY, 'run', '-display', 'none', '-serial', 'null', '-monitor', 'none', *args, '-qmp',
                          f'unix:{path},server=on,wait=off'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p, Client(path)


# A machine that waits.
p, c = start('-bios', 'none', '-kernel', TEACH, '-S', '-m', '64M', '-smp', '2')
hello = c.line()
check('version' in hello['QMP'] and hello['QMP']['capabilities'] == [], 'the greeting', hello)
check(c.do('query-status').get('error', {}).get('class') == 'CommandNotFound', 'negotiation comes first')
check(c.do('qmp_capabilities') == {'return': {}, 'id': 'qmp_capabilities'}, 'negotiation')
check(c.do('qmp_capabilities').get('error', {}).get('class') == 'CommandNotFound', 'but once')
check(c.do('query-status')['return'] == {'running': False, 'singlestep': False, 'status': 'paused'}, 'query-status')
check('Orrery' in c.do('query-version')['return']['package'], 'query-version')
names = [x['name'] for x in c.do('query-commands')['return']]
check({'query-status', 'stop', 'cont', 'quit', 'screendump', 'human-monitor-command'} <= set(names), 'query-commands', names)
check([x['cpu-index'] for x in c.do('query-cpus-fast')['return']] == [0, 1], 'query-cpus-fast')
check(any(x['name'] == 'virt' for x in c.do('query-machines')['return']), 'query-machines')
for name in names:
    if name.startswith('query-') or name.startswith('x-orrery-query'):
        check('return' in c.do(name), f'{name} answers')
text = c.do('human-monitor-command', command_line='info registers pc')['return']
check('0x1000' in text.replace('0x000000000000', '0x'), 'human-monitor-command', text)
check('error' in c.do('human-monitor-command'), 'a parameter is missing')
check(c.do('nosuch')['error']['class'] == 'CommandNotFound', 'a command that is not there')
check(c.do('pmemsave', val=0x80000000, size=4096, filename='memory.bin') == {'return': {}, 'id': 'pmemsave'}, 'pmemsave')
check(open('memory.bin', 'rb').read(4) == bytes.fromhex('f32240f1'), 'memory as it is', open('memory.bin', 'rb').read(4))
check('error' in c.do('pmemsave', val=0, size=4096, filename='/nowhere/x'), 'a file that cannot be written')
check('error' in c.do('screendump', filename='x.ppm'), 'no screen')
for nonsense in ('{', '}', '[1, 2]', '"text"', '{"execute": 5}', '{"exec": "stop"}', '\xff\xfe', '{"execute": "stop", "arguments": 7}'):
    c.raw((nonsense + '\n').encode('latin-1'))
c.raw('}\n')
c.raw('{"execute": "query-status"}')
rest = c.answer()
for _ in range(20):
    if 'return' in rest and 'status' in rest['return']:
        break
    rest = c.answer()
check('return' in rest, 'after nonsense it still answers', rest)
check('return' in c.do('cont'), 'cont')
check(c.event('RESUME') is not None, 'RESUME is told')
e = c.event('SHUTDOWN')
check(e and e['data'] == {'guest': True, 'reason': 'guest-shutdown'}, 'SHUTDOWN is told', e)
check(p.wait(20 * SLOW) == 0, 'the end is the guest\'s')

# Two clients, one after the other; quit.
p, c = start('-machine', 'pc', '-m', '32M', '-vga', 'std')
c.line()
c.do('qmp_capabilities')
c.do('stop')
check(c.event('STOP') is not None, 'STOP is told')
check(c.do('query-status')['return']['status'] == 'paused', 'paused')
a = c.do('x-orrery-query-position')['return']['position']
time.sleep(0.2)
check(c.do('x-orrery-query-position')['return']['position'] == a, 'and it stands')
c.do('cont')
check('return' in c.do('send-key', keys=[{'type': 'qcode', 'data': 'ret'}]), 'send-key')
check('return' in c.do('screendump', filename='screen.png', format='png'), 'screendump')
check(open('screen.png', 'rb').read(4) == b'\x89PNG', 'a picture')
check('return' in c.do('system_reset'), 'system_reset')
check(c.event('RESET') is not None, 'RESET is told')
c.raw('{"execute": "human-monitor-command", "id": "long", "arguments": {"command-line": "run-until 9000000000000000000"}}')
time.sleep(0.2)
c.raw('{"execute": "query-status"}')
check(c.answer().get('id') == 'long', 'a command that runs the machine ends when something else is asked')
check(c.answer()['return']['status'] == 'paused', 'and that is answered, too')
c.raw(b'{"execute": "stop", "id": "\xff')
check('error' in c.answer() and 'return' in c.do('stop'), '0xff ends what was begun')
c.do('cont')
c.s.close()
c = Client('qmp.sock')
check('QMP' in c.line(), 'the next client is greeted')
random.seed(7)
for _ in range(100):
    c.raw(bytes(random.choice(b'{}[]":,\\ \nabc0"execute"\x00\x80') for _ in range(random.randrange(60))))
c.s.close()
c = Client('qmp.sock')
check('QMP' in c.line(), 'and the one after somebody mad')
c.s.settimeout(5 * SLOW)
try:
    for _ in range(1000):
        c.raw('}\n' * 100)
    check(False, 'who never reads is cut off')
except OSError as gone:
    check(not isinstance(gone, TimeoutError), 'who never reads is cut off', gone)
c.s.close()
c = Client('qmp.sock')
check('QMP' in c.line(), 'and stops nobody')
c.do('qmp_capabilities')
c.raw('{"execute": "quit"}')
check(c.answer() == {'return': {}}, 'quit is answered')
e = c.event('SHUTDOWN')
check(e and e['data']['reason'] == 'host-qmp-quit', 'SHUTDOWN by quit', e)
check(p.wait(20 * SLOW) == 0, 'and done')

# What a PC answers, and what changes it.
PC = face('orrery-system-x86_64')


def start_pc(*args, path='pc.sock'):
    if os.path.exists(path):
        os.unlink(path)
    p = subprocess.Popen([PC, '-display', 'none', '-serial', 'null', '-monitor', 'none', '-m', '64', '-S', *args, '-qmp', f'unix:{path},server=on,wait=off'],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return p, path


open('disk.img', 'wb').write(b'\xeb\xfe'.ljust(510, b'\0') + b'\x55\xaa')
open('cd.iso', 'wb').write(bytes(2048 * 64))
p, path = start_pc('-smp', '2', '-drive', 'file=disk.img,format=raw,snapshot=on', '-cdrom', 'cd.iso', '-name', 'fred')
c = Client(path)
c.line()
c.do('qmp_capabilities')
for name, ok in (('query-name', lambda r: r == {'name': 'fred'}), ('query-uuid', lambda r: 'UUID' in r), ('query-kvm', lambda r: not r['enabled']),
                 ('query-target', lambda r: r['arch'] == 'x86_64'), ('query-memory-size-summary', lambda r: r['base-memory'] == 64 << 20),
                 ('query-cpu-definitions', lambda r: {'qemu64', 'max', '486'} <= {m['name'] for m in r} and len(r) < 40),
                 ('query-machines', lambda r: {'pc', 'virt'} <= {m['name'] for m in r}), ('query-cpus', lambda r: r[0]['pc'] == 0xfffffff0 and len(r) == 2),
                 ('query-block', lambda r: [b['removable'] for b in r] == [False, True]), ('query-block-jobs', lambda r: r == []),
                 ('query-pci', lambda r: {(d['slot'], d['function']): d['id']['device'] for d in r[0]['devices']}.get((1, 1)) == 0x7010)):
    check(ok(c.do(name).get('return')), name)
names = {x['name'] for x in c.do('query-commands')['return']}
check({'query-pci', 'inject-nmi', 'memsave', 'query-status', 'cont'} <= names, 'query-commands has all lists', names)
check(c.do('memsave', val=0xfffffff0, size=16, filename='m.bin')['return'] == {} and os.path.getsize('m.bin') == 16, 'memsave')
check('error' in c.do('memsave', val=0, size=16), 'memsave without a file')
check(c.do('dump-guest-memory', paging=False, protocol='file:m.core')['return'] == {}, 'dump-guest-memory')
check(open('m.core', 'rb').read(5) == b'\x7fELF\x02', 'what it wrote')
check('error' in c.do('dump-guest-memory', paging=True, protocol='file:m.core') and 'error' in c.do('dump-guest-memory', paging=False), 'what it does not')
check(c.do('inject-nmi')['return'] == {}, 'inject-nmi')
check(c.do('eject', device='ide1-cd0')['return'] == {}, 'eject')
check('error' in c.do('eject', device='nosuch'), 'eject of nothing')
check('error' in c.do('eject'), 'eject without a device')
c.do('quit')
p.wait(20 * SLOW)

# Somebody else's client.
LIBRARY = '/usr/share/gocode/src/github.com/digitalocean/go-qemu'
if not shutil.which('go') or not os.path.isdir(LIBRARY):
    print('skipped: no golang-github-digitalocean-go-qemu-dev with golang-go: QMP is not checked with a public client library')
else:
    p, path = start_pc('-smp', '2', '-drive', 'file=disk.img,format=raw,snapshot=on', '-cdrom', 'cd.iso', path='go.sock')
    env = dict(os.environ, GO111MODULE='off', GOPATH='/usr/share/gocode', GOCACHE=f'{work}/gocache', GOFLAGS='')
    try:
        r = subprocess.run(['go', 'run', f'{SRC}/tests/cli/qmp_client.go', path], env=env, capture_output=True, text=True, timeout=60 * SLOW)
        said = r.stdout + r.stderr
    except subprocess.TimeoutExpired as late:
        said = f'no end: {late.stdout} {late.stderr}'
    for part in ('version 0.', 'Orrery', 'status StatusPaused', 'commands true', 'supported true', 'cpus 2 halted false pc 0xfffffff0',
                 'block ide0 disk.img raw removable false', 'removable true', 'jobs 0', 'pci 01.1 8086:7010 regions 1', 'pci 02.0 1234:1111 regions 3', 'screendump P6', 'events RESUME RESET STOP',
                 'unknown: The command no-such-command has not been found'):
        has('go-qemu', said, part)
    if p.poll() is None:
        try:
            p.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            p.kill()
    check(p.returncode == 0, 'go-qemu quits it', p.returncode)
finish()
