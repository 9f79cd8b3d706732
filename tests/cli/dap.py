#!/usr/bin/env python3
"""`orrery dap`: whole sessions of an editor, the past, what a client gets wrong, sockets."""
import base64, shutil, socket, threading
from front import *
from dap_client import *

SOURCE = f'{SRC}/tests/debugger/guest'
C = SOURCE + '/guest.c'


def build():
    r = subprocess.run(['clang', '--target=riscv64', '-march=rv64gc', '-mabi=lp64d', '-mcmodel=medany', '-g', '-O0', '-nostdlib',
                        '-ffreestanding', '-fuse-ld=lld', f'-Wl,-T,{SOURCE}/guest.ld', f'{SOURCE}/start.S', C, '-o', 'guest.elf'])
    if r.returncode:
        sys.exit('clang and lld cannot build the guest for riscv64')
    return f'{work}/guest.elf'


def line_of(text):
    with open(C) as f:
        return next(i for i, l in enumerate(f, 1) if text in l)


GUEST = build()
MAIN, SUM, LIST = line_of('int total = 0'), line_of('int sum = 0'), line_of('nodes[i].key')


def open_guest(*args, **more):
    c = Client()
    c.start(GUEST, '-bios', 'none', '-m', '16M', *args, **more)
    return c


def at(c, name, line=None, thread=1):
    n, l, frame = c.top(thread)
    check(n == name and (line is None or l == line), f'it stands in {name}:{line}', (n, l))
    return frame


