/* Segment registers and descriptors (SDM 3, chapters 3 and 5; the tables of checks are in SDM 2, MOV and LDS). */
#include <string.h>

#include "cpu/x86/engine.h"
#include "cpu/x86/sys.h"

void x86_seg_of(const struct x86 *c, u16 selector, u64 raw, struct x86_seg *s)
{
    if (!has(c, X86_F_386))
        raw &= 0x0000ffffffffffffu; /* the last word of a 80286 descriptor is reserved */
    s->selector = selector;
    s->valid = true;
    s->type = (u8)bits_get(raw, 40, 4);
    s->s = raw >> 44 & 1;
    s->dpl = (u8)bits_get(raw, 45, 2);
    s->present = raw >> 47 & 1;
    s->avl = raw >> 52 & 1;
    s->l = raw >> 53 & 1;
    s->db = raw >> 54 & 1;
    s->g = raw >> 55 & 1;
    u32 limit = (u32)(bits_get(raw, 0, 16) | bits_get(raw, 48, 4) << 16);
    s->limit = s->g ? limit << 12 | 0xfff : limit;
    s->base = bits_get(raw, 16, 24) | bits_get(raw, 56, 8) << 24;
}

/* --- what is derived from the segment registers and the mode --- */

static bool is_code(const struct x86_seg *s) { return s->s && (s->type & TYPE_CODE); }
static bool is_data(const struct x86_seg *s) { return s->s && !(s->type & TYPE_CODE); }
static bool expands_down(const struct x86_seg *s) { return is_data(s) && (s->type & TYPE_DOWN); }

static void usable(struct x86 *c, unsigned n)
{
    const struct x86_seg *s = &c->seg[n];
    struct x86_fast_seg *f = &c->fast[n];
    if (c->code_bits == 64) {
        f->base = n >= X86_FS ? s->base : 0;
        f->read_max = f->write_max = ~(u64)0;
        return;
    }
    f->base = s->base;
    f->read_max = f->write_max = 0;
    if (!has(c, X86_F_286)) { /* nothing is checked, and words wrap at 64 KiB: x86_seg_check */
        f->read_max = f->write_max = 0xffff;
    } else if (x86_real_or_v86(c)) {
        if (!expands_down(s))
            f->read_max = f->write_max = s->limit;
    } else if (s->valid && !expands_down(s)) {
        if (is_data(s) || (s->type & TYPE_READ))
            f->read_max = s->limit;
        if (is_data(s) && (s->type & TYPE_WRITE))
            f->write_max = s->limit;
    }
}

/* Of ES, DS, FS and GS, which are loaded often: a block in progress may go on unless it was made for others. */
static void data_seg_changed(struct x86 *c, unsigned seg)
{
    u8 key = x86_mode_key(c);
    usable(c, seg);
    if (x86_mode_key(c) != key)
        x86_look_again(c);
}

const struct event_type x86_event_mode = { "cpu.mode", "the privilege or the mode changes", { { "from", EV_STR }, { "to", EV_STR } } };

const char *x86_privilege(const struct x86 *c)
{
    static const char *const ring[] = { "CPL 0", "CPL 1", "CPL 2", "CPL 3" };
    return x86_v86(c) ? "v86" : !x86_protected(c) ? "real" : ring[c->cpl];
}

void x86_mode_changed(struct x86 *c)
{
    const char *from = c->engine->told, *to = x86_privilege(c);
    c->engine->told = to;
    if (from && strcmp(from, to))
        EVENT_OF(EV_CPU_MODE, c->cpu.bus, c->cpu.clock->now, c->cpu.name, &x86_event_mode, { .s = from }, { .s = to });
    const struct x86_seg *cs = &c->seg[X86_CS];
    c->code_bits = seg_is_64(c, cs) ? 64 : cs->db ? 32 : 16;
    c->stack_size = c->code_bits == 64 ? 8 : c->seg[X86_SS].db ? 4 : 2;
    for (unsigned n = 0; n < 6; n++)
        usable(c, n);
    x86_look_again(c);
}

static bool limit_ok(const struct x86_seg *s, u64 offset, u64 n)
{
    if (expands_down(s)) {
        u64 top = s->db ? 0xffffffffu : 0xffff;
        return offset > s->limit && offset <= top && n - 1 <= top - offset;
    }
    /* A segment of all 4 GiB: accesses wrap (SDM 3, 5.3, leaves it to the implementation; processors of today do). */
    if (s->limit == 0xffffffffu)
        return offset <= 0xffffffffu;
    return offset <= s->limit && n - 1 <= s->limit - offset;
}

