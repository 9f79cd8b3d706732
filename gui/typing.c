#include "gui/typing.h"

#include <string.h>

enum { CTRL = 0xe0, SHIFT = 0xe1 };

/* The keys of a US keyboard that give two characters. */
static const struct {
    u8 usage;
    char plain, shifted;
} pairs[] = {
    { 0x1e, '1', '!' }, { 0x1f, '2', '@' }, { 0x20, '3', '#' }, { 0x21, '4', '$' },  { 0x22, '5', '%' },  { 0x23, '6', '^' },
    { 0x24, '7', '&' }, { 0x25, '8', '*' }, { 0x26, '9', '(' }, { 0x27, '0', ')' },  { 0x2d, '-', '_' },  { 0x2e, '=', '+' },
    { 0x2f, '[', '{' }, { 0x30, ']', '}' }, { 0x31, '\\', '|' }, { 0x33, ';', ':' }, { 0x34, '\'', '"' }, { 0x35, '`', '~' },
    { 0x36, ',', '<' }, { 0x37, '.', '>' }, { 0x38, '/', '?' }, { 0x2c, ' ', ' ' },
};

static const struct {
    u8 byte, usage;
} whole[] = { { 8, 0x2a }, { 9, 0x2b }, { 10, 0x28 }, { 13, 0x28 }, { 27, 0x29 }, { 127, 0x2a } };

static unsigned with(u8 modifier, u8 usage, u8 *usages)
{
    unsigned n = 0;
    if (modifier)
        usages[n++] = modifier;
    usages[n++] = usage;
    return n;
}

unsigned typing_keys(u8 byte, u8 usages[TYPING_MOST])
{
    for (unsigned i = 0; i < ARRAY_LEN(whole); i++)
        if (whole[i].byte == byte)
            return with(0, whole[i].usage, usages);
    if (byte >= 'a' && byte <= 'z')
        return with(0, (u8)(0x04 + byte - 'a'), usages);
    if (byte >= 'A' && byte <= 'Z')
        return with(SHIFT, (u8)(0x04 + byte - 'A'), usages);
    for (unsigned i = 0; i < ARRAY_LEN(pairs) && byte >= ' '; i++)
        if (byte == (u8)pairs[i].plain || byte == (u8)pairs[i].shifted)
            return with(byte == (u8)pairs[i].plain ? 0 : SHIFT, pairs[i].usage, usages);
    if (byte && byte <= 26)
        return with(CTRL, (u8)(0x04 + byte - 1), usages);
    if (byte < ' ') { /* Ctrl and the character 64 above: space (for @), \, ], ^, _ */
        u8 rest[TYPING_MOST];
        unsigned n = typing_keys((u8)(byte ? byte + 64 : ' '), rest);
        usages[0] = CTRL;
        for (unsigned i = 0; i < n && i + 1 < TYPING_MOST; i++)
            usages[i + 1] = rest[i];
        return n + 1;
    }
    return 0;
}