def steps_and_values():
    c = open_guest()
    check(c.can['supportsStepBack'] and c.can['supportsDisassembleRequest'] and 'supportsStepInTargetsRequest' not in c.can,
          'what it can is said', c.can)
    b = c.do('setBreakpoints', source={'path': C}, breakpoints=[{'line': MAIN}, {'line': SUM, 'condition': 'n == 10'},
                                                                 {'line': 4000}, {'line': LIST, 'hitCondition': '2'}])['breakpoints']
    check([x['verified'] for x in b] == [True, True, False, True] and b[0]['line'] == MAIN, 'breakpoints', b)
    check('have no code' in b[2]['message'], 'a line behind the end says why', b[2])
    f = c.do('setFunctionBreakpoints', breakpoints=[{'name': 'leaf'}, {'name': 'leav'}])['breakpoints']
    check(f[0]['verified'] and not f[1]['verified'] and 'leaf' in f[1]['message'], 'function breakpoints', f)
    c.do('configurationDone')
    c.stopped('entry')
    check(c.do('threads')['threads'] == [{'id': 1, 'name': 'hart0'}], 'one thread')
    c.do('continue', threadId=1)
    check(c.stopped('breakpoint')['hitBreakpointIds'] == [b[0]['id']], 'the breakpoint that was hit is named')
    at(c, 'main', MAIN)
    c.do('continue', threadId=1)
    c.stopped('breakpoint') # the loop, the second time
    frame = at(c, 'build_list', LIST)
    i = c.variables(c.scope('Locals', frame))['i']
    check(i['value'] == '1' and i['type'] == 'int', 'hitCondition 2: the second time', i)
    c.do('continue', threadId=1)
    c.stopped('breakpoint') # every time from then on
    c.do('setBreakpoints', source={'path': C}, breakpoints=[{'line': SUM, 'condition': 'n == 10'}])
    c.do('continue', threadId=1)
    c.stopped('breakpoint')
    frame = at(c, 'sum_table', SUM)
    stack = c.do('stackTrace', threadId=1)
    check([x['name'] for x in stack['stackFrames']] == ['sum_table', 'main', '_start'] and stack['totalFrames'] == 3, 'frames', stack)
    page = c.do('stackTrace', threadId=1, startFrame=1, levels=1)
    check([x['name'] for x in page['stackFrames']] == ['main'] and page['totalFrames'] > 2, 'frames come in pieces', page)
    main = stack['stackFrames'][1]['id']
    names = c.variables(c.scope('Arguments', frame))
    check(names['n']['value'] == '10' and 'table' in names['values']['value'], 'arguments', names)
    check(c.variables(c.scope('Locals', main))['total']['value'] == '0', 'locals of the caller')
    first = c.variables(names['values']['variablesReference'])['*']
    check(first['value'] == '3' and first['evaluateName'] == '*values', 'what a pointer points to', first)
    # structs, arrays in pieces, pointers to structs, bit fields, unions without a name
    nodes = c.do('evaluate', expression='nodes', frameId=frame, context='watch')
    check(nodes['indexedVariables'] == 3 and nodes['type'] == 'struct node [3]', 'an array', nodes)
    two = c.variables(nodes['variablesReference'], filter='indexed', start=1, count=1)
    check(list(two) == ['[1]'] and two['[1]']['evaluateName'] == 'nodes[1]', 'a piece of an array', two)
    node = c.variables(two['[1]']['variablesReference'])
    check(node['key']['value'] == '101' and node['color']['value'] == 'BLUE' and node['flag_b']['value'] == '17', 'members', node)
    check(c.variables(node['at']['variablesReference'])['y']['value'] == '-1', 'a struct inside')
    next = c.variables(node['next']['variablesReference'])
    check(next['key']['value'] == '102' and next['key']['evaluateName'] == 'nodes[1].next->key', 'through a pointer', next['key'])
    word = c.variables(node['(without a name)']['variablesReference'])['word']
    check(word['evaluateName'] == 'nodes[1].word', 'in a union without a name', word)
    for v in (node['key'], next['key'], word):
        check(c.do('evaluate', expression=v['evaluateName'], context='watch')['result'] == v['value'], v['evaluateName'])
    check(c.do('evaluate', expression='n', context='hover', frameId=frame, format={'hex': True})['result'] == '0xa', 'hexadecimal')
    c.fails('evaluate', 'tabel', expression='tabel + 1', context='watch')
    c.fails('evaluate', 'not allowed', expression='n = 3', context='hover', frameId=frame)
    # changing
    check(c.do('setVariable', variablesReference=c.scope('Arguments', frame), name='n', value='3 + 1')['value'] == '4', 'setVariable')
    check(c.event('invalidated')['areas'], 'and it is told')
    check(c.do('setExpression', expression='nodes[1].at.x', value='77')['value'] == '77', 'setExpression')
    check(c.do('evaluate', expression='nodes[1].at', context='watch')['result'] == '{x = 77, y = -1}', 'it is there')
    regs = c.scope('Registers', frame)
    pc = c.variables(regs)['pc']
    check('sum_table' in pc['value'], 'registers', pc)
    check(c.do('setVariable', variablesReference=regs, name='t6', value='0x1234')['value'] == '4660', 'a register is set')
    check('0x1234' in c.variables(regs)['t6']['value'], 'the register has it')
    status = c.variables(c.scope('Control and status registers', frame))['mstatus']
    fields = c.variables(status['variablesReference'])
    check('MPP' in fields and fields['MPP']['variablesReference'] == 0, 'fields of a register', list(fields))
    c.do('setVariable', variablesReference=status['variablesReference'], name='MIE', value='1')
    check('MIE=1' in c.variables(c.scope('Control and status registers', frame))['mstatus']['value'], 'a field is set')
    devices = c.variables(c.scope('Devices', frame))
    uart = c.variables(devices['/uart0']['variablesReference'])
    check('LSR' in uart and 'THRE' in c.variables(uart['LSR']['variablesReference']), 'a device, its registers, their fields', list(uart))
    plic = c.variables(devices['/plic']['variablesReference'])
    some = c.variables(plic['priority']['variablesReference'], start=3, count=2)
    check(list(some) == ['[3]', '[4]'], 'an array of registers', plic['priority'])
    c.fails('setVariable', 'cannot be set', variablesReference=devices['/uart0']['variablesReference'], name='LSR', value='0')
    # stepping
    c.do('next', threadId=1)
    c.stopped('step')
    c.fails('variables', 'until the machine moves', variablesReference=regs)
    at(c, 'sum_table', SUM + 1)
    before = c.do('stackTrace', threadId=1)['stackFrames'][0]['instructionPointerReference']
    c.do('stepIn', threadId=1, granularity='instruction')
    c.stopped('step')
    after = c.do('stackTrace', threadId=1)['stackFrames'][0]['instructionPointerReference']
    check(0 < int(after, 16) - int(before, 16) <= 4, 'one instruction', (before, after))
    c.do('stepOut', threadId=1)
    c.stopped('step')
    at(c, 'main')
    c.do('next', threadId=1)
    c.stopped('step')
    c.do('stepIn', threadId=1)
    c.stopped('step')
    at(c, 'recurse')
    c.do('continue', threadId=1)
    hit = c.stopped('function breakpoint')
    check(hit['hitBreakpointIds'] == [f[0]['id']], 'a function breakpoint', hit)
    check(len(c.do('stackTrace', threadId=1)['stackFrames']) == 7, 'four calls deep')
    # sources and modules
    check(any(s['path'] == C for s in c.do('loadedSources')['sources']), 'sources')
    check(c.do('modules')['modules'][0]['name'] == 'guest.elf', 'modules')
    check('struct node' in c.do('source', sourceReference=0, source={'path': C})['content'], 'the text of a source')
    spots = [x['line'] for x in c.do('breakpointLocations', source={'path': C}, line=MAIN - 1, endLine=MAIN + 2)['breakpoints']]
    check(MAIN in spots and MAIN + 1 in spots, 'lines with code', spots)
    words = [x['label'] for x in c.do('completions', text='p nod', column=6)['targets']]
    check('nodes' in words, 'completion', words)
    # to the end
    c.do('setFunctionBreakpoints', breakpoints=[])
    c.do('setBreakpoints', source={'path': C}, breakpoints=[])
    c.do('continue', threadId=1)
    check(c.event('exited')['exitCode'] == 0, 'the end has its status')
    c.event('terminated')
    c.fails('continue', 'has ended', threadId=1)
    c.end()


