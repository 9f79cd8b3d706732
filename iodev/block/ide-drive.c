/* What disks and CD-ROMs have in common: the task file, the phases of a command, and when they are over.
 * ATA/ATAPI-6; sections are of that text. */
#include <string.h>

#include "base/hash.h"
#include "iodev/block/ide.h"

static struct ide_drive *state(const struct device *d) { return d->state; }
static struct ide_drive_link *link_of(const struct device *d) { return d->link; }

static void raise_irq(struct device *d)
{
    state(d)->irq = 1;
    if (link_of(d)->channel)
        ide_channel_irq(link_of(d)->channel);
}

static void lower_irq(struct device *d)
{
    state(d)->irq = 0;
    if (link_of(d)->channel)
        ide_channel_irq(link_of(d)->channel);
}

static void arm(struct device *d, u64 ticks)
{
    timer_arm(d->env->clock, &link_of(d)->timer, d->env->clock->now + (ticks ? ticks : 1));
}

/* --- phases ------------------------------------------------------------------------------------------------ */

static void idle(struct device *d, u8 status)
{
    struct ide_drive *s = state(d);
    timer_cancel(d->env->clock, &link_of(d)->timer);
    s->phase = IDE_IDLE;
    s->at = s->end = 0;
    s->status = (u8)(IDE_DRDY | IDE_DSC | status);
}

void ide_finish(struct device *d)
{
    idle(d, 0);
    raise_irq(d);
}

void ide_quiet(struct device *d)
{
    idle(d, 0);
}

void ide_fail(struct device *d, u8 error, u8 status)
{
    state(d)->error = error;
    idle(d, IDE_ERR | status);
    raise_irq(d);
}

static void busy(struct device *d, u8 phase, u64 ticks)
{
    struct ide_drive *s = state(d);
    s->phase = phase;
    s->status = IDE_BSY | (s->status & (IDE_DRDY | IDE_DSC));
    arm(d, ticks);
}

void ide_busy(struct device *d, u64 ticks)
{
    busy(d, IDE_BUSY, ticks);
}

void ide_pio(struct device *d, bool in, u32 at, u32 end, bool interrupt)
{
    struct ide_drive *s = state(d);
    s->phase = in ? IDE_IN : IDE_OUT;
    s->at = at;
    s->end = end;
    s->status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    if (interrupt)
        raise_irq(d);
}

/* The drive asks for DMA (DMARQ); the bus master may have been started before or comes later (9.10). */
void ide_dma(struct device *d, bool in, u32 at, u32 end, u64 ticks)
{
    struct ide_drive *s = state(d);
    s->phase = in ? IDE_DMA_IN : IDE_DMA_OUT;
    s->at = at;
    s->end = end;
    s->status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    if (link_of(d)->channel && ide_bm_active(link_of(d)->channel, in))
        arm(d, ticks);
}

void ide_drive_dma_ready(struct device *d)
{
    u8 phase = state(d)->phase;
    if ((phase == IDE_DMA_IN || phase == IDE_DMA_OUT) && !link_of(d)->timer.armed)
        arm(d, link_of(d)->sector_ticks);
}

static void move_dma(struct device *d)
{
    struct ide_drive *s = state(d);
    struct ide_channel *c = link_of(d)->channel;
    bool in = s->phase == IDE_DMA_IN;
    if (!c || !ide_bm_active(c, in))
        return;
    s->at += ide_bm_move(c, in, s->data + s->at, s->end - s->at);
    if (s->at == s->end)
        link_of(d)->ops->moved(d); /* else the drive waits until the bus master is started again, or for a reset */
}

static void end_reset(struct device *d)
{
    struct ide_drive *s = state(d);
    idle(d, 0);
    ide_signature(d);
    s->error = 1; /* device 0 passed its test, device 1 passed or is not there (table 27) */
    s->status = link_of(d)->ops->packet ? 0 : IDE_DRDY | IDE_DSC;
}

