#!/bin/bash
# Stop points of every kind, on a RISC-V guest and on a PC: forwards, backwards, and at the same positions in compiled code.
# Runs in the build directory. Needs: orrery, clang, ld.lld.
src=$(cd "$(dirname "$0")" && pwd)
orrery=${ORRERY:-$PWD/orrery}
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$src/expect.sh"
command -v clang ld.lld >/dev/null || { echo "SKIP: clang or ld.lld is not installed"; exit 77; }
clang --target=riscv64 -march=rv64gc -mcmodel=medany -mno-relax -c -o "$dir/rv.o" "$src/stops_rv.S" &&
    ld.lld -N -Ttext 0x80000000 -o "$dir/rv.elf" "$dir/rv.o" &&
    clang --target=i386-unknown-elf -m32 -I "$src/../broken" -c -o "$dir/pc.o" "$src/stops_pc.S" &&
    ld.lld -static -Ttext 0x100000 -z max-page-size=4096 -o "$dir/pc.elf" "$dir/pc.o" || exit 99

rv() { # NAME OPTION...: commands on standard input
    local name=$1
    shift
    cat >"$dir/commands"
    timeout -s KILL 60 "$orrery" debug -bios none -kernel "$dir/rv.elf" -nographic --batch -x "$dir/commands" "$@" \
        </dev/null >"$dir/$name" 2>&1
}

pc() {
    local name=$1
    shift
    cat >"$dir/commands"
    timeout -s KILL 60 "$orrery" debug -machine pc -m 64 -kernel "$dir/pc.elf" -display none -monitor none -serial none \
        --batch -x "$dir/commands" "$@" </dev/null >"$dir/$name" 2>&1
}

same() { # what, value, value
    [ "$2" = "$3" ] && [ -n "$2" ] && { echo "ok: $1"; return; }
    echo "FAIL: $1: '$2' and '$3'"
    failed=1
}

hits() { # FILE: what stopped, and where
    grep -E '^(Temporary b|B)reakpoint [0-9]+, |^position ' "$1"
}

# Every kind once, forwards; the same in both tiers.
every=
while read -r line; do
    every+="delete
tb $line
continue
position
"
done <<'END'
csr mtvec
csr 0x180 write
mode from M to S
code phys &count
write *(int *)&counter == 3
read *(int *)&counter
access phys &counter,8 == 5
reg s1 == 7
magic 7
pte 0xc0000000
tlb
device uart0.LCR write
device /uart0.LCR.DLAB
device uart0.IER == 2
device uart0 read
console "login:" uart0
exception from S to M
csr mcause change
cycles +100
instructions +1000
time +10us
execute &done,4
END
rv rv.interp -accel interp <<<"$every"
rv rv.jit -accel jit,threshold=2 <<<"$every"
same "RISC-V: both tiers stop at the same positions" "$(hits "$dir/rv.jit")" "$(hits "$dir/rv.interp")"
expect "$dir/rv.interp" "breakpoint 1, csr: mtvec: 0x0 -> 0x8" "breakpoint 2, csr: satp: 0x0 -> 0x8" "breakpoint 3, mode: from M to S" \
    "breakpoint 4, .*count" "atchpoint 5: " "^New value = 3" "atchpoint 6: " "reakpoint 7, write phys &counter,8 == 5: 0x4 -> 0x5" \
    "breakpoint 8, register: s1: 0x6 -> 0x7" "breakpoint 9, magic: number 7" \
    "reakpoint 10, pte of 0xc0000000, 1 of 1, at 0x[0-9a-f]+: 0x0 -> 0x300000cf" "breakpoint 11, tlb: sfence.vma" \
    "breakpoint 12, device: write of /uart0.LCR: 0x80" "breakpoint 13, device: /uart0.LCR.DLAB: 0x1 -> 0x0" \
    "breakpoint 14, device: write of /uart0.IER: 0x2" "breakpoint 15, device: read of /uart0" '^login:' \
    'breakpoint 16, console: /uart0 said "login:"' "breakpoint 17, exception: environment call from S-mode \(9\)" \
    "breakpoint 18, csr: mcause: 0x9 -> 0x2 by a trap" "breakpoint 19, cycles: \+100" "breakpoint 20, instructions: \+1000" \
    "breakpoint 21, time: \+10us" "breakpoint 22, .*done"

# Every kind backwards, from the end: each stands before what happened, and going on comes to the same again.
back=$(printf 'run-until &done\n')
back='advance done
break console "login:"
break csr satp
break mode from M to S
break magic
break pte 0xc0000000
break tlb
break device uart0.LCR.DLAB
break irq /uart0 high
break exception illegal
break write *(int *)&counter == 3
break instructions 60
break cycles 200
'
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
    back+="reverse-continue
