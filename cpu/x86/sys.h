/* What the files of the system side share: descriptors, stack frames, control transfers. Nothing outside cpu/x86 reads it. */
#ifndef CPU_X86_SYS_H
#define CPU_X86_SYS_H

#include "cpu/x86/insn.h"
#include "cpu/x86/x86.h"

#define BIT64(n) ((u64)1 << (n))

/* Error code of #PF (SDM 3, 4.7) */
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

/* Types of system descriptors (SDM 3, table 3-2) */
enum {
    SYS_TSS16 = 1, SYS_LDT = 2, SYS_TSS16_BUSY = 3, SYS_CALL16 = 4, SYS_TASK_GATE = 5, SYS_INT16 = 6, SYS_TRAP16 = 7,
    SYS_TSS = 9, SYS_TSS_BUSY = 11, SYS_CALL = 12, SYS_INT = 14, SYS_TRAP = 15,
};
/* Bits of the type of code and data descriptors (table 3-1) */
enum { TYPE_ACCESSED = 1, TYPE_WRITE = 2 /* of data */, TYPE_READ = 2 /* of code */, TYPE_DOWN = 4 /* data that expand down */,
       TYPE_CONFORMING = 4, TYPE_CODE = 8 };

enum { SMRAM_BASE = 0xA0000, SMRAM_LAST = 0xBFFFF };

static inline bool has(const struct x86 *c, enum x86_feature f) { return x86_has_feature(&c->config, f); }
static inline unsigned iopl(const struct x86 *c) { return (unsigned)(c->rflags >> 12) & 3; }
static inline bool is_null(u16 selector) { return !(selector & 0xfffc); }
/* Of a selector, as error codes have it: without RPL. */
static inline u32 sel_error(u16 selector) { return selector & 0xfffc; }
static inline unsigned linear_bits(const struct x86 *c) { return c->cr4 & CR4_LA57 ? 57 : 48; }
/* Canonical, or below 4 GiB outside long mode. */
static inline bool x86_linear_ok(const struct x86 *c, u64 linear)
{
    return x86_long(c) ? (u64)sign_extend(linear, linear_bits(c)) == linear : linear >> 32 == 0;
}
/* Canonical for this model, whatever CR4.LA57 says: so processors look at what is only kept (bases of tables and segments, MSRs)
 * or only thrown out of the TLB. WRFSBASE and WRGSBASE go by CR4.LA57 (decision 084). */
static inline bool x86_base_ok(const struct x86 *c, u64 linear)
{
    return (u64)sign_extend(linear, c->config.linear_bits) == linear;
}
static inline u64 stack_mask(unsigned stack_size) { return size_mask(stack_size); }

/* --- descriptors: seg.c --- */
struct x86_desc {
    u64 raw, hi; /* hi: the second half of the 16-byte ones of long mode */
    u64 at;      /* linear */
    struct x86_seg seg; /* raw as a segment register would have it */
};
/* Reads the descriptor of a selector that is not null. Outside its table: `vector` with the selector, `why`. */
bool x86_fetch_desc(struct x86 *c, u16 selector, unsigned vector, struct x86_desc *d);
bool x86_fetch_high(struct x86 *c, u16 selector, unsigned vector, struct x86_desc *d); /* d->hi */
void x86_seg_of(const struct x86 *c, u16 selector, u64 raw, struct x86_seg *s);
/* Sets the accessed bit in memory when it is clear. */
bool x86_mark_accessed(struct x86 *c, struct x86_desc *d);
bool x86_set_busy(struct x86 *c, u64 at, bool busy); /* of the TSS descriptor at this linear address */
void x86_null_seg(struct x86 *c, unsigned seg, u16 selector);
/* What returning to an outer level does to data segments it may not have (SDM 2, RET). */
void x86_drop_inner_segs(struct x86 *c);
/* A code segment for a transfer; `cpl` becomes CPL. Nothing is checked any more. */
void x86_set_cs(struct x86 *c, const struct x86_seg *s, u16 selector, unsigned cpl);
void x86_set_ss_long(struct x86 *c, unsigned cpl); /* the null SS of a 64-bit inner level */
bool x86_check_ss(struct x86 *c, u16 selector, unsigned cpl, unsigned vector, struct x86_desc *d);
/* Is an offset within a code segment (or canonical)? Else #GP(0). */
bool x86_check_target(struct x86 *c, const struct x86_seg *cs, u64 offset);
static inline bool seg_is_64(const struct x86 *c, const struct x86_seg *cs) { return x86_long(c) && cs->l; }

