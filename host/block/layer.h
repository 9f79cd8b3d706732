/* One format driver at work on one file: what image.c stacks under a block_port, and what backing chains are made of.
 * Callers keep every range within `size`; everything in the file itself is checked by the driver. */
#ifndef HOST_BLOCK_LAYER_H
#define HOST_BLOCK_LAYER_H

#include "host/block/diskfile.h"
#include "host/block/image.h"

struct layer;

struct layer_ops {
    const char *format;
    bool (*read)(struct layer *l, u64 offset, u8 *out, size_t len, struct err *e);
    bool (*write)(struct layer *l, u64 offset, const u8 *in, size_t len, struct err *e);
    bool (*zero)(struct layer *l, u64 offset, u64 len, struct err *e);
    bool (*flush)(struct layer *l, struct err *e);
    /* What is at offset, and for how long (1..len). Depth 0 is this layer. */
    bool (*extent)(struct layer *l, u64 offset, u64 len, struct image_extent *out, struct err *e);
    bool (*resize)(struct layer *l, u64 size, struct err *e);
    void (*info)(struct layer *l, struct image_info *out);
    bool (*close)(struct layer *l, struct err *e); /* writes what is pending and frees the layer, even on failure */
};

struct layer {
    const struct layer_ops *ops;
    struct disk_file file;
    u64 size; /* bytes the guest sees */
    bool unmap; /* give freed space back to the host */
    struct layer *parent; /* whose backing file this is */
    unsigned depth;       /* 0 is the image itself */
};

#define BACKING_DEPTH_MAX 64

/* Opens `path`; format NULL probes. Takes over nothing; on failure NULL. */
struct layer *layer_open(const char *path, const char *format, const struct image_options *o, struct layer *parent,
                         struct err *e);
struct layer *raw_open(struct disk_file *f, const struct image_options *o, struct layer *parent, struct err *e);
struct layer *qcow2_open(struct disk_file *f, const struct image_options *o, struct layer *parent, struct err *e);

bool raw_create(const struct image_create *c, struct err *e);
bool qcow2_create(const struct image_create *c, struct err *e);

/* The layer under a port that image_open made. */
struct layer *image_layer(struct block_port *b);

extern const struct layer_ops raw_ops, qcow2_ops;

#endif
