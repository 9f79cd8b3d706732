#!/bin/bash
# The profile of xv6 on x86: a kernel of ours with the tables of xv6-public (guest/ptable.c), at KERNBASE, with processes of their own
# page directories. Runs in the build directory. Needs: orrery, clang, ld.lld.
orrery=${ORRERY:-$PWD/orrery}
src=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
. "$src/expect.sh"
for tool in clang ld.lld; do
    command -v $tool >/dev/null || { echo "SKIP: $tool is not installed (packages clang, lld)"; exit 77; }
done
guest="$src/guest"
clang --target=i386-unknown-elf -m32 -mno-sse -g -O1 -ffreestanding -fno-pic -nostdlib -static -fuse-ld=lld -Wl,-T,"$guest/ptable.ld" \
    "$guest/ptable.S" "$guest/ptable.c" -o "$dir/ptable.elf" || { echo "FAIL: the guest was not built"; exit 1; }

debug() { # NAME: commands on standard input
    local name=$1
    cat >"$dir/commands"
    (cd "$dir" && timeout -s KILL 60 "$orrery" debug -machine pc -m 32 -display none -serial none -device isa-debug-exit,iobase=0xf4 \
        -kernel ptable.elf --batch -x commands) </dev/null >"$dir/$name" 2>&1
}

same() { # what, value, value
    [ "$2" = "$3" ] && [ -n "$2" ] && { echo "ok: $1"; return; }
    echo "FAIL: $1: '$2' and '$3'"
    failed=1
}

hash_of() { grep -E '^[0-9a-f]{16}$' "$dir/$1"; }

debug plain <<'END'
break syscall
continue
continue
hash
END
debug tasks <<'END'
break syscall
continue
os auto
os
continue
info tasks
info cpus
hash
END
# ptable.proc[1] is what runs: its page directory and stack are the kernel's own words.
expect "$dir/tasks" '^\[Operating system: xv6\]' '^xv6$' '^\[Process sh \(3\) on cpu0\]' 'PID CPU STATE' \
    '^ +1 +- runnable +init +0x[0-9a-f]+000 +0x8[0-9a-f]+000 0x8' '^\* +3 +0 running +sh +0x' '^ +4 +- sleeping +sleeper ' 'cpu0 \(CPL0.*process sh \(3\)'
same "the profile changes nothing" "$(hash_of plain)" "$(hash_of tasks)"
[ "$(grep -c -E '^[* ] +[0-9]+ +[-0-9] [a-z]+ +(init|sh|sleeper) ' "$dir/tasks")" = 3 ] || { echo "FAIL: unused entries are listed"; failed=1; }

# In user mode the tables are read where they are physically; both programs are at 0, one of them is meant; and backwards.
debug user <<'END'
break kmain
continue
os xv6
delete
break *0x1 process sh
continue
info cpus
print $esi
continue
print $esi
reverse-continue
print $esi
lua print("runs", orrery.os.current(0).name, orrery.os.current(0).pid, orrery.os.current(0).root == orrery.eval("$cr3"))
delete
break *0x5 process init
reverse-continue
info tasks
END
expect "$dir/user" '^\[Process sh \(3\) on cpu0\]' 'Breakpoint 2' 'cpu0 \(CPL3.*process sh \(3\)' '= 1$' 'Breakpoint 2' '= 2$' 'Breakpoint 2' '= 1$' \
    '^runs	sh	3	true' 'Breakpoint 3' '^\* +1 +0 running +init '
exit $failed
