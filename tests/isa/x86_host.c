/* Random instructions of every user-mode row on the host's processor and on ours, from the same state: registers, flags,
 * vector and x87 registers, memory and exceptions must agree.
 *
 *   x86_host [-n N] [-s SEED] [-m BITS] [-r TEXT] [-g GROUP] [-S] [-v N] [-p] [-i] [-l]
 * -n  cases for each row and mode (40); X86_MILLIONS=M: M million cases, spread over the rows
 * -m  64, 32 or 16: only this mode (32 and 16: compatibility mode with segments of an LDT)
 * -r  only rows whose id or meaning contains TEXT (may be given several times); -g int sys x87 sse avx: only this group
 * -S  flags that the manual leaves undefined count as well (also X86_STRICT=1)
 * -v  mismatches shown of each row (2)
 * -p  x87 instruction and data pointers, too (the last opcode differs between processors)
 * -i  the host against itself: tests this program
 * -q  at speed: 64-bit mode, no jumps, no strings, no system instructions; each is called instead of stepped over
 *     (X86_MILLIONS=10 takes minutes instead of hours)
 * -l  list the rows */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "cpu/x86/cpuid.h"
#include "tests/isa/x86_gen.h"
#include "tests/isa/x86_state.h"

enum { GROUP_INT, GROUP_SYS, GROUP_X87, GROUP_SSE, GROUP_AVX };
static const char *const group_names[] = { "int", "sys", "x87", "sse", "avx" };
static const u8 group[X86_OP_COUNT + 1] = {
#define INSN(id, ...) [X86_OP_##id] = GROUP_INT,
#include "cpu/x86/insn_int.def"
#undef INSN
#define INSN(id, ...) [X86_OP_##id] = GROUP_SYS,
#include "cpu/x86/insn_sys.def"
#undef INSN
#define INSN(id, ...) [X86_OP_##id] = GROUP_X87,
#include "cpu/x86/insn_x87.def"
#undef INSN
#define INSN(id, ...) [X86_OP_##id] = GROUP_SSE,
#include "cpu/x86/insn_sse.def"
#undef INSN
#define INSN(id, ...) [X86_OP_##id] = GROUP_AVX,
#include "cpu/x86/insn_avx.def"
#undef INSN
};

/* Rows that cannot be compared like this, and why. */
static const struct {
    const char *meaning, *why;
} left_out[] = {
    { "rdtsc", "time" }, { "rdrand", "random" }, { "cpuid", "another processor" },
    { "xsaves", "supervisor only" }, { "xrstors", "supervisor only" },
    { "rdtscp", "time" }, { "rdpmc", "the kernel's counters" }, { "rdseed", "random" }, { "rdpid", "the kernel's number" },
    { "syscall", "enters the kernel" }, { "sysenter", "enters the kernel" }, { "xgetbv", "the host has more" },
    { "rdpkru", "the host has keys on" }, { "wrpkru", "the host has keys on" }, { "iret", "may clear TF" },
    { "sgdt", "UMIP: the kernel emulates it" }, { "sidt", "UMIP" }, { "smsw", "UMIP" }, { "sldt", "UMIP" }, { "str", "UMIP" },
    { "int1", "looks like the trap" }, { "int3", "looks like the trap" }, { "wbinvd", "the kernel may let it through" },
};

static struct {
    unsigned cases, shown, bits;
    u64 seed;
    bool strict, self, pointers, at_speed;
    const char *rows[16];
    unsigned n_rows;
    int group;
} option = { .cases = 40, .shown = 2, .seed = 1, .group = -1 };

/* --- making cases --- */

static u64 some_number(struct x86_gen *g)
{
    static const u64 special[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                   0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0xaaaaaaaaaaaaaaaa };
    u64 r = x86_random(g);
    switch (r >> 60) {
    case 0: case 1: case 2: return special[x86_random_below(g, ARRAY_LEN(special))];
    case 3: case 4: return x86_random_below(g, 200);
    case 5: return (u64)-(i64)x86_random_below(g, 200);
    case 6: return (u32)x86_random(g);
    case 7: return DATA_AT + x86_random_below(g, DATA_BYTES);
    default: return x86_random(g);
    }
}

static u32 some_f32(struct x86_gen *g)
{
    static const u32 special[] = { 0, 0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
                                   0x7f800001, 0xff812345, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x4f000000,
                                   0xcf000000, 0x5f000000, 0x3f000000, 0x40490fdb };
    u64 r = x86_random(g);
    switch (r >> 61) {
    case 0: case 1: return special[x86_random_below(g, ARRAY_LEN(special))];
    case 2: return (u32)r;
    default: return ((u32)r & 0x807fffff) | (u32)(127 - 20 + x86_random_below(g, 40)) << 23;
    }
}

