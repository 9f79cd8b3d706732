/* Stop points in time: guest seconds, positions, instructions. */
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "debugger/commands.h"

static bool parse_count_of(struct debugger *d, struct stop_point *p, const char *text, u64 now, struct err *e)
{
    u64 n;
    bool more = *text == '+';
    if (!debugger_eval(d, text + more, &n, e))
        return false;
    p->addr = more ? now + n : n;
    if (more && n > UINT64_MAX / 2 - now)
        return err_set(e, "%s is never", text);
    return more && !n ? err_set(e, "that is here") : true;
}

bool stop_parse_cycles(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    return parse_count_of(d, p, text, d->machine->clock.now, e);
}

bool stop_parse_instructions(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    return parse_count_of(d, p, text, machine_retired(d->machine), e);
}

/* "1.5 ms": exact, without floating point. */
bool stop_parse_time(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    static const struct {
        const char *name;
        u64 per_second;
    } units[] = { { "s", 1 }, { "ms", 1000 }, { "us", 1000000 }, { "ns", 1000000000 } };
    const struct clock *c = &d->machine->clock;
    bool more = *text == '+';
    const char *s = text + more;
    unsigned __int128 n = 0, scale = 1;
    if (!isdigit((u8)*s))
        return err_set(e, "time %s: a number and its unit, as 3s, 250ms or +1.5us", text);
    for (; isdigit((u8)*s) && n < (u64)1 << 40; s++)
        n = n * 10 + (unsigned)(*s - '0');
    if (*s == '.')
        for (s++; isdigit((u8)*s); s++)
            if (scale < 1000000000) {
                n = n * 10 + (unsigned)(*s - '0');
                scale *= 10;
            }
    s = skip_space(s);
    for (unsigned k = 0; k < ARRAY_LEN(units); k++)
        if (!strcmp(s, units[k].name)) {
            scale *= units[k].per_second;
            unsigned __int128 ticks = (n * c->hz + scale - 1) / scale;
            if (ticks > UINT64_MAX / 2)
                return err_set(e, "time %s is never", text);
            p->addr = (more ? c->now : 0) + (u64)ticks;
            return more && !ticks ? err_set(e, "that is here") : true;
        }
    return err_set(e, "time %s: the unit is s, ms, us or ns", text);
}

/* p->has_code: it has passed. */
void stop_begin_cycles(struct debugger *d, struct stop_point *p)
{
    p->has_code = d->machine->clock.now >= p->addr;
}

void stop_begin_instructions(struct debugger *d, struct stop_point *p)
{
    p->has_code = machine_retired(d->machine) >= p->addr;
}

bool stop_passed(struct debugger *d, const struct stop_point *p)
{
    return p->has_code;
}

static void sooner(u64 *when, u64 at)
{
    if (!*when || at < *when)
        *when = at;
}

void stop_arm_cycles(struct stops *s, struct stop_point *p, struct machine *m)
{
    if (!p->has_code && p->addr > m->clock.now)
        sooner(&m->soon.alarm, p->addr);
}

void stop_arm_instructions(struct stops *s, struct stop_point *p, struct machine *m)
{
    if (!p->has_code && p->addr > machine_retired(m))
        sooner(&m->soon.retired, p->addr);
}

static bool due(struct stop_point *p, u64 now)
{
    bool yes = !p->has_code && now >= p->addr;
    p->has_code = p->has_code || yes;
    snprintf(p->what, sizeof p->what, "%s", p->spec);
    return yes;
}

bool stop_judge_cycles(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    return due(p, d->machine->clock.now);
}

bool stop_judge_instructions(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    return due(p, machine_retired(d->machine));
}
