/* Hardware task switches (SDM 3, chapter 7). Up to the commit point a fault is the old task's and nothing has changed;
 * after it the machine is in the new task and faults are the new one's (7.3, steps 1 to 11 and from 12 on). */
#include <string.h>

#include "cpu/x86/flags.h"
#include "cpu/x86/sys.h"

/* Where a TSS keeps what (figures 7-2 and 7-10). */
struct layout {
    u8 size, min_limit, ip, flags, regs, segs, n_segs, ldt;
};
static const struct layout layout16 = { 2, 0x2b, 14, 16, 18, 34, 4, 42 };
static const struct layout layout32 = { 4, 0x67, 32, 36, 40, 72, 6, 96 };

static bool page_ok(struct x86 *c, u64 linear, enum cpu_access access)
{
    struct x86_xlat x;
    x86_translate(c, linear, access, false, &x);
    return x.ok || x86_fault_page(c, linear, x.error, x.why);
}

/* Is all of a TSS there (7.3, step 8)? Steps after this read and write it without asking. */
static bool tss_there(struct x86 *c, u64 base, unsigned bytes, enum cpu_access access)
{
    u64 last = (u32)(base + bytes - 1);
    return page_ok(c, (u32)base, access) && ((last ^ base) >> PAGE_SHIFT == 0 || page_ok(c, last, access));
}

struct image { /* of the new task */
    u32 ip, flags, cr3, regs[8];
    u16 segs[6], ldt;
    bool trap;
};

static bool get(struct x86 *c, u64 base, unsigned at, unsigned size, u32 *v)
{
    u64 w = 0;
    bool ok = x86_load_linear(c, (u32)(base + at), size, true, &w);
    *v = (u32)w;
    return ok;
}

static bool put(struct x86 *c, u64 base, unsigned at, unsigned size, u64 v)
{
    return x86_store_linear(c, (u32)(base + at), size, true, v & size_mask(size));
}

static bool read_image(struct x86 *c, u64 base, const struct layout *l, struct image *m)
{
    u32 v;
    memset(m, 0, sizeof *m);
    if (!get(c, base, l->ip, l->size, &m->ip) || !get(c, base, l->flags, l->size, &m->flags))
        return false;
    for (unsigned n = 0; n < 8; n++) {
        if (!get(c, base, l->regs + n * l->size, l->size, &m->regs[n]))
            return false;
        if (l->size == 2)
            m->regs[n] |= 0xffff0000u;
    }
    for (unsigned n = 0; n < l->n_segs; n++) {
        if (!get(c, base, l->segs + n * l->size, 2, &v))
            return false;
        m->segs[n] = (u16)v;
    }
    if (!get(c, base, l->ldt, 2, &v))
        return false;
    m->ldt = (u16)v;
    if (l->size == 2)
        return true;
    if (!get(c, base, 100, 2, &v) || !get(c, base, 28, 4, &m->cr3))
        return false;
    m->trap = v & 1;
    return true;
}

static bool save_old(struct x86 *c, u64 base, const struct layout *l, u64 flags)
{
    bool ok = put(c, base, l->ip, l->size, c->next_rip) && put(c, base, l->flags, l->size, flags);
    for (unsigned n = 0; ok && n < 8; n++)
        ok = put(c, base, l->regs + n * l->size, l->size, c->r[n]);
    for (unsigned n = 0; ok && n < l->n_segs; n++)
        ok = put(c, base, l->segs + n * l->size, 2, c->seg[n].selector);
    return ok;
}

static bool ts(struct x86 *c, u16 selector, const char *why)
{
    return x86_fault_code(c, EXC_TS, sel_error(selector), why);
}

static bool load_ldt(struct x86 *c, u16 selector)
{
    struct x86_desc d;
    x86_null_seg(c, X86_LDTR, selector);
    if (is_null(selector))
        return true;
    if (selector & 4)
        return ts(c, selector, "the new task's LDT selector names the LDT");
    if (!x86_fetch_desc(c, selector, EXC_TS, &d))
        return false;
    if (d.seg.s || d.seg.type != SYS_LDT)
        return ts(c, selector, "the new task's LDT selector names no LDT");
    if (!d.seg.present)
        return ts(c, selector, "the new task's LDT is not present (P=0)");
    c->seg[X86_LDTR] = d.seg;
    return true;
}

