#!/usr/bin/env python3
"""The debugger on a PC: what it shows of tables, registers and devices, I/O watchpoints, and stories that can be gone on from.
A kernel of ours with 4 KiB pages, a TSS and a call gate; make check runs it in the build directory."""
import os
import re
import subprocess
import sys
import tempfile

SRC = os.path.abspath(os.environ.get("SRC", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")))
BUILD = os.path.abspath(os.environ.get("BUILD", os.getcwd()))
ORRERY = os.environ.get("ORRERY", os.path.join(BUILD, "orrery"))
SLOW = int(os.environ.get("ORRERY_TEST_SLOW", "1"))
failed = checked = 0

KERNEL = r"""
#include "kernel.inc"
kernel: gate    13, handler_gp
        gate    0x21, handler_pf, attributes=0xef00
        movw    $0x38 * 8 - 1, idt_pointer
        lidt    idt_pointer
        movw    $0x67, gdt_38
        mov     $tss, %eax
        mov     %ax, gdt_38 + 2
        shr     $16, %eax
        mov     %al, gdt_38 + 4
        movb    $0x89, gdt_38 + 5
        movl    $0x12345678, tss + 4
        movl    $0x10, tss + 8
        mov     $0x38, %eax
        ltr     %ax
        movl    $(pt + 7), pd
        xor     %ecx, %ecx
1:      mov     %ecx, %eax
        shl     $12, %eax
        or      $3, %eax
        mov     %eax, pt(, %ecx, 4)
        inc     %ecx
        cmp     $0x180, %ecx
        jb      1b
        movl    $0x00107005, pt + 4 * 0x3ff
        mov     $pd, %eax
        mov     %eax, %cr3
        mov     %cr0, %eax
        or      $0x80000000, %eax
        mov     %eax, %cr0
        mov     $0x41, %al
        outb    %al, $0x80
        inb     $0x61, %al
        mov     $0x42, %al
        outb    %al, $0x80
done:   int     $0x40
        ret
        .bss
        .balign 8
tss:    .space  104
"""


def check(ok, what, text=""):
    global failed, checked
    checked += 1
    if not ok:
        failed += 1
        print(f"FAILED: {what}\n{text[-1500:]}")


def debug(*commands, args=("-kernel", "kernel.elf")):
    line = [ORRERY, "debug", "-machine", "pc", "-m", "64", "-display", "none", "-monitor", "none", "-serial", "none", *args, "--batch"]
    for c in commands:
        line += ["-ex", c]
    p = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 * SLOW, check=False)
    return p.returncode, p.stdout + p.stderr


def says(what, text, *patterns):
    for p in patterns:
        check(re.search(p, text, re.M), f"{what}: {p}", text)


def main():
    with tempfile.TemporaryDirectory(prefix="orrery-x86-") as work:
        os.chdir(work)
        with open("kernel.S", "w") as f:
            f.write(KERNEL)
        try:
            subprocess.run(["clang", "--target=i386-unknown-elf", "-m32", "-g", "-gdwarf-4", "-I", os.path.join(SRC, "tests/broken"),
                            "-c", "-o", "kernel.o", "kernel.S"], check=True)
            subprocess.run(["ld.lld", "-static", "-Ttext", "0x100000", "-z", "max-page-size=4096", "-o", "kernel.elf", "kernel.o"], check=True)
        except FileNotFoundError as e:
            print(f"SKIP: {e.filename} is not installed")
            return 77
        _, text = debug("x/i $pc", "x/i 0xf000:0xe05b", "info idt", "info tss")
        says("real mode", text, r"=> 0x0*fffffff0 f000:fff0:\tjmp 0xf000:0xe05b", r"f000:e05b:\tcmp", r"^Interrupt vectors at 0x0, limit 0xffff",
             r"^No TSS")
        _, text = debug("break done", "continue", "info registers", "info gdt", "info idt", "info ldt", "info tss", "info mem", "info tlb",
                        "page 0x3ff000", "page /w 0x3ff000", "page 0x800000", "x/i cs:eip")
        says("registers", text, r"^eip .*<done>|^rip .*<done>", r"^cs +0008  base 0x0 limit 0xffffffff code DPL 0 32-bit", r"^cr0 .*PG=1",
             r"^mode +protected mode, 32-bit code")
        says("gdt", text, r"  0008  code, execute/read, accessed, base 0x0, limit 0xffffffff, DPL 0, 32-bit  <- CS",
             r"  0038  32-bit TSS, busy, base 0x[0-9a-f]+, limit 0x67, DPL 0  <- TR")
        says("idt", text, r"  0d #GP 32-bit interrupt gate, 0008:0x[0-9a-f]+, DPL 0, present <handler_gp>",
             r"  21     32-bit trap gate, 0008:0x[0-9a-f]+, DPL 3, present <handler_pf>", r"^  \(54 not present\)")
        says("ldt, tss", text, r"^No LDT", r"^32-bit TSS 0038 at", r"ESP0 +0x12345678 +SS0 +0x0010", r"I/O permission bitmap")
        says("mem", text, r"^0{16}-0000000000[0-9a-f]+ -> 0{12} -rwx", r"^00000000003ff000-00000000003fffff -> 000000107000 ur-x")
        says("tlb", text, r"^00000000003ff000: 000000107000 ur-x")
        says("page", text, r"level 2: PTE at", r"-> physical 0x107000", r"#PF page fault: .*not present")
        _, text = debug("watch io 0x80", "rwatch io 0x60,4", "info breakpoints", "break kernel", "continue", "continue", "continue",
                        "delete 1", "continue", args=("-kernel", "kernel.elf"))
        says("watch io", text, r"^I/O watchpoint 1: io 0x80", r"^I/O watchpoint 2: io 0x60 to 0x63", r"hw watchpoint .*\n? *.*io 0x80")
        _, text = debug("break kernel", "continue", "watch io 0x80 if $al == 0x42", "rwatch io 0x60,4", "continue", "continue")
        says("watch io at its instruction", text, r"IN from 0x61: 0x[0-9a-f]{2}", r"OUT to 0x80: 0x42")
        check("OUT to 0x80: 0x41" not in text, "the condition of a port", text)
        status, text = debug("break done", "continue", "info irq", "info pic", "info lapic", "info ioapic", "info pit", "info hpet", "info rtc",
                             "info ide", "info fdc", "info kbd", "info dma", "info pci", "info cpuid", "info msr", "info msr LSTAR", "info msr 0x1b",
                             "info csr cr0")
        check(status == 0, "all topics are known", text)
        says("devices", text, r"^  IRQ 0 +8259: vector 0x08", r"^cpu0: IF=0, interrupts are off", r"^/pic1: IRQ 8 to 15 at vectors 0x70",
             r"^/lapic0: ID 0x0, enabled", r"IOREDTBL\[0\]", r"^/pit: i8254", r"^/hpet: ", r"^/rtc: ", r"^/ide: piix3-ide", r"^/floppy: ", r"^/kbd: ",
             r"^/dma0: ", r"^  00:01\.1  8086:7010  IDE controller", r"^qemu64: GenuineIntel, family 6", r"c0000082 LSTAR", r"  1b of the local APIC")
        _, text = debug("continue", "info story", "position")
        says("the end", text, r"HLT with interrupts off", r"^The last exception was:", r"^  1\. INT 0x40",
             r"IDT entry 0x40 lies beyond the limit of the IDT", r"int 0x40$", r"done at kernel\.S:\d+")
        status, text = debug("info gdt", "info pci", "info story", "watch io 1", "info pic", args=("-machine", "virt", "-bios", "none"))
        says("RISC-V", text, r"^There is no GDT here: this is riscv64", r"has no PCI bus", r"has no I/O ports", r"^/plic")
    print(f"{checked} checked, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
