/* The Debug Adapter Protocol: variables, registers and devices as trees, and expressions. */
#include "debugger/dap_state.h"

#include <ctype.h>
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"

enum { MOST_REFS = 1 << 20, MOST_CHILDREN = 1 << 16, MOST_TEXT = 500 };

/* --- what a variablesReference stands for ----------------------------------------------------------------------------------- */

void dap_refs_forget(struct dap *p)
{
    for (size_t i = 0; i < p->n_refs; i++)
        free(p->refs[i].expr);
    p->n_refs = 0;
}

u64 dap_ref_new(struct dap *p, struct dap_ref r)
{
    if (p->n_refs == MOST_REFS) {
        free(r.expr);
        return 0;
    }
    if (p->n_refs == p->cap_refs) {
        p->cap_refs = p->cap_refs ? 2 * p->cap_refs : 64;
        p->refs = xrealloc(p->refs, p->cap_refs * sizeof *p->refs);
    }
    p->refs[p->n_refs++] = r;
    return p->n_refs;
}

const struct dap_ref *dap_ref(struct dap *p, i64 reference, struct err *e)
{
    if (reference >= 1 && (size_t)reference <= p->n_refs)
        return &p->refs[reference - 1];
    err_set(e, "there is no variablesReference %lld: they are valid until the machine moves", (long long)reference);
    return NULL;
}

/* --- expressions that say a value again -------------------------------------------------------------------------------------- */

static bool is_simple(const char *s)
{
    for (; *s; s++)
        if (!isalnum((u8)*s) && !strchr("_.[]$", *s) && !(s[0] == '-' && s[1] == '>' && s++))
            return false;
    return true;
}

/* "(EXPR)" where what comes behind it would bind tighter. */
static char *wrapped(const char *expr, const char *before, const char *after)
{
    return is_simple(expr) ? xprintf("%s%s%s", before, expr, after) : xprintf("%s(%s)%s", before, expr, after);
}

char *dap_child_expr(struct dap *p, const struct dap_ref *r, const char *name)
{
    struct symbols *s = p->d->syms;
    char after[300];
    switch (r->kind) {
    case REF_NAMES: return xstrdup(name);
    case REF_GROUP: return xprintf("$%s", name);
    case REF_VALUE: break;
    default: return NULL;
    }
    if (!r->expr)
        return NULL;
    struct type *t = type_strip(s, r->value.type);
    if (*name == '*')
        return wrapped(r->expr, "*", "");
    bool pointer = t->kind == TYPE_POINTER;
    snprintf(after, sizeof after, "%s%s", *name == '[' ? "" : pointer ? "->" : ".", name);
    return wrapped(r->expr, "", after);
}

char *dap_place_text(struct dap *p, const struct value *v)
{
    struct symbols *s = p->d->syms;
    struct type *t = type_strip(s, v->type), *of = t->kind == TYPE_ARRAY ? type_target(s, t) : v->type;
    u64 size = type_size(s, v->type);
    struct buf name = { 0 };
    char *text;
    if (!size || v->where != VALUE_MEMORY)
        return NULL;
    type_format(s, of, NULL, &name);
    if (t->kind == TYPE_ARRAY)
        text = xprintf("*(%s *)0x%llx@%llu", buf_cstr(&name), (unsigned long long)v->addr, (unsigned long long)t->count);
    else
        text = xprintf("*(%s *)0x%llx", buf_cstr(&name), (unsigned long long)v->addr);
    buf_free(&name);
    struct expr_env env = debugger_env(p->d);
    struct value again;
    env.read_only = true;
    if (expr_value(&env, text, &again, NULL) && again.where == VALUE_MEMORY && type_size(s, again.type) == size)
        return text;
    free(text); /* a type without a name */
    return xprintf("*(unsigned char *)0x%llx@%llu", (unsigned long long)v->addr, (unsigned long long)size);
}

