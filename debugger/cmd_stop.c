/* Commands about stop points. */
#include "debugger/commands.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Splits "main hart 1 if x > 3" into its parts. `if` and `hart` count as words only. */
struct parts {
    char *place, *condition;
    int hart;
};

static const char *find_word(const char *s, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = s; (at = strstr(at, word)); at++)
        if ((at == s || isspace((u8)at[-1])) && (isspace((u8)at[n]) || (at[n] == '(' && !strcmp(word, "if"))))
            return at;
    return NULL;
}

static char *copy_trimmed(const char *s, size_t n)
{
    while (n && isspace((u8)s[n - 1]))
        n--;
    char *out = xmalloc(n + 1);
    memcpy(out, s, n);
    out[n] = 0;
    return out;
}

static bool split(struct debugger *d, const char *args, struct parts *p, struct err *e)
{
    const char *cond = find_word(args, "if"), *end = cond ? cond : args + strlen(args);
    const char *hart = find_word(args, "hart");
    if (!hart || hart > end)
        hart = find_word(args, "thread");
    *p = (struct parts){ .hart = -1 };
    if (hart && hart < end) {
        const char *digits = skip_space(hart + strcspn(hart, " \t"));
        char *after;
        unsigned long n = strtoul(digits, &after, 10);
        if (after == digits || n >= d->machine->n_cpus)
            return err_set(e, "Unknown hart %.20s: this machine has 0 to %u.", digits, d->machine->n_cpus - 1);
        p->hart = (int)n;
        end = hart;
    }
    p->place = copy_trimmed(args, (size_t)(end - args));
    if (cond)
        p->condition = copy_trimmed(skip_space(cond + 2), strlen(skip_space(cond + 2)));
    return true;
}

static void free_parts(struct parts *p)
{
    free(p->place);
    free(p->condition);
}

/* Names in a condition mean what they mean at the place, not where the person stands. */
static struct expr *compile_at(struct debugger *d, u64 addr, const char *text, struct err *e)
{
    struct frame f = { .pc = addr, .lookup_pc = addr };
    struct expr_env env = debugger_env_at(d, d->cpu, &f);
    return expr_compile(&env, text, e);
}

static bool add_break(struct debugger *d, const char *args, bool temporary, struct err *e)
{
    struct parts parts;
    struct place place;
    struct expr *condition = NULL;
    if (!split(d, args, &parts, e))
        return false;
    bool ok = place_resolve(d, parts.place, &place, e);
    if (ok && parts.condition)
        ok = (condition = compile_at(d, place.addrs[0], parts.condition, e)) != NULL;
    if (!ok) {
        free_parts(&parts);
        return false;
    }
    struct stop_point *p = stops_add(&d->stops, STOP_BREAK, parts.place);
    p->temporary = temporary;
    p->hart = parts.hart;
    p->condition = condition;
    p->condition_text = parts.condition;
    parts.condition = NULL;
    p->addrs = xmalloc(place.n * sizeof *p->addrs);
    memcpy(p->addrs, place.addrs, place.n * sizeof *p->addrs);
    p->n_addrs = place.n;
    stops_arm(&d->stops, d->machine);
    debug_printf(d, "%s %d at 0x%llx", temporary ? "Temporary breakpoint" : "Breakpoint", p->number,
                 (unsigned long long)p->addrs[0]);
    if (place.file)
        debug_printf(d, ": file %s, line %d.", base_name(place.file), place.line);
    if (p->n_addrs > 1)
        debug_printf(d, " (%zu locations)", p->n_addrs);
    debug_printf(d, "\n");
    free_parts(&parts);
    return true;
}

HANDLER(cmd_break)
{
    return add_break(d, args, false, e);
}

HANDLER(cmd_tbreak)
{
    return add_break(d, args, true, e);
}

/* `watch io PORT[,N]`: OUT, `rwatch io`: IN, `awatch io`: both. */
static bool add_port_watch(struct debugger *d, const char *args, u8 access, struct err *e)
{
    struct parts parts;
    u64 port = 0, n = 1;
    if (!d->machine->io)
        return err_set(e, "This machine has no I/O ports: its devices are in memory.");
    if (!split(d, args, &parts, e))
        return false;
    char *comma = strchr(parts.place, ',');
    if (comma)
        *comma = 0;
    bool ok = debugger_eval(d, parts.place, &port, e) && (!comma || debugger_eval(d, comma + 1, &n, e));
    if (ok && (port > 0xffff || !n || n > 0x10000 - port))
        ok = err_set(e, "I/O ports are 0 to 0xffff");
    struct expr *condition = NULL;
    if (ok && parts.condition)
        ok = (condition = compile_at(d, debugger_pc(d), parts.condition, e)) != NULL;
    if (ok) {
        char *spec = n > 1 ? xprintf("io 0x%llx to 0x%llx", (unsigned long long)port, (unsigned long long)(port + n - 1))
                           : xprintf("io 0x%llx", (unsigned long long)port);
        struct stop_point *p = stops_add(&d->stops, STOP_WATCH, spec);
        free(spec);
        p->access = access;
        p->port = true;
        p->addr = port;
        p->len = n;
        p->hart = parts.hart;
        p->condition = condition;
        p->condition_text = parts.condition;
        parts.condition = NULL;
        stops_arm(&d->stops, d->machine);
        debug_printf(d, "I/O watchpoint %d: %s\n", p->number, p->spec);
    }
    free_parts(&parts);
    return ok;
}

