#include "base/suggest.h"

#include <string.h>

/* Levenshtein distance over at most 31 characters of each. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[32];
    size_t n = strnlen(a, 31), m = strnlen(b, 31);
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);
            if (up + 1 < best)
                best = up + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = up;
            row[j] = best;
        }
    }
    return row[m];
}

void suggest(const char *typed, const char *candidate, const char **best, unsigned *score)
{
    unsigned d = distance(typed, candidate);
    unsigned limit = 1 + (unsigned)strnlen(typed, 31) / 3;
    if (d <= limit && (!*best || d < *score)) {
        *best = candidate;
        *score = d;
    }
}
