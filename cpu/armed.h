/* Which code addresses an engine's blocks were made for: blocks hold the stop points that are armed, so those at a place where
 * one came or went are made anew. */
#ifndef CPU_ARMED_H
#define CPU_ARMED_H

#include "cpu/cpu.h"
#include "memory/ram.h"

struct cpu_places { /* in a page, a bit each byte */
    u64 bits[PAGE_SIZE / 64];
};
struct cpu_armed {
    struct cpu_armed_list {
        u64 *at; /* sorted */
        size_t n, room;
    } code, phys;
    struct cpu_places places; /* where in its page something is armed */
    u32 heard; /* families of events that blocks are made for */
    struct cpu_reg_watch *reg; /* general registers that are told of */
    size_t n_reg;
    u64 regs; /* a bit each of them, as cpu_reg_bit() says; 0 while one instruction is looked at */
};

void cpu_armed_free(void *armed); /* for arena_defer() */
/* Where addresses were armed or disarmed since cpu_armed_take(); false: nowhere. `now` may be NULL. */
bool cpu_armed_moved(const struct cpu_armed *a, const struct cpu_stops *now, struct cpu_places *places);
void cpu_armed_take(struct cpu_armed *a, const struct cpu_stops *now);

/* Are other registers armed than then? Then they are taken. */
bool cpu_armed_regs_moved(struct cpu_armed *a, const struct cpu_stops *now);
/* General registers from 0, those of floating point from 32. */
static inline u64 cpu_reg_bit(const struct cpu_reg *r) { return (u64)1 << (r->number + (*r->group == 'f' ? 32 : 0)); }

/* Around something that may change them: what they are before it, and what is told behind it. */
#define CPU_REGS_LOOKED 64
void cpu_regs_before(const struct cpu *c, const struct cpu_armed *a, u64 before[CPU_REGS_LOOKED]);
void cpu_regs_after(struct cpu *c, const struct cpu_armed *a, const u64 before[CPU_REGS_LOOKED]);

/* Is the address in this sorted list? */
bool cpu_armed_at(const u64 *list, size_t n, u64 addr);

static inline bool cpu_place(const struct cpu_places *p, u64 addr)
{
    u64 offset = addr & PAGE_MASK;
    return p->bits[offset >> 6] >> (offset & 63) & 1;
}

#endif
