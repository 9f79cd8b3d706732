/* What a PC's firmware finds: its own ROM, the configuration device's files, CMOS. */
#include <string.h>

#include "bios/acpi.h"
#include "bios/smbios.h"
#include "bios/x86_kernel.h"
#include "cpu/x86/cpuid.h"
#include "cpu/x86/x86.h"
#include "iodev/block/i82077.h"
#include "iodev/bus/pci.h"
#include "iodev/misc/fw-cfg.h"
#include "iodev/misc/piix4-pm.h"
#include "iodev/timer/mc146818.h"
#include "machine/board.h"
#include "machine/build.h"
#include "machine/pc.h"

#define LOW_RAM_MOST ((u64)3 << 30) /* what is more goes above 4 GiB */
#define ROM_MOST ((u64)128 << 10)
#define FIRMWARE_MOST ((u64)4 << 20)

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
bool isapc_map_ram(struct machine *m, struct ram *ram, struct err *e)
{
    if (ram->size < 1 << 20)
        return err_set(e, "a PC needs 1 MiB of memory at least (-m)");
    return space_add_ram_part(m->mem, 0, ram, 0, 0xa0000, e) &&
           (ram->size == 1 << 20 || space_add_ram_part(m->mem, 1 << 20, ram, 1 << 20, ram->size - (1 << 20), e));
}

