/* Backtraces through interrupts, exceptions and system calls of an x86: what the CPU (SDM 3, 6.12 and 6.14), or a handler of SYSCALL
 * in its likeness, has pushed. It is found where CFI says, or by looking; what the words have to be like is known well enough: a
 * selector of a code segment, flags with their constant bits, in 64-bit mode a stack pointer and an alignment as well. The list of
 * the last events that the CPU keeps (struct x86_story) says which it was, if it is young enough. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/show.h"
#include "cpu/x86/sys.h"
#include "debugger/isa_x86.h"

enum { SEARCH = 1024 /* bytes of stack: all registers and an FXSAVE area */, INSNS = 96 };

static const struct x86 *x86(const struct cpu *c)
{
    return (const struct x86 *)c;
}

static bool word_at(struct cpu *c, u64 addr, unsigned size, u64 *v)
{
    u8 raw[8];
    bool ok = cpu_peek(c, addr, raw, size) == size;
    *v = ok ? load_le(raw, size) : 0;
    return ok;
}

/* --- where they enter --------------------------------------------------------------------------------------------- */

/* The first vector from `from` on whose handler begins in [low, high); -1: none. */
static int vector_into(const struct x86 *c, u64 low, u64 high, unsigned from)
{
    u8 table[256 * 16];
    bool lm = x86_long(c), legacy = !x86_protected(c);
    unsigned bytes = legacy ? 4 : lm ? 16 : 8;
    u64 size = (u64)c->idtr.limit + 1 < 256 * bytes ? (u64)c->idtr.limit + 1 : 256 * bytes;
    size = x86_peek_linear(c, c->idtr.base, table, size);
    for (unsigned v = from; (v + 1) * bytes <= size; v++) {
        const u8 *at = table + v * bytes;
        u64 gate[2] = { load_le(at, legacy ? 4 : 8), lm && !legacy ? load_le(at + 8, 8) : 0 }, target;
        if (legacy)
            target = 16 * (gate[0] >> 16) + (gate[0] & 0xffff);
        else if ((gate[0] >> 47 & 1) && x86_is_gate(gate[0], lm))
            target = x86_gate_target(gate, lm);
        else
            continue;
        if (target >= low && target < high && target)
            return (int)v;
    }
    return -1;
}

static bool calls_enter(const struct x86 *c, u64 low, u64 high)
{
    return ((c->efer & EFER_SCE) && c->lstar >= low && c->lstar < high) ||
           (c->sysenter_cs && c->sysenter_eip >= low && c->sysenter_eip < high);
}

bool x86_is_entry(const struct cpu *cpu, u64 low, u64 high)
{
    const struct x86 *c = x86(cpu);
    return high > low && (calls_enter(c, low, high) || vector_into(c, low, high, 0) >= 0);
}

/* --- what was pushed ------------------------------------------------------------------------------------------------ */

struct pushed {
    u64 at, ip, cs, flags, sp, ss, end; /* end: behind it */
    bool outer;  /* the stack was another one, and is in it */
    struct x86_seg code, stack;
    const struct x86_story *story; /* NULL: not remembered */
};

static bool descriptor(const struct x86 *c, u64 selector, struct x86_seg *out)
{
    u8 raw[8];
    const struct x86_seg *ldt = &c->seg[X86_LDTR];
    u64 base = selector & 4 ? ldt->base : c->gdtr.base, limit = selector & 4 ? ldt->limit : c->gdtr.limit;
    if (selector > 0xffff || is_null((u16)selector) || (selector | 7) > limit ||
        x86_peek_linear(c, base + (selector & 0xfff8), raw, 8) != 8)
        return false;
    x86_seg_of(c, (u16)selector, load_le(raw, 8), out);
    return out->s && out->present;
}

static const struct x86_story *remembered(const struct x86 *c, u64 ip, u64 cs)
{
    for (u32 n = c->n_story, k = 0; k < X86_STORY && k < n; k++) {
        const struct x86_story *s = &c->story[(n - 1 - k) % X86_STORY];
        if (s->rip == ip && s->cs == (u16)cs)
            return s;
    }
    return NULL;
}

