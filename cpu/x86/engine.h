/* The engine: pre-decoded blocks, the software TLB, and what handlers share. The same shape as cpu/riscv/engine.h; read that
 * first. A block is a run of instructions of one physical page in one mode (struct x86_ctx, `key`); each instruction is a
 * slot (struct x86_insn) whose handler does its work and tail-calls the next slot's.
 *
 * Where: vpage is the linear page the block runs in; a slot's linear address is vpage + the side table's offset, rip is that
 * less the base of CS. r[X86_R_PAGE] is vpage as well. When a block is built, RIP-relative operands become base X86_R_PAGE
 * with a displacement from the page's start (X86_I_RIP is cleared), and the offset of a near branch (`imm` of a row with
 * "cb" or "cz") becomes relative to the page's start too, but only in slots with a fast handler: ops find it as decoded.
 *
 * When: on entry to a block the budget falls by its instructions. Anything that needs the exact position within a block calls
 * x86_at(), or leaves by one of the functions below, which count from the side table.
 *
 * Modes: blocks are made for a mode, so handlers need not ask. `flat`: CS, DS, ES and SS have base 0 and cannot be left
 * (64-bit mode, or 32-bit code with 4 GiB segments and a 32-bit stack). Without `flat` each access goes through fast[]
 * and its limits, no links are set, and each block's end is compared with the limit of CS on entry.
 *
 * What the engine sees to before an op or a handler runs, from the flags of the row: X_CPL0, X_VEC, X_AVX, X_X87 (EM, TS),
 * X_MMX. Pending x87 exceptions are the ops' (x87_wait() of x87.h). X_I64, X_O64, X_PE, LOCK and the CPU's features are the
 * decoder's. After it: single-step traps, the end of interrupt shadows, RF. */
#ifndef CPU_X86_ENGINE_H
#define CPU_X86_ENGINE_H

#include <string.h>

#include "cpu/pages.h"
#include "cpu/x86/insn.h"
#include "cpu/x86/flags.h"
#include "memory/ram.h"

struct x86_ctx;
#define X86_ARGS struct x86 *c, const struct x86_insn *i, i64 budget, struct x86_ctx *ctx, u64 vpage
#define X86_PASS c, i, budget, ctx, vpage
typedef i64 x86_handler(X86_ARGS); /* returns the budget left, or X86_CONTINUE */

#define X86_R_PAGE 18 /* r[]: the linear page of the block that runs; not state */

/* Handlers of fast rows by form; NULL: the op (x86_ops) is used, or when there is none, #UD.
 *   bits 0-1  log2 of the operand size
 *   bit 2     rm is memory (X86_I_MEM)
 *   bit 3     not everything is flat: of a memory operand, the address needs x86_linear_slow() (a segment with a base, or an
 *             address size that is not the mode's own); of others, the mode is not flat (matters to those that use the stack
 *             or jump; for all else the entries are those without bit 3)
 * Flat address: (r[base] + r[index] * vreg + disp) & ctx->ea_mask: in slots with a fast handler vreg is 1 << scale (a host's
 * multiplication takes less than a shift by a variable). Flat stack: r[X86_SP] & ctx->ea_mask. */
enum { X86_FORM_MEM = 4, X86_FORM_SEG = 8, X86_FORMS = 16 };
extern x86_handler *const *const x86_fast[X86_OP_COUNT + 1]; /* [op][form] */
/* Two neighbours made one, or NULL: replaces the first's handler; the second stays in its slot behind it. */
x86_handler *x86_fuse(const struct x86_insn *first, const struct x86_insn *second, bool flat);

/* --- blocks --------------------------------------------------------------------------------------------------- */

/* A slot's number in its block is in the upper bits of `flags`. The slot in front of the first is the head: imm is the
 * number of instructions. The one behind the last instruction has the links: fn the block of a branch taken, imm
 * the other. */
#define X86_SLOT_SHIFT 10
#define X86_SLOTS_MAX 64
#define X86_BLOCK_MAX 32 /* instructions */

struct x86_side { /* of a slot: its page offset, and how many instructions of the block come before it */
    u16 offset;
    u8 count, length;
};

