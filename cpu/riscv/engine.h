/* The engine: pre-decoded blocks, the software TLB, and what handlers share.
 *
 * A block is a run of instructions of one physical page. Each instruction is a slot of 16 bytes that names its
 * handler; a handler does its work and tail-calls the next slot's. What they hand on travels in registers: the
 * hart, the slot, the budget, the translation context and the virtual page the block runs in (so pc is
 * vpage + the slot's offset and is never stored).
 *
 * Time: on entry to a block the budget falls by its instructions. Anything that needs the exact position within a
 * block (a fault, a device access, a CSR) asks rv_sync() or leaves with rv_leave(), which count from the side table. */
#ifndef CPU_RISCV_ENGINE_H
#define CPU_RISCV_ENGINE_H

#include "cpu/pages.h"
#include "cpu/riscv/insn.h"
#include "cpu/riscv/priv.h"
#include "cpu/softfloat/softfloat.h"

struct rv_insn;
struct rv_ctx;
#define RV_ARGS struct hart *h, const struct rv_insn *i, i64 budget, struct rv_ctx *ctx, u64 vpage
#define RV_PASS h, i, budget, ctx, vpage
typedef i64 rv_handler(RV_ARGS); /* returns the budget left, or RV_CONTINUE */

struct rv_insn {
    union {
        struct {
            rv_handler *fn; /* NULL marks the head of a block */
            union {
                struct {
                    u8 rd, rs1; /* rd 0 is decoded as 32 */
                    union {
                        struct {
                            u8 rs2, aux; /* aux: rs3, or the rounding mode */
                        };
                        u16 link; /* of a jump: page offset of the next instruction */
                    };
                    i32 imm; /* pc-relative ones are relative to vpage */
                };
                u64 n; /* in a head: instructions of the block */
            };
        };
        const struct rv_insn *to[2]; /* the slot behind a branch: first slots of the taken and the other block */
    };
};
_Static_assert(sizeof(struct rv_insn) == 16, "a slot is 16 bytes");

/* Position of a slot: its page offset, and how many instructions of the block come before it. op: RV_OP_COUNT for
 * pseudo slots. */
struct rv_side {
    u16 offset, count, op;
};

struct rv_block {
    struct rv_block *next; /* of the same page and bucket */
    struct cpu_page *page;  /* NULL: runs once (scratch), never linked */
    struct rv_side *side;
    const u8 *host; /* the page's bytes */
    u32 straddle;   /* bits of a single instruction that crosses into the next page */
    u32 unit;       /* the tier's; 0 at first */
    u16 offset, slots;
    struct rv_insn head; /* directly before slot[0] */
    struct rv_insn slot[];
};

#define RV_TLB_BITS 11
#define RV_TLB_SIZE (1u << RV_TLB_BITS)
#define RV_TLB_SITED 1u
#define RV_TLB_NEVER (1u << 11) /* no page has this bit, nor an address masked with ~PAGE_MASK | (size - 1) */
#define RV_TLB_WATCHED (1u << 10) /* in wtag, so that no store hits: each is to be looked at, but where it leads is known */
struct rv_tlb { /* tag: virtual page. Of an access that leaves the page the last byte's page is another. */
    u64 rtag, wtag;
    u64 addend; /* host pointer = va + addend */
    u64 pa;     /* physical address of the page; RV_TLB_SITED: compiled code has sites for it */
};
/* The page whose stores it knows where to put, watched or not. */
static inline u64 rv_tlb_stores(const struct rv_tlb *t) { return t->wtag & ~(u64)RV_TLB_WATCHED; }

static inline u64 rv_tlb_pa(const struct rv_tlb *t, u64 va) { return (t->pa & ~PAGE_MASK) | (va & PAGE_MASK); }

#define RV_JUMP_BITS 14
struct rv_jump { /* virtual pc to block, for indirect jumps and those that leave the page */
    u64 pc, gen;
    const struct rv_insn *start;
};

#define RV_FETCH_SIZE 1024
struct rv_fetch {
    u64 vpage, gen;
    struct cpu_page *page;
};

/* What compiled code remembers of single accesses: the page each was in the last time, and where that is on the host. Each
 * has an entry of the TLB behind it (marked RV_TLB_SITED) and goes with it. */
#define RV_SITE_BITS 9
#define RV_SITE_NEVER ((u64)0x5555555555555000) /* nothing is there: no canonical and no physical address */
struct rv_site {
    u64 page, host;
};

