/* Stop points at code, memory and I/O ports: addresses that the CPUs compare by themselves. */
#include "debugger/stop_kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"

enum { MOST_CODE = 1 << 20 }; /* bytes of an executed range */

bool stop_parse_code(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    struct place place;
    if (!strncmp(text, "phys ", 5)) {
        p->addrs = xmalloc(sizeof *p->addrs);
        p->n_addrs = 1;
        p->physical = true;
        return debugger_eval(d, *skip_space(text + 5) == '*' ? skip_space(text + 5) + 1 : text + 5, p->addrs, e);
    }
    if (!place_resolve(d, text, &place, e))
        return false;
    p->addrs = xmalloc(place.n * sizeof *p->addrs);
    memcpy(p->addrs, place.addrs, place.n * sizeof *p->addrs);
    p->n_addrs = place.n;
    return true;
}

bool stop_parse_execute(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    char *s = stop_trimmed(text);
    bool ok = stop_parse_range(d, s, &p->addr, &p->len, &p->physical, e);
    free(s);
    if (ok && p->physical)
        return err_set(e, "execute takes a virtual address");
    if (ok && p->len > MOST_CODE)
        return err_set(e, "a range of code is at most %u bytes", MOST_CODE);
    if (!ok)
        return false;
    u64 mask = cpu_addr_mask(d->cpu), step = strncmp(d->cpu->ops->isa, "riscv", 5) ? 1 : 2;
    p->len = p->len ? p->len : 1;
    p->addrs = xmalloc(p->len * sizeof *p->addrs);
    for (u64 at = 0; at < p->len; at += step)
        p->addrs[p->n_addrs++] = (p->addr + at) & mask;
    return true;
}

void stop_arm_code(struct stops *s, struct stop_point *p, struct machine *m)
{
    for (size_t i = 0; i < p->n_addrs; i++)
        stops_arm_code(s, p, p->addrs[i], p->physical);
}

/* --- memory ------------------------------------------------------------------------------------------------------ */

static struct type *bytes_type(struct debugger *d, u64 len)
{
    return type_array(d->syms, type_builtin(d->syms, TYPE_CHAR, 1, false, "unsigned char"), len);
}

/* "phys ADDR[,LENGTH]", "0xADDR[,LENGTH]": no C expression says how long it is. */
static bool parse_plain(struct debugger *d, struct stop_point *p, char *text, struct err *e)
{
    if (!stop_parse_range(d, text, &p->addr, &p->len, &p->physical, e))
        return false;
    p->len = p->len ? p->len : d->cpu->ops->isa && cpu_addr_mask(d->cpu) == UINT32_MAX ? 4 : 8;
    if (!p->physical)
        p->addr &= cpu_addr_mask(d->cpu);
    p->type = p->len <= 8 && !(p->len & (p->len - 1))
                  ? type_builtin(d->syms, TYPE_INT, (unsigned)p->len, false, "unsigned")
                  : bytes_type(d, p->len);
    return p->len - 1 <= UINT64_MAX - p->addr ? true : err_set(e, "%s goes beyond the end of the address space", text);
}

static bool parse_lvalue(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    struct value v;
    struct expr_env env = debugger_env(d);
    env.read_only = true;
    if (!expr_value(&env, text, &v, e))
        return false;
    if (v.where != VALUE_MEMORY || v.unavailable)
        return err_set(e, "Cannot watch \"%s\": it is %s. Watch something in memory, as *(int *)0x80001000 or a variable.",
                       text, v.unavailable ? v.unavailable : v.where == VALUE_REGISTER ? "in a register" : "a plain value");
    p->len = type_size(d->syms, v.type);
    if (!p->len)
        return err_set(e, "Cannot watch \"%s\": its size is not known; cast it, as *(int *)&%s", text, text);
    p->addr = v.addr;
    p->type = v.type;
    return true;
}

static bool parse_memory(struct debugger *d, struct stop_point *p, const char *text, u8 access, struct err *e)
{
    char *s = stop_trimmed(text);
    p->access = access;
    bool ok = stop_take_test(d, p, s, e);
    if (ok)
        ok = !strncmp(s, "phys ", 5) || strchr(s, ',') || !strncmp(s, "0x", 2) ? parse_plain(d, p, s, e)
                                                                            : parse_lvalue(d, p, s, e);
    if (ok && p->test && p->len > 8)
        ok = err_set(e, "%s is %llu bytes: a comparison takes at most 8", s, (unsigned long long)p->len);
    free(s);
    return ok;
}

bool stop_parse_read(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    return parse_memory(d, p, text, CPU_READ, e);
}

