/* SMBIOS tables ("System Management BIOS Reference Specification", DMTF DSP0134, version 2.8): what dmidecode shows. */
#ifndef BIOS_SMBIOS_H
#define BIOS_SMBIOS_H

#include "base/buf.h"

struct smbios_machine {
    const char *product; /* the board's name */
    const char *version; /* of this program */
    const char *cpu;     /* the model's name */
    u32 cpu_signature;   /* CPUID 1.EAX */
    u32 cpu_features;    /* CPUID 1.EDX */
    unsigned cpus;
    u64 ram_size; /* bytes */
};

/* "etc/smbios/smbios-tables" and "etc/smbios/smbios-anchor": the firmware sets address and checksums. */
void smbios_make(const struct smbios_machine *m, struct buf *tables, struct buf *anchor);

#endif
