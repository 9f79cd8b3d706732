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
    struct ear ear = { .l = { .drop_stores = on_drop, .code_written = on_code, .opaque = &ear } };
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

/* A part of a RAM, and what is no part of it. */
static void ram_parts(void)
{
    struct world w;
    build(&w);
    struct err e = { "" };
    struct ram *big = ram_new(w.a, "big", 8 * PAGE_SIZE, false, &e);
    CU_ASSERT_TRUE(space_add_ram_part(w.s, 0x20000, big, 2 * PAGE_SIZE, 3 * PAGE_SIZE, &e));
    u64 v = 0;
    CU_ASSERT_EQUAL(space_write(w.s, 0x20010, 4, 0x11223344), MEM_OK);
    CU_ASSERT_EQUAL(load_le(big->host + 2 * PAGE_SIZE + 0x10, 4), 0x11223344);
    CU_ASSERT_EQUAL(big->gen[2], 1);
    CU_ASSERT_EQUAL(space_read(w.s, 0x22ffc, 4, &v), MEM_OK);
    CU_ASSERT_EQUAL(space_read(w.s, 0x23000, 1, &v), MEM_FAULT);
    CU_ASSERT_FALSE(space_add_ram_part(w.s, 0x30000, big, 7 * PAGE_SIZE, 2 * PAGE_SIZE, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "'big'"));
    CU_ASSERT_FALSE(space_add_ram_part(w.s, 0x30000, big, UINT64_MAX - PAGE_MASK, 2 * PAGE_SIZE, &e));
    CU_ASSERT_FALSE(space_add_ram_part(w.s, 0x30000, big, 0x10, PAGE_SIZE, &e));
    CU_ASSERT_FALSE(space_add_ram_part(w.s, 0x22000, big, 0, PAGE_SIZE, &e)); /* overlaps itself */
    arena_free(w.a);
}

