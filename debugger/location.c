/* The stack machine of DWARF expressions. DWARF 5, sections 2.5 and 2.6. */
#include "debugger/frame.h"

#include <dwarf.h>
#include <string.h>

#define STACK 64
#define MAX_STEPS 10000
#define MAX_NESTING 4 /* DW_OP_fbreg evaluates the frame base, which could say DW_OP_fbreg */

struct machine_state {
    u64 stack[STACK];
    unsigned n;
    bool bad;
};

static void push(struct machine_state *m, u64 v)
{
    if (m->n == STACK)
        m->bad = true;
    else
        m->stack[m->n++] = v;
}

static u64 pop(struct machine_state *m)
{
    if (!m->n) {
        m->bad = true;
        return 0;
    }
    return m->stack[--m->n];
}

/* By slot. */
static bool get_reg(const struct location_context *cx, u64 slot, u64 *v)
{
    if (!cx->frame || slot >= FRAME_REGS || !(cx->frame->known >> slot & 1))
        return false;
    *v = cx->frame->reg[slot];
    return true;
}

static bool eval(const struct location_context *cx, const Dwarf_Op *ops, size_t n, struct location *out,
                 const char **why, unsigned nesting);

static bool frame_base(const struct location_context *cx, u64 *base, const char **why, unsigned nesting)
{
    Dwarf_Die scopes[SCOPE_DEPTH];
    struct symfile *f;
    unsigned n = cx->frame ? symbols_scopes(cx->syms, cx->frame->lookup_pc, scopes, &f) : 0;
    for (unsigned i = 0; i < n; i++) {
        Dwarf_Attribute a;
        Dwarf_Op *ops;
        size_t n_ops;
        if (dwarf_tag(&scopes[i]) != DW_TAG_subprogram || !dwarf_attr_integrate(&scopes[i], DW_AT_frame_base, &a))
            continue;
        if (dwarf_getlocation_addr(&a, (cx->frame->lookup_pc & f->mask) - f->bias, &ops, &n_ops, 1) != 1)
            break;
        struct location_context inner = *cx;
        struct location l;
        inner.attr = &a;
        if (!eval(&inner, ops, n_ops, &l, why, nesting + 1))
            return false;
        if (l.kind == LOC_REGISTER)
            return get_reg(cx, l.reg, base);
        *base = l.addr;
        return l.kind == LOC_MEMORY || l.kind == LOC_VALUE;
    }
    *why = "the function has no frame base";
    return false;
}

/* Does the call come to the function that the frame is in? It may have gone on with a jump to another. */
static bool calls_here(const struct location_context *up, Dwarf_Die *site, const Dwarf_Die *function, const char **why,
                       unsigned nesting)
{
    Dwarf_Attribute a;
    Dwarf_Die to, here = *function;
    Dwarf_Op *ops;
    size_t n;
    struct location l;
    Dwarf_Addr low;
    const char *name = dwarf_diename(&here);
    if (dwarf_attr(site, DW_AT_call_origin, &a) || dwarf_attr(site, DW_AT_abstract_origin, &a)) {
        const char *called = dwarf_formref_die(&a, &to) ? dwarf_diename(&to) : NULL;
        return name && called && !strcmp(name, called);
    }
    struct location_context cx = *up;
    cx.attr = &a;
    return (dwarf_attr(site, DW_AT_call_target, &a) || dwarf_attr(site, DW_AT_GNU_call_site_target, &a)) &&
           !dwarf_getlocation(&a, &ops, &n) && eval(&cx, ops, n, &l, why, nesting + 1) && !dwarf_lowpc(&here, &low) &&
           (l.kind == LOC_REGISTER ? get_reg(&cx, l.reg, &l.addr) : true) && l.addr == ((low + cx.file->bias) & cx.file->mask);
}

