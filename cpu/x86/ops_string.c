/* String instructions (SDM 1, 7.3.9; SDM 2, their entries). An op does one iteration, and further ones of a REP at once when
 * x86_span() says that nobody can tell: each is a tick, and interrupts are taken between ticks only when the budget ends. */
#include <string.h>

#include "cpu/x86/alu.h"
#include "cpu/x86/engine.h"
#include "cpu/x86/ops.h"
#include "cpu/x86/regs.h"

struct string_op {
    unsigned size, asize, seg;
    u64 mask, step; /* of addresses; what one iteration adds */
    u64 count;      /* REP: iterations left, this one too; else 1 */
    bool rep;
};

/* False: a REP of 0, nothing to do; but ECX is written as ever. */
static bool start(struct x86 *c, const struct x86_insn *i, struct string_op *s)
{
    s->size = x86_osize(i);
    s->asize = x86_asize(i);
    s->seg = x86_segno(i);
    s->mask = size_mask(s->asize);
    s->step = c->rflags & X86_DF ? (u64)0 - s->size : s->size;
    s->rep = i->flags & (X86_I_REP | X86_I_REPNE);
    s->count = s->rep ? c->r[X86_CX] & s->mask : 1;
    if (!s->count)
        x86_set(c, X86_CX, s->asize, 0);
    return s->count;
}
static u64 si(const struct x86 *c, const struct string_op *s) { return c->r[X86_SI] & s->mask; }
static u64 di(const struct x86 *c, const struct string_op *s) { return c->r[X86_DI] & s->mask; }
static void step(struct x86 *c, const struct string_op *s, unsigned reg, u64 n)
{
    x86_set(c, reg, s->asize, c->r[reg] + n * s->step);
}
/* n iterations are done, of which the first was paid for; more: the condition of REPE and REPNE holds. False: not the last. */
static bool finish(struct x86 *c, struct string_op *s, u64 n, bool more)
{
    if (!s->rep)
        return true;
    c->engine->rep_room -= (i64)n - 1;
    s->count -= n;
    x86_set(c, X86_CX, s->asize, s->count);
    if (!s->count || !more)
        return true;
    c->next_rip = c->rip;
    return false;
}
/* How many iterations beyond the first may be done at once; then how many of them x86_span() allows at an offset. */
static u64 room(const struct x86 *c, const struct string_op *s)
{
    i64 most = c->engine->rep_room;
    if (!s->rep || s->count < 2 || most <= 0 || c->rflags & X86_DF)
        return 0;
    u64 n = s->count - 1 < (u64)most ? s->count - 1 : (u64)most;
    return n * s->size > PAGE_SIZE ? PAGE_SIZE / s->size : n;
}
static u64 span(struct x86 *c, const struct string_op *s, unsigned seg, u64 offset, u64 n, enum cpu_access access, u8 **host)
{
    if (!n || offset + n * s->size - 1 > s->mask || offset + n * s->size < offset)
        return 0;
    return x86_span(c, seg, offset, (unsigned)(n * s->size), access, host) / s->size;
}
static u64 least(u64 a, u64 b) { return a < b ? a : b; }

bool x86_op_movs(struct x86 *c, const struct x86_insn *i)
{
    struct string_op s;
    u64 v, done = 1;
    u8 *to, *from;
    if (!start(c, i, &s))
        return true;
    if (!x86_load(c, s.seg, si(c, &s), s.size, &v) || !x86_store(c, X86_ES, di(c, &s), s.size, v))
        return false;
    step(c, &s, X86_SI, 1);
    step(c, &s, X86_DI, 1);
    u64 n = room(c, &s);
    n = n ? span(c, &s, X86_ES, di(c, &s), n, CPU_WRITE, &to) : 0;
    n = n ? least(n, span(c, &s, s.seg, si(c, &s), n, CPU_READ, &from)) : 0;
    if (n) {
        if (to > from && to < from + n * s.size)
            for (u64 k = 0; k < n; k++) /* what was stored is loaded again */
                memmove(to + k * s.size, from + k * s.size, s.size);
        else
            memmove(to, from, n * s.size);
        step(c, &s, X86_SI, n);
        step(c, &s, X86_DI, n);
        done += n;
    }
    finish(c, &s, done, true);
    return true;
}

