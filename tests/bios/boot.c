/* Direct boot: what is loaded where, and what is refused. Placement against QEMU's is in virt_dt.c. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/arena.h"
#include "base/rng.h"
#include "bios/elf.h"
#include "bios/fdt.h"
#include "bios/riscv_boot.h"
#include "bios/riscv_virt.h"
#include "tests/unit.h"

#define MIB ((u64)1 << 20)

static struct riscv_boot machine(struct arena *a, unsigned xlen, u64 ram_size)
{
    struct err e;
    struct space *s = space_new(a, "memory");
    struct ram *rom = ram_new(a, "rom", VIRT_ROM_SIZE, true, &e), *ram = ram_new(a, "ram", ram_size, false, &e);
    if (!rom || !ram || !space_add_ram(s, VIRT_ROM, rom, &e) || !space_add_ram(s, VIRT_RAM, ram, &e))
        abort();
    return (struct riscv_boot){ .xlen = xlen,
                                .mem = s,
                                .rom_base = VIRT_ROM,
                                .ram_base = VIRT_RAM,
                                .ram_size = ram_size,
                                .flash_base = VIRT_FLASH };
}

static u64 peek(const struct riscv_boot *b, u64 addr, unsigned n)
{
    u8 bytes[8] = { 0 };
    return space_peek(b->mem, addr, bytes, n) == n ? load_le(bytes, n) : 0xbadbadbad;
}

/* An ELF file with one segment. */
static void elf(u8 *f, unsigned xlen, u64 paddr, u64 entry)
{
    bool wide = xlen == 64;
    unsigned w = wide ? 8 : 4, eh = wide ? 64 : 52;
    memset(f, 0, 256);
    memcpy(f, "\177ELF", 4);
    f[4] = wide ? 2 : 1;
    f[5] = 1;
    store_le(f + 16, 2, 2);
    store_le(f + 18, 2, ELF_MACHINE_RISCV);
    store_le(f + 24, w, entry);
    store_le(f + (wide ? 32 : 28), w, eh);
    store_le(f + (wide ? 54 : 42), 2, wide ? 56 : 32);
    store_le(f + (wide ? 56 : 44), 2, 1);
    store_le(f + eh, 4, 1);
    store_le(f + eh + w, w, 200);
    store_le(f + eh + 3 * w, w, paddr);
    store_le(f + eh + 4 * w, w, 4);
    store_le(f + eh + 5 * w, w, 4);
    memcpy(f + 200, "abcd", 4);
}

static void linux_image(u8 *f, size_t n, u64 image_size)
{
    memset(f, 0x13, n);
    store_le(f + 8, 8, 0x200000);
    store_le(f + 16, 8, image_size);
    memcpy(f + 48, "RISCV\0\0\0RSC\x05", 12);
}

static void kernels(void)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    struct riscv_boot b = machine(a, 64, 64 * MIB);
    u8 f[256], fw[100] = { 1 };
    b.firmware = (struct boot_blob){ "fw", fw, sizeof fw };
    elf(f, 64, VIRT_RAM + 0x300000, VIRT_RAM + 0x300002);
    b.kernel = (struct boot_blob){ "vmlinux", f, sizeof f };
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e)); /* ELF: its lowest address, not its entry */
    CU_ASSERT(b.start == VIRT_RAM && b.kernel_start == VIRT_RAM + 0x300000 &&
              peek(&b, b.kernel_start, 4) == 0x64636261);
    b.firmware.size = 0; /* without firmware it is entered directly */
    CU_ASSERT(riscv_boot_load(&b, &e) && b.start == VIRT_RAM + 0x300002);
    elf(f, 64, VIRT_RAM, VIRT_RAM + 8);
    CU_ASSERT(riscv_boot_load(&b, &e) && b.start == VIRT_RAM); /* as on QEMU's board */
    b.flash = true;
    CU_ASSERT(riscv_boot_load(&b, &e) && b.start == VIRT_FLASH);
    b.flash = false;
    elf(f, 32, VIRT_RAM, VIRT_RAM);
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "orrery-system-riscv32"));

    u8 *image = malloc(MIB);
    linux_image(image, MIB, 5 * MIB);
    b.firmware.size = sizeof fw;
    b.kernel = (struct boot_blob){ "Image", image, MIB };
    CU_ASSERT(riscv_boot_load(&b, &e) && b.kernel_start == VIRT_RAM + 2 * MIB && b.kernel_end == VIRT_RAM + 7 * MIB);
    b.initrd = (struct boot_blob){ "initrd", fw, sizeof fw };
    CU_ASSERT(riscv_boot_load(&b, &e) && b.initrd_start == VIRT_RAM + 34 * MIB);
    linux_image(image, MIB, 33 * MIB); /* its bss reaches where the initrd goes */
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "-m"));
    b.kernel.size = 0;
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e)); /* an initrd alone */

    b = machine(a, 32, 16 * MIB);
    b.firmware = (struct boot_blob){ "fw", fw, sizeof fw };
    b.kernel = (struct boot_blob){ "Image", image, MIB };
    CU_ASSERT(riscv_boot_load(&b, &e) && b.kernel_start == VIRT_RAM + 4 * MIB);
    b = machine(a, 64, 2 * MIB + 4096);
    b.firmware = (struct boot_blob){ "fw", fw, sizeof fw };
    b.kernel = (struct boot_blob){ "Image", image, MIB };
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "does not fit"));
    free(image);
    arena_free(a);
}

