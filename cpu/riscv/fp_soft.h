/* The words of sem_fp.def in soft float. Included by exec_fp.c only. */
#undef RM
#undef FMA32_
#undef ADD32_
#undef SUB32_
#undef MUL32_
#undef DIV32_
#undef SQRT32_
#undef MIN32_
#undef MAX32_
#undef FEQ32_
#undef FLT32_
#undef FLE32_
#undef I32_FROM32_
#undef U32_FROM32_
#undef I64_FROM32_
#undef U64_FROM32_
#undef F32_FROM_I32_
#undef F32_FROM_U32_
#undef F32_FROM_I64_
#undef F32_FROM_U64_
#undef F32_FROM_F16_
#undef F32_FROM_F64_
#undef FMA64_
#undef ADD64_
#undef SUB64_
#undef MUL64_
#undef DIV64_
#undef SQRT64_
#undef MIN64_
#undef MAX64_
#undef FEQ64_
#undef FLT64_
#undef FLE64_
#undef I32_FROM64_
#undef U32_FROM64_
#undef I64_FROM64_
#undef U64_FROM64_
#undef F64_FROM_I32_
#undef F64_FROM_U32_
#undef F64_FROM_I64_
#undef F64_FROM_U64_
#undef F64_FROM_F16_
#undef F64_FROM_F32_
#undef FMA16_
#undef ADD16_
#undef SUB16_
#undef MUL16_
#undef DIV16_
#undef SQRT16_
#undef MIN16_
#undef MAX16_
#undef FEQ16_
#undef FLT16_
#undef FLE16_
#undef I32_FROM16_
#undef U32_FROM16_
#undef I64_FROM16_
#undef U64_FROM16_
#undef F16_FROM_I32_
#undef F16_FROM_U32_
#undef F16_FROM_I64_
#undef F16_FROM_U64_
#undef F16_FROM_F32_
#undef F16_FROM_F64_
#define RM(rm)                                          \
    unsigned rm = (unsigned)i->imm;                     \
    if (rm == 7)                                        \
        rm = h->frm;                                    \
    if (UNLIKELY(rm > SF_NEAREST_AWAY))                 \
    return rv_illegal(RV_PASS)
#define SOFT(r, rm_, expr)                                                                   \
    struct sf_env *const env = &h->engine->sf;                                               \
    *env = (struct sf_env){ .rounding = (u8)(rm_), .default_nan = true };                    \
    const V r = (V)(expr);                                                                   \
    raise_flags(h, env->flags)

#define FMA32_(r, a, b, c, rm) SOFT(r, rm, f32_fma(env, a, b, c))
#define ADD32_(r, a, b, rm) SOFT(r, rm, f32_add(env, a, b))
#define SUB32_(r, a, b, rm) SOFT(r, rm, f32_sub(env, a, b))
#define MUL32_(r, a, b, rm) SOFT(r, rm, f32_mul(env, a, b))
#define DIV32_(r, a, b, rm) SOFT(r, rm, f32_div(env, a, b))
#define SQRT32_(r, a, rm) SOFT(r, rm, f32_sqrt(env, a))
#define MIN32_(r, a, b) SOFT(r, 0, f32_min(env, a, b))
#define MAX32_(r, a, b) SOFT(r, 0, f32_max(env, a, b))
#define FEQ32_(r, a, b) SOFT(r, 0, f32_compare(env, a, b, false) == SF_EQUAL)
#define FLT32_(r, a, b) SOFT(r, 0, f32_compare(env, a, b, true) == SF_LESS)
#define FLE32_(r, a, b) SOFT(r, 0, less_or_equal(f32_compare(env, a, b, true)))
#define I32_FROM32_(r, a, rm) SOFT(r, rm, f32_to_i32(env, a))
#define U32_FROM32_(r, a, rm) SOFT(r, rm, SX32(f32_to_u32(env, a)))
#define I64_FROM32_(r, a, rm) SOFT(r, rm, f32_to_i64(env, a))
#define U64_FROM32_(r, a, rm) SOFT(r, rm, f32_to_u64(env, a))
#define F32_FROM_I32_(r, a, rm) SOFT(r, rm, f32_from_i64(env, (i32)(u32)(a)))
#define F32_FROM_U32_(r, a, rm) SOFT(r, rm, f32_from_u64(env, (u32)(a)))
#define F32_FROM_I64_(r, a, rm) SOFT(r, rm, f32_from_i64(env, (i64)(a)))
#define F32_FROM_U64_(r, a, rm) SOFT(r, rm, f32_from_u64(env, a))
#define F32_FROM_F16_(r, a, rm) SOFT(r, rm, f16_to_f32(env, a))
#define F32_FROM_F64_(r, a, rm) SOFT(r, rm, f64_to_f32(env, a))

