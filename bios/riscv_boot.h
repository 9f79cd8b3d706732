/* What lies in memory when the first instruction of a RISC-V board runs: firmware, kernel, initrd, device tree and the
 * reset vector, placed where QEMU 7.2 places them. Everything works on bytes and an address space. */
#ifndef BIOS_RISCV_BOOT_H
#define BIOS_RISCV_BOOT_H

#include "base/buf.h"
#include "base/err.h"
#include "bios/blob.h"
#include "bios/placed.h"
#include "memory/space.h"

struct riscv_boot {
    /* Given. */
    unsigned xlen;
    struct space *mem;
    u64 rom_base, ram_base, ram_size;
    struct boot_blob firmware; /* none: -bios none, the kernel is entered in machine mode */
    struct boot_blob kernel;   /* ELF, Linux Image (also gzip'ed), or raw */
    struct boot_blob initrd;
    bool flash;                /* a flash image was given: reset jumps to flash_base */
    u64 flash_base;

    /* Found by riscv_boot_load(). */
    u64 start;         /* where the reset vector jumps */
    u64 firmware_end;
    u64 kernel_start, kernel_end; /* 0: no kernel; the end includes what the kernel clears itself, where it says so */
    u64 initrd_start, initrd_end;
    u64 dtb;           /* set by riscv_boot_finish() */
    struct placements placed;
};

/* Loads firmware, kernel and initrd, then tells where they are: the device tree needs the initrd's place. */
bool riscv_boot_load(struct riscv_boot *b, struct err *e);
/* Puts the device tree near the end of RAM (below 3 GiB) and the reset vector at rom_base. */
bool riscv_boot_finish(struct riscv_boot *b, const u8 *dtb, size_t dtb_size, struct err *e);

/* Header of a Linux Image ("Boot image header in RISC-V Linux", Documentation/arch/riscv/boot-image-header.rst). */
struct linux_image {
    u64 text_offset, image_size;
};
bool linux_image_parse(const u8 *data, size_t size, struct linux_image *out);

/* Unpacks a gzip file of at most `limit` bytes of contents. */
bool gunzip(const char *name, const u8 *data, size_t size, u64 limit, struct buf *out, struct err *e);

#endif
