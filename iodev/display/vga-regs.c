/* The VGA's ports and the registers behind them. */
#include "iodev/display/vga-core.h"

#include <string.h>

static bool in_colour(const struct device *d) /* CRTC and status at 0x3d4, 0x3d5 and 0x3da */
{
    return vga_awake(vga_of(d)) && vga_of(d)->misc & 1;
}

static bool in_mono(const struct device *d) /* at 0x3b4, 0x3b5 and 0x3ba */
{
    return vga_awake(vga_of(d)) && !(vga_of(d)->misc & 1);
}

static bool awake(const struct device *d)
{
    return vga_awake(vga_of(d));
}

/* --- index and data ---------------------------------------------------------------------------------------- */

static u64 indexed_get(const struct device *d, enum vga_bank bank, u32 at)
{
    u32 k;
    const struct reg_desc *r = device_reg_at(d, bank, at, false, &k);
    return r ? device_reg_get(d, r, k) : 0;
}

static void indexed_write(struct device *d, enum vga_bank bank, u32 at, u64 value)
{
    u32 k;
    const struct reg_desc *r = device_reg_at(d, bank, at, true, &k);
    if (r)
        device_reg_write(d, r, k, value, 0xff);
}

static u64 seq_get(const struct device *d, u32 index) { return indexed_get(d, VGA_SEQUENCER, vga_of(d)->seq_index); }
static u64 gc_get(const struct device *d, u32 index) { return indexed_get(d, VGA_GRAPHICS, vga_of(d)->gc_index); }
static u64 crtc_get(const struct device *d, u32 index) { return indexed_get(d, VGA_CRTC, vga_of(d)->crtc_index); }
static u64 attr_get(const struct device *d, u32 index)
{
    return indexed_get(d, VGA_ATTRIBUTE, vga_of(d)->attr_index & 0x1f);
}

static void seq_write(struct device *d, u32 index, u64 value, u64 old)
{
    indexed_write(d, VGA_SEQUENCER, vga_of(d)->seq_index, value);
}

static void gc_write(struct device *d, u32 index, u64 value, u64 old)
{
    indexed_write(d, VGA_GRAPHICS, vga_of(d)->gc_index, value);
}

/* The protect bit of the vertical retrace end register guards registers 0 to 7, but not line compare's bit in 7. */
static void crtc_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct vga *v = vga_of(d);
    if (!(v->crtc[0x11] & 0x80) || v->crtc_index > 7)
        indexed_write(d, VGA_CRTC, v->crtc_index, value);
    else if (v->crtc_index == 7)
        v->crtc[7] = (u8)((v->crtc[7] & ~0x10) | (value & 0x10));
}

/* One port takes index and data in turn; reading input status 1 makes the next write an index. */
static u64 attr_index_get(const struct device *d, u32 index)
{
    return vga_of(d)->attr_index;
}

static void attr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct vga *v = vga_of(d);
    if (v->attr_data)
        indexed_write(d, VGA_ATTRIBUTE, v->attr_index & 0x1f, value);
    else
        v->attr_index = value & 0x3f;
    v->attr_data = !v->attr_data;
}

static u64 crtc_latch_get(const struct device *d, u32 index)
{
    return vga_of(d)->latch >> (8 * (vga_of(d)->gc[4] & 3));
}

static u64 crtc_flip_get(const struct device *d, u32 index)
{
    return vga_of(d)->attr_data ? 0x80 : 0;
}

/* --- status ------------------------------------------------------------------------------------------------ */

static u64 retraces(const struct device *d)
{
    struct vga_beam b;
    vga_beam(d, &b);
    return b.retraces;
}

/* Bit 4 of the vertical retrace end register at 0 holds the interrupt cleared. */
static void retrace_end_write(struct device *d, u32 index, u64 value, u64 old)
{
    vga_of(d)->retrace_seen = retraces(d);
}

