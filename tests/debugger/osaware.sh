#!/bin/bash
# Symbols where nobody gives a symbol file: two programs of ours at one address, each in its own address space, and Debian's
# kernels by the names and types they have of themselves. Runs as the boot tests do; tests/boot/common.sh.
. "$(dirname "$0")/../boot/common.sh"
. "$SRC/tests/debugger/expect.sh"
two=$SRC/tests/debugger/two

debug() { # NAME SECONDS OPTION...: commands on standard input
  out=$1 seconds=$2
  shift 2
  cat >commands
  limit "$seconds" "$ORRERY" debug --batch -x commands "$@" </dev/null >"$out" 2>&1
}

say "two programs at one address"
need clang clang
need ld.lld lld
need llvm-objcopy llvm
flags="--target=riscv64-unknown-elf -march=rv64imac -mabi=lp64 -mcmodel=medany -mno-relax -ffreestanding -nostdlib -fuse-ld=lld -g -O0"
for p in ping pong; do
  clang $flags -Wl,-T,"$two/program.ld" -o $p.elf "$two/$p.c" && llvm-objcopy -O binary $p.elf $p.bin ||
    { bad "clang compiles $p.c"; finish; }
done
clang $flags -Wa,-I. -Wl,-T,"$two/kernel.ld" -o two.elf "$two/kernel.S" || { bad "clang compiles kernel.S"; finish; }
root() { nm two.elf | sed -n "s/^0*\(.*\) . $1_root\$/0x\1/p"; }
need nm binutils
debug two.txt 20 -M virt -bios none -kernel two.elf -nographic <<END
symbols add ping.elf --process $(root ping)
symbols add pong.elf --process=$(root pong)
symbols list
break *0x10000
continue
print ball
print *(struct ball *)&ball
list main
continue
print ball
step 2
backtrace
info locals
info types ball
ptype struct ball
info scope answer
info symbol \$pc
continue
symbols remove ping.elf
symbols list
END
expect two.txt \
  ' 1  pong.elf: 64-bit ELF.* in process 0x80003000 only' ' 2  ping.elf: .* in process 0x80001000 only' '\*3  two.elf' \
  'Breakpoint 1, main \(\) at ping.c:15' 'bounces = 0, who = 0x[0-9a-f]* "ping"' 'bounces = 0' '17.*serve\(1\);' \
  'Breakpoint 1, main \(\) at pong.c:17' "letter = 112 'p', score = 100" '19.*answer\(n\)' '#0 .*main \(\) at pong.c:19' \
  'n = 0' '^struct ball$' 'char letter;' 'parameter: int n, length 4' 'main \+ ' \
  'The guest powered off' 'Symbols of ping.elf are forgotten' '1  pong.elf' '2  two.elf'

# The same name in both, a stop in one of them only.
debug process.txt 20 -M virt -bios none -kernel two.elf -nographic <<END
symbols add ping.elf --process $(root ping)
symbols add pong.elf --process $(root pong)
break main process $(root pong)
break serve process $(root ping) if n == 1
trace *0x10000
info breakpoints
continue
continue
print turns
continue
ignore 1 3
break answer
END
expect process.txt 'Breakpoint 1 at 0x[0-9a-f]+: file pong.c, line 18' 'Breakpoint 2 at 0x[0-9a-f]+: file ping.c, line 10' \
  'in main at pong.c:18' 'stop only in process 0x80003000' 'in serve at ping.c:10' 'main at ping.c:15: code' \
  'Breakpoint 2, serve \(n=1\) at ping.c:10' 'main at pong.c:17: code' 'Breakpoint 1, main \(\) at pong.c:18' \
  'Breakpoint 2, serve \(n=1\)'  'Function "answer" not defined'

debug commands.txt 20 -M virt -bios none -kernel two.elf -nographic <<END
symbols add ping.elf --process sh
END
expect commands.txt 'names and numbers need a profile'

say "Debian's riscv64 kernel"
want_linux
echo '0000000000010000 T init_code' >init.map
echo '0000000000010000 T shell_code' >sh.map
debug riscv.txt 60 -M virt -m 256M -display none -serial null -kernel "$linux/Image" -initrd "$linux/initrd.gz" \
  -append "console=ttyS0 panic=1" <<'END'
