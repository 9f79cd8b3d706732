/* The decoder: rows of insn.def sorted by opcode, the most special first; SDM 2, chapter 2. */
#include <stdlib.h>
#include <string.h>

#include "cpu/x86/decode.h"

static bool in_model(unsigned op, const struct x86_config *config)
{
    return x86_has_feature(config, (enum x86_feature)x86_rows[op].cpu);
}

/* Which of two rows that fit is meant: special encodings, then those that say more. */
static unsigned rank(const struct x86_form *f, unsigned op)
{
    return (x86_rows[op].flags & X_HINT ? 0 : 32) + (f->fixed_mask == 0xff ? 0 : 16) + (f->prefix == P_ANY ? 8 : 0) +
           (f->fixed_mask ? 0 : 4) + (f->w ? 0 : 2);
}
enum { RANKS = 64 };

struct x86_decoder *x86_decoder_new(struct arena *a, const struct x86_config *config)
{
    struct x86_decoder *d = ARENA_NEW(a, struct x86_decoder);
    u16 *count = xcalloc(X86_MAPS * 256, sizeof *count);
    const char *why;

    for (unsigned g = X86_F_8086; g <= X86_F_686; g++)
        if (x86_has_feature(config, (enum x86_feature)g))
            d->generation = g;
    for (unsigned op = 0; op < X86_OP_COUNT; op++) {
        x86_parse_row(&x86_rows[op], &d->form[op], &why); /* tests/cpu/x86_rows: all can be parsed */
        if (in_model(op, config))
            for (unsigned k = 0; k < d->form[op].span; k++)
                count[d->form[op].map * 256 + d->form[op].opcode + k]++;
    }
    unsigned sum = 0;
    for (unsigned k = 0; k < X86_MAPS * 256; k++) {
        d->start[k] = (u16)sum;
        sum += count[k];
        count[k] = 0;
    }
    d->start[X86_MAPS * 256] = (u16)sum;
    d->list = ARENA_ARRAY(a, u16, sum + 1);
    for (unsigned r = 0; r < RANKS; r++)
        for (unsigned op = 0; op < X86_OP_COUNT; op++) {
            const struct x86_form *f = &d->form[op];
            if (rank(f, op) != r || !in_model(op, config))
                continue;
            for (unsigned k = 0; k < f->span; k++) {
                unsigned at = f->map * 256 + f->opcode + k;
                d->list[d->start[at] + count[at]++] = (u16)op;
            }
        }
    free(count);
    return d;
}

/* What is read while decoding one instruction. */
struct scan {
    const u8 *bytes;
    size_t n;
    unsigned at;
    int problem; /* X86_DECODE_LONG, or 1: more bytes are needed */
    unsigned bits;
    bool legacy, p66, p67, lock, vex;
    u8 rep;          /* 0xF3, 0xF2: the last one */
    u8 rex;          /* 0x40..0x4F; with VEX its bits, too */
    u8 seg;          /* override + 1 */
    u8 vex_pp, vvvv, l;
    u8 map, opcode, modrm;
};

static u64 take(struct scan *s, unsigned bytes)
{
    u64 v = 0;
    for (unsigned k = 0; k < bytes; k++) {
        if (s->at >= X86_MAX_BYTES && !s->problem)
            s->problem = X86_DECODE_LONG;
        else if (s->at >= s->n && !s->problem)
            s->problem = 1;
        if (s->problem)
            return 0;
        v |= (u64)s->bytes[s->at++] << (8 * k);
    }
    return v;
}

/* The byte after the next one taken, without taking it. */
static int look(const struct scan *s) { return s->at < s->n ? s->bytes[s->at] : -1; }

static bool w_bit(const struct scan *s) { return s->rex >> 3 & 1; }

/* Prefixes up to the opcode (SDM 2, 2.1.1 and 2.2.1); a REX that is not the last of them counts for nothing. */
static u8 prefixes(struct scan *s, unsigned generation)
{
    for (;;) {
        u8 b = (u8)take(s, 1);
        if (s->problem)
            return 0;
        switch (b) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (s->bits != 64)
                s->seg = (u8)((b >> 3 & 3) + 1);
            break;
        case 0x64: case 0x65: case 0x66: case 0x67:
            if (generation < X86_F_386)
                return b;
            if (b == 0x66)
                s->p66 = true;
            else if (b == 0x67)
                s->p67 = true;
            else
                s->seg = (u8)(b - 0x64 + X86_FS + 1);
            break;
        case 0xf0: s->lock = true; break;
        case 0xf2: case 0xf3: s->rep = b; break;
        default:
            if (s->bits != 64 || (b & 0xf0) != 0x40)
                return b;
            s->rex = b;
            continue;
        }
        s->rex = 0;
    }
}

