/* The operations that the RISC-V guest of softfloat_riscv.c executes and the test repeats with soft float: one table,
 * read by both. Operands are in ft0, ft1, ft2 (FMT: the fmv that puts them there) and, as an integer, in t0; results
 * are read from ft0 by the fmv of OUT, or from t0. Of t0 the low BITS count. */
#ifndef TESTS_CPU_SOFTFLOAT_RISCV_H
#define TESTS_CPU_SOFTFLOAT_RISCV_H

#include "tests/cpu/softfloat_operands.h"

/* X(name, FMT, OUT, BITS, instruction, our value from a, b, c and the integer n) */
#define RISCV_FORMAT_OPS(X, P, S, FMT, BITS)                                                                   \
    X(P##_add, FMT, FMT, BITS, "fadd." S " ft0, ft0, ft1", P##_add(e, a, b))                                   \
    X(P##_sub, FMT, FMT, BITS, "fsub." S " ft0, ft0, ft1", P##_sub(e, a, b))                                   \
    X(P##_mul, FMT, FMT, BITS, "fmul." S " ft0, ft0, ft1", P##_mul(e, a, b))                                   \
    X(P##_div, FMT, FMT, BITS, "fdiv." S " ft0, ft0, ft1", P##_div(e, a, b))                                   \
    X(P##_sqrt, FMT, FMT, BITS, "fsqrt." S " ft0, ft0", P##_sqrt(e, a))                                        \
    X(P##_fma, FMT, FMT, BITS, "fmadd." S " ft0, ft0, ft1, ft2", P##_fma(e, a, b, c))                          \
    X(P##_min, FMT, FMT, BITS, "fmin." S " ft0, ft0, ft1", P##_min(e, a, b))                                   \
    X(P##_max, FMT, FMT, BITS, "fmax." S " ft0, ft0, ft1", P##_max(e, a, b))                                   \
    X(P##_eq, FMT, "", 64, "feq." S " t0, ft0, ft1", P##_compare(e, a, b, false) == SF_EQUAL)                  \
    X(P##_lt, FMT, "", 64, "flt." S " t0, ft0, ft1", P##_compare(e, a, b, true) == SF_LESS)                    \
    X(P##_le, FMT, "", 64, "fle." S " t0, ft0, ft1", P##_compare(e, a, b, true) <= SF_EQUAL)                   \
    X(P##_class, FMT, "", 64, "fclass." S " t0, ft0", (u64)1 << P##_classify(a))                               \
    X(P##_to_i32, FMT, "", 64, "fcvt.w." S " t0, ft0", (u64)P##_to_i32(e, a))                                  \
    X(P##_to_u32, FMT, "", 32, "fcvt.wu." S " t0, ft0", P##_to_u32(e, a))                                      \
    X(P##_to_i64, FMT, "", 64, "fcvt.l." S " t0, ft0", (u64)P##_to_i64(e, a))                                  \
    X(P##_to_u64, FMT, "", 64, "fcvt.lu." S " t0, ft0", P##_to_u64(e, a))                                      \
    X(P##_from_i32, FMT, FMT, BITS, "fcvt." S ".w ft0, t0", P##_from_i64(e, (i32)n))                           \
    X(P##_from_u32, FMT, FMT, BITS, "fcvt." S ".wu ft0, t0", P##_from_u64(e, (u32)n))                          \
    X(P##_from_i64, FMT, FMT, BITS, "fcvt." S ".l ft0, t0", P##_from_i64(e, (i64)n))                           \
    X(P##_from_u64, FMT, FMT, BITS, "fcvt." S ".lu ft0, t0", P##_from_u64(e, n))

#define RISCV_F16_OPS(X)                                                                                       \
    RISCV_FORMAT_OPS(X, f16, "h", "h", 16)                                                                     \
    X(f16_to_f32, "h", "w", 32, "fcvt.s.h ft0, ft0", f16_to_f32(e, a))                                         \
    X(f16_to_f64, "h", "d", 64, "fcvt.d.h ft0, ft0", f16_to_f64(e, a))
#define RISCV_F32_OPS(X)                                                                                       \
    RISCV_FORMAT_OPS(X, f32, "s", "w", 32)                                                                     \
    X(f32_to_f16, "w", "h", 16, "fcvt.h.s ft0, ft0", f32_to_f16(e, a))                                         \
    X(f32_to_f64, "w", "d", 64, "fcvt.d.s ft0, ft0", f32_to_f64(e, a))
#define RISCV_F64_OPS(X)                                                                                       \
    RISCV_FORMAT_OPS(X, f64, "d", "d", 64)                                                                     \
    X(f64_to_f16, "d", "h", 16, "fcvt.h.d ft0, ft0", f64_to_f16(e, a))                                         \
    X(f64_to_f32, "d", "w", 32, "fcvt.s.d ft0, ft0", f64_to_f32(e, a))

#define RISCV_OPS_PER_FORMAT 22
#define RISCV_MODES 5

/* One round: three operands of each format and an integer, all from the seed. */
struct riscv_round {
    u64 f[3][3]; /* [f16, f32, f64][a, b, c] */
    u64 n;
};

static inline void riscv_round_make(u64 *rng, struct riscv_round *r)
{
    const struct operand_format format[3] = { OPERAND_F16, OPERAND_F32, OPERAND_F64 };
    bool special = rng_next(rng) % 16 == 0; /* all three: infinity times zero plus NaN, and the like */
    for (int i = 0; i < 3; i++) {
        if (special) {
            for (int j = 0; j < 3; j++)
                r->f[i][j] = operand_special(rng, format[i]);
            continue;
        }
        r->f[i][0] = operand(rng, format[i], 0);
        r->f[i][1] = operand(rng, format[i], r->f[i][0]);
        r->f[i][2] = operand(rng, format[i], r->f[i][1]);
    }
    if (!special && (rng_next(rng) & 1)) { /* an f64 in and around the range of the smaller formats, often with ties */
        u64 x = rng_next(rng), keep = ~(u64)0 << (x >> 16) % 52;
        u64 exp = 1023 - (x & 1 ? 30 : 160) + (x >> 8) % (x & 1 ? 60 : 320);
        r->f[2][0] = (r->f[2][0] & ~((u64)0x7ff << 52) & keep) | exp << 52;
        exp = 127 - 30 + (x >> 32) % 60;
        r->f[1][0] = (r->f[1][0] & ~((u64)0xff << 23) & (x & 2 ? ~(u64)0xfff : ~(u64)0)) | exp << 23;
    }
    r->n = operand_int(rng);
}

struct riscv_result {
    u64 value;
    u64 flags;
};

#endif
