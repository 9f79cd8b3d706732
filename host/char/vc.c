/* A virtual console: somebody in this program shows what is written to it and types. */
#include "host/char/internal.h"

#include <stdlib.h>

#include "base/arena.h"

#define MOST_EARLY 65536 /* kept until somebody shows it */

struct vc {
    void (*show)(void *opaque, const u8 *bytes, size_t n);
    void *opaque;
    struct buf early;
};

static bool open_vc(struct host_char *c, const struct char_opts *o, struct err *e)
{
    c->impl = xcalloc(1, sizeof(struct vc));
    char_connected(c, true);
    return true;
}

static void write_vc(struct host_char *c, const u8 *bytes, size_t n)
{
    struct vc *v = c->impl;
    if (v->show)
        v->show(v->opaque, bytes, n);
    else if (v->early.len + n <= MOST_EARLY)
        buf_put(&v->early, bytes, n);
}

static void close_vc(struct host_char *c)
{
    struct vc *v = c->impl;
    buf_free(&v->early);
    free(v);
}

const struct char_kind char_vc = { .name = "vc", .open = open_vc, .write = write_vc, .close = close_vc };

bool host_char_vc_show(struct host_char *c, void (*show)(void *opaque, const u8 *bytes, size_t n), void *opaque)
{
    struct vc *v = c->impl;
    if (c->kind != &char_vc)
        return false;
    v->show = show;
    v->opaque = opaque;
    if (show && v->early.len)
        show(opaque, v->early.data, v->early.len);
    v->early.len = 0;
    return true;
}

void host_char_vc_type(struct host_char *c, const u8 *bytes, size_t n)
{
    mux_received(c->mux, bytes, n);
}