static u64 status0_get(const struct device *d, u32 index)
{
    const struct vga *v = vga_of(d);
    bool pending = v->crtc[0x11] & 0x10 && retraces(d) != v->retrace_seen;
    return 0x10 | (pending ? 0x80 : 0); /* a monitor is there for every sense line */
}

static u64 status1_get(const struct device *d, u32 index)
{
    struct vga_beam b;
    vga_beam(d, &b);
    return (b.shows ? 0 : 1) | (b.vertical_retrace ? 8 : 0);
}

static u64 status1_read(struct device *d, u32 index)
{
    vga_of(d)->attr_data = false;
    return status1_get(d, index);
}

/* --- DAC ("Video Digital-to-Analog Converter") --------------------------------------------------------------- */

static u64 dac_state_get(const struct device *d, u32 index)
{
    return vga_of(d)->dac_state;
}

static void dac_read_write(struct device *d, u32 index, u64 value, u64 old)
{
    vga_of(d)->dac_state = 3;
    vga_of(d)->dac_part = 0;
}

static void dac_write_write(struct device *d, u32 index, u64 value, u64 old)
{
    vga_of(d)->dac_state = 0;
    vga_of(d)->dac_part = 0;
}

static u64 dac_data_get(const struct device *d, u32 index)
{
    const struct vga *v = vga_of(d);
    return v->palette[3 * v->dac_read + v->dac_part];
}

static u64 dac_data_read(struct device *d, u32 index)
{
    struct vga *v = vga_of(d);
    u64 value = dac_data_get(d, index);
    if (++v->dac_part == 3) {
        v->dac_part = 0;
        v->dac_read++;
    }
    return value;
}

/* An entry takes effect as a whole, with its third byte. */
static void dac_data_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct vga *v = vga_of(d);
    u8 byte = (u8)(v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? value : value & 0x3f);
    if (v->dac_part < 2) {
        v->dac_latch[v->dac_part++] = byte;
        return;
    }
    u8 *entry = v->palette + 3 * v->dac_write++;
    entry[0] = v->dac_latch[0];
    entry[1] = v->dac_latch[1];
    entry[2] = byte;
    v->dac_part = 0;
}

static u64 palette_get(const struct device *d, u32 index)
{
    const u8 *entry = vga_of(d)->palette + 3 * index;
    return (u64)entry[0] << 16 | (u64)entry[1] << 8 | entry[2];
}

static void palette_write(struct device *d, u32 index, u64 value, u64 old)
{
    u8 *entry = vga_of(d)->palette + 3 * index;
    for (unsigned k = 0; k < 3; k++)
        entry[k] = (u8)(value >> (16 - 8 * k));
}

/* --- fields -------------------------------------------------------------------------------------------------- */

