/* Interrupts and exceptions: gates, stacks, double and triple faults (SDM 3, chapter 6), and which comes first (6.9). */
#include <stdio.h>

#include "cpu/x86/engine.h"
#include "cpu/x86/flags.h"
#include "cpu/x86/sys.h"

#define TRAP_FIELDS                                                                                         \
    { { "cause", EV_STR }, { "code", EV_U64 }, { "pc", EV_HEX }, { "tval", EV_HEX },                         \
      { "from", EV_STR }, { "to", EV_STR }, { "why", EV_STR } }
const struct event_type x86_event_trap = { "cpu.trap", "a CPU enters a trap handler", TRAP_FIELDS };
const struct event_type x86_event_interrupt = { "cpu.trap", "a CPU enters a trap handler", TRAP_FIELDS };

/* --- raising --- */

bool x86_fault(struct x86 *c, unsigned vector, const char *why)
{
    c->fault = (struct x86_fault){ .vector = (u8)vector, .why = why };
    return false;
}

bool x86_fault_code(struct x86 *c, unsigned vector, u32 error, const char *why)
{
    c->fault = (struct x86_fault){ .vector = (u8)vector, .has_error = true, .error = error, .why = why };
    return false;
}

bool x86_fault_page(struct x86 *c, u64 linear, u32 error, const char *why)
{
    c->fault = (struct x86_fault){ .vector = EXC_PF, .has_error = true, .error = error, .cr2 = linear, .why = why };
    return false;
}

/* --- flags as interrupts push them --- */

u64 x86_pushed_flags(const struct x86 *c)
{
    u64 f = x86_flags(c);
    if (!has(c, X86_F_286))
        return f | 0xf000; /* the upper four read as ones */
    return f;
}

/* --- delivery --- */

struct event_in { /* what is being delivered */
    unsigned vector;
    enum x86_event kind;
    bool has_error;
    u32 error;
    u64 rip;
};

static bool ivt(struct x86 *c, const struct event_in *ev, struct x86_story *story)
{
    u64 entry, at = c->idtr.base + 4 * ev->vector;
    if (has(c, X86_F_286) && 4 * ev->vector + 3 > c->idtr.limit)
        return x86_gp0(c, "the vector is beyond the limit of the interrupt vector table");
    if (!x86_load_linear(c, (u32)at, 4, true, &entry))
        return false;
    story->gate[0] = entry;
    struct x86_stack s;
    x86_stack_here(c, &s);
    u64 v[] = { x86_pushed_flags(c), c->seg[X86_CS].selector, ev->rip };
    if (!x86_push_frame(c, &s, 2, v, 3))
        return false;
    x86_use_stack(c, &s);
    x86_set_flags(c, x86_flags(c) & ~(u64)(X86_IF | X86_TF | X86_AC | X86_RF));
    x86_set_seg_real(c, X86_CS, (u16)(entry >> 16));
    c->rip = entry & 0xffff;
    x86_mode_changed(c);
    return true;
}

static u32 idt_error(const struct event_in *ev) { return ev->vector * 8 + 2; }

/* The code segment a gate names. */
static bool gate_code(struct x86 *c, u16 selector, struct x86_desc *d)
{
    if (is_null(selector))
        return x86_gp0(c, "the code segment selector in the IDT gate is null");
    if (!x86_fetch_desc(c, selector, EXC_GP, d))
        return false;
    u32 error = sel_error(selector);
    if (!d->seg.s || !(d->seg.type & TYPE_CODE))
        return x86_fault_code(c, EXC_GP, error, "the IDT gate names no code segment");
    if (d->seg.dpl > c->cpl)
        return x86_fault_code(c, EXC_GP, error, "DPL of the code segment in the IDT gate exceeds CPL");
    if (x86_long(c) && (!d->seg.l || d->seg.db))
        return x86_fault_code(c, EXC_GP, error, "the IDT gate names no 64-bit code segment");
    if (!d->seg.present)
        return x86_fault_code(c, EXC_NP, error, "the code segment in the IDT gate is not present (P=0)");
    return true;
}

/* RF as it is pushed (SDM 3, 17.3.1.1): set by faults and by what comes between two iterations of a REP, so that the instruction
 * is not stopped by the same breakpoint again. */
