/* Stack frames of calls, interrupts and returns: which stack (SDM 3, 5.8.5 and 6.14.4), and pushing all or nothing. */
#include "cpu/x86/sys.h"

void x86_stack_here(const struct x86 *c, struct x86_stack *s)
{
    s->ss = c->seg[X86_SS];
    s->width = c->stack_size;
    s->sp = c->r[X86_SP] & stack_mask(s->width);
    s->error = 0;
    s->system = false;
}

bool x86_read_tss(struct x86 *c, u64 offset, unsigned size, u64 *v)
{
    const struct x86_seg *tr = &c->seg[X86_TR];
    u32 error = sel_error(tr->selector);
    if (!tr->valid)
        return x86_fault_code(c, EXC_TS, error, "TR is null: there is no TSS to take a stack from");
    if (offset + size - 1 > tr->limit)
        return x86_fault_code(c, EXC_TS, error, "the stack of the inner level lies beyond the limit of the TSS");
    u64 at = tr->base + offset;
    return x86_load_linear(c, x86_long(c) ? at : (u32)at, size, true, v);
}

bool x86_stack_inner(struct x86 *c, unsigned cpl, struct x86_stack *s)
{
    s->system = c->cpl == 3;
    if (x86_long(c)) {
        if (!x86_read_tss(c, 4 + 8 * cpl, 8, &s->sp))
            return false;
        s->ss = (struct x86_seg){ .selector = (u16)cpl, .dpl = (u8)cpl, .s = true, .type = 3, .present = true };
        s->width = 8;
        s->error = 0;
        return true;
    }
    bool wide = c->seg[X86_TR].type & 8;
    u64 selector;
    /* Both words must be within the limit before the first is used. */
    if (!x86_read_tss(c, wide ? 8 + 8 * cpl : 4 + 4 * cpl, 2, &selector) ||
        !x86_read_tss(c, wide ? 4 + 8 * cpl : 2 + 4 * cpl, wide ? 4 : 2, &s->sp))
        return false;
    if (is_null((u16)selector))
        return x86_fault_code(c, EXC_TS, 0, "SS of the inner level in the TSS is null");
    struct x86_desc d;
    if (!x86_check_ss(c, (u16)selector, cpl, EXC_TS, &d) || !x86_mark_accessed(c, &d))
        return false;
    s->ss = d.seg;
    s->width = d.seg.db ? 4 : 2;
    s->error = sel_error((u16)selector);
    return true;
}

static bool down(const struct x86_seg *s) { return s->s && (s->type & (TYPE_CODE | TYPE_DOWN)) == TYPE_DOWN; }

static bool within(const struct x86_seg *s, u64 offset, unsigned size)
{
    if (down(s))
        return offset > s->limit && offset + size - 1 <= (s->db ? 0xffffffffu : 0xffff);
    return s->limit == 0xffffffffu || offset + size - 1 <= s->limit;
}

static bool writable(struct x86 *c, u64 linear, bool system)
{
    struct x86_xlat x;
    x86_translate(c, linear, CPU_WRITE, !system && c->cpl == 3, &x);
    return x.ok || x86_fault_page(c, linear, x.error, x.why);
}

bool x86_push_frame(struct x86 *c, struct x86_stack *s, unsigned size, const u64 *v, unsigned n)
{
    u64 linear[48], mask = stack_mask(s->width), sp = s->sp, page = ~(u64)0;
    if (n > ARRAY_LEN(linear))
        n = ARRAY_LEN(linear);
    for (unsigned k = 0; k < n; k++) {
        sp = (sp - size) & mask;
        if (s->width == 8) {
            linear[k] = sp;
            if (!x86_linear_ok(c, sp) || !x86_linear_ok(c, sp + size - 1))
                return x86_fault_code(c, EXC_SS, s->error, "the stack pointer is not canonical");
        } else {
            if (has(c, X86_F_286) && !within(&s->ss, sp, size))
                return x86_fault_code(c, EXC_SS, s->error, "the stack has no room within the limit of SS");
            linear[k] = (u32)(s->ss.base + sp);
        }
        if (!s->system && c->cpl == 3 && (c->rflags & X86_AC) && (c->cr0 & CR0_AM) && (linear[k] & (size - 1)))
            return x86_fault_code(c, EXC_AC, 0, "the stack is not aligned and alignment is checked (CR0.AM, AC)");
        u64 last = linear[k] + size - 1;
        if (s->width != 8)
            last = (u32)last;
        bool crosses = (last ^ linear[k]) >> PAGE_SHIFT;
        if ((crosses || last >> PAGE_SHIFT != page) && !writable(c, linear[k], s->system))
            return false;
        if (crosses && last >> PAGE_SHIFT != page && !writable(c, last & ~PAGE_MASK, s->system))
            return false;
        page = linear[k] >> PAGE_SHIFT;
    }
    for (unsigned k = 0; k < n; k++)
        if (!x86_store_linear(c, linear[k], size, s->system, v[k] & size_mask(size)))
            return false; /* cannot be: it was translated above */
    s->sp = sp;
    return true;
}

void x86_use_stack(struct x86 *c, const struct x86_stack *s)
{
    c->seg[X86_SS] = s->ss;
    set_reg(c, X86_SP, s->width, s->sp);
}

bool x86_stack_peek(struct x86 *c, unsigned k, unsigned size, u64 skip, u64 *v)
{
    u64 at = (c->r[X86_SP] + (u64)k * size + skip) & stack_mask(c->stack_size);
    return x86_load(c, X86_SS, at, size, v);
}

void x86_set_sp(struct x86 *c, u64 sp)
{
    set_reg(c, X86_SP, c->stack_size, sp);
}
