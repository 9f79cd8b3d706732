/* Intel "82077AA CHMOS single-chip floppy disk controller", 290166. Sections are of that data sheet.
 *
 * Sectors and steps take `sector-ns` and `step-ns` of virtual time: less than a real drive's 11 ms and 3 ms by default, so
 * that booting from a floppy does not mean waiting for it. A command that finds no ID mark (no medium, other data rate,
 * FM) ends with MA after two turns, 400 ms, also without a medium: a real controller then waits for a reset. */
#include "iodev/block/i82077.h"

#include <string.h>

#include "base/hash.h"
#include "iodev/block/medium.h"

#define SECTOR 512
#define UNITS 2

enum { DOR_RUN = 4, DOR_DMA = 8 };
enum { RQM = 0x80, DIO = 0x40, NON_DMA = 0x20, BUSY = 0x10 };
enum { ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_SEEK = 0x20, ST0_EC = 0x10 };
enum { ST1_END = 0x80, ST1_NO_DATA = 0x04, ST1_PROTECTED = 0x02, ST1_NO_MARK = 0x01, ST1_DATA_ERROR = 0x20 };
enum { ST2_DATA_ERROR = 0x20, ST2_WRONG_CYLINDER = 0x10 };

enum { PHASE_COMMAND, PHASE_WAIT, PHASE_MOVE, PHASE_RESULT }; /* WAIT: the sector is under way */
enum { OP_NONE, OP_READ, OP_WRITE, OP_VERIFY, OP_FORMAT, OP_ID, OP_NO_MARK };

struct fdc {
    u8 dor, tdr, dsr, phase, op;
    u8 command[9], have, need; /* bytes of the command phase */
    u8 result[10], results, result_at;
    u8 specify[2], configure[3], lock, perpendicular;
    u8 reset_left;  /* SENSE INTERRUPT STATUS answers that a reset owes */
    u8 seek_done;   /* by unit: an end of seek that nobody sensed */
    u8 seek_st0[UNITS];
    u8 seeking[UNITS], target[UNITS];
    u8 irq, line;
    u8 st1, st2, tc;
    u8 c, h, r;     /* of the sector in work; of the media, not of the parameters, is the head in command[1] */
    u8 left;        /* sectors to format or verify */
    u32 at, end;
    u8 data[SECTOR];
};

struct fdc_link {
    struct timer work, seek[UNITS], ready;
    u64 sector_ticks, step_ticks, blind_ticks;
    struct device *drive[UNITS];
    struct dma_port dma;
};

static const struct state_field state[] = {
    STATE(struct fdc, dor), STATE(struct fdc, tdr), STATE(struct fdc, dsr), STATE(struct fdc, phase),
    STATE(struct fdc, op), STATE_ARRAY(struct fdc, command), STATE(struct fdc, have), STATE(struct fdc, need),
    STATE_ARRAY(struct fdc, result), STATE(struct fdc, results), STATE(struct fdc, result_at),
    STATE_ARRAY(struct fdc, specify), STATE_ARRAY(struct fdc, configure), STATE(struct fdc, lock),
    STATE(struct fdc, perpendicular), STATE(struct fdc, reset_left), STATE(struct fdc, seek_done),
    STATE_ARRAY(struct fdc, seek_st0), STATE_ARRAY(struct fdc, seeking), STATE_ARRAY(struct fdc, target),
    STATE(struct fdc, irq), STATE(struct fdc, line), STATE(struct fdc, st1), STATE(struct fdc, st2),
    STATE(struct fdc, tc), STATE(struct fdc, c), STATE(struct fdc, h), STATE(struct fdc, r), STATE(struct fdc, left),
    STATE(struct fdc, at), STATE(struct fdc, end), STATE_ARRAY(struct fdc, data), STATE_END,
};

static struct fdc *fdc(const struct device *d) { return d->state; }
static struct fdc_link *link_of(const struct device *d) { return d->link; }

/* --- drives ------------------------------------------------------------------------------------------------ */

struct floppy {
    u8 track, changed;
    u64 medium;     /* which is in it: medium.h */
    u64 write_hash; /* of every change made to media since the machine was made */
};
struct floppy_link {
    struct input_channel media;
    struct block_port *first;
};

/* By image size: tracks, heads, sectors, data rate (table 2-1: 0 500, 1 300, 2 250, 3 1000 Kbit/s), CMOS type. */
static const struct format {
    u32 sectors;
    u8 tracks, heads, per_track, rate, cmos;
    const char *name;
} formats[] = {
    { 2880, 80, 2, 18, 0, 4, "1.44 MB" }, { 1440, 80, 2, 9, 2, 3, "720 KB" },  { 2400, 80, 2, 15, 0, 2, "1.2 MB" },
    { 5760, 80, 2, 36, 3, 5, "2.88 MB" }, { 720, 40, 2, 9, 1, 2, "360 KB" },   { 3360, 80, 2, 21, 0, 4, "1.68 MB" },
    { 3444, 82, 2, 21, 0, 4, "1.72 MB" }, { 640, 40, 2, 8, 1, 2, "320 KB" },   { 360, 40, 1, 9, 1, 2, "180 KB" },
    { 320, 40, 1, 8, 1, 2, "160 KB" },
};

