#include "cpu/x86/show.h"

#include "cpu/x86/sys.h"

#define HEX(v) ((unsigned long long)(v))

static const char *gate_name(unsigned type, bool lm)
{
    switch (type) {
    case SYS_TASK_GATE: return lm ? NULL : "task gate";
    case SYS_INT16: return lm ? NULL : "16-bit interrupt gate";
    case SYS_TRAP16: return lm ? NULL : "16-bit trap gate";
    case SYS_INT: return lm ? "64-bit interrupt gate" : "32-bit interrupt gate";
    case SYS_TRAP: return lm ? "64-bit trap gate" : "32-bit trap gate";
    default: return NULL;
    }
}

static unsigned gate_type(u64 raw) { return (unsigned)bits_get(raw, 40, 5); } /* with S, which must be 0 */

bool x86_is_gate(u64 raw, bool lm) { return gate_name(gate_type(raw), lm) != NULL; }

u64 x86_gate_target(const u64 raw[2], bool lm)
{
    bool wide = gate_type(raw[0]) & 8;
    return (raw[0] & 0xffff) | (wide || lm ? bits_get(raw[0], 48, 16) << 16 : 0) | (lm ? raw[1] << 32 : 0);
}

void x86_gate_text(const u64 raw[2], bool lm, struct buf *out)
{
    unsigned type = gate_type(raw[0]), selector = (unsigned)bits_get(raw[0], 16, 16);
    const char *name = gate_name(type, lm);
    if (name)
        buf_printf(out, "%s", name);
    else
        buf_printf(out, "type 0x%x, which is no gate", type);
    if (type == SYS_TASK_GATE && !lm)
        buf_printf(out, ", TSS %04x", selector);
    else
        buf_printf(out, ", %04x:0x%llx", selector, HEX(x86_gate_target(raw, lm)));
    buf_printf(out, ", DPL %u", (unsigned)bits_get(raw[0], 45, 2));
    if (lm && bits_get(raw[0], 32, 3))
        buf_printf(out, ", IST %u", (unsigned)bits_get(raw[0], 32, 3));
    buf_printf(out, ", %s", raw[0] >> 47 & 1 ? "present" : "not present");
}

/* SDM 3, table 3-2 */
static const char *system_name(const struct x86 *c, unsigned type)
{
    bool lm = x86_long(c);
    switch (type) {
    case SYS_TSS16: return "16-bit TSS, available";
    case SYS_LDT: return "LDT";
    case SYS_TSS16_BUSY: return "16-bit TSS, busy";
    case SYS_CALL16: return "16-bit call gate";
    case SYS_TASK_GATE: return "task gate";
    case SYS_INT16: return "16-bit interrupt gate";
    case SYS_TRAP16: return "16-bit trap gate";
    case SYS_TSS: return lm ? "64-bit TSS, available" : "32-bit TSS, available";
    case SYS_TSS_BUSY: return lm ? "64-bit TSS, busy" : "32-bit TSS, busy";
    case SYS_CALL: return lm ? "64-bit call gate" : "32-bit call gate";
    case SYS_INT: return lm ? "64-bit interrupt gate" : "32-bit interrupt gate";
    case SYS_TRAP: return lm ? "64-bit trap gate" : "32-bit trap gate";
    default: return "reserved type";
    }
}

bool x86_descriptor_is_wide(const struct x86 *c, u64 raw)
{
    unsigned type = (unsigned)bits_get(raw, 40, 5);
    return x86_long(c) && (type == SYS_LDT || type == SYS_TSS || type == SYS_TSS_BUSY || type == SYS_CALL);
}

static void code_or_data(const struct x86_seg *s, struct buf *out)
{
    if (s->type & TYPE_CODE)
        buf_printf(out, "code, %s%s", s->type & TYPE_READ ? "execute/read" : "execute only",
                   s->type & TYPE_CONFORMING ? ", conforming" : "");
    else
        buf_printf(out, "data, %s%s", s->type & TYPE_WRITE ? "read/write" : "read only",
                   s->type & TYPE_DOWN ? ", expands down" : "");
    if (s->type & TYPE_ACCESSED)
        buf_printf(out, ", accessed");
}

void x86_descriptor_text(const struct x86 *c, u64 raw, u64 hi, struct buf *out)
{
    struct x86_seg s;
    x86_seg_of(c, 0, raw, &s);
    bool gate = !s.s && (s.type == SYS_CALL16 || s.type == SYS_CALL || s.type == SYS_TASK_GATE);
    if (s.s)
        code_or_data(&s, out);
    else
        buf_printf(out, "%s", system_name(c, s.type));
    if (gate) {
        u64 both[2] = { raw, hi };
        buf_printf(out, ", %04x:0x%llx", (unsigned)bits_get(raw, 16, 16), HEX(x86_gate_target(both, x86_long(c))));
    } else {
        u64 base = s.base | (x86_descriptor_is_wide(c, raw) ? hi << 32 : 0);
        buf_printf(out, ", base 0x%llx, limit 0x%x", HEX(base), s.limit);
    }
    buf_printf(out, ", DPL %u", s.dpl);
    if (s.s)
        buf_printf(out, ", %s", s.l && (s.type & TYPE_CODE) ? "64-bit" : s.db ? "32-bit" : "16-bit");
    if (!s.present)
        buf_printf(out, ", not present");
    if (s.avl)
        buf_printf(out, ", AVL");
}

u64 x86_peek_linear(const struct x86 *c, u64 linear, void *out, u64 n)
{
    u64 done = 0;
    while (done < n) {
        struct cpu_walk w;
        u64 room = PAGE_SIZE - ((linear + done) & PAGE_MASK), part = room < n - done ? room : n - done;
        x86_walk_as((struct x86 *)(uintptr_t)c, linear + done, CPU_READ, false, &w);
        if (!w.ok)
            break;
        u64 got = space_peek(c->cpu.mem, w.pa, (u8 *)out + done, part);
        done += got;
        if (got != part)
            break;
    }
    return done;
}

const char *x86_mode_name(const struct x86 *c)
{
    if (c->smm)
        return "system management mode";
    if (!x86_protected(c))
        return "real mode";
    if (x86_v86(c))
        return "virtual-8086 mode";
    if (x86_long(c))
        return x86_64bit(c) ? "64-bit mode" : "compatibility mode";
    return c->code_bits == 32 ? "protected mode, 32-bit code" : "protected mode, 16-bit code";
}
