/* Commands that go back. */
#include "debugger/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/history.h"

static void arrived(struct debugger *d, struct stop_report *r)
{
    d->interrupted = 0;
    report_stop(d, r);
}

static bool insns(struct debugger *d, const char *args, bool over, struct err *e)
{
    u64 n;
    struct stop_report r;
    if (!parse_count(d, args, 1, &n, e))
        return false;
    if (n > 1000000)
        return err_set(e, "reverse-stepi goes back at most 1000000 instructions; `goto` goes to a position");
    if (!n)
        return true;
    if (!back_stepi(d, n, over, &r, e))
        return false;
    arrived(d, &r);
    return true;
}

HANDLER(cmd_reverse_stepi)
{
    return insns(d, args, false, e);
}

HANDLER(cmd_reverse_nexti)
{
    return insns(d, args, true, e);
}

static bool lines(struct debugger *d, const char *args, bool over, struct err *e)
{
    u64 n;
    struct stop_report r = { .reason = REASON_STEPPED };
    bool new_frame = false;
    if (!parse_count(d, args, 1, &n, e))
        return false;
    for (u64 i = 0; i < n; i++) {
        if (!back_line(d, over, &r, e))
            return false;
        new_frame |= r.new_frame;
    }
    r.new_frame = new_frame;
    if (n)
        arrived(d, &r);
    return true;
}

HANDLER(cmd_reverse_step)
{
    return lines(d, args, false, e);
}

HANDLER(cmd_reverse_next)
{
    return lines(d, args, true, e);
}

HANDLER(cmd_reverse_finish)
{
    struct stop_report r;
    if (!back_finish(d, &r, e))
        return false;
    arrived(d, &r);
    return true;
}

HANDLER(cmd_reverse_continue)
{
    struct stop_report r;
    if (!back_continue(d, &r, e))
        return false;
    if (r.reason == REASON_ARRIVED)
        debug_printf(d, "\nNo more history: it begins here.\n");
    arrived(d, &r);
    return true;
}

/* --- last-write -------------------------------------------------------------------------------------------------- */

struct cpu_register {
    struct cpu *cpu;
    const struct cpu_reg *reg;
};

static u64 get_cpu_register(void *opaque)
{
    const struct cpu_register *r = opaque;
    u64 v = 0;
    r->cpu->ops->reg_get(r->cpu, r->reg, &v);
    return v;
}

struct device_register {
    const struct device *device;
    const struct reg_desc *reg;
    u32 index;
};

static u64 get_device_register(void *opaque)
{
    const struct device_register *r = opaque;
    return device_reg_get(r->device, r->reg, r->index);
}

/* "uart0.LCR": false without a message when it does not look like one. */
static bool device_register_named(struct debugger *d, const char *text, struct device_register *r)
{
    const char *dot = strrchr(text, '.');
    char path[128];
    unsigned bank;
    if (!dot || (size_t)(dot - text) >= sizeof path)
        return false;
    memcpy(path, text, (size_t)(dot - text));
    path[dot - text] = 0;
    r->device = machine_device(d->machine, path);
    r->reg = r->device ? device_reg_named(r->device, dot + 1, &bank, &r->index) : NULL;
    return r->reg;
}

static void say_written(struct debugger *d, const char *what, const struct last_write *w)
{
    debug_printf(d, "\n%s: 0x%llx -> 0x%llx, ", what, (unsigned long long)w->before, (unsigned long long)w->after);
    if (w->cpu)
        debug_printf(d, "by hart %u at position %llu:\n", w->cpu->index, (unsigned long long)w->at);
    else
        debug_printf(d, "by no CPU but a device (DMA), at position %llu:\n", (unsigned long long)w->at);
}

HANDLER(cmd_last_write)
{
    struct last_write w = { 0 };
    struct device_register dr;
    bool ok;
    if (device_register_named(d, args, &dr)) {
        ok = back_last_change(d, get_device_register, &dr, &w, e);
    } else {
        struct expr_env env = debugger_env(d);
        struct value v;
        env.read_only = true;
        if (!expr_value(&env, args, &v, e))
            return false;
        if (v.where == VALUE_REGISTER && v.reg) {
            struct cpu_register cr = { d->cpu, v.reg };
            ok = back_last_change(d, get_cpu_register, &cr, &w, e);
        } else {
            u64 len = type_size(d->syms, v.type), addr = v.addr;
            if (v.where != VALUE_MEMORY && !value_u64(&env, &v, &addr, e)) /* a number is the address of 8 bytes */
                return false;
            if (v.where != VALUE_MEMORY)
                len = 8;
            ok = back_last_write_memory(d, addr & cpu_addr_mask(d->cpu), len ? len : 1, &w, e);
        }
    }
    if (!ok)
        return false;
    say_written(d, args, &w);
    struct stop_report r = { .reason = REASON_STEPPED, .new_frame = true };
    arrived(d, &r);
    return true;
}

