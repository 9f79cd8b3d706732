#include "debugger/unpack.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"

#define MAX_UNPACKED ((size_t)512 << 20)
#define CHUNK ((size_t)1 << 20)

/* A library unpacks the next piece of its data into out[0..*n), sets *n to what came, and says how it goes on. */
enum step { GO_ON, END, DAMAGED };
typedef enum step unpacker(void *library, u8 *out, size_t *n);

/* What stands behind the end of the packed data (bzImage: the size) is not looked at. */
static bool unpack(bool ready, unpacker *step, void *library, const char *name, struct buf *out, struct err *e)
{
    u8 *chunk = xmalloc(CHUNK);
    size_t start = out->len;
    enum step r = ready ? GO_ON : DAMAGED;
    while (r == GO_ON && out->len - start <= MAX_UNPACKED) {
        size_t n = CHUNK;
        r = step(library, chunk, &n);
        buf_put(out, chunk, n);
    }
    free(chunk);
    if (r == GO_ON)
        return err_set(e, "the kernel unpacks to more than 512 MiB");
    return r == END || err_set(e, "the kernel's %s data is damaged", name);
}

static enum step gzip_step(void *library, u8 *out, size_t *n)
{
    z_stream *z = library;
    z->next_out = out;
    z->avail_out = (uInt)*n;
    int r = inflate(z, Z_NO_FLUSH);
    *n -= z->avail_out;
    return r == Z_OK ? GO_ON : r == Z_STREAM_END ? END : DAMAGED;
}

static bool gzip(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    z_stream z = { .next_in = (u8 *)data, .avail_in = (uInt)size };
    bool ok = unpack(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK, gzip_step, &z, "gzip", out, e);
    inflateEnd(&z);
    return ok;
}

static enum step xz_step(void *library, u8 *out, size_t *n)
{
    lzma_stream *z = library;
    z->next_out = out;
    z->avail_out = *n;
    lzma_ret r = lzma_code(z, LZMA_RUN);
    *n -= z->avail_out;
    return r == LZMA_OK ? GO_ON : r == LZMA_STREAM_END ? END : DAMAGED;
}

static bool xz(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    lzma_stream z = LZMA_STREAM_INIT;
    lzma_ret r = data[0] == 0xfd ? lzma_stream_decoder(&z, MAX_UNPACKED, 0) : lzma_alone_decoder(&z, MAX_UNPACKED);
    z.next_in = data;
    z.avail_in = size;
    bool ok = unpack(r == LZMA_OK, xz_step, &z, "xz", out, e);
    lzma_end(&z);
    return ok;
}

struct zstd {
    ZSTD_DStream *z;
    ZSTD_inBuffer in;
};

static enum step zstd_step(void *library, u8 *out, size_t *n)
{
    struct zstd *s = library;
    ZSTD_outBuffer o = { out, *n, 0 };
    size_t before = s->in.pos, r = ZSTD_decompressStream(s->z, &o, &s->in);
    *n = o.pos;
    if (ZSTD_isError(r) || (r && !o.pos && s->in.pos == before))
        return DAMAGED;
    return r ? GO_ON : END;
}

static bool zstd(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    struct zstd s = { ZSTD_createDStream(), { data, size, 0 } };
    bool ok = unpack(s.z != NULL, zstd_step, &s, "zstd", out, e);
    ZSTD_freeDStream(s.z);
    return ok;
}

static bool unpack_payload(const u8 *p, size_t n, struct buf *out, struct err *e)
{
    static const struct {
        u8 magic[6], n;
        bool (*unpack)(const u8 *data, size_t size, struct buf *out, struct err *e);
        const char *name;
    } kinds[] = {
        { { 0x1f, 0x8b }, 2, gzip, "gzip" }, { { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz, "xz" },
        { { 0x5d, 0, 0 }, 3, xz, "lzma" }, { { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd, "zstd" },
        { { 'B', 'Z', 'h' }, 3, NULL, "bzip2" }, { { 0x02, 0x21, 0x4c, 0x18 }, 4, NULL, "lz4" },
        { { 0x89, 'L', 'Z', 'O' }, 4, NULL, "lzo" },
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (n < 8 || memcmp(p, kinds[i].magic, kinds[i].n))
            continue;
        if (!kinds[i].unpack)
            return err_set(e, "the kernel is packed with %s, which is not read here: let the guest unpack it and take the "
                           "symbols from its memory (`symbols kernel`)", kinds[i].name);
        return kinds[i].unpack(p, n, out, e);
    }
    buf_put(out, p, n);
    return true;
}

bool unpack_kernel(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    u64 at = 0, n = size;
    if (size >= 0x260 && !memcmp(data + 0x202, "HdrS", 4)) {
        /* The Linux/x86 Boot Protocol: setup_sects, payload_offset from the protected-mode code on, payload_length. */
        u64 sectors = data[0x1f1] ? data[0x1f1] : 4;
        at = (sectors + 1) * 512 + load_le(data + 0x248, 4);
        n = load_le(data + 0x24c, 4);
    } else if (size >= 64 && !memcmp(data, "MZ", 2) && !memcmp(data + 4, "zimg", 4)) {
        at = load_le(data + 8, 4); /* Linux, include/linux/pe.h and drivers/firmware/efi/libstub/zboot-header.S */
        n = load_le(data + 12, 4);
    }
    if (at > size || n > size - at)
        return err_set(e, "the kernel's file is cut off: what is packed in it reaches behind its end");
    if (!n)
        return err_set(e, "there is no kernel in the file: it is empty");
    return unpack_payload(data + at, n, out, e);
}
