/* What the screen shows: a frame drawn from the registers and the memory as they are, line by line as the CRT
 * controller walks through them. What software changes in the middle of a frame is seen in the whole of it. */
#include "iodev/display/vga-core.h"

#include <string.h>

/* --- colours ----------------------------------------------------------------------------------------------- */

struct colours {
    u32 dac[256]; /* behind the pel mask */
    u32 nibble[16]; /* behind the attribute controller's palette */
};

static u32 dac_colour(const struct vga *v, unsigned index)
{
    const u8 *entry = v->palette + 3 * (index & v->dac_mask);
    u32 rgb = 0;
    for (unsigned k = 0; k < 3; k++) {
        u32 c = entry[k];
        rgb = rgb << 8 | (v->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC ? c : (c & 0x3f) << 2 | (c & 0x3f) >> 4);
    }
    return rgb;
}

/* The internal palette gives six bits; Color Select the two above, and with bit 7 of the mode bits 5 and 4, too. */
static unsigned attribute_index(const struct vga *v, unsigned nibble)
{
    unsigned c = v->attr[nibble & v->attr[0x12] & 0xf] & 0x3f, select = v->attr[0x14];
    if (v->attr[0x10] & 0x80)
        c = (c & 0xf) | (select & 3) << 4;
    return c | (select & 0xc) << 4;
}

static void look_up(const struct vga *v, struct colours *c)
{
    for (unsigned i = 0; i < 256; i++)
        c->dac[i] = dac_colour(v, i);
    for (unsigned i = 0; i < 16; i++)
        c->nibble[i] = c->dac[attribute_index(v, i)];
}

/* --- the CRT controller's walk ------------------------------------------------------------------------------- */

struct geometry {
    unsigned columns, lines; /* of characters; as drawn */
    unsigned dots;           /* of a character, not doubled */
    unsigned wide;           /* each dot so often */
    unsigned line_shift;     /* lines for each count of the vertical counter */
    unsigned line_compare;
    bool text, twice;
};

static bool is_text(const struct vga *v)
{
    return !(v->gc[6] & 1);
}

/* False: there is no picture. */
static bool measure(const struct vga *v, struct geometry *g)
{
    unsigned overflow = v->crtc[7];
    *g = (struct geometry){ .text = is_text(v), .twice = v->crtc[9] >> 7 };
    g->columns = v->crtc[1] + 1u;
    g->line_shift = v->crtc[0x17] >> 2 & 1;
    g->lines = ((v->crtc[0x12] | (overflow & 2) << 7 | (overflow & 0x40) << 3) + 1u) << g->line_shift;
    g->line_compare = v->crtc[0x18] | (overflow & 0x10) << 4 | (v->crtc[9] & 0x40u) << 3;
    g->dots = g->text && !(v->seq[1] & 1) ? 9 : 8;
    g->wide = v->seq[1] & 8 ? 2 : 1;
    return (v->seq[0] & 3) == 3;
}

/* The counters of a line. */
struct walk {
    u32 address; /* of the row's first character, as the CRT controller counts */
    unsigned row; /* line of the character */
    bool again, split;
};

static void walk_begin(const struct vga *v, struct walk *w)
{
    *w = (struct walk){ .address = (u32)(v->crtc[0xc] << 8 | v->crtc[0xd]) + (v->crtc[8] >> 5 & 3),
                        .row = v->crtc[8] & 0x1f };
}

static void walk_next(const struct vga *v, const struct geometry *g, unsigned line, struct walk *w)
{
    bool counts = !((line + 1) & ((1u << g->line_shift) - 1));
    w->again = g->twice && !w->again; /* what halves the row counter's clock goes on, also at the split */
    if (counts && line >> g->line_shift == g->line_compare) {
        w->address = w->row = 0;
        w->split = true;
    } else if (w->again) {
        return;
    } else if (w->row == (v->crtc[9] & 0x1f)) {
        w->row = 0;
        w->address += 2u * v->crtc[0x13];
    } else {
        w->row = (w->row + 1) & 0x1f;
    }
}

