/* Text of instructions, as `objdump -M intel` writes it, with one space behind the mnemonic. Prefixes that mean nothing to
 * an instruction are written before it by name, as there; so the text says every byte. */
#include <string.h>

#include "base/text.h"
#include "cpu/x86/decode.h"

/* One instruction being written: which prefixes it has, and which of them its operands have accounted for. */
struct dis {
    struct text t;
    const struct x86_form *f;
    const struct x86_row *row;
    struct x86_insn i;
    unsigned bits;
    u64 pc;
    u8 prefix[X86_MAX_BYTES], n_prefixes;
    u8 rex, rex_used; /* the latter with 0x40 when the byte itself mattered */
    u8 segment;       /* the prefix byte in force, 0: none */
    bool used_66, used_67, used_segment, used_rep;
    bool rip_target;
};

enum { REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };
static void used_rex(struct dis *d, unsigned bit)
{
    if (!bit)
        d->rex_used |= 0x40;
    else if (d->rex & bit)
        d->rex_used |= 0x40 | bit;
}

/* --- registers --- */

static void gpr(struct dis *d, unsigned n, unsigned bytes)
{
    static const char *const low[] = { "al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil" };
    static const char *const high[] = { "ah", "ch", "dh", "bh" };
    static const char *const word[] = { "ax", "cx", "dx", "bx", "sp", "bp", "si", "di" };
    if (n >= X86_AH)
        text_put(&d->t, "%s", high[n & 3]);
    else if (n >= 8)
        text_put(&d->t, "r%u%s", n, bytes == 1 ? "b" : bytes == 2 ? "w" : bytes == 4 ? "d" : "");
    else if (bytes == 1)
        text_put(&d->t, "%s", low[n]);
    else
        text_put(&d->t, "%s%s", bytes == 2 ? "" : bytes == 4 ? "e" : "r", word[n]);
}

static const char *const segment_names[] = { "es", "cs", "ss", "ds", "fs", "gs", "?", "?" };

/* Bytes of a general operand of this size; accounts for what decides it. */
static unsigned operand_bytes(struct dis *d, u8 size)
{
    u32 flags = d->row->flags;
    bool w = d->i.flags & X86_I_W, p66 = d->i.flags & X86_I_66;
    switch (size) {
    case Z_B: return 1;
    case Z_W: return 2;
    case Z_D: case Z_SS: return 4;
    case Z_Q: case Z_SD: return 8;
    case Z_MODE: return d->bits == 64 ? 8 : 4;
    case Z_Y:
        used_rex(d, REX_W);
        return d->bits == 64 && w ? 8 : 4;
    case Z_V: case Z_Z: case Z_P: case Z_A:
        if (d->bits == 64 && (flags & X_F64))
            return 8;
        if (d->bits == 64 && (flags & X_D64)) {
            d->used_66 = !w;
            return p66 && !w ? 2 : 8;
        }
        if (d->bits == 64 && w && size == Z_Z)
            return 4;
        used_rex(d, REX_W);
        if (d->bits == 64 && w)
            return 8;
        d->used_66 = true;
        return (d->bits == 16) == p66 ? 4 : 2;
    }
    return 0;
}

static void vector_register(struct dis *d, unsigned n, u8 size)
{
    bool y = size == Z_QQ || (size == Z_X && (d->i.flags & X86_I_L));
    text_put(&d->t, "%cmm%u", y ? 'y' : 'x', n);
}

static void reg(struct dis *d, const struct x86_operand *o, unsigned n)
{
    switch (o->kind) {
    case K_V: case K_W: case K_U: case K_H: case K_L: vector_register(d, n, o->size); break;
    case K_P: case K_Q: case K_N: text_put(&d->t, "mm%u", n); break;
    case K_CR: text_put(&d->t, "cr%u", n); break;
    case K_DR: text_put(&d->t, "dr%u", n); break;
    case K_S: text_put(&d->t, "%s", segment_names[n & 7]); break;
    default: {
        unsigned bytes = operand_bytes(d, o->size);
        if (bytes == 1 && (n & 4))
            used_rex(d, 0);
        gpr(d, n, bytes);
    }
    }
}

