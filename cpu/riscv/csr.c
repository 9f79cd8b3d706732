/* The CSR file: reads csr.def and gives the registers their meaning (Privileged, chapters 2, 3 and 10). */
#include <string.h>

#include "cpu/riscv/priv.h"
#include "cpu/riscv/riscv.h"

/* Who writes: an instruction (whose own retirement still has to be counted) or a person. */
enum writer { BY_POKE = 0, BY_INSN = 1 };

struct csr_row {
    const char *name; /* of a run: before the number */
    u16 number, count, first;
    bool (*exists)(const struct riscv_config *c, unsigned index);
    u32 offset; /* of a u64 in struct hart when there are no hooks */
    u64 mask;
    u64 (*get)(const struct hart *h, unsigned index);
    void (*set)(struct hart *h, unsigned index, u64 value, unsigned *effects, enum writer by);
    u64 (*rmw)(const struct hart *h);
    bool (*allow)(const struct hart *h, u32 csr);
    bool wide, high;
    u8 effects;
    const struct reg_field *fields;
    const char *section, *doc;
};

/* --- which models have it ------------------------------------------------------------------------------------ */

static bool has(const struct riscv_config *c, enum riscv_ext e) { return c->ext >> e & 1; }

static bool exists_always(const struct riscv_config *c, unsigned i) { return true; }
static bool exists_f(const struct riscv_config *c, unsigned i) { return has(c, RV_F); }
static bool exists_u(const struct riscv_config *c, unsigned i) { return has(c, RV_U); }
static bool exists_s(const struct riscv_config *c, unsigned i) { return has(c, RV_S); }
static bool exists_sstc(const struct riscv_config *c, unsigned i) { return has(c, RV_SSTC) && has(c, RV_S); }
static bool exists_smstateen(const struct riscv_config *c, unsigned i) { return has(c, RV_SMSTATEEN); }
static bool exists_smstateen_s(const struct riscv_config *c, unsigned i)
{
    return has(c, RV_SMSTATEEN) && has(c, RV_S);
}
static bool exists_zicntr(const struct riscv_config *c, unsigned i) { return has(c, RV_ZICNTR); }
static bool exists_zihpm(const struct riscv_config *c, unsigned i) { return has(c, RV_ZIHPM); }
static bool exists_pmpaddr(const struct riscv_config *c, unsigned i) { return i < c->pmp; }

/* On RV64 the odd-numbered ones do not exist (3.7.1). */
static bool exists_pmpcfg(const struct riscv_config *c, unsigned i)
{
    return 4 * i < c->pmp && (c->xlen == 32 || !(i & 1));
}

/* menvcfg came with version 1.12 of the architecture; a model with nothing for it to control is an older part. */
static bool exists_menvcfg(const struct riscv_config *c, unsigned i)
{
    const u64 controlled = RV_EXT(RV_ZICBOM) | RV_EXT(RV_ZICBOZ) | RV_EXT(RV_SSTC) | RV_EXT(RV_SVPBMT) |
                           RV_EXT(RV_SVADU) | RV_EXT(RV_SMSTATEEN);
    return has(c, RV_U) && (c->ext & controlled);
}

static bool exists_senvcfg(const struct riscv_config *c, unsigned i)
{
    return has(c, RV_S) && exists_menvcfg(c, i);
}

/* --- may the guest use it now ---------------------------------------------------------------------------------- */

static bool fp_on(const struct hart *h, u32 csr) { return h->mstatus & MSTATUS_FS; }

/* TVM (3.1.6.6). */
static bool satp_allowed(const struct hart *h, u32 csr)
{
    return h->priv != PRIV_S || !(h->mstatus & MSTATUS_TVM);
}

/* mcounteren, then scounteren (3.1.11, 10.1.5). The low five bits of the number are the counter's. */
static bool counter_enabled(const struct hart *h, u32 csr)
{
    u64 bit = BIT64(csr & 31);
    if (h->priv == PRIV_M)
        return true;
    if (!(h->mcounteren & bit))
        return false;
    return h->priv == PRIV_S || !riscv_has(h, RV_S) || (h->scounteren & bit);
}

/* Without mtime the register is left to firmware to emulate. */
static bool time_enabled(const struct hart *h, u32 csr)
{
    return h->timebase.read && counter_enabled(h, csr);
}

