#include "debugger/console_log.h"

#include <stdlib.h>
#include <string.h>

#include "machine/history.h"

enum { MOST = 16 << 20 }; /* bytes of a line that are kept; then the older half goes */

/* The first byte said behind position `at`. */
static size_t behind(const struct console_line *l, u64 at)
{
    size_t low = 0, high = l->n;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (l->at[mid] <= at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct console_line *line_of(struct console_log *log, const char *source)
{
    for (unsigned i = 0; i < log->n_lines; i++)
        if (!strcmp(log->line[i].source, source))
            return &log->line[i];
    if (log->n_lines == ARRAY_LEN(log->line))
        return NULL;
    log->line[log->n_lines].source = xstrdup(source);
    return &log->line[log->n_lines++];
}

static void hear(void *opaque, const struct event *ev)
{
    struct console_log *log = opaque;
    struct console_line *l = line_of(log, ev->source);
    size_t n = ev->value[1].u;
    if (!l)
        return;
    size_t i = behind(l, ev->when);
    if (!history_past(log->machine->history))
        l->n = i; /* another life began before what was said then */
    else if (i && l->at[i - 1] == ev->when)
        return; /* it was said before */
    if (l->n + n > MOST) {
        size_t gone = l->n / 2;
        memmove(l->at, l->at + gone, (l->n - gone) * sizeof *l->at);
        memmove(l->text, l->text + gone, l->n - gone);
        l->n -= gone;
        i = i > gone ? i - gone : 0;
    }
    if (l->n + n > l->cap) {
        l->cap = 2 * (l->n + n) + 1024;
        l->at = xrealloc(l->at, l->cap * sizeof *l->at);
        l->text = xrealloc(l->text, l->cap);
    }
    memmove(l->at + i + n, l->at + i, (l->n - i) * sizeof *l->at);
    memmove(l->text + i + n, l->text + i, l->n - i);
    for (size_t k = 0; k < n; k++)
        l->at[i + k] = ev->when;
    memcpy(l->text + i, ev->value[0].s, n);
    l->n += n;
}

void console_log_begin(struct console_log *log, struct machine *m)
{
    if (log->machine)
        return;
    log->machine = m;
    log->listener = (struct event_listener){ .prefix = "console.", .hear = hear, .opaque = log };
    event_listen(&m->bus, &log->listener);
}

void console_log_end(struct console_log *log)
{
    if (log->machine)
        event_unlisten(&log->machine->bus, &log->listener);
    for (unsigned i = 0; i < log->n_lines; i++) {
        free(log->line[i].source);
        free(log->line[i].at);
        free(log->line[i].text);
    }
    *log = (struct console_log){ 0 };
}

bool console_log_ends(const struct console_log *log, const char *source, u64 at, const char *text)
{
    size_t n = strlen(text);
    for (unsigned i = 0; i < log->n_lines; i++) {
        const struct console_line *l = &log->line[i];
        if (strcmp(l->source, source))
            continue;
        for (size_t k = behind(l, at); k >= n && k && l->at[k - 1] == at; k--)
            if (!memcmp(l->text + k - n, text, n))
                return true;
    }
    return false;
}