/* VEX (SDM 2, 2.3.5): false when prefixes before it make it no instruction, but its length still counts. */
static bool vex(struct scan *s, u8 first)
{
    bool ok = !s->lock && !s->p66 && !s->rep && !s->rex;
    s->vex = true;
    u8 b = (u8)take(s, 1), map = 1;
    s->rex = (u8)(0x40 | (~b >> 5 & 4)); /* R */
    if (first == 0xc4) {
        s->rex |= ~b >> 5 & 3; /* X, B */
        map = b & 31;
        b = (u8)take(s, 1);
        s->rex |= b >> 4 & 8; /* W */
    }
    s->vvvv = ~b >> 3 & 15;
    s->l = b >> 2 & 1;
    s->vex_pp = b & 3;
    if (s->bits != 64) {
        s->rex &= 0x48;
        s->vvvv &= 7;
    }
    s->opcode = (u8)take(s, 1);
    if (map < 1 || map > 3)
        map = 1, ok = false;
    s->map = (u8)(map + 3);
    return ok;
}

static bool prefix_fits(const struct scan *s, u8 want)
{
    if (s->vex) {
        static const u8 pp[] = { P_NP, P_66, P_F3, P_F2 };
        return pp[s->vex_pp] == want;
    }
    switch (want) {
    case P_NP: return !s->p66 && !s->rep;
    case P_NFX: return !s->rep;
    case P_66: return s->p66 && (!s->rep || !s->map);
    case P_F3: return s->rep == 0xf3;
    case P_F2: return s->rep == 0xf2;
    default: return true;
    }
}

static bool fits(const struct scan *s, const struct x86_form *f, u32 flags)
{
    if (((flags & X_I64) && s->bits == 64) || ((flags & X_O64) && s->bits != 64) || ((flags & X_PE) && s->legacy))
        return false;
    if (!prefix_fits(s, f->prefix))
        return false;
    if (f->w && w_bit(s) != (f->w == 2))
        return false;
    if (f->l && s->l != f->l - 1)
        return false;
    if (f->no_rex_b && (s->rex & 1))
        return false;
    if (!f->has_modrm)
        return true;
    if ((s->modrm & f->fixed_mask) != f->fixed)
        return false;
    bool mem = s->modrm < 0xc0;
    return f->mod == MOD_ANY || mem == (f->mod == MOD_MEM);
}

/* --- operands --- */

static u8 byte_reg(const struct scan *s, unsigned number)
{
    return (u8)(!s->rex && number >= 4 && number < 8 ? number - 4 + X86_AH : number);
}

static u8 reg_number(const struct scan *s, u8 kind, u8 size, unsigned number)
{
    switch (kind) {
    case K_P: case K_Q: case K_N: case K_S: case K_STI: return number & 7;
    case K_E: case K_G: case K_R: case K_Z: return size == Z_B ? byte_reg(s, number) : (u8)number;
    default: return (u8)number;
    }
}

/* The memory operand (SDM 2, tables 2-1 to 2-3). */
static void memory(struct scan *s, const struct x86_form *f, struct x86_insn *i, unsigned asize)
{
    unsigned mod = s->modrm >> 6, rm = s->modrm & 7;
    i->flags |= X86_I_MEM;
    if (asize == 2) {
        static const u8 base[8] = { X86_BX, X86_BX, X86_BP, X86_BP, X86_SI, X86_DI, X86_BP, X86_BX };
        static const u8 index[8] = { X86_SI, X86_DI, X86_SI, X86_DI, X86_NONE, X86_NONE, X86_NONE, X86_NONE };
        i->base = base[rm];
        i->index = index[rm];
        if (mod == 0 && rm == 6)
            i->base = X86_NONE;
        if (mod == 2 || (mod == 0 && rm == 6))
            i->disp = (i16)take(s, 2);
    } else {
        i->base = (u8)(rm | (s->rex & 1) << 3);
        if (rm == 4) {
            u8 sib = (u8)take(s, 1);
            i->scale_seg = sib >> 6;
            i->index = (u8)((sib >> 3 & 7) | (s->rex & 2) << 2);
            i->base = (u8)((sib & 7) | (s->rex & 1) << 3);
            if (i->index == X86_SP && !f->vsib)
                i->index = X86_NONE;
            rm = sib & 7;
        }
        if (mod == 0 && rm == 5) {
            if (s->bits == 64 && (s->modrm & 7) == 5)
                i->flags |= X86_I_RIP;
            i->base = X86_NONE;
            mod = 2;
        }
        if (mod == 2)
            i->disp = (i32)take(s, 4);
    }
    if (mod == 1)
        i->disp = (i8)take(s, 1);
}