position
"
done
rv back -accel interp <<<"$back
continue
position"
rv back.jit -accel jit,threshold=2 <<<"$back
continue
position"
same "RISC-V: both tiers go back to the same positions" "$(hits "$dir/back.jit")" "$(hits "$dir/back")"
expect "$dir/back" "reakpoint 12, cycles: 200" "^position 200 " "reakpoint 9, exception: illegal.* from S to M" "0x00000000800000d8" \
    'reakpoint 1, console: /uart0 said "login:"' "sb" "reakpoint 8, irq: interrupt output 0 of /uart0 goes high" \
    "reakpoint 7, device: uart0.LCR.DLAB: 0x1 -> 0x0" "reakpoint 6, tlb" "sfence.vma" "reakpoint 5, pte of 0xc0000000" "sd" \
    "reakpoint 4, magic: number 7" "slti" "reakpoint 11, instructions: 60" "^position 60 " "atchpoint 10: " "^New value = 2" "c.sw" \
    "^Continuing" "atchpoint 10: " "^New value = 3"

# The other verbs, conditions, counts, clauses; what is wrong is said.
rv verbs <<END
trace mode
log write *(int *)&counter if \$s1 > 6 print "count is %d\n", \$s1
log exception into $dir/log.txt
break csr mscratch hart 0
ignore 4 1
tbreak magic 8
break tlb process 0x1000
info breakpoints
run-until done
info breakpoints
continue
run-until done
END
expect "$dir/verbs" "^1 +trace mode " "^2 +log write" "stop only if" 'print "count is' "^3 +log exception" "into " "^4 +csr +keep y +mscratch" \
    "stop only in hart 0" "ignore next 1 hits" "^5 +magic +del" "stop only in process 0x1000" \
    "^\[35\] hart0 0x80000068 kernel: mode: from M to S" "^count is 7" "^count is 8" "from S to M" \
    "reakpoint 4, csr: mscratch: 0x10000000" "already hit 4 times" "^4 +csr" "already hit 2 times" "powered off"
expect "$dir/log.txt" "^\[134\] hart0 0x800000fc handler: exception: environment call" "illegal instruction"
same "a temporary stop point of run-until is gone" "$(grep -c " del .* done" "$dir/verbs")" 0

wrong=
while IFS='|' read -r line said; do
    rv wrong <<<"$line"
    expect "$dir/wrong" "$said"
done <<'END'
break exception from Z|there is no privilege Z; it is one of U S M
break device uart0.NONE|/uart0 has no register NONE
break device uart0.LCR.NONE|has no field NONE
break device none|there is no device none
break csr nothing|there is no register nothing
break csr a0|`break reg a0`
break time soon|a number and its unit
break write|as in: break write counter == 5
break console login|stands in quotes
break io 0x80|has no I/O ports
break pte 0x1000|no page table is in use
break process nobody|process
trace print "x"|belong to `log`
run-until cycles 0|has passed
END

# Ten thousand of them: no list is walked at every access or block.
{
    for i in $(seq 10000); do
        echo "break *$((0x80200000 + 4 * i))"
    done
    for i in $(seq 2000); do
        echo "break write $((0x80300000 + 8 * i)),8"
    done
    echo "break count"
    echo "continue"
    echo "info breakpoints"
} | rv many
same "ten thousand are armed" "$(grep -cE '^[0-9]+ +(breakpoint|hw watchpoint) ' "$dir/many")" 12001
expect "$dir/many" "Breakpoint 12001, .*count"

# A PC.
every=
while read -r line; do
    every+="delete
tb $line
continue
position
"
done <<'END'
cr cr3 write
msr 0x1b
msr IA32_PAT change
tlb 0x5000
magic
exception breakpoint
interrupt 0x40
io 0x80 out == 0x41
io 0x61 in
dma &signature,4 write
cycles +50
register rcx == 9
END
every="tb mode from real to 0
continue
position
tb kernel
continue
$every"
pc pc.interp -accel interp <<<"$every"
pc pc.jit -accel jit,threshold=2 <<<"$every"
same "PC: both tiers stop at the same positions" "$(hits "$dir/pc.jit")" "$(hits "$dir/pc.interp")"
expect "$dir/pc.interp" "reakpoint 1, mode: from real to CPL 0" "^position 24 " "breakpoint 3, csr: cr3: 0x0 -> 0x" "breakpoint 4, csr: 0x1b: " \
    "breakpoint 5, csr: IA32_PAT: 0x7040600070406 -> 0x7040700070406" "breakpoint 6, tlb: invlpg 0x5000" "breakpoint 7, magic" \
    "breakpoint 8, exception: #BP" "handler_3" "breakpoint 9, interrupt: INT 0x40" "handler_40" "OUT to 0x80: 0x41" "IN from 0x61" \
    "breakpoint 12, dma: a device wrote 4 bytes" "breakpoint 13, cycles: \\+50" "breakpoint 14, register: rcx: 0xa -> 0x9"
pc pc.back <<'END'
advance done
break cr cr3
break interrupt 0x40
break exception #BP
break io 0x80
break dma &signature,4
break tlb 0x5000
reverse-continue
reverse-continue
reverse-continue
reverse-continue
reverse-continue
reverse-continue
continue
END
expect "$dir/pc.back" "reakpoint 5, dma: a device wrote 4 bytes" "out dx,eax" "^OUT to 0x80: 0x41" "out 0x80,al" "interrupt: INT 0x40" "int 0x40" \
    "exception: #BP" "int3" "tlb: invlpg 0x5000" "invlpg" "csr: cr3: 0x0 -> 0x104000" "mov cr3,eax" "^Continuing" "csr: cr3: 0x0 -> 0x104000"
exit $failed
