/* Half precision in compiled code: every entry checked against the interpreter, with operands from everywhere, and most
 * of what is ordinary is not left to it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "cpu/riscv/engine.h"
#include "jit/emit.h"
#include "jit/jit.h"
#include "tests/isa/program.h"
#include "tests/unit.h"

enum { ROUNDS = 8000, TICKS = 6 };
enum { FROM_X = 1, FROM_S = 2, FROM_D = 4, TO_ZERO = 8, NO_ROUNDING = 16 };

static const struct {
    const char *name;
    unsigned op, kind;
} ops[] = {
#define OP(name, kind) { #name, RV_OP_##name, kind }
    OP(fadd_h, 0), OP(fsub_h, 0), OP(fmul_h, 0), OP(fdiv_h, 0), OP(fsqrt_h, 0), OP(fmadd_h, 0), OP(fmsub_h, 0),
    OP(fnmsub_h, 0), OP(fnmadd_h, 0), OP(fmin_h, NO_ROUNDING), OP(fmax_h, NO_ROUNDING),
    OP(feq_h, NO_ROUNDING), OP(flt_h, NO_ROUNDING), OP(fle_h, NO_ROUNDING),
    OP(fcvt_w_h, TO_ZERO), OP(fcvt_wu_h, TO_ZERO), OP(fcvt_l_h, TO_ZERO), OP(fcvt_lu_h, TO_ZERO),
    OP(fcvt_h_w, FROM_X), OP(fcvt_h_wu, FROM_X), OP(fcvt_h_l, FROM_X), OP(fcvt_h_lu, FROM_X), OP(fcvt_s_h, 0),
    OP(fcvt_d_h, 0), OP(fcvt_h_s, FROM_S), OP(fcvt_h_d, FROM_D),
#undef OP
};

static u64 any_half(u64 *s)
{
    static const u16 special[] = { 0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x401, 0x8400, 0x3c00, 0xbc00, 0x3bff, 0x3c01,
        0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0x7c01, 0x4000, 0x3800, 0x1400, 0x5800, 0x6bff, 0x7800 };
    u64 r = next_random(s);
    switch (r & 7) {
    case 0: return special[(r >> 8) % ARRAY_LEN(special)];
    case 1: return r >> 16 & 0xffff;
    case 2: return (0x3c00 + (r >> 8) % 0x2000) & 0xff80; /* few digits: exact */
    default: return ((r >> 8 & 0x7fff) % 0x2000 + 0x2c00) | (r >> 40 & 0x8000); /* ordinary */
    }
}

/* Around the halves: what is between two of them, exactly in the middle, or beyond. */
static u64 any_wide(u64 *s, bool single)
{
    u64 h = any_half(s), r = next_random(s), sign = h >> 15 << 63, bits = h & 0x7fff;
    u64 d = ((bits << 42) + ((u64)1008 << 52)) | sign;
    if (r & 1)
        d += (u64)1 << 41;
    if (r & 2)
        d += (r >> 8 & 7) - 3;
    if (r & 4)
        d ^= (r >> 16 & 0xff) << 34;
    if (!(r >> 40 & 15))
        d = next_random(s);
    if (!single)
        return d;
    double v;
    memcpy(&v, &d, 8);
    float f = (float)v;
    u32 w;
    memcpy(&w, &f, 4);
    return w | (u64)0xffffffff << 32;
}

/* From 1 on, below 2; integers as small as halves hold exactly. */
static void plain_registers(struct hart *h, unsigned kind, u64 *s)
{
    for (unsigned k = 0; k < 32; k++) {
        u64 d = ((u64)1023 << 52) | next_random(s) >> 12, h16 = 0x3c00 | (d & 0x3ff);
        h->f[k] = kind & FROM_D ? d : kind & FROM_S ? 0xffffffff3f800000 | (d >> 29 & 0x7fffff) : ~(u64)0xffff | h16;
        h->x[k] = k ? next_random(s) & 0x7ff : 0;
    }
    h->fflags = 1; /* inexact: results may be */
    h->frm = kind & TO_ZERO ? 1 : 0;
}

