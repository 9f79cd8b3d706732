/* The virt board's device tree and boot placement against the real thing: Debian's qemu-system-riscv64 and -riscv32. */
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "bios/fdt.h"
#include "bios/riscv_boot.h"
#include "bios/riscv_virt.h"
#include "tests/unit.h"

static char dir[] = "/tmp/orrery-virt-dt-XXXXXX";

/* What QEMU's board has and ours does not. */
static const char *const not_ours[] = { "/pmu", "/platform-bus@4000000", "/soc/pci@30000000" };

static bool slurp(const char *name, struct buf *b)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    u8 piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, f));)
        buf_put(b, piece, n);
    fclose(f);
    return b->len > 0;
}

static void spit(const char *name, const u8 *data, size_t n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n)
        abort();
    fclose(f);
}

static bool run(const char *command)
{
    char *line = xprintf("cd %s && ( %s ) >/dev/null 2>&1", dir, command);
    int r = system(line);
    if (r)
        fprintf(stderr, "%s: status %d\n", line, r);
    free(line);
    return r == 0;
}

/* --- comparing trees --------------------------------------------------------------------------------------- */

static bool is_phandle_cell(const char *prop, int cell)
{
    return !strcmp(prop, "interrupt-parent") || !strcmp(prop, "regmap") || !strcmp(prop, "cpu") ||
           (!strcmp(prop, "interrupts-extended") && cell % 2 == 0);
}

static const char *path_of(const void *fdt, const u8 *cell, char *out, int n)
{
    int node = fdt_node_offset_by_phandle(fdt, (u32)load_be(cell, 4));
    return node < 0 || fdt_get_path(fdt, node, out, n) ? "(nowhere)" : out;
}

static bool same_prop(const char *name, const void *a, const u8 *pa, int na, const void *b, const u8 *pb, int nb)
{
    if (!strcmp(name, "phandle"))
        return true; /* a number of no meaning */
    if (na != nb)
        return false;
    if (!strcmp(name, "rng-seed"))
        return true;
    for (int i = 0; is_phandle_cell(name, 0) && i < na / 4; i++) {
        char x[256], y[256];
        if (is_phandle_cell(name, i) ? strcmp(path_of(a, pa + 4 * i, x, 256), path_of(b, pb + 4 * i, y, 256)) != 0
                                     : memcmp(pa + 4 * i, pb + 4 * i, 4) != 0)
            return false;
    }
    return is_phandle_cell(name, 0) || !memcmp(pa, pb, (size_t)na);
}

/* Every node and property of `a` is in `b` and says the same; those excused may be missing. Returns the differences. */
static unsigned compare(const void *a, const void *b, const char *who, const char *const *excused, size_t n_excused)
{
    unsigned differences = 0;
    int node, prop, depth = 0;
    for (node = 0; node >= 0 && depth >= 0; node = fdt_next_node(a, node, &depth)) {
        char path[256];
        fdt_get_path(a, node, path, sizeof path);
        bool skip = false;
        for (size_t i = 0; i < n_excused; i++)
            skip |= !strcmp(path, excused[i]);
        int other = fdt_path_offset(b, path);
        if (skip || other < 0) {
            if (!skip) {
                fprintf(stderr, "only %s has %s\n", who, path);
                differences++;
            }
            continue;
        }
        fdt_for_each_property_offset(prop, a, node) {
            const char *name;
            int na, nb;
            const void *pa = fdt_getprop_by_offset(a, prop, &name, &na), *pb = fdt_getprop(b, other, name, &nb);
            if (!strcmp(name, "phandle") && !pb)
                continue; /* given to a node that nobody points to */
            if (!pb || !same_prop(name, a, pa, na, b, pb, nb)) {
                fprintf(stderr, "%s: %s/%s %s\n", who, path, name, pb ? "differs" : "is missing in the other");
                differences++;
            }
        }
    }
    return differences;
}

static void compare_both(const void *ours, const void *qemus)
{
    CU_ASSERT_EQUAL(compare(ours, qemus, "ours", NULL, 0), 0);
    CU_ASSERT_EQUAL(compare(qemus, ours, "QEMU's", not_ours, ARRAY_LEN(not_ours)), 0);
}

/* The CPU is not the board's: its description is taken over. */
static void take_cpu(const void *fdt, struct riscv_virt_dt *v)
{
    int cpu = fdt_path_offset(fdt, "/cpus/cpu@0");
    const char *mmu = fdt_getprop(fdt, cpu, "mmu-type", NULL);
    v->isa = fdt_getprop(fdt, cpu, "riscv,isa", NULL);
    v->sv_max = mmu && !strncmp(mmu, "riscv,sv", 8) ? (unsigned)atoi(mmu + 8) : 0;
}

static void dumped(unsigned xlen, unsigned harts, bool aclint, const char *cpu)
{
    struct buf qemus = { 0 }, ours = { 0 };
    struct err e = { "" };
    char *command = xprintf("qemu-system-riscv%u -M virt,aclint=%s,dumpdtb=q.dtb -cpu %s -m 256 -smp %u -bios none",
                            xlen, aclint ? "on" : "off", cpu, harts);
    CU_ASSERT_TRUE_FATAL(run(command) && slurp("q.dtb", &qemus));
    struct riscv_virt_dt v = {
        .harts = harts, .ram_base = VIRT_RAM, .ram_size = 256 << 20, .seed = 5, .aclint = aclint
    };
    take_cpu(qemus.data, &v);
    CU_ASSERT_TRUE_FATAL(riscv_virt_dt(&v, &ours, &e));
    CU_ASSERT_TRUE(dt_valid(ours.data, ours.len));
    compare_both(ours.data, qemus.data);
    buf_free(&ours);
    buf_free(&qemus);
    free(command);
}