bool x86_seg_check(struct x86 *c, unsigned seg, u64 offset, u64 n, enum cpu_access access)
{
    const struct x86_seg *s = &c->seg[seg];
    unsigned vector = seg == X86_SS ? EXC_SS : EXC_GP;
    if (x86_64bit(c)) {
        u64 linear = offset + (seg >= X86_FS ? s->base : 0);
        if (!x86_linear_ok(c, linear) || !x86_linear_ok(c, linear + n - 1))
            return x86_fault_code(c, vector, 0, "the address is not canonical");
        return true;
    }
    static const char *const beyond[] = { "beyond the limit of ES", "beyond the limit of CS", "beyond the limit of SS",
                                          "beyond the limit of DS", "beyond the limit of FS", "beyond the limit of GS" };
    if (!has(c, X86_F_286))
        return true;
    if (!x86_real_or_v86(c)) {
        static const char *const null[] = { "ES is null", "CS is null", "SS is null", "DS is null", "FS is null", "GS is null" };
        if (!s->valid)
            return x86_fault_code(c, vector, 0, null[seg]);
        if ((access & CPU_WRITE) && is_code(s))
            return x86_fault_code(c, vector, 0, "a store into a code segment");
        if ((access & CPU_WRITE) && !(s->type & TYPE_WRITE))
            return x86_fault_code(c, vector, 0, "a store into a read-only segment");
        if ((access & CPU_READ) && is_code(s) && !(s->type & TYPE_READ))
            return x86_fault_code(c, vector, 0, "a load from an execute-only segment");
    }
    if (!limit_ok(s, offset, n))
        return x86_fault_code(c, vector, 0, beyond[seg]);
    return true;
}

/* --- reading descriptors --- */

static const struct x86_table *table_of(const struct x86 *c, u16 selector, struct x86_table *ldt, u32 *limit)
{
    if (!(selector & 4)) {
        *limit = c->gdtr.limit;
        return &c->gdtr;
    }
    const struct x86_seg *l = &c->seg[X86_LDTR];
    if (!l->valid)
        return NULL;
    *limit = l->limit;
    ldt->base = l->base;
    return ldt;
}

static bool outside(struct x86 *c, u16 selector, unsigned vector, bool has_table)
{
    return x86_fault_code(c, vector, sel_error(selector),
                          selector & 4 ? has_table ? "the selector is beyond the limit of the LDT"
                                                   : "the selector names the LDT, but LDTR is null"
                                       : "the selector is beyond the limit of the GDT");
}

bool x86_fetch_desc(struct x86 *c, u16 selector, unsigned vector, struct x86_desc *d)
{
    struct x86_table ldt;
    u32 limit = 0;
    const struct x86_table *t = table_of(c, selector, &ldt, &limit);
    if (!t || (u32)(selector | 7) > limit)
        return outside(c, selector, vector, t);
    d->at = t->base + (selector & 0xfff8);
    if (!x86_long(c))
        d->at = (u32)d->at;
    d->hi = 0;
    if (!x86_load_linear(c, d->at, 8, true, &d->raw))
        return false;
    x86_seg_of(c, selector, d->raw, &d->seg);
    return true;
}

bool x86_fetch_high(struct x86 *c, u16 selector, unsigned vector, struct x86_desc *d)
{
    struct x86_table ldt;
    u32 limit = 0;
    const struct x86_table *t = table_of(c, selector, &ldt, &limit);
    if (!t || (u32)(selector & 0xfff8) + 15 > limit)
        return outside(c, selector, vector, t);
    return x86_load_linear(c, d->at + 8, 8, true, &d->hi);
}

bool x86_read_descriptor(struct x86 *c, u16 selector, u64 out[2])
{
    struct x86_desc d;
    if (is_null(selector))
        return x86_gp0(c, "a null selector");
    if (!x86_fetch_desc(c, selector, EXC_GP, &d))
        return false;
    if (x86_long(c) && !d.seg.s && !x86_fetch_high(c, selector, EXC_GP, &d))
        return false;
    out[0] = d.raw;
    out[1] = d.hi;
    return true;
}

bool x86_mark_accessed(struct x86 *c, struct x86_desc *d)
{
    if (d->seg.type & TYPE_ACCESSED)
        return true;
    d->seg.type |= TYPE_ACCESSED;
    return x86_store_linear(c, d->at + 5, 1, true, bits_get(d->raw, 40, 8) | TYPE_ACCESSED);
}

bool x86_set_busy(struct x86 *c, u64 at, bool busy)
{
    u64 v;
    return x86_load_linear(c, at + 5, 1, true, &v) && x86_store_linear(c, at + 5, 1, true, bits_set(v, 1, 1, busy));
}

/* --- loading --- */

void x86_set_seg_real(struct x86 *c, unsigned seg, u16 selector)
{
    struct x86_seg *s = &c->seg[seg];
    s->selector = selector;
    s->base = (u64)selector << 4;
    s->valid = s->present = s->s = true;
    s->type = TYPE_ACCESSED | TYPE_WRITE;
    s->dpl = 0;
    s->l = false;
    if (x86_v86(c)) { /* limit and size are given; in real mode they stay (SDM 3, 9.9: what protected mode left) */
        s->dpl = 3;
        s->limit = 0xffff;
        s->g = s->db = s->avl = false;
    }
}

