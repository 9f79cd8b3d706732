#include "bios/x86_kernel.h"

#include <stdlib.h>
#include <string.h>

#include "bios/elf.h"

/* Where things go below 640 KiB: the ROM's own data is below 0x8000. */
enum { INFO = 0x8000, MAP = 0x9000, SETUP = 0x10000, COMMAND_LINE = 0x20000, LOW_END = 0x90000, HIGH = 0x100000 };
#define STACK 0x7000
#define FIRMWARE_TOP 0x80000 /* what SeaBIOS keeps at the end of the RAM for tables and itself, and some */
#define MAP_MAX 32

static bool add_piece(struct x86_kernel *k, const void *data, u64 size, u64 addr, u64 mem_size, struct err *e)
{
    if (!mem_size)
        return true;
    if (k->n == X86_PLAN_PIECES)
        return err_set(e, "%s: it has more than %d pieces to load", k->kernel.name, X86_PLAN_PIECES);
    bool low = addr >= INFO && addr + mem_size <= LOW_END, high = addr >= HIGH && addr + mem_size <= k->low_ram_end;
    if (addr + mem_size < addr || (!low && !high))
        return err_set(e, "%s: 0x%llx bytes at 0x%llx are not in the memory of this machine; give it more with -m or link "
                       "the kernel elsewhere", k->kernel.name, (unsigned long long)mem_size, (unsigned long long)addr);
    k->piece[k->n++] = (struct x86_piece){ data, (u32)(size < mem_size ? size : mem_size), (u32)addr, (u32)mem_size };
    return true;
}

/* Room for the memory map, which the ROM writes. The last word of an entry may be reserved: 0. */
static bool add_map(struct x86_kernel *k, struct arena *a, struct err *e)
{
    return add_piece(k, memset(arena_alloc(a, 24 * MAP_MAX), 0, 24 * MAP_MAX), 24 * MAP_MAX, MAP, 24 * MAP_MAX, e);
}

/* Pieces are stored one after another: a kernel linked to where its command line goes would never see it. */
static bool lies_apart(const struct x86_kernel *k, struct err *e)
{
    for (unsigned i = 0; i < k->n; i++)
        for (unsigned j = i + 1; j < k->n; j++) {
            const struct x86_piece *p = &k->piece[i], *q = &k->piece[j];
            if ((u64)p->addr + p->mem_size > q->addr && (u64)q->addr + q->mem_size > p->addr)
                return err_set(e, "%s: what goes to 0x%x (0x%x bytes) and what goes to 0x%x (0x%x bytes) would overwrite each "
                               "other; link the kernel elsewhere", k->kernel.name, p->addr, p->mem_size, q->addr, q->mem_size);
        }
    return true;
}

static bool add_command_line(struct x86_kernel *k, struct err *e)
{
    const char *text = k->append ? k->append : "";
    return add_piece(k, text, strlen(text) + 1, COMMAND_LINE, strlen(text) + 1, e);
}

/* --- Linux ---------------------------------------------------------------------------------------------------------- */

static bool is_linux(const struct boot_blob *b)
{
    return b->size > 0x268 && load_le(b->data + 0x1fe, 2) == 0xaa55 && !memcmp(b->data + 0x202, "HdrS", 4);
}

/* As high as the kernel takes it, in whole pages. */
static bool place_initrd(struct x86_kernel *k, u64 most, u64 above, u64 *addr, struct err *e)
{
    u64 end = k->low_ram_end > FIRMWARE_TOP ? k->low_ram_end - FIRMWARE_TOP : 0;
    if (end > most + 1)
        end = most + 1;
    *addr = end > k->initrd.size ? (end - k->initrd.size) & ~(u64)0xfff : 0;
    if (!k->initrd.size || *addr >= above)
        return true;
    return err_set(e, "%s: the initial RAM disk (%zu bytes) and the kernel do not fit into %llu MiB; give the machine more "
                   "with -m", k->initrd.name, k->initrd.size, (unsigned long long)(k->low_ram_end >> 20));
}