/* Sstc, chapter 2: STCE and mcounteren.TM both open it to S-mode. */
static bool sstc_on(const struct hart *h, u32 csr)
{
    return h->priv == PRIV_M || ((h->menvcfg & ENVCFG_STCE) && (h->mcounteren & COUNTER_TM));
}

static bool stateen(const struct hart *h, u64 bit)
{
    return h->priv == PRIV_M || !riscv_has(h, RV_SMSTATEEN) || (h->mstateen0 & bit);
}
static bool stateen_envcfg(const struct hart *h, u32 csr) { return stateen(h, STATEEN0_ENVCFG); }
static bool stateen_se0(const struct hart *h, u32 csr) { return stateen(h, STATEEN0_SE0); }
/* mstateen1 to 3 are all zeroes, which closes sstateen1 to 3 to S-mode. */
static bool stateen_never(const struct hart *h, u32 csr) { return h->priv == PRIV_M; }

/* --- values ------------------------------------------------------------------------------------------------------ */

static u64 get_zero(const struct hart *h, unsigned i) { return 0; }
static u64 get_one(const struct hart *h, unsigned i) { return 1; }
static u64 get_mhartid(const struct hart *h, unsigned i) { return h->cpu.index; }

static u64 get_misa(const struct hart *h, unsigned i)
{
    static const struct {
        char letter;
        u8 ext;
    } letters[] = { { 'A', RV_A }, { 'C', RV_C }, { 'D', RV_D }, { 'F', RV_F }, { 'I', RV_I },
                    { 'M', RV_M }, { 'S', RV_S }, { 'U', RV_U } };
    const u64 b = RV_EXT(RV_ZBA) | RV_EXT(RV_ZBB) | RV_EXT(RV_ZBS);
    u64 v = h->config.xlen == 32 ? BIT64(30) : BIT64(63);
    for (size_t k = 0; k < ARRAY_LEN(letters); k++)
        if (riscv_has(h, letters[k].ext))
            v |= BIT64(letters[k].letter - 'A');
    return (h->config.ext & b) == b ? v | BIT64(1) : v;
}

static void fp_written(struct hart *h, unsigned *effects, enum writer by)
{
    if (by != BY_INSN)
        return;
    if ((h->mstatus & MSTATUS_FS) != MSTATUS_FS)
        h->mstatus |= MSTATUS_FS;
    *effects |= EFFECT_FP;
}

static u64 get_fflags(const struct hart *h, unsigned i) { return h->fflags; }
static void set_fflags(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->fflags = v & 31;
    fp_written(h, effects, by);
}

static u64 get_frm(const struct hart *h, unsigned i) { return h->frm; }
static void set_frm(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->frm = v & 7; /* 5 to 7 can be held; instructions with dynamic rounding are then illegal (I 20.2) */
    fp_written(h, effects, by);
}

static u64 get_fcsr(const struct hart *h, unsigned i) { return (u64)h->frm << 5 | h->fflags; }
static void set_fcsr(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->fflags = v & 31;
    h->frm = v >> 5 & 7;
    fp_written(h, effects, by);
}

/* --- status --- */

static u64 get_mstatus(const struct hart *h, unsigned i)
{
    u64 v = h->mstatus;
    if ((v & MSTATUS_FS) == MSTATUS_FS)
        v |= BIT64(h->config.xlen - 1);
    return v;
}

/* Fields of modes and state this hart does not have are read-only zero (3.1.6). */
static u64 mstatus_writable(const struct hart *h)
{
    u64 mask = MSTATUS_MIE | MSTATUS_MPIE;
    if (riscv_has(h, RV_U))
        mask |= MSTATUS_MPRV | MSTATUS_TW;
    if (riscv_has(h, RV_S))
        mask |= MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TSR;
    if (riscv_has(h, RV_S) && h->config.sv_max)
        mask |= MSTATUS_SUM;
    if (riscv_has(h, RV_F))
        mask |= MSTATUS_FS;
    return mask;
}

static void store_mstatus(struct hart *h, u64 v, u64 mask, unsigned *effects)
{
    u64 changed = (h->mstatus ^ v) & mask;
    h->mstatus ^= changed;
    if (changed & (MSTATUS_SIE | MSTATUS_MIE))
        *effects |= EFFECT_IRQ;
    if (changed & (MSTATUS_MPRV | MSTATUS_MPP | MSTATUS_SUM | MSTATUS_MXR | MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR))
        *effects |= EFFECT_CONTEXT;
    if (changed & MSTATUS_FS)
        *effects |= EFFECT_FP;
}

