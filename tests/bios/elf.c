/* ELF images that somebody may have broken on purpose. */
#include "bios/elf.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "tests/unit.h"

#define RAM 0x80000000u
#define RAM_SIZE 0x10000u

static struct space *memory(struct arena *a)
{
    struct err e;
    struct space *s = space_new(a, "memory");
    struct ram *r = ram_new(a, "ram", RAM_SIZE, false, &e);
    if (!r || !space_add_ram(s, RAM, r, &e))
        abort();
    return s;
}

/* One image of each width with the same two segments: "text" at RAM (virtual 0x1000), and 8 bytes of bss behind "da".
 */
static size_t image(u8 *p, bool wide)
{
    unsigned eh = wide ? 64 : 52, ph = wide ? 56 : 32, w = wide ? 8 : 4;
    memset(p, 0, 512);
    memcpy(p, "\177ELF", 4);
    p[4] = wide ? 2 : 1;
    p[5] = p[6] = 1;
    store_le(p + 16, 2, 2);
    store_le(p + 18, 2, ELF_MACHINE_RISCV);
    store_le(p + 24, w, RAM + 2);
    store_le(p + (wide ? 32 : 28), w, eh);
    store_le(p + (wide ? 54 : 42), 2, ph);
    store_le(p + (wide ? 56 : 44), 2, 3);
    const u64 seg[3][6] = { /* type, offset, vaddr, paddr, filesz, memsz */
        { 1, 300, 0x1000, RAM, 4, 4 }, { 0x70000003, 5000, 0, 0, 9999, 0 }, { 1, 304, 0x5000, RAM + 0x4000, 2, 10 },
    };
    for (unsigned i = 0; i < 3; i++) {
        u8 *q = p + eh + i * ph;
        store_le(q, 4, seg[i][0]);
        for (unsigned k = 1; k < 6; k++)
            store_le(q + (wide ? k * 8 : k * 4), w, seg[i][k]);
    }
    memcpy(p + 300, "textda", 6);
    return 306;
}

static void loads(void)
{
    for (unsigned wide = 0; wide < 2; wide++) {
        struct arena *a = arena_new();
        struct space *s = memory(a);
        struct elf_image img;
        struct elf_segment seg;
        struct err e = { "" };
        u8 file[512], got[16], dirt[16];
        size_t n = image(file, wide);
        memset(dirt, 0xee, sizeof dirt);
        space_poke(s, RAM + 0x4000, dirt, 16);
        CU_ASSERT_TRUE_FATAL(elf_open(&img, "test", file, n, ELF_MACHINE_RISCV, &e));
        CU_ASSERT(img.xlen == (wide ? 64 : 32) && img.entry == RAM + 2 && img.low == RAM && img.high == RAM + 0x400a);
        CU_ASSERT(elf_segment(&img, 1, &seg) && seg.vaddr == 0x5000 && seg.mem_size == 10);
        CU_ASSERT_FALSE(elf_segment(&img, 2, &seg));
        CU_ASSERT_TRUE(elf_load(&img, "test", s, &e));
        space_peek(s, RAM, got, 8);
        CU_ASSERT(!memcmp(got, "text\0\0\0\0", 8));
        space_peek(s, RAM + 0x4000, got, 12);
        CU_ASSERT(!memcmp(got, "da\0\0\0\0\0\0\0\0\xee\xee", 12));
        arena_free(a);
    }
}

static void refuse(const u8 *file, size_t n, u16 machine, const char *words)
{
    struct elf_image img;
    struct err e = { "" };
    u8 *exact = malloc(n + 1); /* so that the sanitizer sees one byte too far */
    memcpy(exact, file, n);
    exact = realloc(exact, n ? n : 1);
    CU_ASSERT_FALSE(elf_open(&img, "test", exact, n, machine, &e));
    if (!strstr(e.text, words))
        fprintf(stderr, "'%s' does not say '%s'\n", e.text, words);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, words));
    free(exact);
}

static void refuses(void)
{
    u8 f[512];
    size_t n = image(f, true);
    refuse((const u8 *)"", 0, 0, "not an ELF");
    refuse(f, 40, 0, "cut short");
    refuse(f, 100, 0, "program headers");
    refuse(f, 305, 0, "segment 2");
    refuse(f, n, ELF_MACHINE_X86_64, "machine 243");
    f[5] = 2;
    refuse(f, n, 0, "little-endian");
    image(f, true);
    f[4] = 3;
    refuse(f, n, 0, "32 or 64");
    image(f, true);
    store_le(f + 16, 2, 1);
    refuse(f, n, 0, "link it");
    image(f, true);
    store_le(f + 32, 8, ~0ull - 8);
    refuse(f, n, 0, "program headers");
    image(f, true);
    store_le(f + 54, 2, 10);
    refuse(f, n, 0, "program headers");
    image(f, true);
    store_le(f + 56, 2, 0);
    refuse(f, n, 0, "nothing to load");
    image(f, true);
    store_le(f + 64 + 24, 8, ~0ull); /* paddr wraps */
    refuse(f, n, 0, "wraps");
    image(f, true);
    store_le(f + 64 + 40, 8, 3); /* memsz < filesz */
    refuse(f, n, 0, "segment 0");
}

static void does_not_fit(void)
{
    struct arena *a = arena_new();
    struct space *s = memory(a);
    struct elf_image img;
    struct err e = { "" };
    u8 f[512];
    size_t n = image(f, true);
    store_le(f + 64 + 40, 8, (u64)1 << 60); /* an exabyte of bss stops at the end of RAM */
    CU_ASSERT_TRUE(elf_open(&img, "test", f, n, 0, &e));
    CU_ASSERT_FALSE(elf_load(&img, "test", s, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "does not fit"));
    image(f, true);
    store_le(f + 64 + 24, 8, 0x1234);
    CU_ASSERT_TRUE(elf_open(&img, "test", f, n, 0, &e));
    CU_ASSERT_FALSE(elf_load(&img, "test", s, &e));
    arena_free(a);
}

static void random_damage(void)
{
    struct arena *a = arena_new();
    struct space *s = memory(a);
    u64 seed = 11;
    u8 f[512];
    unsigned opened = 0, refused = 0;
    for (unsigned i = 0; i < 50000; i++) {
        size_t n = image(f, i & 1);
        for (unsigned k = 0; k <= (i >> 1) % 3; k++) {
            u64 x = rng_next(&seed);
            f[x % n] = (u8)((x >> 16 & 3) ? x >> 32 : 0xff);
        }
        n -= rng_next(&seed) % 8 ? 0 : rng_next(&seed) % n;
        u8 *exact = malloc(n ? n : 1);
        memcpy(exact, f, n);
        struct elf_image img;
        struct err e;
        if (elf_open(&img, "test", exact, n, 0, &e)) {
            elf_load(&img, "test", s, &e);
            opened++;
        } else {
            refused++;
        }
        free(exact);
    }
    CU_ASSERT(opened > 1000 && refused > 1000);
    arena_free(a);
}

int main(void)
{
    return unit_main("elf", (CU_TestInfo[]){ { "loads", loads },
                                             { "refuses", refuses },
                                             { "does not fit", does_not_fit },
                                             { "random damage", random_damage },
                                             CU_TEST_INFO_NULL });
}