/* --- memory --- */

static void pointer(struct dis *d, u8 size)
{
    unsigned bytes = 0;
    switch (size) {
    case Z_DQ: text_put(&d->t, d->row->flags & X_LOCK ? "OWORD PTR " : "XMMWORD PTR "); return;
    case Z_QQ: text_put(&d->t, "YMMWORD PTR "); return;
    case Z_X: text_put(&d->t, d->i.flags & X86_I_L ? "YMMWORD PTR " : "XMMWORD PTR "); return;
    case Z_T: text_put(&d->t, "TBYTE PTR "); return;
    case Z_NONE: case Z_S: return;
    case Z_P:
        bytes = operand_bytes(d, Z_V);
        text_put(&d->t, bytes == 2 ? "DWORD PTR " : bytes == 4 ? "FWORD PTR " : "TBYTE PTR ");
        return;
    case Z_A:
        bytes = operand_bytes(d, Z_V);
        text_put(&d->t, bytes == 2 ? "DWORD PTR " : "QWORD PTR ");
        return;
    default: bytes = operand_bytes(d, size);
    }
    text_put(&d->t, "%s PTR ", bytes == 1 ? "BYTE" : bytes == 2 ? "WORD" : bytes == 4 ? "DWORD" : "QWORD");
}

/* DS before an indirect near branch means "no ENDBR is needed there" (SDM 1, 17.3). */
static bool notrack(const struct dis *d)
{
    return !strcmp(d->row->meaning, "jmp_rm") || !strcmp(d->row->meaning, "call_rm");
}

static bool segment(struct dis *d, const char *otherwise)
{
    bool named = d->segment && !(d->segment == 0x3e && notrack(d));
    if (named) {
        d->used_segment = true;
        static const char *const low[] = { "es", "cs", "ss", "ds" };
        text_put(&d->t, "%s:", d->segment >= 0x64 ? segment_names[d->segment - 0x64 + X86_FS] : low[d->segment >> 3 & 3]);
    } else if (otherwise)
        text_put(&d->t, "%s:", otherwise);
    return named;
}

static void displacement(struct dis *d, i64 v)
{
    text_put(&d->t, v < 0 ? "-0x%llx" : "+0x%llx", v < 0 ? -(unsigned long long)v : (unsigned long long)v);
}

/* Which displacement was encoded: that tells [rax] from [rax+0x0]. */
static bool has_displacement(const struct dis *d, u8 modrm, u8 sib)
{
    unsigned mod = modrm >> 6, rm = modrm & 7;
    if (mod)
        return true;
    if (x86_asize(&d->i) == 2)
        return rm == 6;
    return rm == 5 || (rm == 4 && (sib & 7) == 5);
}

static void memory(struct dis *d, const struct x86_operand *o, const u8 *modrm)
{
    const struct x86_insn *i = &d->i;
    unsigned asize = x86_asize(i);
    bool disp = has_displacement(d, modrm[0], modrm[1]), sib = asize != 2 && (modrm[0] & 7) == 4;
    bool vsib = o->kind == K_VSIB;
    pointer(d, vsib ? (i->flags & X86_I_W ? Z_Q : Z_D) : o->mem_size ? o->mem_size : o->size);
    bool index = i->index != X86_NONE;
    used_rex(d, REX_B);
    if (sib)
        used_rex(d, REX_X);
    bool base = i->base != X86_NONE, rip = i->flags & X86_I_RIP;
    /* An SIB byte that was not needed to say it. */
    bool no_index = sib && !index && !vsib &&
                    (x86_scale(i) || (base ? (i->base & 7) != X86_SP : d->bits == 32 || (d->bits == 64 && asize == 4)));
    if (!base && !index && !rip && !no_index) {
        d->used_67 = asize == 2;
        segment(d, "ds");
        u64 v = asize == 2 ? (u16)i->disp : asize == 4 && d->bits != 64 ? (u32)i->disp : (u64)(i64)i->disp;
        if (asize == 4 && d->bits == 64)
            v = (u32)i->disp;
        text_put(&d->t, "0x%llx", (unsigned long long)v);
        return;
    }
    d->used_67 = base || index || rip || d->bits != 16;
    segment(d, NULL);
    text_put(&d->t, "[");
    if (rip) {
        text_put(&d->t, asize == 8 ? "rip" : "eip");
        d->rip_target = true;
    }
    if (base)
        gpr(d, i->base, asize);
    if (index || no_index) {
        if (base)
            text_put(&d->t, "+");
        if (vsib)
            vector_register(d, i->index, o->arg);
        else if (no_index)
            text_put(&d->t, asize == 8 ? "riz" : "eiz");
        else
            gpr(d, i->index, asize);
        if (asize != 2)
            text_put(&d->t, "*%u", 1u << x86_scale(i));
    }
    if (disp && rip)
        text_put(&d->t, "+0x%llx", (unsigned long long)(i64)i->disp);
    else if (disp)
        displacement(d, !base && !index && d->bits == 64 && asize == 4 ? (i64)(u32)i->disp : i->disp);
    text_put(&d->t, "]");
}

