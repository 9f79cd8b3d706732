#include "debugger/debugger.h"
#include "debugger/linux.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/script.h"

static bool read_source(void *opaque, const char *path, struct buf *out)
{
    struct debugger *d = opaque;
    return d->host.read_file && d->host.read_file(d->host.opaque, path, out, NULL);
}

struct debugger *debugger_new(struct machine *m, const struct debugger_host *host)
{
    struct debugger *d = xcalloc(1, sizeof *d);
    d->machine = m;
    d->stops.d = d;
    d->host = *host;
    d->cpu = m->cpus[m->turn < m->n_cpus ? m->turn : 0];
    d->syms = symbols_new();
    d->syms->read_file = read_source;
    d->syms->read_opaque = d;
    d->confirm = true;
    d->listsize = 10;
    d->x_last.letter = 'x';
    d->x_last.size = 4;
    return d;
}

void debugger_free(struct debugger *d)
{
    if (!d)
        return;
    stops_disarm(&d->stops, d->machine);
    stops_fini(&d->stops);
    console_log_end(&d->console);
    symbols_free(d->syms);
    while (d->vars) {
        struct convenience *v = d->vars;
        d->vars = v->next;
        free(v);
    }
    while (d->displays) {
        struct display_item *i = d->displays;
        d->displays = i->next;
        free(i->text);
        free(i->format);
        free(i);
    }
    while (d->bookmarks) {
        struct bookmark *b = d->bookmarks;
        d->bookmarks = b->next;
        free(b->name);
        free(b);
    }
    free(d->frames);
    free(d->list_file);
    free(d->last_command);
    script_free(d->script);
    free(d->os_title);
    free(d);
}

bool debugger_add_symbols(struct debugger *d, const char *name, const u8 *data, size_t size, u64 bias, struct err *e)
{
    debugger_changed(d);
    return symbols_add(d->syms, name, data, size, bias, e);
}

static void write_text(struct debugger *d, const char *text, size_t n)
{
    if (d->capture)
        buf_put(d->capture, text, n);
    else if (d->host.write && n)
        d->host.write(d->host.opaque, text, n);
}

bool debugger_capture(struct debugger *d, const char *line, struct buf *out)
{
    struct buf *outer = d->capture;
    d->capture = out;
    bool ok = debugger_execute(d, line);
    d->capture = outer;
    return ok;
}

void debug_printf(struct debugger *d, const char *fmt, ...)
{
    char small[512], *text = small;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= sizeof small) {
        text = xmalloc((size_t)n + 1);
        va_start(ap, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    write_text(d, text, (size_t)n);
    if (text != small)
        free(text);
}

void debug_write(struct debugger *d, const struct buf *b)
{
    write_text(d, (const char *)b->data, b->len);
}

void debugger_changed(struct debugger *d)
{
    d->n_frames = 0;
    d->frames_done = false;
    d->frames_end = NULL;
}

unsigned debugger_hidden(const struct debugger *d)
{
    return d->hidden.at == d->machine->clock.now && d->hidden.pc == debugger_pc(d) ? d->hidden.n : 0;
}

void debugger_hide(struct debugger *d, unsigned n)
{
    d->hidden.n = n;
    d->hidden.at = d->machine->clock.now;
    d->hidden.pc = debugger_pc(d);
    debugger_changed(d);
}

const struct frame *debugger_frame(struct debugger *d, unsigned level)
{
    if (!d->n_frames && !d->frames_done)
        process_see(d, NULL);
    if (level >= DEBUGGER_MAX_FRAMES)
        return NULL;
    while (level >= d->n_frames && !d->frames_done) {
        if (d->n_frames == d->cap_frames) {
            d->cap_frames = d->cap_frames ? 2 * d->cap_frames : 16;
            d->frames = xrealloc(d->frames, d->cap_frames * sizeof *d->frames);
        }
        struct frame *f = &d->frames[d->n_frames];
        if (!d->n_frames) {
            frame_innermost(d->syms, d->cpu, f);
            f->inlined = debugger_hidden(d);
        } else if (!frame_caller(d->syms, d->cpu, f - 1, f, &d->frames_end)) {
            d->frames_done = true;
            break;
        }
        frame_complete(d->syms, d->cpu, f);
        if (f->kind == FRAME_TRAP && f->trap.vector >= 32) {
            char name[48];
            debugger_interrupt_name(d, (unsigned)f->trap.vector, name, sizeof name);
            snprintf(f->trap.what, sizeof f->trap.what, "interrupt: %s", name);
        }
        d->n_frames++;
    }
    return level < d->n_frames ? &d->frames[level] : NULL;
}

struct expr_env debugger_env(struct debugger *d)
{
    const struct frame *f = debugger_frame(d, d->selected);
    if (!f) {
        d->selected = 0;
        f = debugger_frame(d, 0);
    }
    return (struct expr_env){ .syms = d->syms, .cpu = d->cpu, .frame = f, .vars = &d->vars,
                              .functions = &d->functions,
                              .machine = d->machine, .untouchable = debugger_untouchable(d) };
}

struct expr_env debugger_env_at(struct debugger *d, struct cpu *c, const struct frame *f)
{
    return (struct expr_env){ .syms = d->syms, .cpu = c, .frame = f, .vars = &d->vars, .functions = &d->functions,
                              .read_only = true };
}

const char *debugger_untouchable(const struct debugger *d)
{
    return d->rights == MAY_ALL ? machine_untouchable(d->machine)
           : d->rights == MAY_RUN ? "a script changes the guest only inside orrery.edit()"
                                  : "hooks and conditions only look at the guest";
}

bool debugger_may_run(const struct debugger *d, struct err *e)
{
    return d->rights < MAY_LOOK || err_set(e, "hooks and conditions must not run the machine");
}

bool debugger_eval(struct debugger *d, const char *text, u64 *out, struct err *e)
{
    struct expr_env env = debugger_env(d);
    bool ok = expr_number(&env, text, out, e);
    if (strchr(text, '=')) /* it may have assigned something */
        debugger_changed(d);
    return ok;
}

u64 debugger_pc(const struct debugger *d)
{
    return cpu_linear_pc(d->cpu) & cpu_addr_mask(d->cpu);
}

void debugger_select_cpu(struct debugger *d, struct cpu *c)
{
    if (c && c != d->cpu) {
        d->cpu = c;
        d->selected = 0;
        debugger_changed(d);
    }
}

const char *debugger_prompt(const struct debugger *d)
{
    return d->collecting ? ">" : "(orrery) ";
}

void debugger_show_position(struct debugger *d)
{
    debugger_changed(d);
    d->selected = 0;
    linux_notice(d);
    show_where(d, SHOW_FRAME);
}
