/* Address spaces: windows, what lies across their borders, and the four ways to reach memory. */
#include <string.h>

#include "base/rng.h"
#include "memory/space.h"
#include "tests/unit.h"

/* A device of eight-byte cells that counts what is done to it; it takes 1 to 4 bytes. */
struct dev {
    u8 bytes[256];
    unsigned reads, writes, peeks;
    u64 last_value;
    unsigned last_size;
};

static enum mem_result dev_read(void *opaque, u64 offset, unsigned size, u64 *value)
{
    struct dev *d = opaque;
    d->reads++;
    if (size > 4)
        return MEM_FAULT;
    *value = load_le(d->bytes + offset, size);
    return MEM_OK;
}

static enum mem_result dev_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    struct dev *d = opaque;
    d->writes++;
    d->last_value = value;
    d->last_size = size;
    if (size > 4)
        return MEM_FAULT;
    store_le(d->bytes + offset, size, value);
    return MEM_OK;
}

static enum mem_result dev_peek(void *opaque, u64 offset, unsigned size, u64 *value)
{
    struct dev *d = opaque;
    d->peeks++;
    if (size > 4)
        return MEM_FAULT;
    *value = load_le(d->bytes + offset, size);
    return MEM_OK;
}

static const struct io_ops ops = { dev_read, dev_write, dev_peek };
static const struct io_ops blind_ops = { dev_read, dev_write, NULL };

/* 0x1000 RAM, 0x3000 device, 0x3100 a device nobody can peek, 0x4000 ROM, 0x5000 RAM next to it, 0x8000 flash, and RAM
 * in the very last page. */
struct world {
    struct arena *a;
    struct space *s;
    struct ram *ram, *rom, *ram2, *flash, *top;
    struct region *dev_region, *flash_region;
    struct dev dev, blind, flash_dev;
};

static void build(struct world *w)
{
    struct err e = { "" };
    memset(w, 0, sizeof *w);
    w->a = arena_new();
    w->s = space_new(w->a, "bus");
    w->ram = ram_new(w->a, "ram", 2 * PAGE_SIZE, false, &e);
    w->rom = ram_new(w->a, "rom", PAGE_SIZE, true, &e);
    w->ram2 = ram_new(w->a, "ram2", PAGE_SIZE, false, &e);
    w->flash = ram_new(w->a, "flash", PAGE_SIZE, true, &e);
    w->top = ram_new(w->a, "top", PAGE_SIZE, false, &e);
    CU_ASSERT_TRUE(space_add_ram(w->s, 0x5000, w->ram2, &e)); /* not in order */
    CU_ASSERT_TRUE(space_add_ram(w->s, 0x1000, w->ram, &e));
    CU_ASSERT_TRUE(space_add_ram(w->s, 0x4000, w->rom, &e));
    w->dev_region = space_add_io(w->s, "dev", 0x3000, 0x100, &ops, &w->dev, &e);
    CU_ASSERT_PTR_NOT_NULL(space_add_io(w->s, "blind", 0x3100, 0x100, &blind_ops, &w->blind, &e));
    w->flash_region = space_add_romd(w->s, "flash", 0x8000, w->flash, &ops, &w->flash_dev, &e);
    CU_ASSERT_TRUE(space_add_ram(w->s, UINT64_MAX - PAGE_MASK, w->top, &e));
    CU_ASSERT_PTR_NOT_NULL(w->dev_region);
    CU_ASSERT_PTR_NOT_NULL(w->flash_region);
    CU_ASSERT_STRING_EQUAL(e.text, "");
}

