#!/usr/bin/env -S python3 -B
"""Hands on a terminal: Ctrl-A keys, Ctrl-C, the monitor, the debugger, and the terminal as it was afterwards."""
import socket, termios
from front import *

echo = echo_guest(greeting='>')
E = ['-bios', 'none', echo]

t = Term('run', *E)
t.want('>')
t.send('q'); t.want('q')
t.send('\x03'); t.want('\x03')               # to the guest
t.send('\x01\x01'); t.want('\x01')
t.send('\x01h'); t.want('Ctrl-A x'); t.want('send a break')
t.send('\x01b')
t.send('\x01s'); t.want('no drive keeps')
t.send('\x01c'); t.want('(orrery) ')
has('info status', t.say('info status'), 'running')
t.send('\x01c'); t.send('z'); t.want('z')    # back with the guest
t.send('\x01x'); t.end(0)

for options, name in (['-serial', 'stdio', '-monitor', 'none'], 'stdio'), (['-display', 'none'], 'none'), \
                     (['-display', 'none', '-serial', 'stdio'], 'stdio alone'):
    t = Term('run', *E, *options)
    t.want('>') if 'stdio' in name else time.sleep(0.5)
    t.send('\x03'); t.end(128 + signal.SIGINT)
t = Term('run', *E, '-serial', 'mon:stdio', '-display', 'none')
t.want('>'); t.send('\x03'); t.want('\x03'); t.send('\x01x'); t.end(0)

# -S and the monitor.
t = Term('run', '-bios', 'none', TEACH, '-nographic', '-S')
t.send('\x01c'); t.want('(orrery) ')
has('-S', t.say('info status'), 'paused')
has('pc', t.say('info reg pc'), '0x1000')
t.say('cont'); t.want('all programs are done'); t.end(0)

# The monitor by itself: stops, steps, breakpoints, snapshots.
t = Term('run', *E, '-serial', 'null', '-monitor', 'stdio')
t.want('(orrery) ')
has('running', t.say('info status'), 'running')
t.say('stop')
has('paused', t.say('info status'), 'paused')
has('stepi', t.say('stepi'), '=> 0x')
has('symbols', t.say('info symbol _start'), '_start')
t.say('savevm mid.snap')
t.say('tbreak *0x80000010')
t.say('cont'); t.want('(orrery) ')
has('stopped by the breakpoint', t.seen, 'Temporary breakpoint 1, 0x0000000080000010 in _start')
has('paused there', t.say('info status'), 'paused')
t.say('break *0x80000010 if $t0 == 5')
t.say('cont'); time.sleep(0.3)
has('a condition that is not true does not stop', t.say('info status'), 'running')
t.say('stop'); t.say('delete')
t.say('loadvm mid.snap')
has('loadvm without a file', t.say('loadvm'), 'it needs the name of a file')
has('an unknown command', t.say('nosuch'), 'Undefined command')
has('help', t.say('help'), 'system_reset')
has('version', t.say('info version'), '.')
has('chardev', t.say('info chardev'), 'stdio')
t.say('continue')
has('goes on', t.say('info status'), 'running')
t.say('system_reset')
t.send('quit\r'); t.end(0)
t = Term('run', *E, '-serial', 'null', '-monitor', 'stdio')
t.want('(orrery) '); t.send('system_powerdown\r'); t.end(0)
t = Term('run', '-bios', 'none', TEACH, '-no-shutdown', '-serial', 'null', '-monitor', 'stdio')
t.want('(orrery) ')
for i in range(int(20 * SLOW)):
    if 'paused' in t.say('info status'):
        break
    time.sleep(0.25)
has('-no-shutdown', t.say('info status'), 'paused')
t.send('quit\r'); t.end(0)

# Ctrl-A s with something that could be committed.
open('disk.img', 'wb').truncate(1 << 20)
t = Term('run', *E, '-hda', 'disk.img', '-snapshot')
t.want('>'); t.send('\x01s'); t.want('were written'); t.send('\x01x'); t.end(0)

# A monitor on a socket.
t = Term('run', *E, '-monitor', f'unix:{work}/mon.sock,server=on,wait=off')
t.want('>')
s = socket.socket(socket.AF_UNIX); s.settimeout(10 * SLOW); s.connect('mon.sock')
s.sendall(b'info status\nquit\n')
got = b''
try:
    while data := s.recv(4096):
        got += data
except ConnectionResetError:
    pass
has('monitor on a socket', got.decode(), 'running')
t.end(0)

# The debugger: Ctrl-C stops the guest; -nographic and mon:stdio of a makefile change nothing of that.
for options in [], ['-nographic'], ['-serial', 'mon:stdio']:
    t = Term('debug', *E, *options, env={'NO_COLOR': '1'})
    t.want('(orrery) ')
    t.send('continue\r'); t.want('>')
    t.send('hello'); t.want('hello')
    t.send('\x03'); t.want('SIGINT'); t.want('(orrery) ')
    has('pc', t.say('info reg pc'), '<_start')
    check('\x1b[3' not in t.seen, 'NO_COLOR', t.seen)
    t.send('quit\r'); t.end(0)
t = Term('debug', *E, env={'TERM': 'xterm', 'NO_COLOR': ''})
t.want('(orrery) '); t.say('stepi')
check('\x1b[3' in t.seen, 'colours without NO_COLOR', t.seen)
for i in range(20): # what is typed in the instant in which the editor takes the terminal over is lost
    t.send('\x15\x04' if i else '\x04') # what the terminal took literally before that goes first
    time.sleep(0.25 * SLOW)
    if os.waitid(os.P_PID, t.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        break
t.end(0)

# The terminal afterwards: by Ctrl-A x, by a signal, by the guest's own end. The shell is there before and after.
for how, status in ('key', 0), ('signal', 128 + signal.SIGTERM), ('guest', 0):
    t = Term('/bin/sh', '-c', 'echo ready; read x; "$@"; s=$?; echo over; read x; exit $s', 'sh', ORRERY, 'run',
             *(E if how != 'guest' else ['-bios', 'none', TEACH]))
    t.want('ready')
    before = termios.tcgetattr(t.fd)[:4]
    t.send('\n')
    if how != 'guest':
        t.want('>')
        check(termios.tcgetattr(t.fd)[:4] != before, 'raw while it runs')
    if how == 'key':
        t.send('\x01x')
    elif how == 'signal':
        subprocess.run(['pkill', '-TERM', '-P', str(t.pid)])
    t.want('over')
    check(termios.tcgetattr(t.fd)[:4] == before, f'{how}: the terminal is as it was')
    t.send('\n')
    t.end(status)

# Not a terminal: input from a pipe arrives, and its end is not the guest's.
r = run('run', *E, '-serial', 'stdio', '-monitor', 'none', '-stop-at', '30000000', '-pace', 'none', stdin=b'piped')
expect('input from a pipe', 0, r, out='>piped')
finish()
