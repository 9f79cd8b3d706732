/* The words of sem_fp.def on the host's own floating point, for operands where that is exact: see exec_fp.c.
 * Included by exec_fp.c only. */
#define RM(rm)                          \
    unsigned rm = (unsigned)i->imm;     \
    if (rm == 7)                        \
        rm = h->frm
#define IN_MODE(rm, mode) FALLBACK((rm) == (mode) && (h->fflags & SF_INEXACT))
#define VALID(rm) FALLBACK((rm) <= SF_NEAREST_AWAY)
#define NEVER(r, ...)                              \
    FALLBACK(false);                               \
    const V r##_operands[] = { __VA_ARGS__ };      \
    const V r = r##_operands[0]

/* float */
#define ADD32_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_x = s_of(a), r##_y = s_of(b), \
                r##_z = r##_x + r##_y; /* exact when tiny; finite only when both are */ \
    FALLBACK(fabsf(r##_z) <= FLT_MAX); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_add32(r##_x, r##_y, r##_z)); \
    const V r = of_s(r##_z)
#define SUB32_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_x = s_of(a), r##_y = s_of(b), \
                r##_z = r##_x - r##_y; /* exact when tiny; finite only when both are */ \
    FALLBACK(fabsf(r##_z) <= FLT_MAX); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_add32(r##_x, -r##_y, r##_z)); \
    const V r = of_s(r##_z)
#define MUL32_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_x = s_of(a), r##_y = s_of(b), \
                r##_z = r##_x * r##_y; \
    FALLBACK(fabsf(r##_z) <= FLT_MAX && (fabsf(r##_z) > FLT_MIN || r##_x == 0 || r##_y == 0)); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul32(r##_x, r##_y, r##_z)); \
    const V r = of_s(r##_z)
#define DIV32_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_x = s_of(a), r##_y = s_of(b), \
                r##_z = r##_x / r##_y; \
    FALLBACK(fabsf(r##_z) <= FLT_MAX && (fabsf(r##_z) > FLT_MIN || r##_x == 0)); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul32(r##_z, r##_y, r##_x)); \
    const V r = of_s(r##_z)
#define SQRT32_(r, a, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x >= 0 && r##_x <= FLT_MAX); \
    const float r##_z = __builtin_sqrtf(r##_x); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul32(r##_z, r##_z, r##_x)); \
    const V r = of_s(r##_z)
#define FMA32_(r, a, b, c, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const float r##_z = fmaf(s_of(a), s_of(b), s_of(c)); /* rounds once, by the C standard */ \
    FALLBACK(fabsf(r##_z) <= FLT_MAX && fabsf(r##_z) > FLT_MIN); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_fma32(s_of(a), s_of(b), s_of(c), r##_z)); \
    const V r = of_s(r##_z)
#define MIN32_(r, a, b) \
    const float r##_x = s_of(a), r##_y = s_of(b); \
    FALLBACK(r##_x < r##_y || r##_y < r##_x); /* zeroes differ by sign */ \
    const V r = r##_x < r##_y ? (a) : (b)
#define MAX32_(r, a, b) \
    const float r##_x = s_of(a), r##_y = s_of(b); \
    FALLBACK(r##_x < r##_y || r##_y < r##_x); /* zeroes differ by sign */ \
    const V r = r##_x > r##_y ? (a) : (b)
#define FEQ32_(r, a, b) \
    const float r##_x = s_of(a), r##_y = s_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x == r##_y
#define FLT32_(r, a, b) \
    const float r##_x = s_of(a), r##_y = s_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x < r##_y
#define FLE32_(r, a, b) \
    const float r##_x = s_of(a), r##_y = s_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x <= r##_y
#define I32_FROM32_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x >= -2147483648.0f && r##_x < 2147483648.0f); \
    const V r = (V)(i64)(i32)r##_x
#define U32_FROM32_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x > -1.0f && r##_x < 4294967296.0f); \
    const V r = SX32((u32)r##_x)
#define I64_FROM32_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x >= -9223372036854775808.0f && r##_x < 9223372036854775808.0f); \
    const V r = (V)(i64)r##_x
#define U64_FROM32_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x > -1.0f && r##_x < 18446744073709551616.0f); \
    const V r = (V)r##_x
#define F32_FROM_I32_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_s((float)(i32)(u32)(a))
#define F32_FROM_U32_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_s((float)(u32)(a))
#define F32_FROM_I64_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_s((float)(i64)(a))
#define F32_FROM_U64_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_s((float)(u64)(a))

/* double */
#define ADD64_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_x = d_of(a), r##_y = d_of(b), \
                r##_z = r##_x + r##_y; /* exact when tiny; finite only when both are */ \
    FALLBACK(fabs(r##_z) <= DBL_MAX); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_add64(r##_x, r##_y, r##_z)); \
    const V r = of_d(r##_z)
#define SUB64_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_x = d_of(a), r##_y = d_of(b), \
                r##_z = r##_x - r##_y; /* exact when tiny; finite only when both are */ \
    FALLBACK(fabs(r##_z) <= DBL_MAX); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_add64(r##_x, -r##_y, r##_z)); \
    const V r = of_d(r##_z)
#define MUL64_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_x = d_of(a), r##_y = d_of(b), \
                r##_z = r##_x * r##_y; \
    FALLBACK(fabs(r##_z) <= DBL_MAX && (fabs(r##_z) > DBL_MIN || r##_x == 0 || r##_y == 0)); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul64(r##_x, r##_y, r##_z)); \
    const V r = of_d(r##_z)
#define DIV64_(r, a, b, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_x = d_of(a), r##_y = d_of(b), \
                r##_z = r##_x / r##_y; \
    FALLBACK(fabs(r##_z) <= DBL_MAX && (fabs(r##_z) > DBL_MIN || r##_x == 0)); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul64(r##_z, r##_y, r##_x)); \
    const V r = of_d(r##_z)
#define SQRT64_(r, a, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_x = d_of(a); \
    FALLBACK(r##_x >= 0 && r##_x <= DBL_MAX); \
    const double r##_z = __builtin_sqrt(r##_x); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_mul64(r##_z, r##_z, r##_x)); \
    const V r = of_d(r##_z)
#define FMA64_(r, a, b, c, rm) \
    FALLBACK((rm) == SF_NEAREST_EVEN); \
    const double r##_z = fma(d_of(a), d_of(b), d_of(c)); /* rounds once, by the C standard */ \
    FALLBACK(fabs(r##_z) <= DBL_MAX && fabs(r##_z) > DBL_MIN); \
    FALLBACK((h->fflags & SF_INEXACT) || exact_fma64(d_of(a), d_of(b), d_of(c), r##_z)); \
    const V r = of_d(r##_z)
#define MIN64_(r, a, b) \
    const double r##_x = d_of(a), r##_y = d_of(b); \
    FALLBACK(r##_x < r##_y || r##_y < r##_x); /* zeroes differ by sign */ \
    const V r = r##_x < r##_y ? (a) : (b)
#define MAX64_(r, a, b) \
    const double r##_x = d_of(a), r##_y = d_of(b); \
    FALLBACK(r##_x < r##_y || r##_y < r##_x); /* zeroes differ by sign */ \
    const V r = r##_x > r##_y ? (a) : (b)
#define FEQ64_(r, a, b) \
    const double r##_x = d_of(a), r##_y = d_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x == r##_y
#define FLT64_(r, a, b) \
    const double r##_x = d_of(a), r##_y = d_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x < r##_y
#define FLE64_(r, a, b) \
    const double r##_x = d_of(a), r##_y = d_of(b); \
    FALLBACK(!__builtin_isunordered(r##_x, r##_y)); \
    const V r = r##_x <= r##_y
#define I32_FROM64_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const double r##_x = d_of(a); \
    FALLBACK(r##_x > -2147483649.0 && r##_x < 2147483648.0); \
    const V r = (V)(i64)(i32)r##_x
#define U32_FROM64_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const double r##_x = d_of(a); \
    FALLBACK(r##_x > -1.0 && r##_x < 4294967296.0); \
    const V r = SX32((u32)r##_x)
#define I64_FROM64_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const double r##_x = d_of(a); \
    FALLBACK(r##_x >= -9223372036854775808.0 && r##_x < 9223372036854775808.0); \
    const V r = (V)(i64)r##_x
#define U64_FROM64_(r, a, rm) \
    IN_MODE(rm, SF_TO_ZERO); \
    const double r##_x = d_of(a); \
    FALLBACK(r##_x > -1.0 && r##_x < 18446744073709551616.0); \
    const V r = (V)r##_x
#define F64_FROM_I32_(r, a, rm) \
    VALID(rm); \
    const V r = of_d((double)(i32)(u32)(a))
#define F64_FROM_U32_(r, a, rm) \
    VALID(rm); \
    const V r = of_d((double)(u32)(a))
#define F64_FROM_I64_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_d((double)(i64)(a))
#define F64_FROM_U64_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const V r = of_d((double)(u64)(a))
#define F32_FROM_F64_(r, a, rm) \
    IN_MODE(rm, SF_NEAREST_EVEN); \
    const double r##_x = d_of(a); \
    const float r##_z = (float)r##_x; \
    FALLBACK(fabsf(r##_z) <= FLT_MAX && (fabsf(r##_z) > FLT_MIN || r##_x == 0)); \
    const V r = of_s(r##_z)
#define F64_FROM_F32_(r, a, rm) \
    VALID(rm); \
    const float r##_x = s_of(a); \
    FALLBACK(r##_x == r##_x); \
    const V r = of_d((double)r##_x)

/* Half precision is always soft. */
#define F32_FROM_F16_(r, a, rm) NEVER(r, a, rm)
#define F64_FROM_F16_(r, a, rm) NEVER(r, a, rm)
#define FMA16_(r, a, b, c, rm) NEVER(r, a, b, c, rm)
#define ADD16_(r, a, b, rm) NEVER(r, a, b, rm)
#define SUB16_(r, a, b, rm) NEVER(r, a, b, rm)
#define MUL16_(r, a, b, rm) NEVER(r, a, b, rm)
#define DIV16_(r, a, b, rm) NEVER(r, a, b, rm)
#define SQRT16_(r, a, rm) NEVER(r, a, rm)
#define MIN16_(r, a, b) NEVER(r, a, b)
#define MAX16_(r, a, b) NEVER(r, a, b)
#define FEQ16_(r, a, b) NEVER(r, a, b)
#define FLT16_(r, a, b) NEVER(r, a, b)
#define FLE16_(r, a, b) NEVER(r, a, b)
#define I32_FROM16_(r, a, rm) NEVER(r, a, rm)
#define U32_FROM16_(r, a, rm) NEVER(r, a, rm)
#define I64_FROM16_(r, a, rm) NEVER(r, a, rm)
#define U64_FROM16_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_I32_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_U32_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_I64_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_U64_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_F32_(r, a, rm) NEVER(r, a, rm)
#define F16_FROM_F64_(r, a, rm) NEVER(r, a, rm)