#define FIELDS(name) static const struct reg_field name[]
#define END { NULL, 0, 0, NULL }
FIELDS(misc_fields) = {
    { "COLOUR", 0, 1, "CRTC and input status 1 at 0x3d4 to 0x3da, else at 0x3b4 to 0x3ba" },
    { "MEMORY", 1, 1, "video memory answers" },
    { "CLOCK", 2, 2, "0 25.175 MHz, 1 28.322 MHz" },
    { "HIGH_PAGE", 5, 1, "page of odd/even modes" },
    { "HSYNC", 6, 1, "polarity of horizontal retrace" },
    { "VSYNC", 7, 1, "polarity; both tell the monitor the number of lines" },
    END,
};
FIELDS(status0_fields) = {
    { "SENSE", 4, 1, "a monitor is there" }, { "RETRACE", 7, 1, "vertical retrace interrupt" }, END,
};
FIELDS(status1_fields) = { { "BLANK", 0, 1, "nothing is shown now" }, { "RETRACE", 3, 1, "vertical retrace" }, END };
FIELDS(attr_index_fields) = {
    { "INDEX", 0, 5, "of the attribute registers" }, { "ON", 5, 1, "the picture is shown" }, END,
};
FIELDS(dac_state_fields) = { { "STATE", 0, 2, "0 writing, 3 reading" }, END };
FIELDS(seq_reset_fields) = { { "ASYNC", 0, 1, "0 stops" }, { "SYNC", 1, 1, "0 stops" }, END };
FIELDS(clocking_fields) = {
    { "DOTS_8", 0, 1, "characters are 8 dots wide, not 9" },
    { "LOAD_2", 2, 1, "loads the shift registers at every second character" },
    { "HALF", 3, 1, "half the dot clock" },
    { "LOAD_4", 4, 1, "loads them at every fourth" },
    { "OFF", 5, 1, "screen off" },
    END,
};
FIELDS(map_fields) = { { "PLANES", 0, 4, "planes that are written" }, END };
FIELDS(font_fields) = {
    { "B", 0, 2, "font of attribute bit 3 = 0" }, { "A", 2, 2, "font of attribute bit 3 = 1" },
    { "B_HIGH", 4, 1, "its third bit" }, { "A_HIGH", 5, 1, "its third bit" }, END,
};
FIELDS(memory_mode_fields) = {
    { "EXTENDED", 1, 1, "more than 64 KiB" },
    { "SEQUENTIAL", 2, 1, "0: odd and even addresses are in different planes" },
    { "CHAIN4", 3, 1, "the two low address bits choose the plane" },
    END,
};
FIELDS(h_blank_end_fields) = {
    { "END", 0, 5, "low bits" }, { "SKEW", 5, 2, "of display enable" }, { "READ", 7, 1, "1" }, END,
};
FIELDS(h_retrace_end_fields) = {
    { "END", 0, 5, "low bits" }, { "SKEW", 5, 2, "delay" }, { "BLANK_END", 7, 1, "bit 5 of it" }, END,
};
FIELDS(overflow_fields) = {
    { "TOTAL8", 0, 1, "bit 8 of vertical total" }, { "SHOWN8", 1, 1, "of vertical display enable end" },
    { "RETRACE8", 2, 1, "of vertical retrace start" }, { "BLANK8", 3, 1, "of vertical blank start" },
    { "COMPARE8", 4, 1, "of line compare" }, { "TOTAL9", 5, 1, "bit 9" }, { "SHOWN9", 6, 1, "bit 9" },
    { "RETRACE9", 7, 1, "bit 9" }, END,
};
FIELDS(preset_fields) = {
    { "ROW", 0, 5, "first row of the first characters" }, { "PANNING", 5, 2, "by whole bytes" }, END,
};
FIELDS(max_scan_fields) = {
    { "ROWS", 0, 5, "of a character, less 1" }, { "BLANK9", 5, 1, "bit 9 of vertical blank start" },
    { "COMPARE9", 6, 1, "bit 9 of line compare" }, { "DOUBLE", 7, 1, "every line twice" }, END,
};
FIELDS(cursor_start_fields) = { { "ROW", 0, 5, "first row" }, { "OFF", 5, 1, "no cursor" }, END };
FIELDS(cursor_end_fields) = { { "ROW", 0, 5, "last row" }, { "SKEW", 5, 2, "characters to the right" }, END };
FIELDS(retrace_end_fields) = {
    { "END", 0, 4, "low bits" }, { "NOT_CLEAR", 4, 1, "0 clears the vertical retrace interrupt" },
    { "NO_INTERRUPT", 5, 1, "no vertical retrace interrupt" }, { "REFRESH_5", 6, 1, "refresh cycles" },
    { "PROTECT", 7, 1, "registers 0 to 7 cannot be written" }, END,
};
FIELDS(underline_fields) = {
    { "ROW", 0, 5, "of the underline" }, { "COUNT_4", 5, 1, "addresses count every fourth character" },
    { "DOUBLEWORD", 6, 1, "addresses of four bytes" }, END,
};
FIELDS(mode_control_fields) = {
    { "NOT_CGA", 0, 1, "0: address bit 13 is the row's bit 0" },
    { "NOT_HERCULES", 1, 1, "0: address bit 14 is its bit 1" },
    { "LINES_2", 2, 1, "the vertical counter counts every second line" },
    { "COUNT_2", 3, 1, "addresses count every second character" },
    { "WRAP", 5, 1, "word mode: bit 15 becomes bit 0, else bit 13" }, { "BYTE", 6, 1, "byte addresses, else words" },
    { "RETRACE", 7, 1, "retraces happen" }, END,
};
FIELDS(rotate_fields) = {
    { "COUNT", 0, 3, "to the right" }, { "FUNCTION", 3, 2, "0 none, 1 AND, 2 OR, 3 XOR with the latches" }, END,
};
FIELDS(gc_mode_fields) = {
    { "WRITE", 0, 2, "write mode" }, { "READ", 3, 1, "read mode" },
    { "ODD_EVEN", 4, 1, "reads of odd and even addresses" },
    { "SHIFT", 5, 2, "0 planes, 1 CGA's pairs of bits, 2 and 3 256 colours" }, END,
};
FIELDS(gc_misc_fields) = {
    { "GRAPHICS", 0, 1, "0 text" }, { "CHAIN", 1, 1, "odd/even: address bit 0 is replaced" },
    { "MAP", 2, 2, "0 0xa0000 128K, 1 0xa0000 64K, 2 0xb0000 32K, 3 0xb8000 32K" }, END,
};
FIELDS(attr_mode_fields) = {
    { "GRAPHICS", 0, 1, "0 text" }, { "MONO", 1, 1, "emulates a monochrome adapter" },
    { "LINE", 2, 1, "the ninth dot of 0xc0 to 0xdf is the eighth" }, { "BLINK", 3, 1, "attribute bit 7 blinks" },
    { "PAN_TOP", 5, 1, "below line compare nothing is panned" }, { "PIXEL_8", 6, 1, "256 colours" },
    { "PALETTE_16", 7, 1, "colour bits 5 and 4 come from Color Select" }, END,
};
FIELDS(plane_enable_fields) = { { "PLANES", 0, 4, "planes that are shown" }, { "STATUS", 4, 2, "diagnosis" }, END };
FIELDS(colour_select_fields) = { { "C54", 0, 2, "colour bits 5 and 4" }, { "C76", 2, 2, "colour bits 7 and 6" }, END };