static u64 flags_image(const struct x86 *c, const struct event_in *ev)
{
    u64 f = x86_pushed_flags(c);
    bool fault = ev->kind == X86_EV_EXCEPTION && ev->rip == c->rip && ev->vector != EXC_DB && ev->vector != EXC_NMI;
    if ((fault || c->cpu.amid) && has(c, X86_F_386))
        f |= X86_RF;
    return f;
}

static bool through_gate(struct x86 *c, const struct event_in *ev, unsigned type, const u64 gate[2], unsigned ist)
{
    bool lm = x86_long(c), v86 = x86_v86(c);
    unsigned size = lm ? 8 : type & 8 ? 4 : 2;
    u16 selector = (u16)(gate[0] >> 16);
    u64 target = (gate[0] & 0xffff) | (size > 2 ? bits_get(gate[0], 48, 16) << 16 : 0) | (lm ? gate[1] << 32 : 0);
    struct x86_desc d;
    if (!gate_code(c, selector, &d))
        return false;
    unsigned cpl = d.seg.type & TYPE_CONFORMING ? c->cpl : d.seg.dpl;
    if (v86 && cpl != 0)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "an interrupt in virtual-8086 mode needs a handler of CPL 0");
    struct x86_stack s;
    bool inner = cpl != c->cpl;
    if (inner || ist) {
        if (!ist) {
            if (!x86_stack_inner(c, cpl, &s))
                return false;
        } else {
            if (!x86_read_tss(c, 0x1c + 8 * ist, 8, &s.sp))
                return false;
            if (inner)
                s.ss = (struct x86_seg){ .selector = (u16)cpl, .dpl = (u8)cpl, .s = true, .type = 3, .present = true };
            else
                s.ss = c->seg[X86_SS];
            s.width = 8;
            s.error = 0;
            s.system = c->cpl == 3 && inner;
        }
    } else {
        x86_stack_here(c, &s);
    }
    if (lm) {
        s.width = 8;
        if (!inner && !ist)
            s.sp = c->r[X86_SP];
        s.sp &= ~(u64)15;
    }
    u64 v[12];
    unsigned n = 0;
    if (v86) {
        v[n++] = c->seg[X86_GS].selector;
        v[n++] = c->seg[X86_FS].selector;
        v[n++] = c->seg[X86_DS].selector;
        v[n++] = c->seg[X86_ES].selector;
    }
    if (inner || lm) {
        v[n++] = c->seg[X86_SS].selector;
        v[n++] = c->r[X86_SP];
    }
    v[n++] = flags_image(c, ev);
    v[n++] = c->seg[X86_CS].selector;
    v[n++] = ev->rip;
    if (ev->has_error)
        v[n++] = ev->error;
    if (!x86_check_target(c, &d.seg, target) || !x86_push_frame(c, &s, size, v, n) || !x86_mark_accessed(c, &d))
        return false;
    if (inner || ist)
        x86_note(c, X86_WROTE_SP, s.sp, ist ? "an interrupt or exception, to an IST stack of the TSS" :
                 "an interrupt or exception, to the stack of the inner level in the TSS");
    x86_use_stack(c, &s);
    x86_set_cs(c, &d.seg, selector, cpl);
    u64 f = x86_flags(c) & ~(u64)(X86_TF | X86_VM | X86_RF | X86_NT);
    if (!(type & 1))
        f &= ~(u64)X86_IF;
    x86_set_flags(c, f);
    if (v86) {
        static const u8 data[] = { X86_ES, X86_DS, X86_FS, X86_GS };
        for (unsigned k = 0; k < ARRAY_LEN(data); k++)
            x86_null_seg(c, data[k], 0);
    }
    c->rip = target;
    x86_mode_changed(c);
    return true;
}

