/* What went wrong, in words: the last exceptions, the gates they went through, the page walk behind a #PF. */
#include <stdio.h>
#include <string.h>

#include "cpu/x86/engine.h"
#include "cpu/x86/show.h"
#include "cpu/x86/sys.h"

#define HEX(v) ((unsigned long long)(v))

const char *x86_vector_name(unsigned vector)
{
    static const char *const name[] = {
        "#DE divide error", "#DB debug exception", "NMI", "#BP breakpoint", "#OF overflow", "#BR bound range exceeded",
        "#UD invalid opcode", "#NM device not available", "#DF double fault", "coprocessor segment overrun",
        "#TS invalid TSS", "#NP segment not present", "#SS stack fault", "#GP general protection fault", "#PF page fault",
        NULL, "#MF x87 floating-point error", "#AC alignment check", "#MC machine check", "#XM SIMD floating-point exception",
    };
    return vector < ARRAY_LEN(name) ? name[vector] : NULL;
}

/* SDM 3, 4.7 and 6.13 */
void x86_error_text(unsigned vector, u32 error, char *out, size_t n)
{
    if (vector == EXC_PF) {
        const char *access = error & PF_I ? "an instruction fetch" : error & PF_W ? "a store" : "a load";
        const char *what = error & PF_RSVD ? "an entry with reserved bits set" : error & PF_P ? "a page that is present" :
                           "a page that is not present";
        snprintf(out, n, "%s %s, %s%s", access, error & PF_U ? "by CPL 3" : "in supervisor mode", what,
                 error & PF_PK ? ", protection key" : "");
        return;
    }
    const char *ext = error & 1 ? " (while delivering another event)" : "";
    if (vector == EXC_DF || vector == EXC_AC || !(error & 0xffff))
        snprintf(out, n, "no selector%s", ext);
    else if (error & 2)
        snprintf(out, n, "vector 0x%02x of the IDT%s", (error >> 3) & 0xff, ext);
    else
        snprintf(out, n, "selector 0x%04x of the %s%s", error & 0xfff8, error & 4 ? "LDT" : "GDT", ext);
}

/* Which field of the gate is wrong: the first one the processor would find. NULL: none. */
static const char *wrong_field(const struct x86 *c, const struct x86_story *s, bool lm)
{
    u16 selector = (u16)bits_get(s->gate[0], 16, 16);
    const struct x86_seg *ldt = &c->seg[X86_LDTR];
    u64 base = selector & 4 ? ldt->base : c->gdtr.base, limit = selector & 4 ? ldt->limit : c->gdtr.limit;
    u8 raw[8];
    if (!x86_is_gate(s->gate[0], lm))
        return "its type is no gate's";
    if (s->software && bits_get(s->gate[0], 45, 2) < s->cpl)
        return "its DPL is below CPL";
    if (!(s->gate[0] >> 47 & 1))
        return "its P is 0";
    if (is_null(selector))
        return "its selector is null";
    if ((u64)(selector | 7) > limit)
        return selector & 4 ? "its selector is beyond the limit of the LDT" : "its selector is beyond the limit of the GDT";
    if (bits_get(s->gate[0], 40, 5) == SYS_TASK_GATE)
        return NULL;
    if (x86_peek_linear(c, base + (selector & 0xfff8), raw, 8) != 8)
        return "its selector names a descriptor that cannot be read";
    struct x86_seg d;
    x86_seg_of(c, selector, load_le(raw, 8), &d);
    if (!d.s || !(d.type & TYPE_CODE))
        return "its selector names no code segment";
    if (d.dpl > s->cpl)
        return "its selector names a code segment whose DPL exceeds CPL";
    if (lm && (!d.l || d.db))
        return "its selector names no 64-bit code segment";
    if (!d.present)
        return "its selector names a code segment that is not present";
    if (lm ? !x86_linear_ok(c, x86_gate_target(s->gate, lm)) : x86_gate_target(s->gate, lm) > d.limit)
        return lm ? "its offset is not canonical" : "its offset is beyond the limit of the code segment";
    return NULL;
}