/* What a call passed in a register, as the caller's debug information says (DWARF 5, 2.5.1.7 and 3.4). */
static bool site_value(const struct location_context *up, Dwarf_Die *site, unsigned slot, u64 *v, const char **why, unsigned nesting)
{
    Dwarf_Die child;
    Dwarf_Attribute a;
    Dwarf_Op *ops;
    size_t n;
    struct location l;
    const struct frame_isa *isa = isa_of_file(up->cpu, up->file);
    if (dwarf_child(site, &child))
        return false;
    do {
        int tag = dwarf_tag(&child);
        if ((tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter) || !dwarf_attr(&child, DW_AT_location, &a) ||
            dwarf_getlocation(&a, &ops, &n) || n != 1)
            continue;
        u64 reg = ops[0].atom == DW_OP_regx ? ops[0].number : (u64)ops[0].atom - DW_OP_reg0;
        if ((ops[0].atom != DW_OP_regx && reg > 31) || isa_slot_of_dwarf(isa, reg) != slot)
            continue;
        struct location_context cx = *up;
        cx.attr = &a;
        if ((!dwarf_attr(&child, DW_AT_call_value, &a) && !dwarf_attr(&child, DW_AT_GNU_call_site_value, &a)) ||
            dwarf_getlocation(&a, &ops, &n) || !eval(&cx, ops, n, &l, why, nesting + 1))
            return false;
        *v = l.addr;
        return l.kind == LOC_REGISTER ? get_reg(&cx, l.reg, v) : l.kind == LOC_MEMORY || l.kind == LOC_VALUE;
    } while (!dwarf_siblingof(&child, &child));
    return false;
}

/* The call that comes back to `pc`, among what is in a scope. */
static bool find_site(const struct symfile *f, Dwarf_Die *scope, u64 pc, Dwarf_Die *out)
{
    Dwarf_Die child;
    Dwarf_Attribute a;
    Dwarf_Addr back;
    if (dwarf_child(scope, &child))
        return false;
    do {
        int tag = dwarf_tag(&child);
        bool site = tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site;
        if (site && (dwarf_attr(&child, DW_AT_call_return_pc, &a) || dwarf_attr(&child, DW_AT_low_pc, &a)) &&
            !dwarf_formaddr(&a, &back) && ((back + f->bias) & f->mask) == pc) {
            *out = child;
            return true;
        }
    } while (!dwarf_siblingof(&child, &child));
    return false;
}

static bool entry_value(const struct location_context *cx, const Dwarf_Op *op, u64 *v, const char **why, unsigned nesting)
{
    Dwarf_Attribute a;
    Dwarf_Op *ops;
    size_t n;
    Dwarf_Die scopes[SCOPE_DEPTH], site;
    struct symfile *f;
    *why = "optimized out";
    if (!cx->frame || !cx->attr || nesting >= MAX_NESTING || dwarf_getlocation_attr(cx->attr, op, &a) || dwarf_getlocation(&a, &ops, &n) ||
        n != 1)
        return false;
    u64 reg = ops[0].atom == DW_OP_regx ? ops[0].number : (u64)ops[0].atom - DW_OP_reg0;
    u8 slot = isa_slot_of_dwarf(isa_of_file(cx->cpu, cx->file), reg);
    struct frame up = *cx->frame, from;
    const char *end;
    unsigned n_scopes = symbols_scopes(cx->syms, up.lookup_pc, scopes, &f), i = 0;
    while (i < n_scopes && dwarf_tag(&scopes[i]) != DW_TAG_subprogram)
        i++;
    if (slot == SLOT_NONE || i == n_scopes)
        return false;
    Dwarf_Die function = scopes[i];
    do { /* out of inlined calls, to who called */
        from = up;
        if (!frame_caller(cx->syms, cx->cpu, &from, &up, &end))
            return false;
    } while (up.inlined);
    if (up.kind != FRAME_CALL || from.kind != FRAME_CALL)
        return false;
    frame_complete(cx->syms, cx->cpu, &up);
    n_scopes = symbols_scopes(cx->syms, up.lookup_pc, scopes, &f);
    struct location_context there = { .syms = cx->syms, .file = f, .cpu = cx->cpu, .frame = &up };
    for (i = 0; i < n_scopes; i++)
        if (find_site(f, &scopes[i], up.pc, &site))
            return calls_here(&there, &site, &function, &end, nesting) && site_value(&there, &site, slot, v, &end, nesting);
    return false;
}

