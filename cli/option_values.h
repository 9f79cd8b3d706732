/* What the arguments of options are made of: numbers, sizes, lists of name=value. */
#ifndef CLI_OPTION_VALUES_H
#define CLI_OPTION_VALUES_H

#include "cli/options.h"

bool option_number(const char *text, u64 *value, struct err *e);
/* QEMU's sizes: 128M, 2GiB; a plain number counts `unit`s. */
bool option_size(const char *text, u64 unit, u64 *bytes, struct err *e);

/* Parses `text` behind the *n lists there are. `first` names a first word without '=': "user,id=n0" is
 * "type=user,id=n0". An id may be given once. */
bool option_list_add(struct arena *a, struct option_list *lists, unsigned *n, const char *text, const char *first,
                     struct err *e);
/* The value of a name, the last one when it was given twice; NULL: not given. */
const char *option_prop(const struct option_list *l, const char *name);
bool option_prop_on(const struct option_list *l, const char *name);
/* *out stays as it is when the name is not given. */
bool option_prop_number(const char *option, const struct option_list *l, const char *name, u64 *out, struct err *e);
/* Only names in `known` (NULL at its end) may be in the list. */
bool option_check_names(const char *option, const struct option_list *l, const char *const *known, struct err *e);

/* Is `word` in `words`, which NULL ends? */
bool option_word_in(const char *word, const char *const *words);

#endif
