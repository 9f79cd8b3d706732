#include "cli/tui.h"

#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debugger/tui.h"
#include "gui/typing.h"
#include "host/inbox.h"
#include "host/input.h"
#include "iodev/input/keys.h"

enum { REFRESH_NS = 50000000, IDLE_NS = 200000000 };

struct tui_terminal {
    struct char_port port; /* first: the guest's console */
    struct session *s;
    struct inbox_bytes typed;
    struct tui *tui;
    SCREEN *screen;
    struct host_watch *keys;
    struct host_timer *timer;
    bool shown;   /* the screen is there, not the prompt */
    bool stopped; /* keys are commands */
    bool leaving, colors;
};

static void guest_writes(struct char_port *port, const u8 *bytes, size_t n)
{
    struct tui_terminal *t = (struct tui_terminal *)port;
    if (t->tui)
        tui_guest(t->tui, bytes, n);
    if (t->shown)
        return;
    fwrite(bytes, 1, n, stdout);
    fflush(stdout);
}

static void type(void *opaque, const u8 *bytes, size_t n)
{
    struct tui_terminal *t = opaque;
    if (n <= inbox_bytes_space(&t->typed))
        inbox_bytes_put(&t->typed, bytes, n);
}

/* On the keyboard, where there is one. */
static void press(void *opaque, u32 key)
{
    static const struct { u32 key; const char *name; } names[] = {
        { TUI_UP, "up" }, { TUI_DOWN, "down" }, { TUI_RIGHT, "right" }, { TUI_LEFT, "left" }, { TUI_HOME, "home" }, { TUI_END, "end" },
        { TUI_PAGE_UP, "pgup" }, { TUI_PAGE_DOWN, "pgdn" }, { TUI_DELETE, "delete" }, { TUI_BACKSPACE, "backspace" }, { '\n', "ret" },
    };
    struct tui_terminal *t = opaque;
    u8 usages[TYPING_MOST];
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].key == key)
            n = keys_parse(names[i].name, usages, TYPING_MOST);
    if (!n && key < 0x80)
        n = typing_keys((u8)key, usages);
    if (n && t->s->input && host_input_has_keyboard(t->s->input))
        host_input_chord(t->s->input, usages, n, 0);
}

struct tui_terminal *tui_terminal_new(struct session *s)
{
    struct tui_terminal *t = xcalloc(1, sizeof *t);
    t->port = (struct char_port){ .write = guest_writes, .id = "serial0" };
    t->s = s;
    s->mc.serial[0] = &t->port;
    inbox_bytes_init(&t->typed, s->loop, &t->port.in);
    return t;
}

void tui_terminal_free(struct tui_terminal *t)
{
    if (!t)
        return;
    tui_free(t->tui);
    if (t->screen)
        delscreen(t->screen);
    inbox_bytes_fini(&t->typed);
    free(t);
}

bool tui_terminal_say(struct tui_terminal *t, const char *text, size_t n)
{
    if (!t || !t->shown)
        return false;
    tui_say(t->tui, text, n);
    return true;
}

/* --- drawing ----------------------------------------------------------------------------------------------------- */

/* On light and dark: the terminal's own colours, and those that can be read on both. */
static attr_t attribute(const struct tui_terminal *t, u8 style)
{
    static const struct { attr_t plain; short pair; } styles[TUI_STYLES] = {
        [TUI_TITLE] = { A_REVERSE | A_DIM, 0 }, [TUI_FOCUS] = { A_REVERSE | A_BOLD, 0 },
        [TUI_HERE] = { A_BOLD, 2 }, [TUI_CHANGED] = { A_BOLD, 1 }, [TUI_STOP] = { A_BOLD, 1 }, [TUI_ASM] = { A_NORMAL, 3 },
        [TUI_STATUS] = { A_REVERSE, 0 }, [TUI_INPUT] = { A_BOLD, 0 },
    };
    return styles[style].plain | (t->colors ? COLOR_PAIR(styles[style].pair) : 0);
}

static void draw(struct tui_terminal *t)
{
    int x, y, rows, columns;
    getmaxyx(stdscr, rows, columns);
    const struct tui_cell *c = tui_draw(t->tui, !t->stopped, &x, &y);
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++, c++) {
            cchar_t out;
            wchar_t text[2] = { (wchar_t)c->ch, 0 };
            attr_t a = attribute(t, c->style);
            setcchar(&out, text, a & ~A_COLOR, (short)PAIR_NUMBER(a), NULL);
            mvadd_wch(row, column, &out);
        }
    curs_set(x >= 0);
    if (x >= 0)
        move(y, x);
    refresh();
}

/* --- keys -------------------------------------------------------------------------------------------------------- */

