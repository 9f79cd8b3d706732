/* Instructions as text: `exec`, a line for each one executed, and `in_asm`, a line when one is executed for the first time.
 *
 *   exec:    211100 hart0 0x000000008040008e: 02a58533  mul a0,a1,a0
 *   in_asm:  0x000000008040008e: 02a58533  mul a0,a1,a0
 *
 * An instruction that traps has a line too. One that could not be fetched has none. */
#include "trace/places.h"
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

static void begin(struct trace *t) { t->data = xcalloc(1, sizeof(struct places)); }

/* The bits belong to it, because other code can come to the same address. */
static void retire_first(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    bool fresh = false;
    if (r->length)
        places_find(t->data, r->pc, r->insn, &fresh);
    if (fresh)
        put_instruction(t, c, r);
}

static void end(struct trace *t)
{
    places_free(t->data);
    free(t->data);
}

extern const struct trace_format trace_exec, trace_in_asm;
const struct trace_format trace_exec = {
    .name = "exec", .doc = "each instruction executed, disassembled", .retire = retire_exec,
};
const struct trace_format trace_in_asm = {
    .name = "in_asm", .doc = "each instruction when it is executed for the first time", .begin = begin, .retire = retire_first,
    .end = end,
};
