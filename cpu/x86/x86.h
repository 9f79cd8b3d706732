/* An x86 processor, 8086 to x86-64. Manual: "Intel 64 and IA-32 Architectures Software Developer's Manual" (SDM),
 * volumes 1 to 3; "AMD64 Architecture Programmer's Manual" (APM) where the two differ and the text says so. */
#ifndef CPU_X86_H
#define CPU_X86_H

#include "cpu/cpu.h"
#include "cpu/tables.h"
#include "cpu/x86/config.h"

struct x86;
struct x86_insn;
struct x86_engine; /* block cache, software TLB: engine.c; derived, never saved */

/* Numbers of general registers as encoded; byte operands AH CH DH BH are 20..23. r[X86_NONE] is always 0: a base or
 * index that is not there; writes that go nowhere go to r[X86_SINK]. */
enum { X86_AX, X86_CX, X86_DX, X86_BX, X86_SP, X86_BP, X86_SI, X86_DI, X86_NONE = 16, X86_SINK = 17, X86_AH = 20 };
/* Segment registers as encoded, then the system segments. */
enum { X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR, X86_SEGS };

/* A segment register with its hidden part (SDM 3, 3.4.3). */
struct x86_seg {
    u16 selector;
    bool valid;  /* usable: not null (always true in real and virtual-8086 mode) */
    u8 type;     /* the four type bits */
    bool s;      /* code or data, not a system segment */
    u8 dpl;
    bool present, avl, l, db, g;
    u32 limit; /* in bytes, already scaled */
    u64 base;
};

struct x86_table { /* GDTR, IDTR */
    u64 base;
    u16 limit;
};

/* EFLAGS (SDM 1, 3.4.3) */
#define X86_CF (1u << 0)
#define X86_PF (1u << 2)
#define X86_AF (1u << 4)
#define X86_ZF (1u << 6)
#define X86_SF (1u << 7)
#define X86_TF (1u << 8)
#define X86_IF (1u << 9)
#define X86_DF (1u << 10)
#define X86_OF (1u << 11)
#define X86_IOPL (3u << 12)
#define X86_NT (1u << 14)
#define X86_RF (1u << 16)
#define X86_VM (1u << 17)
#define X86_AC (1u << 18)
#define X86_VIF (1u << 19)
#define X86_VIP (1u << 20)
#define X86_ID (1u << 21)
#define X86_ARITH (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

/* CR0, CR4, EFER (SDM 3, 2.5 and 2.2.1) */
#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_AM (1u << 18)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)
#define CR0_PG (1u << 31)
#define CR4_VME (1u << 0)
#define CR4_PVI (1u << 1)
#define CR4_TSD (1u << 2)
#define CR4_DE (1u << 3)
#define CR4_PSE (1u << 4)
#define CR4_PAE (1u << 5)
#define CR4_MCE (1u << 6)
#define CR4_PGE (1u << 7)
#define CR4_PCE (1u << 8)
#define CR4_OSFXSR (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP (1u << 11)
#define CR4_LA57 (1u << 12)
#define CR4_FSGSBASE (1u << 16)
#define CR4_PCIDE (1u << 17)
#define CR4_OSXSAVE (1u << 18)
#define CR4_SMEP (1u << 20)
#define CR4_SMAP (1u << 21)
#define CR4_PKE (1u << 22)
#define EFER_SCE (1u << 0)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)
#define EFER_NXE (1u << 11)
#define EFER_FFXSR (1u << 14)

/* Exceptions (SDM 3, table 6-1) */
enum x86_vector {
    EXC_DE, EXC_DB, EXC_NMI, EXC_BP, EXC_OF, EXC_BR, EXC_UD, EXC_NM, EXC_DF, EXC_CSO, EXC_TS, EXC_NP, EXC_SS, EXC_GP, EXC_PF,
    EXC_MF = 16, EXC_AC, EXC_MC, EXC_XM,
};