def the_past():
    c = open_guest()
    c.do('configurationDone')
    c.stopped('entry')
    info = c.do('dataBreakpointInfo', name='counter')
    check(info['dataId'] and 'write' in info['accessTypes'], 'counter can be watched', info)
    point = c.do('setDataBreakpoints', breakpoints=[{'dataId': info['dataId'], 'accessType': 'write'}])['breakpoints'][0]
    values = []
    for _ in range(3):
        c.do('continue', threadId=1)
        check(c.stopped('data breakpoint')['hitBreakpointIds'] == [point['id']], 'the data breakpoint')
        values.append(c.do('evaluate', expression='counter', context='watch')['result'])
    check(len(set(values)) == 3, 'each time another value', values)
    c.said('console', 'Old value')
    c.do('reverseContinue', threadId=1)
    c.stopped('data breakpoint')
    check(c.do('evaluate', expression='counter', context='watch')['result'] == values[1], 'backwards: before the last write')
    c.do('stepBack', threadId=1)
    c.stopped('step')
    c.do('stepBack', threadId=1, granularity='instruction')
    c.stopped('step')
    c.do('setDataBreakpoints', breakpoints=[])
    c.do('reverseContinue', threadId=1)
    c.stopped('entry')
    p = c.do('evaluate', expression='position', context='repl')['result']
    check(p.split()[0].rstrip(':,') == '0' or ' 0' in p, 'where the history begins', p)
    c.do('stepBack', threadId=1)
    c.stopped('step')
    c.said('console', 'No more history')
    # an instruction breakpoint, and a place to go to
    main = c.do('evaluate', expression='&main', context='watch')['memoryReference']
    check(c.do('setInstructionBreakpoints', breakpoints=[{'instructionReference': main}])['breakpoints'][0]['verified'], 'at an instruction')
    c.do('continue', threadId=1)
    c.stopped('instruction breakpoint')
    at(c, 'main')
    target = c.do('gotoTargets', source={'path': C}, line=MAIN + 3)['targets'][0]
    c.do('goto', threadId=1, targetId=target['id'])
    c.stopped('goto')
    at(c, 'main', MAIN + 3)
    # restart: the files again, breakpoints as they were
    c.do('restart')
    c.stopped('entry')
    check(c.event('breakpoint')['breakpoint']['verified'], 'breakpoints are set again')
    c.do('continue', threadId=1)
    c.stopped('instruction breakpoint')
    c.end()


