#include "tests/isa/x86_gen.h"

#include <string.h>

u64 x86_random(struct x86_gen *g) /* xorshift64* */
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return g->state * 0x2545f4914f6cdd1d;
}

static bool chance(struct x86_gen *g, unsigned in_256) { return (x86_random(g) >> 33 & 255) < in_256; }

static void put(struct x86_encoding *e, unsigned v) { e->bytes[e->length++] = (u8)v; }

static void put_random(struct x86_gen *g, struct x86_encoding *e, unsigned bytes)
{
    u64 v = x86_random(g);
    switch (x86_random_below(g, 4)) { /* small numbers, too */
    case 0: v = (u64)(i64)((int)x86_random_below(g, 17) - 8); break;
    case 1: v = (u64)(i64)(i8)v; break;
    }
    for (unsigned k = 0; k < bytes; k++)
        put(e, (unsigned)(v >> (8 * k)) & 255);
}

static void put_modrm(struct x86_gen *g, const struct x86_form *f, struct x86_encoding *e, unsigned asize)
{
    u64 r = x86_random(g);
    unsigned modrm = r & 255;
    bool want_mem = f->mod == MOD_MEM || (f->mod == MOD_ANY && (r >> 8 & 1));
    if (chance(g, g->illegal))
        want_mem = !want_mem;
    if (!want_mem)
        modrm |= 0xc0;
    else if (modrm >= 0xc0)
        modrm &= 0xbf;
    if (f->vsib && want_mem)
        modrm = (modrm & ~7u) | 4;
    modrm = (modrm & ~(unsigned)f->fixed_mask) | f->fixed;
    put(e, modrm);
    if (modrm >= 0xc0 || f->mod_ignored)
        return;
    unsigned mod = modrm >> 6, rm = modrm & 7, disp = mod == 1 ? 1 : 0;
    if (asize == 2) {
        if (mod == 2 || (mod == 0 && rm == 6))
            disp = 2;
    } else {
        if (rm == 4) {
            put(e, r >> 16 & 255);
            rm = r >> 16 & 7;
        }
        if (mod == 2 || (mod == 0 && rm == 5))
            disp = 4;
    }
    e->disp_bytes = (u8)disp;
    e->disp_at = disp ? e->length : 0;
    put_random(g, e, disp);
}

bool x86_generate(struct x86_gen *g, const struct x86_form *f, unsigned op, unsigned bits, struct x86_encoding *e)
{
    u32 flags = x86_rows[op].flags;
    if ((bits == 64 && (flags & X_I64)) || (bits != 64 && (flags & X_O64)))
        return false;
    bool vex = f->map >= 4, p66 = false, p67 = false, w = false, more = chance(g, g->more_prefixes);
    memset(e, 0, sizeof *e);

    static const u8 segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
    if (chance(g, more ? 64 : 4))
        put(e, segments[x86_random_below(g, 6)]);
    if (chance(g, more ? 64 : 4)) {
        put(e, 0x67);
        p67 = true;
    }
    if (!vex) {
        /* Operand size, where it is free. */
        if (f->prefix == P_66 || ((f->prefix == P_ANY || f->prefix == P_NFX) && chance(g, more ? 96 : 32)) ||
            (f->prefix >= P_F3 && chance(g, more ? 64 : 8))) {
            put(e, 0x66);
            p66 = f->prefix != P_66;
        }
        if ((flags & X_LOCK) ? chance(g, 24) : chance(g, g->illegal))
            put(e, 0xf0);
        if (f->prefix == P_F3)
            put(e, 0xf3);
        else if (f->prefix == P_F2)
            put(e, 0xf2);
        else if (f->prefix == P_ANY && ((flags & X_REP) ? chance(g, 96) : chance(g, more ? 32 : 0)))
            put(e, 0xf2 + x86_random_below(g, 2));
    } else if (g->illegal && chance(g, g->illegal) && chance(g, 64)) {
        put(e, 0x66);
    }
    u64 r = x86_random(g);
    unsigned rex = bits == 64 ? r & 15 : 0;
    if (f->w)
        rex = (rex & 7) | (f->w == 2 ? 8 : 0);
    if (f->no_rex_b)
        rex &= ~1u;
    if (bits != 64 && f->w == 2 && !vex)
        return false;
    if (vex) {
        if (bits != 64)
            rex = f->w == 2 || (!f->w && (r >> 8 & 1)) ? 8 : 0;
        static const u8 pp[] = { 0, 0, 0, 1, 2, 3 };
        unsigned vvvv = f->uses_vvvv ? r >> 12 & 15 : 0, l = f->l ? f->l - 1u : r >> 16 & 1;
        if (chance(g, g->illegal))
            vvvv = r >> 12 & 15;
        if (chance(g, g->illegal))
            l ^= 1;
        if (bits != 64)
            vvvv &= 7;
        unsigned tail = (~vvvv & 15) << 3 | l << 2 | pp[f->prefix];
        if (f->map == 4 && !(rex & 11) && (r >> 20 & 1)) {
            put(e, 0xc5);
            put(e, (~rex & 4) << 5 | tail);
        } else {
            put(e, 0xc4);
            put(e, (~rex & 7) << 5 | (f->map - 3u));
            put(e, (rex & 8) << 4 | tail);
        }
    } else {
        if (rex || (bits == 64 && chance(g, 16)))
            if (f->w == 2 || chance(g, 160)) {
                put(e, 0x40 | rex);
                w = rex & 8;
            }
        if (f->map)
            put(e, 0x0f);
        if (f->map >= 2)
            put(e, f->map == 2 ? 0x38 : 0x3a);
    }
    unsigned reg = f->span == 8 ? r >> 24 & 7 : 0;
    put(e, f->opcode + reg);
    unsigned asize = bits / 8, osize = bits == 16 ? 2 : 4;
    if (p67)
        asize = asize == 4 ? 2 : 4;
    if (p66)
        osize ^= 6;
    if (bits == 64 && (w || (flags & X_F64)))
        osize = 8;
    if (f->has_modrm)
        put_modrm(g, f, e, asize);
    e->imm_at = f->imm[0] ? e->length : 0;
    for (unsigned k = 0; k < 2; k++)
        switch (f->imm[k]) {
        case IMM_B: case IMM_IS4: case IMM_JB: put_random(g, e, 1); break;
        case IMM_W: put_random(g, e, 2); break;
        case IMM_Z: case IMM_JZ: put_random(g, e, osize == 2 ? 2 : 4); break;
        case IMM_V: put_random(g, e, osize); break;
        case IMM_MOFFS: put_random(g, e, asize); break;
        case IMM_FAR: put_random(g, e, osize == 2 ? 4 : 6); break;
        }
    return true;
}