/* 32 bytes of a vector register; also used for the operands of vector instructions. */
union x86_vec {
    u8 b[32];
    u16 w[16];
    u32 d[8];
    u64 q[4];
    i8 sb[32];
    i16 sw[16];
    i32 sd[8];
    i64 sq[4];
    float f[8];
    double lf[4];
};

struct x86_f80 { /* an 80-bit number: sign and exponent, then the significand with its integer bit */
    u64 m;
    u16 se;
};

struct x86_fpu {
    u16 cw, sw; /* TOP is in sw */
    u8 valid;   /* the abridged tag word: bit n is 1 when physical register n is not empty */
    u16 fop, fcs, fds;
    u64 fip, fdp;
    struct x86_f80 st[8]; /* physical registers; MMn is st[n].m */
};

/* What is asked of a local APIC, given by the board (iodev/intc/lapic.h has one); NULL members: there is none. */
struct x86_apic {
    void *opaque;
    int (*pending)(void *opaque);     /* the vector that would be taken now, or -1 */
    int (*acknowledge)(void *opaque); /* takes it */
    bool (*read)(void *opaque, u32 offset, u32 *value);  /* of the 4 KiB at the APIC base */
    bool (*write)(void *opaque, u32 offset, u32 value);
    bool (*msr_read)(void *opaque, u32 msr, u64 *value); /* 0x1B, 0x6E0, 0x800-0x8FF; false: #GP */
    bool (*msr_write)(void *opaque, u32 msr, u64 value);
    u64 (*base)(void *opaque); /* IA32_APIC_BASE */
    u8 (*get_tpr)(void *opaque); /* CR8: bits 7:4 of the TPR */
    void (*set_tpr)(void *opaque, u8 value);
};

/* What a board gives the CPU beside memory. */
struct x86_board {
    struct space *io; /* I/O ports */
    struct x86_apic apic;
    u8 (*inta)(void *opaque); /* the 8259's interrupt acknowledge cycle */
    void *inta_opaque;
    void (*ferr)(void *opaque, bool level); /* FERR# (IRQ 13); may be NULL */
    void *ferr_opaque;
    /* System management RAM: what a CPU in SMM sees at 0xA0000 to 0xBFFFF; NULL: the board has none. */
    struct ram *(*smram)(void *opaque, u64 *offset); /* NULL returned: closed to CPUs in SMM as well */
    void *smram_opaque;
    void (*shutdown)(void *opaque, struct x86 *c); /* triple fault: the board decides (reset or stop) */
    void *shutdown_opaque;
    /* The program has lost its way: it executes zeros, or comes to the same exception in the same state for ever. NULL: nobody
     * wants to know. `what` is a sentence; jump: x86_tell_jump() says more, else
     * x86_tell_story(). Once until the next reset. */
    void (*lost)(void *opaque, struct x86 *c, const char *what, bool jump);
    void *lost_opaque;
    u64 seed; /* RDRAND */
};

/* set_irq lines. INTR is the 8259's output, a level; NMI and SMI are edges. A20 true lets address bit 20 through. */
enum x86_line { X86_LINE_INTR, X86_LINE_NMI, X86_LINE_SMI, X86_LINE_A20, X86_LINE_APIC /* apic.pending() may have changed */ };

enum x86_activity { X86_RUNNING, X86_HALTED, X86_MWAIT, X86_WAIT_FOR_SIPI, X86_SHUTDOWN };

/* Why an exception or interrupt came, for the story that is told when all goes wrong: the last ones, newest at
 * n_story - 1 mod X86_STORY. Not state of the guest. */
#define X86_STORY 16
struct x86_story {
    u64 when, retired, rip, cs_base, rsp, cr2, cr3, rflags;
    u16 cs, ss;
    u8 vector, cpl;
    u8 mode; /* bits of the code, and X86_STORY_* */
    bool has_error, software, external, shadowed /* raised while delivering the one before */;
    u32 error;
    u64 gate[2];      /* the IDT entry that was used, as read; 0 when it could not be read */
    const char *why;  /* a constant sentence: what was wrong ("limit of ES exceeded") or NULL */
};