static bool idt(struct x86 *c, struct event_in *ev, struct x86_story *story)
{
    bool lm = x86_long(c);
    unsigned bytes = lm ? 16 : 8;
    u64 at = c->idtr.base + bytes * ev->vector;
    if (!lm)
        at = (u32)at;
    u64 gate[2] = { 0, 0 };
    if (bytes * ev->vector + bytes - 1 > c->idtr.limit)
        return x86_fault_code(c, EXC_GP, idt_error(ev), "the vector is beyond the limit of the IDT");
    if (!x86_load_linear(c, at, 8, true, &gate[0]) || (lm && !x86_load_linear(c, at + 8, 8, true, &gate[1])))
        return false;
    story->gate[0] = gate[0];
    story->gate[1] = gate[1];
    unsigned type = (unsigned)bits_get(gate[0], 40, 5); /* with S, which must be 0 */
    bool is_task = type == SYS_TASK_GATE && !lm;
    bool known = type == SYS_INT || type == SYS_TRAP || (!lm && (type == SYS_INT16 || type == SYS_TRAP16 || is_task));
    if (!known)
        return x86_fault_code(c, EXC_GP, idt_error(ev),
                              lm ? "the IDT entry is no 64-bit interrupt or trap gate" : "the IDT entry is no gate");
    if ((ev->kind == X86_EV_SOFTWARE || ev->kind == X86_EV_INT3) && bits_get(gate[0], 45, 2) < c->cpl)
        return x86_fault_code(c, EXC_GP, idt_error(ev), "DPL of the IDT gate is below CPL");
    if (!(gate[0] >> 47 & 1))
        return x86_fault_code(c, EXC_NP, idt_error(ev), "the IDT gate is not present (P=0)");
    if (!is_task)
        return through_gate(c, ev, type, gate, lm ? (unsigned)bits_get(gate[0], 32, 3) : 0);
    bool committed;
    c->next_rip = ev->rip;
    if (x86_switch_task(c, (u16)(gate[0] >> 16), X86_TASK_INT, ev->has_error, ev->error, &committed))
        return true;
    if (committed)
        ev->rip = c->rip; /* the fault is the new task's */
    return false;
}

/* --- the redirection of INT n in virtual-8086 mode with VME (SDM 3, 20.3) --- */

static bool redirected(struct x86 *c, unsigned vector, bool *to_8086)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    u64 map, byte;
    *to_8086 = false;
    if (!tr->valid || !(tr->type & 8) || tr->limit < 0x67)
        return x86_gp0(c, "INT in virtual-8086 mode: the TSS has no redirection bitmap");
    if (!x86_load_linear(c, (u32)(tr->base + 102), 2, true, &map))
        return false;
    u64 at = map - 32 + vector / 8;
    if (map < 32 || at > tr->limit)
        return x86_gp0(c, "INT in virtual-8086 mode: the redirection bitmap is beyond the limit of the TSS");
    if (!x86_load_linear(c, (u32)(tr->base + at), 1, true, &byte))
        return false;
    *to_8086 = !(byte >> (vector % 8) & 1);
    return true;
}

static bool int_v86(struct x86 *c, struct event_in *ev, struct x86_story *story)
{
    bool to_8086 = false;
    if ((c->cr4 & CR4_VME) && !redirected(c, ev->vector, &to_8086))
        return false;
    if (!to_8086) {
        if (iopl(c) < 3)
            return x86_gp0(c, "INT in virtual-8086 mode with IOPL below 3");
        return idt(c, ev, story);
    }
    u64 entry, f = x86_flags(c), image = f;
    if (!x86_load_linear(c, 4 * ev->vector, 4, false, &entry))
        return false;
    if (iopl(c) < 3)
        image = (image & ~(u64)X86_IF) | X86_IOPL | (f & X86_VIF ? X86_IF : 0);
    struct x86_stack s;
    x86_stack_here(c, &s);
    u64 v[] = { image, c->seg[X86_CS].selector, ev->rip };
    if (!x86_push_frame(c, &s, 2, v, 3))
        return false;
    story->gate[0] = entry;
    x86_use_stack(c, &s);
    x86_set_flags(c, f & ~(u64)(X86_TF | (iopl(c) < 3 ? X86_VIF : X86_IF)));
    x86_set_seg_real(c, X86_CS, (u16)(entry >> 16));
    c->rip = entry & 0xffff;
    x86_mode_changed(c);
    return true;
}

/* --- exceptions while delivering (tables 6-4 and 6-5) --- */