/* --- one variable ---------------------------------------------------------------------------------------------------------- */

struct tree { /* what is being listed */
    struct dap *p;
    struct dap_ref of;
    struct expr_env env;
    bool hex;
    json_t *list;
    struct value whole;  /* whose members are listed */
    u64 at, start, end; /* of the children, which are wanted */
};

static bool wanted(struct tree *t)
{
    u64 i = t->at++;
    return i >= t->start && i < t->end;
}

static void put_value_text(json_t *o, const char *key, struct buf *b)
{
    if (b->len > MOST_TEXT) {
        b->len = MOST_TEXT;
        buf_printf(b, "...");
    }
    json_object_set_new(o, key, dap_text((const char *)b->data, b->len));
}

/* What it points to; false: nothing one can look at. */
static bool pointee(const struct expr_env *env, const struct value *v, struct value *out)
{
    struct type *t = type_strip(env->syms, v->type), *to = t->kind == TYPE_POINTER ? type_target(env->syms, t) : NULL;
    u64 addr;
    if (!to || type_strip(env->syms, to)->kind == TYPE_VOID || type_strip(env->syms, to)->kind == TYPE_FUNCTION ||
        !type_size(env->syms, to) || !value_u64(env, v, &addr, NULL) || !addr)
        return false;
    *out = (struct value){ .type = to, .where = VALUE_MEMORY, .addr = addr };
    return true;
}

/* Text, type and children of a value, into a variable or an evaluation. Takes expr. */
static void put_value(struct tree *t, json_t *o, const char *key, const struct value *v, char *expr, bool is_name)
{
    struct symbols *s = t->env.syms;
    struct type *type = type_strip(s, v->type);
    struct value target;
    struct value_format f = { .letter = t->hex && value_is_scalar(s, v) && !value_is_float(s, v) ? 'x' : 0, .max_elements = 16 };
    struct buf text = { 0 };
    u64 addr, ref = 0;
    if (v->unavailable)
        buf_printf(&text, "<%s>", v->unavailable);
    else
        value_print(&t->env, v, &f, &text);
    put_value_text(o, key, &text);
    text.len = 0;
    type_format(s, v->type, NULL, &text);
    put_value_text(o, "type", &text);
    buf_free(&text);
    bool whole = type->kind == TYPE_STRUCT || type->kind == TYPE_UNION, points = pointee(&t->env, v, &target);
    if (!v->unavailable && (whole || (type->kind == TYPE_ARRAY && type->count) || points)) {
        struct dap_ref r = { .kind = REF_VALUE, .cpu = t->of.cpu, .level = t->of.level, .value = *v,
                             .expr = expr ? xstrdup(expr) : NULL };
        ref = dap_ref_new(t->p, r);
    }
    put_int(o, "variablesReference", ref);
    if (ref && type->kind == TYPE_ARRAY)
        put_int(o, "indexedVariables", type->count < INT32_MAX ? type->count : INT32_MAX);
    if (is_name)
        put_text(o, "evaluateName", expr);
    if (type->kind == TYPE_POINTER && value_u64(&t->env, v, &addr, NULL))
        put_hex(o, "memoryReference", addr);
    else if (v->where == VALUE_MEMORY)
        put_hex(o, "memoryReference", v->addr);
    free(expr);
}

static json_t *new_variable(struct tree *t, const char *name)
{
    json_t *o = json_object();
    put_text(o, "name", name);
    json_array_append_new(t->list, o);
    return o;
}

static void plain(struct tree *t, const char *name, const char *value, const char *type, u64 reference)
{
    json_t *o = new_variable(t, name);
    put_text(o, "value", value);
    put_text(o, "type", type);
    put_int(o, "variablesReference", reference);
}

/* --- children -------------------------------------------------------------------------------------------------------------- */

