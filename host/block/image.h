/* Disk images: raw and qcow2 files behind struct block_port, and what one does with them apart from running a guest.
 * The formats: docs of QEMU, "interop/qcow2". */
#ifndef HOST_BLOCK_IMAGE_H
#define HOST_BLOCK_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "iodev/backend.h"

struct image_options {
    const char *format; /* "raw", "qcow2"; NULL looks at the file */
    const char *id;     /* of the port; NULL: the path */
    bool read_only;
    bool snapshot; /* writes go to a temporary overlay; the image is opened read-only and never changes */
    bool share;    /* take no lock (img info -U) */
    const char *cache;   /* "writeback" (NULL), "none", "writethrough", "directsync", "unsafe" */
    const char *discard; /* "unmap"/"on" (NULL): zeroed space goes back to the host; "ignore"/"off": it is kept */
    bool repairing; /* for img check -r: opens what is marked corrupt or dirty as it is */
};

/* NULL with an error that says what to do. The port is freed by image_close. */
struct block_port *image_open(const char *path, const struct image_options *o, struct err *e);
/* Writes what is pending. False when that failed (the port is gone all the same). NULL is allowed. */
bool image_close(struct block_port *b, struct err *e);

/* --- Looking --- */

struct image_info {
    const char *format;
    const char *path;
    u64 size;      /* bytes the guest sees */
    u64 disk_size; /* bytes on the host */
    u64 cluster_size;            /* 0: the format has none, as the rest below */
    unsigned version;            /* of qcow2: 2 or 3 */
    unsigned refcount_bits;
    const char *compression;     /* "zlib", "zstd" */
    bool dirty, corrupt, lazy_refcounts, bitmaps;
    const char *backing, *backing_format, *backing_path; /* as written, as written, as opened; may be NULL */
    unsigned n_snapshots;
};

void image_get_info(struct block_port *b, struct image_info *out); /* texts live as long as the port */

struct image_extent {
    u64 offset, len;
    enum { EXTENT_DATA, EXTENT_ZERO, EXTENT_COMPRESSED, EXTENT_UNALLOCATED } kind; /* all but the last: present */
    unsigned depth; /* 0: in the image; 1: in its backing file; ... */
    bool has_host;
    u64 host; /* offset in the file, for EXTENT_DATA */
};

/* What is at `offset` and how far that goes. Offset must be below the size. */
bool image_extent_at(struct block_port *b, u64 offset, struct image_extent *out, struct err *e);

/* Called now and then with how much is done; returning false cancels. May be NULL. */
typedef bool image_progress(void *opaque, u64 done, u64 total);

#define IMAGE_HASH_TEXT 33
/* The hash of what the guest sees: XXH3 (128 bits) over the size, then index and XXH3 digest of every 64 KiB that
 * is not all zero. Equal for equal contents in any format, and quick on sparse images. */
bool image_hash(struct block_port *b, char out[IMAGE_HASH_TEXT], image_progress *progress, void *opaque,
                struct err *e);

/* --- Making --- */

struct image_create {
    const char *path, *format;
    u64 size;                    /* ignored if size_of_backing */
    bool size_of_backing;
    bool replace;                /* empty an existing file instead of refusing it */
    const char *backing, *backing_format;
    unsigned cluster_bits;       /* 0: 16 */
    unsigned version;            /* 0: 3 */
    unsigned refcount_bits;      /* 0: 16 */
    bool lazy_refcounts;
    const char *compression;     /* NULL: zlib */
};

bool image_create(const struct image_create *c, struct err *e);
bool image_resize(struct block_port *b, u64 size, struct err *e);

/* --- Snapshots inside a qcow2 image --- */

struct image_snapshot {
    const char *id, *name;
    u64 vm_state_size, disk_size, vm_clock_ns;
    u32 seconds, nanoseconds; /* since 1970 */
};

unsigned image_snapshot_count(struct block_port *b);
bool image_snapshot_get(struct block_port *b, unsigned n, struct image_snapshot *out); /* valid until the next change */
/* The time is the caller's to say: nothing below host asks for it, and tests need it fixed. */
bool image_snapshot_create(struct block_port *b, const char *name, u32 seconds, u32 nanoseconds, struct err *e);
bool image_snapshot_apply(struct block_port *b, const char *name_or_id, struct err *e);
bool image_snapshot_delete(struct block_port *b, const char *name_or_id, struct err *e);

/* --- Checking --- */

enum image_repair { REPAIR_NONE, REPAIR_LEAKS, REPAIR_ALL };

struct image_check {
    u64 corruptions, leaks;             /* found */
    u64 corruptions_fixed, leaks_fixed;
    u64 allocated, total;               /* guest clusters */
    u64 compressed;
    u64 end;                            /* of what is used of the file */
};

/* Each finding is told as a line to `tell` (may be NULL; only the first thousand are). False: could not check. */
bool image_check(struct block_port *b, enum image_repair repair, struct image_check *out,
                 void (*tell)(void *opaque, const char *line), void *opaque, struct err *e);

/* --- What the guest changed (machine snapshots) ---
 *
 * From image_track_writes on, the port remembers which 64 KiB chunks were written and, in a temporary file, what
 * they held before. A port opened with `snapshot` always tracks: its overlay is the change.
 *
 * Saving writes the present contents of those chunks. Loading makes the contents what they were when the changes
 * were saved: chunks written since are put back. It is right when the image under it is the one the saved changes
 * were made on; compare image_hash for that. */
#define IMAGE_CHUNK 65536

bool image_track_writes(struct block_port *b, struct err *e);
/* Calls fn for each run of changed chunks, in order. */
void image_changes_each(struct block_port *b, void (*fn)(void *opaque, u64 offset, u64 len), void *opaque);
bool image_changes_save(struct block_port *b, struct buf *out, struct err *e);
/* Changes nothing unless all of it was understood (a failing host disk apart). */
bool image_changes_load(struct block_port *b, struct reader *in, struct err *e);

#endif
