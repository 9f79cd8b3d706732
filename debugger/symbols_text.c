/* Lists of names: System.map, nm's output (with sizes: nm -S), /proc/kallsyms.
 *
 *     ffffffff81000000 T _stext
 *     0000000000001139 0000000000000016 T main        (nm -S)
 *     ffffffffc0123000 t ext4_sync_fs	[ext4]         (/proc/kallsyms) */
#include <ctype.h>
#include <string.h>

#include "debugger/symbols.h"

#define HIGH_HALF ((u64)1 << 63)

struct line {
    u64 addr, size;
    char letter;
    const char *name, *module; /* in the text, followed by name_len, module_len characters */
    size_t name_len, module_len;
};

/* A hexadecimal number with a space behind it; false leaves *at. */
static bool take_hex(const char **at, const char *end, u64 *v)
{
    const char *p = *at;
    *v = 0;
    while (p < end && isxdigit((u8)*p) && p - *at < 16) {
        int c = tolower((u8)*p++);
        *v = *v << 4 | (u64)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    if (p == *at || p >= end || *p != ' ') /* a letter always follows */
        return false;
    while (p < end && *p == ' ')
        p++;
    *at = p;
    return true;
}

static size_t word_length(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && (u8)p[n] > ' ')
        n++;
    return n;
}

/* One line of [at, end); false when it is none of these. nm shows what has no name too. */
static bool read_line(const char *at, const char *end, struct line *out)
{
    *out = (struct line){ .size = 0 };
    while (end > at && (u8)end[-1] <= ' ')
        end--;
    if (!take_hex(&at, end, &out->addr))
        return false;
    /* A letter may look like a number (b, d, a): two of them in a row are size and letter. */
    const char *before = at;
    u64 size;
    if (take_hex(&at, end, &size) && at - before > 2)
        out->size = size;
    else
        at = before;
    if (at == end || !(isalpha((u8)at[0]) || at[0] == '?') || (end - at > 1 && at[1] != ' '))
        return false;
    out->letter = *at++;
    while (at < end && *at == ' ')
        at++;
    out->name = at;
    out->name_len = word_length(at, end);
    at += out->name_len;
    while (at < end && (u8)*at <= ' ')
        at++;
    if (at < end && *at == '[' && end[-1] == ']') {
        out->module = at + 1;
        out->module_len = (size_t)(end - at) - 2;
    }
    return true;
}

static const char *next_line(const char *at, const char *end, const char **stop)
{
    const char *n = memchr(at, '\n', (size_t)(end - at));
    *stop = n ? n : end;
    return n ? n + 1 : end;
}

bool symbols_is_text(const u8 *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size, *stop;
    struct line line;
    unsigned good = 0;
    for (unsigned i = 0; i < 20 && at < end; i++) {
        const char *start = at;
        at = next_line(at, end, &stop);
        if (stop - start > 4096)
            return false;
        good += read_line(start, stop, &line);
    }
    return good > 0;
}

enum symbol_kind symbol_kind_of_letter(char letter)
{
    switch (letter) {
    case 't': case 'T': case 'i': case 'w': case 'W': return SYM_FUNC;
    case 'd': case 'D': case 'b': case 'B': case 'r': case 'R': case 's': case 'S': case 'g': case 'G': case 'v': case 'V':
    case 'C': case 'c': return SYM_OBJECT;
    default: return SYM_LABEL;
    }
}

struct symfile *symbols_read_text(struct symbols *s, const char *name, const u8 *data, size_t size,
                                  const struct symbols_where *where, struct err *e)
{
    struct symfile *f = symfile_new(s, name, where->bias);
    f->bytes = xmalloc(size + 1);
    memcpy(f->bytes, data, size);
    f->bytes[size] = 0;
    f->size = size;
    char *at = (char *)f->bytes, *end = at + size;
    const char *stop, *module = "";
    u64 highest = 0;
    bool any = false;
    while (at < end) {
        struct line line;
        const char *start = at;
        at = (char *)next_line(at, end, &stop);
        if (!read_line(start, stop, &line) || line.letter == 'U' || line.letter == '?')
            continue;
        any = true;
        /* $x and $d of the RISC-V psABI, .L of the assembler name nothing a person knows. */
        if (!line.name_len || !line.addr || line.addr == UINT64_MAX || line.name[0] == '$' || !strncmp(line.name, ".L", 2))
            continue;
        struct symbol *y = symfile_row(f);
        /* The file's own bytes become the strings: behind each there is a blank, a bracket, or the end of the line. */
        ((char *)line.name)[line.name_len] = 0;
        if (line.module) {
            ((char *)line.module)[line.module_len] = 0;
            module = strcmp(module, line.module) ? line.module : module;
        }
        *y = (struct symbol){ .name = line.name, .module = line.module ? module : NULL, .addr = line.addr,
                              .size = line.size, .kind = (u8)symbol_kind_of_letter(line.letter), .global = !islower((u8)line.letter) };
        highest = line.addr > highest ? line.addr : highest;
    }
    if (!f->n_symbols) {
        err_set(e, any ? "%s holds no addresses: what Debian's kernel packages call System.map only names the package that "
                         "has it, and /proc/kallsyms shows zeroes to those who are not root (`symbols kernel` takes the "
                         "names from the guest)" : "%s holds no symbols", name);
        symfile_free(f);
        return NULL;
    }
    for (size_t i = 0; i < f->n_symbols; i++) {
        struct symbol *y = &f->by_addr[i];
        if (highest >= HIGH_HALF && y->addr < HIGH_HALF)
            y->kind = SYM_OFFSET;
        else
            y->addr += where->bias;
    }
    symfile_done(f, where->process);
    symfile_sizes(f);
    return f;
}
