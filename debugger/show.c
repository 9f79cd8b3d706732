/* What a stop looks like: frames, source lines, instructions, displays. */
#include "debugger/debugger.h"
#include "debugger/linux.h"
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <dwarf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/script.h"

const char *paint(const struct debugger *d, const char *code)
{
    return d->color ? code : "";
}
#define RED "\033[31m"
#define BLUE "\033[34m"
#define YELLOW "\033[33m"
#define GREEN "\033[32m"
#define OFF "\033[m"

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "(struct node *) 0x..." says its type at the prompt, not where names are listed. */
void show_plain(const struct expr_env *env, const struct value *v, const struct value_format *f, struct buf *out)
{
    struct buf text = { 0 };
    value_print(env, v, f, &text);
    const char *s = buf_cstr(&text);
    if (type_strip(env->syms, v->type)->kind == TYPE_POINTER && s[0] == '(' && strstr(s, ") 0x"))
        s = strstr(s, ") 0x") + 2;
    buf_printf(out, "%s", s);
    buf_free(&text);
}

static void show_args(struct debugger *d, const struct frame *f, Dwarf_Die *function, struct symfile *file)
{
    Dwarf_Die child;
    unsigned n = 0;
    struct expr_env env = debugger_env_at(d, d->cpu, f);
    struct buf out = { 0 };
    if (!dwarf_child(function, &child))
        do {
            const char *name = dwarf_diename(&child);
            if (dwarf_tag(&child) != DW_TAG_formal_parameter || !name)
                continue;
            buf_printf(&out, "%s%s=", n++ ? ", " : "", name);
            struct value v = { .type = type_of(d->syms, file, &child) };
            struct type *t = type_strip(d->syms, v.type);
            if (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ARRAY) {
                buf_printf(&out, "..."); /* as gdb's "print frame-arguments scalars" */
                continue;
            }
            struct expr *x = expr_compile(&env, name, NULL);
            if (!x || !expr_eval(x, &env, &v, NULL))
                v.unavailable = "optimized out";
            expr_free(x);
            show_plain(&env, &v, NULL, &out);
        } while (!dwarf_siblingof(&child, &child) && n < 64);
    debug_write(d, &out);
    buf_free(&out);
}

void show_frame(struct debugger *d, const struct frame *f, bool with_number, bool with_addr)
{
    Dwarf_Die die;
    struct symfile *file = NULL;
    const char *name = frame_function(d->syms, f, &die, &file), *path;
    int line;
    bool has_line = frame_line(d->syms, f, &path, &line);
    if (with_number)
        debug_printf(d, "#%-3u", f->level);
    if (f->kind == FRAME_TRAP) {
        debug_printf(d, "<%s%s%s>%s\n", paint(d, YELLOW), name, paint(d, OFF), f->guessed ? " (guessed)" : "");
        return;
    }
    if (with_addr || !has_line)
        debug_printf(d, "%s0x%016llx%s in ", paint(d, BLUE), (unsigned long long)f->pc, paint(d, OFF));
    debug_printf(d, "%s%s%s (", paint(d, YELLOW), name ? name : "??", paint(d, OFF));
    if (file)
        show_args(d, f, &die, file);
    debug_printf(d, ")");
    if (has_line)
        debug_printf(d, " at %s%s%s:%d", paint(d, GREEN), d->full_addresses ? path : base_name(path), paint(d, OFF),
                     line);
    debug_printf(d, "%s\n", f->guessed ? " (guessed)" : "");
}

void show_source_line(struct debugger *d, const char *file, int line)
{
    size_t len;
    const char *text = symbols_source_line(d->syms, file, line, &len);
    if (text)
        debug_printf(d, "%d\t%.*s\n", line, (int)len, text);
    else
        debug_printf(d, "%d\tin %s\n", line, file);
}

/* The address an instruction names, as the disassembler ends its text with it. */
static bool target_of(const char *text, u64 *addr)
{
    const char *hex = strstr(text, "0x");
    for (const char *again = hex; again; again = strstr(again + 2, "0x"))
        hex = again;
    if (!hex)
        return false;
    char *end;
    *addr = strtoull(hex, &end, 16);
    return !*end && *addr >= 0x1000;
}

