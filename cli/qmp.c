#include "cli/qmp.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/media.h"
#include "cli/qmp_query.h"
#include "cpu/cpu.h"
#include "debugger/debugger.h"

enum { MOST_INPUT = 1 << 20 };

struct qmp {
    struct session *s;
    struct host_char_line *line;
    struct buf in;     /* what came and is not understood yet */
    bool here, ready;  /* somebody is connected; capabilities are negotiated */
    bool was_paused;
    unsigned client;   /* counts who was connected */
};

/* --- output ------------------------------------------------------------------------------------------------------ */

static void send(struct qmp *q, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text && q->here) {
        host_char_line_write(q->line, text, strlen(text));
        host_char_line_write(q->line, "\r\n", 2);
    }
    free(text);
    json_decref(o);
}

static void event(struct qmp *q, const char *name, json_t *data)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    json_t *o = json_pack("{s:{s:I,s:I},s:s}", "timestamp", "seconds", (json_int_t)t.tv_sec, "microseconds",
                          (json_int_t)(t.tv_nsec / 1000), "event", name);
    if (data)
        json_object_set_new(o, "data", data);
    if (q->ready)
        send(q, o);
    else
        json_decref(o);
}

/* --- commands: each returns what "return" holds, or NULL with *e ----------------------------------------------------- */

#define COMMAND(name) static json_t *name(struct qmp *q, json_t *args, struct err *e)

static json_t *failed(struct err *e, const char *text)
{
    err_set(e, "%s", text);
    return NULL;
}

static const char *text_arg(json_t *args, const char *name)
{
    return json_string_value(json_object_get(args, name));
}

/* A line for the monitor; what it says. */
static char *monitor_says(struct qmp *q, const char *line)
{
    struct buf out = { 0 };
    monitor_execute(q->s, line, &out);
    char *text = xstrdup(buf_cstr(&out));
    buf_free(&out);
    return text;
}

/* One that is silent when all is well. */
static json_t *by_monitor(struct qmp *q, const char *line, struct err *e)
{
    char *text = monitor_says(q, line);
    text[strcspn(text, "\n")] = 0;
    json_t *o = *text ? failed(e, text) : json_object();
    free(text);
    return o;
}

COMMAND(do_stop)
{
    q->s->paused = true;
    return json_object();
}

COMMAND(do_cont)
{
    if (q->s->paused)
        cpu_skip_stop(q->s->debugger->cpu);
    q->s->paused = false;
    return json_object();
}

COMMAND(do_quit)
{
    host_loop_quit(q->s->loop);
    return json_object();
}

COMMAND(do_reset)
{
    json_t *o = by_monitor(q, "system_reset", e);
    if (o)
        event(q, "RESET", json_pack("{s:b,s:s}", "guest", 0, "reason", "host-qmp-system-reset"));
    return o;
}

COMMAND(do_powerdown)
{
    json_t *o = by_monitor(q, "system_powerdown", e);
    if (o)
        event(q, "POWERDOWN", NULL);
    return o;
}

COMMAND(human)
{
    const char *line = text_arg(args, "command-line");
    if (!line)
        return failed(e, "Parameter 'command-line' is missing");
    char *text = monitor_says(q, line);
    json_t *o = json_string(text);
    free(text);
    return o ? o : json_string("");
}

COMMAND(screendump)
{
    const char *file = text_arg(args, "filename"), *format = text_arg(args, "format");
    if (!file)
        return failed(e, "Parameter 'filename' is missing");
    char *line = format ? xprintf("screendump %s -f %s", file, format) : xprintf("screendump %s", file);
    json_t *o = by_monitor(q, line, e);
    free(line);
    return o;
}

COMMAND(send_key)
{
    struct buf line = { 0 };
    size_t i;
    json_t *key, *keys = json_object_get(args, "keys"), *hold = json_object_get(args, "hold-time");
    buf_printf(&line, "sendkey ");
    json_array_foreach(keys, i, key) {
        const char *name = text_arg(key, "data");
        buf_printf(&line, "%s%s", i ? "-" : "", name ? name : "?");
    }
    if (hold)
        buf_printf(&line, " %lld", (long long)json_integer_value(hold));
    json_t *o = json_array_size(keys) ? by_monitor(q, buf_cstr(&line), e) : failed(e, "Parameter 'keys' is missing");
    buf_free(&line);
    return o;
}

/* Snapshots here are files. */
static json_t *snapshot(struct qmp *q, json_t *args, struct err *e, const char *command)
{
    const char *file = text_arg(args, "filename");
    if (!file)
        return failed(e, "Parameter 'filename' is missing: a snapshot is a file");
    char *line = xprintf("%s %s", command, file);
    json_t *o = by_monitor(q, line, e);
    free(line);
    return o;
}
COMMAND(savevm) { return snapshot(q, args, e, "savevm"); }
COMMAND(loadvm) { return snapshot(q, args, e, "loadvm"); }