#define RV_KNOWN 1024
#define RV_USED_MAX 256
#define RV_WRITTEN_BITS 11
#define RV_EXECUTED 2048
struct rv_ctx { /* one way of translating: privilege, data privilege, SUM, MXR */
    struct rv_tlb tlb[RV_TLB_SIZE];
    struct rv_site site[1u << RV_SITE_BITS];
    struct rv_jump jump[1u << RV_JUMP_BITS];
    struct rv_fetch fetch[RV_FETCH_SIZE];
    u64 executed[RV_EXECUTED]; /* by page: the generation in which something of it entered jump[] */
    u16 written[1u << RV_WRITTEN_BITS][2]; /* by host page: the entries that lead to such pages for stores, plus 1 */
    u64 gen; /* jump and fetch entries of other generations are void */
    u64 key, satp; /* of CTX_OTHER */
    u32 n_used; /* entries filled since the last flush; above RV_USED_MAX: not known which */
    u16 used[RV_USED_MAX];
};

static inline u64 *rv_executed(struct rv_ctx *c, u64 va)
{
    return &c->executed[va >> PAGE_SHIFT & (RV_EXECUTED - 1)];
}

/* S-mode without SUM has one context for all address spaces: a kernel is mapped the same way in each. */
enum { CTX_M, CTX_OTHER, CTX_OBSERVED, CTX_S, CTX_SETS };
/* Contexts of one address space. SET_ROOT translates nothing: its generation changes when an entry of the space's root
 * table that CTX_S depends on is written. */
enum { SET_U, SET_S_SUM, SET_ROOT, SET_COUNT };
#define RV_ROOTS_MAX 16
#define RV_SETS 4                            /* address spaces kept */
#define RV_CTX_COUNT (CTX_SETS + RV_SETS * SET_COUNT)

enum rv_reason { /* why a chain of handlers came back */
    RV_GO_ON, /* look at pc, interrupts, context; then continue */
    RV_STOP,  /* engine->stop */
};

/* A faster way to execute hot blocks, installed from above. It may replace the handlers of a block's slots by others
 * that do the same; they go when the block goes. */
struct rv_tier {
    /* Its first slot was entered `threshold` times, now at this virtual page. */
    void (*hot)(struct rv_tier *t, struct rv_block *b, u64 vpage);
    void (*flushed)(struct rv_tier *t);                 /* no block is left */
    void (*describe)(const struct rv_tier *t, struct buf *out);
    /* While following: each block about to be executed, alone. NULL: something else is, or a part of a block. */
    void (*follow)(struct rv_tier *t, struct rv_block *b, u64 vpage);
    bool following;
    rv_handler *enter; /* calls slot i's handler; what it replaced need not keep the host's registers */
    struct jit_check *check; /* jit/check.h; NULL: what it makes is not checked */
    u64 threshold;
};
void rv_tier_install(struct hart *h, struct rv_tier *t);

struct riscv_engine {
    struct hart *hart;
    struct arena *arena;
    struct rv_decoder *decoder;
    struct rv_ctx *ctx; /* RV_CTX_COUNT of them */
    struct rv_ctx *set; /* of the address space h->satp had when it was looked for: satp */
    u64 satp;
    struct {
        u64 root; /* satp without ASID */
        u64 used; /* when, in changes of satp */
    } space[RV_SETS];
    u64 satp_changes;
    struct { /* of CTX_S */
        struct rv_ctx *set; /* of the address space it is for */
        u64 gen;            /* of its SET_ROOT */
        u64 mode;           /* of satp */
        unsigned n;         /* entries of the root table that something came from; above RV_ROOTS_MAX: not known */
        u8 pte_bytes, width, shift;
        struct {
            u64 unit, value;
        } root[RV_ROOTS_MAX];
    } shared;
    struct cpu_tables *tables;
    u64 table_drops; /* how often page-table entries in use were written */
    rv_handler *const *handlers;
    u8 first_of[RV_OP_COUNT], second_of[RV_OP_COUNT]; /* pairs.c: place in its tables plus 1 */

    /* The run in progress: now = end_now - budget, retired = end_retired - budget (exact budget). */
    u64 end_now, end_retired;
    enum rv_reason reason;
    enum cpu_stop stop;
    bool running;
    bool stale;      /* no block is wanted any more */
    bool restop;     /* some blocks were made for other stop points */
    bool leave;      /* the instruction in progress is the last before the outer loop looks again */
    bool look;       /* interrupts may be pending */
    bool new_ctx;    /* the context may have changed */
    bool watch_hit;
    bool trapped;    /* the last chain ended in an exception */
    bool look_at;    /* registers, after the instruction at pc: they are told of */
    bool taken;      /* the last chain ended in a branch taken */
    u64 misaligned;  /* bit 1 when there is no C: jumps there trap */
    const struct rv_insn **want; /* a link to set when the block at pc exists */