/* What is added to the program counter for the address of an instruction: the base of CS. */
static u64 code_base(const struct debugger *d)
{
    return cpu_linear_pc(d->cpu) - d->cpu->ops->get_pc(d->cpu);
}

static bool segment_of_code(const struct debugger *d, u64 *selector)
{
    const struct cpu_reg *r = cpu_reg_named(d->cpu, "cs");
    return r && d->cpu->ops->reg_get(d->cpu, r, selector);
}

unsigned debugger_insn(struct debugger *d, u64 addr, u8 bytes[16], char *text, size_t n)
{
    u8 here[16]; /* no instruction of any ISA is longer */
    char words[160];
    u64 got = cpu_peek(d->cpu, addr, here, sizeof here);
    unsigned len = got ? d->cpu->ops->disasm(d->cpu, addr - code_base(d), here, got, words, sizeof words) : 0;
    if (bytes)
        memcpy(bytes, here, sizeof here);
    if (text)
        snprintf(text, n, "%s", len ? words : "");
    return len;
}

unsigned show_insn(struct debugger *d, u64 addr, bool marker, struct buf *out)
{
    char text[160], where[256];
    u64 target, base = code_base(d), selector, offset;
    unsigned len = debugger_insn(d, addr, NULL, text, sizeof text);
    const struct symbol *sym = symbols_at(d->syms, addr, &offset);
    buf_printf(out, "%s%s0x%016llx%s", marker ? "=> " : "   ", paint(d, BLUE), (unsigned long long)addr, paint(d, OFF));
    if (base && segment_of_code(d, &selector))
        buf_printf(out, " %04llx:%04llx", (unsigned long long)selector, (unsigned long long)(addr - base));
    if (sym)
        buf_printf(out, " <%s%s%s+%llu>", paint(d, YELLOW), sym->name, paint(d, OFF), (unsigned long long)offset);
    buf_printf(out, ":\t");
    if (!len) {
        buf_printf(out, "Cannot access memory at address 0x%llx", (unsigned long long)addr);
        return 0;
    }
    buf_printf(out, "%s", text);
    if (target_of(text, &target)) {
        symbols_format(d->syms, target + base, where, sizeof where);
        if (where[0])
            buf_printf(out, " <%s>", where);
    }
    return len;
}

void show_where(struct debugger *d, enum show_what what)
{
    const struct frame *f = debugger_frame(d, d->selected);
    const char *file;
    int line;
    if (!f)
        return;
    bool has_line = frame_line(d->syms, f, &file, &line);
    struct source_pos p;
    bool mid = has_line && !f->inlined && symbols_line_at(d->syms, f->lookup_pc, &p) && !p.at_start;
    if (what == SHOW_FRAME)
        show_frame(d, f, false, mid && !f->level);
    if (has_line) {
        if (what == SHOW_STEP && mid)
            debug_printf(d, "0x%016llx\t", (unsigned long long)f->pc);
        show_source_line(d, file, line);
        free(d->list_file);
        d->list_file = xstrdup(file);
        d->list_line = line;
        d->list_after_stop = true;
    } else {
        struct buf out = { 0 };
        show_insn(d, f->pc, true, &out);
        buf_printf(&out, "\n");
        debug_write(d, &out);
        buf_free(&out);
    }
}

