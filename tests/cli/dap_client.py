"""A client of the Debug Adapter Protocol for tests. Every message that comes is held against the protocol's published schema, as
Debian's python3-pydevd carries it (generated from Microsoft's debugAdapterProtocol.json): required fields, types, no fields that
do not exist."""
import inspect, json, os, select, socket, subprocess, sys, time
from front import ORRERY, SLOW, check

try:
    sys.path.append('/usr/lib/python3/dist-packages')
    from _pydevd_bundle._debug_adapter import pydevd_schema as schema
except ImportError:
    schema = None
    print('NOT CHECKED: messages against the schema of the protocol; package python3-pydevd has it')

TYPES = {'string': str, 'integer': int, 'boolean': bool, 'object': dict, 'array': list, 'number': (int, float)}
# Fields of the protocol that are younger than the package.
NEWER = {('SetVariableResponse', 'memoryReference'), ('SetExpressionResponse', 'memoryReference'),
         ('DisassembledInstruction', 'presentationHint')}


def hold(what, cls, value):
    """The value has the fields of the class."""
    if not isinstance(value, dict):
        return [f'{what} is no object']
    wrong = []
    for name, p in inspect.signature(cls.__init__).parameters.items():
        if name in cls.__props__ and p.default is inspect.Parameter.empty and name not in value:
            wrong.append(f'{what} lacks {name}')
    for name, v in value.items():
        d = cls.__props__.get(name)
        if d is None and (cls.__name__.removesuffix('Body'), name) not in NEWER:
            wrong.append(f'{what} has {name}, which does not exist')
        elif d:
            wrong += hold_type(f'{what}.{name}', d, v)
    return wrong


def hold_type(what, d, v):
    t = d.get('type')
    if isinstance(t, list):
        return [] if any(not hold_type(what, dict(d, type=x), v) for x in t) else [f'{what}: {v!r} is none of {t}']
    if t == 'null':
        return [] if v is None else [f'{what} is not null']
    if t == 'array':
        wrong = [] if isinstance(v, list) else [f'{what} is no array']
        for i, x in enumerate(v if isinstance(v, list) else []):
            item = d.get('items', {})
            item = item if 'type' in item else {'type': item.get('$ref', '').split('/')[-1]}
            wrong += hold_type(f'{what}[{i}]', item, x)
        return wrong
    if t in TYPES:
        ok = isinstance(v, TYPES[t]) and (t == 'boolean' or not isinstance(v, bool))
        wrong = [] if ok else [f'{what}: {v!r} is no {t}']
        if 'enum' in d and v not in d['enum']:
            wrong.append(f'{what}: {v!r} is none of {d["enum"]}')
        return wrong
    cls = getattr(schema, t or '', None)
    return hold(what, cls, v) if cls and hasattr(cls, '__props__') and isinstance(v, dict) else []


def camel(name):
    return name[0].upper() + name[1:]


