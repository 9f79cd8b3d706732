#!/bin/sh
# Makes x86_programs.h of x86_programs.S (GNU as and objcopy for x86-64): run by hand when the programs change.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
as --64 x86_programs.S -o "$tmp/o" 2>"$tmp/log" || { cat "$tmp/log"; exit 1; }
link() { # name, address
    ld -m elf_x86_64 --oformat binary -T /dev/stdin -o "$tmp/$1" "$tmp/o" <<END
SECTIONS { .text $2 : { *(.p_$1) } /DISCARD/ : { *(*) } }
END
    printf 'static const u8 program_%s[] = {\n' "$1"
    od -An -v -tx1 "$tmp/$1" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g; s/^/    /'
    echo '};'
}
{
    echo '/* Made by x86_programs.sh of x86_programs.S. */'
    link real 0x1000
    link flat 0x100000
    link long 0x100000
} > x86_programs.h