static const struct format *format_of_size(u64 size)
{
    for (unsigned i = 0; i < ARRAY_LEN(formats); i++)
        if (size == (u64)formats[i].sectors * SECTOR)
            return &formats[i];
    return NULL;
}

static const struct format *format_of(const struct device *drive)
{
    return drive && drive->drive ? format_of_size(drive->drive->size) : NULL;
}

bool fdc_takes(u64 size)
{
    return format_of_size(size);
}

static struct floppy *floppy(const struct device *drive) { return drive->state; }

static const struct state_field floppy_state[] = { STATE(struct floppy, track), STATE(struct floppy, changed),
                                                   STATE(struct floppy, medium), STATE(struct floppy, write_hash), STATE_END };

static void media_changed(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    struct floppy_link *l = d->link;
    struct medium_text other;
    if (medium_inserted(bytes, n, &other) && (!other.id || medium_find(d->env->media, other.id)))
        medium_select(d, l->first, floppy(d)->medium = other.id);
    floppy(d)->changed = 1;
}

static void floppy_loaded(struct device *d)
{
    medium_select(d, ((struct floppy_link *)d->link)->first, floppy(d)->medium);
}

static bool floppy_build(struct device *d, struct err *e)
{
    struct floppy_link *l = d->link;
    if (d->drive && !format_of(d))
        return err_set(e, "the image of drive '%s' has %llu bytes, which is no floppy disk: make it 1474560 (1.44 MB), "
                          "737280, 1228800 or 2949120 bytes long", d->drive->id ? d->drive->id : "",
                       (unsigned long long)d->drive->size);
    l->first = d->drive;
    l->media = (struct input_channel){ .name = arena_printf(d->env->arena, "%s.media", d->path),
                                       .deliver = media_changed, .opaque = d };
    device_add_channel(d, &l->media);
    return true;
}

static void floppy_reset(struct device *d)
{
    floppy(d)->changed = 1; /* until the first step with a medium in */
}

static void floppy_describe(const struct device *d, struct buf *out)
{
    const struct format *f = format_of(d);
    buf_printf(out, "%s%s%s%s, track %u%s\n", f ? f->name : "no medium", f && d->drive->id ? ", " : "",
               f && d->drive->id ? d->drive->id : "", d->drive && d->drive->read_only ? " read only" : "",
               floppy(d)->track, floppy(d)->changed ? ", change line set" : "");
}