static u64 some_f64(struct x86_gen *g)
{
    static const u64 special[] = { 0, 0x8000000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
                                   0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000000, 0x7ff0000000000001,
                                   0xfff0123456789abc, 1, 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000,
                                   0x7fefffffffffffff, 0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000,
                                   0x3fe0000000000000, 0x400921fb54442d18, 0x36a0000000000000, 0x47efffffe0000000 };
    u64 r = x86_random(g);
    switch (r >> 61) {
    case 0: case 1: return special[x86_random_below(g, ARRAY_LEN(special))];
    case 2: return r;
    case 3: return (r & 0x800fffffffffffff) | (u64)(1023 - 140 + x86_random_below(g, 280)) << 52;
    default: return (r & 0x800fffffffffffff) | (u64)(1023 - 30 + x86_random_below(g, 60)) << 52;
    }
}

static struct x86_f80 some_f80(struct x86_gen *g)
{
    static const struct x86_f80 special[] = {
        { 0, 0 }, { 0, 0x8000 }, { (u64)1 << 63, 0x3fff }, { (u64)1 << 63, 0xbfff }, { (u64)1 << 63, 0x7fff },
        { (u64)1 << 63, 0xffff }, { (u64)3 << 62, 0x7fff }, { (u64)3 << 62, 0xffff }, { ((u64)1 << 63) + 1, 0x7fff },
        { 1, 0 }, { (u64)1 << 63, 0 }, { ~(u64)0 >> 1, 0 }, { (u64)1 << 63, 1 }, { ~(u64)0, 0x7ffe },
        { 0, 0x7fff } /* pseudo-infinity */, { 12345, 0x3fff } /* unnormal */, { 0xc90fdaa22168c235, 0x4000 },
    };
    u64 r = x86_random(g), m = x86_random(g);
    switch (r >> 61) {
    case 0: case 1: return special[x86_random_below(g, ARRAY_LEN(special))];
    case 2: return (struct x86_f80){ m, (u16)r };
    case 3: return (struct x86_f80){ m | (u64)1 << 63, (u16)((r & 0x8000) | (16383 - 1200 + x86_random_below(g, 2400))) };
    case 4: return (struct x86_f80){ (m & ~(u64)0 << x86_random_below(g, 63)) | (u64)1 << 63,
                                     (u16)((r & 0x8000) | (16383 - 4 + x86_random_below(g, 70))) };
    default: return (struct x86_f80){ m | (u64)1 << 63, (u16)((r & 0x8000) | (16383 - 40 + x86_random_below(g, 80))) };
    }
}

static void some_bytes(struct x86_gen *g, u8 *out, unsigned n)
{
    unsigned kind = x86_random_below(g, 8);
    for (unsigned k = 0; k + 8 <= n; k += 8)
        switch (kind) {
        case 0: case 1: store_le(out + k, 8, some_f64(g)); break;
        case 2: case 3: store_le(out + k, 8, some_f32(g) | (u64)some_f32(g) << 32); break;
        case 4: store_le(out + k, 8, some_number(g)); break;
        case 5: store_le(out + k, 8, x86_random(g) & 0x0101010101010101 * (x86_random(g) >> 56)); break;
        default: store_le(out + k, 8, x86_random(g)); break;
        }
    if (kind == 0 && n >= 16 && x86_random(g) >> 63) {
        struct x86_f80 f = some_f80(g);
        store_le(out, 8, f.m);
        store_le(out + 8, 2, f.se);
    }
}

static u64 some_target(struct x86_gen *g)
{
    switch (x86_random_below(g, 16)) {
    case 0: return DATA_AT + DATA_BYTES - x86_random_below(g, 40); /* over the end */
    case 1: return DATA_AT - 8 + x86_random_below(g, 16);
    case 2: return DATA_AT + 0x1000 - x86_random_below(g, 40); /* over a page boundary */
    case 3: case 4: case 5: return DATA_AT + 0x200 + x86_random_below(g, 0x1800);
    case 6: case 7: return DATA_AT + 0x200 + x86_random_below(g, 0x180) * 16;
    default: return DATA_AT + 0x200 + x86_random_below(g, 0x40) * 64;
    }
}

/* Where a segment begins, for this instruction. */
static u64 base_of(const struct user_shot *s, unsigned seg)
{
    if (s->bits == 64)
        return seg == X86_FS ? s->in.fs_base : seg == X86_GS ? s->in.gs_base : 0;
    return user_segment_base(s->in.seg[seg]);
}

static void set_low(u64 *r, unsigned bytes, u64 v) { *r = (*r & ~size_mask(bytes)) | (v & size_mask(bytes)); }

/* Registers and displacement are changed so that the memory operand is at the target. */
static void aim(struct x86_gen *g, struct user_shot *s, struct x86_encoding *e, const struct x86_insn *i, u64 target)
{
    u64 *r = s->in.r, offset = target - base_of(s, x86_segno(i));
    unsigned asize = x86_asize(i);
    bool vsib = i->op < X86_OP_COUNT && strstr(x86_rows[i->op].operands, "vm");
    if (vsib) {
        unsigned n = x86_random_below(g, 2) ? 8 : 4;
        for (unsigned k = 0; k < n; k++)
            store_le(s->in.v[i->index].b + k * (32 / n), 32 / n, (u64)(i64)((int)x86_random_below(g, 200) - 100));
    } else if (i->index != X86_NONE && i->index != i->base && x86_random_below(g, 8)) {
        set_low(&r[i->index], asize, x86_random_below(g, 64) - 32);
    }
    u64 index = i->index == X86_NONE || vsib ? 0 : r[i->index] << x86_scale(i);
    if (i->base != X86_NONE) {
        u64 v = offset - (u64)(i64)i->disp - (i->index == i->base && !vsib ? 0 : index);
        if (i->index == i->base && !vsib)
            v /= (1u << x86_scale(i)) + 1u;
        set_low(&r[i->base], asize, v);
    } else if (e->disp_at) {
        u64 disp = offset - index - (i->flags & X86_I_RIP ? s->in.rip + i->length : 0);
        store_le(e->bytes + e->disp_at, e->disp_bytes, disp);
    } else if (e->imm_at && i->flags & X86_I_MEM) { /* moffs */
        store_le(e->bytes + e->imm_at, asize, offset);
    }
}