/* Is there at `at` what an interrupt pushes when the CPU executes code of this ISA? */
static bool is_pushed(struct cpu *cpu, const struct frame_isa *isa, u64 at, struct pushed *p)
{
    const struct x86 *c = x86(cpu);
    u64 w = isa->word, v[5] = { 0 };
    unsigned n = w == 8 ? 5 : 3;
    *p = (struct pushed){ .at = at };
    for (unsigned i = 0; i < n; i++)
        if (!word_at(cpu, at + i * w, isa->word, &v[i]))
            return false;
    p->ip = v[0];
    p->cs = v[1];
    p->flags = v[2];
    p->story = remembered(c, p->ip, p->cs);
    if (w == 2) { /* too little to be known by its looks */
        p->end = at + 6;
        p->sp = p->end;
        return p->story && (p->flags & 2);
    }
    if ((p->flags & ~(u64)0x3f7fd7) || !(p->flags & 2))
        return false;
    if (w == 4 && (p->flags & X86_VM)) {
        p->code = p->stack = (struct x86_seg){ .base = 16 * p->cs };
        p->outer = p->cs <= 0xffff && word_at(cpu, at + 12, 4, &p->sp) && word_at(cpu, at + 16, 4, &p->ss) && p->ss <= 0xffff;
        p->stack.base = 16 * p->ss;
        p->end = at + 36; /* and ES, DS, FS, GS */
        return p->outer;
    }
    if (!descriptor(c, p->cs, &p->code) || !(p->code.type & TYPE_CODE) ||
        (!(p->code.type & TYPE_CONFORMING) && p->code.dpl != (p->cs & 3)))
        return false;
    unsigned rpl = p->cs & 3, inner = w == 8 && !(c->cpl & 3) ? 0 : c->cpl; /* handlers run at CPL 0 of some system */
    p->outer = w == 8 || rpl > inner;
    p->sp = p->end = at + 3 * w;
    if (p->outer) {
        if (!word_at(cpu, at + 3 * w, isa->word, &p->sp) || !word_at(cpu, at + 4 * w, isa->word, &p->ss))
            return false;
        p->end += 2 * w;
        bool null = w == 8 && p->ss <= 3 && rpl < 3;
        if (!null && (!descriptor(c, p->ss, &p->stack) || (p->stack.type & TYPE_CODE) || (p->ss & 3) != rpl))
            return false;
    } else {
        p->stack = c->seg[X86_SS];
    }
    /* SDM 3, 6.14.2: the stack is aligned to 16 before; its pointer is canonical. Who builds a frame for SYSCALL need not align. */
    if (w == 8 && (!x86_linear_ok(c, p->ip) || !x86_linear_ok(c, p->sp) || ((p->end & 15) && rpl < 3)))
        return false;
    return true;
}

/* --- which it was ----------------------------------------------------------------------------------------------------- */

static void tell(struct frame *out, bool interrupt, int vector, const char *fmt, const char *what)
{
    out->trap.interrupt = interrupt;
    out->trap.vector = vector;
    snprintf(out->trap.what, sizeof out->trap.what, fmt, what);
}

static void name(struct cpu *cpu, const struct pushed *p, u64 ip, int vector, struct frame *out)
{
    u8 b[2] = { 0 };
    char text[32];
    bool software = p->story ? p->story->software : false;
    if (p->story)
        vector = p->story->vector;
    cpu_peek(cpu, ip - 2, b, 2);
    bool call = b[0] == 0x0f && (b[1] == 0x05 || b[1] == 0x34);
    if (!p->story && b[0] == 0xcd && (vector < 0 || b[1] == vector)) {
        software = true;
        vector = b[1];
    }
    const char *known = vector >= 0 && vector < 32 ? x86_vector_name((unsigned)vector) : NULL;
    snprintf(text, sizeof text, "%s%#x", software ? "int " : "vector ", (unsigned)vector);
    if (!p->story && call && (vector < 0 || vector >= 32))
        tell(out, false, -1, "%s", "system call");
    else if (software)
        tell(out, false, -1, "software interrupt: %s", text);
    else if (vector < 0)
        tell(out, true, -1, "%s", "interrupt or exception");
    else if (known && vector != EXC_NMI && !(p->story && p->story->external))
        tell(out, false, -1, "exception: %s", known[0] == '#' && strchr(known, ' ') ? strchr(known, ' ') + 1 : known);
    else
        tell(out, true, vector, "interrupt: %s", vector == EXC_NMI ? "NMI" : text);
}

/* --- what the handler's first instructions saved --------------------------------------------------------------------- */

static u8 slot_of_text(struct cpu *c, const char *text)
{
    char reg[8] = "";
    if (sscanf(text, "%7s", reg) != 1)
        return SLOT_NONE;
    if (reg[0] == 'e' && isa_now(c)->word == 4 && cpu_reg_named(c, "rax"))
        reg[0] = 'r';
    const struct cpu_reg *r = cpu_reg_named(c, reg);
    return r ? isa_now(c)->slot(r) : SLOT_NONE;
}

/* Follows the handler from where the CPU entered it to where f is, and notes where registers went. False: that is not how it came
 * there. */