static u32 key_of(int status, wint_t c)
{
    static const struct { wint_t curses; u32 key; } special[] = {
        { KEY_UP, TUI_UP }, { KEY_DOWN, TUI_DOWN }, { KEY_LEFT, TUI_LEFT }, { KEY_RIGHT, TUI_RIGHT }, { KEY_PPAGE, TUI_PAGE_UP },
        { KEY_NPAGE, TUI_PAGE_DOWN }, { KEY_HOME, TUI_HOME }, { KEY_END, TUI_END }, { KEY_BACKSPACE, TUI_BACKSPACE },
        { KEY_DC, TUI_DELETE }, { KEY_BTAB, TUI_BACK_TAB }, { KEY_ENTER, '\n' },
    };
    if (status != KEY_CODE_YES)
        return c == '\r' ? '\n' : (u32)c;
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (special[i].curses == c)
            return special[i].key;
    return c >= KEY_F(1) && c <= KEY_F(24) ? TUI_F1 + (u32)(c - KEY_F(1)) : 0;
}

static void resized(struct tui_terminal *t)
{
    int rows, columns;
    getmaxyx(stdscr, rows, columns);
    tui_size(t->tui, (unsigned)columns, (unsigned)rows);
    clear();
}

static void mouse(struct tui_terminal *t)
{
    MEVENT e;
    if (getmouse(&e) == OK && e.x >= 0 && e.y >= 0)
        tui_click(t->tui, (unsigned)e.x, (unsigned)e.y, e.bstate & BUTTON4_PRESSED ? -3 : e.bstate & BUTTON5_PRESSED ? 3 : 0);
}

/* Takes what was typed. */
static void read_keys(struct tui_terminal *t)
{
    wint_t c;
    int status;
    while ((!t->stopped || !t->leaving) && (status = get_wch(&c)) != ERR) {
        if (status == KEY_CODE_YES && c == KEY_RESIZE) {
            resized(t);
        } else if (status == KEY_CODE_YES && c == KEY_MOUSE) {
            mouse(t);
        } else {
            u32 key = key_of(status, c);
            if (!key)
                continue;
            if (!t->stopped) {
                tui_key_running(t->tui, key);
                continue;
            }
            t->stopped = false; /* until the command is done */
            bool stays = tui_key(t->tui, key);
            t->stopped = true;
            t->leaving = !stays;
        }
    }
}

static void on_key(void *opaque, short revents)
{
    struct tui_terminal *t = opaque;
    if (!t->stopped)
        read_keys(t);
}

static void on_timer(void *opaque)
{
    struct tui_terminal *t = opaque;
    if (!t->stopped)
        draw(t);
    host_timer_set(t->timer, host_now_ns() + REFRESH_NS);
}

void tui_terminal_refresh(struct tui_terminal *t)
{
    if (t && t->shown)
        draw(t);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static bool open_screen(struct tui_terminal *t, struct err *e)
{
    setlocale(LC_CTYPE, "");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(e, "--tui: standard input and output must be a terminal");
    if (t->screen) {
        set_term(t->screen);
        refresh();
    } else {
        t->screen = newterm(NULL, stdout, stdin);
        if (!t->screen)
            return err_set(e, "--tui: the terminal '%s' is not known to ncurses; set TERM", getenv("TERM") ? getenv("TERM") : "");
    }
    const char *no = getenv("NO_COLOR");
    t->colors = !(no && *no) && has_colors();
    if (t->colors) {
        start_color();
        use_default_colors();
        init_pair(1, COLOR_RED, -1);
        init_pair(2, COLOR_GREEN, -1);
        init_pair(3, COLOR_BLUE, -1);
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(50);
    mousemask(BUTTON1_CLICKED | BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    return true;
}

bool tui_terminal_run(struct tui_terminal *t, struct err *e)
{
    struct debugger *d = t->s->debugger;
    if (!open_screen(t, e))
        return false;
    if (!t->tui)
        t->tui = tui_new(d, &(struct tui_host){ .opaque = t, .type = type, .press = press });
    bool color = d->color;
    d->color = false;
    t->shown = t->stopped = true;
    t->leaving = false;
    resized(t);
    t->keys = host_watch_new(t->s->loop, STDIN_FILENO, POLLIN, on_key, t);
    t->timer = host_timer_new(t->s->loop, on_timer, t);
    host_timer_set(t->timer, host_now_ns() + REFRESH_NS);
    while (!t->leaving && !d->quit) {
        draw(t);
        int signal;
        if (host_loop_requested(t->s->loop) != HOST_NOTHING) {
            enum host_request r = host_loop_take_request(t->s->loop, &signal);
            if (r == HOST_QUIT || (r == HOST_SIGNAL && signal != 2))
                d->quit = true;
            continue;
        }
        struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
        poll(&in, 1, (int)(IDLE_NS / 1000000)); /* a change of size ends it too */
        host_loop_poll(t->s->loop, 0);
        read_keys(t);
    }
    host_timer_free(t->timer);
    host_watch_free(t->keys);
    t->shown = false;
    d->color = color;
    endwin();
    return true;
}