static void show_watch(struct debugger *d, const struct stop_report *r)
{
    const struct stop_point *p = r->point;
    struct expr_env env = debugger_env(d);
    const struct cpu_hit *hit = &d->cpu->hit;
    if (p->kind == stop_kind_io) {
        debug_printf(d, "\nI/O watchpoint %d: %s\n\n%s 0x%llx: 0x%0*llx\n", p->number, p->spec,
                     hit->access == CPU_READ ? "IN from" : "OUT to", (unsigned long long)hit->addr, 2 * hit->size,
                     (unsigned long long)(hit->value & size_mask(hit->size)));
        return;
    }
    if (p->physical) {
        debug_printf(d, "\n%s %d, %s\n", p->temporary ? "Temporary breakpoint" : "Breakpoint", p->number, p->what);
        return;
    }
    bool read = p->access == CPU_READ, both = p->access == (CPU_READ | CPU_WRITE);
    struct buf out = { 0 };
    struct value old = { .type = p->type, .where = VALUE_BYTES };
    struct value now = { .type = p->type, .where = VALUE_MEMORY, .addr = p->addr };
    memcpy(old.bytes, r->before, sizeof r->before);
    buf_printf(&out, "\n%s %d: %s\n\n",
               read ? "Hardware read watchpoint" : both ? "Hardware access (read/write) watchpoint"
                                                                                : "Hardware watchpoint",
               p->number, p->spec);
    if (memcmp(r->before, p->old, sizeof r->before)) {
        buf_printf(&out, "Old value = ");
        value_print(&env, &old, NULL, &out);
        buf_printf(&out, "\nNew value = ");
    } else {
        buf_printf(&out, "Value = ");
    }
    value_print(&env, &now, NULL, &out);
    buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
}

/* i386 returns floating point on top of the x87's stack (psABI, 2.2.3): the number there in `size` bytes. */
static bool x87_top(struct debugger *d, u64 size, u64 *raw)
{
    const struct cpu_reg *status = cpu_reg_named(d->cpu, "fstat");
    u64 word, m, se;
    char name[16];
    if (!status || !d->cpu->ops->reg_get(d->cpu, status, &word))
        return false;
    unsigned n = (unsigned)(word >> 11 & 7);
    snprintf(name, sizeof name, "st%u", n);
    const struct cpu_reg *significand = cpu_reg_named(d->cpu, name);
    snprintf(name, sizeof name, "st%u_se", n);
    const struct cpu_reg *exponent = cpu_reg_named(d->cpu, name);
    if (!significand || !exponent || !d->cpu->ops->reg_get(d->cpu, significand, &m) || !d->cpu->ops->reg_get(d->cpu, exponent, &se))
        return false;
    double v = ldexp((double)m, (int)(se & 0x7fff) - 16383 - 63);
    v = se >> 15 & 1 ? -v : v;
    float f = (float)v;
    u32 half;
    memcpy(raw, &v, 8);
    memcpy(&half, &f, 4);
    if (size == 4)
        *raw = half;
    return size == 4 || size == 8;
}

/* What a function gave back, when it is a number. */
static void show_returned(struct debugger *d, u64 inside)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *f = NULL;
    unsigned n = symbols_scopes(d->syms, inside, scopes, &f), i = 0;
    while (i < n && dwarf_tag(&scopes[i]) != DW_TAG_subprogram)
        i++;
    if (i == n)
        return;
    Dwarf_Die die = scopes[i];
    struct type *t = type_of(d->syms, f, &die), *core = type_strip(d->syms, t);
    u64 size = type_size(d->syms, t);
    const struct frame *now = debugger_frame(d, 0);
    if (core->kind == TYPE_VOID || core->kind == TYPE_STRUCT || core->kind == TYPE_UNION || core->kind == TYPE_ARRAY ||
        !size || size > 8 || !now)
        return;
    unsigned reg = core->kind == TYPE_FLOAT ? now->isa->result_float : now->isa->result;
    u64 v;
    if (reg == SLOT_NONE ? !x87_top(d, size, &v) : !(now->known >> reg & 1))
        return;
    if (reg != SLOT_NONE)
        v = now->reg[reg];
    if (core->kind != TYPE_FLOAT && size > now->isa->word)
        v = (v & size_mask(now->isa->word)) | now->reg[now->isa->result_high] << 8 * now->isa->word;
    struct expr_env env = debugger_env(d);
    struct convenience *c = xcalloc(1, sizeof *c);
    struct buf out = { 0 };
    c->value = value_typed(t, v);
    d->history++;
    buf_printf(&out, "%u", d->history);
    strncpy(c->name, buf_cstr(&out), sizeof c->name - 1);
    c->next = d->vars;
    d->vars = c;
    out.len = 0;
    buf_printf(&out, "Value returned is $%u = ", d->history);
    value_print(&env, &c->value, NULL, &out);
    buf_printf(&out, "\n");
    debug_write(d, &out);
    buf_free(&out);
}

