/* What was put where before the guest starts: firmware, kernel, initrd, device tree, loader's files. Each is bytes
 * somebody meant to be there, so two that share an address are a mistake, told with both names. */
#ifndef BIOS_PLACED_H
#define BIOS_PLACED_H

#include "base/err.h"
#include "base/types.h"
#include "bios/elf.h"

#define PLACED_MAX 192
#define PLACED_SEGMENTS 8 /* of an ELF file; one with more counts as one range from its first byte to its last */

struct placed {
    const char *what, *name; /* "kernel", "vmlinux": not copied */
    u64 first, last;
};

struct placements {
    struct placed range[PLACED_MAX];
    unsigned n;
};

/* remedy ends the sentence: "...; link it elsewhere". size 0 is nothing. */
bool placed_add(struct placements *p, const char *what, const char *name, u64 start, u64 size, const char *remedy,
                struct err *e);
bool placed_add_elf(struct placements *p, const char *what, const char *name, const struct elf_image *img,
                    const char *remedy, struct err *e);

#endif
