/* What the panes of the full screen show. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/tui_pane.h"
#include "machine/history.h"

/* --- lines ------------------------------------------------------------------------------------------------------- */

void lines_clear(struct tui_lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->line[i].text);
    free(l->line);
    *l = (struct tui_lines){ 0 };
}

static struct tui_line *lines_new(struct tui_lines *l)
{
    if (l->n == TUI_LINES) {
        free(l->line[0].text);
        memmove(l->line, l->line + 1, --l->n * sizeof *l->line);
    }
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 64;
        l->line = xrealloc(l->line, l->cap * sizeof *l->line);
    }
    l->line[l->n] = (struct tui_line){ .text = xstrdup("") };
    return &l->line[l->n++];
}

void lines_add(struct tui_lines *l, const char *text, u8 style, u64 addr, int number)
{
    struct tui_line *line = lines_new(l);
    free(line->text);
    line->text = xstrdup(text);
    line->style = style;
    line->addr = addr;
    line->number = number;
}

static void put_byte(struct tui_lines *l, u8 c)
{
    if (!l->open) {
        lines_new(l);
        l->open = true;
        l->column = 0;
    }
    struct tui_line *line = &l->line[l->n - 1];
    size_t n = strlen(line->text);
    if (l->column >= TUI_WIDTH)
        return;
    if (l->column >= n) {
        line->text = xrealloc(line->text, l->column + 2);
        memset(line->text + n, ' ', l->column - n);
        line->text[l->column + 1] = 0;
    }
    line->text[l->column++] = (char)c;
}

void lines_feed(struct tui_lines *l, const u8 *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8 c = bytes[i];
        if (l->escape == 1) {
            l->escape = c == '[' ? 2 : 0;
        } else if (l->escape) {
            if (c >= 0x40 && c <= 0x7e)
                l->escape = 0;
        } else if (c == 27) {
            l->escape = 1;
        } else if (c == '\n') {
            if (!l->open)
                lines_new(l);
            l->open = false;
            l->column = 0;
        } else if (c == '\r') {
            l->column = 0;
        } else if (c == '\b') {
            l->column -= l->column > 0;
        } else if (c == '\t') {
            do
                put_byte(l, ' ');
            while (l->column % 8 && l->column < TUI_WIDTH);
        } else if (c >= 32 && c != 127) {
            put_byte(l, c);
        }
    }
}

void lines_split(struct tui_lines *l, struct buf *text)
{
    lines_clear(l);
    lines_feed(l, text->data, text->len);
}

/* --- panes ------------------------------------------------------------------------------------------------------- */

/* The first of the commands that succeeds; nothing of it is remembered as typed. */
bool panes_ask(struct tui *t, const char *commands, struct buf *out)
{
    struct debugger *d = t->d;
    u64 x_addr = d->x_addr;
    bool failed = d->failed, ok = false;
    d->source_depth++;
    while (*commands && !ok) {
        char one[160];
        size_t n = strcspn(commands, "\n");
        snprintf(one, sizeof one, "%.*s", (int)n, commands);
        out->len = 0;
        ok = debugger_capture(d, one, out);
        commands += n + (commands[n] == '\n');
    }
    d->source_depth--;
    d->x_addr = x_addr;
    d->failed = failed;
    return ok;
}

static void ask_pane(struct tui *t, enum pane_id id, const char *commands)
{
    struct buf out = { 0 };
    panes_ask(t, commands, &out);
    lines_split(&t->pane[id].lines, &out);
    buf_free(&out);
}

static bool interesting(const struct cpu_reg *r)
{
    static const char *const also[] = { "pc", "satp", "mstatus", "sstatus", "rflags", "eflags", "cr0", "cr3", "cr4" };
    if (!strcmp(r->group, "general"))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(also); i++)
        if (!strcmp(r->name, also[i]))
            return true;
    return false;
}