static void string_memory(struct dis *d, const struct x86_operand *o)
{
    static const u8 base[] = { X86_SI, X86_DI, X86_BX };
    pointer(d, o->size);
    d->used_67 = true;
    if (o->kind == K_Y)
        text_put(&d->t, "es:");
    else {
        segment(d, "ds");
        d->used_segment = true;
    }
    text_put(&d->t, "[");
    gpr(d, base[o->kind == K_Y ? 1 : o->kind == K_X ? 0 : 2], x86_asize(&d->i));
    text_put(&d->t, "]");
}

/* --- immediates --- */

static void immediate(struct dis *d, const struct x86_operand *o, unsigned nth)
{
    u64 v = d->i.imm;
    if (d->f->imm[1]) /* ENTER, EXTRQ: the second is above the first */
        v = nth ? v >> 16 : v & 0xffff;
    unsigned bytes = 8;
    if (o->size == Z_B || o->size == Z_W)
        bytes = o->size == Z_B ? 1 : 2;
    else if (d->f->main >= 0 || o->size == Z_Z || (d->row->flags & X_D64)) {
        const struct x86_operand *first = d->f->main >= 0 ? &d->f->operand[d->f->main] : NULL;
        bytes = operand_bytes(d, first ? first->size : Z_V);
    }
    text_put(&d->t, "0x%llx", (unsigned long long)(bytes ? v & size_mask(bytes) : v));
}

static void branch(struct dis *d, const struct x86_operand *o)
{
    u64 target = d->pc + d->i.length + d->i.imm;
    if (d->bits != 64 && o->size != Z_B) {
        bool wide = (d->bits == 16) == !!(d->i.flags & X86_I_66);
        d->used_66 = true;
        /* pc is linear: what is above the 64 KiB of a 16-bit segment stays. */
        target = wide ? (u32)target : (u16)target | (d->bits == 16 ? (d->pc + d->i.length) & 0xffff0000 : 0);
    } else if (d->bits != 64) {
        target = (u32)target;
    }
    text_put(&d->t, "0x%llx", (unsigned long long)target);
}

