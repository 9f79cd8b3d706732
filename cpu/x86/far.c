/* Far jumps, calls and returns: code segments, call gates, task gates (SDM 3, 5.8; SDM 2, CALL, JMP, RET). */
#include "cpu/x86/sys.h"

static u64 by_size(u64 v, unsigned size) { return v & size_mask(size); }

/* --- real and virtual-8086 mode --- */

static bool real_target(struct x86 *c, u16 selector, u64 offset)
{
    if (has(c, X86_F_286) && offset > (x86_v86(c) ? 0xffff : c->seg[X86_CS].limit))
        return x86_gp0(c, "the target is beyond the limit of CS");
    x86_set_seg_real(c, X86_CS, selector);
    c->next_rip = offset;
    x86_mode_changed(c);
    return true;
}

/* --- what a selector of a far jump or call names --- */

/* The checks of a code segment reached without a gate. */
static bool check_direct(struct x86 *c, u16 selector, const struct x86_seg *s)
{
    u32 error = sel_error(selector);
    if (s->type & TYPE_CONFORMING) {
        if (s->dpl > c->cpl)
            return x86_fault_code(c, EXC_GP, error, "a conforming code segment with DPL above CPL");
    } else {
        if ((selector & 3) > c->cpl)
            return x86_fault_code(c, EXC_GP, error, "RPL of the selector exceeds CPL");
        if (s->dpl != c->cpl)
            return x86_fault_code(c, EXC_GP, error, "DPL of the code segment differs from CPL");
    }
    if (x86_long(c) && s->l && s->db)
        return x86_fault_code(c, EXC_GP, error, "a code segment with both L and D set");
    if (!s->present)
        return x86_fault_code(c, EXC_NP, error, "the code segment is not present (P=0)");
    return true;
}

struct gate {
    u16 selector;
    u64 offset;
    unsigned size, params;
};

/* Reads a call gate that passed the checks of type; then of the code segment it names. */
static bool read_gate(struct x86 *c, u16 selector, struct x86_desc *d, struct gate *g, struct x86_desc *code)
{
    u32 error = sel_error(selector);
    if (d->seg.dpl < c->cpl || d->seg.dpl < (selector & 3))
        return x86_fault_code(c, EXC_GP, error, "DPL of the call gate is below CPL or RPL");
    if (!d->seg.present)
        return x86_fault_code(c, EXC_NP, error, "the call gate is not present (P=0)");
    g->selector = (u16)(d->raw >> 16);
    g->params = (unsigned)bits_get(d->raw, 32, 5);
    g->offset = d->raw & 0xffff;
    g->size = 2;
    if (d->seg.type == SYS_CALL16 && !x86_long(c)) {
    } else if (!x86_long(c)) {
        g->offset |= bits_get(d->raw, 48, 16) << 16;
        g->size = 4;
    } else {
        if (!x86_fetch_high(c, selector, EXC_GP, d))
            return false;
        if (bits_get(d->hi, 40, 5))
            return x86_fault_code(c, EXC_GP, error, "the type in the upper half of a 64-bit call gate is not 0");
        g->offset |= bits_get(d->raw, 48, 16) << 16 | d->hi << 32;
        g->size = 8;
        g->params = 0;
    }
    if (is_null(g->selector))
        return x86_gp0(c, "the selector in the call gate is null");
    if (!x86_fetch_desc(c, g->selector, EXC_GP, code))
        return false;
    error = sel_error(g->selector);
    if (!code->seg.s || !(code->seg.type & TYPE_CODE))
        return x86_fault_code(c, EXC_GP, error, "the call gate names no code segment");
    if (code->seg.dpl > c->cpl)
        return x86_fault_code(c, EXC_GP, error, "DPL of the code segment behind the call gate exceeds CPL");
    if (x86_long(c) && (!code->seg.l || code->seg.db))
        return x86_fault_code(c, EXC_GP, error, "the call gate names no 64-bit code segment");
    if (!code->seg.present)
        return x86_fault_code(c, EXC_NP, error, "the code segment behind the call gate is not present (P=0)");
    return true;
}

static bool to_task(struct x86 *c, u16 selector, const struct x86_desc *d, bool call)
{
    u32 error = sel_error(selector);
    if (d->seg.dpl < c->cpl || d->seg.dpl < (selector & 3))
        return x86_fault_code(c, EXC_GP, error, "DPL of the TSS or task gate is below CPL or RPL");
    if (d->seg.type == SYS_TASK_GATE) {
        if (!d->seg.present)
            return x86_fault_code(c, EXC_NP, error, "the task gate is not present (P=0)");
        selector = (u16)(d->raw >> 16);
    }
    return x86_to_task(c, selector, call ? X86_TASK_CALL : X86_TASK_JMP);
}

static bool finish(struct x86 *c, struct x86_desc *code, u64 offset, unsigned cpl)
{
    c->next_rip = offset;
    x86_set_cs(c, &code->seg, code->seg.selector, cpl);
    x86_mode_changed(c);
    return true;
}