struct x86_block {
    struct x86_block *next; /* of the same page and bucket */
    struct cpu_page *page;  /* NULL: runs once (scratch), never linked */
    const u8 *host;         /* the page's bytes */
    u32 unit;               /* a tier's; 0 at first */
    u16 offset, end;        /* page offsets: of the first instruction, behind the last (above PAGE_SIZE: straddles) */
    u8 slots, key;
    u8 straddle[16];        /* bytes of an instruction that crosses into the next page */
    u8 straddle_len;        /* 0: no such */
    struct x86_side side[X86_SLOTS_MAX];
    struct x86_insn head;
    struct x86_insn slot[];
};

static inline struct x86_block *x86_block_of(const struct x86_insn *i)
{
    const struct x86_insn *head = i - (i->flags >> X86_SLOT_SHIFT) - 1;
    return (struct x86_block *)((uintptr_t)head - offsetof(struct x86_block, head));
}
static inline const struct x86_side *x86_side_of(const struct x86_insn *i)
{
    return &x86_block_of(i)->side[i->flags >> X86_SLOT_SHIFT];
}
static inline i64 x86_block_n(const struct x86_insn *first) { return (i64)first[-1].imm; }

/* --- translation contexts --------------------------------------------------------------------------------------- */

#define X86_TLB_BITS 10
#define X86_TLB_SIZE (1u << X86_TLB_BITS)
#define X86_TLB_SITED 1u         /* of pa: a tier's */
#define X86_TLB_NEVER (1u << 11) /* no page has this bit */
#define X86_TLB_WATCHED (1u << 10) /* in wtag, so that no store hits: each is to be looked at, but where it leads is known */
struct x86_tlb { /* tag: linear page. Of an access that leaves the page the last byte's page is another. */
    u64 rtag, wtag;
    u64 addend; /* host pointer = linear address + addend */
    u64 pa;
};
/* The page whose stores it knows where to put, watched or not. */
static inline u64 x86_tlb_stores(const struct x86_tlb *t) { return t->wtag & ~(u64)X86_TLB_WATCHED; }
_Static_assert(sizeof(struct x86_tlb) == 1 << 5, "see x86_tlb_at()");

#define X86_JUMP_BITS 12
struct x86_jump { /* linear pc to block, for indirect jumps and those that leave the page */
    u64 pc, gen;
    const struct x86_insn *start;
};

#define X86_FETCH_SIZE 64
struct x86_fetch {
    u64 vpage, gen;
    struct cpu_page *page;
};

/* Mode key: what decoding and the choice of handlers depend on. */
enum {
    X86_KEY_32 = 1, X86_KEY_64 = 2, X86_KEY_LEGACY = 4, X86_KEY_CS_FLAT = 8, X86_KEY_FLAT = 16,
    X86_KEY_STACK = 32, /* times log2 of stack_size, less 1 */
    X86_KEY_CHECKED = 128, /* CS is not flat; jump entries do not have this bit, so that only x86_goto() uses them */
    X86_KEYS = 256,
};

#define X86_USED_MAX 256
#define X86_WRITTEN_BITS 9
#define X86_EXECUTED 256
struct x86_ctx { /* one way of translating */
    u64 gen;     /* jump and fetch entries of other generations are void; low byte: the mode key */
    u64 ea_mask; /* of linear addresses: 32 or 64 bits */
    u64 key;     /* of CTX_OTHER */
    struct x86_tlb tlb[X86_TLB_SIZE];
    struct x86_jump jump[1u << X86_JUMP_BITS];
    struct x86_fetch fetch[X86_FETCH_SIZE];
    u64 executed[X86_EXECUTED];
    struct { /* by host page: how many entries may lead there for stores, one of them */
        u16 n, entry;
    } written[1u << X86_WRITTEN_BITS];
    u32 n_used; /* entries filled since the last flush; above X86_USED_MAX: not known which */
    u16 used[X86_USED_MAX];
};

/* By page: the generation in which something of it entered jump[]. */
static inline u64 *x86_executed(struct x86_ctx *ctx, u64 linear)
{
    return &ctx->executed[linear >> PAGE_SHIFT & (X86_EXECUTED - 1)];
}
static inline struct x86_jump *x86_jump_at(struct x86_ctx *ctx, u64 pc)
{
    return &ctx->jump[(pc ^ pc >> 12) & ((1u << X86_JUMP_BITS) - 1)];
}
static inline const struct x86_tlb *x86_tlb_at(const struct x86_ctx *ctx, u64 linear)
{
    /* &ctx->tlb[linear >> PAGE_SHIFT & (X86_TLB_SIZE - 1)], in one shift */
    return (const struct x86_tlb *)((uintptr_t)ctx->tlb + (linear >> (PAGE_SHIFT - 5) & (u64)(X86_TLB_SIZE - 1) << 5));
}
/* Compared with rtag or wtag: the access hits, lies in one page, and may go to linear + addend. */
static inline u64 x86_tlb_tag(u64 linear, unsigned size) { return (linear + (size - 1)) & ~PAGE_MASK; }

