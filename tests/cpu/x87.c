/* What x87 instructions ask of the rest of the processor: #NM by CR0.EM, TS and MP, pending exceptions as #MF or FERR#, and
 * the environment as real mode has it. What they compute: tests/isa/x87_host, tests/isa/x86_host. */
#include "tests/unit.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/x86/decode.h"
#include "cpu/x86/x87.h"
#include "tests/isa/x86_state.h"

enum { HANDLERS_AT = 0x30005000, NONE = EXC_DB }; /* tests/isa/x86_guest.c: 16 bytes for each vector */

static struct guest *guest;

/* User-mode state with an x87 state of the caller's. */
static struct x86 *fresh(u16 cw, u16 sw)
{
    struct user_shot *s = xcalloc(1, sizeof *s);
    s->bytes[0] = 0x90;
    s->bits = 64;
    s->in.seg[X86_CS] = USER_CS64;
    s->in.seg[X86_SS] = USER_DS;
    s->in.rip = CODE_AT;
    s->in.rflags = 0x202;
    s->in.r[X86_SP] = DATA_AT + 0x1000;
    s->in.fpu.cw = cw;
    s->in.fpu.sw = sw;
    guest_run(guest, s);
    free(s);
    return guest_cpu(guest);
}

/* Runs one instruction; its exception's vector, or NONE. */
static unsigned run(struct x86 *c, const u8 bytes[2])
{
    for (unsigned k = 0; k < 2; k++)
        x86_store_linear(c, CODE_AT + k, 1, true, bytes[k]);
    c->rip = CODE_AT;
    x86_mode_changed(c);
    x86_flush_translations(c);
    c->cpu.ops->run(&c->cpu, 1);
    return c->cpl ? NONE : (unsigned)(c->rip - HANDLERS_AT) / 16;
}

static const u8 fld1[2] = { 0xd9, 0xe8 }, fwait[2] = { 0x9b, 0x90 }, fninit[2] = { 0xdb, 0xe3 }, fnclex[2] = { 0xdb, 0xe2 },
                fnstsw_ax[2] = { 0xdf, 0xe0 }, fnop[2] = { 0xd9, 0xd0 };

static void test_control_bits(void)
{
    static const struct {
        u64 cr0;
        const u8 *insn;
        unsigned vector;
    } rows[] = {
        { 0, fld1, NONE }, { CR0_EM, fld1, EXC_NM }, { CR0_TS, fld1, EXC_NM }, { CR0_EM, fninit, EXC_NM },
        { CR0_EM, fwait, NONE }, { CR0_TS, fwait, NONE }, { CR0_MP, fwait, NONE }, { CR0_MP | CR0_TS, fwait, EXC_NM },
        { CR0_TS, fnstsw_ax, EXC_NM }, { CR0_MP, fld1, NONE },
    };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct x86 *c = fresh(X87_INIT_CW, 0);
        c->cr0 = (c->cr0 & ~(u64)(CR0_EM | CR0_TS | CR0_MP)) | rows[k].cr0;
        CU_ASSERT_EQUAL(run(c, rows[k].insn), rows[k].vector);
    }
}

/* IE was raised and is not masked. */
enum { PENDING_CW = X87_INIT_CW & ~F80_IE, PENDING_SW = X87_ES | X87_BUSY | F80_IE };

static void test_pending(void)
{
    static const struct {
        const u8 *insn;
        unsigned vector;
    } rows[] = { { fld1, EXC_MF }, { fwait, EXC_MF }, { fnop, EXC_MF }, { fninit, NONE }, { fnclex, NONE }, { fnstsw_ax, NONE } };
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        struct x86 *c = fresh(PENDING_CW, PENDING_SW);
        CU_ASSERT_EQUAL(run(c, rows[k].insn), rows[k].vector);
        if (rows[k].vector == EXC_MF)
            CU_ASSERT(c->fpu.sw == PENDING_SW && !c->fpu.valid);
    }
    struct x86 *c = fresh(PENDING_CW, PENDING_SW);
    run(c, fnclex);
    CU_ASSERT_EQUAL(c->fpu.sw, 0);
    CU_ASSERT_EQUAL(run(c, fld1), NONE);
}

struct line {
    unsigned rises, falls;
};
static void ferr(void *opaque, bool level)
{
    struct line *l = opaque;
    *(level ? &l->rises : &l->falls) += 1;
}

