#include "debugger/linux.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/btf.h"
#include "debugger/kallsyms.h"
#include "debugger/unpack.h"

#define NEAR ((size_t)64 << 20) /* tables, banner and types of a kernel lie in one image: so near to one another */
#define AGAIN ((u64)1 << 27)    /* positions until linux_notice() looks again */

struct gather {
    struct symfile *f;
    struct buf names; /* the strings; rows hold offsets into it until all are there */
    u64 bias, low, high, half;
};

static bool add(void *opaque, u64 addr, char letter, const char *name)
{
    struct gather *g = opaque;
    bool offset = addr < g->half;
    if (name[0] == '$' || name[0] == '.')
        return true; /* mapping symbols and local labels */
    struct symbol *y = symfile_row(g->f);
    *y = (struct symbol){ .name = NULL, .addr = offset ? addr : addr + g->bias, .size = g->names.len,
                          .kind = (u8)(offset ? SYM_OFFSET : symbol_kind_of_letter(letter)),
                          .global = !islower((u8)letter) };
    buf_put(&g->names, name, strlen(name) + 1);
    if (!strcmp(name, "_stext") || !strcmp(name, "_text"))
        g->low = g->low && g->low < y->addr ? g->low : y->addr;
    if (y->kind != SYM_OFFSET && y->addr >= g->high) /* _end, or near it where data is not listed */
        g->high = y->addr + 1;
    return true;
}

/* "Linux version 6.1.0-50-amd64 (...": NULL when there is none near. */
static char *banner(const u8 *image, size_t size)
{
    static const char words[] = "Linux version ";
    for (const u8 *p = image; (p = memmem(p, (size_t)(image + size - p), words, sizeof words - 1)); p++) {
        const char *v = (const char *)p + sizeof words - 1;
        size_t n = 0, max = (size_t)((const char *)image + size - v);
        while (n < max && n < 64 && v[n] > ' ' && v[n] < 127)
            n++;
        if (n && isdigit((u8)v[0]))
            return xprintf("Linux %.*s", (int)n, v);
    }
    return NULL;
}

/* The largest that is whole: modules have their own, which build on it. */
static size_t find_btf(const u8 *image, size_t size, size_t *at)
{
    static const u8 magic[] = { 0x9f, 0xeb, 1, 0 };
    size_t best = 0;
    for (const u8 *p = image; (p = memmem(p, (size_t)(image + size - p), magic, sizeof magic)); p++) {
        size_t n = btf_length(p, (size_t)(image + size - p));
        struct btf b;
        if (n <= best || !btf_open(&b, p, n, NULL))
            continue;
        btf_close(&b);
        best = n;
        *at = (size_t)(p - image);
    }
    return best;
}

/* One kernel whose digits are at `at`. */
static struct symfile *read_one(struct symbols *s, const u8 *image, size_t size, size_t at, u64 bias,
                                bool (*fits)(void *opaque, u64 low, u64 high), void *opaque, struct err *e)
{
    struct kallsyms k;
    const char *why;
    if (!kallsyms_read(image, size, at, &k, &why))
        return NULL; /* tables of characters have all digits in a row too */
    size_t from = at > NEAR ? at - NEAR : 0, to = size - at > NEAR ? at + NEAR : size, btf_at = 0;
    size_t btf_size = find_btf(image + from, to - from, &btf_at);
    char *name = banner(image + from, to - from);
    struct gather g = { .f = symfile_new(s, name ? name : "Linux", bias), .bias = bias,
                        .half = (u64)1 << (8 * k.word - 1) };
    free(name);
    g.f->kernel = true;
    g.f->addr_size = k.word;
    g.f->mask = size_mask(k.word);
    kallsyms_each(image, size, &k, add, &g);
    if (!g.low || g.high <= g.low || (fits && !fits(opaque, g.low, g.high))) {
        err_set(e, g.low ? "a kernel's names are there, for 0x%llx and on, but no CPU runs in it (what an earlier boot left, or "
                   "too early in this one)" : "the list of names has no _stext (0x%llx)", (unsigned long long)g.low);
        symfile_free(g.f);
        buf_free(&g.names);
        return NULL;
    }
    size_t strings = g.names.len;
    buf_put(&g.names, image + from + btf_at, btf_size);
    g.f->bytes = g.names.data;
    g.f->size = g.names.len;
    for (size_t i = 0; i < g.f->n_symbols; i++) {
        struct symbol *y = &g.f->by_addr[i];
        y->name = (const char *)g.f->bytes + y->size;
        y->size = 0;
    }
    if (btf_size) {
        g.f->btf = xcalloc(1, sizeof *g.f->btf);
        if (!btf_open(g.f->btf, g.f->bytes + strings, btf_size, NULL)) {
            free(g.f->btf);
            g.f->btf = NULL;
        }
    }
    symfile_done(g.f, NULL);
    symfile_sizes(g.f);
    return g.f;
}

