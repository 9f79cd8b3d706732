/* Commands about frames, their variables, and source text. */
#include "debugger/commands.h"

#include <ctype.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

static void print_variable(struct debugger *d, const struct frame *f, const char *name, struct buf *out)
{
    struct expr_env env = debugger_env_at(d, d->cpu, f);
    struct value_format format = { .pretty = d->pretty };
    struct value v;
    struct err e;
    struct expr *x = expr_compile(&env, name, &e);
    buf_printf(out, "%s = ", name);
    if (x && expr_eval(x, &env, &v, &e))
        show_plain(&env, &v, &format, out);
    else
        buf_printf(out, "<error: %s>", e.text);
    buf_printf(out, "\n");
    expr_free(x);
}

/* The variables (or parameters) of a frame's scopes, innermost block first. */
unsigned debugger_each_name(struct debugger *d, const struct frame *f, int tag, bool (*each)(void *opaque, const char *name),
                            void *opaque)
{
    Dwarf_Die scopes[SCOPE_DEPTH], child;
    struct symfile *file;
    const char *seen[256];
    unsigned n = frame_scopes(d->syms, f, scopes, &file), count = 0;
    for (unsigned i = 0; i < n; i++) {
        int kind = dwarf_tag(&scopes[i]);
        if (kind == DW_TAG_compile_unit || kind == DW_TAG_partial_unit)
            break;
        if (!dwarf_child(&scopes[i], &child))
            do {
                const char *name = dwarf_diename(&child);
                if (dwarf_tag(&child) != tag || !name || count == ARRAY_LEN(seen))
                    continue;
                bool hidden = false; /* by a name of an inner block */
                for (unsigned j = 0; j < count; j++)
                    hidden |= !strcmp(seen[j], name);
                if (hidden)
                    continue;
                seen[count++] = name;
                if (!each(opaque, name))
                    return count;
            } while (!dwarf_siblingof(&child, &child));
        if (kind == DW_TAG_subprogram || kind == DW_TAG_inlined_subroutine)
            break;
    }
    return count;
}

struct name_printer {
    struct debugger *d;
    const struct frame *f;
    const char *indent;
};

static bool print_name(void *opaque, const char *name)
{
    struct name_printer *q = opaque;
    struct buf out = { 0 };
    buf_printf(&out, "%s", q->indent);
    print_variable(q->d, q->f, name, &out);
    debug_write(q->d, &out);
    buf_free(&out);
    return true;
}

static unsigned print_names(struct debugger *d, const struct frame *f, int tag, const char *indent)
{
    struct name_printer q = { d, f, indent };
    return debugger_each_name(d, f, tag, print_name, &q);
}

HANDLER(cmd_backtrace)
{
    bool full = false, outer = false;
    char word[32];
    u64 n = DEBUGGER_MAX_FRAMES;
    while (take_word(&args, word, sizeof word)) {
        if (!strncmp(word, "full", strlen(word))) {
            full = true;
            continue;
        }
        outer = word[0] == '-';
        if (!debugger_eval(d, word + outer, &n, e))
            return false;
    }
    unsigned total = 0, first = 0;
    if (outer) {
        while (debugger_frame(d, total))
            total++;
        first = n < total ? total - (unsigned)n : 0;
        n = DEBUGGER_MAX_FRAMES;
    }
    for (unsigned i = first; i - first < n && !d->interrupted; i++) {
        const struct frame *f = debugger_frame(d, i);
        if (!f) {
            if (i == 1 && d->frames_end && d->syms->files)
                debug_printf(d, "(no caller: %s)\n", d->frames_end);
            return true;
        }
        show_frame(d, f, true, frame_in_line(d->syms, f));
        if (full)
            print_names(d, f, DW_TAG_variable, "        ");
    }
    if (debugger_frame(d, first + (unsigned)n))
        debug_printf(d, "(More stack frames follow...)\n");
    return true;
}

static bool select_frame(struct debugger *d, u64 n, struct err *e)
{
    if (n > DEBUGGER_MAX_FRAMES || !debugger_frame(d, (unsigned)n))
        return err_set(e, "No frame at level %lld%s%s.", (long long)n, d->frames_end ? ": " : "",
                       d->frames_end ? d->frames_end : "");
    d->selected = (unsigned)n;
    show_frame(d, debugger_frame(d, d->selected), true, frame_in_line(d->syms, debugger_frame(d, d->selected)));
    show_where(d, SHOW_LINE);
    return true;
}

HANDLER(cmd_frame)
{
    u64 n;
    if (!strncmp(args, "function ", 9)) {
        const char *name = skip_space(args + 9);
        const struct frame *f;
        for (unsigned i = 0; (f = debugger_frame(d, i)); i++) {
            const char *fn = frame_function(d->syms, f, NULL, NULL);
            if (fn && !strcmp(fn, name))
                return select_frame(d, i, e);
        }
        return err_set(e, "No frame for function \"%s\".", name);
    }
    return parse_count(d, args, d->selected, &n, e) && select_frame(d, n, e);
}

