/* Trace files: KIND:FILE[,FILTER...] opened, compressed when FILE ends in .zst, begun and ended while the machine runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "cli/session.h"
#include "debugger/debugger.h"
#include "machine/record.h"

struct session_trace {
    struct trace t;
    char *spec;
    FILE *file;
    ZSTD_CCtx *zstd; /* NULL: as it is */
    u8 *packed;
    size_t packed_cap;
    int error; /* errno of the first failure */
    struct session_trace *next;
};

static void put(struct session_trace *st, const void *bytes, size_t n)
{
    if (fwrite(bytes, 1, n, st->file) != n && !st->error)
        st->error = errno;
}

static void pack(struct session_trace *st, const void *bytes, size_t n, ZSTD_EndDirective how)
{
    ZSTD_inBuffer in = { bytes, n, 0 };
    size_t left;
    do {
        ZSTD_outBuffer out = { st->packed, st->packed_cap, 0 };
        left = ZSTD_compressStream2(st->zstd, &out, &in, how);
        if (ZSTD_isError(left)) {
            st->error = st->error ? st->error : EIO;
            return;
        }
        put(st, st->packed, out.pos);
    } while (how == ZSTD_e_end ? left : in.pos < in.size);
}

static void sink(void *opaque, const void *bytes, size_t n)
{
    struct session_trace *st = opaque;
    if (st->zstd)
        pack(st, bytes, n, ZSTD_e_continue);
    else
        put(st, bytes, n);
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && !strcmp(s + n - m, end);
}

/* "-" is standard output; "/dev/fd/N" is what is open there, where it is (opening it would begin at the start of a file). */
static FILE *open_file(const char *path)
{
    int fd;
    if (!strcmp(path, "-"))
        return stdout;
    if (sscanf(path, "/dev/fd/%d", &fd) != 1)
        return fopen(path, "wb");
    fd = dup(fd);
    return fd < 0 ? NULL : fdopen(fd, "wb");
}

/* Up to the next single comma; two are one of the name. The rest is behind it, or NULL. */
static char *take_part(char *text, char **rest)
{
    char *to = text, *from = text;
    while (*from && !(*from == ',' && from[1] != ',')) {
        from += *from == ',';
        *to++ = *from++;
    }
    *rest = *from ? from + 1 : NULL;
    *to = 0;
    return text;
}

static void discard(struct session_trace *st)
{
    ZSTD_freeCCtx(st->zstd);
    free(st->packed);
    free(st->spec);
    free(st);
}

bool session_trace_add(struct session *s, const char *spec, struct err *e)
{
    char *copy = xstrdup(spec), *rest, *colon = strchr(copy, ':'), *path;
    struct session_trace *st = xcalloc(1, sizeof *st);
    const struct trace_format *f = NULL;
    st->spec = xstrdup(spec);
    if (!colon) {
        err_set(e, "write KIND:FILE, not '%s'; '--trace ?' lists the kinds", spec);
        goto bad;
    }
    *colon = 0;
    if (!(f = trace_format_named(copy, e)) || !trace_fits(f, s->m, e))
        goto bad;
    st->t = (struct trace){ .format = f, .m = s->m, .symbols = &s->trace_symbols, .sink = sink, .opaque = st };
    path = take_part(colon + 1, &rest);
    for (char *word; rest;) {
        word = take_part(rest, &rest);
        if (!trace_filter_add(&st->t.filter, s->m, &s->trace_symbols, word, e))
            goto bad;
    }
    if (st->t.filter.device[0] && !f->hear) {
        err_set(e, "device=: '%s' is of instructions, which belong to no device", f->name);
        goto bad;
    }
    if (!*path) {
        err_set(e, "write KIND:FILE; '%s' names no file", spec);
        goto bad;
    }
    st->file = open_file(path);
    if (!st->file) {
        err_set(e, "%s cannot be written: %m", path);
        goto bad;
    }
    if (ends_in(path, ".zst")) {
        st->zstd = ZSTD_createCCtx();
        st->packed = xmalloc(st->packed_cap = ZSTD_CStreamOutSize());
    }
    st->next = s->traces;
    s->traces = st;
    trace_hub_add(&s->hub, &st->t);
    free(copy);
    return true;
bad:
    free(copy);
    discard(st);
    return false;
}

static bool finish(struct session *s, struct session_trace *st, struct err *e)
{
    trace_hub_remove(&s->hub, &st->t);
    if (st->zstd)
        pack(st, NULL, 0, ZSTD_e_end);
    if ((st->file == stdout ? fflush(st->file) : fclose(st->file)) && !st->error)
        st->error = errno;
    bool ok = !st->error || err_set(e, "%s: it could not be written: %s", st->spec, strerror(st->error));
    discard(st);
    return ok;
}

/* A person waits for a replay to be traced: how far it is, when that takes more than a second. */
static void progress(void *opaque)
{
    struct session *s = opaque;
    u64 now = host_now_ns(), end = s->m->replayer ? replayer_end(s->m->replayer) : CLOCK_NEVER;
    if (!s->traced_since)
        s->traced_since = now;
    if (now - s->traced_since < 1000000000 || end == CLOCK_NEVER)
        return;
    fprintf(stderr, "\rtracing: position %llu of %llu (Ctrl-C ends it there)\033[K\r",
            (unsigned long long)machine_position(s->m), (unsigned long long)end);
}

bool session_open_traces(struct session *s, struct err *e)
{
    const struct options *o = s->o;
    session_trace_symbols(s);
    if (s->replay && isatty(STDERR_FILENO)) {
        s->hub.progress = progress;
        s->hub.opaque = s;
    }
    if (o->timing && strcmp(o->timing, "none")) {
        s->timing.model = timing_model_named(o->timing, e);
        s->hub.timing = &s->timing;
    }
    for (unsigned i = 0; i < o->n_traces; i++)
        if (!session_trace_add(s, o->traces[i], e))
            return err_prefix(e, "--trace %s", o->traces[i]);
    trace_hub_start(&s->hub, s->m);
    return true;
}

void session_close_traces(struct session *s)
{
    struct err e;
    while (s->traces) {
        struct session_trace *st = s->traces;
        s->traces = st->next;
        if (!finish(s, st, &e))
            fprintf(stderr, "%s: --trace %s\n", s->o->program, e.text);
    }
    trace_hub_end(&s->hub);
}

/* tracefile: what is written; tracefile KIND:FILE[,FILTER...]; tracefile off [FILE]. */
bool session_trace_command(void *opaque, const char *args, struct buf *out, struct err *e)
{
    struct session *s = opaque;
    if (!*args) {
        for (struct session_trace *st = s->traces; st; st = st->next)
            buf_printf(out, "%s\n", st->spec);
        if (!s->traces)
            buf_printf(out, "No trace is written. 'tracefile KIND:FILE' begins one; 'orrery info traces' lists the kinds.\n");
        return true;
    }
    if (strncmp(args, "off", 3) || (args[3] && args[3] != ' '))
        return session_trace_add(s, args, e);
    const char *which = args + 3 + strspn(args + 3, " ");
    bool any = false, ok = true;
    for (struct session_trace **p = &s->traces; *p;) {
        struct session_trace *st = *p;
        const char *colon = strchr(st->spec, ':');
        if (*which && strcmp(which, st->spec) && strncmp(which, colon + 1, strlen(which))) {
            p = &st->next;
            continue;
        }
        *p = st->next;
        any = true;
        ok = finish(s, st, e) && ok;
    }
    return any ? ok : err_set(e, *which ? "No trace is written to %s; 'tracefile' lists them." : "No trace is written.", which);
}