struct symfile *linux_read(struct symbols *s, const u8 *image, size_t size, u64 bias,
                           bool (*fits)(void *opaque, u64 low, u64 high), void *opaque, struct err *e)
{
    size_t at = 0;
    err_set(e, "no kernel with a list of its names (CONFIG_KALLSYMS) was found");
    while (kallsyms_next(image, size, at, &at)) {
        struct symfile *f = read_one(s, image, size, at, bias, fits, opaque, e);
        if (f)
            return f;
        at++;
    }
    return NULL;
}

/* What was found takes the place of what was found before. */
static struct symfile *take(struct debugger *d, struct symfile *f)
{
    if (!f)
        return NULL;
    for (struct symfile *old = d->syms->files; old; old = old->next)
        if (old->kernel && old != f) {
            debugger_forget_symbols(d, old);
            break;
        }
    debugger_changed(d);
    return f;
}

/* Registers that hold addresses of the kernel's code once it runs: the trap vector, the entry of system calls, the pc. */
static bool some_cpu_fits(void *opaque, u64 low, u64 high)
{
    static const char *const names[] = { "stvec", "lstar", "sysenter_eip" };
    struct debugger *d = opaque;
    bool any = false;
    for (unsigned i = 0; i < d->machine->n_cpus; i++) {
        struct cpu *c = d->machine->cpus[i];
        u64 mask = cpu_addr_mask(c), v[ARRAY_LEN(names) + 1] = { cpu_linear_pc(c) & mask };
        for (size_t r = 0; r < ARRAY_LEN(names); r++) {
            const struct cpu_reg *reg = cpu_reg_named(c, names[r]);
            if (reg)
                c->ops->reg_get(c, reg, &v[r + 1]);
        }
        for (size_t r = 0; r < ARRAY_LEN(v); r++) {
            if (v[r] >= low && v[r] < high)
                return true;
            any |= v[r] > mask / 2;
        }
    }
    return !any; /* nothing points into any kernel yet */
}

static struct symfile *in_ram(struct debugger *d, const struct ram *r, struct err *e)
{
    u64 page = 0;
    while (page < r->pages) {
        /* What nobody ever wrote is not looked at: the host has no memory for it. */
        u64 end;
        while (page < r->pages && !r->gen[page] && !(r->flags[page] & RAM_DIRTY))
            page++;
        for (end = page; end < r->pages && (r->gen[end] || (r->flags[end] & RAM_DIRTY)); end++)
            ;
        size_t at = page << PAGE_SHIFT;
        while (kallsyms_next(r->host, end << PAGE_SHIFT, at, &at)) {
            struct symfile *f = read_one(d->syms, r->host, end << PAGE_SHIFT, at, 0, some_cpu_fits, d, e);
            if (f)
                return f;
            at++;
        }
        page = end;
    }
    return NULL;
}

struct symfile *linux_from_memory(struct debugger *d, struct err *e)
{
    err_set(e, "no Linux kernel with a list of its names (CONFIG_KALLSYMS) is in the guest's memory, or not yet");
    for (u32 i = 0; i < d->machine->mem->n_rams; i++) {
        const struct ram *r = d->machine->mem->rams[i];
        struct symfile *f = r->rom ? NULL : in_ram(d, r, e);
        if (f)
            return take(d, f);
    }
    return NULL;
}

struct symfile *linux_from_file(struct debugger *d, const char *name, const u8 *data, size_t size, u64 bias, struct err *e)
{
    struct buf image = { 0 };
    struct symfile *f = NULL;
    if (unpack_kernel(data, size, &image, e))
        f = linux_read(d->syms, image.data, image.len, bias, NULL, NULL, e);
    buf_free(&image);
    if (!f)
        err_prefix(e, "%s", name);
    return take(d, f);
}

struct symfile *linux_notice_file(struct debugger *d, const char *name, const u8 *data, size_t size)
{
    bool moves = size > 0x260 && !memcmp(data + 0x202, "HdrS", 4);
    for (const struct symfile *f = d->syms->files; f; f = f->next)
        if (f->n_symbols && !strcmp(f->name, name))
            return NULL;
    return moves ? NULL : linux_from_file(d, name, data, size, 0, NULL);
}

void linux_describe(struct debugger *d, const struct symfile *f)
{
    debug_printf(d, "[%s: %zu names%s; `symbols list` says more.]\n", f->name, f->n_symbols, f->btf ? " and its types" : "");
}

void linux_notice(struct debugger *d)
{
    struct cpu *c = d->cpu;
    u64 pc = cpu_linear_pc(c) & cpu_addr_mask(c), now = machine_position(d->machine);
    if (pc <= cpu_addr_mask(c) / 2 || symbols_at(d->syms, pc, NULL) || !process_root(c))
        return;
    if (d->linux_looked && now + 1 - d->linux_looked + AGAIN < 2 * AGAIN) /* near, before or behind */
        return;
    d->linux_looked = now + 1;
    struct symfile *f = linux_from_memory(d, NULL);
    if (f)
        linux_describe(d, f);
}
