/* Value change dumps (IEEE 1364-2005, clause 18): text that every viewer of wave forms reads. */
#include <stdlib.h>
#include <string.h>

#include "trace/waves.h"

struct vcd {
    struct waves waves;
    u64 ticks; /* units of the file in one of the machine's */
    bool told; /* the time `at` is in the file */
    u64 at;
};

static const char *id(unsigned n, char out[8])
{
    char *p = out;
    do
        *p++ = (char)('!' + n % 94);
    while (n /= 94);
    *p = 0;
    return out;
}

static void put_value(struct trace *t, const struct wave *w, unsigned n)
{
    char text[65], name[8];
    wave_text(w, text);
    if (w->bits > 1)
        buf_printf(&t->out, "b%s %s\n", text, id(n, name));
    else
        buf_printf(&t->out, "%s%s\n", w->bits ? text : "1", id(n, name));
}

static void put_time(struct trace *t, u64 now)
{
    struct vcd *v = t->data;
    if (v->told && v->at == now)
        return;
    v->told = true;
    v->at = now;
    buf_printf(&t->out, "#%llu\n", (unsigned long long)(now * v->ticks));
}

static void begin(struct trace *t)
{
    static const char *const units[] = { "s", "ms", "us", "ns", "ps", "fs" };
    struct vcd *v = t->data = xcalloc(1, sizeof *v);
    waves_init(&v->waves, t);
    int unit = -waves_unit(t, &v->ticks), third = (unit + 2) / 3;
    for (; unit < 3 * third; unit++)
        v->ticks *= 10;
    buf_printf(&t->out, "$version Orrery $end\n$timescale 1 %s $end\n$scope module machine $end\n", units[third]);
    const char *scope = NULL;
    for (unsigned i = 0; i < v->waves.n; i++) {
        const struct wave *w = &v->waves.wave[i];
        char name[8];
        if (!scope || strcmp(scope, w->scope))
            buf_printf(&t->out, "%s$scope module %s $end\n", scope ? "$upscope $end\n" : "", w->scope);
        scope = w->scope;
        buf_printf(&t->out, "$var %s %u %s %s $end\n", w->bits ? "wire" : "event", w->bits ? w->bits : 1, id(i, name), w->name);
    }
    buf_printf(&t->out, "%s$upscope $end\n$enddefinitions $end\n", scope ? "$upscope $end\n" : "");
    put_time(t, v->waves.begin);
    buf_printf(&t->out, "$dumpvars\n");
    for (unsigned i = 0; i < v->waves.n; i++)
        if (v->waves.wave[i].bits)
            put_value(t, &v->waves.wave[i], i);
    buf_printf(&t->out, "$end\n");
}

static void change(struct trace *t, unsigned n)
{
    struct vcd *v = t->data;
    put_time(t, v->waves.now);
    put_value(t, &v->waves.wave[n], n);
}

static void hear(struct trace *t, const struct event *ev)
{
    struct vcd *v = t->data;
    waves_hear(&v->waves, t, ev, change);
}

static void end(struct trace *t)
{
    struct vcd *v = t->data;
    put_time(t, t->m->clock.now);
    waves_fini(&v->waves);
    free(v);
}

const struct trace_format trace_vcd = { "vcd", "interrupt outputs and traps as wave forms (GTKWave, Surfer)", .begin = begin,
                                        .hear = hear, .hears = WAVES_HEAR, .end = end };
