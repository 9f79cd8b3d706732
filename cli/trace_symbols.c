/* What traces ask about source: from the debugger's symbols, which are read when the first one asks. */
#include <stdio.h>
#include <string.h>

#include "cli/session.h"
#include "debugger/debugger.h"
#include "debugger/process.h"

#include <gelf.h> /* after base/event.h: it has an EV_NONE, too */

static const struct symbols *symbols_of(void *opaque)
{
    struct session *s = opaque;
    session_symbols(s);
    return s->debugger->syms;
}

/* With the files of the process that runs on the CPU now. */
static const struct symbols *symbols_on(void *opaque, struct cpu *c)
{
    struct session *s = opaque;
    const struct symbols *syms = symbols_of(s);
    struct cpu *selected = s->debugger->cpu;
    if (c) {
        s->debugger->cpu = c;
        process_see(s->debugger, NULL);
        s->debugger->cpu = selected;
    }
    return syms;
}

static bool function(void *opaque, struct cpu *c, u64 pc, struct trace_function *out)
{
    const struct symbols *syms = symbols_on(opaque, c);
    const char *name;
    if (!symbols_function_at(syms, pc, &out->low, &out->high, &name) || !name)
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    return true;
}

/* The whole path, without "." and "..": compilers name one file in several ways. */
static const char *whole_path(struct session *s, const struct source_pos *p)
{
    char *out = s->trace_path, *to = out;
    const char *end = out + sizeof s->trace_path;
    const char *part[2] = { p->file[0] != '/' && p->dir ? p->dir : "", p->file };
    for (unsigned k = 0; k < 2; k++)
        for (const char *from = part[k]; *from;) {
            size_t n = strcspn(from, "/");
            bool up = n == 2 && from[0] == '.' && from[1] == '.', here = n == 0 || (n == 1 && from[0] == '.');
            char *slash = NULL;
            for (char *q = out; q < to; q++)
                slash = *q == '/' ? q : slash;
            if (up && to > out && strncmp(slash ? slash + 1 : out, "..", (size_t)(to - (slash ? slash + 1 : out)))) {
                to = slash ? slash : out;
            } else if (!here && (size_t)(end - to) > n + 2) {
                if (to > out || part[0][0] == '/' || part[1][0] == '/')
                    *to++ = '/';
                memcpy(to, from, n);
                to += n;
            }
            from += n + (from[n] == '/');
        }
    *to = 0;
    return out;
}

static bool line(void *opaque, struct cpu *c, u64 pc, const char **file, int *number)
{
    struct source_pos p;
    if (!symbols_line_at(symbols_on(opaque, c), pc, &p))
        return false;
    *file = whole_path(opaque, &p);
    *number = p.line;
    return true;
}

static bool named(void *opaque, const char *name, u64 *low, u64 *high)
{
    const struct symbol *sym = symbols_named(symbols_of(opaque), name);
    if (!sym)
        return false;
    *low = sym->addr;
    *high = sym->addr + sym->size;
    return true;
}

static bool process(void *opaque, struct cpu *c, const char *text)
{
    return process_matches(((struct session *)opaque)->debugger, c, text);
}

static bool nameable(void *opaque, const char *text, struct err *e)
{
    return process_nameable(((struct session *)opaque)->debugger, text, e);
}

static void process_name(void *opaque, struct cpu *c, char *out, size_t n)
{
    struct process p;
    *out = 0;
    if (process_current(((struct session *)opaque)->debugger, c, &p))
        process_format(&p, out, n);
}

struct each_function {
    void (*each)(void *ctx, const char *name, u64 low, u64 high);
    void *ctx;
};

static bool one_function(void *opaque, const struct symbol *sym)
{
    const struct each_function *q = opaque;
    if (sym->kind == SYM_FUNC && sym->size)
        q->each(q->ctx, sym->name, sym->addr, sym->addr + sym->size);
    return true;
}

static void each_function(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high), void *ctx)
{
    struct each_function q = { each, ctx };
    symbols_each(symbols_of(opaque), one_function, &q);
}

struct each_line {
    struct session *s;
    void (*each)(void *ctx, const char *file, int line, u64 low, u64 high);
    void *ctx;
};

static void one_line(void *opaque, const struct source_pos *p)
{
    const struct each_line *q = opaque;
    q->each(q->ctx, whole_path(q->s, p), p->line, p->low, p->high);
}

static void each_line(void *opaque, void (*each)(void *ctx, const char *file, int line, u64 low, u64 high), void *ctx)
{
    struct each_line q = { opaque, each, ctx };
    symbols_each_line(symbols_of(opaque), one_line, &q);
}

static void each_module(void *opaque, void (*each)(void *ctx, const char *name, u64 low, u64 high, u64 entry), void *ctx)
{
    for (const struct symfile *f = symbols_of(opaque)->files; f; f = f->next) {
        u64 low = UINT64_MAX, high = 0;
        size_t n = 0;
        GElf_Phdr p;
        elf_getphdrnum(f->elf, &n);
        for (size_t i = 0; i < n; i++)
            if (gelf_getphdr(f->elf, (int)i, &p) && p.p_type == PT_LOAD && p.p_memsz) {
                low = p.p_vaddr < low ? p.p_vaddr : low;
                high = p.p_vaddr + p.p_memsz > high ? p.p_vaddr + p.p_memsz : high;
            }
        if (low < high)
            each(ctx, f->name, (low + f->bias) & f->mask, (high + f->bias) & f->mask, f->entry);
    }
}

void session_trace_symbols(struct session *s)
{
    s->trace_symbols = (struct trace_symbols){ s, function, line, process, nameable, process_name, named, each_line,
                                                each_module, each_function };
}