/* May n bytes at an offset be accessed without x86_seg_check()? (An offset of 0 with n of 1 is always looked at.) */
static inline bool x86_seg_read_ok(const struct x86 *c, unsigned seg, u64 offset, unsigned n)
{
    return offset + (n - 1) - 1 < c->fast[seg].read_max && offset <= ~(u64)0 - n;
}
static inline bool x86_seg_write_ok(const struct x86 *c, unsigned seg, u64 offset, unsigned n)
{
    return offset + (n - 1) - 1 < c->fast[seg].write_max && offset <= ~(u64)0 - n;
}
/* The offset of a memory operand by any address size. */
static inline u64 x86_offset(const struct x86 *c, const struct x86_insn *i)
{
    u64 o = c->r[i->base] + (c->r[i->index] << x86_scale(i)) + (u64)(i64)i->disp;
    unsigned bits = i->sizes >> 4;
    return bits == 3 ? o : bits == 2 ? (u32)o : (u16)o;
}
static inline u64 x86_flat_address(const struct x86 *c, const struct x86_insn *i, const struct x86_ctx *ctx)
{
    return (c->r[i->base] + c->r[i->index] * i->vreg + (u64)(i64)i->disp) & ctx->ea_mask;
}

/* --- the engine --------------------------------------------------------------------------------------------------- */

/* Contexts: one for rare modes, one while observed or watched, then those of each address space. */
enum { X86_CTX_OTHER, X86_CTX_OBSERVED, X86_CTX_SETS };
enum { X86_SET_U, X86_SET_U32 /* compatibility mode */, X86_SET_S, X86_SET_S_AC, X86_SET_COUNT };
#define X86_SPACES 4
#define X86_CTX_COUNT (X86_CTX_SETS + X86_SPACES * X86_SET_COUNT)

enum x86_reason { /* why a chain of handlers came back */
    X86_GO_ON, /* look at rip, interrupts, context; then continue */
    X86_STOP,  /* engine->stop */
};

/* A faster way to execute hot blocks, installed from above: see struct rv_tier. */
struct x86_tier {
    void (*hot)(struct x86_tier *t, struct x86_block *b, u64 vpage);
    void (*flushed)(struct x86_tier *t);
    void (*describe)(const struct x86_tier *t, struct buf *out);
    x86_handler *enter;
    u64 threshold;
    struct jit_check *check; /* jit/check.h; NULL: what it makes is not checked */
};
void x86_tier_install(struct x86 *c, struct x86_tier *t);

struct cpu_tables;

struct x86_space_key { /* what an address space is known by */
    u64 root, pdpte[4];
};
struct x86_rights { /* what else translations depend on: when it changes, all are dropped */
    u64 cr0, cr4, efer, apic_base, smbase;
    u32 pkru;
    bool a20, smm;
};

struct x86_engine {
    struct x86 *c;
    const char *told; /* x86_privilege() when the mode changed last; NULL: it never has */
    struct arena *arena;
    struct x86_decoder *decoder;
    struct x86_ctx *ctx; /* X86_CTX_COUNT of them */
    struct x86_ctx *set; /* those of the address space in use */
    struct {
        struct x86_space_key key;
        u64 used; /* when, in changes of space */
    } space[X86_SPACES];
    u64 space_changes, other_changes;
    u64 space_cr3; /* CR3 when `set` was chosen */
    bool new_space; /* it must be chosen again, and rights looked at */
    struct x86_rights rights;
    struct cpu_tables *tables;
    u64 table_drops; /* how often page-table entries in use were written */

    /* The run in progress: now = end_now - budget, retired = end_retired - budget (exact budget). */
    u64 end_now, end_retired;
    enum x86_reason reason;
    enum cpu_stop stop;
    bool running;
    bool stale;     /* no block is wanted any more */
    bool restop;    /* some blocks were made for other stop points */
    bool leave;     /* the instruction in progress is the last before the outer loop looks again */
    bool look;      /* interrupts may be pending */
    bool new_ctx;   /* the context may have changed */
    bool watch_hit;
    bool trapped;   /* the last chain ended in an exception */
    bool taken;     /* the last chain ended in a branch taken */
    bool alone;     /* blocks of one instruction: single-step, shadows, debug registers, observers */
    struct x86_insn *want; /* links slot to set when the block at rip exists; which one: want_taken */
    bool want_taken;