static void diagnosed(struct device *d)
{
    end_reset(d);
    state(d)->device = 0xa0;
    if (!link_of(d)->unit)
        raise_irq(d);
}

static const struct event_type command_event = {
    "ide.command", "an ATA command is executed",
    { { "command", EV_HEX }, { "feature", EV_HEX }, { "count", EV_HEX }, { "lba", EV_HEX }, { "device", EV_HEX } },
};

static void execute(struct device *d)
{
    struct ide_drive *s = state(d);
    EVENT(d->env->bus, d->env->clock->now, d->path, &command_event, { .u = s->command }, { .u = s->feature },
          { .u = s->hob_count << 8 | s->count }, { .u = load_le(s->lba, 3) | load_le(s->hob_lba, 3) << 24 },
          { .u = s->device });
    s->status = IDE_BSY | IDE_DRDY | IDE_DSC;
    s->error = 0;
    if (s->command == 0x90)
        diagnosed(d);
    else
        link_of(d)->ops->command(d);
}

static void fire(void *opaque, u64 now)
{
    struct device *d = opaque;
    switch (state(d)->phase) {
    case IDE_COMMAND: execute(d); break;
    case IDE_BUSY: link_of(d)->ops->next(d); break;
    case IDE_DMA_IN:
    case IDE_DMA_OUT: move_dma(d); break;
    case IDE_RESET: end_reset(d); break;
    default: break;
    }
}

/* --- the task file ----------------------------------------------------------------------------------------- */

u64 ide_drive_get(const struct device *d, unsigned reg, bool hob)
{
    const struct ide_drive *s = state(d);
    switch (reg) {
    case 1: return hob ? s->hob_feature : s->error;
    case 2: return hob ? s->hob_count : s->count;
    case 3:
    case 4:
    case 5: return hob ? s->hob_lba[reg - 3] : s->lba[reg - 3];
    case 6: return s->device;
    default: return s->status;
    }
}

void ide_drive_set(struct device *d, unsigned reg, u8 value)
{
    struct ide_drive *s = state(d);
    switch (reg) {
    case 1: s->hob_feature = s->feature; s->feature = value; break;
    case 2: s->hob_count = s->count; s->count = value; break;
    case 3:
    case 4:
    case 5: s->hob_lba[reg - 3] = s->lba[reg - 3]; s->lba[reg - 3] = value; break;
    default: s->device = value | 0xa0; break; /* the two obsolete bits were always one in ATA-1 */
    }
}

/* A drive that is busy, or in the middle of data, takes no command but DEVICE RESET, and that only if it is ATAPI
 * (9.1). One that sleeps needs a reset (6.18). */
void ide_drive_command(struct device *d, u8 command)
{
    struct ide_drive *s = state(d);
    bool device_reset_command = command == 8 && link_of(d)->ops->packet;
    if (!device_reset_command && ((s->status & (IDE_BSY | IDE_DRQ)) || s->power == IDE_SLEEP))
        return;
    lower_irq(d);
    s->command = command;
    if (device_reset_command) {
        s->power = IDE_ACTIVE;
        link_of(d)->ops->reset(d, false);
        busy(d, IDE_RESET, link_of(d)->command_ticks);
    } else {
        busy(d, IDE_COMMAND, link_of(d)->command_ticks);
    }
}

/* The same for all drives: drive 0 waits for drive 1 (PDIAG-), so both are ready at once. */
static u64 reset_ticks(const struct device *d)
{
    return d->env->clock->hz / 10000;
}

/* EXECUTE DEVICE DIAGNOSTIC is for both drives (8.11). */
void ide_drive_diagnose(struct device *d)
{
    struct ide_drive *s = state(d);
    if (s->status & (IDE_BSY | IDE_DRQ))
        return;
    lower_irq(d);
    s->command = 0x90;
    busy(d, IDE_COMMAND, reset_ticks(d));
}