/* --- registers ------------------------------------------------------------------------------------------------- */

#define GENERAL_SECTION "General Registers"
#define SEQUENCER_SECTION "Sequencer Registers"
#define CRT_SECTION "CRT Controller Registers"
#define GRAPHICS_SECTION "Graphics Controller Registers"
#define ATTRIBUTE_SECTION "Attribute Controller Registers"
#define DAC_SECTION "Video Digital-to-Analog Converter"
#define SLOT(m) REG_SLOT(struct vga, m)
#define ROW(name_, at_, slot_, rw_, doc_, ...)                                                                \
    { .name = name_, .offset = at_, .width = 1, .rw = rw_, .slot = slot_, .doc = doc_, __VA_ARGS__ }
#define SEQ(name_, k, rw_, doc_, ...) \
    ROW(name_, k, SLOT(seq) + (k), rw_, doc_, .section = SEQUENCER_SECTION, __VA_ARGS__)
#define CRTC(name_, k, rw_, doc_, ...) \
    ROW(name_, k, SLOT(crtc) + (k), rw_, doc_, .section = CRT_SECTION, __VA_ARGS__)
#define GC(name_, k, rw_, doc_, ...) \
    ROW(name_, k, SLOT(gc) + (k), rw_, doc_, .section = GRAPHICS_SECTION, __VA_ARGS__)
#define ATTR(name_, k, rw_, doc_, ...) \
    ROW(name_, k, SLOT(attr) + (k), rw_, doc_, .section = ATTRIBUTE_SECTION, __VA_ARGS__)
#define NOTHING .count = 0