static void show_machine_stop(struct debugger *d, enum machine_stop why)
{
    struct machine *m = d->machine;
    switch (why) {
    case MACHINE_IDLE:
        debug_printf(d, "\nEvery hart waits for an interrupt (wfi), and nothing that could send one is armed.\n");
        break;
    case MACHINE_POWEROFF:
        d->exit_code = m->stop.code;
        debug_printf(d, "\n[The guest powered off with status %d%s%s]\n", m->stop.code, m->stop.text[0] ? ": " : "",
                     m->stop.text);
        break;
    case MACHINE_RESET: debug_printf(d, "\n[The guest asked for a reset]\n"); break;
    case MACHINE_PANIC:
        d->exit_code = 3;
        debug_printf(d, "\n[The guest cannot go on: %s]\n", m->stop.text);
        break;
    case MACHINE_STORY:
        d->exit_code = 3;
        debug_printf(d, "\n%sThe guest lost its way%s: %s[%s]\n", paint(d, RED), paint(d, OFF), m->stop.text,
                     m->stop.code ? "`continue` resets it, as the machine would" : "`continue` lets it go on");
        break;
    case MACHINE_SEMIHOST: debug_printf(d, "\nA semihosting call waits to be served.\n"); break;
    case MACHINE_DIVERGED:
        debug_printf(d, m->stop.cpu ? "\n[%s]\n" : "\n[The replay differs from the recording: %s]\n", m->stop.text);
        break;
    case MACHINE_REPLAY_END: 
        debug_printf(d, "\n[The recording is over%s%s]\n", m->stop.text[0] ? ": " : "", m->stop.text);
        break;
    default: break;
    }
}

void show_process(struct debugger *d)
{
    struct process p;
    char text[sizeof d->process_shown];
    if (!process_has_provider(d) || !process_current(d, d->cpu, &p) || !p.name[0])
        return;
    process_format(&p, text, sizeof text);
    if (strcmp(text, d->process_shown))
        debug_printf(d, "[Process %s on %s]\n", text, d->cpu->name);
    snprintf(d->process_shown, sizeof d->process_shown, "%s", text);
}

void report_scripts(struct debugger *d, struct stop_report *r)
{
    while (!r->hooked && script_stopped(d, r)) {
        if (stops_has(&d->stops, r->point) && r->point->temporary)
            stops_delete(&d->stops, r->point);
        run_continue(d, r->until, r);
    }
    if (r->point && !stops_has(&d->stops, r->point)) {
        r->point = NULL;
        r->reason = REASON_ARRIVED;
    }
    r->hooked = true;
}

void report_stop(struct debugger *d, struct stop_report *r)
{
    report_scripts(d, r);
    struct stop_point *p = r->point;
    bool silent = p && p->n_commands && !strcmp(p->commands[0], "silent");
    bool frame_line_too = true;
    char hart[32];
    linux_notice(d);
    if (!silent)
        show_process(d);
    snprintf(hart, sizeof hart, "Hart %u hit ", d->cpu->index);
    switch (r->reason) {
    case REASON_BREAKPOINT:
        if (!silent)
            debug_printf(d, "\n%s%s %d, ", d->machine->n_cpus > 1 ? hart : "",
                         p->temporary ? "Temporary breakpoint" : "Breakpoint", p->number);
        break;
    case REASON_WATCHPOINT:
        if (!silent)
            show_watch(d, r);
        break;
    case REASON_EVENT:
        if (!silent)
            debug_printf(d, "\n%s%s %d, %s: %s\n", d->machine->stop.cpu && d->machine->n_cpus > 1 ? hart : "",
                         p->temporary ? "Temporary breakpoint" : "Breakpoint", p->number, p->kind->name, p->what);
        break;
    case REASON_INTERRUPTED: debug_printf(d, "\nProgram received signal SIGINT, Interrupt.\n"); break;
    case REASON_MACHINE: show_machine_stop(d, r->why); break;
    default: frame_line_too = r->reason != REASON_STEPPED || r->new_frame; break;
    }
    if (!silent) {
        show_where(d, frame_line_too ? SHOW_FRAME : SHOW_STEP);
        if (r->function_ended)
            show_returned(d, r->function_ended);
        show_displays(d);
    }
    for (struct stop_point *q = d->stops.list, *next; q; q = next) {
        next = q->next;
        if (q->until && q != p)
            stops_delete(&d->stops, q);
    }
    if (!p)
        return;
    /* Its commands run after all is printed; they may delete it. */
    unsigned n = p->n_commands;
    char **lines = xcalloc(n + 1, sizeof *lines);
    for (unsigned i = 0; i < n; i++)
        lines[i] = xstrdup(p->commands[i]);
    if (p->temporary) {
        stops_delete(&d->stops, p);
        stops_arm(&d->stops, d->machine);
    }
    if (++d->source_depth > 20)
        debug_printf(d, "The commands of stop points have started one another 20 deep: stopping here.\n");
    else
        for (unsigned i = silent; i < n && !d->quit && !d->dead; i++)
            if (!debugger_execute(d, lines[i]))
                break;
    d->source_depth--;
    for (unsigned i = 0; i < n; i++)
        free(lines[i]);
    free(lines);
}

