#ifndef BIOS_BLOB_H
#define BIOS_BLOB_H

#include "base/types.h"

struct boot_blob { /* a file to boot */
    const char *name; /* for messages */
    const u8 *data;
    size_t size; /* 0: none */
};

#endif
