/* The Debug Adapter Protocol: messages in and out, and which request is answered when. */
#include "debugger/dap_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"

enum { MOST_MESSAGE = 16 << 20, MOST_HEADER = 4096, MOST_WAITING = 4096, MOST_LINE = 4096 };

/* --- JSON --------------------------------------------------------------------------------------------------------------- */

/* Length of the character at s, 0 when it is no UTF-8 (RFC 3629, section 4). */
static size_t character(const u8 *s, size_t n)
{
    size_t len = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                                 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return len;
}

json_t *dap_text(const char *s, size_t n)
{
    struct buf b = { 0 };
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        len = character((const u8 *)s + i, n - i);
        if (len)
            buf_put(&b, s + i, len);
        else
            buf_put(&b, "\xef\xbf\xbd", 3);
    }
    json_t *text = json_stringn_nocheck(b.len ? (const char *)b.data : "", b.len);
    buf_free(&b);
    return text;
}

void put_text(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, dap_text(s, strlen(s)));
}

void put_int(json_t *o, const char *key, u64 v)
{
    json_object_set_new(o, key, json_integer((json_int_t)v));
}

void put_bool(json_t *o, const char *key, bool v)
{
    json_object_set_new(o, key, json_boolean(v));
}

void put_hex(json_t *o, const char *key, u64 v)
{
    char text[24];
    snprintf(text, sizeof text, "0x%llx", (unsigned long long)v);
    put_text(o, key, text);
}

const char *get_text(json_t *args, const char *key)
{
    return json_string_value(json_object_get(args, key));
}

bool get_int(json_t *args, const char *key, i64 *v)
{
    json_t *o = json_object_get(args, key);
    if (!json_is_integer(o))
        return false;
    *v = json_integer_value(o);
    return true;
}

i64 get_int_or(json_t *args, const char *key, i64 fallback)
{
    i64 v;
    return get_int(args, key, &v) ? v : fallback;
}

json_t *failed(struct err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return NULL;
}

bool dap_address(struct dap *p, const char *reference, u64 *addr, struct err *e)
{
    char *end;
    if (!reference)
        return err_set(e, "a memoryReference is missing");
    *addr = strtoull(reference, &end, 0);
    return (end != reference && !*end) || debugger_eval(p->d, reference, addr, e);
}

/* --- messages out ------------------------------------------------------------------------------------------------------- */