static const struct reg_desc sequencer_regs[] = {
    SEQ("SEQ_RESET", 0, 0x03, "stops the sequencer", .fields = seq_reset_fields),
    SEQ("SEQ_CLOCKING", 1, 0x3d, "clocking mode", .fields = clocking_fields),
    SEQ("SEQ_MAP_MASK", 2, 0x0f, "planes that are written", .fields = map_fields),
    SEQ("SEQ_FONTS", 3, 0x3f, "character map select", .fields = font_fields),
    SEQ("SEQ_MEMORY_MODE", 4, 0x0e, "memory mode", .fields = memory_mode_fields),
    { .name = NULL },
};
static const struct reg_desc crtc_regs[] = {
    CRTC("CRTC_H_TOTAL", 0x00, 0xff, "characters of a line, less 5", NOTHING),
    CRTC("CRTC_H_SHOWN", 0x01, 0xff, "those that are shown, less 1", NOTHING),
    CRTC("CRTC_H_BLANK_START", 0x02, 0xff, "where blanking begins", NOTHING),
    CRTC("CRTC_H_BLANK_END", 0x03, 0xff, "where it ends", .fields = h_blank_end_fields),
    CRTC("CRTC_H_RETRACE_START", 0x04, 0xff, "where retrace begins", NOTHING),
    CRTC("CRTC_H_RETRACE_END", 0x05, 0xff, "where it ends", .fields = h_retrace_end_fields),
    CRTC("CRTC_V_TOTAL", 0x06, 0xff, "lines of a frame, less 2", NOTHING),
    CRTC("CRTC_OVERFLOW", 0x07, 0xff, "high bits of line numbers", .fields = overflow_fields),
    CRTC("CRTC_PRESET_ROW", 0x08, 0x7f, "preset row scan", .fields = preset_fields),
    CRTC("CRTC_MAX_SCAN", 0x09, 0xff, "maximum scan line", .fields = max_scan_fields),
    CRTC("CRTC_CURSOR_START", 0x0a, 0x3f, "cursor start", .fields = cursor_start_fields),
    CRTC("CRTC_CURSOR_END", 0x0b, 0x7f, "cursor end", .fields = cursor_end_fields),
    CRTC("CRTC_START_HIGH", 0x0c, 0xff, "address of the first character, high", NOTHING),
    CRTC("CRTC_START_LOW", 0x0d, 0xff, "low", NOTHING),
    CRTC("CRTC_CURSOR_HIGH", 0x0e, 0xff, "address of the cursor, high", NOTHING),
    CRTC("CRTC_CURSOR_LOW", 0x0f, 0xff, "low", NOTHING),
    CRTC("CRTC_V_RETRACE_START", 0x10, 0xff, "where vertical retrace begins", NOTHING),
    CRTC("CRTC_V_RETRACE_END", 0x11, 0xff, "where it ends", .fields = retrace_end_fields, .write = retrace_end_write),
    CRTC("CRTC_V_SHOWN", 0x12, 0xff, "lines that are shown, less 1", NOTHING),
    CRTC("CRTC_OFFSET", 0x13, 0xff, "from a row to the next, in two characters", NOTHING),
    CRTC("CRTC_UNDERLINE", 0x14, 0x7f, "underline location", .fields = underline_fields),
    CRTC("CRTC_V_BLANK_START", 0x15, 0xff, "where vertical blanking begins", NOTHING),
    CRTC("CRTC_V_BLANK_END", 0x16, 0xff, "where it ends", NOTHING),
    CRTC("CRTC_MODE", 0x17, 0xef, "mode control", .fields = mode_control_fields),
    CRTC("CRTC_LINE_COMPARE", 0x18, 0xff, "behind this line the address begins at 0 again", NOTHING),
    { .name = "CRTC_LATCH", .offset = 0x22, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = crtc_latch_get,
      .doc = "the latch of the plane that Read Map Select names", .section = "as later VGAs have it" },
    { .name = "CRTC_ATTRIBUTE_FLIP", .offset = 0x24, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT,
      .get = crtc_flip_get,
      .doc = "bit 7: the next write to 0x3c0 is data", .section = "as later VGAs have it" },
    { .name = NULL },
};
static const struct reg_desc graphics_regs[] = {
    GC("GC_SET_RESET", 0, 0x0f, "what write mode 0 stores into the planes of GC_ENABLE_SET_RESET",
       .fields = map_fields),
    GC("GC_ENABLE_SET_RESET", 1, 0x0f, "those planes", .fields = map_fields),
    GC("GC_COLOUR_COMPARE", 2, 0x0f, "the colour that read mode 1 looks for", .fields = map_fields),
    GC("GC_ROTATE", 3, 0x1f, "data rotate", .fields = rotate_fields),
    GC("GC_READ_MAP", 4, 0x03, "the plane that read mode 0 reads", NOTHING),
    GC("GC_MODE", 5, 0x7b, "graphics mode", .fields = gc_mode_fields),
    GC("GC_MISC", 6, 0x0f, "miscellaneous", .fields = gc_misc_fields),
    GC("GC_COLOUR_CARE", 7, 0x0f, "the planes that read mode 1 compares", .fields = map_fields),
    GC("GC_BIT_MASK", 8, 0xff, "the bits that are written; the others come from the latches", NOTHING),
    { .name = NULL },
};
static const struct reg_desc attribute_regs[] = {
    ROW("ATTR_PALETTE", 0, SLOT(attr), 0x3f, "six bits of the colour for each of the sixteen", .count = 16,
        .section = ATTRIBUTE_SECTION),
    ATTR("ATTR_MODE", 0x10, 0xef, "attribute mode control", .fields = attr_mode_fields),
    ATTR("ATTR_OVERSCAN", 0x11, 0xff, "colour of the border", NOTHING),
    ATTR("ATTR_PLANE_ENABLE", 0x12, 0x3f, "colour plane enable", .fields = plane_enable_fields),
    ATTR("ATTR_PANNING", 0x13, 0x0f, "pixels the picture is moved to the left", NOTHING),
    ATTR("ATTR_COLOUR_SELECT", 0x14, 0x0f, "colour select", .fields = colour_select_fields),
    { .name = NULL },
};
static const struct reg_desc dac_regs[] = {
    { .name = "PALETTE", .offset = 0, .width = 4, .count = 256, .slot = REG_NO_SLOT,
      .get = palette_get, .write = palette_write,
      .doc = "red, green and blue, a byte each with 6 or 8 bits", .section = DAC_SECTION },
    { .name = NULL },
};