static void set_mstatus(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    u64 mask = mstatus_writable(h);
    unsigned mpp = bits_get(v, MSTATUS_MPP_SHIFT, 2);
    if (mpp == PRIV_M || (mpp == PRIV_S && riscv_has(h, RV_S)) || (mpp == PRIV_U && riscv_has(h, RV_U)))
        mask |= MSTATUS_MPP;
    store_mstatus(h, v, mask, effects);
}

#define SSTATUS_WRITABLE (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR)

#define SSTATUS_READABLE (SSTATUS_WRITABLE | (u64)3 << 32) /* UXL */

static u64 get_sstatus(const struct hart *h, unsigned i)
{
    return get_mstatus(h, 0) & (SSTATUS_READABLE | BIT64(h->config.xlen - 1));
}
static void set_sstatus(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    store_mstatus(h, v, mstatus_writable(h) & SSTATUS_WRITABLE, effects);
}

/* --- interrupts --- */

static u64 get_mie(const struct hart *h, unsigned i) { return h->mie; }
static void set_mie(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->mie = v & (MIP_M | (riscv_has(h, RV_S) ? MIP_S : 0));
}

static u64 get_sie(const struct hart *h, unsigned i) { return h->mie & h->mideleg; }
static void set_sie(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->mie = (h->mie & ~h->mideleg) | (v & h->mideleg);
}

static u64 mip_writable(const struct hart *h)
{
    if (!riscv_has(h, RV_S))
        return 0;
    return h->menvcfg & ENVCFG_STCE ? MIP_SSIP | MIP_SEIP : MIP_S;
}

static u64 get_mip(const struct hart *h, unsigned i) { return riscv_mip(h); }
static u64 mip_written(const struct hart *h) { return h->mip_soft; }
static void set_mip(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    u64 mask = mip_writable(h);
    h->mip_soft = (h->mip_soft & ~mask) | (v & mask);
}

static u64 get_sip(const struct hart *h, unsigned i) { return riscv_mip(h) & h->mideleg; }
static u64 sip_written(const struct hart *h) { return h->mip_soft & h->mideleg; }
static void set_sip(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    u64 mask = MIP_SSIP & h->mideleg;
    h->mip_soft = (h->mip_soft & ~mask) | (v & mask);
}

/* --- trap vectors and return addresses --- */

/* MODE is 0 or 1; the reserved values lose their upper bit. */
static u64 legal_tvec(u64 v) { return v & ~(u64)2; }
static u64 get_mtvec(const struct hart *h, unsigned i) { return h->mtvec; }
static void set_mtvec(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->mtvec = legal_tvec(v);
}
static u64 get_stvec(const struct hart *h, unsigned i) { return h->stvec; }
static void set_stvec(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->stvec = legal_tvec(v);
}

/* IALIGN is 16 with C, else 32 (3.1.14). */
static u64 legal_epc(const struct hart *h, u64 v) { return v & ~(u64)(riscv_has(h, RV_C) ? 1 : 3); }
static u64 get_mepc(const struct hart *h, unsigned i) { return h->mepc; }
static void set_mepc(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->mepc = legal_epc(h, v);
}
static u64 get_sepc(const struct hart *h, unsigned i) { return h->sepc; }
static void set_sepc(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->sepc = legal_epc(h, v);
}

/* --- environment --- */

static u64 legal_envcfg(const struct hart *h, u64 old, u64 v)
{
    u64 mask = ENVCFG_FIOM;
    if (riscv_has(h, RV_ZICBOM)) {
        mask |= ENVCFG_CBCFE;
        if (bits_get(v, ENVCFG_CBIE_SHIFT, 2) != 2) /* reserved */
            mask |= ENVCFG_CBIE;
    }
    if (riscv_has(h, RV_ZICBOZ))
        mask |= ENVCFG_CBZE;
    return (old & ~mask) | (v & mask);
}