/* What a count of the CRT controller is as an address in the planes ("CRT Mode Control register"). */
static u32 plane_address(const struct vga *v, u32 count, unsigned row)
{
    unsigned mode = v->crtc[0x17];
    u32 a = count & 0xffff;
    if (v->crtc[0x14] & 0x40)
        a = a << 2 | a >> 14;
    else if (!(mode & 0x40))
        a = a << 1 | (mode & 0x20 ? a >> 15 : a >> 13 & 1);
    if (!(mode & 1))
        a = (a & ~0x2000u) | (row & 1) << 13;
    if (!(mode & 2))
        a = (a & ~0x4000u) | (row & 2) << 13;
    return a & 0xffff;
}

static const u8 *planes_at(const struct device *d, u32 address)
{
    return vga_ram(d)->host + 4 * (u64)address;
}

/* How many characters of the row have one address. */
static unsigned count_shift(const struct vga *v)
{
    return v->crtc[0x14] & 0x20 ? 2 : v->crtc[0x17] & 8 ? 1 : 0;
}

static bool panned(const struct vga *v, const struct walk *w)
{
    return !(w->split && v->attr[0x10] & 0x20);
}

/* --- text -------------------------------------------------------------------------------------------------- */

struct text {
    u32 font[2];       /* of attribute bit 3, in plane 2 */
    u32 cursor;        /* as the CRT controller counts; UINT32_MAX: none now */
    bool blink, blinked_out, nine, ninth_dot;
};

/* The eight fonts of 8 KiB: 0 to 3 every 16 KiB, 4 to 7 between them ("Character Map Select register"). */
static u32 font_address(unsigned map)
{
    return (map & 3) << 14 | (map >> 2) << 13;
}

static void text_begin(const struct device *d, struct text *t)
{
    const struct vga *v = vga_of(d);
    struct vga_beam b;
    vga_beam(d, &b);
    *t = (struct text){ .cursor = UINT32_MAX };
    t->font[0] = font_address((v->seq[3] & 3u) | (v->seq[3] >> 2 & 4));
    t->font[1] = font_address((v->seq[3] >> 2 & 3u) | (v->seq[3] >> 3 & 4));
    t->blink = v->attr[0x10] & 8;
    t->blinked_out = t->blink && b.frame & 16; /* a cycle takes a character 32 frames, the cursor 16 */
    t->ninth_dot = v->attr[0x10] & 4;
    if (!(v->crtc[0xa] & 0x20) && !(b.frame & 8))
        t->cursor = (u32)((v->crtc[0xe] << 8 | v->crtc[0xf]) + (v->crtc[0xb] >> 5 & 3)) & 0xffff;
}

static struct screen_cell cell_at(const struct device *d, const struct text *t, const struct colours *c, u32 address)
{
    const u8 *p = planes_at(d, address);
    u8 at = p[1];
    return (struct screen_cell){ .code = p[0], .attribute = at, .blinked_out = t->blinked_out && at & 0x80,
                                 .foreground = c->nibble[at & 0xf],
                                 .background = c->nibble[at >> 4 & (t->blink ? 7 : 0xf)] };
}

/* The dots of one line of a character, the first in bit 8; nine of them or eight. */
static unsigned cell_dots(const struct device *d, const struct text *t, const struct screen_cell *c, unsigned row)
{
    const struct vga *v = vga_of(d);
    unsigned dots = (unsigned)planes_at(d, t->font[c->attribute >> 3 & 1] + c->code * 32u + row)[2] << 1;
    if (t->ninth_dot && (c->code & 0xe0) == 0xc0)
        dots |= dots >> 1 & 1;
    if ((c->attribute & 0x77) == 1 && row == (v->crtc[0x14] & 0x1f))
        dots = 0x1ff;
    return c->blinked_out ? 0 : dots;
}

static bool cursor_row(const struct vga *v, unsigned row)
{
    return row >= (v->crtc[0xa] & 0x1f) && row <= (v->crtc[0xb] & 0x1f);
}

/* Nine dots: 8 is no panning, 0 one dot; eight dots: 0 is none. */
static unsigned text_panning(const struct vga *v, const struct geometry *g)
{
    unsigned n = v->attr[0x13] & 0xf;
    return g->dots == 8 ? n & 7 : n >= 8 ? 0 : n + 1;
}

