/* pc-testdev. The facts are of QEMU's hw/misc/pc-testdev.c and of kvm-unit-tests (emulator.c, ioapic.c, eventinj.c). */
#include "iodev/misc/pc-testdev.h"

#include <string.h>

#define MEMORY 0x10000

struct testdev {
    u32 data, flushed;
    u8 lines[PC_TESTDEV_LINES];
    u8 memory[MEMORY];
};

static const struct state_field state[] = {
    STATE(struct testdev, data), STATE(struct testdev, flushed), STATE_ARRAY(struct testdev, lines),
    STATE_ARRAY(struct testdev, memory), STATE_END,
};

static struct testdev *testdev(const struct device *d)
{
    return d->state;
}

static void line_write(struct device *d, u32 index, u64 value, u64 old)
{
    testdev(d)->lines[index] = !!value;
    if (!!value != old)
        device_irq(d, index, value);
}

static u64 byte_get(const struct device *d, u32 index)
{
    return bits_get(testdev(d)->data, index * 8, 8);
}

static void byte_write(struct device *d, u32 index, u64 value, u64 old)
{
    testdev(d)->data = (u32)bits_set(testdev(d)->data, index * 8, 8, value);
}

static enum mem_result memory_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (offset > MEMORY - size)
        return MEM_FAULT;
    *value = load_le(testdev(d)->memory + offset, size);
    return MEM_OK;
}

static enum mem_result memory_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (offset > MEMORY - size)
        return MEM_FAULT;
    store_le(testdev(d)->memory + offset, size, value);
    return MEM_OK;
}

#define SECTION "QEMU, hw/misc/pc-testdev.c"
static const struct reg_desc port_regs[] = {
    { .name = "DATA", .offset = 0, .width = 4, .rw = UINT32_MAX, .slot = REG_SLOT(struct testdev, data),
      .doc = "keeps what is written", .section = SECTION },
    { .name = "FLUSH", .offset = 4, .width = 4, .access = REG_WO, .rw = UINT32_MAX,
      .slot = REG_SLOT(struct testdev, flushed),
      .doc = "a page the host may forget: no effect a guest could see", .section = SECTION },
    { .name = "BYTES", .offset = 8, .width = 1, .count = 4, .slot = REG_NO_SLOT, .get = byte_get, .write = byte_write,
      .doc = "the bytes of DATA on a device of 8 bits", .section = SECTION },
    { .name = NULL },
};
static const struct reg_desc line_regs[] = {
    { .name = "LINE", .offset = 0, .width = 1, .count = PC_TESTDEV_LINES, .rw = 0xff,
      .slot = REG_SLOT(struct testdev, lines), .write = line_write, .doc = "level of an interrupt line, by line",
      .section = SECTION },
    { .name = NULL },
};
static const struct reg_desc memory_regs[] = { { .name = NULL } };

static const struct reg_bank port_bank = {
    .name = "ports", .size = 12, .min_access = 1, .max_access = 4, .hole_faults = true, .regs = port_regs,
    .ports = true,
};
static const struct reg_bank line_bank = {
    .name = "lines", .size = PC_TESTDEV_LINES, .min_access = 1, .max_access = 1, .regs = line_regs, .ports = true,
};
static const struct reg_bank memory_bank = {
    .name = "memory", .size = MEMORY, .min_access = 1, .max_access = 8, .regs = memory_regs, .read = memory_read,
    .write = memory_write,
};

static bool build(struct device *d, struct err *e)
{
    if (!d->env->io)
        return err_set(e, "device 'pc-testdev' needs I/O ports, and this machine has none");
    return device_map(d, 0, d->env->io, 0xe0, e) && device_map(d, 1, d->env->io, 0x2000, e) &&
           device_map(d, 2, d->env->mem, 0xff000000, e);
}

static void reset(struct device *d)
{
    memset(d->state, 0, sizeof(struct testdev));
    for (u32 i = 0; i < PC_TESTDEV_LINES; i++)
        device_irq(d, i, false);
}

const struct device_class pc_testdev_class = {
    .name = "pc-testdev",
    .doc = "interrupt lines, ports and memory for tests of the machine",
    .bus = "isa",
    .state_size = sizeof(struct testdev),
    .state = state,
    .banks = { &port_bank, &line_bank, &memory_bank },
    .build = build,
    .reset = reset,
};