def messages_and_exceptions():
    c = Client()
    c.start(TEACH, '-bios', 'none')
    check({f['filter'] for f in c.can['exceptionBreakpointFilters']} == {'story', 'exception', 'interrupt'}, 'filters')
    with open(f'{SRC}/tests/labs/teach/kernel.c') as f:
        tick = next(i for i, l in enumerate(f, 1) if 'ticks++' in l)
    b = c.do('setBreakpoints', source={'path': f'{SRC}/tests/labs/teach/kernel.c'},
             breakpoints=[{'line': tick, 'logMessage': 'tick {ticks} is 100% "{t->name}"', 'condition': 'ticks < 2'},
                          {'line': tick, 'logMessage': 'open {ticks'}])['breakpoints']
    check(b[0]['verified'] and not b[1]['verified'], 'log messages', b)
    e = c.do('setExceptionBreakpoints', filters=['story'], filterOptions=[{'filterId': 'interrupt', 'condition': 'timer'},
                                                                         {'filterId': 'nonsense'}])['breakpoints']
    check([x['verified'] for x in e] == [True, True, False], 'exception filters', e)
    c.do('configurationDone')
    c.stopped('entry')
    c.do('continue', threadId=1)
    why = c.stopped('exception')
    check('timer' in why['text'], 'an interrupt', why)
    info = c.do('exceptionInfo', threadId=1)
    check(info['exceptionId'] == 'interrupt' and 'timer' in info['description'], 'which one', info)
    c.do('setExceptionBreakpoints', filters=['exception'])
    c.do('continue', threadId=1)
    c.stopped('exception')
    check(c.do('exceptionInfo', threadId=1)['exceptionId'] == 'exception', 'an exception')
    c.do('setExceptionBreakpoints', filters=[])
    f = c.do('setFunctionBreakpoints', breakpoints=[{'name': 'power_off'}])
    c.do('continue', threadId=1)
    c.stopped('function breakpoint')
    lines = [l for l in c.output['console'].splitlines() if l.startswith('tick ')]
    check(len(lines) == 2 and lines[0] == 'tick 0 is 100% "<value not available: optimized out>"' and lines[1].startswith('tick 1 is'), 'what was logged', lines)
    # what is not memory can be watched where the debugger knows how
    frame = c.top()[2]
    devices = c.variables(c.scope('Devices', frame))
    uart = devices['/uart0']['variablesReference']
    for reference, name, id in ((uart, 'LSR', 'device /uart0.LSR'), (c.variables(uart)['LSR']['variablesReference'], 'THRE', 'device /uart0.LSR.THRE'),
                                (c.scope('Control and status registers', frame), 'satp', 'csr satp')):
        got = c.do('dataBreakpointInfo', variablesReference=reference, name=name)
        if got['dataId'] is not None:
            check(got['dataId'] == id, f'{id} can be watched', got)
            r = c.do('setDataBreakpoints', breakpoints=[{'dataId': id, 'accessType': 'write'}])['breakpoints'][0]
            check(r['verified'], f'{id} is watched', r)
        else:
            print(f'NOT CHECKED: {id}: the debugger has no such kind of stop point')
    c.do('setDataBreakpoints', breakpoints=[])
    c.do('setFunctionBreakpoints', breakpoints=[])
    c.do('continue', threadId=1)
    c.event('exited')
    c.event('terminated')
    c.end()
    # a guest that fails stops, and one can go back
    c = Client()
    c.start(LOST, '-bios', 'none', stop=False)
    c.do('configurationDone')
    why = c.stopped('exception')
    check(c.do('exceptionInfo', threadId=1)['description'], 'why', why)
    c.do('stepBack', threadId=1, granularity='instruction')
    c.stopped('step')
    c.end()


def memory_and_instructions():
    c = open_guest()
    c.do('setFunctionBreakpoints', breakpoints=[{'name': 'sum_table'}])
    c.do('configurationDone')
    c.stopped('entry')
    frame = c.do('stackTrace', threadId=1)['stackFrames'][0]
    text = c.do('source', sourceReference=frame['source']['sourceReference'])['content']
    check('0x0000000000001000' in text.splitlines()[frame['line'] - 1], 'code without source is a listing', (frame, text))
    b = c.do('setBreakpoints', source=frame['source'], breakpoints=[{'line': frame['line'] + 2}])['breakpoints'][0]
    check(b['verified'] and b['instructionReference'] == '0x1008', 'a breakpoint in the listing', b)
    c.do('continue', threadId=1)
    c.stopped('breakpoint')
    c.do('continue', threadId=1)
    c.stopped('function breakpoint')
    at_table = c.do('evaluate', expression='&table', context='watch')['memoryReference']
    data = c.do('readMemory', memoryReference=at_table, offset=4, count=8)
    check(base64.b64decode(data['data']) == bytes([1, 0, 0, 0, 4, 0, 0, 0]), 'memory', data)
    check(c.do('writeMemory', memoryReference=at_table, offset=4, data=base64.b64encode(b'\x2a\0\0\0').decode())['bytesWritten'] == 4, 'written')
    check(c.event('memory')['count'] == 4, 'and told')
    check(c.do('evaluate', expression='table[1]', context='watch')['result'] == '42', 'it is there')
    hole = c.do('readMemory', memoryReference='0x40', count=16)
    check(hole.get('data', '') == '' and hole['unreadableBytes'] == 16, 'nothing is there', hole)
    c.fails('writeMemory', 'no memory', memoryReference='0x40', data='AAAA')
    c.fails('writeMemory', 'base64', memoryReference=at_table, data='A')
    pc = c.do('stackTrace', threadId=1)['stackFrames'][0]['instructionPointerReference']
    lines = c.do('disassemble', memoryReference=pc, instructionOffset=-8, instructionCount=20)['instructions']
    addresses = [int(x['address'], 16) for x in lines]
    check(len(lines) == 20 and addresses == sorted(set(addresses)) and addresses[8] == int(pc, 16), 'instructions before and behind', lines)
    again = c.do('disassemble', memoryReference=lines[0]['address'], instructionCount=20)['instructions']
    check([x['instruction'] for x in again] == [x['instruction'] for x in lines], 'the same from the first one on', (lines, again))
    check(any(x.get('line') == SUM - 1 for x in lines) and any('sum_table' in x.get('symbol', '') for x in lines), 'with lines and names')
    none = c.do('disassemble', memoryReference='0x10', instructionOffset=-3, instructionCount=5)['instructions']
    check(len(none) == 5 and all(x['presentationHint'] == 'invalid' for x in none), 'where nothing is', none)
    c.end()