enum { X86_STORY_PROTECTED = 1, X86_STORY_LONG = 2, X86_STORY_LEGACY = 4 /* real or virtual-8086 mode */ };

/* Who wrote a register last that much hangs on. Not state of the guest: a snapshot does not have it. */
enum x86_wrote_what { X86_WROTE_CR0, X86_WROTE_CR3, X86_WROTE_CR4, X86_WROTE_GDTR, X86_WROTE_IDTR, X86_WROTE_TR, X86_WROTE_SP,
                      X86_WROTE_COUNT };
struct x86_wrote {
    u64 when, retired, rip, linear, value, cr3;
    u16 cs;
    u8 mode;
    const char *how; /* not by the instruction at rip alone: "a task switch"; NULL: by it. With when 0: nobody yet */
};

struct x86_fault { /* the exception the operation just tried has raised */
    u8 vector;
    bool has_error;
    u32 error;
    u64 cr2;         /* of #PF */
    u64 dr6;         /* bits to set with #DB */
    const char *why; /* constant text for the story; never NULL after x86_fault_*() */
};

struct x86 {
    struct cpu cpu; /* first */

    /* --- Architectural state: everything up to `config` is saved and hashed (hart.c lists it). --- */
    u64 r[24];  /* 0..15 as encoded; 16 is 0, 17 a sink (no state), the rest unused */
    u64 rip;    /* exact outside run() and during ops; offset in CS */
    u64 rflags; /* the arithmetic flags in it are only valid after x86_flags(): see arith */
    struct x86_seg seg[X86_SEGS];
    struct x86_table gdtr, idtr;
    u64 cr0, cr2, cr3, cr4, xcr0, dr[8];
    u32 pkru;
    u8 cpl;
    u8 activity;      /* enum x86_activity */
    u32 wait_left;    /* ticks that a PAUSE still takes */
    u8 shadow;        /* interrupt shadow: 0, X86_SHADOW_STI, X86_SHADOW_SS; lasts for one instruction */
    bool nmi_blocked; /* until IRET */
    bool nmi_pending, smi_pending, init_pending;
    bool intr;        /* level of INTR */
    u32 db_pending;   /* DR6 bits of the #DB trap due after this instruction. Who steps sets DR6_BS before each instruction that
                       * begins with TF=1; x86_deliver() clears it (INT n and faults cancel the trap), x86_take_pending()
                       * takes it. It waits while the MOV SS shadow lasts. */
    bool a20;         /* address bit 20 is let through */
    bool smm;
    u32 smbase;
    u64 efer, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, pat, tsc_aux,
        misc_enable, tsc_offset, mtrr_def_type, mtrr_base[8], mtrr_mask[8], mtrr_fixed[11],
        mcg_status, debugctl, spec_ctrl, xss, bios_sign_id;
    u64 pdpte[4];       /* PAE: loaded with CR3 (SDM 3, 4.4.1) */
    u64 monitor_addr;   /* physical; ~0: not armed */
    u64 monitor_value;
    u64 rng;            /* RDRAND, RDSEED */
    struct x86_fpu fpu;
    u32 mxcsr;
    union x86_vec v[16];

    /* The arithmetic flags while run() runs (flags.h); put into rflags and back whenever somebody outside run() can look,
     * so that equal states are equal bytes. */
    union {
        u16 arith;
        u64 arith_wide; /* the same, the rest 0 */
    };

    struct x86_config config;
    struct x86_board board;

