#include "debugger/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine/machine.h"

const struct cpu_reg *register_named(const struct cpu *c, const char *name)
{
    const struct frame_isa *isa = isa_now(c);
    /* Names that every ISA has, before those of parts: $sp of an x86 is all of it, as gdb has it. */
    u8 slot = !strcmp(name, "sp") ? isa->sp : !strcmp(name, "fp") ? isa->fp : !strcmp(name, "pc") ? isa->pc : isa->slot_named(name);
    const struct cpu_reg *r = slot != SLOT_NONE ? isa_reg(c, slot) : NULL;
    return r ? r : cpu_reg_named(c, name);
}

unsigned env_word(const struct expr_env *env)
{
    return isa_word(env->syms, env->cpu, env->frame ? env->frame->pc : cpu_linear_pc(env->cpu) & cpu_addr_mask(env->cpu));
}

struct value value_typed(struct type *t, u64 v)
{
    struct value out = { .type = t, .where = VALUE_BYTES };
    store_le(out.bytes, 8, v);
    return out;
}

struct value value_int(struct symbols *s, u64 v, unsigned size, bool is_signed)
{
    const char *name = size == 8 ? (is_signed ? "long" : "unsigned long") : (is_signed ? "int" : "unsigned int");
    return value_typed(type_builtin(s, TYPE_INT, size, is_signed, name), v);
}

bool value_is_float(struct symbols *s, const struct value *v)
{
    return type_strip(s, v->type)->kind == TYPE_FLOAT;
}

bool value_is_scalar(struct symbols *s, const struct value *v)
{
    switch (type_strip(s, v->type)->kind) {
    case TYPE_INT: case TYPE_BOOL: case TYPE_CHAR: case TYPE_FLOAT: case TYPE_ENUM: case TYPE_POINTER: return true;
    default: return false;
    }
}

bool value_read(const struct expr_env *env, const struct value *v, u64 from, void *out, u64 n, struct err *e)
{
    if (v->unavailable)
        return err_set(e, "value not available: %s", v->unavailable);
    if (v->where == VALUE_MEMORY) {
        u64 addr = (v->addr + from) & cpu_addr_mask(env->cpu);
        u64 got = cpu_peek(env->cpu, addr, out, n);
        if (got == n)
            return true;
        return err_set(e, "Cannot access memory at address 0x%llx (`walk 0x%llx` says why)",
                       (unsigned long long)(addr + got), (unsigned long long)(addr + got));
    }
    if (n > VALUE_MAX || from > VALUE_MAX - n)
        return err_set(e, "only %u bytes of the value are known", VALUE_MAX);
    u64 bits = (n == 64 ? UINT64_MAX : ((u64)1 << n) - 1) << from;
    if (v->missing & bits)
        return err_set(e, "value not available: part of it was optimized out");
    memcpy(out, v->bytes + from, n);
    return true;
}

bool value_u64(const struct expr_env *env, const struct value *v, u64 *out, struct err *e)
{
    struct type *t = type_strip(env->syms, v->type);
    u8 raw[16] = { 0 };
    u64 size = t->size;
    switch (t->kind) {
    case TYPE_ARRAY:
    case TYPE_FUNCTION:
        if (v->where != VALUE_MEMORY)
            return err_set(e, "the array is not in memory");
        *out = v->addr;
        return true;
    case TYPE_FLOAT: {
        double d;
        if (!value_double(env, v, &d, e))
            return false;
        if (!(d >= -9.3e18 && d <= 1.8e19))
            return err_set(e, "%g does not fit an integer", d);
        *out = d < 0 ? (u64)(i64)d : (u64)d;
        return true;
    }
    case TYPE_INT: case TYPE_BOOL: case TYPE_CHAR: case TYPE_ENUM: case TYPE_POINTER: break;
    default: return err_set(e, "a number is needed; this is %s", t->kind == TYPE_VOID ? "void" : "a whole struct");
    }
    if (v->bit_size) {
        u64 n = (v->bit_offset + v->bit_size + 7) / 8;
        if (!value_read(env, v, 0, raw, n, e))
            return false;
        u128 wide = (u128)load_le(raw + 8, 8) << 64 | load_le(raw, 8);
        *out = (u64)(wide >> v->bit_offset) & (~(u64)0 >> (64 - v->bit_size));
        if (t->is_signed)
            *out = (u64)sign_extend(*out, v->bit_size);
        return true;
    }
    if (size == 0 || size > 16)
        return err_set(e, "the size of its type is not known");
    if (size > 8)
        size = 8; /* __int128: the low half */
    if (!value_read(env, v, 0, raw, size, e))
        return false;
    *out = load_le(raw, (unsigned)size);
    if (t->is_signed && size < 8)
        *out = (u64)sign_extend(*out, 8 * (unsigned)size);
    return true;
}