HANDLER(cmd_up)
{
    u64 n;
    if (!parse_count(d, args, 1, &n, e))
        return false;
    if (!debugger_frame(d, d->selected + 1))
        return err_set(e, "Initial frame selected; you can't go up (%s).", d->frames_end ? d->frames_end : "no caller");
    u64 to = d->selected + n;
    while (to > d->selected && (to > DEBUGGER_MAX_FRAMES || !debugger_frame(d, (unsigned)to)))
        to = to > d->n_frames ? d->n_frames - 1 : to - 1;
    return select_frame(d, to, e);
}

HANDLER(cmd_down)
{
    u64 n;
    if (!parse_count(d, args, 1, &n, e))
        return false;
    if (!d->selected)
        return err_set(e, "Bottom (innermost) frame selected; you can't go down.");
    return select_frame(d, n < d->selected ? d->selected - n : 0, e);
}

HANDLER(info_frame)
{
    const struct frame *f = debugger_frame(d, d->selected), *up;
    const char *file;
    int line;
    if (!f)
        return err_set(e, "No stack.");
    struct buf out = { 0 };
    struct expr_env env = debugger_env(d);
    buf_printf(&out, "Stack level %u, frame at ", f->level);
    buf_printf(&out, f->has_cfa ? "0x%llx:\n" : "an unknown address:\n", (unsigned long long)f->cfa);
    buf_printf(&out, " pc = ");
    pointer_print(&env, f->pc, &out);
    if (frame_line(d->syms, f, &file, &line))
        buf_printf(&out, " (%s:%d)", base_name(file), line);
    up = debugger_frame(d, d->selected + 1);
    f = debugger_frame(d, d->selected); /* the list may have moved */
    if (up)
        buf_printf(&out, "; caller pc = 0x%llx\n found by %s\n", (unsigned long long)up->pc, up->how);
    else
        buf_printf(&out, "\n outermost: %s\n", d->frames_end ? d->frames_end : "no caller is known");
    if (up && !up->inlined) {
        buf_printf(&out, " Saved registers:\n ");
        for (unsigned r = 0; r < FRAME_REGS; r++) {
            if (!(up->saved >> r & 1))
                continue;
            const struct cpu_reg *reg = isa_reg(d->cpu, r);
            if (reg)
                buf_printf(&out, " %s at 0x%llx,", reg->name, (unsigned long long)up->saved_at[r]);
        }
        buf_printf(&out, "\n");
    }
    debug_write(d, &out);
    buf_free(&out);
    return true;
}

/* Without DWARF: at a function's first instruction its arguments are where a call puts them, and BTF says what they are. */
struct entry_arguments {
    struct debugger *d;
    const struct frame *f;
    const struct frame_isa *isa;
    unsigned n;
};

static bool print_entry_argument(void *opaque, const char *name, struct type *type)
{
    struct entry_arguments *q = opaque;
    u8 slot = q->n < q->isa->n_args ? q->isa->args[q->n++] : SLOT_NONE;
    if (!type || slot == SLOT_NONE || !(q->f->known >> slot & 1))
        return false;
    struct expr_env env = debugger_env(q->d);
    struct value_format format = { .pretty = q->d->pretty };
    struct value v = value_typed(type, q->f->reg[slot]);
    struct buf out = { 0 };
    if (!value_is_scalar(q->d->syms, &v))
        return false; /* where a struct and what follows it are is another story */
    buf_printf(&out, "%s = ", name && *name ? name : "?");
    value_print(&env, &v, &format, &out);
    buf_printf(&out, "\n");
    debug_write(q->d, &out);
    buf_free(&out);
    return true;
}

static bool entry_arguments(struct debugger *d, const struct frame *f)
{
    u64 offset;
    const struct symbol *y = symbols_at(d->syms, f->pc, &offset);
    struct type *t = y && y->kind == SYM_FUNC ? type_of_symbol(d->syms, y) : NULL;
    if (!t || f->level || offset)
        return false;
    struct entry_arguments q = { d, f, isa_now(d->cpu), 0 };
    type_parameters(d->syms, t, print_entry_argument, &q);
    if (!q.n)
        debug_printf(d, "No arguments.\n");
    return true;
}

static bool names(struct debugger *d, int tag, const char *none, struct err *e)
{
    const struct frame *f = debugger_frame(d, d->selected);
    struct symfile *file;
    if (!f || !symbols_cu_at(d->syms, f->lookup_pc, &(Dwarf_Die){ 0 }, &file))
        return (f && tag == DW_TAG_formal_parameter && entry_arguments(d, f)) ||
               err_set(e, "No symbol table info available for 0x%llx.",
                       (unsigned long long)(f ? f->pc : debugger_pc(d)));
    if (!print_names(d, f, tag, ""))
        debug_printf(d, "%s\n", none);
    return true;
}

HANDLER(info_locals)
{
    return names(d, DW_TAG_variable, "No locals.", e);
}

HANDLER(info_args)
{
    return names(d, DW_TAG_formal_parameter, "No arguments.", e);
}