/* --- positions --------------------------------------------------------------------------------------------------- */

static struct bookmark *bookmark_named(struct debugger *d, const char *name)
{
    struct bookmark *b = d->bookmarks;
    while (b && strcmp(b->name, name))
        b = b->next;
    return b;
}

HANDLER(cmd_goto)
{
    u64 position;
    struct history *h = d->machine->history;
    const struct bookmark *b = bookmark_named(d, args);
    if (h && !strcmp(args, "begin"))
        position = history_begin(h);
    else if (h && !strcmp(args, "end"))
        position = history_end(h);
    else if (b)
        position = b->position;
    else if (!debugger_eval(d, args, &position, e))
        return false;
    if (!back_goto(d, position, e))
        return false;
    struct stop_report r = { .reason = REASON_STEPPED, .new_frame = true };
    arrived(d, &r);
    return true;
}

HANDLER(cmd_bookmark)
{
    char number[24];
    if (!*args) {
        unsigned n = 1;
        do
            snprintf(number, sizeof number, "bm%u", n++);
        while (bookmark_named(d, number));
        args = number;
    }
    struct bookmark *b = bookmark_named(d, args);
    if (!b) {
        struct bookmark **end = &d->bookmarks;
        while (*end)
            end = &(*end)->next;
        *end = b = xcalloc(1, sizeof *b);
        b->name = xstrdup(args);
    }
    b->position = machine_position(d->machine);
    debug_printf(d, "Bookmark %s is position %llu.\n", b->name, (unsigned long long)b->position);
    return true;
}

void undo_note(struct debugger *d, u64 position)
{
    const struct history *h = d->machine->history;
    bool edited = h && history_editing(h);
    if (!h || (machine_position(d->machine) == position && !edited))
        return;
    if (d->n_undo && edited && d->undo[d->n_undo - 1].edited && d->undo[d->n_undo - 1].position == position)
        return; /* they are taken back together */
    if (d->n_undo == ARRAY_LEN(d->undo))
        memmove(d->undo, d->undo + 1, --d->n_undo * sizeof d->undo[0]);
    d->undo[d->n_undo].position = position;
    d->undo[d->n_undo++].edited = edited;
}

HANDLER(cmd_undo)
{
    struct history *h = d->machine->history;
    if (!d->n_undo)
        return err_set(e, "Nothing to undo: no command has moved or changed the machine%s.",
                       h ? "" : ", and its past is not kept");
    d->n_undo--;
    bool ok = d->undo[d->n_undo].edited && d->undo[d->n_undo].position == machine_position(d->machine)
                  ? history_unedit(h, e)
                  : back_goto(d, d->undo[d->n_undo].position, e);
    debugger_changed(d);
    if (!ok)
        return false;
    struct stop_report r = { .reason = REASON_STEPPED, .new_frame = true };
    arrived(d, &r);
    return true;
}

HANDLER(info_timeline)
{
    const struct history *h = d->machine->history;
    u64 now = machine_position(d->machine);
    if (!h) {
        debug_printf(d, "The past is not kept: position %llu is all there is.\n", (unsigned long long)now);
        return true;
    }
    struct history_info i;
    history_describe(h, &i);
    u64 begin = history_begin(h), end = history_end(h);
    char bar[61];
    memset(bar, '.', sizeof bar - 1);
    bar[sizeof bar - 1] = 0;
    u64 at, span = end - begin ? end - begin : 1;
    for (unsigned n = 0; history_checkpoint(h, n, &at); n++)
        bar[(u64)((double)(at - begin) / (double)span * 59)] = '|';
    for (const struct bookmark *b = d->bookmarks; b; b = b->next)
        if (b->position >= begin && b->position <= end)
            bar[(u64)((double)(b->position - begin) / (double)span * 59)] = '^';
    bar[(u64)((double)(now - begin) / (double)span * 59)] = '*';
    debug_printf(d, "%llu [%s] %llu\n", (unsigned long long)begin, bar, (unsigned long long)end);
    debug_printf(d, "at %llu, %s; %u checkpoints, %u inputs, %llu of %llu MiB\n", (unsigned long long)now,
                 history_past(h) ? "in the past" : "the present", i.checkpoints, i.inputs,
                 (unsigned long long)(i.bytes >> 20), (unsigned long long)(i.limit >> 20));
    for (const struct bookmark *b = d->bookmarks; b; b = b->next)
        debug_printf(d, "  %-16s %llu\n", b->name, (unsigned long long)b->position);
    return true;
}
