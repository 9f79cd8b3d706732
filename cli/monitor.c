/* The machine's command line on a character device: the debugger's commands, and those that hands know from QEMU's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/monitor_rows.h"
#include "debugger/debugger.h"

struct monitor {
    struct session *s;
    struct host_char_line *line;
    struct buf *out; /* instead of `line`: monitor_execute() */
    struct buf typed; /* a line that is not finished */
    struct buf lines; /* finished ones, each with a NUL, for monitor_serve() */
    bool tty_echo;
    bool greet; /* somebody was there before we were */
};

static void write_bytes(struct monitor *mon, const void *bytes, size_t n)
{
    if (mon->out)
        buf_put(mon->out, bytes, n);
    else
        host_char_line_write(mon->line, bytes, n);
}

static void say(struct monitor *mon, const char *text)
{
    write_bytes(mon, text, strlen(text));
}

static void prompt(struct monitor *mon)
{
    say(mon, "(orrery) ");
}

/* --- commands ------------------------------------------------------------------------------------------------------- */

static const struct monitor_row *const lists[] = { monitor_host, monitor_media, monitor_memory, monitor_x86, monitor_dump };

/* The row of a line, and in *args what follows its name. */
static const struct monitor_row *find(struct session *s, const char *line, const char **args)
{
    for (unsigned k = 0; k < ARRAY_LEN(lists); k++)
        for (const struct monitor_row *r = lists[k]; r->name; r++) {
            size_t n = strlen(r->name);
            if (strncmp(line, r->name, n) || (line[n] && line[n] != ' ' && line[n] != '/'))
                continue;
            *args = line + n + strspn(line + n, " ");
            if (!r->mine || r->mine(s, *args))
                return r;
        }
    return NULL;
}

static void help(struct buf *out)
{
    for (unsigned k = 0; k < ARRAY_LEN(lists); k++)
        for (const struct monitor_row *r = lists[k]; r->name; r++)
            if (r->help) {
                char usage[96];
                snprintf(usage, sizeof usage, "%s %s", r->name, r->args);
                buf_printf(out, "%-34s %s\n", usage, r->help);
            }
    buf_printf(out, "and the debugger's commands:\n");
}

/* Of a name that the debugger does not know: what is near it here. */
static void near(const char *line, struct buf *out)
{
    char word[64];
    const char *best = NULL;
    unsigned score = 0;
    bool info = !strncmp(line, "info ", 5);
    const char *first = info ? line + 5 + strspn(line + 5, " ") : line;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(first, " /"), first);
    for (unsigned k = 0; k < ARRAY_LEN(lists); k++)
        for (const struct monitor_row *r = lists[k]; r->name; r++)
            if (info == !strncmp(r->name, "info ", 5))
                suggest(word, r->name + (info ? 5 : 0), &best, &score);
    if (best && !strstr(buf_cstr(out), "nearest"))
        buf_printf(out, "The monitor has '%s%s'.\n", info ? "info " : "", best);
}

static void execute(struct monitor *mon, const char *line)
{
    struct buf out = { 0 };
    const char *args;
    line += strspn(line, " ");
    const struct monitor_row *row = find(mon->s, line, &args);
    struct err e = { "" };
    if (row) {
        if (!row->run(mon->s, args, &out, &e))
            buf_printf(&out, "%s\n", e.text);
    } else if (*line) {
        u64 before = machine_position(mon->s->m);
        if (!strcmp(line, "help"))
            help(&out);
        session_symbols(mon->s);
        if (!debugger_capture(mon->s->debugger, line, &out) && out.len > 9 && !memcmp(out.data, "Undefined", 9))
            near(line, &out);
        if (machine_position(mon->s->m) != before)
            mon->s->paused = true; /* after a step one wants to look */
        if (mon->s->debugger->quit)
            host_loop_quit(mon->s->loop);
    }
    write_bytes(mon, out.data, out.len);
    buf_free(&out);
}

void monitor_execute(struct session *s, const char *line, struct buf *out)
{
    struct monitor mon = { .s = s, .out = out };
    execute(&mon, line);
}

bool monitor_serve(struct monitor *mon)
{
    if (!mon || !mon->lines.len)
        return false;
    struct buf lines = mon->lines;
    mon->lines = (struct buf){ 0 };
    for (size_t at = 0; at < lines.len; at += strlen((char *)lines.data + at) + 1) {
        execute(mon, (char *)lines.data + at);
        prompt(mon);
    }
    buf_free(&lines);
    return true;
}

bool monitor_stopped(struct monitor *mon, enum machine_stop why)
{
    struct debugger *d = mon->s->debugger;
    struct buf out = { 0 };
    struct buf *outer = d->capture;
    d->capture = &out;
    bool stop = run_stopped(d, why);
    d->capture = outer;
    write_bytes(mon, out.data, out.len);
    buf_free(&out);
    if (stop)
        prompt(mon);
    return stop;
}

static void on_bytes(void *opaque, const u8 *bytes, size_t n)
{
    struct monitor *mon = opaque;
    for (size_t i = 0; i < n; i++) {
        u8 c = bytes[i];
        if (c == '\r' || c == '\n') {
            if (mon->tty_echo)
                say(mon, "\r\n");
            /* Between two runs of the machine, where a command may run it itself. */
            buf_cstr(&mon->typed);
            buf_put(&mon->lines, mon->typed.data, mon->typed.len + 1);
            mon->typed.len = 0;
            host_loop_ask(mon->s->loop);
        } else if ((c == 0x7f || c == 8) && mon->typed.len) {
            mon->typed.len--;
            say(mon, "\b \b");
        } else if (c >= 0x20 && mon->typed.len < 4096) {
            buf_put(&mon->typed, &c, 1);
            if (mon->tty_echo)
                host_char_line_write(mon->line, &c, 1);
        }
    }
}

static void on_focus(void *opaque, bool gained)
{
    struct monitor *mon = opaque;
    mon->greet = gained;
    if (gained && mon->line) {
        say(mon, "Orrery " PACKAGE_VERSION " monitor - type 'help' for more information\n");
        prompt(mon);
    }
}

struct monitor *monitor_new(struct session *s, struct host_char *c, struct err *e)
{
    struct monitor *mon = xcalloc(1, sizeof *mon);
    struct host_char_user user = { on_bytes, on_focus, mon };
    mon->s = s;
    mon->tty_echo = true; /* a terminal in raw mode does not echo; what is not one does not mind */
    mon->line = host_char_attach(c, "monitor", &user, e);
    if (!mon->line) {
        free(mon);
        return NULL;
    }
    if (mon->greet)
        on_focus(mon, true);
    return mon;
}

void monitor_free(struct monitor *mon)
{
    if (mon) {
        buf_free(&mon->typed);
        buf_free(&mon->lines);
        free(mon);
    }
}