static void send(struct dap *p, const char *type, json_t *o)
{
    put_int(o, "seq", (u64)++p->seq);
    put_text(o, "type", type);
    char *text = json_dumps(o, JSON_COMPACT);
    if (text) {
        char header[40];
        size_t n = strlen(text);
        p->host.write(p->host.opaque, header, (size_t)snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", n));
        p->host.write(p->host.opaque, text, n);
        free(text);
    }
    json_decref(o);
}

void dap_event(struct dap *p, const char *name, json_t *body)
{
    dap_flush(p);
    json_t *o = json_object();
    put_text(o, "event", name);
    if (body)
        json_object_set_new(o, "body", body);
    send(p, "event", o);
}

static void put_output(struct dap *p, const char *category, const void *text, size_t n)
{
    json_t *o = json_object(), *body = json_object();
    put_text(o, "event", "output");
    put_text(body, "category", category);
    json_object_set_new(body, "output", dap_text(text, n));
    json_object_set_new(o, "body", body);
    send(p, "event", o);
}

void dap_flush(struct dap *p)
{
    struct buf line = p->line;
    p->line = (struct buf){ 0 };
    if (line.len)
        put_output(p, p->line_category, line.data, line.len);
    buf_free(&line);
}

void dap_output(struct dap *p, const char *category, const void *bytes, size_t n)
{
    if (p->line.len && strcmp(category, p->line_category))
        dap_flush(p);
    p->line_category = category;
    buf_put(&p->line, bytes, n);
    if (n && (((const char *)bytes)[n - 1] == '\n' || p->line.len > MOST_LINE))
        dap_flush(p);
}

void dap_say(struct dap *p, const char *category, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    dap_output(p, category, text, strlen(text));
}

void dap_changed(struct dap *p, const char *const *areas)
{
    if (!p->client.invalidated)
        return;
    json_t *list = json_array(), *body = json_object();
    for (; *areas; areas++)
        json_array_append_new(list, json_string(*areas));
    json_object_set_new(body, "areas", list);
    dap_event(p, "invalidated", body);
}

static void respond(struct dap *p, json_t *request, json_t *body, const char *error)
{
    const char *command = get_text(request, "command");
    json_t *o = json_object();
    dap_flush(p);
    put_int(o, "request_seq", (u64)get_int_or(request, "seq", 0));
    put_text(o, "command", command ? command : "");
    put_bool(o, "success", !error);
    if (error) {
        put_text(o, "message", error);
        json_t *detail = json_object(), *b = json_object();
        put_int(detail, "id", 1);
        /* In `format` braces would be the names of variables. */
        put_text(detail, "format", "{text}");
        json_t *variables = json_object();
        put_text(variables, "text", error);
        json_object_set_new(detail, "variables", variables);
        put_bool(detail, "showUser", true);
        json_object_set_new(b, "error", detail);
        json_object_set_new(o, "body", b);
        json_decref(body);
    } else if (body && !json_is_null(body)) {
        json_object_set_new(o, "body", body);
    } else {
        json_decref(body);
    }
    send(p, "response", o);
}

/* --- requests ----------------------------------------------------------------------------------------------------------- */

static void put_filter(json_t *list, const char *id, const char *label, const char *description, bool on, const char *condition)
{
    json_t *o = json_object();
    put_text(o, "filter", id);
    put_text(o, "label", label);
    put_text(o, "description", description);
    put_bool(o, "default", on);
    put_bool(o, "supportsCondition", condition != NULL);
    put_text(o, "conditionDescription", condition);
    json_array_append_new(list, o);
}

static REQUEST(on_initialize)
{
    static const char *const can[] = {
        "supportsConfigurationDoneRequest", "supportsFunctionBreakpoints", "supportsConditionalBreakpoints",
        "supportsHitConditionalBreakpoints", "supportsEvaluateForHovers", "supportsStepBack", "supportsSetVariable",
        "supportsGotoTargetsRequest", "supportsCompletionsRequest", "supportsModulesRequest", "supportsRestartRequest",
        "supportsValueFormattingOptions", "supportsExceptionInfoRequest", "supportsDelayedStackTraceLoading",
        "supportsLoadedSourcesRequest", "supportsTerminateRequest", "supportsDataBreakpoints", "supportsReadMemoryRequest",
        "supportsWriteMemoryRequest", "supportsDisassembleRequest", "supportsCancelRequest",
        "supportsBreakpointLocationsRequest", "supportsSteppingGranularity", "supportsInstructionBreakpoints",
        "supportsSetExpression", "supportTerminateDebuggee", "supportsLogPoints", "supportsExceptionFilterOptions",
    };
    if (p->initialized)
        return failed(e, "initialize was there already");
    const char *format = get_text(args, "pathFormat");
    if (format && strcmp(format, "path"))
        return failed(e, "pathFormat '%s' is not known here: files have paths", format);
    p->initialized = true;
    p->lines_from_0 = json_is_false(json_object_get(args, "linesStartAt1"));
    p->columns_from_0 = json_is_false(json_object_get(args, "columnsStartAt1"));
    p->client.progress = json_is_true(json_object_get(args, "supportsProgressReporting"));
    p->client.invalidated = json_is_true(json_object_get(args, "supportsInvalidatedEvent"));
    p->client.memory = json_is_true(json_object_get(args, "supportsMemoryEvent"));
    json_t *body = json_object(), *filters = json_array(), *characters = json_array();
    for (size_t i = 0; i < ARRAY_LEN(can); i++)
        put_bool(body, can[i], true);
    put_filter(filters, "story", "The guest lost its way",
               "A triple fault, an endless trap: what a real machine would answer with a reset or with nothing", true, NULL);
    put_filter(filters, "exception", "Exceptions", "At the handler of an exception that an instruction raised, system calls too", false,
               "a part of the cause, or its number; from and to a privilege: page fault from U");
    put_filter(filters, "interrupt", "Interrupts", "At the handler of an interrupt", false,
               "a part of the cause, or its number: timer");
    json_object_set_new(body, "exceptionBreakpointFilters", filters);
    json_array_append_new(characters, json_string("."));
    json_array_append_new(characters, json_string("$"));
    json_object_set_new(body, "completionTriggerCharacters", characters);
    return body;
}

static REQUEST(on_cancel)
{
    i64 seq;
    bool this_one = get_text(args, "progressId") != NULL;
    if (get_int(args, "requestId", &seq)) {
        json_t *o;
        size_t i;
        json_array_foreach(p->queue, i, o) {
            const char *command = get_text(o, "command");
            if (get_int_or(o, "seq", -1) != seq || (command && !strcmp(command, "cancel")))
                continue;
            respond(p, o, NULL, "cancelled");
            json_array_remove(p->queue, i);
            return json_null();
        }
        this_one = this_one || (p->current && get_int_or(p->current, "seq", -1) == seq);
    }
    if (p->busy && this_one && p->d) {
        p->cancelled = true;
        p->d->interrupted = 1;
        p->host.interrupt(p->host.opaque);
    }
    return json_null();
}

/* Ours: what is typed to the guest's console. */
static REQUEST(on_type)
{
    json_t *text = json_object_get(args, "text");
    if (!json_is_string(text))
        return failed(e, "orrery/type: 'text' is missing");
    if (!p->host.type)
        return failed(e, "the guest's console is not here: a -serial of the arguments has it");
    p->host.type(p->host.opaque, json_string_value(text), json_string_length(text));
    return json_null();
}

enum when {
    EARLY = 1,   /* without a machine */
    RUNNING = 2, /* also while the machine runs forwards */
    ALWAYS = 4,  /* also while the past is searched */
    ENDS = 8,    /* what is on is interrupted, then it is done */
};

static const struct {
    const char *name;
    REQUEST((*run));
    unsigned when;
} requests[] = {
    { "initialize", on_initialize, EARLY },
    { "launch", dap_launch, EARLY },
    { "attach", dap_attach, EARLY },
    { "configurationDone", dap_configuration_done, 0 },
    { "setBreakpoints", dap_set_breakpoints, RUNNING },
    { "setFunctionBreakpoints", dap_set_function_breakpoints, RUNNING },
    { "setInstructionBreakpoints", dap_set_instruction_breakpoints, RUNNING },
    { "setDataBreakpoints", dap_set_data_breakpoints, RUNNING },
    { "setExceptionBreakpoints", dap_set_exception_breakpoints, RUNNING },
    { "dataBreakpointInfo", dap_data_breakpoint_info, RUNNING },
    { "breakpointLocations", dap_breakpoint_locations, RUNNING },
    { "threads", dap_threads, RUNNING | ALWAYS },
    { "stackTrace", dap_stack_trace, 0 },
    { "scopes", dap_scopes, 0 },
    { "variables", dap_variables, 0 },
    { "setVariable", dap_set_variable, 0 },
    { "setExpression", dap_set_expression, 0 },
    { "evaluate", dap_evaluate, 0 },
    { "completions", dap_completions, RUNNING },
    { "continue", dap_continue, 0 },
    { "next", dap_next, 0 },
    { "stepIn", dap_step_in, 0 },
    { "stepOut", dap_step_out, 0 },
    { "stepBack", dap_step_back, 0 },
    { "reverseContinue", dap_reverse_continue, 0 },
    { "pause", dap_pause, RUNNING | ALWAYS },
    { "goto", dap_goto, 0 },
    { "gotoTargets", dap_goto_targets, RUNNING },
    { "restart", dap_restart, ENDS },
    { "terminate", dap_terminate, EARLY | ENDS },
    { "disconnect", dap_disconnect, EARLY | ENDS },
    { "exceptionInfo", dap_exception_info, 0 },
    { "source", dap_source, RUNNING },
    { "loadedSources", dap_loaded_sources, RUNNING },
    { "modules", dap_modules, RUNNING },
    { "readMemory", dap_read_memory, RUNNING },
    { "writeMemory", dap_write_memory, 0 },
    { "disassemble", dap_disassemble, RUNNING },
    { "cancel", on_cancel, EARLY | RUNNING | ALWAYS },
    { "orrery/type", on_type, RUNNING },
};

/* Its row; -1: none. */
static int row_of(json_t *request)
{
    const char *name = get_text(request, "command");
    for (size_t i = 0; name && i < ARRAY_LEN(requests); i++)
        if (!strcmp(requests[i].name, name))
            return (int)i;
    return -1;
}

static void answer_unknown(struct dap *p, json_t *request)
{
    const char *name = get_text(request, "command"), *best = NULL;
    unsigned score = 0;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        suggest(name, requests[i].name, &best, &score);
    char *text = xprintf("there is no request '%.60s'%s%s%s", name, best ? "; the nearest is '" : "", best ? best : "",
                         best ? "'" : "");
    respond(p, request, NULL, text);
    free(text);
}

static void handle(struct dap *p, json_t *request)
{
    int row = row_of(request);
    if (row < 0) {
        answer_unknown(p, request);
        return;
    }
    struct err e = { "it failed" };
    json_t *args = json_object_get(request, "arguments"), *body = NULL;
    if (args && !json_is_object(args) && !json_is_null(args))
        failed(&e, "the arguments of '%s' are no object", requests[row].name);
    else if (!p->initialized && requests[row].run != on_initialize)
        failed(&e, "'initialize' must be the first request");
    else if (!p->d && !(requests[row].when & EARLY))
        failed(&e, "there is no machine yet: 'launch' makes one");
    else
        body = requests[row].run(p, args, &e);
    respond(p, request, body, !body ? e.text : p->cancelled && p->current == request ? "cancelled" : NULL);
}

/* While something runs: false: it has to wait. */
static bool handle_now(struct dap *p, json_t *request)
{
    int row = row_of(request);
    unsigned when = row < 0 ? 0 : requests[row].when;
    struct debugger *d = p->d;
    if (row < 0) {
        answer_unknown(p, request);
        return true;
    }
    if (when & ENDS) {
        if (d)
            d->interrupted = 1;
        p->leaving = true;
        p->host.interrupt(p->host.opaque);
        return false;
    }
    const char *context = get_text(json_object_get(request, "arguments"), "context");
    if (requests[row].run == dap_evaluate && context && !strcmp(context, "watch"))
        when |= RUNNING;
    if (p->running && !(when & (RUNNING | ALWAYS))) {
        respond(p, request, NULL, "notStopped");
        return true;
    }
    if (!p->running && !(when & ALWAYS))
        return false;
    /* What runs has the debugger's choices as they are. */
    struct cpu *cpu = d ? d->cpu : NULL;
    unsigned selected = d ? d->selected : 0;
    int interrupted = d ? d->interrupted : 0;
    struct buf *capture = d ? d->capture : NULL;
    if (d) {
        d->interrupted = 0;
        d->capture = NULL;
        if (p->running)
            debugger_changed(d);
    }
    handle(p, request);
    if (d) {
        d->capture = capture;
        d->interrupted = d->interrupted || interrupted;
        if (p->running) {
            d->cpu = cpu;
            d->selected = selected;
            debugger_changed(d);
        }
    }
    return true;
}

bool dap_serve(struct dap *p)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(p->queue);) {
        json_t *o = json_incref(json_array_get(p->queue, i));
        json_array_remove(p->queue, i);
        if (handle_now(p, o))
            any = true;
        else
            json_array_insert(p->queue, i++, o);
        json_decref(o);
    }
    return any;
}

