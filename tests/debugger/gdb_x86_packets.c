/* The gdb stub on a PC, packet by packet: one layout of registers in every mode, linear addresses, processors. */
#include "cpu/x86/show.h"
#include "tests/debugger/gdb_ask.h"

/* The number that the description gives a register; the text of its row. */
static unsigned number(struct rig *r, const char *name, char *row, size_t cap)
{
    struct buf xml = { 0 };
    char part[64];
    rig_document(r, "features:read:target.xml", &xml);
    snprintf(part, sizeof part, "<reg name=\"%s\" ", name);
    const char *at = strstr(buf_cstr(&xml), part);
    CU_ASSERT(at && !strstr(at + 1, part));
    snprintf(row, cap, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
    const char *n = strstr(row, "regnum=\"");
    buf_free(&xml);
    return n ? (unsigned)strtoul(n + 8, NULL, 10) : 0;
}

static const char *get(struct rig *r, const char *name)
{
    char row[256], packet[32];
    snprintf(packet, sizeof packet, "p%x", number(r, name, row, sizeof row));
    const char *got = ask(r, packet);
    return got ? got : "(no frame)";
}

static bool put(struct rig *r, const char *name, const char *digits)
{
    char row[256], packet[96];
    snprintf(packet, sizeof packet, "P%x=%s", number(r, name, row, sizeof row), digits);
    const char *got = ask(r, packet);
    return got && !strcmp(got, "OK");
}

static u64 own(struct rig *r, const char *name)
{
    u64 v = 0;
    struct cpu *c = r->m->cpus[0];
    c->ops->reg_get(c, cpu_reg_named(c, name), &v);
    return v;
}

/* --- the description ----------------------------------------------------------------------------------------------- */

static void description(const char *cpu, unsigned xlen, bool wide, bool sse, bool avx)
{
    struct rig r;
    char part[64];
    struct buf xml = { 0 }, other = { 0 };
    rig_open_x86(&r, cpu, xlen, 2);
    rig_document(&r, "features:read:target.xml", &xml);
    const char *text = buf_cstr(&xml);
    CU_ASSERT_EQUAL(strstr(text, "<architecture>i386:x86-64<") != NULL, wide);
    CU_ASSERT_EQUAL(strstr(text, "<architecture>") != NULL, wide); /* i386 or i8086 is for the user to say */
    CU_ASSERT_EQUAL(strstr(text, "\"rip\" bitsize=\"64\" type=\"code_ptr\" regnum=\"16\"") != NULL, wide);
    CU_ASSERT_EQUAL(strstr(text, "\"eip\" bitsize=\"32\" type=\"code_ptr\" regnum=\"8\"") != NULL, !wide);
    CU_ASSERT_EQUAL(strstr(text, "\"org.gnu.gdb.i386.sse\"") != NULL, sse);
    CU_ASSERT_EQUAL(strstr(text, "\"xmm7\"") != NULL, sse);
    CU_ASSERT_EQUAL(strstr(text, "\"xmm15\"") != NULL, sse && wide);
    CU_ASSERT_EQUAL(strstr(text, "\"org.gnu.gdb.i386.avx\"") != NULL, avx);
    CU_ASSERT_EQUAL(strstr(text, "\"ymm15h\"") != NULL, avx && wide);
    CU_ASSERT(strstr(text, "<feature name=\"org.orrery.x86.system\">") != NULL);
    CU_ASSERT_EQUAL(strstr(text, "name=\"lstar\"") != NULL, wide);
    /* Every register has a number of its own and the size that was promised. */
    unsigned n = 0, next = 0;
    for (const char *at = text; (at = strstr(at, "<reg name=\"")); at++, n++) {
        unsigned bits = (unsigned)strtoul(strstr(at, "bitsize=\"") + 9, NULL, 10);
        unsigned me = (unsigned)strtoul(strstr(at, "regnum=\"") + 8, NULL, 10);
        CU_ASSERT_EQUAL(me, next++);
        snprintf(part, sizeof part, "p%x", me);
        const char *got = ask(&r, part);
        CU_ASSERT(got && strlen(got) == bits / 4);
    }
    CU_ASSERT(n > 50);
    snprintf(part, sizeof part, "p%x", next);
    CU_ASSERT(says(&r, part, "E16"));
    /* All processors are of one kind, and a mode changes nothing. */
    const char *g = ask(&r, "g");
    CU_ASSERT(g && strlen(g) == (wide ? 17 * 16 : 9 * 8));
    CU_ASSERT(says(&r, "Hg2", "OK"));
    if (cpu_reg_named(r.m->cpus[0], "cr4") && wide) {
        CU_ASSERT(put(&r, "cr0", "1100008000000000"));
        CU_ASSERT(put(&r, "efer", "0005000000000000"));
        CU_ASSERT(put(&r, "cs_attr", "9b200100")); /* 64-bit code */
        CU_ASSERT_STRING_EQUAL(x86_mode_name(x86_of(r.m->cpus[1])), "64-bit mode");
        g = ask(&r, "g");
        CU_ASSERT(g && strlen(g) == 17 * 16);
    }
    rig_document(&r, "features:read:target.xml", &other);
    CU_ASSERT_STRING_EQUAL(buf_cstr(&other), text);
    buf_free(&xml);
    buf_free(&other);
    rig_close(&r);
}

static void descriptions(void)
{
    description("max", 64, true, true, true);
    description("qemu64", 64, true, true, false);
    description("qemu32", 32, false, true, false);
    description("486", 32, false, false, false);
}

static void memory_map(void)
{
    struct rig r;
    struct buf map = { 0 };
    rig_open_x86(&r, NULL, 64, 1);
    rig_document(&r, "memory-map:read:", &map);
    const char *text = buf_cstr(&map);
    /* From nothing to the end without a gap, and the firmware is ROM. */
    u64 at = 0;
    unsigned n = 0, roms = 0;
    for (const char *p = text; (p = strstr(p, "<memory type=\"")); p++, n++) {
        CU_ASSERT_EQUAL(strtoull(strstr(p, "start=\"") + 7, NULL, 16), at);
        at += strtoull(strstr(p, "length=\"") + 8, NULL, 16);
        roms += !strncmp(p + 14, "rom", 3);
    }
    CU_ASSERT(!at && n >= 3 && roms >= 1);
    CU_ASSERT(strstr(text, "type=\"rom\" start=\"0xfffff000\" length=\"0x1000\"") != NULL);
    buf_free(&map);
    rig_close(&r);
    rig_open(&r, NULL, 64, 1);
    rig_document(&r, "memory-map:read:", &map);
    CU_ASSERT(strstr(buf_cstr(&map), "type=\"rom\" start=\"0x1000\" ") != NULL);
    CU_ASSERT(says(&r, "qXfer:memory-map:read:x:0,10", ""));
    buf_free(&map);
    rig_close(&r);
}

/* --- registers -------------------------------------------------------------------------------------------------------- */

static void registers(void)
{
    struct rig r;
    rig_open_x86(&r, "max", 64, 1);
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0070000000000000"); /* linear */
    CU_ASSERT_STRING_EQUAL(get(&r, "eip"), "00700000");
    CU_ASSERT_EQUAL(own(&r, "rip"), 0);
    CU_ASSERT(put(&r, "rip", "0270000000000000"));
    CU_ASSERT_EQUAL(own(&r, "rip"), 2);
    CU_ASSERT(!put(&r, "rip", "0000020000000000")); /* beyond what CS reaches */
    CU_ASSERT(!put(&r, "rip", "ff6f000000000000"));
    CU_ASSERT(put(&r, "cs", "00060000")); /* as a far jump would */
    CU_ASSERT_EQUAL(own(&r, "cs_base"), 0x6000);
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0260000000000000");
    CU_ASSERT(put(&r, "rbx", "efcdab8967452301"));
    CU_ASSERT_EQUAL(own(&r, "rbx"), 0x0123456789abcdef);
    CU_ASSERT(says(&r, "p1", "efcdab8967452301"));
    CU_ASSERT_STRING_EQUAL(get(&r, "ebx"), "efcdab89");
    CU_ASSERT(put(&r, "ebx", "44332211"));
    CU_ASSERT_EQUAL(own(&r, "rbx"), 0x11223344); /* as a 32-bit instruction would */
    CU_ASSERT(put(&r, "eflags", "d70a0000"));
    CU_ASSERT_STRING_EQUAL(get(&r, "eflags"), "d70a0000");
    char all[1 + 17 * 16 + 1] = "G";
    for (unsigned i = 0; i < 17; i++)
        snprintf(all + 1 + 16 * i, 17, "%02x%02x000000000000", i + 1, i == 16 ? 0x60 : 0);
    CU_ASSERT(says(&r, all, "OK"));
    CU_ASSERT_EQUAL(own(&r, "rcx"), 3);
    CU_ASSERT_EQUAL(own(&r, "r15"), 16);
    CU_ASSERT_EQUAL(own(&r, "rip"), 0x11);
    /* x87: the stack, and the whole tag word. */
    CU_ASSERT(put(&r, "fstat", "00380000")); /* TOP 7 */
    CU_ASSERT(put(&r, "st0", "00000000000000c00040")); /* 3.0 */
    CU_ASSERT(put(&r, "st1", "00000000000000000000"));
    CU_ASSERT(put(&r, "ftag", "fc3f0000")); /* physical 7 and 0 are there */
    CU_ASSERT_EQUAL(own(&r, "st7"), 0xc000000000000000);
    CU_ASSERT_EQUAL(own(&r, "st7_se"), 0x4000);
    CU_ASSERT_EQUAL(own(&r, "ftag"), 0x81);
    CU_ASSERT_STRING_EQUAL(get(&r, "ftag"), "fd3f0000"); /* 7 valid, 0 zero */
    CU_ASSERT_STRING_EQUAL(get(&r, "st0"), "00000000000000c00040");
    /* Vectors: two halves in two features. */
    CU_ASSERT(put(&r, "xmm9", "000102030405060708090a0b0c0d0e0f"));
    CU_ASSERT(put(&r, "ymm9h", "101112131415161718191a1b1c1d1e1f"));
    CU_ASSERT_EQUAL(own(&r, "xmm9_1"), 0x0f0e0d0c0b0a0908);
    CU_ASSERT_EQUAL(own(&r, "ymm9_2"), 0x1716151413121110);
    CU_ASSERT_STRING_EQUAL(get(&r, "ymm9h"), "101112131415161718191a1b1c1d1e1f");
    /* The system's. */
    CU_ASSERT(put(&r, "gdtr", "0050000000000000"));
    CU_ASSERT(put(&r, "gdtr_limit", "1f00"));
    CU_ASSERT(put(&r, "k_gs_base", "0011223344556677"));
    CU_ASSERT_EQUAL(own(&r, "kernel_gs_base"), 0x7766554433221100);
    CU_ASSERT(put(&r, "dr0", "7856341200000000"));
    CU_ASSERT(put(&r, "cr8", "0900000000000000"));
    CU_ASSERT_STRING_EQUAL(get(&r, "cr8"), "0900000000000000");
    CU_ASSERT(!put(&r, "cr8", "1000000000000000"));
    CU_ASSERT(!put(&r, "apic_base", "0000000000000000"));
    CU_ASSERT(put(&r, "apic_base", "0009e0fe00000000")); /* what is there anyway: gdb puts all back after a call */
    /* A selector in protected mode is looked up. */
    CU_ASSERT(says(&r, "M5008,8:ffff0000009bcf00", "OK"));
    CU_ASSERT(says(&r, "M5010,8:ffff0000049acf20", "OK")); /* base 0x20040000 */
    CU_ASSERT(put(&r, "cr0", "1100000000000000"));
    CU_ASSERT(put(&r, "cs", "08000000"));
    CU_ASSERT_EQUAL(own(&r, "cs_base"), 0);
    CU_ASSERT_EQUAL(own(&r, "cs_limit"), 0xffffffff);
    CU_ASSERT_STRING_EQUAL(x86_mode_name(x86_of(r.m->cpus[0])), "protected mode, 32-bit code");
    CU_ASSERT(put(&r, "cs", "10000000"));
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "1100042000000000");
    CU_ASSERT(!put(&r, "ds", "28000000")); /* beyond the limit */
    CU_ASSERT(put(&r, "ds", "00000000"));
    CU_ASSERT(put(&r, "es", "00000000"));
    rig_close(&r);
    rig_open_x86(&r, "486", 32, 1);
    const char *g = ask(&r, "g");
    CU_ASSERT(g && strlen(g) == 9 * 8 && !strcmp(g + 8 * 8, "00700000"));
    CU_ASSERT(put(&r, "eip", "05700000"));
    CU_ASSERT_EQUAL(own(&r, "eip"), 5);
    rig_close(&r);
}

