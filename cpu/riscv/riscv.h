/* A RISC-V hart, RV32 and RV64. Manual: "The RISC-V Instruction Set Manual", volumes I (Unprivileged,
 * 20240411) and II (Privileged, 20240411). */
#ifndef CPU_RISCV_H
#define CPU_RISCV_H

#include "cpu/cpu.h"
#include "cpu/tables.h"

/* Extensions that can be switched, one bit each. */
enum riscv_ext {
    RV_I, RV_M, RV_A, RV_F, RV_D, RV_C, RV_S, RV_U,
    RV_ZICSR, RV_ZIFENCEI, RV_ZICNTR, RV_ZIHPM, RV_ZBA, RV_ZBB, RV_ZBC, RV_ZBS, RV_ZICOND,
    RV_ZICBOM, RV_ZICBOP, RV_ZICBOZ, RV_ZFH, RV_ZFHMIN, RV_ZIHINTPAUSE, RV_ZAWRS,
    RV_SSTC, RV_SVINVAL, RV_SVNAPOT, RV_SVPBMT, RV_SVADU, RV_SMSTATEEN,
    RV_EXT_COUNT
};
#define RV_EXT(e) ((u64)1 << (e))

struct riscv_config {
    char model[32];    /* "rv64", "max", "sifive-u54" */
    unsigned xlen;     /* 32 or 64 */
    u64 ext;           /* RV_EXT() bits */
    unsigned sv_max;   /* largest paging mode: 0, 32, 39, 48, 57 */
    unsigned pmp;      /* PMP entries: 0, 16 or 64 */
    bool hw_ad;        /* Svadu on at reset (menvcfg.ADUE): the walker sets A and D; else Svade: they fault */
    u64 reset_pc;
};

/* "rv64", "rv64,zba=off,sv48=on", "max", ... Unknown names and properties are errors naming the nearest. */
bool riscv_config_parse(const char *text, unsigned xlen, struct riscv_config *out, struct err *e);
void riscv_config_list(struct buf *out, unsigned xlen); /* for -cpu ? */
/* "rv64imafdc_zicsr_..." for device trees. */
void riscv_config_isa(const struct riscv_config *c, struct buf *out);
const char *riscv_ext_name(enum riscv_ext e); /* lower case, as in -cpu properties */

#define RISCV_CBO_BLOCK 64 /* bytes that one cbo.* instruction works on */

enum riscv_priv { PRIV_U = 0, PRIV_S = 1, PRIV_M = 3 };

/* set_irq lines are the mip bit numbers (Privileged, 3.1.9): 1 SSIP, 3 MSIP, 5 STIP, 7 MTIP, 9 SEIP, 11 MEIP. */

/* Exception causes (Privileged, table 14). */
enum riscv_cause {
    CAUSE_FETCH_MISALIGNED = 0, CAUSE_FETCH_ACCESS = 1, CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3,
    CAUSE_LOAD_MISALIGNED = 4, CAUSE_LOAD_ACCESS = 5, CAUSE_STORE_MISALIGNED = 6, CAUSE_STORE_ACCESS = 7,
    CAUSE_ECALL_U = 8, CAUSE_ECALL_S = 9, CAUSE_ECALL_M = 11,
    CAUSE_FETCH_PAGE = 12, CAUSE_LOAD_PAGE = 13, CAUSE_STORE_PAGE = 15,
};
#define CAUSE_NONE 0xffu
const char *riscv_cause_name(u64 cause, bool interrupt);

struct riscv_block;
struct riscv_engine; /* block cache, software TLB: engine.c; derived, never saved */

struct hart {
    struct cpu cpu; /* first */

    /* Architectural state: every member below up to `config` is saved, hashed and listed in regs.c.
     * RV32 values are kept sign-extended to 64 bits. */
    u64 x[33]; /* x[0] is always 0; x[32] is where writes to x0 go (not state: kept out of hashes) */
    u64 f[32]; /* NaN-boxed */
    u64 pc;    /* exact outside run() and whenever anything outside the engine can look */
    u8 priv;
    u8 frm, fflags;
    bool lr_valid; /* cleared at the end of a quantum: see docs/decisions */
    u64 lr_addr;   /* physical */
    u64 mstatus, mie, mip_soft /* bits written by software */, mip_wires /* levels of the lines */;
    u64 medeleg, mideleg, mtvec, mepc, mcause, mtval, mscratch, mcounteren, mcountinhibit, menvcfg, mseccfg;
    u64 stvec, sepc, scause, stval, sscratch, satp, scounteren, senvcfg, stimecmp;
    u64 mcycle_base, minstret_base; /* counter = base + clock->now (or retired); frozen value while inhibited */
    u64 mhpmcounter[32], mhpmevent[32]; /* 3..31; no events are counted yet */
    u8 pmpcfg[64];
    u64 pmpaddr[64];
    u64 tselect, mstateen0, sstateen0;

    struct riscv_config config;
    struct timebase timebase; /* mtime */
    struct timer stimer;      /* Sstc: fires when mtime reaches stimecmp */
    struct riscv_engine *engine;
    const struct cpu_reg *csr_regs; /* riscv_csr_regs() */
    size_t n_csr_regs;
};

struct cpu *riscv_new(struct arena *a, const struct riscv_config *config, unsigned index, struct space *mem,
                      struct clock *clock, struct event_bus *bus, struct timebase timebase, struct err *e);
/* The board says that mtime jumped (it was written): rearm what depends on it. */
void riscv_time_changed(struct hart *h);
/* A quantum of this hart ended: its reservation is gone. */
void riscv_quantum_end(struct cpu *c);

