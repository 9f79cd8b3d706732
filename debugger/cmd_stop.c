/* Commands about stop points. */
#include "debugger/commands.h"
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What follows the kind: "PLACE [hart N] [process P] [into FILE] [if EXPR] [print FORMAT]". */
struct parts {
    char *place, *process, *file, *condition, *format;
    int hart;
};

/* Where a word stands by itself, outside of quotes. */
static char *find_word(char *s, const char *word)
{
    size_t n = strlen(word);
    bool quoted = false;
    for (char *at = s; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (!quoted && !strncmp(at, word, n) && (at == s || isspace((u8)at[-1])) &&
                 (isspace((u8)at[n]) || (at[n] == '(' && !strcmp(word, "if")) || (at[n] == '"' && !strcmp(word, "print"))))
            return at;
    }
    return NULL;
}

/* Takes "WORD REST" off the end of s; NULL: it is not there. */
static char *take_rest(char *s, const char *word)
{
    char *at = find_word(s, word);
    if (!at)
        return NULL;
    char *rest = stop_trimmed(at + strlen(word));
    *at = 0;
    return rest;
}

static void free_parts(struct parts *p)
{
    free(p->place);
    free(p->process);
    free(p->file);
    free(p->condition);
    free(p->format);
}

static bool split(struct debugger *d, const char *args, struct parts *p, struct err *e)
{
    char *s = xstrdup(args), *hart;
    *p = (struct parts){ .hart = -1 };
    p->format = take_rest(s, "print");
    p->condition = take_rest(s, "if");
    p->file = take_rest(s, "into");
    p->process = take_rest(s, "process");
    hart = take_rest(s, "hart");
    if (!hart)
        hart = take_rest(s, "thread");
    bool ok = true;
    if (hart) {
        char *after;
        unsigned long n = strtoul(hart, &after, 10);
        p->hart = (int)n;
        if (after == hart || *after || n >= d->machine->n_cpus)
            ok = err_set(e, "Unknown hart %.20s: this machine has 0 to %u.", hart, d->machine->n_cpus - 1);
    }
    if (ok && p->process)
        ok = process_nameable(d, p->process, e);
    if (ok && p->format && *p->format != '"')
        ok = err_set(e, "print: a format in quotes follows, as print \"%%d\\n\", counter");
    p->place = stop_trimmed(s);
    free(hart);
    free(s);
    if (!ok)
        free_parts(p);
    return ok;
}

/* Names in a condition mean what they mean at the place, not where the person stands. */
static struct expr *compile_at(struct debugger *d, u64 addr, const char *text, struct err *e)
{
    struct frame f = { .pc = addr, .lookup_pc = addr };
    struct expr_env env = debugger_env_at(d, d->cpu, &f);
    return expr_compile(&env, text, e);
}

static bool usage(const struct stop_kind *k, const struct parts *parts, enum stop_verb verb, struct err *e)
{
    if (!*parts->place && !k->bare)
        return err_set(e, "%s %s: %s, as in: %s", k->name, k->usage, k->help, k->example);
    if (verb != VERB_LOG && (parts->format || parts->file))
        return err_set(e, "`print` and `into` belong to `log`");
    return true;
}

/* A stop point from what was typed behind the verb and the kind. NULL: err. */
static struct stop_point *add_point(struct debugger *d, const struct stop_kind *kind, const char *args, enum stop_verb verb,
                                    struct err *e)
{
    struct parts parts;
    if (!split(d, args, &parts, e))
        return NULL;
    if (!usage(kind, &parts, verb, e)) {
        free_parts(&parts);
        return NULL;
    }
    struct stop_point *p = stops_add(&d->stops, kind, parts.place);
    p->verb = verb;
    p->hart = parts.hart;
    process_see(d, parts.process);
    bool ok = kind->parse(d, p, parts.place, e) &&
              (!parts.condition ||
               (p->condition = compile_at(d, p->n_addrs ? p->addrs[0] : debugger_pc(d), parts.condition, e)));
    process_see(d, NULL);
    p->condition_text = parts.condition;
    p->process = parts.process;
    p->file = parts.file;
    p->format = parts.format;
    free(parts.place);
    if (!ok) {
        stops_delete(&d->stops, p);
        d->stops.last_number--;
        return NULL;
    }
    if (kind->begin)
        kind->begin(d, p);
    return p;
}

