#include "cli/test_watch.h"

#include <stdlib.h>
#include <string.h>

/* --- what it says ----------------------------------------------------------------------------------------------- */

/* Does `p` end with the byte at `end` - 1, all of it behind `from`? */
static bool ends_here(const struct pattern *p, struct buf *b, size_t from, size_t end)
{
    const char *text = buf_cstr(b);
    if (!p->regex)
        return end - from >= p->n && !memcmp(text + end - p->n, p->text, p->n);
    bool whole = text[end - 1] == '\n';
    size_t stop = whole ? end - 1 : end, line = stop;
    while (line > from && text[line - 1] != '\n')
        line--;
    regmatch_t m = { .rm_so = 0, .rm_eo = (regoff_t)(stop - line) };
    int flags = REG_STARTEND | (whole ? 0 : REG_NOTEOL) | (line && text[line - 1] != '\n' ? REG_NOTBOL : 0);
    return !regexec(p->regex, text + line, 1, &m, flags);
}

/* True: what is wanted has come. */
static bool feed(struct test_console *c)
{
    while (c->want && c->fed < c->text.len)
        if (ends_here(c->want, &c->text, c->from, ++c->fed)) {
            c->want = NULL;
            c->from = c->fed;
            return true;
        }
    return false;
}

static bool judge(struct test_console *c)
{
    for (; c->judged < c->text.len && !c->rejected; c->judged++)
        for (unsigned i = 0; i < c->scenario->n_rejects; i++)
            if (ends_here(&c->scenario->reject[i], &c->text, 0, c->judged + 1))
                c->rejected = &c->scenario->reject[i];
    return c->rejected;
}

void test_console_write(void *opaque, const void *bytes, size_t n)
{
    struct test_console *c = opaque;
    for (size_t i = 0; i < n; i++)
        if (((const u8 *)bytes)[i] != '\r')
            buf_put(&c->text, (const u8 *)bytes + i, 1);
    if (c->m)
        c->active_at = c->m->clock.now;
    c->active = true;
    bool rejected = judge(c), found = feed(c);
    if ((rejected || found) && c->m)
        machine_stop_soon(c->m);
}

bool test_console_want(struct test_console *c, const struct pattern *p)
{
    c->want = p;
    c->fed = c->from;
    return feed(c);
}

/* --- disks and networks ----------------------------------------------------------------------------------------- */

/* What a disk held before a write that comes too late. */
struct late {
    struct late *next; /* the write before */
    unsigned drive;
    u64 offset;
    size_t n;
    u8 bytes[];
};

struct drive_tap {
    struct test_taps *taps;
    unsigned number;
    struct block_port *port;
    const struct block_ops *inner;
    struct block_ops ops;
};

struct net_tap {
    struct test_taps *taps;
    struct net_port *port;
    void (*send)(struct net_port *n, const u8 *frame, size_t len);
};

struct test_taps {
    struct machine *m;
    struct drive_tap drive[MACHINE_MAX_DRIVES];
    struct net_tap net[8];
    unsigned n_drives, n_nets;
    u64 writes, crash_at; /* 0: never */
    struct late *late;
    u64 active_at;
    bool active;
};

static void note(struct test_taps *t)
{
    t->active = true;
    t->active_at = t->m->clock.now;
}

bool test_taps_crashing(const struct test_taps *t)
{
    return t->crash_at && t->writes >= t->crash_at;
}

/* Firmware's flash is not a disk, and the board keeps a copy of what is in it. */
static bool counts(const struct drive_tap *d)
{
    return strncmp(d->port->id, "flash", 5);
}

static void before_write(struct drive_tap *d, u64 offset, u64 len)
{
    struct test_taps *t = d->taps;
    note(t);
    if (!counts(d) || !test_taps_crashing(t))
        return;
    enum { PIECE = 64 << 10 };
    while (len) {
        size_t n = len < PIECE ? (size_t)len : PIECE;
        struct late *l = xmalloc(sizeof *l + n);
        *l = (struct late){ .next = t->late, .drive = d->number, .offset = offset, .n = n };
        d->inner->read(d->port, offset, l->bytes, n, NULL);
        t->late = l;
        offset += n;
        len -= n;
    }
}

