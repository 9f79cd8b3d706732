/* PIIX4 power management; see piix4-pm.h. Sections are of the 82371AB data sheet. */
#include "iodev/misc/piix4-pm.h"

#include <string.h>

#include "iodev/misc/smbus.h"

#define PM_TIMER_HZ 3579545u
#define PM_SIZE 0x40u
#define SMBUS_SIZE 0x10u
#define SMBUS_HZ 16000u /* 7.3: from 10 to 16 kHz */

struct pm {
    struct pci_config pci;
    struct smbus smb;
    /* configuration */
    u32 pmba, cnta, cntb, gpictl, deva, devb, dev[10], smbba;
    u8 pmregmisc, smbhstcfg, smbslvc, smbshdw[2];
    /* ports */
    u16 pmsts, pmen, pmcntrl, gpsts, gpen, glbsts, glben;
    u32 pcntrl, devsts, glbctl, devctl, gporeg;
    u8 apmc, apms;
    u32 seen; /* how many times bit 23 of the timer had changed when TMROF_STS was cleared, modulo 2^32 */
    u8 sci;   /* level of the output */
};

struct pm_link {
    struct domain ticks;
    struct timer overflow, transfer;
    struct spd spd[SMBUS_MODULES];
    void (*off)(void *opaque);
    void *opaque;
};

static struct pm *pm(const struct device *d)
{
    return d->state;
}

static struct pm_link *link_of(const struct device *d)
{
    return d->link;
}

/* --- the timer (11.6.2) ------------------------------------------------------------------------------------ */

static u64 timer_ticks(const struct device *d)
{
    return domain_ticks(link_of(d)->ticks, d->env->clock->now);
}

static u32 overflows(const struct device *d)
{
    return (u32)(timer_ticks(d) >> 23);
}

/* --- status and SCI (7.2) ---------------------------------------------------------------------------------- */

enum {
    PM_TMROF = 1 << 0,
    PM_GBL = 1 << 5,
    PM_PWRBTN = 1 << 8,
    PM_RTC = 1 << 10,
    PM_PWRBTNOR = 1 << 11,
    PM_RSM = 1 << 15,
    PM_EVENTS = PM_TMROF | PM_GBL | PM_PWRBTN | PM_RTC,
};
enum { CNT_SCI_EN = 1 << 0, CNT_GBL_RLS = 1 << 2, CNT_SUS_TYP = 7 << 10, CNT_SUS_EN = 1 << 13 };
enum { GLBSTS_BIOS = 1 << 0, GLBSTS_APM = 1 << 5 };
enum { GLBCTL_SMI_EN = 1 << 0, GLBCTL_BIOS_RLS = 1 << 1 };
enum { INTRSEL_SMI = 0, INTRSEL_IRQ9 = 4 };
#define INTRSEL(p) ((p)->smbhstcfg >> 1 & 7) /* what the end of an SMBus transaction makes */
#define DEVB_APMC_EN (1u << 25)

static u16 status_now(const struct device *d)
{
    return (u16)(pm(d)->pmsts | (overflows(d) != pm(d)->seen ? PM_TMROF : 0));
}

/* Sets the output, and the timer for when it will change by itself. */
static void update(struct device *d)
{
    struct pm *p = pm(d);
    struct timer *t = &link_of(d)->overflow;
    u16 status = status_now(d);
    bool sci = p->pmcntrl & CNT_SCI_EN && ((status & p->pmen & PM_EVENTS) || (p->gpsts & p->gpen));
    if (p->smb.control & SMBUS_INTERRUPT && p->smb.status & ~SMBUS_BUSY && INTRSEL(p) == INTRSEL_IRQ9)
        sci = true; /* the same line */
    if (p->pmen & PM_TMROF && !(status & PM_TMROF)) {
        u64 when = domain_when(link_of(d)->ticks, ((timer_ticks(d) >> 23) + 1) << 23);
        if (!t->armed || t->when != when)
            timer_arm(d->env->clock, t, when);
    } else {
        timer_cancel(d->env->clock, t);
    }
    if (sci != p->sci) {
        p->sci = sci;
        device_irq(d, PIIX4_PM_OUT_SCI, sci);
    }
}

