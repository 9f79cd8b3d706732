#!/bin/bash
# The debugger's full screen in a real terminal (tmux): what the panes show, what keys do, small and changing sizes.
# Runs in the build directory. Needs: orrery, tests/labs/teach/teach.elf, tests/labs/bugs/page-table.elf, tmux.
src=$(cd "$(dirname "$0")/../.." && pwd)
kernel=${TEACH:-$PWD/tests/labs/teach/teach.elf}
orrery=${ORRERY:-$PWD/orrery}
command -v tmux >/dev/null || { echo "tmux is not installed"; exit 77; }
dir=$(mktemp -d) || exit 99
tm() { tmux -f /dev/null -S "$dir/socket" "$@"; }
trap 'tm kill-server 2>/dev/null; rm -rf "$dir"' EXIT
failed=0
export LC_ALL=C.UTF-8

screen() { tm capture-pane -p; }

sees() { # what, extended regular expression: within 30 seconds
    for _ in $(seq 300); do
        screen >"$dir/screen" 2>/dev/null
        grep -qE -e "$2" "$dir/screen" && { echo "ok: $1"; return; }
        sleep 0.1
    done
    echo "FAIL: $1: no '$2' in"
    sed 's/^/    |/' "$dir/screen"
    failed=1
}

start() { # columns, rows, options of orrery debug
    local x=$1 y=$2
    shift 2
    tm kill-server 2>/dev/null
    tm new-session -d -x "$x" -y "$y" "TERM=screen-256color exec '$orrery' debug --tui -bios none -kernel '$kernel' -nographic $* 2>'$dir/errors'; sleep 60"
}

start 120 40 -ex "'break trap'"
sees "panes" "Registers"
sees "console and command" "Guest console.*Command"
sees "tabs" "\[Mem\] PT  TLB  IRQ  PCI  Dev  CPU  Stops  Time  Tasks  Trace  Heat"
sees "instructions without source" "=> ?0x0000000000001000"
tm send-keys c
sees "a breakpoint" "Breakpoint 1, trap"
sees "the source line" "^.=> 159 .*csr_read\(scause\)"
sees "its instructions" "0x000000008000[0-9a-f]+ <trap\+[0-9]+>"
sees "the stack" "#0  trap \(t=0x"
sees "the guest's console" "^teach: hello from supervisor mode"
sees "the timeline" "hart0 S STOPPED <=+\*> [0-9]+"
tm send-keys n
sees "n: the next line" "^ => 160 "
tm send-keys N
sees "N: back" "^.=> 15[89] "
sees "in the past" "hart0 S PAST <"
tm send-keys c
sees "c: on through the past" "trap \(t=0x80002110"
tm send-keys C
sees "C: back to the breakpoint before" "trap \(t=0x80002000"
tm send-keys :
tm send-keys -l "print ticks"
tm send-keys Enter
sees "a command" '\$1 = 0'
tm send-keys -l "last-wri"
tm send-keys Tab
tm send-keys -l "switches"
tm send-keys Enter
sees "completion" "\(orrery\) last-write switches"
tm send-keys -l "undo"
tm send-keys Enter
sees "undo" "^.=> 159 "
tm send-keys Escape Escape
sees "Esc: navigation" "\[navigate"
tm send-keys /
tm send-keys -l "supervisor timer"
tm send-keys Enter j Space
sees "space sets a breakpoint" "Breakpoint 2 at"
sees "and marks it" "^\* +161 "
tm send-keys Space
sees "and takes it away" "delete 2"
tm send-keys l l l
sees "tabs by keys" "\[IRQ\]"
sees "the way of an interrupt" "timer, S \(STI\): pending, enabled, to S; waits: mstatus.SIE is 0"
tm send-keys l l l l l l
sees "processes: how to get a profile" "no profile recognises"
sees "and the CPUs without one" "^[* ] 0 +hart0 .S, runs."
tm send-keys l
sees "the last instructions" "\[Trace\]"
sees "with position, symbol, text and register" "^hart0 +[0-9]+ 0x[0-9a-f]{16} <trap\+0>:\s+c.addi sp,-32  \| sp=0x80008fe0"
tm send-keys l
sees "the map of memory" "^0000000080000000 \|[#*+.-]"
tm send-keys Tab Tab Tab Tab
sees "the cell's address" "\[Heat\] +0x80000000$"
tm send-keys Right Down
sees "another's" "\[Heat\] +0x80820000$"
tm send-keys Up Left Enter
sees "Enter: the memory there" "^\[Mem\].* physical"
sees "by its physical address" "^0x80002000:.*0x000000008040008e"
tm send-keys Left Left Up Up Enter
sees "Enter in the trace goes there" "\(orrery\) goto [0-9]+"
sees "the instruction" "=> ?0x[0-9a-f]+ <trap_entry\+134>"
tm send-keys Tab Tab Tab Right Right Right Right Right
tm send-keys Escape F10
sees "F10" "\(orrery\) next"
tm resize-window -x 79 -y 20
sees "too small, politely" "needs 80x24"
tm resize-window -x 80 -y 24
sees "80x24 is enough" "hart0 [SMU] [A-Z]+ <"
sees "tabs there too" "\[IRQ\]"
tm send-keys q
sees "q: the command line" "^\(orrery\) *$"
tm send-keys -l "print 6*7"
tm send-keys Enter
sees "it works" '^\$[0-9]+ = 42'
tm send-keys -l "tui"
tm send-keys Enter
sees "tui: back" "Guest console"
tm send-keys : ; tm send-keys -l "delete"; tm send-keys Enter ; tm send-keys -l "continue"; tm send-keys Enter
sees "the end" "hart0 [A-Z] ENDED <"
tm send-keys -l "quit 3"; tm send-keys Enter
sleep 1
[ -s "$dir/errors" ] && { echo "FAIL: on standard error:"; cat "$dir/errors"; failed=1; }

