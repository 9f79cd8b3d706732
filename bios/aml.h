/* Writing AML: "Advanced Configuration and Power Interface Specification" (ACPI), version 6.5, chapter 20.
 * Calls append to a buffer; what has a length is opened and closed: aml_begin(b, ...); ... aml_end(b). */
#ifndef BIOS_AML_H
#define BIOS_AML_H

#include "base/buf.h"

#define AML_DEPTH 16
#define AML_SERIALIZED 8
struct aml {
    struct buf out;
    size_t open[AML_DEPTH]; /* where the length of each open package belongs */
    unsigned depth;
};

/* Names: "\\_SB_.PCI0", "LNKA", "^ISA_.PRQ0"; segments shorter than four characters are filled with '_'. */
void aml_name(struct aml *a, const char *path);
void aml_int(struct aml *a, u64 v);
void aml_string(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id); /* "PNP0A03" as a number (19.3.4) */
void aml_op(struct aml *a, unsigned op);         /* one byte, or 0x5Bxx */

void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args); /* | AML_SERIALIZED: it makes names */
void aml_package(struct aml *a, unsigned elements);
void aml_if(struct aml *a); /* the predicate follows */
void aml_end(struct aml *a);

/* Name (name, ...): the value follows. */
void aml_define(struct aml *a, const char *name);
void aml_define_int(struct aml *a, const char *name, u64 v);
void aml_region(struct aml *a, const char *name, unsigned space, u64 offset, u64 length);
enum { AML_SYSTEM_MEMORY, AML_SYSTEM_IO, AML_PCI_CONFIG };
/* Field (region, access, NoLock, Preserve): {name, bits}... ended by a NULL name. access: 1 byte, 2 word, 3 dword. */
struct aml_unit {
    const char *name; /* "": reserved */
    u32 bits;
};
void aml_field(struct aml *a, const char *region, unsigned access, const struct aml_unit *units);

/* Opcodes of terms that are written out (20.2.5). */
enum {
    AML_STORE = 0x70, AML_AND = 0x7b, AML_OR = 0x7d, AML_RETURN = 0xa4, AML_ARG0 = 0x68,
    AML_DWORD_FIELD = 0x8a, AML_NOTHING = 0x00, AML_LEQUAL = 0x93,
};

/* Resource templates (6.4): begin, descriptors, end. */
void aml_resources(struct aml *a);
void aml_res_io(struct aml *a, u16 base, u8 length);
void aml_res_irq(struct aml *a, unsigned irq); /* edge, active high, exclusive */
void aml_res_dma(struct aml *a, unsigned channel); /* 8 bit, compatibility */
void aml_res_memory32(struct aml *a, bool writable, u32 base, u32 length);
void aml_res_interrupts(struct aml *a, const u32 *gsi, unsigned n); /* level, active high, shared, consumer */
void aml_res_bus(struct aml *a, unsigned first, unsigned last);
void aml_res_ports(struct aml *a, u16 first, u16 last);        /* produced by a bridge */
void aml_res_window32(struct aml *a, u32 first, u32 last, bool cacheable);
void aml_resources_end(struct aml *a);

#endif
