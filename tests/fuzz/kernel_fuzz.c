/* What -kernel takes on a PC: bzImages, multiboot 1 and 2, ELF with a PVH note, made valid and then torn, with and without
 * an initial RAM disk and a command line. Each is planned, or refused with a sentence that names the file; what is planned
 * lies in the memory of the machine and overwrites nothing else that was planned. And the tables a PC's firmware is given,
 * for odd machines: ACPI with its loader script, carried out here, and SMBIOS. */
#include "bios/acpi.h"
#include "bios/elf.h"
#include "bios/smbios.h"
#include "bios/x86_kernel.h"
#include "tests/fuzz/cases.h"

enum { IMAGE = 64 << 10 };

/* --- images --- */

static void put32(u8 *p, u64 at, u64 v) { store_le(p + at, 4, v); }

static u64 place(u64 *rng)
{
    static const u64 special[] = { 0x100000, 0x200000, 0x8000, 0x9000, 0x10000, 0x20000, 0x8ff00, 0xffff0, 0, 0xfffff000, 0x1000000 };
    return one_in(rng, 3) ? special[any(rng, ARRAY_LEN(special))] : 0x100000 + any(rng, 0x300000);
}

static u64 amount(u64 *rng)
{
    return one_in(rng, 6) ? any(rng, 1 << 24) : any(rng, 0x2000);
}

static size_t linux_image(u64 *rng, u8 *p)
{
    static const u16 versions[] = { 0x200, 0x202, 0x203, 0x204, 0x206, 0x20a, 0x20c, 0x20f };
    p[0x1f1] = (u8)any(rng, 70);
    store_le(p + 0x1fe, 2, 0xaa55);
    memcpy(p + 0x202, "HdrS", 4);
    store_le(p + 0x206, 2, versions[any(rng, ARRAY_LEN(versions))]);
    p[0x211] = (u8)!one_in(rng, 8);
    put32(p, 0x22c, one_in(rng, 3) ? amount(rng) : 0x37ffffff);
    put32(p, 0x238, one_in(rng, 3) ? any(rng, 3000) : 2047);
    store_le(p + 0x258, 8, place(rng));
    put32(p, 0x260, amount(rng));
    return 0x200 + any(rng, IMAGE - 0x200);
}

static size_t elf_image(u64 *rng, u8 *p, bool wide, bool note)
{
    unsigned header = wide ? 64 : 52, entry = wide ? 56 : 32, n = 1 + (unsigned)any(rng, 5), word = wide ? 8 : 4;
    memcpy(p, "\177ELF", 4);
    p[4] = wide ? 2 : 1;
    p[5] = p[6] = 1;
    store_le(p + 16, 2, 2);
    store_le(p + 18, 2, one_in(rng, 20) ? any(rng, 300) : wide ? 62 : 3);
    put32(p, 20, 1);
    store_le(p + 24, word, place(rng));
    store_le(p + (wide ? 32 : 28), word, header);
    store_le(p + (wide ? 52 : 40), 2, header);
    store_le(p + (wide ? 54 : 42), 2, entry);
    store_le(p + (wide ? 56 : 44), 2, n);
    u64 addr = place(rng);
    for (unsigned k = 0; k < n; k++) {
        u8 *h = p + header + k * entry;
        u64 size = any(rng, 0x2000), mem = size + amount(rng), at = 0x400 + any(rng, IMAGE - 0x3000);
        bool is_note = note && k + 1 == n;
        if (one_in(rng, 4))
            addr = place(rng);
        if (is_note) {
            at = 0x10000 - 0x100;
            size = 20 + any(rng, 40);
            put32(p, at, 4);
            put32(p, at + 4, 4);
            put32(p, at + 8, 18);
            memcpy(p + at + 12, "Xen", 4);
            put32(p, at + 16, place(rng));
        }
        put32(h, 0, is_note ? 4 : 1);
        store_le(h + (wide ? 8 : 4), word, at);
        store_le(h + (wide ? 16 : 8), word, addr);
        store_le(h + (wide ? 24 : 12), word, addr);
        store_le(h + (wide ? 32 : 16), word, size);
        store_le(h + (wide ? 40 : 20), word, mem);
        addr += (mem + 0xfff) & ~(u64)0xfff;
    }
    return IMAGE;
}