static bool list_name(void *opaque, const char *name)
{
    struct tree *t = opaque;
    struct err e = { "" };
    struct value v;
    if (!wanted(t))
        return true;
    if (!expr_value(&t->env, name, &v, &e)) {
        char *text = xprintf("<%s>", e.text);
        plain(t, name, text, NULL, 0);
        free(text);
        return true;
    }
    put_value(t, new_variable(t, name), "value", &v, xstrdup(name), true);
    return true;
}

static bool list_member(void *opaque, const struct member *m)
{
    struct tree *t = opaque;
    if (!wanted(t))
        return t->at < t->end;
    struct value v = value_member(&t->env, &t->whole, m);
    bool through = type_strip(t->env.syms, t->of.value.type)->kind == TYPE_POINTER;
    char *expr = !t->of.expr ? NULL : m->name ? dap_child_expr(t->p, &t->of, m->name) : wrapped(t->of.expr, through ? "*" : "", "");
    put_value(t, new_variable(t, m->name ? m->name : "(without a name)"), "value", &v, expr, m->name != NULL);
    return true;
}

static void list_value(struct tree *t)
{
    struct symbols *s = t->env.syms;
    struct type *type = type_strip(s, t->of.value.type);
    struct value to;
    if (type->kind == TYPE_STRUCT || type->kind == TYPE_UNION) {
        t->whole = t->of.value;
        type_members(s, type, list_member, t);
    } else if (type->kind == TYPE_ARRAY) {
        u64 end = t->end < type->count ? t->end : type->count;
        for (u64 i = t->start; i < end; i++) {
            char name[32];
            struct value v = value_element(&t->env, &t->of.value, i);
            snprintf(name, sizeof name, "[%llu]", (unsigned long long)i);
            put_value(t, new_variable(t, name), "value", &v, dap_child_expr(t->p, &t->of, name), true);
        }
    } else if (pointee(&t->env, &t->of.value, &to)) {
        enum type_kind kind = type_strip(s, to.type)->kind;
        if (kind == TYPE_STRUCT || kind == TYPE_UNION) {
            t->whole = to;
            type_members(s, to.type, list_member, t);
        } else if (wanted(t)) {
            put_value(t, new_variable(t, "*"), "value", &to, dap_child_expr(t->p, &t->of, "*"), true);
        }
    }
}

static void list_group(struct tree *t)
{
    struct cpu *c = t->env.cpu;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++) {
        if (strcmp(r->group, t->of.group) || !wanted(t))
            continue;
        char name[80];
        struct value v;
        u64 raw = 0;
        struct buf text = { 0 };
        snprintf(name, sizeof name, "$%s", r->name);
        struct err e = { "" };
        bool known = expr_value(&t->env, name, &v, &e) && !v.unavailable;
        bool real = known && value_is_float(t->env.syms, &v);
        known = known && (real || value_u64(&t->env, &v, &raw, &e));
        if (!known)
            buf_printf(&text, "<%s>", e.text[0] ? e.text : v.unavailable);
        else if (real)
            value_print(&t->env, &v, NULL, &text);
        else if (r->fields) {
            buf_printf(&text, "0x%0*llx ", (r->bits + 3) / 4, (unsigned long long)raw);
            fields_format(r->fields, raw, false, &text);
        } else {
            pointer_print(&t->env, raw, &text);
        }
        struct dap_ref fields = { .kind = REF_FIELDS, .cpu = t->of.cpu, .level = t->of.level, .reg = r, .fields = r->fields,
                                  .raw = raw };
        json_t *o = new_variable(t, r->name);
        put_value_text(o, "value", &text);
        put_text(o, "type", r->doc);
        put_int(o, "variablesReference", known && !real && r->fields ? dap_ref_new(t->p, fields) : 0);
        put_text(o, "evaluateName", name);
        if (known && !real && !r->fields)
            put_hex(o, "memoryReference", raw);
        buf_free(&text);
    }
}

