/* System instructions: a state, one instruction, and the fault (or where it goes). Each row is also executed by KVM where that
 * is there, and all registers and all memory must be equal afterwards (but for what kvm_pvm does not tell). */
#include <stdio.h>

#include "base/rng.h"
#include "tests/cpu/x86_kvm_pvm.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* rows name what matters */

#define OK -1

struct row {
    const char *name;
    enum w_mode mode;
    u8 n;
    u8 code[16];
    int vector; /* of the handler that is entered; OK: halts elsewhere; -2: shuts down */
    int error;  /* its error code; OK: it has none */
    void (*setup)(struct world *w, struct x86 *c);
    u64 ax, cx, dx, bx;
    bool intr;     /* an external interrupt waits */
    bool no_judge; /* KVM's own emulation of it is known to differ (it has no hardware support, or says less) */
};
#define CODE(...) sizeof((const u8[]){ __VA_ARGS__ }), { __VA_ARGS__ }

static bool has_error(int v) { return v == 8 || (v >= 10 && v <= 14) || v == 17; }

static struct judge judge;
static struct kvm_score score;
static bool judged;

static void check(struct world *w, const struct row *t)
{
    struct x86 *c = w->c;
    w_mode(w, t->mode);
    w_code(w, t->code, t->n);
    c->r[X86_AX] = t->ax;
    c->r[X86_CX] = t->cx;
    c->r[X86_DX] = t->dx;
    c->r[X86_BX] = t->bx;
    if (t->setup)
        t->setup(w, c);
    x86_set_flags(c, c->rflags);
    bool kvm = judged && !t->no_judge && kvm_load(&judge, w), open = c->rflags & X86_IF;
    judge.intr = t->intr;
    if (t->intr)
        c->cpu.ops->set_irq(&c->cpu, X86_LINE_INTR, true);
    w_run(w);
    int vector = w_vector(w), error = OK;
    if (vector >= 0 && has_error(vector) && x86_protected(c))
        error = (int)w_get(w, c->seg[X86_SS].base + c->r[X86_SP], 2);
    bool ok = vector == t->vector && (t->vector < 0 || error == t->error);
    if (!ok)
        printf("\n    %s: vector %d, error 0x%x (%s); expected %d, 0x%x", t->name, vector, error, c->fault.why, t->vector, t->error);
    CU_ASSERT(ok);
    if (vector == -2)
        CU_ASSERT(w->shutdowns == 1);
    if (!kvm)
        return;
    enum kvm_end k = kvm_go(&judge, open);
    struct kvm_diffs l = { .n = 0 };
    if (k != KVM_HALTED || vector == -2)
        kvm_differ(&l, "end", (u64)(vector == -2 ? KVM_DEAD : KVM_HALTED), (u64)k);
    else
        kvm_compare(&judge, w, &l);
    CU_ASSERT(kvm_verdict(&judge, &score, t->name, &l));
}

static void all(const struct row *rows, unsigned n)
{
    struct world w;
    w_new(&w, "max");
    if (judged)
        w.c->config.phys_bits = judge.phys_bits;
    for (unsigned k = 0; k < n; k++)
        check(&w, &rows[k]);
    w_free(&w);
}
#define ALL(rows) all(rows, ARRAY_LEN(rows))

/* --- loading segment registers -------------------------------------------------------------------------------------- */

static void absent_ro(struct world *w, struct x86 *c) { w_gdt(w, S_RO, w_desc(0, 0xfffff, 0x11, 12)); }
static void absent_data(struct world *w, struct x86 *c) { w_gdt(w, S_ABSENT, w_desc(0, 0xfffff, 0x13, 12)); }
static void unaccessed(struct world *w, struct x86 *c) { w_gdt(w, S_DATA0, w_desc(0x100, 0x1234, 0x92, 4)); }
static void no_ldt(struct world *w, struct x86 *c) { x86_null_seg(c, X86_LDTR, 0); }
static void fs_here(struct world *w, struct x86 *c) { w_seg(w, X86_FS, S_SMALL); }
static void es_down(struct world *w, struct x86 *c) { w_seg(w, X86_ES, S_DOWN); }
static void es_ro(struct world *w, struct x86 *c) { w_seg(w, X86_ES, S_RO); }
static void es_null(struct world *w, struct x86 *c) { x86_null_seg(c, X86_ES, 0); }
static void es_exec(struct world *w, struct x86 *c) { w_seg(w, X86_ES, S_EXEC); }

static void segments(void)
{
    static const struct row rows[] = {
        { "mov ds", W_P0, CODE(0x8e, 0xd8), OK, OK, NULL, S_SMALL },
        { "mov ds, accessed bit", W_P0, CODE(0x8e, 0xd8), OK, OK, unaccessed, S_DATA0 },
        { "mov ds, null", W_P0, CODE(0x8e, 0xd8), OK, OK, NULL, 3 },
        { "mov ds, beyond the GDT", W_P0, CODE(0x8e, 0xd8), EXC_GP, S_LAST, NULL, S_LAST | 3 },
        { "mov ds, system", W_P0, CODE(0x8e, 0xd8), EXC_GP, S_TSS, NULL, S_TSS },
        { "mov ds, execute-only", W_P0, CODE(0x8e, 0xd8), EXC_GP, S_EXEC, NULL, S_EXEC },
        { "mov ds, readable code", W_P0, CODE(0x8e, 0xd8), OK, OK, NULL, S_CODE0 },
        { "mov ds, RPL above DPL", W_P0, CODE(0x8e, 0xd8), EXC_GP, S_DATA0, NULL, S_DATA0 | 3 },
        { "mov ds, CPL above DPL", W_P3, CODE(0x8e, 0xd8), EXC_GP, S_DATA0, NULL, S_DATA0 },
        { "mov ds, conforming from CPL 3", W_P3, CODE(0x8e, 0xd8), EXC_GP, 0, NULL, S_CONF0 | 3 }, /* hlt */
        { "mov ds, absent", W_P0, CODE(0x8e, 0xd8), EXC_NP, S_ABSENT, NULL, S_ABSENT },
        { "mov ds, from the LDT", W_P0, CODE(0x8e, 0xd8), OK, OK, NULL, S_IN_LDT },
        { "mov ds, beyond the LDT", W_P0, CODE(0x8e, 0xd8), EXC_GP, 0x44, NULL, 0x44 },
        { "mov ds, no LDT", W_P0, CODE(0x8e, 0xd8), EXC_GP, S_IN_LDT, no_ldt, S_IN_LDT },
        { "mov ss", W_P0, CODE(0x8e, 0xd0), OK, OK, NULL, S_DATA0 },
        { "mov ss, null", W_P0, CODE(0x8e, 0xd0), EXC_GP, 0, NULL, 0 },
        { "mov ss, RPL", W_P0, CODE(0x8e, 0xd0), EXC_GP, S_DATA0, NULL, S_DATA0 | 1 },
        { "mov ss, DPL", W_P0, CODE(0x8e, 0xd0), EXC_GP, S_DATA3 & ~3, NULL, S_DATA3 & ~3 },
        { "mov ss, code", W_P0, CODE(0x8e, 0xd0), EXC_GP, S_CODE0, NULL, S_CODE0 },
        { "mov ss, read-only", W_P0, CODE(0x8e, 0xd0), EXC_GP, S_RO, NULL, S_RO },
        { "mov ss, read-only and absent", W_P0, CODE(0x8e, 0xd0), EXC_GP, S_RO, absent_ro, S_RO },
        { "mov ss, absent", W_P0, CODE(0x8e, 0xd0), EXC_SS, S_ABSENT, absent_data, S_ABSENT },
        { "mov ss, null in 64-bit", W_L0, CODE(0x8e, 0xd0), OK, OK, NULL, 0 },
        { "mov ss, null in 64-bit, RPL", W_L0, CODE(0x8e, 0xd0), EXC_GP, 0, NULL, 1 },
        { "mov ss, null at CPL 3", W_L3, CODE(0x8e, 0xd0), EXC_GP, 0, NULL, 3 },
        { "mov fs, 64-bit", W_L0, CODE(0x8e, 0xe0), OK, OK, NULL, S_SMALL },
        { "mov gs, null 64-bit", W_L0, CODE(0x8e, 0xe8), OK, OK, NULL, 0 },
        { "mov ds, real", W_REAL, CODE(0x8e, 0xd8), OK, OK, NULL, 0x1234 },
        { "mov ds, v86", W_V86, CODE(0x8e, 0xd8), EXC_GP, 0, NULL, 0x1234 }, /* hlt */
        { "pop ds", W_P0, CODE(0x6a, S_SMALL - 0x100, 0x1f), EXC_GP, 0xffd8, NULL }, /* pushed sign-extended */
        { "push fs, pop ds", W_P0, CODE(0x0f, 0xa0, 0x1f), OK, OK, fs_here },
        { "push 16 bits", W_P0, CODE(0x66, 0x0f, 0xa0, 0x66, 0x1f), OK, OK, fs_here },
        { "lds, null", W_P0, CODE(0xc5, 0x05, 0x00, 0x70, 0, 0), OK, OK, NULL },
        { "lfs, of a gate", W_P0, CODE(0x0f, 0xb4, 0x05, 0x00, 0x60, 0, 0), EXC_GP, S_GATE, NULL } /* its own bytes */,
        { "mov to r/m from ds", W_P0, CODE(0x8c, 0xd8), OK, OK, NULL, 0xffffffff },
        { "mov to memory from ds", W_P0, CODE(0x8c, 0x1d, 0, 0x70, 0, 0), OK, OK, NULL },
        { "store beyond es", W_P0, CODE(0x64, 0xa3, 0xfd, 0, 0, 0), EXC_GP, 0, fs_here },
        { "store at the end of es", W_P0, CODE(0x64, 0xa3, 0xfc, 0, 0, 0), OK, OK, fs_here },
        { "expand-down below", W_P0, CODE(0x26, 0xa3, 0xfc, 0x6f, 0, 0), EXC_GP, 0, es_down },
        { "expand-down at its limit", W_P0, CODE(0x26, 0xa3, 0xff, 0x6f, 0, 0), EXC_GP, 0, es_down },
        { "expand-down above", W_P0, CODE(0x26, 0xa3, 0x00, 0x70, 0, 0), OK, OK, es_down },
        { "store read-only", W_P0, CODE(0x26, 0xa3, 0x00, 0x70, 0, 0), EXC_GP, 0, es_ro },
        { "load read-only", W_P0, CODE(0x26, 0xa1, 0x00, 0x70, 0, 0), OK, OK, es_ro },
        { "load null", W_P0, CODE(0x26, 0xa1, 0x00, 0x70, 0, 0), EXC_GP, 0, es_null },
        { "load execute-only", W_P0, CODE(0x26, 0xa1, 0x00, 0x70, 0, 0), EXC_GP, 0, es_exec },
        { "store through cs", W_P0, CODE(0x2e, 0xa3, 0x00, 0x70, 0, 0), EXC_GP, 0, NULL },
        { "null in 64-bit does not matter", W_L0, CODE(0x26, 0x89, 0x04, 0x25, 0x00, 0x70, 0, 0), OK, OK, es_null },
        { "not canonical", W_L0, CODE(0x89, 0x00), EXC_GP, 0, NULL, 0x800000000000u },
        { "not canonical stack", W_L3, CODE(0x48, 0x89, 0xc4, 0x50), EXC_SS, 0, NULL, 0x800000000008u },
        { "not canonical stack at CPL 0", W_L0, CODE(0x48, 0x89, 0xc4, 0x50), -2, OK, NULL, 0x800000000008u },
        { "half canonical", W_L0, CODE(0x89, 0x00), EXC_GP, 0, NULL, 0x7ffffffffffeu },
        { "real limit", W_REAL, CODE(0xa3, 0xff, 0xff), EXC_GP, OK, NULL },
        { "real stack limit", W_REAL, CODE(0xbc, 0x01, 0x00, 0x50), -2, OK, NULL, .no_judge = true },
    };
    ALL(rows);
}