static void multiboot_header(u64 *rng, u8 *p, bool addresses)
{
    u64 at = 0x200 + 4 * any(rng, 0x40), load = place(rng);
    u32 flags = (addresses ? 1 << 16 : 0) | (u32)any(rng, 8);
    put32(p, at, 0x1badb002);
    put32(p, at + 4, flags);
    put32(p, at + 8, (u32)-(0x1badb002 + flags));
    put32(p, at + 12, load + at);
    put32(p, at + 16, one_in(rng, 5) ? 0xffffffff : load);
    put32(p, at + 20, one_in(rng, 3) ? 0 : load + any(rng, IMAGE));
    put32(p, at + 24, one_in(rng, 3) ? 0 : load + amount(rng));
    put32(p, at + 28, load + any(rng, 0x1000));
}

static void multiboot2_header(u64 *rng, u8 *p, bool addresses)
{
    u64 at = 0x200 + 8 * any(rng, 0x20), to = at + 16, load = place(rng);
    if (addresses) {
        put32(p, to, 2);
        put32(p, to + 4, 24);
        put32(p, to + 8, load + at);
        put32(p, to + 12, one_in(rng, 5) ? 0xffffffff : load);
        put32(p, to + 16, one_in(rng, 3) ? 0 : load + any(rng, IMAGE));
        put32(p, to + 20, one_in(rng, 3) ? 0 : load + amount(rng));
        to += 24;
    }
    if (one_in(rng, 2)) {
        put32(p, to, 3);
        put32(p, to + 4, 12);
        put32(p, to + 8, place(rng));
        to += 16;
    }
    put32(p, to, 0);
    put32(p, to + 4, 8);
    u32 length = (u32)(to + 8 - at);
    put32(p, at, 0xe85250d6);
    put32(p, at + 4, 0);
    put32(p, at + 8, length);
    put32(p, at + 12, (u32)-(0xe85250d6 + length));
}

static size_t some_image(u64 *rng, u8 *p)
{
    for (size_t k = 0; k < IMAGE; k += 16)
        store_le(p + k, 8, one_in(rng, 8) ? rng_next(rng) : 0);
    size_t n = IMAGE;
    bool wide = one_in(rng, 2), addresses = one_in(rng, 2);
    switch (any(rng, 5)) {
    case 0: return linux_image(rng, p);
    case 1: n = elf_image(rng, p, wide, true); break;
    case 2:
        n = elf_image(rng, p, wide, one_in(rng, 2));
        multiboot_header(rng, p, addresses);
        break;
    case 3:
        n = elf_image(rng, p, wide, one_in(rng, 2));
        multiboot2_header(rng, p, addresses);
        break;
    default: break;
    }
    return n;
}

/* --- plans --- */

static unsigned kinds[4]; /* of this process */

static void check_plan(const struct x86_kernel *k)
{
    u64 sum = 0;
    for (unsigned i = 0; i < k->n; i++) {
        const struct x86_piece *p = &k->piece[i];
        for (u32 b = 0; b < p->size; b++) /* all of it is there */
            sum += p->data[b];
        if (p->size > p->mem_size || (u64)p->addr + p->mem_size > k->low_ram_end || p->addr < 0x8000 ||
            (p->addr < 0x100000 && p->addr + p->mem_size > 0x90000))
            wrong("a piece lies where no memory is");
        for (unsigned j = 0; j < i; j++) {
            const struct x86_piece *q = &k->piece[j];
            if ((u64)p->addr + p->mem_size > q->addr && (u64)q->addr + q->mem_size > p->addr)
                wrong("two pieces overwrite each other");
        }
    }
    if (k->plan_size != 64 + 12 * k->n || load_le(k->plan, 4) != k->n || (sum && !k->kind))
        wrong("a plan that says something else");
    static const char *const names[] = { "Linux", "multiboot", "multiboot2", "PVH" };
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        kinds[i] += !strcmp(k->kind, names[i]);
}

