#define NCURSES_WIDECHAR 1
#include "gui/terminal.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "gui/cp437.h"
#include "gui/typing.h"

enum { CTRL = 0xe0, SHIFT = 0xe1, ALT = 0xe2 };
#define ESCAPE 27

struct terminal {
    SCREEN *curses;
    struct gui_hands hands;
    struct terminal_page page[TERMINAL_PAGES];
    unsigned pages, at;
    int cursor_x, cursor_y; /* where it was seen last: it may be blinking */
    bool utf8, colour;
    unsigned colours; /* 8 or 16 */
    struct screen_cell *cells;
    size_t cap;
};

/* --- colours ----------------------------------------------------------------------------------------------------- */

/* An adapter's colours are blue, green, red from bit 0 on, a terminal's red, green, blue. */
static short terminal_colour(unsigned c)
{
    return (short)((c & 8) | (c & 2) | (c & 1) << 2 | (c >> 2 & 1));
}

/* The nearest of the sixteen. */
static unsigned nearest(u32 rgb)
{
    unsigned best = 0, least = ~0u;
    for (unsigned c = 0; c < 16; c++) {
        unsigned level = c & 8 ? 0x55 : 0, distance = 0;
        for (unsigned k = 0; k < 3; k++) { /* blue, green, red */
            unsigned want = level + (c >> k & 1 ? 0xaa : 0);
            if (c == 6 && k == 1)
                want = 0x55; /* brown */
            int d = (int)(rgb >> (8 * k) & 0xff) - (int)want;
            distance += (unsigned)(d * d);
        }
        if (distance < least) {
            least = distance;
            best = c;
        }
    }
    return best;
}

/* Pair 0 is the terminal's own colours; nobody needs black on black. */
static void make_pairs(struct terminal *t)
{
    t->colour = has_colors();
    if (!t->colour)
        return;
    start_color();
    t->colours = COLORS >= 16 && COLOR_PAIRS >= 256 ? 16 : 8;
    for (unsigned fg = 0; fg < t->colours; fg++)
        for (unsigned bg = 0; bg < t->colours; bg++)
            if (fg || bg)
                init_pair((short)(fg * t->colours + bg), terminal_colour(fg), terminal_colour(bg));
}

static void look(const struct terminal *t, const struct screen_cell *c, bool *hidden, attr_t *attr, short *pair)
{
    unsigned fg = nearest(c->foreground), bg = nearest(c->background);
    *hidden = c->blinked_out || c->foreground == c->background;
    *attr = 0;
    *pair = 0;
    if (!t->colour) {
        *attr = bg > fg ? A_REVERSE : 0;
        return;
    }
    if (t->colours == 8) {
        *attr = fg & 8 ? A_BOLD : 0;
        fg &= 7;
        bg &= 7;
        if (fg == bg && !*hidden)
            fg = bg ? 0 : 7;
    }
    if (*hidden)
        fg = bg ? 0 : 7;
    *pair = (short)(fg * t->colours + bg);
}

/* --- drawing ------------------------------------------------------------------------------------------------------- */

/* For terminals that have no more than ASCII. */
static wchar_t plainer(u16 code_point)
{
    static const struct {
        u16 from, to;
        char as;
    } ranges[] = {
        { 0x2500, 0x2501, '-' }, { 0x2502, 0x2503, '|' }, { 0x2550, 0x2550, '=' }, { 0x2551, 0x2551, '|' },
        { 0x2504, 0x257f, '+' }, { 0x2580, 0x259f, '#' }, { 0x25ba, 0x25ba, '>' }, { 0x25c4, 0x25c4, '<' },
    };
    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++)
        if (code_point >= ranges[i].from && code_point <= ranges[i].to)
            return ranges[i].as;
    return '?';
}

static void draw_cell(const struct terminal *t, int y, int x, const struct screen_cell *c)
{
    bool hidden;
    attr_t attr;
    short pair;
    cchar_t out;
    look(t, c, &hidden, &attr, &pair);
    u16 code_point = hidden ? ' ' : cp437[c->code];
    wchar_t text[2] = { code_point < 0x80 || t->utf8 ? code_point : plainer(code_point), 0 };
    setcchar(&out, text, attr, pair, NULL);
    mvadd_wch(y, x, &out);
}