static void operand(struct dis *d, const struct x86_operand *o, const u8 *modrm, unsigned *n_imm)
{
    switch (o->kind) {
    case K_E: case K_M: case K_R: case K_W: case K_U: case K_Q: case K_N: case K_VSIB:
        if (d->i.flags & X86_I_MEM) {
            memory(d, o, modrm);
            break;
        }
        if (o->kind != K_Q && o->kind != K_N)
            used_rex(d, REX_B);
        reg(d, o, d->i.rm);
        break;
    case K_Z:
        used_rex(d, REX_B);
        reg(d, o, d->i.rm);
        break;
    case K_G: case K_V: case K_P: case K_CR: case K_DR: case K_S:
        if (o->kind != K_S && o->kind != K_P)
            used_rex(d, REX_R);
        reg(d, o, d->i.reg);
        break;
    case K_VGPR: case K_H: reg(d, o, d->i.vreg); break;
    case K_L: reg(d, o, d->i.imm >> 4 & (d->bits == 64 ? 15 : 7)); break;
    case K_FIXED:
        if (o->size == Z_DQ)
            text_put(&d->t, "xmm0");
        else
            gpr(d, o->arg, operand_bytes(d, o->size));
        break;
    case K_SREG: text_put(&d->t, "%s", segment_names[o->arg]); break;
    case K_DX: text_put(&d->t, "dx"); break;
    case K_CL: text_put(&d->t, "cl"); break;
    case K_ONE: text_put(&d->t, "1"); break;
    case K_ST: text_put(&d->t, "st"); break;
    case K_STI: text_put(&d->t, "st(%u)", d->i.rm); break;
    case K_I: immediate(d, o, (*n_imm)++); break;
    case K_J: branch(d, o); break;
    case K_FAR:
        operand_bytes(d, Z_V);
        text_put(&d->t, "0x%llx:0x%llx", (unsigned long long)(d->i.imm >> 32), (unsigned long long)(u32)d->i.imm);
        break;
    case K_O:
        segment(d, "ds");
        text_put(&d->t, "0x%llx", (unsigned long long)d->i.imm);
        break;
    case K_X: case K_Y: case K_BX: string_memory(d, o); break;
    }
}

/* --- mnemonic --- */

/* The n-th of "a/b/c", or the last. */
static void alternative(struct text *t, const char *names, unsigned n)
{
    for (; n && strchr(names, '/'); n--)
        names = strchr(names, '/') + 1;
    text_put(t, "%.*s", (int)strcspn(names, "/"), names);
}

/* Lock elision (SDM 1, 16.3), which we do not have: F2 and F3 as hints with a locked instruction, XCHG, or F3 with MOV. */
static bool elision(const struct dis *d)
{
    if (!(d->i.flags & X86_I_MEM) || !(d->i.flags & (X86_I_REP | X86_I_REPNE)))
        return false;
    const char *m = d->row->meaning;
    if (!strcmp(m, "mov_rm_reg") || !strcmp(m, "mov_rm_imm"))
        return d->i.flags & X86_I_REP;
    return !strcmp(m, "xchg_rm_reg") || (d->row->flags & X_LOCK && d->i.flags & X86_I_LOCK && strcmp(m, "cmpxchg16b"));
}

/* The x87's environment by operand size: a letter shows 66. */
static bool is_environment(const struct dis *d)
{
    return d->row->flags & X_X87 && d->f->n_operands && d->f->operand[0].kind == K_M && d->f->operand[0].size == Z_NONE;
}

/* Instructions without an operand that shows its size: a letter does, when it is not the mode's. */
static bool wants_suffix(const struct dis *d)
{
    static const char *const meanings[] = { "push_imm", "enter", "leave", "pusha", "popa", "pushf", "popf", "ret", "ret_far",
                                            "iret", "push_sreg", "pop_sreg" };
    for (size_t k = 0; k < ARRAY_LEN(meanings); k++)
        if (!strcmp(d->row->meaning, meanings[k]))
            return true;
    return false;
}

