/* Named cycle models. A model says what each retired instruction cost; a badge says how that is known. */
#ifndef CPU_TIMING_H
#define CPU_TIMING_H

#include "cpu/cpu.h"

enum timing_badge { TIMING_NONE, TIMING_ESTIMATE, TIMING_DOCUMENTED, TIMING_EXACT_SILICON, TIMING_EXACT_RTL };

struct timing {
    const struct timing_model *model;
    struct cpu_retire prev; /* the instruction before; length 0: none */
};

struct timing_model { /* constant */
    const char *name, *doc;
    enum timing_badge badge;
    const char *core;     /* what it models, with revision and configuration */
    const char *proof;    /* the test that shows it */
    const char *unproven; /* what has only a declared cost */
    u64 reset_pc;         /* where the core starts (boot address 0) */
    u64 (*cost)(const struct timing *t, struct cpu *c, const struct cpu_retire *r); /* cycles, at least 1 */
};

extern const struct timing_model *const timing_models[]; /* ends with NULL */
const struct timing_model *timing_model_named(const char *name, struct err *e); /* NULL and err if there is none */
const char *timing_badge_name(enum timing_badge b);

/* For cpu_observer.retire; opaque is a struct timing. */
u64 timing_retire(void *opaque, struct cpu *c, const struct cpu_retire *r);

#endif