LOOP = guest('loop', '''
        li      t0, 0x10000000
        la      t1, text
1:      lbu     t2, (t1)
        beqz    t2, 2f
        sb      t2, (t0)
        addi    t1, t1, 1
        j       1b
2:      addi    s0, s0, 1
        lbu     t2, 5(t0)       # what is typed comes back
        andi    t2, t2, 1
        beqz    t2, 2b
        lbu     t2, (t0)
        sb      t2, (t0)
        j       2b
text:   .asciz  "it runs \\303\\244 \\377\\n> "
''')


# Ends with a failure.
LOST = guest('lost', '''
        li      t0, 0x100000
        li      t1, 0x73333
        sw      t1, (t0)
1:      j       1b
''')


def while_it_runs():
    c = Client()
    c.start(LOOP, '-bios', 'none', '-smp', '2', stop=False)
    c.do('configurationDone')
    c.said('stdout', 'it runs ä �\n> ')
    check(len(c.do('threads')['threads']) == 2, 'threads while it runs')
    c.fails('stackTrace', 'notStopped', threadId=1)
    c.fails('next', 'notStopped', threadId=1)
    word = c.do('readMemory', memoryReference='0x80000000', count=4)['data']
    check(len(base64.b64decode(word)) == 4, 'memory while it runs')
    c.do('orrery/type', text='hello')
    c.said('stdout', 'hello')
    c.do('pause', threadId=1)
    c.stopped('pause')
    check(len(c.do('stackTrace', threadId=2)['stackFrames']) >= 1, 'a stack of the other hart')
    # set while it runs, it counts
    c.do('continue', threadId=1)
    spot = c.do('setInstructionBreakpoints', breakpoints=[{'instructionReference': '0x8000001c'}])['breakpoints'][0]
    check(spot['verified'], 'a breakpoint while it runs', spot)
    c.stopped('instruction breakpoint')
    c.do('setInstructionBreakpoints', breakpoints=[])
    # two in one piece: it may not stop before it ran
    for o in ('continue', 'pause'):
        c.ask(o, threadId=1)
    c.stopped('pause')
    # a command that runs can be stopped, and says what it has to say
    seq = c.ask('evaluate', expression='continue', context='repl')
    c.event('continued')
    c.do('pause', threadId=1)
    check(c.answer(seq)['success'], 'a command that ran')
    c.stopped('pause')
    seq = c.ask('evaluate', expression='continue', context='repl')
    c.event('continued')
    c.do('cancel', requestId=seq)
    r = c.answer(seq)
    check(not r['success'] and r['message'] == 'cancelled', 'a command is cancelled', r)
    c.stopped('pause')
    check(c.do('evaluate', expression='$s0 > 0', context='repl')['result'] == '1', 'an expression is one, not a command')
    check('No symbol' in c.do('evaluate', expression='print nothing', context='repl')['result'], 'what a command says of an error')
    c.do('continue', threadId=1)
    c.do('restart')
    c.event('continued')
    c.do('terminate')
    c.event('terminated')
    c.end()


def where(c):
    return int(c.do('evaluate', expression='info timeline', context='repl')['result'].split('\nat ')[1].split(',')[0])


