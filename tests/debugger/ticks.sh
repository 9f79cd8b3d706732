#!/bin/bash
# Steps, there and back, over instructions that take more than a tick: REP, PAUSE, HLT and WFI; interrupts in the middle of them.
# Runs in the build directory. Needs: orrery, clang, ld.lld.
src=$(cd "$(dirname "$0")" && pwd)
orrery=${ORRERY:-$PWD/orrery}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$src/expect.sh"

same() { # what, value, value
    [ "$2" = "$3" ] && [ -n "$2" ] && { echo "ok: $1"; return; }
    echo "FAIL: $1: '$2' and '$3'"
    failed=1
}

command -v clang ld.lld >/dev/null || { echo "SKIP: clang or ld.lld is not installed"; exit 77; }
clang --target=riscv64 -march=rv64gc -mcmodel=medany -mno-relax -c -o "$dir/rv.o" "$src/ticks_rv.S" &&
    ld.lld -N -Ttext 0x80000000 -o "$dir/rv.elf" "$dir/rv.o" &&
    clang --target=i386-unknown-elf -m32 -I "$src/../broken" -c -o "$dir/pc.o" "$src/ticks_pc.S" &&
    ld.lld -static -Ttext 0x100000 -z max-page-size=4096 -o "$dir/pc.elf" "$dir/pc.o" || exit 99

pc() { # NAME: commands on standard input
    cat >"$dir/commands"
    timeout -s KILL 60 "$orrery" debug -machine pc -m 64 -kernel "$dir/pc.elf" -display none -monitor none -serial none \
        --batch -x "$dir/commands" </dev/null >"$dir/$1" 2>&1
}

rv() { # NAME OPTION...
    local name=$1
    shift
    cat >"$dir/commands"
    timeout -s KILL 20 "$orrery" debug -bios none -kernel "$dir/rv.elf" -nographic "$@" --batch -x "$dir/commands" \
        </dev/null >"$dir/$name" 2>&1
}

# A string instruction is one step, there and back; its breakpoint hits once, also when something stops in the middle of it.
pc strings <<'END'
break fill
continue
stepi
print $ecx
reverse-stepi
print $ecx
tbreak cycles +20
continue
print $ecx
reverse-stepi
print $ecx
tbreak filled
tbreak cycles +20
continue
continue
reverse-stepi
print $ecx
watch *(int *)((long)&words + 400)
continue
reverse-stepi
print $ecx
delete
tbreak waited
continue
last-write *(int *)((long)&words + 1196)
print $ecx
stepi
reverse-nexti
print $ecx
END
expect "$dir/strings" "Breakpoint 1, .* in fill" "<filled\+0>" '^\$1 = 0$' "<fill\+0>" '^\$2 = 300$' '^\$3 = 280$' "<fill\+0>" '^\$4 = 300$' \
    '^Temporary breakpoint .*cycles' "^Temporary breakpoint .* in filled" "<fill\+0>" '^\$5 = 300$' "Hardware watchpoint [0-9]" "<fill\+0>" '^\$6 = 300$' \
    "Temporary breakpoint .* in waited" "0x1 -> 0x7, by hart 0" "<fill\+0>" '^\$7 = 300$' "<filled\+0>" "<fill\+0>" '^\$8 = 300$'

# So are PAUSE, which waits 140 ticks, and HLT. What interrupts a PAUSE is not part of it: its breakpoint hits, and it is stepped.
pc waits <<'END'
tbreak waits
continue
position
stepi
reverse-stepi
position
tbreak halts
continue
position
stepi
stepi
reverse-stepi
reverse-stepi
position
tbreak spin
continue
tbreak tick
continue
print *(int *)&ticks
stepi
print *(int *)&ticks
reverse-stepi
END
expect "$dir/waits" "in waits" "^position" "<waited\+0>" "<waits\+0>" "^position" "in halts" "^position" "<halted\+0>" "<ticked\+0>" \
    "<halted\+0>" "<halts\+0>" "^position" " in spin" " in tick" "= 1$" "<ticked\+0>" "= 2$" "<spin\+0>"
same "back at PAUSE and HLT" "$(grep '^position' "$dir/waits" | uniq | wc -l)" 2

# Back to an instruction that is long ago, because all have waited since: not a step for each tick between.
rv idle -smp 2 <<'END'
tbreak waits
continue
position
run-until 900000000
reverse-stepi
position
reverse-stepi
stepi
stepi
reverse-stepi
position
END
expect "$dir/idle" " in waits" "^position" "<waits\+4>" "<waits\+0>" "^position" "<busy\+42>" "<waits\+0>" "<waits\+4>" "<waits\+0>" "^position"
same "back at WFI" "$(grep '^position' "$dir/idle" | uniq | wc -l)" 1
exit $failed
