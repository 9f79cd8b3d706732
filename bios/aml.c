#include "bios/aml.h"

#include <string.h>

/* --- packages ---------------------------------------------------------------------------------------------------- */

static void begin(struct aml *a, unsigned op)
{
    aml_op(a, op);
    a->open[a->depth++] = a->out.len;
}

/* 20.2.4: the length counts its own bytes; with one byte 63 at most, else 4 bits in the first and 8 in each of up to 3. */
static size_t put_length(u8 *at, size_t n, bool itself)
{
    size_t bytes = n + itself <= 63 ? 1 : n + 2 * itself < 1 << 12 ? 2 : n + 3 * itself < 1 << 20 ? 3 : 4;
    n += itself ? bytes : 0;
    if (bytes == 1) {
        at[0] = (u8)n;
        return 1;
    }
    at[0] = (u8)((bytes - 1) << 6 | (n & 15));
    for (size_t k = 1; k < bytes; k++)
        at[k] = (u8)(n >> (4 + 8 * (k - 1)));
    return bytes;
}

void aml_end(struct aml *a)
{
    size_t at = a->open[--a->depth], n = a->out.len - at;
    u8 length[4];
    size_t bytes = put_length(length, n, true);
    buf_put(&a->out, length, bytes); /* makes room */
    memmove(a->out.data + at + bytes, a->out.data + at, n);
    memcpy(a->out.data + at, length, bytes);
}

/* --- data -------------------------------------------------------------------------------------------------------- */

void aml_op(struct aml *a, unsigned op)
{
    if (op > 0xff)
        buf_put_le(&a->out, op >> 8, 1);
    buf_put_le(&a->out, op & 0xff, 1);
}

void aml_name(struct aml *a, const char *path)
{
    for (; *path == '\\' || *path == '^'; path++)
        buf_put(&a->out, path, 1);
    unsigned segments = *path != 0;
    for (const char *s = path; *s; s++)
        segments += *s == '.';
    if (segments == 2)
        aml_op(a, 0x2e);
    else if (segments > 2) {
        aml_op(a, 0x2f);
        aml_op(a, segments);
    } else if (!segments) {
        aml_op(a, 0);
    }
    while (*path) {
        size_t n = strcspn(path, ".");
        char segment[4] = { '_', '_', '_', '_' };
        memcpy(segment, path, n < 4 ? n : 4);
        buf_put(&a->out, segment, 4);
        path += n + (path[n] == '.');
    }
}

void aml_int(struct aml *a, u64 v)
{
    static const struct {
        u64 most;
        u8 prefix, bytes;
    } forms[] = { { 0xff, 0x0a, 1 }, { 0xffff, 0x0b, 2 }, { 0xffffffff, 0x0c, 4 }, { ~(u64)0, 0x0e, 8 } };
    if (v <= 1) {
        aml_op(a, (unsigned)v);
        return;
    }
    for (unsigned k = 0; k < ARRAY_LEN(forms); k++)
        if (v <= forms[k].most) {
            aml_op(a, forms[k].prefix);
            buf_put_le(&a->out, v, forms[k].bytes);
            return;
        }
}

void aml_string(struct aml *a, const char *s)
{
    aml_op(a, 0x0d);
    buf_put(&a->out, s, strlen(s) + 1);
}

void aml_eisa_id(struct aml *a, const char *id)
{
    u32 v = 0;
    for (unsigned k = 0; k < 3; k++)
        v = v << 5 | ((u32)id[k] - 0x40);
    for (unsigned k = 3; k < 7; k++)
        v = v << 4 | (u32)(id[k] <= '9' ? id[k] - '0' : id[k] - 'A' + 10);
    aml_op(a, 0x0c);
    buf_put_le(&a->out, __builtin_bswap32(v), 4);
}

/* --- objects ----------------------------------------------------------------------------------------------------- */

void aml_scope(struct aml *a, const char *path)
{
    begin(a, 0x10);
    aml_name(a, path);
}