    /* --- Derived, not saved. --- */
    u64 next_rip;  /* during an op: of the next instruction; a jump changes it */
    struct x86_fault fault;
    struct x86_story story[X86_STORY];
    u32 n_story;
    struct x86_wrote wrote[X86_WROTE_COUNT];
    struct { /* the exception that came last, and how often in the same state */
        u64 rip, rsp, cr2, regs;
        u32 error, times;
        u8 vector;
    } again;
    u64 zeros, zeros_end; /* bytes of zeros executed in a row, and where the next would be (linear) */
    bool lost;     /* board.lost was called */
    struct x86_engine *engine;
    /* How each segment may be used, recomputed by x86_mode_changed(): an access of n bytes at offset o needs no further
     * look when o + n - 1 <= read_max (write_max) without overflow. In 64-bit mode they are ~0. 0: look (x86_seg_check). */
    struct x86_fast_seg {
        u64 base; /* what is added to an offset: 0 in 64-bit mode but for FS and GS */
        u64 read_max, write_max;
    } fast[6];
    u8 code_bits;  /* 16, 32, 64: what CS says */
    u8 stack_size; /* 2, 4, 8: bytes of the stack pointer */
};
/* DR6, DR7 (SDM 3, 17.2) */
#define DR6_BD (1u << 13)
#define DR6_BS (1u << 14)
#define DEBUGCTL_BTF 2 /* IA32_DEBUGCTL: TF traps branches only */
#define DR6_BT (1u << 15)
#define DR7_GD (1u << 13)
#define X86_SHADOW_STI 1
#define X86_SHADOW_SS 2

struct cpu *x86_new(struct arena *a, const struct x86_config *config, unsigned index, struct space *mem,
                    struct clock *clock, struct event_bus *bus, const struct x86_board *board, struct err *e);
void x86_init_signal(struct x86 *c);            /* INIT: keeps caches, FPU and such as SDM 3, table 9-1 */
void x86_init_now(struct x86 *c);               /* the same of a CPU between two instructions and not in SMM */
void x86_reset_state(struct x86 *c);            /* power-on: the same table; processors but the first wait for SIPI */
void x86_startup(struct x86 *c, u8 vector);     /* SIPI */
static inline struct x86 *x86_of(struct cpu *c) { return (struct x86 *)c; }

static inline bool x86_protected(const struct x86 *c) { return c->cr0 & CR0_PE; }
static inline bool x86_v86(const struct x86 *c) { return c->rflags & X86_VM; }
static inline bool x86_real_or_v86(const struct x86 *c) { return !(c->cr0 & CR0_PE) || (c->rflags & X86_VM); }
static inline bool x86_long(const struct x86 *c) { return c->efer & EFER_LMA; }
static inline bool x86_64bit(const struct x86 *c) { return c->code_bits == 64; }
static inline bool x86_paging(const struct x86 *c) { return c->cr0 & CR0_PG; }

/* --- operations ------------------------------------------------------------------------------------------------------
 * An op executes one instruction outside the fast handlers. c->rip is the address of the instruction, c->next_rip that of
 * the next one; clock and retired are exact, as before it. False: c->fault says what it raised, and nothing of the state
 * that software can see was changed (but what the manual says is changed). REP: an op does one iteration, and sets next_rip
 * to rip when more remain, so that interrupts are taken between iterations. */
typedef bool x86_op(struct x86 *c, const struct x86_insn *i);

/* Raise: all return false. `why` is a constant sentence fragment for the story: "limit of the segment exceeded". */
bool x86_fault(struct x86 *c, unsigned vector, const char *why);                 /* no error code */
bool x86_fault_code(struct x86 *c, unsigned vector, u32 error, const char *why); /* with one */
bool x86_fault_page(struct x86 *c, u64 linear, u32 error, const char *why);
static inline bool x86_gp0(struct x86 *c, const char *why) { return x86_fault_code(c, EXC_GP, 0, why); }
static inline bool x86_ud(struct x86 *c, const char *why) { return x86_fault(c, EXC_UD, why); }

