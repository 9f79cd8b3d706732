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
