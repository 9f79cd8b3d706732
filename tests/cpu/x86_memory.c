/* Accesses of x86 beside the fast ones: device and port accesses, the local APIC's page, A20, SMRAM, alignment checks, canonical
 * addresses, stores across pages that fault, address spaces that come and go; stop points, watchpoints and exact budgets. */
#include "tests/cpu/x86_rig.h"

/* One instruction sequence at CS:IP; runs to HLT, a stop, or max ticks. */
static void code(struct rig *r, const void *bytes, size_t n)
{
    rig_poke(r, x86_pc_of(r->c, r->c->rip), bytes, n);
}
#define CODE(r, ...) code(r, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }))

static bool faulted(struct x86 *c, unsigned vector, u32 error)
{
    return c->fault.vector == vector && c->fault.error == error;
}

static void test_devices(void)
{
    struct rig *r = rig_new("qemu64");
    struct x86 *c = r->c;
    rig_flat(r, true, 0x100000);
    u64 v;
    r->device_value = 0x11223344;
    CU_ASSERT(x86_load(c, X86_DS, RIG_DEVICE + 8, 4, &v) && v == 0x1122334c);
    r->device_sizes = r->device_reads = 0;
    CU_ASSERT(x86_load(c, X86_DS, RIG_DEVICE, 8, &v)); /* too wide: halves */
    CU_ASSERT(r->device_sizes == 4 && r->device_reads == 2 && v == 0x1122334811223344);
    r->device_sizes = 0;
    CU_ASSERT(x86_load(c, X86_DS, RIG_DEVICE + 1, 4, &v) && r->device_sizes == 1);
    CU_ASSERT(x86_load(c, X86_DS, RIG_DEVICE + 0x2000, 4, &v) && v == 0xffffffff); /* nobody answers */
    CU_ASSERT(x86_store(c, X86_DS, RIG_DEVICE + 0x2000, 8, 5));
    CU_ASSERT(x86_in(c, 0xe0, 1) == 0x50 && x86_in(c, 0xe0, 4) == 0x53525150 && x86_in(c, 0x1234, 2) == 0xffff);
    x86_out(c, 0xe0, 4, 0x04030201);
    CU_ASSERT(r->n_out == 4 && r->out[0] == 1 && r->out[3] == 4);
    x86_out(c, 0x300, 2, 1);
    u8 bytes[64];
    CU_ASSERT(x86_load_bytes(c, X86_DS, RIG_DEVICE + 0xff0, bytes, 32)); /* beyond its end: all ones */
    CU_ASSERT(bytes[16] == 0xff && bytes[31] == 0xff && bytes[0] != 0xff);
    rig_free(r);
}

static bool apic_read(void *opaque, u32 offset, u32 *value)
{
    *value = 0xabcd0000 + offset;
    return true;
}
static bool apic_write(void *opaque, u32 offset, u32 value)
{
    *(u32 *)opaque = offset + value;
    return true;
}
static u64 apic_base(void *opaque) { return 0xfee00900; }

static struct ram *the_smram;
static struct ram *smram(void *opaque, u64 *offset)
{
    *offset = 0;
    return opaque;
}

static void test_windows(void)
{
    struct rig *r = rig_new("qemu64");
    struct x86 *c = r->c;
    struct err e;
    u64 v;
    u32 written = 0;
    c->board.apic = (struct x86_apic){ .opaque = &written, .read = apic_read, .write = apic_write, .base = apic_base };
    the_smram = ram_new(r->a, "smram", 0x20000, false, &e);
    c->board.smram = smram;
    c->board.smram_opaque = the_smram;
    rig_flat(r, false, 0x100000);
    x86_flush_translations(c);
    CU_ASSERT(x86_load(c, X86_DS, 0xfee00020, 4, &v) && v == 0xabcd0020);
    CU_ASSERT(x86_load(c, X86_DS, 0xfee00020 + 2, 2, &v) && v == 0xabcd);
    CU_ASSERT(x86_store(c, X86_DS, 0xfee000b0, 4, 7) && written == 0xb7);
    CU_ASSERT(x86_load(c, X86_DS, 0xfee01020, 4, &v) && v == 0xffffffff);
    /* SMRAM is there in SMM only */
    CU_ASSERT(x86_store(c, X86_DS, 0xa0010, 4, 1));
    CU_ASSERT(x86_load(c, X86_DS, 0xa0010, 4, &v) && v == 1);
    c->smm = true;
    x86_flush_translations(c);
    CU_ASSERT(x86_load(c, X86_DS, 0xa0010, 4, &v) && v == 0);
    CU_ASSERT(x86_store(c, X86_DS, 0xa0010, 4, 2) && load_le(the_smram->host + 0x10, 4) == 2);
    c->smm = false;
    x86_flush_translations(c);
    CU_ASSERT(x86_load(c, X86_DS, 0xa0010, 4, &v) && v == 1);
    /* A20 */
    CU_ASSERT(x86_store(c, X86_DS, 0x123456, 4, 0x77));
    c->cpu.ops->set_irq(&c->cpu, X86_LINE_A20, false);
    CU_ASSERT(x86_load(c, X86_DS, 0x123456, 4, &v) && v == 0);
    CU_ASSERT(x86_store(c, X86_DS, 0x323456, 4, 0x78));
    c->cpu.ops->set_irq(&c->cpu, X86_LINE_A20, true);
    CU_ASSERT(x86_load(c, X86_DS, 0x123456, 4, &v) && v == 0x77);
    CU_ASSERT(x86_load(c, X86_DS, 0x223456, 4, &v) && v == 0x78);
    rig_free(r);
}

