/* Model-specific registers: one row each, read by RDMSR, WRMSR and debuggers. */
#ifndef CPU_X86_MSR_H
#define CPU_X86_MSR_H

#include "cpu/x86/x86.h"

struct x86_msr {
    u32 number;
    u16 feature;    /* the model must have it (X86_F_*) */
    u16 offset;     /* of the u64 in struct x86; 0: there is none, but hooks or `fixed` */
    const char *name;
    u64 mask;       /* bits that may be written as 1: others raise #GP(0). 0 and no hook: read-only */
    u64 fixed;      /* what is read when there is neither offset nor hook */
    u64 (*read)(const struct x86 *c, const struct x86_msr *m);
    bool (*write)(struct x86 *c, const struct x86_msr *m, u64 value); /* after the mask; false: c->fault */
    const char *doc;
};
const struct x86_msr *x86_msrs(size_t *n);
/* The row of a number that this model has, or NULL. */
const struct x86_msr *x86_msr_row(const struct x86 *c, u32 number);
/* What RDMSR would read, without its effects on anything; false: there is no such MSR. */
bool x86_msr_peek(const struct x86 *c, u32 number, u64 *value);

#endif