/* "vga=" of the command line is the boot loader's: "normal", "ext", "ask" or a number (Documentation/arch/x86/boot.rst,
 * "Special Command Line Options"). False: it is not there, or says nothing of that. */
static bool video_mode(const char *append, u16 *mode)
{
    static const struct { const char *name; u16 mode; } names[] = {
        { "normal", 0xffff }, { "ext", 0xfffe }, { "ask", 0xfffd },
    };
    bool found = false;
    for (const char *p = append; p && (p = strstr(p, "vga=")); p += 4) {
        size_t n = strcspn(p + 4, " ");
        if (p != append && p[-1] != ' ')
            continue;
        for (unsigned i = 0; i < ARRAY_LEN(names); i++)
            if (n == strlen(names[i].name) && !strncmp(p + 4, names[i].name, n)) {
                *mode = names[i].mode;
                found = true;
            }
        char *end;
        unsigned long v = strtoul(p + 4, &end, 0);
        if (n && end == p + 4 + n && v <= 0xffff) {
            *mode = (u16)v;
            found = true;
        }
    }
    return found;
}

static bool plan_linux(struct x86_kernel *k, struct arena *a, struct err *e)
{
    enum { SETUP_SECTS = 0x1f1, VID_MODE = 0x1fa, VERSION = 0x206, LOADER = 0x210,
           LOADFLAGS = 0x211, IMAGE = 0x218, IMAGE_SIZE = 0x21c,
           HEAP_END = 0x224, CMD_LINE = 0x228, INITRD_MAX = 0x22c, CMDLINE_SIZE = 0x238, PREF_ADDRESS = 0x258, INIT_SIZE = 0x260,
           LOADED_HIGH = 1, CAN_USE_HEAP = 0x80, UNDEFINED_LOADER = 0xff };
    const u8 *d = k->kernel.data;
    u32 version = (u32)load_le(d + VERSION, 2), sects = d[SETUP_SECTS] ? d[SETUP_SECTS] : 4, size = (sects + 1) * 512;
    if (version < 0x202 || !(d[LOADFLAGS] & LOADED_HIGH))
        return err_set(e, "%s: a Linux kernel of boot protocol %x.%02x that is not a bzImage cannot be started", k->kernel.name,
                       version >> 8, version & 0xff);
    if (size >= k->kernel.size || size > COMMAND_LINE - SETUP - 0x1000)
        return err_set(e, "%s: the kernel is cut short: its setup code has %u bytes, the file %zu", k->kernel.name, size,
                       k->kernel.size);
    u64 most = version >= 0x203 ? load_le(d + INITRD_MAX, 4) : 0x37ffffff, initrd;
    u64 needs = HIGH + (k->kernel.size - size);
    if (version >= 0x20a) { /* it unpacks itself there */
        u64 unpacked = load_le(d + PREF_ADDRESS, 8) + load_le(d + INIT_SIZE, 4);
        needs = unpacked > needs && unpacked < k->low_ram_end ? unpacked : needs;
    }
    u32 room = version >= 0x206 ? (u32)load_le(d + CMDLINE_SIZE, 4) : 255;
    if (k->append && strlen(k->append) > room)
        return err_set(e, "-append: this kernel takes %u characters, not %zu", room, strlen(k->append));
    if (!place_initrd(k, most, needs, &initrd, e))
        return false;
    u8 *setup = arena_memdup(a, d, size);
    setup[LOADER] = UNDEFINED_LOADER;
    setup[LOADFLAGS] |= CAN_USE_HEAP;
    store_le(setup + HEAP_END, 2, COMMAND_LINE - SETUP - 0x200);
    store_le(setup + CMD_LINE, 4, COMMAND_LINE);
    u16 mode;
    if (video_mode(k->append, &mode))
        store_le(setup + VID_MODE, 2, mode);
    store_le(setup + IMAGE, 4, k->initrd.size ? initrd : 0);
    store_le(setup + IMAGE_SIZE, 4, k->initrd.size);
    k->kind = "Linux";
    k->entry.start = SETUP >> 4;
    return add_piece(k, setup, size, SETUP, size, e) && add_command_line(k, e) &&
           add_piece(k, d + size, k->kernel.size - size, HIGH, k->kernel.size - size, e) &&
           add_piece(k, k->initrd.data, k->initrd.size, initrd, k->initrd.size, e);
}