    u64 value; /* what x86_slow_load and its like read */
    struct { /* the slot in progress, for what ops and slow handlers call: x86_at() */
        const struct x86_insn *i;
        i64 budget;
        struct x86_ctx *ctx;
        u64 vpage;
    } at;
    /* REP: an op may do this many iterations beyond the first at once (each is a tick) when they cannot fault and touch only
     * RAM; it takes them off. */
    i64 rep_room;
    struct { /* between the load and the store of a read-modify-write */
        u64 offset;
        u8 size, seg;
    } rmw;

    struct cpu_retire *obs; /* being filled, NULL when nobody observes */

    struct cpu_pages pages;
    struct x86_block *scratch;
    struct x86_insn *nowhere; /* links that are not set point here: its n is more than any budget */

    struct { /* where the loop goes on when handlers cannot tail-call */
        const struct x86_insn *i;
        i64 budget;
        u64 vpage;
    } next;
    struct { /* host side, for describe */
        u64 blocks, tlb_fills, tlb_flushes, tlb_drops, spaces;
    } count;
    struct x86_tier *tier; /* NULL: only the interpreter */
    const struct cpu_reg *regs;
    u8 kind[X86_OP_COUNT]; /* of each row: what the engine must know of it, X86_KIND_* */
};
enum {
    X86_KIND_BRANCH = 1, /* a near branch: imm is relative to what follows it */
    X86_KIND_END = 2, X86_KIND_REP = 4, X86_KIND_CPL0 = 8,
    X86_KIND_USABLE = 0xf0, /* what x86_h_usable must find: */
    X86_KIND_VEC = 16, X86_KIND_AVX = 32, X86_KIND_X87 = 64, X86_KIND_MMX = 128,
};

/* Without sibling calls (-O0, sanitizers) handlers return to a loop instead of calling the next. */
#if !defined(__OPTIMIZE__) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define X86_TRAMPOLINE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define X86_TRAMPOLINE 1
#endif
#endif
#ifndef X86_TRAMPOLINE
#define X86_TRAMPOLINE 0
#endif
#define X86_CONTINUE INT64_MIN /* to the loop: engine->next */

#if defined(__clang__) && !X86_TRAMPOLINE
#define X86_TAIL __attribute__((musttail)) return
#else
#define X86_TAIL return
#endif
#define X86_COLD __attribute__((noinline, cold))

/* Goes on with another slot. The budget is already that of its block. The last word of a handler. */
#if X86_TRAMPOLINE
#define X86_CHAIN_FROM_HELPER X86_CHAIN
#define X86_CHAIN(to_, vpage_)                                                                \
    do {                                                                                      \
        c->engine->next.i = (to_);                                                            \
        c->engine->next.budget = budget;                                                      \
        c->engine->next.vpage = (vpage_);                                                     \
        return X86_CONTINUE;                                                                  \
    } while (0)
#else
#define X86_CHAIN(to_, vpage_)                                                                \
    do {                                                                                      \
        const struct x86_insn *to__ = (to_);                                                  \
        i = to__;                                                                             \
        vpage = (vpage_);                                                                     \
        X86_TAIL ((x86_handler *)i->fn)(X86_PASS);                                            \
    } while (0)
/* From a function with other parameters than handlers have. */
#define X86_CHAIN_FROM_HELPER(to_, vpage_)                                                    \
    do {                                                                                      \
        const struct x86_insn *to__ = (to_);                                                  \
        return ((x86_handler *)to__->fn)(c, to__, budget, ctx, (vpage_));                     \
    } while (0)
#endif
#define X86_NEXT X86_CHAIN(i + 1, vpage)

/* Near branches: `taken` is the last word of either way. The link leads to a block of the same page; when there is none
 * (or the budget does not last) the slow function checks the target, looks for the block and sets the link. */
#define X86_BRANCH_TAKEN                                                                      \
    do {                                                                                      \
        const struct x86_insn *link__ = i[1].fn;                                              \
        budget -= x86_block_n(link__);                                                        \
        if (UNLIKELY(budget < 0))                                                             \
            X86_TAIL x86_taken_slow(X86_PASS);                                                \
        X86_CHAIN(link__, vpage);                                                             \
    } while (0)
