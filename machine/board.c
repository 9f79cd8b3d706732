#include "machine/board.h"

#include <string.h>

static bool part_exists(const struct board *b, const char *name)
{
    for (const struct board_part *p = b->parts; p->name; p++)
        if (!strcmp(p->name, name))
            return true;
    return !strcmp(name, "harts");
}

bool board_validate(const struct board *b, struct err *e)
{
    if (!b->master_hz || !b->boot || !b->timebase || !b->default_ram || b->max_ram < b->default_ram)
        return err_set(e, "board '%s' lacks a clock, memory or a boot function", b->name);
    for (const struct board_part *p = b->parts; p->name; p++) {
        for (const struct board_part *q = b->parts; q < p; q++)
            if (!strcmp(p->name, q->name))
                return err_set(e, "board '%s' has two parts named '%s'", b->name, p->name);
        if (!p->cls)
            return err_set(e, "part '%s' of board '%s' has no class", p->name, b->name);
        for (const struct board_wire *w = p->wires; w < p->wires + ARRAY_LEN(p->wires) && w->to; w++) {
            if (!part_exists(b, w->to))
                return err_set(e, "output %u of part '%s' of board '%s' goes to '%s', which is not there", w->out, p->name,
                               b->name, w->to);
            if (w->out + (u64)w->step * 7 >= DEVICE_MAX_OUT)
                return err_set(e, "part '%s' of board '%s' has no output %u", p->name, b->name, w->out);
            /* Two outputs must not drive one input. */
            for (const struct board_part *q = b->parts; q->name; q++)
                for (const struct board_wire *v = q->wires; v < q->wires + ARRAY_LEN(q->wires) && v->to; v++)
                    if (v != w && !p->when && !q->when && !strcmp(v->to, w->to) && v->line == w->line)
                        return err_set(e, "parts '%s' and '%s' of board '%s' both drive input %u of '%s'", p->name, q->name,
                                       b->name, w->line, w->to);
        }
    }
    return true;
}
