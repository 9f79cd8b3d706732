#include "cli/gdbserver.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "debugger/debugger.h"
#include "debugger/gdb.h"
#include "host/listen.h"
#include "machine/history.h"

#define ENOUGH_OUTPUT 0x40000     /* a client that does not read is not listened to */
#define MOST_MONITOR_TEXT 0x400000

struct gdb_server {
    struct session *s;
    int listen_fd, in_fd, out_fd; /* -1: none */
    struct host_watch *accepting, *reading, *writing;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a Unix socket; ours to remove */
    bool is_stdio;

    struct gdb_stub *stub; /* NULL: no client */
    struct buf out;
    size_t out_at;
    bool was_paused, resumed; /* before it came; it made the machine run */
    bool leaving;

    bool stepped;        /* the last run was a step that was done, or one backwards */
    bool begin;          /* it ended where the history begins */
    struct cpu *served;  /* the step came upon a semihosting call, which the session serves in its place */
    bool over;           /* the machine has ended, and the client may look at it as long as it likes */
    struct host_result end;
};

/* --- bytes ----------------------------------------------------------------------------------------------------- */

static void drop(struct gdb_server *g);

/* Writes what can be written now. False: the client is gone. */
static bool flush_out(struct gdb_server *g)
{
    while (g->out_at < g->out.len) {
        ssize_t n = g->is_stdio ? write(g->out_fd, g->out.data + g->out_at, g->out.len - g->out_at)
                                : send(g->out_fd, g->out.data + g->out_at, g->out.len - g->out_at,
                                       MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return false;
        if (n < 0)
            break;
        g->out_at += (size_t)n;
    }
    if (g->out_at == g->out.len)
        g->out_at = g->out.len = 0;
    host_watch_events(g->writing, g->out.len ? POLLOUT : 0);
    host_watch_events(g->reading, g->out.len - g->out_at < ENOUGH_OUTPUT ? POLLIN : 0);
    return true;
}

/* For last words: waits for a slow client, but not for a dead one. */
static void flush_patiently(struct gdb_server *g)
{
    for (int tries = 0; tries < 10 && flush_out(g) && g->out.len; tries++)
        poll(&(struct pollfd){ .fd = g->out_fd, .events = POLLOUT }, 1, 100);
}

static void put_bytes(void *opaque, const u8 *bytes, size_t n)
{
    struct gdb_server *g = opaque;
    buf_put(&g->out, bytes, n);
}

static void after_input(struct gdb_server *g)
{
    if (g->leaving) {
        flush_patiently(g);
        drop(g);
    } else if (!flush_out(g)) {
        drop(g);
    }
}

static void on_readable(void *opaque, short revents)
{
    struct gdb_server *g = opaque;
    u8 bytes[4096];
    ssize_t n = read(g->in_fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return;
    if (n <= 0) {
        drop(g);
        return;
    }
    gdb_stub_input(g->stub, bytes, (size_t)n);
    after_input(g);
}

static void on_writable(void *opaque, short revents)
{
    struct gdb_server *g = opaque;
    if (!flush_out(g))
        drop(g);
}

/* --- what the stub asks for ------------------------------------------------------------------------------------ */

static void go(void *opaque)
{
    struct gdb_server *g = opaque;
    g->resumed = true;
    g->served = NULL;
    g->s->paused = false;
    debugger_changed(g->s->debugger);
}

static void pause_session(void *opaque)
{
    struct gdb_server *g = opaque;
    g->s->paused = true;
    host_loop_ask(g->s->loop);
}

static void arm(void *opaque, const struct cpu_stops *stops)
{
    struct gdb_server *g = opaque;
    struct debugger *d = g->s->debugger;
    d->stops.also = stops;
    stops_arm(&d->stops, g->s->m);
}

/* The monitor's own words for it, and the debugger's. */
static bool is_gdbs(const char *line)
{
    static const char *const words[] = { "cont", "c", "stop" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);
        if (!strncmp(line, words[i], n) && (!line[n] || line[n] == ' '))
            return true;
    }
    return gdb_monitor_runs(line);
}

static void run_monitor(void *opaque, struct cpu *c, const char *line, struct buf *out)
{
    struct gdb_server *g = opaque;
    struct debugger *d = g->s->debugger;
    line += strspn(line, " \t");
    if (!*line)
        return; /* it would do the last one again */
    if (!d->collecting && is_gdbs(line)) {
        buf_printf(out, "monitor %s: gdb steers the machine; use its own command.\n", line);
        return;
    }
    debugger_changed(d);
    debugger_select_cpu(d, c);
    struct debugger_host host = d->host;
    d->host.resume = NULL;
    d->host.step = NULL; /* called from within the host loop, which is not entered twice */
    monitor_execute(g->s, line, out);
    d->host = host;
    if (out->len > MOST_MONITOR_TEXT) {
        out->len = MOST_MONITOR_TEXT;
        buf_printf(out, "\n(the rest is left out)\n");
    }
}

static void leave(void *opaque, enum gdb_leave how)
{
    struct gdb_server *g = opaque;
    g->leaving = true;
    g->resumed = true;
    g->s->paused = false;
    if (how == GDB_KILL)
        host_loop_quit(g->s->loop);
}

/* --- clients --------------------------------------------------------------------------------------------------- */

static void attach(struct gdb_server *g, int in_fd, int out_fd)
{
    struct gdb_stub_host host = { .opaque = g, .write = put_bytes, .go = go, .interrupt = pause_session, .arm = arm,
                                  .monitor = run_monitor, .leave = leave };
    g->in_fd = in_fd;
    g->out_fd = out_fd;
    g->out.len = g->out_at = 0;
    g->leaving = g->resumed = false;
    g->was_paused = g->s->paused;
    if (!g->was_paused)
        pause_session(g);
    g->stub = gdb_stub_new(g->s->m, &host);
    g->reading = host_watch_new(g->s->loop, in_fd, POLLIN, on_readable, g);
    g->writing = host_watch_new(g->s->loop, out_fd, 0, on_writable, g);
    host_watch_events(g->accepting, 0); /* the next one waits in the queue of the socket */
}

/* The client is gone, or not wanted any more. */
static void drop(struct gdb_server *g)
{
    bool running = gdb_stub_running(g->stub);
    host_watch_free(g->reading);
    host_watch_free(g->writing);
    g->reading = g->writing = NULL;
    gdb_stub_free(g->stub);
    g->stub = NULL;
    if (!g->is_stdio)
        close(g->in_fd);
    g->in_fd = g->out_fd = -1;
    g->served = NULL;
    if (!running)
        g->s->paused = g->was_paused && !g->resumed;
    if (g->accepting)
        host_watch_events(g->accepting, POLLIN);
}

static void on_client(void *opaque, short revents)
{
    struct gdb_server *g = opaque;
    int fd = accept4(g->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* fails on Unix sockets, rightly */
    attach(g, fd, fd);
}

/* --- opening --------------------------------------------------------------------------------------------------- */

/* Takes ",NAME=VALUE..." off `dev`: what QEMU's users write there means what is done anyway. */
static bool check_options(char *dev, struct err *e)
{
    static const char *const known[] = { "server", "server=on", "nowait", "wait=off", "nodelay", "nodelay=on",
                                         "nodelay=off",
                                         "ipv4", "ipv4=on" };
    char *comma = strchr(dev, ',');
    if (!comma)
        return true;
    *comma = 0;
    for (char *o = strtok(comma + 1, ","); o; o = strtok(NULL, ",")) {
        bool ok = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            ok |= !strcmp(o, known[i]);
        if (!ok)
            return err_set(e,
                           "'%s' is not an option of it: gdb connects to it (server=on) and the machine does not wait "
                              "(wait=off; -S makes it wait)", o);
    }
    return true;
}

static bool serve(struct gdb_server *g, int fd)
{
    if (fd < 0)
        return false;
    g->listen_fd = fd;
    g->accepting = host_watch_new(g->s->loop, fd, POLLIN, on_client, g);
    return true;
}

static bool open_tcp(struct gdb_server *g, char *where, struct err *e)
{
    char *port = strrchr(where, ':'), *host = where, *end;
    if (!port)
        return err_set(e, "tcp:%s: it takes a port: tcp::1234", where);
    *port++ = 0;
    if (*where == '[' && where[strlen(where) - 1] == ']') {
        where[strlen(where) - 1] = 0;
        host = where + 1;
    }
    unsigned long n = strtoul(port, &end, 10);
    if (!*port || *end || n > 65535)
        return err_set(e, "'%s' is not a port: 0 to 65535", port);
    if (!serve(g, host_listen_loopback(host, (u16)n, e)))
        return false;
    if (!n)
        fprintf(stderr, "orrery: gdb can connect to %s:%u\n", *host ? host : "127.0.0.1", host_listen_port(g->listen_fd));
    return true;
}

static bool open_unix(struct gdb_server *g, const char *path, struct err *e)
{
    if (!serve(g, host_listen_unix(path, e)))
        return false;
    strcpy(g->path, path);
    return true;
}

static bool open_stdio(struct gdb_server *g, struct err *e)
{
    if (!host_loop_claim_stdin(g->s->loop, true))
        return err_set(e, "standard input is used by a serial line or a monitor (-serial null -monitor none free it)");
    g->is_stdio = true;
    attach(g, STDIN_FILENO, STDOUT_FILENO);
    return true;
}

struct gdb_server *gdb_server_new(struct session *s, const char *dev, struct err *e)
{
    struct gdb_server *g = xcalloc(1, sizeof *g);
    g->s = s;
    g->listen_fd = g->in_fd = g->out_fd = -1;
    char *text = xstrdup(dev);
    bool ok = check_options(text, e);
    if (ok && !strncmp(text, "tcp:", 4))
        ok = open_tcp(g, text + 4, e);
    else if (ok && !strncmp(text, "unix:", 5))
        ok = open_unix(g, text + 5, e);
    else if (ok && !strcmp(text, "stdio"))
        ok = open_stdio(g, e);
    else if (ok)
        ok = err_set(e, "'%s' is no place for gdb: tcp::PORT, unix:PATH or stdio", text);
    free(text);
    if (ok)
        return g;
    err_prefix(e, "-gdb %s", dev);
    gdb_server_free(g);
    return NULL;
}

void gdb_server_free(struct gdb_server *g)
{
    if (!g)
        return;
    if (g->stub)
        drop(g);
    host_watch_free(g->accepting);
    if (g->listen_fd >= 0)
        close(g->listen_fd);
    if (*g->path)
        unlink(g->path);
    if (g->is_stdio)
        host_loop_claim_stdin(g->s->loop, false);
    buf_free(&g->out);
    free(g);
}

/* --- the session's run loop ------------------------------------------------------------------------------------ */

/* The past is executed here and now; an error leaves the machine on the way, and gdb is told where it is. */
static struct host_result go_back(struct gdb_server *g, struct cpu *step)
{
    struct debugger *d = g->s->debugger;
    struct host_result r = { .why = HOST_STOP_MACHINE, .machine = MACHINE_REACHED };
    struct stop_report report;
    struct err e = { "" };
    d->interrupted = 0;
    bool ok;
    if (step) {
        debugger_select_cpu(d, step);
        ok = back_stepi(d, 1, false, &report, &e);
    } else {
        ok = back_to_armed(d, &r.machine, &e);
    }
    if (!ok && e.text[0] && machine_position(g->s->m) != history_begin(g->s->m->history)) {
        gdb_stub_say(g->stub, e.text);
        gdb_stub_say(g->stub, "\n");
    }
    g->stepped = true;
    g->begin = !ok && machine_position(g->s->m) == history_begin(g->s->m->history);
    return r;
}

struct host_result gdb_server_run(struct session *s, const struct host_run_options *o)
{
    struct gdb_server *g = s->gdb;
    if (g && g->over)
        return g->end;
    struct cpu *step = g && g->stub ? gdb_stub_step(g->stub) : NULL;
    if (g && g->stub && gdb_stub_back(g->stub))
        return go_back(g, step);
    if (!step)
        return host_run(s->loop, s->m, o);
    struct host_result r = { .why = HOST_STOP_MACHINE, .machine = MACHINE_REACHED };
    g->stepped = g->served == step;
    g->served = NULL;
    if (g->stepped)
        return r;
    r = host_step(s->loop, s->m, step, o);
    if (r.why == HOST_STOP_MACHINE) {
        g->stepped = r.machine == MACHINE_REACHED && machine_stepped(s->m, step);
        g->served = r.machine == MACHINE_SEMIHOST ? s->m->stop.cpu : NULL;
    }
    return r;
}

static bool tell(struct session *s, enum machine_stop why)
{
    s->paused = true;
    if (s->gdb->begin)
        gdb_stub_at_begin(s->gdb->stub);
    else
        gdb_stub_stopped(s->gdb->stub, why);
    s->gdb->begin = false;
    after_input(s->gdb);
    return true;
}

bool gdb_server_stopped(struct session *s, const struct host_result *r)
{
    struct gdb_server *g = s->gdb;
    if (!g || !g->stub || r->why != HOST_STOP_MACHINE || !gdb_stub_running(g->stub))
        return false;
    switch (r->machine) {
    case MACHINE_BREAK:
    case MACHINE_WATCH: return tell(s, r->machine);
    case MACHINE_EVENT: /* a stop point set with `monitor`, of a kind gdb does not know */
        return run_stopped(s->debugger, r->machine) ? tell(s, r->machine) : true;
    case MACHINE_REACHED:
        if (!g->stepped)
            return false; /* the end that --stop-at named */
        return gdb_stub_step_again(g->stub) || tell(s, MACHINE_REACHED);
    case MACHINE_STORY: /* going on is what the machine would do */
        gdb_stub_say(g->stub, "The guest lost its way: ");
        gdb_stub_say(g->stub, s->m->stop.text);
        return tell(s, MACHINE_STORY);
    case MACHINE_PANIC:
        if (g->over)
            return false; /* seen, and told to go on */
        g->over = true;
        g->end = *r;
        gdb_stub_say(g->stub, "The guest cannot go on: ");
        gdb_stub_say(g->stub, s->m->stop.text);
        gdb_stub_say(g->stub, "\n");
        return tell(s, MACHINE_PANIC);
    default: return false;
    }
}

bool gdb_server_paused(struct session *s)
{
    return s->gdb && s->gdb->stub && gdb_stub_running(s->gdb->stub) && tell(s, MACHINE_REACHED);
}

void gdb_server_ended(struct session *s, int status)
{
    struct gdb_server *g = s->gdb;
    if (!g || !g->stub || !gdb_stub_running(g->stub))
        return;
    if (status == EXIT_PANIC)
        gdb_stub_exited(g->stub, 6, true); /* SIGABRT */
    else if (status > 128 && status < 192) /* a signal to us */
        gdb_stub_exited(g->stub, status - 128, true);
    else
        gdb_stub_exited(g->stub, status, false);
    flush_patiently(g);
}
