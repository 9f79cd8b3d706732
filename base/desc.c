#include "base/desc.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"

void fields_format(const struct reg_field *fields, u64 value, bool all, struct buf *out)
{
    const char *gap = "";
    for (const struct reg_field *f = fields; f && f->name; f++) {
        u64 v = bits_get(value, f->low, f->width);
        if (!v && !all)
            continue;
        buf_printf(out, v > 9 ? "%s%s=0x%llx" : "%s%s=%llu", gap, f->name, (unsigned long long)v);
        gap = " ";
    }
}

static u64 host_get(const u8 *p, unsigned size)
{
    switch (size) {
    case 1: return *p;
    case 2: { u16 v; memcpy(&v, p, 2); return v; }
    case 4: { u32 v; memcpy(&v, p, 4); return v; }
    default: { u64 v; memcpy(&v, p, 8); return v; }
    }
}

static void host_set(u8 *p, unsigned size, u64 value)
{
    switch (size) {
    case 1: *p = (u8)value; break;
    case 2: { u16 v = (u16)value; memcpy(p, &v, 2); break; }
    case 4: { u32 v = (u32)value; memcpy(p, &v, 4); break; }
    default: memcpy(p, &value, 8); break;
    }
}

u64 state_get(const struct state_field *f, const void *base, u32 index)
{
    return host_get((const u8 *)base + f->offset + (size_t)index * f->size, f->size);
}

void state_set(const struct state_field *f, void *base, u32 index, u64 value)
{
    host_set((u8 *)base + f->offset + (size_t)index * f->size, f->size, value);
}

size_t state_extent(const struct state_field *fields)
{
    size_t n = 1;
    for (const struct state_field *f = fields; f && f->name; f++)
        if (f->offset + (size_t)f->size * f->count > n)
            n = f->offset + (size_t)f->size * f->count;
    return n;
}

static u32 how_many(const struct state_field *fields)
{
    u32 n = 0;
    for (const struct state_field *f = fields; f && f->name; f++)
        n++;
    return n;
}

void state_save(const struct state_field *fields, const void *base, struct buf *out)
{
    buf_put_le(out, how_many(fields), 4);
    for (const struct state_field *f = fields; f && f->name; f++) {
        buf_put_str(out, f->name);
        buf_put_le(out, f->size, 1);
        buf_put_le(out, f->count, 4);
        const u8 *p = (const u8 *)base + f->offset;
        for (u32 i = 0; i < f->count; i++)
            buf_put_le(out, host_get(p + (size_t)i * f->size, f->size), f->size);
    }
}

static const struct state_field *find(const struct state_field *fields, const char *name)
{
    for (const struct state_field *f = fields; f && f->name; f++)
        if (!strcmp(f->name, name))
            return f;
    return NULL;
}

/* One pass over the stored fields; writes into base only when `store`. `seen` has a byte for each field, or is NULL. */
static bool load_pass(const struct state_field *fields, void *base, struct reader *in, bool store, u8 *seen,
                      struct err *e)
{
    u32 want = how_many(fields), n = (u32)reader_le(in, 4);
    if (in->bad || n != want)
        return err_set(e, "it holds %u fields where this version has %u", n, want);
    for (u32 k = 0; k < n; k++) {
        char name[64];
        reader_str(in, name, sizeof name);
        u64 size = reader_le(in, 1), count = reader_le(in, 4);
        const struct state_field *f = in->bad ? NULL : find(fields, name);
        if (!f)
            return err_set(e, "field '%s' is unknown to this version", in->bad ? "(cut short)" : name);
        /* As many as there should be and none twice: so none is missing. */
        if (seen && seen[f - fields]++)
            return err_set(e, "field '%s' stands there twice", name);
        if (f->size != size || f->count != count)
            return err_set(e, "field '%s' has another shape (%llu x %llu bytes, here %u x %u)", name,
                           (unsigned long long)count, (unsigned long long)size, f->count, f->size);
        const u8 *p = reader_bytes(in, (size_t)f->size * f->count);
        if (!p)
            return err_set(e, "field '%s' is cut short", name);
        for (u32 i = 0; f->boolean && i < f->count; i++)
            if (p[i] > 1)
                return err_set(e, "field '%s' is neither true nor false", name);
        for (u32 i = 0; store && i < f->count; i++)
            host_set((u8 *)base + f->offset + (size_t)i * f->size, f->size, load_le(p + (size_t)i * f->size, f->size));
    }
    return true;
}

bool state_load(const struct state_field *fields, void *base, struct reader *in, struct err *e)
{
    struct reader check = *in;
    u8 *seen = xcalloc(how_many(fields), 1);
    bool ok = load_pass(fields, base, &check, false, seen, e);
    free(seen);
    return ok && load_pass(fields, base, in, true, NULL, e);
}

u64 state_hash(const struct state_field *fields, const void *base, u64 hash)
{
    for (const struct state_field *f = fields; f && f->name; f++) {
        const u8 *p = (const u8 *)base + f->offset;
        if (f->size == 1) {
            hash = hash_bytes(p, f->count, hash);
            continue;
        }
        for (u32 i = 0; i < f->count; i++)
            hash = hash_u64(host_get(p + (size_t)i * f->size, f->size), hash);
    }
    return hash;
}

const struct state_field *state_diff(const struct state_field *fields, const void *a, const void *b, u32 *index)
{
    for (const struct state_field *f = fields; f && f->name; f++)
        for (u32 i = 0; i < f->count; i++) {
            size_t at = f->offset + (size_t)i * f->size;
            if (memcmp((const u8 *)a + at, (const u8 *)b + at, f->size)) {
                *index = i;
                return f;
            }
        }
    return NULL;
}
