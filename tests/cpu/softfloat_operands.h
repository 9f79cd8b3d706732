/* Operands that floating point finds hard, for the soft float tests. */
#ifndef TESTS_CPU_SOFTFLOAT_OPERANDS_H
#define TESTS_CPU_SOFTFLOAT_OPERANDS_H

#include "base/rng.h"
#include "base/types.h"

struct operand_format {
    const char *name;
    int exp_bits, frac_bits;
};

static const struct operand_format OPERAND_F16 = { "f16", 5, 10 };
static const struct operand_format OPERAND_F32 = { "f32", 8, 23 };
static const struct operand_format OPERAND_F64 = { "f64", 11, 52 };

/* Zero, the smallest and largest subnormal and normal, one, infinity, NaNs. */
static inline u64 operand_special(u64 *rng, struct operand_format f)
{
    const u64 ones = ((u64)1 << f.frac_bits) - 1, inf = (((u64)1 << f.exp_bits) - 1) << f.frac_bits;
    const u64 value[] = { 0, 1, ones, ones + 1, inf - 1, inf / 2 & ~ones, inf, inf | 1, inf | ones, 0, inf };
    u64 r = rng_next(rng);
    return value[(r >> 8) % ARRAY_LEN(value)] | (r & 1) << (f.exp_bits + f.frac_bits);
}

/* Exponents near the limits, near one and near `near` (another operand's); fractions of long runs of ones or
 * zeroes, of one or two bits, next to a power of two, short ones (whose sums and products tie), and random. */
static inline u64 operand(u64 *rng, struct operand_format f, u64 near)
{
    u64 choice = rng_next(rng), r = rng_next(rng);
    u64 ones = ((u64)1 << f.frac_bits) - 1;
    int max = (1 << f.exp_bits) - 1, bias = max / 2, exp, other = (int)(near >> f.frac_bits & (u64)max);
    switch (choice & 15) {
    case 0: exp = 0; break;
    case 1: exp = (int)(r % 4); break;
    case 2: exp = max - (int)(r % 4); break;
    case 3: exp = max; break;
    case 4: case 5: exp = bias + (int)(r % 9) - 4; break;
    case 6: case 7: exp = other + (int)(r % 5) - 2; break;
    case 8: exp = other + (int)(r % (2 * (unsigned)f.frac_bits + 8)) - f.frac_bits - 4; break;
    case 9: exp = 2 * bias - other + (int)(r % 5) - 2; break; /* the product is near one */
    case 10: exp = bias - other + (int)(r % 7) - 3; break;    /* the product is near the smallest normal */
    case 11: exp = bias + (int)(r % 80) - 10; break;          /* integers */
    default: exp = (int)(r % (unsigned)(max + 1)); break;
    }
    exp = exp < 0 ? 0 : exp > max ? max : exp;
    r = rng_next(rng);
    const unsigned places = (unsigned)f.frac_bits + 1;
    unsigned i = (unsigned)(r >> 32) % places, j = (unsigned)(r >> 48) % places;
    u64 frac;
    switch (choice >> 4 & 15) {
    case 0: frac = 0; break;
    case 1: frac = ones; break;
    case 2: frac = (u64)1 << i; break;
    case 3: frac = (u64)1 << i | (u64)1 << j; break;
    case 4: frac = ones >> i; break;
    case 5: frac = ones << i; break;
    case 6: frac = (ones >> i) ^ (ones >> j); break;
    case 7: frac = r % 4; break;
    case 8: frac = ones - r % 4; break;
    case 9: frac = near + r % 5 - 2; break;
    case 10: frac = rng_next(rng) << (f.frac_bits / 2); break; /* half the bits: products tie */
    case 11: frac = rng_next(rng) >> (64 - f.frac_bits) << i; break;
    default: frac = rng_next(rng); break;
    }
    if ((choice >> 9 & 15) == 0)
        return operand_special(rng, f);
    return (choice >> 8 & 1) << (f.exp_bits + f.frac_bits) | (u64)exp << f.frac_bits | (frac & ones);
}

/* Integers next to powers of two and to representable numbers. */
static inline u64 operand_int(u64 *rng)
{
    u64 choice = rng_next(rng), r = rng_next(rng), v;
    unsigned i = (unsigned)(r >> 32) % 64, j = (unsigned)(r >> 40) % 64;
    switch (choice & 7) {
    case 0: v = r % 16; break;
    case 1: v = ((u64)1 << i) + r % 5 - 2; break;
    case 2: v = ((u64)1 << i) + ((u64)1 << j); break;
    case 3: v = ((u64)1 << i) - ((u64)1 << j); break;
    case 4: v = ((u64)1 << i) + ((u64)1 << j) + r % 3 - 1; break;
    case 5: v = r >> i; break;
    default: v = rng_next(rng) >> i; break;
    }
    return choice & 8 ? -v : v;
}

#endif