/* memsave and pmemsave. */
static json_t *save_memory(struct qmp *q, json_t *args, struct err *e, const char *command)
{
    json_int_t at = json_integer_value(json_object_get(args, "val")), size = json_integer_value(json_object_get(args, "size"));
    const char *file = text_arg(args, "filename");
    if (!file || at < 0 || size <= 0 || size > (json_int_t)1 << 32)
        return failed(e, "Parameters 'val', 'size' (at most 4 GiB) and 'filename' are needed");
    char *line = xprintf("%s 0x%llx 0x%llx \"%s\"", command, (unsigned long long)at, (unsigned long long)size, file);
    json_t *o = by_monitor(q, line, e);
    free(line);
    return o;
}
COMMAND(memsave) { return save_memory(q, args, e, "memsave"); }
COMMAND(pmemsave) { return save_memory(q, args, e, "pmemsave"); }
COMMAND(inject_nmi) { return by_monitor(q, "nmi", e); }

COMMAND(dump)
{
    const char *to = text_arg(args, "protocol");
    if (!to || strncmp(to, "file:", 5))
        return failed(e, "Parameter 'protocol' has to be file:PATH");
    if (json_is_true(json_object_get(args, "paging")))
        return failed(e, "only physical memory is dumped: 'paging' has to be false");
    char *line = xprintf("dump-guest-memory %s", to + 5);
    json_t *o = by_monitor(q, line, e);
    free(line);
    return o;
}

static const char *drive_arg(json_t *args)
{
    return text_arg(args, "device") ? text_arg(args, "device") : text_arg(args, "id");
}

static json_t *done(bool ok)
{
    return ok ? json_object() : NULL;
}

COMMAND(eject)
{
    if (!drive_arg(args))
        return failed(e, "Parameter 'device' is missing");
    return done(json_is_true(json_object_get(args, "force")) ? media_tray(q->s, drive_arg(args), true, true, e)
                                                             : media_button(q->s, drive_arg(args), e));
}

COMMAND(change_medium)
{
    const char *file = text_arg(args, "filename");
    if (!drive_arg(args) || !file)
        return failed(e, drive_arg(args) ? "Parameter 'filename' is missing" : "Parameter 'device' is missing");
    return done(media_change(q->s, drive_arg(args), file, text_arg(args, "format"), text_arg(args, "read-only-mode"),
                             json_is_true(json_object_get(args, "force")), e));
}

static json_t *tray(struct qmp *q, json_t *args, bool open, struct err *e)
{
    if (!drive_arg(args))
        return failed(e, "Parameter 'device' is missing");
    return done(media_tray(q->s, drive_arg(args), open, json_is_true(json_object_get(args, "force")), e));
}

COMMAND(open_tray) { return tray(q, args, true, e); }
COMMAND(close_tray) { return tray(q, args, false, e); }

COMMAND(query_commands);

static const struct {
    const char *name;
    json_t *(*run)(struct qmp *q, json_t *args, struct err *e);
} commands[] = {
    { "query-commands", query_commands }, { "stop", do_stop }, { "cont", do_cont }, { "quit", do_quit },
    { "system_reset", do_reset }, { "system_powerdown", do_powerdown }, { "human-monitor-command", human },
    { "screendump", screendump }, { "send-key", send_key }, { "memsave", memsave }, { "pmemsave", pmemsave },
    { "inject-nmi", inject_nmi }, { "dump-guest-memory", dump }, { "eject", eject }, { "blockdev-change-medium", change_medium },
    { "blockdev-open-tray", open_tray }, { "blockdev-close-tray", close_tray }, { "x-orrery-savevm", savevm }, { "x-orrery-loadvm", loadvm },
};

COMMAND(query_commands)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        json_array_append_new(list, json_pack("{s:s}", "name", commands[i].name));
    for (const struct qmp_query *r = qmp_queries; r->name; r++)
        json_array_append_new(list, json_pack("{s:s}", "name", r->name));
    return list;
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static void answer(struct qmp *q, json_t *id, json_t *result, const char *class, const char *text)
{
    json_t *o = result ? json_pack("{s:o}", "return", result)
                       : json_pack("{s:{s:s,s:s}}", "error", "class", class, "desc", text);
    if (!o) /* the text was no UTF-8 */
        o = json_pack("{s:{s:s,s:s}}", "error", "class", class, "desc", "the command failed");
    if (id)
        json_object_set(o, "id", id);
    send(q, o);
}

static void tell_state(struct qmp *q)
{
    if (q->s->paused != q->was_paused)
        event(q, q->s->paused ? "STOP" : "RESUME", NULL);
    q->was_paused = q->s->paused;
}

