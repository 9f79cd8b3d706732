/* virt: QEMU's RISC-V board of that name, at the same addresses, so that what runs there runs here. */
#include <string.h>

#include "bios/fdt.h"
#include "bios/riscv_boot.h"
#include "bios/riscv_virt.h"
#include "cpu/riscv/riscv.h"
#include "iodev/bus/virtio-mmio.h"
#include "iodev/char/ns16550a.h"
#include "iodev/intc/riscv-aclint.h"
#include "iodev/intc/riscv-plic.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/pflash-cfi01.h"
#include "iodev/misc/sifive-test.h"
#include "iodev/timer/goldfish-rtc.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/isa.h"

static const struct board_part parts[] = {
    { .name = "clint", .cls = &riscv_clint_class, .base = { VIRT_CLINT }, .when = "!aclint",
      .wires = { { 0, 1, "cpus", 3, 0 }, { 16, 1, "cpus", 7, 0 } } },
    { .name = "mswi", .cls = &riscv_aclint_mswi_class, .base = { VIRT_CLINT }, .when = "aclint",
      .wires = { { 0, 1, "cpus", 3, 0 } } },
    { .name = "mtimer", .cls = &riscv_aclint_mtimer_class, .base = { VIRT_CLINT + 0x4000 }, .when = "aclint",
      .wires = { { 16, 1, "cpus", 7, 0 } } },
    { .name = "sswi", .cls = &riscv_aclint_sswi_class, .base = { VIRT_ACLINT_SSWI }, .when = "aclint",
      .wires = { { 0, 1, "cpus", 1, 0 } } },
    { .name = "plic", .cls = &riscv_plic_class, .base = { VIRT_PLIC },
      .wires = { { 0, 2, "cpus", 11, 0 }, { 1, 2, "cpus", 9, 0 } } },
    { .name = "uart0", .cls = &ns16550a_class, .base = { VIRT_UART }, .wires = { { 0, 0, "plic", VIRT_IRQ_UART, 0 } } },
    { .name = "test", .cls = &sifive_test_class, .base = { VIRT_TEST } },
    { .name = "rtc", .cls = &goldfish_rtc_class, .base = { VIRT_RTC }, .wires = { { 0, 0, "plic", VIRT_IRQ_RTC, 0 } } },
    { .name = "fw-cfg", .cls = &fw_cfg_class, .base = { VIRT_FW_CFG } },
    { .name = "flash", .cls = &pflash_cfi01_class, .base = { VIRT_FLASH }, .count = 2, .stride = VIRT_FLASH_SIZE },
    { .name = "virtio-mmio", .cls = &virtio_mmio_class, .base = { VIRT_VIRTIO }, .count = VIRT_VIRTIO_COUNT,
      .stride = VIRT_VIRTIO_STRIDE, .wires = { { 0, 0, "plic", VIRT_IRQ_VIRTIO, 0 } } },
    { 0 },
};

static const struct prop_desc props[] = {
    { "aclint", PROP_BOOL, "off", "separate ACLINT devices instead of a CLINT" },
    { 0 },
};

static struct device *timer_device(struct machine *m)
{
    return machine_device(m, machine_board_flag(m, "aclint") ? "/mtimer" : "/clint");
}

static struct timebase timebase(struct machine *m)
{
    return riscv_clint_timebase(timer_device(m));
}

static void mtime_jumped(void *opaque)
{
    struct machine *m = opaque;
    for (unsigned i = 0; i < m->n_cpus; i++)
        riscv_time_changed(hart_of(m->cpus[i]));
}

static void finished(void *opaque, int kind, int code)
{
    machine_request(opaque, kind == SIFIVE_TEST_RESET ? MACHINE_RESET : MACHINE_POWEROFF,
                    kind == SIFIVE_TEST_FAIL ? code : 0, NULL);
}

static struct boot_blob as_boot_blob(struct blob b)
{
    return (struct boot_blob){ b.name, b.data, b.size };
}