/* Those that both sides have, and some that nobody has. */
static u16 some_selector(struct x86_gen *g)
{
    static const u16 some[] = { 0, 1, 2, 3, USER_CS32, USER_DS, USER_CS64, USER_DS & ~3u, USER_CS32 & ~3u, 0x10, 0x18, 0x08,
                                LDT_SELECTOR(L_ENTRIES), 0xfffc, 0xffff };
    if (x86_random_below(g, 3))
        return (u16)(LDT_SELECTOR(x86_random_below(g, L_ENTRIES)) & ~(x86_random_below(g, 8) ? 0u : x86_random_below(g, 4)));
    return some[x86_random_below(g, ARRAY_LEN(some))];
}

static void some_segments(struct x86_gen *g, struct user_shot *s)
{
    static const u8 data[] = { L_DATA32, L_DATA16, L_SMALL, L_DOWN, L_READ_ONLY, L_CODE_SHORT, L_DOWN16, L_CODE32 };
    u16 *seg = s->in.seg;
    seg[X86_CS] = s->bits == 64 ? USER_CS64 : s->bits == 16 ? LDT_SELECTOR(L_CODE16) : USER_CS32;
    if (s->bits == 32 && !x86_random_below(g, 4))
        seg[X86_CS] = x86_random_below(g, 2) ? LDT_SELECTOR(L_CODE32) : LDT_SELECTOR(L_CODE_SHORT);
    seg[X86_SS] = s->bits == 16 ? LDT_SELECTOR(L_DATA16) : USER_DS;
    if (s->bits != 64 && !x86_random_below(g, 4)) {
        static const u8 stacks[] = { L_DATA32, L_DATA16, L_SMALL, L_DOWN, L_DOWN16 };
        seg[X86_SS] = LDT_SELECTOR(stacks[x86_random_below(g, ARRAY_LEN(stacks))]);
    }
    for (unsigned k = 0; k < 6; k++) {
        if (k == X86_CS || k == X86_SS)
            continue;
        seg[k] = s->bits == 64 ? 0 : s->bits == 32 ? USER_DS : LDT_SELECTOR(L_DATA16);
        if (!x86_random_below(g, 3))
            seg[k] = x86_random_below(g, 12) ? LDT_SELECTOR(data[x86_random_below(g, ARRAY_LEN(data))]) : 0;
    }
}

static bool has(const char *text, const char *word) { return strstr(text, word); }

#ifdef __x86_64__
static bool host_has(unsigned f)
{
    const struct x86_feature_row *r = &x86_features[f];
    unsigned out[4];
    if (f <= X86_F_686 || !r->name)
        return true;
    return __get_cpuid_count(r->leaf, r->subleaf, &out[0], &out[1], &out[2], &out[3]) && (out[r->reg] >> r->bit & 1);
}
#else
static bool host_has(unsigned f) { return false; }
#endif

static bool wanted(unsigned op, unsigned bits)
{
    const struct x86_row *row = &x86_rows[op];
    if ((row->flags & (bits == 64 ? X_I64 : X_O64)) || !host_has(row->cpu) || (option.bits && option.bits != bits))
        return false;
    if (option.group >= 0 && group[op] != option.group)
        return false;
    if (option.at_speed && (bits != 64 || group[op] == GROUP_SYS || row->flags & (X_END | X_REP | X_CPL0 | X_IO)))
        return false;
    for (size_t k = 0; k < ARRAY_LEN(left_out); k++)
        if (!strcmp(row->meaning, left_out[k].meaning))
            return false;
    bool any = !option.n_rows;
    for (unsigned k = 0; k < option.n_rows; k++)
        any |= has(row->id, option.rows[k]) || has(row->meaning, option.rows[k]);
    return any;
}

/* An interrupt shadow follows: the host's trap comes one instruction, a NOP, later. */
static bool loads_ss(unsigned op, unsigned length)
{
    const char *m = x86_rows[op].meaning;
    return length < 15 && (has(m, "mov_sreg_rm") || !strcmp(x86_rows[op].id, "pop_ss"));
}