bool x86_op_stos(struct x86 *c, const struct x86_insn *i)
{
    struct string_op s;
    u64 done = 1;
    u8 *to;
    if (!start(c, i, &s))
        return true;
    const u64 v = c->r[X86_AX] & size_mask(s.size);
    if (!x86_store(c, X86_ES, di(c, &s), s.size, v))
        return false;
    step(c, &s, X86_DI, 1);
    u64 n = room(c, &s);
    n = n ? span(c, &s, X86_ES, di(c, &s), n, CPU_WRITE, &to) : 0;
    if (n) {
        if (v == (v & 0xff) * (size_mask(s.size) / 0xff))
            memset(to, (int)(v & 0xff), n * s.size);
        else
            for (u64 k = 0; k < n; k++)
                store_le(to + k * s.size, s.size, v);
        step(c, &s, X86_DI, n);
        done += n;
    }
    finish(c, &s, done, true);
    return true;
}

bool x86_op_lods(struct x86 *c, const struct x86_insn *i)
{
    struct string_op s;
    u64 v;
    if (!start(c, i, &s))
        return true;
    if (!x86_load(c, s.seg, si(c, &s), s.size, &v))
        return false;
    x86_set(c, X86_AX, s.size, v);
    step(c, &s, X86_SI, 1);
    finish(c, &s, 1, true);
    return true;
}

/* Until the last iteration the flags are what they were before the instruction, as a fault or a trap between two shows (SDM 2,
 * REP). */
static void compare(struct x86 *c, u64 a, u64 b, unsigned size)
{
    switch (size) {
    case 1: fl_cmp8(a, b, &c->arith); break;
    case 2: fl_cmp16(a, b, &c->arith); break;
    case 4: fl_cmp32(a, b, &c->arith); break;
    default: fl_cmp64(a, b, &c->arith); break;
    }
}
static bool again(const struct x86_insn *i, bool equal) { return i->flags & X86_I_REPNE ? !equal : equal; }

bool x86_op_cmps(struct x86 *c, const struct x86_insn *i)
{
    struct string_op s;
    u64 a, b, done = 1;
    u8 *pa, *pb;
    if (!start(c, i, &s))
        return true;
    if (!x86_load(c, X86_ES, di(c, &s), s.size, &b) || !x86_load(c, s.seg, si(c, &s), s.size, &a)) /* in this order */
        return false;
    step(c, &s, X86_SI, 1);
    step(c, &s, X86_DI, 1);
    u64 n = again(i, a == b) ? room(c, &s) : 0;
    n = n ? span(c, &s, s.seg, si(c, &s), n, CPU_READ, &pa) : 0;
    n = n ? least(n, span(c, &s, X86_ES, di(c, &s), n, CPU_READ, &pb)) : 0;
    if (n) {
        u64 k = 0;
        while (k < n && again(i, a == b)) {
            a = load_le(pa + k * s.size, s.size);
            b = load_le(pb + k * s.size, s.size);
            k++;
        }
        step(c, &s, X86_SI, k);
        step(c, &s, X86_DI, k);
        done += k;
    }
    if (finish(c, &s, done, again(i, a == b)))
        compare(c, a, b, s.size);
    return true;
}

bool x86_op_scas(struct x86 *c, const struct x86_insn *i)
{
    struct string_op s;
    u64 b, done = 1;
    u8 *pb;
    if (!start(c, i, &s))
        return true;
    const u64 a = c->r[X86_AX] & size_mask(s.size);
    if (!x86_load(c, X86_ES, di(c, &s), s.size, &b))
        return false;
    step(c, &s, X86_DI, 1);
    u64 n = again(i, a == b) ? room(c, &s) : 0;
    n = n ? span(c, &s, X86_ES, di(c, &s), n, CPU_READ, &pb) : 0;
    if (n) {
        u64 k = 0;
        while (k < n && again(i, a == b)) {
            b = load_le(pb + k * s.size, s.size);
            k++;
        }
        step(c, &s, X86_DI, k);
        done += k;
    }
    if (finish(c, &s, done, again(i, a == b)))
        compare(c, a, b, s.size);
    return true;
}