static bool binary(struct machine_state *m, u8 op)
{
    u64 b = pop(m), a = pop(m), r;
    switch (op) {
    case DW_OP_and: r = a & b; break;
    case DW_OP_or: r = a | b; break;
    case DW_OP_xor: r = a ^ b; break;
    case DW_OP_plus: r = a + b; break;
    case DW_OP_minus: r = a - b; break;
    case DW_OP_mul: r = a * b; break;
    case DW_OP_div:
        if (!b)
            return false;
        r = b == UINT64_MAX ? 0 - a : (u64)((i64)a / (i64)b);
        break;
    case DW_OP_mod:
        if (!b)
            return false;
        r = a % b;
        break;
    case DW_OP_shl: r = b < 64 ? a << b : 0; break;
    case DW_OP_shr: r = b < 64 ? a >> b : 0; break;
    case DW_OP_shra: r = (u64)((i64)a >> (b < 64 ? b : 63)); break;
    case DW_OP_eq: r = a == b; break;
    case DW_OP_ne: r = a != b; break;
    case DW_OP_lt: r = (i64)a < (i64)b; break;
    case DW_OP_le: r = (i64)a <= (i64)b; break;
    case DW_OP_gt: r = (i64)a > (i64)b; break;
    case DW_OP_ge: r = (i64)a >= (i64)b; break;
    default: return false;
    }
    push(m, r);
    return true;
}

/* Appends `size` bytes of what the stack top or a register says. */
static void add_piece(const struct location_context *cx, struct location *out, const struct location *part, u64 size)
{
    if (size > (u64)LOC_MAX_BYTES - out->n_bytes)
        size = (u64)LOC_MAX_BYTES - out->n_bytes;
    u8 *to = out->bytes + out->n_bytes;
    u64 v = part->addr, lost = 0;
    memset(to, 0, size);
    switch (part->kind) {
    case LOC_REGISTER:
        if (!get_reg(cx, part->reg, &v)) {
            lost = size;
            break;
        }
        /* fall through */
    case LOC_VALUE:
        for (u64 i = 0; i < size && i < 8; i++)
            to[i] = (u8)(v >> (8 * i));
        break;
    case LOC_MEMORY:
        lost = size - cpu_peek(cx->cpu, part->addr, to, size);
        break;
    default:
        lost = size;
    }
    for (u64 i = size - lost; i < size; i++)
        out->missing |= (u64)1 << (out->n_bytes + i);
    out->n_bytes = (u8)(out->n_bytes + size);
}

