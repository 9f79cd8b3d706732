#include "debugger/unpack.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"

#define MAX_UNPACKED ((size_t)512 << 20)
#define CHUNK ((size_t)1 << 20)

static bool too_large(const struct buf *out, size_t start, struct err *e)
{
    return out->len - start > MAX_UNPACKED ? (err_set(e, "the kernel unpacks to more than 512 MiB"), true) : false;
}

/* What stands behind the end of the packed data (bzImage: the size) is not looked at. */
static bool gzip(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    z_stream z = { .next_in = (u8 *)data, .avail_in = (uInt)size };
    u8 *chunk = xmalloc(CHUNK);
    size_t start = out->len;
    int r = inflateInit2(&z, 16 + MAX_WBITS);
    while (r == Z_OK && !too_large(out, start, e)) {
        z.next_out = chunk;
        z.avail_out = CHUNK;
        r = inflate(&z, Z_NO_FLUSH);
        buf_put(out, chunk, CHUNK - z.avail_out);
    }
    inflateEnd(&z);
    free(chunk);
    return r == Z_STREAM_END || (r != Z_OK && err_set(e, "the kernel's gzip data is damaged"));
}

static bool xz(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    lzma_stream z = LZMA_STREAM_INIT;
    u8 *chunk = xmalloc(CHUNK);
    size_t start = out->len;
    lzma_ret r = data[0] == 0xfd ? lzma_stream_decoder(&z, MAX_UNPACKED, 0) : lzma_alone_decoder(&z, MAX_UNPACKED);
    z.next_in = data;
    z.avail_in = size;
    while (r == LZMA_OK && !too_large(out, start, e)) {
        z.next_out = chunk;
        z.avail_out = CHUNK;
        r = lzma_code(&z, LZMA_RUN);
        buf_put(out, chunk, CHUNK - z.avail_out);
    }
    lzma_end(&z);
    free(chunk);
    return r == LZMA_STREAM_END || (r != LZMA_OK && err_set(e, "the kernel's xz data is damaged"));
}

static bool zstd(const u8 *data, size_t size, struct buf *out, struct err *e)
{
    ZSTD_DStream *z = ZSTD_createDStream();
    u8 *chunk = xmalloc(CHUNK);
    ZSTD_inBuffer in = { data, size, 0 };
    size_t r = z ? 1 : 0, start = out->len;
    bool ok = z != NULL;
    while (ok && r && !too_large(out, start, e)) {
        ZSTD_outBuffer o = { chunk, CHUNK, 0 };
        size_t before = in.pos;
        r = ZSTD_decompressStream(z, &o, &in);
        buf_put(out, chunk, o.pos);
        ok = !ZSTD_isError(r) && (o.pos || in.pos > before || !r);
    }
    ZSTD_freeDStream(z);
    free(chunk);
    return ok ? !r : err_set(e, "the kernel's zstd data is damaged");
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