def attaching():
    """To a recording, at its end or anywhere, and to a snapshot: with the past before it where there is one."""
    r = run('run', '-bios', 'none', '-m', '16M', '-kernel', GUEST, '--record', 'guest.replay', '--stop-at', '200000', timeout=60)
    check(os.path.getsize('guest.replay') > 1000, 'a recording', r.out + r.err)
    c = Client()
    c.do('initialize', adapterID='orrery')
    c.do('attach', recording='guest.replay', cwd=work)
    c.event('initialized')
    f = c.do('setFunctionBreakpoints', breakpoints=[{'name': 'leaf'}])['breakpoints']
    check(f[0]['verified'], 'it knows the symbols of its program', f)
    c.do('configurationDone')
    c.stopped('exception') # the end
    last = where(c)
    c.do('reverseContinue', threadId=1)
    c.stopped('function breakpoint')
    at(c, 'leaf')
    c.do('setFunctionBreakpoints', breakpoints=[])
    c.do('reverseContinue', threadId=1)
    c.stopped('entry')
    c.do('continue', threadId=1)
    c.stopped('exception')
    check(where(c) == last > 100, 'forwards it is the same end', [last, where(c)])
    c.do('restart', arguments={'recording': 'guest.replay', 'cwd': work, 'at': 100})
    c.stopped('entry')
    check(where(c) == 100, 'there')
    check(c.do('evaluate', expression='save x.snap', context='repl') is not None, 'a snapshot of it')
    c.end()
    c = Client()
    c.do('initialize', adapterID='orrery')
    c.do('attach', snapshot='x.snap', program=GUEST, args=['-bios', 'none', '-m', '16M'], cwd=work)
    c.event('initialized')
    c.do('configurationDone')
    c.stopped('entry')
    check(where(c) == 100, 'the snapshot is there')
    c.do('setFunctionBreakpoints', breakpoints=[{'name': 'leaf'}])
    c.do('continue', threadId=1)
    c.stopped('function breakpoint')
    c.do('stepBack', threadId=1)
    c.stopped('step')
    c.end()


