/* The machine's command line on a character device: the debugger's commands, and those that hands know from QEMU's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/session.h"
#include "debugger/debugger.h"
#include "host/block/image.h"
#include "host/net/net.h"

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

static void control(struct monitor *mon, u8 what) { machine_input(mon->s->m, &mon->s->m->control, &what, 1); }
static void do_reset(struct monitor *mon, const char *arg) { control(mon, MACHINE_CONTROL_RESET); }
static void do_powerdown(struct monitor *mon, const char *arg) { control(mon, MACHINE_CONTROL_POWEROFF); }

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

static void do_commit(struct monitor *mon, const char *arg)
{
    struct err e;
    report(mon, session_commit(mon->s, &e), &e);
}

static void do_block(struct monitor *mon, const char *arg)
{
    struct session *s = mon->s;
    struct buf out = { 0 };
    for (unsigned i = 0; i < s->mc.n_drives; i++) {
        struct image_info info;
        image_get_info(s->mc.drives[i], &info);
        buf_printf(&out, "%s: %s (%s%s%s), %llu bytes\n", s->mc.drives[i]->id, info.path, info.format,
                   s->mc.drives[i]->read_only ? ", read-only" : "",
                   s->drive[i].snapshot ? ", writes stay in memory" : "", (unsigned long long)info.size);
    }
    write_bytes(mon, out.data, out.len);
    buf_free(&out);
}

static void do_chardev(struct monitor *mon, const char *arg)
{
    struct buf out = { 0 };
    for (unsigned i = 0; i < mon->s->n_chars; i++)
        buf_printf(&out, "%s: %s\n", host_char_id(mon->s->chars[i]), host_char_describe(mon->s->chars[i]));
    write_bytes(mon, out.data, out.len);
    buf_free(&out);
}

static void do_network(struct monitor *mon, const char *arg)
{
    for (unsigned i = 0; i < mon->s->n_nets; i++) {
        char *text = host_net_info(mon->s->nets[i]);
        say(mon, text);
        free(text);
    }
}

/* "[NETDEV] RULE", as QEMU's. */
static void forward(struct monitor *mon, const char *arg,
                    bool (*fn)(struct host_net *n, const char *rule, struct err *e))
{
    const char *rule = strrchr(arg, ' ');
    size_t id = rule ? strcspn(arg, " ") : 0;
    struct err e = { "there is no such netdev; 'info network' shows them" };
    bool ok = false;
    for (unsigned i = 0; i < mon->s->n_nets && !ok; i++) {
        const char *name = host_net_id(mon->s->nets[i]);
        if (!rule || (strlen(name) == id && !strncmp(name, arg, id)))
            ok = fn(mon->s->nets[i], rule ? rule + 1 : arg, &e);
    }
    report(mon, ok, &e);
}

static void do_forward(struct monitor *mon, const char *arg) { forward(mon, arg, host_net_forward); }
static void do_unforward(struct monitor *mon, const char *arg) { forward(mon, arg, host_net_unforward); }
static void do_version(struct monitor *mon, const char *arg) { say(mon, PACKAGE_VERSION "\n"); }

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
    { "continue", do_cont, NULL },
    { "system_reset", do_reset, "reset the machine" },
    { "system_powerdown", do_powerdown, "switch the machine off" },
    { "savevm", do_save, "FILE: write a snapshot" },
    { "loadvm", do_load, "FILE: go to a snapshot" },
    { "commit", do_commit, "[all]: write what -snapshot kept in memory to the image files" },
    { "hostfwd_add", do_forward, "[NETDEV] tcp|udp::PORT-:GUESTPORT: forward a port of this host" },
    { "hostfwd_remove", do_unforward, "[NETDEV] tcp|udp::PORT" },
    { "info status", do_status, "running or paused" },
    { "info block", do_block, "disk images" },
    { "info chardev", do_chardev, "character streams" },
    { "info network", do_network, "networks, their connections and forwarded ports" },
    { "info usernet", do_network, NULL },
    { "info version", do_version, "of this program" },
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
    u64 before = machine_position(mon->s->m);
    session_symbols(mon->s);
    debugger_capture(mon->s->debugger, line, &out);
    write_bytes(mon, out.data, out.len);
    buf_free(&out);
    if (machine_position(mon->s->m) != before)
        mon->s->paused = true; /* after a step one wants to look */
    if (mon->s->debugger->quit)
        host_loop_quit(mon->s->loop);
}

void monitor_execute(struct session *s, const char *line, struct buf *out)
{
    struct monitor mon = { .s = s, .out = out };
    struct debugger_host host = s->debugger->host;
    s->debugger->host.resume = NULL;
    s->debugger->host.step = NULL; /* called from within the host loop, which is not entered twice */
    execute(&mon, line);
    s->debugger->host = host;
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
