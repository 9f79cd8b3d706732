#!/bin/bash
# Scripts and operating systems' profiles with a whole program. Runs in the build directory. Needs: orrery, clang, ld.lld.
orrery=${ORRERY:-$PWD/orrery}
src=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$src/expect.sh"
command -v clang >/dev/null && command -v ld.lld >/dev/null || { echo "SKIP: clang or ld.lld is not installed"; exit 77; }

guest="$src/guest"
flags="--target=riscv64 -march=rv64gc -mabi=lp64d -mcmodel=medany -g -O1 -nostdlib -ffreestanding -fuse-ld=lld -mno-relax"
(
    cd "$dir" || exit 1
    for p in init:1 sh:2; do
        clang $flags -DROUNDS=${p#*:} -Wl,-T,"$guest/program.ld" "$guest/program.c" -o ${p%:*}.elf &&
            llvm-objcopy -O binary ${p%:*}.elf ${p%:*}.bin || exit 1
    done
    clang $flags -Wl,-T,"$guest/guest.ld" "$guest/procs.S" "$guest/procs.c" -o procs.elf
) || { echo "FAIL: the guest was not built"; exit 1; }

debug() { # NAME OPTION...: commands on standard input
    local name=$1
    shift
    cat >"$dir/commands"
    timeout -s KILL 60 "$orrery" debug -bios none -kernel "$dir/procs.elf" -smp 2 -nographic --batch -x "$dir/commands" "$@" \
        </dev/null >"$dir/$name" 2>&1
}

debug xv6 <<'END'
os auto
os
lua orrery.func("hart0_runs_sh", function() return orrery.eval("c->proc->pid") == 3 end)
break sys_yield if $hart0_runs_sh()
continue
info tasks
info modules
END
cat "$dir/xv6"
exit $failed
