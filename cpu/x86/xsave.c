/* Saving and restoring x87, MXCSR and vector state: FXSAVE, XSAVE and their like (SDM 1, chapter 13 and 10.5; SDM 2).
 *
 * A state component is in use when it differs from its initial values (XINUSE; SDM 1, 13.6: what a processor tracks may
 * say "in use" more often). */
#include "cpu/x86/vec.h"
#include "cpu/x86/x87.h"

enum { PART_X87 = 1, PART_SSE = 2, PART_AVX = 4, PART_PKRU = 1 << 9 };
enum { MXCSR_AT = 24, ST_AT = 32, XMM_AT = 160, XMM_END = 416, HEADER = X86_XSAVE_LEGACY, COMPACT = 576 };
#define COMPACTED ((u64)1 << 63)
#define MXCSR_INIT 0x1f80u

static u32 mxcsr_mask(const struct x86 *c) { return has(c, X86_F_SSE2) ? 0xffff : 0xffbf; /* DAZ */ }
static unsigned n_xmm(const struct x86 *c) { return c->code_bits == 64 ? 16 : 8; }

/* --- the legacy area (SDM 1, table 10-2) --- */

static void put_x87(const struct x86 *c, u8 *m, bool wide)
{
    const struct x86_fpu *f = &c->fpu;
    store_le(m, 2, f->cw);
    store_le(m + 2, 2, f->sw);
    store_le(m + 4, 2, f->valid);
    store_le(m + 6, 2, f->fop);
    if (wide) {
        store_le(m + 8, 8, f->fip);
        store_le(m + 16, 8, f->fdp);
    } else {
        store_le(m + 8, 8, (u32)f->fip | (u64)f->fcs << 32);
        store_le(m + 16, 8, (u32)f->fdp | (u64)f->fds << 32);
    }
    unsigned top = f->sw >> 11 & 7;
    for (unsigned k = 0; k < 8; k++) {
        store_le(m + ST_AT + 16 * k, 8, f->st[(top + k) & 7].m);
        store_le(m + ST_AT + 16 * k + 8, 8, f->st[(top + k) & 7].se);
    }
}

static void get_x87(struct x86 *c, const u8 *m, bool wide)
{
    struct x86_fpu *f = &c->fpu;
    f->cw = (u16)((load_le(m, 2) & 0x1f7f) | 0x40);
    f->sw = (u16)((load_le(m + 2, 2) & ~(u64)X87_ES) | (f->sw & X87_ES));
    x87_summary(c); /* ES and B are what the flags and masks say */
    f->valid = m[4];
    f->fop = (u16)(load_le(m + 6, 2) & 0x7ff);
    f->fip = load_le(m + 8, wide ? 8 : 4);
    f->fdp = load_le(m + 16, wide ? 8 : 4);
    f->fcs = wide ? 0 : (u16)load_le(m + 12, 2);
    f->fds = wide ? 0 : (u16)load_le(m + 20, 2);
    unsigned top = f->sw >> 11 & 7;
    for (unsigned k = 0; k < 8; k++)
        f->st[(top + k) & 7] =
            (struct x86_f80){ load_le(m + ST_AT + 16 * k, 8), (u16)load_le(m + ST_AT + 16 * k + 8, 2) };
}

static void init_x87(struct x86 *c)
{
    x87_init(c);
    memset(c->fpu.st, 0, sizeof c->fpu.st);
}

static void put_mxcsr(const struct x86 *c, u8 *m)
{
    store_le(m + MXCSR_AT, 4, c->mxcsr);
    store_le(m + MXCSR_AT + 4, 4, mxcsr_mask(c));
}

static bool mxcsr_ok(struct x86 *c, const u8 *m)
{
    return !((u32)load_le(m + MXCSR_AT, 4) & ~mxcsr_mask(c)) || x86_gp0(c, "reserved bits of MXCSR are set");
}

static void put_xmm(const struct x86 *c, u8 *m)
{
    for (unsigned k = 0; k < n_xmm(c); k++)
        memcpy(m + XMM_AT + 16 * k, c->v[k].b, 16);
}

static void get_xmm(struct x86 *c, const u8 *m) /* NULL: initial values */
{
    for (unsigned k = 0; k < n_xmm(c); k++)
        if (m)
            memcpy(c->v[k].b, m + XMM_AT + 16 * k, 16);
        else
            memset(c->v[k].b, 0, 16);
}

