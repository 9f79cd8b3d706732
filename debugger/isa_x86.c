/* x86. System V psABI for AMD64 (3.2, 3.6.2) and for i386 (2.2, 2.4). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/x86.h"
#include "debugger/isa_x86.h"

enum { XMM0 = IP + 1, N_XMM = 16 };

static const u8 dwarf64[] = { AX, DX, CX, BX, SI, DI, BP, SP, 8,  9,  10, 11, 12, 13, 14, 15, IP,
                              17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };
#define NO SLOT_NONE
static const u8 dwarf32[] = { AX, CX, DX, BX, SP, BP, SI, DI, IP, NO, NO, NO, NO, NO, NO,
                              NO, NO, NO, NO, NO, NO, 17, 18, 19, 20, 21, 22, 23, 24 };
#undef NO

static u8 slot(const struct cpu_reg *r)
{
    if (!strcmp(r->group, "general"))
        return r->number <= IP ? (u8)r->number : SLOT_NONE;
    if (strncmp(r->name, "xmm", 3)) /* asked of each register in each step */
        return SLOT_NONE;
    char *end;
    unsigned long n = strtoul(r->name + 3, &end, 10);
    return *end || n >= N_XMM ? SLOT_NONE : (u8)(XMM0 + n);
}

static u8 slot_named(const char *name)
{
    return !strcmp(name, "eip") || !strcmp(name, "rip") ? IP : SLOT_NONE;
}

static const struct x86 *x86(const struct cpu *c)
{
    return (const struct x86 *)c;
}

static u64 stack_base(const struct x86 *c)
{
    return x86_64bit(c) ? 0 : c->seg[X86_SS].base;
}

static u64 sp_now(const struct cpu *cpu)
{
    const struct x86 *c = x86(cpu);
    u64 sp = stack_base(c) + (c->r[SP] & size_mask(c->stack_size));
    return x86_64bit(c) ? sp : (u32)sp;
}

static void look(const struct cpu *c, struct moment *m)
{
    m->traps = x86(c)->n_story;
    m->cpl = x86(c)->cpl;
}

/* The offset of the next instruction was pushed: alone, or behind the selector of a far call. An interrupt pushes more. */
static bool called(struct cpu *cpu, const struct moment *m)
{
    const struct x86 *c = x86(cpu);
    u64 pc = cpu_linear_pc(cpu), sp = sp_now(cpu), gone = m->sp - sp;
    unsigned word = isa_now(cpu)->word;
    u8 raw[8];
    if (pc == m->next || c->n_story != m->traps || c->cpl != m->cpl || (gone != word && gone != 2 * word) ||
        cpu_peek(cpu, sp, raw, word) != word)
        return false;
    u64 base = pc - c->rip, to = load_le(raw, word);
    if (gone == 2 * word && cpu_peek(cpu, sp + word, raw, 2) == 2 && x86_real_or_v86(c))
        base = 16 * load_le(raw, 2); /* a far call: of the segment it came from */
    return to + base == m->next;
}

/* The CPU keeps a list of what it took (cpu/x86/trap.c). SYSCALL is no interrupt, but a handler comes back from it. */
static bool trapped(struct cpu *cpu, const struct moment *m, u64 low, u64 high, struct isa_trap *t)
{
    const struct x86 *c = x86(cpu);
    *t = (struct isa_trap){ .n_back = 1 };
    if (c->n_story != m->traps) {
        const struct x86_story *story = &c->story[(c->n_story - 1) % X86_STORY];
        u64 at = story->mode & 64 ? story->rip : (u32)(story->cs_base + story->rip);
        t->interrupt = story->external;
        t->back[0] = at;
        if (!story->external && !story->software && at == m->pc)
            t->back[t->n_back++] = m->next; /* its handler may go on behind the instruction */
        return at >= low && at <= high;
    }
    t->back[0] = m->next;
    return m->cpl == 3 && c->cpl == 0 && m->pc >= low && m->pc < high;
}