static void list_fields(struct tree *t)
{
    for (const struct reg_field *f = t->of.fields; f && f->name; f++) {
        char text[32];
        if (!wanted(t))
            continue;
        u64 v = bits_get(t->of.raw, f->low, f->width);
        snprintf(text, sizeof text, v < 10 ? "%llu" : "0x%llx", (unsigned long long)v);
        plain(t, f->name, text, f->doc, 0);
    }
}

static void list_register(struct tree *t, const char *name, const struct device *dev, const struct reg_desc *r, u32 index)
{
    struct buf text = { 0 };
    u64 v = device_reg_get(dev, r, index);
    if (r->access == REG_WO && !r->get && r->slot == REG_NO_SLOT)
        buf_printf(&text, "(write only)");
    else
        buf_printf(&text, "0x%0*llx", 2 * r->width, (unsigned long long)v);
    if (r->fields) {
        buf_printf(&text, " ");
        fields_format(r->fields, v, false, &text);
    }
    struct dap_ref fields = { .kind = REF_FIELDS, .dev = dev, .row = r, .index = index, .fields = r->fields, .raw = v };
    plain(t, name, buf_cstr(&text), r->doc, r->fields ? dap_ref_new(t->p, fields) : 0);
    buf_free(&text);
}

static void list_device(struct tree *t)
{
    const struct device *dev = t->of.dev;
    for (unsigned b = 0; b < DEVICE_BANKS; b++)
        for (const struct reg_desc *r = device_rows(dev->cls, b); r && r->name; r++) {
            if ((r->visible && !r->visible(dev)) || !wanted(t))
                continue;
            if (r->count <= 1) {
                list_register(t, r->name, dev, r, 0);
                continue;
            }
            struct dap_ref all = { .kind = REF_ARRAY, .dev = dev, .row = r };
            char text[32];
            snprintf(text, sizeof text, "%u registers", r->count);
            plain(t, r->name, text, r->doc, dap_ref_new(t->p, all));
            put_int(json_array_get(t->list, json_array_size(t->list) - 1), "indexedVariables", r->count);
        }
}

static void list_devices(struct tree *t)
{
    for (const struct device *dev = t->p->d->machine->devices; dev; dev = dev->next)
        if (wanted(t))
            plain(t, dev->path, dev->cls->doc ? dev->cls->doc : dev->cls->name, dev->cls->name,
                  dap_ref_new(t->p, (struct dap_ref){ .kind = REF_DEVICE, .dev = dev }));
}

static void list_array(struct tree *t)
{
    u64 end = t->end < t->of.row->count ? t->end : t->of.row->count;
    for (u64 i = t->start; i < end; i++) {
        char name[24];
        snprintf(name, sizeof name, "[%llu]", (unsigned long long)i);
        list_register(t, name, t->of.dev, t->of.row, (u32)i);
    }
}

static bool tree_open(struct dap *p, json_t *args, struct tree *t, struct err *e)
{
    *t = (struct tree){ .p = p, .hex = json_is_true(json_object_get(json_object_get(args, "format"), "hex")) };
    const struct dap_ref *r = dap_ref(p, get_int_or(args, "variablesReference", 0), e);
    if (!r)
        return false;
    t->of = *r; /* the table may move */
    if (r->kind <= REF_GROUP && !dap_select(p, (i64)(r->cpu + 1) << 16 | r->level, e))
        return false;
    t->env = debugger_env(p->d);
    t->env.read_only = true;
    return true;
}