static bool list_range(struct debugger *d, const char *file, int first, int last, struct err *e)
{
    int total = symbols_source_lines(d->syms, file);
    if (!total)
        return err_set(e, "%s: the source cannot be read; `directory DIR` says where it is", file);
    if (first > total)
        return err_set(e, "Line number %d out of range; \"%s\" has %d lines.", first, base_name(file), total);
    for (int i = first; i <= last && i <= total; i++)
        show_source_line(d, file, i);
    char *copy = xstrdup(file);
    free(d->list_file);
    d->list_file = copy;
    d->list_shown = first;
    d->list_line = last + 1;
    d->list_after_stop = false;
    return true;
}

HANDLER(cmd_list)
{
    const char *file;
    int line;
    if (!strcmp(args, "-")) {
        if (!d->list_file)
            return err_set(e, "nothing was listed yet");
        int first = d->list_shown > d->listsize ? d->list_shown - d->listsize : 1;
        if (d->list_shown <= 1)
            return err_set(e, "Already at the start of %s.", base_name(d->list_file));
        char *copy = xstrdup(d->list_file);
        bool ok = list_range(d, copy, first, d->list_shown - 1, e);
        free(copy);
        return ok;
    }
    if (!*args && d->list_file && !d->list_after_stop) {
        char *copy = xstrdup(d->list_file);
        bool ok = list_range(d, copy, d->list_line, d->list_line + d->listsize - 1, e);
        free(copy);
        return ok;
    }
    const char *comma = strchr(args, ',');
    int last = 0;
    char *first_text = xstrdup(args);
    if (comma) {
        first_text[comma - args] = 0;
        const char *ignored;
        if (*skip_space(comma + 1) && !place_line(d, comma + 1, &ignored, &last, e)) {
            free(first_text);
            return false;
        }
    }
    bool ok = place_line(d, first_text, &file, &line, e);
    bool from_there = comma && comma > args;
    free(first_text);
    if (!ok)
        return false;
    int first = comma ? line : line - d->listsize / 2;
    if (comma && !from_there)
        first = last - d->listsize + 1;
    if (first < 1)
        first = 1;
    if (!last)
        last = first + d->listsize - 1;
    char *copy = xstrdup(file);
    ok = list_range(d, copy, first, last, e);
    free(copy);
    return ok;
}

HANDLER(info_source)
{
    const struct frame *f = debugger_frame(d, d->selected);
    const char *file;
    int line;
    if (!f || !frame_line(d->syms, f, &file, &line)) {
        debug_printf(d, "No current source file.\n");
        return true;
    }
    debug_printf(d, "Current source file is %s\n", file);
    int n = symbols_source_lines(d->syms, file);
    if (n)
        debug_printf(d, "Contains %d lines.\n", n);
    else
        debug_printf(d, "Its text cannot be read; `directory DIR` says where it is.\n");
    Dwarf_Die cu;
    Dwarf_Attribute a;
    const char *producer;
    if (symbols_cu_at(d->syms, f->lookup_pc, &cu, NULL) && dwarf_attr(&cu, DW_AT_producer, &a) &&
        (producer = dwarf_formstring(&a)))
        debug_printf(d, "Producer is %s.\n", producer);
    return true;
}

struct pattern {
    struct debugger *d;
    const char *text;
};

static void print_source(void *opaque, const char *path)
{
    struct pattern *p = opaque;
    if (strstr(path, p->text))
        debug_printf(p->d, "%s\n", path);
}

HANDLER(info_sources)
{
    struct pattern p = { d, args };
    symbols_each_source(d->syms, print_source, &p);
    return true;
}

HANDLER(info_address)
{
    struct expr_env env = debugger_env(d);
    struct value v;
    env.read_only = true;
    if (!expr_value(&env, args, &v, e))
        return false;
    if (v.unavailable)
        debug_printf(d, "Symbol \"%s\" is %s.\n", args, v.unavailable);
    else if (v.where == VALUE_MEMORY)
        debug_printf(d, "Symbol \"%s\" is at address 0x%llx.\n", args, (unsigned long long)v.addr);
    else
        debug_printf(d, "Symbol \"%s\" is %s%s.\n", args, v.reg ? "in $" : "a constant", v.reg ? v.reg->name : "");
    return true;
}

HANDLER(info_line)
{
    struct place p;
    if (!place_resolve(d, args, &p, e))
        return false;
    for (size_t i = 0; i < p.n; i++) {
        struct source_pos pos;
        char low[256], high[256];
        if (!symbols_line_at(d->syms, p.addrs[i], &pos)) {
            debug_printf(d, "No line number information available for address 0x%llx\n",
                         (unsigned long long)p.addrs[i]);
            continue;
        }
        symbols_format(d->syms, pos.low, low, sizeof low);
        symbols_format(d->syms, pos.high, high, sizeof high);
        debug_printf(d, "Line %d of \"%s\" starts at address 0x%llx <%s> and ends at 0x%llx <%s>.\n", pos.line,
                     pos.file,
                     (unsigned long long)pos.low, low, (unsigned long long)pos.high, high);
        d->x_addr = pos.low;
    }
    return true;
}
