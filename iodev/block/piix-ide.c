/* The two controllers: piix3-ide, function 1 of the 82371SB (data sheet 290550), and isa-ide, a bare ISA adapter.
 *
 * Banks of piix3-ide, to be mapped by the board: 0 at port 0x1f0, 1 at 0x3f6, 2 at 0x170, 3 at 0x376; bank 4 is BAR 4.
 * Of isa-ide: 0 at 0x1f0, 1 at 0x3f6. As on the chip, a channel of the PCI function answers only while its IDETIM has
 * bit 15 and the command register has I/O space on: firmware sets both. */
#include "iodev/block/ide.h"

static const struct state_field pci_state[] = {
    PCI_CONFIG_STATE(struct ide_state),     IDE_CHANNEL_STATE(0), IDE_CHANNEL_STATE(1),
    STATE_ARRAY(struct ide_state, timing), STATE(struct ide_state, slave_timing), STATE_END,
};
static const struct state_field isa_state[] = { IDE_CHANNEL_STATE(0), STATE_END };

static const struct reg_field idetim_fields[] = {
    { "TIME0", 0, 1, "fast timing for drive 0" },
    { "IE0", 1, 1, "drive 0: IORDY is sampled" },
    { "PPE0", 2, 1, "drive 0: prefetch and posting" },
    { "DTE0", 3, 1, "drive 0: fast timing for DMA only" },
    { "TIME1", 4, 1, "fast timing for drive 1" },
    { "IE1", 5, 1, "drive 1: IORDY is sampled" },
    { "PPE1", 6, 1, "drive 1: prefetch and posting" },
    { "DTE1", 7, 1, "drive 1: fast timing for DMA only" },
    { "RTC", 8, 2, "recovery time: 0 4, 1 3, 2 2, 3 1 clocks" },
    { "ISP", 12, 2, "IORDY sample point: 0 5, 1 4, 2 3, 3 2 clocks" },
    { "SITRE", 14, 1, "drive 1 has its own timing (SIDETIM)" },
    { "IDE", 15, 1, "the channel's ports are decoded" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc config[] = {
    { .name = "IDETIM", .offset = 0x40, .width = 2, .count = 2, .rw = 0xf3ff, .slot = REG_SLOT(struct ide_state, timing),
      .fields = idetim_fields, .doc = "timing of each channel, and whether it is decoded", .section = "2.3.9" },
    { .name = "SIDETIM", .offset = 0x44, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct ide_state, slave_timing),
      .doc = "timing of the channels' drives 1", .section = "2.3.10" },
    { .name = NULL },
};

static const struct pci_function piix3 = {
    .vendor = 0x8086,
    .device = 0x7010,
    .class_code = 0x010180,
    .bar[4] = { PCI_BAR_PORTS, 4, 16 },
    .config = config,
};

static bool pci_build(struct device *d, struct err *e)
{
    ide_channels_build(d, 2, true);
    return true;
}

static void pci_ide_reset(struct device *d)
{
    pci_reset(d);
    ide_channels_reset(d);
}

static void pci_ide_loaded(struct device *d)
{
    pci_loaded(d);
}

static bool isa_build(struct device *d, struct err *e)
{
    ide_channels_build(d, 1, false);
    return true;
}

static const struct prop_desc no_props[] = { { NULL, PROP_U64, NULL, NULL } };

const struct device_class piix3_ide_class = {
    .name = "piix3-ide",
    .doc = "82371SB IDE: two channels with bus master",
    .pci = &piix3,
    .state_size = sizeof(struct ide_state),
    .state = pci_state,
    .link_size = sizeof(struct ide_link),
    .props = no_props,
    .banks = { &ide_command_bank[0], &ide_control_bank[0], &ide_command_bank[1], &ide_control_bank[1], &ide_busmaster_bank },
    .build = pci_build,
    .reset = pci_ide_reset,
    .loaded = pci_ide_loaded,
    .describe = ide_channels_describe,
};

const struct device_class isa_ide_class = {
    .name = "isa-ide",
    .doc = "ISA IDE adapter: one channel",
    .state_size = sizeof(struct ide_state),
    .state = isa_state,
    .link_size = sizeof(struct ide_link),
    .props = no_props,
    .banks = { &ide_command_bank[0], &ide_control_bank[0] },
    .build = isa_build,
    .reset = ide_channels_reset,
    .describe = ide_channels_describe,
};