double float_from_bits(u64 raw, unsigned size)
{
    float f;
    double d;
    u32 word = (u32)raw;
    if (size == 8) {
        memcpy(&d, &raw, 8);
        return d;
    }
    if (size == 2) { /* IEEE binary16, widened to binary32 */
        u32 sign = (word & 0x8000) << 16, exp = word >> 10 & 31, frac = word & 0x3ff;
        if (exp == 0) {
            d = frac / 16777216.0; /* 2^-24 */
            return sign ? -d : d;
        }
        word = sign | (exp == 31 ? 255 : exp + 112) << 23 | frac << 13;
    }
    memcpy(&f, &word, 4);
    return f;
}

bool value_double(const struct expr_env *env, const struct value *v, double *out, struct err *e)
{
    struct type *t = type_strip(env->syms, v->type);
    if (t->kind != TYPE_FLOAT) {
        u64 u;
        if (!value_u64(env, v, &u, e))
            return false;
        *out = t->is_signed ? (double)(i64)u : (double)u;
        return true;
    }
    u8 raw[8];
    if (t->size != 2 && t->size != 4 && t->size != 8)
        return err_set(e, "floating point of %llu bytes is not understood", (unsigned long long)t->size);
    if (!value_read(env, v, 0, raw, t->size, e))
        return false;
    *out = float_from_bits(load_le(raw, (unsigned)t->size), (unsigned)t->size);
    return true;
}

bool value_store(const struct expr_env *env, const struct value *v, u64 number, struct err *e)
{
    if (env->read_only)
        return err_set(e, "assignments are not allowed here");
    if (env->untouchable)
        return err_set(e, "cannot be assigned: %s", env->untouchable);
    struct type *t = type_strip(env->syms, v->type);
    u64 size = type_size(env->syms, t);
    if (v->unavailable)
        return err_set(e, "cannot be assigned: %s", v->unavailable);
    machine_edit(env->machine);
    if (v->where == VALUE_REGISTER) {
        if (v->reg && isa_now(env->cpu)->slot(v->reg) == isa_now(env->cpu)->pc) /* shown linear, held as an offset in CS */
            number -= cpu_linear_pc(env->cpu) - env->cpu->ops->get_pc(env->cpu);
        if (!v->reg || !env->cpu->ops->reg_set(env->cpu, v->reg, number))
            return err_set(e, "the register cannot be written%s%s", v->reg ? ": " : " in this frame",
                           v->reg ? v->reg->name : "");
        return true;
    }
    if (v->where != VALUE_MEMORY || !value_is_scalar(env->syms, v))
        return err_set(e, "the left side of an assignment must be a number in memory or a register");
    u8 raw[16] = { 0 };
    if (v->bit_size) {
        size = (v->bit_offset + v->bit_size + 7) / 8;
        if (!value_read(env, v, 0, raw, size, e))
            return false;
        u128 wide = (u128)load_le(raw + 8, 8) << 64 | load_le(raw, 8);
        u128 mask = (u128)(~(u64)0 >> (64 - v->bit_size)) << v->bit_offset;
        wide = (wide & ~mask) | (((u128)number << v->bit_offset) & mask);
        store_le(raw, 8, (u64)wide);
        store_le(raw + 8, 8, (u64)(wide >> 64));
    } else if (size > 8 || !size) {
        return err_set(e, "cannot assign a number to %llu bytes", (unsigned long long)size);
    } else {
        store_le(raw, (unsigned)size, number);
    }
    u64 addr = v->addr & cpu_addr_mask(env->cpu);
    if (cpu_poke(env->cpu, addr, raw, size) != size)
        return err_set(e, "Cannot write memory at address 0x%llx: it is not RAM, or not mapped",
                       (unsigned long long)addr);
    return true;
}