/* push %rbp; mov %rsp, %rbp, perhaps behind endbr32 or endbr64; and in front of a return. */
static int pushed(struct cpu *c, u64 function, u64 pc)
{
    u8 b[12] = { 0 };
    u64 n = cpu_peek(c, pc, b, 1), at = 0;
    if (pc == function || (n && (b[0] == 0xc3 || b[0] == 0xc2 || b[0] == 0xcb || b[0] == 0xca)))
        return 0;
    cpu_peek(c, function, b, sizeof b);
    if (b[0] == 0xf3 && b[1] == 0x0f && b[2] == 0x1e && (b[3] == 0xfa || b[3] == 0xfb))
        at = 4;
    if (pc == function + at)
        return 0;
    if (b[at] != 0x55)
        return PROLOGUE_UNKNOWN;
    if (pc == function + at + 1)
        return 1;
    at += b[at + 1] == 0x48 ? 2 : 1;
    return (b[at] == 0x89 && b[at + 1] == 0xe5) || (b[at] == 0x8b && b[at + 1] == 0xec) ? PROLOGUE_FRAMED : PROLOGUE_UNKNOWN;
}

/* Bytes of ModRM and what belongs to it (SDM 2, tables 2-1 to 2-3). */
static unsigned modrm_length(unsigned bits, const u8 *m)
{
    unsigned mod = m[0] >> 6, rm = m[0] & 7;
    if (mod == 3)
        return 1;
    if (bits == 16)
        return mod == 0 ? (rm == 6 ? 3 : 1) : 1 + mod;
    unsigned n = 1 + (rm == 4);
    if (mod == 0)
        return n + (rm == 5 || (rm == 4 && (m[1] & 7) == 5) ? 4 : 0);
    return n + (mod == 1 ? 1 : 4);
}

/* CALL rel (E8), CALL r/m (FF /2), CALL far (9A, FF /3). */
static bool call_ends(unsigned bits, const u8 *end, bool far)
{
    unsigned word = bits == 16 ? 2 : 4;
    if (!far && end[-(int)(1 + word)] == 0xe8)
        return true;
    if (far && bits < 64 && end[-(int)(3 + word)] == 0x9a)
        return true;
    for (unsigned n = 2; n <= 7; n++)
        if (end[-(int)n] == 0xff && (end[1 - (int)n] >> 3 & 7) == (far ? 3 : 2) && 1 + modrm_length(bits, end + 1 - n) == n)
            return true;
    return false;
}

static bool call_at(struct cpu *c, u64 addr, unsigned bits, bool far)
{
    u8 b[8];
    return addr >= sizeof b && cpu_peek(c, addr - sizeof b, b, sizeof b) == sizeof b && call_ends(bits, b + sizeof b, far);
}

static bool call_before16(struct cpu *c, u64 addr, bool far) { return call_at(c, addr, 16, far); }
static bool call_before32(struct cpu *c, u64 addr, bool far) { return call_at(c, addr, 32, far); }
static bool call_before64(struct cpu *c, u64 addr, bool far) { return call_at(c, addr, 64, far); }

#define BIT(slot) ((u64)1 << (slot))
#define X86(bits)                                                                                                      \
    .word = bits / 8, .sp = SP, .fp = BP, .pc = IP, .ra = SLOT_NONE, .result = AX, .result_high = DX,                  \
    .chain_ra = 1, .chain_cfa = 2, .slot = slot, .slot_named = slot_named, .pointers = BIT(SP) | BIT(BP), .sp_now = sp_now, .look = look, .called = called, .trapped = trapped, \
    .pushed = pushed, .call_before = call_before##bits, .is_entry = x86_is_entry, .trap = x86_trap_frame

const struct frame_isa isa_i8086 = {
    X86(16), .name = "i8086", .result_float = SLOT_NONE, .dwarf = dwarf32, .n_dwarf = sizeof dwarf32,
};
const struct frame_isa isa_i386 = {
    X86(32), .name = "i386", .result_float = SLOT_NONE, .dwarf = dwarf32, .n_dwarf = sizeof dwarf32,
    .kept = BIT(BX) | BIT(BP) | BIT(SI) | BIT(DI),
};
const struct frame_isa isa_x86_64 = {
    X86(64), .name = "x86_64", .result_float = XMM0, .dwarf = dwarf64, .n_dwarf = sizeof dwarf64,
    .kept = BIT(BX) | BIT(BP) | BIT(12) | BIT(13) | BIT(14) | BIT(15),
    .args = { 7, 6, 2, 1, 8, 9 }, .n_args = 6, /* rdi rsi rdx rcx r8 r9: System V psABI, 3.2.3 */
};
