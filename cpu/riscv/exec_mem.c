/* Handlers of loads, stores and AMOs: the fast reading of the text behind one TLB compare, the slow one behind it. */
#include <string.h>

#include "cpu/riscv/engine.h"

#define F2 h->f[i->rs2]
#define WF(v) h->f[i->rd] = (v)
#define BOX32(v) ((v) | (u64)0xffffffff << 32)
#define BOX16(v) ((v) | (u64)0xffffffffffff << 16)

#define XLEN 64
#define SLOW 0
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#undef SLOW
#define SLOW 1
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#undef XLEN
#undef SLOW

#define XLEN 32
#define SLOW 0
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"
#undef SLOW
#define SLOW 1
#include "cpu/riscv/interp.h"
#include "cpu/riscv/sem_load.def"
#include "cpu/riscv/sem_mem.def"

/* LR and SC (14.2): the reservation is the physical address and ends with any SC or the quantum. */
static i64 lr(RV_ARGS, unsigned size)
{
    if (!rv_lr(RV_PASS, rv_addr(h, h->x[i->rs1]), size))
        return rv_fault(RV_PASS);
    const V v = h->engine->value;
    WR(size == 4 ? SX32(v) : v);
    return rv_finish(RV_PASS);
}

static i64 sc(RV_ARGS, unsigned size)
{
    if (!rv_sc(RV_PASS, rv_addr(h, h->x[i->rs1]), size, RS2))
        return rv_fault(RV_PASS);
    WR(h->engine->value);
    return rv_finish(RV_PASS);
}

i64 rv64_lr_w(RV_ARGS) { return lr(RV_PASS, 4); }
i64 rv64_lr_d(RV_ARGS) { return lr(RV_PASS, 8); }
i64 rv64_sc_w(RV_ARGS) { return sc(RV_PASS, 4); }
i64 rv64_sc_d(RV_ARGS) { return sc(RV_PASS, 8); }
i64 rv32_lr_w(RV_ARGS) { return lr(RV_PASS, 4); }
i64 rv32_lr_d(RV_ARGS) { return lr(RV_PASS, 8); }
i64 rv32_sc_w(RV_ARGS) { return sc(RV_PASS, 4); }
i64 rv32_sc_d(RV_ARGS) { return sc(RV_PASS, 8); }

/* Cache blocks (chapter 19): there is no cache; what remains is permission: each level's envcfg governs the levels
 * below it. */
static bool cbo_allowed(const struct hart *h, u64 bits)
{
    if (h->priv != PRIV_M && !(h->menvcfg & bits))
        return false;
    return !(h->priv == PRIV_U && riscv_has(h, RV_S) && !(h->senvcfg & bits));
}

static i64 cbo(RV_ARGS, unsigned bits)
{
    if (!cbo_allowed(h, bits))
        return rv_illegal(RV_PASS);
    if (!rv_cbo(RV_PASS, rv_addr(h, h->x[i->rs1]), bits == ENVCFG_CBZE))
        return rv_fault(RV_PASS);
    return rv_finish(RV_PASS);
}

i64 rv64_cbo_inval(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBIE); }
i64 rv64_cbo_clean(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBCFE); }
i64 rv64_cbo_zero(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBZE); }
i64 rv32_cbo_inval(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBIE); }
i64 rv32_cbo_clean(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBCFE); }
i64 rv32_cbo_zero(RV_ARGS) { return cbo(RV_PASS, ENVCFG_CBZE); }