static void test_checks(void)
{
    struct rig *r = rig_new("qemu64");
    struct x86 *c = r->c;
    u64 v;
    rig_flat(r, true, 0x100000);
    CU_ASSERT(!x86_load(c, X86_DS, 0x7ffffffffffd, 8, &v) && faulted(c, EXC_GP, 0)); /* its end is not canonical */
    CU_ASSERT(!x86_load(c, X86_SS, (u64)1 << 47, 8, &v) && faulted(c, EXC_SS, 0));
    CU_ASSERT(!x86_load(c, X86_DS, 0x800000, 8, &v) && faulted(c, EXC_PF, 0) && c->fault.cr2 == 0x800000);
    /* Across pages: all or nothing, and the address of the page that is missing */
    CU_ASSERT(x86_store(c, X86_DS, 0x7ffff8, 8, 0x1111));
    CU_ASSERT(!x86_store(c, X86_DS, 0x7ffffc, 8, ~(u64)0) && faulted(c, EXC_PF, 2) && c->fault.cr2 == 0x800000);
    CU_ASSERT(x86_load(c, X86_DS, 0x7ffff8, 8, &v) && v == 0x1111);
    CU_ASSERT(!x86_store_check(c, X86_DS, 0x7ffffc, 8) && x86_store_check(c, X86_DS, 0x7ffff8, 8));
    /* Two pages that are not neighbours in RAM */
    rig_poke64(r, RIG_PT + 8 * 0x301, 0x400007);
    CU_ASSERT(x86_store(c, X86_DS, 0x300ffd, 8, 0x0807060504030201));
    CU_ASSERT(rig_peek(r, 0x300ffd, 3) == 0x030201 && rig_peek(r, 0x400000, 5) == 0x0807060504);
    CU_ASSERT(x86_load(c, X86_DS, 0x300ffd, 8, &v) && v == 0x0807060504030201);
    /* #AC */
    c->cr0 |= CR0_AM;
    x86_set_flags(c, 2 | X86_AC);
    CU_ASSERT(x86_load(c, X86_DS, 0x200001, 4, &v)); /* not at CPL 0 */
    c->cpl = 3;
    CU_ASSERT(!x86_load(c, X86_DS, 0x200001, 4, &v) && faulted(c, EXC_AC, 0));
    CU_ASSERT(x86_load(c, X86_DS, 0x200001, 1, &v) && x86_load(c, X86_DS, 0x200004, 4, &v));
    CU_ASSERT(x86_load_linear(c, 0x200001, 4, true, &v));
    x86_set_flags(c, 2);
    CU_ASSERT(x86_load(c, X86_DS, 0x200001, 4, &v));
    /* User and supervisor do not share what is kept */
    rig_poke64(r, RIG_PT + 8 * 0x302, 0x302003);
    CU_ASSERT(x86_load_linear(c, 0x302000, 8, true, &v));
    CU_ASSERT(!x86_load(c, X86_DS, 0x302000, 8, &v) && faulted(c, EXC_PF, 5));
    c->cpl = 0;
    CU_ASSERT(x86_load(c, X86_DS, 0x302000, 8, &v));
    /* SMAP, and AC that suspends it */
    c->cr4 |= CR4_SMAP;
    x86_flush_translations(c);
    CU_ASSERT(!x86_load(c, X86_DS, 0x200000, 8, &v) && faulted(c, EXC_PF, 1));
    x86_set_flags(c, 2 | X86_AC);
    CU_ASSERT(x86_load(c, X86_DS, 0x200000, 8, &v));
    CU_ASSERT(!x86_load_linear(c, 0x200000, 8, true, &v));
    x86_set_flags(c, 2);
    CU_ASSERT(!x86_load(c, X86_DS, 0x200000, 8, &v));
    rig_free(r);
}