# The picture of docs/user/page-tables.md. Where a compiler put things is another on another day: digits do not count.
kernel=${PAGE_TABLE:-$PWD/tests/labs/bugs/page-table.elf}
start 110 32 -smp 2 -ex "'break exception 13'" -ex continue -ex reverse-stepi -ex "'delete 1'" -ex "'break pte 0x40000000'" -ex reverse-continue
sees "backwards to the store" "^ => .*<log_text"
tm send-keys Left Left
sees "what led to it" "\[Trace\]"
sees "its last line" "^hart0 .*c.add a1,a2"
digits() { sed 's/ *$//' | tr '0-9a-f' '[x*]'; }
awk '/tests\/cli\/tui.sh takes this/ { found = 1 } found && /^```$/ { exit } found > 1 { print } found && /^```text/ { found = 2 }' \
    "$src/docs/user/page-tables.md" >"$dir/golden"
if [ "$(wc -l <"$dir/golden")" = 32 ] && diff <(digits <"$dir/golden") <(screen | digits) >"$dir/diff"; then
    echo "ok: the picture in docs/user/page-tables.md"
else
    echo "FAIL: the picture in docs/user/page-tables.md is another:"; cat "$dir/diff"; failed=1
fi
tm kill-server
kernel=${TEACH:-$PWD/tests/labs/teach/teach.elf}

# A PC: text on its screen, keys on its keyboard. The boot sector says what is typed (INT 16h, INT 10h).
{ printf '\x31\xdb\xb4\x00\xcd\x16\xb4\x0e\xcd\x10\xeb\xf4'; head -c 498 /dev/zero; printf '\x55\xaa'; head -c 65024 /dev/zero; } >"$dir/disk"
tm kill-server 2>/dev/null
tm new-session -d -x 120 -y 40 "TERM=screen-256color exec '$orrery' debug --tui -machine pc -m 16 -hda '$dir/disk' -ex 'tbreak *0x7c00' -ex continue 2>'$dir/errors'; sleep 60"
sees "the screen while the serial line is silent" "^ Guest screen"
sees "its text" "^Booting from Hard Disk"
tm send-keys F2
sees "F2: the serial line" "^ Guest console"
tm send-keys F2
sees "and back" "^ Guest screen"
tm send-keys BTab BTab c
sees "it runs" "RUNNING"
tm send-keys -l "hello"
sees "typed on the keyboard" "^hello( |$)"
tm send-keys C-c
sees "Ctrl-C" "cpu0 [a-z]+ STOPPED"
tm kill-server

# Without a terminal it says so.
"$orrery" debug --tui -bios none -kernel "$kernel" -nographic </dev/null >"$dir/out" 2>&1
status=$?
if [ $status = 1 ] && grep -q "must be a terminal" "$dir/out"; then echo "ok: no terminal"; else echo "FAIL: no terminal: status $status"; cat "$dir/out"; failed=1; fi
exit $failed