/* --- far transfers ---------------------------------------------------------------------------------------------------- */

static void gate_params(struct world *w, struct x86 *c)
{
    w_gdt(w, S_GATE, w_gate(S_CODE0, W_TARGET, 0xec, 3));
    for (unsigned n = 0; n < 4; n++)
        w_put(w, W_STACK3 + 4 * n, 4, 0x11111111 * (n + 1));
}
static void gate16(struct world *w, struct x86 *c)
{
    w_gdt(w, S_GATE, w_gate(S_CODE0, W_TARGET, 0xe4, 2));
    w_put(w, W_STACK3, 4, 0x22221111);
}
static void gate_dpl0(struct world *w, struct x86 *c) { w_gdt(w, S_GATE, w_gate(S_CODE0, W_TARGET, 0x8c, 0)); }
static void gate_absent(struct world *w, struct x86 *c) { w_gdt(w, S_GATE, w_gate(S_CODE0, W_TARGET, 0x6c, 0)); }
static void gate_null(struct world *w, struct x86 *c) { w_gdt(w, S_GATE, w_gate(0, W_TARGET, 0xec, 0)); }
static void gate_data(struct world *w, struct x86 *c) { w_gdt(w, S_GATE, w_gate(S_DATA0, W_TARGET, 0xec, 0)); }
static void gate_code_absent(struct world *w, struct x86 *c) { w_gdt(w, S_GATE, w_gate(S_CODE_ABSENT, W_TARGET, 0xec, 0)); }
static void gate_far(struct world *w, struct x86 *c)
{
    w_gdt(w, S_CODE0, w_desc(0, 0x67, 0x9b, 12));
    w_gdt(w, S_CONF0, w_desc(0, 0x100, 0x9f, 4));
    w_gdt(w, S_GATE, w_gate(S_CONF0, W_TARGET, 0xec, 0));
}
static void ss0_null(struct world *w, struct x86 *c) { w_put(w, W_TSS + 8, 4, 0); }
static void to_ring1(struct world *w, u32 ss, u32 esp)
{
    w_gdt(w, S_GATE, w_gate(S_CODE1 | 1, W_TARGET, 0xec, 0));
    w_put(w, W_TSS + 16, 4, ss);
    w_put(w, W_TSS + 12, 4, esp);
}
static void ss1(struct world *w, struct x86 *c) { to_ring1(w, S_DATA1 | 1, W_STACK1); }
static void ss1_null(struct world *w, struct x86 *c) { to_ring1(w, 0, W_STACK1); }
static void ss1_rpl(struct world *w, struct x86 *c) { to_ring1(w, S_DATA1, W_STACK1); }
static void ss1_dpl(struct world *w, struct x86 *c) { to_ring1(w, S_DATA0 | 1, W_STACK1); }
static void ss1_ro(struct world *w, struct x86 *c) { to_ring1(w, S_EXEC | 1, W_STACK1); }
static void ss1_beyond(struct world *w, struct x86 *c) { to_ring1(w, S_LAST | 1, W_STACK1); }
static void ss1_absent(struct world *w, struct x86 *c)
{
    w_gdt(w, S_ABSENT, w_desc(0, 0xfffff, 0x33, 12));
    to_ring1(w, S_ABSENT | 1, W_STACK1);
}
static void ss1_small(struct world *w, struct x86 *c)
{
    w_gdt(w, S_SMALL, w_desc(W_DATA, 0xff, 0xb3, 4));
    to_ring1(w, S_SMALL | 1, 8);
}
static void tss_short(struct world *w, struct x86 *c) { ss1(w, c); c->seg[X86_TR].limit = 0x10; }
static void frame32(struct world *w, struct x86 *c, u32 ip, u32 cs)
{
    w_put(w, c->r[X86_SP], 4, ip);
    w_put(w, c->r[X86_SP] + 4, 4, cs);
    w_put(w, c->r[X86_SP] + 8, 4, 0x3002);
}
static void ret_same(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, S_CODE0); }
static void ret_null(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, 0); }
static void ret_data(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, S_DATA0); }
static void ret_inner(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, S_CODE0); }
static void ret_absent(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, S_CODE_ABSENT); }
static void ret_dpl(struct world *w, struct x86 *c) { frame32(w, c, W_TARGET, S_CODE0 | 3); }
static void outer(struct world *w, struct x86 *c, unsigned at, u16 ss)
{
    w_put(w, c->r[X86_SP] + at, 4, W_STACK3);
    w_put(w, c->r[X86_SP] + at + 4, 4, ss);
}
static void ret_outer(struct world *w, struct x86 *c)
{
    frame32(w, c, W_TARGET, S_CODE3);
    outer(w, c, 8, S_DATA3);
    w_seg(w, X86_ES, S_DATA3);
    w_seg(w, X86_FS, S_CONF0);
    x86_null_seg(c, X86_GS, 3);
}
static void ret_outer4(struct world *w, struct x86 *c) { ret_outer(w, c); outer(w, c, 12, S_DATA3); }
static void ret_outer_null(struct world *w, struct x86 *c) { ret_outer(w, c); outer(w, c, 8, 0); }
static void ret_outer_rpl(struct world *w, struct x86 *c) { ret_outer(w, c); outer(w, c, 8, S_DATA3 & ~3); }
static void ret_outer_dpl(struct world *w, struct x86 *c) { ret_outer(w, c); outer(w, c, 8, S_DATA0 | 3); }
static void small_code(struct world *w, struct x86 *c) { w_gdt(w, S_CODE16, w_desc(0, 0x67ff, 0x9b, 0)); }
static void code_l_d(struct world *w, struct x86 *c) {}
static void code_l_d_absent(struct world *w, struct x86 *c) { w_gdt(w, S_LD, w_desc(0, 0xfffff, 0x1b, 14)); }
static void call64_compat(struct world *w, struct x86 *c) { w_put(w, W_DATA, 4, W_TARGET); w_put(w, W_DATA + 4, 2, S_CODE64); }

