/* The commit log, in the form of Spike's --log-commits: a line for each retired instruction with what it wrote.
 *
 *   core   0: 3 0x0000000080000000 (0x00000297) x5  0x0000000080000000
 *   core   0: 3 0x0000000080000010 (0x00b53023) mem 0x0000000080001000 0x0000000000000001
 *
 * Registers come by number, x before f before CSRs of the same number; then loads, then stores. Instructions that
 * trap leave no line. */
#include "cpu/riscv/riscv.h"
#include "trace/trace.h"

#include <string.h>

static void put_hex(struct buf *b, unsigned bits, u64 v)
{
    buf_printf(b, "0x%0*llx", (int)bits / 4, (unsigned long long)(bits < 64 ? v & (((u64)1 << bits) - 1) : v));
}

/* Spike's order: register number first, then the kind. */
static unsigned order_key(const struct cpu_reg *r)
{
    return r->number << 4 | (r->group[0] == 'c' ? 4 : r->group[0] == 'f' ? 1 : 0);
}

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    if (r->trapped)
        return;
    struct hart *h = hart_of(c);
    unsigned xlen = h->config.xlen, flen = h->config.ext >> RV_D & 1 ? 64 : 32;
    struct buf *b = &t->out;
    buf_printf(b, "core%4u: %u ", c->index, r->privilege);
    put_hex(b, xlen, r->pc);
    buf_printf(b, " (");
    put_hex(b, r->length * 8u, r->insn);
    buf_printf(b, ")");
    unsigned last = 0;
    for (unsigned n = 0; n < r->n_writes; n++) {
        /* At most four: the next larger key each time is sorting enough. */
        unsigned best = UINT32_MAX, at = 0;
        for (unsigned i = 0; i < r->n_writes; i++) {
            unsigned key = order_key(r->write[i].reg) + 1;
            if (key > last && key < best) {
                best = key;
                at = i;
            }
        }
        if (best == UINT32_MAX)
            break;
        last = best;
        const struct cpu_reg *reg = r->write[at].reg;
        if (reg->group[0] == 'c')
            buf_printf(b, " c%u_%s ", reg->number, reg->name);
        else
            buf_printf(b, " %c%-2u ", reg->group[0] == 'f' ? 'f' : 'x', reg->number);
        put_hex(b, reg->group[0] == 'f' ? flen : xlen, r->write[at].value);
    }
    for (unsigned i = 0; i < r->n_mem; i++)
        if (r->mem[i].access & CPU_READ) {
            buf_printf(b, " mem ");
            put_hex(b, xlen, r->mem[i].addr);
        }
    for (unsigned i = 0; i < r->n_mem; i++)
        if (r->mem[i].access & CPU_WRITE) {
            buf_printf(b, " mem ");
            put_hex(b, xlen, r->mem[i].addr);
            buf_printf(b, " ");
            put_hex(b, r->mem[i].size * 8u, r->mem[i].value);
        }
    buf_printf(b, "\n");
}

extern const struct trace_format trace_spike;
const struct trace_format trace_spike = {
    .name = "spike", .doc = "commit log in the form of Spike's --log-commits", .isa = "riscv", .retire = retire,
};
