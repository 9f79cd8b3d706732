#include "gui/console.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "gui/cp437.h"

#define PARAMETERS 8

struct console {
    unsigned columns, rows, x, y, saved_x, saved_y;
    struct screen_cell *cells;
    u8 attribute; /* as in video memory */
    bool reversed;
    enum { PLAIN, ESCAPE, SEQUENCE, STRING } state;
    unsigned parameter[PARAMETERS], n_parameters;
    u32 code_point; /* of UTF-8, so far */
    unsigned more;  /* bytes of it still to come */
};

/* The 16 colours of a display adapter, 0x00RRGGBB. */
static const u32 colours[16] = {
    0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa,
    0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff,
};

static struct screen_cell cell(const struct console *c, u8 code)
{
    u8 a = c->reversed ? (u8)(c->attribute << 4 | c->attribute >> 4) : c->attribute;
    return (struct screen_cell){ code, a, false, colours[a & 15], colours[a >> 4] };
}

static void blank(struct console *c, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        c->cells[i] = cell(c, ' ');
}

struct console *console_new(unsigned columns, unsigned rows)
{
    struct console *c = xcalloc(1, sizeof *c);
    c->columns = columns;
    c->rows = rows;
    c->cells = xcalloc((size_t)columns * rows, sizeof *c->cells);
    c->attribute = 7;
    blank(c, 0, columns * rows);
    return c;
}

void console_free(struct console *c)
{
    if (c)
        free(c->cells);
    free(c);
}

const struct screen_cell *console_cells(const struct console *c, unsigned *columns, unsigned *rows, int *cursor)
{
    *columns = c->columns;
    *rows = c->rows;
    *cursor = (int)(c->y * c->columns + (c->x < c->columns ? c->x : c->columns - 1));
    return c->cells;
}

static void line_feed(struct console *c)
{
    if (c->y + 1 < c->rows) {
        c->y++;
        return;
    }
    memmove(c->cells, c->cells + c->columns, (size_t)c->columns * (c->rows - 1) * sizeof *c->cells);
    blank(c, c->columns * (c->rows - 1), c->columns * c->rows);
}

static void put(struct console *c, u8 code)
{
    if (c->x >= c->columns) {
        c->x = 0;
        line_feed(c);
    }
    c->cells[c->y * c->columns + c->x++] = cell(c, code);
}

static void put_code_point(struct console *c, u32 code_point)
{
    for (unsigned i = 1; i < 255; i++)
        if (cp437[i] == code_point && (i >= ' ' || code_point > 0x7f)) {
            put(c, (u8)i);
            return;
        }
    put(c, '?');
}

/* --- escape sequences -------------------------------------------------------------------------------------------- */

static unsigned parameter(const struct console *c, unsigned i, unsigned fallback)
{
    return i <= c->n_parameters && c->parameter[i] ? c->parameter[i] : fallback;
}

static unsigned at_most(unsigned v, unsigned most)
{
    return v < most ? v : most;
}

/* ECMA-48 8.3.117; colours are red, green, blue there from bit 0 on. */
static void rendition(struct console *c, unsigned p)
{
    static const u8 order[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };
    if (p == 0) {
        c->attribute = 7;
        c->reversed = false;
    } else if (p == 1)
        c->attribute |= 8;
    else if (p == 22)
        c->attribute &= 0xf7;
    else if (p == 7 || p == 27)
        c->reversed = p == 7;
    else if (p >= 30 && p <= 37)
        c->attribute = (u8)((c->attribute & 0xf8) | order[p - 30]);
    else if (p == 39)
        c->attribute = (u8)((c->attribute & 0xf8) | 7);
    else if (p >= 40 && p <= 47)
        c->attribute = (u8)((c->attribute & 0x8f) | order[p - 40] << 4);
    else if (p == 49)
        c->attribute &= 0x8f;
    else if (p >= 90 && p <= 97)
        c->attribute = (u8)((c->attribute & 0xf0) | 8 | order[p - 90]);
}

