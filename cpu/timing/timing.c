#include "cpu/timing/timing.h"

#include <string.h>

#include "base/suggest.h"

extern const struct timing_model timing_picorv32_slow, timing_picorv32_fast, timing_picorv32_fastc, timing_ibex_small,
    timing_ibex_maxperf;
const struct timing_model *const timing_models[] = { &timing_picorv32_slow, &timing_picorv32_fast, &timing_picorv32_fastc,
                                                     &timing_ibex_small, &timing_ibex_maxperf, NULL };

const struct timing_model *timing_model_named(const char *name, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    for (const struct timing_model *const *t = timing_models; *t; t++) {
        if (!strcmp((*t)->name, name))
            return *t;
        suggest(name, (*t)->name, &best, &score);
    }
    err_set(e, "there is no timing model '%s'%s%s%s; '--timing ?' lists them", name, best ? " (did you mean '" : "",
            best ? best : "", best ? "'?)" : "");
    return NULL;
}

const char *timing_badge_name(enum timing_badge b)
{
    static const char *const names[] = { "none", "estimate", "documented", "exact-silicon", "exact-RTL" };
    return names[b];
}

u64 timing_retire(void *opaque, struct cpu *c, const struct cpu_retire *r)
{
    struct timing *t = opaque;
    u64 cycles = t->model->cost(t, c, r);
    t->prev = *r;
    return cycles;
}
