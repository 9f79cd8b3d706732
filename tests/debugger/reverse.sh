#!/bin/bash
# Going back, with the teaching kernel: each command by what it prints, states by their hashes.
# Runs in the build directory. Needs: orrery, tests/labs/teach/teach.elf.
kernel=${TEACH:-$PWD/tests/labs/teach/teach.elf}
orrery=${ORRERY:-$PWD/orrery}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$(dirname "$0")/expect.sh"

debug() { # NAME OPTION...: commands on standard input
    local name=$1
    shift
    cat >"$dir/commands"
    timeout -s KILL 100 "$orrery" debug -bios none -kernel "$kernel" -nographic --batch -x "$dir/commands" "$@" \
        </dev/null >"$dir/$name" 2>&1
}

same() { # what, value, value
    [ "$2" = "$3" ] && [ -n "$2" ] && { echo "ok: $1"; return; }
    echo "FAIL: $1: '$2' and '$3'"
    failed=1
}

# The end of the guest is not the end of the session. What it said is not said again.
debug steps <<'END'
continue
last-write switches
last-write $mstatus
goto end
watch ticks
reverse-continue
reverse-continue
continue
delete
break trap
reverse-continue
backtrace
reverse-stepi
reverse-continue
reverse-finish
reverse-step
reverse-next
next
goto begin
reverse-stepi
END
expect "$dir/steps" "powered off with status 0" "^switches: 0x5 -> 0x6, by hart 0 at position" "in trap " \
    '^\$mstatus: 0x[0-9a-f]+ -> 0x[0-9a-f]+, by hart 0' "power_off \(\)" "Hardware watchpoint 1: ticks" "^Old value = 11" "^New value = 10" \
    "kernel.c:161" "^Old value = 10" "^New value = 9" "kernel.c:161" "^Old value = 9" "^New value = 10" \
    "Breakpoint 2, trap " "^#1 .* in trap_entry" "Breakpoint 2, trap " "in trap_entry \(\) at entry.S:53" \
    "^53.*call *trap" "^52.*la *sp" "trap_entry \(\) at entry.S:53" "^=> 0x0000000000001000" "No more history: it begins here"
same "said once" "$(grep -c "hello from supervisor" "$dir/steps")" 1
same "all of it" "$(grep -c "all programs are done" "$dir/steps")" 1

# What a script hears is told once: a search through the past tells nothing again.
cat >"$dir/heard.lua" <<'END'
local n = 0
orrery.on("cpu.trap", function() n = n + 1 end)
orrery.command{ name = "heard", help = "how many traps", run = function() print("heard", n) end }
END
debug scripts <<END
source $dir/heard.lua
continue
heard
watch ticks
reverse-continue
heard
END
same "events of the past" "$(grep '^heard' "$dir/scripts" | uniq)" "$(grep -m1 '^heard' "$dir/scripts")"
same "and there were some" "$(grep -c '^heard.[1-9]' "$dir/scripts")" 2

# What is traced on the way does not end a search, and is not traced again.
debug traced <<'END'
trace interrupt
continue
last-write switches
goto begin
END
expect "$dir/traced" "^switches: 0x5 -> 0x6, by hart 0 at position"
same "interrupts traced once" "$(grep -c '^\[[0-9]*\] hart0 .*interrupt' "$dir/traced")" 11

# Any tour finds the states of the straight run.
for at in 12345 300001 1500000; do
    debug straight --history off <<END
run-until $at
hash
END
    debug tour <<END
continue
goto 2000000
goto $at
hash
reverse-stepi 3
goto end
goto $at
hash
END
    debug watched --history off <<END
watch *(long *)((long)&ticks + 64) if ticks > 1000000
run-until $at
hash
END
    same "position $at, with a watchpoint" "$(grep -E '^[0-9a-f]{16}$' "$dir/watched")" "$(grep -E '^[0-9a-f]{16}$' "$dir/straight")"
    same "position $at" "$(grep -E '^[0-9a-f]{16}$' "$dir/tour" | uniq)" "$(grep -E '^[0-9a-f]{16}$' "$dir/straight")"
done

debug lives <<'END'
break trap
continue
continue
delete
bookmark here
print ticks
set var ticks = 77
print ticks
undo
print ticks
goto 200000
undo
position
reverse-stepi 20000
tbreak trap
reverse-continue
set var ticks = 50
continue
goto here
END
expect "$dir/lives" "^Bookmark here is position 411140" '^\$1 = 1' '^\$2 = 77' '^\$3 = 1' "^position 411140 " "Temporary breakpoint 2, trap" \
    "The timeline branches at position [0-9]+: .* to 411140" "done after [56][0-9] ticks" "powered off"

# What was executed and written just now, and the machine is where it was.
debug trail <<'END'
tbreak trap if ticks == 3
continue
tbreak trap
hash
info trail
hash
info trail 1
info heat 0x80000000, 0x10000
info heat
set $a0 = 1
info trail
END
expect "$dir/trail" "^[0-9a-f]{16}$" "fibonacci.*sscratch=.*, to its handler$" "<trap\+0>:.c.addi sp,-32  \| sp=0x[0-9a-f]+$" "^[0-9a-f]{16}$" \
    "<trap\+0>:" "^0000000080000000 \|[ #*+.-]{64}\|$" "^4 KiB each: #" "^0000000080000000 \|[#*+.-]" "^128 KiB each: #" "changed by hand here"
same "the state after info trail" $(grep -xE '[0-9a-f]{16}' "$dir/trail")
same "64 instructions, and one" "$(grep -c ^hart0 "$dir/trail")" 65

debug off --history off <<'END'
reverse-stepi
END
expect "$dir/off" "The past is not kept here|the past is not kept here"
debug timeline --history 1M <<'END'
continue
info timeline
END
expect "$dir/timeline" "^[0-9]+ \[[|.*]+\] [0-9]+" "the present; .* of 1 MiB"
exit $failed
