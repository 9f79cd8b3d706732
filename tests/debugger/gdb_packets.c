/* The gdb stub against a real machine, packet by packet. */
#include "machine/record.h"
#include "tests/debugger/gdb_ask.h"

static u64 pc_of(struct rig *r, unsigned hart)
{
    return r->m->cpus[hart]->ops->get_pc(r->m->cpus[hart]) & 0xffffffff;
}

static u64 reg(struct rig *r, const char *name)
{
    u64 v = 0;
    struct cpu *c = r->m->cpus[0];
    c->ops->reg_get(c, cpu_reg_named(c, name), &v);
    return v;
}

/* --- frames ---------------------------------------------------------------------------------------------------- */

static void frames(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    rig_bytes(&r, "$qC#b4", 6);
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$QC01#f5");
    rig_bytes(&r, "-", 1);
    CU_ASSERT_STRING_EQUAL(sent(&r), "$QC01#f5");
    rig_bytes(&r, "-", 1); /* only one more */
    CU_ASSERT_STRING_EQUAL(sent(&r), "");
    rig_bytes(&r, "$qC#b5", 6);
    CU_ASSERT_STRING_EQUAL(sent(&r), "-");
    rig_bytes(&r, "$qC#zz", 6);
    CU_ASSERT_STRING_EQUAL(sent(&r), "-");
    rig_bytes(&r, "+noise\x03$qX$qC#b4+", 17); /* a frame begins anew; 0x03 means nothing to a machine that stands */
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$QC01#f5");
    for (const char *p = "$qC#B4"; *p; p++) /* byte by byte, capital digits */
        rig_bytes(&r, p, 1);
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$QC01#f5");
    CU_ASSERT_FALSE(r.interrupted);

    char *huge = malloc(100002);
    memset(huge, 'm', 100001);
    huge[100001] = 0;
    rig_packet(&r, huge);
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$E16#ac");
    free(huge);

    CU_ASSERT(says(&r, "QStartNoAckMode", "OK"));
    sent(&r);
    rig_bytes(&r, "$qC#b4", 6);
    CU_ASSERT_STRING_EQUAL(sent(&r), "$QC01#f5");
    rig_bytes(&r, "-$qC#00", 7); /* sums are not looked at any more */
    CU_ASSERT_STRING_EQUAL(sent(&r), "$QC01#f5");
    rig_close(&r);
}

static void unknown(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    static const char *const packets[] = { "", "vMustReplyEmpty", "qSymbol::", "qTStatus", "vFile:open:", "R00",
                                           "Z9,0,1", "j",
                                           "qCRC:0,1", "vContinue", "QNonStop:1", "gg" };
    for (size_t i = 0; i < ARRAY_LEN(packets); i++)
        CU_ASSERT(says(&r, packets[i], ""));
    static const char *const wrong[] = { "m", "m1", "m1,", "mx,1", "m11111111111111111,1", "M80001000,4:1",
                                         "M80001000,1:zz",
                                         "p", "P", "P1", "P1=", "P1=00", "G", "G00", "Z0", "Z0,1", "Z2,80001000,0",
                                         "vCont;",
                                         "vCont;x", "vCont;r", "vCont;r1,", "H", "Hx1", "Hg9", "T0", "T9",
                                         "qThreadExtraInfo,9", "qXfer:features:read:other.xml:0,10", "qRcmd,0",
                                         "p5000" };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        const char *got = ask(&r, wrong[i]);
        CU_ASSERT(got && *got == 'E');
        if (!got || *got != 'E')
            fprintf(stderr, "\n  %s: %s\n", wrong[i], got ? got : "(no frame)");
    }
    CU_ASSERT_FALSE(gdb_stub_running(r.stub));
    CU_ASSERT(says(&r, "qSupported:error-message+",
                   "PacketSize=4000;QStartNoAckMode+;qXfer:features:read+;qXfer:memory-map:read+;swbreak+;hwbreak+;vContSupported+;"
                   "error-message+"));
    CU_ASSERT(says(&r, "p5000", "E.this hart has no register of that number"));
    rig_close(&r);
}

/* --- registers and memory -------------------------------------------------------------------------------------- */