static void request(struct qmp *q, json_t *o)
{
    json_t *id = json_object_get(o, "id"), *args = json_object_get(o, "arguments");
    const char *name = text_arg(o, "execute");
    struct err e = { "" };
    if (!name) {
        answer(q, id, NULL, "GenericError", "QMP input lacks member 'execute'");
        return;
    }
    if (!strcmp(name, "qmp_capabilities")) {
        if (q->ready) {
            answer(q, id, NULL, "CommandNotFound", "Capabilities negotiation is already complete, command ignored");
            return;
        }
        q->ready = true;
        q->was_paused = q->s->paused;
        answer(q, id, json_object(), NULL, NULL);
        return;
    }
    if (!q->ready) {
        answer(q, id, NULL, "CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'");
        return;
    }
    unsigned asker = q->client;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (!strcmp(name, commands[i].name)) {
            json_t *result = commands[i].run(q, args, &e);
            if (q->client != asker) { /* it ran the machine, and meanwhile somebody else came */
                json_decref(result);
                return;
            }
            tell_state(q);
            answer(q, id, result, "GenericError", e.text);
            return;
        }
    for (const struct qmp_query *r = qmp_queries; r->name; r++)
        if (!strcmp(name, r->name)) {
            answer(q, id, r->run(q->s), "GenericError", "it cannot be told");
            return;
        }
    char *text = xprintf("The command %s has not been found", name);
    answer(q, id, NULL, "CommandNotFound", text);
    free(text);
}

/* Length of the first whole value in the input: brackets that close, outside of strings. 0xff, which no text has, ends whatever
 * is open, so that a client can begin anew (QMP specification, "Forcing the JSON parser into known-good state"). 0: not yet there. */
static size_t whole(const struct buf *b)
{
    unsigned depth = 0;
    bool string = false, escaped = false;
    for (size_t i = 0; i < b->len; i++) {
        u8 c = b->data[i];
        if (c == 0xff)
            return i + 1;
        if (string) {
            string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if (c == '"') {
            string = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth <= 1)
                return i + 1;
            depth--;
        } else if (c == '\n' && !depth) {
            return i + 1;
        }
    }
    return 0;
}

bool qmp_serve(struct qmp *q)
{
    bool any = false;
    size_t n;
    if (!q)
        return false;
    tell_state(q);
    while ((n = whole(&q->in))) {
        json_error_t wrong;
        json_t *o = json_loadb((const char *)q->in.data, n, 0, &wrong);
        bool blank = strspn((const char *)q->in.data, " \t\r\n") >= n;
        memmove(q->in.data, q->in.data + n, q->in.len -= n);
        if (blank)
            continue;
        any = true;
        if (!json_is_object(o))
            answer(q, NULL, NULL, "GenericError", o ? "QMP input must be a JSON object" : "JSON parse error, invalid input");
        else
            request(q, o);
        json_decref(o);
    }
    return any;
}

void qmp_ended(struct qmp *q, enum machine_stop why)
{
    if (!q)
        return;
    bool guest = why == MACHINE_POWEROFF || why == MACHINE_RESET || why == MACHINE_PANIC;
    if (why == MACHINE_PANIC)
        event(q, "GUEST_PANICKED", json_pack("{s:s}", "action", "poweroff"));
    event(q, "SHUTDOWN", json_pack("{s:b,s:s}", "guest", guest, "reason",
                                   why == MACHINE_PANIC   ? "guest-panic"
                                   : why == MACHINE_RESET ? "guest-reset"
                                   : guest                ? "guest-shutdown"
                                                          : "host-qmp-quit"));
}

static void on_bytes(void *opaque, const u8 *bytes, size_t n)
{
    struct qmp *q = opaque;
    if (q->in.len + n > MOST_INPUT) {
        q->in.len = 0;
        answer(q, NULL, NULL, "GenericError", "the request is longer than 1 MiB");
        return;
    }
    buf_put(&q->in, bytes, n);
    buf_cstr(&q->in);
    host_loop_ask(q->s->loop);
}

static void on_focus(void *opaque, bool gained)
{
    struct qmp *q = opaque;
    q->here = gained;
    q->client++;
    q->ready = false;
    q->in.len = 0;
    if (gained && q->line)
        send(q, json_pack("{s:{s:o,s:[]}}", "QMP", "version", qmp_version(q->s), "capabilities"));
}

struct qmp *qmp_new(struct session *s, struct host_char *c, struct err *e)
{
    struct qmp *q = xcalloc(1, sizeof *q);
    struct host_char_user user = { on_bytes, on_focus, q };
    q->s = s;
    q->line = host_char_attach(c, "qmp", &user, e);
    if (!q->line) {
        free(q);
        return NULL;
    }
    if (q->here)
        on_focus(q, true);
    return q;
}

void qmp_free(struct qmp *q)
{
    if (!q)
        return;
    buf_free(&q->in);
    free(q);
}