static bool load_cs(struct x86 *c, u16 selector)
{
    struct x86_desc d;
    if (is_null(selector))
        return ts(c, selector, "the new task's CS is null");
    if (!x86_fetch_desc(c, selector, EXC_TS, &d))
        return false;
    unsigned rpl = selector & 3;
    if (!d.seg.s || !(d.seg.type & TYPE_CODE))
        return ts(c, selector, "the new task's CS names no code segment");
    if (d.seg.type & TYPE_CONFORMING ? d.seg.dpl > rpl : d.seg.dpl != rpl)
        return ts(c, selector, "DPL of the new task's code segment does not fit its RPL");
    if (!d.seg.present)
        return x86_fault_code(c, EXC_NP, sel_error(selector), "the new task's code segment is not present (P=0)");
    if (!x86_mark_accessed(c, &d))
        return false;
    x86_set_cs(c, &d.seg, selector, rpl);
    return true;
}

static bool load_ss(struct x86 *c, u16 selector)
{
    struct x86_desc d;
    if (is_null(selector))
        return ts(c, selector, "the new task's SS is null");
    if (!x86_check_ss(c, selector, c->cpl, EXC_TS, &d) || !x86_mark_accessed(c, &d))
        return false;
    c->seg[X86_SS] = d.seg;
    return true;
}

static bool load_data(struct x86 *c, unsigned seg, u16 selector)
{
    struct x86_desc d;
    if (is_null(selector))
        return true;
    if (!x86_fetch_desc(c, selector, EXC_TS, &d))
        return false;
    bool code = d.seg.type & TYPE_CODE;
    if (!d.seg.s || (code && !(d.seg.type & TYPE_READ)))
        return ts(c, selector, "a data segment register of the new task names no readable segment");
    if ((!code || !(d.seg.type & TYPE_CONFORMING)) && (d.seg.dpl < c->cpl || d.seg.dpl < (selector & 3)))
        return ts(c, selector, "DPL of a data segment of the new task is below CPL or RPL");
    if (!d.seg.present)
        return x86_fault_code(c, EXC_NP, sel_error(selector), "a data segment of the new task is not present (P=0)");
    if (!x86_mark_accessed(c, &d))
        return false;
    c->seg[seg] = d.seg;
    return true;
}

/* In the new task (7.3, steps 12 and 13). All selectors are loaded first, then the descriptors in this order. */
static bool load_segments(struct x86 *c, const struct image *m)
{
    for (unsigned n = 0; n < 6; n++)
        x86_null_seg(c, n, m->segs[n]);
    c->cpl = m->segs[X86_CS] & 3;
    if (!load_ldt(c, m->ldt))
        return false;
    if (x86_v86(c)) {
        c->cpl = 3;
        for (unsigned n = 0; n < 6; n++)
            x86_set_seg_real(c, n, m->segs[n]);
        return true;
    }
    if (!load_cs(c, m->segs[X86_CS]) || !load_ss(c, m->segs[X86_SS]))
        return false;
    static const u8 data[] = { X86_DS, X86_ES, X86_FS, X86_GS };
    for (unsigned n = 0; n < ARRAY_LEN(data); n++)
        if (!load_data(c, data[n], m->segs[data[n]]))
            return false;
    return true;
}

