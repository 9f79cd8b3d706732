/* `commit` and Ctrl-A s: what drives opened with `snapshot` keep in memory goes to their image files. */
#include <stdlib.h>

#include "cli/session.h"
#include "host/block/image.h"

struct commit {
    struct block_port *from, *to;
    struct err *e;
    bool ok;
};

static void copy_run(void *opaque, u64 offset, u64 len)
{
    struct commit *c = opaque;
    u8 *chunk = xmalloc(IMAGE_CHUNK);
    while (len && c->ok) {
        size_t n = len < IMAGE_CHUNK ? (size_t)len : IMAGE_CHUNK;
        c->ok = c->from->ops->read(c->from, offset, chunk, n, c->e) && c->to->ops->write(c->to, offset, chunk, n, c->e);
        offset += n;
        len -= n;
    }
    free(chunk);
}

static bool commit_drive(struct session *s, unsigned n, struct err *e)
{
    struct block_port *b = s->mc.drives[n];
    /* Without a lock: the drive itself holds one, for reading. */
    struct image_options io = { .format = s->drive[n].format, .id = b->id, .share = true };
    struct block_port *file = image_open(s->drive[n].path, &io, e);
    if (!file)
        return false;
    struct commit c = { b, file, e, true };
    image_changes_each(b, copy_run, &c);
    bool ok = c.ok && file->ops->flush(file, e);
    struct err closing;
    return image_close(file, ok ? e : &closing) && ok;
}

bool session_commit(struct session *s, struct err *e)
{
    if (s->replay || s->m->recorder)
        return err_set(e, "the images must stay as they are while a run is recorded or replayed");
    unsigned done = 0;
    for (unsigned i = 0; i < s->mc.n_drives; i++)
        if (s->drive[i].snapshot && !s->mc.drives[i]->read_only) {
            if (!commit_drive(s, i, e))
                return err_prefix(e, "drive '%s'", s->mc.drives[i]->id);
            done++;
        }
    return done || err_set(e, "no drive keeps its writes in memory: they are in the image files already");
}
