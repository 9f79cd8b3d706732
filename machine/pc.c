/* The PC: isapc (no PCI: what an AT was) and pc (i440FX and PIIX3), at the addresses and interrupts that all PCs share. */
#include <string.h>

#include "bios/acpi.h"
#include "bios/smbios.h"
#include "bios/x86_kernel.h"
#include "cpu/x86/cpuid.h"
#include "cpu/x86/x86.h"
#include "iodev/bus/i440fx.h"
#include "iodev/char/ns16550a.h"
#include "iodev/char/parallel.h"
#include "iodev/intc/gsi.h"
#include "iodev/intc/i8259.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/i8237.h"
#include "iodev/misc/isa-debug-exit.h"
#include "iodev/misc/port92.h"
#include "iodev/misc/post-code.h"
#include "iodev/misc/pvpanic.h"
#include "iodev/timer/i8254.h"
#include "iodev/timer/mc146818.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/isa.h"

#define LOW_RAM_MOST ((u64)3 << 30) /* what is more goes above 4 GiB */
#define FIRMWARE_MOST ((u64)4 << 20)

/* --- parts ------------------------------------------------------------------------------------------------------------- */

#define IRQ(n, source) { 0, 0, "irq", GSI_LINE(n, source), 0 }
#define AT_PARTS(intr_to)                                                                                                     \
    { .name = "pic0", .cls = &i8259_class, .base = { 0x20, 0x4d0 }, .props = "elcr-mask=0xf8",                       \
      .wires = { { 0, 0, intr_to, X86_LINE_INTR, 0 } } },                                                            \
    { .name = "pic1", .cls = &i8259_class, .base = { 0xa0, 0x4d1 }, .props = "slave=on,elcr-mask=0xde",              \
      .wires = { { 0, 0, "pic0", 2, 0 } } },                                                                         \
    { .name = "pit", .cls = &i8254_class, .base = { 0x40, 0x61 }, .wires = { IRQ(0, 0) } },                          \
    { .name = "rtc", .cls = &mc146818_class, .base = { 0x70, 0x72 }, .wires = { IRQ(8, 0) } },                       \
    { .name = "dma0", .cls = &i8237_class, .base = { BOARD_BASE_0, 0x81 } },                                         \
    { .name = "dma1", .cls = &i8237_wide_class, .base = { 0xc0, 0x88 } },                                            \
    { .name = "serial0", .cls = &isa_serial_class, .base = { 0x3f8 }, .wires = { IRQ(4, 0) } },                      \
    { .name = "serial1", .cls = &isa_serial_class, .base = { 0x2f8 }, .wires = { IRQ(3, 0) } },                      \
    { .name = "serial2", .cls = &isa_serial_class, .base = { 0x3e8 }, .wires = { IRQ(4, 1) } },                      \
    { .name = "serial3", .cls = &isa_serial_class, .base = { 0x2e8 }, .wires = { IRQ(3, 1) } },                      \
    { .name = "parallel0", .cls = &isa_parallel_class, .base = { 0x378 }, .wires = { IRQ(7, 0) } },                  \
    { .name = "port92", .cls = &port92_class, .base = { 0x92 } },                                                    \
    { .name = "post", .cls = &post_code_class, .base = { 0x80 } },                                                   \
    { .name = "fw-cfg", .cls = &fw_cfg_ports_class, .base = { 0x510 } }

static const struct board_part isapc_parts[] = {
    AT_PARTS("cpus"),
    { .name = "irq", .cls = &gsi_class,
      .wires = { { 0, 0, "pic0", 0, 2 }, { 3, 0, "pic0", 3, 5 }, { 8, 0, "pic1", 0, 8 } } },
    { 0 },
};

/* --- memory ------------------------------------------------------------------------------------------------------------- */

static u64 ram_size(const struct machine *m)
{
    return m->rams->size;
}

static u64 low_ram_end(const struct machine *m)
{
    return ram_size(m) < LOW_RAM_MOST ? ram_size(m) : LOW_RAM_MOST;
}

/* An AT: RAM to 640 KiB and from 1 MiB on. */
static bool isapc_map_ram(struct machine *m, struct ram *ram, struct err *e)
{
    if (ram->size < 1 << 20)
        return err_set(e, "a PC needs 1 MiB of memory at least (-m)");
    return space_add_ram_part(m->mem, 0, ram, 0, 0xa0000, e) &&
           (ram->size == 1 << 20 || space_add_ram_part(m->mem, 1 << 20, ram, 1 << 20, ram->size - (1 << 20), e));
}

/* The firmware's file, padded in front to whole pages. */
static struct ram *firmware_rom(struct machine *m, struct err *e)
{
    const struct blob *b = &m->config->bios;
    if (!b->size)
        return err_set(e, "a PC does not start without firmware: give one with -bios FILE, or leave -bios away"), NULL;
    if (b->size > FIRMWARE_MOST)
        return err_set(e, "%s: %zu bytes are too many for a PC's firmware", b->name, b->size), NULL;
    u64 size = (b->size + PAGE_MASK) & ~PAGE_MASK;
    struct ram *r = ram_new(m->arena, "bios", size, true, e);
    if (r)
        memcpy(r->host + size - b->size, b->data, b->size);
    if (r)
        machine_list_ram(m, r);
    return r;
}

