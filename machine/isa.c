#include "machine/isa.h"

#include <string.h>

const struct isa *const machine_isas[] = { &isa_riscv, NULL };

const struct isa *isa_of_target(const char *target, unsigned *xlen)
{
    for (const struct isa *const *i = machine_isas; *i; i++)
        for (unsigned k = 0; k < 2; k++)
            if (!strcmp((*i)->target[k], target)) {
                *xlen = k ? 64 : 32;
                return *i;
            }
    return NULL;
}
