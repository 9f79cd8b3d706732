/* The tabs of the full screen: what each shows, and what Enter does there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/heat.h"
#include "debugger/tui_pane.h"

enum { HEAT_MARGIN = 18 }; /* "0000000080000000 |" */

static bool heat_under(const struct tui *t, unsigned *cell)
{
    *cell = (unsigned)(t->tab_line * HEAT_ACROSS + t->tab_column);
    return *cell < t->heat.n;
}

static void enter_memory(struct tui *t, const char *line)
{
    (void)line;
    t->has_memory = false; /* to the stack again */
    t->stale = true;
}

static void enter_heat(struct tui *t, const char *line)
{
    unsigned cell;
    (void)line;
    if (!heat_under(t, &cell))
        return;
    t->memory = heat_page(t->d, &t->heat, cell);
    t->has_memory = true;
    tabs_next(t, -(int)t->tab);
}

/* "*      1   0 RUNNING sh ...": the CPU that runs it, or what happens in it. */
static void enter_tasks(struct tui *t, const char *line)
{
    char command[64], mark = line[0];
    unsigned long long pid;
    unsigned cpu;
    int n = line[0] ? sscanf(line + 1, "%llu %u", &pid, &cpu) : 0;
    if (n == 2 && mark == '*') {
        snprintf(command, sizeof command, "thread %u", cpu);
        tui_execute(t, command);
    } else if (n >= 1) {
        snprintf(command, sizeof command, "break  process %llu", pid);
        tui_prefill(t, command, 6);
    }
}

/* "hart0       411148 0x0000...": back to before it. */
static void enter_trace(struct tui *t, const char *line)
{
    char command[64];
    unsigned long long at;
    if (sscanf(line, "%*s %llu 0x", &at) != 1)
        return;
    snprintf(command, sizeof command, "goto %llu", at);
    tui_execute(t, command);
}

const struct tui_tab tui_tabs[] = {
    { .name = "Mem", .command = "x/64xg $sp\nx/32xg $rsp\nx/64xw $esp\nx/64xb 0", .enter = enter_memory },
    { .name = "PT", .command = "walk $pc\npage $pc" },
    { .name = "TLB", .command = "info tlb\ninfo mem" },
    { .name = "IRQ", .command = "info irq" },
    { .name = "PCI", .command = "info pci" },
    { .name = "Dev", .command = "info devices" },
    { .name = "CPU", .command = "info cpus" },
    { .name = "Stops", .command = "info breakpoints" },
    { .name = "Time", .command = "info timeline" },
    { .name = "Tasks", .command = "info tasks", .enter = enter_tasks },
    { .name = "Trace", .command = "info trail", .enter = enter_trace, .last = true },
    { .name = "Heat", .command = "info heat", .enter = enter_heat, .cells = true },
    { .name = NULL },
};

void tabs_refresh(struct tui *t)
{
    const struct tui_tab *tab = &tui_tabs[t->tab];
    struct pane *p = &t->pane[PANE_TAB];
    char memory[64];
    snprintf(memory, sizeof memory, "xp/64xg 0x%llx", (unsigned long long)t->memory);
    struct buf out = { 0 };
    bool ok = panes_ask(t, !t->tab && t->has_memory ? memory : tab->command, &out);
    if (!ok && tab->enter == enter_tasks) { /* what is known without: address spaces */
        struct buf more = { 0 };
        if (panes_ask(t, "info cpus", &more))
            buf_put(&out, more.data, more.len);
        buf_free(&more);
    }
    t->stale = false;
    lines_split(&p->lines, &out);
    buf_free(&out);
    struct err e;
    if (!tab->cells || !heat_look(t->d, 0, 0, &t->heat, &e))
        t->heat.n = 0;
    size_t n = p->lines.n;
    if (tab->last)
        t->tab_line = n;
    tabs_move(t, 0, 0);
}

void tabs_next(struct tui *t, int by)
{
    unsigned n = 0;
    while (tui_tabs[n].name)
        n++;
    t->tab = (t->tab + n + (unsigned)by) % n;
    t->pane[PANE_TAB].top = t->tab_line = t->tab_column = 0;
    t->stale = true;
}

bool tabs_move(struct tui *t, long columns, long lines)
{
    const struct tui_tab *tab = &tui_tabs[t->tab];
    struct pane *p = &t->pane[PANE_TAB];
    if (t->stale) /* several keys came at once */
        panes_refresh(t);
    long last = (long)p->lines.n - 1, line = (long)t->tab_line + lines, column = (long)t->tab_column + columns;
    if (!tab->enter || (columns && !tab->cells) || column < 0 || column >= HEAT_ACROSS)
        return false;
    if (tab->cells)
        last--; /* the legend */
    line = line > last ? last : line;
    t->tab_line = line < 0 ? 0 : (size_t)line;
    t->tab_column = (size_t)column;
    if (t->tab_line < p->top)
        p->top = t->tab_line;
    if (p->h && t->tab_line >= p->top + p->h)
        p->top = t->tab_line - p->h + 1;
    return true;
}

void tabs_click(struct tui *t, unsigned column, size_t line)
{
    t->tab_line = t->tab_column = 0;
    tabs_move(t, tui_tabs[t->tab].cells ? (long)column - HEAT_MARGIN : 0, (long)line);
}

void tabs_enter(struct tui *t)
{
    const struct tui_lines *l = &t->pane[PANE_TAB].lines;
    tabs_move(t, 0, 0);
    if (tui_tabs[t->tab].enter && t->tab_line < l->n)
        tui_tabs[t->tab].enter(t, l->line[t->tab_line].text);
}

bool tabs_cursor(const struct tui *t, size_t line, unsigned *x, unsigned *w)
{
    const struct tui_tab *tab = &tui_tabs[t->tab];
    *x = tab->cells ? (unsigned)(HEAT_MARGIN + t->tab_column) : 0;
    *w = tab->cells ? 1 : TUI_WIDTH;
    return tab->enter && line == t->tab_line;
}

void tabs_color(const struct tui *t, size_t line, struct tui_cell *cell, unsigned n)
{
    if (!tui_tabs[t->tab].cells || line * HEAT_ACROSS >= t->heat.n)
        return;
    for (unsigned i = HEAT_MARGIN; i < n && i < HEAT_MARGIN + HEAT_ACROSS; i++)
        cell[i].style = cell[i].ch == '#' ? TUI_CHANGED : cell[i].ch == '*' ? TUI_HERE : cell[i].ch == '+' ? TUI_ASM : TUI_PLAIN;
}

unsigned tabs_title(const struct tui *t, unsigned tab, char *out, size_t cap)
{
    if (!tui_tabs[tab].name)
        return 0;
    return (unsigned)snprintf(out, cap, tab == t->tab ? "[%s]" : " %s ", tui_tabs[tab].name);
}

void tabs_where(const struct tui *t, char *out, size_t cap)
{
    unsigned cell;
    out[0] = 0;
    if (tui_tabs[t->tab].cells && heat_under(t, &cell))
        snprintf(out, cap, "0x%llx", (unsigned long long)(t->heat.base + cell * t->heat.cell));
    else if (!t->tab && t->has_memory)
        snprintf(out, cap, "physical");
}