bool x86_switch_task(struct x86 *c, u16 selector, int source, bool has_error, u32 error, bool *committed)
{
    *committed = false;
    u32 e = sel_error(selector);
    unsigned bad = source == X86_TASK_IRET ? EXC_TS : EXC_GP;
    struct x86_desc d;
    if (is_null(selector) || (selector & 4))
        return x86_fault_code(c, bad, e, "the selector of the TSS is null or names the LDT");
    if (!x86_fetch_desc(c, selector, bad, &d))
        return false;
    u8 idle = d.seg.type & 8 ? SYS_TSS : SYS_TSS16;
    u8 want = source == X86_TASK_IRET ? idle | 2 : idle;
    if (d.seg.s || (d.seg.type | 2) != (idle | 2))
        return x86_fault_code(c, bad, e, "the task's descriptor is no TSS");
    if (d.seg.type != want)
        return x86_fault_code(c, bad, e, source == X86_TASK_IRET ? "the TSS to return to is not busy" : "the TSS is busy");
    if (!d.seg.present)
        return x86_fault_code(c, EXC_NP, e, "the TSS is not present (P=0)");
    const struct layout *l = idle == SYS_TSS ? &layout32 : &layout16;
    if (d.seg.limit < l->min_limit)
        return x86_fault_code(c, EXC_TS, e, "the limit of the TSS is too small");
    struct x86_seg *tr = &c->seg[X86_TR];
    if (!tr->valid)
        return x86_fault_code(c, EXC_TS, sel_error(tr->selector), "TR is null: there is no TSS to save this task in");
    const struct layout *old = tr->type & 8 ? &layout32 : &layout16;
    struct image m;
    if (!tss_there(c, tr->base, old->min_limit + 1u, CPU_WRITE) ||
        !tss_there(c, d.seg.base, l->min_limit + 1u, CPU_READ) || !read_image(c, d.seg.base, l, &m))
        return false;
    u64 old_at = (u32)(c->gdtr.base + (tr->selector & 0xfff8));
    bool nested = source == X86_TASK_CALL || source == X86_TASK_INT;
    if (!page_ok(c, old_at + 5, CPU_WRITE) || !page_ok(c, (u32)d.at + 5, CPU_WRITE) ||
        (nested && !page_ok(c, (u32)d.seg.base, CPU_WRITE)))
        return false;
    if (l == &layout32 && x86_paging(c) && (c->cr4 & CR4_PAE) && m.cr3 != c->cr3 && !x86_load_pdptes(c, m.cr3))
        return false;

    /* Here the switch is certain. */
    *committed = true;
    u64 flags = x86_pushed_flags(c);
    if (source == X86_TASK_IRET)
        flags &= ~(u64)X86_NT;
    if (!nested && !x86_set_busy(c, old_at, false))
        return false;
    if (!save_old(c, tr->base, old, flags))
        return false;
    if (nested && !put(c, d.seg.base, 0, 2, tr->selector))
        return false;
    if (source != X86_TASK_IRET && !x86_set_busy(c, d.at, true))
        return false;
    d.seg.type = idle | 2;
    *tr = d.seg;
    c->cr0 |= CR0_TS;
    x86_note(c, X86_WROTE_TR, selector, "a task switch");
    x86_note(c, X86_WROTE_SP, m.regs[X86_SP], "a task switch");
    if (l == &layout32 && x86_paging(c)) {
        x86_note(c, X86_WROTE_CR3, m.cr3, "a task switch");
        c->cr3 = m.cr3;
    }
    c->rip = c->next_rip = m.ip;
    u64 f = m.flags & (l->size == 2 ? 0x7fd5u : 0x3f7fd5u);
    x86_set_flags(c, (nested ? f | X86_NT : f) | 2);
    for (unsigned n = 0; n < 8; n++)
        c->r[n] = m.regs[n];
    c->dr[7] &= ~(u64)0x155; /* the local enables (17.2.4) */
    if (m.trap)
        c->db_pending |= DR6_BT;
    x86_flush_translations(c);
    bool ok = load_segments(c, &m);
    x86_mode_changed(c);
    if (!ok)
        return false;
    if (c->next_rip > c->seg[X86_CS].limit)
        return x86_gp0(c, "EIP of the new task is beyond the limit of its code segment");
    if (!has_error)
        return true;
    struct x86_stack s;
    x86_stack_here(c, &s);
    u64 v = error;
    if (!x86_push_frame(c, &s, l->size, &v, 1))
        return false;
    x86_use_stack(c, &s);
    return true;
}

bool x86_to_task(struct x86 *c, u16 selector, int source)
{
    bool committed;
    if (x86_switch_task(c, selector, source, false, 0, &committed))
        return true;
    if (!committed)
        return false;
    x86_deliver_fault(c); /* of the new task: this instruction is done */
    return true;
}
