#include "debugger/debugger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/script.h"

void process_provide(struct debugger *d, const struct process_provider *p)
{
    d->processes = p ? *p : (struct process_provider){ .current = NULL };
    debugger_changed(d);
}

bool process_has_provider(const struct debugger *d)
{
    return d->processes.current != NULL;
}

static bool read_reg(struct cpu *c, const char *name, u64 *v)
{
    const struct cpu_reg *r = cpu_reg_named(c, name);
    return r && c->ops->reg_get(c, r, v);
}

u64 process_root(struct cpu *c)
{
    u64 v, mode;
    if (read_reg(c, "satp", &v)) {
        bool wide = cpu_addr_mask(c) == UINT64_MAX;
        mode = wide ? v >> 60 : v >> 31;
        return mode ? (v & (wide ? 0xfffffffffff : 0x3fffff)) << 12 : 0;
    }
    if (read_reg(c, "cr3", &v) && read_reg(c, "cr0", &mode))
        return mode >> 31 & 1 ? v & 0x000ffffffffff000 : 0;
    return 0;
}

bool process_current(struct debugger *d, struct cpu *c, struct process *out)
{
    *out = (struct process){ .root = 0 };
    if (d->processes.current && d->processes.current(d->processes.opaque, c, out)) {
        if (!out->root)
            out->root = process_root(c);
        return true;
    }
    *out = (struct process){ .root = process_root(c) };
    return out->root != 0;
}

static bool process_is(const struct process *p, const char *text)
{
    char *end;
    if (p->name[0] && !strcmp(p->name, text))
        return true;
    u64 n = strtoull(text, &end, 0);
    if (end == text || *end)
        return false;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return n && (n == p->root || n == p->object);
    return p->has_pid && n == p->pid;
}

bool process_matches(struct debugger *d, struct cpu *c, const char *text)
{
    struct process p;
    char *end;
    u64 v, n = strtoull(text, &end, 0);
    if (!process_current(d, c, &p))
        return false;
    /* satp or CR3 with all their bits are taken too. */
    return process_is(&p, text) ||
           (n && !*end && p.root && (read_reg(c, "satp", &v) || read_reg(c, "cr3", &v)) && v == n);
}

bool process_nameable(struct debugger *d, const char *text, struct err *e)
{
    char *end;
    strtoull(text, &end, 0);
    if (!*text)
        return err_set(e, "a process is needed: its name, its number, or its page table's address (0x80223000)");
    bool root = end != text && !*end && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    struct err why;
    if (root || process_has_provider(d) || script_os_auto(d, &why))
        return true;
    return err_set(e, "processes are known only by their page table's address (0x80223000), not as \"%s\": names and "
                   "numbers need a profile of the operating system, and %s", text, why.text);
}

static bool runs(void *opaque, const char *process)
{
    struct debugger *d = opaque;
    return process_matches(d, d->cpu, process);
}

struct other {
    struct debugger *d;
    const char *text, *file; /* what was asked for, what the file says */
    bool same;
};

static bool has_both(void *opaque, const struct process *p)
{
    struct other *q = opaque;
    q->same = process_is(p, q->text) && process_is(p, q->file);
    return !q->same;
}

/* "sh" and "42" may be two names of one process. */
static bool is_other(void *opaque, const char *process)
{
    struct other *q = opaque;
    q->file = process;
    q->same = !strcmp(process, q->text);
    if (!q->same)
        process_each(q->d, has_both, q);
    return q->same;
}

void process_see(struct debugger *d, const char *text)
{
    struct other q = { .d = d, .text = text };
    bool any = false;
    for (const struct symfile *f = d->syms->files; f && !any; f = f->next)
        any = f->process != NULL;
    if (any && text)
        debugger_frame(d, 0); /* so that nobody who asks for it shows the others meanwhile */
    if (any)
        symbols_show(d->syms, text ? is_other : runs, text ? (void *)&q : d);
}

void process_each(struct debugger *d, bool (*to)(void *arg, const struct process *p), void *arg)
{
    if (d->processes.each) {
        d->processes.each(d->processes.opaque, to, arg);
        return;
    }
    struct process p;
    for (unsigned i = 0; i < d->machine->n_cpus; i++)
        if (process_current(d, d->machine->cpus[i], &p) && !to(arg, &p))
            return;
}

void process_format(const struct process *p, char *out, size_t cap)
{
    if (p->name[0] && p->has_pid)
        snprintf(out, cap, "%s (%llu)", p->name, (unsigned long long)p->pid);
    else if (p->name[0])
        snprintf(out, cap, "%s", p->name);
    else if (p->has_pid)
        snprintf(out, cap, "%llu", (unsigned long long)p->pid);
    else
        snprintf(out, cap, "0x%llx", (unsigned long long)p->root);
}
