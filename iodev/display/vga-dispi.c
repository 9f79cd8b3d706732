/* The Bochs display interface: sixteen-bit registers behind an index ("VBE DISPI", Bochs' iodev/display/vbe.h and
 * QEMU's docs/specs/standard-vga). While it is enabled it decides what the screen shows; the VGA's own registers keep
 * what they hold. Wrong values become the nearest right ones, so what is enabled always lies within video memory. */
#include "iodev/display/vga-core.h"

#include <string.h>

enum { FIRST_ID = 0xb0c0, LAST_ID = 0xb0c5, MAX_WIDTH = 16000, MAX_HEIGHT = 12000 };

static unsigned bits(const struct vga *v)
{
    unsigned bpp = v->dispi[DISPI_BPP];
    return bpp == 15 ? 16 : bpp;
}

unsigned vga_dispi_pitch(const struct vga *v)
{
    return bits(v) == 4 ? v->dispi[DISPI_VIRT_WIDTH] / 8u : v->dispi[DISPI_VIRT_WIDTH] * bits(v) / 8u;
}

/* What a line's pitch counts: all of the memory, or one plane. */
static u64 room(const struct device *d)
{
    return vga_of(d)->dispi[DISPI_BPP] == 4 ? vga_ram(d)->size / 4 : vga_ram(d)->size;
}

static u16 most(u64 a, u64 b)
{
    return (u16)(a < b ? a : b);
}

static void fix_size(const struct device *d)
{
    struct vga *v = vga_of(d);
    u16 *r = v->dispi;
    switch (r[DISPI_BPP]) {
    case 4: case 8: case 15: case 16: case 24: case 32: break;
    default: r[DISPI_BPP] = 8; break;
    }
    r[DISPI_XRES] = most(r[DISPI_XRES], MAX_WIDTH) & 0xfff8;
    r[DISPI_XRES] = r[DISPI_XRES] ? r[DISPI_XRES] : 8;
    r[DISPI_VIRT_WIDTH] = most(r[DISPI_VIRT_WIDTH], MAX_WIDTH) & 0xfff8;
    if (r[DISPI_VIRT_WIDTH] < r[DISPI_XRES])
        r[DISPI_VIRT_WIDTH] = r[DISPI_XRES];
    u64 lines = room(d) / vga_dispi_pitch(v);
    r[DISPI_VIRT_HEIGHT] = most(lines, UINT16_MAX);
    r[DISPI_YRES] = most(most(r[DISPI_YRES], MAX_HEIGHT), lines);
    r[DISPI_YRES] = r[DISPI_YRES] ? r[DISPI_YRES] : 1;
}

/* Bytes that stand before what is shown. */
static void fix_offsets(const struct device *d)
{
    u16 *r = vga_of(d)->dispi;
    if (r[DISPI_X_OFFSET] > MAX_WIDTH)
        r[DISPI_X_OFFSET] = MAX_WIDTH;
    if (r[DISPI_Y_OFFSET] > r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES])
        r[DISPI_Y_OFFSET] = (u16)(r[DISPI_VIRT_HEIGHT] - r[DISPI_YRES]);
    unsigned bpp = bits(vga_of(d)), pitch = vga_dispi_pitch(vga_of(d));
    u64 end = (u64)(r[DISPI_Y_OFFSET] + r[DISPI_YRES]) * pitch + r[DISPI_X_OFFSET] * (bpp == 4 ? 1 : bpp) / 8u;
    if (end > room(d))
        r[DISPI_X_OFFSET] = 0;
}

static void fix_bank(const struct device *d)
{
    u16 *r = vga_of(d)->dispi;
    u64 banks = room(d) >> 16;
    if (r[DISPI_BANK] >= banks)
        r[DISPI_BANK] = (u16)(r[DISPI_BANK] % banks);
}

static void fix(const struct device *d)
{
    if (!vga_extended(vga_of(d)))
        return;
    fix_size(d);
    fix_offsets(d);
    fix_bank(d);
}

static void id_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (value < FIRST_ID || value > LAST_ID)
        vga_of(d)->dispi[DISPI_ID] = (u16)old;
}

static void size_write(struct device *d, u32 index, u64 value, u64 old)
{
    fix(d);
}

static void enable_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct vga *v = vga_of(d);
    u16 *r = v->dispi;
    if (!(value & ~old & DISPI_ENABLED)) {
        fix(d);
        return;
    }
    r[DISPI_VIRT_WIDTH] = r[DISPI_X_OFFSET] = r[DISPI_Y_OFFSET] = r[DISPI_BANK] = 0;
    fix(d);
    if (value & DISPI_NO_CLEAR)
        return;
    struct ram *ram = vga_ram(d);
    u64 n = (u64)r[DISPI_YRES] * vga_dispi_pitch(v) * (r[DISPI_BPP] == 4 ? 4 : 1);
    ram_written(ram, 0, n);
    memset(ram->host, 0, n);
}

/* Asked for its capabilities it tells the most it can do instead of what is set. */
static u64 size_get(const struct device *d, u32 index)
{
    static const u16 can[] = { MAX_WIDTH, MAX_HEIGHT, 32 };
    const struct vga *v = vga_of(d);
    return v->dispi[DISPI_ENABLE] & DISPI_GETCAPS ? can[index] : v->dispi[DISPI_XRES + index];
}

static u64 memory_get(const struct device *d, u32 index)
{
    return vga_ram(d)->size >> 16;
}

/* --- index and data ---------------------------------------------------------------------------------------- */

static u64 data_get(const struct device *d, u32 index)
{
    u32 k;
    const struct reg_desc *r = device_reg_at(d, VGA_DISPI, 2u * vga_of(d)->dispi_index, false, &k);
    return r ? device_reg_get(d, r, k) : 0;
}

