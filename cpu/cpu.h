/* What every CPU is, to those above who do not know which one it is. */
#ifndef CPU_CPU_H
#define CPU_CPU_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/desc.h"
#include "base/event.h"
#include "base/types.h"
#include "memory/space.h"

struct cpu;

/* Why run() came back. */
enum cpu_stop {
    CPU_BUDGET,    /* all ticks given were used */
    CPU_IDLE,      /* waits for an interrupt and none is pending */
    CPU_ATTENTION, /* clock->attention was set by something it did */
    CPU_BREAK,     /* about to execute an armed code address (cpu->hit); nothing of it was executed */
    CPU_WATCH,     /* the instruction just completed touched an armed data range (cpu->hit) */
    CPU_SEMIHOST,  /* about to execute a semihosting call, with cpu->semihosting set */
    CPU_DIVERGED,  /* compiled code did not do what the interpreter does (cpu->report); only when that is checked */
};

enum cpu_access { CPU_READ = 1, CPU_WRITE = 2, CPU_EXEC = 4, CPU_USER = 8 /* walk() only: as if from user mode */ };

/* Armed addresses; owned by the debugger, shared by all CPUs of a machine. Virtual addresses, but where it says so. */
struct cpu_stops {
    const u64 *code; /* sorted */
    size_t n_code;
    const u64 *phys; /* physical addresses of code; sorted */
    size_t n_phys;
    const struct cpu_watch {
        u64 addr, len;
        u8 access; /* CPU_READ | CPU_WRITE */
        bool physical;
    } *watch;
    size_t n_watch;
    /* NULL, or for many: `watch` is sorted by address, the n_virtual that are not physical first, and reach[k] is the highest
     * last address among those of its sort up to k. */
    const u64 *reach;
    size_t n_virtual;
    const struct cpu_watch *port; /* I/O ports: addr is the first one, CPU_READ is IN, CPU_WRITE is OUT */
    size_t n_port;
    /* Registers with `told`: "cpu.general" is emitted when one changes (to this value only). */
    const struct cpu_reg_watch {
        const struct cpu_reg *reg; /* as the first CPU has it */
        u64 value;
        bool only; /* to `value` */
    } *reg;
    size_t n_reg;
};

struct cpu_hit {
    u64 addr, paddr;
    u8 size, access;
    bool port; /* addr is an I/O port */
    u64 old_value, value; /* of a watched store, up to 8 bytes */
};

/* What an instruction means to the flow of control, whatever the ISA. */
enum cpu_flow {
    CPU_FLOW_NEXT,        /* the next one follows */
    CPU_FLOW_BRANCH,      /* conditional */
    CPU_FLOW_JUMP,
    CPU_FLOW_CALL,        /* keeps where it came from */
    CPU_FLOW_RETURN,
    CPU_FLOW_TRAP,        /* asks for a handler: ecall, INT n, SYSCALL */
    CPU_FLOW_TRAP_RETURN, /* leaves one: sret, IRET, SYSRET */
};

/* One retired (or trapped) instruction, as tracers and timing models see it. */
struct cpu_retire {
    u64 pc, next_pc; /* virtual; linear on x86 */
    u32 insn;       /* the bits; 16-bit instructions have the upper half clear */
    u8 length;      /* bytes */
    u8 bytes[15];   /* all of them where instructions are longer than 4 bytes (x86); `insn` has the first */
    u8 flow;        /* enum cpu_flow */
    bool taken;     /* a conditional branch whose condition held */
    bool trapped;   /* did not retire: an exception was taken; next_pc is the handler */
    u8 privilege;
    u64 rs1, rs2;   /* operand values as read (RISC-V integer); 0 where there is no such operand */
    u8 rs1_reg, rs2_reg; /* their numbers; 0 where there is none */
    u16 op;         /* index of the instruction's declaration */
    /* Writes to registers and memory in the order of the ISA's log. */
    u8 n_writes;
    struct {
        const struct cpu_reg *reg;
        u64 value;
    } write[4];
    u8 n_mem;
    struct {
        u64 addr, paddr, value;
        u8 size, access;
    } mem[4];
};

static inline bool cpu_stops_any(const struct cpu_stops *s)
{
    return s->n_code || s->n_phys || s->n_watch || s->n_port || s->n_reg;
}
bool cpu_watched_among(const struct cpu_stops *s, u64 va, u64 pa, u64 size, unsigned access); /* when there is s->reach */

#define EVENT_ALL UINT64_MAX /* as the address of a "cpu.tlb": of everything */

struct cpu_observer {
    /* Called after each instruction. Returns how many ticks it took: 1 unless it is a timing model. */
    u64 (*retire)(void *opaque, struct cpu *c, const struct cpu_retire *r);
    void *opaque;
};

struct cpu_reg { /* lists end with a NULL name */
    const char *name;
    const char *group; /* "general", "float", "csr" */
    u16 bits;
    u32 number; /* the ISA's own: register number, CSR address */
    bool told;  /* the CPU itself can tell when it changes: see cpu_stops.reg */
    const struct reg_field *fields;
    const char *doc;
};

/* Fields: name, old value, new value. */
extern const struct event_type cpu_event_general;

/* A page-table walk told step by step. */
struct cpu_walk {
    u64 va, pa;
    bool ok;
    const char *fault; /* "store page fault": what the CPU would raise; NULL when ok */
    char why[160];     /* "level 1 PTE at 0x80201008 is 0x0: V=0, not valid" */
    char mode[16];     /* "Sv39", "bare" */
    u8 n_levels;
    struct {
        u8 level;
        u64 pte_addr, pte;
        char text[64]; /* decoded flags */
    } level[6];
};