static void say_added(struct debugger *d, const struct stop_point *p)
{
    static const char *const verbs[] = { [VERB_BREAK] = "Breakpoint", [VERB_TRACE] = "Tracepoint", [VERB_LOG] = "Logpoint" };
    struct source_pos pos;
    debug_printf(d, "%s%s %d", p->temporary ? "Temporary " : "", p->temporary ? "breakpoint" : verbs[p->verb], p->number);
    if (p->kind != stop_kind_code) {
        debug_printf(d, ": %s%s%s\n", p->kind->name, *p->spec ? " " : "", p->spec);
        return;
    }
    debug_printf(d, " at 0x%llx", (unsigned long long)p->addrs[0]);
    process_see(d, p->process);
    if (symbols_line_at(d->syms, p->addrs[0], &pos))
        debug_printf(d, ": file %s, line %d.", base_name(pos.file), pos.line);
    process_see(d, NULL);
    if (p->n_addrs > 1)
        debug_printf(d, " (%zu locations)", p->n_addrs);
    debug_printf(d, "\n");
}

/* VERB [KIND] ARGS: code when no kind is named. */
static bool add(struct debugger *d, const char *args, enum stop_verb verb, bool temporary, struct err *e)
{
    const struct stop_kind *kind = stop_kind_take(d, &args);
    struct stop_point *p = add_point(d, kind ? kind : stop_kind_code, args, verb, e);
    if (!p)
        return false;
    p->temporary = temporary;
    d->stops.stale = true;
    say_added(d, p);
    return true;
}

HANDLER(cmd_break)
{
    return add(d, args, VERB_BREAK, false, e);
}

HANDLER(cmd_tbreak)
{
    return add(d, args, VERB_BREAK, true, e);
}

HANDLER(cmd_trace)
{
    return add(d, args, VERB_TRACE, false, e);
}

HANDLER(cmd_log)
{
    return add(d, args, VERB_LOG, false, e);
}

struct stop_point *stop_until(struct debugger *d, const char *args, struct err *e)
{
    const struct stop_kind *kind = stop_kind_take(d, &args);
    struct stop_point *p = add_point(d, kind ? kind : stop_kind_code, args, VERB_BREAK, e);
    if (!p)
        return NULL;
    p->temporary = p->until = true;
    if (p->kind->passed && p->kind->passed(d, p)) {
        err_set(e, "run-until: %s %s has passed (position %llu now); `goto` goes back", p->kind->name, p->spec,
                (unsigned long long)machine_position(d->machine));
        stops_delete(&d->stops, p);
        return NULL;
    }
    return p;
}

/* gdb's words for what `break write` and `break io` do: `watch` for changes; `watch io PORT[,N]`: OUT, rwatch: IN. */
static bool add_watch(struct debugger *d, const char *args, u8 access, bool changes, struct err *e)
{
    bool io = !strncmp(args, "io ", 3);
    if (io)
        args = skip_space(args + 3);
    else if (!strncmp(args, "-l", 2))
        args = skip_space(!strncmp(args, "-location", 9) ? args + 9 : args + 2);
    struct stop_point *p = add_point(d, io ? stop_kind_io : stop_kind_memory, args, VERB_BREAK, e);
    if (!p)
        return false;
    p->access = access;
    p->only_changes = changes && !io;
    if (io) {
        free(p->spec);
        p->spec = p->len > 1 ? xprintf("io 0x%llx to 0x%llx", (unsigned long long)p->addr,
                                       (unsigned long long)(p->addr + p->len - 1))
                             : xprintf("io 0x%llx", (unsigned long long)p->addr);
    }
    d->stops.stale = true;
    debug_printf(d, "%s %d: %s\n", io                        ? "I/O watchpoint"
                                   : access == CPU_READ  ? "Hardware read watchpoint"
                                   : access == CPU_WRITE ? "Hardware watchpoint"
                                                         : "Hardware access (read/write) watchpoint",
                 p->number, p->spec);
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
        d->stops.stale = true;
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
    d->stops.stale = true;
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
        for (size_t i = 0; i < place.n; i++)
            hit |= stop_has_addr(p, place.addrs[i]);
        if (hit) {
            debug_printf(d, "Deleted breakpoint %d\n", p->number);
            stops_delete(&d->stops, p);
            n++;
        }
    }
    d->stops.stale = true;
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