static void kernel_case(u64 *rng)
{
    u8 *image = xmalloc(IMAGE);
    for (unsigned n = 0; n < 300; n++) {
        struct arena *a = arena_new();
        struct err e = { "" };
        size_t size = some_image(rng, image);
        u64 torn = one_in(rng, 2) ? any(rng, 6) : 0;
        while (torn--)
            mutate(rng, image, one_in(rng, 3) ? IMAGE : 0x400);
        if (one_in(rng, 6))
            size = any(rng, size + 1);
        char *append = one_in(rng, 2) ? xcalloc(1, 40000) : NULL;
        if (append)
            memset(append, 'x', one_in(rng, 8) ? any(rng, 39999) : any(rng, 2100));
        size_t initrd = one_in(rng, 2) ? 0 : one_in(rng, 3) ? any(rng, 1 << 20) : any(rng, 9000);
        u8 *exact = xmalloc(size ? size : 1), *disk = xcalloc(1, initrd ? initrd : 1); /* a sanitizer sees their ends */
        memcpy(exact, image, size);
        struct x86_kernel k = { .kernel = { "the-kernel", exact, size }, .initrd = { "the-initrd", disk, initrd }, .append = append,
                                .low_ram_end = one_in(rng, 3) ? (1 << 20) + any(rng, 4 << 20) : (u64)3 << 30 };
        if (x86_kernel_plan(&k, a, &e))
            check_plan(&k);
        else if (!strstr(e.text, "the-kernel") && !strstr(e.text, "the-initrd") && !strstr(e.text, "-append"))
            wrong(e.text[0] ? e.text : "refused without a word");
        free(append);
        free(exact);
        free(disk);
        arena_free(a);
    }
    free(image);
}

/* --- tables --- */

static u8 sum_of(const u8 *p, u64 n)
{
    u8 sum = 0;
    while (n--)
        sum = (u8)(sum + *p++);
    return sum;
}

/* Carries out QEMU's loader script as a firmware does, and checks every table that is reached. */
static void load_tables(struct acpi_files *f)
{
    struct { const char *name; struct buf *b; u64 base; } file[] = { { "etc/acpi/tables", &f->tables, 0x7fe0000 },
                                                                     { "etc/acpi/rsdp", &f->rsdp, 0xf0000 } };
    if (!f->loader.len || f->loader.len % 128)
        wrong("the loader script is not made of commands");
    for (u64 at = 0; at < f->loader.len; at += 128) {
        const u8 *c = f->loader.data + at;
        u32 command = (u32)load_le(c, 4);
        struct buf *to = NULL;
        u64 base = 0;
        for (unsigned k = 0; k < ARRAY_LEN(file); k++) {
            if (!strcmp((const char *)c + 4, file[k].name))
                to = file[k].b;
            if (command == 2 && !strcmp((const char *)c + 60, file[k].name))
                base = file[k].base;
        }
        if (!to || command < 1 || command > 3 || (command == 2 && !base))
            wrong("a loader command without sense");
        if (command == 2) { /* a pointer: offset, size */
            u64 offset = load_le(c + 116, 4), size = c[120];
            if (size > 8 || offset + size > to->len || load_le(to->data + offset, (unsigned)size) >= f->tables.len)
                wrong("a pointer outside its file");
            store_le(to->data + offset, (unsigned)size, load_le(to->data + offset, (unsigned)size) + base);
        } else if (command == 3) { /* a checksum: where, of what */
            u64 offset = load_le(c + 60, 4), start = load_le(c + 64, 4), length = load_le(c + 68, 4);
            if (start + length > to->len || offset < start || offset >= start + length)
                wrong("a checksum outside its file");
            to->data[offset] = 0;
            to->data[offset] = (u8)-sum_of(to->data + start, length);
        }
    }
    u64 rsdt = load_le(f->rsdp.data + 16, 4) - file[0].base, size = 0;
    if (sum_of(f->rsdp.data, 20) || rsdt + 36 > f->tables.len || (size = load_le(f->tables.data + rsdt + 4, 4)) < 40 ||
        rsdt + size > f->tables.len || memcmp(f->tables.data + rsdt, "RSDT", 4))
        wrong("the RSDP leads nowhere");
    for (u64 at = 36; at + 4 <= size; at += 4) {
        u64 table = load_le(f->tables.data + rsdt + at, 4) - file[0].base, n = 0;
        if (table + 36 > f->tables.len || (n = load_le(f->tables.data + table + 4, 4)) < 36 || n > f->tables.len - table)
            wrong("a table outside the file");
        if (sum_of(f->tables.data + table, n))
            wrong("a table with a wrong checksum");
    }
}