static bool make(struct x86_gen *g, const struct x86_decoder *d, unsigned op, unsigned bits, struct user_shot *s)
{
    const struct x86_row *row = &x86_rows[op];
    struct x86_encoding e;
    struct x86_insn i;
    memset(&s->in, 0, sizeof s->in);
    if (!x86_generate(g, &d->form[op], op, bits, &e) || e.length > 15)
        return false;
    struct user_state *in = &s->in;
    s->op = (u16)op;
    s->bits = (u8)bits;
    some_segments(g, s);
    in->rip = CODE_AT + 0x100 + x86_random_below(g, 0xc00);
    if (e.length > 1 && !x86_random_below(g, 100) && !loads_ss(op, 0))
        in->rip = CODE_AT + CODE_BYTES - x86_random_below(g, e.length) - 1;
    in->rip -= user_segment_base(in->seg[X86_CS]);
    for (unsigned k = 0; k < 16; k++)
        in->r[k] = bits == 64 ? some_number(g) : (u32)some_number(g);
    in->r[X86_SP] = DATA_AT + 0x1000 + x86_random_below(g, 64) * 8;
    switch (x86_random_below(g, 16)) {
    case 0: in->r[X86_SP] = some_target(g); break;
    case 1: in->r[X86_SP] += x86_random_below(g, 8); break;
    }
    if (x86_random_below(g, 2))
        in->r[X86_BP] = some_target(g);
    in->fs_base = x86_random_below(g, 4) ? DATA_AT + x86_random_below(g, DATA_BYTES) : x86_random(g) >> 20;
    in->gs_base = x86_random_below(g, 4) ? DATA_AT + x86_random_below(g, DATA_BYTES) : 0;
    if (bits != 64) {
        in->r[X86_SP] = (u32)(in->r[X86_SP] - user_segment_base(in->seg[X86_SS]));
        in->r[X86_BP] = (u32)(in->r[X86_BP] - user_segment_base(in->seg[X86_SS]));
    }
    in->rflags = 0x202 | (x86_random(g) & (X86_ARITH | X86_DF));
    in->mxcsr = 0x1f80;
    if (!x86_random_below(g, 2))
        in->mxcsr = (u32)x86_random(g) & 0xffc0; /* DAZ, masks, rounding, FTZ */
    if (x86_random_below(g, 4))
        in->mxcsr |= 0x1f80;
    if (!x86_random_below(g, 4))
        in->mxcsr |= (u32)x86_random(g) & 0x3f;
    for (unsigned k = 0; k < 16; k++)
        some_bytes(g, in->v[k].b, 32);
    in->fpu.cw = (u16)(0x007f | (x86_random(g) & 0x1f00));
    if (!(in->fpu.cw & 0x100) || (in->fpu.cw & 0x300) == 0x100)
        in->fpu.cw |= 0x300; /* the reserved precision 1 is not tried */
    if (!x86_random_below(g, 8))
        in->fpu.cw &= (u16)(x86_random(g) | 0xff40);
    in->fpu.sw = (u16)(x86_random(g) & 0x7f00);
    if (!x86_random_below(g, 8))
        in->fpu.sw |= (u16)(x86_random(g) & 0x7f);
    if (in->fpu.sw & ~in->fpu.cw & 0x3f)
        in->fpu.sw |= 0x8080;
    in->fpu.valid = (u8)(x86_random_below(g, 3) ? 0xff : x86_random(g));
    for (unsigned k = 0; k < 8; k++) {
        in->fpu.st[k] = some_f80(g);
        if (row->flags & X_MMX)
            some_bytes(g, (u8 *)&in->fpu.st[k].m, 8);
    }

    /* Where it goes, and what its registers must be for that. */
    u64 target = some_target(g);
    int length = x86_decode(d, bits, false, e.bytes, sizeof e.bytes, &i);
    if (length > 0 && i.op != op) { /* a special case, or another row after all: LFENCE with memory is XRSTOR */
        if (!wanted(i.op, bits))
            return false;
        op = i.op;
        row = &x86_rows[op];
        s->op = (u16)op;
    }
    if (has(row->meaning, "xsave") || has(row->meaning, "xrstor") || has(row->meaning, "fxsave") || has(row->meaning, "fxrstor"))
        target = DATA_AT + 0x200 + x86_random_below(g, 0x20) * 64 + (x86_random_below(g, 8) ? 0 : 8);
    if (length > 0 && (i.flags & X86_I_MEM))
        aim(g, s, &e, &i, target);
    const struct x86_form *f = &d->form[op];
    for (unsigned k = 0; k < f->n_operands; k++) {
        if (f->operand[k].kind == K_X)
            in->r[X86_SI] = some_target(g) - base_of(s, x86_segno(&i));
        else if (f->operand[k].kind == K_Y)
            in->r[X86_DI] = some_target(g) - base_of(s, X86_ES);
        else if (f->operand[k].kind == K_BX)
            in->r[X86_BX] = target - (in->r[X86_AX] & 0xff) - base_of(s, x86_segno(&i));
    }
    if (row->flags & X_REP)
        in->r[X86_CX] = x86_random_below(g, 3) | (x86_random_below(g, 8) ? 0 : (u64)1 << 32);
    if (has(row->meaning, "maskmov") && !(i.flags & X86_I_MEM))
        in->r[X86_DI] = target;
    if (has(row->operands, "Ev,Gv") && row->meaning[0] == 'b' && row->meaning[1] == 't') /* a bit string */
        in->r[i.reg & 15] = (u64)(i64)((int)x86_random_below(g, 4000) - 2000);
    if (has(row->meaning, "xsave") || has(row->meaning, "xrstor")) {
        in->r[X86_AX] &= 7;
        in->r[X86_DX] = 0;
    }
    if (bits != 64)
        for (unsigned k = 0; k < 16; k++)
            in->r[k] = (u32)in->r[k];
    if (group[op] == GROUP_SYS && !(i.flags & X86_I_MEM)) { /* registers and immediates as selectors */
        if (x86_random_below(g, 8))
            in->r[i.rm & 15] = some_selector(g) | (x86_random_below(g, 2) && bits == 64 ? 0xabcd0000 : 0);
        if (f->imm[0] == IMM_FAR)
            store_le(e.bytes + e.length - 2, 2, some_selector(g));
        if (has(row->meaning, "int_n") && (e.bytes[e.imm_at] == 0x80 || e.bytes[e.imm_at] == 3 || e.bytes[e.imm_at] == 1))
            return false;
    }
    s->patch_at = 0;
    if (target >= DATA_AT && target + PATCH_BYTES <= DATA_AT + DATA_BYTES)
        s->patch_at = (u16)((target - DATA_AT) & ~15u);
    if (s->patch_at + PATCH_BYTES > DATA_BYTES)
        s->patch_at = DATA_BYTES - PATCH_BYTES;
    some_bytes(g, s->patch, PATCH_BYTES);
    if (s->patch_at != (u16)(target - DATA_AT) && target - DATA_AT >= s->patch_at) /* unaligned: the numbers at the target */
        some_bytes(g, s->patch + (target - DATA_AT - s->patch_at) % 16, 64);
    if (group[op] == GROUP_SYS)
        for (unsigned k = 0; k < 32; k += 2) /* selectors, and flags with TF */
            store_le(s->patch + x86_random_below(g, PATCH_BYTES / 2) * 2, 2, x86_random_below(g, 2) ? some_selector(g) : CODE_AT >> 16);
    if (has(row->meaning, "popf")) { /* TF must stay; the stack has its patch */
        u64 sp = (in->r[X86_SP] & (in->seg[X86_SS] == LDT_SELECTOR(L_DATA16) || in->seg[X86_SS] == LDT_SELECTOR(L_DOWN16)
                                       ? 0xffff : ~(u64)0)) + base_of(s, X86_SS);
        if (sp < DATA_AT || sp + 8 > DATA_AT + DATA_BYTES)
            return false;
        s->patch_at = (u16)(sp - DATA_AT < DATA_BYTES - PATCH_BYTES ? sp - DATA_AT : DATA_BYTES - PATCH_BYTES);
        s->patch[sp - DATA_AT - s->patch_at + 1] |= 1;
    }
    if (has(row->meaning, "ret_far") || has(row->meaning, "pop_sreg")) {
        u64 sp = (in->r[X86_SP] & (in->seg[X86_SS] == LDT_SELECTOR(L_DATA16) || in->seg[X86_SS] == LDT_SELECTOR(L_DOWN16)
                                       ? 0xffff : ~(u64)0)) + base_of(s, X86_SS);
        if (sp >= DATA_AT && sp + 32 <= DATA_AT + DATA_BYTES) {
            s->patch_at = (u16)(sp - DATA_AT < DATA_BYTES - PATCH_BYTES ? sp - DATA_AT : DATA_BYTES - PATCH_BYTES);
            u8 *p = s->patch + (sp - DATA_AT - s->patch_at);
            unsigned size = x86_osize(&i);
            bool pop = has(row->meaning, "pop_sreg");
            if (!pop)
                store_le(p, size, x86_random_below(g, 8) ? x86_random_below(g, 0x1010) : x86_random(g));
            store_le(p + (pop ? 0 : size), 2, some_selector(g));
        }
    }
    if (option.at_speed) {
        if (length <= 0 || in->rip - CODE_AT + (u64)length + 14 > CODE_BYTES)
            return false;
        if (i.flags & X86_I_MEM && (row->flags & X_LOCK || has(row->meaning, "xchg")) && (target & 63) > 48)
            return false; /* Linux punishes locks across cache lines with sleep (split_lock_detect) */
        s->length = (u8)length;
    }
    memset(s->bytes, 0xf4, sizeof s->bytes);
    memcpy(s->bytes, e.bytes, e.length);
    if (loads_ss(op, e.length))
        s->bytes[e.length] = 0x90; /* the trap comes behind the next instruction */
    return true;
}

