/* Evaluation. Numbers follow C's conversions, with pointers scaled by what they point to. */
#include "debugger/exprnode.h"

#include <dwarf.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "machine/machine.h"

static bool run(const struct node *n, const struct expr_env *env, struct value *out, struct err *e);

static bool run_variable(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    struct location l;
    const char *why;
    Dwarf_Die die = n->die;
    *out = (struct value){ .type = type_of(env->syms, n->file, &die) };
    if (!location_of(env->syms, n->file, env->cpu, env->frame, &die, &l, &why)) {
        out->unavailable = why;
        return true; /* printed as <optimized out>; using it is the error */
    }
    switch (l.kind) {
    case LOC_MEMORY:
        out->where = VALUE_MEMORY;
        out->addr = l.addr & cpu_addr_mask(env->cpu);
        break;
    case LOC_REGISTER: {
        const struct frame *f = env->frame;
        if (!f || l.reg >= FRAME_REGS || !(f->known >> l.reg & 1)) {
            out->unavailable = "its register is not known in this frame";
        } else if (f->saved >> l.reg & 1) {
            out->where = VALUE_MEMORY;
            out->addr = f->saved_at[l.reg];
        } else {
            out->where = VALUE_REGISTER;
            store_le(out->bytes, 8, f->reg[l.reg]);
            out->reg = isa_reg(env->cpu, l.reg);
        }
        break;
    }
    case LOC_VALUE: store_le(out->bytes, 8, l.addr); break;
    case LOC_BYTES:
        memcpy(out->bytes, l.bytes, l.n_bytes);
        out->missing = l.missing;
        if (l.missing && l.missing == (l.n_bytes == 64 ? UINT64_MAX : ((u64)1 << l.n_bytes) - 1))
            out->unavailable = "optimized out";
        break;
    default: out->unavailable = why; break;
    }
    return true;
}

/* As the frame has it. *in_memory: it was saved at that address; 0: it was not. */
static bool register_value(const struct expr_env *env, const struct cpu_reg *r, const char *name, u64 *v, u64 *in_memory,
                           struct err *e)
{
    u8 slot = isa_now(env->cpu)->slot(r);
    *in_memory = 0;
    if (env->frame && env->frame->level && slot != SLOT_NONE) {
        if (!(env->frame->known >> slot & 1))
            return err_set(e, "$%s is not known in this frame: the functions called from it did not keep it", name);
        *v = env->frame->reg[slot];
        if (env->frame->saved >> slot & 1)
            *in_memory = env->frame->saved_at[slot];
        return true;
    }
    return env->cpu->ops->reg_get(env->cpu, r, v) || err_set(e, "$%s cannot be read", name);
}

static bool run_register(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    struct symbols *s = env->syms;
    const struct frame_isa *isa = isa_now(env->cpu);
    const struct cpu_reg *r = register_named(env->cpu, n->name);
    unsigned size = env_word(env);
    struct type *code = type_pointer(s, type_builtin(s, TYPE_FUNCTION, 1, false, "code"), size);
    u8 slot = r ? isa->slot(r) : SLOT_NONE;
    if (!strcmp(n->name, "pc") || (r && slot != SLOT_NONE && slot == isa->pc)) {
        u64 base = strcmp(n->name, "pc") ? cpu_linear_pc(env->cpu) - env->cpu->ops->get_pc(env->cpu) : 0; /* $ip is an offset in CS */
        *out = value_typed(code, (env->frame ? env->frame->pc : cpu_linear_pc(env->cpu) & cpu_addr_mask(env->cpu)) - base);
        out->where = VALUE_REGISTER;
        out->reg = r ? r : cpu_reg_named(env->cpu, "pc");
        return true;
    }
    if (!r)
        return err_set(e, "this hart has no register %s", n->name);
    u64 v = 0, in_memory;
    if (!register_value(env, r, n->name, &v, &in_memory, e))
        return false;
    struct type *t;
    if (!strcmp(r->group, "float"))
        t = type_builtin(s, TYPE_FLOAT, r->bits >= 64 ? 8 : 4, true, r->bits >= 64 ? "double" : "float");
    else if (slot != SLOT_NONE && slot == isa->ra)
        t = code;
    else if (slot != SLOT_NONE && (isa->pointers >> slot & 1))
        t = type_pointer(s, type_builtin(s, TYPE_VOID, 0, false, "void"), size);
    else if (strcmp(r->group, "general"))
        t = type_builtin(s, TYPE_INT, r->bits > 32 ? 8 : 4, false, "csr");
    else
        t = type_builtin(s, TYPE_INT, r->bits / 8, true, r->bits == 64 ? "long" : "int");
    *out = value_typed(t, v);
    out->where = VALUE_REGISTER;
    out->reg = r;
    if (in_memory) {
        out->where = VALUE_MEMORY;
        out->addr = in_memory;
    }
    return true;
}