#define FAR(op, selector) op, 0x00, 0x68, 0, 0, (selector) & 0xff, (selector) >> 8
static void far_transfers(void)
{
    static const struct row rows[] = {
        { "jmp far", W_P0, CODE(FAR(0xea, S_CODE0)), OK, OK, NULL },
        { "jmp far, null", W_P0, CODE(FAR(0xea, 3)), EXC_GP, 0, NULL },
        { "jmp far, beyond", W_P0, CODE(FAR(0xea, S_LAST + 8)), EXC_GP, S_LAST + 8, NULL },
        { "jmp far, data", W_P0, CODE(FAR(0xea, S_DATA0)), EXC_GP, S_DATA0, NULL },
        { "jmp far, outer", W_P0, CODE(FAR(0xea, S_CODE3_0)), EXC_GP, S_CODE3_0, NULL },
        { "jmp far, inner", W_P3, CODE(FAR(0xea, S_CODE0)), EXC_GP, S_CODE0, NULL },
        { "jmp far, RPL", W_P0, CODE(FAR(0xea, S_CODE0 | 1)), EXC_GP, S_CODE0, NULL },
        { "jmp far, conforming", W_P3, CODE(FAR(0xea, S_CONF0)), EXC_GP, 0, NULL }, /* hlt */
        { "jmp far, absent", W_P0, CODE(FAR(0xea, S_CODE_ABSENT)), EXC_NP, S_CODE_ABSENT, NULL },
        { "jmp far, LDT descriptor", W_P0, CODE(FAR(0xea, S_LDT)), EXC_GP, S_LDT, NULL },
        { "jmp far, limit", W_P0, CODE(FAR(0xea, S_CODE16)), EXC_GP, 0, small_code },
        { "jmp far, call gate", W_P0, CODE(FAR(0xea, S_GATE)), OK, OK, NULL },
        { "jmp far, call gate inner", W_P3, CODE(FAR(0xea, S_GATE | 3)), EXC_GP, S_CODE0, NULL },
        { "call far", W_P0, CODE(FAR(0x9a, S_CODE0)), OK, OK, NULL },
        { "call far 16", W_P0, CODE(0x66, 0x9a, 0x00, 0x68, S_CODE0, 0), OK, OK, NULL },
        { "call far, gate", W_P3, CODE(FAR(0x9a, S_GATE | 3)), OK, OK, NULL },
        { "call far, gate with parameters", W_P3, CODE(FAR(0x9a, S_GATE)), OK, OK, gate_params },
        { "call far, 16-bit gate", W_P3, CODE(FAR(0x9a, S_GATE)), OK, OK, gate16 },
        { "call far, gate DPL", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_GP, S_GATE, gate_dpl0 },
        { "call far, gate RPL", W_P0, CODE(FAR(0x9a, S_GATE | 3)), EXC_GP, S_GATE, gate_dpl0 },
        { "call far, gate absent", W_P0, CODE(FAR(0x9a, S_GATE)), EXC_NP, S_GATE, gate_absent },
        { "call far, gate to null", W_P0, CODE(FAR(0x9a, S_GATE)), EXC_GP, 0, gate_null },
        { "call far, gate to data", W_P0, CODE(FAR(0x9a, S_GATE)), EXC_GP, S_DATA0, gate_data },
        { "call far, gate to absent", W_P0, CODE(FAR(0x9a, S_GATE)), EXC_NP, S_CODE_ABSENT, gate_code_absent },
        { "call far, gate beyond the limit", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_GP, 0, gate_far },
        { "call far, SS0 null", W_P3, CODE(FAR(0x9a, S_GATE)), -2, OK, ss0_null },
        { "call far, to CPL 1", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_GP, 0, ss1 }, /* hlt */
        { "call far, SS1 null", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, 0, ss1_null },
        { "call far, SS1 RPL", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, S_DATA1, ss1_rpl },
        { "call far, SS1 DPL", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, S_DATA0, ss1_dpl },
        { "call far, SS1 code", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, S_EXEC, ss1_ro },
        { "call far, SS1 beyond", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, S_LAST, ss1_beyond },
        { "call far, SS1 absent", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_SS, S_ABSENT, ss1_absent },
        { "call far, SS1 too small", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_SS, S_SMALL, ss1_small },
        { "call far, TSS too short", W_P3, CODE(FAR(0x9a, S_GATE)), EXC_TS, S_TSS, tss_short },
        { "retf", W_P0, CODE(0xcb), OK, OK, ret_same },
        { "retf, null", W_P0, CODE(0xcb), EXC_GP, 0, ret_null },
        { "retf, data", W_P0, CODE(0xcb), EXC_GP, S_DATA0, ret_data },
        { "retf, inner", W_P3, CODE(0xcb), EXC_GP, S_CODE0, ret_inner },
        { "retf, absent", W_P0, CODE(0xcb), EXC_NP, S_CODE_ABSENT, ret_absent },
        { "retf, DPL", W_P0, CODE(0xcb), EXC_GP, S_CODE0, ret_dpl },
        { "retf, outer", W_P0, CODE(0xcb), EXC_GP, 0, ret_outer }, /* hlt */
        { "retf 4, outer", W_P0, CODE(0xca, 4, 0), EXC_GP, 0, ret_outer4 },
        { "retf, outer, SS null", W_P0, CODE(0xcb), EXC_GP, 0, ret_outer_null },
        { "retf, outer, SS RPL", W_P0, CODE(0xcb), EXC_GP, S_DATA3 & ~3, ret_outer_rpl },
        { "retf, outer, SS DPL", W_P0, CODE(0xcb), EXC_GP, S_DATA0, ret_outer_dpl },
        { "jmp far 64, memory", W_C0, CODE(0xff, 0x2d, 0, 0x70, 0, 0), OK, OK, call64_compat },
        { "call far 64, memory", W_C0, CODE(0xff, 0x1d, 0, 0x70, 0, 0), OK, OK, call64_compat },
        { "jmp far, L and D, absent", W_C0, CODE(FAR(0xea, S_LD)), EXC_GP, S_LD, code_l_d_absent },
        { "jmp far, L and D", W_C0, CODE(FAR(0xea, S_LD)), EXC_GP, S_LD, code_l_d },
        { "call far, 64-bit gate", W_C3, CODE(FAR(0x9a, S_GATE | 3)), OK, OK, NULL },
        { "jmp far, TSS in long mode", W_C0, CODE(FAR(0xea, S_TSS2)), EXC_GP, S_TSS2, NULL },
        { "jmp far, real", W_REAL, CODE(0xea, 0x00, 0x00, 0x80, 0x06), OK, OK, NULL },
        { "call far, real", W_REAL, CODE(0x9a, 0x00, 0x00, 0x80, 0x06), OK, OK, NULL },
        { "jmp far 32, real, limit", W_REAL, CODE(0x66, 0xea, 0, 0, 1, 0, 0x80, 6), EXC_GP, OK, NULL },
    };
    ALL(rows);
}

/* --- interrupts -------------------------------------------------------------------------------------------------------- */

static void idt_short(struct world *w, struct x86 *c) { c->idtr.limit = 0x80 * 8 + 6; }
static void gate80(struct world *w, u16 selector, u32 target, u8 access) { w_put(w, W_IDT + 8 * 0x80, 8, w_gate(selector, target, access, 0)); }
static void int_dpl0(struct world *w, struct x86 *c) { gate80(w, S_CODE0, W_TARGET, 0x8e); }
static void int_absent(struct world *w, struct x86 *c) { gate80(w, S_CODE0, W_TARGET, 0x6e); }
static void int_type(struct world *w, struct x86 *c) { gate80(w, S_CODE0, W_TARGET, 0xec); }
static void int_null(struct world *w, struct x86 *c) { gate80(w, 0, W_TARGET, 0xee); }
static void int_data(struct world *w, struct x86 *c) { gate80(w, S_DATA0, W_TARGET, 0xee); }
static void int_outer(struct world *w, struct x86 *c) { gate80(w, S_CODE3, W_TARGET, 0xee); }
static void int_code_absent(struct world *w, struct x86 *c) { gate80(w, S_CODE_ABSENT, W_TARGET, 0xee); }
static void int_beyond(struct world *w, struct x86 *c) { gate80(w, S_LAST, W_TARGET, 0xee); }
static void int_16(struct world *w, struct x86 *c) { gate80(w, S_CODE0, W_TARGET, 0xe6); c->rflags |= X86_IF; }
static void int_trap(struct world *w, struct x86 *c) { gate80(w, S_CODE0, W_TARGET, 0xef); c->rflags |= X86_IF | X86_NT; }
static void int_conf(struct world *w, struct x86 *c) { gate80(w, S_CONF0, W_TARGET, 0xee); }
static void int_task(struct world *w, struct x86 *c) { gate80(w, S_TSS2, 0, 0xe5); }
static void int_tf(struct world *w, struct x86 *c) { c->rflags |= X86_TF; }
static void int_ist(struct world *w, struct x86 *c) { w_put(w, W_IDT + 16 * 0x80 + 4, 1, 1); }
static void int_long_16(struct world *w, struct x86 *c) { w_put(w, W_IDT + 16 * 0x80 + 5, 1, 0xe6); }
static void int_long_32(struct world *w, struct x86 *c) { w_put(w, W_IDT + 16 * 0x80 + 2, 2, S_CODE0); }
static void no_gp_gate(struct world *w, struct x86 *c) { w_put(w, W_IDT + 8 * EXC_GP, 8, 0); }
static void no_gates(struct world *w, struct x86 *c) { memset(w->ram->host + W_IDT, 0, 0x800); }
static void only_df(struct world *w, struct x86 *c) { no_gates(w, c); w_put(w, W_IDT + 64, 8, w_gate(S_CODE0, W_HANDLERS + 128, 0x8e, 0)); }
static void ivt_short(struct world *w, struct x86 *c) { c->idtr.limit = 0x7f; }
static void ivt_none(struct world *w, struct x86 *c) { c->idtr.limit = 0; }
static void v86_iopl3(struct world *w, struct x86 *c) { c->rflags |= X86_IOPL; }
static void v86_iopl3_if(struct world *w, struct x86 *c) { c->rflags |= X86_IOPL | X86_IF; w_put(w, 4 * 0x80, 4, W_TARGET / 16 << 16); }
static void v86_vme(struct world *w, struct x86 *c) { c->cr4 |= CR4_VME; c->rflags |= X86_VIF; w_put(w, 4 * 0x80, 4, W_TARGET / 16 << 16); }
static void v86_vme3(struct world *w, struct x86 *c) { v86_vme(w, c); c->rflags |= X86_IOPL | X86_IF; }
static void v86_vme_idt(struct world *w, struct x86 *c) { v86_vme3(w, c); w_put(w, W_TSS + 0x68 + 0x10, 1, 1); }
static void v86_vme_gp(struct world *w, struct x86 *c) { v86_vme(w, c); w_put(w, W_TSS + 0x68 + 0x10, 1, 1); }
static void v86_conf(struct world *w, struct x86 *c) { v86_iopl3(w, c); gate80(w, S_CONF0, W_TARGET, 0xee); }
static void idt_absent_np(struct world *w, struct x86 *c) { int_absent(w, c); }

static void interrupts(void)
{
    static const struct row rows[] = {
        { "int", W_P0, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int from CPL 3", W_P3, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int with TF", W_P3, CODE(0xcd, 0x80), 0x80, OK, int_tf },
        { "int, limit", W_P0, CODE(0xcd, 0x80), EXC_GP, 0x402, idt_short },
        { "int, DPL", W_P3, CODE(0xcd, 0x80), EXC_GP, 0x402, int_dpl0 },
        { "int, absent", W_P0, CODE(0xcd, 0x80), EXC_NP, 0x402, int_absent },
        { "int, absent from CPL 3", W_P3, CODE(0xcd, 0x80), EXC_NP, 0x402, idt_absent_np },
        { "int, call gate", W_P0, CODE(0xcd, 0x80), EXC_GP, 0x402, int_type },
        { "int, null CS", W_P0, CODE(0xcd, 0x80), EXC_GP, 0, int_null },
        { "int, data", W_P0, CODE(0xcd, 0x80), EXC_GP, S_DATA0, int_data },
        { "int, outer", W_P0, CODE(0xcd, 0x80), EXC_GP, S_CODE3 & ~3, int_outer },
        { "int, CS absent", W_P0, CODE(0xcd, 0x80), EXC_NP, S_CODE_ABSENT, int_code_absent },
        { "int, CS beyond", W_P0, CODE(0xcd, 0x80), EXC_GP, S_LAST, int_beyond },
        { "int, 16-bit gate", W_P0, CODE(0xcd, 0x80), OK, OK, int_16 },
        { "int, trap gate", W_P0, CODE(0xcd, 0x80), OK, OK, int_trap },
        { "int, conforming", W_P3, CODE(0xcd, 0x80), EXC_GP, 0, int_conf }, /* hlt */
        { "int3", W_P3, CODE(0xcc), EXC_BP, OK, NULL },
        { "int1", W_P3, CODE(0xf1), EXC_DB, OK, NULL, .no_judge = true },
        { "ud2", W_P3, CODE(0x0f, 0x0b), EXC_UD, OK, NULL },
        { "ud2 in 64-bit", W_L3, CODE(0x0f, 0x0b), EXC_UD, OK, NULL },
        { "hlt at CPL 3", W_L3, CODE(0xf4), EXC_GP, 0, NULL },
        { "single step", W_P0, CODE(0x90, 0x90), EXC_DB, OK, int_tf },
        { "single step, SS shadow", W_P0, CODE(0x8e, 0xd0, 0x90, 0x90), EXC_DB, OK, int_tf, S_DATA0 },
        { "popf sets TF", W_P0, CODE(0x68, 2, 1, 0, 0, 0x9d, 0x90, 0x90), EXC_DB, OK, NULL },
        { "popf clears TF", W_P0, CODE(0x6a, 2, 0x9d, 0x90), EXC_DB, OK, int_tf },
        { "SS0 null", W_P3, CODE(0xcd, 0x80), -2, OK, ss0_null },
        { "no #GP handler", W_P3, CODE(0xcd, 0x81), EXC_DF, 0, no_gp_gate },
        { "nothing in the IDT", W_P0, CODE(0xcd, 0x80), -2, OK, no_gates },
        { "only #DF", W_P0, CODE(0xcd, 0x80), EXC_DF, 0, only_df },
        { "int in 64-bit", W_L0, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int from CPL 3 in 64-bit", W_L3, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int from compatibility mode", W_C3, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int from compatibility mode, CPL 0", W_C0, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int, IST", W_L3, CODE(0xcd, 0x80), 0x80, OK, int_ist },
        { "int, IST at CPL 0", W_L0, CODE(0xcd, 0x80), 0x80, OK, int_ist },
        { "int, 16-bit gate in long mode", W_L0, CODE(0xcd, 0x80), EXC_GP, 0x402, int_long_16 },
        { "int, 32-bit code in long mode", W_L0, CODE(0xcd, 0x80), EXC_GP, S_CODE0, int_long_32 },
        { "int, real", W_REAL, CODE(0xcd, 0x80), 0x80, OK, NULL },
        { "int, real, limit", W_REAL, CODE(0xcd, 0x80), EXC_GP, OK, ivt_short },
        { "int, real, no IVT", W_REAL, CODE(0xcd, 0x80), -2, OK, ivt_none },
        { "int, v86", W_V86, CODE(0xcd, 0x80), EXC_GP, 0, NULL },
        { "int, v86, IOPL 3", W_V86, CODE(0xcd, 0x80), 0x80, OK, v86_iopl3 },
        { "int3, v86", W_V86, CODE(0xcc), EXC_BP, OK, NULL },
        { "int, v86, VME", W_V86, CODE(0xcd, 0x80), EXC_GP, 0, v86_vme }, /* redirected, then hlt */
        { "int, v86, VME, IOPL 3", W_V86, CODE(0xcd, 0x80), EXC_GP, 0, v86_vme3 },
        { "int, v86, VME, bitmap set, IOPL 3", W_V86, CODE(0xcd, 0x80), 0x80, OK, v86_vme_idt },
        { "int, v86, VME, bitmap set", W_V86, CODE(0xcd, 0x80), EXC_GP, 0, v86_vme_gp },
        { "int, v86, IOPL 3, IVT not used", W_V86, CODE(0xcd, 0x80), 0x80, OK, v86_iopl3_if },
        { "int, v86, conforming", W_V86, CODE(0xcd, 0x80), EXC_GP, S_CONF0, v86_conf },
        { "int, task gate", W_P0, CODE(0xcd, 0x80), OK, OK, int_task, .no_judge = true },
    };
    ALL(rows);
}

