#include "host/block/diskfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

/* QEMU's rights on an image (its block permissions), by the byte that stands for them. */
enum { RIGHT_READ = 0, RIGHT_WRITE = 1, RIGHT_RESIZE = 3 };
enum { HELD = 100, DENIED = 200 };

static bool lock_byte(int fd, off_t at)
{
    struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    /* A file system without locks leaves the image unguarded, as it always was there. */
    return fcntl(fd, F_OFD_SETLK, &l) == 0 || (errno != EAGAIN && errno != EACCES);
}

static bool byte_taken(int fd, off_t at)
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
    return fcntl(fd, F_OFD_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

/* First take, then look: of two that come at once, at least one sees the other. */
static bool lock_image(struct disk_file *f, struct err *e)
{
    bool ok = lock_byte(f->fd, HELD + RIGHT_READ);
    if (!f->read_only)
        ok = ok && lock_byte(f->fd, HELD + RIGHT_WRITE) && lock_byte(f->fd, HELD + RIGHT_RESIZE);
    ok = ok && lock_byte(f->fd, DENIED + RIGHT_WRITE) && lock_byte(f->fd, DENIED + RIGHT_RESIZE);
    bool writer = byte_taken(f->fd, HELD + RIGHT_WRITE) || byte_taken(f->fd, HELD + RIGHT_RESIZE);
    bool denied = byte_taken(f->fd, DENIED + RIGHT_READ);
    if (!f->read_only)
        denied = denied || byte_taken(f->fd, DENIED + RIGHT_WRITE) || byte_taken(f->fd, DENIED + RIGHT_RESIZE);
    if (ok && !writer && !denied)
        return true;
    if (f->read_only)
        return err_set(e, "%s: another process is writing to this image; end that one first", f->path);
    return err_set(e, "%s: another process %s this image, and two would destroy it; end that one first, or use "
                   "-snapshot or readonly=on in both", f->path, writer ? "is writing to" : "is using");
}

static bool open_failed(const char *path, bool read_only, struct err *e)
{
    if (errno == ENOENT)
        return err_set(e, "%s: there is no such image; check the path, or make it with \"orrery img create\"", path);
    if ((errno == EACCES || errno == EPERM || errno == EROFS) && !read_only)
        return err_set(e, "%s: not allowed to write it; check its permissions, or use readonly=on or -snapshot", path);
    if (errno == EACCES || errno == EPERM)
        return err_set(e, "%s: not allowed to read it; check its permissions (ls -l)", path);
    return err_set(e, "%s: cannot open it: %s", path, strerror(errno));
}

bool disk_file_open(struct disk_file *f, const char *path, bool read_only, bool lock, struct err *e)
{
    *f = (struct disk_file){ .fd = -1, .read_only = read_only };
    struct stat st;
    /* O_NONBLOCK: a FIFO is refused below instead of waited for. */
    f->fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 && errno == EISDIR)
        return err_set(e, "%s: is a directory; name an image file", path);
    if (f->fd < 0)
        return open_failed(path, read_only, e);
    f->path = xstrdup(path);
    bool ok;
    if (fstat(f->fd, &st) < 0) {
        ok = err_set(e, "%s: cannot look at it: %s", path, strerror(errno));
    } else if (S_ISREG(st.st_mode)) {
        f->size = (u64)st.st_size;
        ok = true;
    } else if (S_ISBLK(st.st_mode)) {
        off_t end = lseek(f->fd, 0, SEEK_END);
        f->size = end > 0 ? (u64)end : 0;
        ok = end >= 0 || err_set(e, "%s: cannot find the size of this device: %s", path, strerror(errno));
    } else {
        ok = err_set(e, "%s: is %s; name an image file or a block device", path,
                     S_ISDIR(st.st_mode) ? "a directory" : "neither a file nor a block device");
    }
    if (ok) {
        f->dev = st.st_dev;
        f->ino = st.st_ino;
        ok = !lock || lock_image(f, e);
    }
    if (!ok)
        disk_file_close(f);
    return ok;
}