/* --- comparing --- */

struct difference {
    char text[512];
    unsigned n;
};

static void differ(struct difference *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void differ(struct difference *d, const char *fmt, ...)
{
    va_list ap;
    size_t n = strlen(d->text);
    va_start(ap, fmt);
    vsnprintf(d->text + n, sizeof d->text - n, fmt, ap);
    va_end(ap);
    d->n++;
}

#define LL(x) ((unsigned long long)(x))

static u64 flags_that_count(const struct user_shot *s)
{
    static const struct {
        u32 undefined, flag;
    } flags[] = { { X_UNDEF_AF, X86_AF }, { X_UNDEF_CF, X86_CF }, { X_UNDEF_OF, X86_OF },
                  { X_UNDEF_PF, X86_PF }, { X_UNDEF_SF, X86_SF }, { X_UNDEF_ZF, X86_ZF } };
    u64 mask = X86_ARITH | X86_DF | X86_AC | X86_IF | X86_IOPL; /* NT and ID: sigreturn does not load them */
    /* REPNE CMPS and SCAS that are not finished: the flags are as before the instruction (SDM 2, REP); we show those of the
     * iteration, which nobody can use, either. */
    if (s->op < X86_OP_COUNT && (x86_rows[s->op].flags & X_REP) && s->out.rip == s->in.rip &&
        (!strcmp(x86_rows[s->op].meaning, "cmps") || !strcmp(x86_rows[s->op].meaning, "scas")))
        mask &= ~(u64)X86_ARITH;
    if (s->vector == EXC_DB && !option.strict)
        for (size_t k = 0; k < ARRAY_LEN(flags); k++)
            if (x86_rows[s->op].flags & flags[k].undefined)
                mask &= ~(u64)flags[k].flag;
    return mask;
}

/* Wide x87 operands are read and written in pieces by the host, so that a page fault may come at any of them, and after some
 * were written (the manual leaves that open); ours are all or nothing. */
static bool in_pieces(const struct user_shot *s)
{
    static const char *const meanings[] = { "m80", "fbld", "fbstp", "env", "frstor", "fnsave" };
    for (size_t k = 0; k < ARRAY_LEN(meanings); k++)
        if (group[s->op] == GROUP_X87 && strstr(x86_rows[s->op].meaning, meanings[k]))
            return true;
    return false;
}

/* Transcendental x87 instructions: results may be one unit in the last place from the host's, which claims no more of itself,
 * and then it may have been rounded otherwise (C1). */
static bool transcendental(const struct user_shot *s)
{
    const u8 *b = s->bytes, *end = b + sizeof s->bytes - 2;
    while (b < end && (strchr("\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3", *b) || (*b & 0xf0) == 0x40))
        b++;
    return b[0] == 0xd9 && b[1] >= 0xf0 && strchr("\xf0\xf1\xf2\xf3\xf9\xfb\xfe\xff", b[1]);
}

static bool next_to(const struct x86_f80 *a, const struct x86_f80 *b)
{
    i64 apart = (i64)(a->m - b->m);
    if (a->se == b->se)
        return apart >= -1 && apart <= 1;
    const struct x86_f80 *more = (a->se & 0x7fff) > (b->se & 0x7fff) ? a : b, *less = more == a ? b : a;
    return more->se == less->se + 1 && more->m == (u64)1 << 63 && (!(less->m + 1) || !(less->se & 0x7fff));
}

/* What the manual leaves to the processor.
 * Gathers: with TF set, a fault behind the first element is a single-step trap first (SDM 2C, VPGATHERDD); the host has TF set.
 * Masked stores: which byte a page fault tells of, whether bytes that are not stored fault, and with it whether the limit or
 * the page is noticed first (SDM 2B, MASKMOVDQU).
 * Areas for x87 and vector state: which byte a page fault tells of; and with 32-bit addresses, whether what lies beyond 4 GiB
 * of the segment is meant to be at its beginning. */
static bool processors_own(const struct user_shot *want, const struct user_shot *got)
{
    const char *m = x86_rows[want->op].meaning;
    if (has(m, "gather"))
        return got->vector != EXC_DB && want->vector == EXC_DB && want->out.rip == want->in.rip;
    if (has(m, "maskmov") && want->vector != got->vector && (want->vector == EXC_GP || want->vector == EXC_PF) &&
        (got->vector == EXC_GP || got->vector == EXC_PF))
        return true;
    if (got->vector == EXC_PF && want->vector == EXC_DB && (has(m, "xsave") || has(m, "fxsave") || has(m, "xrstor") || has(m, "fxrstor")) &&
        memchr(want->bytes, 0x67, 4) && got->cr2 >> 32)
        return true;
    if (want->vector != EXC_PF)
        return false;
    if (has(m, "maskmov") && got->vector == EXC_DB)
        return true;
    return got->vector == EXC_PF && want->error == got->error &&
           (has(m, "maskmov") || has(m, "maskstore") || has(m, "xsave") || has(m, "fxrstor") || has(m, "xrstor"));
}

/* want: the host's; got: ours. */
static void compare(const struct user_shot *want, const struct user_shot *got, struct difference *d)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    const struct user_state *w = &want->out, *o = &got->out;
    bool own = processors_own(want, got);
    if (own && (got->vector == EXC_DB || want->vector == EXC_DB))
        return;
    if (own)
        ;
    else if (want->vector != got->vector)
        differ(d, " vector %u not %u", got->vector, want->vector);
    else if (want->vector == EXC_PF && (in_pieces(want) ? want->cr2 >> 12 != got->cr2 >> 12 : want->cr2 != got->cr2))
        differ(d, " page fault at %llx not %llx", LL(got->cr2), LL(want->cr2));
    else if (want->vector == EXC_PF && ((want->error ^ got->error) & ~(u32)(want->cr2 >> 63)))
        differ(d, " page fault %x at %llx not %x at %llx", got->error, LL(got->cr2), want->error, LL(want->cr2));
    else if (want->vector != EXC_DB && want->vector != EXC_PF && want->error != got->error)
        differ(d, " error %x not %x", got->error, want->error);
    for (unsigned k = 0; k < 16; k++)
        if (w->r[k] != o->r[k])
            differ(d, " %s %llx not %llx (was %llx)", names[k], LL(o->r[k]), LL(w->r[k]), LL(want->in.r[k]));
    bool late = want->vector == EXC_DB && loads_ss(want->op, 0) && w->rip == o->rip + 1 && w->seg[X86_SS] == o->seg[X86_SS];
    if (w->rip != o->rip && !late && !own)
        differ(d, " rip %llx not %llx", LL(o->rip), LL(w->rip));
    if ((w->rflags ^ o->rflags) & flags_that_count(want))
        differ(d, " rflags %llx not %llx (was %llx)", LL(o->rflags), LL(w->rflags & ~(u64)X86_TF), LL(want->in.rflags));
    for (unsigned k = 0; k < 6; k++) /* the host's way to its handler makes all null selectors 0 */
        if (w->seg[k] != o->seg[k] && (w->seg[k] || o->seg[k] > 3))
            differ(d, " %.2s %x not %x (was %x)", &"escsssdsfsgs"[2 * k], o->seg[k], w->seg[k], want->in.seg[k]);
    if (w->fs_base != o->fs_base || w->gs_base != o->gs_base)
        differ(d, " fs or gs base");
    if (w->mxcsr != o->mxcsr)
        differ(d, " mxcsr %x not %x (was %x)", o->mxcsr, w->mxcsr, want->in.mxcsr);
    for (unsigned k = 0; k < 16; k++)
        if (memcmp(&w->v[k], &o->v[k], 32))
            differ(d, "\n    ymm%u %016llx_%016llx_%016llx_%016llx not %016llx_%016llx_%016llx_%016llx", k, LL(o->v[k].q[3]),
                   LL(o->v[k].q[2]), LL(o->v[k].q[1]), LL(o->v[k].q[0]), LL(w->v[k].q[3]), LL(w->v[k].q[2]), LL(w->v[k].q[1]),
                   LL(w->v[k].q[0]));
    bool near = transcendental(want);
    if (w->fpu.cw != o->fpu.cw || (w->fpu.sw ^ o->fpu.sw) & (near && w->fpu.sw & 0x20 ? 0xfdff : 0xffff) ||
        w->fpu.valid != o->fpu.valid)
        differ(d, "\n    x87 cw %x sw %x valid %x not %x %x %x (was %x %x %x)", o->fpu.cw, o->fpu.sw, o->fpu.valid, w->fpu.cw,
               w->fpu.sw, w->fpu.valid, want->in.fpu.cw, want->in.fpu.sw, want->in.fpu.valid);
    if (option.pointers && (w->fpu.fip != o->fpu.fip || w->fpu.fdp != o->fpu.fdp))
        differ(d, " fip %llx fdp %llx not %llx %llx", LL(o->fpu.fip), LL(o->fpu.fdp), LL(w->fpu.fip), LL(w->fpu.fdp));
    for (unsigned k = 0; k < 8; k++)
        if ((w->fpu.st[k].m != o->fpu.st[k].m || w->fpu.st[k].se != o->fpu.st[k].se) &&
            !(near && next_to(&w->fpu.st[k], &o->fpu.st[k])))
            differ(d, "\n    fpr%u %04x_%016llx not %04x_%016llx (was %04x_%016llx)", k, o->fpu.st[k].se, LL(o->fpu.st[k].m),
                   w->fpu.st[k].se, LL(w->fpu.st[k].m), want->in.fpu.st[k].se, LL(want->in.fpu.st[k].m));
    struct user_shot *trapped = NULL;
    if (!strcmp(x86_rows[want->op].meaning, "pushf")) /* of the host, with TF */
        trapped = (struct user_shot *)want;
    for (unsigned k = 0; trapped && k < trapped->n_changes && k < got->n_changes; k++)
        if ((trapped->change[k].value ^ got->change[k].value) == (u64)1 << (8 + 8 * ((w->r[X86_SP] + user_segment_base(w->seg[X86_SS])) & 7)))
            trapped->change[k].value = got->change[k].value;
    bool ignore = want->vector != EXC_DB && in_pieces(want), memory = !ignore && want->n_changes != got->n_changes;
    for (unsigned k = 0; k < want->n_changes && !memory && !ignore; k++)
        memory = want->change[k].at != got->change[k].at || want->change[k].value != got->change[k].value;
    if (memory) {
        differ(d, "\n    memory: ours");
        for (unsigned k = 0; k < got->n_changes && k < 4; k++)
            differ(d, " %x:%llx", DATA_AT + got->change[k].at, LL(got->change[k].value));
        differ(d, ", host");
        for (unsigned k = 0; k < want->n_changes && k < 4; k++)
            differ(d, " %x:%llx", DATA_AT + want->change[k].at, LL(want->change[k].value));
    }
}