static void trees(void)
{
    dumped(64, 1, false, "rv64");
    dumped(64, 4, false, "rv64");
    dumped(64, 8, true, "sifive-u54");
    dumped(32, 2, false, "rv32");
}

/* --- placement: boot both as far as the first instruction and compare memory ------------------------------- */

static struct boot_blob blob(const char *name, struct buf *b, size_t n, u8 first)
{
    for (size_t i = 0; i < n; i++)
        buf_put_le(b, i ? (i * 0x9e3779b1u) >> 24 : first, 1);
    spit(name, b->data, n);
    return (struct boot_blob){ name, b->data, b->len };
}

static void placed(unsigned xlen, u64 mib, bool firmware, bool kernel, bool initrd)
{
    struct arena *a = arena_new();
    struct err e = { "" };
    struct buf fw = { 0 }, k = { 0 }, i = { 0 }, rom = { 0 }, qdtb = { 0 }, dtb = { 0 };
    struct space *s = space_new(a, "memory");
    struct ram *r = ram_new(a, "rom", VIRT_ROM_SIZE, true, &e), *ram = ram_new(a, "ram", mib << 20, false, &e);
    CU_ASSERT_FATAL(r && ram && space_add_ram(s, VIRT_ROM, r, &e) && space_add_ram(s, VIRT_RAM, ram, &e));
    struct riscv_boot b = { .xlen = xlen, .mem = s, .rom_base = VIRT_ROM, .ram_base = VIRT_RAM, .ram_size = mib << 20 };
    if (firmware)
        b.firmware = blob("fw.bin", &fw, 300000, 0x13);
    if (kernel)
        b.kernel = blob("k.bin", &k, 3000000, 0x13);
    if (initrd)
        b.initrd = blob("i.bin", &i, 123457, 7);
    char *qemu =
        xprintf("timeout 60 qemu-system-riscv%u -M virt -m %llu -smp 2 -S -display none -serial null -monitor stdio "
                "-bios %s %s %s",
                xlen, (unsigned long long)mib, firmware ? "fw.bin" : "none",
                kernel ? "-kernel k.bin -append 'console=ttyS0 x=\"y\"'" : "", initrd ? "-initrd i.bin" : "");
    char *command = xprintf("printf 'pmemsave 0x1000 0x60 rom\\nquit\\n' | %s", qemu);
    CU_ASSERT_TRUE_FATAL(run(command) && slurp("rom", &rom) && rom.len == 0x60);
    u64 at = load_le(rom.data + 32, 8);
    free(command);
    command = xprintf("printf 'pmemsave 0x%llx 0x4000 fdt\\nquit\\n' | %s", (unsigned long long)at, qemu);
    CU_ASSERT_TRUE_FATAL(run(command) && slurp("fdt", &qdtb));
    free(command);
    free(qemu);

    struct riscv_virt_dt v = { .harts = 2, .ram_base = VIRT_RAM, .ram_size = mib << 20,
                               .bootargs = kernel ? "console=ttyS0 x=\"y\"" : NULL };
    CU_ASSERT_TRUE_FATAL(riscv_boot_load(&b, &e));
    v.initrd_start = b.initrd_start;
    v.initrd_end = b.initrd_end;
    take_cpu(qdtb.data, &v);
    CU_ASSERT_TRUE_FATAL(riscv_virt_dt(&v, &dtb, &e) && riscv_boot_finish(&b, dtb.data, dtb.len, &e));
    u8 vector[0x60];
    space_peek(s, VIRT_ROM, vector, sizeof vector);
    CU_ASSERT_EQUAL(memcmp(vector, rom.data, sizeof vector), 0);
    CU_ASSERT_EQUAL(b.dtb, at);
    compare_both(dtb.data, qdtb.data);
    u8 head[16];
    if (kernel)
        CU_ASSERT(space_peek(s, b.kernel_start, head, 16) == 16 && !memcmp(head, k.data, 16));
    if (initrd)
        CU_ASSERT(space_peek(s, b.initrd_start, head, 16) == 16 && !memcmp(head, i.data, 16));
    struct buf *all[] = { &fw, &k, &i, &rom, &qdtb, &dtb };
    for (unsigned n = 0; n < ARRAY_LEN(all); n++)
        buf_free(all[n]);
    arena_free(a);
}

static void placement(void)
{
    placed(64, 128, true, true, true);
    placed(64, 1024, true, true, true);
    placed(64, 128, false, true, false);
    placed(64, 3072, true, false, false);
    placed(32, 256, true, true, true);
    placed(32, 128, false, true, true);
}

int main(void)
{
    if (system("qemu-system-riscv64 --version >/dev/null 2>&1") ||
        system("qemu-system-riscv32 --version >/dev/null 2>&1")) {
        printf("qemu-system-riscv64 and -riscv32 (package qemu-system-misc) are not installed: skipped\n");
        return 77;
    }
    if (!mkdtemp(dir))
        return 99;
    int r = unit_main("virt device tree and placement",
                      (CU_TestInfo[]){ { "device tree equals QEMU's", trees },
                                       { "reset vector and placement equal QEMU's", placement },
                                       CU_TEST_INFO_NULL });
    char *rm = xprintf("rm -rf %s", dir);
    r = system(rm) ? 99 : r;
    free(rm);
    return r;
}