static void tables_case(u64 *rng)
{
    for (unsigned n = 0; n < 100; n++) {
        struct acpi_isa_device isa[20] = { { 0 } };
        for (u64 k = any(rng, 19); k; k--) {
            static const char *const names[] = { "COM1", "A___", "ZZZ9" }, *const ids[] = { "PNP0501", "PNP0A03", "PNPFFFF" };
            isa[k - 1] = (struct acpi_isa_device){ .name = names[any(rng, 3)], .hid = ids[any(rng, 3)], .uid = (unsigned)rng_next(rng),
                                                   .irq = (int)any(rng, 17) - 1, .dma = (int)any(rng, 9) - 1 };
            for (u64 p = any(rng, ACPI_MAX_PORTS + 1); p; p--) {
                isa[k - 1].ports[p - 1].base = (u16)rng_next(rng);
                isa[k - 1].ports[p - 1].length = (u8)rng_next(rng);
            }
            if (k > 1 && !isa[k - 2].name)
                continue;
        }
        struct acpi_board b = { .cpus = 1 + (unsigned)any(rng, 8), .low_ram_end = rng_next(rng) >> (32 + any(rng, 32)),
                                .pm_base = (u16)rng_next(rng), .smi_command = (u16)rng_next(rng), .hpet_base = (u32)(rng_next(rng) * any(rng, 2)),
                                .ioapic_base = (u32)(rng_next(rng) * any(rng, 2)), .lapic_base = (u32)rng_next(rng),
                                .pci_links = (u16)any(rng, 256), .isa = isa, .vga = any(rng, 2) };
        struct acpi_files f = { 0 };
        acpi_make(&b, &f);
        load_tables(&f);
        acpi_free(&f);

        char product[64] = "", cpu[80] = "";
        memset(product, 'p', any(rng, 63));
        memset(cpu, 'c', any(rng, 79));
        struct buf tables = { 0 }, anchor = { 0 };
        struct smbios_machine m = { product, one_in(rng, 2) ? "" : "1", cpu, (u32)rng_next(rng), (u32)rng_next(rng), 1 + (unsigned)any(rng, 8),
                                    one_in(rng, 2) ? rng_next(rng) >> any(rng, 40) : (u64)any(rng, 64) << 20 };
        smbios_make(&m, &tables, &anchor);
        u64 at = 0, type = 0;
        while (at + 4 <= tables.len && type != 127) { /* structures: length, then strings that end with two zeroes */
            type = tables.data[at];
            u64 next = at + tables.data[at + 1];
            if (tables.data[at + 1] < 4)
                wrong("an SMBIOS structure that is too short");
            while (next + 2 <= tables.len && (tables.data[next] || tables.data[next + 1]))
                next++;
            at = next + 2;
        }
        if (type != 127 || at != tables.len || anchor.len < 31 || memcmp(anchor.data, "_SM", 3))
            wrong("the SMBIOS structures do not end where they should");
        buf_free(&tables);
        buf_free(&anchor);
    }
}

static void run_case(u64 number)
{
    u64 rng = number;
    rng_next(&rng);
    if (number % 4 == 3)
        tables_case(&rng);
    else
        kernel_case(&rng);
    if (getenv("KERNEL_FUZZ_SHOW"))
        printf("%u Linux, %u multiboot, %u multiboot2, %u PVH\n", kinds[0], kinds[1], kinds[2], kinds[3]);
}

int main(int argc, char **argv)
{
    return cases_main("kernel_fuzz", argc, argv, run_case);
}