static void immediate(struct scan *s, const struct x86_form *f, struct x86_insn *i, unsigned osize, unsigned asize)
{
    for (unsigned k = 0; k < 2 && f->imm[k]; k++) {
        u64 v = 0;
        bool sign = false;
        unsigned bytes = 0;
        switch (f->imm[k]) {
        case IMM_JB: sign = true; /* fall through */
        case IMM_B: case IMM_IS4: bytes = 1; break;
        case IMM_W: bytes = 2; break;
        case IMM_JZ: case IMM_Z: bytes = osize == 2 ? 2 : 4; sign = true; break;
        case IMM_V: bytes = osize; break;
        case IMM_MOFFS: bytes = asize; break;
        case IMM_FAR:
            v = take(s, osize == 2 ? 2 : 4);
            i->imm = v | take(s, 2) << 32;
            return;
        }
        v = take(s, bytes);
        if (f->imm[k] == IMM_B)
            for (unsigned o = 0; o < f->n_operands; o++)
                if (f->operand[o].kind == K_I && f->operand[o].size == Z_BS)
                    sign = true;
        if (sign)
            v = (u64)sign_extend(v, 8 * bytes);
        i->imm = k ? i->imm | v << 16 : v; /* the second of two: ENTER, EXTRQ */
    }
}

static unsigned log2_size(const struct scan *s, u8 size, u8 kind, unsigned osize)
{
    unsigned v = osize == 2 ? 1 : osize == 4 ? 2 : 3;
    switch (kind) {
    case K_V: case K_W: case K_U: case K_H: case K_L:
        return (size == Z_X && s->l) || size == Z_QQ ? 5 : 4;
    case K_P: case K_Q: case K_N: return 3;
    }
    switch (size) {
    case Z_B: return 0;
    case Z_W: return 1;
    case Z_D: case Z_SS: return 2;
    case Z_Q: case Z_SD: return 3;
    case Z_DQ: return 4;
    case Z_QQ: return 5;
    case Z_X: return s->l ? 5 : 4;
    case Z_Z: return v == 1 ? 1 : 2;
    case Z_Y: return s->bits == 64 && w_bit(s) ? 3 : 2;
    case Z_MODE: return s->bits == 64 ? 3 : 2;
    default: return v;
    }
}

static unsigned operand_size(const struct scan *s, const struct x86_form *f, u32 flags)
{
    bool p66 = s->p66 && (f->prefix != P_66 || !f->map); /* 66 90 is XCHG AX,AX */
    if (s->bits != 64)
        return (s->bits == 16) == p66 ? 4 : 2;
    if ((flags & X_F64) || w_bit(s))
        return 8;
    if (flags & X_D64)
        return p66 ? 2 : 8;
    return p66 ? 2 : 4;
}

static bool control_register_exists(const struct scan *s, u8 kind, unsigned number)
{
    if (kind == K_DR)
        return number < 8;
    return number == 0 || number == 2 || number == 3 || number == 4 || (number == 8 && s->bits == 64);
}