/* A window over RAM: what it hides, what it gives back, and the offsets of what is seen in pieces. */
static void over_ram(void)
{
    struct arena *a = arena_new();
    struct space *s = space_new(a, "bus");
    struct err e = { "" };
    struct dev dev = { .reads = 0 }, other = { .reads = 0 };
    struct ram *ram = ram_new(a, "ram", 16 * PAGE_SIZE, false, &e);
    struct ear ear = { .l = { .drop_stores = on_drop, .code_written = on_code, .opaque = &ear } };
    u64 v;
    u8 b[16];
    CU_ASSERT_TRUE(space_add_ram(s, 0, ram, &e));
    ram_listen(ram, &ear.l);
    struct window *w = space_window_new(s, "over", 0x100, 1, &ops, &dev, NULL, 0);
    CU_ASSERT_EQUAL(s->n, 1);
    CU_ASSERT_EQUAL(ear.drops, 0); /* nothing is seen of it yet */
    ram_mark_code(ram, 0x3000, 0x40);
    ram_mark_code(ram, 0x8000, 0x40);
    ear.drops = 0;
    space_window_place(w, 0x3000, true);
    CU_ASSERT_EQUAL(s->n, 3);
    CU_ASSERT_EQUAL(ear.drops, 1);
    CU_ASSERT_EQUAL(ear.code, 1); /* page 3, not page 8 */
    CU_ASSERT_EQUAL(ram->flags[3] & RAM_CODE, 0);
    CU_ASSERT_EQUAL(ram->flags[8] & RAM_CODE, RAM_CODE);
    CU_ASSERT_EQUAL(space_write(s, 0x3004, 4, 7), MEM_OK);
    CU_ASSERT_EQUAL(dev.bytes[4], 7);
    CU_ASSERT_EQUAL(ram->host[0x3004], 0);
    CU_ASSERT_EQUAL(space_write(s, 0x30fe, 4, 7), MEM_FAULT); /* across its border */
    CU_ASSERT_EQUAL(space_write(s, 0x3100, 4, 0x55), MEM_OK); /* the RAM behind it */
    CU_ASSERT_EQUAL(ram->host[0x3100], 0x55);
    CU_ASSERT_FALSE(space_dma_read(s, 0x2ff8, b, 16));

    /* One of higher rank in the middle of it: offsets are of the window, not of the piece. */
    struct window *top = space_window_new(s, "top", 0x10, 2, &ops, &other, NULL, 0);
    space_window_place(top, 0x3080, true);
    CU_ASSERT_EQUAL(s->n, 5);
    CU_ASSERT_EQUAL(space_write(s, 0x3080, 1, 9), MEM_OK);
    CU_ASSERT_EQUAL(other.bytes[0], 9);
    CU_ASSERT_EQUAL(space_write(s, 0x3090, 1, 10), MEM_OK);
    CU_ASSERT_EQUAL(dev.bytes[0x90], 10);
    CU_ASSERT_EQUAL(space_read(s, 0x3090, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 10);
    dev.bytes[0x93] = 0x77;
    CU_ASSERT_EQUAL(space_peek(s, 0x3093, b, 1), 1);
    CU_ASSERT_EQUAL(b[0], 0x77);
    CU_ASSERT_EQUAL(space_window_region(w)->size, 0x100);

    /* Moved, the RAM is there again. */
    ear.drops = 0;
    space_window_place(w, 0x5000, true);
    CU_ASSERT_EQUAL(ear.drops, 1);
    CU_ASSERT_EQUAL(space_read(s, 0x3000, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0);
    CU_ASSERT_EQUAL(space_read(s, 0x5004, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 7);
    space_window_place(w, 0x5000, true); /* no change */
    CU_ASSERT_EQUAL(ear.drops, 1);
    space_window_place(w, 0x5000, false);
    space_window_place(top, 0, false);
    CU_ASSERT_EQUAL(s->n, 1);
    CU_ASSERT_FALSE(space_window_on(w));
    CU_ASSERT_TRUE(space_dma_read(s, 0x2ff8, b, 16));

    /* Round the end of the address space is nowhere; up to its end is a place. */
    space_window_place(w, UINT64_MAX - 0x7f, true);
    CU_ASSERT_FALSE(space_window_on(w));
    CU_ASSERT_EQUAL(space_read(s, UINT64_MAX, 1, &v), MEM_FAULT);
    space_window_place(w, UINT64_MAX - 0xff, true);
    dev.bytes[0xff] = 0x42;
    CU_ASSERT_EQUAL(space_read(s, UINT64_MAX, 1, &v), MEM_OK);
    CU_ASSERT_EQUAL(v, 0x42);

    /* A rank below 0 is seen only where nothing else is. */
    struct window *low = space_window_new(s, "low", 0x2000, -1, &ops, &other, NULL, 0);
    space_window_place(low, 0xf000, true);
    CU_ASSERT_EQUAL(space_write(s, 0xf000, 1, 1), MEM_OK);
    CU_ASSERT_EQUAL(ram->host[0xf000], 1);
    CU_ASSERT_PTR_NOT_NULL(space_find(s, 0x10000));
    CU_ASSERT_EQUAL(space_find(s, 0x10000)->offset, 0x1000);
    arena_free(a);
}

static enum mem_result to_ram_write(void *opaque, u64 offset, unsigned size, u64 value)
{
    struct ram *r = opaque;
    store_le(r->host + 0x4000 + offset, size, value);
    ram_written(r, 0x4000 + offset, size);
    return MEM_OK;
}

static enum mem_result no_read(void *opaque, u64 offset, unsigned size, u64 *value) { return MEM_FAULT; }

/* The four states of a shadowed page: loads and stores go to the ROM, or to the RAM behind it. */
static void shadow(void)
{
    static const struct io_ops stores_to_ram = { no_read, to_ram_write, NULL };
    struct arena *a = arena_new();
    struct space *s = space_new(a, "bus");
    struct err e = { "" };
    struct ram *ram = ram_new(a, "ram", 16 * PAGE_SIZE, false, &e), *rom = ram_new(a, "rom", 4 * PAGE_SIZE, true, &e);
    CU_ASSERT_TRUE(space_add_ram_part(s, 0xc000, rom, 0, 4 * PAGE_SIZE, &e));
    CU_ASSERT_TRUE(space_add_ram_part(s, 0, ram, 0, 12 * PAGE_SIZE, &e));
    struct window *r = space_window_new(s, "shadow", PAGE_SIZE, 1, NULL, NULL, ram, 0x4000);
    struct window *fill = space_window_new(s, "fill", PAGE_SIZE, 2, &stores_to_ram, ram, rom, 0x1000);
    space_window_direct(fill, true, false);
    rom->host[0x1008] = 0x60;
    ram->host[0x4008] = 0x70;
    u64 v;
    struct { bool read, write; } states[] = { { 0, 0 }, { 0, 1 }, { 1, 0 }, { 1, 1 }, { 0, 1 }, { 1, 1 }, { 0, 0 } };
    for (unsigned i = 0; i < ARRAY_LEN(states); i++) {
        bool rd = states[i].read, wr = states[i].write;
        space_window_place(fill, 0xd000, wr && !rd);
        space_window_direct(r, rd, wr);
        space_window_place(r, 0xd000, rd);
        u8 had = ram->host[0x4008];
        CU_ASSERT_EQUAL(space_write(s, 0xd008, 1, 0x20 + i), wr ? MEM_OK : MEM_FAULT);
        CU_ASSERT_EQUAL(ram->host[0x4008], wr ? 0x20 + i : had);
        CU_ASSERT_EQUAL(rom->host[0x1008], 0x60);
        CU_ASSERT_EQUAL(space_read(s, 0xd008, 1, &v), MEM_OK);
        CU_ASSERT_EQUAL(v, rd ? ram->host[0x4008] : 0x60);
        CU_ASSERT_EQUAL(space_read(s, 0xe008, 1, &v), MEM_OK); /* its neighbour */
        CU_ASSERT_EQUAL(v, 0);
    }
    arena_free(a);
}

/* Windows come, go and move at random; a page-wise search by rank says what must be seen. */
static void moving_windows(void)
{
    enum { WINDOWS = 60, SLOTS = 512 };
    struct arena *a = arena_new();
    struct space *s = space_new(a, "many");
    struct window *w[WINDOWS];
    struct { u64 base, size; int rank; bool on; } want[WINDOWS];
    u64 rng = 7;
    unsigned wrong = 0, pieces = 0;
    struct dev devs[WINDOWS];
    struct err e;
    struct ram *ram = ram_new(a, "ram", 64 * 0x1000, false, &e);
    CU_ASSERT_TRUE(space_add_ram(s, 0x40000, ram, &e));
    for (unsigned i = 0; i < WINDOWS; i++) {
        want[i].size = 1 + rng_next(&rng) % 40;
        want[i].rank = (int)(rng_next(&rng) % 5) - 2;
        want[i].on = false;
        w[i] = space_window_new(s, "w", want[i].size << 12, want[i].rank, &ops, &devs[i], NULL, 0);
    }
    for (unsigned n = 0; n < 3000; n++) {
        unsigned i = (unsigned)(rng_next(&rng) % WINDOWS);
        want[i].on = rng_next(&rng) % 4;
        want[i].base = rng_next(&rng) % SLOTS;
        space_window_place(w[i], want[i].base << 12, want[i].on);
        for (unsigned k = 0; k < 8; k++) {
            u64 slot = rng_next(&rng) % (SLOTS + 50);
            int best = slot >= 0x40 && slot < 0x80 ? WINDOWS : -1, rank = best < 0 ? -100 : 0;
            for (int j = 0; j < WINDOWS; j++)
                if (want[j].on && slot - want[j].base < want[j].size && want[j].rank > rank) {
                    best = j;
                    rank = want[j].rank;
                }
            const struct region *r = space_find(s, (slot << 12) + 5);
            wrong += best < 0 ? r != NULL : best == WINDOWS ? !r || r->ram != ram : !r || r->opaque != &devs[best];
            if (r && !r->ram)
                wrong += r->offset + (slot << 12) - r->base != (slot - want[best].base) << 12;
            else if (r)
                wrong += r->ram_offset + (slot << 12) - r->base != (slot - 0x40) << 12;
            pieces += r && r->offset;
        }
        for (u32 k = 1; k < s->n; k++)
            wrong += s->regions[k - 1]->base + s->regions[k - 1]->size > s->regions[k]->base;
    }
    CU_ASSERT(pieces > 1000);
    CU_ASSERT_EQUAL(wrong, 0);
    arena_free(a);
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
        { "parts of a RAM", ram_parts },
        { "windows over RAM", over_ram },
        { "shadow RAM", shadow },
        { "windows that move at random", moving_windows },
        CU_TEST_INFO_NULL,
    };
    return unit_main("space", tests);
}
