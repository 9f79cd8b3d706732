#include "machine/board.h"

#include <stdio.h>
#include <string.h>

/* One of the parts a row stands for. */
static unsigned copies(const struct board_part *p)
{
    return p->count ? p->count : 1;
}

static void name_of(const struct board_part *p, unsigned k, char *out, size_t cap)
{
    snprintf(out, cap, p->count ? "%s%u" : "%s", p->name, k);
}

/* Are there boards with both? Not when one is there "if x" and the other "if not x". */
static bool together(const struct board_part *p, const struct board_part *q)
{
    if (!p->when || !q->when)
        return true;
    bool p_not = p->when[0] == '!', q_not = q->when[0] == '!';
    return p_not == q_not || strcmp(p->when + p_not, q->when + q_not);
}

/* A window of a part, as far as the table knows its size. */
static bool window_of(const struct board_part *p, unsigned k, unsigned bank, u64 *base, u64 *size)
{
    if (!p->cls->banks[bank] || !p->base[bank] || !p->cls->banks[bank]->size)
        return false;
    *base = p->base[bank] + k * p->stride;
    *size = p->cls->banks[bank]->size;
    return true;
}

static bool apart(u64 a, u64 a_size, u64 b, u64 b_size)
{
    return !a_size || !b_size || (a < b ? b - a >= a_size : a - b >= b_size);
}

static bool check_window(const struct board *b, const struct board_part *p, unsigned k, unsigned bank, struct err *e)
{
    u64 base, size, other, other_size;
    char name[64], other_name[64];
    if (!window_of(p, k, bank, &base, &size))
        return true;
    name_of(p, k, name, sizeof name);
    if (!apart(base, size, b->ram_base, b->default_ram))
        return err_set(e, "part '%s' of board '%s' at 0x%llx overlaps its memory", name, b->name,
                       (unsigned long long)base);
    if (!apart(base, size, b->rom_base, b->rom_size))
        return err_set(e, "part '%s' of board '%s' at 0x%llx overlaps its ROM", name, b->name,
                       (unsigned long long)base);
    for (const struct board_part *q = b->parts; q->name; q++)
        for (unsigned j = 0; j < copies(q); j++)
            for (unsigned n = 0; n < DEVICE_MAX_BANKS; n++) {
                if ((p == q && k == j && bank == n) || !together(p, q) || !window_of(q, j, n, &other, &other_size) ||
                    apart(base, size, other, other_size))
                    continue;
                name_of(q, j, other_name, sizeof other_name);
                return err_set(
                    e, "parts '%s' (0x%llx, 0x%llx bytes) and '%s' (0x%llx, 0x%llx bytes) of board '%s' overlap", name,
                    (unsigned long long)base, (unsigned long long)size, other_name, (unsigned long long)other,
                    (unsigned long long)other_size, b->name);
            }
    return true;
}

static bool check_names(const struct board *b, const struct board_part *p, struct err *e)
{
    char mine[64], other[64];
    for (unsigned k = 0; k < copies(p); k++)
        for (const struct board_part *q = b->parts; q->name; q++)
            for (unsigned j = 0; j < copies(q); j++) {
                name_of(p, k, mine, sizeof mine);
                name_of(q, j, other, sizeof other);
                if ((p != q || k != j) && together(p, q) && !strcmp(mine, other))
                    return err_set(e, "board '%s' has two parts named '%s'", b->name, mine);
            }
    return !strcmp(p->name, "cpus")
               ? err_set(e, "board '%s' has a part named 'cpus', which the CPUs are called", b->name)
               : true;
}

/* The part a wire goes to, one that can be there together with p. */
static const struct board_part *target(const struct board *b, const struct board_part *p, const char *to)
{
    char name[64];
    for (const struct board_part *q = b->parts; q->name; q++)
        for (unsigned j = 0; together(p, q) && j < copies(q); j++) {
            name_of(q, j, name, sizeof name);
            if (!strcmp(name, to))
                return q;
        }
    return NULL;
}

/* Do two wires drive the same input? Further copies of a part drive the lines behind. */
static bool same_input(const struct board_part *p, const struct board_wire *w, const struct board_part *q,
                       const struct board_wire *v)
{
    if (strcmp(w->to, v->to) || !together(p, q))
        return false;
    u64 np = strcmp(w->to, "cpus") ? copies(p) : 1, nq = strcmp(w->to, "cpus") ? copies(q) : 1;
    return !apart(w->line, np, v->line, nq);
}

static bool check_wire(const struct board *b, const struct board_part *p, const struct board_wire *w, struct err *e)
{
    if (!strcmp(w->to, "cpus")) {
        if (w->out + (u64)w->step * (b->max_cpus - 1) >= DEVICE_MAX_OUT)
            return err_set(e, "part '%s' of board '%s' has no output %llu for CPU %u", p->name, b->name,
                           (unsigned long long)(w->out + (u64)w->step * (b->max_cpus - 1)), b->max_cpus - 1);
    } else {
        const struct board_part *to = target(b, p, w->to);
        if (!to)
            return err_set(e, "output %u of part '%s' of board '%s' goes to '%s', which is not there", w->out, p->name,
                           b->name, w->to);
        if (!to->cls || !to->cls->irq_in)
            return err_set(e, "output %u of part '%s' of board '%s' goes to '%s', which takes no interrupts", w->out,
                           p->name, b->name, w->to);
        if (w->out >= DEVICE_MAX_OUT)
            return err_set(e, "part '%s' of board '%s' has no output %u", p->name, b->name, w->out);
    }
    for (const struct board_part *q = b->parts; q->name; q++)
        for (const struct board_wire *v = q->wires; v < q->wires + ARRAY_LEN(q->wires) && v->to; v++)
            if (v != w && same_input(p, w, q, v))
                return err_set(e, "parts '%s' and '%s' of board '%s' both drive input %u of '%s'", p->name, q->name,
                               b->name, w->line > v->line ? w->line : v->line, w->to);
    return true;
}

static bool check_when(const struct board *b, const struct board_part *p, struct err *e)
{
    if (!p->when)
        return true;
    const char *name = p->when + (p->when[0] == '!');
    for (const struct prop_desc *d = b->props; d && d->name; d++)
        if (!strcmp(d->name, name))
            return true;
    return err_set(e, "part '%s' of board '%s' depends on '%s', which is no property of the board", p->name, b->name,
                   name);
}

bool board_validate(const struct board *b, struct err *e)
{
    if (!b->isa || !b->master_hz || !b->boot || !b->default_ram || b->max_ram < b->default_ram || !b->max_cpus)
        return err_set(e, "board '%s' lacks an ISA, a clock, CPUs, memory or a boot function", b->name);
    for (const struct board_part *p = b->parts; p->name; p++)
        if (!p->cls)
            return err_set(e, "part '%s' of board '%s' has no class", p->name, b->name);
    for (const struct board_part *p = b->parts; p->name; p++) {
        if (!check_names(b, p, e) || !check_when(b, p, e))
            return false;
        for (unsigned k = 0; k < copies(p); k++)
            for (unsigned bank = 0; bank < DEVICE_MAX_BANKS; bank++)
                if (!check_window(b, p, k, bank, e))
                    return false;
        for (const struct board_wire *w = p->wires; w < p->wires + ARRAY_LEN(p->wires) && w->to; w++)
            if (!check_wire(b, p, w, e))
                return false;
    }
    return true;
}