/* gdb's words where it has some. */
static const char *type_name(const struct stop_point *p)
{
    static const char *const watch_names[4] = { "hw watchpoint", "read watchpoint", "hw watchpoint", "acc watchpoint" };
    return p->kind == stop_kind_code ? "breakpoint"
           : p->kind == stop_kind_io || p->kind->judge == stop_judge_memory ? watch_names[p->access & 3] : p->kind->name;
}

void show_stop_line(struct debugger *d, const struct stop_point *p, struct buf *out)
{
    char type[32];
    snprintf(type, sizeof type, "%s%s", p->verb == VERB_TRACE ? "trace " : p->verb == VERB_LOG ? "log " : "",
             p->verb == VERB_BREAK ? type_name(p) : p->kind->name);
    buf_printf(out, "%-7d %-14s %-4s %c   ", p->number, type, p->temporary ? "del" : "keep", p->enabled ? 'y' : 'n');
    bool code = p->kind == stop_kind_code;
    if (!code)
        buf_printf(out, "%-18s %s\n", "", p->spec);
    else if (p->n_addrs > 1)
        buf_printf(out, "%-18s\n", "<MULTIPLE>");
    process_see(d, p->process); /* what it calls its addresses */
    for (size_t i = 0; code && i < p->n_addrs; i++) {
        struct source_pos pos;
        u64 low, high, offset;
        const char *name = NULL;
        if (p->n_addrs > 1)
            buf_printf(out, "%d.%zu%*s %c   ", p->number, i + 1, 24, "", p->enabled ? 'y' : 'n');
        buf_printf(out, "0x%016llx ", (unsigned long long)p->addrs[i]);
        const struct symbol *sym = symbols_at(d->syms, p->addrs[i], &offset);
        if (symbols_line_at(d->syms, p->addrs[i], &pos)) {
            symbols_function_at(d->syms, p->addrs[i], &low, &high, &name);
            buf_printf(out, "in %s at %s:%d\n", name ? name : "??", base_name(pos.file), pos.line);
        } else if (sym) {
            buf_printf(out, "<%s+%llu>\n", sym->name, (unsigned long long)offset);
        } else {
            buf_printf(out, "\n");
        }
    }
    process_see(d, NULL);
    if (p->condition_text)
        buf_printf(out, "\tstop only if %s\n", p->condition_text);
    if (p->hart >= 0)
        buf_printf(out, "\tstop only in hart %d\n", p->hart);
    if (p->process)
        buf_printf(out, "\tstop only in process %s\n", p->process);
    if (p->format)
        buf_printf(out, "\tprint %s\n", p->format);
    if (p->file)
        buf_printf(out, "\tinto %s\n", p->file);
    if (p->hits)
        buf_printf(out, "\tbreakpoint already hit %llu time%s\n", (unsigned long long)p->hits, p->hits == 1 ? "" : "s");
    if (p->ignore)
        buf_printf(out, "\tignore next %llu hits\n", (unsigned long long)p->ignore);
    for (unsigned i = 0; i < p->n_commands; i++)
        buf_printf(out, "        %s\n", p->commands[i]);
}