/* The ports that move with the Miscellaneous Output register's bit 0, in both places. */
#define MOVING(prefix, at, when) \
    ROW(prefix "CRTC_INDEX", at, SLOT(crtc_index), 0xff, "which register CRTC_DATA is", .visible = when, \
        .section = CRT_SECTION), \
    ROW(prefix "CRTC_DATA", at + 1, REG_NO_SLOT, 0, "that register", .visible = when, .get = crtc_get, \
        .write = crtc_write, .section = CRT_SECTION), \
    ROW(prefix "STATUS1", at + 6, REG_NO_SLOT, 0, "input status 1; the next write to 0x3c0 is an index", \
        .access = REG_RO, .visible = when, .get = status1_get, .read = status1_read, .fields = status1_fields, \
        .section = GENERAL_SECTION), \
    ROW(prefix "FEATURE_WRITE", at + 6, SLOT(feature), 0x0b, "feature control", .access = REG_WO, .visible = when, \
        .section = GENERAL_SECTION)

static const struct reg_desc mono_regs[] = { MOVING("MONO_", 0, in_mono), { .name = NULL } };
static const struct reg_desc port_regs[] = {
    ROW("ATTR_INDEX", 0x00, REG_NO_SLOT, 0, "a write is an index or data in turn", .visible = awake,
        .get = attr_index_get, .write = attr_write, .fields = attr_index_fields, .section = ATTRIBUTE_SECTION),
    ROW("ATTR_DATA", 0x01, REG_NO_SLOT, 0, "the attribute register that the index names", .access = REG_RO,
        .visible = awake, .get = attr_get, .section = ATTRIBUTE_SECTION),
    ROW("STATUS0", 0x02, REG_NO_SLOT, 0, "input status 0", .access = REG_RO, .visible = awake, .get = status0_get,
        .fields = status0_fields, .section = GENERAL_SECTION),
    ROW("MISC_WRITE", 0x02, SLOT(misc), 0xef, "miscellaneous output", .access = REG_WO, .visible = awake,
        .fields = misc_fields, .section = GENERAL_SECTION),
    ROW("ENABLE", 0x03, SLOT(enable), 0x01, "bit 0: the adapter answers, at other ports than this one and in memory",
        .reset = 1, .section = GENERAL_SECTION),
    ROW("SEQ_INDEX", 0x04, SLOT(seq_index), 0x07, "which register SEQ_DATA is", .visible = awake,
        .section = SEQUENCER_SECTION),
    ROW("SEQ_DATA", 0x05, REG_NO_SLOT, 0, "that register", .visible = awake, .get = seq_get, .write = seq_write,
        .section = SEQUENCER_SECTION),
    ROW("PEL_MASK", 0x06, SLOT(dac_mask), 0xff, "the bits of a colour that reach the palette", .visible = awake,
        .reset = 0xff, .section = DAC_SECTION),
    ROW("DAC_STATE", 0x07, REG_NO_SLOT, 0, "what was said last", .access = REG_RO, .visible = awake,
        .get = dac_state_get, .fields = dac_state_fields, .section = DAC_SECTION),
    ROW("DAC_READ_INDEX", 0x07, SLOT(dac_read), 0xff, "the entry to be read", .access = REG_WO, .visible = awake,
        .write = dac_read_write, .section = DAC_SECTION),
    ROW("DAC_WRITE_INDEX", 0x08, SLOT(dac_write), 0xff, "the entry to be written", .visible = awake,
        .write = dac_write_write, .section = DAC_SECTION),
    ROW("DAC_DATA", 0x09, REG_NO_SLOT, 0, "red, green, blue", .visible = awake, .get = dac_data_get,
        .read = dac_data_read, .write = dac_data_write, .section = DAC_SECTION),
    ROW("FEATURE", 0x0a, SLOT(feature), 0, "feature control", .access = REG_RO, .visible = awake,
        .section = GENERAL_SECTION),
    ROW("MISC", 0x0c, SLOT(misc), 0, "miscellaneous output", .access = REG_RO, .visible = awake, .fields = misc_fields,
        .section = GENERAL_SECTION),
    ROW("GC_INDEX", 0x0e, SLOT(gc_index), 0x0f, "which register GC_DATA is", .visible = awake,
        .section = GRAPHICS_SECTION),
    ROW("GC_DATA", 0x0f, REG_NO_SLOT, 0, "that register", .visible = awake, .get = gc_get, .write = gc_write,
        .section = GRAPHICS_SECTION),
    MOVING("", 0x14, in_colour),
    { .name = NULL },
};

#define BANK(name_, size_, regs_) { .name = name_, .size = size_, .min_access = 1, .max_access = 1, .regs = regs_ }
const struct reg_bank vga_ports_bank = {
    .name = "ports", .size = 0x20, .min_access = 1, .max_access = 1, .hole_faults = true, .regs = port_regs,
    .ports = true,
};
const struct reg_bank vga_mono_ports_bank = {
    .name = "monochrome ports", .size = 8, .min_access = 1, .max_access = 1, .hole_faults = true, .regs = mono_regs,
    .ports = true,
};
const struct reg_bank vga_sequencer_bank = BANK("sequencer", 5, sequencer_regs);
const struct reg_bank vga_crtc_bank = BANK("crtc", 0x25, crtc_regs);
const struct reg_bank vga_graphics_bank = BANK("graphics controller", 9, graphics_regs);
const struct reg_bank vga_attribute_bank = BANK("attribute controller", 0x15, attribute_regs);
const struct reg_bank vga_dac_bank = {
    .name = "dac", .size = 1024, .min_access = 4, .max_access = 4, .regs = dac_regs,
};
