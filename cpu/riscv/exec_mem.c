/* Handlers of loads, stores and AMOs: the fast reading of the text behind one TLB compare, the slow one behind it. */
#include <string.h>

#include "cpu/riscv/engine.h"

#define F2 h->f[i->rs2]
#define WF(v) h->f[i->rd] = (v)
#define BOX32(v) ((v) | (u64)0xffffffff << 32)
#define BOX16(v) ((v) | (u64)0xffffffffffff << 16)

/* Cache blocks (chapter 19): there is no cache; what remains is permission: each level's envcfg governs the levels
 * below it. */
static bool cbo_allowed(const struct hart *h, u64 bits)
{
    if (h->priv != PRIV_M && !(h->menvcfg & bits))
        return false;
    return !(h->priv == PRIV_U && riscv_has(h, RV_S) && !(h->senvcfg & bits));
}

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

static i64 cbo_manage(RV_ARGS, unsigned bits)
{
    if (!cbo_allowed(h, bits))
        return rv_illegal(RV_PASS);
    if (!rv_cbo(RV_PASS, rv_addr(h, h->x[i->rs1]), false))
        return rv_fault(RV_PASS);
    return rv_finish(RV_PASS);
}

i64 rv64_cbo_inval(RV_ARGS) { return cbo_manage(RV_PASS, ENVCFG_CBIE); }
i64 rv64_cbo_clean(RV_ARGS) { return cbo_manage(RV_PASS, ENVCFG_CBCFE); }
i64 rv32_cbo_inval(RV_ARGS) { return cbo_manage(RV_PASS, ENVCFG_CBIE); }
i64 rv32_cbo_clean(RV_ARGS) { return cbo_manage(RV_PASS, ENVCFG_CBCFE); }