bool dap_work(struct dap *p)
{
    if (p->busy || p->over || (p->act == ACT_NONE && !json_array_size(p->queue)))
        return false;
    p->busy = true;
    if (p->act != ACT_NONE) {
        enum dap_act act = p->act;
        p->act = ACT_NONE;
        p->leaving = false;
        dap_do(p, act);
    } else {
        json_t *o = json_incref(json_array_get(p->queue, 0));
        json_array_remove(p->queue, 0);
        p->current = o;
        p->cancelled = p->leaving = false;
        handle(p, o);
        p->current = NULL;
        json_decref(o);
    }
    dap_progress_end(p);
    p->busy = false;
    return true;
}

void dap_runs(struct dap *p, bool on)
{
    if (!on) {
        p->running--;
        return;
    }
    p->running++;
    if (!p->going && p->d)
        dap_tell_going(p);
    if (json_array_size(p->queue))
        dap_serve(p);
}

/* --- messages in -------------------------------------------------------------------------------------------------------- */

static void complain(struct dap *p, const char *text)
{
    dap_say(p, "stderr", "orrery dap: %s\n", text);
}

static void take_message(struct dap *p, const char *text, size_t n)
{
    json_error_t wrong;
    json_t *o = json_loadb(text, n, 0, &wrong);
    if (!o) {
        char *sentence = xprintf("a message of %zu bytes is no JSON (%s, byte %d); it was left out", n, wrong.text, wrong.position);
        complain(p, sentence);
        free(sentence);
        return;
    }
    const char *type = get_text(o, "type");
    i64 seq;
    if (!json_is_object(o))
        complain(p, "a message is no JSON object; it was left out");
    else if (type && !strcmp(type, "response"))
        complain(p, "a response came, but nothing was asked");
    else if (!get_int(o, "seq", &seq))
        complain(p, "a message has no number 'seq'; it was left out");
    else if (!type || strcmp(type, "request"))
        respond(p, o, NULL, "its 'type' is not \"request\"");
    else if (!get_text(o, "command"))
        respond(p, o, NULL, "a request has a 'command'");
    else if (json_array_size(p->queue) >= MOST_WAITING)
        respond(p, o, NULL, "too many requests wait already");
    else
        json_array_append(p->queue, o);
    json_decref(o);
}

