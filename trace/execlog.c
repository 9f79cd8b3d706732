/* Text for other people's tools: QEMU's execlog plugin, ARM's Tarmac, Kanata logs for the Konata viewer. */
#include <stdlib.h>
#include <string.h>

#include "trace/trace.h"

static const char *disassembled(struct cpu *c, const struct cpu_retire *r, char *text, size_t n)
{
    u8 bytes[16];
    trace_bytes(r, bytes);
    text[0] = 0;
    if (!c->ops->disasm(c, r->pc, bytes, r->length, text, n))
        text[0] = 0;
    return text;
}

static unsigned long long ull(u64 v) { return v; }

/* --- execlog (QEMU, contrib/plugins/execlog.c) -------------------------------------------------------------------- */

/*   0, 0x80400086, 0x45b693, "sltiu a3,a1,4"
 *   0, 0x80400100, 0xb53023, "sd a1,0(a0)", store, 0x80002000, RAM
 *
 * CPU, virtual address, the bytes up to four, text, then each access with its physical address and what is there. */
static void put_access(struct trace *t, const struct cpu_retire *r, unsigned k)
{
    const struct region *at = space_find(t->m->mem, r->mem[k].paddr);
    buf_printf(&t->out, ", %s, 0x%08llx, %s", r->mem[k].access & CPU_WRITE ? "store" : "load", ull(r->mem[k].paddr),
               !at ? "nothing" : at->read_direct ? "RAM" : at->name);
}

static void retire_execlog(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    char text[128];
    if (!r->length)
        return;
    buf_printf(&t->out, "%u, 0x%llx, 0x%x, \"%s\"", c->index, ull(r->pc),
               r->length < 4 ? r->insn & (u32)size_mask(r->length) : r->insn, disassembled(c, r, text, sizeof text));
    for (unsigned k = 0; k < r->n_mem; k++)
        put_access(t, r, k);
    buf_printf(&t->out, "\n");
}

/* --- tarmac (ARM's tarmac-trace-utilities, doc/tarmac-format) ------------------------------------------------------- */

/*   211090 clk hart0 IT (211091) 0000000080400086 0045b693 O EL0t : sltiu a3,a1,4
 *   211090 clk hart0 R a3 0000000000000000
 *   211091 clk hart0 MW8 0000000080001000 0000000000000001
 *   211100 clk hart0 E 000000008040008e 80200000 CoreEvent_supervisor_timer_interrupt
 *
 * IS instead of IT: a conditional branch that was not taken. The modes are ARM's that mean the same. */
static const char *mode(struct cpu *c, const struct cpu_retire *r)
{
    if (trace_is_isa(c, "riscv"))
        return r->privilege == 0 ? "EL0t" : r->privilege == 3 ? "EL3h" : "EL1h";
    return r->privilege == 3 ? "EL0t" : "EL1h";
}

static void retire_tarmac(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct buf *b = &t->out;
    unsigned digits = trace_digits(c);
    char text[128];
    u8 bytes[16];
    if (r->trapped || !r->length)
        return;
    trace_bytes(r, bytes);
    buf_printf(b, "%llu clk %s I%c (%llu) %0*llx ", ull(start), c->name, r->flow == CPU_FLOW_BRANCH && !r->taken ? 'S' : 'T',
               ull(c->retired), digits, ull(r->pc));
    if (trace_is_isa(c, "riscv"))
        buf_printf(b, "%0*x", r->length * 2, r->insn);
    for (unsigned k = 0; k < r->length && !trace_is_isa(c, "riscv"); k++)
        buf_printf(b, "%02x", bytes[k]);
    buf_printf(b, " O %s : %s\n", mode(c, r), disassembled(c, r, text, sizeof text));
    for (unsigned k = 0; k < r->n_mem; k++)
        buf_printf(b, "%llu clk %s M%c%u %0*llx %0*llx\n", ull(start), c->name, r->mem[k].access & CPU_WRITE ? 'W' : 'R',
                   r->mem[k].size, digits, ull(r->mem[k].addr), r->mem[k].size < 8 ? r->mem[k].size * 2 : 16,
                   ull(r->mem[k].value & size_mask(r->mem[k].size < 8 ? r->mem[k].size : 8)));
    for (unsigned k = 0; k < r->n_writes; k++)
        buf_printf(b, "%llu clk %s R %s %0*llx\n", ull(start), c->name, r->write[k].reg->name, r->write[k].reg->bits / 4,
                   ull(r->write[k].value));
}

static void hear_tarmac(struct trace *t, const struct event *ev)
{
    if (strcmp(ev->type->name, "cpu.trap")) /* cause, code, pc, tval, ... */
        return;
    buf_printf(&t->out, "%llu clk %s E %016llx %08llx CoreEvent_", ull(ev->when), ev->source, ull(ev->value[2].u),
               ull(ev->value[1].u));
    for (const char *p = ev->value[0].s; *p; p++)
        buf_put(&t->out, *p == ' ' ? "_" : p, 1);
    buf_put(&t->out, "\n", 1);
}

/* --- konata (Kanata log format, version 0004) ----------------------------------------------------------------------- */

/* Models of whole instructions: stage X is its first cycle, Wt the further ones that a timing model counts for it. */
struct konata {
    u64 now;
    u64 id;
};

static void begin_konata(struct trace *t)
{
    t->data = xcalloc(1, sizeof(struct konata));
    buf_printf(&t->out, "Kanata\t0004\n");
}

static void advance(struct trace *t, u64 to)
{
    struct konata *k = t->data;
    if (!k->id)
        buf_printf(&t->out, "C=\t%llu\n", ull(to));
    else if (to > k->now)
        buf_printf(&t->out, "C\t%llu\n", ull(to - k->now));
    k->now = to > k->now || !k->id ? to : k->now;
}

static void retire_konata(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    struct konata *k = t->data;
    struct buf *b = &t->out;
    char text[128];
    if (!r->length)
        return;
    advance(t, start);
    u64 id = k->id++;
    buf_printf(b, "I\t%llu\t%llu\t%u\n", ull(id), ull(c->retired), c->index);
    buf_printf(b, "L\t%llu\t0\t%0*llx: %s\n", ull(id), trace_digits(c), ull(r->pc), disassembled(c, r, text, sizeof text));
    for (unsigned i = 0; i < r->n_writes; i++)
        buf_printf(b, "L\t%llu\t1\t%s=0x%llx \n", ull(id), r->write[i].reg->name, ull(r->write[i].value));
    buf_printf(b, "S\t%llu\t0\tX\n", ull(id));
    if (ticks > 1) {
        advance(t, start + 1);
        buf_printf(b, "S\t%llu\t0\tWt\n", ull(id));
    }
    advance(t, start + ticks);
    buf_printf(b, "R\t%llu\t%llu\t%d\n", ull(id), ull(id), r->trapped);
}

static void end_konata(struct trace *t) { free(t->data); }

extern const struct trace_format trace_execlog, trace_tarmac, trace_konata;
const struct trace_format trace_execlog = {
    .name = "execlog", .doc = "each instruction with its memory accesses, in the form of QEMU's execlog plugin",
    .retire = retire_execlog,
};
const struct trace_format trace_tarmac = {
    .name = "tarmac", .doc = "instructions, registers, memory and exceptions, in the form of ARM's Tarmac",
    .retire = retire_tarmac, .hear = hear_tarmac,
};
const struct trace_format trace_konata = {
    .name = "konata", .doc = "pipeline log for the Konata viewer (Kanata 0004)", .begin = begin_konata,
    .retire = retire_konata, .end = end_konata,
};