static void mnemonic(struct dis *d)
{
    const char *m = d->row->mnemonic;
    if (strchr(m, '/')) {
        bool by_address = d->row->flags & X_COND;
        unsigned bytes = by_address ? x86_asize(&d->i) : operand_bytes(d, Z_V);
        if (by_address)
            d->used_67 = true;
        alternative(&d->t, m, bytes == 2 ? 0 : bytes == 4 ? 1 : 2);
        return;
    }
    if (d->bits == 64 && ((d->f->imm[0] == IMM_MOFFS && x86_asize(&d->i) == 8) ||
                          (d->f->imm[0] == IMM_V && operand_bytes(d, Z_V) == 8)))
        m = "movabs";
    text_put(&d->t, "%s", m);
    if (d->bits == 64 && (!strcmp(m, "sysret") || !strcmp(m, "sysexit"))) {
        used_rex(d, REX_W);
        text_put(&d->t, d->i.flags & X86_I_W ? "q" : "d");
    }
    if (is_environment(d)) {
        d->used_66 = true;
        if (d->i.flags & X86_I_66)
            text_put(&d->t, d->bits == 16 ? "d" : "w");
    }
    if (d->bits != 64 && d->f->n_operands && d->f->operand[0].size == Z_S)
        text_put(&d->t, operand_bytes(d, Z_V) == 2 ? "w" : "d");
    if (wants_suffix(d) || (d->f->imm[0] == IMM_JZ && !(d->row->flags & X_COND))) {
        unsigned bytes = operand_bytes(d, Z_V), mode = d->bits / 8;
        if (mode == 8 && !(d->row->flags & (X_D64 | X_F64)))
            mode = 4;
        if (bytes != mode)
            text_put(&d->t, bytes == 2 ? "w" : bytes == 4 ? "d" : "q");
    }
}

/* CMPPS and PCLMULQDQ have a name for each immediate that means something; the immediate is then not written. */
static bool named_by_immediate(struct dis *d)
{
    static const char *const predicate[] = {
        "eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord", "eq_uq", "nge", "ngt", "false", "neq_oq", "ge", "gt", "true",
        "eq_os", "lt_oq", "le_oq", "unord_s", "neq_us", "nlt_uq", "nle_uq", "ord_s", "eq_us", "nge_uq", "ngt_uq", "false_os",
        "neq_os", "ge_oq", "gt_oq", "true_us",
    };
    const char *m = d->row->meaning, *v = d->i.flags & X86_I_VEX ? "v" : "";
    const u64 imm = d->i.imm;
    if (!strcmp(m, "pclmulqdq") && !(imm & ~(u64)0x11))
        text_put(&d->t, "%spclmul%sq%sqdq", v, imm & 1 ? "h" : "l", imm & 16 ? "h" : "l");
    else if (!strncmp(m, "cmp", 3) && strlen(m) == 5 && strchr("ps", m[3]) && strchr("sd", m[4]) && imm < (*v ? 32 : 8) &&
             d->f->imm[0] == IMM_B)
        text_put(&d->t, "%scmp%s%s", v, predicate[imm], m + 3);
    else
        return false;
    return true;
}

static const char *prefix_name(const struct dis *d, u8 b, char rex[16])
{
    switch (b) {
    case 0x26: return "es";
    case 0x2e: return "cs";
    case 0x36: return "ss";
    case 0x3e: return notrack(d) ? "notrack" : "ds";
    case 0x64: return "fs";
    case 0x65: return "gs";
    case 0x66: return d->bits == 16 ? "data32" : "data16";
    case 0x67: return d->bits == 32 ? "addr16" : "addr32";
    case 0xf0: return "lock";
    case 0xf2:
        if (elision(d))
            return "xacquire";
        return (d->row->flags & (X_END | X_F64)) == (X_END | X_F64) && strncmp(d->row->mnemonic, "loop", 4) &&
               strncmp(d->row->mnemonic, "jcx", 3) ? "bnd" : "repnz";
    case 0xf3:
        if (elision(d))
            return "xrelease";
        return (d->row->flags & X_REP) && d->row->meaning[0] != 'c' &&
                      memcmp(d->row->meaning, "sc", 2) ? "rep" : "repz";
    }
    snprintf(rex, 16, "rex%s%s%s%s%s", b & 15 ? "." : "", b & REX_W ? "W" : "", b & REX_R ? "R" : "", b & REX_X ? "X" : "",
             b & REX_B ? "B" : "");
    return rex;
}