static bool says(const struct err *e, const char *const *parts)
{
    for (; *parts; parts++)
        if (!strstr(e->text, *parts)) {
            printf("\"%s\" does not say \"%s\"\n", e->text, *parts);
            return false;
        }
    return true;
}
#define SAYS(...) CU_ASSERT(says(&e, (const char *const[]){ __VA_ARGS__, NULL }))

/* Nothing is put where something is. */
static void overlaps(void)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    struct riscv_boot b = machine(a, 64, 64 * MIB);
    u8 f[256], fw[100] = { 1 }, tree[5000] = { 9 };
    b.firmware = (struct boot_blob){ "fw", fw, sizeof fw };
    b.kernel = (struct boot_blob){ "vmlinux", f, sizeof f };
    elf(f, 64, VIRT_RAM + 99, VIRT_RAM);
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    SAYS("kernel 'vmlinux' (0x80000063 to 0x80000066)", "firmware 'fw' (0x80000000 to 0x80000063)", "0x80200000",
         "-bios none");
    elf(f, 64, VIRT_RAM + 100, VIRT_RAM); /* the byte behind it */
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e));
    elf(f, 64, VIRT_RAM, VIRT_RAM);
    b.firmware.size = 0; /* nothing is there */
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e));
    u8 fw_elf[256]; /* what an ELF file clears counts too */
    elf(fw_elf, 64, VIRT_RAM, VIRT_RAM);
    store_le(fw_elf + 64 + 40, 8, 0x1000);
    elf(f, 64, VIRT_RAM + 0xfff, VIRT_RAM);
    b.firmware = (struct boot_blob){ "fw.elf", fw_elf, sizeof fw_elf };
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    SAYS("'vmlinux'", "'fw.elf' (0x80000000 to 0x80000fff)");

    elf(f, 64, VIRT_RAM + 2 * MIB, VIRT_RAM); /* what is in the way of the initrd and of the device tree */
    b.initrd = (struct boot_blob){ "initrd", fw, sizeof fw };
    CU_ASSERT(riscv_boot_load(&b, &e) && riscv_boot_finish(&b, tree, sizeof tree, &e));
    u64 dtb = b.dtb, n = b.placed.n;
    CU_ASSERT_EQUAL(n, 5);
    elf(f, 64, dtb + 4996, VIRT_RAM);
    b.initrd.size = 0;
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e));
    CU_ASSERT_FALSE(riscv_boot_finish(&b, tree, sizeof tree, &e));
    SAYS("device tree 'dtb'", "kernel 'vmlinux'", "-m");
    elf(f, 64, dtb + 5000, VIRT_RAM);
    CU_ASSERT(riscv_boot_load(&b, &e) && riscv_boot_finish(&b, tree, sizeof tree, &e) && b.dtb == dtb);
    arena_free(a);
}

static void zipped(void)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    struct riscv_boot b = machine(a, 64, 16 * MIB);
    size_t n = 3 * MIB;
    u8 *image = calloc(1, n), *packed = malloc(n);
    linux_image(image, n, 0);
    image[n - 1] = 0x77;
    z_stream z = { .next_in = image, .avail_in = (uInt)n, .next_out = packed, .avail_out = (uInt)n };
    deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    CU_ASSERT_EQUAL(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.kernel = (struct boot_blob){ "Image.gz", packed, z.total_out };
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e));
    CU_ASSERT(b.kernel_start == VIRT_RAM && b.kernel_end == VIRT_RAM + n && peek(&b, VIRT_RAM + n - 1, 1) == 0x77);
    b.kernel.size -= 9;
    CU_ASSERT_FALSE(riscv_boot_load(&b, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "cut-short"));
    struct buf out = { 0 };
    CU_ASSERT_FALSE(gunzip("bomb", packed, z.total_out, 1 * MIB, &out, &e)); /* more than there is room for */
    CU_ASSERT(out.len <= 2 * MIB);
    buf_free(&out);
    u64 seed = 1;
    for (unsigned i = 0; i < 300; i++) {
        u8 broken[600];
        size_t len = z.total_out < sizeof broken ? z.total_out : sizeof broken;
        memcpy(broken, packed, len);
        for (unsigned k = 0; k < 3; k++)
            broken[2 + rng_next(&seed) % (len - 2)] = (u8)rng_next(&seed);
        gunzip("broken", broken, len, 8 * MIB, &out, &e);
        buf_free(&out);
        out = (struct buf){ 0 };
    }
    deflateEnd(&z);
    free(image);
    free(packed);
    arena_free(a);
}