static u32 *put(u32 *out, const u32 *end, u32 colour, unsigned wide)
{
    for (unsigned k = 0; k < wide && out < end; k++)
        *out++ = colour;
    return out;
}

static void text_line(const struct device *d, const struct geometry *g, const struct walk *w, const struct text *t,
                      const struct colours *c, u32 *out)
{
    const struct vga *v = vga_of(d);
    const u32 *end = out + g->columns * g->dots * g->wide;
    unsigned skip = panned(v, w) ? text_panning(v, g) : 0, shift = count_shift(v);
    for (unsigned col = 0; out < end; col++) {
        u32 count = (w->address + (col >> shift)) & 0xffff;
        struct screen_cell cell = cell_at(d, t, c, plane_address(v, count, w->row));
        unsigned dots = cell_dots(d, t, &cell, w->row);
        if (count == t->cursor && cursor_row(v, w->row))
            dots = 0x1ff;
        for (unsigned k = skip; k < g->dots; k++)
            out = put(out, end, dots >> (8 - k) & 1 ? cell.foreground : cell.background, g->wide);
        skip = 0;
    }
}

/* --- graphics ---------------------------------------------------------------------------------------------- */

/* One bit of each plane. */
static u8 planar_pixel(const u8 *p, unsigned bit)
{
    return (u8)((p[0] >> bit & 1) | (p[1] >> bit & 1) << 1 | (p[2] >> bit & 1) << 2 | (p[3] >> bit & 1) << 3);
}

/* The eight nibbles that the graphics controller shifts out for a character ("Graphics Mode register", shift). */
static void shift_out(const struct vga *v, const u8 *p, u8 nibbles[8])
{
    unsigned shift = v->gc[5] >> 5 & 3;
    for (unsigned k = 0; k < 8; k++) {
        if (shift & 2)
            nibbles[k] = p[k / 2] >> (k & 1 ? 0 : 4) & 0xf;
        else if (shift)
            nibbles[k] = (u8)((p[k / 4] >> (6 - 2 * (k & 3)) & 3) | (p[2 + k / 4] >> (6 - 2 * (k & 3)) & 3) << 2);
        else
            nibbles[k] = planar_pixel(p, 7 - k);
    }
}

static void graphics_line(const struct device *d, const struct geometry *g, const struct walk *w,
                          const struct colours *c, u32 *out)
{
    const struct vga *v = vga_of(d);
    const u32 *end = out + g->columns * g->dots * g->wide;
    bool pairs = v->attr[0x10] & 0x40; /* two nibbles are one of 256 colours, shown for two dots */
    unsigned skip = panned(v, w) ? v->attr[0x13] & (pairs ? 6 : 7) : 0, shift = count_shift(v);
    u8 enabled = (u8)((v->attr[0x12] & 0xf) * 0x11);
    for (unsigned col = 0; out < end; col++) {
        u8 nibbles[8];
        shift_out(v, planes_at(d, plane_address(v, w->address + (col >> shift), w->row)), nibbles);
        for (unsigned k = skip; k < 8; k++) {
            u32 colour = pairs ? c->dac[(nibbles[k & 6] << 4 | nibbles[k | 1]) & enabled] : c->nibble[nibbles[k]];
            out = put(out, end, colour, g->wide);
        }
        skip = 0;
    }
}

/* --- the Bochs modes --------------------------------------------------------------------------------------- */

static u32 widen(u32 value, unsigned bits)
{
    return value << (8 - bits) | value >> (2 * bits - 8);
}

static u32 direct_pixel(const u8 *p, unsigned bpp)
{
    u32 n = (u32)load_le(p, bpp == 15 ? 2 : bpp / 8);
    if (bpp == 15)
        return widen(n >> 10 & 31, 5) << 16 | widen(n >> 5 & 31, 5) << 8 | widen(n & 31, 5);
    if (bpp == 16)
        return widen(n >> 11, 5) << 16 | widen(n >> 5 & 63, 6) << 8 | widen(n & 31, 5);
    return n & 0xffffff;
}