/* --- running ---------------------------------------------------------------------------------------------------------- */

static void points(void)
{
    struct rig r;
    rig_open_x86(&r, NULL, 64, 1);
    ask(&r, "qSupported:swbreak+;hwbreak+");
    CU_ASSERT(says(&r, "Z0,7007,1", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;swbreak:;"));
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0770000000000000");
    CU_ASSERT_EQUAL(own(&r, "rbx") & 0xffffffff, 1);
    CU_ASSERT(says(&r, "c", "T05thread:01;swbreak:;"));
    CU_ASSERT_EQUAL(own(&r, "rbx") & 0xffffffff, 2);
    u8 insn;
    CU_ASSERT(cpu_peek(r.m->cpus[0], 0x7007, &insn, 1) == 1 && insn == rig_program16[7]);
    CU_ASSERT(says(&r, "z0,7007,1", "OK"));
    CU_ASSERT(says(&r, "Z1,700c,1", "OK"));
    CU_ASSERT(says(&r, "vCont;c", "T05thread:01;hwbreak:;"));
    CU_ASSERT(says(&r, "z1,700c,1", "OK"));
    CU_ASSERT(says(&r, "Z2,6000,4", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;watch:6000;"));
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0770000000000000"); /* behind the store */
    CU_ASSERT(says(&r, "z2,6000,4", "OK"));
    CU_ASSERT(says(&r, "Z3,6002,1", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;rwatch:6002;"));
    CU_ASSERT(says(&r, "z3,6002,1", "OK"));
    CU_ASSERT(says(&r, "Z4,5ff8,20", "OK"));
    CU_ASSERT(says(&r, "c", "T05thread:01;awatch:6000;"));
    CU_ASSERT(says(&r, "z4,5ff8,20", "OK"));
    /* Steps, ranges and jumps are linear, too. */
    CU_ASSERT(says(&r, "s7000", "T05thread:01;"));
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0270000000000000");
    CU_ASSERT(says(&r, "vCont;r7000,700c:1", "T05thread:01;"));
    CU_ASSERT_STRING_EQUAL(get(&r, "rip"), "0c70000000000000");
    /* A step with an interrupt pending enters its handler. */
    CU_ASSERT(says(&r, "M7100,2:ebfe", "OK"));
    CU_ASSERT(says(&r, "M8,4:00001007", "OK")); /* NMI is vector 2: 0710:0000 = 7100 */
    CU_ASSERT(put(&r, "rsp", "0080000000000000"));
    CU_ASSERT(put(&r, "eflags", "02000000"));
    r.m->cpus[0]->ops->set_irq(r.m->cpus[0], X86_LINE_NMI, true);
    CU_ASSERT(says(&r, "s", "T05thread:01;"));
    CU_ASSERT_EQUAL(own(&r, "cs"), 0x710);
    rig_close(&r);
}

static void threads(void)
{
    struct rig r;
    rig_open_x86(&r, NULL, 64, 4);
    CU_ASSERT(says(&r, "qfThreadInfo", "m01,02,03,04"));
    CU_ASSERT(says(&r, "qThreadExtraInfo,2", "63707531205b7265616c5d")); /* cpu1 [real] */
    CU_ASSERT(says(&r, "vCont;s:3", "T05thread:03;"));
    CU_ASSERT_EQUAL(cpu_linear_pc(r.m->cpus[2]), 0x7002);
    CU_ASSERT(says(&r, "Hg2", "OK"));
    CU_ASSERT(put(&r, "rdx", "0500000000000000"));
    CU_ASSERT_NOT_EQUAL(own(&r, "rdx"), 5); /* which is the first's */
    CU_ASSERT(says(&r, "M7200,2:ebfe", "OK"));
    CU_ASSERT(put(&r, "rip", "0072000000000000"));
    CU_ASSERT(says(&r, "Z0,7200,1", "OK"));
    CU_ASSERT(says(&r, "Hc-1", "OK"));
    CU_ASSERT(says(&r, "vCont;c", "T05thread:02;"));
    rig_close(&r);
}

/* Looking at it and changing nothing leaves the guest as it was. */
static void same_state(void)
{
    struct rig plain, r;
    rig_open_x86(&plain, "max", 64, 2);
    rig_open_x86(&r, "max", 64, 2);
    CU_ASSERT(says(&r, "Z0,7007,1", "OK"));
    CU_ASSERT(says(&r, "Z2,6000,4", "OK"));
    for (unsigned i = 0; i < 300; i++) {
        static const char *const steps[] = { "vCont;c", "vCont;s:1", "vCont;s:2", "c", "vCont;r7000,7007:2", "g", "m7000,100",
                                             "qXfer:features:read:target.xml:0,4000", "qXfer:memory-map:read::0,4000", "p30" };
        CU_ASSERT_PTR_NOT_NULL(ask(&r, steps[i * 7 % ARRAY_LEN(steps)]));
    }
    CU_ASSERT(r.m->clock.now > 100);
    machine_run(plain.m, r.m->clock.now, true);
    CU_ASSERT_EQUAL(machine_hash(plain.m), machine_hash(r.m));
    rig_close(&plain);
    rig_close(&r);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "target description", descriptions },
        { "memory map", memory_map },
        { "registers", registers },
        { "stop points and steps", points },
        { "threads", threads },
        { "the guest does not notice", same_state },
        CU_TEST_INFO_NULL,
    };
    return unit_main("gdb on x86", tests);
}
