#!/bin/bash
# `info irq` on RISC-V: where an interrupt waits on its way from the line to the hart. (On a PC: x86.py.)
# Runs in the build directory. Needs: orrery, clang, ld.lld.
src=$(cd "$(dirname "$0")" && pwd)
orrery=${ORRERY:-$PWD/orrery}
command -v clang ld.lld >/dev/null || { echo "SKIP: clang or ld.lld is not installed"; exit 77; }
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
clang --target=riscv64 -march=rv64gc -mno-relax -c -o "$dir/irq.o" "$src/irq_rv.S" &&
    ld.lld -N -Ttext 0x80000000 -o "$dir/irq.elf" "$dir/irq.o" || exit 99
failed=0

at() { # label, lines that info irq prints there
    local label=$1
    shift
    timeout -s KILL 20 "$orrery" debug -bios none -kernel "$dir/irq.elf" -nographic --batch -ex "break $label" -ex continue -ex 'info irq' \
        </dev/null >"$dir/out" 2>&1
    for line; do
        grep -qxF -- "$line" "$dir/out" && { echo "ok: $label: $line"; continue; }
        echo "FAIL: $label: no '$line' in"; sed 's/^/    /' "$dir/out"; failed=1
    done
}

at _start "  PLIC: none of its sources is up, pending or enabled" "hart0: in M, mstatus.MIE=0 SIE=0"
at raised "  source 10 (uart0)  PLIC: line up, pending, priority 3" \
    "    enabled for hart0 M, threshold 5; waits: the priority is not above it" \
    "    external, M (MEI): not pending, enabled, to M"
at lowered "    enabled for hart0 M, threshold 0; goes on to the hart" \
    "    external, M (MEI): pending, enabled, to M; waits: mstatus.MIE is 0"
at claimed "  source 10 (uart0)  PLIC: line up, in service, priority 3; waits: it was claimed and not completed"
exit $failed