static bool contributory(unsigned vector)
{
    return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

static bool doubles(unsigned first, unsigned second)
{
    if (first == EXC_PF)
        return contributory(second) || second == EXC_PF;
    return contributory(first) && contributory(second);
}

static struct x86_story *tell(struct x86 *c, const struct event_in *ev, const char *why, bool shadowed)
{
    struct x86_story *s = &c->story[c->n_story++ % X86_STORY];
    *s = (struct x86_story){
        .when = c->cpu.clock ? c->cpu.clock->now : 0, .retired = c->cpu.retired, .rip = ev->rip,
        .cs_base = c->seg[X86_CS].base, .rsp = c->r[X86_SP], .cr2 = c->cr2, .cr3 = c->cr3, .rflags = x86_flags(c),
        .mode = x86_story_mode(c), .cs = c->seg[X86_CS].selector, .ss = c->seg[X86_SS].selector, .vector = (u8)ev->vector, .cpl = c->cpl,
        .has_error = ev->has_error, .error = ev->error, .software = ev->kind >= X86_EV_SOFTWARE,
        .external = ev->kind == X86_EV_EXTERNAL, .shadowed = shadowed, .why = why,
    };
    return s;
}

static void told(struct x86 *c, const struct event_in *ev, const char *from, const char *why)
{
    char text[160], cause[64];
    const char *name = ev->kind == X86_EV_EXTERNAL && ev->vector != EXC_NMI ? NULL : x86_vector_name(ev->vector);
    if (ev->kind == X86_EV_SOFTWARE || !name)
        snprintf(cause, sizeof cause, "%s 0x%02x", ev->kind == X86_EV_SOFTWARE ? "INT" : "interrupt", ev->vector);
    else
        snprintf(cause, sizeof cause, "%s", name);
    char code[64] = "";
    if (ev->has_error)
        x86_error_text(ev->vector, ev->error, code, sizeof code);
    snprintf(text, sizeof text, "%s%s%s", why ? why : "", why && *code ? "; " : "", code);
    bool apart = ev->kind == X86_EV_EXTERNAL || ev->kind == X86_EV_SOFTWARE;
    EVENT(c->cpu.bus, c->cpu.clock->now, c->cpu.name, apart ? &x86_event_interrupt : &x86_event_trap, { .s = cause },
          { .u = ev->vector }, { .u = ev->rip }, { .u = ev->vector == EXC_PF ? c->cr2 : ev->has_error ? ev->error : 0 },
          { .s = from }, { .s = x86_privilege(c) }, { .s = text });
}

void x86_lost(struct x86 *c, const char *what, bool jump)
{
    if (c->lost || !c->board.lost)
        return;
    c->lost = true;
    c->board.lost(c->board.lost_opaque, c, what, jump);
    clock_kick(c->cpu.clock);
    x86_look_again(c);
}

static u64 registers_now(const struct x86 *c)
{
    u64 h = x86_flags(c);
    for (unsigned n = 0; n < 16; n++)
        h = (h ^ c->r[n]) * 0x9e3779b97f4a7c15u;
    return h;
}

/* A handler that returns without having changed anything comes to the same exception for ever (docs/decisions/058). Only
 * outside CPL 3: what a program does to itself is its system's affair. */
static void count_again(struct x86 *c, const struct event_in *ev)
{
    enum { ENOUGH = 1000 };
    if (c->cpl == 3 || ev->kind != X86_EV_EXCEPTION || ev->vector == EXC_DB || ev->vector == EXC_NMI)
        return;
    if (c->again.vector != ev->vector || c->again.rip != ev->rip || c->again.rsp != c->r[X86_SP] || c->again.error != ev->error ||
        c->again.cr2 != c->cr2) {
        c->again.vector = (u8)ev->vector;
        c->again.rip = ev->rip;
        c->again.rsp = c->r[X86_SP];
        c->again.error = ev->error;
        c->again.cr2 = c->cr2;
        c->again.times = 1;
        return;
    }
    u64 regs = registers_now(c);
    if (c->again.times > 1 && regs != c->again.regs)
        c->again.times = 1;
    c->again.regs = regs;
    if (++c->again.times == ENOUGH)
        x86_lost(c, ev->vector == EXC_PF ? "a page fault at CPL 0 that nobody handles: its handler returns to the same instruction in "
                 "the same state, 1000 times" : "the same exception for ever: its handler returns to the same instruction in the "
                 "same state, 1000 times", false);
}

/* The gate of #PF is of no use, and #DF was delivered in its place. */
static bool page_fault_without_gate(const struct x86 *c)
{
    if (c->n_story < 3)
        return false;
    const struct x86_story *first = &c->story[(c->n_story - 3) % X86_STORY], *second = &c->story[(c->n_story - 2) % X86_STORY];
    return first->vector == EXC_PF && first->cpl < 3 && !first->external && !first->software && second->shadowed &&
           (second->vector == EXC_GP || second->vector == EXC_NP) && (second->error & 2);
}

static void shut_down(struct x86 *c)
{
    c->activity = X86_SHUTDOWN;
    c->next_rip = c->rip;
    if (c->board.shutdown)
        c->board.shutdown(c->board.shutdown_opaque, c);
    clock_kick(c->cpu.clock); /* the machine looks whether any CPU can go on */
    x86_look_again(c);
}

/* What #PF and #DB leave in registers before they are delivered. */
static void side_effects(struct x86 *c, const struct x86_fault *f)
{
    if (f->vector == EXC_PF)
        c->cr2 = f->cr2;
    if (f->vector == EXC_DB) {
        c->dr[6] = (c->dr[6] & ~(u64)0xf) | f->dr6; /* B0-B3 are of this one; BD, BS, BT are never cleared by the CPU */
        c->dr[7] &= ~(u64)DR7_GD;
        c->debugctl &= ~(u64)(DEBUGCTL_BTF | 1 /* LBR */);
    }
}

static void deliver(struct x86 *c, struct event_in ev, const char *why)
{
    bool shadowed = false;
    c->activity = X86_RUNNING;
    c->db_pending = 0;
    c->shadow = 0;
    const char *from = x86_privilege(c);
    for (;;) {
        struct x86_story *story = tell(c, &ev, why, shadowed);
        struct event_in now = ev;
        bool real = !x86_protected(c);
        if (real)
            now.has_error = false; /* nothing pushes them in real mode */
        bool ok = real ? ivt(c, &now, story) : x86_v86(c) && ev.kind == X86_EV_SOFTWARE ? int_v86(c, &now, story)
                                                                                      : idt(c, &now, story);
        if (ok) {
            c->next_rip = c->rip;
            c->cpu.amid = false; /* what it interrupted begins again behind it */
            if (ev.kind == X86_EV_EXCEPTION && ev.vector == EXC_NMI)
                c->nmi_blocked = true;
            if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_TRAP)))
                told(c, &ev, from, why);
            x86_look_again(c);
            if (UNLIKELY(ev.vector == EXC_DF) && page_fault_without_gate(c))
                x86_lost(c, "a page fault at CPL 0 that nobody handles: its gate in the IDT is of no use", false);
            return;
        }
        struct x86_fault f = c->fault;
        bool software = ev.kind == X86_EV_SOFTWARE || ev.kind == X86_EV_INT3;
        /* EXT: the event came from outside the program (6.13). */
        if (!software && f.has_error && f.vector >= EXC_TS && f.vector <= EXC_GP)
            f.error |= 1;
        bool exception = ev.kind == X86_EV_EXCEPTION && ev.vector != EXC_NMI;
        if (UNLIKELY(event_wants(c->cpu.bus, EV_CPU_TRAP)))
            told(c, &ev, from, why);
        if (exception && ev.vector == EXC_DF && (contributory(f.vector) || f.vector == EXC_PF)) {
            side_effects(c, &f);
            struct event_in last = { f.vector, X86_EV_EXCEPTION, f.has_error, f.error, ev.rip };
            tell(c, &last, f.why, true);
            shut_down(c);
            return;
        }
        u64 rip = software && now.rip == ev.rip ? c->rip : now.rip;
        side_effects(c, &f);
        if (exception && doubles(ev.vector, f.vector)) {
            struct event_in second = { f.vector, X86_EV_EXCEPTION, f.has_error, f.error, rip };
            tell(c, &second, f.why, true);
            ev = (struct event_in){ EXC_DF, X86_EV_EXCEPTION, true, 0, rip };
            why = "a second exception while the first was delivered";
        } else {
            ev = (struct event_in){ f.vector, X86_EV_EXCEPTION, f.has_error, f.error, rip };
            why = f.why;
        }
        shadowed = true;
    }
}