class Living:
    """A process that runs a machine, where editors come and go."""
    def __init__(self, *args, how='unix:live.sock'):
        self.p = subprocess.Popen([ORRERY, 'run', '--dap', how, '-bios', 'none', '-m', '16M', '-display', 'none', '-serial', 'stdio',
                                   '-monitor', 'none', '-pace', 'none', *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        atexit.register(self.p.kill)
        self.text, said = '', self.p.stderr.readline().decode()
        check('waiting for an editor on' in said, '--dap says where', said)
        self.where = f'{work}/live.sock' if how.startswith('unix') else ('127.0.0.1', int(said.rsplit(':', 1)[1]))

    def says(self, part, seconds=20):
        end = time.time() + seconds * SLOW
        while part not in self.text and time.time() < end and select.select([self.p.stdout], [], [], end - time.time())[0]:
            more = os.read(self.p.stdout.fileno(), 4096)
            if not more:
                break
            self.text += more.decode('utf-8', 'replace')
        return part in self.text

    def lives(self, word):
        """The guest answers what is typed."""
        self.p.stdin.write(word.encode())
        self.p.stdin.flush()
        return self.says(word)

    def attach(self, **more):
        c = Client(connect=self.where)
        c.do('initialize', adapterID='orrery', supportsProgressReporting=True)
        c.do('attach', **more)
        c.event('initialized')
        return c

    def end(self, seconds=20):
        try:
            return self.p.wait(seconds * SLOW), self.p.stdout.read().decode(), self.p.stderr.read().decode()
        except subprocess.TimeoutExpired:
            self.p.kill()
            return 'hangs', '', ''


def attach_at_leaf(m):
    """A new editor, whose breakpoint the machine has come to."""
    c = m.attach()
    c.do('setFunctionBreakpoints', breakpoints=[{'name': 'leaf'}])
    c.do('configurationDone')
    c.stopped('entry')
    c.do('continue', threadId=1)
    c.stopped('function breakpoint')
    return c


def leave(c):
    c.do('disconnect', terminateDebuggee=False)
    c.s.close()


def living():
    for how in ('unix:live.sock', '0'):
        m = Living('-smp', '2', LOOP, how=how)
        check(m.says('it runs'), 'a machine runs')
        c = m.attach()
        c.do('configurationDone')
        c.stopped('entry')
        check(len(c.do('threads')['threads']) == 2, 'its CPUs')
        check(not m.says('\0', 0.3), 'it stands')
        c.fails('launch', 'already', program=GUEST)
        c.fails('restart', 'was not made here')
        spot = c.do('setInstructionBreakpoints', breakpoints=[{'instructionReference': '0x8000001c'}])['breakpoints'][0]
        check(spot['verified'], 'a breakpoint', spot)
        c.do('continue', threadId=1)
        c.stopped('instruction breakpoint')
        first = where(c)
        c.do('continue', threadId=1)
        c.stopped('instruction breakpoint')
        present = where(c)
        c.do('reverseContinue', threadId=1)
        c.stopped('instruction breakpoint')
        check(where(c) == first < present, 'back, since it came', [where(c), first, present])
        leave(c)
        check(m.lives('one'), 'it goes on without the editor and its breakpoints', m.text)
        c = m.attach(stopOnEntry=False)
        c.do('configurationDone')
        check(m.lives('two'), 'it runs while an editor is there', m.text)
        c.do('pause', threadId=1)
        c.stopped('pause')
        check(where(c) > present, 'and was left at the present', [where(c), present])
        c.do('continue', threadId=1)
        c.s.close() # without a word, while it runs
        check(m.lives('three'), 'and when one vanishes', m.text)
        c = m.attach()
        for bad in (dict(recording='x'), dict(program=GUEST)):
            d = Client(connect=m.where) # waits until the other has left
            seq = d.ask('initialize', adapterID='orrery')
            if bad.get('recording'):
                leave(c)
            check(d.answer(seq)['success'], 'the next one')
            d.fails('attach', 'already', **bad)
            leave(d)
        c = m.attach()
        c.do('configurationDone')
        c.stopped('entry')
        c.do('disconnect', terminateDebuggee=True)
        check(m.end()[0] == 0, 'the editor ends it')
    # It is the same run: with an editor that stops it here and there, from the first instruction to the last.
    alone = run('run', '-bios', 'none', '-m', '16M', '-display', 'none', '-pace', 'none', '--state-hash', GUEST)
    has('a hash', alone.out, 'state-hash')
    m = Living('-S', '--state-hash', GUEST)
    c = attach_at_leaf(m)
    at(c, 'leaf')
    c.do('stepBack', threadId=1)
    c.stopped('step')
    leave(c) # from the past
    status, out, err = m.end()
    check(status == alone.status and out.splitlines()[-1:] == alone.out.splitlines()[-1:], 'the same run', [status, out, err, alone.out])
    m = Living('-S', '--state-hash', GUEST)
    c = m.attach()
    c.do('configurationDone')
    c.stopped('entry')
    c.do('continue', threadId=1)
    c.event('terminated')
    leave(c)
    status, out, err = m.end()
    check(status == alone.status and out.splitlines()[-1:] == alone.out.splitlines()[-1:], 'its end, with an editor', [status, out, err])
    # The monitor waits as long as an editor is there.
    # One that is recorded: what an editor does to it is not in it.
    m = Living('-S', '--record', 'live.replay', GUEST)
    c = attach_at_leaf(m)
    c.do('next', threadId=1)
    c.stopped('step')
    c.fails('stepBack', 'attach to the recording', threadId=1)
    leave(c)
    check(m.end()[0] == alone.status, 'it was recorded')
    expect('the recording', alone.status, run('replay', 'live.replay'))
    # QMP and the monitor wait until the editor has left, and do not stop its machine.
    m = Living('-qmp', 'unix:q.sock,server=on,wait=off', LOOP)
    c = m.attach(stopOnEntry=False)
    c.do('configurationDone')
    q = socket.socket(socket.AF_UNIX)
    q.connect('q.sock')
    q.settimeout(20 * SLOW)
    q.sendall(b'{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n')
    check(m.lives('four') and len(c.do('threads')['threads']) == 1, 'the machine runs')
    check(not [e for e in c.events if e['event'] == 'stopped'], 'nothing stopped it', c.events)
    leave(c)
    check(m.end()[0] == 0, 'then QMP ends it')
    expect('--dap -gdb', 2, run('run', '--dap', '0', '-s', GUEST), err='two debuggers')
    expect('--dap nowhere', 2, run('run', '--dap', 'nowhere', '-bios', 'none', GUEST), err='--dap takes')


def mistakes():
    c = Client()
    c.fails('threads', 'initialize')
    c.do('initialize', adapterID='orrery')
    c.fails('threads', 'launch')
    c.fails('attach', "needs a 'recording'")
    c.fails('attach', 'not both', recording='x', snapshot='y')
    c.fails('attach', 'no such file', recording='/nowhere/x.replay')
    c.fails('attach', 'not an Orrery recording', recording=GUEST)
    c.fails('attach', "'at' is", recording='x', at='y')
    c.fails('attach', "its 'program'", recording='x', program=GUEST)
    c.fails('attach', 'is a string', program=7, snapshot='x')
    c.fails('attach', 'which is off', recording='x', history='off')
    c.fails('attach', 'no such file', snapshot='/nowhere/x.snap', program=GUEST, args=['-bios', 'none'])
    c.fails('launch', 'no such file', program='/nowhere/kernel')
    c.fails('launch', 'there is no option', program=GUEST, args=['-bois', 'none'])
    c.fails('launch', 'array', program=GUEST, args='-bios none')
    c.fails('launch', 'cwd', program=GUEST, cwd='/nowhere')
    with open('script', 'w') as f:
        f.write('break sum_table\necho from the script\\n\n')
    c.do('launch', program='guest.elf', cwd=work, args=['-bios', 'none'], stopOnEntry=True, script='script', history='off')
    c.event('initialized')
    c.said('console', 'from the script')
    c.fails('launch', 'already', program=GUEST)
    c.fails('setFoo', "no request 'setFoo'")
    c.fails('setBreakpoint', 'setBreakpoints')
    c.fails('continue', 'configurationDone', threadId=1)
    c.do('configurationDone')
    c.stopped('entry')
    c.fails('stepBack', 'past is not kept', threadId=1)
    c.fails('next', 'no thread 7', threadId=7)
    c.fails('stackTrace', 'no thread 0')
    c.fails('scopes', 'no frame', frameId=12345678)
    c.fails('variables', 'variablesReference', variablesReference=99)
    c.fails('readMemory', 'count', memoryReference='0x80000000', count=-1)
    c.fails('source', 'no source', sourceReference=77)
    c.fails('goto', 'no target', threadId=1, targetId=1)
    c.fails('exceptionInfo', 'no exception', threadId=1)
    c.fails('setBreakpoints', 'neither', breakpoints=[])
    b = c.do('setBreakpoints', source={'path': C}, breakpoints=[{'line': SUM, 'condition': 'n =='}, {'line': SUM, 'hitCondition': 'often'},
                                                                 {'line': SUM, 'condition': '1\ndelete'}])['breakpoints']
    check(not any(x['verified'] for x in b) and all(x['message'] for x in b), 'breakpoints that cannot be', b)
    # what is no message at all: it is said, and what follows counts
    for data, part in ((b'hello\r\n\r\n', 'Content-Length'), (b'Content-Length: many\r\n\r\n', 'Content-Length'),
                       (b'Content-Length: 7\r\n\r\n{"seq":', 'no JSON'), (b'Content-Length: 2\r\n\r\n[]', 'no JSON object'),
                       (b'Content-Length: 2\r\n\r\n{}', "no number 'seq'"), (b'\0' * 5000, 'Content-Length'),
                       (b'Content-Length: 9\r\n\r\n"\xff\xfe\xfd\xfc..."', 'no JSON'),
                       (b'Content-Length: 20000000\r\n\r\n' + b' ' * 20000000, 'longer than')):
        c.output['stderr'] = ''
        c.raw(data)
        check(len(c.do('threads')['threads']) == 1, 'what follows counts')
        c.said('stderr', part)
    c.message({'seq': 9001, 'type': 'request'})
    check('command' in c.answer(9001)['message'], 'no command')
    c.message({'seq': 9002, 'type': 'request', 'command': 'threads', 'arguments': [1]})
    check('no object' in c.answer(9002)['message'], 'arguments are an object')
    # one byte at a time, and two at once
    text = b'Content-Length: 46\r\n\r\n{"seq":9100,"type":"request","command":"threads"}'
    text = text.replace(b'46', b'%d' % len(text.split(b'\r\n\r\n')[1]))
    for i in range(len(text)):
        c.raw(text[i:i + 1])
    check(c.answer(9100)['success'], 'byte by byte')
    c.raw(text.replace(b'9100', b'9101') + text.replace(b'9100', b'9102'))
    check(c.answer(9101)['success'] and c.answer(9102)['success'], 'two in one piece')
    c.do('continue', threadId=1)
    c.stopped('breakpoint')
    c.end()


def sockets():
    for how, where in ((f'unix:{work}/dap.sock', f'{work}/dap.sock'), ('0', None)):
        p = subprocess.Popen([ORRERY, 'dap', '--listen', how], stderr=subprocess.PIPE, text=True)
        said = p.stderr.readline()
        check('waiting for an editor' in said, 'it says where', said)
        where = where or ('127.0.0.1', int(said.rsplit(':', 1)[1]))
        for _ in range(2): # one after another
            c = Client(connect=where)
            c.start(GUEST, '-bios', 'none')
            c.do('configurationDone')
            c.stopped('entry')
            c.end()
        c = Client(connect=where) # one that goes away without a word while it runs
        c.start(LOOP, '-bios', 'none', stop=False)
        c.do('configurationDone')
        c.said('stdout', 'it runs')
        c.s.close()
        c = Client(connect=where)
        c.do('initialize', adapterID='orrery')
        c.end()
        p.terminate()
        p.wait(20 * SLOW)
    for bad, part in (('70000', '--listen takes'), ('0.0.0.0:80', '--listen takes'), ('unix:', '1 to'), ('unix:/nowhere/x', 'cannot listen')):
        expect(f'--listen {bad}', 2, run('dap', '--listen', bad), err=part)
    expect('dap -h', 0, run('dap', '-h'), out='--listen')
    expect('dap --lisen', 2, run('dap', '--lisen'), err='not an option')


steps_and_values()
the_past()
messages_and_exceptions()
memory_and_instructions()
while_it_runs()
attaching()
living()
mistakes()
sockets()
finish()