/* --- ELF and what describes itself ------------------------------------------------------------------------------------ */

static bool add_elf(struct x86_kernel *k, u64 *entry, u64 *end, struct err *e)
{
    struct elf_image img;
    struct elf_segment s;
    if (!elf_open(&img, k->kernel.name, k->kernel.data, k->kernel.size, 0, e))
        return false;
    if (img.machine != ELF_MACHINE_386 && img.machine != ELF_MACHINE_X86_64)
        return err_set(e, "%s is an ELF file for machine %u, not for an x86", k->kernel.name, img.machine);
    for (u32 n = 0; elf_segment(&img, n, &s); n++)
        if (!add_piece(k, s.data, s.file_size, s.paddr, s.mem_size, e))
            return false;
    *entry = img.entry;
    *end = img.high;
    return true;
}

/* The initial RAM disk as a module, on the page behind the kernel: multiboot wants modules in whole pages. */
static bool add_module(struct x86_kernel *k, u64 end, u32 *addr, struct err *e)
{
    end = end < HIGH ? HIGH : end;
    *addr = (u32)((end + 0xfff) & ~(u64)0xfff);
    return add_piece(k, k->initrd.data, k->initrd.size, *addr, k->initrd.size, e);
}

/* Finds a header by its magic number, aligned, whose first numbers sum up to 0. */
static const u8 *find_header(const struct boot_blob *b, u32 magic, unsigned align, size_t within, unsigned numbers)
{
    for (size_t at = 0; at < within && at + 4 * numbers <= b->size; at += align) {
        u32 sum = 0;
        for (unsigned n = 0; n < numbers; n++)
            sum += (u32)load_le(b->data + at + 4 * n, 4);
        if (load_le(b->data + at, 4) == magic && !sum)
            return b->data + at;
    }
    return NULL;
}

/* The "address" fields of a header that is not an ELF file's: the range of the file, the bss, the entry. */
static bool add_raw(struct x86_kernel *k, const u8 *header, u32 header_addr, u32 load, u32 load_end, u32 bss_end, u64 *end,
                    struct err *e)
{
    u64 at = (u64)(header - k->kernel.data);
    if (load != 0xffffffff && header_addr - load > at)
        return err_set(e, "%s: its multiboot header says that it begins before the file does", k->kernel.name);
    u64 from = load == 0xffffffff ? 0 : at - (header_addr - load);
    u32 start = load == 0xffffffff ? header_addr - (u32)at : load;
    u64 size = load_end ? load_end - start : k->kernel.size - from;
    if (size > k->kernel.size - from)
        return err_set(e, "%s: the file is cut short: its multiboot header speaks of 0x%llx bytes", k->kernel.name,
                       (unsigned long long)size);
    u64 mem = bss_end > start && bss_end - start > size ? bss_end - start : size;
    *end = start + mem;
    return add_piece(k, k->kernel.data + from, size, start, mem, e);
}

static void want_map(struct x86_kernel *k, u32 map, u32 prefix, u32 count_at, u32 bytes_at)
{
    k->entry.map = map;
    k->entry.map_stride = 24;
    k->entry.map_prefix = prefix;
    k->entry.map_count_at = count_at;
    k->entry.map_bytes_at = bytes_at;
}