/* A page larger than the terminal is seen through a window that the cursor stays in. */
static int offset(int cursor, unsigned page, int terminal)
{
    int most = (int)page - terminal, want = cursor - terminal + 1;
    return want < 0 || most < 0 ? 0 : want < most ? want : most;
}

static void draw_page(struct terminal *t, const struct screen_cell *cells, unsigned columns, unsigned rows, int cursor)
{
    if (cursor >= 0) {
        t->cursor_y = cursor / (int)columns;
        t->cursor_x = cursor % (int)columns;
    }
    int top = offset(t->cursor_y, rows, LINES), left = offset(t->cursor_x, columns, COLS);
    erase();
    for (int y = 0; y < LINES && y + top < (int)rows; y++)
        for (int x = 0; x < COLS && x + left < (int)columns; x++)
            draw_cell(t, y, x, &cells[(y + top) * (int)columns + x + left]);
    curs_set(cursor >= 0);
    if (cursor >= 0)
        move(t->cursor_y - top, t->cursor_x - left);
    refresh();
}

static void draw_screen(struct terminal *t, const struct device *screen)
{
    const struct screen_ops *ops = screen->cls->screen;
    struct screen_mode mode;
    int cursor = -1;
    ops->mode(screen, &mode);
    size_t n = (size_t)mode.columns * mode.rows;
    if (mode.width && n && n <= 65536 && ops->text) {
        if (n > t->cap) {
            t->cells = xrealloc(t->cells, n * sizeof *t->cells);
            t->cap = n;
        }
        ops->text(screen, t->cells, &cursor);
        draw_page(t, t->cells, mode.columns, mode.rows, cursor < (int)n ? cursor : -1);
        return;
    }
    char text[64] = "";
    if (mode.width && mode.height)
        snprintf(text, sizeof text, "%ux%u graphics mode", mode.width, mode.height);
    erase();
    if (*text && COLS >= (int)strlen(text))
        mvaddstr(LINES / 2, (COLS - (int)strlen(text)) / 2, text);
    curs_set(0);
    refresh();
}

void terminal_draw(struct terminal *t)
{
    const struct terminal_page *p = &t->page[t->at];
    if (p->screen) {
        draw_screen(t, p->screen);
        return;
    }
    unsigned columns, rows;
    int cursor;
    const struct screen_cell *cells = console_cells(p->console, &columns, &rows, &cursor);
    draw_page(t, cells, columns, rows, cursor);
}

void terminal_again(struct terminal *t)
{
    clearok(curscr, TRUE);
    terminal_draw(t);
}

/* --- keys ------------------------------------------------------------------------------------------------------------ */

static const struct {
    int key;
    u8 modifier, usage;
    const char *sequence; /* for consoles: what follows ESC; NULL: nothing is sent */
} specials[] = {
    { KEY_UP, 0, 0x52, "[A" },    { KEY_DOWN, 0, 0x51, "[B" },  { KEY_RIGHT, 0, 0x4f, "[C" },  { KEY_LEFT, 0, 0x50, "[D" },
    { KEY_HOME, 0, 0x4a, "[H" },  { KEY_END, 0, 0x4d, "[F" },   { KEY_PPAGE, 0, 0x4b, "[5~" }, { KEY_NPAGE, 0, 0x4e, "[6~" },
    { KEY_IC, 0, 0x49, "[2~" },   { KEY_DC, 0, 0x4c, "[3~" },   { KEY_SR, SHIFT, 0x52, NULL }, { KEY_SF, SHIFT, 0x51, NULL },
    { KEY_SRIGHT, SHIFT, 0x4f, NULL }, { KEY_SLEFT, SHIFT, 0x50, NULL }, { KEY_BTAB, SHIFT, 0x2b, NULL },
    { KEY_ENTER, 0, 0x58, NULL }, { KEY_BACKSPACE, 0, 0x2a, NULL },
};

