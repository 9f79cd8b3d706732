/* An option is one row of a table: how it is written, its line of help, and what it does. Most set one field of
 * struct options and need no code; what does is beside its table. */
#ifndef CLI_OPTION_ROWS_H
#define CLI_OPTION_ROWS_H

#include <stddef.h>

#include "cli/option_values.h"

enum option_kind { OPTION_IGNORED, OPTION_TEXT, OPTION_FLAG, OPTION_NUMBER, OPTION_LIST, OPTION_CALL };

struct option_row {
    const char *name, *alias;
    const char *arg;  /* as shown in the help; NULL: takes none */
    const char *help; /* NULL: not shown */
    enum option_kind kind;
    size_t field; /* where in struct options, of all but OPTION_CALL */
    size_t count; /* OPTION_LIST: where the number of lists is */
    const char *first; /* OPTION_LIST: see option_list_add() */
    bool (*call)(struct options *o, const char *arg, struct err *e);
    /* For '?' and 'help' as the argument: prints what there is. "NAME,?" asks about one of them (else name is NULL);
     * false: nothing is known of it. An option without argument that has this prints and ends. */
    bool (*list)(const struct options *o, const char *name);
};

/* The place of a field, which must have the type that the kind writes. */
#define OPTION_FIELD(f, type) \
    (offsetof(struct options, f) + \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct options *)0)->f), type) ? 1 : -1]))

#define IGNORED .kind = OPTION_IGNORED
#define SETS_TEXT(f) .kind = OPTION_TEXT, .field = OPTION_FIELD(f, const char *)
#define SETS_FLAG(f) .kind = OPTION_FLAG, .field = OPTION_FIELD(f, bool)
#define SETS_NUMBER(f) .kind = OPTION_NUMBER, .field = OPTION_FIELD(f, u64)
#define ADDS_TO(f, first_word) \
    .kind = OPTION_LIST, .field = OPTION_FIELD(f, struct option_list[MAX_OF_EACH]), \
    .count = OPTION_FIELD(n_##f, unsigned), .first = first_word
#define CALLS(fn) .kind = OPTION_CALL, .call = fn

/* Of the accelerators in a list "A:B" the first one that is here is taken, as QEMU does (options_run.c). */
bool option_accel(struct options *o, const char *list, struct err *e);

/* The tables, each ended by a row without name; the help shows them in this order. */
extern const struct option_row options_of_machine[]; /* options_machine.c: board, CPU, memory, what is loaded */
extern const struct option_row options_of_parts[];   /* options_parts.c: drives, devices, networks, characters */
extern const struct option_row options_of_run[];     /* options_run.c: the rest of QEMU's */
extern const struct option_row options_of_ours[];    /* options_ours.c: what QEMU has not */

#endif
