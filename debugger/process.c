#include "debugger/process.h"

#include <stdlib.h>

#include "debugger/debugger.h"

bool process_matches(struct debugger *d, struct cpu *c, const char *name_or_pid_or_root)
{
    char *end;
    u64 root = strtoull(name_or_pid_or_root, &end, 0), now;
    if (*end)
        return false;
    const struct cpu_reg *satp = cpu_reg_named(c, "satp"), *cr3 = cpu_reg_named(c, "cr3");
    if (satp && c->ops->reg_get(c, satp, &now)) /* Privileged, 12.1.11: PPN is its low 44 or 22 bits */
        return now == root || (now & (satp->bits == 32 ? 0x3fffff : ((u64)1 << 44) - 1)) << PAGE_SHIFT == root;
    return cr3 && c->ops->reg_get(c, cr3, &now) && (now & ~(u64)PAGE_MASK) == (root & ~(u64)PAGE_MASK);
}
