# Sourced by the tests of this folder. `make check` gives ORRERY, SRC and BUILD; by hand: tests/boot/linux BUILD-DIRECTORY.
# ORRERY_LINUX names a folder of fetch-linux to share between build trees; ORRERY_TEST_SLOW=5 stretches the time limits
# (sanitizers).
set -u
LC_ALL=C
export LC_ALL
SRC=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
BUILD=${BUILD:-$(cd "${1:-.}" && pwd)}
ORRERY=${ORRERY:-$BUILD/orrery}
PATH=$PATH:/usr/sbin:/sbin
here=$SRC/tests/boot
name=$(basename "$0")
work=$BUILD/tests/boot/$name.dir
linux=${ORRERY_LINUX:-$BUILD/linux}
teach=$BUILD/tests/labs/teach/teach.elf
checked=0
failed=0
children=

[ -x "$ORRERY" ] || { echo "$name: $ORRERY is not there; build it, and say where: $0 BUILD-DIRECTORY"; exit 1; }
rm -rf "$work"
mkdir -p "$work" && cd "$work" || exit 1

cleanup() {
  for p in $children; do kill -KILL "$p" 2>/dev/null; done
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

started=$(date +%s)
say() { printf '== %s (%d s)\n' "$*" $(($(date +%s) - started)); }
ok() { checked=$((checked + 1)); printf 'ok: %s\n' "$*"; }
bad() { checked=$((checked + 1)); failed=$((failed + 1)); printf 'FAILED: %s\n' "$*"; }
check() { # WHAT COMMAND...: the command succeeds
  what=$1; shift
  if "$@"; then ok "$what"; else bad "$what: $*"; fi
}
same() { # WHAT GOT EXPECTED
  if [ "$2" = "$3" ]; then ok "$1: $2"; else bad "$1: it is '$2', expected was '$3'"; fi
}
has() { # WHAT FILE TEXT: a line of the file contains the text
  if grep -qaF -e "$3" "$2"; then ok "$1"; else bad "$1: '$3' is not in $work/$2, which ends:"; tail -n 5 "$2"; fi
}
skip() { echo "SKIP: $*"; exit 77; }
need() { # PROGRAM PACKAGE
  command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed (Debian package $2)"
}
finish() {
  echo "$name: $checked checked, $failed failed, $(($(date +%s) - started)) s"
  [ "$failed" = 0 ] && [ "$checked" -gt 0 ] && { rm -rf "$work"; exit 0; }
  exit 1
}

# SIGTERM would be polite, but a hanging emulator does not hear it.
limit() { # SECONDS COMMAND...
  seconds=$1; shift
  timeout -s KILL $((seconds * ${ORRERY_TEST_SLOW:-1})) "$@"
}

want_linux() {
  "$here/fetch-linux" "$linux" || {
    echo "SKIP: Debian's riscv64 kernel cannot be had (no network?)"
    exit 77
  }
  [ -s "$linux/Image" ] && [ -s "$linux/initrd.gz" ] || { echo "FAILED: fetch-linux left no kernel in $linux"; exit 1; }
}

want_pc_linux() { # amd64|i386: pc_linux is its folder; ORRERY_LINUX_AMD64 and ORRERY_LINUX_I386 name folders to share
  case $1 in
  amd64) pc_linux=${ORRERY_LINUX_AMD64:-$BUILD/linux-amd64} ;;
  *) pc_linux=${ORRERY_LINUX_I386:-$BUILD/linux-$1} ;;
  esac
  "$here/fetch-linux" "$pc_linux" "$1" || skip "Debian's $1 kernel cannot be had (no network?)"
  [ -s "$pc_linux/Image" ] && [ -s "$pc_linux/initrd.gz" ] || { echo "FAILED: fetch-linux left no kernel in $pc_linux"; exit 1; }
}

pc_kernels() { # multiboot.elf, multiboot2.elf and pvh.elf of pc-kernel.c
  cat > kernel.ld <<'END'
SECTIONS {
  . = 0x100000;
  .text : { *(.header) *(.text*) *(.rodata*) }
  .note.Xen : { *(.note.Xen) }
  .data : { *(.data*) }
  .bss : { *(.bss*) }
}
END
  n=0
  for k in multiboot multiboot2 pvh; do
    n=$((n + 1))
    entry=_start; [ $k = multiboot ] && entry=entry
    clang --target=i386-none-elf -march=i386 -O1 -ffreestanding -fno-pic -fno-stack-protector -mno-sse -nostdlib -static \
      -fuse-ld=lld -Wl,-T,kernel.ld -Wl,-e,$entry -DKIND=$n -o $k.elf "$here/pc-kernel.c" || { bad "clang compiles $k.elf"; finish; }
  done
}

want_teach() { # `make check` has built it; by hand it may be missing
  [ -s "$teach" ] || make -s -C "$BUILD" tests/labs/teach/teach.elf || exit 1
}

guest() { # NAME [XLEN]: NAME.elf from the assembly on standard input; it begins at _start in machine mode
  need clang clang
  abi=lp64; [ "${2:-64}" = 32 ] && abi=ilp32
  cat > "$1.S"
  clang --target=riscv"${2:-64}"-unknown-elf -march=rv"${2:-64}"imac -mabi=$abi -mno-relax -nostdlib -static -fuse-ld=lld \
    -Wl,-T,"$SRC/tests/labs/teach/kernel.ld" -o "$1.elf" "$1.S" || exit 1
}

# Linux says so of every machine with this chipset (PCI without a memory-mapped configuration space), of a Pentium III's
# performance counters, of a kernel without PAE, and of drives when their driver is unloaded. Everything else of
# `test=complaints` is a fault.
no_complaints() { # WHAT FILE
  has "$1's warnings are read" "$2" "orrery-guest: warned acpi PNP0A03:00: fail to add MMCONFIG"
  same "$1 complains about nothing" "$(sed -n 's/^orrery-guest: warned //p' "$2" | tr -d '\r' |
    grep -v -e 'fail to add MMCONFIG information' -e 'Failed to access perfctr msr' -e 'not compiled for PAE' -e 'ata.*: disable device$')" ""
}
hash_lines() { grep -aE '^[0-9]+ [0-9a-f]{16}$' "$1"; } # of --hash-every
state_hash() { sed -n 's/^state-hash //p' "$1" | tr -d '\r'; }  # "HASH at POSITION"