static u64 get_menvcfg(const struct hart *h, unsigned i) { return h->menvcfg; }
static void set_menvcfg(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    u64 mask = 0, old = h->menvcfg;
    if (riscv_has(h, RV_SVADU))
        mask |= ENVCFG_ADUE;
    if (riscv_has(h, RV_SVPBMT))
        mask |= ENVCFG_PBMTE;
    if (riscv_has(h, RV_SSTC))
        mask |= ENVCFG_STCE;
    v = (v & mask) | legal_envcfg(h, old & ~(ENVCFG_ADUE | ENVCFG_PBMTE | ENVCFG_STCE), v & ~mask);
    h->menvcfg = v;
    if ((old ^ v) & (ENVCFG_ADUE | ENVCFG_PBMTE))
        *effects |= EFFECT_FLUSH_TLB;
    if ((old ^ v) & ENVCFG_STCE) {
        *effects |= EFFECT_IRQ;
        riscv_sstc_arm(h);
    }
}

static u64 get_senvcfg(const struct hart *h, unsigned i) { return h->senvcfg; }
static void set_senvcfg(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->senvcfg = legal_envcfg(h, h->senvcfg, v);
}

/* --- translation and protection --- */

static u64 get_satp(const struct hart *h, unsigned i) { return h->satp; }
/* With a MODE this hart does not have, nothing of the write happens (10.1.11). */
static void set_satp(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    unsigned sv;
    if (h->config.xlen == 32) {
        sv = v >> 31 & 1 ? 32 : 0;
    } else {
        unsigned mode = (unsigned)(v >> 60);
        if (mode != SATP_BARE && (mode < SATP_SV39 || mode > SATP_SV57))
            return;
        sv = mode ? 39 + 9 * (mode - SATP_SV39) : 0;
    }
    if (sv > h->config.sv_max || !h->config.sv_max || h->satp == v)
        return;
    h->satp = v;
    *effects |= EFFECT_CONTEXT;
}

static unsigned pmpcfg_bytes(const struct hart *h) { return h->config.xlen / 8; }

static u64 get_pmpcfg(const struct hart *h, unsigned i)
{
    return load_le(h->pmpcfg + 4 * i, pmpcfg_bytes(h));
}
static void set_pmpcfg(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    for (unsigned k = 0; k < pmpcfg_bytes(h); k++) {
        u8 *cfg = &h->pmpcfg[4 * i + k], byte = (u8)(v >> (8 * k)) & (PMP_L | PMP_A | PMP_X | PMP_W | PMP_R);
        if (by == BY_INSN && (*cfg & PMP_L))
            continue;
        if (!(byte & PMP_R)) /* writable but not readable is reserved (3.7.1) */
            byte &= (u8)~PMP_W;
        if (*cfg != byte)
            *effects |= EFFECT_FLUSH_TLB;
        *cfg = byte;
    }
}

static u64 get_pmpaddr(const struct hart *h, unsigned i) { return h->pmpaddr[i]; }
static void set_pmpaddr(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    /* The next entry's TOR makes this one its bottom, and its lock covers it (3.7.1.1). */
    bool bottom = i + 1 < h->config.pmp && (h->pmpcfg[i + 1] & PMP_L) && (h->pmpcfg[i + 1] & PMP_A) == PMP_TOR;
    if (by == BY_INSN && ((h->pmpcfg[i] & PMP_L) || bottom))
        return;
    v &= h->config.xlen == 64 ? ~(u64)0 >> 10 : 0xffffffff;
    if (h->pmpaddr[i] != v)
        *effects |= EFFECT_FLUSH_TLB;
    h->pmpaddr[i] = v;
}

/* --- counters --- */

/* A value written is what the next instruction reads, so the writing instruction's own count is left out. */
static u64 counted(const struct hart *h, u64 bit, enum writer by)
{
    return (bit == COUNTER_CY ? h->cpu.clock->now : h->cpu.retired) + (by == BY_INSN);
}
static u64 get_counter(const struct hart *h, u64 base, u64 bit)
{
    return h->mcountinhibit & bit ? base : base + counted(h, bit, BY_POKE);
}
static u64 new_base(const struct hart *h, u64 value, u64 bit, enum writer by)
{
    return h->mcountinhibit & bit ? value : value - counted(h, bit, by);
}

static u64 get_mcycle(const struct hart *h, unsigned i) { return get_counter(h, h->mcycle_base, COUNTER_CY); }
static void set_mcycle(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->mcycle_base = new_base(h, v, COUNTER_CY, by);
}
static u64 get_minstret(const struct hart *h, unsigned i) { return get_counter(h, h->minstret_base, COUNTER_IR); }
static void set_minstret(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->minstret_base = new_base(h, v, COUNTER_IR, by);
}

