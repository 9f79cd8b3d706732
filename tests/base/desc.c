/* Descriptions of state: what is saved comes back, what does not fit is refused whole, and the hash is of values. */
#include <stdlib.h>
#include <string.h>

#include "base/desc.h"
#include "tests/unit.h"

struct dev {
    u8 a;
    u32 b;
    u64 c;
    u16 list[5];
    u8 bytes[7];
    bool flag;
};
static const struct state_field fields[] = {
    STATE(struct dev, a), STATE(struct dev, b), STATE(struct dev, c), STATE_ARRAY(struct dev, list),
    STATE_ARRAY(struct dev, bytes), STATE(struct dev, flag), STATE_END,
};

/* The next version: the same members elsewhere, and the table in another order. */
struct dev2 {
    u64 gap;
    bool flag;
    u8 bytes[7];
    u64 c;
    u16 list[5];
    u32 b;
    u8 a;
};
static const struct state_field fields2[] = {
    STATE(struct dev2, flag), STATE_ARRAY(struct dev2, list), STATE(struct dev2, a), STATE(struct dev2, c),
    STATE_ARRAY(struct dev2, bytes), STATE(struct dev2, b), STATE_END,
};
/* The table in the same order over the other layout: what the hash must not see. */
static const struct state_field fields2_same_order[] = {
    STATE(struct dev2, a), STATE(struct dev2, b), STATE(struct dev2, c), STATE_ARRAY(struct dev2, list),
    STATE_ARRAY(struct dev2, bytes), STATE(struct dev2, flag), STATE_END,
};

static const struct dev example = { 0x81, 0xdeadbeef, 0x8123456789abcdef, { 1, 2, 0x8000, 4, 0xffff },
                                    { 9, 8, 7, 6, 5, 4, 255 }, true };

static void there_and_back(void)
{
    struct buf s = { 0 };
    state_save(fields, &example, &s);
    struct dev d;
    memset(&d, 0xaa, sizeof d);
    struct reader in = { .data = s.data, .len = s.len };
    struct err e = { "" };
    CU_ASSERT_TRUE(state_load(fields, &d, &in, &e));
    CU_ASSERT_EQUAL(in.pos, s.len);
    u32 index;
    CU_ASSERT_PTR_NULL(state_diff(fields, &d, &example, &index));

    /* Into the other version, by name. */
    struct dev2 n = { .gap = 77 };
    in = (struct reader){ .data = s.data, .len = s.len };
    CU_ASSERT_TRUE(state_load(fields2, &n, &in, &e));
    CU_ASSERT_EQUAL(n.gap, 77);
    CU_ASSERT_EQUAL(n.a, example.a);
    CU_ASSERT_EQUAL(n.b, example.b);
    CU_ASSERT_EQUAL(n.c, example.c);
    CU_ASSERT(!memcmp(n.list, example.list, sizeof n.list));
    CU_ASSERT(!memcmp(n.bytes, example.bytes, sizeof n.bytes));
    CU_ASSERT_EQUAL(n.flag, true);
    CU_ASSERT_EQUAL(state_hash(fields2_same_order, &n, 5), state_hash(fields, &example, 5));
    buf_free(&s);
}

static void little_endian_file(void)
{
    static const struct state_field one[] = { STATE(struct dev, b), STATE_END };
    static const u8 want[] = { 1, 0, 0, 0, 1, 0, 0, 0, 'b', 4, 1, 0, 0, 0, 0xef, 0xbe, 0xad, 0xde };
    struct buf s = { 0 };
    state_save(one, &example, &s);
    CU_ASSERT_EQUAL(s.len, sizeof want);
    CU_ASSERT(!memcmp(s.data, want, sizeof want));
    buf_free(&s);
}

/* Tries to load `table`'s save of `from` with our table; it must fail, name `name` and leave the struct alone. */
static void refused(const struct state_field *table, const void *from, const char *name)
{
    struct buf s = { 0 };
    state_save(table, from, &s);
    struct dev d, before;
    memset(&d, 0x5a, sizeof d);
    before = d;
    struct reader in = { .data = s.data, .len = s.len };
    struct err e = { "" };
    CU_ASSERT_FALSE(state_load(fields, &d, &in, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, name));
    if (!strstr(e.text, name))
        fprintf(stderr, "'%s' does not say '%s'\n", e.text, name);
    CU_ASSERT(!memcmp(&d, &before, sizeof d));
    buf_free(&s);
}