void aml_device(struct aml *a, const char *name)
{
    begin(a, 0x5b82);
    aml_name(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args)
{
    begin(a, 0x14);
    aml_name(a, name);
    aml_op(a, args);
}

void aml_package(struct aml *a, unsigned elements)
{
    begin(a, 0x12);
    aml_op(a, elements);
}

void aml_if(struct aml *a) { begin(a, 0xa0); }

void aml_define(struct aml *a, const char *name)
{
    buf_put_le(&a->out, 0x08, 1);
    aml_name(a, name);
}

void aml_define_int(struct aml *a, const char *name, u64 v)
{
    aml_define(a, name);
    aml_int(a, v);
}

void aml_region(struct aml *a, const char *name, unsigned space, u64 offset, u64 length)
{
    aml_op(a, 0x5b80);
    aml_name(a, name);
    buf_put_le(&a->out, space, 1);
    aml_int(a, offset);
    aml_int(a, length);
}

void aml_field(struct aml *a, const char *region, unsigned access, const struct aml_unit *units)
{
    begin(a, 0x5b81);
    aml_name(a, region);
    buf_put_le(&a->out, access, 1);
    for (; units->name; units++) {
        u8 length[4];
        if (*units->name)
            aml_name(a, units->name);
        else
            buf_put_le(&a->out, 0, 1);
        buf_put(&a->out, length, put_length(length, units->bits, false));
    }
    aml_end(a);
}

/* --- resources: a Buffer whose size is written when it is closed --------------------------------------------------- */

void aml_resources(struct aml *a)
{
    begin(a, 0x11);
    aml_op(a, 0x0b); /* the size as a word */
    buf_put_le(&a->out, 0, 2);
}

void aml_resources_end(struct aml *a)
{
    buf_put_le(&a->out, 0x0079, 2); /* end tag; checksum 0: not used (6.4.2.9) */
    size_t at = a->open[a->depth - 1];
    store_le(a->out.data + at + 1, 2, a->out.len - at - 3);
    aml_end(a);
}

void aml_res_io(struct aml *a, u16 base, u8 length)
{
    buf_put_le(&a->out, 0x47, 1); /* 16-bit decode */
    buf_put_le(&a->out, 1, 1);
    buf_put_le(&a->out, base, 2);
    buf_put_le(&a->out, base, 2);
    buf_put_le(&a->out, 1, 1);
    buf_put_le(&a->out, length, 1);
}

void aml_res_irq(struct aml *a, unsigned irq)
{
    buf_put_le(&a->out, 0x22, 1);
    buf_put_le(&a->out, 1u << irq, 2);
}

void aml_res_dma(struct aml *a, unsigned channel)
{
    buf_put_le(&a->out, 0x2a, 1);
    buf_put_le(&a->out, 1u << channel, 1);
    buf_put_le(&a->out, 0, 1);
}

void aml_res_memory32(struct aml *a, bool writable, u32 base, u32 length)
{
    buf_put_le(&a->out, 0x86, 1);
    buf_put_le(&a->out, 9, 2);
    buf_put_le(&a->out, writable, 1);
    buf_put_le(&a->out, base, 4);
    buf_put_le(&a->out, length, 4);
}

void aml_res_interrupts(struct aml *a, const u32 *gsi, unsigned n)
{
    buf_put_le(&a->out, 0x89, 1);
    buf_put_le(&a->out, 2 + 4 * n, 2);
    buf_put_le(&a->out, 0x09, 1); /* consumer, level, active high, shared */
    buf_put_le(&a->out, n, 1);
    for (unsigned k = 0; k < n; k++)
        buf_put_le(&a->out, gsi[k], 4);
}

/* Address space descriptors (6.4.3.5). */
static void window(struct aml *a, unsigned tag, unsigned width, unsigned type, unsigned specific, u64 first, u64 last)
{
    buf_put_le(&a->out, tag, 1);
    buf_put_le(&a->out, 3 + 5 * width, 2);
    buf_put_le(&a->out, type, 1);
    buf_put_le(&a->out, 0x0c, 1); /* both ends fixed, positive decode, producer */
    buf_put_le(&a->out, specific, 1);
    buf_put_le(&a->out, 0, width); /* granularity */
    buf_put_le(&a->out, first, width);
    buf_put_le(&a->out, last, width);
    buf_put_le(&a->out, 0, width); /* translation */
    buf_put_le(&a->out, last - first + 1, width);
}

void aml_res_bus(struct aml *a, unsigned first, unsigned last) { window(a, 0x88, 2, 2, 0, first, last); }
void aml_res_ports(struct aml *a, u16 first, u16 last) { window(a, 0x88, 2, 1, 3, first, last); }
void aml_res_window32(struct aml *a, u32 first, u32 last, bool cacheable)
{
    window(a, 0x87, 4, 0, cacheable ? 3 : 1, first, last);
}