#define FMA64_(r, a, b, c, rm) SOFT(r, rm, f64_fma(env, a, b, c))
#define ADD64_(r, a, b, rm) SOFT(r, rm, f64_add(env, a, b))
#define SUB64_(r, a, b, rm) SOFT(r, rm, f64_sub(env, a, b))
#define MUL64_(r, a, b, rm) SOFT(r, rm, f64_mul(env, a, b))
#define DIV64_(r, a, b, rm) SOFT(r, rm, f64_div(env, a, b))
#define SQRT64_(r, a, rm) SOFT(r, rm, f64_sqrt(env, a))
#define MIN64_(r, a, b) SOFT(r, 0, f64_min(env, a, b))
#define MAX64_(r, a, b) SOFT(r, 0, f64_max(env, a, b))
#define FEQ64_(r, a, b) SOFT(r, 0, f64_compare(env, a, b, false) == SF_EQUAL)
#define FLT64_(r, a, b) SOFT(r, 0, f64_compare(env, a, b, true) == SF_LESS)
#define FLE64_(r, a, b) SOFT(r, 0, less_or_equal(f64_compare(env, a, b, true)))
#define I32_FROM64_(r, a, rm) SOFT(r, rm, f64_to_i32(env, a))
#define U32_FROM64_(r, a, rm) SOFT(r, rm, SX32(f64_to_u32(env, a)))
#define I64_FROM64_(r, a, rm) SOFT(r, rm, f64_to_i64(env, a))
#define U64_FROM64_(r, a, rm) SOFT(r, rm, f64_to_u64(env, a))
#define F64_FROM_I32_(r, a, rm) SOFT(r, rm, f64_from_i64(env, (i32)(u32)(a)))
#define F64_FROM_U32_(r, a, rm) SOFT(r, rm, f64_from_u64(env, (u32)(a)))
#define F64_FROM_I64_(r, a, rm) SOFT(r, rm, f64_from_i64(env, (i64)(a)))
#define F64_FROM_U64_(r, a, rm) SOFT(r, rm, f64_from_u64(env, a))
#define F64_FROM_F16_(r, a, rm) SOFT(r, rm, f16_to_f64(env, a))
#define F64_FROM_F32_(r, a, rm) SOFT(r, rm, f32_to_f64(env, a))

#define FMA16_(r, a, b, c, rm) SOFT(r, rm, f16_fma(env, a, b, c))
#define ADD16_(r, a, b, rm) SOFT(r, rm, f16_add(env, a, b))
#define SUB16_(r, a, b, rm) SOFT(r, rm, f16_sub(env, a, b))
#define MUL16_(r, a, b, rm) SOFT(r, rm, f16_mul(env, a, b))
#define DIV16_(r, a, b, rm) SOFT(r, rm, f16_div(env, a, b))
#define SQRT16_(r, a, rm) SOFT(r, rm, f16_sqrt(env, a))
#define MIN16_(r, a, b) SOFT(r, 0, f16_min(env, a, b))
#define MAX16_(r, a, b) SOFT(r, 0, f16_max(env, a, b))
#define FEQ16_(r, a, b) SOFT(r, 0, f16_compare(env, a, b, false) == SF_EQUAL)
#define FLT16_(r, a, b) SOFT(r, 0, f16_compare(env, a, b, true) == SF_LESS)
#define FLE16_(r, a, b) SOFT(r, 0, less_or_equal(f16_compare(env, a, b, true)))
#define I32_FROM16_(r, a, rm) SOFT(r, rm, f16_to_i32(env, a))
#define U32_FROM16_(r, a, rm) SOFT(r, rm, SX32(f16_to_u32(env, a)))
#define I64_FROM16_(r, a, rm) SOFT(r, rm, f16_to_i64(env, a))
#define U64_FROM16_(r, a, rm) SOFT(r, rm, f16_to_u64(env, a))
#define F16_FROM_I32_(r, a, rm) SOFT(r, rm, f16_from_i64(env, (i32)(u32)(a)))
#define F16_FROM_U32_(r, a, rm) SOFT(r, rm, f16_from_u64(env, (u32)(a)))
#define F16_FROM_I64_(r, a, rm) SOFT(r, rm, f16_from_i64(env, (i64)(a)))
#define F16_FROM_U64_(r, a, rm) SOFT(r, rm, f16_from_u64(env, a))
#define F16_FROM_F32_(r, a, rm) SOFT(r, rm, f32_to_f16(env, a))
#define F16_FROM_F64_(r, a, rm) SOFT(r, rm, f64_to_f16(env, a))