static void tree_room(void)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    u8 tree[5000] = { 9 };
    struct riscv_boot b = machine(a, 64, 16 * MIB);
    u8 *big = calloc(1, 15 * MIB);
    b.kernel = (struct boot_blob){ "raw", big, 15 * MIB };
    CU_ASSERT_TRUE(riscv_boot_load(&b, &e));
    CU_ASSERT_FALSE(riscv_boot_finish(&b, tree, sizeof tree, &e)); /* it would lie inside the kernel */
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "device tree"));
    b.kernel.size = 14 * MIB;
    CU_ASSERT(riscv_boot_load(&b, &e) && riscv_boot_finish(&b, tree, sizeof tree, &e) && peek(&b, b.dtb, 1) == 9);
    CU_ASSERT_EQUAL(peek(&b, VIRT_ROM + 40, 8), 0x4942534f);
    struct riscv_boot tiny = machine(a, 64, 4096);
    CU_ASSERT_TRUE(riscv_boot_load(&tiny, &e));
    CU_ASSERT_FALSE(riscv_boot_finish(&tiny, tree, sizeof tree, &e));
    free(big);
    arena_free(a);
}

static void users_tree(void)
{
    struct buf tree = { 0 }, out = { 0 };
    struct err e = { "" };
    struct riscv_virt_dt v = { .harts = 1, .isa = "rv64i", .ram_base = VIRT_RAM, .ram_size = MIB, .bootargs = "old" };
    CU_ASSERT_TRUE_FATAL(riscv_virt_dt(&v, &tree, &e));
    CU_ASSERT_TRUE_FATAL(fdt_with_chosen("user.dtb", tree.data, tree.len, "new args", 0x1000, 0x1234567890, &out, &e));
    int chosen = fdt_path_offset(out.data, "/chosen"), n;
    CU_ASSERT_STRING_EQUAL((const char *)fdt_getprop(out.data, chosen, "bootargs", NULL), "new args");
    CU_ASSERT_EQUAL(load_be(fdt_getprop(out.data, chosen, "linux,initrd-start", &n), 4), 0x1000);
    CU_ASSERT_EQUAL(load_be(fdt_getprop(out.data, chosen, "linux,initrd-end", &n), 8), 0x1234567890);
    buf_free(&out);
    out = (struct buf){ 0 };
    CU_ASSERT_TRUE_FATAL(fdt_with_chosen("user.dtb", tree.data, tree.len, NULL, 0, 0, &out, &e));
    CU_ASSERT_STRING_EQUAL((const char *)fdt_getprop(out.data, fdt_path_offset(out.data, "/chosen"), "bootargs", NULL),
                           "old");
    buf_free(&out);
    CU_ASSERT_FALSE(fdt_with_chosen("user.dts", (const u8 *)"/dts-v1/;", 9, NULL, 0, 0, &out, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "dtc"));
    u64 seed = 2;
    unsigned taken = 0;
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = i % 4 ? tree.len : rng_next(&seed) % tree.len;
        u8 *broken = malloc(len + 1);
        memcpy(broken, tree.data, len);
        for (unsigned k = 0; len && k <= i % 3; k++)
            broken[rng_next(&seed) % (i % 2 ? len : len < 64 ? len : 64)] = (u8)rng_next(&seed);
        struct buf o = { 0 };
        taken += fdt_with_chosen("broken.dtb", broken, len, "args", 1, 2, &o, &e);
        buf_free(&o);
        free(broken);
    }
    CU_ASSERT(taken > 100 && taken < 19900);
    buf_free(&tree);
}

static void too_many(void)
{
    struct buf out = { 0 };
    struct err e = { "" };
    struct riscv_virt_dt v = { .harts = 9, .isa = "rv64i", .ram_base = VIRT_RAM, .ram_size = MIB };
    CU_ASSERT_FALSE(riscv_virt_dt(&v, &out, &e));
    char *isa = calloc(1, 100000); /* does not fit the writer: an error, no overrun */
    memset(isa, 'x', 99999);
    v.harts = 1;
    v.isa = isa;
    CU_ASSERT_FALSE(riscv_virt_dt(&v, &out, &e));
    v.isa = "rv64i";
    v.bootargs = isa; /* a long command line does */
    CU_ASSERT_TRUE(riscv_virt_dt(&v, &out, &e));
    buf_free(&out);
    free(isa);
}

int main(void)
{
    return unit_main("boot", (CU_TestInfo[]){
        { "kernels", kernels }, { "overlaps", overlaps }, { "gzip", zipped }, { "room for the device tree", tree_room },
        { "the user's device tree", users_tree }, { "limits", too_many }, CU_TEST_INFO_NULL });
}
