#include <stdio.h>
#include <string.h>

#include "cpu/riscv/riscv.h"
#include "tests/unit.h"

static struct riscv_config c;
static struct err e;

static bool parse(const char *text, unsigned xlen)
{
    e.text[0] = 0;
    bool ok = riscv_config_parse(text, xlen, &c, &e);
    CU_ASSERT_TRUE(ok == !*e.text); /* an error has a sentence */
    return ok;
}
static bool has(enum riscv_ext x) { return c.ext >> x & 1; }
/* The ISA string, or the error. */
static const char *isa(const char *text, unsigned xlen)
{
    static char out[1024];
    if (!parse(text, xlen))
        return e.text;
    struct buf b = { 0 };
    riscv_config_isa(&c, &b);
    snprintf(out, sizeof out, "%s", buf_cstr(&b));
    buf_free(&b);
    return out;
}
#define IS(text, xlen, want)                                                                   \
    do {                                                                                       \
        const char *got_ = isa(text, xlen);                                                    \
        if (strcmp(got_, want))                                                                \
            fprintf(stderr, "%s: '%s', not '%s'\n", text, got_, want);                         \
        CU_ASSERT_STRING_EQUAL(got_, want);                                                    \
    } while (0)

static void models(void)
{
    IS("rv64", 64, "rv64imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm_zawrs_zfh_zfhmin_"
                   "zba_zbb_zbc_zbs_sstc_svadu_svinval_svnapot_svpbmt");
    CU_ASSERT_TRUE(c.hw_ad && c.sv_max == 57 && c.pmp == 16 && c.xlen == 64);
    CU_ASSERT_STRING_EQUAL(c.model, "rv64");
    IS("rv32", 32, "rv32imafdc_zicbom_zicbop_zicboz_zicntr_zicond_zicsr_zifencei_zihintpause_zihpm_zawrs_zfh_zfhmin_"
                   "zba_zbb_zbc_zbs_sstc_svadu_svinval");
    CU_ASSERT_TRUE(c.sv_max == 32 && c.xlen == 32);
    IS("rv64i", 64, "rv64i_zicsr");
    CU_ASSERT_TRUE(!c.sv_max && !c.pmp && !has(RV_U));
    IS("rv32i,m=on,c=on", 32, "rv32imc_zicsr");
    IS("sifive-u54", 64, "rv64imafdc_zicntr_zicsr_zifencei_zihpm_svade");
    CU_ASSERT_TRUE(c.sv_max == 39 && !c.hw_ad);
    IS("sifive-e51", 64, "rv64imac_zicntr_zicsr_zifencei_zihpm");
    IS("sifive-u34", 32, "rv32imafdc_zicntr_zicsr_zifencei_zihpm_svade");
    CU_ASSERT_EQUAL(c.sv_max, 32);
    IS("sifive-e31", 32, "rv32imac_zicntr_zicsr_zifencei_zihpm");
    CU_ASSERT_TRUE(parse("max", 64) && has(RV_SMSTATEEN) && c.pmp == 64);
    CU_ASSERT_TRUE(parse("max", 32) && has(RV_SMSTATEEN) && !has(RV_SVPBMT));
}

static void properties(void)
{
    CU_ASSERT_TRUE(parse("rv64,zba=off,sv48=on", 64) && !has(RV_ZBA) && has(RV_ZBB) && c.sv_max == 48);
    CU_ASSERT_TRUE(parse("rv64,sv57=off", 64) && c.sv_max == 48);
    CU_ASSERT_TRUE(parse("rv64,sv48=off", 64) && c.sv_max == 39);
    CU_ASSERT_TRUE(parse("rv64,sv39=off", 64) && c.sv_max == 0 && !has(RV_SVNAPOT));
    CU_ASSERT_TRUE(parse("sifive-u54,sv57=on", 64) && c.sv_max == 57);
    CU_ASSERT_TRUE(parse("rv64,mmu=off", 64) && c.sv_max == 0 && has(RV_S));
    CU_ASSERT_TRUE(parse("rv32,sv32=off", 32) && c.sv_max == 0);
    CU_ASSERT_TRUE(parse("rv64,pmp=off", 64) && c.pmp == 0);
    CU_ASSERT_TRUE(parse("rv64,pmp=64", 64) && c.pmp == 64);
    CU_ASSERT_TRUE(parse("rv64i,pmp=on", 64) && c.pmp == 16);
    CU_ASSERT_TRUE(parse("max,pmp=true", 64) && c.pmp == 64);
    CU_ASSERT_TRUE(parse("rv64,Zifencei=false,ZBA=no", 64) && !has(RV_ZIFENCEI) && !has(RV_ZBA)); /* QEMU's spelling */
    CU_ASSERT_TRUE(parse("rv64,h=off,v=false", 64));
    CU_ASSERT_TRUE(parse("rv64,zba=off,zba=on", 64) && has(RV_ZBA)); /* the last one counts */
    CU_ASSERT_TRUE(parse("rv64i,s=on,u=on,sv39=on,svpbmt=on", 64) && has(RV_SVPBMT) && c.sv_max == 39);
    /* What is turned off takes along what stands on it. */
    CU_ASSERT_TRUE(parse("rv64,f=off", 64) && !has(RV_D) && !has(RV_ZFH) && !has(RV_ZFHMIN) && has(RV_M));
    CU_ASSERT_TRUE(parse("rv64,s=off", 64) && !has(RV_SSTC) && !has(RV_SVADU) && !c.sv_max && has(RV_U));
    CU_ASSERT_TRUE(parse("rv64,u=off", 64) && !has(RV_S) && !has(RV_SSTC));
    CU_ASSERT_TRUE(parse("rv64i,f=on,zfh=on", 64) && has(RV_ZFHMIN));
    /* Svade and Svadu. */
    CU_ASSERT_TRUE(strstr(isa("rv64,svade=on", 64), "sstc_svade_svadu_svinval") && !c.hw_ad);
    CU_ASSERT_PTR_NOT_NULL(strstr(isa("rv64,svade=on,svadu=off", 64), "sstc_svade_svinval"));
    CU_ASSERT_TRUE(strstr(isa("rv64,svadu=off", 64), "sstc_svinval") && c.hw_ad);
}

