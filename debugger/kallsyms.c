#include "debugger/kallsyms.h"

#include <string.h>

#define TOKENS 256
#define MIN_SYMBOLS 300
#define MAX_SYMBOLS 4000000
#define MAX_NAME 512

static size_t align_up(size_t v, size_t to)
{
    return (v + to - 1) & ~(to - 1);
}

bool kallsyms_next(const u8 *image, size_t size, size_t from, size_t *at)
{
    if (from >= size)
        return false;
    const u8 *hit = memmem(image + from, size - from, KALLSYMS_DIGITS, KALLSYMS_DIGITS_SIZE);
    *at = hit ? (size_t)(hit - image) : 0;
    return hit != NULL;
}

/* token_index[i] is where token i begins in token_table. From the digits on the rest of the table leads to the index, the
 * index says where the table began. */
static bool find_tokens(const u8 *image, size_t size, size_t digits, struct kallsyms *k)
{
    size_t at = digits;
    for (unsigned token = '0'; token < TOKENS; token++) {
        const u8 *end = at < size ? memchr(image + at, 0, size - at) : NULL;
        if (!end || (size_t)(end - image) - at > MAX_NAME)
            return false;
        at = (size_t)(end - image) + 1;
    }
    size_t index = align_up(at, k->word);
    if (index > size || size - index < 2 * TOKENS || load_le(image + index, 2))
        return false;
    size_t before = load_le(image + index + 2 * '0', 2);
    if (before > digits)
        return false;
    size_t table = digits - before;
    for (unsigned i = 1; i < TOKENS; i++) {
        size_t from = load_le(image + index + 2 * (i - 1), 2), to = load_le(image + index + 2 * i, 2);
        if (to <= from || table + to >= at || image[table + to - 1] || memchr(image + table + from, 0, to - from - 1))
            return false;
    }
    k->tokens = table;
    k->index = index;
    return true;
}

/* The length of a packed name: one byte, or two of seven bits (6.1 and later); false at the end. */
static bool name_length(const u8 *image, size_t *at, size_t end, size_t *n)
{
    if (*at >= end)
        return false;
    *n = image[(*at)++];
    if (*n & 0x80) {
        if (*at >= end)
            return false;
        *n = (*n & 0x7f) | (size_t)image[(*at)++] << 7;
    }
    return *n <= end - *at;
}

/* Do n names begin here, with markers (where every 256th begins) behind them? */
static bool names_here(const u8 *image, size_t names, size_t end, u32 n, unsigned word)
{
    size_t at = names, length, check = 0;
    for (u32 i = 0; i < n; i++) {
        if (i == 256)
            check = at - names;
        if (!name_length(image, &at, end, &length) || !length)
            return false;
        at += length;
    }
    at = align_up(at, word);
    u32 markers = (n + 255) / 256;
    for (unsigned bytes = 4; bytes <= 8; bytes += 4) {
        if (at > end || end - at < (size_t)markers * bytes || load_le(image + at, bytes))
            continue;
        if (markers < 2 || load_le(image + at + bytes, bytes) == check)
            return true;
    }
    return false;
}

/* num_syms stands a word before names, somewhere before the tokens. */
static bool find_names(const u8 *image, struct kallsyms *k)
{
    size_t span = (size_t)MAX_SYMBOLS * 16 < k->tokens ? (size_t)MAX_SYMBOLS * 16 : k->tokens;
    for (size_t back = align_up(2 * MIN_SYMBOLS, 8); back + 8 <= span; back += k->word) {
        size_t at = (k->tokens & ~(size_t)(k->word - 1)) - back;
        u64 n = load_le(image + at, 4);
        /* Packed names take 5 to 40 bytes each, their markers included. */
        if (n < MIN_SYMBOLS || n > MAX_SYMBOLS || back < 4 * n || back > 64 * n)
            continue;
        if (names_here(image, at + k->word, k->tokens, (u32)n, k->word)) {
            k->names = at + k->word;
            k->n = (u32)n;
            return true;
        }
    }
    return false;
}