REQUEST(dap_variables)
{
    struct tree t;
    const char *filter = get_text(args, "filter");
    i64 start = get_int_or(args, "start", 0), count = get_int_or(args, "count", 0);
    if (start < 0 || count < 0)
        return failed(e, "start and count are not negative");
    if (!tree_open(p, args, &t, e))
        return NULL;
    bool array = t.of.kind == REF_ARRAY || (t.of.kind == REF_VALUE && type_strip(p->d->syms, t.of.value.type)->kind == TYPE_ARRAY);
    json_t *body = json_object();
    t.list = json_array();
    json_object_set_new(body, "variables", t.list);
    t.start = (u64)start;
    t.end = (u64)start + (u64)(count && count < MOST_CHILDREN ? count : MOST_CHILDREN);
    if (filter && !strcmp(filter, array ? "named" : "indexed"))
        return body;
    switch (t.of.kind) {
    case REF_NAMES: debugger_each_name(p->d, debugger_frame(p->d, p->d->selected), t.of.tag, list_name, &t); break;
    case REF_VALUE: list_value(&t); break;
    case REF_GROUP: list_group(&t); break;
    case REF_FIELDS: list_fields(&t); break;
    case REF_DEVICES: list_devices(&t); break;
    case REF_DEVICE: list_device(&t); break;
    case REF_ARRAY: list_array(&t); break;
    }
    return body;
}

/* --- changing ---------------------------------------------------------------------------------------------------------------- */

/* Assigns and gives back what is there then. Takes expr. */
static json_t *assign(struct dap *p, struct tree *t, char *expr, const char *value, struct err *e)
{
    static const char *const areas[] = { "variables", "stacks", NULL };
    char *text = xprintf("%s = %s", expr, value);
    struct value v;
    t->env.read_only = false;
    bool ok = expr_value(&t->env, text, &v, e);
    free(text);
    debugger_changed(p->d);
    t->env = debugger_env(p->d);
    t->env.read_only = true;
    if (ok)
        ok = expr_value(&t->env, expr, &v, e);
    if (!ok) {
        free(expr);
        return NULL;
    }
    json_t *body = json_object();
    put_value(t, body, "value", &v, expr, false);
    dap_changed(p, areas);
    return body;
}

REQUEST(dap_set_variable)
{
    struct tree t;
    const char *name = get_text(args, "name"), *value = get_text(args, "value");
    if (!name || !value)
        return failed(e, "setVariable: 'name' and 'value' are needed");
    if (!tree_open(p, args, &t, e))
        return NULL;
    if (t.of.kind == REF_FIELDS && t.of.reg) {
        u64 field, raw = 0;
        for (const struct reg_field *f = t.of.fields; f->name; f++) {
            if (strcmp(f->name, name))
                continue;
            char whole[80], number[24];
            if (!debugger_eval(p->d, value, &field, e) || !p->d->cpu->ops->reg_get(p->d->cpu, t.of.reg, &raw))
                return NULL;
            snprintf(whole, sizeof whole, "$%s", t.of.reg->name);
            snprintf(number, sizeof number, "0x%llx", (unsigned long long)bits_set(raw, f->low, f->width, field));
            json_t *body = assign(p, &t, xstrdup(whole), number, e);
            if (!body)
                return NULL;
            json_decref(body);
            p->d->cpu->ops->reg_get(p->d->cpu, t.of.reg, &raw);
            body = json_object();
            snprintf(number, sizeof number, "%llu", (unsigned long long)bits_get(raw, f->low, f->width));
            put_text(body, "value", number);
            return body;
        }
        return failed(e, "there is no field %.40s", name);
    }
    if (t.of.kind > REF_GROUP)
        return failed(e, "a device's register changes by what the guest does; it cannot be set from here");
    char *expr = dap_child_expr(p, &t.of, name);
    return expr ? assign(p, &t, expr, value, e) : failed(e, "%.60s cannot be set", name);
}

/* The frame an expression is meant in. */
static bool tree_at_frame(struct dap *p, json_t *args, struct tree *t, struct err *e)
{
    i64 frame = get_int_or(args, "frameId", 0);
    if (frame && !dap_select(p, frame, e))
        return false;
    *t = (struct tree){ .p = p, .hex = json_is_true(json_object_get(json_object_get(args, "format"), "hex")),
                        .env = debugger_env(p->d), .of = { .cpu = p->d->cpu->index, .level = p->d->selected } };
    t->env.read_only = true;
    return true;
}