/* Everything behind the opcode of a row that was found. False: no instruction after all. */
static bool operands(struct scan *s, const struct x86_decoder *d, struct x86_insn *i)
{
    const struct x86_form *f = &d->form[i->op];
    u32 flags = x86_rows[i->op].flags;
    unsigned osize = operand_size(s, f, flags), asize = s->bits / 8;
    if (s->p67)
        asize = asize == 4 ? 2 : 4;
    unsigned reg = (s->modrm >> 3 & 7) | (s->rex & 4) << 1, rm = (s->modrm & 7) | (s->rex & 1) << 3;

    i->base = i->index = X86_NONE;
    if (f->has_modrm) {
        i->reg = reg_number(s, f->reg_kind, f->reg_size, reg);
        if (s->modrm < 0xc0 && !f->mod_ignored)
            memory(s, f, i, asize);
        else
            i->rm = reg_number(s, f->rm_kind, f->rm_size, rm);
    } else if (f->span == 8) {
        i->rm = reg_number(s, K_Z, f->rm_size, (s->opcode & 7) | (s->rex & 1) << 3);
    }
    immediate(s, f, i, osize, asize);
    for (unsigned k = 0; k < f->n_operands; k++) {
        const struct x86_operand *o = &f->operand[k];
        if (o->kind == K_ONE)
            i->imm = 1;
        else if (o->kind == K_SREG)
            i->reg = o->arg;
        else if (o->kind == K_O) {
            i->flags |= X86_I_MEM;
            i->disp = (i32)i->imm;
        }
    }
    unsigned seg = i->base == X86_SP || i->base == X86_BP ? X86_SS : X86_DS;
    i->scale_seg |= (u8)((s->seg ? s->seg - 1u : seg) << 4);
    unsigned size = osize == 2 ? 1 : osize == 4 ? 2 : 3;
    if (f->main >= 0)
        size = log2_size(s, f->operand[f->main].size, f->operand[f->main].kind, osize);
    i->sizes = (u8)(size | (asize == 2 ? 1 : asize == 4 ? 2 : 3) << 4);
    i->vreg = s->vvvv;
    if (flags & X_X87)
        i->imm = (s->opcode & 7u) << 8 | s->modrm;
    i->flags |= (s->lock ? X86_I_LOCK : 0) | (s->rep == 0xf3 ? X86_I_REP : s->rep ? X86_I_REPNE : 0) |
                (s->vex ? X86_I_VEX : s->rex ? X86_I_REX : 0) | (s->l ? X86_I_L : 0) | (s->p66 ? X86_I_66 : 0) |
                (w_bit(s) && (s->bits == 64 || !f->has_y) ? X86_I_W : 0);

    if (s->lock && d->generation >= X86_F_386 && (!(flags & X_LOCK) || !(i->flags & X86_I_MEM)))
        return false;
    if (s->vex && !f->uses_vvvv && s->vvvv)
        return false;
    if (f->vsib && ((s->modrm & 7) != 4 || asize == 2))
        return false;
    if (f->reg_kind == K_S && (i->reg > X86_GS || (i->reg == X86_CS && f->operand[0].kind == K_S) ||
                               (i->reg > X86_DS && d->generation < X86_F_386)))
        return false;
    if ((f->reg_kind == K_CR || f->reg_kind == K_DR) && !control_register_exists(s, f->reg_kind, reg))
        return false;
    return true;
}

int x86_decode(const struct x86_decoder *d, unsigned bits, bool legacy, const u8 *bytes, size_t n, struct x86_insn *out)
{
    struct scan s = { .bytes = bytes, .n = n, .bits = bits, .legacy = legacy };
    *out = (struct x86_insn){ .op = X86_OP_COUNT, .index = X86_NONE, .base = X86_NONE };
    int result = X86_DECODE_UD;

    u8 b = prefixes(&s, d->generation);
    bool ok = true;
    if ((b == 0xc4 || b == 0xc5) && !legacy && (bits == 64 || look(&s) >= 0xc0)) {
        ok = vex(&s, b);
    } else if (b == 0x0f) {
        s.map = 1;
        s.opcode = (u8)take(&s, 1);
        if (s.opcode == 0x38 || s.opcode == 0x3a) {
            s.map = s.opcode == 0x38 ? 2 : 3;
            s.opcode = (u8)take(&s, 1);
        }
    } else {
        s.opcode = b;
    }
    unsigned at = s.map * 256u + s.opcode, n_rows = d->start[at + 1] - d->start[at];
    const u16 *row = d->list + d->start[at];
    if (!s.problem && n_rows) {
        unsigned k = 0;
        if (d->form[*row].has_modrm)
            s.modrm = (u8)take(&s, 1);
        while (k < n_rows && !s.problem && !fits(&s, &d->form[row[k]], x86_rows[row[k]].flags))
            k++;
        /* When none fits, the bytes are fetched all the same: a fault there comes before #UD (SDM 3, table 6-2). */
        out->op = row[k < n_rows ? k : 0];
        if (!s.problem && operands(&s, d, out) && !s.problem && ok && k < n_rows)
            result = (int)s.at;
        else
            out->op = X86_OP_COUNT;
    }
    out->length = (u8)s.at;
    if (s.problem)
        return s.problem == 1 ? X86_DECODE_MORE : X86_DECODE_LONG;
    return result;
}
