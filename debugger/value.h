/* Values of guest expressions: where they are, what they hold, how they print. */
#ifndef DEBUGGER_VALUE_H
#define DEBUGGER_VALUE_H

#include "debugger/frame.h"
#include "debugger/types.h"

enum value_where { VALUE_BYTES, VALUE_MEMORY, VALUE_REGISTER };

#define VALUE_MAX 64
struct value {
    struct type *type;
    enum value_where where;
    u64 addr;
    const struct cpu_reg *reg; /* the innermost frame's */
    u8 bytes[VALUE_MAX];       /* VALUE_BYTES and VALUE_REGISTER */
    unsigned bit_offset, bit_size;
    const char *unavailable;   /* why it has no value: "optimized out"; NULL: it has one */
    u64 missing;               /* bytes[] that were optimized out */
};

struct convenience { /* $1, $foo; owned by whoever evaluates */
    char name[32];
    struct value value;
    struct convenience *next;
};

/* Makes or changes one; a name longer than there is room for is cut. */
struct convenience *convenience_set(struct convenience **vars, const char *name, const struct value *v);

struct expr_env;

#define EXPR_MAX_ARGS 8
struct expr_functions { /* $NAME(ARG, ...) */
    bool (*known)(void *opaque, const char *name); /* NULL: there are none */
    bool (*call)(void *opaque, const char *name, const struct expr_env *env, const u64 *args, unsigned n,
                 struct value *out, struct err *e);
    void *opaque;
};

/* What an expression is evaluated against. */
struct expr_env {
    struct symbols *syms;
    struct cpu *cpu;
    const struct frame *frame;
    struct convenience **vars; /* may be NULL: none, and none can be made */
    const struct expr_functions *functions; /* may be NULL: none */
    bool read_only;            /* assignments are errors */
    struct machine *machine;   /* told before something is assigned; NULL where nothing can be */
    const char *untouchable;   /* machine_untouchable(): why the guest cannot be assigned to; NULL: it can */
};

unsigned env_word(const struct expr_env *env); /* bytes of a pointer */
/* By any of its names: $sp, $fp and $pc (NULL where the program counter is no register of the list) on every ISA. */
const struct cpu_reg *register_named(const struct cpu *c, const char *name);

struct value value_int(struct symbols *s, u64 v, unsigned size, bool is_signed);
struct value value_typed(struct type *t, u64 v);
bool value_is_float(struct symbols *s, const struct value *v);
bool value_is_scalar(struct symbols *s, const struct value *v);
/* Reads n bytes of it from `from` on; false with a sentence when they are not there. */
bool value_read(const struct expr_env *env, const struct value *v, u64 from, void *out, u64 n, struct err *e);
/* The number in it, extended by its type; pointers and arrays give the address. */
bool value_u64(const struct expr_env *env, const struct value *v, u64 *out, struct err *e);
bool value_double(const struct expr_env *env, const struct value *v, double *out, struct err *e);
/* Stores a number; the value must be a place. */
bool value_store(const struct expr_env *env, const struct value *v, u64 number, struct err *e);
struct value value_member(const struct expr_env *env, const struct value *v, const struct member *m);
struct value value_element(const struct expr_env *env, const struct value *array, u64 i);

struct value_format {
    char letter; /* x d u o t a c s f z i, or 0 for what the type says */
    unsigned max_elements; /* 0: 200 */
    bool pretty;
};

void value_print(const struct expr_env *env, const struct value *v, const struct value_format *f, struct buf *out);
/* One number of `size` bytes by letter. */
void number_print(const struct expr_env *env, u64 raw, unsigned size, char letter, struct buf *out);
void pointer_print(const struct expr_env *env, u64 addr, struct buf *out); /* 0x80000010 <main+4> */
double float_from_bits(u64 raw, unsigned size);

#endif
