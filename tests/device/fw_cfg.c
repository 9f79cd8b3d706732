/* fw_cfg by both of its interfaces. Values a guest stores are little-endian; the device's registers are big-endian. */
#include "iodev/misc/fw-cfg.h"

#include "base/rng.h"
#include "tests/device/rig.h"

enum { DATA = 0, SELECTOR = 8, DMA = 16 };
#define BE16(v) (u16)((v) >> 8 | (v) << 8)

static struct rig *fw(void)
{
    struct rig *r = rig_new(&fw_cfg_class, NULL);
    struct err e = { "" };
    if (!fw_cfg_add_file(r->d, "opt/zeta", "zzzz", 4, &e) ||
        !fw_cfg_add_file(r->d, "etc/alpha", "hello, world", 12, &e) ||
        !fw_cfg_add_item(r->d, FW_CFG_NB_CPUS, "\4\0", 2, &e))
        rig_die(&e);
    return r;
}

static void select_item(struct rig *r, u16 key)
{
    rig_write(r, SELECTOR, 2, BE16(key));
}

static void signature(void)
{
    struct rig *r = fw();
    SCRIPT(r, R(1, DATA, 'Q'), R(1, DATA, 'E'), P(1, DATA, 'M'), R(1, DATA, 'M'), R(1, DATA, 'U'), R(1, DATA, 0),
           R(1, DATA, 0));
    select_item(r, FW_CFG_ID);
    SCRIPT(r, R(4, DATA, 3));
    select_item(r, FW_CFG_NB_CPUS);
    SCRIPT(r, R(2, DATA, 4), R(8, DATA, 0));
    select_item(r, 0x7ffe);
    SCRIPT(r, R(8, DATA, 0), R(8, DMA, 0x47464320554d4551), R(4, DMA, 0x554d4551), SAVE, FAULT(2, SELECTOR + 2),
           FAULT(4, SELECTOR));
    rig_free(r);
}

/* Finds a file as a guest does; 0: not there. */
static u16 lookup(struct rig *r, const char *name, u32 *size)
{
    select_item(r, FW_CFG_FILE_DIR);
    u8 b[64];
    for (unsigned i = 0; i < 4; i++)
        b[i] = (u8)rig_read(r, DATA, 1);
    u32 n = (u32)load_be(b, 4);
    for (u32 f = 0; f < n; f++) {
        for (unsigned i = 0; i < 64; i += 8)
            store_le(b + i, 8, rig_read(r, DATA, 8));
        if (!strcmp((char *)b + 8, name)) {
            *size = (u32)load_be(b, 4);
            return (u16)load_be(b + 4, 2);
        }
    }
    return 0;
}

static void files(void)
{
    struct rig *r = fw();
    u32 size = 0;
    u16 key = lookup(r, "etc/alpha", &size);
    CU_ASSERT(key >= FW_CFG_FILE_FIRST && size == 12);
    select_item(r, key);
    SCRIPT(r, R(8, DATA, 0x77202c6f6c6c6568), R(4, DATA, 0x646c726f), R(1, DATA, 0));
    CU_ASSERT(lookup(r, "opt/zeta", &size) && size == 4);
    CU_ASSERT_EQUAL(lookup(r, "etc/none", &size), 0);
    struct err e = { "" };
    CU_ASSERT_FALSE(fw_cfg_add_file(r->d, "opt/zeta", "", 0, &e));
    CU_ASSERT_FALSE(fw_cfg_add_file(
        r->d, "opt/a-name-that-is-much-longer-than-the-fifty-five-characters-a-directory-entry-holds", "", 0, &e));
    unsigned more = 0;
    char name[16];
    while (more < 200 && (snprintf(name, sizeof name, "f%u", more), fw_cfg_add_file(r->d, name, "", 0, &e)))
        more++;
    CU_ASSERT(more > 40 && more < 200);
    rig_free(r);
}

static u32 dma(struct rig *r, u32 control, u32 len, u64 addr, bool halves)
{
    u8 desc[16], be[8];
    u64 at = RIG_RAM + 0x100;
    store_be(desc, 4, control);
    store_be(desc + 4, 4, len);
    store_be(desc + 8, 8, addr);
    space_poke(r->env.mem, at, desc, 16);
    store_be(be, 8, at);
    if (halves) {
        rig_write(r, DMA, 4, load_le(be, 4));
        rig_write(r, DMA + 4, 4, load_le(be + 4, 4));
    } else {
        rig_write(r, DMA, 8, load_le(be, 8));
    }
    space_peek(r->env.mem, at, desc, 4);
    return (u32)load_be(desc, 4);
}

static void direct_memory_access(void)
{
    struct rig *r = fw();
    u32 size;
    u16 key = lookup(r, "etc/alpha", &size);
    char got[20] = { 0 };
    CU_ASSERT_EQUAL(dma(r, (u32)key << 16 | 8 | 2, 5, RIG_RAM + 0x800, false), 0);
    space_peek(r->env.mem, RIG_RAM + 0x800, got, 8);
    CU_ASSERT_STRING_EQUAL(got, "hello");
    CU_ASSERT_EQUAL(dma(r, 4, 2, 0, true), 0); /* skip */
    memset(got, 'x', sizeof got - 1);
    space_poke(r->env.mem, RIG_RAM + 0x800, got, 16);
    CU_ASSERT_EQUAL(dma(r, 2, 16, RIG_RAM + 0x800, true), 0); /* to the end, then zeroes */
    space_peek(r->env.mem, RIG_RAM + 0x800, got, 16);
    CU_ASSERT(!memcmp(got, "world\0\0\0\0\0\0\0\0\0\0\0", 16));
    CU_ASSERT_EQUAL(dma(r, (u32)key << 16 | 8, 0, 0, false), 0); /* select alone */
    SCRIPT(r, R(1, DATA, 'h'));
    CU_ASSERT_EQUAL(dma(r, 16, 4, RIG_RAM, false), 1);                 /* nothing may be written */
    CU_ASSERT_EQUAL(dma(r, 2, 4, 0x1000, false), 1);                   /* not memory */
    CU_ASSERT_EQUAL(dma(r, 2, 0xffffffff, RIG_RAM + 0x800, false), 1); /* leaves memory */
    CU_ASSERT_EQUAL(dma(r, 4, 0xffffffff, 0, false), 0);
    rig_write(r, DMA, 8, ~0ull); /* a control structure nowhere */
    SCRIPT(r, R(1, DATA, 0), SAVE);
    rig_free(r);
}

int main(void)
{
    return unit_main("fw-cfg", (CU_TestInfo[]){
        { "signature and items", signature }, { "files", files }, { "DMA", direct_memory_access }, CU_TEST_INFO_NULL });
}
