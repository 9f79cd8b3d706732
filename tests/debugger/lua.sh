#!/bin/bash
# Scripts and operating systems' profiles with the whole program: a kernel of ours that has the shape of xv6, with user programs.
# Runs in the build directory. Needs: orrery, clang, ld.lld, llvm-objcopy.
orrery=${ORRERY:-$PWD/orrery}
src=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$src/expect.sh"
for tool in clang ld.lld llvm-objcopy; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed (packages clang, lld, llvm)"; exit 77; }
done

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
    (cd "$dir" && timeout -s KILL 60 "$orrery" debug -bios none -kernel procs.elf -M virt,quantum=100 -smp 2 -nographic --batch "$@" -x commands) \
        </dev/null >"$dir/$name" 2>&1
}

hash_of() { grep -E '^[0-9a-f]{16}$' "$dir/$1"; }

same() { # what, value, value
    [ "$2" = "$3" ] && [ -n "$2" ] && { echo "ok: $1"; return; }
    echo "FAIL: $1: '$2' and '$3'"
    failed=1
}

# The profile finds the tables by their debug information; every question leaves the guest as it was.
debug plain <<'END'
run-until 4000
hash
END
cat >"$dir/hooks.lua" <<'END'
orrery.func("pid", function() return orrery.os.current(orrery.cpu()).pid end)
traps = 0
orrery.on("exception", function(e) traps = traps + 1 end)
orrery.command{ name = "info traps", help = "How many there were.", run = function() print("traps", traps) end }
END
debug xv6 -x hooks.lua <<'END'
os
os auto
os
run-until 4000
hash
info tasks
info cpus
info traps
thread 1
thread 0
break sys_yield if $pid() == 3
continue
print c->proc->name
delete
tbreak sys_yield hart 0
continue
lua for _, t in ipairs(orrery.os.tasks()) do print(t.pid, t.name, t.state) end
os off
END
expect "$dir/xv6" "^No profile is in use" "^\[Operating system: xv6\]" "^xv6$" "PID CPU STATE" \
    '^[* ] +1 +[-0] (running|runnable) +init +0x[0-9a-f]+ +0x[0-9a-f]+ 0x' '^[* ] +3 +[-0] (running|runnable) +sh ' '^\* +2 +1 running +other ' \
    '^  +4 +- sleeping +sleeper ' 'hart0 .*process (init \(1\)|sh \(3\))' 'hart1 .*process other \(2\)' "^traps	[1-9]" \
    '^\[Process other \(2\) on hart1\]' '^\[Process (init|sh) \([13]\) on hart0\]' '^\[Process sh \(3\) on hart0\]' \
    'Breakpoint 1, sys_yield' '\$1 = "sh"' '^\[Process init \(1\) on hart0\]' 'Temporary breakpoint 2, sys_yield' '^1	init	running' '^3	sh	runnable' '^2	other	running' \
    '^4	sleeper	sleeping'
same "the profile and hooks change nothing" "$(hash_of plain)" "$(hash_of xv6)"

# Symbols of each process by themselves; a breakpoint in one.
debug process <<'END'
symbols add init.elf --process init
symbols add sh.elf --process sh
break work process sh
continue
info symbol $pc
print i
finish
continue
backtrace 1
delete
tbreak sys_yield hart 0
continue
continue
info line work
END
expect "$dir/process" "Operating system: xv6" "Breakpoint 1 at 0x40000038" '^\[Process sh \(3\) on hart0\]' 'Breakpoint 1, work \(i=0\) at program.c' '^work in section|^work$|^work ' \
    '\$1 = 0' 'Breakpoint 1, work \(i=1\)' '^#0 +work \(i=1\)' 'Temporary breakpoint 2'

# Errors of scripts and files end a batch with status 1 and say where.
printf 'local x = {}\nlocal y = x.z.w\n' >"$dir/bad.lua"
debug bad <<'END'
source bad.lua
END
same "status of a script that fails" $? 1
expect "$dir/bad" "^bad.lua:2: attempt to index a nil value \(field 'z'\)"

# A profile of one's own.
cat >"$dir/mine.lua" <<'END'
return { name = "mine", attach = function()
  local first = orrery.symbol("proc")
  if not first then return nil, "no table proc" end
  return {
    current = function(cpu) return { pid = 40 + cpu, name = "cpu\27" .. cpu, object = first } end,
    tasks = function() return { { pid = 40, name = "all", state = "there", object = first } } end,
  }
end }
END
debug mine <<'END'
os mine.lua
info tasks
info cpus
lua orrery.os.tasks = function() error("broken") end
info tasks
END
expect "$dir/mine" "^\[Operating system: mine\]" '^\*     40   [01] there +all' 'process cpu\?0 \(40\)' 'process cpu\?1 \(41\)' "broken"
exit $failed
