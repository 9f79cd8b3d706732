/* The Debug Adapter Protocol: stop points. They are made by the debugger's own commands, and each request of a kind (and
 * source) says all there are to be. */
#include "debugger/dap_state.h"
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 4096, MOST_LINES = 20000 };

const struct dap_point *dap_point(const struct dap *p, int number)
{
    for (size_t i = 0; i < p->n_points; i++)
        if (number && p->points[i].number == number)
            return &p->points[i];
    return NULL;
}

static void forget_point(struct dap *p, size_t i)
{
    free(p->points[i].source);
    p->points[i] = p->points[--p->n_points];
}

/* From the machine, too. */
static void remove_point(struct dap *p, size_t i)
{
    struct stop_point *point = stops_find(&p->d->stops, p->points[i].number);
    if (point)
        stops_delete(&p->d->stops, point);
    forget_point(p, i);
}

void dap_points_forget(struct dap *p, bool wishes_too)
{
    bool live = p->host.live && p->d && p->n_points; /* the machine goes on without them */
    while (p->n_points)
        live ? remove_point(p, 0) : forget_point(p, 0);
    if (live)
        stops_arm(&p->d->stops, p->d->machine);
    while (wishes_too && p->wishes) {
        struct dap_wish *w = p->wishes;
        p->wishes = w->next;
        free(w->source);
        free(w->ids);
        json_decref(w->args);
        free(w);
    }
}

