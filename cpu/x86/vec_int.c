/* Integer elements: MMX, SSE2 and what came later (SDM 2, each instruction under its name). */
#include "cpu/x86/vec.h"

static inline int clamp(int v, int lo, int hi) { return v < lo ? lo : v > hi ? hi : v; }
#define SAT8(v) clamp(v, -128, 127)
#define SAT16(v) clamp(v, -32768, 32767)

/* Logic */
VEC_EACH(pand, q, a & b)
VEC_EACH(pandn, q, ~a & b)
VEC_EACH(por, q, a | b)
VEC_EACH(pxor, q, a ^ b)

/* Sums and differences */
VEC_EACH(paddb, b, a + b)
VEC_EACH(paddw, w, a + b)
VEC_EACH(paddd, d, a + b)
VEC_EACH(paddq, q, a + b)
VEC_EACH(psubb, b, a - b)
VEC_EACH(psubw, w, a - b)
VEC_EACH(psubd, d, a - b)
VEC_EACH(psubq, q, a - b)
VEC_EACH(paddsb, sb, SAT8(a + b))
VEC_EACH(paddsw, sw, SAT16(a + b))
VEC_EACH(psubsb, sb, SAT8(a - b))
VEC_EACH(psubsw, sw, SAT16(a - b))
VEC_EACH(paddusb, b, clamp(a + b, 0, 255))
VEC_EACH(paddusw, w, clamp(a + b, 0, 65535))
VEC_EACH(psubusb, b, clamp(a - b, 0, 255))
VEC_EACH(psubusw, w, clamp(a - b, 0, 65535))
VEC_EACH(pavgb, b, (a + b + 1) >> 1)
VEC_EACH(pavgw, w, (a + b + 1) >> 1)

/* Comparisons */
VEC_EACH(pcmpeqb, b, a == b ? -1 : 0)
VEC_EACH(pcmpeqw, w, a == b ? -1 : 0)
VEC_EACH(pcmpeqd, d, a == b ? -1 : 0)
VEC_EACH(pcmpgtb, sb, a > b ? -1 : 0)
VEC_EACH(pcmpgtw, sw, a > b ? -1 : 0)
VEC_EACH(pcmpgtd, sd, a > b ? -1 : 0)
VEC_EACH(pminub, b, a < b ? a : b)
VEC_EACH(pmaxub, b, a > b ? a : b)
VEC_EACH(pminsw, sw, a < b ? a : b)
VEC_EACH(pmaxsw, sw, a > b ? a : b)

/* Products */
VEC_EACH(pmullw, w, (u32)a * b)
VEC_EACH(pmulhw, sw, a * b >> 16)
VEC_EACH(pmulhuw, w, (u32)a * b >> 16)
VEC_EACH(pmuludq, q, (u64)(u32)a * (u32)b)

static void f_pmaddwd(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 4; k++)
        r->d[k] = (u32)(a->sw[2 * k] * b->sw[2 * k]) + (u32)(a->sw[2 * k + 1] * b->sw[2 * k + 1]);
}
VEC_OP(pmaddwd, f_pmaddwd)

static void f_psadbw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 8; k++) {
        unsigned sum = 0;
        for (unsigned j = 8 * k; j < 8 * k + 8; j++)
            sum += (unsigned)(a->b[j] > b->b[j] ? a->b[j] - b->b[j] : b->b[j] - a->b[j]);
        r->q[k] = sum;
    }
}
VEC_OP(psadbw, f_psadbw)

/* Shifts: the count is the low quadword of the second operand, or the immediate. */
#define SHIFT(name, field, bits, beyond, expr)                                                              \
    static void f_##name(vec *r, const vec *A, const vec *B, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        const u64 count = B->q[0];                                                                          \
        for (unsigned k = 0; k < n / (bits / 8); k++) {                                                     \
            const __typeof__(r->field[0]) a = A->field[k];                                                  \
            const unsigned by = count < bits ? (unsigned)count : bits - 1;                                  \
            r->field[k] = (__typeof__(r->field[0]))(count < bits || beyond ? (expr) : 0);                   \
        }                                                                                                   \
    }                                                                                                       \
    bool x86_op_##name(struct x86 *c, const struct x86_insn *i)                                             \
    {                                                                                                       \
        return vec_binary_of(c, i, f_##name, vec_is_mmx(i) ? VEC_ALL : 16);                                 \
    }                                                                                                       \
    bool x86_op_##name##_imm(struct x86 *c, const struct x86_insn *i) { return vec_shift(c, i, f_##name); }
SHIFT(psrlw, w, 16, false, a >> by)
SHIFT(psrld, d, 32, false, a >> by)
SHIFT(psrlq, q, 64, false, a >> by)
SHIFT(psraw, sw, 16, true, a >> by)
SHIFT(psrad, sd, 32, true, a >> by)
SHIFT(psllw, w, 16, false, (u32)a << by)
SHIFT(pslld, d, 32, false, a << by)
SHIFT(psllq, q, 64, false, a << by)

/* Bytes within lanes of 16 */
static void f_psrldq(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n; k++)
        r->b[k] = (k & 15) + imm < 16 ? a->b[k + imm] : 0;
}
static void f_pslldq(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n; k++)
        r->b[k] = (k & 15) >= imm ? a->b[k - imm] : 0;
}
bool x86_op_psrldq(struct x86 *c, const struct x86_insn *i) { return vec_shift(c, i, f_psrldq); }
bool x86_op_pslldq(struct x86 *c, const struct x86_insn *i) { return vec_shift(c, i, f_pslldq); }