static void after_write(struct drive_tap *d)
{
    struct test_taps *t = d->taps;
    if (!counts(d))
        return;
    t->writes++;
    if (t->writes == t->crash_at)
        machine_stop_soon(t->m);
}

static bool drive_read(struct block_port *b, u64 offset, void *out, size_t len, struct err *e)
{
    struct drive_tap *d = b->tap;
    note(d->taps);
    return d->inner->read(b, offset, out, len, e);
}

static bool drive_write(struct block_port *b, u64 offset, const void *in, size_t len, struct err *e)
{
    struct drive_tap *d = b->tap;
    before_write(d, offset, len);
    bool ok = d->inner->write(b, offset, in, len, e);
    after_write(d);
    return ok;
}

static bool drive_zero(struct block_port *b, u64 offset, u64 len, struct err *e)
{
    struct drive_tap *d = b->tap;
    before_write(d, offset, len);
    bool ok = d->inner->zero(b, offset, len, e);
    after_write(d);
    return ok;
}

static void net_send(struct net_port *n, const u8 *frame, size_t len)
{
    struct net_tap *t = n->tap;
    note(t->taps);
    t->send(n, frame, len);
}

struct test_taps *test_taps_new(struct arena *a, struct machine *m)
{
    struct test_taps *t = ARENA_NEW(a, struct test_taps);
    const struct machine_config *c = m->config;
    t->m = m;
    for (unsigned i = 0; i < c->n_drives; i++) {
        struct block_port *b = c->drives[i];
        if (!b || b->tap)
            continue;
        struct drive_tap *d = &t->drive[t->n_drives++];
        *d = (struct drive_tap){ .taps = t, .number = i, .port = b, .inner = b->ops, .ops = *b->ops };
        d->ops.read = drive_read;
        d->ops.write = drive_write;
        d->ops.zero = drive_zero;
        b->tap = d;
        b->ops = &d->ops;
    }
    for (unsigned i = 0; i < c->n_nets; i++) {
        struct net_port *n = c->nets[i];
        if (!n || n->tap)
            continue;
        t->net[t->n_nets] = (struct net_tap){ .taps = t, .port = n, .send = n->send };
        n->tap = &t->net[t->n_nets++];
        n->send = net_send;
    }
    return t;
}

static void drop_late(struct test_taps *t)
{
    struct late *l = t->late;
    t->late = l->next;
    free(l);
}

void test_taps_free(struct test_taps *t)
{
    if (!t)
        return;
    while (t->late)
        drop_late(t);
    for (unsigned i = 0; i < t->n_drives; i++) {
        t->drive[i].port->ops = t->drive[i].inner;
        t->drive[i].port->tap = NULL;
    }
    for (unsigned i = 0; i < t->n_nets; i++) {
        t->net[i].port->send = t->net[i].send;
        t->net[i].port->tap = NULL;
    }
}

u64 test_taps_writes(const struct test_taps *t)
{
    return t->writes;
}

u64 test_taps_active(struct test_taps *t, bool **active)
{
    *active = &t->active;
    return t->active_at;
}

void test_taps_crash_at(struct test_taps *t, u64 n)
{
    t->crash_at = n;
}

void test_taps_crash(struct test_taps *t)
{
    u64 writes = test_taps_crashing(t) ? t->crash_at : t->writes;
    t->crash_at = 0;
    for (; t->late; drop_late(t)) {
        struct late *l = t->late;
        struct buf b = { 0 };
        buf_put_le(&b, l->drive, 1);
        buf_put_le(&b, l->offset, 8);
        buf_put(&b, l->bytes, l->n);
        machine_input(t->m, &t->m->disks, b.data, b.len);
        buf_free(&b);
    }
    t->writes = writes;
    machine_input(t->m, &t->m->control, (const u8[]){ MACHINE_CONTROL_POWER_CUT }, 1);
}
