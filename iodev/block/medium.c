#include "iodev/block/medium.h"

void medium_put(const struct medium_text *t, struct buf *out)
{
    buf_put_le(out, t->id, 8);
    buf_put_str(out, t->path);
    buf_put_str(out, t->format);
    buf_put_str(out, t->hash);
    buf_put_le(out, t->read_only, 1);
}

bool medium_read(struct reader *in, struct medium_text *out)
{
    out->id = reader_le(in, 8);
    reader_str(in, out->path, sizeof out->path);
    reader_str(in, out->format, sizeof out->format);
    reader_str(in, out->hash, sizeof out->hash);
    out->read_only = reader_le(in, 1);
    return !in->bad && in->pos == in->len;
}

struct medium *medium_find(struct medium *shelf, u64 id)
{
    while (shelf && shelf->text.id != id)
        shelf = shelf->next;
    return shelf;
}

bool medium_inserted(const u8 *bytes, size_t n, struct medium_text *out)
{
    struct reader in = { .data = bytes, .len = n };
    return reader_le(&in, 1) == MEDIUM_INSERT && medium_read(&in, out);
}

bool medium_select(struct device *d, struct block_port *first, u64 id)
{
    struct medium *m = id ? medium_find(d->env->media, id) : NULL;
    d->drive = id ? m ? m->port : NULL : first;
    return !id || m;
}
