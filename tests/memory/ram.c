/* RAM: what is known of its pages, who is told, and a hash of the contents alone. */
#include <string.h>

#include "base/rng.h"
#include "memory/ram.h"
#include "tests/unit.h"

#define PAGES 64

struct ear {
    struct ram_listener l;
    unsigned drops, drops_all, code;
    u64 last_drop, last_code;
};

static void drop_stores(void *opaque, struct ram *ram, u64 page)
{
    struct ear *ear = opaque;
    if (page == RAM_ALL_PAGES) {
        ear->drops_all++;
    } else {
        ear->drops++;
        ear->last_drop = page;
    }
}

static void code_written(void *opaque, struct ram *ram, u64 page)
{
    struct ear *ear = opaque;
    CU_ASSERT_FALSE(ram->flags[page] & RAM_CODE); /* gone already: who decodes again marks again */
    ear->code++;
    ear->last_code = page;
}

static void listen(struct ram *r, struct ear *ear)
{
    *ear = (struct ear){ .l = { .drop_stores = drop_stores, .code_written = code_written, .opaque = ear } };
    ram_listen(r, &ear->l);
}

static struct ram *new_ram(struct arena *a, bool rom)
{
    struct err e = { "" };
    struct ram *r = ram_new(a, "ram", PAGES * PAGE_SIZE, rom, &e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    return r;
}

static void sizes(void)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    CU_ASSERT_PTR_NULL(ram_new(a, "odd", 4097, false, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'odd'"));
    CU_ASSERT_PTR_NULL(ram_new(a, "none", 0, false, &e));
    CU_ASSERT_PTR_NULL(ram_new(a, "huge", (u64)1 << 62, false, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'huge'"));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "-m"));
    struct ram *r = ram_new(a, "big", (u64)64 << 30, false, &e); /* costs nothing until touched */
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    r->host[r->size - 1] = 1;
    arena_free(a);
}

static void dirtiness_and_generations(void)
{
    struct arena *a = arena_new();
    struct ram *r = new_ram(a, false);
    CU_ASSERT_FALSE(ram_store_fast(r, 3));
    ram_written(r, 3 * PAGE_SIZE + 4090, 10); /* two pages */
    CU_ASSERT_TRUE(ram_store_fast(r, 3));
    CU_ASSERT_TRUE(ram_store_fast(r, 4));
    CU_ASSERT_FALSE(ram_store_fast(r, 2));
    CU_ASSERT_FALSE(ram_store_fast(r, 5));
    CU_ASSERT_EQUAL(r->gen[3], 1);
    ram_written(r, 3 * PAGE_SIZE, 1);
    CU_ASSERT_EQUAL(r->gen[3], 1); /* still the same dirtiness */
    ram_written(r, 5 * PAGE_SIZE, 0);
    CU_ASSERT_EQUAL(r->gen[5], 0); /* nothing was written */
    ram_written(r, 6 * PAGE_SIZE - 1, 1);
    CU_ASSERT_EQUAL(r->gen[5], 1);
    CU_ASSERT_EQUAL(r->gen[6], 0);
    ram_written(r, 8 * PAGE_SIZE, 3 * PAGE_SIZE);
    CU_ASSERT_EQUAL(r->gen[8] + r->gen[9] + r->gen[10], 3);
    CU_ASSERT_EQUAL(r->gen[11], 0);

    struct ear ear;
    listen(r, &ear);
    ram_clean(r);
    CU_ASSERT_EQUAL(ear.drops_all, 1); /* host pointers for stores would go unnoticed from here on */
    CU_ASSERT_FALSE(ram_store_fast(r, 3));
    CU_ASSERT_EQUAL(r->gen[3], 1);
    ram_written(r, 3 * PAGE_SIZE, 1);
    CU_ASSERT_EQUAL(r->gen[3], 2);
    CU_ASSERT_EQUAL(r->gen[4], 1);
    arena_free(a);
}

static void code_marks(void)
{
    struct arena *a = arena_new();
    struct ram *r = new_ram(a, false);
    struct ear one, two;
    listen(r, &one);
    listen(r, &two);
    ram_written(r, 7 * PAGE_SIZE, 8);
    CU_ASSERT_TRUE(ram_store_fast(r, 7));
    CU_ASSERT_EQUAL(one.drops + one.drops_all + one.code, 0);
    ram_mark_code(r, 7 * PAGE_SIZE, PAGE_SIZE);
    CU_ASSERT_FALSE(ram_store_fast(r, 7));
    CU_ASSERT_EQUAL(one.drops, 1);
    CU_ASSERT_EQUAL(two.drops, 1);
    CU_ASSERT_EQUAL(two.last_drop, 7);
    ram_mark_code(r, 7 * PAGE_SIZE, PAGE_SIZE); /* known already */
    CU_ASSERT_EQUAL(one.drops, 1);
    ram_written(r, 7 * PAGE_SIZE + 100, 4);
    CU_ASSERT_EQUAL(one.code, 1);
    CU_ASSERT_EQUAL(two.code, 1);
    CU_ASSERT_EQUAL(one.last_code, 7);
    CU_ASSERT_EQUAL(r->gen[7], 1); /* it was dirty all the time */
    CU_ASSERT_TRUE(ram_store_fast(r, 7));
    ram_written(r, 7 * PAGE_SIZE + 100, 4);
    CU_ASSERT_EQUAL(one.code, 1); /* nothing decoded since */

    /* Stores beside the decoded bytes are told to nobody, and are still seen by ram_clean()'s consumers. */
    ram_mark_code(r, 5 * PAGE_SIZE + 128, 64);
    ram_written(r, 5 * PAGE_SIZE + 120, 8);
    ram_written(r, 5 * PAGE_SIZE + 192, 8);
    CU_ASSERT_EQUAL(one.code, 1);
    CU_ASSERT_FALSE(ram_store_fast(r, 5));
    CU_ASSERT_TRUE(r->flags[5] & RAM_DIRTY);
    ram_written(r, 5 * PAGE_SIZE + 121, 8); /* its last byte is code */
    CU_ASSERT_EQUAL(one.code, 2);
    one.code = two.code = 1;

    /* Clean code, written: both are told of, once. */
    ram_mark_code(r, 9 * PAGE_SIZE, PAGE_SIZE);
    ram_clean(r);
    CU_ASSERT_TRUE(r->flags[9] & RAM_CODE); /* cleaning forgets no code */
    ram_written(r, 9 * PAGE_SIZE - 1, 2);
    CU_ASSERT_EQUAL(one.code, 2);
    CU_ASSERT_EQUAL(one.last_code, 9);
    CU_ASSERT_EQUAL(r->gen[9], 1);
    arena_free(a);
}

static void rom_is_never_stored_to_fast(void)
{
    struct arena *a = arena_new();
    struct ram *r = new_ram(a, true);
    ram_written(r, 0, PAGE_SIZE); /* an image was loaded */
    CU_ASSERT_FALSE(ram_store_fast(r, 0));
    arena_free(a);
}

static void store(struct ram *r, u64 at, u8 value)
{
    r->host[at] = value;
    ram_written(r, at, 1);
}

static void hash_is_of_contents(void)
{
    struct arena *a = arena_new();
    struct ram *x = new_ram(a, false), *y = new_ram(a, false);
    CU_ASSERT_EQUAL(ram_hash(x, 1), ram_hash(y, 1));
    CU_ASSERT_NOT_EQUAL(ram_hash(x, 1), ram_hash(x, 2));
    u64 empty = ram_hash(x, 1);
    store(x, 5000, 1);
    u64 h = ram_hash(x, 1);
    CU_ASSERT_NOT_EQUAL(h, empty);
    CU_ASSERT_EQUAL(ram_hash(x, 1), h); /* from what is remembered */
    /* y gets there by another way: other order, detours, hashes in between, touched zeroes. */
    store(y, 5000, 7);
    store(y, 12345, 9);
    CU_ASSERT_NOT_EQUAL(ram_hash(y, 1), h);
    store(y, 12345, 0);
    store(y, 5000, 1);
    store(y, 40000, 0);
    CU_ASSERT_EQUAL(ram_hash(y, 1), h);
    store(y, 5000, 0);
    CU_ASSERT_EQUAL(ram_hash(y, 1), empty);
    /* The same bytes on another page, and two pages exchanged, are other contents. */
    store(y, 5000 + PAGE_SIZE, 1);
    CU_ASSERT_NOT_EQUAL(ram_hash(y, 1), h);
    store(x, 0, 2);
    store(y, 5000 + PAGE_SIZE, 0);
    store(y, PAGE_SIZE, 2);
    store(y, 5000 - PAGE_SIZE, 1);
    CU_ASSERT_NOT_EQUAL(ram_hash(y, 1), ram_hash(x, 1));
    arena_free(a);
}

/* Many random stores and hashes: always the same as a RAM that was written once and hashed once. */
static void hash_is_independent_of_history(void)
{
    u64 rng = 11;
    struct arena *a = arena_new();
    struct ram *r = new_ram(a, false);
    unsigned wrong = 0;
    for (unsigned round = 0; round < 60; round++) {
        for (u64 n = rng_next(&rng) % 200; n; n--)
            store(r, rng_next(&rng) % (rng_next(&rng) % 2 ? r->size : 3 * PAGE_SIZE), (u8)(rng_next(&rng) % 3));
        switch (rng_next(&rng) % 3) {
        case 0: ram_clean(r); break; /* another consumer */
        case 1: ram_mark_code(r, rng_next(&rng) % PAGES * PAGE_SIZE, PAGE_SIZE); break;
        default: break;
        }
        struct arena *b = arena_new();
        struct ram *fresh = new_ram(b, false);
        memcpy(fresh->host, r->host, r->size);
        ram_written(fresh, 0, r->size);
        wrong += ram_hash(r, round) != ram_hash(fresh, round);
        arena_free(b);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
}

/* A second consumer remembers generations: hashing and cleaning by others hide nothing from it. */
static void consumers_do_not_disturb_each_other(void)
{
    u64 rng = 5;
    struct arena *a = arena_new();
    struct ram *r = new_ram(a, false);
    u32 gen[PAGES] = { 0 };
    u8 copy[PAGES] = { 0 };
    unsigned missed = 0;
    for (unsigned round = 0; round < 200; round++) {
        for (u64 n = rng_next(&rng) % 10; n; n--) {
            store(r, (rng_next(&rng) % PAGES) * PAGE_SIZE, (u8)rng_next(&rng));
            if (rng_next(&rng) % 4 == 0)
                ram_hash(r, 0);
        }
        ram_clean(r);
        for (unsigned p = 0; p < PAGES; p++) {
            missed += gen[p] == r->gen[p] && copy[p] != r->host[p * PAGE_SIZE];
            gen[p] = r->gen[p];
            copy[p] = r->host[p * PAGE_SIZE];
        }
    }
    CU_ASSERT_EQUAL(missed, 0);
    arena_free(a);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "sizes", sizes },
        { "dirtiness and generations", dirtiness_and_generations },
        { "code marks and their listeners", code_marks },
        { "ROM is never stored to fast", rom_is_never_stored_to_fast },
        { "the hash is of contents", hash_is_of_contents },
        { "the hash is independent of history", hash_is_independent_of_history },
        { "consumers do not disturb each other", consumers_do_not_disturb_each_other },
        CU_TEST_INFO_NULL,
    };
    return unit_main("ram", tests);
}