static void data_write(struct device *d, u32 index, u64 value, u64 old)
{
    u32 k;
    const struct reg_desc *r = device_reg_at(d, VGA_DISPI, 2u * vga_of(d)->dispi_index, true, &k);
    if (r)
        device_reg_write(d, r, k, value, 0xffff);
}

/* The bus makes two bytes of a word at an odd address: the second one carries the write out. */
static enum mem_result ports_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (size != 1 || !offset || offset > 2)
        return MEM_FAULT;
    *value = data_get(d, 0) >> (offset == 2 ? 8 : 0) & 0xff;
    return MEM_OK;
}

static enum mem_result ports_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (size != 1)
        return MEM_FAULT;
    if (offset == 1)
        vga_of(d)->dispi_low = (u8)value;
    else if (offset == 2)
        data_write(d, 0, value << 8 | vga_of(d)->dispi_low, 0);
    return MEM_OK;
}

static const struct reg_field enable_fields[] = {
    { "ENABLED", 0, 1, "shows its mode instead of the VGA's" },
    { "GETCAPS", 1, 1, "XRES, YRES and BPP read as the most that is possible" },
    { "DAC_8BIT", 5, 1, "palette entries have 8 bits for each colour, not 6" },
    { "LFB", 6, 1, "software uses the linear framebuffer; it is always there" },
    { "NO_CLEAR", 7, 1, "video memory is not cleared when it is enabled" },
    { NULL, 0, 0, NULL },
};

#define SECTION "VBE DISPI"
#define ROW(name_, index_, rw_, write_, doc_) \
    { .name = name_, .offset = 2 * (index_), .width = 2, .rw = rw_, \
      .slot = REG_SLOT(struct vga, dispi) + 2 * (index_), .write = write_, .doc = doc_, .section = SECTION }
static const struct reg_desc dispi_regs[] = {
    { .name = "DISPI_ID", .offset = 0, .width = 2, .reset = LAST_ID, .rw = 0xffff, .slot = REG_SLOT(struct vga, dispi),
      .write = id_write, .doc = "version of the interface: 0xb0c0 to 0xb0c5, whatever was written last",
      .section = SECTION },
    { .name = "DISPI_SIZE", .offset = 2 * DISPI_XRES, .width = 2, .count = 3, .rw = 0xffff,
      .slot = REG_SLOT(struct vga, dispi) + 2 * DISPI_XRES, .get = size_get, .write = size_write,
      .doc = "[0] pixels of a line, [1] lines, [2] bits of a pixel: 4, 8, 15, 16, 24 or 32", .section = SECTION },
    { .name = "DISPI_ENABLE", .offset = 2 * DISPI_ENABLE, .width = 2, .rw = 0xe3,
      .slot = REG_SLOT(struct vga, dispi) + 2 * DISPI_ENABLE, .write = enable_write, .fields = enable_fields,
      .doc = "switches it on and off", .section = SECTION },
    ROW("DISPI_BANK", DISPI_BANK, 0xffff, size_write, "which 64 KiB are at 0xa0000"),
    ROW("DISPI_VIRT_WIDTH", DISPI_VIRT_WIDTH, 0xffff, size_write, "pixels from a line to the next"),
    ROW("DISPI_VIRT_HEIGHT", DISPI_VIRT_HEIGHT, 0, NULL, "lines that video memory holds"),
    ROW("DISPI_X_OFFSET", DISPI_X_OFFSET, 0xffff, size_write, "first pixel that is shown"),
    ROW("DISPI_Y_OFFSET", DISPI_Y_OFFSET, 0xffff, size_write, "first line that is shown"),
    { .name = "DISPI_MEMORY", .offset = 2 * DISPI_MEMORY, .width = 2, .access = REG_RO, .slot = REG_NO_SLOT,
      .get = memory_get, .doc = "video memory in 64 KiB", .section = SECTION },
    { .name = NULL },
};
const struct reg_bank vga_dispi_bank = {
    .name = "dispi", .size = 2 * DISPI_COUNT, .min_access = 2, .max_access = 2, .regs = dispi_regs,
};

/* The data register is at the odd address behind the index, and once more at an even one. */
static const struct reg_desc port_regs[] = {
    { .name = "DISPI_DATA_EVEN", .offset = 2, .width = 2, .slot = REG_NO_SLOT, .get = data_get, .write = data_write,
      .doc = "as DISPI_DATA", .section = SECTION },
    { .name = "DISPI_DATA", .offset = 1, .width = 2, .slot = REG_NO_SLOT, .get = data_get, .write = data_write,
      .doc = "the register that DISPI_INDEX names", .section = SECTION },
    { .name = "DISPI_INDEX", .offset = 0, .width = 2, .rw = 0xffff, .slot = REG_SLOT(struct vga, dispi_index),
      .doc = "which register DISPI_DATA is", .section = SECTION },
    { .name = NULL },
};
const struct reg_bank vga_dispi_ports_bank = {
    .name = "dispi ports", .size = 4, .min_access = 1, .max_access = 2, .hole_faults = true, .regs = port_regs,
    .read = ports_read, .write = ports_write, .ports = true,
};

/* --- life -------------------------------------------------------------------------------------------------- */

void vga_dispi_reset(struct device *d)
{
    device_reset_rows(d, VGA_DISPI);
}

void vga_dispi_loaded(struct device *d)
{
    u16 *r = vga_of(d)->dispi;
    r[DISPI_ENABLE] &= 0xe3;
    fix(d); /* a snapshot is not trusted */
}