class Client:
    def __init__(self, *args, connect=None, cwd=None):
        self.p = None
        if connect:
            self.s = socket.socket(socket.AF_UNIX if isinstance(connect, str) else socket.AF_INET)
            self.s.connect(connect)
            self.rfd = self.wfd = self.s.fileno()
        else:
            self.err = open('dap.err', 'ab')
            self.p = subprocess.Popen([ORRERY, 'dap', *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err, cwd=cwd)
            self.rfd, self.wfd = self.p.stdout.fileno(), self.p.stdin.fileno()
        self.buffer, self.seq, self.events, self.responses, self.last_seq = b'', 0, [], {}, 0
        self.output = {'stdout': '', 'stderr': '', 'console': ''}
        self.commands = {}

    # --- bytes

    def raw(self, data):
        while data:
            data = data[os.write(self.wfd, data):]

    def message(self, o):
        text = json.dumps(o).encode()
        self.raw(b'Content-Length: %d\r\n\r\n' % len(text) + text)

    def pump(self, seconds):
        """Reads what there is; False: nothing came, or the end."""
        if not select.select([self.rfd], [], [], max(0, seconds))[0]:
            return False
        got = os.read(self.rfd, 1 << 16)
        self.buffer += got
        while b'\r\n\r\n' in self.buffer:
            head, rest = self.buffer.split(b'\r\n\r\n', 1)
            name, _, n = head.partition(b': ')
            if not check(name == b'Content-Length' and n.isdigit(), 'the header is Content-Length alone', head):
                raise SystemExit(1)
            if len(rest) < int(n):
                break
            self.buffer = rest[int(n):]
            self.take(json.loads(rest[:int(n)]))
        return bool(got)

    def take(self, o):
        check(o.get('seq', 0) > self.last_seq, 'seq counts up', o)
        self.last_seq = o.get('seq', 0)
        if o.get('type') == 'event':
            self.hold(camel(o['event']) + 'Event', o)
            if o['event'] == 'output':
                self.output[o['body'].get('category', 'console')] += o['body']['output']
            self.events.append(o)
        else:
            check(o.get('type') == 'response' and o.get('request_seq') not in self.responses, 'one response for each request', o)
            name = self.commands.get(o.get('request_seq'))
            if name:
                check(o.get('command') == name, f'{name}: the response names its command', o)
                self.hold(camel(name) + 'Response' if o.get('success') else 'ErrorResponse', o)
            self.responses[o['request_seq']] = o

    def hold(self, name, o):
        cls = getattr(schema, name, None)
        if not cls or o.get('command', '').startswith('orrery/'):
            return
        wrong = hold(name, cls, {k: v for k, v in o.items() if k != 'body'} | ({'body': {}} if 'body' in o else {}))
        body = getattr(schema, name + 'Body', None)
        if name == 'InitializeResponse':
            body = schema.Capabilities
        if body and 'body' in o:
            wrong += hold(name, body, o['body'])
        elif body and o.get('success') and inspect.signature(cls.__init__).parameters['body'].default is inspect.Parameter.empty:
            wrong.append(f'{name} lacks a body')
        check(not wrong, f'{name} is as the schema says', wrong)

    # --- requests

    def ask(self, name, /, **args):
        self.seq += 1
        o = {'seq': self.seq, 'type': 'request', 'command': name}
        if args:
            o['arguments'] = args
        self.commands[self.seq] = name
        self.message(o)
        return self.seq

    def answer(self, seq, seconds=20):
        end = time.time() + seconds * SLOW
        while seq not in self.responses:
            if time.time() > end or (not self.pump(end - time.time()) and self.p and self.p.poll() is not None):
                check(False, f'{self.commands.get(seq)} is answered', self.events[-5:])
                raise SystemExit(1)
        return self.responses[seq]

    def do(self, name, /, **args):
        """Its body; the request has to succeed."""
        r = self.answer(self.ask(name, **args))
        check(r['success'], f'{name} succeeds', r)
        return r.get('body', {})

    def fails(self, name, part, /, **args):
        r = self.answer(self.ask(name, **args))
        check(not r['success'] and part in r.get('message', ''), f'{name} fails with {part!r}', r)
        if not r['success']:
            error = r.get('body', {}).get('error', {})
            text = error.get('format', '')
            for k, v in error.get('variables', {}).items():
                text = text.replace('{' + k + '}', v)
            check(text == r['message'], f'{name}: the error has the sentence', r)
        return r

    def event(self, name, seconds=20, where=lambda b: True):
        """The next event of that name, which is taken away; what came before it stays."""
        end = time.time() + seconds * SLOW
        while True:
            for i, e in enumerate(self.events):
                if e['event'] == name and where(e.get('body', {})):
                    del self.events[i]
                    return e.get('body', {})
            if time.time() > end or not self.pump(end - time.time()):
                if time.time() > end or (self.p and self.p.poll() is not None) or not self.p:
                    check(False, f'event {name} comes', self.events[-5:])
                    raise SystemExit(1)

    def stopped(self, reason, seconds=20):
        b = self.event('stopped', seconds)
        check(b.get('reason') == reason, f'stopped with reason {reason}', b)
        check(b.get('allThreadsStopped') is True and b.get('threadId', 0) >= 1, 'stopped says which thread', b)
        return b

    def said(self, category, part, seconds=20):
        end = time.time() + seconds * SLOW
        while part not in self.output[category] and time.time() < end:
            self.pump(end - time.time())
        return check(part in self.output[category], f'{category} has {part!r}', self.output[category][-500:])

    # --- sessions

    def start(self, program, *args, stop=True, launch=None, **more):
        """Up to configurationDone."""
        self.can = self.do('initialize', clientID='test', adapterID='orrery', pathFormat='path', linesStartAt1=True, columnsStartAt1=True,
                           supportsProgressReporting=True, supportsInvalidatedEvent=True, supportsMemoryEvent=True, **more)
        self.do('launch', program=program, args=list(args), stopOnEntry=stop, **(launch or {}))
        self.event('initialized')

    def top(self, thread=1):
        f = self.do('stackTrace', threadId=thread, startFrame=0, levels=1)['stackFrames'][0]
        return f['name'], f['line'], f['id']

    def scope(self, name, frame):
        for s in self.do('scopes', frameId=frame)['scopes']:
            if s['name'] == name:
                return s['variablesReference']
        check(False, f'there is a scope {name}')

    def variables(self, reference, **args):
        return {v['name']: v for v in self.do('variables', variablesReference=reference, **args)['variables']}

    def end(self, status=0):
        self.do('disconnect', terminateDebuggee=True)
        if self.p:
            self.p.stdin.close()
            try:
                check(self.p.wait(20 * SLOW) == status, f'the adapter ends with {status}', self.p.returncode)
            except subprocess.TimeoutExpired:
                self.p.kill()
                check(False, 'the adapter ends')
            check(not self.p.stdout.read(), 'nothing comes behind the last message')
        else:
            self.s.close()