/* Without a host bridge nothing write-protects memory: the firmware's last 128 KiB are RAM, as is the room of ROMs. */
static bool isapc_firmware(struct machine *m, struct err *e)
{
    struct ram *rom = firmware_rom(m, e);
    if (!rom)
        return false;
    u64 shown = rom->size < 0x20000 ? rom->size : 0x20000;
    struct ram *shadow = ram_new(m->arena, "shadow", 0x40000, false, e);
    if (!shadow || !space_add_ram(m->mem, 0xc0000, shadow, e) || !space_add_ram(m->mem, ((u64)1 << 32) - rom->size, rom, e))
        return false;
    memcpy(shadow->host + 0x40000 - shown, rom->host + rom->size - shown, shown);
    machine_list_ram(m, shadow);
    return true;
}

/* --- what the firmware is told ---------------------------------------------------------------------------------------------- */

static bool add_file(struct machine *m, const char *name, const void *bytes, size_t n, struct err *e)
{
    return fw_cfg_add_file(machine_device(m, "/fw-cfg"), name, arena_memdup(m->arena, bytes, n), (u32)n, e);
}

static bool add_number(struct machine *m, u16 key, u64 value, unsigned bytes, struct err *e)
{
    u8 *p = arena_alloc(m->arena, bytes);
    store_le(p, bytes, value);
    return fw_cfg_add_item(machine_device(m, "/fw-cfg"), key, p, bytes, e);
}

static bool add_memory_map(struct machine *m, struct err *e)
{
    struct buf map = { 0 };
    buf_put_le(&map, 0, 8);
    buf_put_le(&map, low_ram_end(m), 8);
    buf_put_le(&map, 1, 4);
    if (ram_size(m) > LOW_RAM_MOST) {
        buf_put_le(&map, (u64)1 << 32, 8);
        buf_put_le(&map, ram_size(m) - LOW_RAM_MOST, 8);
        buf_put_le(&map, 1, 4);
    }
    bool ok = add_file(m, "etc/e820", map.data, map.len, e);
    buf_free(&map);
    return ok;
}

static bool add_smbios(struct machine *m, struct err *e)
{
    const struct x86_config *c = &x86_of(m->cpus[0])->config;
    struct buf tables = { 0 }, anchor = { 0 };
    u32 leaf[4];
    x86_cpuid(c, &(struct x86_cpuid_in){ 0 }, 1, 0, leaf);
    smbios_make(&(struct smbios_machine){ m->board->name, "1", c->brand, leaf[CPUID_EAX], leaf[CPUID_EDX], m->n_cpus, ram_size(m) },
                &tables, &anchor);
    bool ok = add_file(m, "etc/smbios/smbios-tables", tables.data, tables.len, e) &&
              add_file(m, "etc/smbios/smbios-anchor", anchor.data, anchor.len, e);
    buf_free(&tables);
    buf_free(&anchor);
    return ok;
}

static bool add_kernel(struct machine *m, struct err *e)
{
    const struct machine_config *c = m->config;
    struct device *fw = machine_device(m, "/fw-cfg");
    struct x86_kernel k = { .kernel = { c->kernel.name, c->kernel.data, c->kernel.size },
                            .initrd = { c->initrd.name, c->initrd.data, c->initrd.size }, .append = c->append,
                            .low_ram_end = low_ram_end(m) };
    if (!c->kernel.size)
        return !c->initrd.size || err_set(e, "-initrd without -kernel: there is nobody to give it to");
    if (!x86_kernel_plan(&k, m->arena, e) || !fw_cfg_add_item(fw, X86_PLAN_KEY, k.plan, k.plan_size, e))
        return false;
    for (unsigned i = 0; i < k.n; i++)
        if (!fw_cfg_add_item(fw, (u16)(X86_PLAN_KEY + 1 + i), k.piece[i].data, k.piece[i].size, e))
            return false;
    static const char order[] = "/rom@genroms/kernel.bin";
    u32 size;
    const u8 *rom = x86_kernel_rom(m->arena, &size);
    return fw_cfg_add_file(fw, "genroms/kernel.bin", rom, size, e) && add_file(m, "bootorder", order, sizeof order, e);
}

