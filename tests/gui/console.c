/* Consoles: what bytes and escape sequences leave on the page. Characters of a terminal as keys. */
#include <stdio.h>
#include <string.h>

#include "gui/console.h"
#include "gui/typing.h"
#include "iodev/input/keys.h"
#include "tests/unit.h"

/* The rows without blanks at their end, as code page 437, separated by '|'; without those that are empty at the end. */
static const char *page(const struct console *c, char *out)
{
    unsigned columns, rows;
    int cursor;
    const struct screen_cell *cells = console_cells(c, &columns, &rows, &cursor);
    char *p = out, *end = out;
    for (unsigned y = 0; y < rows; y++) {
        unsigned n = columns;
        while (n && cells[y * columns + n - 1].code == ' ')
            n--;
        for (unsigned x = 0; x < n; x++)
            *p++ = (char)cells[y * columns + x].code;
        if (n)
            end = p;
        *p++ = '|';
    }
    *end = 0;
    return out;
}

static int cursor_of(const struct console *c)
{
    unsigned columns, rows;
    int cursor;
    console_cells(c, &columns, &rows, &cursor);
    return cursor;
}

static void texts(void)
{
    static const struct {
        const char *in, *out;
        int cursor; /* of 10 columns */
    } cases[] = {
        { "", "", 0 },
        { "hello", "hello", 5 },
        { "one\ntwo\r\nthree", "one|two|three", 25 },
        { "0123456789a", "0123456789|a", 11 },     /* wraps when the next one comes, not before */
        { "0123456789\r\nb", "0123456789|b", 11 },
        { "1\n2\n3\n4\n5", "2|3|4|5", 31 },         /* scrolls */
        { "ab\bc\tx", "ac      x", 9 },
        { "abc\rx", "xbc", 1 },
        { "a\033[3;5Hb", "a||    b", 25 },
        { "abc\033[1;2H\033[K", "a", 1 },
        { "abc\033[1;2H\033[1K", "  c", 1 },
        { "abc\ndef\033[2J", "", 13 },
        { "abc\ndef\033[1;2H\033[J", "a", 1 },
        { "a\033[5Cb\033[3Dc", "a   c b", 5 },
        { "x\033[sy\033[2;2Hz\033[uw", "xw| z", 2 },
        { "a\033[1;31mb\033[0mc", "abc", 3 },
        { "\033]0;title\007a\033]2;t\033\\b", "ab", 2 },
        { "\033[99999999999;99999999999Ha", "|||         a", 39 },
        { "\033[1;2;3;4;5;6;7;8;9;10;11ma", "a", 1 },
        { "\033[200A\033[200B\033[200C\033[200Dx", "|||x", 31 },
        { "a\033cb", "b", 1 },
        { "\xe2\x94\x80\xc3\xbc\xe2\x82\xac", "\xc4\x81?", 3 }, /* box, u with dots, Euro */
        { "\xffz\xe2z", "?zz", 3 },                            /* not UTF-8 */
        { "a\033[?25lb\033[6nc", "abc", 3 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        char got[64];
        struct console *c = console_new(10, 4);
        console_write(c, (const u8 *)cases[i].in, strlen(cases[i].in));
        if (strcmp(page(c, got), cases[i].out) || cursor_of(c) != cases[i].cursor)
            printf("\ncase %u: '%s' at %d\n", i, got, cursor_of(c));
        CU_ASSERT_STRING_EQUAL(got, cases[i].out);
        CU_ASSERT_EQUAL(cursor_of(c), cases[i].cursor);
        console_free(c);
        c = console_new(10, 4); /* the same byte by byte */
        for (const char *s = cases[i].in; *s; s++)
            console_write(c, (const u8 *)s, 1);
        CU_ASSERT_STRING_EQUAL(page(c, got), cases[i].out);
        console_free(c);
    }
}

static void colours(void)
{
    struct console *c = console_new(10, 2);
    static const char text[] = "a\033[31mb\033[1;44mc\033[7md\033[0me";
    unsigned columns, rows;
    int cursor;
    console_write(c, (const u8 *)text, sizeof text - 1);
    const struct screen_cell *cells = console_cells(c, &columns, &rows, &cursor);
    CU_ASSERT(cells[0].attribute == 0x07 && cells[0].foreground == 0xaaaaaa && cells[0].background == 0);
    CU_ASSERT(cells[1].attribute == 0x04 && cells[1].foreground == 0xaa0000);
    CU_ASSERT(cells[2].attribute == 0x1c && cells[2].foreground == 0xff5555 && cells[2].background == 0x0000aa);
    CU_ASSERT(cells[3].attribute == 0xc1);
    CU_ASSERT(cells[4].attribute == 0x07);
    console_free(c);
}

/* Whatever comes, the page stays whole (run with ASan). */
static void any_bytes(void)
{
    struct console *c = console_new(80, 25);
    u32 r = 1;
    for (unsigned i = 0; i < 300000; i++) {
        r = r * 1664525 + 1013904223;
        static const u8 likely[] = "\033[;0123456789HJKmABCD\n\r\t\b";
        u8 b = r >> 31 ? (u8)(r >> 16) : likely[(r >> 16) % (sizeof likely - 1)];
        console_write(c, &b, 1);
        CU_ASSERT_FATAL(cursor_of(c) >= 0 && cursor_of(c) < 2000);
    }
    console_free(c);
}

static void typing(void)
{
    static const struct {
        u8 byte;
        const char *keys;
    } cases[] = {
        { 'a', "a" }, { 'Z', "shift-z" }, { '0', "0" }, { ')', "shift-0" }, { '_', "shift-minus" }, { '?', "shift-slash" },
        { ' ', "spc" }, { 13, "ret" }, { 10, "ret" }, { 9, "tab" }, { 8, "backspace" }, { 127, "backspace" }, { 27, "esc" },
        { 1, "ctrl-a" }, { 3, "ctrl-c" }, { 26, "ctrl-z" }, { 0, "ctrl-spc" }, { 28, "ctrl-backslash" },
        { 29, "ctrl-bracket_right" }, { 30, "ctrl-shift-6" }, { 31, "ctrl-shift-minus" }, { '~', "shift-grave_accent" },
        { '"', "shift-apostrophe" }, { '|', "shift-backslash" },
    };
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        u8 got[TYPING_MOST], want[8];
        unsigned n = keys_parse(cases[i].keys, want, 8);
        CU_ASSERT_EQUAL(typing_keys(cases[i].byte, got), n);
        CU_ASSERT(n && !memcmp(got, want, n));
    }
    u8 usages[TYPING_MOST];
    for (unsigned b = 0; b < 128; b++) { /* every character of ASCII has a key that keyboards have */
        unsigned n = typing_keys((u8)b, usages);
        CU_ASSERT(n >= 1 && n <= TYPING_MOST);
        for (unsigned i = 0; i < n; i++)
            CU_ASSERT(key_by_usage(usages[i]) != NULL);
    }
    CU_ASSERT_EQUAL(typing_keys(0xe4, usages), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "texts and escape sequences", texts }, { "colours", colours }, { "any bytes", any_bytes },
        { "characters as keys", typing }, CU_TEST_INFO_NULL,
    };
    return unit_main("gui/console", tests);
}