#define X86_BRANCH_NOT_TAKEN                                                                  \
    do {                                                                                      \
        const struct x86_insn *link__ = (const struct x86_insn *)(uintptr_t)i[1].imm;         \
        budget -= x86_block_n(link__);                                                        \
        if (UNLIKELY(budget < 0))                                                             \
            X86_TAIL x86_next_slow(X86_PASS);                                                 \
        X86_CHAIN(link__, vpage);                                                             \
    } while (0)
/* Is there a block at linear address pc (flat: rip) that can be entered right away? For indirect jumps, calls and
 * returns: `if (x86_known(ctx, target)) { ...push...; X86_ENTER(target); }` (or by x86_way()) else the slow way: x86_at(), x86_near_ok(),
 * x86_push(), x86_goto(). Never true where CS is not flat. */
static inline bool x86_known(struct x86_ctx *ctx, u64 pc)
{
    const struct x86_jump *to = x86_jump_at(ctx, pc);
    return LIKELY(to->pc == pc && to->gen == ctx->gen);
}
#define X86_ENTER(pc_) X86_ENTER_AT(x86_jump_at(ctx, pc_)->start, pc_)
#define X86_ENTER_AT(start_, pc_)                                                             \
    do {                                                                                      \
        const u64 pc__ = (pc_);                                                               \
        const struct x86_insn *start__ = (start_);                                            \
        budget -= x86_block_n(start__);                                                       \
        vpage = pc__ & ~PAGE_MASK;                                                            \
        c->r[X86_R_PAGE] = vpage;                                                             \
        i = start__;                                                                          \
        if (UNLIKELY(budget < 0))                                                             \
            X86_TAIL x86_leave_go_on(X86_PASS);                                               \
        X86_TAIL x86_go(X86_PASS);                                                            \
    } while (0)
/* Behind the slot of an indirect jump, call or return: where it went before. Found by comparing one after the other: a host
 * predicts which it will be and goes on; were the block's address the result of a search, all that follows would wait for
 * the target to be computed (measured: 75 cycles for each jump). Entries of another generation are void. */
#define X86_WAYS 8
struct x86_ways {
    u64 gen, n, unused[2];
    struct {
        u64 pc;
        const struct x86_insn *start;
    } way[X86_WAYS];
};
#define X86_WAYS_SLOTS (sizeof(struct x86_ways) / sizeof(struct x86_insn))
_Static_assert(sizeof(struct x86_ways) % sizeof(struct x86_insn) == 0, "ways lie in slots");
static inline const struct x86_insn *x86_way(const struct x86_insn *i, const struct x86_ctx *ctx, u64 pc)
{
    const struct x86_ways *w = (const struct x86_ways *)(const void *)(i + 1);
    if (UNLIKELY(w->gen != ctx->gen))
        return NULL;
    if (w->way[0].pc == pc)
        return w->way[0].start;
    if (w->way[1].pc == pc)
        return w->way[1].start;
    if (w->way[2].pc == pc)
        return w->way[2].start;
    if (w->way[3].pc == pc)
        return w->way[3].start;
    if (w->way[4].pc == pc)
        return w->way[4].start;
    if (w->way[5].pc == pc)
        return w->way[5].start;
    if (w->way[6].pc == pc)
        return w->way[6].start;
    if (w->way[7].pc == pc)
        return w->way[7].start;
    return NULL;
}
/* When there was none: from the table, and remembered while there is room. NULL: not known. */
const struct x86_insn *x86_new_way(const struct x86_insn *i, struct x86_ctx *ctx, u64 pc);

#if X86_TRAMPOLINE
static inline i64 x86_go(X86_ARGS) { X86_CHAIN(i, vpage); }
#else
#define x86_go ((x86_handler *)i->fn)
#endif

/* The offset in CS of a linear address of code. */
static inline u64 x86_rip_of(const struct x86 *c, u64 pc)
{
    return c->code_bits == 64 ? pc : (u32)(pc - c->seg[X86_CS].base);
}
static inline u64 x86_pc_of(const struct x86 *c, u64 rip)
{
    return c->code_bits == 64 ? rip : (u32)(rip + c->seg[X86_CS].base);
}