/* Where the handler's stack comes from, when the gate is good and the frame could not be pushed. */
static void tell_stack(const struct x86 *c, const struct x86_story *s, bool lm, struct buf *out)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    unsigned ist = lm ? (unsigned)bits_get(s->gate[0], 32, 3) : 0;
    u8 raw[8];
    if (!ist && s->cpl == 0) {
        buf_printf(out, "      its frame goes to the stack at %04x:0x%llx\n", s->ss, HEX(s->rsp));
        return;
    }
    u64 at = tr->base + (ist ? 0x1c + 8 * ist : 4);
    buf_printf(out, "      its frame goes to %s%.0u of the TSS %04x, at 0x%llx: ", ist ? "IST " : lm ? "RSP0" : "SS0:ESP0", ist, tr->selector,
               HEX(at));
    if (!tr->valid || !(tr->selector & 0xfffc))
        buf_printf(out, "TR is null\n");
    else if (at - tr->base + 7 > tr->limit)
        buf_printf(out, "beyond its limit 0x%x\n", tr->limit);
    else if (x86_peek_linear(c, at, raw, 8) != 8)
        buf_printf(out, "cannot be read\n");
    else if (lm)
        buf_printf(out, "0x%llx\n", HEX(load_le(raw, 8)));
    else
        buf_printf(out, "%04llx:0x%llx\n", HEX(load_le(raw + 4, 2)), HEX(load_le(raw, 4)));
}

static void tell_name(const struct x86_names *names, u64 linear, const char *before, struct buf *out)
{
    char text[320] = "";
    if (names)
        names->name(names->opaque, linear, text, sizeof text);
    if (*text)
        buf_printf(out, "%s%s", before, text);
}

static void tell_gate(const struct x86 *c, const struct x86_story *s, const struct x86_names *names, bool failed, struct buf *out)
{
    if (!(s->mode & X86_STORY_PROTECTED)) {
        unsigned selector = (unsigned)(s->gate[0] >> 16 & 0xffff), offset = (unsigned)(s->gate[0] & 0xffff);
        buf_printf(out, "      vector 0x%02x of the interrupt table at 0x%llx: %04x:%04x", s->vector,
                   HEX(c->idtr.base + 4 * s->vector), selector, offset);
        tell_name(names, 16 * selector + offset, ", ", out);
        buf_printf(out, "\n");
        return;
    }
    bool lm = s->mode & X86_STORY_LONG;
    unsigned bytes = lm ? 16 : 8;
    u64 at = c->idtr.base + bytes * s->vector;
    if (bytes * s->vector + bytes - 1 > c->idtr.limit) {
        buf_printf(out, "      IDT entry 0x%02x lies beyond the limit of the IDT: base 0x%llx, limit 0x%x\n", s->vector,
                   HEX(c->idtr.base), c->idtr.limit);
        return;
    }
    if (!s->gate[0] && !s->gate[1]) {
        buf_printf(out, "      IDT entry 0x%02x at 0x%llx is empty, or could not be read\n", s->vector, HEX(at));
        return;
    }
    buf_printf(out, "      IDT entry 0x%02x at 0x%llx: ", s->vector, HEX(at));
    x86_gate_text(s->gate, lm, out);
    tell_name(names, x86_gate_target(s->gate, lm), ", ", out);
    buf_printf(out, "\n");
    if (!failed)
        return;
    const char *wrong = wrong_field(c, s, lm);
    if (wrong)
        buf_printf(out, "      that entry is wrong: %s\n", wrong);
    else
        tell_stack(c, s, lm, out);
}

static void tell_walk(const struct x86 *c, const struct x86_story *s, struct buf *out)
{
    buf_printf(out, "      CR2 0x%llx, CR3 0x%llx\n", HEX(s->cr2), HEX(s->cr3));
    if (s->cr3 != c->cr3) {
        buf_printf(out, "      (CR3 has changed since: 0x%llx)\n", HEX(c->cr3));
        return;
    }
    enum cpu_access access = s->error & PF_I ? CPU_EXEC : s->error & PF_W ? CPU_WRITE : CPU_READ;
    struct cpu_walk w;
    x86_walk_as((struct x86 *)(uintptr_t)c, s->cr2, access, s->error & PF_U, &w);
    for (unsigned n = 0; n < w.n_levels; n++)
        buf_printf(out, "      level %u: entry at 0x%llx is 0x%llx (%s)\n", w.level[n].level, HEX(w.level[n].pte_addr),
                   HEX(w.level[n].pte), w.level[n].text);
    if (w.ok)
        buf_printf(out, "      as the tables are now, the access is allowed: physical 0x%llx\n", HEX(w.pa));
    else
        buf_printf(out, "      %s\n", w.why);
}

/* The instruction at an address, if it is still mapped as it was then. */
static bool tell_insn(const struct x86 *c, u64 cr3, u8 mode, u64 rip, u64 linear, struct buf *out)
{
    u8 bytes[15];
    char text[160];
    if (cr3 != c->cr3)
        return false;
    u64 n = x86_peek_linear(c, linear, bytes, sizeof bytes);
    if (!n || !x86_disasm_with(c->engine->decoder, mode & (16 | 32 | 64), mode & X86_STORY_LEGACY, rip, bytes, n, text, sizeof text))
        return false;
    buf_printf(out, "%s", text);
    return true;
}