/* The firmware's file, padded in front to whole pages. */
struct ram *pc_firmware_rom(struct machine *m, struct err *e)
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
bool isapc_firmware(struct machine *m, struct err *e)
{
    struct ram *rom = pc_firmware_rom(m, e);
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

static const char *plain_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
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

/* A PCI function shows its ROM itself; those of ISA cards SeaBIOS copies from the configuration device. */
bool pc_add_roms(struct machine *m, struct err *e)
{
    for (struct device *d = m->devices; d; d = d->next)
        for (unsigned i = 0; i < m->config->n_roms; i++) {
            const struct blob *b = &m->config->roms[i].file;
            const char *name = device_prop(d, "romfile");
            if (!name || strcmp(name, m->config->roms[i].name))
                continue;
            if (b->size > ROM_MOST)
                return err_set(e, "%s: %zu bytes are too many for a card's ROM", b->name, b->size);
            if (d->cls->pci ? !pci_set_rom(d, b->data, b->size, e)
                            : !add_file(m, arena_printf(m->arena, "vgaroms/%s", plain_name(name)), b->data, b->size, e))
                return false;
            break;
        }
    return true;
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
        return (!c->initrd.size || err_set(e, "-initrd without -kernel: there is nobody to give it to")) &&
               pc_tell_boot_order(m, false, e);
    if (!x86_kernel_plan(&k, m->arena, e) || !fw_cfg_add_item(fw, X86_PLAN_KEY, k.plan, k.plan_size, e))
        return false;
    for (unsigned i = 0; i < k.n; i++)
        if (!fw_cfg_add_item(fw, (u16)(X86_PLAN_KEY + 1 + i), k.piece[i].data, k.piece[i].size, e))
            return false;
    u32 size;
    const u8 *rom = x86_kernel_rom(m->arena, &size);
    return fw_cfg_add_file(fw, "genroms/kernel.bin", rom, size, e) && pc_tell_boot_order(m, true, e);
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
    struct device *fdc = machine_device(m, "/floppy");
    unsigned a = fdc_cmos_type(fdc, 0), b = fdc_cmos_type(fdc, 1), floppies = (a != 0) + (b != 0);
    mc146818_set(rtc, 0x10, (u8)(a << 4 | b));
    /* Equipment: FPU, PS/2 mouse, floppies; the screen is found. */
    mc146818_set(rtc, 0x14, (u8)(0x06 | (floppies ? 1 | (floppies - 1) << 6 : 0)));
}

/* --- ACPI ------------------------------------------------------------------------------------------------------------------------ */

/* The ISA devices of the board's table that have a plug and play name. */
static const struct {
    const char *part, *name, *hid;
    unsigned uid, output; /* whose wire the interrupt is; what is not the first has its ports in the first's entry */
} pnp_parts[] = {
    { "serial0", "COM1", "PNP0501", 1, 0 }, { "serial1", "COM2", "PNP0501", 2, 0 }, { "serial2", "COM3", "PNP0501", 3, 0 },
    { "serial3", "COM4", "PNP0501", 4, 0 }, { "parallel0", "LPT1", "PNP0400", 1, 0 }, { "rtc", "RTC_", "PNP0B00", 0, 0 },
    { "kbd", "KBD_", "PNP0303", 0, 0 },     { "kbd", "MOU_", "PNP0F13", 0, 1 },     { "floppy", "FDC0", "PNP0700", 0, 0 },
};

static int irq_of(const struct board_part *p, unsigned output)
{
    for (const struct board_wire *w = p->wires; w < p->wires + ARRAY_LEN(p->wires) && w->to; w++)
        if (w->out == output && !strcmp(w->to, "irq"))
            return (int)(w->line % 32);
    return -1;
}

static void list_isa(const struct board *b, struct acpi_isa_device *out)
{
    for (const struct board_part *p = b->parts; p->name; p++)
        for (unsigned k = 0; k < ARRAY_LEN(pnp_parts); k++) {
            if (strcmp(p->name, pnp_parts[k].part))
                continue;
            *out = (struct acpi_isa_device){ .name = pnp_parts[k].name, .hid = pnp_parts[k].hid, .uid = pnp_parts[k].uid,
                                             .irq = irq_of(p, pnp_parts[k].output), .dma = strcmp(p->name, "floppy") ? -1 : 2 };
            for (unsigned bank = 0, n = 0; !pnp_parts[k].output && bank < DEVICE_MAX_BANKS && n < ACPI_MAX_PORTS; bank++)
                if (p->cls->banks[bank] && p->base[bank]) {
                    out->ports[n].base = (u16)board_base(p, bank, 0);
                    out->ports[n++].length = (u8)p->cls->banks[bank]->size;
                }
            out++;
        }
    *out = (struct acpi_isa_device){ 0 };
}

bool pc_add_acpi(struct machine *m, struct err *e)
{
    struct acpi_isa_device isa[ARRAY_LEN(pnp_parts) + 1];
    struct acpi_files f;
    list_isa(m->board, isa);
    struct acpi_board b = {
        .cpus = m->n_cpus, .low_ram_end = low_ram_end(m),
        .pm_base = 0x600, /* where SeaBIOS puts it */
        .smi_command = PIIX4_PM_SMI_PORT, .smi_acpi_enable = PIIX4_PM_ACPI_ON, .smi_acpi_disable = PIIX4_PM_ACPI_OFF,
        .hpet_base = machine_device(m, "/hpet") ? PC_HPET : 0, .ioapic_base = PC_IOAPIC, .lapic_base = PC_LAPIC,
        .pci_links = 0x60, .isa = isa, .vga = machine_screen(m, 0) != NULL,
    };
    acpi_make(&b, &f);
    bool ok = add_file(m, "etc/acpi/tables", f.tables.data, f.tables.len, e) &&
              add_file(m, "etc/acpi/rsdp", f.rsdp.data, f.rsdp.len, e) &&
              add_file(m, "etc/table-loader", f.loader.data, f.loader.len, e);
    acpi_free(&f);
    return ok;
}

bool pc_tell_firmware(struct machine *m, struct err *e)
{
    fill_cmos(m);
    return add_number(m, FW_CFG_NB_CPUS, m->n_cpus, 2, e) && add_number(m, FW_CFG_MAX_CPUS, m->n_cpus, 2, e) &&
           add_number(m, FW_CFG_RAM_SIZE, low_ram_end(m), 8, e) && add_number(m, FW_CFG_BOOT_MENU, m->config->boot.menu, 2, e) &&
           add_memory_map(m, e) && add_smbios(m, e) && add_kernel(m, e);
}
