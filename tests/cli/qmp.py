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
c.s.close()
c = Client('qmp.sock')
check('QMP' in c.line(), 'the next client is greeted')
random.seed(7)
for _ in range(200):
    c.raw(bytes(random.choice(b'{}[]":,\\ \nabc0"execute"\x00\x80') for _ in range(random.randrange(60))))
c.s.close()
c = Client('qmp.sock')
check('QMP' in c.line(), 'and the one after somebody mad')
c.do('qmp_capabilities')
c.raw('{"execute": "quit"}')
check(c.answer() == {'return': {}}, 'quit is answered')
e = c.event('SHUTDOWN')
check(e and e['data']['reason'] == 'host-qmp-quit', 'SHUTDOWN by quit', e)
check(p.wait(20 * SLOW) == 0, 'and done')
finish()