static void description(const char *cpu, unsigned xlen, bool has_float, bool has_double)
{
    struct rig r;
    char part[64];
    struct buf xml = { 0 };
    rig_open(&r, cpu, xlen, 1);
    rig_document(&r, "features:read:target.xml", &xml);
    const char *text = buf_cstr(&xml);
    CU_ASSERT(strstr(text, xlen == 64 ? "<architecture>riscv:rv64<" : "<architecture>riscv:rv32<") != NULL);
    CU_ASSERT(strstr(text, xlen == 64 ? "\"pc\" bitsize=\"64\" type=\"code_ptr\" regnum=\"32\""
                                      : "\"pc\" bitsize=\"32\" type=\"code_ptr\" regnum=\"32\"") != NULL);
    CU_ASSERT_EQUAL(strstr(text, "org.gnu.gdb.riscv.fpu") != NULL, has_float);
    CU_ASSERT_EQUAL(strstr(text, "\"riscv_double\" regnum=\"33\"") != NULL, has_double);
    CU_ASSERT(strstr(text, "\"mstatus_fields\" regnum=\"833\"") != NULL); /* 65 + 0x300 */
    CU_ASSERT(strstr(text, "<field name=\"MPP\" start=\"11\" end=\"12\"") != NULL);
    CU_ASSERT(strstr(text, "name=\"priv\"") != NULL);
    /* Every register of the model is in there once, and can be read by its number. */
    unsigned n = 0;
    const struct cpu_reg *regs = r.m->cpus[0]->ops->regs(r.m->cpus[0]);
    for (; regs[n].name; n++) {
        snprintf(part, sizeof part, "<reg name=\"%s\" bitsize=\"%u\"", regs[n].name, regs[n].bits);
        const char *at = strstr(text, part);
        CU_ASSERT_FATAL(at != NULL);
        CU_ASSERT(strstr(at + 1, part) == NULL);
        snprintf(part, sizeof part, "p%lx", strtoul(strstr(at, "regnum=\"") + 8, NULL, 10));
        const char *got = ask(&r, part);
        CU_ASSERT(got && strlen(got) == regs[n].bits / 4);
    }
    CU_ASSERT(n > 60);
    snprintf(part, sizeof part, "qXfer:features:read:target.xml:%zx,1000", xml.len + 5);
    CU_ASSERT(says(&r, part, "l"));
    buf_free(&xml);
    rig_close(&r);
}

static void descriptions(void)
{
    description("rv64", 64, true, true);
    description("rv32", 32, true, true);
    description("rv64,d=off", 64, true, false);
    description("rv32,f=off,d=off", 32, false, false);
}

static void drop(void *opaque, const void *bytes, size_t n) {}

/* What is recorded is looked at and not changed. */
static void recorded(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    recorder_new(r.m, "", 1000000, drop, NULL);
    u64 before = machine_hash(r.m);
    CU_ASSERT(says(&r, "P5=efcdab8967452301", "E16"));
    CU_ASSERT(says(&r, "M80001000,4:01020304", "E16"));
    CU_ASSERT(says(&r, "M80001000,0:", "OK"));
    CU_ASSERT(says(&r, "P1041=0100000000000000", "E16"));
    char all[1 + 33 * 16 + 1] = "G";
    memset(all + 1, '0', 33 * 16);
    CU_ASSERT(says(&r, all, "E16"));
    CU_ASSERT_EQUAL(machine_hash(r.m), before);
    recorder_end(r.m->recorder, r.m, NULL);
    CU_ASSERT(says(&r, "M80001000,4:01020304", "OK"));
    CU_ASSERT(says(&r, "P5=efcdab8967452301", "OK"));
    CU_ASSERT_NOT_EQUAL(machine_hash(r.m), before);
    rig_close(&r);
}