/* --- leaving and continuing: engine.c --- */
x86_handler x86_leave;       /* before slot i; engine->reason is set by the caller */
x86_handler x86_leave_go_on; /* the same with X86_GO_ON */
x86_handler x86_finish;      /* slot i is done: the next one, unless something wants to be looked at */
x86_handler x86_finish_jump; /* slot i is done and goes to c->next_rip, which was checked (after x86_at()) */
x86_handler x86_raise;       /* c->fault is delivered with the state as before slot i */
x86_handler x86_taken_slow, x86_next_slow; /* budget already reduced by the target's n */
x86_handler x86_h_op, x86_h_op_end, x86_h_op_rep; /* slot i by its op */
/* From the end of a block to offset rip of CS, which was checked; budget as after the block. */
i64 x86_goto(struct x86 *c, i64 budget, struct x86_ctx *ctx, u64 rip);
/* From here on what x86.h declares for ops may be used: c->rip, c->next_rip, clock and retired are those of slot i. */
void x86_at(X86_ARGS);
/* May a near jump go there: in the limit of CS, canonical? False: c->fault. */
bool x86_near_ok(struct x86 *c, u64 rip);
u64 x86_slot_next(const struct x86 *c, const struct x86_insn *i, u64 vpage); /* rip behind slot i: what a call pushes */
enum cpu_stop x86_run(struct cpu *cpu, u64 max_ticks);

/* --- memory: tlb.c, for slow handlers. False: c->fault. Offsets as in x86.h; any alignment. --- */
bool x86_slow_load(X86_ARGS, unsigned seg, u64 offset, unsigned size); /* engine->value */
bool x86_slow_store(X86_ARGS, unsigned seg, u64 offset, unsigned size, u64 value);
/* A read-modify-write in two halves; the second cannot fail. */
bool x86_slow_rmw(X86_ARGS, unsigned seg, u64 offset, unsigned size); /* engine->value */
void x86_slow_rmw_store(struct x86 *c, u64 value);
/* How many of n bytes at an offset can be read or written through *host with no more checks and without anybody being
 * told (all of one page); 0: none, use x86_load() or x86_store(). For REP string ops. */
unsigned x86_span(struct x86 *c, unsigned seg, u64 offset, unsigned n, enum cpu_access access, u8 **host);
void x86_tlb_init(struct x86_engine *e);
struct x86_ctx *x86_context(struct x86 *c);
/* The physical page under linear pc for fetching. False: c->fault. *page is NULL when it may only be fetched piecemeal. */
bool x86_fetch_page(struct x86 *c, struct x86_ctx *ctx, u64 pc, struct cpu_page **page);
bool x86_fetch_bytes(struct x86 *c, u64 pc, u8 *out, unsigned n); /* translating afresh */
void x86_tlb_flush(struct x86 *c);
void x86_jumps_flush(struct x86_engine *e);
void x86_drop_stores(struct x86_engine *e, struct ram *ram, u64 page);
u8 x86_mode_key(const struct x86 *c);

/* --- blocks: block.c --- */
void x86_blocks_init(struct x86_engine *e);
struct x86_block *x86_block_find(struct cpu_page *p, unsigned offset, u8 key);
struct x86_block *x86_block_build(struct x86 *c, struct cpu_page *p, u64 pc, u8 key); /* NULL: c->fault */
/* One that runs once: at most max instructions; p NULL: one instruction from wherever it is. */
struct x86_block *x86_block_once(struct x86 *c, struct cpu_page *p, u64 pc, u8 key, unsigned max);
struct x86_block *x86_block_part(struct x86 *c, const struct x86_block *whole, unsigned max);
/* Slots [from, to) of a block, to be run once by the plain handlers; whatever ends the block comes along. */
struct x86_block *x86_block_slots(struct x86 *c, const struct x86_block *whole, unsigned from, unsigned to);
/* The handlers of a slot with an instruction in it, in blocks of a mode: the fast one, or NULL; that one or its op's. */
x86_handler *x86_fast_handler(const struct x86_insn *i, u8 key);
x86_handler *x86_plain_handler(const struct x86_engine *e, const struct x86_insn *i, u8 key);
void x86_blocks_restop(struct x86 *c); /* cpu_pages_restop() */

/* Pseudo slots. */
x86_handler x86_h_next, x86_h_stop, x86_h_magic, x86_h_straddle, x86_h_nowhere, x86_h_hot, x86_h_usable, x86_h_bad, x86_h_set_sp;

#endif
