/* The Debug Adapter Protocol: frames, scopes, sources, modules. */
#include "debugger/dap_state.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LISTED = 2000 /* instructions of a function without source */ };

int dap_line_out(const struct dap *p, int line)
{
    return line - p->lines_from_0;
}

int dap_line_in(const struct dap *p, i64 line)
{
    line += p->lines_from_0;
    return line < 1 ? 0 : line > INT32_MAX - 2 ? INT32_MAX - 2 : (int)line;
}

bool dap_select(struct dap *p, i64 frame_id, struct err *e)
{
    struct debugger *d = p->d;
    i64 cpu = (frame_id >> 16) - 1, level = frame_id & 0xffff;
    if (cpu < 0 || cpu >= d->machine->n_cpus)
        return err_set(e, "there is no frame %lld", (long long)frame_id);
    debugger_select_cpu(d, d->machine->cpus[cpu]);
    if (!debugger_frame(d, (unsigned)level))
        return err_set(e, "there is no frame %lld any more", (long long)frame_id);
    d->selected = (unsigned)level;
    return true;
}

/* --- code without source: its disassembly is one -------------------------------------------------------------------------- */

/* Its number, from 1. */
static size_t listing(struct dap *p, u64 low)
{
    for (size_t i = 0; i < p->n_listings; i++)
        if (p->listings[i] == low)
            return i + 1;
    p->listings = xrealloc(p->listings, (p->n_listings + 1) * sizeof *p->listings);
    p->listings[p->n_listings++] = low;
    return p->n_listings;
}

/* Where the listing that has this instruction begins and ends. */
static void listing_bounds(struct dap *p, u64 addr, u64 *low, u64 *high)
{
    if (symbols_function_at(p->d->syms, addr, low, high, NULL) && addr - *low < 4 * MOST_LISTED) {
        if (*high <= addr)
            *high = addr + 256;
        return;
    }
    *low = addr & ~(u64)0xff;
    *high = *low + 512;
    /* Where instructions are of several lengths: from one that leads to this one. */
    for (u64 from = *low; from < addr; from++) {
        u64 at = from;
        while (at < addr) {
            unsigned len = debugger_insn(p->d, at, NULL, NULL, 0);
            if (!len)
                break;
            at += len;
        }
        if (at == addr) {
            *low = from;
            return;
        }
    }
    *low = addr;
}

/* The line of an address, from 1; 0: it is not in it. */
static int listing_line(struct dap *p, u64 low, u64 addr)
{
    u64 at = low;
    for (int line = 1; line <= MOST_LISTED && at <= addr; line++) {
        if (at == addr)
            return line;
        unsigned len = debugger_insn(p->d, at, NULL, NULL, 0);
        if (!len)
            break;
        at += len;
    }
    return 0;
}

bool dap_listing_address(struct dap *p, u64 reference, int line, u64 *addr)
{
    if (reference < 1 || reference > p->n_listings)
        return false;
    u64 at = p->listings[reference - 1];
    for (int i = 1; i <= MOST_LISTED && i < line; i++) {
        unsigned len = debugger_insn(p->d, at, NULL, NULL, 0);
        if (!len)
            return false;
        at += len;
    }
    *addr = at;
    return line >= 1 && line <= MOST_LISTED;
}

REQUEST(dap_source)
{
    json_t *source = json_object_get(args, "source"), *body;
    i64 reference = get_int_or(args, "sourceReference", get_int_or(source, "sourceReference", 0));
    const char *path = get_text(source, "path");
    struct buf out = { 0 };
    if (reference > 0 && (size_t)reference <= p->n_listings) {
        u64 at = p->listings[reference - 1], low, high;
        listing_bounds(p, at, &low, &high);
        for (int line = 1; line <= MOST_LISTED && at < high; line++) {
            unsigned len = show_insn(p->d, at, false, &out);
            buf_printf(&out, "\n");
            if (!len)
                break;
            at += len;
        }
    } else if (path && !reference) {
        int n = symbols_source_lines(p->d->syms, path);
        for (int line = 1; line <= n; line++) {
            size_t len;
            const char *text = symbols_source_line(p->d->syms, path, line, &len);
            buf_put(&out, text ? text : "", text ? len : 0);
            buf_printf(&out, "\n");
        }
        if (!n)
            return failed(e, "%.200s cannot be read", path);
    } else {
        return failed(e, "there is no source %lld", (long long)reference);
    }
    body = json_object();
    json_object_set_new(body, "content", dap_text((const char *)out.data, out.len));
    put_text(body, "mimeType", reference > 0 ? "text/x-asm" : "text/x-c");
    buf_free(&out);
    return body;
}