/* --- returns from interrupts -------------------------------------------------------------------------------------------- */

static void iret32(struct world *w, struct x86 *c, u32 cs, u32 flags)
{
    frame32(w, c, W_TARGET, cs);
    w_put(w, c->r[X86_SP] + 8, 4, flags);
}
static void iret_same(struct world *w, struct x86 *c) { iret32(w, c, S_CODE0, 0x3fffff & ~(X86_VM | X86_TF | X86_VIP)); }
static void iret_outer(struct world *w, struct x86 *c) { iret32(w, c, S_CODE3, 0x3202); outer(w, c, 12, S_DATA3); w_seg(w, X86_FS, S_CONF0); }
static void iret_outer_null(struct world *w, struct x86 *c) { iret_outer(w, c); outer(w, c, 12, 0); }
static void iret_v86(struct world *w, struct x86 *c)
{
    static const u32 v[] = { W_STACK3 - 0x200, 0x10, 0x20, 0x30, 0x40, 0x50 };
    frame32(w, c, 0, W_TARGET / 16);
    w_put(w, c->r[X86_SP] + 8, 4, X86_VM | X86_IOPL | X86_IF | 2);
    for (unsigned n = 0; n < 6; n++)
        w_put(w, c->r[X86_SP] + 12 + 4 * n, 4, v[n]);
}
static void iret_v86_high(struct world *w, struct x86 *c) { iret_v86(w, c); w_put(w, c->r[X86_SP], 4, 0x10000); }
static void iret_user(struct world *w, struct x86 *c) { iret32(w, c, S_CODE3, 0x3fffff & ~(X86_TF | X86_VIP | X86_VM)); }
static void iret64(struct world *w, struct x86 *c, u64 rip, u16 cs, u16 ss)
{
    const u64 v[] = { rip, cs, 2, W_STACK3, ss };
    for (unsigned n = 0; n < 5; n++)
        w_put(w, c->r[X86_SP] + 8 * n, 8, v[n]);
}
static void iret64_same(struct world *w, struct x86 *c) { iret64(w, c, W_TARGET, S_CODE64, 0); }
static void iret64_outer(struct world *w, struct x86 *c) { iret64(w, c, W_TARGET, S_CODE64_3, S_DATA3); }
static void iret64_compat(struct world *w, struct x86 *c) { iret64(w, c, W_TARGET, S_CODE3, S_DATA3); }
static void iret64_null3(struct world *w, struct x86 *c) { iret64(w, c, W_TARGET, S_CODE64_3, 3); }
static void iret64_compat_null(struct world *w, struct x86 *c) { iret64(w, c, W_TARGET, S_CODE0, 0); }
static void iret64_canonical(struct world *w, struct x86 *c) { iret64(w, c, (u64)1 << 60, S_CODE64_3, S_DATA3); }
static void iret64_nt(struct world *w, struct x86 *c) { iret64_same(w, c); c->rflags |= X86_NT; }
static void iret_link(struct world *w, struct x86 *c)
{
    c->rflags |= X86_NT;
    w_put(w, W_TSS, 2, S_TSS2);
    w_gdt(w, S_TSS2, w_desc(W_TSS2, 0x67, 0x8b, 0));
}
static void iret_link_idle(struct world *w, struct x86 *c) { iret_link(w, c); w_gdt(w, S_TSS2, w_desc(W_TSS2, 0x67, 0x89, 0)); }
static void iret_real(struct world *w, struct x86 *c)
{
    w_put(w, c->r[X86_SP], 2, 0);
    w_put(w, c->r[X86_SP] + 2, 2, W_TARGET / 16);
    w_put(w, c->r[X86_SP] + 4, 2, 0x7ed7);
}
static void iret_real_tf(struct world *w, struct x86 *c) { iret_real(w, c); w_put(w, c->r[X86_SP] + 4, 2, 0x7ad7); }
static void iret_vme(struct world *w, struct x86 *c) { c->cr4 |= CR4_VME; iret_real(w, c); w_put(w, c->r[X86_SP] + 4, 2, 0x202); }
static void iret_vme_vip(struct world *w, struct x86 *c) { iret_vme(w, c); c->rflags |= X86_VIP; }

static void returns(void)
{
    static const struct row rows[] = {
        { "iret", W_P0, CODE(0xcf), OK, OK, iret_same },
        { "iret, outer", W_P0, CODE(0xcf), EXC_GP, 0, iret_outer },
        { "iret, outer, SS null", W_P0, CODE(0xcf), EXC_GP, 0, iret_outer_null },
        { "iret at CPL 3, flags", W_P3, CODE(0xcf), EXC_GP, 0, iret_user },
        { "iret to v86", W_P0, CODE(0xcf), EXC_GP, 0, iret_v86 },
        { "iret to v86, EIP too high", W_P0, CODE(0xcf), EXC_GP, 0, iret_v86_high },
        { "iret, nested task", W_P0, CODE(0xcf), OK, OK, iret_link, .no_judge = true },
        { "iret, nested task not busy", W_P0, CODE(0xcf), EXC_TS, S_TSS2, iret_link_idle, .no_judge = true },
        { "iretq", W_L0, CODE(0x48, 0xcf), OK, OK, iret64_same },
        { "iretq, outer", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_outer },
        { "iretq to compatibility mode", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_compat },
        { "iretq, null SS at CPL 3", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_null3 },
        { "iretq, null SS to compatibility mode", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_compat_null },
        { "iretq, not canonical", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_canonical },
        { "iretq, NT", W_L0, CODE(0x48, 0xcf), EXC_GP, 0, iret64_nt },
        { "iret, real", W_REAL, CODE(0xcf), OK, OK, iret_real_tf },
        { "iret, v86", W_V86, CODE(0xcf), EXC_GP, 0, iret_real },
        { "iret, v86, VME", W_V86, CODE(0xcf), EXC_GP, 0, iret_vme }, /* hlt */
        { "iret, v86, VME, VIP", W_V86, CODE(0xcf), EXC_GP, 0, iret_vme_vip },
    };
    ALL(rows);
}

/* --- external interrupts ------------------------------------------------------------------------------------------------------- */

static void intr_if(struct world *w, struct x86 *c) { c->rflags |= X86_IF; }
static void intr_if_tf(struct world *w, struct x86 *c) { c->rflags |= X86_IF | X86_TF; }
static void intr_ist(struct world *w, struct x86 *c) { intr_if(w, c); w_put(w, W_IDT + 16 * W_INTR + 4, 1, 1); }
static void intr_trap(struct world *w, struct x86 *c) { intr_if(w, c); w_put(w, W_IDT + 8 * W_INTR, 8, w_gate(S_CODE0, W_TARGET, 0x8f, 0)); }
static void intr_rep(struct world *w, struct x86 *c) { c->r[X86_DI] = W_DATA; }
static void intr_iret(struct world *w, struct x86 *c) { iret_real(w, c); }