struct value value_member(const struct expr_env *env, const struct value *v, const struct member *m)
{
    struct value out = *v;
    out.type = m->type;
    out.bit_offset = m->bit_offset;
    out.bit_size = m->bit_size;
    if (v->where == VALUE_MEMORY) {
        out.addr = v->addr + m->offset;
        return out;
    }
    out.where = VALUE_BYTES;
    out.reg = NULL;
    if (m->offset >= VALUE_MAX) {
        out.unavailable = "only the first bytes of the value are known";
        return out;
    }
    memset(out.bytes, 0, VALUE_MAX);
    memcpy(out.bytes, v->bytes + m->offset, VALUE_MAX - m->offset);
    out.missing = v->missing >> m->offset;
    return out;
}

struct value value_element(const struct expr_env *env, const struct value *array, u64 i)
{
    struct type *of = type_target(env->syms, type_strip(env->syms, array->type));
    struct member m = { .type = of, .offset = i * type_size(env->syms, of) };
    return value_member(env, array, &m);
}

/* --- Printing ---------------------------------------------------------------------------------------------------- */

void pointer_print(const struct expr_env *env, u64 addr, struct buf *out)
{
    char text[256];
    symbols_format(env->syms, addr, text, sizeof text);
    buf_printf(out, "0x%llx", (unsigned long long)addr);
    if (text[0])
        buf_printf(out, " <%s>", text);
}

static void char_print(u8 c, char quote, struct buf *out)
{
    static const char names[] = "abtnvfr"; /* 7..13 */
    if (c >= 7 && c <= 13)
        buf_printf(out, "\\%c", names[c - 7]);
    else if (c == 27)
        buf_printf(out, "\\033");
    else if (c == (u8)quote || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c >= 32 && c < 127)
        buf_printf(out, "%c", c);
    else
        buf_printf(out, "\\%03o", c);
}

void number_print(const struct expr_env *env, u64 raw, unsigned size, char letter, struct buf *out)
{
    u64 v = raw & size_mask(size);
    i64 sv = sign_extend(raw, 8 * size);
    switch (letter) {
    case 'x': buf_printf(out, "0x%llx", (unsigned long long)v); break;
    case 'z': buf_printf(out, "0x%0*llx", (int)(2 * size), (unsigned long long)v); break;
    case 'u': buf_printf(out, "%llu", (unsigned long long)v); break;
    case 'o': buf_printf(out, v ? "0%llo" : "0", (unsigned long long)v); break;
    case 't': {
        unsigned top = 63;
        while (top && !(v >> top & 1))
            top--;
        for (unsigned i = top + 1; i-- > 0;)
            buf_printf(out, "%c", (int)('0' + (v >> i & 1)));
        break;
    }
    case 'a': pointer_print(env, v, out); break;
    case 'c':
        buf_printf(out, "%lld '", (long long)sign_extend(raw, 8));
        char_print((u8)raw, '\'', out);
        buf_printf(out, "'");
        break;
    case 'f':
        if (size == 4 || size == 8 || size == 2) {
            buf_printf(out, "%.*g", size == 8 ? 17 : 9, float_from_bits(raw, size));
            break;
        }
        /* fall through */
    default: buf_printf(out, "%lld", (long long)sv); break;
    }
}

struct printer {
    const struct expr_env *env;
    const struct value_format *f;
    struct buf *out;
    unsigned budget, depth;
    const struct value *whole;
    unsigned n;
};

static void print_any(struct printer *p, const struct value *v);

static bool print_member(void *opaque, const struct member *m)
{
    struct printer *p = opaque;
    buf_printf(p->out, p->n++ ? ", " : "");
    if (p->f->pretty)
        buf_printf(p->out, "\n%*s", 2 * (int)p->depth, "");
    if (!p->budget) {
        buf_printf(p->out, "...");
        return false;
    }
    if (m->name)
        buf_printf(p->out, "%s = ", m->name);
    struct value v = value_member(p->env, p->whole, m);
    print_any(p, &v);
    return true;
}