static void what_does_not_fit(void)
{
    static const struct state_field fewer[] = { STATE(struct dev, a), STATE(struct dev, b), STATE_END };
    refused(fewer, &example, "2 fields");
    /* The last one has another name, width, count; one stands there twice and so another is missing. */
    static const struct state_field renamed[] = {
        STATE(struct dev, a), STATE(struct dev, b), STATE(struct dev, c), STATE_ARRAY(struct dev, list),
        STATE_ARRAY(struct dev, bytes), { "flags", offsetof(struct dev, flag), 1, 1, true }, STATE_END,
    };
    refused(renamed, &example, "'flags'");
    static const struct state_field wider[] = {
        STATE(struct dev, a), STATE(struct dev, b), STATE(struct dev, c), STATE_ARRAY(struct dev, list),
        STATE_ARRAY(struct dev, bytes), { "flag", offsetof(struct dev, list), 2, 1, false }, STATE_END,
    };
    refused(wider, &example, "'flag'");
    static const struct state_field longer[] = {
        STATE(struct dev, a),
        STATE(struct dev, b),
        STATE(struct dev, c),
        { "list", offsetof(struct dev, list), 2, 4, false },
        STATE_ARRAY(struct dev, bytes),
        STATE(struct dev, flag),
        STATE_END,
    };
    refused(longer, &example, "'list'");
    static const struct state_field twice[] = {
        STATE(struct dev, a), STATE(struct dev, b), STATE(struct dev, c), STATE(struct dev, b),
        STATE_ARRAY(struct dev, bytes), STATE(struct dev, flag), STATE_END,
    };
    refused(twice, &example, "'b'");
    struct dev two = example;
    memcpy((u8 *)&two + offsetof(struct dev, flag), &(u8){ 2 }, 1); /* a bool that is neither */
    static const struct state_field as_bytes[] = {
        STATE(struct dev, a), STATE(struct dev, b), STATE(struct dev, c), STATE_ARRAY(struct dev, list),
        STATE_ARRAY(struct dev, bytes), { "flag", offsetof(struct dev, flag), 1, 1, false }, STATE_END,
    };
    refused(as_bytes, &two, "'flag'");
}

static void cut_anywhere(void)
{
    struct buf s = { 0 };
    state_save(fields, &example, &s);
    for (size_t n = 0; n < s.len; n++) {
        struct dev d, before;
        memset(&d, 0x5a, sizeof d);
        before = d;
        /* Memory of its own, so that a sanitizer sees a step too far. */
        u8 *copy = malloc(n ? n : 1);
        memcpy(copy, s.data, n);
        struct reader in = { .data = copy, .len = n };
        struct err e = { "" };
        CU_ASSERT_FALSE(state_load(fields, &d, &in, &e));
        CU_ASSERT_NOT_EQUAL(e.text[0], 0);
        CU_ASSERT(!memcmp(&d, &before, sizeof d));
        free(copy);
    }
    buf_free(&s);
}

static void hash_and_diff_see_every_byte(void)
{
    u64 h = state_hash(fields, &example, 0);
    CU_ASSERT_NOT_EQUAL(h, state_hash(fields, &example, 1));
    for (const struct state_field *f = fields; f->name; f++)
        for (u32 i = 0; i < f->size * f->count; i++) {
            struct dev d = example;
            ((u8 *)&d)[f->offset + i] ^= 1;
            CU_ASSERT_NOT_EQUAL(state_hash(fields, &d, 0), h);
            u32 index = 99;
            CU_ASSERT_PTR_EQUAL(state_diff(fields, &d, &example, &index), f);
            CU_ASSERT_EQUAL(index, i / f->size);
        }
    /* Padding is not state. */
    struct dev x, y;
    memset(&x, 0, sizeof x);
    memset(&y, 0xff, sizeof y);
    for (const struct state_field *f = fields; f->name; f++) {
        memcpy((u8 *)&x + f->offset, (const u8 *)&example + f->offset, (size_t)f->size * f->count);
        memcpy((u8 *)&y + f->offset, (const u8 *)&example + f->offset, (size_t)f->size * f->count);
    }
    CU_ASSERT_EQUAL(state_hash(fields, &x, 0), state_hash(fields, &y, 0));
}

static void nothing_to_save(void)
{
    struct buf s = { 0 };
    state_save(NULL, NULL, &s);
    CU_ASSERT_EQUAL(s.len, 4);
    struct reader in = { .data = s.data, .len = s.len };
    struct err e = { "" };
    CU_ASSERT_TRUE(state_load(NULL, NULL, &in, &e));
    CU_ASSERT_EQUAL(state_hash(NULL, NULL, 42), 42);
    buf_free(&s);
}

static void register_fields(void)
{
    static const struct reg_field f[] = {
        { "EN", 0, 1, "" }, { "MODE", 4, 4, "" }, { "TOP", 63, 1, "" }, { NULL, 0, 0, NULL },
    };
    static const struct reg_field all[] = { { "ALL", 0, 64, "" }, { NULL, 0, 0, NULL } };
    struct buf b = { 0 };
    fields_format(f, 0x8000000000000093, false, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "EN=1 MODE=9 TOP=1");
    b.len = 0;
    fields_format(f, 0xa0, false, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "MODE=0xa");
    b.len = 0;
    fields_format(f, 0xa0, true, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "EN=0 MODE=0xa TOP=0");
    b.len = 0;
    fields_format(f, 0, false, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "");
    fields_format(all, UINT64_MAX, false, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "ALL=0xffffffffffffffff");
    b.len = 0;
    fields_format(NULL, 5, true, &b);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&b), "");
    buf_free(&b);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "there and back, and into another layout", there_and_back },
        { "the file is little-endian", little_endian_file },
        { "what does not fit is refused by name", what_does_not_fit },
        { "cut short anywhere", cut_anywhere },
        { "hash and difference see every byte of state, no padding", hash_and_diff_see_every_byte },
        { "a part without state", nothing_to_save },
        { "fields of a register", register_fields },
        CU_TEST_INFO_NULL,
    };
    return unit_main("desc", tests);
}