bool stop_parse_write(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    return parse_memory(d, p, text, CPU_WRITE, e);
}

bool stop_parse_access(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    return parse_memory(d, p, text, CPU_READ | CPU_WRITE, e);
}

void stop_arm_memory(struct stops *s, struct stop_point *p, struct machine *m)
{
    stops_arm_watch(s, p, (struct cpu_watch){ .addr = p->addr, .len = p->len, .access = p->access, .physical = p->physical });
}

static void look(struct debugger *d, const struct stop_point *p, struct cpu *c, u8 now[WATCH_MAX_BYTES])
{
    u64 n = p->len < WATCH_MAX_BYTES ? p->len : WATCH_MAX_BYTES;
    memset(now, 0, WATCH_MAX_BYTES);
    if (p->physical)
        space_peek(d->machine->mem, p->addr, now, n);
    else
        cpu_peek(c, p->addr, now, n);
}

void stop_begin_memory(struct debugger *d, struct stop_point *p)
{
    look(d, p, d->cpu, p->old);
}

/* $old and $new, for conditions, words of `log` and commands. */
static void set_old_and_new(struct debugger *d, const struct stop_point *p, const u8 was[WATCH_MAX_BYTES],
                            const u8 now[WATCH_MAX_BYTES])
{
    struct type *unknown = p->len <= 8 ? value_int(d->syms, 0, (unsigned)p->len, false).type : NULL;
    struct value v = { .type = p->type ? p->type : unknown, .where = VALUE_BYTES };
    if (!v.type)
        return;
    memcpy(v.bytes, was, WATCH_MAX_BYTES);
    convenience_set(&d->vars, "old", &v);
    memcpy(v.bytes, now, WATCH_MAX_BYTES);
    convenience_set(&d->vars, "new", &v);
}

bool stop_judge_memory(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    u8 now[WATCH_MAX_BYTES];
    look(d, p, c, now);
    bool same = !memcmp(now, p->old, sizeof now);
    u64 was = load_le(p->old, 8), is = load_le(now, 8), mask = p->len < 8 ? size_mask((unsigned)p->len) : UINT64_MAX;
    set_old_and_new(d, p, p->old, now);
    memcpy(p->old, now, sizeof now);
    if ((p->only_changes && same) || !stop_test_holds(p, is))
        return false;
    const char *how = c->hit.access == CPU_READ ? "read" : "write";
    if (p->len > 8)
        snprintf(p->what, sizeof p->what, "%s %s", how, p->spec);
    else if (same)
        snprintf(p->what, sizeof p->what, "%s %s: 0x%llx", how, p->spec, (unsigned long long)(is & mask));
    else
        snprintf(p->what, sizeof p->what, "%s %s: 0x%llx -> 0x%llx", how, p->spec, (unsigned long long)(was & mask),
                 (unsigned long long)(is & mask));
    return true;
}

/* --- ports ------------------------------------------------------------------------------------------------------- */

bool stop_parse_io(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    static const char *const ways[] = { "in", "out", NULL };
    bool physical;
    u64 n = 1;
    if (!d->machine->io)
        return err_set(e, "This machine has no I/O ports: its devices are in memory.");
    char *s = stop_trimmed(text);
    bool ok = stop_take_test(d, p, s, e);
    int way = stop_take_last(s, ways);
    ok = ok && stop_parse_range(d, s, &p->addr, &n, &physical, e);
    free(s);
    p->len = n ? n : 1;
    if (ok && (physical || p->addr > 0xffff || p->len > 0x10000 - p->addr))
        ok = err_set(e, "I/O ports are 0 to 0xffff");
    p->access = way == 0 ? CPU_READ : way == 1 ? CPU_WRITE : CPU_READ | CPU_WRITE;
    return ok;
}

void stop_arm_io(struct stops *s, struct stop_point *p, struct machine *m)
{
    stops_arm_port(s, p, (struct cpu_watch){ .addr = p->addr, .len = p->len, .access = p->access });
}

bool stop_judge_io(struct debugger *d, struct stop_point *p, struct cpu *c)
{
    u64 v = c->hit.value & size_mask(c->hit.size);
    u64 len = p->len;
    p->len = c->hit.size; /* values are as wide as the access */
    bool holds = stop_test_holds(p, v);
    p->len = len;
    snprintf(p->what, sizeof p->what, "%s 0x%llx: 0x%0*llx", c->hit.access == CPU_READ ? "IN from" : "OUT to",
             (unsigned long long)c->hit.addr, 2 * c->hit.size, (unsigned long long)v);
    return holds;
}