/* Limits of segments that are not flat, and the 8086, which has none. */
static void test_segments(void)
{
    struct rig *r = rig_new("qemu64");
    u64 v;
    rig_real(r, 0, 0x1000);
    CU_ASSERT(x86_store(r->c, X86_DS, 0xffff, 1, 1) && x86_store(r->c, X86_DS, 0, 1, 2));
    CU_ASSERT(!x86_load(r->c, X86_DS, 0xffff, 2, &v) && r->c->fault.vector == EXC_GP);
    CU_ASSERT(!x86_load(r->c, X86_SS, 0xfffd, 4, &v) && r->c->fault.vector == EXC_SS);
    /* IP at the limit: the next instruction is beyond */
    r->c->rip = 0xfffe;
    CODE(r, 0x90, 0x90, 0xf4);
    rig_poke(r, 0x34, (const u8[]){ 0x00, 0x20, 0, 0 }, 4); /* #GP */
    rig_poke(r, 0x2000, "\xf4", 1);
    rig_run(r, 100);
    CU_ASSERT(r->c->activity == X86_HALTED && r->c->rip == 0x2001 && r->clock.now == 4 && r->c->cpu.trapped == 1);
    CU_ASSERT_EQUAL(rig_peek(r, (r->c->r[X86_SP] & 0xffff), 2), 0); /* IP pushed: 10000h */
    rig_free(r);

    r = rig_new("8086");
    rig_real(r, 0, 0x1000);
    CU_ASSERT(x86_store(r->c, X86_DS, 0xffff, 2, 0x3412));
    CU_ASSERT(rig_peek(r, 0xffff, 1) == 0x12 && rig_peek(r, 0, 1) == 0x34);
    CU_ASSERT(x86_load(r->c, X86_DS, 0xffff, 2, &v) && v == 0x3412);
    rig_free(r);
}

/* More address spaces than are kept, each with its own page at 0x200000; tables change while others are in use. */
static void test_spaces(void)
{
    struct rig *r = rig_new("qemu64");
    struct x86 *c = r->c;
    u64 v;
    rig_flat(r, true, 0x100000);
    enum { N = 7 };
    for (u64 k = 0; k < N; k++) {
        u64 base = 0x400000 + (k << 16);
        rig_poke64(r, base, (base + 0x1000) | 7);
        rig_poke64(r, base + 0x1000, (base + 0x2000) | 7);
        rig_poke64(r, base + 0x2000, RIG_PT | 7);                /* shared */
        rig_poke64(r, base + 0x2008, (base + 0x3000) | 7);
        rig_poke64(r, base + 0x3000, (0x600000 + (k << 12)) | 7);
        rig_poke64(r, 0x600000 + (k << 12), k);
    }
    for (unsigned turn = 0; turn < 40; turn++) {
        u64 k = turn * 5 % N, base = 0x400000 + (k << 16);
        c->cr3 = base;
        x86_flush_translations(c);
        CU_ASSERT(x86_load(c, X86_DS, 0x200000, 8, &v) && v == (turn < N * 2 || k != 3 ? k : 5));
        CU_ASSERT(x86_load(c, X86_DS, 0x1000, 8, &v)); /* through the shared table */
        if (turn == N * 2)
            rig_poke64(r, 0x430000 + 0x3000, 0x605007); /* of the space in use or not: nobody tells the CPU */
    }
    CU_ASSERT(x86_store(c, X86_DS, 0x1008, 8, 99));
    rig_poke64(r, RIG_PT + 8, 0x602007);
    for (u64 k = 0; k < N; k++) {
        c->cr3 = 0x400000 + (k << 16);
        CU_ASSERT(x86_load(c, X86_DS, 0x1000, 8, &v) && v == 2);
    }
    rig_free(r);
}

static void test_stops(void)
{
    struct rig *r = rig_new("qemu64");
    struct cpu *c = &r->c->cpu;
    rig_real(r, 0x100, 0x20); /* linear 0x1020 */
    CODE(r, 0x40, 0x40, 0xa3, 0x00, 0x30, 0x40, 0xf4); /* inc ax; inc ax; mov [3000h], ax; inc ax; hlt */
    u64 at = 0x1021;
    struct cpu_watch watch = { .addr = 0x3001, .len = 1, .access = CPU_WRITE };
    struct cpu_stops stops = { .code = &at, .n_code = 1, .watch = &watch, .n_watch = 1 };
    c->stops = &stops;
    c->ops->stops_changed(c);
    CU_ASSERT(rig_run(r, 100) == CPU_BREAK && c->hit.addr == 0x1021 && r->c->rip == 0x21 && r->clock.now == 1);
    CU_ASSERT(rig_run(r, 100) == CPU_WATCH && c->hit.addr == 0x3000 && c->hit.value == 2 && r->c->rip == 0x25);
    CU_ASSERT(rig_run(r, 100) == CPU_ATTENTION && r->clock.now == 5 && c->retired == 5); /* HLT with IF=0 kicks the clock */
    CU_ASSERT(rig_run(r, 100) == CPU_IDLE && r->clock.now == 5);
    rig_free(r);
}

