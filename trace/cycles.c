/* Cycle records: 32 bytes for each retired instruction, little-endian: u64 cycle; u32 pc, insn, rs1_value, rs2_value,
 * next_pc, memory_address. The form of the golden traces (docs/formats.md); `cycle` is when the instruction was done. */
#include "trace/trace.h"

static void retire(struct trace *t, struct cpu *c, const struct cpu_retire *r, u64 start, u64 ticks)
{
    if (r->trapped)
        return;
    buf_put_le(&t->out, start + ticks, 8);
    buf_put_le(&t->out, r->pc, 4);
    buf_put_le(&t->out, r->insn, 4);
    buf_put_le(&t->out, r->rs1, 4);
    buf_put_le(&t->out, r->rs2, 4);
    buf_put_le(&t->out, r->next_pc, 4);
    buf_put_le(&t->out, r->n_mem ? r->mem[0].addr : 0, 4);
}

extern const struct trace_format trace_cycles;
const struct trace_format trace_cycles = {
    .name = "cycles", .doc = "32-byte cycle records (RV32; see docs/formats.md)", .isa = "riscv", .retire = retire,
};