symbols list
break kernel_init
continue
print ((struct task_struct *)$tp)->pid
print init_task.comm
print *(char (*)[16])init_task.comm
break do_execveat_common
continue
backtrace
print ((struct task_struct *)$tp)->mm == init_task.mm
print sizeof(struct task_struct) == sizeof init_task
ptype struct list_head
ptype do_exit
info types ^task_struct$
info variables ^init_task$
symbols kernel
info symbol $pc
print PIDTYPE_TGID
info args
os linux
symbols add init.map --process init
symbols add sh.map --process sh
symbols list
backtrace
END
expect riscv.txt '^\[Linux [0-9.]+.*riscv64: [0-9]{5,6} names and its types' '\*1  Linux .*kallsyms.*types \(BTF\)' \
  'Breakpoint 1, .* in kernel_init \(\)' '= 1$' '= "swapper/0"' '= "swapper/0"' \
  'Breakpoint 2, .* in do_execveat_common' '#0 .*do_execveat_common' '#[1-9] .*execve' '#[2-9] .*do_trap_ecall_u' '= 0' '= 1' \
  'struct list_head \*next;' 'type = void \(long' '^struct task_struct$' 'struct task_struct init_task$' \
  'Linux .* at 0xffffffff8' '^do_execveat_common$' '= 1$' '^fd = ' '^filename = \(struct filename \*\) 0x' \
  '^ [12]  sh.map: 1 symbols, in process sh only' '^\*[12]  init.map: .* in process init only' 'in init_code \(\)'

say "Debian's amd64 kernel"
want_pc_linux amd64
python3 - "$pc_linux/Image" vmlinux <<'END'
import lzma, struct, sys
image = open(sys.argv[1], "rb").read()
at, n = struct.unpack_from("<II", image, 0x248)
packed = image[(image[0x1f1] + 1) * 512 + at:][:n]
open(sys.argv[2], "wb").write(lzma.LZMADecompressor().decompress(packed))
END
# The kernel without its unpacker, entered as a PVH kernel: it stays where it was linked to.
debug amd64.txt 60 -M pc -m 256M -display none -serial null -kernel vmlinux -initrd "$pc_linux/initrd.gz" \
  -append "console=ttyS0 panic=1" <<'END'
symbols list
tbreak do_exit
continue
info args
backtrace 2
symbols kernel
print (*(struct task_struct **)(__per_cpu_offset[0] + (unsigned long)&current_task))->comm
print ((struct task_struct *)init_task.tasks.next)->__state >= 0
ptype current_task
info variables current_task
END
expect amd64.txt 'Linux .*amd64: kallsyms.*types' 'in do_exit \(\)' '^code = 0$' '#0 .* in do_exit' '#1 .* in ' 'at 0xffffffff81000000' '= "' \
  '= 1' '^type = struct task_struct \{' 'struct task_struct \*current_task \(of each CPU\)'

# The bzImage moves itself (KASLR): only what it says in memory is right.
debug kaslr.txt 100 -M pc -m 256M -accel jit -history off -display none -serial null -kernel "$pc_linux/Image" \
  -initrd "$pc_linux/initrd.gz" -append "console=ttyS0 panic=1" <<END
symbols list
run-until 5200000000
symbols kernel
tbreak schedule
continue
backtrace 2
END
expect kaslr.txt 'No symbols are loaded' '^Linux .*amd64 at 0xffffffff[89ab][0-9a-f]{7}: [0-9]+ symbols' 'in schedule \(\)' '#1 .* in '
debug packed.txt 60 -M pc -m 64M -display none -serial null -kernel "$pc_linux/Image" <<END
symbols kernel $pc_linux/Image 0x1000000
info symbol 0xffffffff82000000
END
expect packed.txt '^Linux .*amd64 at 0xffffffff82000000: [0-9]+ symbols, and its types' '^(_text|_stext|startup_64)$'
check "all that was printed" [ "$failed" = 0 ]
finish