static u64 value_at(const u8 *image, const struct kallsyms *k, u32 i)
{
    if (!k->relative)
        return load_le(image + k->values + (size_t)i * k->word, k->word);
    i64 offset = (i32)(u32)load_le(image + k->values + 4 * (size_t)i, 4);
    u64 mask = size_mask(k->word);
    if (k->signed_base)
        return (offset >= 0 ? (u64)offset : k->base - 1 - (u64)offset) & mask;
    return (k->base + (u64)(u32)offset) & mask;
}

/* Symbols are sorted by address: a table that is not is none. A few exceptions are allowed (absolute symbols). */
static bool sorted(const u8 *image, size_t size, const struct kallsyms *k)
{
    size_t bytes = k->relative ? 4 : k->word;
    if (k->values > size || (size - k->values) / bytes < k->n)
        return false;
    u32 wrong = 0;
    u64 before = 0, first = value_at(image, k, 0), last = value_at(image, k, k->n - 1);
    for (u32 i = 0; i < k->n; i++) {
        u64 v = value_at(image, k, i);
        wrong += v < before;
        before = v;
    }
    return wrong <= k->n / 200 && last > first;
}

static bool try_values(const u8 *image, size_t size, struct kallsyms *k, size_t values, size_t base)
{
    if (base > size || size - base < k->word)
        return false;
    k->values = values;
    k->base = load_le(image + base, k->word);
    k->relative = true;
    /* Plain ones first: offsets that are never negative are in order either way. */
    k->signed_base = false;
    if (sorted(image, size, k))
        return true;
    k->signed_base = true;
    return sorted(image, size, k);
}

static bool find_values(const u8 *image, size_t size, struct kallsyms *k)
{
    size_t offsets = align_up(4 * (size_t)k->n, k->word), after = align_up(k->index + 2 * TOKENS, k->word);
    size_t count = k->names - k->word; /* of num_syms */
    if (try_values(image, size, k, after, after + offsets)) /* 6.4 and later */
        return true;
    if (count >= offsets + k->word && try_values(image, size, k, count - k->word - offsets, count - k->word))
        return true;
    k->relative = k->signed_base = false;
    k->values = count - (size_t)k->n * k->word;
    return count >= (size_t)k->n * k->word && sorted(image, size, k);
}

static bool read_as(const u8 *image, size_t size, size_t at, struct kallsyms *k, const char **why)
{
    *why = "there is no index behind the tokens";
    if (!find_tokens(image, size, at, k))
        return false;
    *why = "the packed names are not where they should be";
    if (!find_names(image, k))
        return false;
    *why = "the addresses of the names are not where they should be";
    return find_values(image, size, k);
}

bool kallsyms_read(const u8 *image, size_t size, size_t at, struct kallsyms *out, const char **why)
{
    *out = (struct kallsyms){ .word = 8 };
    if (read_as(image, size, at, out, why))
        return true;
    *out = (struct kallsyms){ .word = 4 };
    return read_as(image, size, at, out, why);
}

void kallsyms_each(const u8 *image, size_t size, const struct kallsyms *k,
                   bool (*each)(void *opaque, u64 addr, char letter, const char *name), void *opaque)
{
    size_t at = k->names, length;
    for (u32 i = 0; i < k->n; i++) {
        char name[MAX_NAME + 1];
        size_t n = 0;
        if (!name_length(image, &at, k->tokens, &length))
            return;
        for (size_t j = 0; j < length; j++) {
            const char *token = (const char *)image + k->tokens + load_le(image + k->index + 2 * (size_t)image[at + j], 2);
            while (*token && n < MAX_NAME) /* find_tokens() has seen the NUL of each */
                name[n++] = *token++;
        }
        name[n] = 0;
        at += length;
        if (n > 1 && !each(opaque, value_at(image, k, i), name[0], name + 1))
            return;
    }
}
