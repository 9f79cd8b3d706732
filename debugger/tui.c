/* The full screen: where panes are, what keys mean. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"
#include "debugger/tui_pane.h"

struct tui *tui_new(struct debugger *d, const struct tui_host *host)
{
    struct tui *t = xcalloc(1, sizeof *t);
    t->d = d;
    t->host = *host;
    t->stale = true;
    t->focus = PANE_SOURCE;
    t->pane[PANE_CONSOLE].follows = t->pane[PANE_COMMAND].follows = true;
    return t;
}

void tui_free(struct tui *t)
{
    if (!t)
        return;
    for (unsigned i = 0; i < PANES; i++)
        lines_clear(&t->pane[i].lines);
    lines_clear(&t->hidden);
    for (unsigned i = 0; i < t->n_history; i++)
        free(t->history[i]);
    free(t->registers);
    free(t->registers_before);
    free(t->cell);
    free(t);
}

/* Three bands: source beside registers, stack and locals; one tab; console beside commands. */
static void arrange(struct tui *t)
{
    unsigned w = t->columns, h = t->rows - 1, right = w < 130 ? (w < 110 ? 34 : 53) : 79, left = w - right;
    unsigned low = h / 4 < 6 ? 6 : h / 4, middle = h / 5 < 5 ? 5 : h / 5, top = h - low - middle;
    unsigned registers = top * 5 / 9, stack = (top - registers) / 2;
    struct { unsigned x, y, w, h; } box[PANES] = {
        [PANE_SOURCE] = { 0, 0, left, top },
        [PANE_REGISTERS] = { left, 0, right, registers },
        [PANE_STACK] = { left, registers, right, stack },
        [PANE_LOCALS] = { left, registers + stack, right, top - registers - stack },
        [PANE_TAB] = { 0, top, w, middle },
        [PANE_CONSOLE] = { 0, top + middle, w / 2, low },
        [PANE_COMMAND] = { w / 2, top + middle, w - w / 2, low },
    };
    for (unsigned i = 0; i < PANES; i++) {
        struct pane *p = &t->pane[i];
        p->x = box[i].x;
        p->y = box[i].y + 1;
        p->w = box[i].w - (box[i].x + box[i].w < w); /* a column between neighbours */
        p->h = box[i].h - 1;
    }
    t->pane[PANE_COMMAND].h--; /* what is typed */
}

void tui_size(struct tui *t, unsigned columns, unsigned rows)
{
    t->columns = columns;
    t->rows = rows;
    free(t->cell);
    t->cell = xcalloc((size_t)columns * rows + 1, sizeof *t->cell);
    if (columns >= TUI_MIN_COLUMNS && rows >= TUI_MIN_ROWS)
        arrange(t);
    t->stale = true;
}

void tui_say(struct tui *t, const char *text, size_t n)
{
    lines_feed(&t->pane[PANE_COMMAND].lines, (const u8 *)text, n);
}

void tui_changed(struct tui *t)
{
    t->stale = true;
}

/* --- drawing ----------------------------------------------------------------------------------------------------- */