static void overflowed(void *opaque, u64 now)
{
    update(opaque);
}

static void irq_in(struct device *d, u32 line, bool level)
{
    struct pm *p = pm(d);
    if (!level)
        return;
    if (line == PIIX4_PM_IN_BUTTON)
        p->pmsts |= PM_PWRBTN;
    else if (line == PIIX4_PM_IN_RTC)
        p->pmsts |= PM_RTC;
    else if (line >= PIIX4_PM_IN_GPE && line < PIIX4_PM_IN_GPE + 16)
        p->gpsts |= (u16)(1u << (line - PIIX4_PM_IN_GPE));
    update(d);
}

static void smi(struct device *d)
{
    if (!(pm(d)->glbctl & GLBCTL_SMI_EN))
        return;
    device_irq(d, PIIX4_PM_OUT_SMI, true);
    device_irq(d, PIIX4_PM_OUT_SMI, false);
}

static u64 pmsts_get(const struct device *d, u32 index)
{
    return status_now(d);
}

/* The row clears what the slot holds; the timer's bit is not there. Old status bits that were written as 1 are gone. */
static void pmsts_write(struct device *d, u32 index, u64 value, u64 old)
{
    update(d);
}

/* An access to several registers at once is one to each. */
static bool is_wide(const struct device *d, u64 offset, unsigned size, bool write)
{
    u32 index;
    const struct reg_desc *r = device_reg_at(d, 0, offset, write, &index);
    return size > 1 && (!r || (offset - r->offset) % r->width + size > r->width);
}

static enum mem_result pm_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    u64 low, high;
    if (!is_wide(d, offset, size, false))
        return MEM_FAULT; /* the rows do it */
    if (peek) {
        device_bank_peek(d, 0, offset, size / 2, &low);
        device_bank_peek(d, 0, offset + size / 2, size / 2, &high);
    } else {
        device_bank_read(d, 0, offset, size / 2, &low);
        device_bank_read(d, 0, offset + size / 2, size / 2, &high);
    }
    *value = low | high << (4 * size);
    return MEM_OK;
}

/* Before the row sees it, which cannot tell a hook that a bit was there to be cleared: TMROF_STS. */
static enum mem_result pm_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    if (offset == 0 && value & PM_TMROF)
        pm(d)->seen = overflows(d);
    if (!is_wide(d, offset, size, true))
        return MEM_FAULT;
    device_bank_write(d, 0, offset, size / 2, value & size_mask(size / 2));
    device_bank_write(d, 0, offset + size / 2, size / 2, value >> (4 * size));
    return MEM_OK;
}

static void enable_write(struct device *d, u32 index, u64 value, u64 old)
{
    update(d);
}

/* Suspend types (7.2.3): 0 is soft off; every other would keep memory, and is left again at once: the guest sees
 * itself woken. GBL_RLS asks the firmware for the global lock. */
static void pmcntrl_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct pm *p = pm(d);
    const struct pm_link *l = link_of(d);
    p->pmcntrl &= (u16)~(CNT_SUS_EN | CNT_GBL_RLS);
    if (value & CNT_GBL_RLS) {
        p->glbsts |= GLBSTS_BIOS;
        if (p->glben & GLBSTS_BIOS)
            smi(d);
    }
    if (value & CNT_SUS_EN) {
        if (value & CNT_SUS_TYP)
            p->pmsts |= PM_RSM;
        else if (l->off)
            l->off(l->opaque);
    }
    update(d);
}

static u64 timer_get(const struct device *d, u32 index)
{
    return timer_ticks(d) & 0xffffff;
}

/* BIOS_RLS: the firmware gives the global lock back. */
static void glbctl_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (value & GLBCTL_BIOS_RLS) {
        pm(d)->glbctl &= ~(u32)GLBCTL_BIOS_RLS;
        pm(d)->pmsts |= PM_GBL;
        update(d);
    }
}

