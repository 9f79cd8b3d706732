#include "iodev/input/keys.h"

#include <stdlib.h>
#include <string.h>

const struct key keys[] = {
#define KEY(usage, name, set1, set2, set3) { usage, name, { set1, set2, set3 } },
#include "iodev/input/keys.def"
#undef KEY
    { 0, NULL, { 0 } },
};

const struct key *key_by_usage(u8 usage)
{
    for (const struct key *k = keys; k->usage; k++)
        if (k->usage == usage)
            return k;
    return NULL;
}

static const struct {
    const char *name, *means;
} aliases[] = {
    { "enter", "ret" }, { "space", "spc" }, { "menu", "compose" }, { "asterisk", "kp_multiply" }, { "sysrq", "print" },
    { "backtick", "grave_accent" },
};

const struct key *key_by_name(const char *name, size_t n)
{
    for (const struct key *k = keys; k->usage; k++)
        if (strlen(k->name) == n && !memcmp(k->name, name, n))
            return k;
    for (unsigned i = 0; i < ARRAY_LEN(aliases); i++)
        if (strlen(aliases[i].name) == n && !memcmp(aliases[i].name, name, n))
            return key_by_name(aliases[i].means, strlen(aliases[i].means));
    if (n < 3 || n > 6 || name[0] != '0' || name[1] != 'x')
        return NULL;
    unsigned long code = strtoul(name, NULL, 16); /* ends at the '-' or the NUL behind */
    if (code > 0x7f && code < 0x100)
        code = 0xe000 | (code & 0x7f); /* QEMU's way to say an extended key in one byte */
    for (const struct key *k = keys; k->usage; k++)
        if (k->set[0] == code)
            return k;
    return NULL;
}

unsigned keys_parse(const char *text, u8 *usages, unsigned cap)
{
    unsigned count = 0;
    for (;;) {
        size_t n = strcspn(text, "-");
        const struct key *k = key_by_name(text, n);
        if (!k || count == cap)
            return 0;
        usages[count++] = k->usage;
        if (!text[n])
            return count;
        text += n + 1;
    }
}