void x86_null_seg(struct x86 *c, unsigned seg, u16 selector)
{
    c->seg[seg] = (struct x86_seg){ .selector = selector };
}

void x86_set_ss_long(struct x86 *c, unsigned cpl)
{
    c->seg[X86_SS] = (struct x86_seg){ .selector = (u16)cpl, .dpl = (u8)cpl, .s = true, .type = 3, .present = true };
}

/* The checks that all loads of SS share; what is not there or not present has a vector of its own. */
bool x86_check_ss(struct x86 *c, u16 selector, unsigned cpl, unsigned vector, struct x86_desc *d)
{
    if (!x86_fetch_desc(c, selector, vector, d))
        return false;
    u32 error = sel_error(selector);
    if ((selector & 3u) != cpl)
        return x86_fault_code(c, vector, error, "SS: RPL of the selector differs from CPL");
    if (!is_data(&d->seg) || !(d->seg.type & TYPE_WRITE))
        return x86_fault_code(c, vector, error, "SS: not a writable data segment");
    if (d->seg.dpl != cpl)
        return x86_fault_code(c, vector, error, "SS: DPL of the segment differs from CPL");
    if (!d->seg.present)
        return x86_fault_code(c, EXC_SS, error, "SS: the segment is not present (P=0)");
    return true;
}

static void loaded(struct x86 *c, unsigned seg)
{
    if (seg == X86_SS)
        x86_mode_changed(c);
    else
        data_seg_changed(c, seg);
}

bool x86_load_seg(struct x86 *c, unsigned seg, u16 selector)
{
    if (x86_real_or_v86(c)) {
        x86_set_seg_real(c, seg, selector);
        loaded(c, seg);
        return true;
    }
    struct x86_desc d;
    if (is_null(selector)) {
        if (seg == X86_SS) {
            if (!x86_64bit(c) || c->cpl == 3 || (selector & 3) != c->cpl)
                return x86_gp0(c, "SS: a null selector");
            x86_set_ss_long(c, c->cpl);
        } else {
            x86_null_seg(c, seg, selector);
        }
        loaded(c, seg);
        return true;
    }
    if (seg == X86_SS) {
        if (!x86_check_ss(c, selector, c->cpl, EXC_GP, &d))
            return false;
    } else {
        if (!x86_fetch_desc(c, selector, EXC_GP, &d))
            return false;
        u32 error = sel_error(selector);
        if (!d.seg.s)
            return x86_fault_code(c, EXC_GP, error, "a system descriptor loaded into a data segment register");
        if (is_code(&d.seg) && !(d.seg.type & TYPE_READ))
            return x86_fault_code(c, EXC_GP, error, "an execute-only segment loaded into a data segment register");
        if (is_data(&d.seg) || !(d.seg.type & TYPE_CONFORMING)) {
            if ((selector & 3) > d.seg.dpl)
                return x86_fault_code(c, EXC_GP, error, "RPL of the selector exceeds DPL of the segment");
            if (c->cpl > d.seg.dpl)
                return x86_fault_code(c, EXC_GP, error, "CPL exceeds DPL of the segment");
        }
        if (!d.seg.present)
            return x86_fault_code(c, EXC_NP, error, "the segment is not present (P=0)");
    }
    if (!x86_mark_accessed(c, &d))
        return false;
    c->seg[seg] = d.seg;
    loaded(c, seg);
    return true;
}

void x86_drop_inner_segs(struct x86 *c)
{
    static const u8 data[] = { X86_ES, X86_DS, X86_FS, X86_GS };
    for (unsigned k = 0; k < ARRAY_LEN(data); k++) {
        struct x86_seg *s = &c->seg[data[k]];
        if (!s->valid)
            s->selector = 0; /* the base stays: FS and GS of 64-bit programs */
        else if (s->dpl < c->cpl && (is_data(s) || !(s->type & TYPE_CONFORMING)))
            x86_null_seg(c, data[k], 0);
    }
}

void x86_set_cs(struct x86 *c, const struct x86_seg *s, u16 selector, unsigned cpl)
{
    c->seg[X86_CS] = *s;
    c->seg[X86_CS].selector = (u16)((selector & ~3u) | cpl);
    c->cpl = (u8)cpl;
}

bool x86_check_target(struct x86 *c, const struct x86_seg *cs, u64 offset)
{
    if (seg_is_64(c, cs))
        return x86_linear_ok(c, offset) || x86_gp0(c, "the target is not canonical");
    return offset <= cs->limit || x86_gp0(c, "the target is beyond the limit of its code segment");
}
