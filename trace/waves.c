#include "trace/waves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct wave *add(struct waves *w, const char *scope, const char *name, unsigned bits)
{
    w->wave = xrealloc(w->wave, (w->n + 1) * sizeof *w->wave);
    struct wave *v = &w->wave[w->n++];
    *v = (struct wave){ .scope = scope, .bits = bits };
    snprintf(v->name, sizeof v->name, "%s", name);
    return v;
}

/* In the order of `trap` below. */
static const struct {
    const char *name, *field;
    unsigned bits;
} of_cpu[] = { { "trap", NULL, 0 }, { "cause", "code", 64 }, { "pc", "pc", 64 } };

void waves_init(struct waves *w, struct trace *t)
{
    *w = (struct waves){ .begin = t->m->clock.now, .now = t->m->clock.now };
    for (unsigned i = 0; i < t->m->n_cpus; i++)
        for (unsigned k = 0; k < ARRAY_LEN(of_cpu); k++)
            add(w, t->m->cpus[i]->name, of_cpu[k].name, of_cpu[k].bits);
    for (const struct device *d = t->m->devices; d; d = d->next)
        for (unsigned out = 0; out < DEVICE_MAX_OUT; out++) {
            char name[16];
            if (!d->out[out].set)
                continue;
            snprintf(name, sizeof name, "out%u", out);
            add(w, d->path + 1, name, 1);
        }
}

void waves_fini(struct waves *w)
{
    free(w->wave);
    w->wave = NULL;
}

static int find(const struct waves *w, const char *scope, const char *name)
{
    for (unsigned i = 0; i < w->n; i++)
        if (!strcmp(w->wave[i].scope, scope) && !strcmp(w->wave[i].name, name))
            return (int)i;
    return -1;
}

static void set(struct waves *w, struct trace *t, int n, u64 value, void (*change)(struct trace *t, unsigned n))
{
    if (n < 0 || (w->wave[n].bits && w->wave[n].known && w->wave[n].value == value))
        return;
    w->wave[n].value = value;
    w->wave[n].known = true;
    change(t, (unsigned)n);
}

void waves_hear(struct waves *w, struct trace *t, const struct event *ev, void (*change)(struct trace *t, unsigned n))
{
    bool irq = !strcmp(ev->type->name, "irq.level"), trap = !strcmp(ev->type->name, "cpu.trap");
    if (!irq && !trap)
        return;
    w->now = ev->when;
    if (irq) {
        char name[16];
        snprintf(name, sizeof name, "out%u", (unsigned)ev->value[0].u);
        set(w, t, find(w, ev->source + 1, name), ev->value[1].u, change);
        return;
    }
    int first = find(w, ev->source, of_cpu[0].name);
    if (first < 0)
        return;
    for (unsigned k = 0; k < ARRAY_LEN(of_cpu); k++)
        for (unsigned f = 0; f < EVENT_MAX_FIELDS; f++)
            if (!of_cpu[k].field || (ev->type->field[f].name && !strcmp(ev->type->field[f].name, of_cpu[k].field))) {
                set(w, t, first + (int)k, of_cpu[k].field ? ev->value[f].u : 1, change);
                break;
            }
}

int waves_unit(const struct trace *t, u64 *ticks)
{
    u64 per_second = 1;
    int exponent = 0;
    while (per_second < t->m->clock.hz && exponent > -15) {
        per_second *= 10;
        exponent--;
    }
    while (per_second % t->m->clock.hz && exponent > -15) {
        per_second *= 10;
        exponent--;
    }
    *ticks = per_second / t->m->clock.hz;
    return exponent;
}

void wave_text(const struct wave *w, char out[65])
{
    for (unsigned i = 0; i < w->bits; i++)
        out[i] = !w->known ? 'x' : (char)('0' + (w->value >> (w->bits - 1 - i) & 1));
    out[w->bits] = 0;
}
