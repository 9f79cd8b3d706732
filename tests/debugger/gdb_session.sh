#!/bin/bash
# gdb-multiarch debugs the teaching kernel by source, and a client without gdb speaks packets to a TCP port.
# Runs in the build directory. Needs: orrery, tests/labs/teach/teach.elf, gdb-multiarch.
kernel=${TEACH:-$PWD/tests/labs/teach/teach.elf}
orrery=${ORRERY:-$PWD/orrery}
dir=$(mktemp -d) || exit 99
guest=
trap '[ -n "$guest" ] && kill -9 "$guest" 2>/dev/null; rm -rf "$dir"' EXIT
. "$(dirname "$0")/expect.sh"

start() { # options of the emulator; output in $dir/guest
    (exec -a orrery-system-riscv64 timeout -s KILL 60 "$orrery" run -bios none -kernel "$kernel" -display none \
        -serial stdio -monitor none "$@" </dev/null >"$dir/guest" 2>"$dir/errors") &
    guest=$!
}

finish() { # status the emulator has to end with
    local status
    wait "$guest"
    status=$?
    guest=
    [ "$status" = "$1" ] || { echo "FAIL: the emulator ended with $status, not $1"; cat "$dir/errors"; failed=1; }
}

wait_for() { # a command that succeeds soon
    for _ in $(seq 100); do
        "$@" && return
        sleep 0.05
    done
    echo "FAIL: waited in vain for: $*"
    failed=1
}

# --- by source ---------------------------------------------------------------------------------------------------

cat >"$dir/source.gdb" <<END
set pagination off
set confirm off
set width 0
file $kernel
target remote $dir/socket
info threads
info registers pc
break kernel_main
continue
backtrace
info registers mstatus
print \$mstatus
print/x \$satp
print \$priv
tbreak print
continue
finish
next
info registers sp
stepi
watch ticks
continue
backtrace 2
print ticks
delete
hbreak serve
continue
up
print t == &tasks[0] || t == &tasks[1]
info registers ft0
print/x \$sstatus
set var switches = 41
print ++switches
monitor xp/1xw 0x80000000
monitor csr mstatus
monitor continue
monitor nosuch
thread 2
backtrace 1
stepi
info threads
delete
break power_off
continue
detach
END
start -smp 2 -S -gdb "unix:$dir/socket"
wait_for test -S "$dir/socket"
timeout -s KILL 50 gdb-multiarch -nx -batch -x "$dir/source.gdb" >"$dir/source" 2>&1
finish 0
expect "$dir/source" '^\* 1 +Thread 1 \(hart0 \[M\]\)' '^  2 +Thread 2 \(hart1 \[M\]\)' '^pc +0x1000' \
    'Breakpoint 1, kernel_main \(\) at .*kernel\.c:[0-9]+' '^#0 +kernel_main' '^mstatus ' '^\$1 = \[ .*MPIE.*MPP=0' \
    '^\$2 = .*0x0|^\$2 = \[ \]|^\$2 = \[.*MODE=' '^\$3 = 1$' 'hit Temporary breakpoint 2.*print \(s=0x[0-9a-f]+ "teach: hello' \
    '^kernel_main \(\) at' '^[0-9]+' '^sp +0x8' 'Hardware watchpoint 3: ticks' \
    'Hardware watchpoint 3: ticks' 'Old value = 0' 'New value = 1' '^#0 .*(set_timer|trap)' '^\$4 = 1$' \
    'Breakpoint 4, serve' '^#1 .*trap' '^\$5 = 1$' '^ft0 +\{float = 0, double = 0' '^\$7 = 42|^\$[0-9]+ = 42' \
    '80000000.*0xf14022f3' 'mstatus' 'gdb steers the machine' 'nosuch' 'Switching to thread 2' '^#0 .*park' \
    'Thread 2 \(hart1 \[M' 'Breakpoint [0-9.]+, power_off' 'detached'
expect "$dir/guest" '^teach: hello' 'primes below 20000: 2262' '^teach: all programs are done'
expect "$dir/guest" '^teach: hello' 'fib\(20\): 6765' '^teach: all programs are done'

# The end of the guest is the end of the program for gdb.
cat >"$dir/end.gdb" <<END
set confirm off
target remote $dir/socket
continue
END
start -S -gdb "unix:$dir/socket,server=on,wait=off"
wait_for test -S "$dir/socket"
timeout -s KILL 50 gdb-multiarch -nx -batch -x "$dir/end.gdb" "$kernel" >"$dir/end" 2>&1
finish 0
expect "$dir/end" 'exited normally'
[ ! -e "$dir/socket" ] || { echo "FAIL: the socket is left behind"; failed=1; }

