/* C expressions over the guest: `p->next[2].name`, `$sp + 8`, `(struct proc *)$a0`, `*argv@argc`.
 * Compiled once, with names bound where they are visible then; evaluated as often as wanted. */
#ifndef DEBUGGER_EXPR_H
#define DEBUGGER_EXPR_H

#include "debugger/value.h"

struct expr;

/* Names are looked up at the frame of env (NULL: file level only). On error the text says what is unknown and the
 * nearest known name. */
struct expr *expr_compile(const struct expr_env *env, const char *text, struct err *e);
void expr_free(struct expr *x);
const char *expr_text(const struct expr *x);

bool expr_eval(const struct expr *x, const struct expr_env *env, struct value *out, struct err *e);
/* Both at once, to a number. */
bool expr_number(const struct expr_env *env, const char *text, u64 *out, struct err *e);
bool expr_value(const struct expr_env *env, const char *text, struct value *out, struct err *e);
/* The type without evaluating, when the text is a type ("struct proc *"): for ptype, whatis, sizeof. */
struct type *expr_parse_type(const struct expr_env *env, const char *text, struct err *e);

#endif
