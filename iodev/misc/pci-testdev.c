/* pci-testdev. QEMU, docs/specs/pci-testdev: a header describes the test that was chosen by number; writes of its data
 * to its offset are counted. The tests are QEMU's; eventfds, which theirs are about, are nothing a guest can see. */
#include "iodev/misc/pci-testdev.h"

#include <string.h>

#define TESTS 3
#define MEMORY_SIZE 4096
#define PORTS_SIZE 256
#define NAME_SIZE 28

struct testdev {
    struct pci_config pci;
    u8 current; /* number of the test plus 1, those of the ports after those of memory; 0: none */
    u32 count[2 * TESTS];
};

static const struct test {
    u32 offset;
    u8 data;
    bool any; /* every value counts */
    char name[NAME_SIZE];
} tests[2 * TESTS] = {
    { MEMORY_SIZE / 2, 0xfa, false, "mmio-no-eventfd" },
    { MEMORY_SIZE / 2 + 1, 0xce, true, "mmio-wildcard-eventfd" },
    { MEMORY_SIZE / 2 + 2, 0xfa, false, "mmio-datamatch-eventfd" },
    { PORTS_SIZE / 2 + 3, 0xfa, false, "portio-no-eventfd" },
    { PORTS_SIZE / 2 + 4, 0xce, true, "portio-wildcard-eventfd" },
    { PORTS_SIZE / 2 + 5, 0xfa, false, "portio-datamatch-eventfd" },
};

static const struct state_field state[] = {
    PCI_CONFIG_STATE(struct testdev), STATE(struct testdev, current), STATE_ARRAY(struct testdev, count), STATE_END,
};

static struct testdev *testdev(const struct device *d)
{
    return d->state;
}

static const struct test *current(const struct device *d)
{
    return testdev(d)->current ? &tests[testdev(d)->current - 1] : NULL;
}

static void write_byte(struct device *d, unsigned first, u64 offset, u8 value)
{
    struct testdev *s = testdev(d);
    const struct test *t = current(d);
    if (!offset) {
        s->current = value < TESTS ? (u8)(first + value + 1) : 0;
        if (s->current)
            s->count[s->current - 1] = 0;
    } else if (t && offset == t->offset && (t->any || value == t->data)) {
        s->count[s->current - 1]++;
    }
}

/* A wide access is one of its bytes after the other. */
static enum mem_result memory_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    for (unsigned i = 0; i < size; i++)
        write_byte(d, 0, offset + i, (u8)(value >> (8 * i)));
    return MEM_OK;
}

static enum mem_result ports_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    for (unsigned i = 0; i < size; i++)
        write_byte(d, TESTS, offset + i, (u8)(value >> (8 * i)));
    return MEM_OK;
}

static u64 test_get(const struct device *d, u32 index)
{
    return testdev(d)->current ? testdev(d)->current - 1u : 0;
}

static u64 width_get(const struct device *d, u32 index)
{
    return current(d) ? 1 : 0;
}

static u64 offset_get(const struct device *d, u32 index)
{
    return current(d) ? current(d)->offset : 0;
}

static u64 data_get(const struct device *d, u32 index)
{
    return current(d) ? current(d)->data : 0;
}

static u64 count_get(const struct device *d, u32 index)
{
    return current(d) ? testdev(d)->count[testdev(d)->current - 1] : 0;
}

static u64 name_get(const struct device *d, u32 index)
{
    return current(d) ? load_le(current(d)->name + 4 * index, 4) : 0;
}

#define ROW(name_, at, width_, get_, doc_, ...)                                                                       \
    { .name = name_, .offset = at, .width = width_, .access = REG_RO, .slot = REG_NO_SLOT, .get = get_, .doc = doc_,  \
      .section = "docs/specs/pci-testdev", __VA_ARGS__ }
#define ROWS                                                                                                          \
    ROW("TEST", 0, 1, test_get, "a write chooses a test, 0 to 2", .count = 0),                                        \
    ROW("WIDTH", 1, 1, width_get, "bytes of an access that counts; 0: no such test", .count = 0),                     \
    ROW("OFFSET", 4, 4, offset_get, "where it counts", .count = 0),                                                   \
    ROW("DATA", 8, 4, data_get, "what to write", .count = 0),                                                         \
    ROW("COUNT", 12, 4, count_get, "how often it was written", .count = 0),                                           \
    ROW("NAME", 16, 4, name_get, "of the test, four characters each", .count = NAME_SIZE / 4)

static const struct reg_desc regs[] = { ROWS, { .name = NULL } };

static void reset(struct device *d)
{
    struct testdev *s = testdev(d);
    pci_reset(d);
    s->current = 0;
    memset(s->count, 0, sizeof s->count);
}

static void loaded(struct device *d)
{
    if (testdev(d)->current > 2 * TESTS)
        testdev(d)->current = 0;
    pci_loaded(d);
}

static const struct reg_bank memory_bank = {
    .name = "memory", .size = MEMORY_SIZE, .min_access = 1, .max_access = 4, .regs = regs, .write = memory_write,
};
static const struct reg_bank ports_bank = {
    .name = "ports", .size = PORTS_SIZE, .min_access = 1, .max_access = 4, .regs = regs, .write = ports_write,
    .ports = true,
};

static const struct pci_function function = {
    .vendor = 0x1b36, .device = 0x0005, .class_code = 0x00ff00, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
    .bar = { { PCI_BAR_MEM32, 0, MEMORY_SIZE }, { PCI_BAR_PORTS, 1, PORTS_SIZE } },
};

const struct device_class pci_testdev_class = {
    .name = "pci-testdev",
    .doc = "counts accesses, for tests",
    .bus = "pci",
    .pci = &function,
    .state_size = sizeof(struct testdev),
    .state = state,
    .banks = { &memory_bank, &ports_bank },
    .reset = reset,
    .loaded = loaded,
};
