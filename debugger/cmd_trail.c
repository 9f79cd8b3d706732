/* What was just executed, and what was just written. */
#include "debugger/commands.h"
#include "debugger/heat.h"

#include <stdlib.h>
#include <string.h>

#include "machine/history.h"

/* --- info trail -------------------------------------------------------------------------------------------------- */

enum { TRAIL_DEFAULT = 64, TRAIL_MOST = 10000 };

struct trail_view {
    struct debugger *d;
    struct buf out, line;
    u64 *before; /* registers */
    struct moment moment;
};

/* Counters change with every instruction, and where it goes on is the next line. */
static bool told(const struct cpu_reg *r)
{
    static const char *const not[] = { "pc", "rip", "eip", "cycle", "time", "instret", "mcycle", "minstret", "cycleh", "timeh",
                                       "instreth", "mcycleh", "minstreth", "fip", "fop", "fdp" };
    for (size_t i = 0; i < ARRAY_LEN(not); i++)
        if (!strcmp(r->name, not[i]))
            return false;
    /* Views of another register: sstatus is a part of mstatus (Privileged, 10.1.1). */
    return strcmp(r->name, "sstatus") && strcmp(r->name, "sip") && strcmp(r->name, "sie");
}

static void before_one(struct trail_view *v)
{
    struct debugger *d = v->d;
    struct cpu *c = d->cpu;
    u64 pc = debugger_pc(d);
    size_t i = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++, i++) {
        v->before[i] = 0;
        c->ops->reg_get(c, r, &v->before[i]);
    }
    v->moment = (struct moment){ .pc = pc, .sp = isa_sp(c) };
    isa_now(c)->look(c, &v->moment);
    v->line.len = 0;
    buf_printf(&v->line, "%12llu ", (unsigned long long)machine_position(d->machine));
    struct buf insn = { 0 };
    show_insn(d, pc, false, &insn);
    const char *text = buf_cstr(&insn) + 3;
    buf_printf(&v->line, "%s", text);
    buf_free(&insn);
    for (const struct stop_point *p = d->stops.list; p; p = p->next)
        if (stop_has_addr(p, pc))
            buf_printf(&v->line, " #%d", p->number);
}

/* Was an interrupt taken in its place, and the handler's first instruction executed in the same step? RISC-V keeps in xepc where
 * that was (Privileged, 3.1.14); x86 counts what it takes. */
static bool interrupted(const struct trail_view *v)
{
    struct cpu *c = v->d->cpu;
    struct isa_trap trap;
    size_t i = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++, i++) {
        u64 now = 0;
        if (strcmp(r->name, "sepc") && strcmp(r->name, "mepc"))
            continue;
        c->ops->reg_get(c, r, &now);
        if (now == v->moment.pc && now != v->before[i])
            return true;
    }
    return isa_now(c)->trapped(c, &v->moment, 0, UINT64_MAX, &trap);
}

static void look(void *opaque, bool done)
{
    struct trail_view *v = opaque;
    struct cpu *c = v->d->cpu;
    if (!done) {
        before_one(v);
        return;
    }
    size_t i = 0;
    const char *sep = "  |";
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++, i++) {
        u64 now = 0;
        c->ops->reg_get(c, r, &now);
        if (now == v->before[i] || !told(r))
            continue;
        buf_printf(&v->line, "%s %s=0x%llx", sep, r->name, (unsigned long long)now);
        sep = "";
    }
    if (interrupted(v))
        buf_printf(&v->line, "%s to its handler", *sep ? sep : ",");
    buf_printf(&v->out, "%s %s\n", c->name, buf_cstr(&v->line));
}

HANDLER(info_trail)
{
    u64 n;
    if (!parse_count(d, args, TRAIL_DEFAULT, &n, e))
        return false;
    if (!n || n > TRAIL_MOST)
        return err_set(e, "info trail: from 1 to %d instructions", TRAIL_MOST);
    size_t regs = 0;
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++)
        regs++;
    struct trail_view v = { .d = d, .before = xcalloc(regs + 1, sizeof(u64)) };
    bool ok = back_trail(d, n, look, &v, e);
    if (ok && !v.out.len)
        buf_printf(&v.out, "%s has executed nothing yet.\n", d->cpu->name);
    debug_write(d, &v.out);
    buf_free(&v.out);
    buf_free(&v.line);
    free(v.before);
    return ok;
}

/* --- info heat --------------------------------------------------------------------------------------------------- */

const char heat_legend[] = "# since the last checkpoint, * in the one before, + 2 or 3 ago, - 4 to 7, . longer";

enum { AGES = 64 }; /* older than so many checkpoints is not told apart from never */