static void erase(struct console *c, bool line)
{
    unsigned from = line ? c->y * c->columns : 0, end = line ? from + c->columns : c->columns * c->rows;
    unsigned here = c->y * c->columns + at_most(c->x, c->columns - 1);
    switch (c->parameter[0]) {
    case 0: blank(c, here, end); break;
    case 1: blank(c, from, here + 1); break;
    default: blank(c, from, end); break;
    }
}

static void sequence_ends(struct console *c, u8 final)
{
    unsigned n = parameter(c, 0, 1);
    switch (final) {
    case 'A': c->y -= at_most(n, c->y); break;
    case 'B': c->y = at_most(c->y + at_most(n, c->rows), c->rows - 1); break;
    case 'C': c->x = at_most(c->x + at_most(n, c->columns), c->columns - 1); break;
    case 'D': c->x -= at_most(n, c->x); break;
    case 'G': c->x = at_most(n - 1, c->columns - 1); break;
    case 'H':
    case 'f':
        c->y = at_most(n - 1, c->rows - 1);
        c->x = at_most(parameter(c, 1, 1) - 1, c->columns - 1);
        break;
    case 'J': erase(c, false); break;
    case 'K': erase(c, true); break;
    case 'm':
        for (unsigned i = 0; i <= c->n_parameters; i++)
            rendition(c, c->parameter[i]);
        break;
    case 's':
        c->saved_x = c->x;
        c->saved_y = c->y;
        break;
    case 'u':
        c->x = c->saved_x;
        c->y = c->saved_y;
        break;
    default: break; /* modes and reports: nobody answers */
    }
}

static void sequence(struct console *c, u8 b)
{
    if (b >= '0' && b <= '9') {
        unsigned *p = &c->parameter[c->n_parameters];
        *p = at_most(*p * 10 + (b - '0'), 10000);
    } else if (b == ';') {
        c->n_parameters = at_most(c->n_parameters + 1, PARAMETERS - 1);
        c->parameter[c->n_parameters] = 0;
    } else if (b >= 0x40 && b <= 0x7e) {
        c->state = PLAIN;
        sequence_ends(c, b);
    }
}

static void escape(struct console *c, u8 b)
{
    c->state = b == '[' ? SEQUENCE : b == ']' || b == 'P' ? STRING : PLAIN;
    memset(c->parameter, 0, sizeof c->parameter);
    c->n_parameters = 0;
    if (b == 'c') {
        c->attribute = 7;
        c->x = c->y = 0;
        blank(c, 0, c->columns * c->rows);
    }
}

/* --- bytes --------------------------------------------------------------------------------------------------------- */

static void control(struct console *c, u8 b)
{
    switch (b) {
    case 0: case 7: case 0x0e: case 0x0f: case 0x7f: break;
    case 8: c->x -= c->x > 0; break;
    case 9: c->x = at_most((c->x | 7) + 1, c->columns - 1); break;
    case 10: case 11: case 12:
        line_feed(c);
        break;
    case 13: c->x = 0; break;
    case 27: c->state = ESCAPE; break;
    default: break;
    }
}

static void plain(struct console *c, u8 b)
{
    if (c->more && (b & 0xc0) == 0x80) {
        c->code_point = c->code_point << 6 | (b & 0x3f);
        if (!--c->more)
            put_code_point(c, c->code_point);
        return;
    }
    c->more = 0;
    if (b < 0x80)
        put(c, b);
    else if (b >= 0xc2 && b < 0xf5) {
        c->more = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
        c->code_point = b & (0x3fu >> c->more);
    } else {
        put(c, '?');
    }
}

/* The monitor and many kernels end lines by a line feed alone. */
void console_write(struct console *c, const u8 *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8 b = bytes[i];
        if (c->state == STRING) {
            if (b == 7 || b == 27)
                c->state = b == 7 ? PLAIN : ESCAPE;
        } else if (b < ' ' || b == 0x7f) {
            if (b == 10)
                c->x = 0;
            control(c, b);
        } else if (c->state == ESCAPE) {
            escape(c, b);
        } else if (c->state == SEQUENCE) {
            sequence(c, b);
        } else {
            plain(c, b);
        }
    }
}