static u64 linear_of(const struct x86_story *s)
{
    return s->mode & 64 ? s->rip : (u32)(s->cs_base + s->rip);
}

static void tell_place(const struct x86 *c, const struct x86_story *s, const struct x86_names *names, struct buf *out)
{
    buf_printf(out, "      at %04x:0x%llx", s->cs, HEX(s->rip));
    if (s->cs_base && !(s->mode & 64))
        buf_printf(out, " (linear 0x%llx)", HEX(linear_of(s)));
    tell_name(names, linear_of(s), " ", out);
    bool after = s->external || s->software; /* the instruction there is the next one */
    struct buf insn = { 0 };
    if (tell_insn(c, s->cr3, s->mode, s->rip, linear_of(s), &insn))
        buf_printf(out, "%s%s", after ? ", before " : ": ", buf_cstr(&insn));
    buf_free(&insn);
    buf_printf(out, "\n      CPL %u, SS:RSP %04x:0x%llx, flags 0x%llx, instruction %llu\n", s->cpl, s->ss, HEX(s->rsp), HEX(s->rflags),
               HEX(s->retired));
}

static void tell_one(const struct x86 *c, const struct x86_story *s, const struct x86_story *before,
                     const struct x86_names *names, struct buf *out)
{
    const char *name = s->external && s->vector != EXC_NMI ? NULL : x86_vector_name(s->vector);
    if (s->software && s->vector != EXC_BP && s->vector != EXC_OF)
        buf_printf(out, "INT 0x%02x", s->vector);
    else if (name)
        buf_printf(out, "%s", name);
    else
        buf_printf(out, "interrupt 0x%02x", s->vector);
    char text[96];
    if (s->has_error) {
        x86_error_text(s->vector, s->error, text, sizeof text);
        buf_printf(out, ", error code 0x%04x: %s", s->error, text);
    }
    buf_printf(out, "\n");
    if (s->why)
        buf_printf(out, "      %s\n", s->why);
    if (!before || before->rip != s->rip || before->cs != s->cs || before->rsp != s->rsp)
        tell_place(c, s, names, out);
    if (s->vector == EXC_PF && before && before->vector == EXC_PF && before->cr2 == s->cr2)
        buf_printf(out, "      CR2 0x%llx, as before\n", HEX(s->cr2));
    else if (s->vector == EXC_PF)
        tell_walk(c, s, out);
}

/* Who wrote what the chain hangs on. */
static void tell_writers(const struct x86 *c, const struct x86_names *names, struct buf *out)
{
    static const struct {
        const char *name;
        enum x86_wrote_what what;
    } row[] = { { "IDTR", X86_WROTE_IDTR }, { "CR3", X86_WROTE_CR3 }, { "TR", X86_WROTE_TR }, { "RSP", X86_WROTE_SP } };
    for (unsigned n = 0; n < ARRAY_LEN(row); n++) {
        const struct x86_wrote *w = &c->wrote[row[n].what];
        if ((row[n].what == X86_WROTE_CR3 && !x86_paging(c)) || (row[n].what == X86_WROTE_TR && !w->when))
            continue;
        buf_printf(out, "     %s", row[n].name);
        if (!w->when) {
            buf_printf(out, ": who wrote it last is not known (before a snapshot?)\n");
            continue;
        }
        if (row[n].what == X86_WROTE_IDTR)
            buf_printf(out, " (base 0x%llx, limit 0x%x)", HEX(c->idtr.base), c->idtr.limit);
        else if (row[n].what != X86_WROTE_SP)
            buf_printf(out, " (0x%llx)", HEX(w->value));
        buf_printf(out, " was %s %04x:0x%llx", row[n].what == X86_WROTE_SP ? "last set at" : "last written at", w->cs, HEX(w->rip));
        tell_name(names, w->linear, " ", out);
        struct buf insn = { 0 };
        if (w->how)
            buf_printf(out, ": %s", w->how);
        else if (tell_insn(c, c->cr3, w->mode, w->rip, w->linear, &insn))
            buf_printf(out, ": %s", buf_cstr(&insn));
        buf_free(&insn);
        buf_printf(out, ", instruction %llu\n", HEX(w->retired));
    }
}

