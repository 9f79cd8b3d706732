/* A raw image: the bytes of the disk, as they are. A last sector that is not whole reads as if filled with zeroes. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "host/block/layer.h"

static bool raw_read(struct layer *l, u64 offset, u8 *out, size_t len, struct err *e)
{
    return disk_file_read(&l->file, offset, out, len, e);
}

static bool raw_write(struct layer *l, u64 offset, const u8 *in, size_t len, struct err *e)
{
    return disk_file_write(&l->file, offset, in, len, e);
}

static bool raw_zero(struct layer *l, u64 offset, u64 len, struct err *e)
{
    return disk_file_zero(&l->file, offset, len, l->unmap, e);
}

static bool raw_flush(struct layer *l, struct err *e)
{
    return disk_file_sync(&l->file, e);
}

static bool raw_extent(struct layer *l, u64 offset, u64 len, struct image_extent *out, struct err *e)
{
    u64 until;
    bool data = disk_file_data(&l->file, offset, &until);
    *out = (struct image_extent){ .offset = offset, .len = len, .kind = data ? EXTENT_DATA : EXTENT_ZERO,
                                  .has_host = true, .host = offset };
    if (until - offset < len)
        out->len = until - offset;
    return true;
}

static bool raw_resize(struct layer *l, u64 size, struct err *e)
{
    if (!disk_file_truncate(&l->file, size, e))
        return false;
    l->size = (size + 511) & ~(u64)511;
    return true;
}

static void raw_info(struct layer *l, struct image_info *out)
{
}

static bool raw_close(struct layer *l, struct err *e)
{
    bool ok = disk_file_sync(&l->file, e);
    disk_file_close(&l->file);
    free(l);
    return ok;
}

const struct layer_ops raw_ops = {
    .format = "raw",
    .read = raw_read,
    .write = raw_write,
    .zero = raw_zero,
    .flush = raw_flush,
    .extent = raw_extent,
    .resize = raw_resize,
    .info = raw_info,
    .close = raw_close,
};

struct layer *raw_open(struct disk_file *f, const struct image_options *o, struct layer *parent, struct err *e)
{
    if (f->size > INT64_MAX - 511) {
        err_set(e, "%s: is too large for a disk", f->path);
        return NULL;
    }
    struct layer *l = xcalloc(1, sizeof *l);
    l->ops = &raw_ops;
    l->file = *f;
    l->size = (f->size + 511) & ~(u64)511;
    return l;
}

bool raw_create(const struct image_create *c, struct err *e)
{
    struct disk_file f;
    if (c->backing)
        return err_set(e, "%s: a raw image cannot have a backing file; use -f qcow2", c->path);
    if (!disk_file_create(&f, c->path, c->replace, e))
        return false;
    bool ok = disk_file_truncate(&f, c->size, e);
    disk_file_close(&f);
    return ok;
}
