/* Stop points on registers of CPUs: CSRs, control registers and MSRs tell of themselves, general registers are looked at; and
 * on the page-table entries of an address, which are memory that other memory names. */
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cpu/x86/msr.h"
#include "debugger/commands.h"
#include "debugger/process.h"

static const char *const ways[] = { "read", "write", "change", NULL };

static bool x86_has(const char *name)
{
    size_t n;
    const struct x86_msr *m = x86_msrs(&n);
    for (size_t i = 0; i < n; i++)
        if (!strcasecmp(m[i].name, name))
            return true;
    return (!strncasecmp(name, "cr", 2) || !strncasecmp(name, "dr", 2)) && name[2] >= '0' && name[2] <= '8' && !name[3];
}

bool stop_parse_csr(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    char *s = stop_trimmed(text);
    bool ok = stop_take_test(d, p, s, e);
    int way = stop_take_last(s, ways);
    p->access = way == 0 ? CPU_READ : CPU_WRITE;
    p->only_changes = way == 2;
    p->name = stop_trimmed(*s == '$' ? s + 1 : s);
    free(s);
    if (!ok)
        return false;
    if (isdigit((u8)*p->name)) {
        p->has_code = true;
        return debugger_eval(d, p->name, &p->code, e);
    }
    const struct cpu_reg *r = cpu_reg_named(d->cpu, p->name);
    if (debugger_x86(d) ? x86_has(p->name) : r && !strcmp(r->group, "csr"))
        return true;
    if (r)
        return err_set(e, "%s is no CSR, control register or MSR; `break reg %s` looks at general registers", p->name, p->name);
    return err_set(e, "there is no register %s; `info %s` lists them", p->name, debugger_x86(d) ? "msr" : "csr");
}

/* Fields as in cpu.register: name, number, old, value, how. */
bool stop_hears_csr(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    const char *name = ev->value[0].s, *how = ev->value[4].s;
    u64 old = ev->value[2].u, v = ev->value[3].u;
    bool read = !strcmp(how, "read"), numbered = !(strlen(name) == 3 && (name[0] == 'c' || name[0] == 'd') && name[1] == 'r');
    if (p->has_code ? !numbered || ev->value[1].u != p->code : strcasecmp(name, p->name))
        return false;
    if (read != (p->access == CPU_READ) || (p->only_changes && old == v) || !stop_test_holds(p, v))
        return false;
    if (read)
        snprintf(what, n, "%s read: 0x%llx", *name ? name : p->name, (unsigned long long)v);
    else
        snprintf(what, n, "%s: 0x%llx -> 0x%llx by %s", *name ? name : p->name, (unsigned long long)old, (unsigned long long)v,
                 *how == 't' ? "a trap" : "an instruction");
    return true;
}

/* --- general registers ------------------------------------------------------------------------------------------- */

bool stop_parse_register(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    char *s = stop_trimmed(text);
    bool ok = stop_take_test(d, p, s, e);
    if (ok) {
        p->cpu_reg = register_named(d->cpu, *s == '$' ? s + 1 : s);
        if (!p->cpu_reg)
            ok = err_set(e, "there is no register %s; `info registers` lists them", s);
    }
    free(s);
    return ok;
}

void stop_arm_register(struct stops *s, struct stop_point *p, struct machine *m)
{
    if (p->cpu_reg->told)
        stops_arm_register(s, (struct cpu_reg_watch){ p->cpu_reg, p->value, p->test == TEST_EQ });
}

static void tell(const struct stop_point *p, u64 before, u64 v, char *what, size_t n)
{
    snprintf(what, n, "%s: 0x%llx -> 0x%llx", p->cpu_reg->name, (unsigned long long)before, (unsigned long long)v);
}

/* Fields as in cpu.general: name, old, new. */
bool stop_hears_register(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    if (strcmp(ev->value[0].s, p->cpu_reg->name) || !stop_test_holds(p, ev->value[2].u))
        return false;
    tell(p, ev->value[1].u, ev->value[2].u, what, n);
    return true;
}

/* Registers that no CPU tells of. */
static u64 *was(struct stop_point *p, const struct cpu *c)
{
    return (u64 *)(void *)p->old + c->index % (WATCH_MAX_BYTES / 8);
}

void stop_begin_register(struct debugger *d, struct stop_point *p)
{
    for (unsigned i = 0; i < d->machine->n_cpus; i++) {
        struct cpu *c = d->machine->cpus[i];
        c->ops->reg_get(c, p->cpu_reg, was(p, c));
    }
}

void stop_look_at_register(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    u64 v = 0, *old = was(p, c), before = *old;
    if (p->cpu_reg->told || !c->ops->reg_get(c, p->cpu_reg, &v) || v == before)
        return;
    *old = v;
    if (!stop_test_holds(p, v) || !d->machine->soon.armed)
        return;
    machine_stop_soon(d->machine);
    p->happened = true;
    tell(p, before, v, p->what, sizeof p->what);
}

/* --- page tables ------------------------------------------------------------------------------------------------- */

bool stop_parse_pte(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    if (!debugger_eval(d, text, &p->addr, e))
        return false;
    p->root = process_root(d->cpu);
    p->physical = true;
    stop_begin_pte(d, p);
    return p->n_entries ? true : err_set(e, "pte: no page table is in use here");
}

static u64 entry(struct debugger *d, const struct stop_point *p, unsigned k)
{
    u8 bytes[8] = { 0 };
    space_peek(d->machine->mem, p->entry[k], bytes, p->len);
    return load_le(bytes, 8);
}

/* Where the walk goes now: only while its address space is the one in use. */
void stop_begin_pte(struct debugger *d, struct stop_point *p)
{
    struct cpu_walk w;
    if (process_root(d->cpu) == p->root) {
        d->cpu->ops->walk(d->cpu, p->addr, CPU_READ, &w);
        p->n_entries = w.n_levels;
        p->len = !strcmp(w.mode, "Sv32") || !strcmp(w.mode, "32-bit") ? 4 : 8;
        for (unsigned k = 0; k < w.n_levels; k++)
            p->entry[k] = w.level[k].pte_addr;
    }
    for (unsigned k = 0; k < p->n_entries; k++)
        store_le(p->old + 8 * k, 8, entry(d, p, k));
}

void stop_arm_pte(struct stops *s, struct stop_point *p, struct machine *m)
{
    for (unsigned k = 0; k < p->n_entries; k++)
        stops_arm_watch(s, p, (struct cpu_watch){ .addr = p->entry[k], .len = p->len, .access = CPU_WRITE, .physical = true });
}

bool stop_judge_pte(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    bool changed = false;
    for (unsigned k = 0; k < p->n_entries; k++) {
        u64 old = load_le(p->old + 8 * k, 8), now = entry(d, p, k);
        if (old == now)
            continue;
        if (!changed)
            snprintf(p->what, sizeof p->what, "pte of 0x%llx, %u of %u, at 0x%llx: 0x%llx -> 0x%llx",
                     (unsigned long long)p->addr, k + 1, p->n_entries, (unsigned long long)p->entry[k],
                     (unsigned long long)old, (unsigned long long)now);
        changed = true;
    }
    if (changed) {
        stop_begin_pte(d, p);
        d->stops.stale = true;
    }
    return changed;
}