static void mistakes(void)
{
    static const struct {
        const char *text;
        unsigned xlen;
        const char *says;
    } bad[] = {
        { "rv46", 64, "did you mean 'rv64'" },
        { "sifive-u45", 64, "sifive-u54" },
        { "nothing-like-it", 64, "-cpu ?" },
        { "", 64, "unknown CPU model ''" },
        { "rv32", 64, "orrery-system-riscv32" },
        { "rv64", 32, "orrery-system-riscv64" },
        { "rv64,zbx=on", 64, "did you mean 'zb" },
        { "rv64,sv38=on", 64, "did you mean 'sv3" },
        { "rv64,wibble=on", 64, "'wibble'" },
        { "rv64,zba=maybe", 64, "'maybe'" },
        { "rv64,zba", 64, "zba=on or zba=off" },
        { "rv64,", 64, "empty" },
        { "rv64,,zba=on", 64, "empty" },
        { "rv64,=on", 64, "''" },
        { "rv64,pmp=17", 64, "16 or 64" },
        { "rv64,h=on", 64, "not implemented" },
        { "rv64,i=off", 64, "cannot be off" },
        { "rv64i,d=on", 64, "add f=on" },
        { "rv64i,sstc=on", 64, "add s=on" },
        { "rv64,zicsr=off,f=on", 64, "zicsr" },
        { "rv64,sv32=on", 64, "not a mode of RV64" },
        { "rv32,sv39=on", 32, "not a mode of RV32" },
        { "rv64,sv39=off,sv48=on", 64, "contradicts" },
        { "rv64,mmu=off,sv39=on", 64, "mmu=on" },
        { "rv64i,sv39=on", 64, "s=on" },
        { "rv32,svnapot=on", 32, "needs Sv39" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        memset(&c, 0x5a, sizeof c);
        struct riscv_config before = c;
        CU_ASSERT_FALSE(parse(bad[i].text, bad[i].xlen));
        if (!strstr(e.text, bad[i].says)) {
            fprintf(stderr, "%s: '%s' does not say '%s'\n", bad[i].text, e.text, bad[i].says);
            CU_FAIL("message");
        }
        CU_ASSERT_TRUE(!memcmp(&before, &c, sizeof c)); /* nothing is half done */
        CU_ASSERT_FALSE(riscv_config_parse(bad[i].text, bad[i].xlen, &c, NULL)); /* e may be NULL */
    }
    static char big[5000]; /* too long anywhere */
    memset(big, 'a', sizeof big - 1);
    CU_ASSERT_FALSE(parse(big, 64));
    memcpy(big, "rv64,", 5);
    CU_ASSERT_FALSE(parse(big, 64));
    memcpy(big, "rv64,zba=", 9);
    CU_ASSERT_FALSE(parse(big, 64));
}

static void names(void)
{
    for (unsigned x = 0; x < RV_EXT_COUNT; x++) {
        CU_ASSERT_STRING_NOT_EQUAL(riscv_ext_name(x), "?");
        char text[64];
        snprintf(text, sizeof text, "max,%s=on", riscv_ext_name(x));
        CU_ASSERT_TRUE(parse(text, 64) && has(x));
        snprintf(text, sizeof text, "max,%s=off", riscv_ext_name(x));
        CU_ASSERT_TRUE(x == RV_I || (parse(text, 64) && !has(x)));
    }
    CU_ASSERT_STRING_EQUAL(riscv_ext_name(RV_EXT_COUNT), "?");
    for (unsigned xlen = 32; xlen <= 64; xlen += 32) {
        struct buf b = { 0 };
        riscv_config_list(&b, xlen);
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&b), xlen == 64 ? "  rv64 " : "  rv32 "));
        CU_ASSERT_PTR_NULL(strstr(buf_cstr(&b), xlen == 64 ? "  rv32 " : "  rv64 "));
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&b), "  svnapot "));
        buf_free(&b);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "models", models }, { "properties", properties }, { "mistakes", mistakes }, { "names and lists", names },
        CU_TEST_INFO_NULL,
    };
    return unit_main("config", tests);
}