/* --- privileged side: csr.c, mmu.c, pmp.c, trap.c --------------------------------------------------------- */

/* Effects of a CSR write or return instruction that the engine must act on before the next instruction. */
enum riscv_effect {
    EFFECT_NONE = 0,
    EFFECT_CONTEXT = 1,   /* privilege, MPRV, MPP, SUM, MXR, satp: another TLB context */
    EFFECT_FLUSH_TLB = 2, /* PMP, menvcfg: what was translated may be wrong */
    EFFECT_IRQ = 4,       /* look for pending interrupts */
    EFFECT_FP = 8,        /* mstatus.FS */
};

/* Reads for CSRR* (privilege and existence checked, side effects included). False: illegal instruction. */
bool riscv_csr_read(struct hart *h, u32 csr, bool will_write, u64 *value);
/* After a successful read with will_write; WARL masks applied. False: illegal instruction. */
bool riscv_csr_write(struct hart *h, u32 csr, u64 value, unsigned *effects);
/* A whole CSRRW, CSRRS or CSRRC: read, combine, write (unless !write: CSRRS/CSRRC of x0). *old is what rd gets.
 * It is the only exact way for mip: the SEIP a read shows is not the SEIP that CSRRS and CSRRC write back (3.1.9).
 * Call it with cpu.clock->now and cpu.retired as they are before the instruction. */
enum riscv_csr_op { CSR_OP_WRITE, CSR_OP_SET, CSR_OP_CLEAR };
bool riscv_csr_rmw(struct hart *h, u32 csr, enum riscv_csr_op op, u64 operand, bool write, u64 *old, unsigned *effects);
/* A CSR whose value is bits of a member of struct hart: what a use by the guest reads and changes, beside the check of
 * the privilege. False: it is not one of those. */
struct riscv_csr_view {
    u32 offset;              /* of the u64 */
    u64 readable, writable;
    u64 effects;             /* bits whose change has an effect besides */
    u64 lets_in;             /* bits whose becoming 1 lets interrupts in that are pending */
    bool dirty;              /* SD is read as well */
};
bool riscv_csr_view(const struct hart *h, u32 csr, struct riscv_csr_view *v);
/* For debuggers: no checks, no side effects; false when this model has no such CSR. */
bool riscv_csr_peek(const struct hart *h, u32 csr, u64 *value);
bool riscv_csr_poke(struct hart *h, u32 csr, u64 value); /* WARL holds; the caller drops TLB and blocks afterwards */
/* Those of this model by number, with fields; ends with a NULL name. Made when first asked for, in the arena of
 * h->cpu.mem. */
const struct cpu_reg *riscv_csr_regs(const struct hart *h, size_t *n);

void riscv_sstc_init(struct hart *h);  /* riscv_new: h->stimer, when h->cpu.name and clock are set */
void riscv_priv_reset(struct hart *h); /* privilege, CSRs, PMP, reservation as after reset; wires stay as they are */

u64 riscv_mip(const struct hart *h); /* software bits, wires and Sstc together */
/* The interrupt to take now (cause number), or -1. */
int riscv_pending(const struct hart *h);
bool riscv_wfi_wakes(const struct hart *h); /* (mip & mie) != 0, enabled or not */

/* Enters the handler; sets pc. Emits the event cpu.trap. The caller has made h->pc the faulting pc. */
extern const struct event_type riscv_event_trap, riscv_event_reset;
extern const struct event_type riscv_event_register, riscv_event_mode;
extern const struct event_type riscv_event_interrupt; /* as riscv_event_trap: an interrupt is taken */
void riscv_trap(struct hart *h, u64 cause, bool interrupt, u64 tval, unsigned *effects);
/* Is the hart at the first instruction of M-mode's trap handler, after a trap that this very instruction caused and with
 * the state that the same trap will leave again? */
bool riscv_trapped_for_ever(const struct hart *h);
bool riscv_mret(struct hart *h, unsigned *effects); /* false: illegal here */
bool riscv_sret(struct hart *h, unsigned *effects);

/* Translates one access (must not cross a page). Sets accessed and dirty bits when hardware does. */
#define RISCV_LEVELS_MAX 5
struct riscv_xlat {
    u64 pa;
    u8 cause;        /* CAUSE_NONE: fine */
    bool cacheable;  /* the answer holds for the whole 4 KiB page (PMP regions may be smaller) */
    bool dirty;      /* loads only: a store through this mapping needs no further A/D work */
    u8 n_ptes, pte_bytes, width; /* of the walk, when it ended well; width: bits of addresses that count */
    struct cpu_pte pte[RISCV_LEVELS_MAX];
};
void riscv_translate(struct hart *h, u64 va, unsigned size, enum cpu_access access, unsigned priv,
                     struct riscv_xlat *out);
/* The privilege that loads and stores use now (MPRV). */
unsigned riscv_data_priv(const struct hart *h);
bool riscv_pmp_allows(const struct hart *h, u64 pa, u64 size, enum cpu_access access, unsigned priv, bool *whole_page);
void riscv_walk(struct cpu *c, u64 va, enum cpu_access access, struct cpu_walk *w); /* cpu_ops.walk */

/* --- instructions: insn.def, decode.c, exec*.c, engine.c, disasm.c ----------------------------------------- */

unsigned riscv_disasm(const struct cpu *c, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len);

static inline bool riscv_has(const struct hart *h, enum riscv_ext e) { return h->config.ext >> e & 1; }
static inline struct hart *hart_of(struct cpu *c) { return (struct hart *)c; }

#endif