/* --- flags: flags.h, flags.c */
u64 x86_flags(const struct x86 *c);              /* RFLAGS, arithmetic flags included */
void x86_set_flags(struct x86 *c, u64 rflags);   /* all of it, no checks; the caller sees to the effects of IF, TF, VM */
void x86_set_arith(struct x86 *c, u32 flags);    /* the arithmetic flags alone */

/* --- memory for ops: mem.c (on tlb.c). Offsets are within a segment, checked for limit, type, canonical form and
 * alignment (#AC); size 1, 2, 4, 8. */
bool x86_load(struct x86 *c, unsigned seg, u64 offset, unsigned size, u64 *value);
bool x86_store(struct x86 *c, unsigned seg, u64 offset, unsigned size, u64 value);
bool x86_load_bytes(struct x86 *c, unsigned seg, u64 offset, void *out, unsigned n); /* n <= 64, up to 4096 for FXSAVE & co. */
bool x86_store_bytes(struct x86 *c, unsigned seg, u64 offset, const void *in, unsigned n); /* all or nothing */
bool x86_store_check(struct x86 *c, unsigned seg, u64 offset, unsigned size); /* would a store fault? */
/* Linear; `system`: an implicit supervisor access (descriptor tables, TSS), else with the rights of CPL. */
bool x86_load_linear(struct x86 *c, u64 linear, unsigned size, bool system, u64 *value);
bool x86_store_linear(struct x86 *c, u64 linear, unsigned size, bool system, u64 value);
/* The memory operand of an instruction: offset in its segment, by address size. */
u64 x86_ea(const struct x86 *c, const struct x86_insn *i);
bool x86_push(struct x86 *c, unsigned size, u64 value); /* by stack_size; SP changes only when it succeeds */
bool x86_pop(struct x86 *c, unsigned size, u64 *value);
/* I/O ports: the permission check (IOPL, TSS bitmap: SDM 1, 19.5) and the access. */
bool x86_io_allowed(struct x86 *c, u16 port, unsigned size);
u64 x86_in(struct x86 *c, u16 port, unsigned size);
void x86_out(struct x86 *c, u16 port, unsigned size, u64 value);

/* --- segments: seg.c */
/* False (with the fault) when an access of n bytes at an offset is not allowed: limit, type, null, canonical. */
bool x86_seg_check(struct x86 *c, unsigned seg, u64 offset, u64 n, enum cpu_access access);
bool x86_load_seg(struct x86 *c, unsigned seg, u16 selector); /* MOV, POP, LDS...: all checks of mode and type */
void x86_set_seg_real(struct x86 *c, unsigned seg, u16 selector); /* real and v86 mode: base = selector * 16 */
bool x86_read_descriptor(struct x86 *c, u16 selector, u64 out[2]); /* out[1]: upper half of system ones in long mode */
bool x86_far_jump(struct x86 *c, u16 selector, u64 offset, unsigned osize);
bool x86_far_call(struct x86 *c, u16 selector, u64 offset, unsigned osize);
bool x86_far_return(struct x86 *c, unsigned osize, u16 release);
/* After any change of CR0, CR4, EFER, RFLAGS.VM, CPL or a segment register: recompute what is derived (code_bits, stack_size,
 * fast[]) and tell the engine that its context may have changed. */
void x86_mode_changed(struct x86 *c);
const char *x86_privilege(const struct x86 *c); /* "real", "v86", "CPL 0" to "CPL 3" */

/* --- interrupts and exceptions: trap.c */
enum x86_event { X86_EV_EXCEPTION, X86_EV_EXTERNAL, X86_EV_SOFTWARE /* INT n */, X86_EV_INT3 /* INT3, INTO, INT1 */ };
/* Delivers through the IVT, IDT or a task gate. rip is the address to return to (c->rip for faults, c->next_rip for
 * software interrupts). Exceptions on the way become double faults, and in the end a shutdown (activity X86_SHUTDOWN and
 * board.shutdown()): it always succeeds. */
