#include "cli/trace_file.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/arena.h"
#include "host/file/file.h"
#include "machine/record.h"

enum { CHUNK = 256 * 1024, RECORD = 32 };

static size_t take(struct trace_file *t, void *out, size_t n)
{
    size_t got = fread(out, 1, n, t->f);
    t->taken += got;
    return got;
}

/* More text behind what is there. False: there is none. */
static bool more(struct trace_file *t, struct err *e)
{
    if (t->over)
        return false;
    if (t->at) {
        memmove(t->text, t->text + t->at, t->len - t->at);
        t->len -= t->at;
        t->at = 0;
    }
    if (t->cap - t->len < CHUNK)
        t->text = xrealloc(t->text, t->cap = t->len + CHUNK);
    size_t got = 0;
    if (!t->zstd) {
        got = take(t, t->text + t->len, CHUNK);
    } else {
        ZSTD_outBuffer out = { t->text + t->len, CHUNK, 0 };
        while (!out.pos) {
            if (t->packed_at == t->packed_len) {
                t->packed_at = 0;
                if (!(t->packed_len = take(t, t->packed, CHUNK)))
                    break;
            }
            ZSTD_inBuffer in = { t->packed, t->packed_len, t->packed_at };
            size_t left = ZSTD_decompressStream(t->zstd, &out, &in);
            t->packed_at = in.pos;
            if (ZSTD_isError(left)) {
                t->over = true;
                return err_set(e, "%s: its compressed data is damaged (%s)", t->path, ZSTD_getErrorName(left));
            }
        }
        got = out.pos;
    }
    t->over = !got;
    t->len += got;
    if (!got && ferror(t->f))
        err_set(e, "%s: it cannot be read", t->path);
    return got > 0;
}

bool trace_file_open(struct trace_file *t, const char *path, struct err *e)
{
    static const u8 zstd_magic[4] = { 0x28, 0xb5, 0x2f, 0xfd };
    *t = (struct trace_file){ .path = path };
    bool input = !strcmp(path, "-");
    u8 start[8] = { 0 };
    if (!(t->f = input ? stdin : fopen(path, "rb")))
        return err_set(e, "%s: it cannot be read: %m", path);
    if (!input && !fseeko(t->f, 0, SEEK_END)) {
        off_t size = ftello(t->f);
        t->size = size > 0 ? (u64)size : 0;
        rewind(t->f);
    }
    size_t n = fread(start, 1, sizeof start, t->f);
    if (n >= 4 && !memcmp(start, zstd_magic, 4)) {
        t->zstd = ZSTD_createDCtx();
        t->packed = xmalloc(CHUNK);
        memcpy(t->packed, start, n);
        t->packed_len = n;
    } else {
        t->text = xmalloc(t->cap = CHUNK);
        memcpy(t->text, start, n);
        t->len = n;
    }
    t->taken = n;
    e->text[0] = 0;
    while (t->len < 256 && more(t, e))
        ;
    if (e->text[0])
        return false;
    if (t->len >= 8 && !memcmp(t->text, FLOW_MAGIC, 8))
        t->kind = TRACE_FLOW;
    else if (t->len >= 8 && is_recording((const char *)t->text))
        t->kind = TRACE_RECORDING;
    else if (memchr(t->text, 0, t->len < 256 ? t->len : 256))
        t->kind = TRACE_RECORDS;
    if (t->zstd && t->kind >= TRACE_FLOW)
        return err_set(e, "%s: unpack it first (zstd -d)", path);
    return true;
}

void trace_file_close(struct trace_file *t)
{
    if (t->f && t->f != stdin)
        fclose(t->f);
    ZSTD_freeDCtx(t->zstd);
    free(t->packed);
    free(t->text);
    *t = (struct trace_file){ 0 };
}

static const char *record(struct trace_file *t, size_t *n, struct err *e)
{
    static const u8 at[] = { 8, 12, 16, 20, 24, 28 };
    static const char *const name[] = { "pc", "insn", "rs1", "rs2", "next", "mem" };
    while (t->len - t->at < RECORD && more(t, e))
        ;
    if (t->len - t->at < RECORD)
        return NULL;
    u8 r[RECORD];
    memcpy(r, t->text + t->at, RECORD);
    t->at += RECORD;
    if (t->cap - t->len < 256)
        t->text = xrealloc(t->text, t->cap += 256);
    char *out = (char *)t->text + t->len; /* behind what was read */
    int k = snprintf(out, 256, "cycle %llu", (unsigned long long)load_le(r, 8));
    for (unsigned i = 0; i < ARRAY_LEN(at); i++)
        k += snprintf(out + k, 256 - (size_t)k, " %s 0x%08llx", name[i], (unsigned long long)load_le(r + at[i], 4));
    *n = (size_t)k;
    return out;
}

const char *trace_file_line(struct trace_file *t, size_t *n, struct err *e)
{
    e->text[0] = 0;
    if (t->kind == TRACE_RECORDS)
        return record(t, n, e);
    size_t looked = 0;
    for (;;) {
        size_t have = t->len - t->at;
        u8 *end = have > looked ? memchr(t->text + t->at + looked, '\n', have - looked) : NULL;
        if (!end && have < TRACE_MAX_LINE) {
            looked = have;
            if (more(t, e))
                continue;
            if (e->text[0] || !have)
                return NULL;
        }
        u8 *from = t->text + t->at;
        *n = end ? (size_t)(end - from) : have;
        t->at += *n + (end != NULL);
        return (const char *)from;
    }
}

static bool source_read(void *opaque, u64 offset, void *out, size_t n)
{
    struct trace_file *t = opaque;
    return !fseeko(t->f, (off_t)offset, SEEK_SET) && fread(out, 1, n, t->f) == n;
}

struct flow_source trace_file_source(struct trace_file *t)
{
    return (struct flow_source){ t, t->size, source_read };
}

/* --- names --------------------------------------------------------------------------------------------------------- */

static bool read_source(void *opaque, const char *path, struct buf *out)
{
    struct err e;
    return host_file_load(path, out, &e);
}

bool trace_names_add(struct trace_names *n, const char *path, struct err *e)
{
    struct buf b = { 0 };
    if (!n->syms) {
        n->syms = symbols_new();
        n->syms->read_file = read_source;
    }
    bool ok = host_file_load(path, &b, e) && symbols_add(n->syms, path, b.data, b.len, 0, e);
    buf_free(&b);
    return ok;
}

void trace_names_free(struct trace_names *n)
{
    if (n->syms)
        symbols_free(n->syms);
    n->syms = NULL;
}

void trace_names_at(const struct trace_names *n, u64 pc, char *out, size_t cap)
{
    *out = 0;
    if (n->syms)
        debugger_name_code(n->syms, pc, out, cap);
}

void trace_names_source(const struct trace_names *n, u64 pc, FILE *out)
{
    struct source_pos p;
    size_t len;
    if (!n->syms || !symbols_line_at(n->syms, pc, &p))
        return;
    const char *text = symbols_source_line(n->syms, p.file, p.line, &len);
    if (text)
        fprintf(out, "      %d\t%.*s\n", p.line, (int)len, text);
}
