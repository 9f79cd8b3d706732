/* What traces ask about source: from the debugger's symbols, which are read when the first one asks. */
#include <stdio.h>

#include "cli/session.h"
#include "debugger/debugger.h"

static const struct symbols *symbols_of(void *opaque)
{
    struct session *s = opaque;
    session_symbols(s);
    return s->debugger->syms;
}

static bool function(void *opaque, struct cpu *c, u64 pc, struct trace_function *out)
{
    const struct symbols *syms = symbols_of(opaque);
    const char *name;
    if (!symbols_function_at(syms, pc, &out->low, &out->high, &name) || !name)
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    return true;
}

static bool line(void *opaque, struct cpu *c, u64 pc, const char **file, int *number)
{
    struct source_pos p;
    if (!symbols_line_at(symbols_of(opaque), pc, &p))
        return false;
    *file = p.file;
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

static void each_line(void *opaque, void (*each)(void *ctx, const char *file, int line, u64 low, u64 high), void *ctx)
{
    symbols_each_line(symbols_of(opaque), each, ctx);
}

void session_trace_symbols(struct session *s)
{
    s->trace_symbols = (struct trace_symbols){ s, function, line, named, each_line, each_function };
}