/* --- MXCSR --- */

bool x86_op_ldmxcsr(struct x86 *c, const struct x86_insn *i)
{
    u8 m[32];
    if (!vec_load(c, i, 4, m + MXCSR_AT) || !mxcsr_ok(c, m))
        return false;
    c->mxcsr = (u32)load_le(m + MXCSR_AT, 4);
    return true;
}

bool x86_op_stmxcsr(struct x86 *c, const struct x86_insn *i)
{
    u8 m[4];
    store_le(m, 4, c->mxcsr);
    return vec_store(c, i, 4, m);
}

/* --- FXSAVE, FXRSTOR --- */

static bool area(struct x86 *c, const struct x86_insn *i, unsigned align, u64 *offset)
{
    *offset = x86_ea(c, i);
    if (!x86_seg_check(c, x86_segno(i), *offset, 1, CPU_READ))
        return false;
    if ((c->fast[x86_segno(i)].base + *offset) & (align - 1))
        return x86_gp0(c, "the area for x87 and vector state is not aligned");
    return true;
}

static bool fx_usable(struct x86 *c)
{
    return !(c->cr0 & (CR0_TS | CR0_EM)) || x86_fault(c, EXC_NM, "CR0.TS or CR0.EM is set");
}

static bool fast_fx(const struct x86 *c) /* FFXSR (APM 2, 11.4.4) */
{
    return (c->efer & EFER_FFXSR) && c->code_bits == 64 && !c->cpl;
}

/* Processors look at the last byte of an area first: what a page fault tells in CR2. */
static bool probe(struct x86 *c, const struct x86_insn *i, u64 at, unsigned last, bool write)
{
    u64 v, offset = at + last;
    if (c->code_bits != 64 && offset >> 32) /* it ends beyond the segment */
        offset = at;
    return write ? x86_store_check(c, x86_segno(i), offset, 1) : x86_load(c, x86_segno(i), offset, 1, &v);
}

bool x86_op_fxsave(struct x86 *c, const struct x86_insn *i)
{
    u64 at;
    u8 m[XMM_END] = { 0 };
    if (!fx_usable(c) || !area(c, i, 16, &at) || !probe(c, i, at, X86_XSAVE_LEGACY - 1, true))
        return false;
    put_x87(c, m, i->flags & X86_I_W);
    put_mxcsr(c, m);
    put_xmm(c, m);
    return x86_store_bytes(c, x86_segno(i), at, m, fast_fx(c) ? XMM_AT : XMM_AT + 16 * n_xmm(c));
}

bool x86_op_fxrstor(struct x86 *c, const struct x86_insn *i)
{
    u64 at;
    u8 m[X86_XSAVE_LEGACY];
    if (!fx_usable(c) || !area(c, i, 16, &at) || !probe(c, i, at, X86_XSAVE_LEGACY - 1, false) ||
        !x86_load_bytes(c, x86_segno(i), at, m, sizeof m) || !mxcsr_ok(c, m))
        return false;
    get_x87(c, m, i->flags & X86_I_W);
    c->mxcsr = (u32)load_le(m + MXCSR_AT, 4);
    if (!fast_fx(c))
        get_xmm(c, m);
    return true;
}

/* --- XSAVE --- */

static bool x_usable(struct x86 *c)
{
    if (!(c->cr4 & CR4_OSXSAVE))
        return x86_ud(c, "XSAVE is not enabled (CR4.OSXSAVE)");
    return !(c->cr0 & CR0_TS) || x86_fault(c, EXC_NM, "CR0.TS is set");
}

static u64 in_use(const struct x86 *c)
{
    static const struct x86_fpu init = { .cw = 0x37f };
    static const u8 zero[16];
    const struct x86_fpu *f = &c->fpu;
    u64 parts = c->pkru ? PART_PKRU : 0;
    bool x87 = f->cw != init.cw || f->sw || f->valid || f->fop || f->fip || f->fdp || f->fcs || f->fds;
    for (unsigned k = 0; k < 8; k++)
        x87 |= f->st[k].m || f->st[k].se;
    for (unsigned k = 0; k < n_xmm(c); k++) {
        if (memcmp(c->v[k].b, zero, 16))
            parts |= PART_SSE;
        if (memcmp(c->v[k].b + 16, zero, 16))
            parts |= PART_AVX;
    }
    return parts | (x87 ? PART_X87 : 0);
}

