/* Intel 82371SB (PIIX3), ISA bridge; see piix3.h. */
#include "iodev/bus/piix3.h"

#include <string.h>

enum { PIRQS = 4, ISA_IRQS = 16 };

struct piix3 {
    struct pci_config pci;
    u8 iort, pirqrc[PIRQS], tom, mbirq, mbdma[2], apicbase, dlc, smicntl, ftmr, ctltmr, cthtmr, rc;
    u16 xbcs, mstat, pcsc, smien, smireq;
    u32 see;
    u8 pirq;  /* levels of the inputs */
    u16 irqs; /* levels of the outputs */
};

struct piix3_link {
    void (*reset)(void *opaque, bool hard);
    void *opaque;
};

static struct piix3 *piix3(const struct device *d)
{
    return d->state;
}

/* --- interrupt routing ------------------------------------------------------------------------------------- */

/* Interrupts 0 to 2, 8 and 13 are the chipset's own: reserved codes, routed nowhere. */
#define ROUTABLE 0xdef8u
#define PIRQRC_OFF 0x80

static void route(struct device *d)
{
    struct piix3 *p = piix3(d);
    u16 irqs = 0;
    for (unsigned k = 0; k < PIRQS; k++)
        if (p->pirq >> k & 1 && !(p->pirqrc[k] & PIRQRC_OFF))
            irqs |= (u16)(1u << (p->pirqrc[k] & 15) & ROUTABLE);
    u16 changed = irqs ^ p->irqs;
    p->irqs = irqs;
    for (unsigned k = 0; k < ISA_IRQS; k++)
        if (changed >> k & 1)
            device_irq(d, k, irqs >> k & 1);
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct piix3 *p = piix3(d);
    if (line >= PIRQS)
        return;
    p->pirq = (u8)bits_set(p->pirq, line, 1, level);
    route(d);
}

static void pirqrc_write(struct device *d, u32 index, u64 value, u64 old)
{
    route(d);
}

/* --- reset control (port 0xcf9) ---------------------------------------------------------------------------- */

enum { RC_HARD = 1 << 1, RC_RESET = 1 << 2 };

static void rc_write(struct device *d, u32 index, u64 value, u64 old)
{
    const struct piix3_link *l = d->link;
    if (value & ~old & RC_RESET && l->reset)
        l->reset(l->opaque, value & RC_HARD);
}

void piix3_set_hook(struct device *d, void (*reset)(void *opaque, bool hard), void *opaque)
{
    *(struct piix3_link *)d->link = (struct piix3_link){ reset, opaque };
}

/* --- registers --------------------------------------------------------------------------------------------- */

