#include "host/char/mux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/inbox.h"

#define ESCAPE 0x01 /* Ctrl-A */

/* One user: a monitor (user.bytes set) or a serial port (with an inbox). */
struct host_char_line {
    struct char_port port; /* first: the port is the line */
    struct host_mux *mux;
    char *name;
    struct host_char_user user;
    bool serial;
    struct inbox_bytes inbox;
    struct host_char_line *next;
};

struct host_mux {
    struct host_loop *loop;
    void (*out)(void *opaque, const u8 *bytes, size_t n);
    void *opaque;
    struct host_char_line *lines, *focus;
    bool escape;  /* Ctrl-A means something */
    bool escaped; /* it was the last byte */
    bool connected, typed;
    bool stamps, line_start;
    u64 stamps_from;
    void (*on_space)(void *opaque);
    void *space_opaque;
    void (*on_commit)(void *opaque);
    void *commit_opaque;
};

static void say(struct host_mux *m, const char *text)
{
    m->out(m->opaque, (const u8 *)text, strlen(text));
}

/* --- output ------------------------------------------------------------------------------------------------- */

static void stamp(struct host_mux *m)
{
    u64 ms = (host_now_ns() - m->stamps_from) / 1000000;
    char text[48];
    snprintf(text, sizeof text, "[%02u:%02u:%02u.%03u] ", (unsigned)(ms / 3600000), (unsigned)(ms / 60000 % 60),
             (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
    say(m, text);
}

void mux_line_write(struct host_char_line *f, const void *bytes, size_t n)
{
    struct host_mux *m = f->mux;
    const u8 *p = bytes, *end = n ? p + n : p;
    while (p < end) {
        const u8 *nl = m->stamps ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        const u8 *stop = nl ? nl + 1 : end;
        if (m->stamps && m->line_start)
            stamp(m);
        m->out(m->opaque, p, (size_t)(stop - p));
        m->line_start = stop[-1] == '\n';
        p = stop;
    }
}

static void port_write(struct char_port *c, const u8 *bytes, size_t n)
{
    mux_line_write((struct host_char_line *)c, bytes, n);
}

/* --- users -------------------------------------------------------------------------------------------------- */

static void tell_focus(struct host_char_line *f, bool gained)
{
    if (f && f->user.focus)
        f->user.focus(f->user.opaque, gained);
}

void mux_focus(struct host_mux *m, struct host_char_line *f)
{
    if (f == m->focus)
        return;
    struct host_char_line *old = m->focus;
    m->focus = f;
    if (m->connected) {
        tell_focus(old, false);
        tell_focus(f, true);
    }
    if (m->on_space)
        m->on_space(m->space_opaque);
}

const char *mux_focused(const struct host_mux *m)
{
    return m->focus ? m->focus->name : NULL;
}

static struct host_char_line *add(struct host_mux *m, const char *name)
{
    struct host_char_line *f = xcalloc(1, sizeof *f), **end = &m->lines;
    f->mux = m;
    f->name = xstrdup(name);
    f->port.write = port_write;
    f->port.id = f->name;
    while (*end)
        end = &(*end)->next;
    *end = f;
    return f;
}

struct host_char_line *mux_add_frontend(struct host_mux *m, const char *name, const struct host_char_user *u)
{
    struct host_char_line *f = add(m, name);
    f->user = *u;
    if (!m->focus)
        mux_focus(m, f);
    return f;
}

static void drained(void *opaque)
{
    struct host_mux *m = opaque;
    if (m->on_space)
        m->on_space(m->space_opaque);
}

struct char_port *mux_add_serial(struct host_mux *m, const char *name)
{
    struct host_char_line *f = add(m, name);
    f->serial = true;
    inbox_bytes_init(&f->inbox, m->loop, &f->port.in);
    f->inbox.drained = drained;
    f->inbox.opaque = m;
    if (!m->focus || (!m->typed && !m->focus->serial))
        mux_focus(m, f);
    return &f->port;
}

struct host_mux *mux_new(struct host_loop *l, bool escape, void (*out)(void *opaque, const u8 *bytes, size_t n),
                         void *opaque)
{
    struct host_mux *m = xcalloc(1, sizeof *m);
    m->loop = l;
    m->escape = escape;
    m->out = out;
    m->opaque = opaque;
    m->line_start = true;
    return m;
}

void mux_free(struct host_mux *m)
{
    if (!m)
        return;
    while (m->lines) {
        struct host_char_line *f = m->lines;
        m->lines = f->next;
        if (f->serial)
            inbox_bytes_fini(&f->inbox);
        free(f->name);
        free(f);
    }
    free(m);
}

/* --- input -------------------------------------------------------------------------------------------------- */

void mux_break(struct host_mux *m)
{
    if (m->focus && m->focus->serial)
        inbox_bytes_break(&m->focus->inbox);
}

static void key_quit(struct host_mux *m)
{
    say(m, "\r\norrery: ended by Ctrl-A x\r\n");
    host_loop_quit(m->loop);
}

static void key_switch(struct host_mux *m)
{
    if (m->focus && m->lines->next)
        mux_focus(m, m->focus->next ? m->focus->next : m->lines);
}

static void key_commit(struct host_mux *m)
{
    if (m->on_commit)
        m->on_commit(m->commit_opaque);
    else
        say(m, "\r\nno disk here can be committed\r\n");
}

static void key_stamps(struct host_mux *m)
{
    m->stamps = !m->stamps;
    m->stamps_from = host_now_ns();
    m->line_start = false;
}

static void key_help(struct host_mux *m);

static const struct mux_key {
    char key;
    void (*press)(struct host_mux *m);
    const char *doc;
} keys[] = {
    { 'h', key_help, "this list" },
    { 'x', key_quit, "end the emulator" },
    { 'c', key_switch, "switch between console and monitor" },
    { 's', key_commit, "write disk changes to the image files (with -snapshot)" },
    { 't', key_stamps, "time stamps before lines on and off" },
    { 'b', mux_break, "send a break" },
};

static void key_help(struct host_mux *m)
{
    say(m, "\r\n");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char line[100];
        snprintf(line, sizeof line, "Ctrl-A %c       %s\r\n", keys[i].key, keys[i].doc);
        say(m, line);
    }
    say(m, "Ctrl-A Ctrl-A  send Ctrl-A\r\n");
}

static void deliver(struct host_mux *m, const u8 *bytes, size_t n)
{
    struct host_char_line *f = m->focus;
    if (!f || !n)
        return;
    if (!f->serial) {
        f->user.bytes(f->user.opaque, bytes, n);
        return;
    }
    size_t space = inbox_bytes_space(&f->inbox);
    inbox_bytes_put(&f->inbox, bytes, n < space ? n : space);
    if (n > space)
        say(m, "\a"); /* typed ahead more than the guest may ever read */
}

void mux_received(struct host_mux *m, const u8 *bytes, size_t n)
{
    size_t from = 0; /* of the run of plain bytes */
    m->typed = m->typed || n;
    for (size_t i = 0; i < n; i++) {
        if (m->escaped) {
            m->escaped = false;
            from = i + 1;
            u8 c = bytes[i];
            if (c == ESCAPE) {
                deliver(m, &c, 1);
                continue;
            }
            const struct mux_key *k = keys;
            while (k < keys + ARRAY_LEN(keys) && k->key != (c >= 'A' && c <= 'Z' ? c + 32 : c))
                k++;
            if (c == '?')
                k = keys;
            if (k < keys + ARRAY_LEN(keys))
                k->press(m);
        } else if (m->escape && bytes[i] == ESCAPE) {
            deliver(m, bytes + from, i - from);
            m->escaped = true;
        }
    }
    if (!m->escaped && from < n)
        deliver(m, bytes + from, n - from);
}

size_t mux_space(const struct host_mux *m)
{
    if (!m->focus)
        return 0;
    return m->focus->serial ? inbox_bytes_space(&m->focus->inbox) : INBOX_BYTES;
}

void mux_on_space(struct host_mux *m, void (*fn)(void *opaque), void *opaque)
{
    m->on_space = fn;
    m->space_opaque = opaque;
}

void mux_connected(struct host_mux *m, bool yes)
{
    if (yes == m->connected)
        return;
    m->connected = yes;
    m->escaped = false;
    tell_focus(m->focus, yes);
}

void mux_on_commit(struct host_mux *m, void (*fn)(void *opaque), void *opaque)
{
    m->on_commit = fn;
    m->commit_opaque = opaque;
}