static const struct {
    u16 part, at, size;
} extended[] = { { PART_AVX, X86_XSAVE_AVX, 256 }, { PART_PKRU, X86_XSAVE_PKRU, 8 } };

static u64 requested(const struct x86 *c, bool supervisor)
{
    u64 mask = (u32)c->r[X86_AX] | c->r[X86_DX] << 32;
    return mask & (c->xcr0 | (supervisor ? c->xss : 0));
}

/* Where an extended part is; compact: XCOMP_BV, 0 in the standard format (SDM 1, 13.4.3). */
static unsigned part_at(unsigned k, u64 compact)
{
    unsigned at = COMPACT;
    if (!compact)
        return extended[k].at;
    for (unsigned j = 0; j < k; j++)
        at += compact & extended[j].part ? extended[j].size : 0;
    return at;
}

static unsigned area_size(u64 asked, u64 compact)
{
    unsigned end = COMPACT;
    for (unsigned k = 0; k < ARRAY_LEN(extended); k++)
        if (asked & extended[k].part)
            end = part_at(k, compact) + extended[k].size;
    return end;
}

static void put_extended(const struct x86 *c, u16 part, u8 *m)
{
    memset(m, 0, 256);
    if (part == PART_PKRU)
        store_le(m, 8, c->pkru);
    else
        for (unsigned k = 0; k < n_xmm(c); k++)
            memcpy(m + 16 * k, c->v[k].b + 16, 16);
}

static bool set_extended(struct x86 *c, u16 part, const u8 *m)
{
    if (part == PART_PKRU) {
        u32 pkru = (u32)load_le(m, 4);
        if (pkru != c->pkru) {
            c->pkru = pkru;
            x86_flush_translations(c);
        }
        return true;
    }
    for (unsigned k = 0; k < n_xmm(c); k++)
        memcpy(c->v[k].b + 16, m + 16 * k, 16);
    return true;
}

/* A run of bytes to be stored; all are checked before the first is. */
struct piece {
    u16 at, n;
    const u8 *from;
};

static bool store_pieces(struct x86 *c, unsigned seg, u64 base, const struct piece *p, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (!x86_store_check(c, seg, base + p[k].at, p[k].n))
            return false;
    for (unsigned k = 0; k < n; k++)
        if (!x86_store_bytes(c, seg, base + p[k].at, p[k].from, p[k].n))
            return false;
    return true;
}

enum save { SAVE, SAVE_OPT, SAVE_COMPACT, SAVE_SUPERVISOR };

static bool save(struct x86 *c, const struct x86_insn *i, enum save how)
{
    u8 m[X86_XSAVE_LEGACY], header[16], ext[ARRAY_LEN(extended)][256];
    struct piece piece[8];
    unsigned n = 0, seg = x86_segno(i);
    u64 at, old = 0;
    bool compact = how >= SAVE_COMPACT;

    if (!x_usable(c) || !area(c, i, 64, &at))
        return false;
    u64 asked = requested(c, how == SAVE_SUPERVISOR), used = in_use(c);
    if (compact && c->mxcsr != MXCSR_INIT) /* it goes with the SSE state (SDM 1, 13.10) */
        used |= PART_SSE;
    u64 saved = how == SAVE ? asked : asked & used;
    /* The compact forms leave what is in its initial state alone, faults included; hardware does. */
    if (!probe(c, i, at, area_size(compact ? saved : asked, compact ? asked : 0) - 1, true))
        return false;
    if (!compact && !x86_load(c, seg, at + HEADER, 8, &old))
        return false;
    memset(m, 0, sizeof m);
    put_x87(c, m, i->flags & X86_I_W);
    put_mxcsr(c, m);
    put_xmm(c, m);
    if (saved & PART_X87) {
        piece[n++] = (struct piece){ 0, MXCSR_AT, m };
        piece[n++] = (struct piece){ ST_AT, 128, m + ST_AT };
    }
    if (compact ? saved & PART_SSE : asked & (PART_SSE | PART_AVX))
        piece[n++] = (struct piece){ MXCSR_AT, 8, m + MXCSR_AT };
    if (saved & PART_SSE)
        piece[n++] = (struct piece){ XMM_AT, (u16)(16 * n_xmm(c)), m + XMM_AT };
    store_le(header, 8, (old & ~asked) | (asked & used));
    store_le(header + 8, 8, compact ? asked | COMPACTED : 0);
    piece[n++] = (struct piece){ HEADER, compact ? 16 : 8, header };
    for (unsigned k = 0; k < ARRAY_LEN(extended); k++)
        if (saved & extended[k].part) {
            u16 size = extended[k].part == PART_AVX ? (u16)(16 * n_xmm(c)) : extended[k].size;
            put_extended(c, extended[k].part, ext[k]);
            piece[n++] = (struct piece){ (u16)part_at(k, compact ? asked : 0), size, ext[k] };
        }
    return store_pieces(c, seg, at, piece, n);
}