static void external(void)
{
    static const struct row rows[] = {
        { "INTR, IF=0", W_P0, CODE(0x90, 0x90), OK, OK, NULL, .intr = true },
        { "INTR", W_P0, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR, trap gate", W_P0, CODE(0x90, 0x90), OK, OK, intr_trap, .intr = true },
        { "INTR behind STI", W_P0, CODE(0xfb, 0x90, 0x90), W_INTR, OK, NULL, .intr = true },
        { "INTR behind STI, MOV SS", W_P0, CODE(0xfb, 0x8e, 0xd0, 0x90, 0x90), W_INTR, OK, NULL, S_DATA0, .intr = true },
        { "INTR behind STI, HLT", W_P0, CODE(0xfb), W_INTR, OK, NULL, .intr = true },
        { "INTR behind STI, CLI", W_P0, CODE(0xfb, 0xfa, 0x90), OK, OK, NULL, .intr = true },
        { "INTR behind POPF", W_P0, CODE(0x68, 2, 2, 0, 0, 0x9d, 0x90, 0x90), W_INTR, OK, NULL, .intr = true },
        { "INTR and a fault", W_P0, CODE(0x0f, 0x0b), W_INTR, OK, intr_if, .intr = true },
        { "INTR with TF", W_P0, CODE(0x90, 0x90), W_INTR, OK, intr_if_tf, .intr = true },
        { "INTR at CPL 3", W_P3, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in 16-bit code", W_P16, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in 64-bit mode", W_L0, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in 64-bit mode, CPL 3", W_L3, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in 64-bit mode, IST", W_L3, CODE(0x90, 0x90), W_INTR, OK, intr_ist, .intr = true },
        { "INTR in compatibility mode", W_C0, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in compatibility mode, CPL 3", W_C3, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in real mode", W_REAL, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
        { "INTR in real mode, behind STI", W_REAL, CODE(0xfb, 0x90, 0x90), W_INTR, OK, NULL, .intr = true },
        { "INTR behind IRET, real mode", W_REAL, CODE(0xcf), W_INTR, OK, intr_iret, .intr = true },
        { "INTR within REP", W_P0, CODE(0xfb, 0xf3, 0xaa), W_INTR, OK, intr_rep, 0, 5, .intr = true },
        { "INTR in virtual-8086 mode", W_V86, CODE(0x90, 0x90), W_INTR, OK, intr_if, .intr = true },
    };
    ALL(rows);
}

/* --- flags ---------------------------------------------------------------------------------------------------------------- */

static void pvi(struct world *w, struct x86 *c) { c->cr4 |= CR4_PVI; }
static void pvi_vif(struct world *w, struct x86 *c) { c->cr4 |= CR4_PVI; c->rflags |= X86_VIF; }
static void pvi_vip(struct world *w, struct x86 *c) { c->cr4 |= CR4_PVI; c->rflags |= X86_VIP; }
static void vme(struct world *w, struct x86 *c) { c->cr4 |= CR4_VME; c->rflags |= X86_VIF; }
static void vme_vip(struct world *w, struct x86 *c) { c->cr4 |= CR4_VME; c->rflags |= X86_VIP; }
static void iopl3(struct world *w, struct x86 *c) { c->rflags |= X86_IOPL; }

static void flags(void)
{
    static const struct row rows[] = {
        { "cli", W_P0, CODE(0xfa), OK, OK, int_16 },
        { "cli at CPL 3", W_P3, CODE(0xfa), EXC_GP, 0, NULL },
        { "cli at CPL 3, IOPL 3", W_P3, CODE(0xfa), EXC_GP, 0, iopl3 },
        { "cli, PVI", W_P3, CODE(0xfa), EXC_GP, 0, pvi_vif },
        { "sti, PVI", W_P3, CODE(0xfb), EXC_GP, 0, pvi },
        { "sti, PVI, VIP", W_P3, CODE(0xfb), EXC_GP, 0, pvi_vip },
        { "sti at CPL 3", W_P3, CODE(0xfb), EXC_GP, 0, NULL },
        { "cli, v86", W_V86, CODE(0xfa), EXC_GP, 0, NULL },
        { "cli, VME", W_V86, CODE(0xfa), EXC_GP, 0, vme },
        { "sti, VME", W_V86, CODE(0xfb), EXC_GP, 0, vme },
        { "sti, VME, VIP", W_V86, CODE(0xfb), EXC_GP, 0, vme_vip },
        { "pushf", W_P0, CODE(0x9c), OK, OK, iopl3 },
        { "pushf, v86", W_V86, CODE(0x9c), EXC_GP, 0, NULL },
        { "pushf, VME", W_V86, CODE(0x9c), EXC_GP, 0, vme },
        { "pushfd, VME", W_V86, CODE(0x66, 0x9c), EXC_GP, 0, vme },
        { "popf, all, CPL 0", W_P0, CODE(0x68, 0xd7, 0x7e, 0x3f, 0, 0x9d), OK, OK, NULL },
        { "popf, all, CPL 3", W_P3, CODE(0x68, 0xd7, 0x7e, 0x3f, 0, 0x9d), EXC_GP, 0, NULL },
        { "popf, all, CPL 3, IOPL 3", W_P3, CODE(0x68, 0xd7, 0x7e, 0x3f, 0, 0x9d), EXC_GP, 0, iopl3 },
        { "popf 16", W_P0, CODE(0x66, 0x68, 0xd7, 0x7e, 0x66, 0x9d), OK, OK, NULL },
        { "popf, 64-bit", W_L3, CODE(0x68, 0xd7, 0x7e, 0x3f, 0, 0x9d), EXC_GP, 0, NULL },
        { "popf, VME, IF", W_V86, CODE(0x68, 0x02, 0x02, 0x9d), EXC_GP, 0, vme },
        { "popf, VME, TF", W_V86, CODE(0x68, 0x02, 0x01, 0x9d), EXC_GP, 0, vme },
        { "popf, VME, VIP", W_V86, CODE(0x68, 0x02, 0x02, 0x9d), EXC_GP, 0, vme_vip },
        { "popf, v86, IOPL 3", W_V86, CODE(0x68, 0x02, 0x02, 0x9d), EXC_GP, 0, iopl3 },
    };
    ALL(rows);
}

/* --- control registers and tables --------------------------------------------------------------------------------------------- */

static void ldt_at_low(struct world *w, struct x86 *c) { w_put(w, W_DATA, 8, 0x1234567890ab0123u); w_put(w, W_DATA + 8, 2, 0); }
static void gdt_wild(struct world *w, struct x86 *c) { w_put(w, W_DATA + 8, 2, 0x8000); }
static void umip_on(struct world *w, struct x86 *c) { c->cr4 |= CR4_UMIP; }
static void lme(struct world *w, struct x86 *c) { c->efer |= EFER_LME; c->cr4 |= CR4_PAE; w_pages(w, true, true); }
static void lme_no_pae(struct world *w, struct x86 *c) { c->efer |= EFER_LME; w_pages(w, false, false); }
static void lme_l(struct world *w, struct x86 *c) { lme(w, c); c->seg[X86_CS].l = true; c->seg[X86_CS].db = false; }
static void pae_bad(struct world *w, struct x86 *c) { c->cr4 |= CR4_PAE; w_pages(w, false, true); w_put(w, W_PT + 0x1008, 8, 3); }
static void pae_good(struct world *w, struct x86 *c) { c->cr4 |= CR4_PAE; w_pages(w, false, true); }
static void paging32(struct world *w, struct x86 *c) { w_pages(w, false, false); }
static void gd(struct world *w, struct x86 *c) { c->dr[7] |= DR7_GD; }
static void de(struct world *w, struct x86 *c) { c->cr4 |= CR4_DE; }
static void tsd(struct world *w, struct x86 *c) { c->cr4 |= CR4_TSD; }
static void fsgsbase(struct world *w, struct x86 *c) { c->cr4 |= CR4_FSGSBASE; }
static void osxsave(struct world *w, struct x86 *c) { c->cr4 |= CR4_OSXSAVE | CR4_OSFXSR; }
static void code_bp(struct world *w, struct x86 *c) { c->dr[0] = W_CODE + 1; c->dr[7] |= 2; }
static void data_bp(struct world *w, struct x86 *c) { c->dr[1] = W_DATA; c->dr[7] |= 8 | 0xd << 20; }
static void syscall_set(struct world *w, struct x86 *c)
{
    c->star = (u64)(S_CODE3 & ~3) << 48 | (u64)S_CODE64 << 32;
    c->lstar = W_TARGET;
    c->sfmask = X86_IF | X86_TF | X86_DF;
    c->rflags |= X86_DF | X86_CF;
}
static void sysret_set(struct world *w, struct x86 *c) { syscall_set(w, c); c->r[11] = 0x3ffdff & ~X86_TF; }
static void sysenter_set(struct world *w, struct x86 *c)
{
    c->sysenter_cs = S_CODE0;
    c->sysenter_esp = W_STACK1;
    c->sysenter_eip = W_TARGET;
}
static void gs_swap(struct world *w, struct x86 *c) { c->kernel_gs_base = 0x123456789000; c->seg[X86_GS].base = 0x7000; }

static void registers(void)
{
    static const struct row rows[] = {
        { "lgdt", W_P0, CODE(0x0f, 0x01, 0x15, 0, 0x70, 0, 0), OK, OK, ldt_at_low },
        { "lgdt 16", W_P0, CODE(0x66, 0x0f, 0x01, 0x15, 0, 0x70, 0, 0), OK, OK, ldt_at_low },
        { "lidt at CPL 3", W_P3, CODE(0x0f, 0x01, 0x1d, 0, 0x70, 0, 0), EXC_GP, 0, NULL },
        { "lgdt, 64-bit, not canonical", W_L0, CODE(0x0f, 0x01, 0x14, 0x25, 0, 0x70, 0, 0), EXC_GP, 0, gdt_wild },
        { "sgdt", W_P0, CODE(0x0f, 0x01, 0x05, 0, 0x70, 0, 0), OK, OK, NULL },
        { "sgdt, 64-bit", W_L0, CODE(0x0f, 0x01, 0x04, 0x25, 0, 0x70, 0, 0), OK, OK, NULL },
        { "sgdt, 16-bit mode", W_P16, CODE(0x0f, 0x01, 0x06, 0, 0x70), OK, OK, NULL },
        { "sidt, UMIP", W_P3, CODE(0x0f, 0x01, 0x0d, 0, 0x70, 0, 0), EXC_GP, 0, umip_on },
        { "smsw, UMIP", W_P3, CODE(0x0f, 0x01, 0xe0), EXC_GP, 0, umip_on },
        { "str, UMIP", W_L3, CODE(0x0f, 0x00, 0xc8), EXC_GP, 0, umip_on },
        { "smsw", W_P0, CODE(0x0f, 0x01, 0xe0), OK, OK, NULL, 0xffffffffff },
        { "smsw 16", W_P0, CODE(0x66, 0x0f, 0x01, 0xe0), OK, OK, NULL, 0xffffffff },
        { "str", W_P0, CODE(0x0f, 0x00, 0xc8), OK, OK, NULL, 0xffffffff },
        { "sldt, v86", W_V86, CODE(0x0f, 0x00, 0xc0), EXC_UD, OK, NULL },
        { "sldt, real", W_REAL, CODE(0x0f, 0x00, 0xc0), EXC_UD, OK, NULL },
        { "lldt", W_P0, CODE(0x0f, 0x00, 0xd0), OK, OK, NULL, S_LDT },
        { "lldt, null", W_P0, CODE(0x0f, 0x00, 0xd0), OK, OK, NULL, 0 },
        { "lldt, TSS", W_P0, CODE(0x0f, 0x00, 0xd0), EXC_GP, S_TSS, NULL, S_TSS },
        { "lldt, in LDT", W_P0, CODE(0x0f, 0x00, 0xd0), EXC_GP, 0xc, NULL, 0xc },
        { "lldt, 64-bit", W_L0, CODE(0x0f, 0x00, 0xd0), OK, OK, NULL, S_LDT },
        { "ltr", W_P0, CODE(0x0f, 0x00, 0xd8), OK, OK, NULL, S_TSS2 },
        { "ltr, busy", W_P0, CODE(0x0f, 0x00, 0xd8), EXC_GP, S_TSS, NULL, S_TSS },
        { "ltr, null", W_P0, CODE(0x0f, 0x00, 0xd8), EXC_GP, 0, NULL, 0 },
        { "ltr, 16-bit", W_P0, CODE(0x0f, 0x00, 0xd8), OK, OK, NULL, S_TSS16 },
        { "ltr, 16-bit in long mode", W_L0, CODE(0x0f, 0x00, 0xd8), EXC_GP, S_TSS16, NULL, S_TSS16 },
        { "ltr at CPL 3", W_P3, CODE(0x0f, 0x00, 0xd8), EXC_GP, 0, NULL, S_TSS2 },
        { "lar code", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_CODE0 },
        { "lar gate", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_GATE },
        { "lar outer RPL", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_DATA0 | 3 },
        { "lar beyond", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_LAST },
        { "lar null", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, 2 },
        { "lar conforming from CPL 3", W_P3, CODE(0x0f, 0x02, 0xc8), EXC_GP, 0, NULL, S_CONF0 },
        { "lar 16", W_P0, CODE(0x66, 0x0f, 0x02, 0xc8), OK, OK, NULL, S_DATA0 },
        { "lar LDT in long mode", W_L0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_LDT },
        { "lar 16-bit TSS in long mode", W_L0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_TSS16 },
        { "lar task gate", W_P0, CODE(0x0f, 0x02, 0xc8), OK, OK, NULL, S_TASK_GATE },
        { "lsl", W_P0, CODE(0x0f, 0x03, 0xc8), OK, OK, NULL, S_CODE0 },
        { "lsl small", W_P0, CODE(0x0f, 0x03, 0xc8), OK, OK, NULL, S_SMALL },
        { "lsl gate", W_P0, CODE(0x0f, 0x03, 0xc8), OK, OK, NULL, S_GATE },
        { "lsl 64", W_L0, CODE(0x48, 0x0f, 0x03, 0xc8), OK, OK, NULL, S_DATA0, ~(u64)0 },
        { "verr", W_P0, CODE(0x0f, 0x00, 0xe0), OK, OK, NULL, S_EXEC },
        { "verr data", W_P0, CODE(0x0f, 0x00, 0xe0), OK, OK, NULL, S_DATA0 },
        { "verr system", W_P0, CODE(0x0f, 0x00, 0xe0), OK, OK, NULL, S_TSS },
        { "verw", W_P0, CODE(0x0f, 0x00, 0xe8), OK, OK, NULL, S_RO },
        { "verw data", W_P3, CODE(0x0f, 0x00, 0xe8), EXC_GP, 0, NULL, S_DATA3 },
        { "arpl raises", W_P0, CODE(0x63, 0xc8), OK, OK, NULL, 0x10, 3 },
        { "arpl does not", W_P0, CODE(0x63, 0xc8), OK, OK, NULL, 0x12, 1 },
        { "mov cr0, PG without PE", W_P0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, CR0_PG | CR0_ET },
        { "mov cr0, NW without CD", W_P0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, CR0_PE | CR0_ET | CR0_NW },
        { "mov cr0, all else", W_P0, CODE(0x0f, 0x22, 0xc0), OK, OK, NULL, 0x6005003f & ~CR0_CD & ~CR0_NW },
        { "mov cr0, reserved bits", W_P0, CODE(0x0f, 0x22, 0xc0), OK, OK, NULL, 0x1ffaffc0 | CR0_PE, .no_judge = true },
        { "mov cr0, upper half", W_L0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, (u64)1 << 32 | CR0_PE | CR0_PG },
        { "mov cr0, PG off in 64-bit", W_L0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, CR0_PE | CR0_ET },
        { "mov cr0, PG off in compatibility mode", W_C0, CODE(0x0f, 0x22, 0xc0), OK, OK, NULL, CR0_PE | CR0_ET | CR0_NE },
        { "mov cr0, long mode", W_P0, CODE(0x0f, 0x22, 0xc0), OK, OK, lme, CR0_PE | CR0_PG | CR0_ET },
        { "mov cr0, long mode without PAE", W_P0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, lme_no_pae, CR0_PE | CR0_PG },
        { "mov cr0, long mode with CS.L", W_P0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, lme_l, CR0_PE | CR0_PG, .no_judge = true },
        { "mov cr0, PAE", W_P0, CODE(0x0f, 0x22, 0xc0), OK, OK, pae_good, CR0_PE | CR0_PG | CR0_ET },
        { "mov cr0, PAE with a bad PDPTE", W_P0, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, pae_bad, CR0_PE | CR0_PG },
        { "mov cr0, 32-bit paging", W_P0, CODE(0x0f, 0x22, 0xc0), OK, OK, paging32, CR0_PE | CR0_PG | CR0_ET },
        { "mov cr0 at CPL 3", W_P3, CODE(0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, CR0_PE },
        { "mov cr4, reserved", W_P0, CODE(0x0f, 0x22, 0xe0), EXC_GP, 0, NULL, 1u << 15 },
        { "mov cr4, PAE off in long mode", W_L0, CODE(0x0f, 0x22, 0xe0), EXC_GP, 0, NULL, CR4_PGE },
        { "mov cr4, PCIDE in legacy mode", W_P0, CODE(0x0f, 0x22, 0xe0), EXC_GP, 0, NULL, CR4_PCIDE },
        { "mov cr4, PCIDE", W_L0, CODE(0x0f, 0x22, 0xe0), OK, OK, NULL, CR4_PCIDE | CR4_PAE },
        { "mov cr3, too wide", W_L0, CODE(0x0f, 0x22, 0xd8), EXC_GP, 0, NULL, (u64)1 << 52 | W_PT },
        { "mov from cr3", W_L0, CODE(0x0f, 0x20, 0xd8), OK, OK, NULL },
        { "mov cr8, reserved", W_L0, CODE(0x44, 0x0f, 0x22, 0xc0), EXC_GP, 0, NULL, 16 },
        { "lmsw does not clear PE", W_P0, CODE(0x0f, 0x01, 0xf0), OK, OK, NULL, 0xe },
        { "clts", W_P0, CODE(0x0f, 0x06), OK, OK, NULL },
        { "mov dr7", W_P0, CODE(0x0f, 0x23, 0xf8), OK, OK, NULL, 0xffff0300, .no_judge = true },
        { "mov dr6, 64-bit, upper half", W_L0, CODE(0x0f, 0x23, 0xf0), EXC_GP, 0, NULL, (u64)1 << 32 },
        { "mov dr, GD", W_P0, CODE(0x0f, 0x21, 0xc0), EXC_DB, OK, gd },
        { "mov dr5, DE", W_P0, CODE(0x0f, 0x21, 0xe8), EXC_UD, OK, de },
        { "mov dr5", W_P0, CODE(0x0f, 0x21, 0xe8), OK, OK, NULL },
        { "code breakpoint", W_P0, CODE(0x90, 0x90), EXC_DB, OK, code_bp },
        { "data breakpoint", W_P0, CODE(0xa3, 0, 0x70, 0, 0, 0x90), EXC_DB, OK, data_bp },
        { "rdtsc, TSD", W_P3, CODE(0x0f, 0x31), EXC_GP, 0, tsd },
        { "rdmsr that is not there", W_P0, CODE(0x0f, 0x32), EXC_GP, 0, NULL, 0, 0x40000 },
        { "rdmsr at CPL 3", W_P3, CODE(0x0f, 0x32), EXC_GP, 0, NULL, 0, 0xc0000080 },
        { "rdmsr efer", W_L0, CODE(0x0f, 0x32), OK, OK, NULL, 0, 0xc0000080 },
        { "wrmsr efer, reserved", W_L0, CODE(0x0f, 0x30), EXC_GP, 0, NULL, 0x80000000, 0xc0000080 },
        { "wrmsr efer, LME off in long mode", W_L0, CODE(0x0f, 0x30), EXC_GP, 0, NULL, EFER_SCE, 0xc0000080 },
        { "wrmsr lstar, not canonical", W_L0, CODE(0x0f, 0x30), EXC_GP, 0, NULL, 0, 0xc0000082, 0x1000000 },
        { "wrmsr lstar, 57 bits", W_L0, CODE(0x0f, 0x30), OK, OK, NULL, 0, 0xc0000082, 0x800000 },
        { "wrmsr fs_base", W_L0, CODE(0x0f, 0x30), OK, OK, NULL, 0x5678, 0xc0000100, 0x1234 },
        { "wrmsr pat, bad type", W_P0, CODE(0x0f, 0x30), EXC_GP, 0, NULL, 2, 0x277 },
        { "syscall", W_L3, CODE(0x0f, 0x05), OK, OK, syscall_set },
        { "syscall, compatibility mode", W_C3, CODE(0x0f, 0x05), EXC_UD, OK, syscall_set, .no_judge = true },
        { "sysretq", W_L0, CODE(0x48, 0x0f, 0x07), EXC_GP, 0, sysret_set, 0, W_TARGET },
        { "sysret", W_L0, CODE(0x0f, 0x07), EXC_GP, 0, sysret_set, 0, W_TARGET },
        { "sysretq, not canonical", W_L0, CODE(0x48, 0x0f, 0x07), EXC_GP, 0, sysret_set, 0, (u64)1 << 60 },
        { "sysenter", W_P3, CODE(0x0f, 0x34), OK, OK, sysenter_set },
        { "sysenter, no CS", W_P3, CODE(0x0f, 0x34), EXC_GP, 0, NULL },
        { "sysenter, 64-bit", W_L3, CODE(0x0f, 0x34), OK, OK, sysenter_set, .no_judge = true },
        { "sysenter, v86", W_V86, CODE(0x0f, 0x34), OK, OK, sysenter_set },
        { "sysenter, real", W_REAL, CODE(0x0f, 0x34), EXC_GP, OK, sysenter_set },
        { "sysexit", W_P0, CODE(0x0f, 0x35), EXC_GP, 0, sysenter_set, 0, W_STACK3, W_TARGET },
        { "sysexit at CPL 3", W_P3, CODE(0x0f, 0x35), EXC_GP, 0, sysenter_set },
        { "swapgs", W_L0, CODE(0x0f, 0x01, 0xf8), OK, OK, gs_swap },
        { "swapgs at CPL 3", W_L3, CODE(0x0f, 0x01, 0xf8), EXC_GP, 0, gs_swap },
        { "rdfsbase", W_L3, CODE(0xf3, 0x48, 0x0f, 0xae, 0xc0), EXC_GP, 0, fsgsbase, 5 },
        { "rdfsbase, off", W_L3, CODE(0xf3, 0x48, 0x0f, 0xae, 0xc0), EXC_UD, OK, NULL },
        { "wrgsbase, not canonical", W_L3, CODE(0xf3, 0x48, 0x0f, 0xae, 0xd8), EXC_GP, 0, fsgsbase, (u64)1 << 55 },
        { "wrgsbase", W_L0, CODE(0xf3, 0x48, 0x0f, 0xae, 0xd8), OK, OK, fsgsbase, 0x123456789 },
        { "xgetbv, off", W_P0, CODE(0x0f, 0x01, 0xd0), EXC_UD, OK, NULL },
        { "xgetbv, no such", W_P0, CODE(0x0f, 0x01, 0xd0), EXC_GP, 0, osxsave, 0, 7 },
        { "xsetbv without x87", W_P0, CODE(0x0f, 0x01, 0xd1), EXC_GP, 0, osxsave, 2 },
        { "xsetbv AVX without SSE", W_P0, CODE(0x0f, 0x01, 0xd1), EXC_GP, 0, osxsave, 5 },
        { "clac at CPL 3", W_L3, CODE(0x0f, 0x01, 0xca), EXC_UD, OK, NULL },
        { "stac", W_L0, CODE(0x0f, 0x01, 0xcb), OK, OK, NULL },
        { "rdpkru, off", W_L0, CODE(0x0f, 0x01, 0xee), EXC_UD, OK, NULL },
        { "invlpg at CPL 3", W_P3, CODE(0x0f, 0x01, 0x38), EXC_GP, 0, NULL },
        { "wbinvd at CPL 3", W_P3, CODE(0x0f, 0x09), EXC_GP, 0, NULL },
        { "rsm", W_P0, CODE(0x0f, 0xaa), EXC_UD, OK, NULL },
        { "invpcid, type", W_L0, CODE(0x66, 0x0f, 0x38, 0x82, 0x0c, 0x25, 0, 0x70, 0, 0), EXC_GP, 0, NULL, 0, 4 },
    };
    ALL(rows);
}

/* --- paging ------------------------------------------------------------------------------------------------------------------ */

#define PTE(w, page) (W_PT + 0x3000 + 8 * (page))
static void pte(struct world *w, u64 set, u64 clear)
{
    u64 at = W_PT + 0x3000 + 8 * (W_DATA >> 12);
    w_put(w, at, 8, (w_get(w, at, 8) & ~clear) | set);
}
static void upper(struct world *w, unsigned table, u64 set, u64 clear)
{
    u64 at = W_PT + 0x1000 * table;
    w_put(w, at, 8, (w_get(w, at, 8) & ~clear) | set);
}
static void p_absent(struct world *w, struct x86 *c) { pte(w, 0, 1); }
static void p_ro(struct world *w, struct x86 *c) { pte(w, 0, 2); }
static void p_ro_nowp(struct world *w, struct x86 *c) { pte(w, 0, 2); c->cr0 &= ~(u64)CR0_WP; }
static void p_super(struct world *w, struct x86 *c) { pte(w, 0, 4); }
static void p_super_pde(struct world *w, struct x86 *c) { upper(w, 2, 0, 4); w_put(w, W_PT + 0x2000, 8, W_PT + 0x3000 + 7); pte(w, 0, 4); }
static void p_nx(struct world *w, struct x86 *c) { pte(w, BIT64(63), 0); w_put(w, W_DATA, 1, 0xf4); }
static void p_nx_off(struct world *w, struct x86 *c) { pte(w, BIT64(63), 0); c->efer &= ~(u64)EFER_NXE; }
static void p_wide(struct world *w, struct x86 *c) { pte(w, BIT64(51), 0); }
static void p_ps_pml4(struct world *w, struct x86 *c) { upper(w, 0, 0x80, 0); }
static void p_absent_pd(struct world *w, struct x86 *c) { c->r[X86_AX] = 0x200000; }
static void p_absent_pml4(struct world *w, struct x86 *c) { c->r[X86_AX] = 0x8000000000; }
static void p_2m(struct world *w, struct x86 *c) { w_put(w, W_PT + 0x2008, 8, 0x87); c->r[X86_AX] = 0x207000; }
static void p_2m_reserved(struct world *w, struct x86 *c) { w_put(w, W_PT + 0x2008, 8, 0x2087); c->r[X86_AX] = 0x207000; }
static void p_1g(struct world *w, struct x86 *c) { w_put(w, W_PT + 0x1008, 8, 0x87); c->r[X86_AX] = 0x40007000; }
static void p_1g_reserved(struct world *w, struct x86 *c) { w_put(w, W_PT + 0x1008, 8, 0x4087); c->r[X86_AX] = 0x40007000; }
static void p_avail(struct world *w, struct x86 *c) { pte(w, (u64)0x7ff << 52, 0); }
static void all_super(struct world *w, struct x86 *c)
{
    for (unsigned n = 0; n < 256; n++)
        if (n != W_DATA >> 12)
            w_put(w, PTE(w, n), 8, n << 12 | 3);
}
static void smep(struct world *w, struct x86 *c) { all_super(w, c); c->cr4 |= CR4_SMEP; w_put(w, W_DATA, 1, 0xf4); }
static void smap(struct world *w, struct x86 *c) { all_super(w, c); c->cr4 |= CR4_SMAP; }
static void smap_ac(struct world *w, struct x86 *c) { smap(w, c); c->rflags |= X86_AC; }
static void pku_ad(struct world *w, struct x86 *c) { c->cr4 |= CR4_PKE; pte(w, (u64)5 << 59, 0); c->pkru = 1u << 10; }
static void cross(struct world *w, struct x86 *c) { p_absent(w, c); c->r[X86_AX] = W_DATA - 2; }
static void gdt_absent(struct world *w, struct x86 *c)
{
    w_put(w, PTE(w, W_DATA >> 12), 8, 0);
    memcpy(w->ram->host + 0x8000, w->ram->host + W_GDT, S_LAST);
    c->gdtr.base = W_DATA - S_DATA0 + 4096 - 4096; /* the handlers' descriptor is still on a page that is there */
}
static void idt_page_absent(struct world *w, struct x86 *c) { w_put(w, PTE(w, 2), 8, 0); }
static void tss_page_absent(struct world *w, struct x86 *c) { w_put(w, PTE(w, 3), 8, 0); }
static void inner_stack_absent(struct world *w, struct x86 *c) { w_put(w, W_TSS + 4, 8, W_DATA + 0x800); p_absent(w, c); w_put(w, W_IDT + 16 * EXC_DF + 4, 1, 1); w_put(w, W_IDT + 16 * EXC_PF + 4, 1, 1); }
static void pf_stack_absent(struct world *w, struct x86 *c) { w_put(w, W_TSS + 4, 8, W_DATA + 0x800); p_absent(w, c); w_put(w, W_IDT + 16 * EXC_DF + 4, 1, 1); }

static void ac_am(struct world *w, struct x86 *c) { c->cr0 |= CR0_AM; c->rflags |= X86_AC; }
static void ac_am_absent(struct world *w, struct x86 *c) { ac_am(w, c); p_absent(w, c); }
static void cmps_flags(struct x86 *c, u64 at)
{
    c->r[X86_SI] = W_STACK1;
    c->r[X86_DI] = at;
    c->rflags |= X86_CF | X86_PF | X86_OF;
}
static void cmps_into_absent(struct world *w, struct x86 *c) { cmps_flags(c, W_DATA - 4); p_absent(w, c); }
static void cmps_stepped(struct world *w, struct x86 *c) { cmps_flags(c, W_DATA - 4); c->rflags |= X86_TF; }

#define LOAD 0x8b, 0x08
#define STORE 0x89, 0x08
static void paging(void)
{
    static const struct row rows[] = {
        { "load", W_L3, CODE(LOAD), EXC_GP, 0, NULL, W_DATA },
        { "store sets D", W_L3, CODE(STORE), EXC_GP, 0, NULL, W_DATA },
        { "absent", W_L0, CODE(LOAD), EXC_PF, 0, p_absent, W_DATA },
        { "absent, store", W_L0, CODE(STORE), EXC_PF, 2, p_absent, W_DATA },
        { "absent, CPL 3", W_L3, CODE(STORE), EXC_PF, 6, p_absent, W_DATA },
        { "absent, fetch", W_L3, CODE(0xff, 0xe0), EXC_PF, 0x14, p_absent, W_DATA },
        { "absent at PD", W_L0, CODE(LOAD), EXC_PF, 0, p_absent_pd },
        { "absent at PML4", W_L0, CODE(LOAD), EXC_PF, 0, p_absent_pml4 },
        { "read-only", W_L0, CODE(STORE), EXC_PF, 3, p_ro, W_DATA },
        { "read-only, WP=0", W_L0, CODE(STORE), OK, OK, p_ro_nowp, W_DATA },
        { "read-only, CPL 3", W_L3, CODE(STORE), EXC_PF, 7, p_ro_nowp, W_DATA },
        { "supervisor", W_L3, CODE(LOAD), EXC_PF, 5, p_super, W_DATA },
        { "supervisor, PTE", W_L0, CODE(STORE), OK, OK, p_super_pde, W_DATA },
        { "XD", W_L0, CODE(0xff, 0xe0), EXC_PF, 0x11, p_nx, W_DATA },
        { "XD, load", W_L0, CODE(LOAD), OK, OK, p_nx, W_DATA },
        { "XD with NXE=0", W_L0, CODE(LOAD), EXC_PF, 9, p_nx_off, W_DATA },
        { "wider than physical addresses", W_L0, CODE(STORE), EXC_PF, 0xb, p_wide, W_DATA },
        { "PS in the PML4", W_L0, CODE(LOAD), -2, OK, p_ps_pml4, W_DATA },
        { "bits that are free", W_L0, CODE(STORE), OK, OK, p_avail, W_DATA },
        { "2 MiB", W_L0, CODE(STORE), OK, OK, p_2m },
        { "2 MiB, reserved", W_L0, CODE(STORE), EXC_PF, 0xb, p_2m_reserved },
        { "1 GiB", W_L0, CODE(STORE), OK, OK, p_1g },
        { "1 GiB, reserved", W_L0, CODE(STORE), EXC_PF, 0xb, p_1g_reserved },
        { "SMEP", W_L0, CODE(0xff, 0xe0), EXC_PF, 0x11, smep, W_DATA },
        { "SMAP, load", W_L0, CODE(LOAD), EXC_PF, 1, smap, W_DATA },
        { "SMAP, store", W_L0, CODE(STORE), EXC_PF, 3, smap, W_DATA },
        { "SMAP, AC", W_L0, CODE(STORE), OK, OK, smap_ac, W_DATA },
        { "protection key", W_L3, CODE(LOAD), EXC_PF, 0x25, pku_ad, W_DATA, .no_judge = true },
        { "not aligned, AC", W_L3, CODE(STORE), EXC_AC, 0, ac_am, W_DATA + 1 },
        { "not aligned, AC, across pages", W_L3, CODE(LOAD), EXC_AC, 0, ac_am_absent, W_DATA - 1 },
        { "not aligned, AC, compatibility mode", W_C3, CODE(LOAD), EXC_AC, 0, ac_am, W_DATA + 2 },
        { "not aligned, 16 bits, AC", W_L3, CODE(0x66, LOAD), EXC_GP, 0, ac_am, W_DATA + 2 }, /* hlt */
        { "not aligned, AC, CPL 0", W_L0, CODE(STORE), OK, OK, ac_am, W_DATA + 1 },
        { "stack not aligned, AC", W_L3, CODE(0x48, 0x89, 0xc4, 0x50), EXC_AC, 0, ac_am, W_DATA + 1 },
        { "across pages", W_L0, CODE(STORE), EXC_PF, 2, cross },
        { "segment load, table absent", W_L0, CODE(0x8e, 0xd8), -2, OK, gdt_absent, S_DATA0, .no_judge = true },
        { "IDT absent", W_L0, CODE(0xcd, 0x80), -2, OK, idt_page_absent },
        { "TSS absent", W_L3, CODE(0xcd, 0x80), -2, OK, tss_page_absent },
        { "repe cmps, the second absent", W_L3, CODE(0xf3, 0xa6), EXC_PF, 4, cmps_into_absent, 0, 9 },
        { "repne scas, the second absent", W_L0, CODE(0xf2, 0xaf), EXC_PF, 0, cmps_into_absent, 7, 9 },
        { "repe cmps, stepped", W_L3, CODE(0xf3, 0xa6), EXC_DB, OK, cmps_stepped, 0, 9 },
        { "inner stack absent", W_L3, CODE(0xcd, 0x80), EXC_PF, 2, inner_stack_absent },
        { "inner stack absent, double fault", W_L3, CODE(0xcd, 0x80), EXC_DF, 0, pf_stack_absent },
    };
    ALL(rows);
}

/* --- ports ---------------------------------------------------------------------------------------------------------------------- */

static void io_denied(struct world *w, struct x86 *c) { w_put(w, W_TSS + 0x88 + 0x60 / 8, 1, 2); }
static void io_beyond(struct world *w, struct x86 *c) { c->seg[X86_TR].limit = 0x88 + 0x60 / 8; }
static void io_none(struct world *w, struct x86 *c) { w_put(w, W_TSS + 102, 2, 0xffff); }
static void io_short(struct world *w, struct x86 *c) { c->seg[X86_TR].limit = 0x66; }

static void ports(void)
{
    static const struct row rows[] = {
        { "in at CPL 3", W_P3, CODE(0xe4, 0x60), EXC_GP, 0, NULL }, /* allowed, then hlt */
        { "in, denied", W_P3, CODE(0xe4, 0x61), EXC_GP, 0, io_denied },
        { "in, neighbour", W_P3, CODE(0xe4, 0x60), EXC_GP, 0, io_denied },
        { "in 16, denied", W_P3, CODE(0x66, 0xe5, 0x60), EXC_GP, 0, io_denied },
        { "in, beyond", W_P3, CODE(0xe4, 0x60), EXC_GP, 0, io_beyond },
        { "in, no bitmap", W_P3, CODE(0xe4, 0x60), EXC_GP, 0, io_none },
        { "in, TSS too short", W_P3, CODE(0xe4, 0x60), EXC_GP, 0, io_short },
        { "in, IOPL 3", W_P3, CODE(0xe4, 0x61), EXC_GP, 0, iopl3 },
        { "in, v86, IOPL 3, denied", W_V86, CODE(0xe4, 0x61), EXC_GP, 0, io_denied },
        { "in, 64-bit", W_L3, CODE(0xe4, 0x61), EXC_GP, 0, io_denied },
        { "in eax", W_P0, CODE(0xed), OK, OK, NULL, 0, 0, 0x1234 },
        { "out", W_P0, CODE(0xee), OK, OK, NULL, 0, 0, 0x1234 },
    };
    ALL(rows);
}

/* --- anything at all ------------------------------------------------------------------------------------------------------------ */

/* What must hold after any instruction in any state. */
static bool sane(const struct x86 *c)
{
    unsigned cpl = c->cpl;
    if (c->r[X86_NONE] || c->activity > X86_SHUTDOWN || cpl > 3)
        return false;
    if (!x86_protected(c))
        return cpl == 0;
    if (x86_v86(c))
        return cpl == 3 && !x86_long(c);
    if (c->seg[X86_SS].valid && c->seg[X86_SS].dpl != cpl)
        return false;
    return x86_long(c) ? (c->cr0 & CR0_PG) && (c->cr4 & CR4_PAE) : !c->seg[X86_CS].l || c->code_bits != 64;
}

/* Random bytes in descriptors, gates, TSS and page tables, random registers, an instruction of the kinds above: it ends
 * somewhere, in a state that can be. */
static void fuzz(void)
{
    static const u8 ops[][3] = {
        { 1, 0x8e }, { 2, 0x0f, 0x00 }, { 2, 0x0f, 0x01 }, { 2, 0x0f, 0x02 }, { 2, 0x0f, 0x03 }, { 2, 0x0f, 0x20 }, { 2, 0x0f, 0x22 },
        { 2, 0x0f, 0x23 }, { 2, 0x0f, 0x30 }, { 2, 0x0f, 0x32 }, { 2, 0x0f, 0x34 }, { 2, 0x0f, 0x35 }, { 2, 0x0f, 0x05 },
        { 2, 0x0f, 0x07 }, { 1, 0xcd }, { 1, 0xcf }, { 1, 0xcb }, { 1, 0xca }, { 1, 0x9a }, { 1, 0xea }, { 1, 0xff }, { 1, 0xcc },
        { 1, 0x9d }, { 1, 0xfb }, { 1, 0x6d }, { 1, 0x6f }, { 1, 0xe5 }, { 1, 0x1f }, { 1, 0x17 }, { 2, 0x0f, 0xb2 }, { 2, 0x0f, 0xaa },
        { 2, 0x0f, 0x0b }, { 1, 0xa3 }, { 1, 0xc5 }, { 2, 0x0f, 0xc7 }, { 2, 0x0f, 0xae },
    };
    struct world w;
    u64 rng = 42;
    unsigned bad = 0;
    w_new(&w, "max");
    for (unsigned n = 0; n < 20000 && bad < 5; n++) {
        struct x86 *c = w.c;
        u64 r = rng_next(&rng);
        w_mode(&w, (enum w_mode)(r % W_MODES));
        for (unsigned k = 0; k < 16; k++) {
            u64 v = rng_next(&rng);
            if (k != X86_SP || v % 8 == 0)
                c->r[k] = v % 3 == 0 ? v >> 40 & 0xff : v % 3 == 1 ? v >> 20 & 0xfffff : v;
        }
        static const u32 tables[] = { W_GDT, W_IDT, W_TSS, W_PT, W_PT + 0x2000, W_PT + 0x3000, W_STACK0 - 0x200, W_STACK3, W_TSS2 };
        for (unsigned k = rng_next(&rng) % 24; k > 0; k--) {
            u64 v = rng_next(&rng), at = tables[v % ARRAY_LEN(tables)] + (v >> 8) % 0x100;
            if (v >> 63)
                w_put(&w, at, 1, w_get(&w, at, 1) ^ (u64)1 << (v >> 20 & 7));
            else
                w_put(&w, at & ~(u64)3, 4, v >> 24 & (v >> 60 & 1 ? 0xff : 0xffff));
        }
        u8 code[16];
        u64 a = rng_next(&rng), b = rng_next(&rng);
        memcpy(code, &a, 8);
        memcpy(code + 8, &b, 8);
        const u8 *op = ops[(r >> 8) % ARRAY_LEN(ops)];
        unsigned at = 0;
        if (r >> 20 & 1)
            code[at++] = 0x66;
        if ((r >> 21 & 1) && c->code_bits == 64)
            code[at++] = 0x48;
        memcpy(code + at, op + 1, op[0]);
        if (op[1] == 0x9a || op[1] == 0xea)
            store_le(code + at + 5, 2, (r >> 24) % (S_LAST + 8));
        w_code(&w, code, 14);
        if (r >> 22 & 1)
            c->rflags |= r >> 40 & (X86_TF | X86_NT | X86_IOPL | X86_AC | X86_IF);
        w_run(&w);
        struct buf out = { 0 };
        x86_tell_story(c, NULL, &out);
        if (!sane(c) || !out.len) {
            bad++;
            printf("\n    %u: mode %u, code %02x %02x %02x %02x: cpl %u cs %04x ss %04x cr0 %llx", n, (unsigned)(r % W_MODES), code[0],
                   code[1], code[2], code[3], c->cpl, c->seg[X86_CS].selector, c->seg[X86_SS].selector, (unsigned long long)c->cr0);
        }
        buf_free(&out);
    }
    CU_ASSERT(bad == 0);
    w_free(&w);
}

static void untold(void) { CU_ASSERT(!judged || !judge.soft || kvm_all_asked(&score)); }

int main(void)
{
    CU_TestInfo tests[] = { { "segment registers", segments },     { "far transfers", far_transfers },
                            { "interrupts", interrupts },           { "returns", returns },
                            { "external interrupts", external },
                            { "flags", flags },                     { "registers", registers },
                            { "paging", paging },                   { "ports", ports },
                            { "anything at all", fuzz },            { "what KVM does not tell", untold },
                            CU_TEST_INFO_NULL };
    judged = kvm_open(&judge);
    if (judged)
        kvm_probe(&judge);
    else
        printf("no KVM (%s): the tables are checked alone\n", judge.why);
    int status = unit_main("x86 system instructions", tests);
    if (judged)
        printf("KVM%s: %u rows asked, %u agree in everything; %u are in the table of what it does not tell\n",
               judge.soft ? ", which has no hardware to ask" : "", score.asked, score.agree, score.untold);
    kvm_close(&judge);
    return status;
}