/* The value of Content-Length among the header's lines; false: there is none. */
static bool content_length(const char *s, size_t n, u64 *length)
{
    static const char name[] = "Content-Length:";
    bool found = false;
    for (size_t at = 0; at < n;) {
        size_t end = at;
        while (end < n && s[end] != '\n')
            end++;
        if (end - at > strlen(name) && !strncasecmp(s + at, name, strlen(name))) {
            size_t i = at + strlen(name), digits = 0;
            u64 v = 0;
            while (i < end && (s[i] == ' ' || s[i] == '\t'))
                i++;
            for (; i < end && s[i] >= '0' && s[i] <= '9' && digits < 18; i++, digits++)
                v = 10 * v + (u64)(s[i] - '0');
            while (i < end && (s[i] == ' ' || s[i] == '\r'))
                i++;
            if (!digits || i != end)
                return false;
            *length = v;
            found = true;
        }
        at = end + 1;
    }
    return found;
}

/* Where the header ends that begins at s: behind its empty line; 0: not here. */
static size_t header_end(const char *s, size_t n)
{
    for (size_t i = 0; i + 1 < n && i < MOST_HEADER; i++)
        if (s[i] == '\n' && (s[i + 1] == '\n' || (i + 2 < n && s[i + 1] == '\r' && s[i + 2] == '\n')))
            return i + (s[i + 1] == '\n' ? 2 : 3);
    return 0;
}