/* STI holds interrupts off for one instruction, MOV SS too; a HLT wakes; NMI comes once until IRET. */
static void test_shadows(void)
{
    struct rig *r = rig_new("qemu64");
    struct cpu *c = &r->c->cpu;
    rig_real(r, 0, 0x1000);
    r->c->r[X86_SP] = 0x9000;
    rig_poke(r, 0x20 * 4, (const u8[]){ 0x00, 0x20, 0, 0 }, 4);
    rig_poke(r, 2 * 4, (const u8[]){ 0x00, 0x21, 0, 0 }, 4);
    rig_poke(r, 0x2000, (const u8[]){ 0x43, 0xcf }, 2);             /* inc bx; iret */
    rig_poke(r, 0x2100, (const u8[]){ 0x45, 0x45, 0x45, 0xcf }, 4); /* inc bp, 3 times; iret */
    CODE(r, 0xfb, 0x40, 0x40, 0xfa, 0x8e, 0xd1, 0xfb, 0xf4, 0x40, 0xf4); /* sti inc inc cli | mov ss, cx; sti; hlt; inc; hlt */
    c->ops->set_irq(c, X86_LINE_INTR, true);
    CU_ASSERT(rig_run(r, 2) == CPU_BUDGET && r->c->r[X86_AX] == 1 && r->acknowledged == 0);
    CU_ASSERT(rig_run(r, 1) == CPU_BUDGET && r->c->r[X86_BX] == 1 && r->acknowledged == 1);
    CU_ASSERT(rig_run(r, 100) == CPU_IDLE && r->c->rip == 0x1008 && r->c->r[X86_AX] == 2);
    c->ops->set_irq(c, X86_LINE_INTR, true);
    CU_ASSERT(c->ops->has_work(c));
    CU_ASSERT(rig_run(r, 100) == CPU_IDLE && r->c->rip == 0x100a && r->c->r[X86_BX] == 2 && r->c->r[X86_AX] == 3);
    c->ops->set_irq(c, X86_LINE_NMI, true);
    CU_ASSERT(rig_run(r, 1) == CPU_BUDGET && r->c->r[X86_BP] == 1);
    c->ops->set_irq(c, X86_LINE_NMI, true);
    CU_ASSERT(rig_run(r, 2) == CPU_BUDGET && r->c->r[X86_BP] == 3);
    CU_ASSERT(rig_run(r, 2) == CPU_BUDGET && r->c->r[X86_BP] == 4); /* after the IRET */
    rig_free(r);
}

/* REP: each iteration is a tick, one instruction retires. */
static void test_rep(void)
{
    struct rig *r = rig_new("qemu64");
    struct cpu *c = &r->c->cpu;
    rig_real(r, 0, 0x1000);
    CODE(r, 0xb9, 0x64, 0x00, 0xbf, 0x00, 0x40, 0xf3, 0xaa, 0x40, 0xf4); /* mov cx, 100; mov di, 4000h; rep stosb; inc ax; hlt */
    CU_ASSERT(rig_run(r, 12) == CPU_BUDGET);
    CU_ASSERT(r->c->r[X86_CX] == 90 && r->c->rip == 0x1006 && c->retired == 2 && r->clock.now == 12);
    CU_ASSERT(rig_run(r, 89) == CPU_BUDGET);
    CU_ASSERT(r->c->r[X86_CX] == 1 && r->c->rip == 0x1006 && c->retired == 2);
    CU_ASSERT(rig_run(r, 1) == CPU_BUDGET);
    CU_ASSERT(r->c->r[X86_CX] == 0 && r->c->rip == 0x1008 && c->retired == 3 && r->clock.now == 102);
    CU_ASSERT(rig_run(r, 100) == CPU_ATTENTION && c->retired == 5 && r->clock.now == 104);
    rig_free(r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "devices and ports", test_devices }, { "APIC, SMRAM, A20", test_windows }, { "checks", test_checks },
        { "segments", test_segments }, { "address spaces", test_spaces }, { "stop points", test_stops },
        { "shadows", test_shadows }, { "REP", test_rep }, CU_TEST_INFO_NULL,
    };
    return unit_main("x86 memory", tests);
}