static u64 level_get(const struct device *d, u32 index)
{
    return 0; /* entering C2 or C3 by a read does nothing: the clock stops when CPUs halt */
}

static void apmc_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct pm *p = pm(d);
    if (value == PIIX4_PM_ACPI_ON)
        p->pmcntrl |= CNT_SCI_EN;
    else if (value == PIIX4_PM_ACPI_OFF)
        p->pmcntrl &= (u16)~CNT_SCI_EN;
    update(d);
    if (p->devb & DEVB_APMC_EN) {
        p->glbsts |= GLBSTS_APM;
        smi(d);
    }
}

/* --- SMBus (7.3) ------------------------------------------------------------------------------------------- */

static void transferred(void *opaque, u64 now)
{
    struct device *d = opaque;
    struct pm *p = pm(d);
    smbus_transact(&p->smb, link_of(d)->spd);
    if (p->smb.control & SMBUS_INTERRUPT && INTRSEL(p) == INTRSEL_SMI)
        smi(d);
    update(d);
}

static void smb_control_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct smbus *s = &pm(d)->smb;
    struct pm_link *l = link_of(d);
    s->control &= (u8)~SMBUS_START; /* reads as 0 */
    if (value & SMBUS_KILL) {
        if (s->status & SMBUS_BUSY)
            s->status |= SMBUS_FAILED;
        s->status &= (u8)~SMBUS_BUSY;
        timer_cancel(d->env->clock, &l->transfer);
    } else if (value & SMBUS_START && !(s->status & SMBUS_BUSY)) {
        struct domain bit = domain_make(d->env->clock->hz, SMBUS_HZ, 1);
        s->status |= SMBUS_BUSY;
        timer_arm(d->env->clock, &l->transfer,
                  domain_when(bit, domain_ticks(bit, d->env->clock->now) + smbus_bits(s)));
    }
    update(d);
}

static u64 smb_control_read(struct device *d, u32 index)
{
    pm(d)->smb.block_at = 0; /* 7.3.3: a read resets the index into the block */
    return pm(d)->smb.control;
}

static u64 smb_block_get(const struct device *d, u32 index)
{
    return pm(d)->smb.block[pm(d)->smb.block_at % SMBUS_BLOCK];
}

static u64 smb_block_read(struct device *d, u32 index)
{
    struct smbus *s = &pm(d)->smb;
    return s->block[s->block_at++ % SMBUS_BLOCK];
}

static void smb_block_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct smbus *s = &pm(d)->smb;
    s->block[s->block_at++ % SMBUS_BLOCK] = (u8)value;
}

void piix4_pm_set_memory(struct device *d, u64 ram_size)
{
    spd_fill(link_of(d)->spd, ram_size);
}

void piix4_pm_set_hook(struct device *d, void (*off)(void *opaque), void *opaque)
{
    link_of(d)->off = off;
    link_of(d)->opaque = opaque;
}

/* --- configuration (7.1) ----------------------------------------------------------------------------------- */

enum { PMREGMISC_ENABLED = 1 << 0, SMBHSTCFG_ENABLED = 1 << 0 };

/* These windows are switched on by bits of their own, not by the command register (7.1.20, 7.1.22). */
static void map(struct device *d)
{
    const struct pm *p = pm(d);
    u32 base = p->pmba & 0xffc0, smb = p->smbba & 0xfff0;
    device_place(d, 0, base, base && p->pmregmisc & PMREGMISC_ENABLED);
    device_place(d, 1, smb, smb && p->smbhstcfg & SMBHSTCFG_ENABLED);
}

static void map_write(struct device *d, u32 index, u64 value, u64 old)
{
    map(d);
    update(d);
}

