/* Images of a kernel that never was, with what linux.c looks for in one: a banner, kallsyms in each of its layouts, BTF. */
#ifndef TESTS_DEBUGGER_LINUX_IMAGE_H
#define TESTS_DEBUGGER_LINUX_IMAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"

enum layout { LAYOUT_6_4, LAYOUT_5, LAYOUT_5_PER_CPU, LAYOUT_4_5, LAYOUT_5_32_BIT, LAYOUTS };

#define IMAGE_SYMBOLS 700
#define IMAGE_BASE 0xffffffff80200000ull

static inline u64 image_base(enum layout how)
{
    return how == LAYOUT_5_32_BIT ? 0xc1000000 : IMAGE_BASE;
}

static inline unsigned image_word(enum layout how)
{
    return how == LAYOUT_5_32_BIT ? 4 : 8;
}

static inline u64 image_address(unsigned i, enum layout how)
{
    return how == LAYOUT_5_PER_CPU && i < 20 ? 0x1000 + 16 * i : image_base(how) + 64 * (u64)i;
}

static inline void image_symbol_name(unsigned i, char *out, size_t n)
{
    static const struct {
        unsigned at;
        const char *name;
    } some[] = { { 3, "Acurrent_task" }, { 30, "T_text" }, { 31, "T_stext" }, { 40, "Tdo_exit" }, { 500, "Dinit_task" },
                 { IMAGE_SYMBOLS - 1, "B_end" } };
    snprintf(out, n, "%cfunc_%03u", i % 3 ? 't' : 'T', i);
    for (size_t k = 0; k < ARRAY_LEN(some); k++)
        if (some[k].at == i)
            snprintf(out, n, "%s", some[k].name);
    if (i == 41) /* longer than 127 packed: two bytes of length */
        snprintf(out, n, "t%0200u", 7);
}

static inline void image_align(struct buf *b, size_t to)
{
    while (b->len % to)
        buf_put_le(b, 0, 1);
}

static inline void image_names(struct buf *b, struct buf *markers)
{
    size_t start = b->len;
    for (unsigned i = 0; i < IMAGE_SYMBOLS; i++) {
        char name[300];
        u8 packed[300];
        size_t n = 0;
        if (i % 256 == 0)
            buf_put_le(markers, b->len - start, 4);
        image_symbol_name(i, name, sizeof name);
        for (const char *p = name; *p; p++) {
            bool token = !strncmp(p, "func_", 5);
            packed[n++] = token ? 1 : (u8)*p;
            p += token ? 4 : 0;
        }
        if (n < 128)
            buf_put_le(b, n, 1);
        else
            buf_put_le(b, (n & 0x7f) | 0x80 | n >> 7 << 8, 2);
        buf_put(b, packed, n);
    }
}

static inline void image_tokens(struct buf *b, unsigned word)
{
    u16 index[256];
    size_t start = b->len;
    for (unsigned c = 0; c < 256; c++) {
        index[c] = (u16)(b->len - start);
        if (c == 1)
            buf_put(b, "func_", 5);
        else if (c > 32 && c < 127)
            buf_put_le(b, c, 1);
        buf_put_le(b, 0, 1);
    }
    image_align(b, word);
    for (unsigned c = 0; c < 256; c++)
        buf_put_le(b, index[c], 2);
}

static inline void image_values(struct buf *b, enum layout how)
{
    image_align(b, image_word(how));
    for (unsigned i = 0; i < IMAGE_SYMBOLS; i++) {
        u64 a = image_address(i, how);
        if (how == LAYOUT_4_5)
            buf_put_le(b, a, 8);
        else if (how == LAYOUT_5_PER_CPU)
            buf_put_le(b, a < IMAGE_BASE ? a : IMAGE_BASE - 1 - a, 4);
        else
            buf_put_le(b, a - image_base(how), 4);
    }
    image_align(b, image_word(how));
    if (how != LAYOUT_4_5)
        buf_put_le(b, image_base(how), image_word(how));
}

static inline void image_kallsyms(struct buf *b, enum layout how)
{
    struct buf markers = { 0 };
    image_align(b, 4096);
    if (how != LAYOUT_6_4)
        image_values(b, how);
    buf_put_le(b, IMAGE_SYMBOLS, 4);
    image_align(b, image_word(how));
    image_names(b, &markers);
    image_align(b, image_word(how));
    buf_put(b, markers.data, markers.len);
    image_align(b, image_word(how));
    buf_free(&markers);
    if (how == LAYOUT_5_PER_CPU) /* as 6.2 and 6.3: the order of names, 3 bytes each */
        for (unsigned i = 0; i < IMAGE_SYMBOLS; i++)
            buf_put_le(b, i, 3);
    image_align(b, image_word(how));
    image_tokens(b, image_word(how));
    if (how == LAYOUT_6_4)
        image_values(b, how);
}

/* --- BTF --------------------------------------------------------------------------------------------------------- */

struct btf_image {
    struct buf types, strings;
    u32 n;
};

static inline u32 btf_string(struct btf_image *b, const char *s)
{
    u32 at = (u32)b->strings.len;
    if (!at)
        buf_put_le(&b->strings, 0, 1);
    at = (u32)b->strings.len;
    buf_put(&b->strings, s, strlen(s) + 1);
    return *s ? at : 0;
}

