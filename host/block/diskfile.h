/* The host file under an image: reads past its end are zeroes, writes are whole or fail, and a lock keeps a second
 * writer out.
 *
 * The lock is the one QEMU takes (open file description locks on single bytes: 100 + n for a right that is held,
 * 200 + n for a right that is denied to others), so qemu-img and Orrery refuse each other's files too. */
#ifndef HOST_BLOCK_DISKFILE_H
#define HOST_BLOCK_DISKFILE_H

#include "base/err.h"
#include "base/types.h"

struct disk_file {
    int fd; /* -1 when closed */
    char *path;
    u64 size; /* as far as it is written now */
    bool read_only;
    bool no_sync; /* cache=unsafe: syncs do nothing */
    u64 dev, ino; /* which file it is, however it was named */
};

/* `lock` false opens without locking (img info -U). On failure the file is closed and errors say why. */
bool disk_file_open(struct disk_file *f, const char *path, bool read_only, bool lock, struct err *e);
/* Makes an empty file; an existing regular file is emptied only if `replace` (and nobody uses it). */
bool disk_file_create(struct disk_file *f, const char *path, bool replace, struct err *e);
void disk_file_close(struct disk_file *f);

bool disk_file_read(struct disk_file *f, u64 offset, void *out, size_t len, struct err *e);
bool disk_file_write(struct disk_file *f, u64 offset, const void *in, size_t len, struct err *e);
/* Within the file: zeroes, giving the space back if `unmap`. Never grows the file. */
bool disk_file_zero(struct disk_file *f, u64 offset, u64 len, bool unmap, struct err *e);
bool disk_file_truncate(struct disk_file *f, u64 size, struct err *e);
bool disk_file_sync(struct disk_file *f, struct err *e);
/* Is there data at offset (true), and to where does that answer hold? Holes read as zeroes. */
bool disk_file_data(struct disk_file *f, u64 offset, u64 *until);
u64 disk_file_allocated(struct disk_file *f); /* bytes of space it takes on the host */

#endif