static const struct reg_field base_fields[] = {
    { "PORTS", 0, 1, "1" },
    { "BASE", 4, 12, "the first port" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field devb_fields[] = {
    { "APMC_EN", 25, 1, "a write to port 0xb2 makes an SMI" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field pmregmisc_fields[] = {
    { "PMIOSE", 0, 1, "the ports of PMBA are seen" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field smbhstcfg_fields[] = {
    { "SMB_HST_EN", 0, 1, "the ports of SMBBA are seen" },
    { "INTRSEL", 1, 3, "0 SMI, 4 interrupt 9" },
    { NULL, 0, 0, NULL },
};

#define SLOT(m) REG_SLOT(struct pm, m)
#define CFG "82371AB 7.1"
static const struct reg_desc config[] = {
    { .name = "PMBA", .offset = 0x40, .width = 4, .reset = 1, .rw = 0xffc0, .slot = SLOT(pmba), .write = map_write,
      .fields = base_fields, .doc = "base of the power management ports", .section = CFG },
    { .name = "CNTA", .offset = 0x44, .width = 4, .rw = 0xffffffff, .slot = SLOT(cnta), .doc = "count A: idle timers",
      .section = CFG },
    { .name = "CNTB", .offset = 0x48, .width = 4, .rw = 0x7fffff, .slot = SLOT(cntb), .doc = "count B: idle timers",
      .section = CFG },
    { .name = "GPICTL", .offset = 0x4c, .width = 4, .rw = 0xffffffff, .slot = SLOT(gpictl),
      .doc = "general purpose inputs", .section = CFG },
    { .name = "DEVRESD", .offset = 0x50, .width = 4, .rw = 0xffffffff, .slot = SLOT(dev[9]),
      .doc = "device resource D", .section = CFG },
    { .name = "DEVACTA", .offset = 0x54, .width = 4, .rw = 0xffffffff, .slot = SLOT(deva), .doc = "device activity A",
      .section = CFG },
    { .name = "DEVACTB", .offset = 0x58, .width = 4, .rw = 0xffffffff, .slot = SLOT(devb), .fields = devb_fields,
      .doc = "device activity B", .section = CFG },
    { .name = "DEVRES", .offset = 0x5c, .width = 4, .count = 9, .rw = 0xffffffff, .slot = SLOT(dev),
      .doc = "device resources A to C and E to J: which ports are watched; has no effect here", .section = CFG },
    { .name = "PMREGMISC", .offset = 0x80, .width = 1, .rw = 1, .slot = SLOT(pmregmisc), .write = map_write,
      .fields = pmregmisc_fields, .doc = "miscellaneous power management", .section = CFG },
    { .name = "SMBBA", .offset = 0x90, .width = 4, .reset = 1, .rw = 0xfff0, .slot = SLOT(smbba), .write = map_write,
      .fields = base_fields, .doc = "base of the SMBus ports", .section = CFG },
    { .name = "SMBHSTCFG", .offset = 0xd2, .width = 1, .rw = 0x0f, .slot = SLOT(smbhstcfg), .write = map_write,
      .fields = smbhstcfg_fields, .doc = "SMBus host configuration", .section = CFG },
    { .name = "SMBSLVC", .offset = 0xd3, .width = 1, .rw = 0xff, .slot = SLOT(smbslvc), .doc = "SMBus slave command",
      .section = CFG },
    { .name = "SMBSHDW", .offset = 0xd4, .width = 1, .count = 2, .rw = 0xff, .slot = SLOT(smbshdw),
      .doc = "SMBus slave shadow ports", .section = CFG },
    { .name = NULL },
};

/* --- ports ------------------------------------------------------------------------------------------------- */

static const struct reg_field pmsts_fields[] = {
    { "TMROF", 0, 1, "bit 23 of the timer changed" },
    { "GBL", 5, 1, "the firmware gave the global lock back" },
    { "PWRBTN", 8, 1, "the power button was pressed" },
    { "RTC", 10, 1, "the clock's alarm went off" },
    { "PWRBTNOR", 11, 1, "the power button was held for 4 s" },
    { "RSM", 15, 1, "woke up" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field pmen_fields[] = {
    { "TMROF", 0, 1, "as in PMSTS" },
    { "GBL", 5, 1, "as in PMSTS" },
    { "PWRBTN", 8, 1, "as in PMSTS" },
    { "RTC", 10, 1, "as in PMSTS" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field pmcntrl_fields[] = {
    { "SCI_EN", 0, 1, "events make SCIs: ACPI is on" },
    { "BRLD_EN_BM", 1, 1, "bus masters wake from C3" },
    { "GBL_RLS", 2, 1, "writing 1 tells the firmware that the global lock is free" },
    { "SUS_TYP", 10, 3, "0 soft off, 1 suspend to RAM, 2 to 4 power-on suspend, 5 working" },
    { "SUS_EN", 13, 1, "writing 1 goes there" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field glbsts_fields[] = {
    { "BIOS", 0, 1, "the system gave the global lock back" },
    { "APM", 5, 1, "port 0xb2 was written" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field glbctl_fields[] = {
    { "SMI_EN", 0, 1, "SMIs are made at all" },
    { "BIOS_RLS", 1, 1, "writing 1 gives the global lock back" },
    { "EOS", 16, 1, "end of SMI; every SMI is a pulse of its own here" },
    { NULL, 0, 0, NULL },
};

#define PORT "82371AB 7.2"
static const struct reg_desc pm_regs[] = {
    { .name = "PMSTS", .offset = 0, .width = 2, .w1c = 0x8d31 & ~PM_TMROF, .slot = SLOT(pmsts), .get = pmsts_get,
      .write = pmsts_write, .fields = pmsts_fields, .doc = "events; writing 1 clears", .section = PORT },
    { .name = "PMEN", .offset = 2, .width = 2, .rw = PM_EVENTS, .slot = SLOT(pmen), .write = enable_write,
      .fields = pmen_fields, .doc = "which events make an SCI", .section = PORT },
    { .name = "PMCNTRL", .offset = 4, .width = 2, .rw = 0x3c07, .slot = SLOT(pmcntrl), .write = pmcntrl_write,
      .fields = pmcntrl_fields, .doc = "control: ACPI, sleep", .section = PORT },
    { .name = "PMTMR", .offset = 8, .width = 4, .access = REG_RO, .slot = REG_NO_SLOT, .get = timer_get,
      .doc = "24 bits of 3.579545 MHz", .section = PORT },
    { .name = "GPSTS", .offset = 0xc, .width = 2, .w1c = 0xffff, .slot = SLOT(gpsts), .write = enable_write,
      .doc = "general purpose events; writing 1 clears", .section = PORT },
    { .name = "GPEN", .offset = 0xe, .width = 2, .rw = 0xffff, .slot = SLOT(gpen), .write = enable_write,
      .doc = "which of them make an SCI", .section = PORT },
    { .name = "PCNTRL", .offset = 0x10, .width = 4, .rw = 0x00023e1e, .slot = SLOT(pcntrl),
      .doc = "processor clock control; has no effect here", .section = PORT },
    { .name = "PLVL", .offset = 0x14, .width = 1, .count = 2, .access = REG_RO, .slot = REG_NO_SLOT, .get = level_get,
      .doc = "reading enters C2 or C3", .section = PORT },
    { .name = "GLBSTS", .offset = 0x18, .width = 2, .w1c = 0x0c3d, .slot = SLOT(glbsts), .fields = glbsts_fields,
      .doc = "what made an SMI; writing 1 clears", .section = PORT },
    { .name = "DEVSTS", .offset = 0x1c, .width = 4, .w1c = 0x3fff3fff, .slot = SLOT(devsts),
      .doc = "device activity: none is watched", .section = PORT },
    { .name = "GLBEN", .offset = 0x20, .width = 2, .rw = 0x8d3d, .slot = SLOT(glben), .doc = "what may make an SMI",
      .section = PORT },
    { .name = "GLBCTL", .offset = 0x28, .width = 4, .rw = 0x0701ff03, .slot = SLOT(glbctl), .write = glbctl_write,
      .fields = glbctl_fields, .doc = "SMI control", .section = PORT },
    { .name = "DEVCTL", .offset = 0x2c, .width = 4, .rw = 0x0fffffff, .slot = SLOT(devctl),
      .doc = "device traps; have no effect here", .section = PORT },
    { .name = "GPIREG", .offset = 0x30, .width = 1, .count = 3, .access = REG_RO, .slot = REG_NO_SLOT,
      .get = level_get, .doc = "general purpose inputs: all low", .section = PORT },
    { .name = "GPOREG", .offset = 0x34, .width = 4, .reset = 0x7fffbfff, .rw = 0x7fffffff, .slot = SLOT(gporeg),
      .doc = "general purpose outputs", .section = PORT },
    { .name = NULL },
};

static const struct reg_desc smi_regs[] = {
    { .name = "APMC", .offset = 0, .width = 1, .rw = 0xff, .slot = SLOT(apmc), .write = apmc_write,
      .doc = "command to the firmware; a write makes an SMI if DEVACTB says so", .section = "82371AB 4.2.5" },
    { .name = "APMS", .offset = 1, .width = 1, .rw = 0xff, .slot = SLOT(apms), .doc = "passed on to the firmware",
      .section = "82371AB 4.2.5" },
    { .name = NULL },
};

static const struct reg_field smb_status_fields[] = {
    { "BUSY", 0, 1, "a transaction is under way" },
    { "DONE", 1, 1, "it is over" },
    { "DEV_ERR", 2, 1, "nobody answered, or the protocol does not exist" },
    { "BUS_ERR", 3, 1, "a collision" },
    { "FAILED", 4, 1, "it was killed" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field smb_control_fields[] = {
    { "INTEREN", 0, 1, "the end interrupts" },
    { "KILL", 1, 1, "stops a transaction" },
    { "PROTOCOL", 2, 3, "0 quick, 1 byte, 2 byte data, 3 word data, 5 block" },
    { "START", 6, 1, "writing 1 starts" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field smb_address_fields[] = {
    { "READ", 0, 1, "direction" },
    { "ADDRESS", 1, 7, "of the device" },
    { NULL, 0, 0, NULL },
};

#define SMB "82371AB 7.3"
static const struct reg_desc smbus_regs[] = {
    { .name = "SMBHSTSTS", .offset = 0, .width = 1, .w1c = 0x1e, .slot = SLOT(smb.status), .write = enable_write,
      .fields = smb_status_fields, .doc = "status; writing 1 clears", .section = SMB },
    { .name = "SMBSLVSTS", .offset = 1, .width = 1, .w1c = 0x3c, .slot = SLOT(smb.slave_status),
      .doc = "slave status: nobody talks to us", .section = SMB },
    { .name = "SMBHSTCNT", .offset = 2, .width = 1, .rw = 0x5f, .slot = SLOT(smb.control), .read = smb_control_read,
      .write = smb_control_write, .fields = smb_control_fields, .doc = "control; a read resets the block index",
      .section = SMB },
    { .name = "SMBHSTCMD", .offset = 3, .width = 1, .rw = 0xff, .slot = SLOT(smb.command), .doc = "command byte",
      .section = SMB },
    { .name = "SMBHSTADD", .offset = 4, .width = 1, .rw = 0xff, .slot = SLOT(smb.address),
      .fields = smb_address_fields, .doc = "whom to talk to", .section = SMB },
    { .name = "SMBHSTDAT", .offset = 5, .width = 1, .count = 2, .rw = 0xff, .slot = SLOT(smb.data),
      .doc = "data, or the count of a block", .section = SMB },
    { .name = "SMBBLKDAT", .offset = 7, .width = 1, .slot = REG_NO_SLOT, .get = smb_block_get, .read = smb_block_read,
      .write = smb_block_write, .doc = "the next byte of the block", .section = SMB },
    { .name = "SMBSLVCNT", .offset = 8, .width = 1, .rw = 0x0f, .slot = SLOT(smb.slave_control), .doc = "slave control",
      .section = SMB },
    { .name = "SMBSHDWCMD", .offset = 9, .width = 1, .access = REG_RO, .slot = SLOT(smb.shadow_command),
      .doc = "slave command received", .section = SMB },
    { .name = "SMBSLVEVT", .offset = 0xa, .width = 2, .rw = 0xffff, .slot = SLOT(smb.slave_event),
      .doc = "slave event mask", .section = SMB },
    { .name = "SMBSLVDAT", .offset = 0xc, .width = 2, .access = REG_RO, .slot = SLOT(smb.slave_data),
      .doc = "slave data received", .section = SMB },
    { .name = NULL },
};

static const struct reg_bank pm_bank = {
    .name = "pm", .size = PM_SIZE, .min_access = 1, .max_access = 4, .regs = pm_regs, .read = pm_read,
    .write = pm_write, .ports = true,
};
static const struct reg_bank smbus_bank = {
    .name = "smbus", .size = SMBUS_SIZE, .min_access = 1, .max_access = 1, .regs = smbus_regs, .ports = true,
};
static const struct reg_bank smi_bank = {
    .name = "smi", .size = 2, .min_access = 1, .max_access = 1, .regs = smi_regs, .ports = true,
};

/* --- life -------------------------------------------------------------------------------------------------- */

static bool build(struct device *d, struct err *e)
{
    struct pm_link *l = link_of(d);
    l->ticks = domain_make(d->env->clock->hz, PM_TIMER_HZ, 1);
    timer_init(d->env->clock, &l->overflow, d->path, "pm-timer", 60, overflowed, d);
    timer_init(d->env->clock, &l->transfer, d->path, "smbus", 60, transferred, d);
    return device_window(d, 0, d->env->io, PM_SIZE, 0, e) && device_window(d, 1, d->env->io, SMBUS_SIZE, 0, e);
}

static void reset(struct device *d)
{
    struct pm_link *l = link_of(d);
    timer_cancel(d->env->clock, &l->transfer);
    memset(&pm(d)->smb, 0, sizeof pm(d)->smb);
    pm(d)->seen = overflows(d);
    pci_reset(d);
    map(d);
    update(d);
}

static void loaded(struct device *d)
{
    pci_loaded(d);
    map(d);
}

static const struct state_field state[] = {
    PCI_CONFIG_STATE(struct pm), SMBUS_STATE(struct pm),
    STATE(struct pm, pmba), STATE(struct pm, cnta), STATE(struct pm, cntb), STATE(struct pm, gpictl),
    STATE(struct pm, deva), STATE(struct pm, devb), STATE_ARRAY(struct pm, dev), STATE(struct pm, smbba),
    STATE(struct pm, pmregmisc), STATE(struct pm, smbhstcfg), STATE(struct pm, smbslvc),
    STATE_ARRAY(struct pm, smbshdw), STATE(struct pm, pmsts), STATE(struct pm, pmen), STATE(struct pm, pmcntrl),
    STATE(struct pm, gpsts), STATE(struct pm, gpen), STATE(struct pm, glbsts), STATE(struct pm, glben),
    STATE(struct pm, pcntrl), STATE(struct pm, devsts), STATE(struct pm, glbctl), STATE(struct pm, devctl),
    STATE(struct pm, gporeg), STATE(struct pm, apmc), STATE(struct pm, apms), STATE(struct pm, seen),
    STATE(struct pm, sci), STATE_END,
};

static const struct pci_function function = {
    .vendor = 0x8086, .device = 0x7113, .revision = 3, .class_code = 0x068000, .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100, .pin = 1, .config = config,
};

const struct device_class piix4_pm_class = {
    .name = "PIIX4_PM",
    .doc = "power management 82371AB: ACPI, SMI, SMBus with the memory modules' EEPROMs",
    .pci = &function,
    .state_size = sizeof(struct pm),
    .state = state,
    .link_size = sizeof(struct pm_link),
    .banks = { &pm_bank, &smbus_bank, &smi_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .irq_in = irq_in,
};