static bool is_tss(unsigned type) { return type == SYS_TSS16 || type == SYS_TSS; }

static bool system_target(struct x86 *c, u16 selector, const struct x86_desc *d, bool *task)
{
    unsigned t = d->seg.type;
    *task = false;
    if (t == SYS_CALL || (t == SYS_CALL16 && !x86_long(c)))
        return true;
    if (!x86_long(c) && (t == SYS_TASK_GATE || is_tss(t))) {
        *task = true;
        return true;
    }
    if (t == SYS_TSS16_BUSY || t == SYS_TSS_BUSY)
        return x86_fault_code(c, EXC_GP, sel_error(selector), "the TSS is busy");
    return x86_fault_code(c, EXC_GP, sel_error(selector), "the descriptor is of no type that can be jumped to");
}

bool x86_far_jump(struct x86 *c, u16 selector, u64 offset, unsigned osize)
{
    offset = by_size(offset, osize);
    if (x86_real_or_v86(c))
        return real_target(c, selector, offset);
    if (is_null(selector))
        return x86_gp0(c, "a far jump through a null selector");
    struct x86_desc d, code;
    if (!x86_fetch_desc(c, selector, EXC_GP, &d))
        return false;
    if (d.seg.s) {
        if (!(d.seg.type & TYPE_CODE))
            return x86_fault_code(c, EXC_GP, sel_error(selector), "a far jump into a data segment");
        if (!check_direct(c, selector, &d.seg))
            return false;
        if (!seg_is_64(c, &d.seg))
            offset = (u32)offset;
        if (!x86_check_target(c, &d.seg, offset) || !x86_mark_accessed(c, &d))
            return false;
        return finish(c, &d, offset, c->cpl);
    }
    bool task;
    if (!system_target(c, selector, &d, &task))
        return false;
    if (task)
        return to_task(c, selector, &d, false);
    struct gate g;
    if (!read_gate(c, selector, &d, &g, &code))
        return false;
    if (!(code.seg.type & TYPE_CONFORMING) && code.seg.dpl != c->cpl)
        return x86_fault_code(c, EXC_GP, sel_error(g.selector), "a jump through a call gate cannot change the level");
    if (!x86_check_target(c, &code.seg, g.offset) || !x86_mark_accessed(c, &code))
        return false;
    return finish(c, &code, g.offset, c->cpl);
}

/* As hardware does it, the return address is written before the target is checked, and on the stack of 64-bit mode when that
 * is where the call goes to. */
static bool call_same(struct x86 *c, struct x86_desc *code, u64 offset, unsigned size)
{
    struct x86_stack s;
    x86_stack_here(c, &s);
    if (seg_is_64(c, &code->seg)) {
        s.width = 8;
        s.sp = c->r[X86_SP];
    }
    u64 v[] = { c->seg[X86_CS].selector, c->next_rip };
    if (!x86_push_frame(c, &s, size, v, 2) || !x86_check_target(c, &code->seg, offset) || !x86_mark_accessed(c, code))
        return false;
    x86_use_stack(c, &s);
    return finish(c, code, offset, c->cpl);
}

static bool call_inner(struct x86 *c, const struct gate *g, struct x86_desc *code)
{
    struct x86_stack s;
    unsigned n = 0, cpl = code->seg.dpl;
    u64 v[36];
    if (!x86_stack_inner(c, cpl, &s))
        return false;
    v[n++] = c->seg[X86_SS].selector;
    v[n++] = c->r[X86_SP];
    for (unsigned k = g->params; k-- > 0;) /* from the old stack, in its order */
        if (!x86_stack_peek(c, k, g->size, 0, &v[n++]))
            return false;
    v[n++] = c->seg[X86_CS].selector;
    v[n++] = c->next_rip;
    if (!x86_check_target(c, &code->seg, g->offset) || !x86_push_frame(c, &s, g->size, v, n) || !x86_mark_accessed(c, code))
        return false;
    x86_use_stack(c, &s);
    return finish(c, code, g->offset, cpl);
}

bool x86_far_call(struct x86 *c, u16 selector, u64 offset, unsigned osize)
{
    offset = by_size(offset, osize);
    if (x86_real_or_v86(c)) {
        struct x86_stack s;
        x86_stack_here(c, &s);
        u64 v[] = { c->seg[X86_CS].selector, c->next_rip };
        if (has(c, X86_F_286) && offset > (x86_v86(c) ? 0xffff : c->seg[X86_CS].limit))
            return x86_gp0(c, "the target is beyond the limit of CS");
        if (!x86_push_frame(c, &s, osize, v, 2))
            return false;
        x86_use_stack(c, &s);
        return real_target(c, selector, offset);
    }
    if (is_null(selector))
        return x86_gp0(c, "a far call through a null selector");
    struct x86_desc d, code;
    if (!x86_fetch_desc(c, selector, EXC_GP, &d))
        return false;
    if (d.seg.s) {
        if (!(d.seg.type & TYPE_CODE))
            return x86_fault_code(c, EXC_GP, sel_error(selector), "a far call into a data segment");
        if (!check_direct(c, selector, &d.seg))
            return false;
        return call_same(c, &d, seg_is_64(c, &d.seg) ? offset : (u32)offset, osize);
    }
    bool task;
    if (!system_target(c, selector, &d, &task))
        return false;
    if (task)
        return to_task(c, selector, &d, true);
    struct gate g;
    if (!read_gate(c, selector, &d, &g, &code))
        return false;
    if (!(code.seg.type & TYPE_CONFORMING) && code.seg.dpl < c->cpl)
        return call_inner(c, &g, &code);
    return call_same(c, &code, g.offset, g.size);
}

