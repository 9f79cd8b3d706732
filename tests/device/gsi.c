/* Interrupt lines: or-ed sources, the 8259s, the I/O APIC's override, legacy replacement. */
#include "base/rng.h"
#include "iodev/intc/gsi.h"
#include "tests/device/rig.h"

#define APIC(n) (GSI_OUT_IOAPIC + (n))

static void lines(void)
{
    struct rig *r = rig_new(&gsi_class, NULL);
    for (unsigned n = 0; n < GSI_LINES; n++) {
        SCRIPT(r, IN(GSI_IN(0, n), 1));
        for (unsigned k = 0; k < 16; k++)
            CU_ASSERT_EQUAL(r->out[k], k == n && n != 2);
        for (unsigned k = 0; k < 24; k++)
            CU_ASSERT_EQUAL(r->out[APIC(k)], k == (n ? n : 2));
        SCRIPT(r, IN(GSI_IN(0, n), 0), OUT(APIC(n), 0));
    }
    /* Shared by sources. */
    SCRIPT(r, IN(GSI_IN(0, 11), 1), IN(GSI_IN(1, 11), 1), IN(GSI_IN(7, 11), 1), SAVE, IN(GSI_IN(0, 11), 0), OUT(11, 1),
           IN(GSI_IN(7, 11), 0), OUT(11, 1), OUT(APIC(11), 1), IN(GSI_IN(1, 11), 0), OUT(11, 0), OUT(APIC(11), 0));
    CU_ASSERT_EQUAL(r->edges[11], 2);
    /* Input 2 of the I/O APIC is line 0 or line 2. */
    SCRIPT(r, IN(GSI_IN(0, 0), 1), IN(GSI_IN(2, 2), 1), IN(GSI_IN(0, 0), 0), OUT(APIC(2), 1), OUT(0, 0),
           IN(GSI_IN(2, 2), 0), OUT(APIC(2), 0), OUT(2, 0));
    /* No such line. */
    SCRIPT(r, IN(GSI_IN(0, 24), 1), IN(GSI_IN(0, 31), 1), IN(GSI_LEGACY + 1, 1), IN(UINT32_MAX, 1));
    for (unsigned k = 0; k < DEVICE_MAX_OUT; k++)
        CU_ASSERT_FALSE(r->out[k]);
    rig_free(r);
}

static void legacy(void)
{
    struct rig *r = rig_new(&gsi_class, NULL);
    SCRIPT(r, IN(GSI_IN(0, 0), 1), IN(GSI_IN(0, 8), 1), IN(GSI_IN(0, 4), 1), OUT(0, 1), OUT(8, 1), IN(GSI_LEGACY, 1),
           OUT(0, 0), OUT(APIC(2), 0), OUT(8, 0), OUT(4, 1), IN(GSI_IN(2, 0), 1), OUT(0, 1), OUT(APIC(2), 1), SAVE,
           IN(GSI_IN(2, 0), 0), OUT(0, 0), R(4, 0, 0x111), R(8, 0x20, 0x100010), IN(GSI_LEGACY, 0), OUT(0, 1),
           OUT(8, 1));
    rig_free(r);
}

static void random_levels(void)
{
    struct rig *r = rig_new(&gsi_class, NULL);
    u64 rng = 4, level[GSI_SOURCES] = { 0 };
    unsigned wrong = 0;
    for (unsigned n = 0; n < 100000; n++) {
        u64 x = rng_next(&rng);
        unsigned s = x & 7, line = x >> 8 & 31;
        r->d->cls->irq_in(r->d, GSI_IN(s, line), x >> 16 & 1);
        if (line < GSI_LINES)
            level[s] = (level[s] & ~((u64)1 << line)) | (x >> 16 & 1) << line;
        bool any = false;
        for (unsigned k = 0; k < GSI_SOURCES; k++)
            any |= level[k] >> (line % 24) & 1;
        if (line % 24 > 2)
            wrong += any != r->out[APIC(line % 24)] || (line % 24 < 16 && any != r->out[line % 24]);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    rig_free(r);
}

int main(void)
{
    return unit_main("gsi", (CU_TestInfo[]){
                                { "lines", lines },
                                { "legacy replacement", legacy },
                                { "random levels", random_levels },
                                CU_TEST_INFO_NULL,
                            });
}