# gdb goes back, with its own commands.
cat >"$dir/back.gdb" <<END
set confirm off
target remote $dir/socket
break trap
continue
continue
reverse-stepi
reverse-continue
info registers scause
delete
watch ticks
continue
continue
reverse-continue
reverse-continue
print ticks
delete
reverse-continue
info registers pc
reverse-stepi
kill
END
start -S --history 64M -gdb "unix:$dir/socket"
wait_for test -S "$dir/socket"
timeout -s KILL 100 gdb-multiarch -nx -batch -x "$dir/back.gdb" "$kernel" >"$dir/back" 2>&1
finish 0
expect "$dir/back" 'Breakpoint 1, trap' 'Breakpoint 1, trap' '^158' 'Breakpoint 1, trap' '^scause' 'Hardware watchpoint 2: ticks' \
    'New value = [0-9]' 'New value = [0-9]' 'Hardware watchpoint 2: ticks' 'Hardware watchpoint 2: ticks' 'No more reverse-execution history' \
    '^pc +0x1000' 'No more reverse-execution history'

# gdb kills it.
cat >"$dir/kill.gdb" <<END
set confirm off
target remote $dir/socket
kill
END
start -S -gdb "unix:$dir/socket"
wait_for test -S "$dir/socket"
timeout -s KILL 50 gdb-multiarch -nx -batch -x "$dir/kill.gdb" "$kernel" >"$dir/kill" 2>&1
finish 0
expect "$dir/kill" 'killed'

# --- by packets, as a script without gdb does it -------------------------------------------------------------------

packet() {
    local sum=0 i
    for ((i = 0; i < ${#1}; i++)); do
        sum=$(((sum + $(printf '%d' "'${1:i:1}")) & 255))
    done
    printf '$%s#%02x' "$1" "$sum" >&3
}

reply() { # to what was sent last must begin with this
    local got
    IFS= read -r -t 20 -d '#' got <&3
    read -r -n 2 -t 5 _ <&3
    got=${got##*$}
    case $got in
        "$1"*) echo "ok: $got" ;;
        *) echo "FAIL: the reply is '$got', not '$1...'"; failed=1 ;;
    esac
}

port() { sed -n 's/.*gdb can connect to 127.0.0.1://p' "$dir/errors" 2>/dev/null; }
has_port() { [ -n "$(port)" ]; }

start -S -gdb tcp::0
wait_for has_port
exec 3<>"/dev/tcp/127.0.0.1/$(port)" && exec 3>&- # somebody looks whether the port is open: nothing starts
sleep 0.2
[ ! -s "$dir/guest" ] || { echo "FAIL: a port scan started the guest"; failed=1; }
exec 3<>"/dev/tcp/127.0.0.1/$(port)"
entry=$(nm "$kernel" | sed -n 's/^0*\([0-9a-f]*\) . kernel_main$/\1/p')
packet "Z1,$entry,1"; reply OK
packet c; reply T05
packet p20; reply "$(printf %016x "0x$entry" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8\7\6\5\4\3\2\1/')"
packet "z1,$entry,1"; reply OK
packet m0,4; reply E0e
packet Z2,80000000,400000; reply OK # its own stores to anything
packet c; reply T05thread:01\;watch:
packet z2,80000000,400000; reply OK
packet vCont\;s:1; reply T05
packet c
printf '\003' >&3
reply T05
packet D; reply OK
exec 3>&-
finish 0
expect "$dir/guest" '^teach: all programs are done'

# --- what is refused -------------------------------------------------------------------------------------------------

refuse() { # -gdb, part of the message
    local said
    said=$(timeout -s KILL 20 "$orrery" run -bios none -kernel "$kernel" -display none -gdb "$1" </dev/null 2>&1 >/dev/null)
    case $said in
        *"-gdb $1"*"$2"*) echo "ok: $said" ;;
        *) echo "FAIL: -gdb $1: '$said' does not say '$2'"; failed=1 ;;
    esac
}
refuse tcp:0.0.0.0:0 'not a loopback address'
refuse tcp::99999 'not a port'
refuse tcp::0,wait=on 'wait=on'
refuse nonsense 'no place for gdb'
refuse unix: 'path'
exit $failed