void x86_deliver(struct x86 *c, unsigned vector, enum x86_event kind, bool has_error, u32 error, u64 rip)
{
    deliver(c, (struct event_in){ vector, kind, has_error, error, rip }, NULL);
}

void x86_deliver_fault(struct x86 *c)
{
    struct x86_fault f = c->fault;
    side_effects(c, &f);
    struct event_in ev = { f.vector, X86_EV_EXCEPTION, f.has_error, f.error, c->rip };
    count_again(c, &ev);
    deliver(c, ev, f.why);
}

/* --- debug registers (SDM 3, 17.2) --- */

/* Breakpoint n watches [start, start + length); 0: it is off or of another kind. */
static unsigned breakpoint(const struct x86 *c, unsigned n, unsigned kinds)
{
    static const u8 length[] = { 1, 2, 8, 4 };
    u64 dr7 = c->dr[7];
    if (!(dr7 >> (2 * n) & 3) || !(kinds >> (dr7 >> (16 + 4 * n) & 3) & 1))
        return 0;
    return length[dr7 >> (18 + 4 * n) & 3];
}

static u32 breakpoints_at(const struct x86 *c, u64 at, unsigned size, unsigned kinds)
{
    u32 hit = 0;
    for (unsigned n = 0; n < 4; n++) {
        unsigned len = breakpoint(c, n, kinds);
        u64 start = c->dr[n] & ~(u64)(len - 1);
        if (len && at < start + len && start < at + size)
            hit |= 1u << n;
    }
    return hit;
}