static bool add_watch(struct debugger *d, const char *args, u8 access, bool changes, struct err *e)
{
    struct parts parts;
    struct value v;
    if (!strncmp(args, "io ", 3))
        return add_port_watch(d, skip_space(args + 3), access, e);
    if (!strncmp(args, "-l", 2))
        args = skip_space(!strncmp(args, "-location", 9) ? args + 9 : args + 2);
    if (!split(d, args, &parts, e))
        return false;
    struct expr_env env = debugger_env(d);
    env.read_only = true;
    bool ok = expr_value(&env, parts.place, &v, e);
    struct expr *condition = NULL;
    u64 len = ok ? type_size(d->syms, v.type) : 0;
    if (ok && (v.where != VALUE_MEMORY || v.unavailable))
        ok = err_set(e,
                     "Cannot watch \"%s\": it is %s. Watch something in memory, as *(int *)0x80001000 or a variable.",
                     parts.place,
                     v.unavailable                 ? v.unavailable
                     : v.where == VALUE_REGISTER ? "in a register"
                                                 : "a plain value");
    if (ok && !len)
        ok = err_set(e, "Cannot watch \"%s\": its size is not known; cast it, as *(int *)&%s", parts.place,
                     parts.place);
    if (ok && parts.condition)
        ok = (condition = compile_at(d, debugger_pc(d), parts.condition, e)) != NULL;
    if (!ok) {
        free_parts(&parts);
        return false;
    }
    struct stop_point *p = stops_add(&d->stops, STOP_WATCH, parts.place);
    p->access = access;
    p->only_changes = changes;
    p->addr = v.addr;
    p->len = len;
    p->type = v.type;
    p->hart = parts.hart;
    p->condition = condition;
    p->condition_text = parts.condition;
    parts.condition = NULL;
    stops_arm(&d->stops, d->machine);
    debug_printf(d, "%s %d: %s\n", access == CPU_READ  ? "Hardware read watchpoint"
                                   : access == CPU_WRITE ? "Hardware watchpoint"
                                                         : "Hardware access (read/write) watchpoint",
                 p->number, p->spec);
    free_parts(&parts);
    return true;
}

HANDLER(cmd_watch)
{
    return add_watch(d, args, CPU_WRITE, true, e);
}

HANDLER(cmd_rwatch)
{
    return add_watch(d, args, CPU_READ, false, e);
}

HANDLER(cmd_awatch)
{
    return add_watch(d, args, CPU_READ | CPU_WRITE, false, e);
}

/* Calls act for each number (or range 2-5) in args, for all when there is none. */
static bool each_point(struct debugger *d, const char *args, void (*act)(struct debugger *d, struct stop_point *p),
                       struct err *e)
{
    char word[64];
    if (!*args) {
        for (struct stop_point *p = d->stops.list, *next; p; p = next) {
            next = p->next;
            act(d, p);
        }
        stops_arm(&d->stops, d->machine);
        return true;
    }
    while (*args) {
        char *end;
        if (!take_word(&args, word, sizeof word))
            return err_set(e, "Bad breakpoint argument: '%.40s'", args);
        long first = strtol(word, &end, 10), last = first;
        if (*end == '-' && end != word)
            last = strtol(end + 1, &end, 10);
        if (*end || end == word || first < 1 || last < first || last > INT32_MAX)
            return err_set(e, "Bad breakpoint number '%s'", word);
        bool any = false;
        for (struct stop_point *p = d->stops.list, *next; p; p = next) {
            next = p->next;
            if (p->number >= first && p->number <= last) {
                act(d, p);
                any = true;
            }
        }
        if (!any)
            return err_set(e, "No breakpoint number %ld; `info breakpoints` lists them.", first);
    }
    stops_arm(&d->stops, d->machine);
    return true;
}

static void act_delete(struct debugger *d, struct stop_point *p)
{
    stops_delete(&d->stops, p);
}

static void act_enable(struct debugger *d, struct stop_point *p)
{
    p->enabled = true;
}

static void act_once(struct debugger *d, struct stop_point *p)
{
    p->enabled = true;
    p->temporary = true;
}

static void act_disable(struct debugger *d, struct stop_point *p)
{
    p->enabled = false;
}

