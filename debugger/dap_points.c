/* The Debug Adapter Protocol: stop points. They are made by the debugger's own commands, and each request of a kind (and
 * source) says all there are to be. */
#include "debugger/dap_state.h"

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

void dap_points_forget(struct dap *p, bool wishes_too)
{
    while (p->n_points)
        forget_point(p, 0);
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

/* `verb place [if condition]` as a command. NULL: it cannot be, and the error says why. */
static struct stop_point *make(struct dap *p, const char *verb, const char *place, json_t *o, struct err *e)
{
    struct debugger *d = p->d;
    const char *condition = get_text(o, "condition"), *hits = get_text(o, "hitCondition"), *log = get_text(o, "logMessage");
    u64 ignore = 0;
    if (!one_line(place) || !one_line(condition))
        return err_set(e, "a place and a condition are one line"), NULL;
    if (hits && *hits && !parse_hits(hits, &ignore))
        return err_set(e, "the hit condition '%.40s' is not understood: N or >= N stops from the Nth time on, > N after it", hits), NULL;
    if (log && *log)
        return err_set(e, "log messages are not possible yet"), NULL;
    struct buf said = { 0 };
    char *line = condition && *condition ? xprintf("%s %s if %s", verb, place, condition) : xprintf("%s %s", verb, place);
    int last = d->stops.last_number;
    int interrupted = d->interrupted;
    struct stop_point *collecting = d->collecting; /* `commands` is being typed */
    d->collecting = NULL;
    debugger_capture(d, line, &said);
    d->collecting = collecting;
    d->interrupted = interrupted;
    free(line);
    struct stop_point *point = d->stops.last_number != last ? stops_find(&d->stops, d->stops.last_number) : NULL;
    if (point)
        point->ignore = ignore;
    else
        take_text(&said, e);
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
        if (p->points[i].kind == kind && same_source(p->points[i].source, source)) {
            struct stop_point *point = stops_find(&p->d->stops, p->points[i].number);
            if (point)
                stops_delete(&p->d->stops, point);
            forget_point(p, i);
        }
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
        struct stop_point *point = make(p, "break", place, o, e);
        free(place);
        if (point || strncmp(e->text, "No source file", 14))
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
    return make(p, "break", place, o, e);
}

static struct stop_point *of_kind(struct dap *p, enum dap_point_kind kind, json_t *args, const char *path, json_t *o, struct err *e)
{
    static const char *const access[][2] = { { "read", "rwatch" }, { "write", "watch" }, { "readWrite", "awatch" } };
    char place[40];
    u64 addr;
    const char *s;
    switch (kind) {
    case POINT_SOURCE: return at_source(p, json_object_get(args, "source"), path, o, e);
    case POINT_FUNCTION:
        s = get_text(o, "name");
        if (!s || !*s)
            return err_set(e, "a function breakpoint has a 'name'"), NULL;
        return make(p, "break", s, o, e);
    case POINT_INSTRUCTION:
        if (!dap_address(p, get_text(o, "instructionReference"), &addr, e))
            return NULL;
        snprintf(place, sizeof place, "*0x%llx", (unsigned long long)(addr + (u64)get_int_or(o, "offset", 0)));
        return make(p, "break", place, o, e);
    default:
        if (!get_text(o, "dataId"))
            return err_set(e, "a data breakpoint has a 'dataId'"), NULL;
        s = get_text(o, "accessType");
        for (size_t i = 0; s && i < ARRAY_LEN(access); i++)
            if (!strcmp(s, access[i][0]))
                return make(p, access[i][1], get_text(o, "dataId"), o, e);
        if (s)
            return err_set(e, "the access type '%.20s' is not known: read, write, readWrite", s), NULL;
        return make(p, "watch", get_text(o, "dataId"), o, e);
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
        json_t *args = json_incref(w->args), *body = set_all(p, w->kind, args, true, &e), *list = json_object_get(body, "breakpoints"), *o;
        size_t i;
        json_array_foreach(list, i, o) {
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

REQUEST(dap_set_exception_breakpoints)
{
    json_t *filters = json_object_get(args, "filters"), *o, *list = json_array(), *body = json_object();
    size_t i;
    p->stories = false;
    json_object_set_new(body, "breakpoints", list);
    json_array_foreach(filters, i, o) {
        const char *name = json_string_value(o);
        json_t *answer = json_object();
        bool known = name && !strcmp(name, "story");
        p->stories |= known;
        put_bool(answer, "verified", known);
        if (!known)
            put_text(answer, "message", "there is no such filter");
        json_array_append_new(list, answer);
    }
    return body;
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
            text = dap_child_expr(p, r, name);
            if (r->kind != REF_GROUP && r->kind != REF_FIELDS && r->kind != REF_DEVICES && r->kind != REF_DEVICE)
                frame = (i64)(r->cpu + 1) << 16 | r->level;
        } else {
            text = xstrdup(name);
        }
        if (!text)
            err_set(&why, "%.60s is not in memory", name);
        else if (frame > 0 && !dap_select(p, frame, &why))
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
        json_array_append_new(access, json_string("read"));
        json_array_append_new(access, json_string("write"));
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
