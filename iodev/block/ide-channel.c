/* The ports of an IDE channel, and which of its two drives answers. ATA/ATAPI-6, sections 7 and 9. */
#include "iodev/block/ide.h"

static struct ide_channel *channel(const struct device *d, unsigned n)
{
    return &((struct ide_link *)d->link)->channel[n];
}

static struct device *any_drive(const struct ide_channel *c)
{
    return c->drive[0] ? c->drive[0] : c->drive[1];
}

/* Both drives hold a copy of the device register, so each knows who is meant. */
static unsigned selected(const struct ide_channel *c)
{
    const struct device *d = any_drive(c);
    return d && ((const struct ide_drive *)d->state)->device & IDE_DEV ? 1 : 0;
}

static struct device *current(const struct ide_channel *c)
{
    return c->drive[selected(c)];
}

/* INTRQ is driven by the selected drive alone and not while nIEN (7.8). */
void ide_channel_irq(struct ide_channel *c)
{
    struct device *d = current(c);
    bool level = d && ((struct ide_drive *)d->state)->irq && !(c->s->control & IDE_NIEN);
    if (level == c->s->line)
        return;
    c->s->line = level;
    if (level)
        ide_bm_interrupt(c);
    device_irq(c->d, c->out, level);
}

/* An empty cable: everything floats up but DD7, which the host pulls down so that nobody looks busy (A.2). Drive 0
 * answers for a drive 1 that is not there, with a status of zero (9.16.1); nobody answers for drive 0. */
static u64 get(const struct ide_channel *c, unsigned reg, bool hob)
{
    struct device *d = current(c);
    if (d)
        return ide_drive_get(d, reg, hob);
    if (!c->drive[0])
        return 0x7f;
    return reg == 7 ? 0 : ide_drive_get(c->drive[0], reg, hob);
}

static u64 task_get(const struct ide_channel *c, unsigned reg)
{
    return get(c, reg, c->s->control & IDE_HOB);
}

/* Nobody listens while the selected drive is busy or in the middle of data (7.2). */
static void task_set(struct ide_channel *c, unsigned reg, u64 value)
{
    struct device *d = current(c);
    c->s->control &= (u8)~IDE_HOB;
    if (d && ((struct ide_drive *)d->state)->status & (IDE_BSY | IDE_DRQ))
        return;
    for (unsigned i = 0; i < 2; i++)
        if (c->drive[i])
            ide_drive_set(c->drive[i], reg, (u8)value);
    if (reg == 6)
        ide_channel_irq(c);
}

static u64 status_read(struct ide_channel *c)
{
    u64 v = get(c, 7, false);
    if (current(c))
        ide_drive_irq_seen(current(c));
    return v;
}

static void command_write(struct ide_channel *c, u64 value)
{
    c->s->control &= (u8)~IDE_HOB;
    if (value == 0x90)
        for (unsigned i = 0; i < 2; i++) {
            if (c->drive[i])
                ide_drive_diagnose(c->drive[i]);
        }
    else if (current(c))
        ide_drive_command(current(c), (u8)value);
}

static void control_write(struct ide_channel *c, u64 value, u64 old)
{
    for (unsigned i = 0; i < 2; i++)
        if (c->drive[i] && (value ^ old) & IDE_SRST)
            ide_drive_soft_reset(c->drive[i], value & IDE_SRST);
    ide_channel_irq(c);
}

static u16 data_read(struct ide_channel *c, bool peek)
{
    struct device *d = current(c);
    return d ? ide_drive_data_get(d, peek) : 0xff7f;
}

/* piix-ide.c: firmware must have switched the channel on; nobody answers before. */
static bool decoded(const struct ide_channel *c)
{
    const struct ide_state *s = c->d->state;
    return !c->d->cls->pci || ((s->pci.command & PCI_COMMAND_IO) && (s->timing[c->out] & 0x8000));
}

static enum mem_result control_in(struct ide_channel *c, unsigned size, u64 *value)
{
    *value = size_mask(size);
    return decoded(c) ? MEM_FAULT : MEM_OK;
}

static enum mem_result control_out(struct ide_channel *c)
{
    return decoded(c) ? MEM_FAULT : MEM_OK;
}

/* The data port: 16 bits wide; the bridge makes two cycles of a 32-bit access. Of a byte-wide one the drive still moves
 * a word (7.6: 8-bit transfers are for CompactFlash). */
static enum mem_result data_in(struct ide_channel *c, u64 offset, unsigned size, u64 *value, bool peek)
{
    if (!decoded(c))
        return control_in(c, size, value);
    if (offset)
        return MEM_FAULT;
    *value = data_read(c, peek);
    if (size == 4)
        *value |= (u64)data_read(c, peek) << 16;
    *value &= size_mask(size);
    return MEM_OK;
}