void ide_drive_irq_seen(struct device *d)
{
    lower_irq(d);
}

void ide_signature(struct device *d)
{
    struct ide_drive *s = state(d);
    bool packet = link_of(d)->ops->packet;
    s->count = s->lba[0] = 1;
    s->lba[1] = packet ? 0x14 : 0;
    s->lba[2] = packet ? 0xeb : 0;
    s->device &= (u8)~15;
    s->hob_feature = s->hob_count = 0;
    memset(s->hob_lba, 0, sizeof s->hob_lba);
}

/* SRST (9.2): busy from its begin to a while after its end. */
void ide_drive_soft_reset(struct device *d, bool begin)
{
    struct ide_drive *s = state(d);
    lower_irq(d);
    if (begin) {
        idle(d, 0);
        s->power = IDE_ACTIVE;
        s->device = 0xa0;
        link_of(d)->ops->reset(d, false);
        s->status = IDE_BSY;
    } else {
        busy(d, IDE_RESET, reset_ticks(d));
    }
}

u16 ide_drive_data_get(struct device *d, bool peek)
{
    struct ide_drive *s = state(d);
    if (s->phase != IDE_IN)
        return 0;
    u16 word = (u16)(s->data[s->at] | (s->at + 1 < s->end ? s->data[s->at + 1] << 8 : 0));
    if (peek)
        return word;
    s->at += s->at + 1 < s->end ? 2 : 1;
    if (s->at == s->end)
        link_of(d)->ops->moved(d);
    return word;
}

void ide_drive_data_set(struct device *d, u16 word)
{
    struct ide_drive *s = state(d);
    if (s->phase != IDE_OUT)
        return;
    s->data[s->at++] = (u8)word;
    if (s->at < s->end)
        s->data[s->at++] = (u8)(word >> 8);
    if (s->at == s->end)
        link_of(d)->ops->moved(d);
}

/* --- life -------------------------------------------------------------------------------------------------- */

static u64 ticks_of(const struct device *d, const char *prop)
{
    u128 ticks = (u128)device_prop_u64(d, prop) * d->env->clock->hz / 1000000000u;
    return ticks < 1 ? 1 : ticks > (u64)1 << 40 ? (u64)1 << 40 : (u64)ticks;
}

void ide_drive_build(struct device *d, const struct ide_ops *ops)
{
    struct ide_drive_link *l = d->link;
    l->ops = ops;
    l->command_ticks = ticks_of(d, "latency-ns");
    l->sector_ticks = ticks_of(d, "sector-ns");
    timer_init(d->env->clock, &l->timer, d->path, "work", 0, fire, d);
}

void ide_drive_power_on(struct device *d)
{
    struct ide_drive *s = state(d);
    u64 hash = s->write_hash, reads = s->reads, writes = s->writes;
    *s = (struct ide_drive){ .write_hash = hash, .reads = reads, .writes = writes };
    s->device = 0xa0;
    end_reset(d);
    link_of(d)->ops->reset(d, true);
    if (link_of(d)->channel)
        ide_channel_irq(link_of(d)->channel);
}

/* A snapshot is not trusted: the data phase must lie within the buffer, and not be over. */
void ide_drive_loaded(struct device *d)
{
    struct ide_drive *s = state(d);
    bool moves = s->phase >= IDE_IN && s->phase <= IDE_DMA_OUT;
    if (s->phase > IDE_RESET || s->end > IDE_BUFFER || s->at > s->end || (moves && s->at == s->end))
        idle(d, 0);
}

void ide_write_hash(struct device *d, u64 at, u32 len)
{
    struct ide_drive *s = state(d);
    s->write_hash = hash_u64(len, hash_u64(at, s->write_hash));
    s->write_hash = hash_bytes(s->data, len, s->write_hash);
}

void ide_string(u8 *words, const char *text, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        words[i ^ 1] = (u8)(*text ? *text : ' ');
        text += *text != 0;
    }
}