static u32 utf8(const char **s)
{
    const u8 *p = (const u8 *)*s;
    unsigned n = *p < 0x80 ? 0 : *p >= 0xf0 && *p < 0xf8 ? 3 : *p >= 0xe0 ? 2 : *p >= 0xc0 ? 1 : 0;
    u32 c = n == 3 ? *p & 7u : n == 2 ? *p & 15u : n ? *p & 31u : *p;
    for (unsigned i = 1; i <= n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *s += i;
            return '?';
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *s += n + 1;
    return c < 0x80 || n ? c : '?';
}

static void put_text(struct tui *t, unsigned x, unsigned y, unsigned w, const char *text, u8 style)
{
    struct tui_cell *at = &t->cell[y * t->columns + x];
    for (unsigned i = 0; i < w; i++)
        at[i] = (struct tui_cell){ *text ? utf8(&text) : ' ', style };
}

static void put_title(struct tui *t, enum pane_id id)
{
    static const char *const names[PANES] = { [PANE_REGISTERS] = "Registers", [PANE_STACK] = "Stack",
                                              [PANE_LOCALS] = "Locals / Watch", [PANE_CONSOLE] = "Guest console" };
    const struct pane *p = &t->pane[id];
    char text[256];
    u8 style = id == t->focus ? TUI_FOCUS : TUI_TITLE;
    if (id == PANE_SOURCE)
        snprintf(text, sizeof text, " %s", t->file[0] ? base_name(t->file) : "Instructions");
    else if (id == PANE_COMMAND)
        snprintf(text, sizeof text, " Command  [%s]",
                 t->layer == LAYER_KEYS       ? "keys: c n s f u d r w, C N S F back, Esc, :"
                 : t->layer == LAYER_NAVIGATE ? "navigate: hjkl / m ' space, Esc"
                 : t->layer == LAYER_SEARCH   ? "search"
                                              : "Enter, Esc");
    else
        snprintf(text, sizeof text, " %s", id == PANE_CONSOLE && t->on_screen ? "Guest screen" : names[id] ? names[id] : "");
    put_text(t, p->x, p->y - 1, p->w + (p->x + p->w < t->columns), text, style);
    if (id != PANE_TAB)
        return;
    unsigned x = 0, w;
    for (unsigned i = 0; (w = tabs_title(t, i, text, sizeof text)) && x + w <= p->w; i++, x += w)
        put_text(t, x, p->y - 1, w, text, style);
    tabs_where(t, text, sizeof text);
    if (x + 1 < p->w)
        put_text(t, x + 1, p->y - 1, p->w - x - 1, text, style);
}

/* Short lines side by side. */
static void put_columns(struct tui *t, struct pane *p)
{
    enum { WIDTH = 26 };
    unsigned across = p->w / WIDTH ? p->w / WIDTH : 1, y = 0, k = 0;
    for (unsigned i = 0; i < p->h; i++)
        put_text(t, p->x, p->y + i, p->w, "", TUI_PLAIN);
    for (size_t i = p->top; i < p->lines.n && y < p->h; i++) {
        const struct tui_line *l = &p->lines.line[i];
        bool wide = strlen(l->text) >= WIDTH;
        if (wide && k) {
            y++;
            k = 0;
        }
        if (y == p->h)
            break;
        put_text(t, p->x + k * WIDTH, p->y + y, wide || across == 1 ? p->w : WIDTH, l->text, l->style);
        if (wide || ++k == across) {
            y++;
            k = 0;
        }
    }
}

static void put_pane(struct tui *t, enum pane_id id)
{
    struct pane *p = &t->pane[id];
    size_t n = p->lines.n, most = n > p->h ? n - p->h : 0;
    if (id == PANE_REGISTERS) {
        put_columns(t, p);
        return;
    }
    if (p->follows || p->top > most)
        p->top = most;
    for (unsigned i = 0; i < p->h; i++) {
        const struct tui_line *l = p->top + i < n ? &p->lines.line[p->top + i] : NULL;
        u8 style = l ? l->style : TUI_PLAIN;
        if (l && id == PANE_SOURCE && p->top + i == t->cursor && t->focus == id && t->layer == LAYER_NAVIGATE)
            style = TUI_FOCUS;
        put_text(t, p->x, p->y + i, p->w, l ? l->text : "", style);
        unsigned x, w;
        if (id == PANE_TAB && id == t->focus && tabs_cursor(t, p->top + i, &x, &w))
            for (unsigned k = x; k < x + w && k < p->w; k++)
                t->cell[(p->y + i) * t->columns + p->x + k].style = TUI_FOCUS;
    }
}

const struct tui_cell *tui_draw(struct tui *t, bool running, int *cursor_column, int *cursor_row)
{
    *cursor_column = *cursor_row = -1;
    for (size_t i = 0; i < (size_t)t->columns * t->rows; i++)
        t->cell[i] = (struct tui_cell){ ' ', TUI_PLAIN };
    if (t->columns < TUI_MIN_COLUMNS || t->rows < TUI_MIN_ROWS) {
        char text[128];
        snprintf(text, sizeof text, "This terminal has %ux%u characters; the debugger's screen needs %dx%d. Make it larger, or press q.",
                 t->columns, t->rows, TUI_MIN_COLUMNS, TUI_MIN_ROWS);
        const char *at = text;
        for (unsigned y = 0; y < t->rows && *at && t->columns; y++) {
            put_text(t, 0, y, t->columns, at, TUI_PLAIN);
            at += strlen(at) < t->columns ? strlen(at) : t->columns;
        }
        return t->cell;
    }
    if (t->stale && !running)
        panes_refresh(t);
    console_refresh(t);
    for (unsigned i = 0; i < PANES; i++) {
        put_title(t, (enum pane_id)i);
        put_pane(t, (enum pane_id)i);
    }
    const struct pane *p = &t->pane[PANE_COMMAND];
    const char *prompt = t->layer == LAYER_SEARCH ? "/" : t->d->collecting ? ">" : ":";
    bool typing = t->layer == LAYER_COMMAND || t->layer == LAYER_SEARCH;
    unsigned room = p->w - 2, skip = typing && t->input.at > room ? (unsigned)t->input.at - room : 0;
    char line[TUI_WIDTH + 600];
    snprintf(line, sizeof line, "%s%s", prompt, typing ? t->input.text + skip : "");
    put_text(t, p->x, p->y + p->h, p->w, line, TUI_INPUT);
    if (typing && !running) {
        *cursor_column = (int)(p->x + 1 + t->input.at - skip);
        *cursor_row = (int)(p->y + p->h);
    }
    struct buf status = { 0 };
    panes_timeline(t, running, &status, t->columns);
    put_text(t, 0, t->rows - 1, t->columns, buf_cstr(&status), TUI_STATUS);
    buf_free(&status);
    return t->cell;
}

/* --- commands ---------------------------------------------------------------------------------------------------- */

void tui_execute(struct tui *t, const char *command)
{
    char said[600];
    int n = snprintf(said, sizeof said, "%s%s\n", t->d->collecting ? ">" : "(orrery) ", command);
    tui_say(t, said, n < (int)sizeof said ? (size_t)n : sizeof said - 1);
    debugger_execute(t->d, command);
    t->stale = true;
}

/* A breakpoint where the cursor is: away if there is one. */
static void toggle_stop(struct tui *t, bool temporary)
{
    const struct pane *p = &t->pane[PANE_SOURCE];
    char command[700];
    if (t->cursor >= p->lines.n)
        return;
    const struct tui_line *l = &p->lines.line[t->cursor];
    for (struct stop_point *s = t->d->stops.list; s; s = s->next)
        if (l->addr && stop_has_addr(s, l->addr)) {
            snprintf(command, sizeof command, "delete %d", s->number);
            tui_execute(t, command);
            return;
        }
    if (l->number)
        snprintf(command, sizeof command, "%s %s:%d", temporary ? "tbreak" : "break", base_name(t->file), l->number);
    else if (l->addr)
        snprintf(command, sizeof command, "%s *0x%llx", temporary ? "tbreak" : "break", (unsigned long long)l->addr);
    else
        return;
    size_t cursor = t->cursor, top = p->top;
    char file[512];
    snprintf(file, sizeof file, "%s", t->file);
    int number = l->number;
    tui_execute(t, command);
    if (number)
        panes_show_source(t, file, number);
    t->stale = false;
    t->cursor = cursor;
    t->pane[PANE_SOURCE].top = top;
}

/* --- moving about ------------------------------------------------------------------------------------------------ */

static void move(struct tui *t, long by)
{
    struct pane *p = &t->pane[t->focus];
    size_t n = p->lines.n, last = n ? n - 1 : 0;
    if (t->focus == PANE_SOURCE) {
        t->cursor = by < 0 && t->cursor < (size_t)-by ? 0 : by > 0 && t->cursor + (size_t)by > last ? last : t->cursor + (size_t)by;
        if (t->cursor < p->top)
            p->top = t->cursor;
        if (t->cursor >= p->top + p->h)
            p->top = t->cursor - p->h + 1;
        return;
    }
    if (t->focus == PANE_TAB && tui_tabs[t->tab].enter) {
        tabs_move(t, 0, by);
        return;
    }
    size_t most = n > p->h ? n - p->h : 0;
    p->top = by < 0 && p->top < (size_t)-by ? 0 : by > 0 && p->top + (size_t)by > most ? most : p->top + (size_t)by;
    p->follows = (t->focus == PANE_CONSOLE || t->focus == PANE_COMMAND) && p->top == most;
}

static void search(struct tui *t, bool back)
{
    struct pane *p = &t->pane[t->focus];
    size_t n = p->lines.n, from = t->focus == PANE_SOURCE ? t->cursor : p->top;
    for (size_t k = 1; k <= n && t->search[0]; k++) {
        size_t i = (back ? from + n - k % n : from + k) % n;
        if (!strstr(p->lines.line[i].text, t->search))
            continue;
        if (t->focus == PANE_SOURCE)
            move(t, (long)i - (long)t->cursor);
        else
            p->top = i, p->follows = false;
        return;
    }
}

static void next_pane(struct tui *t, bool back)
{
    t->focus = (enum pane_id)((t->focus + (back ? PANES - 1u : 1u)) % PANES);
}

static void to_line(struct tui *t, enum tui_layer layer)
{
    t->layer = layer;
    memset(&t->input, 0, sizeof t->input);
    t->history_at = t->n_history;
}

void tui_prefill(struct tui *t, const char *text, size_t at)
{
    to_line(t, LAYER_COMMAND);
    snprintf(t->input.text, sizeof t->input.text, "%s", text);
    t->input.n = strlen(t->input.text);
    t->input.at = at < t->input.n ? at : t->input.n;
    t->focus = PANE_COMMAND;
}

static void set_mark(struct tui *t, u32 key)
{
    const struct pane *p = &t->pane[PANE_SOURCE];
    if (key < 'a' || key > 'z' || t->cursor >= p->lines.n)
        return;
    snprintf(t->mark[key - 'a'].file, sizeof t->mark[0].file, "%s", t->file);
    t->mark[key - 'a'].line = p->lines.line[t->cursor].number;
    t->mark[key - 'a'].addr = p->lines.line[t->cursor].addr;
}

static void to_mark(struct tui *t, u32 key)
{
    if (key == '.') {
        panes_show_source(t, NULL, 0);
        return;
    }
    if (key < 'a' || key > 'z' || !t->mark[key - 'a'].line)
        return;
    panes_show_source(t, t->mark[key - 'a'].file, t->mark[key - 'a'].line);
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static const struct {
    u32 key;
    const char *command;
} single_keys[] = {
    { 'c', "continue" }, { 'n', "next" }, { 's', "step" }, { 'i', "stepi" }, { 'o', "nexti" }, { 'f', "finish" },
    { 'u', "up" }, { 'd', "down" }, { 'r', "info timeline" }, { 'v', "info locals" }, { 'w', "backtrace" },
    { 'C', "reverse-continue" }, { 'N', "reverse-next" }, { 'S', "reverse-step" }, { 'I', "reverse-stepi" },
    { 'O', "reverse-nexti" }, { 'F', "reverse-finish" }, { 'U', "undo" },
}, function_keys[] = {
    { TUI_F1 + 4, "continue" }, { TUI_F1 + 9, "next" }, { TUI_F1 + 10, "step" }, { TUI_F1 + 22, "finish" },
};

/* Left and right: the next tab, or the next cell of the one with the focus. */
static void sideways(struct tui *t, int by)
{
    if (t->focus != PANE_TAB || !tabs_move(t, by, 0))
        tabs_next(t, by);
}

/* Keys that mean the same in every layer but the command line. */
static bool common_key(struct tui *t, u32 key)
{
    for (size_t i = 0; i < ARRAY_LEN(function_keys); i++)
        if (key == function_keys[i].key) {
            tui_execute(t, function_keys[i].command);
            return true;
        }
    switch (key) {
    case '\t': next_pane(t, false); return true;
    case TUI_BACK_TAB: next_pane(t, true); return true;
    case ':': to_line(t, LAYER_COMMAND); return true;
    case TUI_F1 + 1: console_switch(t); return true;
    case TUI_F1 + 8: toggle_stop(t, false); return true;
    case TUI_UP: move(t, -1); return true;
    case TUI_DOWN: move(t, 1); return true;
    case TUI_PAGE_UP: move(t, -(long)t->pane[t->focus].h); return true;
    case TUI_PAGE_DOWN: move(t, (long)t->pane[t->focus].h); return true;
    case TUI_LEFT: sideways(t, -1); return true;
    case TUI_RIGHT: sideways(t, 1); return true;
    case '/': t->before_search = t->layer; to_line(t, LAYER_SEARCH); return true;
    case '\n': if (t->focus == PANE_TAB) tabs_enter(t); return true;
    case 12: t->stale = true; return true; /* Ctrl-L */
    default: return false;
    }
}

static void navigate(struct tui *t, u32 key)
{
    long page = (long)t->pane[t->focus].h;
    switch (key) {
    case 'j': move(t, 1); break;
    case 'k': move(t, -1); break;
    case 'h': sideways(t, -1); break;
    case 'l': sideways(t, 1); break;
    case 'g': case 'm': case '\'': t->pending = key; break;
    case 'G': case TUI_END: move(t, TUI_LINES); break;
    case TUI_HOME: move(t, -TUI_LINES); break;
    case 6: move(t, page); break;
    case 2: move(t, -page); break;
    case 4: move(t, page / 2); break;
    case 21: move(t, -page / 2); break;
    case 'n': search(t, false); break;
    case 'N': case '?': search(t, true); break;
    case ' ': toggle_stop(t, false); break;
    case 't': toggle_stop(t, true); break;
    case TUI_ESC: case 'i': t->layer = LAYER_KEYS; break;
    default: break;
    }
}

static void put_utf8(struct tui_input *in, u32 c)
{
    if (c >= 0x80 || in->n + 1 >= sizeof in->text) /* names of guests and commands are ASCII */
        return;
    memmove(in->text + in->at + 1, in->text + in->at, in->n - in->at + 1);
    in->text[in->at++] = (char)c;
    in->n++;
}

static void complete(struct tui *t)
{
    struct tui_input *in = &t->input;
    size_t start;
    bool files = false;
    char **words = debugger_complete(t->d, in->text, in->at, &start, &files);
    if (!words)
        return;
    size_t same = words[0] ? strlen(words[0]) : 0, n = 0;
    for (; words[n]; n++)
        for (size_t k = 0; k < same; k++)
            if (words[n][k] != words[0][k])
                same = k;
    if (same > in->at - start)
        for (size_t k = in->at - start; k < same; k++)
            put_utf8(in, (u8)words[0][k]);
    else if (n > 1)
        for (size_t i = 0; i < n && i < 40; i++) {
            tui_say(t, words[i], strlen(words[i]));
            tui_say(t, i + 1 < n && i < 39 ? "  " : "\n", i + 1 < n && i < 39 ? 2 : 1);
        }
    if (n == 1 && !files)
        put_utf8(in, ' ');
    for (size_t i = 0; i < n; i++)
        free(words[i]);
    free(words);
}

static void recall(struct tui *t, int by)
{
    if (by < 0 ? !t->history_at : t->history_at >= t->n_history)
        return;
    t->history_at += (unsigned)by;
    const char *text = t->history_at < t->n_history ? t->history[t->history_at] : "";
    snprintf(t->input.text, sizeof t->input.text, "%s", text);
    t->input.n = t->input.at = strlen(t->input.text);
}

static void enter(struct tui *t)
{
    char line[sizeof t->input.text];
    snprintf(line, sizeof line, "%s", t->input.text);
    if (t->layer == LAYER_SEARCH) {
        snprintf(t->search, sizeof t->search, "%.*s", (int)sizeof t->search - 1, line);
        t->layer = LAYER_NAVIGATE;
        search(t, false);
        return;
    }
    if (*line) {
        if (t->n_history == ARRAY_LEN(t->history)) {
            free(t->history[0]);
            memmove(t->history, t->history + 1, --t->n_history * sizeof t->history[0]);
        }
        t->history[t->n_history++] = xstrdup(line);
    }
    to_line(t, LAYER_COMMAND);
    tui_execute(t, line);
}

static void type_line(struct tui *t, u32 key)
{
    struct tui_input *in = &t->input;
    switch (key) {
    case '\n': case '\r': enter(t); break;
    case TUI_ESC: t->layer = t->layer == LAYER_SEARCH ? t->before_search : LAYER_KEYS; break;
    case '\t': if (t->layer == LAYER_COMMAND) complete(t); break;
    case TUI_UP: recall(t, -1); break;
    case TUI_DOWN: recall(t, 1); break;
    case TUI_LEFT: in->at -= in->at > 0; break;
    case TUI_RIGHT: in->at += in->at < in->n; break;
    case TUI_HOME: case 1: in->at = 0; break;
    case TUI_END: case 5: in->at = in->n; break;
    case 21: memmove(in->text, in->text + in->at, in->n - in->at + 1); in->n -= in->at; in->at = 0; break;
    case TUI_DELETE:
    case TUI_BACKSPACE: case 8: case 127:
        if (key != TUI_DELETE) {
            if (!in->at) {
                if (!in->n)
                    t->layer = LAYER_KEYS;
                break;
            }
            in->at--;
        }
        if (in->at < in->n) {
            memmove(in->text + in->at, in->text + in->at + 1, in->n - in->at);
            in->n--;
        }
        break;
    default:
        if (key >= 32 && key < TUI_KEYS)
            put_utf8(in, key);
    }
}

void tui_key_running(struct tui *t, u32 key)
{
    if (key == '\t')
        next_pane(t, false);
    else if (key == TUI_F1 + 1)
        console_switch(t);
    else if (t->focus == PANE_CONSOLE)
        console_key(t, key);
}

bool tui_key(struct tui *t, u32 key)
{
    bool small = t->columns < TUI_MIN_COLUMNS || t->rows < TUI_MIN_ROWS;
    if (small)
        return key != 'q';
    u32 pending = t->pending;
    t->pending = 0;
    if (pending == 24)
        return key != 'a' && key != 'A' && key != 1; /* Ctrl-X A */
    if (key == 24) {
        t->pending = key;
        return true;
    }
    if (t->layer == LAYER_COMMAND || t->layer == LAYER_SEARCH) {
        type_line(t, key);
        return !t->d->quit;
    }
    if (pending == 'g' && key == 'g')
        move(t, -TUI_LINES);
    else if (pending == 'm')
        set_mark(t, key);
    else if (pending == '\'')
        to_mark(t, key);
    else if (common_key(t, key))
        ;
    else if (t->layer == LAYER_NAVIGATE)
        navigate(t, key);
    else if (key == 'q')
        return false;
    else if (key == TUI_ESC)
        t->layer = LAYER_NAVIGATE;
    else if (key == ' ')
        toggle_stop(t, false);
    else
        for (size_t i = 0; i < ARRAY_LEN(single_keys); i++)
            if (key == single_keys[i].key)
                tui_execute(t, single_keys[i].command);
    return !t->d->quit;
}

void tui_click(struct tui *t, unsigned column, unsigned row, int wheel)
{
    for (unsigned i = 0; i < PANES; i++) {
        const struct pane *p = &t->pane[i];
        if (column < p->x || column >= p->x + p->w || row + 1 < p->y || row >= p->y + p->h)
            continue;
        t->focus = (enum pane_id)i;
        if (wheel) {
            move(t, wheel);
        } else if (i == PANE_SOURCE && row >= p->y) {
            t->cursor = p->top + (row - p->y);
        } else if (i == PANE_TAB && row + 1 == p->y) {
            char text[32];
            unsigned x = 0, w;
            for (unsigned k = 0; (w = tabs_title(t, k, text, sizeof text)); k++, x += w)
                if (column >= x && column < x + w)
                    tabs_next(t, (int)k - (int)t->tab);
        } else if (i == PANE_TAB && tui_tabs[t->tab].enter) {
            tabs_click(t, column, p->top + row - p->y);
        }
        return;
    }
}