static bool same_source(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

static struct dap_wish *remember(struct dap *p, enum dap_point_kind kind, const char *source, json_t *args)
{
    struct dap_wish **at = &p->wishes;
    while (*at && ((*at)->kind != kind || !same_source((*at)->source, source)))
        at = &(*at)->next;
    if (!*at) {
        *at = xcalloc(1, sizeof **at);
        (*at)->kind = kind;
        (*at)->source = source ? xstrdup(source) : NULL;
    }
    json_incref(args);
    json_decref((*at)->args);
    (*at)->args = args;
    return *at;
}

/* --- making them -------------------------------------------------------------------------------------------------------- */

/* "5", ">=5": from the fifth time on; ">5" from the sixth. */
static bool parse_hits(const char *text, u64 *ignore)
{
    text += strspn(text, " ");
    bool more = *text == '>' && text[1] != '=';
    if (*text == '>')
        text += more ? 1 : 2;
    text += strspn(text, " ");
    char *end;
    u64 n = strtoull(text, &end, 10);
    if (end == text || *end || !isdigit((u8)*text) || (!n && !more))
        return false;
    *ignore = more ? n : n - 1;
    return true;
}

/* What a capture says, without the end of its line. */
static void take_text(struct buf *b, struct err *e)
{
    const char *s = buf_cstr(b);
    snprintf(e->text, sizeof e->text, "%.*s", (int)strcspn(s, "\n"), s);
    b->len = 0;
}

static bool one_line(const char *s)
{
    return !s || !strpbrk(s, "\r\n");
}

/* "x is {x}" as what printf takes: "x is %v", x. NULL: a brace is not closed. malloc'd. */
static char *log_format(const char *message)
{
    struct buf format = { 0 }, args = { 0 };
    bool ok = true;
    buf_printf(&format, "\"");
    for (const char *s = message; *s; s++) {
        if (*s == '{') {
            const char *end = s + 1;
            for (unsigned depth = 1; *end && (depth += (*end == '{') - (*end == '}'));)
                end++;
            if (!(ok = *end != 0))
                break;
            buf_printf(&format, "%%v");
            buf_printf(&args, ", %.*s", (int)(end - s - 1), s + 1);
            s = end;
        } else if (*s == '"' || *s == '\\') {
            buf_printf(&format, "\\%c", *s);
        } else {
            buf_printf(&format, *s == '%' ? "%%%%" : "%c", *s);
        }
    }
    buf_printf(&format, "\\n\"%s", buf_cstr(&args));
    char *text = ok ? xstrdup(buf_cstr(&format)) : NULL;
    buf_free(&format);
    buf_free(&args);
    return text;
}

/* How a stop point is asked for that stops, and one that only says something. */
enum way { WAY_CODE, WAY_WRITE, WAY_READ, WAY_ACCESS, WAY_PLAIN };
static const char *const ways[][2] = {
    [WAY_CODE] = { "break code", "log code" }, [WAY_WRITE] = { "watch", "log write" }, [WAY_READ] = { "rwatch", "log read" },
    [WAY_ACCESS] = { "awatch", "log access" }, [WAY_PLAIN] = { "break", "log" },
};

/* NULL: it cannot be, and the error says why. */
static struct stop_point *make(struct dap *p, enum way way, const char *place, json_t *o, struct err *e)
{
    struct debugger *d = p->d;
    const char *condition = get_text(o, "condition"), *hits = get_text(o, "hitCondition"), *message = get_text(o, "logMessage");
    char *format = NULL;
    u64 ignore = 0;
    message = message && *message ? message : NULL;
    if (!one_line(place) || !one_line(condition) || !one_line(message))
        return err_set(e, "a place, a condition and a message are one line each"), NULL;
    if (hits && *hits && !parse_hits(hits, &ignore))
        return err_set(e, "the hit condition '%.40s' is not understood: N or >= N stops from the Nth time on, > N after it", hits), NULL;
    if (message && !(format = log_format(message)))
        return err_set(e, "a '{' of the message has no '}'"), NULL;
    struct buf line = { 0 }, said = { 0 };
    buf_printf(&line, "%s %s", ways[way][message != NULL], place);
    if (condition && *condition)
        buf_printf(&line, " if %s", condition);
    if (message)
        buf_printf(&line, " print %s", format);
    int last = d->stops.last_number, interrupted = d->interrupted;
    struct stop_point *collecting = d->collecting; /* `commands` is being typed */
    d->collecting = NULL;
    debugger_capture(d, buf_cstr(&line), &said);
    d->collecting = collecting;
    d->interrupted = interrupted;
    struct stop_point *point = d->stops.last_number != last ? stops_find(&d->stops, d->stops.last_number) : NULL;
    if (point)
        point->ignore = ignore;
    else
        take_text(&said, e);
    free(format);
    buf_free(&line);
    buf_free(&said);
    return point;
}

/* --- telling of them ----------------------------------------------------------------------------------------------------- */

static void put_place(struct dap *p, json_t *o, const struct stop_point *point)
{
    struct source_pos pos;
    if (!point->n_addrs)
        return;
    put_hex(o, "instructionReference", point->addrs[0]);
    if (!symbols_line_at(p->d->syms, point->addrs[0], &pos))
        return;
    json_object_set_new(o, "source", dap_source_of(p, pos.file));
    json_object_set_new(o, "line", json_integer(dap_line_out(p, pos.line)));
}

static json_t *describe(struct dap *p, int id, const struct stop_point *point, const struct err *e)
{
    json_t *o = json_object();
    put_int(o, "id", (u64)id);
    put_bool(o, "verified", point != NULL);
    if (point)
        put_place(p, o, point);
    else
        put_text(o, "message", e->text);
    return o;
}

/* Of one kind (and source), all that were: they make room. */
static void remove_old(struct dap *p, enum dap_point_kind kind, const char *source)
{
    for (size_t i = p->n_points; i-- > 0;)
        if (p->points[i].kind == kind && same_source(p->points[i].source, source))
            remove_point(p, i);
    stops_arm(&p->d->stops, p->d->machine);
}

static void note(struct dap *p, int id, enum dap_point_kind kind, const char *source, const struct stop_point *point)
{
    if (!point)
        return;
    if (p->n_points == p->cap_points) {
        p->cap_points = p->cap_points ? 2 * p->cap_points : 16;
        p->points = xrealloc(p->points, p->cap_points * sizeof *p->points);
    }
    p->points[p->n_points++] = (struct dap_point){ .id = id, .number = point->number, .kind = kind,
                                                   .source = source ? xstrdup(source) : NULL };
}

/* --- by kind ------------------------------------------------------------------------------------------------------------ */

/* The recorded path need not begin as the client's does: then what they end with counts. */
static struct stop_point *at_line(struct dap *p, const char *path, int line, json_t *o, struct err *e)
{
    struct err first = { "" };
    for (const char *part = path, *slash; ; part = slash + 1) {
        char *place = xprintf("%s:%d", part, line);
        struct stop_point *point = make(p, WAY_CODE, place, o, e);
        free(place);
        if (point || (strncmp(e->text, "No source file", 14) && strncmp(e->text, "Line ", 5)))
            return point;
        if (part == path)
            first = *e;
        slash = strchr(part, '/');
        if (!slash)
            break;
    }
    *e = first;
    return NULL;
}

static struct stop_point *at_source(struct dap *p, json_t *source, const char *path, json_t *o, struct err *e)
{
    i64 line, reference = get_int_or(source, "sourceReference", 0);
    u64 addr;
    if (!get_int(o, "line", &line) || line < !p->lines_from_0 || line > INT32_MAX - 2)
        return err_set(e, "a breakpoint has a 'line'"), NULL;
    if (reference <= 0)
        return at_line(p, path, dap_line_in(p, line), o, e);
    if (!dap_listing_address(p, (u64)reference, dap_line_in(p, line), &addr))
        return err_set(e, "there is no instruction in that line"), NULL;
    char place[32];
    snprintf(place, sizeof place, "*0x%llx", (unsigned long long)addr);
    return make(p, WAY_CODE, place, o, e);
}

/* What dap_data_breakpoint_info() said: a place in memory, or a kind of stop point and what it is about. */
static struct stop_point *at_data(struct dap *p, json_t *o, struct err *e)
{
    static const struct { const char *name; enum way way; const char *word; } access[] = {
        { "read", WAY_READ, " read" }, { "write", WAY_WRITE, " write" }, { "readWrite", WAY_ACCESS, "" },
    };
    const char *id = get_text(o, "dataId"), *wanted = get_text(o, "accessType");
    size_t i = 0;
    if (!id)
        return err_set(e, "a data breakpoint has a 'dataId'"), NULL;
    while (i < ARRAY_LEN(access) && strcmp(wanted ? wanted : "write", access[i].name))
        i++;
    if (i == ARRAY_LEN(access))
        return err_set(e, "the access type '%.20s' is not known: read, write, readWrite", wanted), NULL;
    if (!strncmp(id, "register ", 9))
        return make(p, WAY_PLAIN, id, o, e);
    if (strncmp(id, "device ", 7) && strncmp(id, "csr ", 4))
        return make(p, access[i].way, id, o, e);
    char *place = xprintf("%s%s", id, access[i].word);
    struct stop_point *point = make(p, WAY_PLAIN, place, o, e);
    free(place);
    return point;
}

static struct stop_point *of_kind(struct dap *p, enum dap_point_kind kind, json_t *args, const char *path, json_t *o, struct err *e)
{
    char place[40];
    u64 addr;
    const char *s;
    switch (kind) {
    case POINT_SOURCE: return at_source(p, json_object_get(args, "source"), path, o, e);
    case POINT_FUNCTION:
        s = get_text(o, "name");
        return s && *s ? make(p, WAY_CODE, s, o, e) : (err_set(e, "a function breakpoint has a 'name'"), NULL);
    case POINT_INSTRUCTION:
        if (!dap_address(p, get_text(o, "instructionReference"), &addr, e))
            return NULL;
        snprintf(place, sizeof place, "*0x%llx", (unsigned long long)(addr + (u64)get_int_or(o, "offset", 0)));
        return make(p, WAY_CODE, place, o, e);
    default: return at_data(p, o, e);
    }
}

/* again: in a new machine, with the numbers the client knows. */
static json_t *set_all(struct dap *p, enum dap_point_kind kind, json_t *args, bool again, struct err *e)
{
    json_t *list = json_object_get(args, "breakpoints"), *o, *out = json_array(), *body = json_object();
    json_t *source = json_object_get(args, "source");
    const char *path = NULL;
    char number[24];
    size_t i;
    if (kind == POINT_SOURCE) {
        path = get_text(source, "path");
        if (get_int_or(source, "sourceReference", 0) > 0) {
            snprintf(number, sizeof number, "#%lld", (long long)get_int_or(source, "sourceReference", 0));
            path = number;
        } else if (!path) {
            path = get_text(source, "name");
        }
    }
    json_object_set_new(body, "breakpoints", out);
    if ((kind == POINT_SOURCE && !path) || (list && !json_is_array(list)) || json_array_size(list) > MOST_POINTS) {
        json_decref(body);
        return failed(e, kind == POINT_SOURCE && !path ? "setBreakpoints: 'source' has neither a path nor a reference"
                                                       : "'breakpoints' is an array of at most %d", MOST_POINTS);
    }
    struct dap_wish *wish = remember(p, kind, path, args);
    if (!again) {
        free(wish->ids);
        wish->ids = xcalloc(json_array_size(list) + 1, sizeof *wish->ids);
    }
    remove_old(p, kind, path);
    json_array_foreach(list, i, o) {
        struct err why = { "it cannot be set" };
        struct stop_point *point = NULL;
        if (p->no_debug)
            err_set(&why, "launched with noDebug");
        else if (p->n_points >= MOST_POINTS)
            err_set(&why, "there are %d already", MOST_POINTS);
        else
            point = of_kind(p, kind, args, path, o, &why);
        if (!again)
            wish->ids[i] = ++p->last_id;
        note(p, wish->ids[i], kind, path, point);
        json_array_append_new(out, describe(p, wish->ids[i], point, &why));
    }
    return body;
}

REQUEST(dap_set_breakpoints) { return set_all(p, POINT_SOURCE, args, false, e); }
REQUEST(dap_set_function_breakpoints) { return set_all(p, POINT_FUNCTION, args, false, e); }
REQUEST(dap_set_instruction_breakpoints) { return set_all(p, POINT_INSTRUCTION, args, false, e); }
REQUEST(dap_set_data_breakpoints) { return set_all(p, POINT_DATA, args, false, e); }

void dap_points_again(struct dap *p)
{
    for (struct dap_wish *w = p->wishes; w; w = w->next) {
        struct err e;
        json_t *args = json_incref(w->args);
        json_t *body = w->kind == POINT_EXCEPTION ? dap_set_exception_breakpoints(p, args, &e) : set_all(p, w->kind, args, true, &e);
        json_t *list = json_object_get(body, "breakpoints"), *o;
        size_t i;
        json_array_foreach(list, i, o) {
            if (w->kind == POINT_EXCEPTION)
                break; /* they have no place that could be shown */
            json_t *event = json_object();
            put_text(event, "reason", "changed");
            json_object_set(event, "breakpoint", o);
            dap_event(p, "breakpoint", event);
        }
        json_decref(body);
        json_decref(args);
    }
}

void dap_points_told(struct dap *p)
{
    for (size_t i = p->n_points; i-- > 0;) {
        if (stops_find(&p->d->stops, p->points[i].number))
            continue;
        json_t *event = json_object(), *o = json_object();
        put_int(o, "id", (u64)p->points[i].id);
        put_bool(o, "verified", false);
        put_text(event, "reason", "removed");
        json_object_set_new(event, "breakpoint", o);
        forget_point(p, i);
        dap_event(p, "breakpoint", event);
    }
}

/* --- what can be set ---------------------------------------------------------------------------------------------------- */

/* "exception" and "interrupt" are kinds of stop points; "story" is the guest's own end. */
static json_t *set_filter(struct dap *p, const char *name, const char *condition)
{
    struct err why = { "there is no such filter" };
    struct stop_point *point = NULL;
    bool known = name && !strcmp(name, "story");
    json_t *answer = json_object();
    p->stories |= known;
    if (name && (!strcmp(name, "exception") || !strcmp(name, "interrupt"))) {
        char *place = xprintf("%s %s", name, condition ? condition : "");
        point = make(p, WAY_PLAIN, place, NULL, &why);
        free(place);
        known = point != NULL;
    }
    if (point)
        note(p, ++p->last_id, POINT_EXCEPTION, NULL, point);
    put_bool(answer, "verified", known);
    put_text(answer, "message", known ? NULL : why.text);
    return answer;
}

REQUEST(dap_set_exception_breakpoints)
{
    json_t *o, *list = json_array(), *body = json_object();
    size_t i;
    json_object_set_new(body, "breakpoints", list);
    remember(p, POINT_EXCEPTION, NULL, args);
    remove_old(p, POINT_EXCEPTION, NULL);
    p->stories = false;
    json_array_foreach(json_object_get(args, "filters"), i, o)
        json_array_append_new(list, set_filter(p, json_string_value(o), NULL));
    json_array_foreach(json_object_get(args, "filterOptions"), i, o)
        json_array_append_new(list, set_filter(p, get_text(o, "filterId"), get_text(o, "condition")));
    return body;
}

/* The kind of stop point that waits for what a variable of the client stands for, other than memory. malloc'd; NULL: none does. */
static char *stop_of(const struct dap_ref *r, const char *name)
{
    static const char *const system[] = { "csr", "msr", "control", "debug" };
    char *text = NULL, index[16] = "";
    switch (r->kind) {
    case REF_DEVICE: text = xprintf("device %s.%s", r->dev->path, name); break;
    case REF_ARRAY: text = xprintf("device %s.%s%s", r->dev->path, r->row->name, name); break;
    case REF_FIELDS:
        if (r->dev && r->row->count > 1)
            snprintf(index, sizeof index, "[%u]", r->index);
        text = r->dev ? xprintf("device %s.%s%s.%s", r->dev->path, r->row->name, index, name) : xprintf("csr %s", r->reg->name);
        break;
    case REF_GROUP:
        for (size_t i = 0; i < ARRAY_LEN(system); i++)
            if (!strcmp(r->group, system[i]))
                return xprintf("csr %s", name);
        return xprintf("register %s", name);
    default: break;
    }
    return text;
}

static bool kind_exists(const char *id)
{
    for (const struct stop_kind *k = stop_kinds; k->name; k++)
        if (!strncmp(k->name, id, strlen(k->name)) && id[strlen(k->name)] == ' ')
            return true;
    return false;
}

REQUEST(dap_data_breakpoint_info)
{
    const char *name = get_text(args, "name");
    i64 reference = get_int_or(args, "variablesReference", 0), frame = get_int_or(args, "frameId", 0);
    i64 bytes = get_int_or(args, "bytes", 0);
    struct err why = { "" };
    struct value v;
    char *text = NULL, *id = NULL;
    if (!name)
        return failed(e, "dataBreakpointInfo: 'name' is missing");
    if (json_is_true(json_object_get(args, "asAddress"))) {
        u64 addr;
        if (!dap_address(p, name, &addr, e))
            return NULL;
        if (bytes < 1 || bytes > 1 << 20)
            bytes = 1;
        id = bytes > 1 ? xprintf("*(unsigned char *)0x%llx@%lld", (unsigned long long)addr, (long long)bytes)
                       : xprintf("*(unsigned char *)0x%llx", (unsigned long long)addr);
    } else {
        if (reference > 0) {
            const struct dap_ref *r = dap_ref(p, reference, e);
            if (!r)
                return NULL;
            id = stop_of(r, name);
            if (id && !kind_exists(id))
                free(id), id = NULL;
            text = id ? NULL : dap_child_expr(p, r, name);
            if (r->kind != REF_GROUP && r->kind != REF_FIELDS && r->kind != REF_DEVICES && r->kind != REF_DEVICE)
                frame = (i64)(r->cpu + 1) << 16 | r->level;
        } else {
            text = xstrdup(name);
        }
        if (!text && !id)
            err_set(&why, "%.60s is not in memory", name);
        else if (text && frame > 0 && !dap_select(p, frame, &why))
            free(text), text = NULL;
        if (text) {
            struct expr_env env = debugger_env(p->d);
            env.read_only = true;
            if (!expr_value(&env, text, &v, &why))
                v.where = VALUE_BYTES;
            else if (v.where != VALUE_MEMORY || v.unavailable)
                err_set(&why, "%.60s is %s", name, v.unavailable ? v.unavailable : v.where == VALUE_REGISTER ? "in a register" : "no place in memory");
            else if (!(id = dap_place_text(p, &v)))
                err_set(&why, "%.60s has no size", name);
        }
    }
    json_t *body = json_object();
    if (id) {
        json_t *access = json_array();
        put_text(body, "dataId", id);
        put_text(body, "description", text ? text : name);
        bool written = !strncmp(id, "register ", 9); /* who reads it, nobody knows */
        if (!written)
            json_array_append_new(access, json_string("read"));
        json_array_append_new(access, json_string("write"));
        if (!written)
            json_array_append_new(access, json_string("readWrite"));
        json_object_set_new(body, "accessTypes", access);
    } else {
        json_object_set_new(body, "dataId", json_null());
        put_text(body, "description", why.text);
    }
    free(text);
    free(id);
    return body;
}

REQUEST(dap_breakpoint_locations)
{
    const char *path = get_text(json_object_get(args, "source"), "path");
    i64 line, end;
    json_t *list = json_array(), *body = json_object();
    json_object_set_new(body, "breakpoints", list);
    if (!get_int(args, "line", &line)) {
        json_decref(body);
        return failed(e, "breakpointLocations: 'line' is missing");
    }
    int first = dap_line_in(p, line), last = get_int(args, "endLine", &end) ? dap_line_in(p, end) : first;
    if (!path || first < 1 || last > INT32_MAX - 2)
        return body;
    for (int i = first, n = 0; i <= last && n < MOST_LINES; n++) {
        u64 addr[1];
        int found = 0;
        if (!symbols_line_addrs(p->d->syms, path, i, &found, addr, 1) || found > last || found < i)
            break;
        json_t *o = json_object();
        json_object_set_new(o, "line", json_integer(dap_line_out(p, found)));
        json_array_append_new(list, o);
        i = found + 1;
    }
    return body;
}