bool x86_code_breakpoint(struct x86 *c, u64 linear)
{
    u32 hit = breakpoints_at(c, linear, 1, 1);
    if (!hit || (c->rflags & X86_RF))
        return false;
    x86_fault(c, EXC_DB, "an instruction breakpoint (DR0 to DR3)");
    c->fault.dr6 = hit;
    return true;
}

void x86_data_accessed(struct x86 *c, u64 linear, unsigned size, bool write)
{
    c->db_pending |= breakpoints_at(c, linear, size, write ? 1 << 1 | 1 << 3 : 1 << 3);
}

void x86_io_accessed(struct x86 *c, u16 port, unsigned size, enum cpu_access access, u64 value)
{
    const struct cpu_stops *s = c->cpu.stops;
    for (size_t k = 0; UNLIKELY(s != NULL) && k < s->n_port; k++)
        if ((s->port[k].access & access) && port < s->port[k].addr + s->port[k].len && s->port[k].addr < port + (u64)size) {
            c->cpu.hit = (struct cpu_hit){ .addr = port, .size = (u8)size, .access = (u8)access, .port = true, .value = value };
            c->engine->watch_hit = true;
        }
    if ((c->cr4 & CR4_DE) && x86_breakpoints(c))
        c->db_pending |= breakpoints_at(c, port, size, 1 << 2);
}

/* --- between instructions --- */

static bool interrupts_open(const struct x86 *c)
{
    return (c->rflags & X86_IF) && !c->shadow;
}

static int apic_pending(const struct x86 *c)
{
    return c->board.apic.pending ? c->board.apic.pending(c->board.apic.opaque) : -1;
}

bool x86_wakes(const struct x86 *c)
{
    bool open = c->rflags & X86_IF;
    if (c->init_pending && !c->smm)
        return true;
    if (c->activity == X86_WAIT_FOR_SIPI)
        return false;
    if ((c->smi_pending && !c->smm) || (c->nmi_pending && !c->nmi_blocked))
        return true;
    if (c->activity == X86_SHUTDOWN)
        return false;
    if (c->db_pending || (c->activity == X86_MWAIT && x86_monitored(c) != c->monitor_value))
        return true;
    return open && (c->intr || apic_pending(c) >= 0);
}

bool x86_take_pending(struct x86 *c)
{
    if (c->init_pending && !c->smm) {
        x86_init_now(c);
        return true;
    }
    if (c->activity == X86_WAIT_FOR_SIPI)
        return false;
    if (c->smi_pending && !c->smm) {
        c->smi_pending = false;
        x86_enter_smm(c);
        return true;
    }
    if (c->db_pending && !(c->shadow & X86_SHADOW_SS)) {
        x86_fault(c, EXC_DB, c->db_pending & DR6_BS ? "single-step (TF)" :
                  c->db_pending & DR6_BT ? "the T flag of the TSS" : "a data or I/O breakpoint (DR0 to DR3)");
        c->fault.dr6 = c->db_pending & (0xf | DR6_BS | DR6_BT);
        x86_deliver_fault(c);
        return true;
    }
    if (c->nmi_pending && !c->nmi_blocked && !(c->shadow & X86_SHADOW_SS)) {
        c->nmi_pending = false;
        x86_deliver(c, EXC_NMI, X86_EV_EXCEPTION, false, 0, c->rip);
        return true;
    }
    if (c->activity == X86_SHUTDOWN || !interrupts_open(c))
        return false;
    int vector = apic_pending(c);
    if (vector >= 0) {
        vector = c->board.apic.acknowledge(c->board.apic.opaque);
    } else if (c->intr && c->board.inta) {
        vector = c->board.inta(c->board.inta_opaque);
    }
    if (vector < 0)
        return false;
    x86_deliver(c, (u8)vector, X86_EV_EXTERNAL, false, 0, c->rip);
    return true;
}