json_t *dap_source_of(struct dap *p, const char *path)
{
    json_t *o = json_object();
    put_text(o, "name", base_name(path));
    put_text(o, "path", path);
    return o;
}

/* --- frames ------------------------------------------------------------------------------------------------------------- */

static json_t *frame(struct dap *p, unsigned cpu, unsigned level)
{
    struct debugger *d = p->d;
    const struct frame *f = debugger_frame(d, level);
    json_t *o = json_object();
    Dwarf_Die die;
    struct symfile *file = NULL;
    const char *name = frame_function(d->syms, f, &die, &file), *path;
    int line;
    put_int(o, "id", (u64)(cpu + 1) << 16 | level);
    put_text(o, "name", f->kind == FRAME_TRAP ? f->trap.what : name ? name : "??");
    put_text(o, "presentationHint", f->kind == FRAME_TRAP ? "label" : f->guessed ? "subtle" : NULL);
    put_hex(o, "instructionPointerReference", f->pc);
    if (frame_line(d->syms, f, &path, &line)) {
        struct source_pos pos;
        int column = !f->inlined && symbols_line_at(d->syms, f->lookup_pc, &pos) && pos.line == line ? pos.column : 0;
        json_object_set_new(o, "source", dap_source_of(p, path));
        json_object_set_new(o, "line", json_integer(dap_line_out(p, line)));
        json_object_set_new(o, "column", json_integer(column > 0 ? column - p->columns_from_0 : 0));
    } else {
        u64 low, high;
        u8 byte;
        json_t *source = json_object();
        listing_bounds(p, f->pc, &low, &high);
        int at = listing_line(p, low, f->pc);
        char *text = xprintf("%s (instructions)", name ? name : "code without a name");
        put_text(source, "name", text);
        free(text);
        if (at && cpu_peek(d->cpu, low, &byte, 1)) {
            put_int(source, "sourceReference", listing(p, low));
            put_text(source, "origin", "disassembly");
            json_object_set_new(o, "source", source);
        } else {
            json_decref(source);
            at = 0;
        }
        json_object_set_new(o, "line", json_integer(at ? dap_line_out(p, at) : 0));
        put_int(o, "column", 0);
    }
    file = symbols_file_at(d->syms, f->pc);
    put_text(o, "moduleId", file ? file->name : NULL);
    return o;
}

REQUEST(dap_stack_trace)
{
    struct debugger *d = p->d;
    i64 thread = get_int_or(args, "threadId", 0), start = get_int_or(args, "startFrame", 0), levels = get_int_or(args, "levels", 0);
    if (thread < 1 || thread > d->machine->n_cpus)
        return failed(e, "there is no thread %lld: this machine has 1 to %u", (long long)thread, d->machine->n_cpus);
    if (start < 0 || levels < 0)
        return failed(e, "startFrame and levels are not negative");
    struct cpu *was = d->cpu;
    unsigned selected = d->selected;
    debugger_select_cpu(d, d->machine->cpus[thread - 1]);
    json_t *list = json_array(), *body = json_object();
    u64 n = levels && levels < DEBUGGER_MAX_FRAMES ? (u64)levels : DEBUGGER_MAX_FRAMES, i = (u64)start;
    for (; i < DEBUGGER_MAX_FRAMES && i - (u64)start < n && debugger_frame(d, (unsigned)i); i++)
        json_array_append_new(list, frame(p, (unsigned)thread - 1, (unsigned)i));
    bool more = i < DEBUGGER_MAX_FRAMES && debugger_frame(d, (unsigned)i);
    json_object_set_new(body, "stackFrames", list);
    if (json_array_size(list) || !start) /* one more than there were: the client asks for them when it wants them */
        put_int(body, "totalFrames", i + more);
    debugger_select_cpu(d, was);
    if (d->cpu == was)
        d->selected = selected;
    return body;
}