static bool plan_multiboot(struct x86_kernel *k, const u8 *h, struct arena *a, struct err *e)
{
    enum { ADDRESSES = 1 << 16, HAS_MEMORY = 1, HAS_CMDLINE = 4, HAS_MODULES = 8, HAS_MAP = 64, HAS_NAME = 512,
           MODULES = 0x60, NAME = 0x80, SIZE = 0xa0 };
    u64 entry, end;
    u32 module, flags = (u32)load_le(h + 4, 4);
    if (flags & ADDRESSES) {
        if (h + 32 > k->kernel.data + k->kernel.size)
            return err_set(e, "%s: the file is cut short in its multiboot header", k->kernel.name);
        entry = load_le(h + 28, 4);
        if (!add_raw(k, h, (u32)load_le(h + 12, 4), (u32)load_le(h + 16, 4), (u32)load_le(h + 20, 4),
                     (u32)load_le(h + 24, 4), &end, e))
            return false;
    } else if (!add_elf(k, &entry, &end, e)) {
        return false;
    }
    const char *file = k->initrd.name ? k->initrd.name : "";
    size_t size = SIZE + strlen(file) + 1;
    u8 *info = arena_alloc(a, size);
    memset(info, 0, size);
    store_le(info, 4, HAS_MEMORY | HAS_CMDLINE | HAS_MAP | HAS_NAME | (k->initrd.size ? HAS_MODULES : 0));
    k->entry.memory_at = INFO + 4;
    store_le(info + 16, 4, COMMAND_LINE);
    store_le(info + 48, 4, MAP);
    store_le(info + 64, 4, INFO + NAME);
    memcpy(info + NAME, "orrery", 7);
    if (!add_module(k, end, &module, e))
        return false;
    if (k->initrd.size) {
        store_le(info + 20, 4, 1);
        store_le(info + 24, 4, INFO + MODULES);
        store_le(info + MODULES, 4, module);
        store_le(info + MODULES + 4, 4, module + k->initrd.size);
        store_le(info + MODULES + 8, 4, INFO + SIZE); /* its string */
        memcpy(info + SIZE, file, strlen(file));
    }
    want_map(k, MAP, 4, 0, INFO + 44);
    k->kind = "multiboot";
    k->entry.start = (u32)entry;
    k->entry.eax = 0x2badb002;
    k->entry.ebx = INFO;
    if (size > MAP - INFO)
        return err_set(e, "-initrd: a name of %zu characters is too long for a multiboot kernel", strlen(file));
    return add_piece(k, info, size, INFO, size, e) && add_map(k, a, e) && add_command_line(k, e);
}

static void tag(u8 **p, u32 type, u32 size)
{
    store_le(*p, 4, type);
    store_le(*p + 4, 4, size);
    *p += (size + 7) & ~7u;
}

