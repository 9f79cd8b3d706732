/* What the operations mean, in C: the reference for passes and emitters. */
#include <math.h>
#include <string.h>

#include "jit/ir.h"

static double d_of(u64 v) { double d; memcpy(&d, &v, 8); return d; }
static u64 of_d(double d) { u64 v; memcpy(&v, &d, 8); return v; }
static float s_of(u64 v) { u32 w = (u32)v; float f; memcpy(&f, &w, 4); return f; }
static u64 of_s(float f) { u32 w; memcpy(&w, &f, 4); return w; }

static u64 eval_fp(const struct ir_insn *i, u64 a, u64 b, u64 c)
{
    if (i->size == 4) {
        float x = s_of(a), y = s_of(b);
        switch (i->op) {
        case IR_FADD: return of_s(x + y);
        case IR_FSUB: return of_s(x - y);
        case IR_FMUL: return of_s(x * y);
        case IR_FDIV: return of_s(x / y);
        case IR_FSQRT: return of_s(sqrtf(x));
        case IR_FMA: return of_s(fmaf(x, y, s_of(c)));
        case IR_FLT: return x < y;
        case IR_FLE: return x <= y;
        case IR_FEQ: return x == y;
        case IR_FTOI: return x >= -0x1p63f && x < 0x1p63f ? (u64)(i64)x : (u64)1 << 63;
        case IR_ITOF: return of_s((float)(i64)a);
        case IR_FWIDEN: return of_d((double)x);
        case IR_FNARROW: return of_s((float)d_of(a));
        default: return 0;
        }
    }
    double x = d_of(a), y = d_of(b);
    switch (i->op) {
    case IR_FADD: return of_d(x + y);
    case IR_FSUB: return of_d(x - y);
    case IR_FMUL: return of_d(x * y);
    case IR_FDIV: return of_d(x / y);
    case IR_FSQRT: return of_d(sqrt(x));
    case IR_FMA: return of_d(fma(x, y, d_of(c)));
    case IR_FLT: return x < y;
    case IR_FLE: return x <= y;
    case IR_FEQ: return x == y;
    case IR_FTOI: return x >= -0x1p63 && x < 0x1p63 ? (u64)(i64)x : (u64)1 << 63;
    case IR_ITOF: return of_d((double)(i64)a);
    case IR_FWIDEN: return of_d((double)s_of(a));
    case IR_FNARROW: return of_s((float)x);
    default: return 0;
    }
}

static u64 divs(u64 a, u64 b)
{
    if (!b)
        return ~(u64)0;
    return (i64)b == -1 ? 0 - a : (u64)((i64)a / (i64)b);
}

static u64 rems(u64 a, u64 b)
{
    if (!b)
        return a;
    return (i64)b == -1 ? 0 : (u64)((i64)a % (i64)b);
}

static u64 flags(const struct ir_insn *i, u64 a, u64 b)
{
    const unsigned top = 8u * i->size - 1;
    u64 r = i->c == IR_SUM ? a + b : i->c == IR_DIFFERENCE ? a - b : a & b, carries = 0;
    if (i->c == IR_SUM)
        carries = (a & b) | ((a | b) & ~r);
    else if (i->c == IR_DIFFERENCE)
        carries = (~a & b) | ((~a | b) & r);
    u64 v = (r >> top & 1) << 15 | (u64)!(r << (63 - top)) << 14 | (carries >> 3 & 1) << 12 | 1 << 9;
    v |= (u64)!__builtin_parity((u8)r) << 10 | (carries >> top & 1) << 8;
    return v | ((carries >> top ^ carries >> (top - 1)) & 1);
}

u64 ir_eval_pure(const struct ir_insn *i, u64 a, u64 b, u64 c)
{
    switch (i->op) {
    case IR_CONST: return i->imm;
    case IR_ADD: return a + b;
    case IR_SUB: return a - b;
    case IR_AND: return a & b;
    case IR_OR: return a | b;
    case IR_XOR: return a ^ b;
    case IR_SHL: return a << (b & 63);
    case IR_SHR: return a >> (b & 63);
    case IR_SAR: return (u64)((i64)a >> (b & 63));
    case IR_ROR: return a >> (b & 63) | a << (-b & 63);
    case IR_ROR32: return (u32)a >> (b & 31) | (u32)((u32)a << (-b & 31));
    case IR_MUL: return a * b;
    case IR_MULHU: return (u64)((u128)a * b >> 64);
    case IR_MULHS: return (u64)(u128)((i128)(i64)a * (i64)b >> 64);
    case IR_MULHSU: return (u64)(u128)((i128)(i64)a * (i128)(u128)b >> 64);
    case IR_DIVS: return divs(a, b);
    case IR_DIVU: return b ? a / b : ~(u64)0;
    case IR_REMS: return rems(a, b);
    case IR_REMU: return b ? a % b : a;
    case IR_EQ: return a == b;
    case IR_NE: return a != b;
    case IR_LTS: return (i64)a < (i64)b;
    case IR_GES: return (i64)a >= (i64)b;
    case IR_LTU: return a < b;
    case IR_GEU: return a >= b;
    case IR_SX8: return (u64)(i64)(i8)a;
    case IR_SX16: return (u64)(i64)(i16)a;
    case IR_SX32: return (u64)(i64)(i32)a;
    case IR_ZX8: return (u8)a;
    case IR_ZX16: return (u16)a;
    case IR_ZX32: return (u32)a;
    case IR_CLZ: return a ? (u64)__builtin_clzll(a) : 64;
    case IR_CTZ: return a ? (u64)__builtin_ctzll(a) : 64;
    case IR_POPCNT: return (u64)__builtin_popcountll(a);
    case IR_BSWAP: return __builtin_bswap64(a);
    case IR_FLAGS: return flags(i, a, b);
    case IR_SELECT: return a ? b : c;
    case IR_CALL: return ((ir_call *)(uintptr_t)i->imm)(a, b);
    default: return eval_fp(i, a, b, c);
    }
}

