/* 64 KiB chunks by index, kept in a temporary file without a name: the overlay of -snapshot, and what chunks of a
 * tracked image held before the guest wrote them. Chunks of zeroes take no space. */
#ifndef HOST_BLOCK_CHUNKS_H
#define HOST_BLOCK_CHUNKS_H

#include "base/err.h"
#include "base/types.h"
#include "host/block/image.h"
#include "host/block/u64map.h"

struct chunks {
    int fd; /* -1 until the first chunk with data */
    u64 slots;
    struct u64map map; /* chunk -> slot in the file, or CHUNK_ZERO */
};

#define CHUNK_ZERO (UINT64_MAX - 1)

void chunks_init(struct chunks *c);
void chunks_fini(struct chunks *c);
static inline bool chunks_has(const struct chunks *c, u64 chunk)
{
    return u64map_get(&c->map, chunk) != U64MAP_NONE;
}
/* Within one chunk that is there. */
bool chunks_read(const struct chunks *c, u64 chunk, size_t at, u8 *out, size_t len, struct err *e);
bool chunks_write(struct chunks *c, u64 chunk, size_t at, const u8 *in, size_t len, struct err *e);
/* Puts a whole chunk, new or not; NULL stands for zeroes. */
bool chunks_put(struct chunks *c, u64 chunk, const u8 *data, struct err *e);

#endif