struct cpu_ops {
    const char *isa; /* "riscv64" */
    void (*reset)(struct cpu *c, u64 pc);
    /* Runs at most max_ticks from clock->now on. Keeps clock->now exact at every access to a device and at
     * return. Looks for pending interrupts on entry and after whatever may have changed them. */
    enum cpu_stop (*run)(struct cpu *c, u64 max_ticks);
    void (*set_irq)(struct cpu *c, u32 line, bool level);
    bool (*has_work)(const struct cpu *c); /* false: stays idle until an interrupt */
    /* Can nothing bring this CPU on, neither time nor an interrupt? Then why[0..n) says what it is caught in. A function
     * of the state that is saved. It is asked when the CPU has kicked the clock. NULL: it never says so. */
    bool (*stuck)(const struct cpu *c, char *why, size_t n);
    void (*stops_changed)(struct cpu *c);  /* cpu->stops or cpu->observer changed */

    u64 (*get_pc)(const struct cpu *c);
    void (*set_pc)(struct cpu *c, u64 pc);
    u64 (*linear_pc)(const struct cpu *c); /* the virtual address of the next instruction; NULL: what get_pc() says */
    const struct cpu_reg *(*regs)(const struct cpu *c); /* only those this model has */
    bool (*reg_get)(const struct cpu *c, const struct cpu_reg *r, u64 *value); /* no side effects */
    bool (*reg_set)(struct cpu *c, const struct cpu_reg *r, u64 value);
    const char *(*privilege_name)(const struct cpu *c); /* "M", "S", "U" */

    /* Without side effects: no accessed or dirty bits are set, nothing is cached. */
    void (*walk)(struct cpu *c, u64 va, enum cpu_access access, struct cpu_walk *w);
    /* Text of the instruction in bytes[0..n); returns its length, 0 when more bytes are needed. */
    unsigned (*disasm)(const struct cpu *c, u64 pc, const u8 *bytes, size_t n, char *out, size_t out_len);

    const struct state_field *state; /* of the struct whose first member is struct cpu */
    void (*state_loaded)(struct cpu *c); /* drops every cache */
    void (*describe)(const struct cpu *c, struct buf *out); /* for `info cpu`: block cache, counters of the host side */
};

struct cpu {
    const struct cpu_ops *ops;
    const char *name; /* "hart0" */
    unsigned index;
    struct space *mem;
    struct clock *clock;
    struct event_bus *bus;
    u64 retired; /* instructions, since power-on */
    u64 trapped; /* instructions that raised an exception instead, since this program began: not state of the guest */
    bool idle;   /* in WFI */
    bool amid; /* part of the instruction at the pc is done (x86: REP, PAUSE), and nothing else came between */
    bool yield;  /* it only waits for another CPU: its turn may end when run() comes back (then it is cleared) */
    bool semihosting;
    u64 skip_stop_at, skip_stop_pc; /* where a CPU_BREAK was reported: not reported again at that tick and pc */
    const struct cpu_stops *stops;       /* NULL: none armed */
    struct cpu_reach { u64 first, last; } watch_virt, watch_phys; /* hold all its watches of their sort: cpu_watch_reach() */
    const struct cpu_observer *observer; /* NULL: the fast loop */
    struct cpu_hit hit;
    const char *report; /* with CPU_DIVERGED */
    const struct cpu_reg *named[64]; /* those that were asked for last, by a hash of the name: see cpu_reg_named() */
};

void cpu_watch_reach(struct cpu *c); /* for stops_changed(): after the watches changed */

/* May there be a watch of [va, va + size), which are [pa, pa + size) in memory? Says quickly that there is none. */
static inline bool cpu_watch_near(const struct cpu *c, u64 va, u64 pa, u64 size)
{
    return c->stops && ((va <= c->watch_virt.last && va + (size - 1) >= c->watch_virt.first) ||
                        (pa <= c->watch_phys.last && pa + (size - 1) >= c->watch_phys.first));
}

/* Does a watch of the accesses [va, va + size), which are [pa, pa + size) in memory, exist? */
static inline bool cpu_watched(const struct cpu *c, u64 va, u64 pa, u64 size, unsigned access)
{
    const struct cpu_stops *s = c->stops;
    if (!cpu_watch_near(c, va, pa, size))
        return false;
    if (UNLIKELY(s->reach != NULL))
        return cpu_watched_among(s, va, pa, size, access);
    for (size_t k = 0; k < s->n_watch; k++) {
        const struct cpu_watch *w = &s->watch[k];
        u64 at = w->physical ? pa : va;
        if ((w->access & access) && at <= w->addr + (w->len - 1) && w->addr <= at + (size - 1))
            return true;
    }
    return false;
}

/* What waits at the pc of this CPU is known to whoever lets it go on. */
static inline void cpu_skip_stop(struct cpu *c)
{
    c->skip_stop_at = c->clock->now;
    c->skip_stop_pc = c->ops->get_pc(c);
}

/* Where the next instruction is, for those who know of no segments. */
static inline u64 cpu_linear_pc(const struct cpu *c)
{
    return c->ops->linear_pc ? c->ops->linear_pc(c) : c->ops->get_pc(c);
}

/* Reads guest-virtual memory as the CPU maps it now, without side effects; returns bytes read. What only user mode may read
 * (SMAP, SUM) is read too. */
u64 cpu_peek(struct cpu *c, u64 va, void *out, u64 len);
u64 cpu_poke(struct cpu *c, u64 va, const void *in, u64 len);

const struct cpu_reg *cpu_reg_named(const struct cpu *c, const char *name);

#endif
