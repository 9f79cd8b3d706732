/* RISC-V. ELF psABI: "DWARF Register Numbers", "Integer Register Convention", "Frame Pointer Convention". */
#include <stdio.h>
#include <string.h>

#include "cpu/riscv/riscv.h"
#include "debugger/isa_riscv.h"


static const u8 dwarf[] = { /* 0..31 integer, 32..63 floating point: as slots are */
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
};

static u8 slot(const struct cpu_reg *r)
{
    bool is_float = !strcmp(r->group, "float");
    if (r->number >= 32 || !strcmp(r->name, "pc") || (!is_float && strcmp(r->group, "general")))
        return SLOT_NONE;
    return (u8)(r->number + (is_float ? F0 : 0));
}

static u8 slot_named(const char *name)
{
    unsigned n;
    char letter, more;
    if (sscanf(name, "%c%2u%c", &letter, &n, &more) != 2 || (letter != 'x' && letter != 'f') || n > 31)
        return SLOT_NONE;
    return (u8)(n + (letter == 'f' ? F0 : 0));
}

static const struct hart *hart(const struct cpu *c)
{
    return (const struct hart *)c;
}

static u64 sp_now(const struct cpu *c)
{
    return hart(c)->x[SP] & cpu_addr_mask(c);
}

static void look(const struct cpu *c, struct moment *m)
{
    m->cpl = hart(c)->priv;
}

static bool called(struct cpu *c, const struct moment *m)
{
    u64 mask = cpu_addr_mask(c);
    return (cpu_linear_pc(c) & mask) != m->next && (hart(c)->x[RA] & mask) == m->next;
}

/* We are at the handler, and its exception program counter is back there. Privileged, 3.1.7 and 12.1.2 (xtvec), 3.1.14 and
 * 12.1.7 (xepc). */
static bool trapped(struct cpu *c, const struct moment *m, u64 low, u64 high, struct isa_trap *t)
{
    const struct hart *h = hart(c);
    u64 mask = cpu_addr_mask(c), pc = cpu_linear_pc(c) & mask;
    bool m_mode = h->priv == PRIV_M;
    u64 vector = (m_mode ? h->mtvec : h->stvec) & mask, base = vector & ~(u64)3, epc = (m_mode ? h->mepc : h->sepc) & mask;
    u64 cause = (m_mode ? h->mcause : h->scause) & mask;
    *t = (struct isa_trap){ .back = { epc, epc + 4 }, .interrupt = cause > mask >> 1 };
    t->n_back = t->interrupt ? 1 : 2;
    bool there = pc == base || ((vector & 1) && t->interrupt && pc == base + 4 * (cause & mask >> 1));
    return base && there && epc >= low && epc < high;
}

static int pushed(struct cpu *c, u64 function, u64 pc)
{
    return pc == function ? 0 : PROLOGUE_FRAMED; /* if it is not, s0 will not look like a frame pointer */
}

/* jal, jalr, c.jal (RV32) and c.jalr that write ra. Unprivileged, tables 70 and 32 to 35. */
static bool call_before(struct cpu *c, u64 addr, bool far)
{
    u8 raw[4];
    if (far || addr < 4 || cpu_peek(c, addr - 4, raw, 4) != 4)
        return false;
    u32 four = (u32)load_le(raw, 4), two = four >> 16, opcode = four & 0xfff;
    if (opcode == 0x0ef || opcode == 0x0e7)
        return true;
    return ((two & 0xf07f) == 0x9002 && (two & 0x0f80)) || (cpu_addr_mask(c) == UINT32_MAX && (two & 0xe003) == 0x2001);
}

#define RISCV(bits)                                                                                                          \
    .name = "riscv" #bits, .word = bits / 8, .sp = SP, .fp = FP, .pc = SLOT_NONE, .ra = RA, .result = A0, .result_high = A1,        \
    .result_float = F0 + A0, .args = { A0, A1, 12, 13, 14, 15, 16, 17 }, .n_args = 8, .dwarf = dwarf, .n_dwarf = sizeof dwarf,                                                        \
    .kept = 0x0ffc0318 | (u64)0x0ffc0300 << F0 /* gp, tp, s0 to s11, fs0 to fs11 */, .chain_fp = -2, .chain_ra = -1,         \
    .slot = slot, .slot_named = slot_named, .pointers = 1u << SP | 1u << FP | 1u << GP | 1u << TP, .sp_now = sp_now, .look = look, .called = called, .trapped = trapped, .pushed = pushed,                    \
    .call_before = call_before, .is_entry = riscv_is_entry, .trap = riscv_trap_frame

const struct frame_isa isa_riscv32 = { RISCV(32) };
const struct frame_isa isa_riscv64 = { RISCV(64) };