REQUEST(dap_set_expression)
{
    struct tree t;
    const char *expression = get_text(args, "expression"), *value = get_text(args, "value");
    if (!expression || !value)
        return failed(e, "setExpression: 'expression' and 'value' are needed");
    return tree_at_frame(p, args, &t, e) ? assign(p, &t, xstrdup(expression), value, e) : NULL;
}

/* --- evaluating ---------------------------------------------------------------------------------------------------------------- */

static bool is_command(const char *line)
{
    char word[64];
    size_t n = 0;
    line = skip_space(line);
    while ((isalnum((u8)line[n]) || line[n] == '-' || line[n] == '_') && n < sizeof word - 1)
        n++;
    snprintf(word, sizeof word, "%.*s", (int)n, line);
    return !*line || *line == '#' || (n && command_find(debugger_commands, word, "", NULL));
}

/* Lines for the debugger; what they say. */
static json_t *command(struct dap *p, const char *text)
{
    static const char *const areas[] = { "all", NULL };
    struct debugger *d = p->d;
    struct buf out = { 0 };
    u64 before = machine_position(d->machine);
    const struct symfile *files = d->syms->files;
    p->going = false;
    do {
        size_t n = strcspn(text, "\n");
        char *line = xprintf("%.*s", (int)n, text);
        debugger_capture(d, line, &out);
        free(line);
        text += n + (text[n] != 0);
    } while (*text && !d->quit && !p->leaving);
    while (out.len && out.data[out.len - 1] == '\n')
        out.len--;
    json_t *body = json_object();
    json_object_set_new(body, "result", dap_text((const char *)out.data, out.len));
    put_int(body, "variablesReference", 0);
    buf_free(&out);
    if (d->syms->files != files || !d->syms->types)
        dap_refs_forget(p); /* their types are gone */
    bool moved = p->going || machine_position(d->machine) != before;
    dap_look(p, before);
    dap_points_told(p);
    if (!moved && !d->quit)
        dap_changed(p, areas); /* who knows what they did */
    return body;
}

REQUEST(dap_evaluate)
{
    const char *text = get_text(args, "expression"), *context = get_text(args, "context");
    struct tree t;
    struct value v;
    if (!text)
        return failed(e, "evaluate: 'expression' is missing");
    if (!tree_at_frame(p, args, &t, e))
        return NULL;
    bool repl = context && !strcmp(context, "repl");
    if (repl && (p->d->collecting || is_command(text)))
        return command(p, text);
    t.env.read_only = !repl;
    if (!expr_value(&t.env, text, &v, e))
        return NULL;
    if (repl)
        debugger_changed(p->d);
    t.env = debugger_env(p->d);
    t.env.read_only = true;
    json_t *body = json_object();
    put_value(&t, body, "result", &v, xstrdup(text), false);
    return body;
}

REQUEST(dap_completions)
{
    const char *text = get_text(args, "text");
    i64 first = !p->columns_from_0, column = get_int_or(args, "column", -1), frame = get_int_or(args, "frameId", 0);
    size_t start;
    bool files;
    if (!text || column < first)
        return failed(e, "completions: 'text' and 'column' are needed");
    if (frame && !p->running && !dap_select(p, frame, e))
        return NULL;
    size_t point = (u64)(column - first) < strlen(text) ? (size_t)(column - first) : strlen(text);
    char **words = debugger_complete(p->d, text, point, &start, &files);
    json_t *list = json_array(), *body = json_object();
    for (size_t i = 0; words[i]; i++) {
        json_t *o = json_object();
        put_text(o, "label", words[i]);
        put_int(o, "start", start + (size_t)first);
        put_int(o, "length", point - start);
        json_array_append_new(list, o);
        free(words[i]);
    }
    free(words);
    json_object_set_new(body, "targets", list);
    return body;
}
