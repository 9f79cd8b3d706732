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

/* "uart0", "uart0.LSR", "uart0.LSR.THRE", "plic.priority[3]". */
static bool resolve(struct debugger *d, struct stop_point *p, char *text, struct err *e)
{
    unsigned bank;
    char *name = NULL;
    p->device = machine_device(d->machine, text);
    for (char *dot = strchr(text, '.'); dot && !p->device; dot = strchr(dot + 1, '.')) {
        *dot = 0;
        p->device = machine_device(d->machine, text);
        *dot = '.';
        name = dot + 1;
    }
    if (!p->device) {
        text[strcspn(text, ".")] = 0;
        return device_of(d, text, e) != NULL;
    }
    if (!name)
        return true;
    char *field = strchr(name, '.');
    if (field)
        *field++ = 0;
    p->reg = device_reg_named(p->device, name, &bank, &p->index);
    if (!p->reg)
        return err_set(e, "%s has no register %s; `info device %s` lists them", p->device->path, name, p->device->path);
    for (const struct reg_field *f = p->reg->fields; field && f && f->name; f++)
        if (!strcmp(f->name, field))
            p->field = f;
    return !field || p->field || err_set(e, "%s.%s has no field %s; `info device %s %s` lists them", p->device->path, name, field,
                                         p->device->path, name);
}

static u64 part(const struct stop_point *p, u64 v)
{
    return p->field ? v >> p->field->low & UINT64_MAX >> (64 - p->field->width) : v;
}

static u64 value_now(const struct stop_point *p)
{
    return p->reg ? part(p, device_reg_get(p->device, p->reg, p->index)) : 0;
}

bool stop_parse_device(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    static const char *const ways[] = { "read", "write", "change", NULL };
    char *s = stop_trimmed(text);
    bool ok = stop_take_test(d, p, s, e);
    int way = stop_take_last(s, ways);
    char *copy = xstrdup(s);
    ok = ok && resolve(d, p, copy, e);
    if (ok && !p->reg && (way == 2 || p->test))
        ok = err_set(e, "%s: a value and its change are of a register: %s.REGISTER", s, s);
    free(copy);
    free(s);
    p->only_changes = way == 2 || (way < 0 && p->field);
    p->access = way == 0 ? CPU_READ : way == 1 ? CPU_WRITE : CPU_READ | CPU_WRITE;
    return ok;
}

void stop_begin_device(struct debugger *d, struct stop_point *p)
{
    p->seen = value_now(p);
}

/* device.register: name, index, old, value, how; device.irq: a chance to look. */
bool stop_hears_device(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    if (strcmp(p->device->path, ev->source))
        return false;
    bool irq = ev->type->field[4].name == NULL;
    if (p->only_changes) {
        u64 old = p->seen, now = value_now(p);
        p->seen = now;
        if (old == now || !stop_test_holds(p, now))
            return false;
        snprintf(what, n, "%s: 0x%llx -> 0x%llx", p->spec, (unsigned long long)old, (unsigned long long)now);
        return true;
    }
    if (irq)
        return false;
    bool read = !strcmp(ev->value[4].s, "read");
    u64 v = part(p, ev->value[3].u);
    if (!(p->access & (read ? CPU_READ : CPU_WRITE)))
        return false;
    if (p->reg && (strcmp(p->reg->name, ev->value[0].s) || p->index != ev->value[1].u || !stop_test_holds(p, v)))
        return false;
    snprintf(what, n, "%s of %s.%s: 0x%llx", ev->value[4].s, ev->source, ev->value[0].s, (unsigned long long)ev->value[3].u);
    return true;
}

/* "[ADDRESS[,LENGTH]] [read|write]" */
bool stop_parse_dma(struct debugger *d, struct stop_point *p, const char *text, struct err *e)
{
    static const char *const ways[] = { "read", "write", NULL };
    char *s = stop_trimmed(text);
    int way = stop_take_last(s, ways);
    p->access = way == 0 ? CPU_READ : way == 1 ? CPU_WRITE : CPU_READ | CPU_WRITE;
    bool physical, ok = !*s || stop_parse_range(d, s, &p->addr, &p->len, &physical, e);
    if (*s && !p->len)
        p->len = 1;
    free(s);
    return ok;
}

bool stop_hears_dma(struct debugger *d, struct stop_point *p, const struct event *ev, char *what, size_t n)
{
    u64 at = ev->value[0].u, len = ev->value[1].u;
    if (!len || !(p->access & (ev->value[2].u ? CPU_WRITE : CPU_READ)) ||
        (p->len && (at > p->addr + (p->len - 1) || p->addr > at + (len - 1))))
        return false;
    snprintf(what, n, "a device %s %llu bytes at 0x%llx", ev->value[2].u ? "wrote" : "read", (unsigned long long)len,
             (unsigned long long)at);
    return true;
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