static const struct prop_desc floppy_props[] = {
    { "drive", PROP_DRIVE, NULL, "the medium: id of a -drive; none: an empty drive" },
    { "unit", PROP_U64, NULL, "0 drive A, 1 drive B" },
    { "bootindex", PROP_U64, NULL, "the firmware tries what has the lowest first" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class floppy_class = {
    .name = "floppy", .doc = "floppy disk drive", .bus = "floppy-bus", .state_size = sizeof(struct floppy),
    .state = floppy_state, .link_size = sizeof(struct floppy_link), .props = floppy_props, .build = floppy_build,
    .reset = floppy_reset, .loaded = floppy_loaded, .describe = floppy_describe,
};

static struct device *drive_of(const struct device *d, unsigned unit)
{
    return unit < UNITS ? link_of(d)->drive[unit] : NULL;
}

unsigned fdc_unit(const struct device *drive)
{
    return drive_of(drive->parent, 0) != drive;
}

/* --- interrupts and results -------------------------------------------------------------------------------- */

static void update_irq(struct device *d)
{
    struct fdc *s = fdc(d);
    u8 level = s->irq && (s->dor & DOR_DMA); /* DMAGATE# gates INT as well (2.1.3) */
    if (level != s->line) {
        s->line = level;
        device_irq(d, 0, level);
    }
}

static void set_irq(struct device *d, bool level)
{
    fdc(d)->irq = level;
    update_irq(d);
}

static void to_command_phase(struct device *d)
{
    struct fdc *s = fdc(d);
    s->phase = PHASE_COMMAND;
    s->op = OP_NONE;
    s->have = s->need = s->results = s->result_at = 0;
    s->at = s->end = 0;
    timer_cancel(d->env->clock, &link_of(d)->work);
    dma_request(&link_of(d)->dma, false);
}

static void results(struct device *d, const u8 *bytes, unsigned n)
{
    struct fdc *s = fdc(d);
    to_command_phase(d);
    memcpy(s->result, bytes, n);
    s->results = (u8)n;
    s->phase = PHASE_RESULT;
}

static void invalid(struct device *d)
{
    results(d, (const u8[]){ ST0_INVALID }, 1);
}

static unsigned unit(const struct fdc *s) { return s->command[1] & 3; }
static unsigned head(const struct fdc *s) { return s->command[1] >> 2 & 1; }

/* The seven bytes that end a data command, and the interrupt that says so (5.1.6). */
static void end_data(struct device *d, u8 st0, u8 st1, u8 st2)
{
    struct fdc *s = fdc(d);
    if (st1 | st2)
        st0 |= ST0_ABNORMAL;
    results(d, (const u8[]){ (u8)(st0 | (s->command[1] & 7)), st1, st2, s->c, s->h, s->r, s->op == OP_ID ? 2 : s->command[5] }, 7);
    set_irq(d, true);
}

/* --- data commands ----------------------------------------------------------------------------------------- */

static void wait(struct device *d, u64 ticks)
{
    fdc(d)->phase = PHASE_WAIT;
    timer_arm(d->env->clock, &link_of(d)->work, d->env->clock->now + ticks);
}

/* What the head can read there: NULL when there are no marks it understands. */
static const struct format *readable(const struct device *d)
{
    const struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    const struct format *f = format_of(drive);
    bool motor = s->dor >> (4 + unit(s)) & 1;
    if (!f || !motor || !(s->command[0] & 0x40) || (s->dsr & 3) != f->rate || head(s) >= f->heads ||
        floppy(drive)->track >= f->tracks)
        return NULL;
    return f;
}

/* Where the sector lies on the medium; false: the command ends with these. */
static bool locate(struct device *d, u64 *offset, u8 *st1, u8 *st2)
{
    struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    const struct format *f = readable(d);
    *st1 = *st2 = 0;
    if (!f)
        *st1 = ST1_NO_MARK;
    else if (s->c != floppy(drive)->track)
        *st1 = ST1_NO_DATA, *st2 = ST2_WRONG_CYLINDER;
    else if (s->h != head(s) || !s->r || s->r > f->per_track || s->command[5] != 2)
        *st1 = ST1_NO_DATA;
    else
        *offset = (((u64)s->c * f->heads + s->h) * f->per_track + s->r - 1) * SECTOR;
    return !*st1;
}

/* The address of the next sector (table 5-6, 5-7). False: behind the last one. */
static bool advance(struct fdc *s)
{
    if (s->r != s->command[6]) {
        s->r++;
        return true;
    }
    s->r = 1;
    bool more = (s->command[0] & 0x80) && !head(s);
    if (s->command[0] & 0x80) {
        s->h ^= 1;
        s->command[1] ^= 4;
    }
    if (!more)
        s->c++;
    return more;
}

static bool write_sector(struct device *d, u64 offset)
{
    struct device *drive = drive_of(d, unit(fdc(d)));
    struct floppy *f = floppy(drive);
    if (drive->drive->read_only) /* only a snapshot of another machine leads here */
        return false;
    f->write_hash = hash_bytes(fdc(d)->data, SECTOR, hash_u64(offset, f->write_hash));
    return drive->drive->ops->write(drive->drive, offset, fdc(d)->data, SECTOR, NULL);
}

static void sector_over(struct device *d)
{
    struct fdc *s = fdc(d);
    u64 offset;
    u8 st1, st2, was = s->command[1];
    if (s->op == OP_WRITE) {
        memset(s->data + s->at, 0, SECTOR - s->at); /* after TC the rest is zeroes (5.1.2) */
        if (!locate(d, &offset, &st1, &st2) || !write_sector(d, offset)) {
            end_data(d, 0, ST1_DATA_ERROR, ST2_DATA_ERROR);
            return;
        }
    }
    bool more = advance(s);
    u8 now = s->command[1];
    s->command[1] = more ? now : was; /* ST0 names the head that was at work last */
    if (s->op == OP_VERIFY && s->left && !--s->left)
        s->tc = 1;
    if (s->tc || (!more && s->op == OP_VERIFY))
        end_data(d, 0, 0, 0);
    else if (!more)
        end_data(d, 0, ST1_END, 0); /* EOT without a terminal count (5.1.1) */
    else
        wait(d, link_of(d)->sector_ticks);
}

/* FORMAT A TRACK took the four bytes of an ID. */
static void id_over(struct device *d)
{
    struct fdc *s = fdc(d);
    u64 offset;
    u8 st1, st2, filler = s->command[5];
    if (s->at < 4) {
        end_data(d, 0, 0, 0); /* terminal count */
        return;
    }
    s->c = s->data[0];
    s->h = s->data[1];
    s->r = s->data[2];
    s->command[5] = s->data[3];
    bool there = locate(d, &offset, &st1, &st2);
    memset(s->data, filler, SECTOR);
    bool ok = !there || write_sector(d, offset); /* IDs that the image's format does not have go nowhere */
    s->command[5] = filler;
    if (!ok)
        end_data(d, 0, ST1_DATA_ERROR, ST2_DATA_ERROR);
    else if (!--s->left || s->tc)
        end_data(d, 0, 0, 0);
    else
        wait(d, link_of(d)->sector_ticks);
}

static void moved(struct device *d)
{
    if (fdc(d)->op == OP_FORMAT)
        id_over(d);
    else
        sector_over(d);
}

/* data[at..end) to or from the host: by DMA as far as the channel is ready, else byte by byte with interrupts. */
static void move(struct device *d)
{
    struct fdc *s = fdc(d);
    struct fdc_link *l = link_of(d);
    bool tc = false;
    s->phase = PHASE_MOVE;
    if (s->specify[1] & 1) {
        set_irq(d, true);
        return;
    }
    if (!(s->dor & DOR_DMA))
        return;
    dma_request(&l->dma, true);
    if (!l->dma.controller || !dma_ready(&l->dma))
        return; /* comes back by ready() */
    if (s->op == OP_READ)
        s->at += (u32)dma_to_memory(&l->dma, s->data + s->at, s->end - s->at, &tc);
    else
        s->at += (u32)dma_from_memory(&l->dma, s->data + s->at, s->end - s->at, &tc);
    s->tc |= tc;
    if (s->at == s->end || s->tc) {
        dma_request(&l->dma, false);
        moved(d);
    }
}

/* The guest unmasked the channel: not inside its store to the DMA controller, but right after. */
static void channel_ready(void *opaque)
{
    struct device *d = opaque;
    if (fdc(d)->phase == PHASE_MOVE && !link_of(d)->ready.armed)
        timer_arm(d->env->clock, &link_of(d)->ready, d->env->clock->now + 1);
}

static void go_on(void *opaque, u64 now)
{
    struct device *d = opaque;
    if (fdc(d)->phase == PHASE_MOVE && !(fdc(d)->specify[1] & 1))
        move(d);
}

/* The sector comes under the head. */
static void work(void *opaque, u64 now)
{
    struct device *d = opaque;
    struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    u64 offset;
    u8 st1, st2;
    if (s->phase != PHASE_WAIT)
        return;
    s->at = 0;
    s->end = s->op == OP_FORMAT ? 4 : SECTOR;
    if (s->op == OP_NO_MARK) {
        end_data(d, 0, ST1_NO_MARK, 0);
        return;
    }
    if (s->op == OP_ID) {
        s->c = floppy(drive)->track;
        s->h = (u8)head(s);
        s->r = 1;
        end_data(d, 0, 0, 0);
        return;
    }
    if (s->op == OP_FORMAT) {
        move(d);
        return;
    }
    if (!locate(d, &offset, &st1, &st2)) {
        end_data(d, 0, st1, st2);
        return;
    }
    if (s->op != OP_WRITE && !drive->drive->ops->read(drive->drive, offset, s->data, SECTOR, NULL)) {
        end_data(d, 0, ST1_DATA_ERROR, ST2_DATA_ERROR);
        return;
    }
    if (s->op == OP_VERIFY)
        sector_over(d);
    else
        move(d);
}

static void start(struct device *d, u8 op)
{
    struct fdc *s = fdc(d);
    struct fdc_link *l = link_of(d);
    struct device *drive = drive_of(d, unit(s));
    s->op = op;
    s->tc = 0;
    s->c = s->command[2];
    s->h = s->command[3];
    s->r = s->command[4];
    if (op == OP_FORMAT) {
        s->left = s->command[3];
        s->c = drive ? floppy(drive)->track : 0;
        s->h = (u8)head(s);
        s->r = 1;
    } else if (op == OP_VERIFY) {
        s->left = s->command[1] & 0x80 ? s->command[8] : 0;
    }
    if ((s->configure[1] & 0x40) && op != OP_FORMAT && op != OP_ID && drive) /* implied seek (5.2.7) */
        floppy(drive)->track = s->c;
    if (!readable(d)) {
        s->op = OP_NO_MARK;
        wait(d, l->blind_ticks);
    } else if ((op == OP_WRITE || op == OP_FORMAT) && drive->drive->read_only) {
        end_data(d, 0, ST1_PROTECTED, 0);
    } else if (op == OP_FORMAT && !s->left) {
        end_data(d, 0, 0, 0);
    } else {
        wait(d, l->sector_ticks);
    }
}

/* --- control commands -------------------------------------------------------------------------------------- */

static void do_read(struct device *d) { start(d, OP_READ); }
static void do_write(struct device *d) { start(d, OP_WRITE); }
static void do_verify(struct device *d) { start(d, OP_VERIFY); }
static void do_format(struct device *d) { start(d, OP_FORMAT); }

static void do_read_track(struct device *d)
{
    fdc(d)->command[4] = 1;
    fdc(d)->command[0] &= 0x7f;
    start(d, OP_READ);
}

static void do_read_id(struct device *d)
{
    start(d, OP_ID);
}

static void do_specify(struct device *d)
{
    struct fdc *s = fdc(d);
    s->specify[0] = s->command[1];
    s->specify[1] = s->command[2];
    to_command_phase(d);
}

static void do_sense_drive(struct device *d)
{
    struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    u8 st3 = (u8)(0x28 | (s->command[1] & 7));
    if (drive && !floppy(drive)->track)
        st3 |= 0x10;
    if (drive && drive->drive && drive->drive->read_only)
        st3 |= 0x40;
    results(d, &st3, 1);
}

static void begin_seek(struct device *d, u8 to, u64 steps)
{
    struct fdc *s = fdc(d);
    unsigned u = unit(s);
    if (u < UNITS) {
        s->seeking[u] = 1;
        s->target[u] = to;
        s->seek_st0[u] = (u8)(ST0_SEEK | (s->command[1] & 7));
        timer_arm(d->env->clock, &link_of(d)->seek[u], d->env->clock->now + (steps + 1) * link_of(d)->step_ticks);
    }
    to_command_phase(d);
}

static void do_recalibrate(struct device *d)
{
    struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    s->command[1] &= 3;
    begin_seek(d, 0, drive ? floppy(drive)->track : 79);
    if (!drive && unit(s) < UNITS) /* 79 steps and no track 0 (5.2.2) */
        s->seek_st0[unit(s)] |= ST0_ABNORMAL | ST0_EC;
}

static void do_seek(struct device *d)
{
    struct fdc *s = fdc(d);
    struct device *drive = drive_of(d, unit(s));
    u8 from = drive ? floppy(drive)->track : 0, to = s->command[2];
    if (s->command[0] & 0x80) { /* RELATIVE SEEK */
        int at = s->command[0] & 0x40 ? from + to : from - to;
        to = (u8)(at < 0 ? 0 : at > 255 ? 255 : at);
    }
    begin_seek(d, to, from < to ? (u64)(to - from) : (u64)(from - to));
}

static void seek_over(struct device *d, unsigned u)
{
    struct fdc *s = fdc(d);
    struct device *drive = link_of(d)->drive[u];
    if (!s->seeking[u])
        return;
    s->seeking[u] = 0;
    s->seek_done |= (u8)(1 << u);
    if (drive) {
        floppy(drive)->track = s->target[u];
        if (format_of(drive))
            floppy(drive)->changed = 0; /* a step with a medium in resets the change line */
    }
    set_irq(d, true);
}

static void seek0(void *opaque, u64 now) { seek_over(opaque, 0); }
static void seek1(void *opaque, u64 now) { seek_over(opaque, 1); }

static void do_sense_interrupt(struct device *d)
{
    struct fdc *s = fdc(d);
    u8 r[2] = { ST0_INVALID, 0 };
    unsigned u = s->seek_done & 1 ? 0 : 1;
    if (s->reset_left) {
        u = 4u - s->reset_left--;
        r[0] = (u8)(0xc0 | u);
    } else if (s->seek_done) {
        s->seek_done &= (u8)~(1 << u);
        r[0] = s->seek_st0[u];
    } else {
        invalid(d);
        return;
    }
    r[1] = drive_of(d, u) ? floppy(drive_of(d, u))->track : 0;
    set_irq(d, s->seek_done);
    results(d, r, 2);
}

static void do_configure(struct device *d)
{
    struct fdc *s = fdc(d);
    memcpy(s->configure, s->command + 1, 3);
    to_command_phase(d);
}

static void do_version(struct device *d) { results(d, (const u8[]){ 0x90 }, 1); }

static void do_dumpreg(struct device *d)
{
    struct fdc *s = fdc(d);
    u8 track[UNITS];
    for (unsigned i = 0; i < UNITS; i++)
        track[i] = link_of(d)->drive[i] ? floppy(link_of(d)->drive[i])->track : 0;
    results(d, (const u8[]){ track[0], track[1], 0, 0, s->specify[0], s->specify[1], s->command[6],
                             (u8)(s->lock << 7 | (s->perpendicular & 0x7f)), s->configure[1], s->configure[2] }, 10);
}

static void do_perpendicular(struct device *d)
{
    struct fdc *s = fdc(d);
    if (s->command[1] & 0x80)
        s->perpendicular = s->command[1] & 0x3f;
    else
        s->perpendicular = (u8)((s->perpendicular & 0x3c) | (s->command[1] & 3));
    to_command_phase(d);
}

static void do_lock(struct device *d)
{
    struct fdc *s = fdc(d);
    s->lock = s->command[0] >> 7;
    results(d, (const u8[]){ (u8)(s->lock << 4) }, 1);
}

static const struct command {
    u8 mask, value, bytes; /* bytes: all of the command phase */
    void (*run)(struct device *d);
    const char *name;
} commands[] = { /* table 5-1 */
    { 0x1f, 0x06, 9, do_read, "READ DATA" },
    { 0x1f, 0x0c, 9, do_read, "READ DELETED DATA" }, /* images keep no deleted marks */
    { 0x3f, 0x05, 9, do_write, "WRITE DATA" },
    { 0x3f, 0x09, 9, do_write, "WRITE DELETED DATA" },
    { 0x9f, 0x02, 9, do_read_track, "READ TRACK" },
    { 0x1f, 0x16, 9, do_verify, "VERIFY" },
    { 0xbf, 0x0a, 2, do_read_id, "READ ID" },
    { 0xbf, 0x0d, 6, do_format, "FORMAT A TRACK" },
    { 0xff, 0x07, 2, do_recalibrate, "RECALIBRATE" },
    { 0xff, 0x08, 1, do_sense_interrupt, "SENSE INTERRUPT STATUS" },
    { 0xff, 0x03, 3, do_specify, "SPECIFY" },
    { 0xff, 0x04, 2, do_sense_drive, "SENSE DRIVE STATUS" },
    { 0xff, 0x0f, 3, do_seek, "SEEK" },
    { 0xbf, 0x8f, 3, do_seek, "RELATIVE SEEK" },
    { 0xff, 0x13, 4, do_configure, "CONFIGURE" },
    { 0xff, 0x10, 1, do_version, "VERSION" },
    { 0xff, 0x0e, 1, do_dumpreg, "DUMPREG" },
    { 0xff, 0x12, 2, do_perpendicular, "PERPENDICULAR MODE" },
    { 0x7f, 0x14, 1, do_lock, "LOCK" },
};

static const struct command *command_of(u8 byte)
{
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        if ((byte & commands[i].mask) == commands[i].value)
            return &commands[i];
    return NULL;
}

static const struct event_type command_event = {
    "fdc.command", "a floppy controller command is executed",
    { { "name", EV_STR }, { "drive", EV_HEX }, { "cylinder", EV_U64 }, { "head", EV_U64 }, { "sector", EV_U64 } },
};

static void command_byte(struct device *d, u8 v)
{
    struct fdc *s = fdc(d);
    const struct command *c = command_of(s->have ? s->command[0] : v);
    if (!s->have) {
        s->need = c ? c->bytes : 1;
        memset(s->command + 1, 0, sizeof s->command - 1);
    }
    if (s->have < sizeof s->command)
        s->command[s->have++] = v;
    if (s->have < s->need)
        return;
    EVENT(d->env->bus, d->env->clock->now, d->path, &command_event, { .s = c ? c->name : "unknown" },
          { .u = s->command[1] }, { .u = s->command[2] }, { .u = s->command[3] }, { .u = s->command[4] });
    if (!c || (!(s->configure[1] & 0x10) && s->reset_left && c->run != do_sense_interrupt))
        s->reset_left = 0; /* another command drops what the reset owed */
    s->have = 0;
    if (c)
        c->run(d);
    else
        invalid(d);
}

/* --- registers --------------------------------------------------------------------------------------------- */

static void controller_reset(struct device *d)
{
    struct fdc *s = fdc(d);
    to_command_phase(d);
    for (unsigned i = 0; i < UNITS; i++) {
        timer_cancel(d->env->clock, &link_of(d)->seek[i]);
        s->seeking[i] = 0;
    }
    timer_cancel(d->env->clock, &link_of(d)->ready);
    s->seek_done = s->reset_left = 0;
    s->perpendicular &= 0x3c; /* a software reset clears GAP and WGATE only (5.2.8) */
    if (!s->lock) {
        s->configure[0] = s->configure[2] = 0;
        s->configure[1] = 0x20; /* FIFO off, polling on, no implied seek (table 3-1) */
    }
    set_irq(d, false);
}

/* With polling each drive is found to have changed from not ready to ready (4.1). */
static void out_of_reset(struct device *d)
{
    struct fdc *s = fdc(d);
    if (s->configure[1] & 0x10)
        return;
    s->reset_left = 4;
    set_irq(d, true);
}

static void dor_write(struct device *d, u32 index, u64 value, u64 old)
{
    if (!(value & DOR_RUN))
        controller_reset(d);
    else if (!(old & DOR_RUN))
        out_of_reset(d);
    update_irq(d);
}

static u64 msr_get(const struct device *d, u32 index)
{
    const struct fdc *s = fdc(d);
    u8 v = (u8)((s->seeking[0] ? 1 : 0) | (s->seeking[1] ? 2 : 0));
    if (!(s->dor & DOR_RUN))
        return 0;
    switch (s->phase) {
    case PHASE_COMMAND: return v | RQM | (s->have ? BUSY : 0);
    case PHASE_RESULT: return v | RQM | DIO | BUSY;
    case PHASE_MOVE:
        if (s->specify[1] & 1)
            return v | RQM | NON_DMA | BUSY | (s->op == OP_READ ? DIO : 0);
        return v | BUSY;
    default: return v | BUSY | (s->specify[1] & 1 ? NON_DMA : 0);
    }
}

static void dsr_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct fdc *s = fdc(d);
    s->dsr = (u8)value & 0x7f;
    if ((value & 0x80) && (s->dor & DOR_RUN)) { /* clears itself */
        controller_reset(d);
        out_of_reset(d);
    }
}

static u64 dsr_get(const struct device *d, u32 index) { return fdc(d)->dsr; }

static void ccr_write(struct device *d, u32 index, u64 value, u64 old)
{
    fdc(d)->dsr = (u8)((fdc(d)->dsr & ~3) | (value & 3));
}

static u64 dir_get(const struct device *d, u32 index)
{
    struct device *drive = drive_of(d, fdc(d)->dor & 3);
    return drive && (floppy(drive)->changed || !format_of(drive)) ? 0x80 : 0;
}

static bool pio(const struct fdc *s)
{
    return s->phase == PHASE_MOVE && (s->specify[1] & 1) && s->at < s->end;
}

static u64 fifo_get(const struct device *d, u32 index)
{
    const struct fdc *s = fdc(d);
    if (pio(s) && s->op == OP_READ)
        return s->data[s->at];
    return s->phase == PHASE_RESULT ? s->result[s->result_at] : 0;
}

static void pio_moved(struct device *d)
{
    struct fdc *s = fdc(d);
    if (++s->at < s->end)
        return;
    set_irq(d, false);
    moved(d);
}

static u64 fifo_read(struct device *d, u32 index)
{
    struct fdc *s = fdc(d);
    u64 v = fifo_get(d, 0);
    if (!(s->dor & DOR_RUN))
        return 0;
    if (pio(s) && s->op == OP_READ) {
        pio_moved(d);
    } else if (s->phase == PHASE_RESULT) {
        if (!s->seek_done && !s->reset_left)
            set_irq(d, false);
        if (++s->result_at >= s->results)
            to_command_phase(d);
    }
    return v;
}

static void fifo_write(struct device *d, u32 index, u64 value, u64 old)
{
    struct fdc *s = fdc(d);
    if (!(s->dor & DOR_RUN))
        return;
    if (pio(s) && s->op != OP_READ) {
        s->data[s->at] = (u8)value;
        pio_moved(d);
    } else if (s->phase == PHASE_COMMAND) {
        command_byte(d, (u8)value);
    }
}

static const struct reg_field dor_fields[] = {
    { "DRIVE", 0, 2, "selected drive" },
    { "RUN", 2, 1, "0 resets the controller" },
    { "DMAGATE", 3, 1, "DMA requests and the interrupt are let out" },
    { "MOTOR", 4, 4, "motor of each drive" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field msr_fields[] = {
    { "SEEK", 0, 4, "drives that are seeking" },
    { "BUSY", 4, 1, "a command is in progress" },
    { "NONDMA", 5, 1, "execution phase without DMA" },
    { "DIO", 6, 1, "0 FIFO takes a byte, 1 FIFO has one" },
    { "RQM", 7, 1, "the FIFO may be accessed" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field dsr_fields[] = {
    { "RATE", 0, 2, "0 500, 1 300, 2 250, 3 1000 Kbit/s" },
    { "PRECOMP", 2, 3, "write precompensation" },
    { "POWERDOWN", 6, 1, "power down" },
    { "RESET", 7, 1, "resets the controller" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field dir_fields[] = { { "DSKCHG", 7, 1, "the medium was changed" }, { NULL, 0, 0, NULL } };
static const struct reg_field ccr_fields[] = { { "RATE", 0, 2, "as in DSR" }, { NULL, 0, 0, NULL } };

static const struct reg_desc regs[] = {
    { .name = "DOR", .offset = 2, .width = 1, .rw = 0xff, .slot = REG_SLOT(struct fdc, dor), .write = dor_write,
      .fields = dor_fields, .doc = "digital output register", .section = "2.1.3" },
    { .name = "TDR", .offset = 3, .width = 1, .rw = 0x03, .slot = REG_SLOT(struct fdc, tdr), .doc = "tape drive register",
      .section = "2.1.4" },
    { .name = "MSR", .offset = 4, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = msr_get,
      .fields = msr_fields, .doc = "main status register", .section = "2.1.6" },
    { .name = "DSR", .offset = 4, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .get = dsr_get,
      .write = dsr_write, .fields = dsr_fields, .doc = "data rate select register", .section = "2.1.5" },
    { .name = "FIFO", .offset = 5, .width = 1, .slot = REG_NO_SLOT, .get = fifo_get, .read = fifo_read,
      .write = fifo_write, .doc = "commands, data and results", .section = "2.1.7" },
    { .name = NULL },
};
static const struct reg_desc change_regs[] = {
    { .name = "DIR", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_NO_SLOT, .get = dir_get,
      .fields = dir_fields, .doc = "digital input register", .section = "2.1.8" },
    { .name = "CCR", .offset = 0, .width = 1, .access = REG_WO, .slot = REG_NO_SLOT, .get = dsr_get,
      .write = ccr_write, .fields = ccr_fields, .doc = "configuration control register", .section = "2.1.9" },
    { .name = NULL },
};
/* In AT mode nothing is at 0x3f0 and 0x3f1 (2.1.1). */
static const struct reg_bank bank = { "fdc", 6, 1, 1, true, regs, NULL, NULL, true };
static const struct reg_bank change_bank = { "change", 1, 1, 1, true, change_regs, NULL, NULL, true };

/* --- the class --------------------------------------------------------------------------------------------- */

static u64 ticks_of(const struct device *d, u64 ns)
{
    u128 ticks = (u128)ns * d->env->clock->hz / 1000000000u;
    return ticks < 1 ? 1 : ticks >> 40 ? (u64)1 << 40 : (u64)ticks;
}

static bool build(struct device *d, struct err *e)
{
    struct fdc_link *l = d->link;
    struct clock *c = d->env->clock;
    l->sector_ticks = ticks_of(d, device_prop_u64(d, "sector-ns"));
    l->step_ticks = ticks_of(d, device_prop_u64(d, "step-ns"));
    l->blind_ticks = ticks_of(d, 400000000);
    timer_init(c, &l->work, d->path, "work", 0, work, d);
    timer_init(c, &l->ready, d->path, "ready", 0, go_on, d);
    timer_init(c, &l->seek[0], d->path, "seek0", 0, seek0, d);
    timer_init(c, &l->seek[1], d->path, "seek1", 0, seek1, d);
    return true;
}

void fdc_connect_dma(struct device *d, struct dma_port port)
{
    link_of(d)->dma = port;
    dma_on_ready(&link_of(d)->dma, channel_ready, d);
}

bool fdc_plug(struct device *d, struct device *drive, struct err *e)
{
    struct fdc_link *l = d->link;
    const char *prop = device_prop(drive, "unit");
    u64 u = prop ? device_prop_u64(drive, "unit") : l->drive[0] ? 1 : 0;
    if (u >= UNITS || l->drive[u])
        return err_set(e, "floppy unit %llu %s", (unsigned long long)u,
                       u >= UNITS ? "does not exist: there are 0 and 1" : "is taken");
    l->drive[u] = drive;
    drive->parent = d;
    return true;
}

unsigned fdc_cmos_type(const struct device *d, unsigned u)
{
    struct device *drive = drive_of(d, u);
    const struct format *f = format_of(drive);
    return f ? f->cmos : drive ? 4 : 0;
}

static void reset(struct device *d)
{
    struct fdc *s = fdc(d);
    *s = (struct fdc){ 0 };
    s->dsr = 2; /* 250 Kbit/s (table 3-1) */
    controller_reset(d);
    device_irq(d, 0, false);
}

static void loaded(struct device *d)
{
    struct fdc *s = fdc(d);
    if (s->phase > PHASE_RESULT)
        s->phase = PHASE_COMMAND;
    if (s->results > sizeof s->result || s->result_at >= sizeof s->result ||
        (s->phase == PHASE_RESULT && s->result_at >= s->results))
        s->phase = PHASE_COMMAND, s->results = s->result_at = 0;
    if (s->have >= sizeof s->command)
        s->have = 0;
    if (s->end > SECTOR || s->at > s->end)
        s->at = s->end = 0;
    if (s->reset_left > 4)
        s->reset_left = 0;
    s->seek_done &= 3;
    if ((s->phase == PHASE_WAIT || s->phase == PHASE_MOVE) &&
        (s->op == OP_NONE || s->op > OP_NO_MARK || !drive_of(d, unit(s)))) /* (absent drives only end with NO_MARK) */
        s->op = OP_NO_MARK;
    if (s->phase == PHASE_MOVE && (s->op == OP_NO_MARK || s->at == s->end))
        s->phase = PHASE_COMMAND;
}

static void describe(const struct device *d, struct buf *out)
{
    static const char *const phases[] = { "command", "execution", "execution", "result" };
    const struct fdc *s = fdc(d);
    const struct command *c = command_of(s->command[0]);
    buf_printf(out, "%s phase, last command %s (0x%02x)%s\n", phases[s->phase], c ? c->name : "invalid", s->command[0],
               s->dor & DOR_RUN ? "" : ", held in reset");
    for (unsigned i = 0; i < UNITS; i++)
        buf_printf(out, "drive %u: %s%s\n", i, link_of(d)->drive[i] ? link_of(d)->drive[i]->path : "none",
                   s->seeking[i] ? ", seeking" : "");
}

static const struct prop_desc props[] = {
    { "sector-ns", PROP_U64, "400000", "virtual time for a sector to come by and be moved" },
    { "step-ns", PROP_U64, "100000", "virtual time of a step" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class i82077_class = {
    .name = "isa-fdc",
    .doc = "82077AA floppy disk controller",
    .state_size = sizeof(struct fdc),
    .state = state,
    .link_size = sizeof(struct fdc_link),
    .props = props,
    .banks = { &bank, &change_bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .describe = describe,
};
