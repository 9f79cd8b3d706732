/* SF_DEFINE(f64, SF_F64): the public functions of one format, each the core compiled for that format alone. */
#ifndef CPU_SOFTFLOAT_INSTANCE_H
#define CPU_SOFTFLOAT_INSTANCE_H

#include "cpu/softfloat/width64.h"

#include "cpu/softfloat/arith.h"
#include "cpu/softfloat/compare.h"
#include "cpu/softfloat/convert.h"

#define SF_DEFINE(NAME, FORMAT)                                                                                \
    u64 NAME##_add(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_add(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), false);                             \
    }                                                                                                          \
    u64 NAME##_sub(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_add(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), true);                              \
    }                                                                                                          \
    u64 NAME##_mul(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_mul(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT));                                    \
    }                                                                                                          \
    u64 NAME##_div(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_div(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT));                                    \
    }                                                                                                          \
    u64 NAME##_sqrt(struct sf_env *e, u64 a)                                                                   \
    {                                                                                                          \
        return sf_sqrt(FORMAT, e, a & sf_mask(FORMAT));                                                        \
    }                                                                                                          \
    u64 NAME##_fma(struct sf_env *e, u64 a, u64 b, u64 c)                                                      \
    {                                                                                                          \
        return sf_fma(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), c & sf_mask(FORMAT));               \
    }                                                                                                          \
    u64 NAME##_min(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_minmax(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), false);                          \
    }                                                                                                          \
    u64 NAME##_max(struct sf_env *e, u64 a, u64 b)                                                             \
    {                                                                                                          \
        return sf_minmax(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), true);                           \
    }                                                                                                          \
    enum sf_relation NAME##_compare(struct sf_env *e, u64 a, u64 b, bool signaling)                            \
    {                                                                                                          \
        return sf_compare(FORMAT, e, a & sf_mask(FORMAT), b & sf_mask(FORMAT), signaling);                     \
    }                                                                                                          \
    enum sf_class NAME##_classify(u64 a)                                                                       \
    {                                                                                                          \
        return sf_classify(FORMAT, a & sf_mask(FORMAT));                                                       \
    }                                                                                                          \
    u64 NAME##_round_to_int(struct sf_env *e, u64 a, bool raise_inexact)                                       \
    {                                                                                                          \
        return sf_round_to_int(FORMAT, e, a & sf_mask(FORMAT), raise_inexact);                                 \
    }                                                                                                          \
    i64 NAME##_to_i32(struct sf_env *e, u64 a)                                                                 \
    {                                                                                                          \
        return (i64)sf_to_int(FORMAT, e, a & sf_mask(FORMAT), 32, true);                                       \
    }                                                                                                          \
    u64 NAME##_to_u32(struct sf_env *e, u64 a)                                                                 \
    {                                                                                                          \
        return sf_to_int(FORMAT, e, a & sf_mask(FORMAT), 32, false);                                           \
    }                                                                                                          \
    i64 NAME##_to_i64(struct sf_env *e, u64 a)                                                                 \
    {                                                                                                          \
        return (i64)sf_to_int(FORMAT, e, a & sf_mask(FORMAT), 64, true);                                       \
    }                                                                                                          \
    u64 NAME##_to_u64(struct sf_env *e, u64 a)                                                                 \
    {                                                                                                          \
        return sf_to_int(FORMAT, e, a & sf_mask(FORMAT), 64, false);                                           \
    }                                                                                                          \
    u64 NAME##_from_i64(struct sf_env *e, i64 v)                                                               \
    {                                                                                                          \
        return sf_from_int(FORMAT, e, v < 0, v < 0 ? -(u64)v : (u64)v);                                        \
    }                                                                                                          \
    u64 NAME##_from_u64(struct sf_env *e, u64 v)                                                               \
    {                                                                                                          \
        return sf_from_int(FORMAT, e, false, v);                                                               \
    }

#define SF_DEFINE_CONVERT(FROM, FROM_FORMAT, TO, TO_FORMAT)                                                    \
    u64 FROM##_to_##TO(struct sf_env *e, u64 a)                                                                \
    {                                                                                                          \
        return sf_convert(FROM_FORMAT, TO_FORMAT, e, a & sf_mask(FROM_FORMAT));                                \
    }

#endif