static u64 get_mcountinhibit(const struct hart *h, unsigned i) { return h->mcountinhibit; }
static void set_mcountinhibit(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    v &= 0xffffffff & ~COUNTER_TM;
    u64 changed = h->mcountinhibit ^ v;
    if (changed & COUNTER_CY)
        h->mcycle_base += v & COUNTER_CY ? counted(h, COUNTER_CY, by) : -counted(h, COUNTER_CY, by);
    if (changed & COUNTER_IR)
        h->minstret_base += v & COUNTER_IR ? counted(h, COUNTER_IR, by) : -counted(h, COUNTER_IR, by);
    h->mcountinhibit = v;
}

static u64 get_time(const struct hart *h, unsigned i)
{
    return h->timebase.read ? h->timebase.read(h->timebase.opaque) : 0;
}

static u64 get_stimecmp(const struct hart *h, unsigned i) { return h->stimecmp; }
static void set_stimecmp(struct hart *h, unsigned i, u64 v, unsigned *effects, enum writer by)
{
    h->stimecmp = v;
    riscv_sstc_arm(h);
}

/* --- the table ------------------------------------------------------------------------------------------------ */

#define CSR(xlen, number, name, ...) CSRS(xlen, number, 1, 0, name, __VA_ARGS__)
#define FIELDS(id, ...) static const struct reg_field fields_##id[] = { __VA_ARGS__, { NULL, 0, 0, NULL } };
#define CSRS(xlen, number, count, first, name, ...)
#include "cpu/riscv/csr.def"
#undef FIELDS
#undef CSRS
#define FIELDS(id, ...)

enum {
    ROW_NONE,
#define CSRS(xlen, number, count, first, name, ...) ROW_##xlen##_##name,
#include "cpu/riscv/csr.def"
#undef CSRS
};

#define PLAIN(member) .offset = offsetof(struct hart, member), .mask = ~(u64)0
#define MASKED(member, mask_) .offset = offsetof(struct hart, member), .mask = (mask_)
#define HOOKS(id) .get = get_##id, .set = set_##id
#define SHOWS(id) .get = get_##id