static void overlaps(void)
{
    struct world w;
    build(&w);
    static const struct { u64 base, size; const char *with; } bad[] = {
        { 0x1000, 0x1000, "'ram'" }, { 0x0fff, 2, "'ram'" }, { 0x2fff, 1, "'ram'" }, { 0x0, 0x100000, "'ram'" },
        { 0x30ff, 1, "'dev'" }, { 0x2fff + 1, 1, "'dev'" }, { 0x3800, 0x801, "'rom'" }, { 0x5fff, 0x1000, "'ram2'" },
        { UINT64_MAX, 1, "'top'" }, { 0x9000, UINT64_MAX - 0x9000, "'top'" },
    };
    unsigned n = w.s->n;
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = { "" };
        CU_ASSERT_PTR_NULL(space_add_io(w.s, "newcomer", bad[i].base, bad[i].size, &ops, &w.dev, &e));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'newcomer'"));
        CU_ASSERT_PTR_NOT_NULL(strstr(e.text, bad[i].with));
        if (!strstr(e.text, bad[i].with))
            fprintf(stderr, "%s\n", e.text);
    }
    struct err e = { "" };
    CU_ASSERT_PTR_NULL(space_add_io(w.s, "empty", 0x10000, 0, &ops, &w.dev, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'empty'"));
    CU_ASSERT_PTR_NULL(space_add_io(w.s, "around", UINT64_MAX - 1, 3, &ops, &w.dev, &e));
    CU_ASSERT_EQUAL(w.s->n, n);
    /* Exactly between two is fine. */
    CU_ASSERT_PTR_NOT_NULL(space_add_io(w.s, "gap", 0x3200, 0xe00, &ops, &w.dev, &e));
    arena_free(w.a);
}

static void finding(void)
{
    struct world w;
    build(&w);
    static const struct { u64 addr; const char *name; } at[] = {
        { 0, NULL }, { 0xfff, NULL }, { 0x1000, "ram" }, { 0x2fff, "ram" }, { 0x3000, "dev" }, { 0x30ff, "dev" },
        { 0x3100, "blind" }, { 0x3200, NULL }, { 0x4000, "rom" }, { 0x4fff, "rom" }, { 0x5000, "ram2" },
        { 0x6000, NULL }, { 0x8000, "flash" }, { 0x9000, NULL }, { UINT64_MAX - PAGE_SIZE, NULL },
        { UINT64_MAX - PAGE_MASK, "top" }, { UINT64_MAX, "top" },
    };
    for (unsigned i = 0; i < ARRAY_LEN(at); i++)
        for (unsigned before = 0; before < ARRAY_LEN(at); before++) { /* whatever was found last */
            space_find(w.s, at[before].addr);
            struct region *r = space_find(w.s, at[i].addr);
            CU_ASSERT(at[i].name ? r && !strcmp(r->name, at[i].name) : !r);
        }
    for (u32 i = 1; i < w.s->n; i++)
        CU_ASSERT(w.s->regions[i - 1]->base < w.s->regions[i]->base);
    arena_free(w.a);
}

/* Hundreds of windows, found and refused as a map with a byte for each page says. */
static void many_windows(void)
{
    enum { SLOTS = 4096 };
    static const struct io_ops none = { dev_read, dev_write, NULL };
    u16 owner[SLOTS] = { 0 };
    struct region *made[SLOTS];
    u16 n = 0;
    u64 rng = 99;
    struct arena *a = arena_new();
    struct space *s = space_new(a, "many");
    unsigned wrong = 0;
    for (unsigned i = 0; i < 3000; i++) {
        u64 base = rng_next(&rng) % SLOTS, size = 1 + rng_next(&rng) % 12;
        size = base + size > SLOTS ? SLOTS - base : size;
        bool is_free = true;
        for (u64 k = base; k < base + size; k++)
            is_free = is_free && !owner[k];
        struct err e;
        struct region *r = space_add_io(s, "w", base * 0x1000, size * 0x1000, &none, NULL, &e);
        wrong += (r != NULL) != is_free;
        if (r && is_free) {
            made[++n] = r;
            for (u64 k = base; k < base + size; k++)
                owner[k] = n;
        }
        u64 probe = rng_next(&rng) % (SLOTS * 0x1000);
        wrong += space_find(s, probe) != (owner[probe >> 12] ? made[owner[probe >> 12]] : NULL);
    }
    CU_ASSERT(n > 300);
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
}

static void guest_accesses(void)
{
    struct world w;
    build(&w);
    u64 v = 1;
    CU_ASSERT_EQUAL(space_write(w.s, 0x1ffe, 4, 0x11223344aabbccdd), MEM_OK); /* across a page, within a window */
    CU_ASSERT_EQUAL(space_read(w.s, 0x1ffe, 4, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0xaabbccdd);
    CU_ASSERT_EQUAL(w.ram->gen[0], 1);
    CU_ASSERT_EQUAL(w.ram->gen[1], 1);
    CU_ASSERT_EQUAL(space_read(w.s, 0x2000, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0xbb);

    /* ROM: loads work, stores are bus errors and change nothing. */
    w.rom->host[8] = 0x5a;
    CU_ASSERT_EQUAL(space_read(w.s, 0x4008, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0x5a);
    CU_ASSERT_EQUAL(space_write(w.s, 0x4008, 1, 0), MEM_FAULT);
    CU_ASSERT_EQUAL(w.rom->host[8], 0x5a);

    /* A device gets its offset and only the bytes stored. */
    CU_ASSERT_EQUAL(space_write(w.s, 0x30fc, 2, 0x12345678), MEM_OK);
    CU_ASSERT_EQUAL(w.dev.last_value, 0x5678);
    CU_ASSERT_EQUAL(w.dev.last_size, 2);
    CU_ASSERT_EQUAL(w.dev.bytes[0xfc], 0x78);
    CU_ASSERT_EQUAL(space_read(w.s, 0x30fc, 4, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0x5678);
    CU_ASSERT_EQUAL(space_write(w.s, 0x3000, 8, 1), MEM_FAULT); /* a size it does not take */
    CU_ASSERT_EQUAL(space_read(w.s, 0x3000, 8, &v), MEM_FAULT);

    /* Nothing there; and across a border, even between two RAMs: the bus does not split accesses. */
    unsigned reads = w.dev.reads, writes = w.dev.writes;
    static const struct { u64 addr; unsigned size; } bad[] = {
        { 0, 8 },      { 0xfff, 2 },  { 0x2ffc, 8 }, { 0x30fd, 4 },     { 0x31ff, 2 },
        { 0x4ffe, 4 }, { 0x5ffd, 4 }, { 0x6000, 1 }, { UINT64_MAX, 2 }, { UINT64_MAX - 3, 8 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        v = 77;
        CU_ASSERT_EQUAL(space_read(w.s, bad[i].addr, bad[i].size, &v), MEM_FAULT);
        CU_ASSERT_EQUAL(v, 0);
        CU_ASSERT_EQUAL(space_write(w.s, bad[i].addr, bad[i].size, 1), MEM_FAULT);
    }
    CU_ASSERT_EQUAL(w.dev.reads, reads);
    CU_ASSERT_EQUAL(w.dev.writes, writes);
    CU_ASSERT_EQUAL(space_write(w.s, UINT64_MAX - 7, 8, 0x0807060504030201), MEM_OK);
    CU_ASSERT_EQUAL(w.top->host[PAGE_MASK], 8);
    arena_free(w.a);
}

static void dma(void)
{
    struct world w;
    build(&w);
    u8 out[0x3000], in[0x3000];
    for (unsigned i = 0; i < sizeof in; i++)
        in[i] = (u8)(i * 7 + 1);
    CU_ASSERT_TRUE(space_dma_write(w.s, 0x1ff0, in, 0x20));
    CU_ASSERT_EQUAL(w.ram->gen[0] + w.ram->gen[1], 2);
    CU_ASSERT_TRUE(space_dma_read(w.s, 0x1ff0, out, 0x20));
    CU_ASSERT(!memcmp(in, out, 0x20));
    memset(w.rom->host, 3, PAGE_SIZE);
    CU_ASSERT_TRUE(space_dma_read(w.s, 0x4ff0, out, 0x20)); /* from ROM on into the RAM behind it */
    CU_ASSERT_EQUAL(out[0], 3);
    CU_ASSERT_EQUAL(out[0x10], 0);
    CU_ASSERT_FALSE(space_dma_write(w.s, 0x4000, in, 4)); /* never into ROM */
    CU_ASSERT_EQUAL(w.rom->host[0], 3);
    /* Not from or into devices; what came before them is done. */
    memset(w.ram->host, 0, w.ram->size);
    CU_ASSERT_FALSE(space_dma_write(w.s, 0x2ff0, in, 0x20));
    CU_ASSERT(!memcmp(w.ram->host + 0x1ff0, in, 0x10));
    CU_ASSERT_FALSE(space_dma_read(w.s, 0x2ff0, out, 0x20));
    CU_ASSERT_FALSE(space_dma_read(w.s, 0x9000, out, 1));
    CU_ASSERT_TRUE(space_dma_read(w.s, 0x9000, out, 0));
    CU_ASSERT_EQUAL(w.dev.reads + w.dev.writes + w.dev.peeks, 0);
    /* Lengths from a guest: too long, and round the end of the address space. */
    CU_ASSERT_FALSE(space_dma_write(w.s, UINT64_MAX - 3, in, 0x20));
    CU_ASSERT_FALSE(space_dma_read(w.s, UINT64_MAX - 3, out, 0x20));
    arena_free(w.a);
}

static void peek_and_poke(void)
{
    struct world w;
    build(&w);
    u8 out[0x200];
    for (unsigned i = 0; i < 256; i++)
        w.dev.bytes[i] = (u8)i;
    CU_ASSERT_EQUAL(space_peek(w.s, 0x2ffe, out, 0x43), 0x43); /* RAM, then the device, at odd addresses too */
    for (unsigned i = 2; i < 0x43; i++)
        CU_ASSERT_EQUAL(out[i], i - 2);
    CU_ASSERT_EQUAL(space_peek(w.s, 0x3003, out, 5), 5);
    CU_ASSERT_EQUAL(out[0], 3);
    CU_ASSERT_EQUAL(out[4], 7);
    CU_ASSERT_EQUAL(w.dev.reads, 0);
    CU_ASSERT_EQUAL(space_peek(w.s, 0x30f0, out, 0x20), 0x10); /* up to the one that cannot be peeked */
    CU_ASSERT_EQUAL(w.blind.reads, 0);
    CU_ASSERT_EQUAL(space_peek(w.s, 0x6000, out, 8), 0);

    CU_ASSERT_EQUAL(space_poke(w.s, 0x4ffe, "abcd", 4), 4); /* ROM and RAM */
    CU_ASSERT_EQUAL(w.rom->host[0xffe], 'a');
    CU_ASSERT_EQUAL(w.ram2->host[1], 'd');
    CU_ASSERT_EQUAL(w.rom->gen[0], 1); /* a hash of the ROM must see it */
    CU_ASSERT_EQUAL(space_poke(w.s, 0x8000, "zz", 2), 2);
    CU_ASSERT_EQUAL(w.flash->host[1], 'z');
    CU_ASSERT_EQUAL(space_poke(w.s, 0x2ffe, "abcd", 4), 2); /* not into devices */
    CU_ASSERT_EQUAL(w.dev.writes + w.flash_dev.writes, 0);
    arena_free(w.a);
}

struct ear {
    struct ram_listener l;
    unsigned drops, code;
};
static void on_drop(void *opaque, struct ram *r, u64 page) { ((struct ear *)opaque)->drops++; }
static void on_code(void *opaque, struct ram *r, u64 page) { ((struct ear *)opaque)->code++; }

static void flash_modes(void)
{
    struct world w;
    build(&w);
    struct ear ear = { .l = { on_drop, on_code, &ear, NULL } };
    ram_listen(w.flash, &ear.l);
    w.flash->host[0] = 0x11;
    w.flash_dev.bytes[0] = 0x99;
    u64 v;
    u8 b;
    CU_ASSERT_EQUAL(space_read(w.s, 0x8000, 1, &v), MEM_OK); /* the array */
    CU_ASSERT_EQUAL(v, 0x11);
    CU_ASSERT_EQUAL(space_write(w.s, 0x8000, 1, 0x90), MEM_OK); /* a store is always a command */
    CU_ASSERT_EQUAL(w.flash_dev.writes, 1);
    CU_ASSERT_EQUAL(w.flash->host[0], 0x11);
    CU_ASSERT_FALSE(space_dma_write(w.s, 0x8000, "x", 1));
    w.flash_dev.bytes[0] = 0x99;
    ram_mark_code(w.flash, 0, PAGE_SIZE);
    ear.drops = 0;
    space_set_read_direct(w.flash_region, true); /* it was */
    CU_ASSERT_EQUAL(ear.drops + ear.code, 0);
    space_set_read_direct(w.flash_region, false);
    CU_ASSERT_EQUAL(ear.drops, 1); /* pointers and blocks are forgotten */
    CU_ASSERT_EQUAL(ear.code, 1);
    CU_ASSERT_EQUAL(space_read(w.s, 0x8000, 1, &v), MEM_OK); /* the device's answer */
    CU_ASSERT_EQUAL(v, 0x99);
    CU_ASSERT_EQUAL(w.flash_dev.reads, 1);
    CU_ASSERT_EQUAL(space_peek(w.s, 0x8000, &b, 1), 1);
    CU_ASSERT_EQUAL(b, 0x99);
    CU_ASSERT_EQUAL(w.flash_dev.reads, 1);
    CU_ASSERT_FALSE(space_dma_read(w.s, 0x8000, &b, 1));
    space_set_read_direct(w.flash_region, true);
    CU_ASSERT_EQUAL(ear.drops, 2);
    CU_ASSERT_EQUAL(space_read(w.s, 0x8000, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0x11);
    arena_free(w.a);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "overlaps name both", overlaps },
        { "find", finding },
        { "many windows", many_windows },
        { "what the guest does", guest_accesses },
        { "dma", dma },
        { "peek and poke", peek_and_poke },
        { "flash: array and command mode", flash_modes },
        CU_TEST_INFO_NULL,
    };
    return unit_main("space", tests);
}