static void press(struct terminal *t, bool alt, u8 modifier, const u8 *usages, unsigned n)
{
    u8 all[2 + TYPING_MOST];
    unsigned k = 0;
    if (alt)
        all[k++] = ALT;
    if (modifier)
        all[k++] = modifier;
    memcpy(all + k, usages, n);
    if (n)
        t->hands.chord(t->hands.opaque, all, k + n);
}

/* KEY_F(1) to KEY_F(12), and those with Shift, Ctrl and both behind them. */
static void press_function(struct terminal *t, unsigned f, bool alt)
{
    static const u8 modifiers[] = { 0, SHIFT, CTRL };
    unsigned group = (f - 1) / 12;
    if (group < ARRAY_LEN(modifiers))
        press(t, alt, modifiers[group], (u8[]){ (u8)(0x3a + (f - 1) % 12) }, 1);
}

static void to_screen(struct terminal *t, int key, bool alt)
{
    u8 usages[TYPING_MOST];
    if (key >= KEY_F(1) && key <= KEY_F(36)) {
        press_function(t, (unsigned)(key - KEY_F0), alt);
        return;
    }
    for (unsigned i = 0; i < ARRAY_LEN(specials); i++)
        if (specials[i].key == key)
            press(t, alt, specials[i].modifier, &specials[i].usage, 1);
    if (key >= 0 && key < 128)
        press(t, alt, 0, usages, typing_keys((u8)key, usages));
}

static void to_console(const struct terminal_page *p, int key, bool alt)
{
    char bytes[8];
    unsigned n = 0;
    if (alt)
        bytes[n++] = ESCAPE;
    for (unsigned i = 0; i < ARRAY_LEN(specials); i++)
        if (specials[i].key == key && specials[i].sequence)
            n += (unsigned)snprintf(bytes + n, sizeof bytes - n, "\033%s", specials[i].sequence);
    if (key == KEY_ENTER || key == KEY_BACKSPACE)
        bytes[n++] = key == KEY_ENTER ? '\r' : 0x7f;
    else if (key >= 0 && key < 256)
        bytes[n++] = (char)key;
    if (n > alt)
        p->type(p->opaque, (const u8 *)bytes, n);
}

static void on_key(struct terminal *t, int key, bool alt)
{
    if (alt && key >= '1' && key <= '9') {
        if (key - '1' < (int)t->pages) {
            t->at = (unsigned)(key - '1');
            t->cursor_x = t->cursor_y = 0;
            terminal_again(t);
        }
    } else if (t->page[t->at].screen) {
        to_screen(t, key, alt);
    } else {
        to_console(&t->page[t->at], key, alt);
    }
}

void terminal_poll(struct terminal *t)
{
    for (int key = getch(); key != ERR; key = getch()) {
        if (key == KEY_RESIZE) {
            terminal_again(t);
            continue;
        }
        int next = key == ESCAPE ? getch() : ERR; /* Alt comes as ESC before the character */
        if (next != ERR && next != KEY_RESIZE)
            on_key(t, next, true);
        else
            on_key(t, key, false);
    }
}

/* --- life ------------------------------------------------------------------------------------------------------------- */

struct terminal *terminal_new(FILE *in, FILE *out, const struct terminal_page *pages, unsigned n,
                              const struct gui_hands *hands, struct err *e)
{
    setlocale(LC_CTYPE, "");
    SCREEN *curses = newterm(NULL, out, in);
    if (!curses) {
        const char *term = getenv("TERM");
        err_set(e, "ncurses knows no terminal of the type '%s' (environment variable TERM)", term ? term : "");
        return NULL;
    }
    struct terminal *t = xcalloc(1, sizeof *t);
    t->curses = curses;
    t->hands = *hands;
    t->pages = n < TERMINAL_PAGES ? n : TERMINAL_PAGES;
    memcpy(t->page, pages, t->pages * sizeof *pages);
    t->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    set_term(curses);
    raw();
    noecho();
    nonl();
    set_escdelay(25);
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    intrflush(stdscr, FALSE);
    make_pairs(t);
    terminal_draw(t);
    return t;
}

void terminal_free(struct terminal *t)
{
    if (!t)
        return;
    endwin();
    delscreen(t->curses);
    free(t->cells);
    free(t);
}