static void registers(struct hart *h, unsigned kind, u64 *s)
{
    for (unsigned k = 0; k < 32; k++) {
        u64 r = next_random(s);
        h->f[k] = kind & FROM_D ? any_wide(s, false) : kind & FROM_S ? any_wide(s, true) :
            any_half(s) | ~(u64)0xffff;
        if (!(r & 127))
            h->f[k] = next_random(s); /* not boxed */
        if (k)
            h->x[k] = r & 256 ? (u64)((i64)next_random(s) >> (46 + (r >> 9) % 18)) : next_random(s) >> (r >> 10 & 63);
    }
    h->fflags = *s >> 20 & 1;
    h->frm = *s >> 21 & 15 ? (kind & TO_ZERO ? 1 : 0) : (u8)(*s >> 25 & 7);
}

/* rounded: whether a result has been inexact when the code is made, on which it depends. */
static void one(unsigned k, bool dynamic, bool rounded, bool plain, u64 *s)
{
    struct rig *r = rig_new(&(struct rig_setup){ "max", 64, 0, PROGRAM_RAM, PROGRAM_CODE, &program_device });
    struct err e = { "" };
    struct jit_options o = { .tier = 1, .threshold = 1, .region_threshold = 3, .cache_bytes = 2 << 20, .check = true };
    CU_ASSERT_FATAL(jit_install(r->a, r->c, &o, &e));
    u32 rounding = ops[k].kind & NO_ROUNDING ? 0 : dynamic ? 7 : ops[k].kind & TO_ZERO ? 1 : 0;
    r->at = RAM;
    rig_put(r, rig_encode(r->d, ops[k].op, 5, 6, 7, 0) | rounding << 12);
    rig_put(r, rig_encode(r->d, RV_OP_addi, 1, 1, 0, 1));
    rig_put(r, rig_encode(r->d, RV_OP_jal, 0, 0, 0, -8));
    r->h->mstatus |= (u64)3 << 13;
    r->h->mtvec = PROGRAM_HANDLER;
    bool same = true;
    for (unsigned n = 0; n < ROUNDS && same; n++) {
        if (plain)
            plain_registers(r->h, ops[k].kind, s);
        else
            registers(r->h, ops[k].kind, s);
        if (n < 4)
            r->h->fflags = rounded;
        r->c->ops->set_pc(r->c, RAM);
        r->clock.attention = false;
        same = r->c->ops->run(r->c, TICKS) != CPU_DIVERGED;
    }
    if (!same)
        printf("%s: %s\n", ops[k].name, r->c->report);
    CU_ASSERT(same);
    u64 done = rig_counted(r->c, "entries of compiled code, "), all = ROUNDS * TICKS;
    if (plain && done < all - all / 50) {
        printf("%s: of %llu instructions, %llu were compiled ones\n", ops[k].name, (unsigned long long)all,
            (unsigned long long)done);
        CU_FAIL("left to the interpreter");
    }
    rig_free(r);
}

static void test_all(void)
{
    u64 s = 0x9e3779b97f4a7c15;
    for (unsigned k = 0; k < ARRAY_LEN(ops); k++)
        for (unsigned how = 0; how < 4; how++)
            one(k, how & 1, how & 2, false, &s);
}

static void test_plain(void)
{
    u64 s = 0x2545f4914f6cdd1d;
    for (unsigned k = 0; k < ARRAY_LEN(ops); k++)
        for (unsigned dynamic = 0; dynamic < 2; dynamic++)
            one(k, dynamic, true, true, &s);
}

int main(void)
{
    if (!emitter_host())
        return 77;
    return unit_main("jit half", (CU_TestInfo[]){
        { "every operation", test_all }, { "ordinary numbers are not left to the interpreter", test_plain },
        CU_TEST_INFO_NULL });
}
