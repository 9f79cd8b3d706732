#include "cli/dap.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/console.h"
#include "debugger/dap.h"
#include "host/inbox.h"
#include "host/listen.h"

enum { ENOUGH_OUTPUT = 0x40000, FLUSH_NS = 50000000, PROGRESS_NS = 250000000, MOST_SAID = 4000 };

struct dap_server {
    struct char_port console; /* first: the guest's serial line */
    struct inbox_bytes typed;
    bool has_console;
    int in_fd, out_fd;
    bool is_stdio;
    struct dap *engine;
    struct buf out;
    size_t out_at;
    struct buf early; /* came while output was waiting to go */
    bool gone;        /* the client is */
    int start_dir;    /* where we were when the client came */

    struct session *s; /* NULL: nothing is launched */
    struct options *o;
    struct arena *arena;
    struct buf recording; /* what is replayed, as long as its machine */
    struct host_watch *reading, *writing;
    struct host_timer *flushing;
    u64 last_progress;
};

/* --- bytes -------------------------------------------------------------------------------------------------------------------- */

/* Writes what can be written now. */
static void flush_out(struct dap_server *v)
{
    while (v->out_at < v->out.len && !v->gone) {
        ssize_t n = write(v->out_fd, v->out.data + v->out_at, v->out.len - v->out_at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            v->gone = true;
        else
            v->out_at += (size_t)n;
    }
    if (v->out_at == v->out.len || v->gone)
        v->out_at = v->out.len = 0;
    if (v->writing)
        host_watch_events(v->writing, v->out.len ? POLLOUT : 0);
}

/* More of what the client sent; false: there is nothing now. */
static bool read_some(struct dap_server *v, struct buf *to)
{
    u8 bytes[16384];
    ssize_t n = read(v->in_fd, bytes, sizeof bytes);
    if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (n <= 0)
        v->gone = true;
    else
        buf_put(to, bytes, (size_t)n);
    return n > 0;
}

/* A client that does not read holds the machine up; it may be writing meanwhile. */
static void wait_for_client(struct dap_server *v, size_t enough)
{
    while (!v->gone && v->out.len - v->out_at > enough) {
        struct pollfd p[2] = { { .fd = v->out_fd, .events = POLLOUT }, { .fd = v->in_fd, .events = POLLIN } };
        if (v->in_fd == v->out_fd)
            p[1].fd = -1, p[0].events |= POLLIN;
        if (poll(p, 2, 1000) < 0 && errno != EINTR)
            v->gone = true;
        if ((p[0].revents | p[1].revents) & (POLLIN | POLLHUP))
            read_some(v, &v->early);
        flush_out(v);
    }
}

static void write_bytes(void *opaque, const void *bytes, size_t n)
{
    struct dap_server *v = opaque;
    if (v->gone)
        return;
    buf_put(&v->out, bytes, n);
    if (v->out.len - v->out_at > ENOUGH_OUTPUT)
        wait_for_client(v, ENOUGH_OUTPUT);
}

static void hand_over(struct dap_server *v)
{
    struct buf b = v->early;
    v->early = (struct buf){ 0 };
    if (b.len)
        dap_input(v->engine, b.data, b.len);
    buf_free(&b);
    if (v->gone)
        dap_gone(v->engine);
    flush_out(v);
}

static void on_readable(void *opaque, short revents)
{
    struct dap_server *v = opaque;
    read_some(v, &v->early);
    if (v->gone && v->reading)
        host_watch_events(v->reading, 0);
    hand_over(v);
}

static void on_writable(void *opaque, short revents)
{
    flush_out(opaque);
}

static void on_timer(void *opaque)
{
    struct dap_server *v = opaque;
    dap_flush(v->engine);
    flush_out(v);
    host_timer_set(v->flushing, host_now_ns() + FLUSH_NS);
}

/* --- the guest's console ---------------------------------------------------------------------------------------------------------- */

static void guest_writes(struct char_port *port, const u8 *bytes, size_t n)
{
    struct dap_server *v = (struct dap_server *)port;
    dap_output(v->engine, "stdout", bytes, n);
}

static void type(void *opaque, const void *bytes, size_t n)
{
    struct dap_server *v = opaque;
    size_t room = v->has_console ? inbox_bytes_space(&v->typed) : 0;
    inbox_bytes_put(&v->typed, bytes, n < room ? n : room);
}

struct char_port *dap_server_console(struct dap_server *v)
{
    v->console = (struct char_port){ .write = guest_writes, .id = "serial0" };
    inbox_bytes_init(&v->typed, v->s->loop, &v->console.in);
    v->has_console = true;
    return &v->console;
}

/* --- for the session ---------------------------------------------------------------------------------------------------------------- */

bool dap_server_opened(struct dap_server *v, struct session *s, struct err *e)
{
    if (!v)
        return true;
    v->s = s;
    v->reading = host_watch_new(s->loop, v->in_fd, POLLIN, on_readable, v);
    v->writing = host_watch_new(s->loop, v->out_fd, 0, on_writable, v);
    v->flushing = host_timer_new(s->loop, on_timer, v);
    host_timer_set(v->flushing, host_now_ns() + FLUSH_NS);
    return !v->is_stdio || host_loop_claim_stdin(s->loop, true) || err_set(e, "standard input is used");
}

bool dap_server_say(struct dap_server *v, const char *text, size_t n)
{
    if (v)
        dap_output(v->engine, "console", text, n);
    return v != NULL;
}

void dap_server_runs(struct dap_server *v, bool on)
{
    if (!v)
        return;
    dap_runs(v->engine, on);
    if (on)
        flush_out(v);
}

void dap_server_progress(struct dap_server *v, u64 from, u64 now, u64 to)
{
    if (!v || host_now_ns() - v->last_progress < PROGRESS_NS)
        return;
    v->last_progress = host_now_ns();
    dap_progress(v->engine, from, now, to);
    flush_out(v);
}

/* --- launching ------------------------------------------------------------------------------------------------------------------------ */

/* What the program prints while options are read and files are opened, which belongs to the client. */
struct hearing {
    int fd, out, err;
};

static void hear(struct hearing *h)
{
    fflush(stdout);
    h->fd = memfd_create("said", MFD_CLOEXEC);
    h->out = h->fd < 0 ? -1 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    h->err = h->fd < 0 ? -1 : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    if (h->out >= 0)
        dup2(h->fd, STDOUT_FILENO);
    if (h->err >= 0)
        dup2(h->fd, STDERR_FILENO);
}

static void heard(struct hearing *h, char *text, size_t size)
{
    fflush(stdout);
    fflush(stderr);
    if (h->out >= 0)
        dup2(h->out, STDOUT_FILENO), close(h->out);
    if (h->err >= 0)
        dup2(h->err, STDERR_FILENO), close(h->err);
    ssize_t n = h->fd < 0 ? 0 : pread(h->fd, text, size - 1, 0);
    n = n < 0 ? 0 : n;
    while (n && text[n - 1] == '\n')
        n--;
    text[n] = 0;
    if (h->fd >= 0)
        close(h->fd);
}

static void close_session(struct dap_server *v)
{
    host_timer_free(v->flushing);
    host_watch_free(v->reading);
    host_watch_free(v->writing);
    v->flushing = NULL;
    v->reading = v->writing = NULL;
    if (v->has_console)
        inbox_bytes_fini(&v->typed);
    v->has_console = false;
    if (v->s && v->s->arena)
        session_close(v->s);
    free(v->s);
    v->s = NULL;
    if (v->arena)
        arena_free(v->arena);
    v->arena = NULL;
    buf_free(&v->recording);
}

/* The machine the words describe, as `orrery debug` would make it. */
static bool open_session(struct dap_server *v, const struct dap_launch *l, struct err *e)
{
    static const char program[] = "orrery dap";
    int status;
    v->arena = arena_new();
    v->o = ARENA_NEW(v->arena, struct options);
    *v->o = (struct options){ .arena = v->arena, .program = program, .xlen = 64, .usage_status = EXIT_USAGE, .debug = true };
    char **argv = arena_alloc(v->arena, (l->n_args + 8) * sizeof *argv);
    int argc = 0;
    argv[argc++] = arena_strdup(v->arena, program);
    for (size_t i = 0; i < l->n_args; i++)
        argv[argc++] = arena_strdup(v->arena, l->args[i]);
    if (l->history) {
        argv[argc++] = arena_strdup(v->arena, "--history");
        argv[argc++] = arena_strdup(v->arena, l->history);
    }
    if (l->script) {
        argv[argc++] = arena_strdup(v->arena, "-x");
        argv[argc++] = arena_strdup(v->arena, l->script);
    }
    if (l->snapshot) {
        argv[argc++] = arena_strdup(v->arena, "--load");
        argv[argc++] = arena_strdup(v->arena, l->snapshot);
    }
    if (l->program)
        argv[argc++] = arena_strdup(v->arena, l->program);
    argv[argc] = NULL;
    e->text[0] = 0;
    if (l->recording) {
        v->s = xcalloc(1, sizeof *v->s);
        v->s->dap = v;
        return session_open_recording(v->s, v->o, arena_strdup(v->arena, l->recording), true, argc, argv, &v->recording, &status, e) &&
               session_keep_history(v->s);
    }
    switch (options_parse(v->o, argc, argv)) {
    case OPTIONS_DONE: return err_set(e, "these options only ask what there is");
    case OPTIONS_BAD: return false;
    default: break;
    }
    if (v->o->tui || v->o->record)
        return err_set(e, "--tui and --record do not go with an editor");
    struct session *s = xcalloc(1, sizeof *s);
    s->dap = v;
    v->s = s;
    return session_choose_target(v->o, e) && session_open(s, v->o, e) && session_keep_history(s);
}

static struct debugger *launch(void *opaque, const struct dap_launch *l, struct err *e)
{
    struct dap_server *v = opaque;
    struct hearing h;
    char said[MOST_SAID];
    close_session(v);
    if (fchdir(v->start_dir) || (l->cwd && chdir(l->cwd))) {
        err_set(e, "launch: cwd %s: %s", l->cwd ? l->cwd : "", strerror(errno));
        return NULL;
    }
    hear(&h);
    bool ok = open_session(v, l, e);
    heard(&h, said, sizeof said);
    if (!ok) {
        if (!e->text[0])
            err_set(e, "%s", said);
        close_session(v);
        return NULL;
    }
    if (said[0]) {
        dap_output(v->engine, "console", said, strlen(said));
        dap_output(v->engine, "console", "\n", 1);
    }
    struct debugger *d = v->s->debugger;
    session_symbols(v->s);
    for (unsigned i = 0; i < v->o->n_commands && !d->quit; i++) {
        const char *text = v->o->commands[i].text;
        if (v->o->commands[i].file)
            console_source(d, text);
        else
            debugger_execute(d, text);
    }
    return d;
}

static void interrupt(void *opaque)
{
    struct dap_server *v = opaque;
    if (v->s)
        host_loop_ask(v->s->loop);
}

/* --- one client -------------------------------------------------------------------------------------------------------------------------- */

/* Until there is something to read. False: a signal asks for the end. */
static bool wait_for_work(struct dap_server *v)
{
    int number;
    if (v->s && v->s->loop) {
        host_loop_poll(v->s->loop, -1);
        enum host_request r = host_loop_take_request(v->s->loop, &number);
        return r == HOST_NOTHING || r == HOST_ASKED || (r == HOST_SIGNAL && number == SIGINT && v->is_stdio);
    }
    struct pollfd p[2] = { { .fd = v->in_fd, .events = POLLIN }, { .fd = v->out.len ? v->out_fd : -1, .events = POLLOUT } };
    if (poll(p, 2, -1) < 0 && errno != EINTR)
        v->gone = true;
    if (p[0].revents)
        on_readable(v, p[0].revents);
    flush_out(v);
    return true;
}

/* Returns false when a signal ended it. */
static bool serve(struct dap_server *v)
{
    struct dap_host host = { .opaque = v, .write = write_bytes, .launch = launch, .interrupt = interrupt, .type = type };
    bool goes_on = true;
    int number;
    v->engine = dap_new(&host);
    v->start_dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (goes_on && !dap_over(v->engine)) {
        if (dap_work(v->engine)) {
            hand_over(v);
            /* A pause that came too late is none. */
            enum host_request r = v->s && v->s->loop ? host_loop_take_request(v->s->loop, &number) : HOST_NOTHING;
            goes_on = r != HOST_QUIT && (r != HOST_SIGNAL || (number == SIGINT && v->is_stdio));
            if (v->s && v->s->debugger && v->s->debugger->quit && v->gone)
                break;
        } else {
            goes_on = wait_for_work(v);
        }
    }
    dap_flush(v->engine);
    flush_out(v);
    for (unsigned i = 0; i < 20 && v->out.len && !v->gone; i++) {
        poll(&(struct pollfd){ .fd = v->out_fd, .events = POLLOUT }, 1, 100);
        flush_out(v);
    }
    dap_free(v->engine);
    close_session(v);
    if (v->start_dir >= 0) {
        if (fchdir(v->start_dir))
            goes_on = false;
        close(v->start_dir);
    }
    buf_free(&v->out);
    buf_free(&v->early);
    return goes_on;
}

/* Standard output is the client's alone: whatever else prints there goes to standard error. */
static int serve_stdio(void)
{
    struct dap_server v = { .is_stdio = true, .in_fd = STDIN_FILENO };
    signal(SIGPIPE, SIG_IGN);
    v.out_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (v.out_fd < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        fprintf(stderr, "orrery dap: standard output is not open: %m\n");
        return 1;
    }
    fcntl(v.out_fd, F_SETFL, fcntl(v.out_fd, F_GETFL) | O_NONBLOCK);
    serve(&v);
    close(v.out_fd);
    return EXIT_PASS;
}

static int serve_socket(const char *where)
{
    struct err e = { "" };
    const char *path = !strncmp(where, "unix:", 5) ? where + 5 : NULL;
    char *end;
    unsigned long port = strtoul(where, &end, 10);
    int fd = -1;
    if (path)
        fd = host_listen_unix(path, &e);
    else if (!*where || *end || port > 65535)
        err_set(&e, "--listen takes unix:PATH, or a port of 127.0.0.1 from 0 (any) to 65535, not '%s'", where);
    else
        fd = host_listen_loopback("", (u16)port, &e);
    if (fd < 0) {
        fprintf(stderr, "orrery dap: %s\n", e.text);
        return EXIT_USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    if (path)
        fprintf(stderr, "orrery dap: waiting for an editor on %s\n", path);
    else
        fprintf(stderr, "orrery dap: waiting for an editor on 127.0.0.1:%u\n", host_listen_port(fd));
    for (bool goes_on = true; goes_on;) {
        poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            continue;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* fails on Unix sockets, rightly */
        struct dap_server v = { .in_fd = client, .out_fd = client };
        goes_on = serve(&v);
        close(client);
    }
    close(fd);
    if (path)
        unlink(path);
    return EXIT_PASS;
}

int dap_main(int argc, char **argv)
{
    static const char usage[] = "usage: orrery dap [--listen unix:PATH|PORT]\n\n"
                                "A debug adapter for an editor, on standard input and output, or on a Unix socket, or on a port of\n"
                                "127.0.0.1. The machine is described in the editor's launch configuration: docs/user/dap.md.\n";
    if (argc == 1)
        return serve_stdio();
    if (argc == 2 && (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-help"))) {
        fputs(usage, stdout);
        return EXIT_PASS;
    }
    if (argc == 3 && (!strcmp(argv[1], "--listen") || !strcmp(argv[1], "-listen")))
        return serve_socket(argv[2]);
    if (argc == 2 && !strncmp(argv[1], "--listen=", 9))
        return serve_socket(argv[1] + 9);
    fprintf(stderr, "orrery dap: '%s' is not an option of it\n%s", argv[1], usage);
    return EXIT_USAGE;
}
