/* The machine's command line on a character device: the debugger's commands, and those that hands know from QEMU's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "debugger/debugger.h"

struct monitor {
    struct session *s;
    struct host_char_line *line;
    struct buf *out; /* instead of `line`: monitor_execute() */
    struct buf typed;
    bool tty_echo;
};

static void say(struct monitor *mon, const char *text)
{
    if (mon->out)
        buf_put(mon->out, text, strlen(text));
    else
        host_char_line_write(mon->line, text, strlen(text));
}

static void prompt(struct monitor *mon)
{
    say(mon, "(orrery) ");
}

/* --- commands about the machine as a whole; all others are the debugger's --------------------------------- */

static void do_quit(struct monitor *mon, const char *arg) { host_loop_quit(mon->s->loop); }

static void do_stop(struct monitor *mon, const char *arg)
{
    mon->s->paused = true;
    host_loop_ask(mon->s->loop);
}

static void do_cont(struct monitor *mon, const char *arg)
{
    if (mon->s->paused && mon->s->debugger->cpu)
        cpu_skip_stop(mon->s->debugger->cpu);
    mon->s->paused = false;
}

static void do_reset(struct monitor *mon, const char *arg) { machine_request(mon->s->m, MACHINE_RESET, 0, NULL); }

static void do_powerdown(struct monitor *mon, const char *arg) { machine_request(mon->s->m, MACHINE_POWEROFF, 0, NULL); }

static void report(struct monitor *mon, bool ok, const struct err *e)
{
    if (!ok) {
        say(mon, e->text);
        say(mon, "\n");
    }
}

static void do_save(struct monitor *mon, const char *arg)
{
    struct err e = { "it needs a file name" };
    report(mon, *arg && session_save(mon->s, arg, &e), &e);
}

static void do_load(struct monitor *mon, const char *arg)
{
    struct err e = { "it needs a file name" };
    report(mon, *arg && session_load(mon->s, arg, &e), &e);
    debugger_changed(mon->s->debugger);
}

static void do_status(struct monitor *mon, const char *arg)
{
    say(mon, mon->s->paused ? "VM status: paused\n" : "VM status: running\n");
}

static const struct {
    const char *name;
    void (*fn)(struct monitor *mon, const char *arg);
    const char *help;
} rows[] = {
    { "quit", do_quit, "end the emulator" },
    { "q", do_quit, NULL },
    { "stop", do_stop, "stop the machine" },
    { "cont", do_cont, "let it go on" },
    { "c", do_cont, NULL },
    { "system_reset", do_reset, "reset the machine" },
    { "system_powerdown", do_powerdown, "switch the machine off" },
    { "savevm", do_save, "FILE: write a snapshot" },
    { "loadvm", do_load, "FILE: go to a snapshot" },
    { "info status", do_status, "running or paused" },
};

static void execute(struct monitor *mon, const char *line)
{
    while (*line == ' ')
        line++;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].name);
        if (!strncmp(line, rows[i].name, n) && (!line[n] || line[n] == ' ')) {
            rows[i].fn(mon, line + n + strspn(line + n, " "));
            return;
        }
    }
    if (!strcmp(line, "help")) {
        for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
            if (rows[i].help) {
                char text[120];
                snprintf(text, sizeof text, "%-18s %s\n", rows[i].name, rows[i].help);
                say(mon, text);
            }
        say(mon, "and the debugger's commands:\n");
    }
    if (!*line)
        return;
    struct buf out = { 0 };
    if (mon->out) {
        debugger_capture(mon->s->debugger, line, mon->out);
        return;
    }
    debugger_capture(mon->s->debugger, line, &out);
    host_char_line_write(mon->line, out.data, out.len);
    buf_free(&out);
}

void monitor_execute(struct session *s, const char *line, struct buf *out)
{
    struct monitor mon = { .s = s, .out = out };
    execute(&mon, line);
}

static void on_bytes(void *opaque, const u8 *bytes, size_t n)
{
    struct monitor *mon = opaque;
    for (size_t i = 0; i < n; i++) {
        u8 c = bytes[i];
        if (c == '\r' || c == '\n') {
            if (mon->tty_echo)
                say(mon, "\r\n");
            char *line = xstrdup(buf_cstr(&mon->typed));
            mon->typed.len = 0;
            execute(mon, line);
            free(line);
            prompt(mon);
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
    return mon;
}

void monitor_free(struct monitor *mon)
{
    if (mon) {
        buf_free(&mon->typed);
        free(mon);
    }
}