static struct convenience *find_named(struct convenience *v, const char *name)
{
    while (v && strcmp(v->name, name))
        v = v->next;
    return v;
}

struct convenience *convenience_set(struct convenience **vars, const char *name, const struct value *v)
{
    struct convenience *c = find_named(*vars, name);
    if (!c) {
        c = xcalloc(1, sizeof *c);
        snprintf(c->name, sizeof c->name, "%s", name);
        c->next = *vars;
        *vars = c;
    }
    c->value = *v;
    return c;
}

static struct convenience *find_var(const struct expr_env *env, const char *name)
{
    return env->vars ? find_named(*env->vars, name) : NULL;
}

/* $eax, $ax, $al, $ah, $r8d: parts of x86 registers, to be read (SDM 1, 3.4.1). */
static bool run_part(const struct expr_env *env, const char *name, struct value *out, struct err *e)
{
    static const char *const bases[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
    char whole[2][8] = { "", "" };
    unsigned size = 0, shift = 0, number;
    char letter;
    for (unsigned i = 0; i < ARRAY_LEN(bases) && !size; i++) {
        const char *b = bases[i];
        if (!strcmp(name, b))
            size = 2;
        else if (name[0] == 'e' && !strcmp(name + 1, b))
            size = 4;
        else if (i < 4 ? name[0] == b[0] && (name[1] == 'l' || name[1] == 'h') && !name[2]
                       : !strncmp(name, b, 2) && !strcmp(name + 2, "l"))
            size = 1;
        shift = size == 1 && name[1] == 'h' ? 8 : 0;
        snprintf(whole[0], sizeof whole[0], "r%s", b);
        snprintf(whole[1], sizeof whole[1], "e%s", b);
    }
    if (!size && sscanf(name, "r%2u%c", &number, &letter) == 2 && number >= 8 && number <= 15) {
        size = letter == 'd' ? 4 : letter == 'w' ? 2 : letter == 'b' ? 1 : 0;
        snprintf(whole[0], sizeof whole[0], "r%u", number);
    }
    for (unsigned i = 0; size && i < 2; i++) {
        const struct cpu_reg *r = cpu_reg_named(env->cpu, whole[i]);
        u64 v, in_memory;
        if (!r)
            continue;
        if (!register_value(env, r, name, &v, &in_memory, e))
            return false;
        *out = value_int(env->syms, v >> shift & (((u64)1 << 8 * size) - 1), size, false);
        return true;
    }
    return false;
}

static bool run_convenience(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    struct convenience *v = find_var(env, n->name[0] ? n->name : "");
    if (!n->name[0] && env->vars && *env->vars) { /* $: the last value of the history */
        for (v = *env->vars; v; v = v->next)
            if (v->name[0] >= '0' && v->name[0] <= '9')
                break;
    }
    if (v) {
        *out = v->value;
        return true;
    }
    struct err part = { 0 };
    if (run_part(env, n->name, out, &part))
        return true;
    if (part.text[0])
        return err_set(e, "%s", part.text);
    const char *best = NULL;
    unsigned score = 0;
    for (const struct cpu_reg *r = env->cpu->ops->regs(env->cpu); r->name; r++)
        suggest(n->name, r->name, &best, &score);
    if (best)
        return err_set(e, "$%s is neither a register of %s nor a variable; the nearest register is $%s", n->name,
                       env->cpu->name, best);
    return err_set(e, "$%s is neither a register of %s nor a variable (`set $%s = 1` makes one)", n->name,
                   env->cpu->name, n->name);
}

static bool is_pointer(const struct expr_env *env, const struct value *v, struct type **to)
{
    struct type *t = type_strip(env->syms, v->type);
    if (t->kind != TYPE_POINTER && t->kind != TYPE_ARRAY)
        return false;
    *to = type_target(env->syms, t);
    return true;
}

static u64 step_of(const struct expr_env *env, struct type *to)
{
    u64 size = type_size(env->syms, to);
    return size ? size : 1; /* void *, functions: as gcc counts */
}

static struct value place(struct type *t, u64 addr)
{
    return (struct value){ .type = t, .where = VALUE_MEMORY, .addr = addr };
}

static bool run_deref(const struct expr_env *env, const struct value *v, u64 index, struct value *out, struct err *e)
{
    struct type *to;
    u64 addr;
    if (!is_pointer(env, v, &to)) {
        struct type *t = type_strip(env->syms, v->type);
        if (t->kind == TYPE_FUNCTION && !index) {
            *out = *v;
            return true;
        }
        if (t->kind != TYPE_INT || index)
            return err_set(e, "Attempt to take contents of a non-pointer value.");
        to = type_builtin(env->syms, TYPE_INT, env_word(env), true, "long"); /* *0x80000000, as gdb does */
    }
    if (type_strip(env->syms, v->type)->kind == TYPE_ARRAY && v->where != VALUE_MEMORY) {
        u64 size = type_size(env->syms, to);
        struct member m = { .type = to };
        if (__builtin_mul_overflow(index, size, &m.offset))
            m.offset = UINT64_MAX;
        *out = value_member(env, v, &m);
        return true;
    }
    if (!value_u64(env, v, &addr, e))
        return false;
    if (type_strip(env->syms, to)->kind == TYPE_VOID)
        return err_set(e, "Attempt to take contents of a void pointer: cast it first, as in *(long *)p.");
    *out = place(to, (addr + index * step_of(env, to)) & cpu_addr_mask(env->cpu));
    return true;
}

struct member_names {
    const char *typed, *best;
    unsigned score;
};

static bool consider(void *opaque, const struct member *m)
{
    struct member_names *q = opaque;
    if (m->name)
        suggest(q->typed, m->name, &q->best, &q->score);
    return true;
}

static bool run_member(const struct node *n, const struct expr_env *env, struct value *v, struct value *out,
                       struct err *e)
{
    struct type *to;
    struct value inner;
    if (is_pointer(env, v, &to)) { /* gdb lets `.` work through pointers as well */
        if (!run_deref(env, v, 0, &inner, e))
            return false;
        *v = inner;
    }
    struct type *t = type_strip(env->syms, v->type);
    if (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION)
        return err_set(e, "Attempt to extract a component of a value that is not a structure: .%s", n->name);
    struct member m;
    if (!type_member(env->syms, t, n->name, &m)) {
        struct member_names q = { .typed = n->name };
        type_members(env->syms, t, consider, &q);
        return err_set(e, "There is no member named %s.%s%s%s", n->name, q.best ? " The nearest is " : "",
                       q.best ? q.best : "", q.best ? "." : "");
    }
    *out = value_member(env, v, &m);
    return true;
}

static bool run_address(const struct expr_env *env, const struct value *v, struct value *out, struct err *e)
{
    if (v->unavailable)
        return err_set(e, "it has no address: %s", v->unavailable);
    if (v->where != VALUE_MEMORY || v->bit_size)
        return err_set(e, "Attempt to take address of %s.",
                       v->where == VALUE_REGISTER ? "value not located in memory (it is in a register)"
                       : v->bit_size              ? "a bit field"
                                                  : "value not located in memory");
    *out = value_typed(type_pointer(env->syms, v->type, env_word(env)), v->addr);
    return true;
}

static bool run_cast(const struct expr_env *env, const struct value *v, struct type *to, struct value *out,
                     struct err *e)
{
    struct type *t = type_strip(env->syms, to);
    u64 raw;
    if (t->kind == TYPE_STRUCT || t->kind == TYPE_UNION || t->kind == TYPE_ARRAY) {
        if (v->where != VALUE_MEMORY)
            return err_set(e, "only values in memory can be seen as a struct or array");
        *out = place(to, v->addr);
        return true;
    }
    if (t->kind == TYPE_FLOAT) {
        double d;
        if (!value_double(env, v, &d, e))
            return false;
        float f = (float)d;
        u32 w;
        memcpy(&raw, &d, 8);
        memcpy(&w, &f, 4);
        *out = value_typed(to, t->size == 4 ? w : raw);
        return true;
    }
    if (t->kind == TYPE_VOID || t->kind == TYPE_FUNCTION || t->kind == TYPE_UNKNOWN)
        return err_set(e, "Invalid cast.");
    if (!value_u64(env, v, &raw, e))
        return false;
    if (t->kind == TYPE_BOOL)
        raw = raw != 0;
    *out = value_typed(to, raw);
    return true;
}

/* C's usual arithmetic conversions for integers (C11 6.3.1.8), by size and sign. */
static struct type *common(const struct expr_env *env, const struct value *a, const struct value *b)
{
    struct symbols *s = env->syms;
    struct type *x = type_strip(s, a->type), *y = type_strip(s, b->type);
    u64 n = x->size > y->size ? x->size : y->size;
    bool x_signed = x->is_signed || x->size < 4, y_signed = y->is_signed || y->size < 4;
    n = n > 4 ? 8 : 4;
    bool is_signed = !((!x_signed && x->size >= n) || (!y_signed && y->size >= n));
    return type_builtin(s, TYPE_INT, (unsigned)n, is_signed,
                        n == 8 ? (is_signed ? "long" : "unsigned long") : (is_signed ? "int" : "unsigned int"));
}

static bool run_float(const struct node *n, const struct expr_env *env, enum node_kind op, const struct value *a,
                      const struct value *b, struct value *out, struct err *e)
{
    double x, y, r = 0;
    int truth = -1;
    if (!value_double(env, a, &x, e) || !value_double(env, b, &y, e))
        return false;
    switch (op) {
    case NODE_ADD: r = x + y; break;
    case NODE_SUB: r = x - y; break;
    case NODE_MUL: r = x * y; break;
    case NODE_DIV: r = x / y; break;
    case NODE_LT: truth = x < y; break;
    case NODE_LE: truth = x <= y; break;
    case NODE_GT: truth = x > y; break;
    case NODE_GE: truth = x >= y; break;
    case NODE_EQ: truth = x == y; break;
    case NODE_NE: truth = x != y; break;
    default: return err_set(e, "integers are needed for that operator");
    }
    u64 raw;
    memcpy(&raw, &r, 8);
    *out = truth >= 0 ? value_int(env->syms, (u64)truth, 4, true)
                      : value_typed(type_builtin(env->syms, TYPE_FLOAT, 8, true, "double"), raw);
    return true;
}

static bool compare(enum node_kind op, u64 x, u64 y, bool is_signed, bool *out)
{
    bool less = is_signed ? (i64)x < (i64)y : x < y;
    switch (op) {
    case NODE_LT: *out = less; return true;
    case NODE_GE: *out = !less; return true;
    case NODE_GT: *out = !less && x != y; return true;
    case NODE_LE: *out = less || x == y; return true;
    case NODE_EQ: *out = x == y; return true;
    case NODE_NE: *out = x != y; return true;
    default: return false;
    }
}

/* A function's name is its address (C11 6.3.2.1). */
static struct value decayed(const struct expr_env *env, const struct value *v)
{
    if (type_strip(env->syms, v->type)->kind != TYPE_FUNCTION || v->where != VALUE_MEMORY)
        return *v;
    return value_typed(type_pointer(env->syms, v->type, env_word(env)), v->addr);
}

static bool run_binary(const struct node *n, const struct expr_env *env, enum node_kind op, const struct value *left,
                       const struct value *right, struct value *out, struct err *e)
{
    struct symbols *s = env->syms;
    struct type *to_a = NULL, *to_b = NULL;
    struct value decayed_a = decayed(env, left), decayed_b = decayed(env, right);
    const struct value *a = &decayed_a, *b = &decayed_b;
    u64 x, y, r;
    bool truth;
    if (value_is_float(s, a) || value_is_float(s, b))
        return run_float(n, env, op, a, b, out, e);
    if (!value_u64(env, a, &x, e) || !value_u64(env, b, &y, e))
        return false;
    bool pa = is_pointer(env, a, &to_a), pb = is_pointer(env, b, &to_b);
    u64 mask = cpu_addr_mask(env->cpu);
    if (pa || pb) {
        if (compare(op, x & mask, y & mask, false, &truth)) {
            *out = value_int(s, truth, 4, true);
            return true;
        }
        if (op == NODE_SUB && pa && pb) {
            *out = value_int(s, (u64)((i64)(x - y) / (i64)step_of(env, to_a)), 8, true);
            return true;
        }
        if ((op == NODE_ADD && pa != pb) || (op == NODE_SUB && pa && !pb)) {
            u64 base = pa ? x : y, by = (pa ? y : x) * step_of(env, pa ? to_a : to_b);
            r = (op == NODE_ADD ? base + by : base - by) & mask;
            *out = value_typed(type_pointer(s, pa ? to_a : to_b, env_word(env)), r);
            return true;
        }
        struct value plain = value_int(s, x, 8, false), other = value_int(s, y, 8, false);
        return run_binary(n, env, op, &plain, &other, out, e); /* masks and shifts of addresses */
    }
    struct type *t = common(env, a, b);
    if (op == NODE_SHL || op == NODE_SHR) {
        struct value zero = value_int(s, 0, 4, true);
        t = common(env, a, &zero);
    }
    unsigned bits = 8 * (unsigned)t->size;
    u64 limit = size_mask((unsigned)t->size);
    if (!t->is_signed)
        x &= limit, y &= limit;
    if (compare(op, x, y, t->is_signed, &truth)) {
        *out = value_int(s, truth, 4, true);
        return true;
    }
    switch (op) {
    case NODE_ADD: r = x + y; break;
    case NODE_SUB: r = x - y; break;
    case NODE_MUL: r = x * y; break;
    case NODE_DIV:
    case NODE_MOD:
        if (!y)
            return err_set(e, "Division by zero");
        if (t->is_signed && y == UINT64_MAX)
            r = op == NODE_DIV ? 0 - x : 0;
        else if (t->is_signed)
            r = (u64)(op == NODE_DIV ? (i64)x / (i64)y : (i64)x % (i64)y);
        else
            r = op == NODE_DIV ? x / y : x % y;
        break;
    case NODE_AND: r = x & y; break;
    case NODE_OR: r = x | y; break;
    case NODE_XOR: r = x ^ y; break;
    case NODE_SHL: r = y < bits ? x << y : 0; break;
    case NODE_SHR: r = t->is_signed ? (u64)((i64)x >> (y < bits ? y : bits - 1)) : y < bits ? x >> y : 0; break;
    default: return err_set(e, "that operator does not work on numbers");
    }
    if (t->size == 4)
        r = t->is_signed ? (u64)sign_extend(r, 32) : r & UINT32_MAX;
    *out = value_typed(t, r);
    return true;
}

static bool run_truth(const struct node *n, const struct expr_env *env, bool *truth, struct err *e)
{
    struct value v;
    u64 raw;
    double d;
    if (!run(n, env, &v, e))
        return false;
    if (value_is_float(env->syms, &v)) {
        if (!value_double(env, &v, &d, e))
            return false;
        *truth = d != 0;
        return true;
    }
    if (!value_u64(env, &v, &raw, e))
        return false;
    *truth = raw != 0;
    return true;
}

static bool assign_convenience(const struct node *n, const struct expr_env *env, const struct value *v, struct err *e)
{
    if (!env->vars)
        return err_set(e, "variables cannot be set here");
    if (n->name[0] >= '0' && n->name[0] <= '9')
        return err_set(e, "$%s belongs to the value history", n->name);
    struct convenience *c = convenience_set(env->vars, n->name, v);
    if (c->value.where == VALUE_REGISTER)
        c->value.where = VALUE_BYTES;
    /* A number is kept as it is now, not as its place will be. */
    u64 raw;
    if (c->value.where == VALUE_MEMORY && value_is_scalar(env->syms, v) && !value_is_float(env->syms, v) &&
        value_u64(env, v, &raw, NULL))
        c->value = value_typed(v->type, raw);
    return true;
}

static bool run_assign(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    struct value right, left, sum;
    u64 raw;
    if (!run(n->b, env, &right, e))
        return false;
    if (n->a->kind == NODE_CONVENIENCE && n->op == NODE_ASSIGN) {
        *out = right;
        return assign_convenience(n->a, env, &right, e);
    }
    if (!run(n->a, env, &left, e))
        return false;
    if (n->op != NODE_ASSIGN) {
        if (!run_binary(n, env, n->op, &left, &right, &sum, e))
            return false;
        right = sum;
        if (n->a->kind == NODE_CONVENIENCE) {
            *out = right;
            return assign_convenience(n->a, env, &right, e);
        }
    }
    if (n->a->kind == NODE_REGISTER && !strcmp(n->a->name, "pc") && !(env->frame && env->frame->level)) {
        if (env->read_only)
            return err_set(e, "assignments are not allowed here");
        if (env->untouchable)
            return err_set(e, "cannot be assigned: %s", env->untouchable);
        if (!value_u64(env, &right, &raw, e))
            return false;
        machine_edit(env->machine);
        env->cpu->ops->set_pc(env->cpu, raw);
        *out = value_typed(left.type, raw);
        return true;
    }
    if (value_is_float(env->syms, &left)) {
        struct value cast;
        if (!run_cast(env, &right, left.type, &cast, e))
            return false;
        raw = load_le(cast.bytes, 8);
    } else if (!value_u64(env, &right, &raw, e)) {
        return false;
    }
    if (!value_store(env, &left, raw, e))
        return false;
    *out = left;
    store_le(out->bytes, 8, raw);
    if (out->where == VALUE_REGISTER)
        out->where = VALUE_BYTES;
    return true;
}

static bool run_symbol(const struct node *n, const struct expr_env *env, struct value *out)
{
    const struct symbol *y = n->symbol;
    struct symbols *s = env->syms;
    if (n->type) {
        *out = place(n->type, y->addr);
    } else if (y->kind == SYM_FUNC || y->kind == SYM_LABEL) {
        *out = place(type_builtin(s, TYPE_FUNCTION, 1, false, "code"), y->addr);
    } else if (y->size == 8 || y->size == 4) {
        *out = place(type_builtin(s, TYPE_INT, (unsigned)y->size, true, y->size == 8 ? "long" : "int"), y->addr);
    } else {
        struct type *byte = type_builtin(s, TYPE_CHAR, 1, false, "unsigned char");
        *out = place(y->size < 2 ? byte : type_array(s, byte, y->size), y->addr);
    }
    return true;
}

static bool run_call(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    const struct expr_functions *f = env->functions;
    u64 args[EXPR_MAX_ARGS];
    unsigned count = 0;
    for (const struct node *arg = n->a; arg; arg = arg->b) {
        struct value v;
        if (!run(arg->a, env, &v, e) || !value_u64(env, &v, &args[count++], e))
            return false;
    }
    if (!f || !f->known || !f->known(f->opaque, n->name))
        return err_set(e, "there is no function $%s any more", n->name);
    return f->call(f->opaque, n->name, env, args, count, out, e);
}

static bool run_at(const struct expr_env *env, const struct value *a, const struct value *b, struct value *out,
                   struct err *e)
{
    u64 count;
    if (!value_u64(env, b, &count, e))
        return false;
    if (a->where != VALUE_MEMORY || a->unavailable)
        return err_set(e, "Only values in memory can be extended with '@'.");
    if (!count || count > 1000000)
        return err_set(e, "Invalid number %lld of repetitions.", (long long)count);
    *out = place(type_array(env->syms, a->type, count), a->addr);
    return true;
}

static bool run(const struct node *n, const struct expr_env *env, struct value *out, struct err *e)
{
    struct value a, b;
    bool truth;
    u64 raw;
    switch (n->kind) {
    case NODE_NUMBER: *out = value_typed(n->type, n->number); return true;
    case NODE_FLOAT:
        memcpy(&raw, &n->real, 8);
        *out = value_typed(type_builtin(env->syms, TYPE_FLOAT, 8, true, "double"), raw);
        return true;
    case NODE_VARIABLE: return run_variable(n, env, out, e);
    case NODE_FUNCTION: *out = place(n->type, n->number); return true;
    case NODE_SYMBOL: return run_symbol(n, env, out);
    case NODE_REGISTER: return run_register(n, env, out, e);
    case NODE_CONVENIENCE: return run_convenience(n, env, out, e);
    case NODE_ASSIGN: return run_assign(n, env, out, e);
    case NODE_CALL: return run_call(n, env, out, e);
    case NODE_SIZEOF: {
        struct type *t = n->type;
        if (!t) {
            if (!run(n->a, env, &a, e))
                return false;
            t = a.type;
        }
        *out = value_int(env->syms, type_size(env->syms, t), env_word(env), false);
        return true;
    }
    case NODE_NOT:
        if (!run_truth(n->a, env, &truth, e))
            return false;
        *out = value_int(env->syms, !truth, 4, true);
        return true;
    case NODE_LOGAND:
    case NODE_LOGOR:
        if (!run_truth(n->a, env, &truth, e))
            return false;
        if (truth == (n->kind == NODE_LOGAND) && !run_truth(n->b, env, &truth, e))
            return false;
        *out = value_int(env->syms, truth, 4, true);
        return true;
    case NODE_COND:
        if (!run_truth(n->a, env, &truth, e))
            return false;
        return run(truth ? n->b : n->c, env, out, e);
    default: break;
    }
    if (!run(n->a, env, &a, e))
        return false;
    switch (n->kind) {
    case NODE_DEREF: return run_deref(env, &a, 0, out, e);
    case NODE_ADDRESS: return run_address(env, &a, out, e);
    case NODE_CAST: return run_cast(env, &a, n->type, out, e);
    case NODE_MEMBER:
    case NODE_ARROW: return run_member(n, env, &a, out, e);
    case NODE_NEG:
    case NODE_INVERT:
        b = value_int(env->syms, n->kind == NODE_NEG ? 0 : UINT64_MAX, 4, true);
        if (n->kind == NODE_NEG)
            return run_binary(n, env, NODE_SUB, &b, &a, out, e);
        return run_binary(n, env, NODE_XOR, &a, &b, out, e);
    default: break;
    }
    if (!run(n->b, env, &b, e))
        return false;
    switch (n->kind) {
    case NODE_COMMA: *out = b; return true;
    case NODE_INDEX: return value_u64(env, &b, &raw, e) && run_deref(env, &a, raw, out, e);
    case NODE_AT: return run_at(env, &a, &b, out, e);
    default: return run_binary(n, env, n->kind, &a, &b, out, e);
    }
}

bool expr_eval(const struct expr *x, const struct expr_env *env, struct value *out, struct err *e)
{
    return run(x->root, env, out, e);
}

bool expr_value(const struct expr_env *env, const char *text, struct value *out, struct err *e)
{
    struct expr *x = expr_compile(env, text, e);
    bool ok = x && expr_eval(x, env, out, e);
    expr_free(x);
    return ok;
}

bool expr_number(const struct expr_env *env, const char *text, u64 *out, struct err *e)
{
    struct value v;
    return expr_value(env, text, &v, e) && value_u64(env, &v, out, e);
}
