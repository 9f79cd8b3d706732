/* Stop points on what devices do: interrupt lines, consoles. */
#include "debugger/stop_kinds.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/commands.h"

/* "/uart0" or "uart0". */
static const struct device *device_of(struct debugger *d, const char *name, struct err *e)
{
    const struct device *dev = machine_device(d->machine, name);
    if (!dev)
        err_set(e, "there is no device %s; `info devices` lists them", name);
    return dev;
}

bool stop_parse_irq(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    static const char *const levels[] = { "low", "high", NULL };
    char *s = stop_trimmed(text);
    int level = stop_take_last(s, levels);
    bool ok = true;
    if (level >= 0) {
        p->test = TEST_EQ;
        p->value = (u64)level;
    }
    if (*s) {
        char *dot = strrchr(s, '.');
        if (dot && isdigit((u8)dot[1])) {
            p->has_code = true;
            p->code = strtoull(dot + 1, NULL, 10);
            *dot = 0;
        }
        ok = (p->device = device_of(d, s, e)) != NULL;
    }
    free(s);
    return ok;
}

bool stop_hears_irq(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    u64 out = ev->value[0].u, level = ev->value[1].u;
    if ((p->device && strcmp(p->device->path, ev->source)) || (p->has_code && p->code != out) || !stop_test_holds(p, level))
        return false;
    snprintf(what, n, "interrupt output %llu of %s goes %s", (unsigned long long)out, ev->source, level ? "high" : "low");
    return true;
}

/* "\"TEXT\" [DEVICE]"; \n \r \t \\ \" in it. */
bool stop_parse_console(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    size_t n = 0;
    if (*text != '"')
        return err_set(e, "console: the text stands in quotes, as console \"login:\"");
    p->name = xmalloc(strlen(text) + 1);
    const char *s = text + 1;
    for (; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
        else {
            p->name[n++] = *s;
            continue;
        }
        p->name[n++] = *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
    }
    p->name[n] = 0;
    if (*s != '"' || !n)
        return err_set(e, "console: the text in quotes %s", n ? "does not end" : "is empty");
    s = skip_space(s + 1);
    if (*s && !(p->device = device_of(d, s, e)))
        return false;
    console_log_begin(&d->console, d->machine);
    return true;
}

bool stop_hears_console(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    if (p->device && strcmp(p->device->path, ev->source))
        return false;
    if (!console_log_ends(&d->console, ev->source, ev->when, p->name))
        return false;
    snprintf(what, n, "%s said %s", ev->source, p->spec);
    return true;
}
