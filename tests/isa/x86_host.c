/* Random instructions of every user-mode row on the host's processor and on ours, from the same state: registers, flags,
 * vector and x87 registers, memory and exceptions must agree.
 *
 *   x86_host [-n N] [-s SEED] [-r TEXT] [-g GROUP] [-o OP] [-S] [-v N] [-i] [-l]
 * -n  cases for each row (200); X86_MILLIONS=M: M million cases, spread over the rows
 * -r  only rows whose id or meaning contains TEXT (may be given several times); -g int sse avx x87: only this group
 * -S  flags that the manual leaves undefined count as well (also X86_STRICT=1)
 * -v  mismatches shown of each row (2)
 * -p  x87 instruction and data pointers, too (the last opcode differs between processors)
 * -i  the host against itself: tests this program
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
};

static struct {
    unsigned cases, shown;
    u64 seed;
    bool strict, self, pointers;
    const char *rows[16];
    unsigned n_rows;
    int group;
} option = { .cases = 200, .shown = 2, .seed = 1, .group = -1 };

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

/* Registers and displacement are changed so that the memory operand is at the target. */
static void aim(struct x86_gen *g, struct user_shot *s, struct x86_encoding *e, const struct x86_insn *i, u64 target)
{
    u64 *r = s->in.r, seg = x86_segno(i) == X86_FS ? s->in.fs_base : x86_segno(i) == X86_GS ? s->in.gs_base : 0;
    u64 offset = target - seg;
    bool vsib = i->op < X86_OP_COUNT && strstr(x86_rows[i->op].operands, "vm");
    if (vsib) {
        unsigned n = x86_random_below(g, 2) ? 8 : 4;
        for (unsigned k = 0; k < n; k++)
            store_le(s->in.v[i->index].b + k * (32 / n), 32 / n, (u64)(i64)((int)x86_random_below(g, 200) - 100));
    } else if (i->index != X86_NONE && i->index != i->base && x86_random_below(g, 8)) {
        r[i->index] = x86_random_below(g, 64) - 32;
    }
    u64 index = i->index == X86_NONE || vsib ? 0 : r[i->index] << x86_scale(i);
    if (i->base != X86_NONE) {
        r[i->base] = offset - (u64)(i64)i->disp - (i->index == i->base && !vsib ? 0 : index);
        if (i->index == i->base && !vsib)
            r[i->base] /= (1u << x86_scale(i)) + 1u;
    } else if (e->disp_at) {
        u64 disp = offset - index - (i->flags & X86_I_RIP ? s->in.rip + i->length : 0);
        store_le(e->bytes + e->disp_at, e->disp_bytes, disp);
    } else if (e->imm_at && i->flags & X86_I_MEM) { /* moffs */
        store_le(e->bytes + e->imm_at, x86_asize(i), offset);
    }
}

static bool has(const char *text, const char *word) { return strstr(text, word); }

