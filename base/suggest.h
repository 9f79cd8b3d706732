/* "did you mean": the nearest of the known names. */
#ifndef BASE_SUGGEST_H
#define BASE_SUGGEST_H

#include "base/types.h"

/* Keeps the better (fewer edits) of *best and candidate for `typed`. Start with *best = NULL, *score = 0.
 * After the last candidate *best is NULL when nothing is near enough to be worth saying. */
void suggest(const char *typed, const char *candidate, const char **best, unsigned *score);

/* The three arguments of "%s%s%s" behind a sentence: " (did you mean 'BEST'?)", or nothing when best is NULL. */
#define DID_YOU_MEAN(best) (best) ? " (did you mean '" : "", (best) ? (best) : "", (best) ? "'?)" : ""

#endif