static void remember_registers(struct tui *t)
{
    struct cpu *c = t->d->cpu;
    size_t n = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        n++;
    u64 now = machine_position(t->d->machine);
    if (n != t->n_registers || t->seen_cpu != c) {
        free(t->registers);
        free(t->registers_before);
        t->registers = xcalloc(n + 1, sizeof(u64));
        t->registers_before = xcalloc(n + 1, sizeof(u64));
        t->n_registers = n;
    } else if (now != t->registers_at) {
        memcpy(t->registers_before, t->registers, n * sizeof(u64));
    }
    bool first = t->seen_cpu != c;
    t->registers_at = now;
    t->seen_cpu = c;
    size_t i = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++, i++) {
        t->registers[i] = 0;
        c->ops->reg_get(c, r, &t->registers[i]);
        if (first)
            t->registers_before[i] = t->registers[i];
    }
}

static void registers_pane(struct tui *t)
{
    struct pane *p = &t->pane[PANE_REGISTERS];
    struct cpu *c = t->d->cpu;
    remember_registers(t);
    lines_clear(&p->lines);
    size_t i = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++, i++) {
        if (!interesting(r))
            continue;
        u64 v = t->registers[i];
        struct buf b = { 0 };
        buf_printf(&b, "%-8s%0*llx", r->name, r->bits / 4, (unsigned long long)v);
        if (r->fields) {
            buf_printf(&b, " ");
            fields_format(r->fields, v, false, &b);
        }
        lines_add(&p->lines, buf_cstr(&b), v != t->registers_before[i] ? TUI_CHANGED : TUI_PLAIN, 0, 0);
        buf_free(&b);
    }
}

static bool stop_at(const struct debugger *d, u64 addr)
{
    for (const struct stop_point *p = d->stops.list; p; p = p->next)
        if (p->enabled && stop_has_addr(p, addr))
            return true;
    return false;
}

static void add_insn(struct tui *t, struct tui_lines *l, u64 addr, u64 pc, unsigned *len)
{
    struct buf b = { 0 };
    char text[TUI_WIDTH];
    *len = show_insn(t->d, addr, false, &b);
    const char *s = buf_cstr(&b);
    snprintf(text, sizeof text, "%c%s%s", stop_at(t->d, addr) ? '*' : ' ', addr == pc ? "=>" : "  ", s + (strlen(s) > 2 ? 2 : 0));
    for (char *at = text; *at; at++)
        if (*at == '\t')
            *at = ' ';
    lines_add(l, text, addr == pc ? TUI_HERE : TUI_ASM, addr, 0);
    buf_free(&b);
}

/* Without source: from where the function begins, or from the program counter. */
static void instructions(struct tui *t, u64 pc)
{
    struct tui_lines *l = &t->pane[PANE_SOURCE].lines;
    u64 low = 0, high = 0, at = pc;
    const char *name = NULL;
    if (symbols_function_at(t->d->syms, pc, &low, &high, &name) && pc - low < 4096)
        at = low;
    lines_clear(l);
    t->file[0] = 0;
    t->cursor = 0;
    for (unsigned n = 0; n < 400 && (at < high || n < 100); n++) {
        unsigned len;
        if (at == pc)
            t->cursor = l->n;
        add_insn(t, l, at, pc, &len);
        if (!len)
            break;
        at += len;
    }
}

static void source_lines(struct tui *t, const char *file, int here, u64 pc, const struct source_pos *pos)
{
    struct tui_lines *l = &t->pane[PANE_SOURCE].lines;
    struct symbols *s = t->d->syms;
    int all = symbols_source_lines(s, file), first = here > 600 ? here - 600 : 1, last = first + 1200 < all ? first + 1200 : all;
    lines_clear(l);
    snprintf(t->file, sizeof t->file, "%s", file);
    t->cursor = 0;
    for (int line = first; line <= last; line++) {
        size_t len;
        u64 addrs[4];
        int found = 0;
        char text[TUI_WIDTH];
        const char *source = symbols_source_line(s, file, line, &len);
        size_t n = symbols_line_addrs(s, file, line, &found, addrs, ARRAY_LEN(addrs));
        bool stop = false;
        for (size_t i = 0; i < n && i < ARRAY_LEN(addrs) && found == line; i++)
            stop |= stop_at(t->d, addrs[i]);
        bool current = pos && line == pos->line;
        int at = snprintf(text, sizeof text, "%c%s%4d ", stop ? '*' : ' ', current ? "=>" : "  ", line);
        for (size_t i = 0; source && i < len && at < TUI_WIDTH - 9; i++) {
            if (source[i] == '\t')
                do
                    text[at++] = ' ';
                while ((at - 8) % 8);
            else if ((u8)source[i] >= 32)
                text[at++] = source[i];
        }
        text[at] = 0;
        if (line == here)
            t->cursor = l->n;
        lines_add(l, text, current ? TUI_HERE : stop ? TUI_STOP : TUI_PLAIN, found == line && n ? addrs[0] : 0, line);
        if (!current)
            continue;
        u64 addr = pos->low; /* its instructions below it; of many those around here */
        unsigned before = 0, size;
        for (u64 a = addr; a < pc && (size = debugger_insn(t->d, a, NULL, NULL, 0)); a += size)
            before++;
        for (; before > 4; before--)
            addr += debugger_insn(t->d, addr, NULL, NULL, 0);
        for (unsigned k = 0; k < 12 && addr < pos->high; k++) {
            add_insn(t, l, addr, pc, &size);
            if (!size)
                break;
            addr += size;
        }
    }
}