static u64 extend(u64 v, unsigned size, bool sign)
{
    return sign ? (u64)sign_extend(v, 8 * size) : v;
}

static void do_puts(const struct ir *ir, struct ir_machine *m, const struct ir_exit *x, const u64 *v)
{
    for (u32 p = 0; p < x->n_puts; p++)
        store_le(m->state + ir->put[x->first_put + p].offset, 8, v[ir->put[x->first_put + p].value]);
}

void ir_eval(const struct ir *ir, struct ir_machine *m, struct ir_end *end)
{
    u64 v[IR_MAX];
    u32 mark = 0;
    *end = (struct ir_end){ .exit = IR_NONE };
    for (u32 k = 0; k < ir->n; k++) {
        const struct ir_insn *i = &ir->insn[k];
        unsigned args = ir_info[i->op].n_args;
        u64 a = args > 0 ? v[i->a] : 0, b = args < 2 ? 0 : i->b == IR_IMM ? i->imm : v[i->b];
        u64 c = args > 2 ? v[i->c] : 0;
        u16 exit = IR_NONE;
        u8 *host;
        v[k] = 0;
        switch (i->op) {
        case IR_NOP:
            break;
        case IR_BASE:
            v[k] = m->base;
            break;
        case IR_GET:
        case IR_PARAM:
            v[k] = load_le(m->state + i->imm, i->size);
            break;
        case IR_PUT:
            store_le(m->state + i->imm, 8, a);
            break;
        case IR_LOAD:
        case IR_STORE:
        case IR_LOCATE:
            host = m->locate(m->opaque, a + i->imm, i->size, i->op != IR_LOAD);
            if (!host)
                exit = i->exit;
            else if (i->op == IR_LOAD)
                v[k] = extend(load_le(host, i->size), i->size, i->sign);
            else if (i->op == IR_STORE)
                store_le(host, i->size, b);
            else
                v[k] = (u64)(uintptr_t)host;
            break;
        case IR_PHYS:
            if (m->locate(m->opaque, a, 1, i->sign))
                v[k] = m->phys(m->opaque, a);
            else
                exit = i->exit;
            break;
        case IR_WINDOW:
            host = m->locate(m->opaque, a + i->imm, i->size, i->c & IR_WRITES);
            if (!host)
                exit = i->exit;
            v[k] = (u64)(uintptr_t)host;
            break;
        case IR_PEEK:
            v[k] = extend(load_le((const void *)(uintptr_t)(a + i->imm), i->size), i->size, i->sign);
            break;
        case IR_POKE:
            store_le((void *)(uintptr_t)(a + i->imm), i->size, b);
            break;
        case IR_EXIT_IF:
        case IR_JUMP_IF:
            if (a)
                exit = i->exit;
            break;
        case IR_LEAVE:
            exit = i->exit;
            break;
        case IR_PASS:
            m->budget -= (i64)i->imm;
            if (m->budget < 0)
                exit = i->exit;
            break;
        case IR_HEAT:
            if (--*(i32 *)(uintptr_t)i->imm < 0)
                exit = i->exit;
            break;
        case IR_LEADS:
            if (!m->leads(m->opaque, a, i->imm))
                exit = i->exit;
            break;
        case IR_MARK:
            mark = k;
            break;
        case IR_LOOP:
            do_puts(ir, m, &ir->exit[i->exit], v);
            k = mark;
            continue;
        case IR_CHAIN:
        case IR_CHAIN_IF:
        case IR_JUMP:
            end->at = (ir_val)k;
            end->taken = i->op == IR_CHAIN_IF && a;
            end->target = i->op == IR_JUMP ? a : 0;
            return;
        default:
            v[k] = ir_eval_pure(i, a, b, c);
        }
        if (exit != IR_NONE) {
            const struct ir_exit *x = &ir->exit[exit];
            do_puts(ir, m, x, v);
            end->at = (ir_val)k;
            end->exit = exit;
            end->target = i->op == IR_JUMP_IF ? b : 0;
            return;
        }
    }
}
