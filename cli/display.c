/* -display: which screen it is, and the window or terminal that shows it about thirty times a second of the host's time.
 * Looking changes nothing in the machine; what is typed goes through host/input.c. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/session_parts.h"
#include "gui/terminal.h"
#include "gui/window.h"
#include "host/char/tty.h"
#include "host/input.h"
#include "machine/board.h"

#define DRAW_NS 33333333
#define POLLS 3 /* a window is asked for its events so often between two pictures */
#define CONSOLE_COLUMNS 80
#define CONSOLE_ROWS 25

struct display {
    struct session *s;
    struct host_timer *timer;
    unsigned tick;
    struct window *window;
    struct terminal *terminal;
    struct console *console[TERMINAL_PAGES];
    unsigned n_consoles;
    struct host_watch *keys; /* of standard input */
    struct host_on_cont cont;
    struct tty_mode *tty;
    FILE *in, *out; /* the terminal, while 1 and 2 lead elsewhere */
    int said, old[2]; /* a file in memory that takes standard output and error; where they went before */
};

/* --- which -------------------------------------------------------------------------------------------------------------- */

static bool is_set(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

/* Does somebody else read standard input? */
static bool stdin_taken(const struct options *o)
{
    bool taken = o->monitor && strstr(o->monitor, "stdio");
    taken = taken || (o->debugcon && strstr(o->debugcon, "stdio")) || (o->gdb && strstr(o->gdb, "stdio"));
    for (unsigned i = 0; i < o->n_serials; i++)
        taken = taken || strstr(o->serials[i], "stdio");
    for (unsigned i = 0; i < o->n_parallels; i++)
        taken = taken || strstr(o->parallels[i], "stdio");
    for (unsigned i = 0; i < o->n_chardevs; i++)
        taken = taken || strstr(o->chardevs[i].text, "stdio");
    return taken;
}

/* As people expect who type only the name of a disk: a window, else the text in the terminal. Scripts have neither. */
bool session_choose_display(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    bool person = isatty(STDOUT_FILENO), chosen = o->display != DISPLAY_DEFAULT || o->nographic;
    if (o->nographic && (o->display == DISPLAY_SDL || o->display == DISPLAY_CURSES))
        return err_set(e, "-nographic and -display exclude each other");
    s->display_kind = o->nographic ? DISPLAY_NONE : o->display;
    if (s->display_kind == DISPLAY_CURSES && o->debug && !s->replay)
        return err_set(e, "-display curses: the debugger has the terminal; use -display sdl, or the command 'screen'");
    if (!chosen && (!s->has_screen || o->debug || s->replay || o->dumpdtb))
        s->display_kind = DISPLAY_DEFAULT; /* nothing to show, or somebody else's terminal: as it was without screens */
    else if (!chosen && person && (is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")))
        s->display_kind = DISPLAY_SDL;
    else if (!chosen && person && isatty(STDIN_FILENO) && !stdin_taken(o) && is_set("TERM"))
        s->display_kind = DISPLAY_CURSES;
    else if (!chosen)
        fprintf(stderr, "%s: the screen is not shown: there is neither a display nor a free terminal here "
                "(-display none says that this is meant)\n", o->program);
    if (s->replay && s->display_kind == DISPLAY_CURSES)
        s->display_kind = DISPLAY_DEFAULT; /* nobody types, and what serial ports say is shown as it is */
    return s->display_kind != DISPLAY_CURSES || host_loop_claim_stdin(s->loop, true);
}

/* --- hands -------------------------------------------------------------------------------------------------------------- */

static void on_key(void *opaque, u8 usage, bool down)
{
    host_input_key(((struct display *)opaque)->s->input, usage, down, 0);
}

static void on_chord(void *opaque, const u8 *usages, unsigned n)
{
    host_input_chord(((struct display *)opaque)->s->input, usages, n, 0);
}

static void on_release_all(void *opaque)
{
    host_input_release_all(((struct display *)opaque)->s->input);
}

static void on_move(void *opaque, int dx, int dy, int wheel)
{
    host_input_move(((struct display *)opaque)->s->input, dx, dy, wheel);
}

static void on_buttons(void *opaque, u8 buttons)
{
    host_input_buttons(((struct display *)opaque)->s->input, buttons);
}

static void on_closed(void *opaque)
{
    host_loop_quit(((struct display *)opaque)->s->loop);
}

static struct gui_hands hands(struct display *d)
{
    return (struct gui_hands){ .opaque = d, .key = on_key, .chord = on_chord, .release_all = on_release_all,
                               .move = on_move, .buttons = on_buttons, .closed = on_closed };
}

/* --- a window ------------------------------------------------------------------------------------------------------------- */

static void look_at_window(void *opaque)
{
    struct display *d = opaque;
    window_poll(d->window);
    if (d->tick++ % POLLS == 0)
        window_draw(d->window, d->s->paused ? "paused" : d->s->replay ? "replay" : "");
    host_timer_set(d->timer, host_now_ns() + DRAW_NS / POLLS);
}

static bool open_window(struct display *d, struct err *e)
{
    struct session *s = d->s;
    struct gui_hands h = hands(d);
    struct window_options o = { .full_screen = s->o->full_screen, .stays = s->o->window_stays,
                                .title = s->o->name ? arena_printf(s->arena, "Orrery (%s)", s->o->name)
                                                    : arena_printf(s->arena, "Orrery - %s", s->m->board->name) };
    d->window = window_new(machine_screen(s->m, 0), &h, &o, e);
    if (!d->window)
        return err_prefix(e, "-display sdl");
    d->timer = host_timer_new(s->loop, look_at_window, d);
    host_loop_hold(s->loop, 1);
    look_at_window(d);
    return true;
}

/* --- the terminal ---------------------------------------------------------------------------------------------------------- */

static void look_at_terminal(void *opaque)
{
    struct display *d = opaque;
    terminal_poll(d->terminal); /* a new size of the terminal comes without a key */
    terminal_draw(d->terminal);
    host_timer_set(d->timer, host_now_ns() + DRAW_NS);
}

static void keys_ready(void *opaque, short revents)
{
    struct display *d = opaque;
    if (revents & (POLLHUP | POLLERR | POLLNVAL)) {
        host_watch_events(d->keys, 0);
        host_loop_quit(d->s->loop);
    }
    terminal_poll(d->terminal);
}

static void go_on(void *opaque)
{
    struct display *d = opaque;
    if (d->tty)
        tty_again(d->tty);
    terminal_again(d->terminal);
}

static void show(void *opaque, const u8 *bytes, size_t n)
{
    console_write(opaque, bytes, n);
}

static void typed(void *opaque, const u8 *bytes, size_t n)
{
    host_char_vc_type(opaque, bytes, n);
}

/* What this program and its libraries say while the terminal shows pages is kept and said afterwards. */
static void keep_output(struct display *d)
{
    fflush(stdout);
    d->said = memfd_create("orrery-said", MFD_CLOEXEC);
    for (int i = 0; i < 2; i++) {
        d->old[i] = dup(STDOUT_FILENO + i);
        if (d->said >= 0 && isatty(STDOUT_FILENO + i))
            dup2(d->said, STDOUT_FILENO + i);
    }
}

static void give_output_back(struct display *d)
{
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        dup2(d->old[i], STDOUT_FILENO + i);
        close(d->old[i]);
    }
    char bytes[4096];
    off_t at = 0;
    for (ssize_t n; d->said >= 0 && (n = pread(d->said, bytes, sizeof bytes, at)) > 0; at += n)
        host_loop_write(d->s->loop, STDERR_FILENO, (const u8 *)bytes, (size_t)n);
    if (d->said >= 0)
        close(d->said);
}

static void add_console(struct display *d, struct terminal_page *pages, unsigned *n, struct host_char *c)
{
    if (*n == TERMINAL_PAGES)
        return;
    struct console *console = console_new(CONSOLE_COLUMNS, CONSOLE_ROWS);
    if (!host_char_vc_show(c, show, console)) {
        console_free(console);
        return;
    }
    d->console[d->n_consoles++] = console;
    pages[(*n)++] = (struct terminal_page){ .console = console, .type = typed, .opaque = c };
}

/* Page 1 the screen, 2 the monitor, then the others in their order. */
static unsigned make_pages(struct display *d, struct terminal_page *pages)
{
    struct session *s = d->s;
    unsigned n = 0;
    if (machine_screen(s->m, 0))
        pages[n++] = (struct terminal_page){ .screen = machine_screen(s->m, 0) };
    for (unsigned other = 0; other < 2; other++)
        for (unsigned i = 0; i < s->n_chars; i++)
            if ((strcmp(host_char_id(s->chars[i]), "monitor") != 0) == other)
                add_console(d, pages, &n, s->chars[i]);
    return n;
}

static bool open_terminal(struct display *d, struct err *e)
{
    struct terminal_page pages[TERMINAL_PAGES];
    struct gui_hands h = hands(d);
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(e, "-display curses: standard input and output are no terminal");
    unsigned n = make_pages(d, pages);
    if (!n)
        return err_set(e, "-display curses: there is no screen and no virtual console (vc) to show");
    d->tty = tty_raw(STDIN_FILENO, false); /* put back even if this process dies */
    d->in = fdopen(dup(STDIN_FILENO), "r");
    d->out = fdopen(dup(STDOUT_FILENO), "w");
    d->terminal = d->in && d->out ? terminal_new(d->in, d->out, pages, n, &h, e) : NULL;
    if (!d->terminal) {
        tty_restore(d->tty);
        return err_prefix(e, "-display curses");
    }
    keep_output(d);
    d->timer = host_timer_new(d->s->loop, look_at_terminal, d);
    d->keys = host_watch_new(d->s->loop, STDIN_FILENO, POLLIN, keys_ready, d);
    d->cont = (struct host_on_cont){ go_on, d, NULL };
    host_loop_on_cont(d->s->loop, &d->cont);
    look_at_terminal(d);
    return true;
}

/* --- both -------------------------------------------------------------------------------------------------------------------- */

bool session_open_display(struct session *s, struct err *e)
{
    if (s->display_kind != DISPLAY_SDL && s->display_kind != DISPLAY_CURSES)
        return true;
    bool window = s->display_kind == DISPLAY_SDL;
    if (window && !machine_screen(s->m, 0))
        return err_set(e, "-display: '%s' needs a screen, which machine '%s' has not; use -display none or -nographic",
                       s->o->display_name ? s->o->display_name : "sdl", s->m->board->name);
    struct display *d = xcalloc(1, sizeof *d);
    d->s = s;
    s->display = d;
    if (window ? open_window(d, e) : open_terminal(d, e))
        return true;
    session_close_display(s);
    if (s->o->display != DISPLAY_DEFAULT && !s->replay)
        return false;
    fprintf(stderr, "%s: %s; the screen is not shown\n", s->o->program, e->text);
    return true;
}

void session_close_display(struct session *s)
{
    struct display *d = s->display;
    if (!d)
        return;
    s->display = NULL;
    if (d->window)
        host_loop_hold(s->loop, -1);
    window_free(d->window);
    host_timer_free(d->timer);
    if (d->terminal) {
        host_loop_off_cont(s->loop, &d->cont);
        host_watch_free(d->keys);
        terminal_free(d->terminal);
        tty_restore(d->tty);
        give_output_back(d);
    }
    if (d->in)
        fclose(d->in);
    if (d->out)
        fclose(d->out);
    for (unsigned i = 0; i < s->n_chars; i++)
        host_char_vc_show(s->chars[i], NULL, NULL);
    for (unsigned i = 0; i < d->n_consoles; i++)
        console_free(d->console[i]);
    free(d);
}