static inline u32 btf_put(struct btf_image *b, const char *name, u32 kind, u32 n, bool flag, u32 word)
{
    buf_put_le(&b->types, btf_string(b, name), 4);
    buf_put_le(&b->types, kind << 24 | n | (u32)flag << 31, 4);
    buf_put_le(&b->types, word, 4);
    return ++b->n;
}

static inline void btf_put3(struct btf_image *b, u32 x, u32 y, u32 z)
{
    buf_put_le(&b->types, x, 4);
    buf_put_le(&b->types, y, 4);
    buf_put_le(&b->types, z, 4);
}

/* struct task_struct { int state; union { int a; long b; }; unsigned low : 3, high : 5; char comm[16]; struct task_struct *next;
 * struct mm *mm; enum mood mood; }; and what goes with it */
static inline void image_btf(struct buf *out)
{
    struct btf_image b = { .n = 0 };
    u32 i32_ = btf_put(&b, "int", 1, 0, false, 4);
    buf_put_le(&b.types, 1 << 24 | 32, 4);
    u32 u32_ = btf_put(&b, "unsigned int", 1, 0, false, 4);
    buf_put_le(&b.types, 32, 4);
    u32 i64_ = btf_put(&b, "long", 1, 0, false, 8);
    buf_put_le(&b.types, 1 << 24 | 64, 4);
    u32 char_ = btf_put(&b, "char", 1, 0, false, 1);
    buf_put_le(&b.types, 8, 4);
    u32 comm = btf_put(&b, "", 3, 0, false, 0);
    btf_put3(&b, char_, i32_, 16);
    u32 mood = btf_put(&b, "mood", 6, 2, true, 4);
    u32 calm = btf_string(&b, "CALM"), angry = btf_string(&b, "ANGRY");
    buf_put_le(&b.types, calm, 4);
    buf_put_le(&b.types, 0, 4);
    buf_put_le(&b.types, angry, 4);
    buf_put_le(&b.types, (u32)-7, 4);
    u32 forward = btf_put(&b, "mm", 7, 0, false, 0);
    u32 to_mm = btf_put(&b, "", 2, 0, false, forward);
    u32 either = btf_put(&b, "", 5, 2, false, 8);
    u32 a = btf_string(&b, "a"), bb = btf_string(&b, "b");
    btf_put3(&b, a, i32_, 0);
    btf_put3(&b, bb, i64_, 0);
    u32 task = b.n + 1, to_task = b.n + 2;
    btf_put(&b, "task_struct", 4, 8, true, 64);
    u32 names[8];
    static const char *const words[] = { "state", "", "low", "high", "comm", "next", "mm", "mood" };
    for (unsigned i = 0; i < 8; i++)
        names[i] = btf_string(&b, words[i]);
    btf_put3(&b, names[0], i32_, 0);
    btf_put3(&b, names[1], either, 64);
    btf_put3(&b, names[2], u32_, 3 << 24 | 128);
    btf_put3(&b, names[3], u32_, 5 << 24 | 131);
    btf_put3(&b, names[4], comm, 160);
    btf_put3(&b, names[5], to_task, 320);
    btf_put3(&b, names[6], to_mm, 384);
    btf_put3(&b, names[7], mood, 448);
    btf_put(&b, "", 2, 0, false, task);
    btf_put(&b, "mm", 4, 1, false, 8); /* what the declaration meant */
    u32 users = btf_string(&b, "users");
    btf_put3(&b, users, i64_, 0);
    u32 wide = btf_put(&b, "wide", 19, 1, false, 8);
    u32 huge = btf_string(&b, "HUGE_ONE");
    btf_put3(&b, huge, 5, 1);
    u32 proto = btf_put(&b, "", 13, 2, false, 0), code = btf_string(&b, "code"), who = btf_string(&b, "who");
    buf_put_le(&b.types, code, 4);
    buf_put_le(&b.types, i64_, 4);
    buf_put_le(&b.types, who, 4);
    buf_put_le(&b.types, to_task, 4);
    btf_put(&b, "do_exit", 12, 1, false, proto);
    u32 alias = btf_put(&b, "task_t", 8, 0, false, task);
    u32 constant = btf_put(&b, "", 10, 0, false, alias);
    btf_put(&b, "", 11, 0, false, constant);
    btf_put(&b, "current_task", 14, 0, false, to_task);
    buf_put_le(&b.types, 1, 4);
    btf_put(&b, "note", 17, 0, false, task);
    buf_put_le(&b.types, UINT32_MAX, 4);
    btf_put(&b, "user", 18, 0, false, wide);
    btf_put(&b, "float", 16, 0, false, 4);
    image_align(out, 8);
    buf_put_le(out, 0xeb9f, 2);
    buf_put_le(out, 1, 2);
    buf_put_le(out, 24, 4);
    buf_put_le(out, 0, 4);
    buf_put_le(out, b.types.len, 4);
    buf_put_le(out, b.types.len, 4);
    buf_put_le(out, b.strings.len, 4);
    buf_put(out, b.types.data, b.types.len);
    buf_put(out, b.strings.data, b.strings.len);
    buf_free(&b.types);
    buf_free(&b.strings);
}

static inline void image_make(struct buf *b, enum layout how)
{
    static const char banner[] = "Linux version 6.1.0-test (someone) #1";
    buf_put(b, banner, sizeof banner);
    image_kallsyms(b, how);
    image_align(b, 4096);
    image_btf(b);
    image_align(b, 4096);
}

#endif