static bool is_display(const char **args)
{
    if (strncmp(*args, "display", 7) || ((*args)[7] && !isspace((u8)(*args)[7])))
        return false;
    *args = skip_space(*args + 7);
    return true;
}

static bool switch_displays(struct debugger *d, const char *args, bool on, struct err *e)
{
    char word[32];
    if (!*args)
        for (struct display_item *i = d->displays; i; i = i->next)
            i->enabled = on;
    while (take_word(&args, word, sizeof word)) {
        struct display_item *i = d->displays;
        while (i && i->number != atoi(word))
            i = i->next;
        if (!i)
            return err_set(e, "No display number %s; `info display` lists them.", word);
        i->enabled = on;
    }
    return true;
}

static void skip_kind(const char **args)
{
    if (!strncmp(*args, "breakpoints", 11))
        *args = skip_space(*args + 11);
}

HANDLER(cmd_delete)
{
    if (is_display(&args))
        return cmd_undisplay(d, args, e);
    skip_kind(&args);
    return each_point(d, args, act_delete, e);
}

HANDLER(cmd_enable)
{
    if (is_display(&args))
        return switch_displays(d, args, true, e);
    skip_kind(&args);
    if (!strncmp(args, "once ", 5))
        return each_point(d, skip_space(args + 5), act_once, e);
    return each_point(d, args, act_enable, e);
}

HANDLER(cmd_disable)
{
    if (is_display(&args))
        return switch_displays(d, args, false, e);
    skip_kind(&args);
    return each_point(d, args, act_disable, e);
}

HANDLER(cmd_clear)
{
    struct place place;
    if (!place_resolve(d, args, &place, e))
        return false;
    unsigned n = 0;
    for (struct stop_point *p = d->stops.list, *next; p; p = next) {
        next = p->next;
        bool hit = false;
        for (size_t i = 0; p->kind == STOP_BREAK && i < place.n; i++)
            hit |= stop_has_addr(p, place.addrs[i]);
        if (hit) {
            debug_printf(d, "Deleted breakpoint %d\n", p->number);
            stops_delete(&d->stops, p);
            n++;
        }
    }
    stops_arm(&d->stops, d->machine);
    return n ? true : err_set(e, "No breakpoint at %s.", *args ? args : "this place");
}

static struct stop_point *take_point(struct debugger *d, const char **args, struct err *e)
{
    char word[32];
    if (!take_word(args, word, sizeof word)) {
        err_set(e, "the number of a stop point is needed");
        return NULL;
    }
    char *end;
    long n = strtol(word, &end, 10);
    struct stop_point *p = *end || n < 1 || n > INT32_MAX ? NULL : stops_find(&d->stops, (int)n);
    if (!p)
        err_set(e, "No breakpoint number %s; `info breakpoints` lists them.", word);
    return p;
}

HANDLER(cmd_condition)
{
    struct stop_point *p = take_point(d, &args, e);
    if (!p)
        return false;
    struct expr *x = NULL;
    if (!strncmp(args, "if ", 3))
        args = skip_space(args + 3);
    if (*args && !(x = compile_at(d, p->n_addrs ? p->addrs[0] : debugger_pc(d), args, e)))
        return false;
    expr_free(p->condition);
    free(p->condition_text);
    p->condition = x;
    p->condition_text = x ? xstrdup(args) : NULL;
    if (!x)
        debug_printf(d, "Breakpoint %d now unconditional.\n", p->number);
    return true;
}

HANDLER(cmd_ignore)
{
    u64 n;
    struct stop_point *p = take_point(d, &args, e);
    if (!p)
        return false;
    if (!*args)
        return err_set(e, "Second argument (specified ignore-count) is missing.");
    if (!debugger_eval(d, args, &n, e))
        return false;
    p->ignore = n;
    debug_printf(d, "Will ignore next %llu crossings of breakpoint %d.\n", (unsigned long long)n, p->number);
    return true;
}

HANDLER(cmd_commands)
{
    struct stop_point *p = d->stops.list;
    if (*args) {
        p = take_point(d, &args, e);
    } else { /* the last one made */
        while (p && p->next)
            p = p->next;
        if (!p)
            err_set(e, "No breakpoints specified.");
    }
    if (!p)
        return false;
    stop_commands_clear(p);
    d->collecting = p;
    d->collect_depth = 0;
    return true;
}

HANDLER(info_breakpoints)
{
    struct buf out = { 0 };
    if (!d->stops.list) {
        debug_printf(d, "No breakpoints or watchpoints.\n");
        return true;
    }
    buf_printf(&out, "Num     Type           Disp Enb Address            What\n");
    for (const struct stop_point *p = d->stops.list; p; p = p->next)
        show_stop_line(d, p, &out);
    debug_write(d, &out);
    buf_free(&out);
    return true;
}
