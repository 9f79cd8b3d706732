/* ELF images: little-endian executables of 32 or 64 bits, from bytes nobody trusts.
 * "System V Application Binary Interface", chapters 4 and 5. */
#ifndef BIOS_ELF_H
#define BIOS_ELF_H

#include "base/err.h"
#include "base/types.h"
#include "memory/space.h"

#define ELF_MACHINE_RISCV 243
#define ELF_MACHINE_X86_64 62
#define ELF_MACHINE_386 3
#define ELF_MACHINE_ARM 40
#define ELF_MACHINE_AARCH64 183

struct elf_segment { /* a PT_LOAD with something in memory */
    u64 paddr, vaddr, file_size, mem_size;
    const u8 *data; /* file_size bytes inside the image */
};

struct elf_image {
    unsigned xlen; /* 32 or 64 */
    u16 machine;
    u64 entry;
    u64 low, high; /* physical range of all segments: [low, high) */
    const u8 *data;
    size_t size;
    u64 phoff;
    u32 phentsize, phnum;
};

bool elf_is(const u8 *data, size_t size); /* starts like any ELF file */

/* Checks the headers and every segment. machine 0 takes any. name is for messages. */
bool elf_open(struct elf_image *img, const char *name, const u8 *data, size_t size, u16 machine, struct err *e);
/* The n-th segment worth loading; false after the last. */
bool elf_segment(const struct elf_image *img, u32 n, struct elf_segment *out);
/* Stores all segments at their physical addresses, zero-filling. */
bool elf_load(const struct elf_image *img, const char *name, struct space *s, struct err *e);

/* Stores len zeroes; returns how many could be stored. Pages that are zero already are left alone. */
u64 space_zero(struct space *s, u64 addr, u64 len);

#endif