static bool eval(const struct location_context *cx, const Dwarf_Op *ops, size_t n, struct location *out,
                 const char **why, unsigned nesting)
{
    struct machine_state m = { .n = 0 };
    struct location part = { .kind = LOC_NONE };
    const struct frame_isa *isa = isa_of_file(cx->cpu, cx->file);
    bool pieces = false;
    u64 v;
    *out = (struct location){ .kind = LOC_NONE };
    *why = "optimized out";
    if (nesting > MAX_NESTING || !n)
        return false;
    unsigned steps = 0;
    for (size_t i = 0; i < n; i++) {
        const Dwarf_Op *op = &ops[i];
        u8 atom = op->atom;
        if (++steps > MAX_STEPS || m.bad) {
            *why = "its location expression does not end";
            return false;
        }
        if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
            push(&m, atom - DW_OP_lit0);
        } else if (atom >= DW_OP_reg0 && atom <= DW_OP_reg31) {
            part = (struct location){ .kind = LOC_REGISTER, .reg = isa_slot_of_dwarf(isa, (u64)(atom - DW_OP_reg0)) };
        } else if ((atom >= DW_OP_breg0 && atom <= DW_OP_breg31) || atom == DW_OP_bregx) {
            u64 r = atom == DW_OP_bregx ? op->number : (u64)(atom - DW_OP_breg0);
            if (!get_reg(cx, isa_slot_of_dwarf(isa, r), &v)) {
                *why = "it depends on a register that this frame has lost";
                return false;
            }
            push(&m, v + (atom == DW_OP_bregx ? op->number2 : op->number));
        } else {
            switch (atom) {
            case DW_OP_addr: push(&m, op->number + (cx->file ? cx->file->bias : 0)); break;
            case DW_OP_addrx: case DW_OP_GNU_addr_index: case DW_OP_constx: case DW_OP_GNU_const_index: {
                Dwarf_Attribute a;
                Dwarf_Addr addr;
                if (!cx->attr || dwarf_getlocation_attr(cx->attr, op, &a) || dwarf_formaddr(&a, &addr))
                    return false;
                bool is_addr = atom == DW_OP_addrx || atom == DW_OP_GNU_addr_index;
                push(&m, addr + (cx->file && is_addr ? cx->file->bias : 0));
                break;
            }
            case DW_OP_const1u: case DW_OP_const2u: case DW_OP_const4u: case DW_OP_const8u: case DW_OP_constu:
            case DW_OP_const1s: case DW_OP_const2s: case DW_OP_const4s: case DW_OP_const8s: case DW_OP_consts:
                push(&m, op->number); /* libdw has extended the signed ones */
                break;
            case DW_OP_regx: part = (struct location){ .kind = LOC_REGISTER, .reg = isa_slot_of_dwarf(isa, op->number) }; break;
            case DW_OP_fbreg:
                if (!frame_base(cx, &v, why, nesting))
                    return false;
                push(&m, v + op->number);
                break;
            case DW_OP_call_frame_cfa:
                if (!cx->frame || !cx->frame->has_cfa) {
                    *why = "the frame's address is not known (no call frame information)";
                    return false;
                }
                push(&m, cx->frame->cfa);
                break;
            case DW_OP_dup: v = pop(&m); push(&m, v); push(&m, v); break;
            case DW_OP_drop: pop(&m); break;
            case DW_OP_over: case DW_OP_pick:
                v = atom == DW_OP_over ? 1 : op->number;
                if (v >= m.n)
                    m.bad = true;
                else
                    push(&m, m.stack[m.n - 1 - v]);
                break;
            case DW_OP_swap: { u64 b = pop(&m), a = pop(&m); push(&m, b); push(&m, a); break; }
            case DW_OP_rot: { u64 c = pop(&m), b = pop(&m), a = pop(&m); push(&m, c); push(&m, a); push(&m, b); break; }
            case DW_OP_deref: case DW_OP_deref_size: {
                u8 raw[8];
                u64 size = atom == DW_OP_deref ? (cx->file ? cx->file->addr_size : 8) : op->number;
                v = pop(&m);
                if (size > 8 || cpu_peek(cx->cpu, v, raw, size) != size) {
                    *why = "it is behind a pointer that cannot be read";
                    return false;
                }
                push(&m, load_le(raw, (unsigned)size));
                break;
            }
            case DW_OP_abs: v = pop(&m); push(&m, (i64)v < 0 ? 0 - v : v); break;
            case DW_OP_neg: push(&m, 0 - pop(&m)); break;
            case DW_OP_not: push(&m, ~pop(&m)); break;
            case DW_OP_plus_uconst: push(&m, pop(&m) + op->number); break;
            case DW_OP_skip: case DW_OP_bra: {
                if (atom == DW_OP_bra && !pop(&m))
                    break;
                /* Jumps are relative to the byte behind the 2-byte operand; operations know their own offsets. */
                u64 target = op->offset + 3 + (u64)(i64)(i16)op->number;
                size_t j = 0;
                while (j < n && ops[j].offset != target)
                    j++;
                if (j == n && target <= ops[n - 1].offset)
                    return false;
                i = j - 1; /* may wrap to before the first: the loop adds one */
                break;
            }
            case DW_OP_nop: break;
            case DW_OP_stack_value: part = (struct location){ .kind = LOC_VALUE, .addr = pop(&m) }; break;
            case DW_OP_implicit_value: {
                Dwarf_Block block;
                if (!cx->attr || dwarf_getlocation_implicit_value(cx->attr, op, &block))
                    return false;
                out->kind = LOC_BYTES;
                out->n_bytes = (u8)(block.length < LOC_MAX_BYTES ? block.length : LOC_MAX_BYTES);
                memcpy(out->bytes, block.data, out->n_bytes);
                return true;
            }
            case DW_OP_piece: case DW_OP_bit_piece:
                if (atom == DW_OP_bit_piece && (op->number % 8 || op->number2)) {
                    *why = "it lies in pieces of bits";
                    return false;
                }
                if (part.kind == LOC_NONE && m.n)
                    part = (struct location){ .kind = LOC_MEMORY, .addr = pop(&m) };
                pieces = true;
                add_piece(cx, out, &part, atom == DW_OP_piece ? op->number : op->number / 8);
                part.kind = LOC_NONE;
                break;
            case DW_OP_entry_value: case DW_OP_GNU_entry_value:
                if (!entry_value(cx, op, &v, why, nesting))
                    return false;
                push(&m, v);
                break;
            default:
                if (!binary(&m, atom)) {
                    *why = "its location expression is not understood";
                    return false;
                }
            }
        }
    }
    if (m.bad) {
        *why = "its location expression is broken";
        return false;
    }
    if (pieces) {
        out->kind = LOC_BYTES;
        return true;
    }
    if (part.kind != LOC_NONE) {
        *out = part;
        return true;
    }
    if (!m.n)
        return false;
    out->kind = LOC_MEMORY;
    out->addr = pop(&m);
    return true;
}