void panes_show_source(struct tui *t, const char *file, int line)
{
    struct debugger *d = t->d;
    const struct frame *f = debugger_frame(d, d->selected);
    u64 pc = f ? f->pc : debugger_pc(d);
    struct source_pos pos;
    bool known = symbols_line_at(d->syms, f ? f->lookup_pc : pc, &pos);
    if (!file && (!known || !symbols_source_lines(d->syms, pos.file))) {
        instructions(t, pc);
    } else {
        const char *path = file ? file : pos.file;
        source_lines(t, path, file ? line : pos.line, pc, known && !strcmp(path, pos.file) ? &pos : NULL);
    }
    struct pane *p = &t->pane[PANE_SOURCE];
    p->top = t->cursor > p->h / 2 ? t->cursor - p->h / 2 : 0;
}

void panes_refresh(struct tui *t)
{
    struct debugger *d = t->d;
    panes_show_source(t, NULL, 0);
    registers_pane(t);
    ask_pane(t, PANE_STACK, "backtrace 30");
    ask_pane(t, PANE_LOCALS, "info locals");
    struct buf out = { 0 };
    for (const struct display_item *i = d->displays; i; i = i->next) {
        char command[256];
        snprintf(command, sizeof command, "print%s %s", i->format, i->text);
        if (panes_ask(t, command, &out)) {
            const char *text = buf_cstr(&out), *equals = strstr(text, " = ");
            char line[TUI_WIDTH];
            snprintf(line, sizeof line, "%s%.*s", i->text, (int)strcspn(equals ? equals : "", "\n"), equals ? equals : "");
            lines_add(&t->pane[PANE_LOCALS].lines, line, TUI_PLAIN, 0, 0);
        }
    }
    buf_free(&out);
    tabs_refresh(t);
    t->stale = false;
}

void panes_timeline(struct tui *t, bool running, struct buf *out, unsigned width)
{
    struct debugger *d = t->d;
    const struct history *h = d->machine->history;
    u64 now = machine_position(d->machine);
    buf_printf(out, " %s %s %s ", d->cpu->name, d->cpu->ops->privilege_name(d->cpu),
               running ? "RUNNING" : d->dead ? "ENDED" : history_past(h) ? "PAST" : "STOPPED");
    char tail[64];
    int n = snprintf(tail, sizeof tail, " %llu", (unsigned long long)now);
    if (!h || out->len + (size_t)n + 12 > width) {
        buf_put(out, tail, (size_t)n);
        return;
    }
    size_t room = width - out->len - (size_t)n - 3;
    u64 begin = history_begin(h), end = history_end(h);
    double scale = end > begin ? (double)(room - 1) / (double)(end - begin) : 0;
    char *bar = xmalloc(room + 1);
    memset(bar, '-', room);
    bar[room] = 0;
    size_t here = (size_t)((double)(now - begin) * scale);
    memset(bar, '=', here);
    for (const struct bookmark *b = d->bookmarks; b; b = b->next)
        if (b->position >= begin && b->position <= end)
            bar[(size_t)((double)(b->position - begin) * scale)] = '^';
    bar[here] = '*';
    buf_printf(out, "<%s>%s", bar, tail);
    free(bar);
}