static enum mem_result data_out(struct ide_channel *c, u64 offset, unsigned size, u64 value)
{
    if (!decoded(c))
        return MEM_OK;
    if (offset)
        return MEM_FAULT;
    for (unsigned i = 0; i < (size == 4 ? 2 : 1); i++)
        if (current(c))
            ide_drive_data_set(current(c), (u16)(value >> (16 * i)));
    return MEM_OK;
}

/* --- rows -------------------------------------------------------------------------------------------------- */

static const struct reg_field status_fields[] = {
    { "ERR", 0, 1, "the command failed: see ERROR" },
    { "DRQ", 3, 1, "data is to be moved" },
    { "DSC", 4, 1, "seek complete" },
    { "DF", 5, 1, "device fault" },
    { "DRDY", 6, 1, "ready for commands" },
    { "BSY", 7, 1, "busy: the other bits mean nothing" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field error_fields[] = {
    { "ABRT", 2, 1, "command aborted" },
    { "IDNF", 4, 1, "address not found (disk); bits 4-7 are the sense key of a CD-ROM" },
    { "UNC", 6, 1, "uncorrectable data" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field device_fields[] = {
    { "HEAD", 0, 4, "head, or LBA bits 24-27" },
    { "DEV", 4, 1, "which drive" },
    { "LBA", 6, 1, "0 cylinder, head, sector, 1 LBA" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field control_fields[] = {
    { "nIEN", 1, 1, "0 interrupts, 1 none" },
    { "SRST", 2, 1, "both drives are reset" },
    { "HOB", 7, 1, "reads show the registers' previous values" },
    { NULL, 0, 0, NULL },
};

#define CHANNEL_ROWS(n)                                                                                             \
    static u64 data_get_##n(const struct device *d, u32 i) { return data_read(channel(d, n), true); }               \
    static u64 reg_get_##n(const struct device *d, u32 i) { return task_get(channel(d, n), i + 2); }                \
    static void reg_set_##n(struct device *d, u32 i, u64 v, u64 old) { task_set(channel(d, n), i + 2, v); }         \
    static u64 device_get_##n(const struct device *d, u32 i) { return task_get(channel(d, n), 6); }                 \
    static void device_set_##n(struct device *d, u32 i, u64 v, u64 old) { task_set(channel(d, n), 6, v); }          \
    static u64 error_get_##n(const struct device *d, u32 i) { return task_get(channel(d, n), 1); }                  \
    static void feature_set_##n(struct device *d, u32 i, u64 v, u64 old) { task_set(channel(d, n), 1, v); }         \
    static u64 status_get_##n(const struct device *d, u32 i) { return get(channel(d, n), 7, false); }               \
    static u64 status_read_##n(struct device *d, u32 i) { return status_read(channel(d, n)); }                      \
    static void command_set_##n(struct device *d, u32 i, u64 v, u64 old) { command_write(channel(d, n), v); }       \
    static void control_set_##n(struct device *d, u32 i, u64 v, u64 old) { control_write(channel(d, n), v, old); }  \
    static enum mem_result in_##n(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)               \
    {                                                                                                               \
        return data_in(channel(d, n), offset, size, value, peek);                                                   \
    }                                                                                                               \
    static enum mem_result out_##n(struct device *d, u64 offset, unsigned size, u64 value)                          \
    {                                                                                                               \
        return data_out(channel(d, n), offset, size, value);                                                        \
    }                                                                                                               \
    static enum mem_result cin_##n(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)              \
    {                                                                                                               \
        return control_in(channel(d, n), size, value);                                                              \
    }                                                                                                               \
    static enum mem_result cout_##n(struct device *d, u64 offset, unsigned size, u64 value)                         \
    {                                                                                                               \
        return control_out(channel(d, n));                                                                          \
    }                                                                                                               \
    static const struct reg_desc command_regs_##n[] = {                                                             \
        { .name = "DATA" #n, .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = data_get_##n,   \
          .doc = "the next word of data (its low byte, to peeks)", .section = "7.6" },                                                       \
        { .name = "ERROR" #n, .offset = 1, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT,                       \
          .get = error_get_##n, .fields = error_fields, .doc = "why the last command failed", .section = "7.9" },   \
        { .name = "FEATURES" #n, .offset = 1, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT,                    \
          .write = feature_set_##n, .doc = "parameter of the next command", .section = "7.10" },                    \
        { .name = "TASK" #n, .offset = 2, .width = 1, .count = 4, .slot = REG_NO_SLOT, .get = reg_get_##n,          \
          .write = reg_set_##n, .doc = "0 sector count, 1 LBA low, 2 LBA mid, 3 LBA high", .section = "7.11-7.14" },\
        { .name = "DEVICE" #n, .offset = 6, .width = 1, .slot = REG_NO_SLOT, .get = device_get_##n,                 \
          .write = device_set_##n, .fields = device_fields, .doc = "drive, head, kind of address",                  \
          .section = "7.7" },                                                                                       \
        { .name = "STATUS" #n, .offset = 7, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT,                      \
          .get = status_get_##n, .read = status_read_##n, .fields = status_fields,                                  \
          .doc = "status; reading it ends the interrupt", .section = "7.15" },                                      \
        { .name = "COMMAND" #n, .offset = 7, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT,                     \
          .write = command_set_##n, .doc = "starts a command", .section = "7.4" },                                  \
        { .name = NULL },                                                                                           \
    };                                                                                                              \
    static const struct reg_desc control_regs_##n[] = {                                                             \
        { .name = "ALTSTATUS" #n, .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT,                   \
          .get = status_get_##n, .fields = status_fields, .doc = "status, without ending the interrupt",            \
          .section = "7.3" },                                                                                       \
        { .name = "CONTROL" #n, .offset = 0, .width = 1, .access = REG_WO, .rw = IDE_HOB | IDE_SRST | IDE_NIEN,     \
          .slot = REG_SLOT(struct ide_state, channel[n].control), .write = control_set_##n,                         \
          .fields = control_fields, .doc = "device control", .section = "7.8" },                                    \
        { .name = NULL },                                                                                           \
    };

CHANNEL_ROWS(0)
CHANNEL_ROWS(1)

const struct reg_bank ide_command_bank[2] = {
    { "command0", 8, 1, 4, true, command_regs_0, in_0, out_0, true },
    { "command1", 8, 1, 4, true, command_regs_1, in_1, out_1, true },
};
const struct reg_bank ide_control_bank[2] = {
    { "control0", 1, 1, 1, true, control_regs_0, cin_0, cout_0, true },
    { "control1", 1, 1, 1, true, control_regs_1, cin_1, cout_1, true },
};

/* --- for controllers --------------------------------------------------------------------------------------- */

void ide_channels_build(struct device *d, unsigned channels, bool bus_master)
{
    struct ide_link *l = d->link;
    struct ide_state *s = d->state;
    l->channels = channels;
    for (unsigned i = 0; i < channels; i++) {
        l->channel[i].d = d;
        l->channel[i].s = &s->channel[i];
        l->channel[i].out = i;
        l->channel[i].bus_master = bus_master;
    }
}

void ide_channels_reset(struct device *d)
{
    struct ide_link *l = d->link;
    for (unsigned i = 0; i < l->channels; i++) {
        *l->channel[i].s = (struct ide_channel_state){ 0 };
        device_irq(d, i, false);
        ide_channel_irq(&l->channel[i]); /* drives that have not been reset yet will lower it */
    }
}

void ide_channels_describe(const struct device *d, struct buf *out)
{
    const struct ide_link *l = d->link;
    for (unsigned i = 0; i < l->channels; i++)
        for (unsigned k = 0; k < 2; k++) {
            const struct ide_channel *c = &l->channel[i];
            buf_printf(out, "ide.%u unit %u: %s%s\n", i, k, c->drive[k] ? c->drive[k]->path : "nothing",
                       c->drive[k] && selected(c) == k ? ", selected" : "");
        }
}

bool ide_plug(struct device *controller, struct device *drive, int n, struct err *e)
{
    struct ide_link *l = controller->link;
    const char *prop = device_prop(drive, "unit");
    u64 unit = prop ? device_prop_u64(drive, "unit") : 0;
    if (unit > 1)
        return err_set(e, "unit=%llu of %s: an IDE channel has the units 0 and 1", (unsigned long long)unit,
                       drive->cls->name);
    if (n >= (int)l->channels)
        return err_set(e, "there is no bus 'ide.%d' on this machine", n);
    for (unsigned i = n < 0 ? 0 : (unsigned)n; i < (n < 0 ? l->channels : (unsigned)n + 1); i++)
        for (unsigned k = prop ? (unsigned)unit : 0; k < (prop ? (unsigned)unit + 1 : 2); k++) {
            struct ide_drive_link *dl = drive->link;
            if (l->channel[i].drive[k])
                continue;
            l->channel[i].drive[k] = drive;
            dl->channel = &l->channel[i];
            dl->unit = k;
            drive->parent = controller;
            return true;
        }
    return err_set(e, "no free place for an %s: 'ide.%d' holds two drives, or that unit is taken", drive->cls->name,
                   n < 0 ? (int)l->channels - 1 : n);
}