static void registers(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    const char *g = ask(&r, "g");
    CU_ASSERT_FATAL(g && strlen(g) == 33 * 16);
    CU_ASSERT(!strcmp(g + 32 * 16, "0000008000000000"));
    CU_ASSERT(says(&r, "P5=efcdab8967452301", "OK"));
    CU_ASSERT_EQUAL(reg(&r, "t0"), 0x0123456789abcdef);
    CU_ASSERT(says(&r, "p5", "efcdab8967452301"));
    char all[1 + 33 * 16 + 1] = "G";
    for (unsigned i = 0; i < 33; i++)
        snprintf(all + 1 + 16 * i, 17, "%02x00000000000000", i == 32 ? 0x40 : i + 1);
    CU_ASSERT(says(&r, all, "OK"));
    CU_ASSERT_EQUAL(reg(&r, "t0"), 6);
    CU_ASSERT_EQUAL(reg(&r, "zero"), 0);
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x40);
    CU_ASSERT(says(&r, "P0=0100000000000000", "OK"));
    CU_ASSERT(says(&r, "p0", "0000000000000000"));
    CU_ASSERT(says(&r, "P381=7856341200000000", "OK")); /* mscratch: 65 + 0x340 */
    CU_ASSERT_EQUAL(reg(&r, "mscratch"), 0x12345678);
    CU_ASSERT(says(&r, "P21=000000000000f03f", "OK")); /* ft0 */
    CU_ASSERT(says(&r, "p21", "000000000000f03f"));
    CU_ASSERT(says(&r, "p1041", "0300000000000000")); /* priv: M */
    CU_ASSERT(says(&r, "P1041=0100000000000000", "OK"));
    CU_ASSERT_STRING_EQUAL(r.m->cpus[0]->ops->privilege_name(r.m->cpus[0]), "S");
    CU_ASSERT(says(&r, "P1041=0200000000000000", "E16"));
    rig_close(&r);
    rig_open(&r, NULL, 32, 1);
    g = ask(&r, "g");
    CU_ASSERT(g && strlen(g) == 33 * 8 && !strcmp(g + 32 * 8, "00000080"));
    CU_ASSERT(says(&r, "P5=000000ff", "OK"));
    CU_ASSERT(says(&r, "p5", "000000ff"));
    rig_close(&r);
}

static void memory(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    CU_ASSERT(says(&r, "m80000000,8", "9382120017130000"));
    CU_ASSERT(says(&r, "M80002000,3:010203", "OK"));
    CU_ASSERT(says(&r, "m80001fff,5", "0001020300"));
    CU_ASSERT(says(&r, "m0,4", "E0e"));
    CU_ASSERT(says(&r, "M0,1:00", "E0e"));
    CU_ASSERT(says(&r, "mffffffffffffffff,4", "E0e"));
    CU_ASSERT(says(&r, "m80000000,0", ""));
    CU_ASSERT(says(&r, "X80000000,0:", "OK"));
    const char *got = ask(&r, "m80000000,ffffffffffffffff"); /* as much as fits */
    CU_ASSERT(got && strlen(got) > 0x3000 && strlen(got) <= 0x4000);
    got = ask(&r, "m80fffffe,10"); /* to the end of memory */
    CU_ASSERT(got && strlen(got) == 4);
    /* X with the escaped characters and a 0x03 that is data. */
    u8 x[] = "$X80002000,5:}\x03}\x04}]\x03Z#00", sum = 0;
    size_t n = sizeof x - 1;
    for (size_t i = 1; i < n - 3; i++)
        sum = (u8)(sum + x[i]);
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", sum);
    memcpy(x + n - 2, digits, 2);
    sent(&r);
    rig_bytes(&r, x, n);
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$OK#9a");
    CU_ASSERT(says(&r, "m80002000,5", "23247d035a"));
    /* Code that gdb writes is what runs, also where it has run before. */
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT(says(&r, "P20=0000008000000000", "OK"));
    CU_ASSERT(says(&r, "M80000000,4:93824200", "OK")); /* addi t0, t0, 4 */
    u64 t0 = reg(&r, "t0");
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(reg(&r, "t0"), t0 + 4);
    CU_ASSERT(says(&r, "Qqemu.PhyMemMode:1", "OK"));
    CU_ASSERT(says(&r, "qqemu.PhyMemMode", "1"));
    CU_ASSERT(says(&r, "m80002000,2", "2324"));
    rig_close(&r);
}

/* --- running --------------------------------------------------------------------------------------------------- */

