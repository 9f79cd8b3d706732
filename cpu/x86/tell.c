/* What went wrong, in words: the last exceptions, the gates they went through, the page walk behind a #PF. */
#include <stdio.h>
#include <string.h>

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

static const char *gate_type(unsigned t, bool lm)
{
    switch (t) {
    case SYS_TASK_GATE: return lm ? NULL : "task gate";
    case SYS_INT16: return lm ? NULL : "16-bit interrupt gate";
    case SYS_TRAP16: return lm ? NULL : "16-bit trap gate";
    case SYS_INT: return lm ? "64-bit interrupt gate" : "32-bit interrupt gate";
    case SYS_TRAP: return lm ? "64-bit trap gate" : "32-bit trap gate";
    default: return NULL;
    }
}

static void tell_gate(const struct x86 *c, const struct x86_story *s, struct buf *out)
{
    if (!x86_protected(c)) {
        buf_printf(out, "      vector 0x%02x of the interrupt table at 0x%llx: %04x:%04x\n", s->vector,
                   HEX(c->idtr.base + 4 * s->vector), (unsigned)(s->gate[0] >> 16 & 0xffff), (unsigned)(s->gate[0] & 0xffff));
        return;
    }
    bool lm = x86_long(c);
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
    unsigned type = (unsigned)bits_get(s->gate[0], 40, 5);
    const char *name = gate_type(type, lm);
    u64 target = (s->gate[0] & 0xffff) | bits_get(s->gate[0], 48, 16) << 16 | (lm ? s->gate[1] << 32 : 0);
    buf_printf(out, "      IDT entry 0x%02x at 0x%llx: ", s->vector, HEX(at));
    if (name)
        buf_printf(out, "%s", name);
    else
        buf_printf(out, "type 0x%x, which is no gate", type);
    buf_printf(out, ", %04x:0x%llx, DPL %u, %s", (unsigned)(s->gate[0] >> 16 & 0xffff), HEX(target),
               (unsigned)bits_get(s->gate[0], 45, 2), s->gate[0] >> 47 & 1 ? "present" : "not present");
    if (lm && bits_get(s->gate[0], 32, 3))
        buf_printf(out, ", IST %u", (unsigned)bits_get(s->gate[0], 32, 3));
    buf_printf(out, "\n");
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

static void tell_one(const struct x86 *c, const struct x86_story *s, struct buf *out)
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
    buf_printf(out, "      at %04x:0x%llx (linear 0x%llx), CPL %u, SS:RSP %04x:0x%llx, flags 0x%llx, instruction %llu\n", s->cs,
               HEX(s->rip), HEX(s->cs_base + s->rip), s->cpl, s->ss, HEX(s->rsp), HEX(s->rflags), HEX(s->retired));
    if (s->vector == EXC_PF)
        tell_walk(c, s, out);
}

/* The chain: back to the last event that was not raised while another was delivered. */
void x86_tell_story(const struct x86 *c, struct buf *out)
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
    bool dead = c->activity == X86_SHUTDOWN;
    for (u32 k = n; k > 0; k--) {
        const struct x86_story *s = &c->story[(end - k) % X86_STORY];
        buf_printf(out, "%3u. ", n - k + 1);
        tell_one(c, s, out);
        /* The last of a shutdown and the second of a double fault were never looked up in the IDT. */
        bool not_delivered = k > 1 ? c->story[(end - k + 1) % X86_STORY].vector == EXC_DF && s->shadowed && s->vector != EXC_DF &&
                                     !s->gate[0] : dead;
        if (!not_delivered)
            tell_gate(c, s, out);
    }
    if (dead)
        buf_printf(out, "     The processor shut down: an exception came while #DF was delivered (triple fault).\n");
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