    /* The fault of the access just tried. */
    u8 cause;
    u64 tval;
    u64 value;  /* what rv_load and its like read. Handlers must not pass on addresses of their own variables:
                 * the compiler could not make sibling calls of their continuations. */
    struct sf_env sf;

    struct { /* between the load and the store of an AMO */
        u8 *host;
        struct ram *ram;
        u64 at, va, pa, table_drops;
        bool cacheable;
        struct rv_ctx *ctx;
    } amo;

    struct cpu_retire *obs; /* being filled, NULL when nobody observes */
    struct { /* while somebody does: the same words come again and again */
        u32 bits;
        struct rv_decoded d;
    } known[RV_KNOWN];

    /* Blocks. */
    struct cpu_pages pages;
    struct rv_block *scratch;
    struct rv_insn *nowhere; /* links that are not set point here: its n is more than any budget */

    struct { /* where the loop goes on when handlers cannot tail-call */
        const struct rv_insn *i;
        i64 budget;
        u64 vpage;
    } next;
    struct { /* host side, for describe */
        u64 blocks, tlb_fills, tlb_flushes, tlb_drops, spaces, shared;
    } count;

    struct rv_tier *tier; /* NULL: only the interpreter */

    const struct cpu_reg *regs; /* made when first asked for */
    size_t first_csr, n_regs;
};

#define RV_CODE_BYTES ((size_t)32 << 20)
#define RV_BLOCK_MAX 64 /* instructions */
#define RV_BLOCK_SLOTS (2 * RV_BLOCK_MAX + 8)


/* Without sibling calls (-O0, sanitizers) handlers return to a loop instead of calling the next. */
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RV_TRAMPOLINE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RV_TRAMPOLINE 1
#endif
#endif
#ifndef RV_TRAMPOLINE
#define RV_TRAMPOLINE 0
#endif
#define RV_CONTINUE INT64_MIN /* to the loop: engine->next */

#if defined(__clang__) && !RV_TRAMPOLINE
#define RV_TAIL __attribute__((musttail)) return
#else
#define RV_TAIL return
#endif
#define RV_COLD __attribute__((noinline, cold))

/* Goes on with another slot. The budget is already that of its block. */
#if RV_TRAMPOLINE
#define RV_CHAIN_FROM_HELPER RV_CHAIN
#define RV_CHAIN(to_, vpage_)                                                                 \
    do {                                                                                      \
        h->engine->next.i = (to_);                                                            \
        h->engine->next.budget = budget;                                                      \
        h->engine->next.vpage = (vpage_);                                                     \
        return RV_CONTINUE;                                                                   \
    } while (0)
#else
#define RV_CHAIN(to_, vpage_)                                                                 \
    do {                                                                                      \
        const struct rv_insn *to__ = (to_);                                                   \
        i = to__;                                                                             \
        vpage = (vpage_);                                                                     \
        RV_TAIL i->fn(RV_PASS);                                                               \
    } while (0)
/* From a function with other parameters than handlers have: a sibling call all the same, but not a "musttail". */
#define RV_CHAIN_FROM_HELPER(to_, vpage_)                                                     \
    do {                                                                                      \
        const struct rv_insn *to__ = (to_);                                                   \
        return to__->fn(h, to__, budget, ctx, (vpage_));                                      \
    } while (0)
#endif

static inline u64 rv_addr(const struct hart *h, u64 va) { return h->config.xlen == 32 ? (u32)va : va; }