bool location_eval(const struct location_context *cx, const Dwarf_Op *ops, size_t n, struct location *out,
                   const char **why)
{
    bool ok = eval(cx, ops, n, out, why, 0);
    if (ok && out->kind == LOC_MEMORY && cx->file)
        out->addr &= cx->file->mask;
    return ok;
}

bool location_of(struct symbols *s, struct symfile *f, struct cpu *c, const struct frame *frame, Dwarf_Die *die,
                 struct location *out, const char **why)
{
    Dwarf_Attribute a;
    *why = "optimized out";
    *out = (struct location){ .kind = LOC_NONE };
    if (dwarf_attr_integrate(die, DW_AT_const_value, &a)) {
        Dwarf_Sword sv;
        Dwarf_Block block;
        if (!dwarf_formsdata(&a, &sv)) {
            *out = (struct location){ .kind = LOC_VALUE, .addr = (u64)sv };
            return true;
        }
        if (dwarf_formblock(&a, &block))
            return false;
        out->kind = LOC_BYTES;
        out->n_bytes = (u8)(block.length < LOC_MAX_BYTES ? block.length : LOC_MAX_BYTES);
        memcpy(out->bytes, block.data, out->n_bytes);
        return true;
    }
    if (!dwarf_attr_integrate(die, DW_AT_location, &a))
        return false;
    Dwarf_Op *ops;
    size_t n;
    u64 pc = frame ? (frame->lookup_pc & f->mask) - f->bias : 0;
    if (dwarf_getlocation_addr(&a, pc, &ops, &n, 1) != 1)
        return false;
    struct location_context cx = { s, f, c, frame, &a };
    return location_eval(&cx, ops, n, out, why);
}
