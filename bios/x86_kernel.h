/* Kernels given with -kernel on a PC: where their pieces go and how they are entered. The result is a plan that the option
 * ROM bios/rom/kernel.S carries out when the firmware has done its part: Linux bzImage ("The Linux/x86 Boot Protocol"),
 * multiboot 1 and 2 ("Multiboot Specification", 0.6.96 and 2.0), ELF with a PVH entry (Xen's "x86/HVM direct boot ABI"). */
#ifndef BIOS_X86_KERNEL_H
#define BIOS_X86_KERNEL_H

#include "base/arena.h"
#include "base/err.h"
#include "bios/blob.h"

#define X86_PLAN_KEY 0x8100 /* of the configuration device; the pieces follow */
#define X86_PLAN_PIECES 24

struct x86_kernel {
    /* Given. */
    struct boot_blob kernel, initrd;
    const char *append;
    u64 low_ram_end; /* of the RAM below 4 GiB */

    /* Made: what the configuration device offers. Reading beyond `size` gives zeroes. */
    const char *kind; /* "Linux", "multiboot", ... */
    unsigned n;
    struct x86_piece {
        const u8 *data;
        u32 size;     /* bytes there are */
        u32 addr;
        u32 mem_size; /* bytes to store */
    } piece[X86_PLAN_PIECES];
    struct { /* as the ROM reads it: 16 little-endian numbers of 32 bits, then key, addr, mem_size of each piece */
        u32 map, map_stride, map_prefix, map_count_at, map_bytes_at; /* map 0: none is wanted */
        u32 flat;   /* 0: Linux's real-mode entry, start is a segment */
        u32 start, eax, ebx, esi, esp;
        u32 rsdp_at;   /* where the address of ACPI's root pointer goes; 0: nowhere */
        u32 memory_at; /* where the KiB below 640 KiB and from 1 MiB on go; 0: nowhere */
    } entry;
    const u8 *plan;
    u32 plan_size;
};

/* Everything made is in the arena or points into what was given. */
bool x86_kernel_plan(struct x86_kernel *k, struct arena *a, struct err *e);

/* The option ROM, checksums done. */
const u8 *x86_kernel_rom(struct arena *a, u32 *size);

#endif