static void scan_prefixes(struct dis *d, const u8 *bytes, size_t n)
{
    for (size_t k = 0; k < n && k < X86_MAX_BYTES; k++) {
        u8 b = bytes[k];
        switch (b) {
        case 0x26: case 0x2e: case 0x36: case 0x3e:
            if (d->bits != 64)
                d->segment = b;
            break;
        case 0x64: case 0x65: d->segment = b; break;
        case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3: break;
        default:
            if (d->bits != 64 || (b & 0xf0) != 0x40)
                return;
        }
        d->rex = (b & 0xf0) == 0x40 && d->bits == 64 ? b : 0;
        d->prefix[d->n_prefixes++] = b;
    }
}

/* Prefixes that nothing accounted for; of several of a kind only the last can have been. */
static void unused_prefixes(struct dis *d, struct text *t)
{
    bool used[X86_MAX_BYTES] = { false }, seen66 = false, seen67 = false, seen_seg = false, seen_rep = false;
    for (unsigned k = d->n_prefixes; k-- > 0;) {
        u8 b = d->prefix[k];
        if (b == 0x66) {
            used[k] = !seen66 && d->used_66;
            seen66 = true;
        } else if (b == 0x67) {
            used[k] = !seen67 && d->used_67;
            seen67 = true;
        } else if (b == 0xf2 || b == 0xf3) {
            used[k] = !seen_rep && d->used_rep;
            seen_rep = true;
        } else if (b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x64 || b == 0x65) {
            used[k] = !seen_seg && d->used_segment && (b == d->segment || !d->segment);
            seen_seg = true;
        } else if (d->bits == 64 && (b & 0xf0) == 0x40) {
            used[k] = k + 1u == d->n_prefixes && d->rex == d->rex_used;
        }
    }
    for (unsigned k = 0; k < d->n_prefixes; k++) {
        char rex[16];
        if (!used[k])
            text_put(t, "%s ", prefix_name(d, d->prefix[k], rex));
    }
}

unsigned x86_disasm_with(const struct x86_decoder *decoder, unsigned bits, bool legacy, u64 pc, const u8 *bytes, size_t n,
                         char *out, size_t out_len)
{
    struct dis d = { .bits = bits, .pc = pc };
    char operands[256];
    if (out_len)
        *out = 0;
    int length = x86_decode(decoder, bits, legacy, bytes, n, &d.i);
    if (length == X86_DECODE_MORE)
        return 0;
    if (!out_len)
        return length > 0 ? (unsigned)length : 1;
    if (length < 0) {
        snprintf(out, out_len, "(bad)");
        return 1;
    }
    d.f = &decoder->form[d.i.op];
    d.row = &x86_rows[d.i.op];
    scan_prefixes(&d, bytes, n);
    if (d.f->prefix == P_66 || d.f->prefix == P_NFX || !strcmp(d.row->meaning, "bsf") || !strcmp(d.row->meaning, "bsr"))
        d.used_66 = true;
    if (d.f->prefix == P_F3 || d.f->prefix == P_F2)
        d.used_rep = true;
    if (d.f->w)
        used_rex(&d, REX_W);

    /* Operands first: they say which prefixes are accounted for. */
    unsigned opcode_at = d.n_prefixes, n_imm = 0;
    opcode_at += d.f->map >= 4 ? (bytes[opcode_at] == 0xc4 ? 3 : 2) : d.f->map == 0 ? 0 : d.f->map == 1 ? 1 : 2;
    const u8 modrm[2] = { opcode_at + 1 < n ? bytes[opcode_at + 1] : 0, opcode_at + 2 < n ? bytes[opcode_at + 2] : 0 };
    d.t = (struct text){ operands, operands + sizeof operands };
    operands[0] = 0;
    bool named = named_by_immediate(&d);
    if (!named)
        mnemonic(&d);
    for (unsigned k = 0; k < d.f->n_operands - (unsigned)named; k++) {
        text_put(&d.t, k ? "," : " ");
        operand(&d, &d.f->operand[k], modrm, &n_imm);
    }
    if (d.rip_target)
        text_put(&d.t, " # 0x%llx", (unsigned long long)(pc + d.i.length + (u64)(i64)d.i.disp));
    struct text t = { out, out + out_len };
    unused_prefixes(&d, &t);
    text_put(&t, "%s", operands);
    return (unsigned)length;
}
