/* Stop points on what CPUs do: exceptions, interrupts. */
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cpu/riscv/riscv.h"
#include "cpu/x86/x86.h"
#include "debugger/commands.h"

/* Takes "WORD X" out of text, wherever it is. NULL: it is not there. */
static char *take_clause(char *text, const char *word)
{
    size_t n = strlen(word);
    for (char *at = text; (at = strstr(at, word)); at++) {
        if ((at > text && !isspace((u8)at[-1])) || !isspace((u8)at[n]))
            continue;
        char *value = at + n + strspn(at + n, " \t");
        size_t len = strcspn(value, " \t");
        char *out = xmalloc(len + 1);
        memcpy(out, value, len);
        out[len] = 0;
        memmove(at, value + len, strlen(value + len) + 1);
        return out;
    }
    return NULL;
}

static bool known_privilege(struct debugger *d, const char *name, struct err *e)
{
    bool riscv = !strncmp(d->cpu->ops->isa, "riscv", 5);
    const char *all = riscv ? "U S M" : "0 1 2 3 real v86";
    char word[16];
    if (!name)
        return true;
    for (const char *s = all; take_word(&s, word, sizeof word);)
        if (!strcasecmp(word, name))
            return true;
    return err_set(e, "there is no privilege %s; it is one of %s", name, all);
}

/* "[NUMBER | CAUSE] [from P] [to P]" */
bool stop_parse_trap(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    char *s = stop_trimmed(text);
    p->from = take_clause(s, "from");
    p->to = take_clause(s, "to");
    char *rest = stop_trimmed(s);
    free(s);
    bool ok = known_privilege(d, p->from, e) && known_privilege(d, p->to, e);
    if (ok && isdigit((u8)*rest)) {
        p->has_code = true;
        ok = debugger_eval(d, rest, &p->code, e);
    } else if (ok && *rest && strcmp(rest, "any")) {
        p->name = xstrdup(rest);
    }
    free(rest);
    return ok;
}

static bool same_privilege(const char *typed, const char *is)
{
    if (!strncmp(is, "CPL ", 4))
        is += 4;
    return !typed || !strcasecmp(typed, is);
}

/* Fields as in cpu.trap: cause, code, pc, tval, from, to, why. */
static bool hears_trap(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    const char *cause = ev->value[0].s;
    if (p->has_code && ev->value[1].u != p->code)
        return false;
    if (p->name && !strcasestr(cause, p->name))
        return false;
    if (!same_privilege(p->from, ev->value[4].s) || !same_privilege(p->to, ev->value[5].s))
        return false;
    p->seen = ev->value[1].u;
    snprintf(what, n, "%s (%llu) at 0x%llx, value 0x%llx, from %s to %s", cause, (unsigned long long)ev->value[1].u,
             (unsigned long long)ev->value[2].u, (unsigned long long)ev->value[3].u, ev->value[4].s, ev->value[5].s);
    return true;
}

bool stop_is_interrupt(const struct event *ev)
{
    return ev->type == &riscv_event_interrupt || ev->type == &x86_event_interrupt;
}

bool stop_hears_exception(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    return !stop_is_interrupt(ev) && hears_trap(d, p, ev, what, n);
}

bool stop_hears_interrupt(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    return stop_is_interrupt(ev) && hears_trap(d, p, ev, what, n);
}

bool stop_hears_mode(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    if (!same_privilege(p->from, ev->value[0].s) || !same_privilege(p->to, ev->value[1].s))
        return false;
    snprintf(what, n, "from %s to %s", ev->value[0].s, ev->value[1].s);
    return true;
}

bool stop_parse_tlb(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    p->has_code = *text;
    return !*text || debugger_eval(d, text, &p->code, e);
}

bool stop_hears_tlb(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    if (p->has_code && p->code >> PAGE_SHIFT != ev->value[1].u >> PAGE_SHIFT)
        return false; /* before anything is written: kernels flush often */
    if (ev->value[1].u == EVENT_ALL)
        snprintf(what, n, "%s, of everything", ev->value[0].s);
    else
        snprintf(what, n, "%s 0x%llx", ev->value[0].s, (unsigned long long)ev->value[1].u);
    return true;
}

bool stop_parse_magic(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    p->has_code = *text;
    return !*text || debugger_eval(d, text, &p->code, e);
}

bool stop_hears_magic(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    snprintf(what, n, "number %llu", (unsigned long long)ev->value[0].u);
    return !p->has_code || p->code == ev->value[0].u;
}