static void show(const struct x86_decoder *d, const struct user_shot *s, const char *text)
{
    char insn[128] = "";
    x86_disasm_with(d, s->bits, false, s->in.rip, s->bytes, 15, insn, sizeof insn);
    struct x86_insn i;
    int n = x86_decode(d, s->bits, false, s->bytes, 15, &i);
    printf("  %s/%u [", x86_rows[s->op].id, s->bits);
    for (int k = 0; k < (n > 0 ? n : 15); k++)
        printf("%s%02x", k ? " " : "", s->bytes[k]);
    printf("] %s:%s\n", insn, text);
}

/* --- the whole --- */

enum { BATCH = 2000 };

int main(int argc, char **argv)
{
    const char *why = "", *millions = getenv("X86_MILLIONS");
    bool list = false;
    for (int o; (o = getopt(argc, argv, "n:s:m:r:g:Sv:ilpq")) != -1;)
        switch (o) {
        case 'n': option.cases = (unsigned)strtoul(optarg, NULL, 0); break;
        case 'm': option.bits = (unsigned)strtoul(optarg, NULL, 0); break;
        case 's': option.seed = strtoull(optarg, NULL, 0); break;
        case 'r':
            if (option.n_rows < ARRAY_LEN(option.rows))
                option.rows[option.n_rows++] = optarg;
            break;
        case 'g':
            for (size_t k = 0; k < ARRAY_LEN(group_names); k++)
                if (!strcmp(optarg, group_names[k]))
                    option.group = (int)k;
            break;
        case 'S': option.strict = true; break;
        case 'v': option.shown = (unsigned)strtoul(optarg, NULL, 0); break;
        case 'i': option.self = true; break;
        case 'l': list = true; break;
        case 'q': option.at_speed = true; break;
        case 'p': option.pointers = true; break;
        default: return 2;
        }
    if (getenv("X86_STRICT"))
        option.strict = true;
    if (!native_supported(&why)) {
        printf("not run: %s\n", why);
        return 77;
    }
    struct guest *guest = guest_new("max");
    const struct x86_decoder *d = guest_decoder(guest);
    struct user_shot *shots = user_shots_new(BATCH);
    struct user_shot *own = xcalloc(1, sizeof *own);
    unsigned rows = 0, bad_rows = 0;
    u64 total = 0, bad = 0, faults = 0, died = 0, unknown = 0;
    for (unsigned op = 0; op < 3 * X86_OP_COUNT; op++)
        rows += wanted(op / 3, 64u >> op % 3);
    if (millions && rows)
        option.cases = (unsigned)(strtod(millions, NULL) * 1e6 / rows) + 1;
    for (unsigned k = 0; k < 3 * X86_OP_COUNT; k++) {
        unsigned op = k / 3, bits = 64u >> k % 3;
        if (!wanted(op, bits))
            continue;
        if (list) {
            printf("%u %-20s %s\n", bits, x86_rows[op].id, x86_rows[op].meaning);
            continue;
        }
        struct x86_gen g = { .state = option.seed * 0x9e3779b97f4a7c15 + k * 0x100000001b3 + 1, .more_prefixes = 24, .illegal = 6 };
        unsigned row_bad = 0;
        for (unsigned done = 0; done < option.cases;) {
            unsigned n = 0;
            for (unsigned tries = 0; n < BATCH && done + n < option.cases && tries < 4 * BATCH; tries++)
                n += make(&g, d, op, bits, &shots[n]);
            if (!n)
                break;
            if (!(option.at_speed ? native_run_at_speed : native_run)(shots, n, &why)) {
                printf("not run: %s\n", why);
                return 77;
            }
            struct user_shot *first = NULL;
            if (option.self) {
                first = xmalloc(n * sizeof *first);
                memcpy(first, shots, n * sizeof *first);
                native_run(shots, n, &why);
            }
            for (unsigned j = 0; j < n; j++) {
                struct difference diff = { "", 0 };
                if (!shots[j].done) {
                    died++;
                    continue;
                }
                faults += shots[j].vector != EXC_DB;
                struct x86_insn i;
                if (shots[j].vector != EXC_UD && x86_decode(d, bits, false, shots[j].bytes, 15, &i) == X86_DECODE_UD) {
                    unknown++; /* an instruction we do not have; tests/cpu/x86_disasm knows that we have all others */
                    continue;
                }
                memcpy(own, first ? &first[j] : &shots[j], sizeof *own);
                if (!first)
                    guest_run(guest, own);
                compare(&shots[j], own, &diff);
                if (diff.n && row_bad++ < option.shown)
                    show(d, &shots[j], diff.text);
            }
            free(first);
            done += n;
            total += n;
        }
        bad += row_bad;
        bad_rows += row_bad != 0;
        if (row_bad)
            printf("%s, %u-bit: %u of %u differ\n", x86_rows[op].id, bits, row_bad, option.cases);
    }
    printf("%llu cases of %u rows (%llu raised exceptions, %llu ended the process, %llu unknown to us): %llu differ, in %u rows\n",
           LL(total), rows, LL(faults), LL(died), LL(unknown), LL(bad), bad_rows);
    guest_free(guest);
    free(own);
    return bad != 0;
}