static void test_ferr(void)
{
    static const u8 fld_st1[2] = { 0xd9, 0xc1 };
    struct line l = { 0, 0 };
    struct x86 *c = fresh(PENDING_CW, 0);
    c->board.ferr = ferr;
    c->board.ferr_opaque = &l;
    c->cr0 &= ~(u64)CR0_NE;
    CU_ASSERT_EQUAL(run(c, fld_st1), NONE); /* an empty register */
    CU_ASSERT(l.rises == 1 && c->fpu.sw == (PENDING_SW | X87_SF));
    CU_ASSERT_EQUAL(run(c, fld1), NONE);
    run(c, fnclex);
    CU_ASSERT(l.falls == 1 && !(c->fpu.sw & X87_ES));
    c->cr0 |= CR0_NE;
    l.rises = 0;
    run(c, fld_st1);
    CU_ASSERT_EQUAL(l.rises, 0);
    c->board.ferr = NULL;
}

/* SDM 1, figures 8-11 and 8-12: linear addresses in pieces. */
static void test_real_environment(void)
{
    static const u8 fnstenv[2] = { 0xd9, 0x32 } /* [rdx] */, fldenv[2] = { 0xd9, 0x22 };
    const struct x86_decoder *d = guest_decoder(guest);
    for (unsigned wide = 0; wide < 2; wide++) {
        struct x86_insn store, load;
        u8 got[28];
        struct x86 *c = fresh(0x27f, 0x3800);
        x86_decode(d, 64, false, fnstenv, 2, &store);
        x86_decode(d, 64, false, fldenv, 2, &load);
        if (!wide)
            store.flags |= X86_I_66, load.flags |= X86_I_66;
        c->fpu.fip = 0x5678;
        c->fpu.fcs = 0xf123;
        c->fpu.fdp = 0x9abc;
        c->fpu.fds = 0x4000;
        c->fpu.fop = 0x5e8;
        c->fpu.valid = 0x80;
        c->fpu.st[7] = (struct x86_f80){ F80_INT_BIT, F80_BIAS };
        c->r[X86_DX] = DATA_AT;
        c->cr0 &= ~(u64)CR0_PE;
        bool ok = x86_ops[store.op](c, &store);
        c->cr0 |= CR0_PE;
        CU_ASSERT(ok && x86_load_bytes(c, X86_DS, DATA_AT, got, sizeof got));
        unsigned n = wide ? 4 : 2;
        u32 ones = wide ? 0xffff0000 : 0;
        u32 want[7] = { 0x27f | ones, 0x3800 | ones, 0x3fff | ones, 0x68a8 | ones, 0xf5e8, 0x9abc | ones, 0x4000 };
        for (unsigned k = 0; k < 7; k++)
            CU_ASSERT_EQUAL(load_le(got + n * k, n), want[k]);
        CU_ASSERT_EQUAL(c->fpu.cw, 0x27f); /* all were masked already */
        c->cr0 &= ~(u64)CR0_PE;
        memset(&c->fpu, 0, sizeof c->fpu);
        ok = x86_ops[load.op](c, &load);
        c->cr0 |= CR0_PE;
        CU_ASSERT(ok && c->fpu.fip == 0xf68a8 && c->fpu.fdp == 0x49abc && c->fpu.fop == 0x5e8 && c->fpu.valid == 0x80);
        CU_ASSERT(c->fpu.sw == 0x3800 && !c->fpu.fcs && !c->fpu.fds);
    }
}

/* The pointers: of the last instruction but control ones, its memory operand, its opcode. */
static void test_pointers(void)
{
    static const u8 fadd_dx[2] = { 0xd8, 0x02 };
    struct x86 *c = fresh(X87_INIT_CW, 0);
    c->r[X86_DX] = DATA_AT + 8;
    CU_ASSERT_EQUAL(run(c, fadd_dx), NONE);
    CU_ASSERT(c->fpu.fip == CODE_AT && c->fpu.fdp == DATA_AT + 8 && c->fpu.fop == 0x002 && c->fpu.fcs == c->seg[X86_CS].selector);
    CU_ASSERT_EQUAL(run(c, fld1), NONE);
    CU_ASSERT(c->fpu.fop == 0x1e8 && c->fpu.fdp == DATA_AT + 8);
    run(c, fnstsw_ax);
    CU_ASSERT(c->fpu.fop == 0x1e8);
    run(c, fninit);
    CU_ASSERT(!c->fpu.fop && !c->fpu.fip && c->fpu.cw == X87_INIT_CW && !c->fpu.valid);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "CR0.EM, TS, MP", test_control_bits }, { "pending exceptions", test_pending }, { "FERR#", test_ferr },
        { "the environment in real mode", test_real_environment }, { "pointers", test_pointers }, CU_TEST_INFO_NULL,
    };
    guest = guest_new("max");
    int status = unit_main("x87", tests);
    guest_free(guest);
    return status;
}