static bool make_device_tree(struct machine *m, const struct riscv_boot *b, struct buf *out, struct err *e)
{
    const struct machine_config *c = m->config;
    const struct riscv_config *rc = &hart_of(m->cpus[0])->config;
    if (c->dtb.size)
        return fdt_with_chosen(c->dtb.name, c->dtb.data, c->dtb.size, c->append, b->initrd_start, b->initrd_end, out,
                               e);
    struct buf isa = { 0 };
    riscv_config_isa(rc, &isa);
    struct riscv_virt_dt v = {
        .harts = m->n_cpus, .isa = buf_cstr(&isa), .sv_max = rc->sv_max,
        .cbom_block = rc->ext >> RV_ZICBOM & 1 ? RISCV_CBO_BLOCK : 0,
        .cboz_block = rc->ext >> RV_ZICBOZ & 1 ? RISCV_CBO_BLOCK : 0,
        .ram_base = b->ram_base, .ram_size = b->ram_size,
        .bootargs = c->append, .initrd_start = b->initrd_start, .initrd_end = b->initrd_end, .seed = c->seed,
        .aclint = machine_board_flag(m, "aclint"),
    };
    bool ok = riscv_virt_dt(&v, out, e);
    buf_free(&isa);
    return ok;
}

static bool wire_up(struct machine *m, struct err *e)
{
    riscv_clint_set_hook(timer_device(m), mtime_jumped, m);
    sifive_test_set_hook(machine_device(m, "/test"), finished, m);
    goldfish_rtc_set_base(machine_device(m, "/rtc"), m->config->rtc_base);
    u8 *cpus = arena_alloc(m->arena, 2);
    store_le(cpus, 2, m->n_cpus);
    return fw_cfg_add_item(machine_device(m, "/fw-cfg"), FW_CFG_NB_CPUS, cpus, 2, e) &&
           fw_cfg_add_item(machine_device(m, "/fw-cfg"), FW_CFG_MAX_CPUS, cpus, 2, e);
}

static bool boot(struct machine *m, struct err *e)
{
    const struct machine_config *c = m->config;
    struct device *flash = machine_device(m, "/flash0");
    struct riscv_boot b = {
        .xlen = c->xlen, .mem = m->mem, .rom_base = VIRT_ROM, .ram_base = VIRT_RAM,
        .ram_size = c->ram_size ? c->ram_size : m->board->default_ram,
        .firmware = as_boot_blob(c->bios), .kernel = as_boot_blob(c->kernel), .initrd = as_boot_blob(c->initrd),
        .flash = flash && flash->drive, .flash_base = VIRT_FLASH,
    };
    if (!riscv_boot_load(&b, e))
        return false;
    struct buf dtb = { 0 };
    bool ok = make_device_tree(m, &b, &dtb, e) && riscv_boot_finish(&b, dtb.data, dtb.len, e);
    /* A guest may reset as often as it likes: nothing new is kept each time. */
    if (ok && (m->dtb.size != dtb.len || memcmp(m->dtb.data, dtb.data, dtb.len)))
        m->dtb = (struct blob){ "device tree", arena_memdup(m->arena, dtb.data, dtb.len), dtb.len };
    buf_free(&dtb);
    for (unsigned i = 0; ok && i < m->n_cpus; i++)
        m->cpus[i]->ops->reset(m->cpus[i], VIRT_ROM);
    return ok && machine_run_loaders(m, &b.placed, e);
}

extern const struct board board_virt;
const struct board board_virt = {
    .name = "virt",
    .doc = "RISC-V board for virtual machines, as QEMU's",
    .isa = &isa_riscv,
    .bios = { "default", "default" },
    .drives = "virtio",
    .max_cpus = 8,
    .master_hz = 1000000000,
    .ram_base = VIRT_RAM,
    .default_ram = 128 << 20,
    .max_ram = (u64)64 << 30,
    .rom_base = VIRT_ROM,
    .rom_size = VIRT_ROM_SIZE,
    .parts = parts,
    .props = props,
    .timebase = timebase,
    .connect = wire_up,
    .boot = boot,
};
