/* SiFive's test finisher: one register that ends or restarts the machine. Linux binds it as "sifive,test0" and
 * "syscon" (Documentation/devicetree/bindings of power/reset). */
#include "iodev/misc/sifive-test.h"

enum { FINISH_FAIL = 0x3333, FINISH_PASS = 0x5555, FINISH_RESET = 0x7777 };

struct test_link {
    void (*fn)(void *opaque, int kind, int code);
    void *opaque;
};

void sifive_test_set_hook(struct device *d, void (*fn)(void *opaque, int kind, int code), void *opaque)
{
    *(struct test_link *)d->link = (struct test_link){ fn, opaque };
}

static void finish_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct test_link *l = d->link;
    if (!l->fn)
        return;
    switch (value & 0xffff) {
    case FINISH_PASS: l->fn(l->opaque, SIFIVE_TEST_PASS, 0); break;
    case FINISH_FAIL: l->fn(l->opaque, SIFIVE_TEST_FAIL, (int)(value >> 16 & 0xffff)); break;
    case FINISH_RESET: l->fn(l->opaque, SIFIVE_TEST_RESET, 0); break;
    default: break;
    }
}

static const struct reg_field finish_fields[] = {
    { "STATUS", 0, 16, "0x5555 pass, 0x3333 fail, 0x7777 reset" },
    { "CODE", 16, 16, "exit code of a failure" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "finish", .offset = 0, .width = 4, .access = REG_WO, .slot = REG_NO_SLOT, .write = finish_write,
      .fields = finish_fields, .doc = "ends or restarts the machine", .section = "sifive,test0" },
    { .name = NULL },
};

static const struct state_field state[] = { STATE_END };
static const struct reg_bank bank = { "test", 0x1000, 2, 4, false, regs, NULL, NULL, false };

const struct device_class sifive_test_class = {
    .name = "sifive-test",
    .doc = "test finisher: power off, exit code, reset",
    .compatible = "sifive,test0",
    .state = state,
    .link_size = sizeof(struct test_link),
    .banks = { &bank },
};