bool disk_file_create(struct disk_file *f, const char *path, bool replace, struct err *e)
{
    *f = (struct disk_file){ .fd = -1 };
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) {
        close(fd);
        if (disk_file_open(f, path, false, true, e))
            return true;
        return false;
    }
    if (errno != EEXIST)
        return err_set(e, "%s: cannot make this image: %s", path, strerror(errno));
    if (!replace)
        return err_set(e, "%s: exists already; remove it first or choose another name", path);
    if (!disk_file_open(f, path, false, true, e))
        return false;
    if (disk_file_truncate(f, 0, e))
        return true;
    disk_file_close(f);
    return false;
}

void disk_file_close(struct disk_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    f->fd = -1;
    f->path = NULL;
}

bool disk_file_read(struct disk_file *f, u64 offset, void *out, size_t len, struct err *e)
{
    u8 *p = out;
    while (len) {
        if (offset >= f->size || offset > INT64_MAX - len) {
            memset(p, 0, len);
            return true;
        }
        ssize_t n = pread(f->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, "%s: reading at byte %llu failed: %s", f->path, (unsigned long long)offset,
                           strerror(errno));
        if (n == 0) { /* shorter than it was: somebody cut it */
            memset(p, 0, len);
            return true;
        }
        p += n;
        len -= (size_t)n;
        offset += (u64)n;
    }
    return true;
}

bool disk_file_write(struct disk_file *f, u64 offset, const void *in, size_t len, struct err *e)
{
    const u8 *p = in;
    if (offset > INT64_MAX - len)
        return err_set(e, "%s: byte %llu is beyond what a file can hold", f->path, (unsigned long long)offset);
    while (len) {
        ssize_t n = pwrite(f->fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, "%s: writing at byte %llu failed: %s%s", f->path, (unsigned long long)offset,
                           n ? strerror(errno) : "nothing was written",
                           n && errno == ENOSPC ? "; free some space on the host" : "");
        p += n;
        len -= (size_t)n;
        offset += (u64)n;
        if (offset > f->size)
            f->size = offset;
    }
    return true;
}

bool disk_file_zero(struct disk_file *f, u64 offset, u64 len, bool unmap, struct err *e)
{
    if (offset >= f->size)
        return true;
    if (len > f->size - offset)
        len = f->size - offset;
    if (!len)
        return true;
    int mode = unmap ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE;
    if (fallocate(f->fd, mode, (off_t)offset, (off_t)len) == 0)
        return true;
    static const u8 zeroes[65536];
    while (len) { /* a file system without holes */
        size_t n = len < sizeof zeroes ? (size_t)len : sizeof zeroes;
        if (!disk_file_write(f, offset, zeroes, n, e))
            return false;
        offset += n;
        len -= n;
    }
    return true;
}

bool disk_file_truncate(struct disk_file *f, u64 size, struct err *e)
{
    if (size > INT64_MAX || ftruncate(f->fd, (off_t)size) < 0)
        return err_set(e, "%s: cannot make it %llu bytes long: %s", f->path, (unsigned long long)size,
                       size > INT64_MAX ? "more than a file can hold" : strerror(errno));
    f->size = size;
    return true;
}

bool disk_file_sync(struct disk_file *f, struct err *e)
{
    if (f->no_sync || f->read_only)
        return true;
    while (fdatasync(f->fd) < 0) {
        if (errno == EINVAL || errno == EROFS)
            return true; /* nothing that could be synced */
        if (errno != EINTR)
            return err_set(e, "%s: the host could not put it on its disk: %s", f->path, strerror(errno));
    }
    return true;
}

bool disk_file_data(struct disk_file *f, u64 offset, u64 *until)
{
    *until = f->size;
    if (offset >= f->size) {
        *until = UINT64_MAX;
        return false;
    }
    off_t data = lseek(f->fd, (off_t)offset, SEEK_DATA);
    if (data < 0)
        return errno != ENXIO; /* ENXIO: only a hole follows; else the file system does not know */
    if ((u64)data > offset) {
        *until = (u64)data;
        return false;
    }
    off_t hole = lseek(f->fd, (off_t)offset, SEEK_HOLE);
    if (hole > 0 && (u64)hole > offset)
        *until = (u64)hole;
    return true;
}

u64 disk_file_allocated(struct disk_file *f)
{
    struct stat st;
    return fstat(f->fd, &st) == 0 ? (u64)st.st_blocks * 512 : 0;
}