static void print_struct(struct printer *p, const struct value *v)
{
    const struct value *outer = p->whole;
    unsigned n = p->n;
    if (p->depth >= 16) {
        buf_printf(p->out, "{...}");
        return;
    }
    buf_printf(p->out, "{");
    p->whole = v;
    p->n = 0;
    p->depth++;
    type_members(p->env->syms, v->type, print_member, p);
    p->depth--;
    if (p->f->pretty && p->n)
        buf_printf(p->out, "\n%*s", 2 * (int)p->depth, "");
    buf_printf(p->out, "}");
    p->whole = outer;
    p->n = n;
}

/* Characters up to a NUL, with the repeats and length limits one expects of a debugger. */
static void print_text(struct printer *p, const u8 *s, size_t n, bool cut)
{
    buf_printf(p->out, "\"");
    for (size_t i = 0; i < n; i++)
        char_print(s[i], '"', p->out);
    buf_printf(p->out, "\"%s", cut ? "..." : "");
}

static void print_string_at(struct printer *p, u64 addr)
{
    u8 text[201];
    u64 n = cpu_peek(p->env->cpu, addr & cpu_addr_mask(p->env->cpu), text, 200), len = 0;
    while (len < n && text[len])
        len++;
    if (!n)
        buf_printf(p->out, "<error: Cannot access memory at address 0x%llx>", (unsigned long long)addr);
    else
        print_text(p, text, len, len == n);
}

static void print_array(struct printer *p, const struct value *v, struct type *t)
{
    struct type *of = type_target(p->env->syms, t), *core = type_strip(p->env->syms, of);
    u64 size = type_size(p->env->syms, of), count = t->count, i;
    unsigned max = p->f->max_elements ? p->f->max_elements : 200;
    if (core->kind == TYPE_CHAR && size == 1 && (!p->f->letter || p->f->letter == 's')) {
        u8 text[201];
        struct err e;
        u64 n = count < max ? count : max;
        n = n < 200 ? n : 200;
        if (v->where != VALUE_MEMORY && n > VALUE_MAX)
            n = VALUE_MAX;
        if (!value_read(p->env, v, 0, text, n, &e)) {
            buf_printf(p->out, "<error: %s>", e.text);
            return;
        }
        u64 len = n;
        while (len && !text[len - 1]) /* trailing NULs are padding */
            len--;
        print_text(p, text, len, n < count && len == n);
        return;
    }
    buf_printf(p->out, "{");
    for (i = 0; i < count && i < max && p->budget; i++) {
        buf_printf(p->out, i ? ", " : "");
        struct value one = value_element(p->env, v, i);
        size_t start = p->out->len;
        print_any(p, &one);
        /* Runs of equal elements are told once. */
        u64 same = 1;
        u8 a[VALUE_MAX], b[VALUE_MAX];
        if (size && size <= VALUE_MAX && value_read(p->env, &one, 0, a, size, NULL))
            while (i + same < count && same < 100000) {
                struct value next = value_element(p->env, v, i + same);
                if (!value_read(p->env, &next, 0, b, size, NULL) || memcmp(a, b, size))
                    break;
                same++;
            }
        if (same > 9) {
            buf_printf(p->out, " <repeats %llu times>", (unsigned long long)same);
            i += same - 1;
        }
        if (p->out->len - start > 1 << 20)
            break;
    }
    buf_printf(p->out, i < count ? "...}" : "}");
}

static void print_enum(struct printer *p, struct type *t, u64 raw)
{
    const char *name = type_enumerator(t, raw);
    if (name) {
        buf_printf(p->out, "%s", name);
        return;
    }
    /* Flags: the names of the bits, then what is left. */
    u64 left = raw;
    unsigned n = 0;
    for (unsigned bit = 0; bit < 64; bit++) {
        u64 one = (u64)1 << bit;
        if (!(raw & one) || !(name = type_enumerator(t, one)))
            continue;
        buf_printf(p->out, "%s%s", n++ ? " | " : "(", name);
        left &= ~one;
    }
    if (!n)
        buf_printf(p->out, "%lld", (long long)raw);
    else if (left)
        buf_printf(p->out, " | unknown: 0x%llx)", (unsigned long long)left);
    else
        buf_printf(p->out, ")");
}