/* The code segment RET and IRET return to (SDM 2, IRET: RETURN-TO-SAME and OUTER). */
bool x86_check_return_cs(struct x86 *c, u16 selector, struct x86_desc *d)
{
    if (is_null(selector))
        return x86_gp0(c, "a return to a null CS");
    if (!x86_fetch_desc(c, selector, EXC_GP, d))
        return false;
    u32 error = sel_error(selector);
    unsigned rpl = selector & 3;
    if (!d->seg.s || !(d->seg.type & TYPE_CODE))
        return x86_fault_code(c, EXC_GP, error, "a return to a segment that holds no code");
    if (rpl < c->cpl)
        return x86_fault_code(c, EXC_GP, error, "a return to an inner level (RPL below CPL)");
    if (d->seg.type & TYPE_CONFORMING ? d->seg.dpl > rpl : d->seg.dpl != rpl)
        return x86_fault_code(c, EXC_GP, error, "a return to a code segment whose DPL does not fit RPL");
    if (x86_long(c) && d->seg.l && d->seg.db)
        return x86_fault_code(c, EXC_GP, error, "a return to a code segment with both L and D set");
    if (!d->seg.present)
        return x86_fault_code(c, EXC_NP, error, "a return to a code segment that is not present (P=0)");
    return true;
}

/* The stack of the outer level. A null SS is for 64-bit code of levels 0 to 2 alone. */
bool x86_check_return_ss(struct x86 *c, u16 selector, unsigned rpl, bool to_64, struct x86_stack *s)
{
    s->error = 0;
    s->system = false;
    if (is_null(selector)) {
        if (!to_64 || rpl == 3 || (selector & 3u) != rpl)
            return x86_gp0(c, "a return with a null SS");
        s->ss = (struct x86_seg){ .selector = selector, .dpl = (u8)rpl, .s = true, .type = 3, .present = true };
        s->width = 8;
        return true;
    }
    struct x86_desc d;
    if (!x86_check_ss(c, selector, rpl, EXC_GP, &d) || !x86_mark_accessed(c, &d))
        return false;
    s->ss = d.seg;
    s->width = to_64 ? 8 : d.seg.db ? 4 : 2;
    return true;
}

bool x86_far_return(struct x86 *c, unsigned osize, u16 release)
{
    u64 ip, cs, sp = 0, ss = 0;
    if (!x86_stack_peek(c, 1, osize, 0, &cs) || !x86_stack_peek(c, 0, osize, 0, &ip)) /* in this order, as hardware does */
        return false;
    u16 selector = (u16)cs;
    if (x86_real_or_v86(c)) {
        u64 old = c->r[X86_SP];
        x86_set_sp(c, old + 2 * osize + release);
        if (real_target(c, selector, ip))
            return true;
        c->r[X86_SP] = old;
        return false;
    }
    struct x86_desc d;
    if (!x86_check_return_cs(c, selector, &d))
        return false;
    unsigned rpl = selector & 3;
    if (!seg_is_64(c, &d.seg))
        ip = (u32)ip;
    if (rpl == c->cpl) {
        if (!x86_check_target(c, &d.seg, ip) || !x86_mark_accessed(c, &d))
            return false;
        set_reg(c, X86_SP, seg_is_64(c, &d.seg) ? 8 : c->stack_size, c->r[X86_SP] + 2 * osize + release);
        return finish(c, &d, ip, rpl);
    }
    struct x86_stack s;
    if (!x86_stack_peek(c, 2, osize, release, &sp) || !x86_stack_peek(c, 3, osize, release, &ss) ||
        !x86_check_return_ss(c, (u16)ss, rpl, seg_is_64(c, &d.seg), &s) || !x86_check_target(c, &d.seg, ip) ||
        !x86_mark_accessed(c, &d))
        return false;
    s.sp = sp + release;
    x86_note(c, X86_WROTE_SP, s.sp, NULL);
    x86_use_stack(c, &s);
    x86_set_cs(c, &d.seg, selector, rpl);
    x86_drop_inner_segs(c);
    c->next_rip = ip;
    x86_mode_changed(c);
    return true;
}