static void put_scope(struct dap *p, json_t *list, const char *name, const char *hint, bool expensive, struct dap_ref r)
{
    json_t *o = json_object();
    put_text(o, "name", name);
    put_text(o, "presentationHint", hint);
    put_int(o, "variablesReference", dap_ref_new(p, r));
    put_bool(o, "expensive", expensive);
    json_array_append_new(list, o);
}

static const char *group_name(const char *group, char *out, size_t n)
{
    static const char *const names[][2] = { { "general", "Registers" }, { "csr", "Control and status registers" },
                                            { "msr", "Model-specific registers" } };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(group, names[i][0]))
            return names[i][1];
    snprintf(out, n, "Registers: %s", group);
    return out;
}

REQUEST(dap_scopes)
{
    struct debugger *d = p->d;
    i64 id = get_int_or(args, "frameId", 0);
    if (!dap_select(p, id, e))
        return NULL;
    json_t *list = json_array(), *body = json_object();
    struct dap_ref at = { .cpu = d->cpu->index, .level = d->selected };
    const struct frame *f = debugger_frame(d, d->selected);
    Dwarf_Die die;
    struct symfile *file = NULL;
    if (frame_function(d->syms, f, &die, &file) && file) {
        at.kind = REF_NAMES;
        at.tag = DW_TAG_formal_parameter;
        put_scope(p, list, "Arguments", "arguments", false, at);
        at.tag = DW_TAG_variable;
        put_scope(p, list, "Locals", "locals", false, at);
    }
    at.kind = REF_GROUP;
    const char *seen[16];
    unsigned n = 0;
    for (const struct cpu_reg *r = d->cpu->ops->regs(d->cpu); r->name; r++) {
        bool known = false;
        for (unsigned i = 0; i < n; i++)
            known |= !strcmp(seen[i], r->group);
        if (known || n == ARRAY_LEN(seen))
            continue;
        char name[64];
        seen[n++] = at.group = r->group;
        put_scope(p, list, group_name(r->group, name, sizeof name), "registers", n > 1, at);
    }
    at.kind = REF_DEVICES;
    put_scope(p, list, "Devices", NULL, true, at);
    json_object_set_new(body, "scopes", list);
    return body;
}

/* --- sources and modules -------------------------------------------------------------------------------------------------- */

struct paths {
    const char **path;
    size_t n, cap;
};

static void add_path(void *opaque, const char *path)
{
    struct paths *q = opaque;
    if (q->n == q->cap) {
        q->cap = q->cap ? 2 * q->cap : 256;
        q->path = xrealloc(q->path, q->cap * sizeof *q->path);
    }
    q->path[q->n++] = path;
}

static int path_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

REQUEST(dap_loaded_sources)
{
    struct paths q = { 0 };
    json_t *list = json_array(), *body = json_object();
    symbols_each_source(p->d->syms, add_path, &q);
    if (q.n)
        qsort(q.path, q.n, sizeof *q.path, path_order);
    for (size_t i = 0; i < q.n; i++)
        if (!i || strcmp(q.path[i], q.path[i - 1]))
            json_array_append_new(list, dap_source_of(p, q.path[i]));
    free(q.path);
    json_object_set_new(body, "sources", list);
    return body;
}

REQUEST(dap_modules)
{
    i64 start = get_int_or(args, "startModule", 0), count = get_int_or(args, "moduleCount", 0), i = 0;
    json_t *list = json_array(), *body = json_object();
    for (const struct symfile *f = p->d->syms->files; f; f = f->next, i++) {
        if (i < start || (count > 0 && i >= start + count))
            continue;
        json_t *o = json_object();
        put_text(o, "id", f->name);
        put_text(o, "name", base_name(f->name));
        put_text(o, "path", f->name);
        put_text(o, "symbolStatus", f->dwarf ? "lines, types and variables" : "names only");
        if (f->n_ranges) {
            char text[64];
            u64 high = f->ranges[0].high;
            for (size_t k = 1; k < f->n_ranges; k++)
                high = f->ranges[k].high > high ? f->ranges[k].high : high;
            snprintf(text, sizeof text, "0x%llx-0x%llx", (unsigned long long)f->ranges[0].low, (unsigned long long)high);
            put_text(o, "addressRange", text);
        }
        json_array_append_new(list, o);
    }
    json_object_set_new(body, "modules", list);
    put_int(body, "totalModules", (u64)i);
    return body;
}