/* CMOS bytes as SeaBIOS and old systems read them ("CMOS Memory Map", Ralf Brown; QEMU's hw/i386/pc.c uses the same). */
static void fill_cmos(struct machine *m)
{
    struct device *rtc = machine_device(m, "/rtc");
    u64 size = ram_size(m), low = low_ram_end(m);
    u64 kib = low >> 10, ext = kib > 1024 ? kib - 1024 : 0, above16 = low > 16 << 20 ? (low - (16 << 20)) >> 16 : 0;
    u64 high = size > LOW_RAM_MOST ? (size - LOW_RAM_MOST) >> 16 : 0;
    if (ext > 0xffff)
        ext = 0xffff;
    if (above16 > 0xffff)
        above16 = 0xffff;
    mc146818_set(rtc, 0x15, 640 & 0xff);
    mc146818_set(rtc, 0x16, 640 >> 8);
    for (unsigned at = 0x17; at <= 0x30; at += 0x30 - 0x17) {
        mc146818_set(rtc, at, (u8)ext);
        mc146818_set(rtc, at + 1, (u8)(ext >> 8));
    }
    mc146818_set(rtc, 0x34, (u8)above16);
    mc146818_set(rtc, 0x35, (u8)(above16 >> 8));
    for (unsigned k = 0; k < 3; k++)
        mc146818_set(rtc, 0x5b + k, (u8)(high >> (8 * k)));
    mc146818_set(rtc, 0x5f, (u8)(m->n_cpus - 1));
    mc146818_set(rtc, 0x14, 0x06); /* equipment: FPU, PS/2 mouse; the screen is found */
    mc146818_set(rtc, 0x38, 0x30); /* boot order: third device none, ... */
    mc146818_set(rtc, 0x3d, 0x12); /* ... first the disk, then the floppy */
}

/* --- hooks --------------------------------------------------------------------------------------------------------------------- */

static void set_a20(struct machine *m)
{
    bool open = true || port92_a20(machine_device(m, "/port92"));
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->set_irq(m->cpus[i], X86_LINE_A20, open);
}

static void a20_changed(void *opaque, bool level)
{
    set_a20(opaque);
}

static void reset_pulse(void *opaque)
{
    machine_request(opaque, MACHINE_RESET, 0, NULL);
}

static void debug_exit(void *opaque, u32 status)
{
    machine_request(opaque, MACHINE_POWEROFF, (int)(status & 0xff), NULL);
}

static void panicked(void *opaque, unsigned event)
{
    if (event & PVPANIC_PANICKED)
        machine_request(opaque, MACHINE_PANIC, 0, "the guest says that it panicked (pvpanic)");
}

/* A CPU shut down: a PC resets then (the chip set hears the shutdown cycle). Who asked not to reboot is told why. */
static void cpu_shut_down(void *opaque, struct x86 *c)
{
    struct machine *m = opaque;
    struct buf story = { 0 };
    x86_tell_story(c, &story);
    machine_request(m, m->config->no_reboot ? MACHINE_PANIC : MACHINE_RESET, 0, buf_cstr(&story));
    buf_free(&story);
}

static u8 acknowledge(void *opaque)
{
    return i8259_acknowledge(opaque);
}

static bool cpu_wiring(struct machine *m, unsigned i, void *wiring, struct err *e)
{
    struct x86_board *w = wiring;
    w->inta = acknowledge;
    w->inta_opaque = machine_device(m, "/pic0");
    w->shutdown = cpu_shut_down;
    w->shutdown_opaque = m;
    w->seed = m->config->seed + i;
    return true;
}

static bool connect_at(struct machine *m, struct err *e)
{
    struct device *d;
    i8259_set_slave(machine_device(m, "/pic0"), machine_device(m, "/pic1"));
    i8237_set_cascade(machine_device(m, "/dma0"), machine_device(m, "/dma1"));
    port92_set_hooks(machine_device(m, "/port92"), a20_changed, reset_pulse, m);
    mc146818_set_base(machine_device(m, "/rtc"), m->config->rtc_base);
    fill_cmos(m);
    for (d = m->devices; d; d = d->next) {
        if (d->cls == &isa_debug_exit_class)
            isa_debug_exit_set_hook(d, debug_exit, m);
        if (d->cls == &pvpanic_class)
            pvpanic_set_hook(d, panicked, m);
    }
    return add_number(m, FW_CFG_NB_CPUS, m->n_cpus, 2, e) && add_number(m, FW_CFG_MAX_CPUS, m->n_cpus, 2, e) &&
           add_number(m, FW_CFG_RAM_SIZE, low_ram_end(m), 8, e) && add_number(m, FW_CFG_BOOT_MENU, 0, 2, e) &&
           add_memory_map(m, e) && add_smbios(m, e) && add_kernel(m, e);
}

static bool isapc_connect(struct machine *m, struct err *e)
{
    return isapc_firmware(m, e) && connect_at(m, e);
}

static bool boot(struct machine *m, struct err *e)
{
    for (unsigned i = 0; i < m->n_cpus; i++)
        m->cpus[i]->ops->reset(m->cpus[i], 0);
    set_a20(m);
    return true;
}

/* --- boards ---------------------------------------------------------------------------------------------------------------------- */

extern const struct board board_isapc;
const struct board board_isapc = {
    .name = "isapc",
    .doc = "PC with an ISA bus only: an AT",
    .isa = &isa_x86,
    .bios = { "seabios", "seabios" },
    .cpu = "486",
    .max_cpus = 1,
    .master_hz = 1000000000,
    .default_ram = 16 << 20,
    .max_ram = (u64)64 << 20,
    .ports = true,
    .map_ram = isapc_map_ram,
    .parts = isapc_parts,
    .cpu_wiring = cpu_wiring,
    .connect = isapc_connect,
    .boot = boot,
};
