#include "trace/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "trace/trace.h"

static bool number(const char *text, size_t n, u64 *out)
{
    char copy[32], *end;
    if (!n || n >= sizeof copy || text[0] == '-')
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    errno = 0;
    *out = strtoull(copy, &end, 0);
    return !*end && !errno;
}

static bool position(u64 *out, const char *v, struct err *e)
{
    return number(v, strlen(v), out) || err_set(e, "'%s' is no position: write a number of ticks", v);
}

static bool add_addr(struct trace_filter *f, const struct trace_symbols *symbols, const char *v, struct err *e)
{
    const char *dots = strstr(v, "..");
    f->has_addr = true;
    if (dots) {
        if (!number(v, (size_t)(dots - v), &f->low) || !number(dots + 2, strlen(dots + 2), &f->high) || f->low > f->high)
            return err_set(e, "addr=%s: write LOW..HIGH, two addresses", v);
        return true;
    }
    if (number(v, strlen(v), &f->low)) {
        f->high = f->low;
        return true;
    }
    if (symbols && symbols->named(symbols->opaque, v, &f->low, &f->high)) {
        f->high -= f->high > f->low;
        return true;
    }
    return err_set(e, "addr=%s: there is no such symbol, and it is no address", v);
}

static bool add_process(struct trace_filter *f, struct machine *m, const struct trace_symbols *symbols, const char *v,
                        struct err *e)
{
    f->root_reg = trace_table_root(m->cpus[0]);
    f->symbols = symbols;
    if (!f->root_reg || !symbols)
        return err_set(e, "process=%s: these CPUs have no page tables", v);
    int n = snprintf(f->process, sizeof f->process, "%s", v);
    if (n < 0 || (size_t)n >= sizeof f->process)
        return err_set(e, "process=%s: no process has a name that long", v);
    return symbols->nameable(symbols->opaque, v, e);
}

static bool add_privilege(struct trace_filter *f, struct machine *m, const char *v, struct err *e)
{
    static const char letters[] = "USHM";
    bool x86 = trace_is_isa(m->cpus[0], "x86");
    const char *at = *v && !v[1] ? strchr(letters, *v & ~0x20) : NULL;
    f->has_privilege = true;
    if (*v >= '0' && *v <= '3' && !v[1])
        f->privilege = (unsigned)(*v - '0');
    else if (at && *at && !(x86 && *at == 'M'))
        f->privilege = x86 ? (*at == 'U' ? 3 : 0) : (unsigned)(at - letters);
    else
        return err_set(e, "privilege=%s: write %s", v, x86 ? "U, S, or a ring from 0 to 3" : "U, S or M");
    return true;
}

static bool add_cpu(struct trace_filter *f, struct machine *m, const char *v, struct err *e)
{
    u64 n;
    f->has_cpu = true;
    if (!number(v, strlen(v), &n) || n >= m->n_cpus)
        return err_set(e, "cpu=%s: this machine has the CPUs 0 to %u", v, m->n_cpus - 1);
    f->cpu = (unsigned)n;
    return true;
}

static bool below(const char *path, const char *part)
{
    size_t n = strlen(part);
    return !strncmp(path, part, n) && (!path[n] || path[n] == '/');
}

static bool add_device(struct trace_filter *f, struct machine *m, const char *v, struct err *e)
{
    const char *best = NULL;
    unsigned score = 0;
    int n = snprintf(f->device, sizeof f->device, "%s%s", *v == '/' ? "" : "/", v);
    if (n < 0 || (size_t)n >= sizeof f->device)
        return err_set(e, "device=%s: no device has a path that long", v);
    for (const struct device *d = m->devices; d; d = d->next) {
        if (below(d->path, f->device))
            return true;
        suggest(f->device, d->path, &best, &score);
    }
    return err_set(e, "device=%s: there is none%s%s%s; 'info devices' lists them", v, DID_YOU_MEAN(best));
}

bool trace_filter_add(struct trace_filter *f, struct machine *m, const struct trace_symbols *symbols, const char *word,
                      struct err *e)
{
    static const char *const names[] = { "from", "to", "addr", "process", "privilege", "cpu", "device" };
    const char *equals = strchr(word, '='), *v = equals ? equals + 1 : "";
    const char *best = NULL;
    unsigned score = 0, k = 0;
    char name[16];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
    while (k < ARRAY_LEN(names) && strcmp(name, names[k]))
        suggest(name, names[k++], &best, &score);
    if (k < ARRAY_LEN(names) && !*v)
        return err_set(e, "%s: write %s=VALUE", word, name);
    switch (k) {
    case 0: return position(&f->from, v, e);
    case 1: return position(&f->to, v, e) && (f->to || err_set(e, "to=0 leaves nothing"));
    case 2: return add_addr(f, symbols, v, e);
    case 3: return add_process(f, m, symbols, v, e);
    case 4: return add_privilege(f, m, v, e);
    case 5: return add_cpu(f, m, v, e);
    case 6: return add_device(f, m, v, e);
    default:
        return err_set(e, "there is no filter '%s'%s%s%s: from, to, addr, process, privilege, cpu and device exist "
                       "(a comma in a file name is written twice)", name, DID_YOU_MEAN(best));
    }
}

bool trace_filter_now(const struct trace_filter *f, u64 at)
{
    return at >= f->from && (!f->to || at < f->to);
}

static bool runs(struct trace_filter *f, struct cpu *c, const struct cpu_retire *r)
{
    u64 root = trace_reg(c, f->root_reg);
    __typeof__(f->is[0]) *is = &f->is[c->index % MACHINE_MAX_CPUS];
    if (!is->known || is->root != root || is->privilege != r->privilege) {
        is->known = true;
        is->root = root;
        is->privilege = r->privilege;
        is->yes = f->symbols->process(f->symbols->opaque, c, f->process);
    }
    return is->yes;
}

bool trace_filter_takes(struct trace_filter *f, struct cpu *c, const struct cpu_retire *r, u64 start)
{
    return trace_filter_now(f, start) && (!f->has_addr || (r->pc >= f->low && r->pc <= f->high)) &&
           (!f->has_privilege || r->privilege == f->privilege) && (!f->has_cpu || c->index == f->cpu) &&
           (!f->process[0] || runs(f, c, r));
}

bool trace_filter_hears(const struct trace_filter *f, const struct machine *m, const struct event *ev)
{
    if (!trace_filter_now(f, ev->when) || (f->device[0] && !below(ev->source, f->device)))
        return false;
    return !f->has_cpu || ev->source[0] == '/' || !strcmp(ev->source, m->cpus[f->cpu]->name);
}