/* The chain: back to the last event that was not raised while another was delivered. */
void x86_tell_story(const struct x86 *c, const struct x86_names *names, struct buf *out)
{
    u32 end = c->n_story, n = 0;
    u32 have = end < X86_STORY ? end : X86_STORY;
    if (!have) {
        buf_printf(out, "no exceptions or interrupts yet\n");
        return;
    }
    while (n < have) {
        n++;
        if (!c->story[(end - n) % X86_STORY].shadowed)
            break;
    }
    bool dead = c->activity == X86_SHUTDOWN, hidden = false;
    for (u32 k = n; k > 0; k--) {
        const struct x86_story *s = &c->story[(end - k) % X86_STORY];
        buf_printf(out, "%3u. ", n - k + 1);
        tell_one(c, s, k < n ? &c->story[(end - k - 1) % X86_STORY] : NULL, names, out);
        hidden |= s->mode & X86_STORY_PROTECTED;
        /* The last of a shutdown and the second of a double fault were never looked up in the IDT. */
        bool not_delivered = k > 1 ? c->story[(end - k + 1) % X86_STORY].vector == EXC_DF && s->shadowed && s->vector != EXC_DF &&
                                     !s->gate[0] : dead;
        if (!not_delivered)
            tell_gate(c, s, names, k > 1, out);
    }
    if (dead)
        buf_printf(out, "     The processor shut down: an exception came while #DF was delivered (triple fault).\n");
    if (hidden)
        tell_writers(c, names, out);
}

/* The CALL that ends at an address, if there is one; its length. */
static unsigned call_before(const struct x86 *c, u64 linear, char *text, size_t n)
{
    for (unsigned length = 2; length <= 8; length++) {
        u8 bytes[8];
        if (x86_peek_linear(c, linear - length, bytes, length) == length &&
            x86_disasm_with(c->engine->decoder, c->code_bits, x86_real_or_v86(c), c->rip, bytes, length, text, n) == length &&
            !strncmp(text, "call", 4))
            return length;
    }
    return 0;
}

void x86_tell_jump(const struct x86 *c, const struct x86_names *names, struct buf *out)
{
    unsigned size = c->code_bits / 8;
    u64 start = c->zeros_end - c->zeros, top = 0, base = c->code_bits == 64 ? 0 : c->seg[X86_CS].base;
    u64 stack = c->code_bits == 64 ? c->r[X86_SP] : (u32)(c->seg[X86_SS].base + (c->r[X86_SP] & stack_mask(c->stack_size)));
    u8 raw[8];
    char text[160];
    buf_printf(out, "      zeros from 0x%llx on", HEX(start));
    tell_name(names, start, ", ", out);
    buf_printf(out, "; CPL %u, CS %04x, SS:RSP %04x:0x%llx\n", c->cpl, c->seg[X86_CS].selector, c->seg[X86_SS].selector,
               HEX(c->r[X86_SP]));
    if (x86_peek_linear(c, stack, raw, size) == size) {
        top = load_le(raw, size);
        buf_printf(out, "      on top of the stack is 0x%llx", HEX(top));
        unsigned length = call_before(c, base + top, text, sizeof text);
        if (length) {
            buf_printf(out, ", where a CALL returns to: 0x%llx", HEX(top - length));
            tell_name(names, base + top - length, " ", out);
            buf_printf(out, ": %s\n", text);
        } else {
            buf_printf(out, ", which is behind no CALL: it came by a jump or a return\n");
        }
    } else {
        buf_printf(out, "      the stack cannot be read\n");
    }
    tell_writers(c, names, out);
}

/* What operating systems do to reset a machine when all else failed: LIDT of an empty table, then INT3. */
bool x86_story_meant(const struct x86 *c)
{
    u32 n = c->n_story;
    while (n && c->n_story - n < X86_STORY && c->story[(n - 1) % X86_STORY].shadowed)
        n--;
    const struct x86_story *first = n ? &c->story[(n - 1) % X86_STORY] : NULL;
    return first && first->software && first->vector == EXC_BP && c->idtr.limit == 0;
}

bool x86_stuck(const struct cpu *cpu, char *why, size_t n)
{
    const struct x86 *c = (const struct x86 *)cpu;
    if (c->activity == X86_SHUTDOWN) {
        snprintf(why, n, "shut down after a triple fault; only NMI, SMI, INIT or reset go on from here");
        return !x86_wakes(c);
    }
    if (c->activity == X86_HALTED && !(c->rflags & X86_IF) && !x86_wakes(c)) {
        snprintf(why, n, "HLT with interrupts off (IF=0) at %04x:0x%llx", c->seg[X86_CS].selector, HEX(c->rip));
        return true;
    }
    return false;
}