static void breakpoints(unsigned xlen)
{
    struct rig r;
    rig_open(&r, NULL, xlen, 1);
    CU_ASSERT(says(&r, "?", "T05thread:01;"));
    CU_ASSERT(says(&r, "Z1,80000008,1", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000008);
    CU_ASSERT_EQUAL(reg(&r, "t0"), 1);
    CU_ASSERT(says(&r, "c", "T05thread:01;")); /* round the loop, not where it stands */
    CU_ASSERT_EQUAL(reg(&r, "t0"), 2);
    CU_ASSERT(says(&r, "Z0,8000000c,4", "OK"));
    CU_ASSERT(says(&r, "vCont;c", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x8000000c);
    ask(&r, "qSupported:swbreak+;hwbreak+");
    CU_ASSERT(says(&r, "C05", "T05thread:01;hwbreak:;"));
    CU_ASSERT(says(&r, "c", "T05thread:01;swbreak:;"));
    u8 insn[4];
    CU_ASSERT_EQUAL(cpu_peek(r.m->cpus[0], 0x8000000c, insn, 4), 4);
    CU_ASSERT_EQUAL(load_le(insn, 4), rig_program[3]); /* memory is not patched */
    CU_ASSERT(says(&r, "?", "T05thread:01;swbreak:;"));
    CU_ASSERT(says(&r, "z0,8000000c,4", "OK"));
    CU_ASSERT(says(&r, "z0,8000000c,4", "OK")); /* not there any more: fine */
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000010);
    CU_ASSERT(says(&r, "Z0,80000010,4", "OK")); /* under its feet and not reported yet */
    CU_ASSERT(says(&r, "c", "T05thread:01;swbreak:;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000010);
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000000);
    /* Stepping onto one reports it: going on goes on. */
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000008);
    CU_ASSERT(says(&r, "c", "T05thread:01;swbreak:;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000010);
    /* A jump to another one at the same instant meets it. */
    CU_ASSERT(says(&r, "c80000008", "T05thread:01;hwbreak:;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000008);
    CU_ASSERT(says(&r, "z1,80000008,1", "OK"));
    CU_ASSERT(says(&r, "z0,80000010,1", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;")); /* nothing left: interrupted by the rig */
    for (unsigned i = 0; i < 1024; i++) {
        char z[32];
        snprintf(z, sizeof z, "Z0,%x,4", 0x80100000 + 4 * i);
        CU_ASSERT(says(&r, z, "OK"));
    }
    CU_ASSERT(says(&r, "Z0,80200000,4", "E1c"));
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(r.m->stops.n_code, 1024);
    rig_detach(&r);
    CU_ASSERT_EQUAL(r.m->stops.n_code, 0);
    rig_close(&r);
}

static void breakpoints_64(void) { breakpoints(64); }
static void breakpoints_32(void) { breakpoints(32); }

static void watchpoints(unsigned xlen)
{
    struct rig r;
    rig_open(&r, NULL, xlen, 1);
    CU_ASSERT(says(&r, "Z2,80001000,4", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;watch:80001000;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x8000000c); /* behind the store */
    CU_ASSERT(says(&r, "c", "T05thread:01;watch:80001000;"));
    CU_ASSERT_EQUAL(reg(&r, "t0"), 2);
    CU_ASSERT(says(&r, "z2,80001000,4", "OK"));
    CU_ASSERT(says(&r, "Z3,80001002,1", "OK")); /* inside the word that is loaded */
    CU_ASSERT(says(&r, "c", "T05thread:01;rwatch:80001002;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000010);
    CU_ASSERT(says(&r, "z3,80001002,1", "OK"));
    CU_ASSERT(says(&r, "Z4,80000ff8,20", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;awatch:80001000;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x8000000c);
    CU_ASSERT(says(&r, "s", "T05thread:01;awatch:80001000;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000010);
    CU_ASSERT(says(&r, "z4,80000ff8,20", "OK"));
    CU_ASSERT(says(&r, "Z2,80001004,ffffffffffffffff", "OK")); /* everything behind it */
    CU_ASSERT(says(&r, "c", "T05thread:01;"));
    rig_close(&r);
}

static void watchpoints_64(void) { watchpoints(64); }
static void watchpoints_32(void) { watchpoints(32); }

static void stepping(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    static const u32 pcs[] = { 4, 8, 12, 16, 0, 4 };
    for (size_t i = 0; i < ARRAY_LEN(pcs); i++) {
        u64 before = r.m->clock.now;
        CU_ASSERT(says(&r, i % 2 ? "s" : "vCont;s:1", "T05thread:01;"));
        CU_ASSERT_EQUAL(pc_of(&r, 0), CODE + pcs[i]);
        CU_ASSERT_EQUAL(r.m->clock.now, before + 1);
    }
    CU_ASSERT(says(&r, "s80000010", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), CODE);
    CU_ASSERT(says(&r, "vCont;r80000000,80000010:1", "T05thread:01;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), CODE + 16);
    CU_ASSERT(says(&r, "vCont;r80000000,80000014:1;c", "T05thread:01;")); /* never leaves: the rig interrupts */
    CU_ASSERT(pc_of(&r, 0) <= CODE + 16);
    CU_ASSERT(says(&r, "vCont;r80000010,80000000:1", "T05thread:01;")); /* an empty range is one step */
    CU_ASSERT(says(&r, "vCont;t", "T05thread:01;"));
    /* An interrupt that is pending is taken by a step: nothing is masked. */
    struct cpu *c = r.m->cpus[0];
    CU_ASSERT(says(&r, "M80000100,4:6f000000", "OK"));                  /* j . */
    CU_ASSERT(says(&r, "P345=0800000000000000", "OK"));                 /* mie.MSIE: 65 + 0x304 */
    CU_ASSERT(says(&r, "P346=0001008000000000", "OK"));                 /* mtvec 0x80000100 */
    CU_ASSERT(says(&r, "P341=0800000000000000", "OK"));                 /* mstatus.MIE */
    c->ops->set_irq(c, 3, true);
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(reg(&r, "mcause"), (u64)1 << 63 | 3);
    CU_ASSERT_EQUAL(pc_of(&r, 0), CODE + 0x100);
    rig_close(&r);
}

static void interrupts(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    rig_bytes(&r, "$c#63", 5);
    CU_ASSERT(gdb_stub_running(r.stub) && !gdb_stub_step(r.stub));
    machine_run(r.m, r.m->clock.now + 12, true);
    rig_bytes(&r, "\x03", 1);
    CU_ASSERT(r.interrupted);
    rig_run(&r, 1000);
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$T05thread:01;#07");
    /* What came while it ran is answered when it stands. */
    rig_bytes(&r, "$c#63$qC#b4$s#73$qC#b4", 22);
    CU_ASSERT_STRING_EQUAL(sent(&r), "++++");
    rig_run(&r, 1000);
    CU_ASSERT_STRING_EQUAL(sent(&r), "$T05thread:01;#07$QC01#f5$T05thread:01;#07$QC01#f5");
    /* Too much of it is dropped, not kept. */
    rig_bytes(&r, "$c#63", 5);
    for (unsigned i = 0; i < 200000; i++)
        rig_bytes(&r, "$?#3f", 5);
    sent(&r);
    rig_run(&r, 1000);
    CU_ASSERT(strlen(sent(&r)) < 1 << 18);
    rig_bytes(&r, "$c#63", 5);
    rig_run(&r, 10);
    CU_ASSERT_FALSE(gdb_stub_running(r.stub));
    /* Text and the end. */
    rig_bytes(&r, "$c#63", 5);
    sent(&r);
    gdb_stub_say(r.stub, "hi");
    gdb_stub_exited(r.stub, 3, false);
    CU_ASSERT_STRING_EQUAL(sent(&r), "$O6869#2c$W03#ba");
    rig_bytes(&r, "$g#67", 5);
    CU_ASSERT_STRING_EQUAL(sent(&r), "");
    rig_close(&r);
}

static void threads(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 3);
    CU_ASSERT(says(&r, "qfThreadInfo", "m01,02,03"));
    CU_ASSERT(says(&r, "qsThreadInfo", "l"));
    CU_ASSERT(says(&r, "qThreadExtraInfo,2", "6861727431205b4d5d")); /* hart1 [M] */
    CU_ASSERT(says(&r, "T3", "OK"));
    CU_ASSERT(says(&r, "Hg2", "OK"));
    CU_ASSERT(says(&r, "qC", "QC02"));
    CU_ASSERT(says(&r, "P5=0010000000000000", "OK"));
    CU_ASSERT(says(&r, "Hg1", "OK"));
    CU_ASSERT(says(&r, "p5", "0000000000000000"));
    CU_ASSERT(says(&r, "Hgp1.2", "OK"));
    CU_ASSERT(says(&r, "p5", "0010000000000000"));
    CU_ASSERT(says(&r, "Hc-1", "OK"));
    CU_ASSERT(says(&r, "vCont;s:3", "T05thread:03;"));
    CU_ASSERT_EQUAL(pc_of(&r, 2), CODE + 4);
    CU_ASSERT(says(&r, "Hc2", "OK"));
    CU_ASSERT(says(&r, "s", "T05thread:02;"));
    CU_ASSERT(says(&r, "vCont;c:1;s:2;c", "T05thread:02;"));
    /* The breakpoint is reported by whoever meets it. */
    CU_ASSERT(says(&r, "Z0,80001100,4", "OK"));
    CU_ASSERT(says(&r, "M80001100,4:6f000000", "OK")); /* j . */
    CU_ASSERT(says(&r, "Hg3", "OK"));
    CU_ASSERT(says(&r, "P20=0011008000000000", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:03;"));
    CU_ASSERT(says(&r, "qC", "QC03"));
    rig_close(&r);
}

static void monitor(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 2);
    rig_packet(&r, "qRcmd,6563686f206869"); /* echo hi */
    CU_ASSERT_STRING_EQUAL(sent(&r), "+$O6869#2c$OK#9a");
    CU_ASSERT(says(&r, "Hg2", "OK"));
    rig_packet(&r, "qRcmd,6e6f73756368"); /* nosuch */
    const char *all = sent(&r);
    CU_ASSERT(!strncmp(all, "+$O", 3) && strstr(all, "#") && strstr(all, "$OK#9a"));
    /* Its breakpoints and gdb's live side by side. */
    rig_packet(&r, "qRcmd,627265616b202a30783830303030303063"); /* break *0x8000000c */
    CU_ASSERT(strstr(sent(&r), "$OK#9a") != NULL);
    CU_ASSERT(says(&r, "Z0,80000008,4", "OK"));
    ask(&r, "qSupported:swbreak+");
    const char *got = ask(&r, "c");
    CU_ASSERT(got && strstr(got, "swbreak:;"));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x80000008);
    got = ask(&r, "c");
    CU_ASSERT(got && !strstr(got, "swbreak:;") && !strncmp(got, "T05", 3));
    CU_ASSERT_EQUAL(pc_of(&r, 0), 0x8000000c);
    rig_detach(&r);
    CU_ASSERT(r.m->stops.n_code >= 1);
    for (size_t i = 0; i < r.m->stops.n_code; i++)
        CU_ASSERT(r.m->stops.code[i] != 0x80000008);
    rig_close(&r);
}

static void leaving(void)
{
    struct rig r;
    rig_open(&r, NULL, 64, 1);
    CU_ASSERT(says(&r, "Z1,80000008,1", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;"));
    CU_ASSERT_EQUAL(r.m->stops.n_code, 1);
    CU_ASSERT(says(&r, "D", "OK"));
    CU_ASSERT(r.left && !r.killed);
    CU_ASSERT_EQUAL(r.m->stops.n_code, 0);
    rig_bytes(&r, "$g#67", 5);
    CU_ASSERT_STRING_EQUAL(sent(&r), "");
    rig_detach(&r);
    rig_attach(&r);
    CU_ASSERT(says(&r, "vKill;1", "OK"));
    CU_ASSERT(r.left && r.killed);
    rig_detach(&r);
    rig_attach(&r);
    rig_bytes(&r, "$c#63$k#6b", 10); /* also while it runs */
    CU_ASSERT_STRING_EQUAL(sent(&r), "++");
    CU_ASSERT(r.left && r.killed && !gdb_stub_running(r.stub));
    rig_close(&r);
}

/* Looking at it does not change what the guest does. */
static void same_state(void)
{
    struct rig plain, r;
    rig_open(&plain, NULL, 64, 2);
    rig_open(&r, NULL, 64, 2);
    CU_ASSERT(says(&r, "Z0,80000008,4", "OK"));
    CU_ASSERT(says(&r, "Z2,80001000,4", "OK"));
    for (unsigned i = 0; i < 300; i++) {
        static const char *const steps[] = { "vCont;c", "vCont;s:1", "vCont;s:2", "c", "vCont;r80000000,8000000c:2",
                                             "g",
                                             "m80000000,100", "qXfer:features:read:target.xml:0,4000" };
        CU_ASSERT_PTR_NOT_NULL(ask(&r, steps[i * 7 % ARRAY_LEN(steps)]));
    }
    CU_ASSERT(r.m->clock.now > 200);
    machine_run(plain.m, r.m->clock.now, true);
    CU_ASSERT_EQUAL(machine_hash(plain.m), machine_hash(r.m));
    rig_close(&plain);
    rig_close(&r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "frames and acknowledgements", frames },
        { "packets it does not know, and wrong ones", unknown },
        { "target description", descriptions },
        { "registers", registers },
        { "memory", memory },
        { "breakpoints, 64 bits", breakpoints_64 },
        { "breakpoints, 32 bits", breakpoints_32 },
        { "watchpoints, 64 bits", watchpoints_64 },
        { "watchpoints, 32 bits", watchpoints_32 },
        { "stepping", stepping },
        { "interrupt, and packets while running", interrupts },
        { "threads", threads },
        { "monitor", monitor },
        { "detach and kill", leaving },
        { "the guest does not notice", same_state },
        { "recorded", recorded },
        CU_TEST_INFO_NULL,
    };
    return unit_main("gdb", tests);
}