/* Garbage: to the next place where a header could begin; false: there is none yet. */
static bool find_header(struct dap *p, const char *s, size_t n)
{
    static const char name[] = "Content-Length:";
    size_t keep = strlen(name) - 1;
    if (!p->lost) {
        p->lost = true;
        complain(p, "a message must begin with 'Content-Length: N' and an empty line; bytes up to the next such header are left "
                    "out");
    }
    for (size_t i = 1; i + keep < n; i++)
        if (!strncasecmp(s + i, name, keep + 1)) {
            p->in_at += i;
            return true;
        }
    if (n > keep + 1)
        p->in_at += n - keep;
    return false;
}

static bool take_one(struct dap *p)
{
    const char *s = (const char *)p->in.data + p->in_at;
    size_t n = p->in.len - p->in_at;
    if (p->skip) {
        size_t part = n < p->skip ? n : p->skip;
        p->in_at += part;
        p->skip -= part;
        return part > 0 && !p->skip;
    }
    size_t head = header_end(s, n);
    u64 length;
    if (!head && n <= MOST_HEADER)
        return false;
    if (!head || !content_length(s, head, &length))
        return find_header(p, s, n);
    if (length > MOST_MESSAGE) {
        char *text = xprintf("a message of %llu bytes is longer than the %d that are taken; it is left out",
                             (unsigned long long)length, MOST_MESSAGE);
        complain(p, text);
        free(text);
        p->in_at += head;
        p->skip = length;
        return true;
    }
    if (n - head < length)
        return false;
    p->lost = false;
    p->in_at += head + length;
    take_message(p, s + head, length);
    return true;
}

void dap_input(struct dap *p, const void *bytes, size_t n)
{
    buf_put(&p->in, bytes, n);
    while (take_one(p))
        ;
    if (p->in_at)
        memmove(p->in.data, p->in.data + p->in_at, p->in.len -= p->in_at);
    p->in_at = 0;
    if (p->busy)
        dap_serve(p);
}

/* --- life --------------------------------------------------------------------------------------------------------------- */

struct dap *dap_new(const struct dap_host *host)
{
    struct dap *p = xcalloc(1, sizeof *p);
    p->host = *host;
    p->queue = json_array();
    p->stories = true;
    return p;
}

void dap_free(struct dap *p)
{
    if (!p)
        return;
    dap_drop_machine(p);
    dap_points_forget(p, true);
    json_decref(p->queue);
    json_decref(p->launch);
    buf_free(&p->in);
    buf_free(&p->line);
    free(p->refs);
    free(p->points);
    free(p->targets);
    free(p->listings);
    free(p);
}

void dap_gone(struct dap *p)
{
    p->over = p->leaving = true;
    if (p->busy && p->d) {
        p->d->interrupted = 1;
        p->host.interrupt(p->host.opaque);
    }
}

bool dap_over(const struct dap *p)
{
    return p->over;
}