/* What stands beyond the memory's end is what is at its beginning: a line may be longer than what is left. */
static void extended_line(const struct device *d, unsigned y, const struct colours *c, u32 *out)
{
    const struct vga *v = vga_of(d);
    const u16 *r = v->dispi;
    const struct ram *ram = vga_ram(d);
    unsigned bpp = r[DISPI_BPP], bytes = bpp == 15 ? 2 : bpp / 8;
    u64 line = (u64)(r[DISPI_Y_OFFSET] + y) * vga_dispi_pitch(v);
    for (unsigned x = 0; x < r[DISPI_XRES]; x++) {
        unsigned at = x + r[DISPI_X_OFFSET];
        if (bpp == 4) {
            const u8 *p = ram->host + 4 * ((line + at / 8) % (ram->size / 4));
            out[x] = c->nibble[planar_pixel(p, 7 - at % 8)];
            continue;
        }
        u64 place = line + (u64)at * bytes;
        if (place + bytes > ram->size)
            place = 0;
        out[x] = bpp == 8 ? c->dac[ram->host[place]] : direct_pixel(ram->host + place, bpp);
    }
}

/* --- for the front ends ------------------------------------------------------------------------------------- */

static bool blank(const struct vga *v)
{
    return !(v->attr_index & 0x20) || v->seq[1] & 0x20;
}

static void mode(const struct device *d, struct screen_mode *m)
{
    const struct vga *v = vga_of(d);
    struct geometry g;
    *m = (struct screen_mode){ 0 };
    if (vga_extended(v)) {
        m->width = v->dispi[DISPI_XRES];
        m->height = v->dispi[DISPI_YRES];
        return;
    }
    if (!measure(v, &g))
        return;
    m->width = g.columns * g.dots * g.wide;
    m->height = g.lines;
    if (!g.text)
        return;
    m->cell_width = g.dots * g.wide;
    m->cell_height = ((v->crtc[9] & 0x1f) + 1u) << (g.twice ? 1 : 0) << g.line_shift;
    m->columns = g.columns;
    m->rows = g.lines / m->cell_height ? g.lines / m->cell_height : 1;
}

static void draw(const struct device *d, u32 *pixels)
{
    const struct vga *v = vga_of(d);
    struct screen_mode m;
    struct geometry g;
    struct colours c;
    struct walk w;
    struct text t;
    mode(d, &m);
    look_up(v, &c);
    if (!vga_extended(v) && blank(v)) {
        for (u64 i = 0; i < (u64)m.width * m.height; i++)
            pixels[i] = c.dac[v->attr[0x11]];
        return;
    }
    measure(v, &g);
    text_begin(d, &t);
    walk_begin(v, &w);
    for (unsigned y = 0; y < m.height; y++, pixels += m.width) {
        if (vga_extended(v))
            extended_line(d, y, &c, pixels);
        else if (g.text)
            text_line(d, &g, &w, &t, &c, pixels);
        else
            graphics_line(d, &g, &w, &c, pixels);
        walk_next(v, &g, y, &w);
    }
}

static void text(const struct device *d, struct screen_cell *cells, int *cursor)
{
    const struct vga *v = vga_of(d);
    struct screen_mode m;
    struct geometry g;
    struct colours c;
    struct walk w;
    struct text t;
    *cursor = -1;
    mode(d, &m);
    if (!m.columns)
        return;
    look_up(v, &c);
    measure(v, &g);
    text_begin(d, &t);
    walk_begin(v, &w);
    u32 border = c.dac[v->attr[0x11]];
    for (unsigned y = 0; y < m.rows * m.cell_height; walk_next(v, &g, y++, &w)) {
        if (y % m.cell_height)
            continue;
        for (unsigned col = 0; col < m.columns; col++) {
            u32 count = (w.address + (col >> count_shift(v))) & 0xffff;
            struct screen_cell *cell = &cells[y / m.cell_height * m.columns + col];
            *cell = cell_at(d, &t, &c, plane_address(v, count, w.row));
            if (blank(v))
                *cell = (struct screen_cell){ .code = ' ', .foreground = border, .background = border };
            if (count == t.cursor && !blank(v) && (v->crtc[0xa] & 0x1f) <= (v->crtc[0xb] & 0x1f))
                *cursor = (int)(cell - cells);
        }
    }
}

const struct screen_ops vga_screen = { mode, draw, text };