static bool plan_multiboot2(struct x86_kernel *k, const u8 *h, struct arena *a, struct err *e)
{
    enum { END = 0, ADDRESS = 2, ENTRY = 3, I_CMDLINE = 1, I_NAME = 2, I_MODULE = 3, I_MEMORY = 4, I_MAP = 6 };
    u64 entry = 0, end = 0, length = load_le(h + 8, 4);
    bool has_entry = false, raw = false;
    u32 module;
    const u8 *limit = k->kernel.data + k->kernel.size;
    if (length > (u64)(limit - h))
        return err_set(e, "%s: the file is cut short in its multiboot2 header", k->kernel.name);
    for (u64 at = 16; at + 8 <= length && load_le(h + at, 2) != END;) {
        const u8 *t = h + at;
        u64 size = load_le(t + 4, 4);
        if (size < 8 || size > length - at)
            return err_set(e, "%s: its multiboot2 header has a tag of %llu bytes", k->kernel.name, (unsigned long long)size);
        if (load_le(t, 2) == ADDRESS && size >= 24) {
            raw = true;
            if (!add_raw(k, h, (u32)load_le(t + 8, 4), (u32)load_le(t + 12, 4), (u32)load_le(t + 16, 4),
                         (u32)load_le(t + 20, 4), &end, e))
                return false;
        } else if (load_le(t, 2) == ENTRY && size >= 12) {
            has_entry = true;
            entry = load_le(t + 8, 4);
        }
        at += (size + 7) & ~(u64)7;
    }
    u64 elf_entry = 0;
    if (!raw && !add_elf(k, &elf_entry, &end, e))
        return false;
    if (!add_module(k, end, &module, e))
        return false;
    const char *text = k->append ? k->append : "", *file = k->initrd.name ? k->initrd.name : "";
    size_t n = strlen(text) + 1, n_file = strlen(file) + 1, room = 256 + n + n_file + 24 * MAP_MAX;
    u8 *info = arena_alloc(a, room), *p = info + 8, *t;
    memset(info, 0, room);
    memcpy(p + 8, text, n);
    tag(&p, I_CMDLINE, (u32)(8 + n));
    memcpy(p + 8, "orrery", 7);
    tag(&p, I_NAME, 15);
    if (k->initrd.size) {
        store_le(p + 8, 4, module);
        store_le(p + 12, 4, module + k->initrd.size);
        memcpy(p + 16, file, n_file);
        tag(&p, I_MODULE, (u32)(16 + n_file));
    }
    k->entry.memory_at = INFO + (u32)(p + 8 - info);
    tag(&p, I_MEMORY, 16);
    /* Entries that are left over say: nothing, reserved. */
    t = p;
    store_le(t + 8, 4, 24);
    for (unsigned i = 0; i < MAP_MAX; i++)
        store_le(t + 16 + 24 * i + 16, 4, 2);
    tag(&p, I_MAP, 16 + 24 * MAP_MAX);
    tag(&p, END, 8);
    u64 size = (u64)(p - info);
    store_le(info, 4, size);
    want_map(k, INFO + (u32)(t + 16 - info), 0, 0, 0);
    k->kind = "multiboot2";
    k->entry.start = (u32)(has_entry ? entry : elf_entry);
    k->entry.eax = 0x36d76289;
    k->entry.ebx = INFO;
    if (size > SETUP - INFO)
        return err_set(e, "-append, -initrd: %zu characters are too many for a multiboot kernel", n + n_file);
    return add_piece(k, info, size, INFO, size, e);
}

/* The note XEN_ELFNOTE_PHYS32_ENTRY (18) of "Xen" (public/elfnote.h). */
static bool pvh_entry(const struct boot_blob *b, u32 *entry)
{
    enum { PT_NOTE = 4, PHYS32_ENTRY = 18 };
    struct elf_image img;
    if (!elf_is(b->data, b->size) || !elf_open(&img, b->name, b->data, b->size, 0, NULL))
        return false;
    bool wide = img.xlen == 64;
    for (u32 i = 0; i < img.phnum; i++) {
        const u8 *h = b->data + img.phoff + (u64)i * img.phentsize;
        u64 at = load_le(h + (wide ? 8 : 4), wide ? 8 : 4), n = load_le(h + (wide ? 32 : 16), wide ? 8 : 4);
        if (load_le(h, 4) != PT_NOTE || at > b->size || n > b->size - at)
            continue;
        for (const u8 *p = b->data + at, *end = p + n; end - p >= 12;) {
            u64 name = load_le(p, 4), desc = load_le(p + 4, 4), type = load_le(p + 8, 4);
            u64 total = 12 + ((name + 3) & ~(u64)3) + ((desc + 3) & ~(u64)3);
            if (total > (u64)(end - p))
                break;
            if (type == PHYS32_ENTRY && name == 4 && !memcmp(p + 12, "Xen", 4) && desc >= 4)
                return *entry = (u32)load_le(p + 16, 4), true;
            p += total;
        }
    }
    return false;
}