bool x86_op_xsave(struct x86 *c, const struct x86_insn *i) { return save(c, i, SAVE); }
bool x86_op_xsaveopt(struct x86 *c, const struct x86_insn *i) { return save(c, i, SAVE_OPT); }
bool x86_op_xsavec(struct x86 *c, const struct x86_insn *i) { return save(c, i, SAVE_COMPACT); }
bool x86_op_xsaves(struct x86 *c, const struct x86_insn *i) { return save(c, i, SAVE_SUPERVISOR); }

/* SDM 1, 13.8.1 and 13.8.2 */
static bool header_ok(struct x86 *c, const u8 *h, bool supervisor)
{
    u64 state = load_le(h, 8), comp = load_le(h + 8, 8), mask = c->xcr0 | (supervisor ? c->xss : 0);
    bool ok = !(state & ~mask);
    if (comp & COMPACTED) {
        ok &= !(comp & ~COMPACTED & ~mask) && !(state & ~comp) && has(c, X86_F_XSAVEC);
        for (unsigned k = 16; k < X86_XSAVE_HEADER; k++)
            ok &= !h[k];
    } else {
        ok &= !comp && !load_le(h + 16, 8) && !supervisor;
    }
    return ok || x86_gp0(c, "the header of the XSAVE area is not valid");
}

static bool restore(struct x86 *c, const struct x86_insn *i, bool supervisor)
{
    u8 m[X86_XSAVE_LEGACY + X86_XSAVE_HEADER], ext[ARRAY_LEN(extended)][256];
    unsigned seg = x86_segno(i);
    u64 at;
    if (!x_usable(c) || !area(c, i, 64, &at) || !probe(c, i, at, HEADER + 8, false) ||
        !x86_load_bytes(c, seg, at, m, sizeof m) || !header_ok(c, m + HEADER, supervisor))
        return false;
    u64 asked = requested(c, supervisor), state = load_le(m + HEADER, 8), comp = load_le(m + HEADER + 8, 8);
    bool mxcsr = comp ? (asked & state & PART_SSE) : (asked & (PART_SSE | PART_AVX));
    if (mxcsr && !mxcsr_ok(c, m))
        return false;
    for (unsigned k = 0; k < ARRAY_LEN(extended); k++) {
        memset(ext[k], 0, sizeof ext[k]);
        unsigned size = extended[k].part == PART_AVX ? 16 * n_xmm(c) : extended[k].size;
        if ((asked & state & extended[k].part) && !x86_load_bytes(c, seg, at + part_at(k, comp), ext[k], size))
            return false;
    }
    if (asked & state & PART_X87)
        get_x87(c, m, i->flags & X86_I_W);
    else if (asked & PART_X87)
        init_x87(c);
    if (asked & PART_SSE)
        get_xmm(c, state & PART_SSE ? m : NULL);
    if (mxcsr)
        c->mxcsr = (u32)load_le(m + MXCSR_AT, 4);
    else if (comp && (asked & PART_SSE))
        c->mxcsr = MXCSR_INIT;
    for (unsigned k = 0; k < ARRAY_LEN(extended); k++)
        if (asked & extended[k].part)
            set_extended(c, extended[k].part, ext[k]);
    return true;
}

bool x86_op_xrstor(struct x86 *c, const struct x86_insn *i) { return restore(c, i, false); }
bool x86_op_xrstors(struct x86 *c, const struct x86_insn *i) { return restore(c, i, true); }