/* --- stacks: frame.c --- */
struct x86_stack {
    struct x86_seg ss;
    u64 sp;
    unsigned width; /* bytes of the stack pointer */
    u32 error;      /* of the #SS when it has no room */
    bool system;    /* an inner level than CPL */
};
void x86_stack_here(const struct x86 *c, struct x86_stack *s); /* the current one */
bool x86_stack_inner(struct x86 *c, unsigned cpl, struct x86_stack *s); /* from the TSS (SDM 3, 5.8.5); #TS */
/* Pushes n values, the first one at the highest address: all or none. Moves s->sp. */
bool x86_push_frame(struct x86 *c, struct x86_stack *s, unsigned size, const u64 *v, unsigned n);
void x86_use_stack(struct x86 *c, const struct x86_stack *s); /* SS and SP become it */
/* The k-th value of `size` bytes above SP. */
bool x86_stack_peek(struct x86 *c, unsigned k, unsigned size, u64 skip, u64 *v);
void x86_set_sp(struct x86 *c, u64 sp); /* by stack_size */
bool x86_read_tss(struct x86 *c, u64 offset, unsigned size, u64 *v);

/* --- returns: far.c */
bool x86_check_return_cs(struct x86 *c, u16 selector, struct x86_desc *d);
bool x86_check_return_ss(struct x86 *c, u16 selector, unsigned rpl, bool to_64, struct x86_stack *s);

/* --- tasks: task.c --- */
enum { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_IRET, X86_TASK_INT };
/* c->next_rip is what the old task goes on with. committed: the fault is one of the new task. */
bool x86_switch_task(struct x86 *c, u16 selector, int source, bool has_error, u32 error, bool *committed);

/* For instructions: what goes wrong in the new task is delivered there. */
bool x86_to_task(struct x86 *c, u16 selector, int source);

/* --- flags --- */
/* POPF and IRET: the bits of `mask` are written. */
void x86_write_flags(struct x86 *c, u64 value, u64 mask);
u64 x86_pushed_flags(const struct x86 *c); /* as PUSHF and interrupts store them, without changes for v86 */

u64 x86_tsc(const struct x86 *c);
bool x86_msr_read(struct x86 *c, u32 number, u64 *value); /* #GP(0) */
bool x86_msr_write(struct x86 *c, u32 number, u64 value);

bool x86_load_pdptes(struct x86 *c, u64 cr3);
bool x86_write_cr(struct x86 *c, unsigned cr, u64 value);

void x86_walk_as(struct x86 *c, u64 linear, enum cpu_access access, bool user, struct cpu_walk *w);
/* "selector 0x0010 of the GDT", "a store by CPL 3 to a page that is present" */
void x86_error_text(unsigned vector, u32 error, char *out, size_t n);
u64 x86_monitored(const struct x86 *c); /* what the line at monitor_addr holds, as one number */
/* I/O breakpoints, and the debugger's */
void x86_io_accessed(struct x86 *c, u16 port, unsigned size, enum cpu_access access, u64 value);

/* What the rows name. */
#define INSN(id, mnemonic, encoding, operands, meaning, flags, cpu, section, doc) x86_op x86_op_##meaning;
#include "cpu/x86/insn_sys.def"
#undef INSN
x86_op x86_op_ud;

/* For the story: this instruction (or `how`) wrote it. */
static inline u8 x86_story_mode(const struct x86 *c)
{
    return (u8)(c->code_bits | (x86_protected(c) ? X86_STORY_PROTECTED : 0) | (x86_long(c) ? X86_STORY_LONG : 0) |
                (x86_real_or_v86(c) ? X86_STORY_LEGACY : 0));
}
static inline void x86_note(struct x86 *c, enum x86_wrote_what what, u64 value, const char *how)
{
    c->wrote[what] = (struct x86_wrote){
        .when = c->cpu.clock ? c->cpu.clock->now + 1 : 1, .retired = c->cpu.retired, .rip = c->rip,
        .linear = c->code_bits == 64 ? c->rip : (u32)(c->seg[X86_CS].base + c->rip), .value = value, .cr3 = c->cr3,
        .cs = c->seg[X86_CS].selector, .mode = x86_story_mode(c), .how = how };
}
void x86_lost(struct x86 *c, const char *what, bool jump); /* tells the board, once */

/* --- operands --- */
static inline u64 get_reg(const struct x86 *c, unsigned n, unsigned size)
{
    if (n >= X86_AH)
        return c->r[n - X86_AH] >> 8 & 0xff;
    return c->r[n] & size_mask(size);
}
static inline void set_reg(struct x86 *c, unsigned n, unsigned size, u64 v)
{
    if (n >= X86_AH)
        c->r[n - X86_AH] = bits_set(c->r[n - X86_AH], 8, 8, v);
    else if (size >= 4)
        c->r[n] = v & size_mask(size);
    else
        c->r[n] = bits_set(c->r[n], 0, 8 * size, v);
}
static inline bool get_rm(struct x86 *c, const struct x86_insn *i, unsigned size, u64 *v)
{
    if (i->flags & X86_I_MEM)
        return x86_load(c, x86_segno(i), x86_ea(c, i), size, v);
    *v = get_reg(c, i->rm, size);
    return true;
}
static inline bool set_rm(struct x86 *c, const struct x86_insn *i, unsigned size, u64 v)
{
    if (i->flags & X86_I_MEM)
        return x86_store(c, x86_segno(i), x86_ea(c, i), size, v);
    set_reg(c, i->rm, size, v);
    return true;
}

/* "cpu.tlb", for those who listen. */
void x86_tell_flush(struct x86 *c, const char *what, u64 linear);

#endif
