/* The seeded generator behind everything random in a machine (SplitMix64, Steele, Lea and Flood 2014).
 * Its whole state is one u64, kept in the state of the device that owns it. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/types.h"

static inline u64 rng_next(u64 *state)
{
    u64 z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#endif