/* How many checkpoints ago [pa, pa + len) was written; -1: not since. */
static int age_of(struct debugger *d, u64 pa, u64 len, const u64 *at, unsigned n)
{
    const struct history *h = d->machine->history;
    const struct space *s = d->machine->mem;
    int best = -1;
    for (u32 i = 0; i < s->n && s->regions[i]->base < pa + len; i++) {
        const struct region *g = s->regions[i];
        u64 from = g->base > pa ? g->base : pa, to = g->base + g->size < pa + len ? g->base + g->size : pa + len;
        if (!g->ram || g->ram->rom || from >= to)
            continue;
        u64 offset = g->ram_offset + (from - g->base);
        if (history_written(h, g->ram, offset, to - from))
            return 0;
        for (unsigned k = 1; k < n && (best < 0 || (int)k < best); k++)
            if (history_wrote(h, at[k], at[k - 1], g->ram, offset, to - from))
                best = (int)k;
    }
    return best;
}

/* Checkpoints up to here, newest first. */
static unsigned checkpoints(const struct debugger *d, u64 at[AGES])
{
    unsigned n = 0;
    u64 before = machine_position(d->machine) + 1;
    while (n < AGES && history_before(d->machine->history, before, &at[n]))
        before = at[n++];
    return n;
}

/* From where to where the largest memory is seen. */
static void all_memory(const struct space *s, u64 *base, u64 *len)
{
    const struct region *most = NULL;
    for (u32 i = 0; i < s->n; i++)
        if (s->regions[i]->ram && !s->regions[i]->ram->rom && (!most || s->regions[i]->size > most->size))
            most = s->regions[i];
    *base = most ? most->base : 0;
    *len = most ? most->size : PAGE_SIZE;
    for (u32 i = 0; i < s->n; i++)
        if (most && s->regions[i]->ram == most->ram && s->regions[i]->base < *base) {
            *len += *base - s->regions[i]->base;
            *base = s->regions[i]->base;
        }
}

bool heat_look(struct debugger *d, u64 base, u64 len, struct heat_map *out, struct err *e)
{
    u64 at[AGES];
    if (!d->machine->history)
        return err_set(e, "the past is not kept here; start with `orrery debug`, without --history off");
    if (!len)
        all_memory(d->machine->mem, &base, &len);
    *out = (struct heat_map){ .base = base & ~PAGE_MASK, .cell = PAGE_SIZE };
    while (out->cell * HEAT_ACROSS * HEAT_DOWN < len && out->cell < (u64)1 << 40)
        out->cell *= 2;
    unsigned n = checkpoints(d, at);
    for (u64 pa = out->base; out->n < ARRAY_LEN(out->shown) && pa - out->base < len && pa >= out->base; pa += out->cell) {
        int age = age_of(d, pa, out->cell, at, n);
        out->shown[out->n++] = age < 0 ? ' ' : !age ? '#' : age == 1 ? '*' : age < 4 ? '+' : age < 8 ? '-' : '.';
    }
    return true;
}

u64 heat_page(struct debugger *d, const struct heat_map *m, unsigned cell)
{
    u64 at[AGES], first = m->base + cell * m->cell, found = first;
    unsigned n = checkpoints(d, at);
    int best = -1;
    for (u64 pa = first; pa - first < m->cell && best; pa += PAGE_SIZE) {
        int age = age_of(d, pa, PAGE_SIZE, at, n);
        if (age >= 0 && (best < 0 || age < best)) {
            best = age;
            found = pa;
        }
    }
    return found;
}

HANDLER(info_heat)
{
    u64 base = 0, len = 0;
    const char *comma = strchr(args, ',');
    if (*args) {
        char *first = xstrdup(args);
        if (comma)
            first[comma - args] = 0;
        bool ok = debugger_eval(d, first, &base, e) && (!comma || debugger_eval(d, comma + 1, &len, e));
        free(first);
        if (!ok)
            return false;
        if (!len)
            len = comma ? PAGE_SIZE : HEAT_ACROSS * HEAT_DOWN * PAGE_SIZE;
    }
    struct heat_map m;
    if (!heat_look(d, base, len, &m, e))
        return false;
    for (unsigned i = 0; i < m.n; i += HEAT_ACROSS)
        debug_printf(d, "%016llx |%-*.*s|\n", (unsigned long long)(m.base + i * m.cell), HEAT_ACROSS,
                     (int)(m.n - i < HEAT_ACROSS ? m.n - i : HEAT_ACROSS), m.shown + i);
    debug_printf(d, "%llu KiB each: %s\n", (unsigned long long)(m.cell >> 10), heat_legend);
    return true;
}
