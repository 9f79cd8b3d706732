/* Instructions as text: `exec`, a line for each one executed, and `in_asm`, a line when one is executed for the first time.
 *
 *   exec:    211100 hart0 0x000000008040008e: 02a58533  mul a0,a1,a0
 *   in_asm:  0x000000008040008e: 02a58533  mul a0,a1,a0
 *
 * An instruction that traps has a line too. One that could not be fetched has none. */
#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>

static void put_instruction(struct trace *t, struct cpu *c, const struct cpu_retire *r)
{
    bool words = trace_is_isa(c, "riscv"); /* x86: bytes */
    unsigned digits = trace_digits(c), n = 0;
    char text[128], hex[40];
    u8 bytes[16];
    trace_bytes(r, bytes);
    if (!c->ops->disasm(c, r->pc, bytes, r->length, text, sizeof text))
        text[0] = 0;
    for (unsigned k = 0; k < r->length && !words; k++)
        n += (unsigned)snprintf(hex + n, sizeof hex - n, "%02x", bytes[k]);
    if (words)
        snprintf(hex, sizeof hex, "%0*x", r->length * 2, r->insn);
    buf_printf(&t->out, "0x%0*llx: %-*s  %s\n", digits, (unsigned long long)(digits == 8 ? (u32)r->pc : r->pc), words ? 8 : 16,
               hex, text);
    trace_flush(t, true); /* in order with what others write to the same log */
}

static void retire_exec(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    if (!r->length)
        return;
    buf_printf(&t->out, "%llu %s ", (unsigned long long)start, c->name);
    put_instruction(t, c, r);
}

/* What was seen: open addressing, a power of two, at most half full. The bits belong to it, because other code can
 * come to the same address. */
struct seen {
    struct place {
        u64 pc;
        u32 insn, used;
    } *places;
    size_t size, count;
};

static struct place *find(const struct seen *s, u64 pc, u32 insn)
{
    u64 h = (pc ^ (u64)insn << 32) * 0x9e3779b97f4a7c15;
    for (size_t i = h >> 32;; i++) {
        struct place *p = &s->places[i & (s->size - 1)];
        if (!p->used || (p->pc == pc && p->insn == insn))
            return p;
    }
}

static void grow(struct seen *s)
{
    struct seen old = *s;
    s->size = old.size ? old.size * 2 : 4096;
    s->places = xcalloc(s->size, sizeof *s->places);
    for (size_t i = 0; i < old.size; i++)
        if (old.places[i].used)
            *find(s, old.places[i].pc, old.places[i].insn) = old.places[i];
    free(old.places);
}

static void begin(struct trace *t)
{
    t->data = xcalloc(1, sizeof(struct seen));
    grow(t->data);
}

static void retire_first(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct seen *s = t->data;
    struct place *p = find(s, r->pc, r->insn);
    if (!r->length || p->used)
        return;
    *p = (struct place){ r->pc, r->insn, 1 };
    if (++s->count * 2 > s->size)
        grow(s);
    put_instruction(t, c, r);
}

static void end(struct trace *t)
{
    struct seen *s = t->data;
    free(s->places);
    free(s);
}

extern const struct trace_format trace_exec, trace_in_asm;
const struct trace_format trace_exec = {
    .name = "exec", .doc = "each instruction executed, disassembled", .retire = retire_exec,
};
const struct trace_format trace_in_asm = {
    .name = "in_asm", .doc = "each instruction when it is executed for the first time", .begin = begin, .retire = retire_first,
    .end = end,
};