static bool follow(struct cpu *c, const struct frame *f, u64 from, u64 sp, u64 at[16], u32 *saved)
{
    static const u8 all[] = { AX, CX, DX, BX, SP, BP, SI, DI };
    u64 pc = from, w = f->isa->word;
    *saved = 0;
    for (unsigned n = 0; n < INSNS && pc != f->pc; n++) {
        u8 raw[16];
        char text[160], *end;
        u64 got = cpu_peek(c, pc, raw, sizeof raw), target;
        unsigned len = got ? c->ops->disasm(c, pc, raw, got, text, sizeof text) : 0;
        if (!len)
            return false;
        pc += len;
        if (!strncmp(text, "push ", 5)) {
            u8 slot = slot_of_text(c, text + 5);
            sp -= w;
            if (slot < 16 && !(*saved >> slot & 1)) {
                at[slot] = sp;
                *saved |= 1u << slot;
            }
        } else if (!strncmp(text, "pusha", 5)) {
            for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
                sp -= w;
                if (all[i] != SP && !(*saved >> all[i] & 1)) {
                    at[all[i]] = sp;
                    *saved |= 1u << all[i];
                }
            }
        } else if (!strncmp(text, "pop ", 4)) {
            sp += w;
        } else if ((!strncmp(text, "sub rsp,0x", 10) || !strncmp(text, "sub esp,0x", 10)) || !strncmp(text, "add rsp,0x", 10) ||
                   !strncmp(text, "add esp,0x", 10)) {
            u64 by = strtoull(text + 8, &end, 16);
            sp = text[0] == 's' ? sp - by : sp + by;
        } else if (!strncmp(text, "jmp 0x", 6)) {
            pc = strtoull(text + 4, &end, 16);
        } else if (text[0] == 'j' && sscanf(text, "j%*s %llx", (unsigned long long *)&target) == 1) {
            if (target > pc && f->pc > target) /* "if it came from user mode": what it skips does not push */
                pc = target;
        } else if (!strncmp(text, "ret", 3) || !strncmp(text, "iret", 4) || !strncmp(text, "sysret", 6)) {
            return false;
        }
    }
    return pc == f->pc && sp == frame_sp(f);
}

/* --- the frame -------------------------------------------------------------------------------------------------------- */

bool x86_trap_frame(struct symbols *s, struct cpu *cpu, const struct frame *f, u64 at, bool entry, struct frame *out, u64 *place)
{
    const struct x86 *c = x86(cpu);
    u64 w = f->isa->word, low = 0, high = 0, sp = frame_sp(f);
    struct pushed p;
    bool by_cfi = at != 0;
    symbols_function_at(s, f->lookup_pc, &low, &high, NULL);
    int vector = entry ? vector_into(c, low, high, 0) : -1;
    if (vector >= 0 && vector_into(c, low, high, (unsigned)vector + 1) >= 0)
        vector = -1; /* one handler for several */
    if (by_cfi) {
        if (!is_pushed(cpu, f->isa, at, &p) && !is_pushed(cpu, f->isa, at + w, &p)) /* behind an error code */
            return false;
    } else {
        if (!(f->known >> SP & 1))
            return false;
        at = sp & ~(w - 1);
        u64 end = at + SEARCH;
        while (at < end && !is_pushed(cpu, f->isa, at, &p))
            at += w;
        if (at >= end)
            return false;
    }
    *place = p.at;
    /* What else is known of the registers. */
    u64 saved_at[16];
    u32 saved = 0;
    bool followed = false;
    if (!by_cfi) {
        int first = p.story ? p.story->vector : vector;
        u8 gate[16];
        unsigned bytes = x86_long(c) ? 16 : 8;
        if (first >= 0 && x86_protected(c) && f->isa == isa_now(cpu) &&
            x86_peek_linear(c, c->idtr.base + bytes * (unsigned)first, gate, bytes) == bytes) {
            u64 raw[2] = { load_le(gate, 8), bytes == 16 ? load_le(gate + 8, 8) : 0 };
            u64 from = x86_gate_target(raw, x86_long(c));
            followed = follow(cpu, f, from, p.at, saved_at, &saved) || follow(cpu, f, from, p.at - w, saved_at, &saved);
        }
        bool called = f->pc != f->lookup_pc;
        out->known = f->known & (followed && !called ? UINT64_MAX : f->isa->kept);
        out->saved = f->saved & out->known;
        for (unsigned r = 0; followed && r < 16; r++) {
            if (!(saved >> r & 1) || !word_at(cpu, saved_at[r], f->isa->word, &out->reg[r]))
                continue;
            out->known |= (u64)1 << r;
            out->saved |= (u64)1 << r;
            out->saved_at[r] = saved_at[r];
        }
    }
    const struct x86_seg *code = &p.code;
    bool legacy = w == 2 || (w == 4 && (p.flags & X86_VM));
    if (legacy)
        out->isa = &isa_i8086;
    else
        out->isa = code->l && x86_long(c) ? &isa_x86_64 : code->db ? &isa_i386 : &isa_i8086;
    out->code_base = legacy ? 16 * p.cs : out->isa == &isa_x86_64 ? 0 : code->base;
    out->stack_base = w == 2 ? f->stack_base : out->isa == &isa_x86_64 ? 0 : p.stack.base;
    out->pc = p.ip + out->code_base;
    out->reg[IP] = p.ip;
    out->reg[SP] = p.outer ? p.sp : (p.sp - out->stack_base) & size_mask(f->isa->word);
    out->known |= (u64)1 << SP | (u64)1 << IP;
    out->saved_at[IP] = p.at;
    out->saved |= (u64)1 << IP;
    out->saved &= ~((u64)1 << SP);
    if (p.outer) {
        out->saved_at[SP] = p.at + 3 * w;
        out->saved |= (u64)1 << SP;
    }
    out->guessed = f->guessed || (!p.story && !entry && !by_cfi && !p.outer);
    name(cpu, &p, out->pc, vector, out);
    return true;
}
