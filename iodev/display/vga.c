/* The adapters: what they are made of and where they are seen; see vga.h. */
#include "iodev/display/vga-core.h"

#include <string.h>

/* --- base address 2: the ports as memory (QEMU's docs/specs/standard-vga) ------------------------------------- */

enum { MMIO_PORTS = 0x400, MMIO_DISPI = 0x500, MMIO_EXTENSION = 0x600, MMIO_SIZE = 0x1000 };

/* Each byte is the port's; two of them at once reach an index and its data. */
static enum mem_result mmio_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (offset >= MMIO_DISPI && offset + size <= MMIO_DISPI + 2 * DISPI_COUNT)
        return peek ? device_bank_peek(d, VGA_DISPI, offset - MMIO_DISPI, size, value)
                    : device_bank_read(d, VGA_DISPI, offset - MMIO_DISPI, size, value);
    if (offset < MMIO_PORTS || offset + size > MMIO_PORTS + vga_ports_bank.size)
        return MEM_FAULT;
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        u64 byte, at = offset - MMIO_PORTS + i;
        if ((peek ? device_bank_peek : device_bank_read)(d, VGA_PORTS, at, 1, &byte) != MEM_OK)
            byte = 0xff;
        *value |= byte << (8 * i);
    }
    return MEM_OK;
}

static enum mem_result mmio_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (offset >= MMIO_DISPI && offset + size <= MMIO_DISPI + 2 * DISPI_COUNT)
        return device_bank_write(d, VGA_DISPI, offset - MMIO_DISPI, size, value);
    if (offset < MMIO_PORTS || offset + size > MMIO_PORTS + vga_ports_bank.size)
        return MEM_FAULT;
    for (unsigned i = 0; i < size; i++)
        (void)device_bank_write(d, VGA_PORTS, offset - MMIO_PORTS + i, 1, value >> (8 * i) & 0xff);
    return MEM_OK;
}

static u64 extension_size_get(const struct device *d, u32 index) { return 0; }

static const struct reg_desc mmio_regs[] = {
    { .name = "EXTENSION_SIZE", .offset = MMIO_EXTENSION, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = extension_size_get,
      .doc = "bytes of registers from here on: none", .section = "docs/specs/standard-vga" },
    { .name = NULL },
};
static const struct reg_bank mmio_bank = {
    .name = "mmio", .size = MMIO_SIZE, .min_access = 1, .max_access = 4, .regs = mmio_regs, .read = mmio_read,
    .write = mmio_write,
};
static const struct reg_bank framebuffer_bank = {
    .name = "framebuffer", .min_access = 1, .max_access = 8, .hole_faults = true,
};

/* --- life -------------------------------------------------------------------------------------------------- */

#define MIB ((u64)1 << 20)

static bool build(struct device *d, struct err *e)
{
    struct vga_link *l = d->link;
    u64 mib = device_prop_u64(d, "vgamem_mb");
    if (mib < 1 || mib > 256 || mib & (mib - 1))
        return err_set(e, "vgamem_mb=%llu is not a power of two from 1 to 256", (unsigned long long)mib);
    l->ram = ram_new(d->env->arena, arena_printf(d->env->arena, "%s/vram", d->path), mib * MIB, false, e);
    d->bank_size[VGA_FRAMEBUFFER] = mib * MIB;
    return l->ram && device_map(d, VGA_PORTS, d->env->io, VGA_PORTS_BASE, e) &&
           device_map(d, VGA_MONO_PORTS, d->env->io, VGA_MONO_PORTS_BASE, e) &&
           device_map(d, VGA_DISPI_PORTS, d->env->io, VGA_DISPI_PORTS_BASE, e) &&
           device_map(d, VGA_MEMORY, d->env->mem, VGA_MEMORY_BASE, e);
}

static struct ram *framebuffer(const struct device *d, unsigned bank)
{
    return bank == VGA_FRAMEBUFFER ? vga_ram(d) : NULL;
}

/* Below everything else, as a card that nobody moved. */
static bool isa_build(struct device *d, struct err *e)
{
    if (!build(d, e) || !device_window(d, VGA_FRAMEBUFFER, d->env->mem, 0, -2, e))
        return false;
    device_place(d, VGA_FRAMEBUFFER, ISA_VGA_FRAMEBUFFER, true);
    return true;
}