static bool make(struct x86_gen *g, const struct x86_decoder *d, unsigned op, struct user_shot *s)
{
    const struct x86_row *row = &x86_rows[op];
    struct x86_encoding e;
    struct x86_insn i;
    memset(&s->in, 0, sizeof s->in);
    if (!x86_generate(g, &d->form[op], op, 64, &e) || e.length > 15)
        return false;
    struct user_state *in = &s->in;
    s->op = (u16)op;
    in->rip = CODE_AT + 0x100 + x86_random_below(g, 0xc00);
    if (e.length > 1 && !x86_random_below(g, 100))
        in->rip = CODE_AT + CODE_BYTES - x86_random_below(g, e.length) - 1;
    for (unsigned k = 0; k < 16; k++)
        in->r[k] = some_number(g);
    in->r[X86_SP] = DATA_AT + 0x1000 + x86_random_below(g, 64) * 8;
    switch (x86_random_below(g, 16)) {
    case 0: in->r[X86_SP] = some_target(g); break;
    case 1: in->r[X86_SP] += x86_random_below(g, 8); break;
    }
    if (x86_random_below(g, 2))
        in->r[X86_BP] = some_target(g);
    in->fs_base = x86_random_below(g, 4) ? DATA_AT + x86_random_below(g, DATA_BYTES) : x86_random(g) >> 20;
    in->gs_base = x86_random_below(g, 4) ? DATA_AT + x86_random_below(g, DATA_BYTES) : 0;
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
    if (has(row->meaning, "xsave") || has(row->meaning, "xrstor") || has(row->meaning, "fxsave") || has(row->meaning, "fxrstor"))
        target = DATA_AT + 0x200 + x86_random_below(g, 0x20) * 64 + (x86_random_below(g, 8) ? 0 : 8);
    if (x86_decode(d, 64, false, e.bytes, sizeof e.bytes, &i) > 0 && (i.flags & X86_I_MEM))
        aim(g, s, &e, &i, target);
    if (has(row->operands, "X") && row->operands[0] != 'X')
        in->r[X86_SI] = some_target(g);
    const struct x86_form *f = &d->form[op];
    for (unsigned k = 0; k < f->n_operands; k++) {
        if (f->operand[k].kind == K_X)
            in->r[X86_SI] = some_target(g);
        else if (f->operand[k].kind == K_Y)
            in->r[X86_DI] = some_target(g);
        else if (f->operand[k].kind == K_BX)
            in->r[X86_BX] = target - (in->r[X86_AX] & 0xff);
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
    s->patch_at = 0;
    if (target >= DATA_AT && target + PATCH_BYTES <= DATA_AT + DATA_BYTES)
        s->patch_at = (u16)((target - DATA_AT) & ~15u);
    if (s->patch_at + PATCH_BYTES > DATA_BYTES)
        s->patch_at = DATA_BYTES - PATCH_BYTES;
    some_bytes(g, s->patch, PATCH_BYTES);
    if (s->patch_at != (u16)(target - DATA_AT) && target - DATA_AT >= s->patch_at) /* unaligned: the numbers at the target */
        some_bytes(g, s->patch + (target - DATA_AT - s->patch_at) % 16, 64);
    memset(s->bytes, 0xf4, sizeof s->bytes);
    memcpy(s->bytes, e.bytes, e.length);
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
    u64 mask = X86_ARITH | X86_DF | X86_AC | X86_NT | X86_ID | X86_IF | X86_IOPL;
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

/* want: the host's; got: ours. */
static void compare(const struct user_shot *want, const struct user_shot *got, struct difference *d)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    const struct user_state *w = &want->out, *o = &got->out;
    if (want->vector != got->vector)
        differ(d, " vector %u not %u", got->vector, want->vector);
    else if (want->vector == EXC_PF && (in_pieces(want) ? want->cr2 >> 12 != got->cr2 >> 12 : want->cr2 != got->cr2))
        differ(d, " page fault at %llx not %llx", LL(got->cr2), LL(want->cr2));
    else if (want->vector == EXC_PF && ((want->error ^ got->error) & ~(u32)(want->cr2 >> 63)))
        differ(d, " page fault %x at %llx not %x at %llx", got->error, LL(got->cr2), want->error, LL(want->cr2));
    else if ((want->vector == EXC_GP || want->vector == EXC_SS) && want->error != got->error)
        differ(d, " error %x not %x", got->error, want->error);
    for (unsigned k = 0; k < 16; k++)
        if (w->r[k] != o->r[k])
            differ(d, " %s %llx not %llx (was %llx)", names[k], LL(o->r[k]), LL(w->r[k]), LL(want->in.r[k]));
    if (w->rip != o->rip)
        differ(d, " rip %llx not %llx", LL(o->rip), LL(w->rip));
    if ((w->rflags ^ o->rflags) & flags_that_count(want))
        differ(d, " rflags %llx not %llx (was %llx)", LL(o->rflags & 0xfff), LL(w->rflags & 0xeff), LL(want->in.rflags));
    if (w->fs_base != o->fs_base || w->gs_base != o->gs_base)
        differ(d, " fs or gs base");
    if (w->mxcsr != o->mxcsr)
        differ(d, " mxcsr %x not %x (was %x)", o->mxcsr, w->mxcsr, want->in.mxcsr);
    for (unsigned k = 0; k < 16; k++)
        if (memcmp(&w->v[k], &o->v[k], 32))
            differ(d, "\n    ymm%u %016llx_%016llx_%016llx_%016llx not %016llx_%016llx_%016llx_%016llx", k, LL(o->v[k].q[3]),
                   LL(o->v[k].q[2]), LL(o->v[k].q[1]), LL(o->v[k].q[0]), LL(w->v[k].q[3]), LL(w->v[k].q[2]), LL(w->v[k].q[1]),
                   LL(w->v[k].q[0]));
    if (w->fpu.cw != o->fpu.cw || w->fpu.sw != o->fpu.sw || w->fpu.valid != o->fpu.valid)
        differ(d, "\n    x87 cw %x sw %x valid %x not %x %x %x (was %x %x %x)", o->fpu.cw, o->fpu.sw, o->fpu.valid, w->fpu.cw,
               w->fpu.sw, w->fpu.valid, want->in.fpu.cw, want->in.fpu.sw, want->in.fpu.valid);
    if (option.pointers && (w->fpu.fip != o->fpu.fip || w->fpu.fdp != o->fpu.fdp))
        differ(d, " fip %llx fdp %llx not %llx %llx", LL(o->fpu.fip), LL(o->fpu.fdp), LL(w->fpu.fip), LL(w->fpu.fdp));
    for (unsigned k = 0; k < 8; k++)
        if (w->fpu.st[k].m != o->fpu.st[k].m || w->fpu.st[k].se != o->fpu.st[k].se)
            differ(d, "\n    fpr%u %04x_%016llx not %04x_%016llx (was %04x_%016llx)", k, o->fpu.st[k].se, LL(o->fpu.st[k].m),
                   w->fpu.st[k].se, LL(w->fpu.st[k].m), want->in.fpu.st[k].se, LL(want->in.fpu.st[k].m));
    bool ignore = want->vector == EXC_PF && in_pieces(want), memory = !ignore && want->n_changes != got->n_changes;
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
    x86_disasm_with(d, 64, false, s->in.rip, s->bytes, 15, insn, sizeof insn);
    struct x86_insn i;
    int n = x86_decode(d, 64, false, s->bytes, 15, &i);
    printf("  %s [", x86_rows[s->op].id);
    for (int k = 0; k < (n > 0 ? n : 15); k++)
        printf("%s%02x", k ? " " : "", s->bytes[k]);
    printf("] %s:%s\n", insn, text);
}

/* --- the whole --- */

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

static bool wanted(const struct x86_decoder *d, unsigned op)
{
    const struct x86_row *row = &x86_rows[op];
    if (group[op] == GROUP_SYS || (row->flags & (X_CPL0 | X_IO | X_I64)) || !host_has(row->cpu))
        return false;
    if (option.group >= 0 && group[op] != option.group)
        return false;
    for (size_t k = 0; k < ARRAY_LEN(left_out); k++)
        if (!strcmp(row->meaning, left_out[k].meaning))
            return false;
    bool any = !option.n_rows;
    for (unsigned k = 0; k < option.n_rows; k++)
        any |= has(row->id, option.rows[k]) || has(row->meaning, option.rows[k]);
    return any;
}

enum { BATCH = 2000 };

int main(int argc, char **argv)
{
    const char *why = "", *millions = getenv("X86_MILLIONS");
    bool list = false;
    for (int o; (o = getopt(argc, argv, "n:s:r:g:Sv:ilp")) != -1;)
        switch (o) {
        case 'n': option.cases = (unsigned)strtoul(optarg, NULL, 0); break;
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
    u64 total = 0, bad = 0, faults = 0, died = 0;
    for (unsigned op = 0; op < X86_OP_COUNT; op++)
        rows += wanted(d, op);
    if (millions && rows)
        option.cases = (unsigned)(strtod(millions, NULL) * 1e6 / rows) + 1;
    for (unsigned op = 0; op < X86_OP_COUNT; op++) {
        if (!wanted(d, op))
            continue;
        if (list) {
            printf("%-20s %s\n", x86_rows[op].id, x86_rows[op].meaning);
            continue;
        }
        struct x86_gen g = { .state = option.seed * 0x9e3779b97f4a7c15 + op * 0x100000001b3 + 1, .more_prefixes = 24, .illegal = 6 };
        unsigned row_bad = 0;
        for (unsigned done = 0; done < option.cases;) {
            unsigned n = 0;
            for (unsigned tries = 0; n < BATCH && done + n < option.cases && tries < 4 * BATCH; tries++)
                n += make(&g, d, op, &shots[n]);
            if (!n)
                break;
            if (!native_run(shots, n, &why)) {
                printf("not run: %s\n", why);
                return 77;
            }
            if (option.self) {
                struct user_shot *first = xmalloc(n * sizeof *first);
                memcpy(first, shots, n * sizeof *first);
                native_run(shots, n, &why);
                for (unsigned k = 0; k < n; k++) {
                    struct difference diff = { "", 0 };
                    compare(&first[k], &shots[k], &diff);
                    if (diff.n && row_bad++ < option.shown)
                        show(d, &shots[k], diff.text);
                    faults += shots[k].vector != EXC_DB;
                }
                free(first);
            } else
                for (unsigned k = 0; k < n; k++) {
                    struct difference diff = { "", 0 };
                    if (!shots[k].done) {
                        died++;
                        continue;
                    }
                    faults += shots[k].vector != EXC_DB;
                    memcpy(own, &shots[k], sizeof *own);
                    guest_run(guest, own);
                    compare(&shots[k], own, &diff);
                    if (diff.n && row_bad++ < option.shown)
                        show(d, &shots[k], diff.text);
                }
            done += n;
            total += n;
        }
        bad += row_bad;
        bad_rows += row_bad != 0;
        if (row_bad)
            printf("%s: %u of %u differ\n", x86_rows[op].id, row_bad, option.cases);
    }
    printf("%llu cases of %u rows (%llu raised exceptions, %llu ended the process): %llu differ, in %u rows\n", LL(total), rows,
           LL(faults), LL(died), LL(bad), bad_rows);
    guest_free(guest);
    free(own);
    return bad != 0;
}
