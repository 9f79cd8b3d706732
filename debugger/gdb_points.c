/* Breakpoints and watchpoints of a gdb client. Software breakpoints are the same as hardware ones: memory is never
 * patched, so the guest cannot see them and they need no page to be there.
 *
 * gdb takes all of them out at every stop and puts them back before it goes on; so they are armed only then,
 * and only when something is different: arming costs the harts their translated code. */
#include "debugger/gdb_stub.h"

#include <stdlib.h>
#include <string.h>

static struct gdb_point *find(struct gdb_stub *s, enum gdb_point_kind kind, u64 addr, u64 len)
{
    for (size_t i = 0; i < s->n_points; i++) {
        struct gdb_point *p = &s->points[i];
        if (p->kind == kind && p->addr == addr && (kind <= GDB_HARDWARE || p->len == len))
            return p;
    }
    return NULL;
}

/* "KIND,ADDR,LENGTH[;conditions]": conditions are gdb's to test, for they were not offered. */
void gdb_point_packet(struct gdb_stub *s, struct gdb_text t, bool insert)
{
    u64 kind, addr, len;
    if (!gdb_take_hex(&t, &kind) || !gdb_take(&t, ",") || !gdb_take_range(&t, &addr, &len)) {
        gdb_error(s, GDB_EINVAL, "Z and z take KIND,ADDRESS,LENGTH");
        return;
    }
    if (kind >= GDB_POINT_KINDS) {
        gdb_reply(s, "%s", "");
        return;
    }
    addr = gdb_addr(s, addr);
    if (kind >= GDB_WATCH && !len) {
        gdb_error(s, GDB_EINVAL, "a watchpoint has at least one byte");
        return;
    }
    u64 last = gdb_addr(s, UINT64_MAX);
    if (kind >= GDB_WATCH && len - 1 > last - addr)
        len = last - addr + (addr != 0); /* to the end of the address space */
    struct gdb_point *p = find(s, (enum gdb_point_kind)kind, addr, len);
    if (!insert) {
        if (p)
            *p = s->points[--s->n_points];
    } else if (!p) {
        if (s->n_points == GDB_POINTS) {
            gdb_error(s, GDB_ENOSPC, "too many stop points");
            return;
        }
        s->points[s->n_points++] = (struct gdb_point){ (enum gdb_point_kind)kind, addr, len };
    }
    gdb_reply(s, "OK");
}

static int order(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static u8 access_of(enum gdb_point_kind kind)
{
    return kind == GDB_WATCH ? CPU_WRITE : kind == GDB_READ_WATCH ? CPU_READ : CPU_READ | CPU_WRITE;
}

static int watch_order(const void *a, const void *b)
{
    const struct cpu_watch *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return x->access - y->access;
}

static bool same(const struct cpu_stops *a, const struct cpu_stops *b)
{
    if (a->n_code != b->n_code || a->n_watch != b->n_watch)
        return false;
    for (size_t i = 0; i < a->n_code; i++)
        if (a->code[i] != b->code[i])
            return false;
    for (size_t i = 0; i < a->n_watch; i++)
        if (watch_order(&a->watch[i], &b->watch[i]))
            return false;
    return true;
}

void gdb_points_arm(struct gdb_stub *s)
{
    u64 *code = xmalloc((s->n_points + 1) * sizeof *code);
    struct cpu_watch *watch = xcalloc(s->n_points + 1, sizeof *watch);
    size_t n = 0, unique = 0, n_watch = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        const struct gdb_point *p = &s->points[i];
        if (p->kind <= GDB_HARDWARE)
            code[n++] = p->addr;
        else
            watch[n_watch++] = (struct cpu_watch){ .addr = p->addr, .len = p->len, .access = access_of(p->kind) };
    }
    qsort(code, n, sizeof *code, order);
    qsort(watch, n_watch, sizeof *watch, watch_order);
    for (size_t i = 0; i < n; i++)
        if (!unique || code[i] != code[unique - 1])
            code[unique++] = code[i];
    struct cpu_stops old = s->armed, now = { .code = code, .n_code = unique, .watch = watch, .n_watch = n_watch };
    if (same(&old, &now)) {
        free(code);
        free(watch);
        return;
    }
    s->armed = now;
    if (s->host.arm) {
        s->host.arm(s->host.opaque, &s->armed);
    } else {
        s->m->stops = s->armed;
        machine_stops_changed(s->m);
    }
    free((void *)(uintptr_t)old.code);
    free((void *)(uintptr_t)old.watch);
}

bool gdb_points_armed_at(const struct gdb_stub *s, u64 pc)
{
    for (size_t i = 0; i < s->armed.n_code; i++)
        if (s->armed.code[i] == pc)
            return true;
    return false;
}

static const char *const watch_names[GDB_POINT_KINDS] = {
    [GDB_WATCH] = "watch", [GDB_READ_WATCH] = "rwatch", [GDB_ACCESS_WATCH] = "awatch",
};

/* gdb finds its watchpoint by an address inside it, so of an access that only overlaps it the common part is named. */
static void report_watch(struct gdb_stub *s, struct buf *out)
{
    u64 addr = gdb_addr(s, s->hit.addr), last = addr + (s->hit.size ? s->hit.size - 1u : 0u);
    for (size_t i = 0; i < s->n_points; i++) {
        const struct gdb_point *p = &s->points[i];
        if (p->kind < GDB_WATCH || !(access_of(p->kind) & s->hit.access) || last < p->addr ||
            addr > p->addr + p->len - 1)
            continue;
        u64 where = addr > p->addr ? addr : p->addr;
        buf_printf(out, "%s:%llx;", watch_names[p->kind], (unsigned long long)where);
        return;
    }
}

void gdb_points_report(struct gdb_stub *s, struct buf *out)
{
    if (s->why == MACHINE_WATCH)
        report_watch(s, out);
    if (s->why != MACHINE_BREAK)
        return;
    u64 pc = gdb_addr(s, cpu_linear_pc(s->current));
    bool software = find(s, GDB_SOFTWARE, pc, 0), hardware = find(s, GDB_HARDWARE, pc, 0);
    if (software && s->wants_swbreak)
        buf_printf(out, "swbreak:;");
    else if (hardware && s->wants_hwbreak)
        buf_printf(out, "hwbreak:;");
}