static void print_scalar(struct printer *p, const struct value *v, struct type *t)
{
    struct err e;
    u64 raw;
    char letter = p->f->letter;
    if (t->kind == TYPE_FLOAT && (!letter || letter == 'f')) {
        double d;
        if (value_double(p->env, v, &d, &e))
            buf_printf(p->out, "%.*g", t->size == 8 ? 17 : 9, d);
        else
            buf_printf(p->out, "<error: %s>", e.text);
        return;
    }
    if (!value_u64(p->env, v, &raw, &e)) {
        buf_printf(p->out, "<error: %s>", e.text);
        return;
    }
    unsigned size = t->size && t->size <= 8 ? (unsigned)t->size : 8;
    if (t->kind == TYPE_FLOAT) { /* another letter shows the integer part's bits, as gdb does since 7.12 */
        value_read(p->env, v, 0, &raw, size, NULL);
        number_print(p->env, raw, size, letter, p->out);
        return;
    }
    if (letter && letter != 's' && letter != 'i') {
        number_print(p->env, raw, v->bit_size && letter != 'd' ? 8 : size, letter, p->out);
        return;
    }
    struct type *to;
    switch (t->kind) {
    case TYPE_BOOL: buf_printf(p->out, raw > 1 ? "%llu" : raw ? "true" : "false", (unsigned long long)raw); break;
    case TYPE_CHAR:
        buf_printf(p->out, t->is_signed ? "%lld '" : "%llu '", (long long)raw);
        char_print((u8)raw, '\'', p->out);
        buf_printf(p->out, "'");
        break;
    case TYPE_ENUM: print_enum(p, t, raw); break;
    case TYPE_POINTER:
        to = type_strip(p->env->syms, type_target(p->env->syms, t));
        if (to->kind == TYPE_CHAR && to->size == 1) {
            buf_printf(p->out, "0x%llx", (unsigned long long)raw);
            if (raw) {
                buf_printf(p->out, " ");
                print_string_at(p, raw);
            }
        } else if (to->kind == TYPE_FUNCTION) {
            buf_printf(p->out, "(");
            type_format(p->env->syms, v->type, NULL, p->out);
            buf_printf(p->out, ") ");
            pointer_print(p->env, raw, p->out);
        } else {
            pointer_print(p->env, raw, p->out);
        }
        break;
    default:
        if (t->name && !strcmp(t->name, "csr"))
            buf_printf(p->out, "0x%llx", (unsigned long long)raw);
        else
            buf_printf(p->out, t->is_signed ? "%lld" : "%llu", (long long)raw);
        break;
    }
}

static void print_any(struct printer *p, const struct value *v)
{
    struct type *t = type_strip(p->env->syms, v->type);
    if (v->unavailable) {
        buf_printf(p->out, "<%s>", v->unavailable);
        return;
    }
    if (!p->budget) {
        buf_printf(p->out, "...");
        return;
    }
    p->budget--;
    switch (t->kind) {
    case TYPE_STRUCT:
    case TYPE_UNION: print_struct(p, v); break;
    case TYPE_ARRAY: print_array(p, v, t); break;
    case TYPE_VOID: buf_printf(p->out, "void"); break;
    case TYPE_FUNCTION:
        buf_printf(p->out, "{");
        type_format(p->env->syms, t, NULL, p->out);
        buf_printf(p->out, "} ");
        pointer_print(p->env, v->addr, p->out);
        break;
    case TYPE_UNKNOWN: buf_printf(p->out, "<unknown type>"); break;
    default: print_scalar(p, v, t); break;
    }
}

void value_print(const struct expr_env *env, const struct value *v, const struct value_format *f, struct buf *out)
{
    static const struct value_format plain = { 0 };
    struct type *t = type_strip(env->syms, v->type);
    struct printer p = { .env = env, .f = f ? f : &plain, .out = out, .budget = 2000 };
    /* At the top a pointer says its type, as people know it. */
    if (t->kind == TYPE_POINTER && !p.f->letter && !v->unavailable && v->type->kind != TYPE_TYPEDEF) {
        struct type *to = type_strip(env->syms, type_target(env->syms, t));
        if (to->kind != TYPE_CHAR && to->kind != TYPE_FUNCTION) {
            buf_printf(out, "(");
            type_format(env->syms, v->type, NULL, out);
            buf_printf(out, ") ");
        }
    }
    if (p.f->letter == 's' && t->kind == TYPE_POINTER) {
        u64 addr;
        if (value_u64(env, v, &addr, NULL)) {
            print_string_at(&p, addr);
            return;
        }
    }
    print_any(&p, v);
}