void x86_deliver(struct x86 *c, unsigned vector, enum x86_event kind, bool has_error, u32 error, u64 rip);
/* Delivers c->fault. */
void x86_deliver_fault(struct x86 *c);
/* Between instructions: takes what is pending (SMI, NMI, INTR, APIC, INIT, single-step trap) by priority (SDM 3, table 6-2).
 * True: something was taken, the state changed. */
bool x86_take_pending(struct x86 *c);
bool x86_wakes(const struct x86 *c); /* would a halted CPU wake? */
void x86_enter_smm(struct x86 *c);

/* --- paging: mmu.c */
#define X86_LEVELS_MAX 5
struct x86_xlat {
    u64 pa;
    bool ok;
    u32 error;       /* of the #PF when not ok */
    const char *why; /* "not present at level 2" */
    bool dirty;      /* loads only: a store through this mapping needs no further walk */
    bool writable, user, executable, global;
    u8 n_ptes, pte_bytes, width; /* of the walk, when it ended well; width: bits of linear addresses that count */
    struct cpu_pte pte[X86_LEVELS_MAX];
};
/* One access that does not cross a page. Sets accessed and dirty bits. user: with the rights of CPL 3. */
void x86_translate(struct x86 *c, u64 linear, enum cpu_access access, bool user, struct x86_xlat *out);
void x86_walk(struct cpu *c, u64 linear, enum cpu_access access, struct cpu_walk *w); /* cpu_ops.walk: no side effects */
u64 x86_a20(const struct x86 *c, u64 pa); /* bit 20 cleared while the gate is closed */
/* In SMM, the RAM that answers at this physical address instead of the bus (board.smram), and where in it; else NULL. */
struct ram *x86_smram_at(const struct x86 *c, u64 pa, u64 *at);
/* Debug registers (SDM 3, 17.2.4). Is an instruction breakpoint enabled at this linear address? Then c->fault is its #DB. */
bool x86_code_breakpoint(struct x86 *c, u64 linear);
/* A data access was made: note breakpoints on it in db_pending. Callers test x86_breakpoints() first. */
void x86_data_accessed(struct x86 *c, u64 linear, unsigned size, bool write);
static inline bool x86_breakpoints(const struct x86 *c) { return c->dr[7] & 0xff; }

/* What the engine must do after state was changed under it: engine.c */
void x86_flush_translations(struct x86 *c); /* CR0.PG/WP, CR3, CR4, EFER, INVLPG, A20, SMM... */
void x86_look_again(struct x86 *c);         /* interrupts may be pending, or IF, the shadow or TF changed: leave the block */

extern const struct event_type x86_event_trap, x86_event_reset; /* cpu.trap, cpu.reset */
extern const struct event_type x86_event_register, x86_event_mode;
extern const struct event_type x86_event_interrupt; /* cpu.trap of an interrupt, or of INT n */

/* --- debugging aid: tell.c. What the last exceptions were and why, as text: the causal chain of a triple fault. */
struct x86_names { /* what an address is called: "main+12 at kernel.c:34"; nothing is written when it has no name */
    void (*name)(void *opaque, u64 linear, char *out, size_t n);
    void *opaque;
};
void x86_tell_story(const struct x86 *c, const struct x86_names *names, struct buf *out); /* names may be NULL */
void x86_tell_jump(const struct x86 *c, const struct x86_names *names, struct buf *out); /* to zeros: where from */
bool x86_story_meant(const struct x86 *c); /* a triple fault that was made to reset the machine: INT3 with an empty IDT */
bool x86_stuck(const struct cpu *cpu, char *why, size_t n); /* cpu_ops.stuck */
const char *x86_vector_name(unsigned vector); /* "#GP general protection fault"; NULL: not an exception's */
unsigned x86_disasm(const struct cpu *c, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len);

#endif