/* --- SSSE3 --- */

VEC_EACH(psignb, sb, b < 0 ? -a : b ? a : 0)
VEC_EACH(psignw, sw, b < 0 ? -a : b ? a : 0)
VEC_EACH(psignd, d, (i32)b < 0 ? 0 - a : b ? a : 0)
VEC_EACH(pabsb, sb, b < 0 ? -b : b)
VEC_EACH(pabsw, sw, b < 0 ? -b : b)
VEC_EACH(pabsd, d, (i32)b < 0 ? 0 - b : b)
VEC_EACH(pmulhrsw, sw, ((a * b >> 14) + 1) >> 1)

static void f_pmaddubsw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned k = 0; k < n / 2; k++)
        r->sw[k] = (i16)SAT16(a->b[2 * k] * b->sb[2 * k] + a->b[2 * k + 1] * b->sb[2 * k + 1]);
}
VEC_OP(pmaddubsw, f_pmaddubsw)

/* Of each lane: x and y are neighbours in the first operand, then in the second. */
#define NEIGHBOURS(name, field, size, expr)                                                                 \
    static void f_##name(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)                      \
    {                                                                                                       \
        const unsigned per = (n < 16 ? n : 16) / size;                                                      \
        for (unsigned k = 0; k < n / size; k++) {                                                           \
            const unsigned j = k % per, from = k - j + 2 * j % per;                                         \
            const vec *s = j < per / 2 ? a : b;                                                             \
            const __typeof__(r->field[0]) x = s->field[from], y = s->field[from + 1];                       \
            r->field[k] = (__typeof__(r->field[0]))(expr);                                                  \
        }                                                                                                   \
    }                                                                                                       \
    VEC_OP(name, f_##name)
NEIGHBOURS(phaddw, w, 2, x + y)
NEIGHBOURS(phaddd, d, 4, x + y)
NEIGHBOURS(phaddsw, sw, 2, SAT16(x + y))
NEIGHBOURS(phsubw, w, 2, x - y)
NEIGHBOURS(phsubd, d, 4, x - y)
NEIGHBOURS(phsubsw, sw, 2, SAT16(x - y))

/* --- SSE4 --- */

VEC_EACH(pmuldq, sq, (i64)(i32)a * (i32)b)
VEC_EACH(pmulld, d, a * b)
VEC_EACH(pcmpeqq, q, a == b ? ~(u64)0 : 0)
VEC_EACH(pcmpgtq, sq, a > b ? -1 : 0)
VEC_EACH(pminsb, sb, a < b ? a : b)
VEC_EACH(pmaxsb, sb, a > b ? a : b)
VEC_EACH(pminsd, sd, a < b ? a : b)
VEC_EACH(pmaxsd, sd, a > b ? a : b)
VEC_EACH(pminuw, w, a < b ? a : b)
VEC_EACH(pmaxuw, w, a > b ? a : b)
VEC_EACH(pminud, d, a < b ? a : b)
VEC_EACH(pmaxud, d, a > b ? a : b)

bool x86_op_ptest(struct x86 *c, const struct x86_insn *i)
{
    const unsigned n = vec_width(i);
    const vec *a = &c->v[i->reg];
    u64 both = 0, beyond = 0;
    vec b;
    if (!vec_rm(c, i, n, &b))
        return false;
    for (unsigned k = 0; k < n / 8; k++) {
        both |= a->q[k] & b.q[k];
        beyond |= ~a->q[k] & b.q[k];
    }
    x86_set_arith(c, (both ? 0 : X86_ZF) | (beyond ? 0 : X86_CF));
    return true;
}

static void f_phminposuw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    unsigned at = 0;
    for (unsigned k = 1; k < 8; k++)
        if (b->w[k] < b->w[at])
            at = k;
    *r = (vec){ .w = { b->w[at], (u16)at } };
}
VEC_OP(phminposuw, f_phminposuw)

static void f_mpsadbw(vec *r, const vec *a, const vec *b, unsigned n, unsigned imm)
{
    for (unsigned lane = 0; lane < n; lane += 16, imm >>= 3)
        for (unsigned k = 0; k < 8; k++) {
            const u8 *x = a->b + lane + (imm & 4) + k, *y = b->b + lane + (imm & 3) * 4;
            unsigned sum = 0;
            for (unsigned j = 0; j < 4; j++)
                sum += (unsigned)(x[j] > y[j] ? x[j] - y[j] : y[j] - x[j]);
            r->w[lane / 2 + k] = (u16)sum;
        }
}
VEC_OP(mpsadbw, f_mpsadbw)

#define PACKED_INT
#define PACKED(name) VEC_FAST(name)
#include "cpu/x86/packed.def"