static bool plan_pvh(struct x86_kernel *k, u32 start, struct arena *a, struct err *e)
{
    enum { MODULE = 64, SIZE = 128 };
    u64 entry, end;
    u32 module;
    if (!add_elf(k, &entry, &end, e) || !add_module(k, end, &module, e))
        return false;
    u8 *info = arena_alloc(a, SIZE);
    memset(info, 0, SIZE);
    store_le(info, 4, 0x336ec578);
    store_le(info + 4, 4, 1); /* version */
    if (k->initrd.size) {
        store_le(info + 12, 4, 1);
        store_le(info + 16, 8, INFO + MODULE);
        store_le(info + MODULE, 8, module);
        store_le(info + MODULE + 8, 8, k->initrd.size);
    }
    store_le(info + 24, 8, COMMAND_LINE);
    store_le(info + 40, 8, MAP);
    want_map(k, MAP, 0, INFO + 48, 0);
    k->entry.rsdp_at = INFO + 32;
    k->kind = "PVH";
    k->entry.start = start;
    k->entry.ebx = INFO;
    return add_piece(k, info, SIZE, INFO, SIZE, e) && add_map(k, a, e) && add_command_line(k, e);
}

/* --- all of them -------------------------------------------------------------------------------------------------------- */

static bool plan_any(struct x86_kernel *k, struct arena *a, struct err *e)
{
    const u8 *h;
    u32 start;
    if (is_linux(&k->kernel))
        return plan_linux(k, a, e);
    k->entry.flat = 1;
    k->entry.esp = STACK;
    if ((h = find_header(&k->kernel, 0x1badb002, 4, 8192, 3)))
        return plan_multiboot(k, h, a, e);
    if ((h = find_header(&k->kernel, 0xe85250d6, 8, 32768, 4)))
        return plan_multiboot2(k, h, a, e);
    if (pvh_entry(&k->kernel, &start))
        return plan_pvh(k, start, a, e);
    if (elf_is(k->kernel.data, k->kernel.size))
        return err_set(e, "%s is an ELF file without a multiboot header or a PVH entry note: nothing says how to enter it; add "
                       "one, or boot it from a disk image with a boot loader", k->kernel.name);
    return err_set(e, "%s is not a kernel this machine can start: no Linux bzImage, no multiboot header, no ELF file; a disk "
                   "image goes with -hda", k->kernel.name);
}

bool x86_kernel_plan(struct x86_kernel *k, struct arena *a, struct err *e)
{
    k->n = 0;
    memset(&k->entry, 0, sizeof k->entry);
    if (!plan_any(k, a, e) || !lies_apart(k, e))
        return false;
    k->plan_size = 64 + 12 * k->n;
    u8 *p = arena_alloc(a, k->plan_size);
    const u32 head[16] = { k->n, k->entry.map, k->entry.map_stride, k->entry.map_prefix, k->entry.map_count_at,
                           k->entry.map_bytes_at, k->entry.flat, k->entry.start, k->entry.eax, k->entry.ebx, k->entry.esi,
                           k->entry.esp, k->entry.rsdp_at, k->entry.memory_at };
    for (unsigned i = 0; i < 16; i++)
        store_le(p + 4 * i, 4, head[i]);
    for (unsigned i = 0; i < k->n; i++) {
        store_le(p + 64 + 12 * i, 4, X86_PLAN_KEY + 1 + i);
        store_le(p + 68 + 12 * i, 4, k->piece[i].addr);
        store_le(p + 72 + 12 * i, 4, k->piece[i].mem_size);
    }
    k->plan = p;
    return true;
}

const u8 *x86_kernel_rom(struct arena *a, u32 *size)
{
    static const u8 assembled[] = {
#include "bios/rom/kernel.inc"
    };
    u8 *rom = arena_memdup(a, assembled, sizeof assembled), sum = 0;
    enum { PNP = 0x20, PNP_LENGTH = 0x20, PNP_CHECKSUM = 9 };
    for (unsigned i = 0; i < PNP_LENGTH; i++)
        sum += rom[PNP + i];
    rom[PNP + PNP_CHECKSUM] -= sum;
    sum = 0;
    for (unsigned i = 0; i < sizeof assembled; i++)
        sum += rom[i];
    rom[sizeof assembled - 1] -= sum; /* the last byte is padding */
    *size = sizeof assembled;
    return rom;
}