static void reset(struct device *d)
{
    struct vga *v = vga_of(d);
    if (d->cls->pci)
        pci_reset(d);
    v->attr_index = v->dac_state = v->dac_part = 0;
    v->attr_data = false;
    v->latch = v->dispi_low = 0;
    v->retrace_seen = 0;
    memset(v->palette, 0, sizeof v->palette);
    memset(v->dac_latch, 0, sizeof v->dac_latch);
    vga_dispi_reset(d);
}

static void loaded(struct device *d)
{
    struct vga *v = vga_of(d);
    if (v->dac_part > 2)
        v->dac_part = 0;
    vga_dispi_loaded(d);
    if (d->cls->pci)
        pci_loaded(d);
}

#define STATES                                                                                                        \
    STATE(struct vga, misc), STATE(struct vga, feature), STATE(struct vga, enable), STATE(struct vga, seq_index),     \
        STATE(struct vga, crtc_index), STATE(struct vga, gc_index), STATE(struct vga, attr_index),                    \
        STATE(struct vga, attr_data), STATE_ARRAY(struct vga, seq), STATE_ARRAY(struct vga, crtc),                    \
        STATE_ARRAY(struct vga, gc), STATE_ARRAY(struct vga, attr), STATE(struct vga, dac_mask),                      \
        STATE(struct vga, dac_state), STATE(struct vga, dac_read), STATE(struct vga, dac_write),                      \
        STATE(struct vga, dac_part), STATE_ARRAY(struct vga, dac_latch), STATE_ARRAY(struct vga, palette),            \
        STATE(struct vga, latch), STATE(struct vga, dispi_index), STATE_ARRAY(struct vga, dispi),              \
        STATE(struct vga, dispi_low),                                                                                 \
        STATE(struct vga, retrace_seen), STATE_END

static const struct state_field pci_state[] = { PCI_CONFIG_STATE(struct vga), STATES };
static const struct state_field isa_state[] = { STATES };

static const struct prop_desc pci_props[] = {
    { "vgamem_mb", PROP_U64, "16", "video memory, MiB" },
    { "romfile", PROP_STR, "vgabios-stdvga.bin", "its BIOS" },
    { NULL, PROP_U64, NULL, NULL },
};
static const struct prop_desc isa_props[] = {
    { "vgamem_mb", PROP_U64, "8", "video memory, MiB" },
    { "romfile", PROP_STR, "vgabios-isavga.bin", "its BIOS" },
    { NULL, PROP_U64, NULL, NULL },
};

/* Revision 2: base address 2 is there. */
static const struct pci_function function = {
    .vendor = 0x1234, .device = 0x1111, .revision = 2, .class_code = 0x030000,
    .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
    .bar = { { PCI_BAR_MEM32_PREFETCH, VGA_FRAMEBUFFER, 0 }, { 0 }, { PCI_BAR_MEM32, VGA_MMIO, MMIO_SIZE } },
    .rom = "romfile",
};

#define BANKS(framebuffer_mmio)                                                                                       \
    { [VGA_PORTS] = &vga_ports_bank, [VGA_MONO_PORTS] = &vga_mono_ports_bank,                                         \
      [VGA_DISPI_PORTS] = &vga_dispi_ports_bank, [VGA_MEMORY] = &vga_memory_bank,                                     \
      [VGA_FRAMEBUFFER] = &framebuffer_bank, [VGA_MMIO] = framebuffer_mmio, [VGA_SEQUENCER] = &vga_sequencer_bank,    \
      [VGA_CRTC] = &vga_crtc_bank, [VGA_GRAPHICS] = &vga_graphics_bank, [VGA_ATTRIBUTE] = &vga_attribute_bank,        \
      [VGA_DAC] = &vga_dac_bank, [VGA_DISPI] = &vga_dispi_bank }

const struct device_class vga_class = {
    .name = "VGA",
    .doc = "VGA with the Bochs display interface, on the PCI bus",
    .bus = "pci",
    .screen = &vga_screen,
    .pci = &function,
    .state_size = sizeof(struct vga),
    .state = pci_state,
    .link_size = sizeof(struct vga_link),
    .props = pci_props,
    .banks = BANKS(&mmio_bank),
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .bank_ram = framebuffer,
};

const struct device_class isa_vga_class = {
    .name = "isa-vga",
    .doc = "VGA with the Bochs display interface, on the ISA bus",
    .bus = "isa",
    .screen = &vga_screen,
    .state_size = sizeof(struct vga),
    .state = isa_state,
    .link_size = sizeof(struct vga_link),
    .props = isa_props,
    .banks = BANKS(NULL),
    .build = isa_build,
    .reset = reset,
    .loaded = loaded,
    .bank_ram = framebuffer,
};