static const struct csr_row rows[] = {
    [ROW_NONE] = { .name = NULL },
#define CSRS(xlen, number_, count_, first_, name_, where_, section_, doc_, ...)                                 \
    [ROW_##xlen##_##name_] = { .name = #name_, .number = (number_), .count = (count_), .first = (first_),       \
                               .exists = exists_##where_, .section = (section_), .doc = (doc_), __VA_ARGS__ },
#include "cpu/riscv/csr.def"
#undef CSRS
};

_Static_assert(ARRAY_LEN(rows) <= 256, "row_of holds u8");

/* From number to row; a number declared twice for one width does not compile (-Woverride-init). */
static const u8 row_of[2][4096] = {
    {
#define USE_ANY(...) __VA_ARGS__
#define USE_RV32(...) __VA_ARGS__
#define USE_RV64(...)
#define CSRS(xlen, number, count, first, name, ...) \
    USE_##xlen([(number) ... (number) + (count) - 1] = ROW_##xlen##_##name, )
#include "cpu/riscv/csr.def"
#undef USE_RV32
#undef USE_RV64
    },
    {
#define USE_RV32(...)
#define USE_RV64(...) __VA_ARGS__
#include "cpu/riscv/csr.def"
#undef CSRS
    },
};

static const struct csr_row *find(const struct hart *h, u32 csr, unsigned *index)
{
    if (csr >= 4096)
        return NULL;
    const struct csr_row *r = &rows[row_of[h->config.xlen == 64][csr]];
    if (!r->name)
        return NULL;
    *index = csr - r->number + r->first;
    return r->exists(&h->config, *index) ? r : NULL;
}

static u64 *member(const struct hart *h, const struct csr_row *r, unsigned index)
{
    u8 *base = (u8 *)(uintptr_t)h;
    return (u64 *)(void *)(base + r->offset) + (r->count > 1 ? index : 0);
}

static u64 whole(const struct hart *h, const struct csr_row *r, unsigned index)
{
    return r->get ? r->get(h, index) : *member(h, r, index);
}

static u64 get(const struct hart *h, const struct csr_row *r, unsigned index)
{
    u64 v = whole(h, r, index);
    return h->config.xlen == 64 ? v : (u64)sign_extend(r->high ? v >> 32 : v, 32);
}

static void set(struct hart *h, const struct csr_row *r, unsigned index, u64 v, unsigned *effects, enum writer by)
{
    if (h->config.xlen == 32) {
        if (r->high)
            v = bits_set(whole(h, r, index), 32, 32, v & 0xffffffff);
        else if (r->wide)
            v = bits_set(whole(h, r, index), 0, 32, v & 0xffffffff);
        else
            v = (u64)sign_extend(v, 32);
    }
    *effects |= r->effects;
    if (r->set)
        r->set(h, index, v, effects, by);
    else if (!r->get)
        *member(h, r, index) = v & r->mask;
}

bool riscv_csr_read(struct hart *h, u32 csr, bool will_write, u64 *value)
{
    unsigned index;
    const struct csr_row *r = find(h, csr, &index);
    *value = 0;
    if (!r || (csr >> 8 & 3) > h->priv || (will_write && csr >> 10 == 3) || (r->allow && !r->allow(h, csr)))
        return false;
    *value = get(h, r, index);
    return true;
}

bool riscv_csr_write(struct hart *h, u32 csr, u64 value, unsigned *effects)
{
    unsigned index;
    const struct csr_row *r = find(h, csr, &index);
    if (!r || csr >> 10 == 3)
        return false;
    if (r->rmw) /* a bit that only a wire shows and that comes back set was read, not meant: riscv_csr_rmw knows */
        value &= ~(get(h, r, index) & ~r->rmw(h));
    set(h, r, index, value, effects, BY_INSN);
    return true;
}

bool riscv_csr_rmw(struct hart *h, u32 csr, enum riscv_csr_op op, u64 operand, bool write, u64 *old, unsigned *effects)
{
    unsigned index;
    if (!riscv_csr_read(h, csr, write, old))
        return false;
    if (!write)
        return true;
    const struct csr_row *r = find(h, csr, &index);
    u64 base = r->rmw ? r->rmw(h) : *old;
    u64 v = op == CSR_OP_WRITE ? operand : op == CSR_OP_SET ? base | operand : base & ~operand;
    set(h, r, index, v, effects, BY_INSN);
    return true;
}

bool riscv_csr_peek(const struct hart *h, u32 csr, u64 *value)
{
    unsigned index;
    const struct csr_row *r = find(h, csr, &index);
    if (!r)
        return false;
    *value = get(h, r, index);
    if (h->config.xlen == 32)
        *value &= 0xffffffff;
    return true;
}

bool riscv_csr_poke(struct hart *h, u32 csr, u64 value)
{
    unsigned index, effects = 0;
    const struct csr_row *r = find(h, csr, &index);
    if (!r || csr >> 10 == 3 || (r->get && !r->set))
        return false;
    set(h, r, index, value, &effects, BY_POKE);
    return true;
}

bool riscv_csr_view(const struct hart *h, u32 csr, struct riscv_csr_view *v)
{
    unsigned index;
    const struct csr_row *r = find(h, csr, &index);
    if (!r || r->count > 1 || r->allow || r->rmw || r->effects || r->high || (r->wide && h->config.xlen == 32))
        return false;
    *v = (struct riscv_csr_view){ .offset = r->offset, .readable = ~(u64)0, .writable = r->mask };
    if (r->set == set_sstatus) {
        v->offset = offsetof(struct hart, mstatus);
        v->readable = SSTATUS_READABLE;
        v->writable = mstatus_writable(h) & SSTATUS_WRITABLE;
        v->effects = MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR; /* store_mstatus() */
        v->lets_in = MSTATUS_SIE;
        v->dirty = true;
        return true;
    }
    static const struct {
        void (*set)(struct hart *h, unsigned index, u64 value, unsigned *effects, enum writer by);
        u32 offset;
        bool epc;
    } masked[] = {
        { set_sepc, offsetof(struct hart, sepc), true },   { set_mepc, offsetof(struct hart, mepc), true },
        { set_stvec, offsetof(struct hart, stvec), false }, { set_mtvec, offsetof(struct hart, mtvec), false },
    };
    for (size_t k = 0; k < ARRAY_LEN(masked); k++)
        if (r->set == masked[k].set) {
            v->offset = masked[k].offset;
            v->writable = masked[k].epc ? legal_epc(h, ~(u64)0) : legal_tvec(~(u64)0);
            return true;
        }
    return !r->get && !r->set;
}

const struct cpu_reg *riscv_csr_regs(const struct hart *h, size_t *n)
{
    struct arena *a = h->cpu.mem->arena;
    unsigned index;
    if (h->csr_regs) {
        *n = h->n_csr_regs;
        return h->csr_regs;
    }
    *n = 0;
    for (u32 csr = 0; csr < 4096; csr++)
        *n += find(h, csr, &index) != NULL;
    struct cpu_reg *regs = ARENA_ARRAY(a, struct cpu_reg, *n + 1), *out = regs;
    for (u32 csr = 0; csr < 4096; csr++) {
        const struct csr_row *r = find(h, csr, &index);
        if (!r)
            continue;
        const char *name = r->name;
        if (r->count > 1) { /* mhpmcounter3, and mhpmcounter3h of the run mhpmcounterh */
            size_t len = strlen(name);
            name = r->high ? arena_printf(a, "%.*s%uh", (int)len - 1, name, index)
                           : arena_printf(a, "%s%u", name, index);
        }
        *out++ = (struct cpu_reg){ .name = name, .group = "csr", .bits = (u16)h->config.xlen, .number = csr,
                                   .fields = r->fields, .doc = arena_printf(a, "%s (%s)", r->doc, r->section) };
    }
    struct hart *known = (struct hart *)(uintptr_t)h; /* a remembered answer, not state */
    known->n_csr_regs = *n;
    return known->csr_regs = regs;
}

/* --- Sstc ------------------------------------------------------------------------------------------------------- */

static void stimer_fire(void *opaque, u64 now)
{
    struct hart *h = opaque;
    clock_kick(h->cpu.clock); /* STIP itself is computed when asked for: riscv_mip() */
}

void riscv_sstc_init(struct hart *h)
{
    /* Harts in order of their numbers, so that equal deadlines have a fixed order whoever armed first. */
    timer_init(h->cpu.clock, &h->stimer, h->cpu.name, "stimecmp", h->cpu.index, stimer_fire, h);
}

void riscv_sstc_arm(struct hart *h)
{
    if (!h->stimer.fire)
        return;
    u64 when = CLOCK_NEVER;
    if (riscv_has(h, RV_SSTC) && (h->menvcfg & ENVCFG_STCE) && h->timebase.read && get_time(h, 0) < h->stimecmp)
        when = h->timebase.when(h->timebase.opaque, h->stimecmp);
    if (when == CLOCK_NEVER)
        timer_cancel(h->cpu.clock, &h->stimer);
    else
        timer_arm(h->cpu.clock, &h->stimer, when);
}

void riscv_time_changed(struct hart *h)
{
    riscv_sstc_arm(h);
    clock_kick(h->cpu.clock); /* STIP may have changed without a timer */
}

/* --- reset ------------------------------------------------------------------------------------------------------ */

/* What the manual leaves open (3.4) is zero here, except stimecmp, which is far away. */
void riscv_priv_reset(struct hart *h)
{
    h->priv = PRIV_M;
    h->frm = h->fflags = 0;
    h->lr_valid = false;
    h->lr_addr = 0;
    h->mstatus = 0;
    if (!riscv_has(h, RV_U))
        h->mstatus |= MSTATUS_MPP;
    if (h->config.xlen == 64)
        h->mstatus |= (riscv_has(h, RV_U) ? MSTATUS_UXL_64 : 0) | (riscv_has(h, RV_S) ? MSTATUS_SXL_64 : 0);
    h->mie = h->mip_soft = h->medeleg = h->mideleg = h->mtvec = h->mepc = h->mcause = h->mtval = h->mscratch = 0;
    h->mcounteren = h->mcountinhibit = h->mseccfg = 0;
    h->stvec = h->sepc = h->scause = h->stval = h->sscratch = h->satp = h->scounteren = h->senvcfg = 0;
    h->menvcfg = h->config.hw_ad && riscv_has(h, RV_SVADU) ? ENVCFG_ADUE : 0;
    h->stimecmp = UINT64_MAX;
    h->mcycle_base = -h->cpu.clock->now;
    h->minstret_base = -h->cpu.retired;
    memset(h->mhpmcounter, 0, sizeof h->mhpmcounter);
    memset(h->mhpmevent, 0, sizeof h->mhpmevent);
    memset(h->pmpcfg, 0, sizeof h->pmpcfg);
    memset(h->pmpaddr, 0, sizeof h->pmpaddr);
    h->tselect = h->mstateen0 = h->sstateen0 = 0;
    riscv_sstc_arm(h);
}