static const struct reg_field pirqrc_fields[] = {
    { "IRQ", 0, 4, "ISA interrupt: 3 to 7, 9 to 12, 14, 15" },
    { "OFF", 7, 1, "routed nowhere" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field xbcs_fields[] = {
    { "RTC", 0, 1, "ports 0x70 to 0x77 are decoded" },
    { "KBC", 1, 1, "ports 0x60 and 0x64 are decoded" },
    { "BIOS_WRITE", 2, 1, "stores reach the BIOS ROM's chip select" },
    { "MOUSE", 4, 1, "IRQ12 is the mouse's" },
    { "COPROCESSOR", 5, 1, "FERR# makes IRQ13" },
    { "LOWER_BIOS", 6, 1, "0xe0000 to 0xeffff is decoded" },
    { "EXTENDED_BIOS", 7, 1, "the 448K below the BIOS are decoded" },
    { "APIC", 8, 1, "the I/O APIC's chip select" },
    { NULL, 0, 0, NULL },
};

static const struct reg_field rc_fields[] = {
    { "HARD", 1, 1, "a reset is one of the whole machine" },
    { "RESET", 2, 1, "setting it resets" },
    { NULL, 0, 0, NULL },
};

#define SLOT(m) REG_SLOT(struct piix3, m)
#define SECTION "82371SB 2.3"
static const struct reg_desc config[] = {
    { .name = "IORT", .offset = 0x4c, .width = 1, .reset = 0x4d, .rw = 0x7f, .slot = SLOT(iort),
      .doc = "ISA I/O recovery times", .section = SECTION },
    { .name = "XBCS", .offset = 0x4e, .width = 2, .reset = 3, .rw = 0x01ff, .slot = SLOT(xbcs), .fields = xbcs_fields,
      .doc = "chip selects of the X bus; they are always on here", .section = SECTION },
    { .name = "PIRQRC", .offset = 0x60, .width = 1, .count = PIRQS, .reset = 0x80, .rw = 0x8f, .slot = SLOT(pirqrc),
      .write = pirqrc_write, .fields = pirqrc_fields, .doc = "where PIRQA to PIRQD go", .section = SECTION },
    { .name = "TOM", .offset = 0x69, .width = 1, .reset = 2, .rw = 0xfe, .slot = SLOT(tom),
      .doc = "top of the memory that ISA masters reach", .section = SECTION },
    { .name = "MSTAT", .offset = 0x6a, .width = 2, .rw = 0x8480, .slot = SLOT(mstat), .doc = "miscellaneous status",
      .section = SECTION },
    { .name = "MBIRQ", .offset = 0x70, .width = 1, .reset = 0x80, .rw = 0xef, .slot = SLOT(mbirq),
      .doc = "routing of the motherboard's interrupt", .section = SECTION },
    { .name = "MBDMA", .offset = 0x76, .width = 1, .count = 2, .reset = 0x0c, .rw = 0x8f, .slot = SLOT(mbdma),
      .doc = "type F DMA channels", .section = SECTION },
    { .name = "PCSC", .offset = 0x78, .width = 2, .reset = 2, .rw = 0xffff, .slot = SLOT(pcsc),
      .doc = "programmable chip select", .section = SECTION },
    { .name = "APICBASE", .offset = 0x80, .width = 1, .rw = 0x7f, .slot = SLOT(apicbase),
      .doc = "relocation of the I/O APIC; it stays at 0xfec00000 here", .section = SECTION },
    { .name = "DLC", .offset = 0x82, .width = 1, .rw = 0x0f, .slot = SLOT(dlc), .doc = "deterministic latency control",
      .section = SECTION },
    { .name = "SMICNTL", .offset = 0xa0, .width = 1, .reset = 8, .rw = 0x1f, .slot = SLOT(smicntl),
      .doc = "SMI control; SMIs are the power management function's here", .section = SECTION },
    { .name = "SMIEN", .offset = 0xa2, .width = 2, .rw = 0x1ff, .slot = SLOT(smien), .doc = "what may cause an SMI",
      .section = SECTION },
    { .name = "SEE", .offset = 0xa4, .width = 4, .rw = 0xe000ffff, .slot = SLOT(see), .doc = "system events",
      .section = SECTION },
    { .name = "FTMR", .offset = 0xa8, .width = 1, .reset = 0x0f, .rw = 0xff, .slot = SLOT(ftmr),
      .doc = "fast-off timer", .section = SECTION },
    { .name = "SMIREQ", .offset = 0xaa, .width = 2, .rw = 0x1ff, .slot = SLOT(smireq),
      .doc = "what caused an SMI", .section = SECTION },
    { .name = "CTLTMR", .offset = 0xac, .width = 1, .rw = 0xff, .slot = SLOT(ctltmr),
      .doc = "clock throttle, low time", .section = SECTION },
    { .name = "CTHTMR", .offset = 0xae, .width = 1, .rw = 0xff, .slot = SLOT(cthtmr),
      .doc = "clock throttle, high time", .section = SECTION },
    { .name = NULL },
};

static const struct reg_desc ports[] = {
    { .name = "RC", .offset = 0, .width = 1, .rw = 6, .slot = SLOT(rc), .write = rc_write, .fields = rc_fields,
      .doc = "reset control", .section = "82371SB 2.5" },
    { .name = NULL },
};

static const struct reg_bank reset_port = {
    .name = "reset", .size = 1, .min_access = 1, .max_access = 1, .regs = ports, .ports = true,
};

/* --- life -------------------------------------------------------------------------------------------------- */

bool piix3_connect(struct device *d, struct device *bridge, struct err *e)
{
    for (unsigned k = 0; k < PIRQS; k++)
        bridge->out[k] = device_irq_input(d, k);
    return device_map(d, 0, pci_bus_below(bridge), 0xcf9, e);
}

static void reset(struct device *d)
{
    pci_reset(d);
    route(d); /* the inputs are what others drive: they stay */
}

static void loaded(struct device *d)
{
    pci_loaded(d);
}

static const struct state_field state[] = {
    PCI_CONFIG_STATE(struct piix3),
    STATE(struct piix3, iort), STATE_ARRAY(struct piix3, pirqrc), STATE(struct piix3, tom), STATE(struct piix3, mbirq),
    STATE_ARRAY(struct piix3, mbdma), STATE(struct piix3, apicbase), STATE(struct piix3, dlc),
    STATE(struct piix3, smicntl), STATE(struct piix3, ftmr), STATE(struct piix3, ctltmr), STATE(struct piix3, cthtmr),
    STATE(struct piix3, rc), STATE(struct piix3, xbcs), STATE(struct piix3, mstat), STATE(struct piix3, pcsc),
    STATE(struct piix3, smien), STATE(struct piix3, smireq), STATE(struct piix3, see), STATE(struct piix3, pirq),
    STATE(struct piix3, irqs), STATE_END,
};

static const struct pci_function function = {
    .vendor = 0x8086, .device = 0x7000, .class_code = 0x060100, .subsystem_vendor = 0x1af4, .subsystem = 0x1100,
    .config = config,
};

const struct device_class piix3_isa_class = {
    .name = "PIIX3",
    .doc = "PCI-to-ISA bridge 82371SB: interrupt routing, reset control",
    .pci = &function,
    .state_size = sizeof(struct piix3),
    .state = state,
    .link_size = sizeof(struct piix3_link),
    .banks = { &reset_port },
    .reset = reset,
    .loaded = loaded,
    .irq_in = irq_in,
};
