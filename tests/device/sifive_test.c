#include "iodev/misc/sifive-test.h"

#include "tests/device/rig.h"

struct heard {
    unsigned n;
    int kind, code;
};

static void hear(void *opaque, int kind, int code)
{
    struct heard *h = opaque;
    *h = (struct heard){ h->n + 1, kind, code };
}

static void finishes(void)
{
    struct rig *r = rig_new(&sifive_test_class, NULL);
    struct heard h = { 0, -1, -1 };
    SCRIPT(r, W(4, 0, 0x5555)); /* nobody listens: nothing happens */
    sifive_test_set_hook(r->d, hear, &h);
    SCRIPT(r, R(4, 0, 0), W(4, 0, 0x1234), W(4, 4, 0x5555));
    CU_ASSERT_EQUAL(h.n, 0);
    SCRIPT(r, W(4, 0, 0x5555));
    CU_ASSERT(h.n == 1 && h.kind == SIFIVE_TEST_PASS && h.code == 0);
    SCRIPT(r, W(4, 0, 0x002a3333));
    CU_ASSERT(h.n == 2 && h.kind == SIFIVE_TEST_FAIL && h.code == 42);
    SCRIPT(r, W(2, 0, 0x7777), FAULT(1, 0), FAULT(8, 0));
    CU_ASSERT(h.n == 3 && h.kind == SIFIVE_TEST_RESET && h.code == 0);
    rig_free(r);
}

int main(void)
{
    return unit_main("sifive-test", (CU_TestInfo[]){ { "finishes", finishes }, CU_TEST_INFO_NULL });
}