/* --- leaving and continuing: engine.c --- */
struct rv_block *rv_block_of(const struct rv_insn *i);
rv_handler rv_leave;        /* before slot i; engine->reason is set by the caller */
rv_handler rv_leave_go_on;  /* the same with RV_GO_ON */
rv_handler rv_finish;       /* slot i is done: the next one, unless something wants to be looked at */
rv_handler rv_illegal;
rv_handler rv_fault;        /* engine->cause and tval */
rv_handler rv_taken_slow, rv_next_slow, rv_jal_slow; /* budget already reduced by the target's n */
i64 rv_goto(struct hart *h, i64 budget, struct rv_ctx *ctx, u64 target); /* budget exact */
i64 rv_trap(RV_ARGS, unsigned cause, u64 tval);
void rv_sync(struct hart *h, const struct rv_insn *i, i64 budget); /* clock and retired as before slot i */
u64 rv_pc(const struct hart *h, const struct rv_insn *i, u64 vpage);
u32 rv_bits(const struct rv_insn *i);
void rv_effects(struct hart *h, unsigned effects);
const struct rv_decoded *rv_decode_again(struct riscv_engine *e, u32 bits);
void rv_observe_reg(struct hart *h, unsigned group, unsigned number, u64 value);
enum { OBS_X, OBS_F, OBS_CSR };
enum cpu_stop rv_run(struct cpu *c, u64 max_ticks);

/* --- memory: tlb.c --- */
/* False: engine->cause and tval say why. Otherwise the access is done. Any alignment. */
bool rv_load(RV_ARGS, u64 va, unsigned size); /* engine->value */
bool rv_store(RV_ARGS, u64 va, unsigned size, u64 value);
/* A read-modify-write of RAM in two halves; the second cannot fail. */
bool rv_amo_load(RV_ARGS, u64 va, unsigned size);
void rv_amo_store(struct hart *h, unsigned size, u64 value);
bool rv_lr(RV_ARGS, u64 va, unsigned size);
bool rv_sc(RV_ARGS, u64 va, unsigned size, u64 value); /* engine->value: 0 when it was done */
bool rv_cbo(RV_ARGS, u64 va, bool zero);
void rv_tlb_flush(struct hart *h);
void rv_tlb_init(struct riscv_engine *e);
/* Voids an entry: for loads, for stores. */
void rv_tlb_forget(struct rv_ctx *c, struct rv_tlb *t, bool loads, bool stores);
struct rv_ctx *rv_context(struct hart *h);
/* The physical page under pc for fetching, from the fetch cache or by translation. False: engine->cause and tval.
 * *page is NULL when it may only be fetched from piecemeal. */
bool rv_fetch_page(struct hart *h, struct rv_ctx *ctx, u64 pc, struct cpu_page **page);
bool rv_fetch_bits(struct hart *h, u64 pc, u32 *bits); /* translating each half afresh */
void rv_tlb_drop_stores(struct riscv_engine *e, struct ram *ram, u64 page);
void rv_jumps_flush(struct riscv_engine *e);

/* --- blocks: block.c --- */
void rv_blocks_init(struct riscv_engine *e);
struct rv_block *rv_block_find(struct cpu_page *p, unsigned offset);
struct rv_block *rv_block_build(struct hart *h, struct cpu_page *p, unsigned offset);
/* One that runs once: at most max instructions from pc in the page, or the single instruction bits. */
struct rv_block *rv_block_once(struct hart *h, struct cpu_page *p, unsigned offset, unsigned max);
/* The first max (fewer than it has) instructions of a block, not fused: runs once. */
struct rv_block *rv_block_part(struct hart *h, const struct rv_block *whole, unsigned max);
/* Slots from..to-1, not fused, the counts beginning with the first: runs once. */
struct rv_block *rv_block_slots(struct hart *h, const struct rv_block *whole, unsigned from, unsigned to);
struct rv_block *rv_block_single(struct hart *h, struct cpu_page *p, unsigned offset, u32 bits);
void rv_blocks_restop(struct hart *h); /* cpu_pages_restop() */

void rv_pairs_init(struct riscv_engine *e);
bool rv_pair(const struct riscv_engine *e, struct rv_insn *slot, unsigned a, unsigned b);

/* Pseudo slots. */
rv_handler rv_h_next, rv_h_fp_on, rv_h_fp_dirty, rv_h_stop, rv_h_magic, rv_h_illegal, rv_h_straddle, rv_h_nowhere, rv_h_hot;
rv_handler rv_h_look; /* in place of an instruction's own: the outer loop executes it alone and looks at registers */
rv_handler *rv_plain_handler(const struct riscv_engine *e, unsigned op, unsigned rd);
bool rv_looked_at(const struct riscv_engine *e, unsigned op, unsigned rd);

#define INSN(id, sem, ...) extern rv_handler rv64_##sem, rv32_##sem;
#include "cpu/riscv/insn.def"
extern rv_handler *const rv64_handlers[RV_OP_COUNT], *const rv32_handlers[RV_OP_COUNT];

const struct cpu_reg *rv_reg(const struct hart *h, unsigned group, unsigned number);

#endif
