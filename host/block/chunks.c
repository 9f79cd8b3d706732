#include "host/block/chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void chunks_init(struct chunks *c)
{
    *c = (struct chunks){ .fd = -1 };
}

void chunks_fini(struct chunks *c)
{
    if (c->fd >= 0)
        close(c->fd);
    u64map_free(&c->map);
    c->fd = -1;
    c->slots = 0;
}

/* /var/tmp before /tmp: the second is often memory. */
static int temporary(void)
{
    const char *dirs[] = { getenv("TMPDIR"), "/var/tmp", "/tmp" };
    for (unsigned i = 0; i < ARRAY_LEN(dirs); i++) {
        int fd = dirs[i] ? open(dirs[i], O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
        if (fd >= 0)
            return fd;
    }
    return memfd_create("orrery-overlay", MFD_CLOEXEC);
}

static bool transfer(int fd, u8 *p, size_t len, u64 offset, bool writing, struct err *e)
{
    while (len) {
        ssize_t n = writing ? pwrite(fd, p, len, (off_t)offset) : pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, "the temporary file of the disk overlay failed: %s; set TMPDIR to a directory with space",
                           n ? strerror(errno) : "it ended early");
        p += n;
        len -= (size_t)n;
        offset += (u64)n;
    }
    return true;
}

bool chunks_read(const struct chunks *c, u64 chunk, size_t at, u8 *out, size_t len, struct err *e)
{
    u64 slot = u64map_get(&c->map, chunk);
    if (slot == CHUNK_ZERO || slot == U64MAP_NONE) {
        memset(out, 0, len);
        return true;
    }
    return transfer(c->fd, out, len, slot * IMAGE_CHUNK + at, false, e);
}

bool chunks_write(struct chunks *c, u64 chunk, size_t at, const u8 *in, size_t len, struct err *e)
{
    u64 slot = u64map_get(&c->map, chunk);
    if (slot == CHUNK_ZERO || slot == U64MAP_NONE) {
        u8 whole[IMAGE_CHUNK] = { 0 };
        memcpy(whole + at, in, len);
        return chunks_put(c, chunk, whole, e);
    }
    return transfer(c->fd, (u8 *)in, len, slot * IMAGE_CHUNK + at, true, e);
}

bool chunks_put(struct chunks *c, u64 chunk, const u8 *data, struct err *e)
{
    if (!data) {
        u64map_set(&c->map, chunk, CHUNK_ZERO); /* a slot it had is lost until the end: zeroing is rare */
        return true;
    }
    u64 slot = u64map_get(&c->map, chunk);
    bool fresh = slot == CHUNK_ZERO || slot == U64MAP_NONE;
    if (fresh) {
        if (c->fd < 0 && (c->fd = temporary()) < 0)
            return err_set(e, "cannot make a temporary file for the disk overlay: %s; set TMPDIR to a directory that "
                           "can be written", strerror(errno));
        slot = c->slots;
    }
    if (!transfer(c->fd, (u8 *)data, IMAGE_CHUNK, slot * IMAGE_CHUNK, true, e))
        return false;
    if (fresh) {
        c->slots++;
        u64map_set(&c->map, chunk, slot);
    }
    return true;
}
