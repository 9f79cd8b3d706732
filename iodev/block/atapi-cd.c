/* ide-cd: an ATAPI CD-ROM. The protocol is ATA/ATAPI-6, sections 8.16, 8.23 and 9.8; the packets are those of
 * "INF-8090i" revision 5.1 and MMC-3, which the sections of the table below name by command. */
#include <string.h>

#include "iodev/block/ide.h"
#include "iodev/block/medium.h"

#define BLOCK 2048
#define RAW 2352
#define CD_BLOCKS 360000 /* 80 minutes; what is larger calls itself a DVD */

enum { REASON_COMMAND = 1, REASON_IN = 2 }; /* sector count as interrupt reason (8.23.4) */
enum { NOT_READY = 2, MEDIUM_ERROR = 3, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6 };
enum { /* additional sense code and qualifier */
    INVALID_OPCODE = 0x2000, OUT_OF_RANGE = 0x2100, INVALID_FIELD = 0x2400, MEDIUM_CHANGED = 0x2800, POWER_ON = 0x2900,
    NO_MEDIUM = 0x3a00, NO_MEDIUM_TRAY_OPEN = 0x3a02, UNRECOVERED = 0x1100, REMOVAL_PREVENTED = 0x5302,
    ILLEGAL_MODE = 0x6400, NOT_SAVED = 0x3900,
};

struct cd {
    struct ide_drive ide;
    u8 packet[12];
    u8 in_packet;  /* DRQ is for the packet, not for data */
    u8 dma, raw, sense, tray_open, locked, event;
    u16 code, attention; /* of the sense; attention: what waits to be told, 0: nothing */
    u16 limit;     /* bytes of a PIO block */
    u32 fill;      /* bytes in data */
    u32 sector, left; /* blocks that follow */
    u64 medium;    /* which is in it: medium.h */
};

struct cd_link {
    struct ide_drive_link l;
    char serial[21], model[41];
    struct input_channel tray;
    struct block_port *first;
};

static const struct state_field state[] = {
    IDE_DRIVE_STATE(struct cd), STATE_ARRAY(struct cd, packet), STATE(struct cd, in_packet), STATE(struct cd, dma),
    STATE(struct cd, raw), STATE(struct cd, sense), STATE(struct cd, tray_open), STATE(struct cd, locked),
    STATE(struct cd, event), STATE(struct cd, code), STATE(struct cd, attention), STATE(struct cd, limit),
    STATE(struct cd, fill), STATE(struct cd, sector), STATE(struct cd, left), STATE(struct cd, medium), STATE_END,
};

static struct cd *cd(const struct device *d) { return d->state; }
static struct cd_link *link_of(const struct device *d) { return d->link; }

static u32 blocks(const struct device *d)
{
    u64 n = d->drive ? d->drive->size / BLOCK : 0;
    return n > 0x7fffffff ? 0x7fffffff : (u32)n;
}

static bool medium(const struct device *d)
{
    return blocks(d) && !cd(d)->tray_open;
}

/* --- ends of a packet command ------------------------------------------------------------------------------ */

static void good(struct device *d)
{
    cd(d)->ide.count = REASON_COMMAND | REASON_IN;
    ide_finish(d);
}

static void check(struct device *d, u8 key, u16 code)
{
    struct cd *s = cd(d);
    s->sense = key;
    s->code = code;
    s->left = s->fill = 0;
    s->ide.count = REASON_COMMAND | REASON_IN;
    ide_fail(d, (u8)(key << 4 | IDE_ABRT), 0);
}

/* One block of data[from, fill): as much as the host takes at once. */
static void block(struct device *d, u32 from)
{
    struct cd *s = cd(d);
    u32 n = s->fill - from;
    if (s->dma) {
        u32 sectors = (n + BLOCK - 1) / BLOCK;
        ide_dma(d, true, from, s->fill, sectors * link_of(d)->l.sector_ticks);
        return;
    }
    if (n > s->limit)
        n = s->limit & ~1u; /* only the last block may be odd (8.23.5) */
    store_le(s->ide.lba + 1, 2, n);
    s->ide.count = REASON_IN;
    ide_pio(d, true, from, from + n, true);
}

/* data[..n) is the answer. */
static void answer(struct device *d, u32 n)
{
    struct cd *s = cd(d);
    s->fill = n;
    if (!n)
        good(d);
    else if (!s->dma && s->limit < 2)
        ide_abort(d); /* a byte count limit of 0 (word 125) */
    else
        block(d, 0);
}

/* --- sectors ----------------------------------------------------------------------------------------------- */

static u8 bcd(u32 n)
{
    return (u8)(n / 10 % 10 << 4 | n % 10);
}

/* Mode 1 (ECMA-130, section 14): sync, header with the address, 2048 bytes; EDC and ECC are left zero. */
static void wrap(u8 *p, u32 lba)
{
    u32 frame = lba + 150;
    memset(p, 0, 16);
    memset(p + 1, 0xff, 10);
    p[12] = bcd(frame / 75 / 60);
    p[13] = bcd(frame / 75 % 60);
    p[14] = bcd(frame % 75);
    p[15] = 1;
    memset(p + 16 + BLOCK, 0, RAW - 16 - BLOCK);
}

static void load(struct device *d)
{
    struct cd *s = cd(d);
    u32 size = s->raw ? RAW : BLOCK, n = IDE_BUFFER / size;
    if (n > s->left)
        n = s->left;
    if (!medium(d)) {
        check(d, NOT_READY, s->tray_open ? NO_MEDIUM_TRAY_OPEN : NO_MEDIUM);
        return;
    }
    if (s->sector > blocks(d) || n > blocks(d) - s->sector) {
        check(d, ILLEGAL_REQUEST, OUT_OF_RANGE);
        return;
    }
    for (u32 i = 0; i < n; i++) {
        u8 *p = s->ide.data + i * size;
        if (!d->drive->ops->read(d->drive, (u64)(s->sector + i) * BLOCK, s->raw ? p + 16 : p, BLOCK, NULL)) {
            check(d, MEDIUM_ERROR, UNRECOVERED);
            return;
        }
        if (s->raw)
            wrap(p, s->sector + i);
    }
    s->sector += n;
    s->left -= n;
    answer(d, n * size);
}

static void next(struct device *d);

static void read_blocks(struct device *d, u32 at, u32 n, bool raw)
{
    struct cd *s = cd(d);
    s->raw = raw;
    if (at > blocks(d) || n > blocks(d) - at) {
        check(d, ILLEGAL_REQUEST, OUT_OF_RANGE);
        return;
    }
    s->sector = at;
    s->left = n;
    s->fill = 0;
    s->ide.at = s->ide.end = 0;
    s->ide.reads++;
    if (n)
        ide_busy(d, (n < 8 ? n : 8) * link_of(d)->l.sector_ticks);
    else
        good(d);
}

/* --- packet commands --------------------------------------------------------------------------------------- */

static u32 be(const struct device *d, unsigned at, unsigned n)
{
    return (u32)load_be(cd(d)->packet + at, n);
}

static void reply(struct device *d, u32 len, u32 alloc)
{
    answer(d, len < alloc ? len : alloc);
}

static u8 *blank(struct device *d)
{
    return memset(cd(d)->ide.data, 0, 512);
}

static void test_unit_ready(struct device *d)
{
    good(d);
}

static void request_sense(struct device *d)
{
    struct cd *s = cd(d);
    u8 *p = blank(d);
    if (!s->sense && s->attention) {
        s->sense = UNIT_ATTENTION;
        s->code = s->attention;
        s->attention = 0;
    }
    p[0] = 0x70;
    p[2] = s->sense;
    p[7] = 10;
    store_be(p + 12, 2, s->code);
    s->sense = 0;
    s->code = 0;
    reply(d, 18, s->packet[4]);
}

static void pad(u8 *p, const char *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        p[i] = (u8)(*text ? *text : ' ');
        text += *text != 0;
    }
}

static void inquiry(struct device *d)
{
    u8 *p = blank(d);
    if (cd(d)->packet[1] & 1 || cd(d)->packet[2]) {
        check(d, ILLEGAL_REQUEST, INVALID_FIELD); /* no vital product data */
        return;
    }
    p[0] = 5;
    p[1] = 0x80;
    p[3] = 0x21;
    p[4] = 31;
    pad(p + 8, "ORRERY", 8);
    pad(p + 16, link_of(d)->model, 16);
    pad(p + 32, "1.0", 4);
    reply(d, 36, be(d, 3, 2));
}

static void mode_sense(struct device *d)
{
    struct cd *s = cd(d);
    u8 *p = blank(d), page = s->packet[2] & 0x3f;
    u32 n = 8;
    if (s->packet[2] >> 6 == 3) {
        check(d, ILLEGAL_REQUEST, NOT_SAVED);
        return;
    }
    bool values = s->packet[2] >> 6 != 1; /* changeable: none */
    if (page == 0x01 || page == 0x3f) { /* read error recovery */
        p[n] = 0x01;
        p[n + 1] = 6;
        p[n + 3] = values ? 5 : 0;
        n += 8;
    }
    if (page == 0x0e || page == 0x3f) { /* audio control */
        p[n] = 0x0e;
        p[n + 1] = 14;
        p[n + 2] = values ? 4 : 0;
        n += 16;
    }
    if (page == 0x2a || page == 0x3f) { /* capabilities */
        p[n] = 0x2a;
        p[n + 1] = 18;
        if (values) {
            p[n + 2] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM media */
            p[n + 4] = 0x70; /* mode 2 forms, multisession */
            p[n + 6] = (u8)(0x29 | (s->locked ? 2 : 0)); /* a tray that ejects and locks */
            store_be(p + n + 8, 2, 706 * 4);
            store_be(p + n + 10, 2, 2);
            store_be(p + n + 12, 2, 512);
            store_be(p + n + 14, 2, 706 * 4);
        }
        n += 20;
    }
    if (n == 8) {
        check(d, ILLEGAL_REQUEST, INVALID_FIELD);
        return;
    }
    store_be(p, 2, n - 2);
    p[2] = s->tray_open ? 0x71 : medium(d) ? 0x01 : 0x70; /* door open, data disc, no disc */
    reply(d, n, be(d, 7, 2));
}

static void eject_or_load(struct device *d, bool open)
{
    struct cd *s = cd(d);
    if (s->tray_open == open)
        return;
    s->tray_open = open;
    s->event = open ? 3 : 2;
    if (!open && blocks(d))
        s->attention = MEDIUM_CHANGED;
}

static void start_stop(struct device *d)
{
    struct cd *s = cd(d);
    if (s->packet[4] & 2) {
        bool open = !(s->packet[4] & 1);
        if (open && s->locked) {
            check(d, ILLEGAL_REQUEST, REMOVAL_PREVENTED);
            return;
        }
        eject_or_load(d, open);
    }
    good(d);
}

static void prevent(struct device *d)
{
    cd(d)->locked = cd(d)->packet[4] & 1;
    good(d);
}

static void read_capacity(struct device *d)
{
    u8 *p = blank(d);
    store_be(p, 4, blocks(d) - 1);
    store_be(p + 4, 4, BLOCK);
    answer(d, 8);
}

static void read_10(struct device *d) { read_blocks(d, be(d, 2, 4), be(d, 7, 2), false); }
static void read_12(struct device *d) { read_blocks(d, be(d, 2, 4), be(d, 6, 4), false); }

static void read_cd_range(struct device *d, u32 at, u32 n)
{
    struct cd *s = cd(d);
    unsigned type = s->packet[1] >> 2 & 7;
    if (type > 1 && type != 2) {
        check(d, ILLEGAL_REQUEST, ILLEGAL_MODE); /* the one track there is, is mode 1 */
        return;
    }
    switch (s->packet[9] & 0xf8) {
    case 0x00: good(d); break;
    case 0x10: read_blocks(d, at, n, false); break;
    case 0xf8: read_blocks(d, at, n, true); break;
    default: check(d, ILLEGAL_REQUEST, INVALID_FIELD);
    }
}

static void read_cd(struct device *d)
{
    read_cd_range(d, be(d, 2, 4), be(d, 6, 3));
}

static void read_cd_msf(struct device *d)
{
    const u8 *p = cd(d)->packet;
    u32 from = (p[3] * 60u + p[4]) * 75 + p[5], to = (p[6] * 60u + p[7]) * 75 + p[8];
    if (from < 150 || to < from)
        check(d, ILLEGAL_REQUEST, OUT_OF_RANGE);
    else
        read_cd_range(d, from - 150, to - from);
}

static void seek(struct device *d)
{
    if (be(d, 2, 4) < blocks(d))
        good(d);
    else
        check(d, ILLEGAL_REQUEST, OUT_OF_RANGE);
}

static void put_address(u8 *p, u32 lba, bool msf)
{
    u32 frame = lba + 150;
    store_be(p, 4, msf ? (frame / 75 / 60 & 0xff) << 16 | frame / 75 % 60 << 8 | frame % 75 : lba);
}

/* One session with one data track from 0, and the lead-out. */
static u32 toc(struct device *d, u8 *p, bool msf, u8 first)
{
    u32 n = 4;
    p[2] = p[3] = 1;
    for (unsigned i = 0; i < 2; i++) {
        u8 track = i ? 0xaa : 1;
        if (track < first)
            continue;
        p[n + 1] = 0x14;
        p[n + 2] = track;
        put_address(p + n + 4, i ? blocks(d) : 0, msf);
        n += 8;
    }
    return n;
}

static u32 full_toc(struct device *d, u8 *p)
{
    static const u8 point[] = { 0xa0, 0xa1, 0xa2, 1 };
    u32 n = 4;
    p[2] = p[3] = 1;
    for (unsigned i = 0; i < ARRAY_LEN(point); i++, n += 11) {
        u8 *q = p + n;
        q[0] = 1;
        q[1] = 0x14;
        q[3] = point[i];
        if (i < 2)
            q[8] = 1; /* first and last track */
        else
            put_address(q + 7, i == 2 ? blocks(d) : 0, true);
    }
    return n;
}

static void read_toc(struct device *d)
{
    struct cd *s = cd(d);
    u8 *p = blank(d), format = s->packet[2] & 15;
    bool msf = s->packet[1] & 2;
    u32 n = 12;
    if (!format)
        format = s->packet[9] >> 6; /* where SFF-8020i had it */
    if (format == 0) {
        if (s->packet[6] > 1 && s->packet[6] != 0xaa) {
            check(d, ILLEGAL_REQUEST, INVALID_FIELD);
            return;
        }
        n = toc(d, p, msf, s->packet[6]);
    } else if (format == 1) {
        p[2] = p[3] = 1;
        p[5] = 0x14;
        p[6] = 1;
        put_address(p + 8, 0, msf);
    } else if (format == 2) {
        n = full_toc(d, p);
    } else {
        check(d, ILLEGAL_REQUEST, INVALID_FIELD);
        return;
    }
    store_be(p, 2, n - 2);
    reply(d, n, be(d, 7, 2));
}

static unsigned profile(const struct device *d)
{
    return !medium(d) ? 0 : blocks(d) > CD_BLOCKS ? 0x10 : 0x08;
}

static void get_configuration(struct device *d)
{
    static const struct {
        u16 code;
        u8 version_flags, len; /* flags: bit 0 current, bit 1 persistent */
        u8 data[8];
    } features[] = {
        { 0x0000, 0x03, 8, { 0x00, 0x10, 0, 0, 0x00, 0x08, 0, 0 } },   /* profiles */
        { 0x0001, 0x07, 8, { 0, 0, 0, 2, 1, 0, 0, 0 } },               /* core: ATAPI */
        { 0x0003, 0x03, 4, { 0x29, 0, 0, 0 } },                        /* removable medium: tray */
        { 0x0010, 0x00, 8, { 0, 0, 8, 0, 0, 1, 0, 0 } },               /* random readable: blocks of 2048 */
        { 0x001e, 0x00, 4, { 0, 0, 0, 0 } },                           /* CD read */
        { 0x001f, 0x00, 0, { 0 } },                                    /* DVD read */
    };
    struct cd *s = cd(d);
    u8 *p = blank(d);
    unsigned rt = s->packet[1] & 3, from = be(d, 2, 2), now = profile(d);
    u32 n = 8;
    for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
        u16 code = features[i].code;
        bool current = (features[i].version_flags & 1) || (code == 0x10 && now) || (code == 0x1e && now == 8) ||
                       (code == 0x1f && now == 0x10);
        if (rt == 3 || (rt == 2 ? code != from : code < from) || (rt == 1 && !current))
            continue;
        store_be(p + n, 2, code);
        p[n + 2] = (u8)((features[i].version_flags & ~1) | current);
        p[n + 3] = features[i].len;
        memcpy(p + n + 4, features[i].data, features[i].len);
        if (!code && now)
            p[n + 4 + (now == 0x10 ? 2 : 6)] = 1;
        n += 4u + features[i].len;
    }
    if (rt == 3) {
        check(d, ILLEGAL_REQUEST, INVALID_FIELD);
        return;
    }
    store_be(p, 4, n - 4);
    store_be(p + 6, 2, now);
    reply(d, n, be(d, 7, 2));
}

static void get_event_status(struct device *d)
{
    struct cd *s = cd(d);
    u8 *p = blank(d);
    if (!(s->packet[1] & 1)) {
        check(d, ILLEGAL_REQUEST, INVALID_FIELD); /* polled operation only */
        return;
    }
    p[3] = 0x10; /* media events are all there are */
    if (!(s->packet[4] & 0x10)) {
        p[1] = 2;
        p[2] = 0x80;
        reply(d, 4, be(d, 7, 2));
        return;
    }
    p[1] = 6;
    p[2] = 4;
    p[4] = s->event;
    p[5] = (u8)((s->tray_open ? 1 : 0) | (medium(d) ? 2 : 0));
    if (be(d, 7, 2) > 4)
        s->event = 0;
    reply(d, 8, be(d, 7, 2));
}

static void read_disc_info(struct device *d)
{
    u8 *p = blank(d);
    p[1] = 32;
    p[2] = 0x0e; /* last session complete, disc finalized */
    p[3] = p[4] = p[5] = p[6] = 1;
    p[7] = 0x20; /* unrestricted use */
    memset(p + 16, 0xff, 8);
    reply(d, 34, be(d, 7, 2));
}

static void mechanism_status(struct device *d)
{
    u8 *p = blank(d);
    p[1] = cd(d)->tray_open ? 0x10 : 0;
    p[5] = 1;
    reply(d, 8, be(d, 8, 2));
}

static void set_cd_speed(struct device *d)
{
    good(d);
}

enum { MEDIUM = 1, ALWAYS = 2 }; /* needs a medium; works although a unit attention waits */

static const struct packet_command {
    u8 code, flags;
    void (*run)(struct device *d);
    const char *name;
} commands[] = {
    { 0x00, MEDIUM, test_unit_ready, "TEST UNIT READY" },
    { 0x03, ALWAYS, request_sense, "REQUEST SENSE" },
    { 0x12, ALWAYS, inquiry, "INQUIRY" },
    { 0x1b, 0, start_stop, "START STOP UNIT" },
    { 0x1e, 0, prevent, "PREVENT ALLOW MEDIUM REMOVAL" },
    { 0x25, MEDIUM, read_capacity, "READ CAPACITY" },
    { 0x28, MEDIUM, read_10, "READ (10)" },
    { 0x2b, MEDIUM, seek, "SEEK" },
    { 0x43, MEDIUM, read_toc, "READ TOC/PMA/ATIP" },
    { 0x46, ALWAYS, get_configuration, "GET CONFIGURATION" },
    { 0x4a, ALWAYS, get_event_status, "GET EVENT STATUS NOTIFICATION" },
    { 0x51, MEDIUM, read_disc_info, "READ DISC INFORMATION" },
    { 0x5a, 0, mode_sense, "MODE SENSE (10)" },
    { 0xa8, MEDIUM, read_12, "READ (12)" },
    { 0xb9, MEDIUM, read_cd_msf, "READ CD MSF" },
    { 0xbb, 0, set_cd_speed, "SET CD SPEED" },
    { 0xbd, 0, mechanism_status, "MECHANISM STATUS" },
    { 0xbe, MEDIUM, read_cd, "READ CD" },
};

static const struct event_type packet_event = {
    "ide.packet", "a packet command is executed", { { "name", EV_STR }, { "opcode", EV_HEX }, { "argument", EV_HEX } },
};

static void execute(struct device *d)
{
    struct cd *s = cd(d);
    const struct packet_command *c = NULL;
    for (unsigned i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i].code == s->packet[0])
            c = &commands[i];
    EVENT(d->env->bus, d->env->clock->now, d->path, &packet_event, { .s = c ? c->name : "unknown" },
          { .u = s->packet[0] }, { .u = be(d, 2, 4) });
    s->fill = s->left = 0;
    if (s->packet[0] != 0x03) {
        s->sense = 0;
        s->code = 0;
    }
    if (s->attention && !(c && (c->flags & ALWAYS))) {
        u16 code = s->attention;
        s->attention = 0;
        check(d, UNIT_ATTENTION, code);
    } else if (!c) {
        check(d, ILLEGAL_REQUEST, INVALID_OPCODE);
    } else if ((c->flags & MEDIUM) && !medium(d)) {
        check(d, NOT_READY, s->tray_open ? NO_MEDIUM_TRAY_OPEN : NO_MEDIUM);
    } else {
        c->run(d);
    }
}

/* --- ATA commands ------------------------------------------------------------------------------------------ */

static void moved(struct device *d)
{
    struct cd *s = cd(d);
    if (s->in_packet) {
        memcpy(s->packet, s->ide.data, sizeof s->packet);
        ide_busy(d, link_of(d)->l.command_ticks);
    } else if (s->ide.command != 0xa0) {
        ide_quiet(d); /* IDENTIFY PACKET DEVICE */
    } else if (s->dma && s->ide.end == s->fill) {
        if (s->left)
            load(d);
        else
            good(d);
    } else {
        ide_busy(d, s->ide.end < s->fill || !s->left ? 1 : (s->left < 8 ? s->left : 8) * link_of(d)->l.sector_ticks);
    }
}

static void next(struct device *d)
{
    struct cd *s = cd(d);
    if (s->in_packet) {
        s->in_packet = 0;
        execute(d);
    } else if (s->ide.end < s->fill) {
        block(d, s->ide.end);
    } else if (s->left) {
        load(d);
    } else {
        good(d);
    }
}

static void word(u8 *p, unsigned n, u32 v)
{
    store_le(p + 2 * (size_t)n, 2, v);
}

static void identify(struct device *d)
{
    const struct cd_link *l = link_of(d);
    u8 *p = blank(d);
    word(p, 0, 0x85c0); /* ATAPI, CD-ROM, removable, DRQ within 50 us, packets of 12 bytes */
    ide_string(p + 20, l->serial, 20);
    ide_string(p + 46, "1.0", 8);
    ide_string(p + 54, l->model, 40);
    word(p, 49, 0x0f00);
    word(p, 50, 0x4000);
    word(p, 53, 0x0006);
    word(p, 63, 0x0007);
    word(p, 64, 3);
    for (unsigned i = 65; i <= 68; i++)
        word(p, i, 120);
    word(p, 71, 30);
    word(p, 72, 30);
    word(p, 80, 0x0078);
    word(p, 81, 0x0019);
    word(p, 82, 0x4218); /* NOP, DEVICE RESET, PACKET, power management */
    word(p, 83, 0x4000);
    word(p, 84, 0x4000);
    word(p, 85, 0x4218);
    word(p, 87, 0x4000);
    word(p, 88, 0x003f);
    word(p, 93, l->l.unit ? 0x6b00 : 0x600b);
    ide_pio(d, true, 0, 512, true);
}

static void take_packet(struct device *d)
{
    struct cd *s = cd(d);
    s->dma = s->ide.feature & 1;
    s->limit = (u16)load_le(s->ide.lba + 1, 2);
    s->in_packet = 1;
    s->ide.power = IDE_ACTIVE;
    s->ide.count = REASON_COMMAND;
    ide_pio(d, false, 0, sizeof s->packet, false);
}

static void set_power(struct device *d, u8 mode)
{
    cd(d)->ide.power = mode;
    ide_finish(d);
}

static void command(struct device *d)
{
    struct cd *s = cd(d);
    s->in_packet = 0;
    s->left = s->fill = 0;
    switch (s->ide.command) {
    case 0xa0: take_packet(d); break;
    case 0xa1: identify(d); break;
    case 0x20: /* READ SECTORS, READ NATIVE.. IDENTIFY DEVICE: here they tell what this is (9.11) */
    case 0xec:
        ide_signature(d);
        ide_abort(d);
        break;
    case 0xef: /* SET FEATURES: transfer modes alone */
        if (s->ide.feature == 3 || s->ide.feature == 0x66 || s->ide.feature == 0xcc)
            ide_finish(d);
        else
            ide_abort(d);
        break;
    case 0xe0: case 0xe2: case 0x94: case 0x96: set_power(d, IDE_STANDBY); break;
    case 0xe1: case 0xe3: case 0x95: case 0x97: set_power(d, IDE_IDLING); break;
    case 0xe6: case 0x99: set_power(d, IDE_SLEEP); break;
    case 0xe5: case 0x98:
        s->ide.count = s->ide.power == IDE_STANDBY ? 0 : s->ide.power == IDE_IDLING ? 0x80 : 0xff;
        ide_finish(d);
        break;
    default: ide_abort(d);
    }
}

/* --- the class --------------------------------------------------------------------------------------------- */

static void reset_cd(struct device *d, bool hard)
{
    struct cd *s = cd(d);
    s->in_packet = 0;
    s->left = s->fill = 0;
    s->sense = 0;
    s->code = 0;
    s->locked = 0;
    if (hard) {
        s->tray_open = s->event = 0;
        s->attention = POWER_ON;
    }
}

static const struct ide_ops ops = { command, next, moved, reset_cd, true };

bool ide_cd_locked(const struct device *d) { return cd(d)->locked; }
bool ide_cd_open(const struct device *d) { return cd(d)->tray_open; }

/* What somebody does to the tray: 'o' opens it, 'c' closes it, 'm' changes the medium (as if opened and closed), medium.h
 * puts another one into it, 'b' presses its button, which a locked drive only reports. */
static void tray(void *opaque, const u8 *bytes, size_t n)
{
    struct device *d = opaque;
    struct cd *s = cd(d);
    struct medium_text other;
    if (medium_inserted(bytes, n, &other)) {
        if (other.id && !medium_find(d->env->media, other.id))
            return;
        eject_or_load(d, true);
        medium_select(d, link_of(d)->first, s->medium = other.id);
        eject_or_load(d, false);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        bool open = bytes[i] == 'o' || (bytes[i] == 'b' && !s->tray_open);
        if (bytes[i] == 'b' && s->locked) {
            s->event = 1; /* eject request */
        } else if (bytes[i] == 'm') {
            eject_or_load(d, true);
            eject_or_load(d, false);
        } else if (bytes[i] == 'o' || bytes[i] == 'c' || bytes[i] == 'b') {
            eject_or_load(d, open);
        }
    }
}

static bool build(struct device *d, struct err *e)
{
    struct cd_link *l = d->link;
    const char *serial = device_prop(d, "serial"), *model = device_prop(d, "model");
    if (strlen(serial) >= sizeof l->serial || strlen(model) >= sizeof l->model)
        return err_set(e, "serial and model of an ide-cd hold at most %zu and %zu characters", sizeof l->serial - 1,
                       sizeof l->model - 1);
    memcpy(l->serial, serial, strlen(serial) + 1);
    memcpy(l->model, model, strlen(model) + 1);
    l->tray = (struct input_channel){ .name = arena_printf(d->env->arena, "%s.tray", d->path), .deliver = tray, .opaque = d };
    device_add_channel(d, &l->tray);
    l->first = d->drive;
    ide_drive_build(d, &ops);
    return true;
}

static void reset(struct device *d)
{
    ide_drive_power_on(d);
}

static void loaded(struct device *d)
{
    struct cd *s = cd(d);
    ide_drive_loaded(d);
    medium_select(d, link_of(d)->first, s->medium);
    if (s->fill > IDE_BUFFER)
        s->fill = 0;
    if (s->in_packet && s->ide.phase >= IDE_IN && s->ide.phase <= IDE_DMA_OUT && s->ide.end != sizeof s->packet)
        s->in_packet = 0;
}

static void describe(const struct device *d, struct buf *out)
{
    const struct cd *s = cd(d);
    buf_printf(out, "%s: %s, tray %s%s, sense %x/%02x/%02x, last packet 0x%02x, %llu reads\n",
               d->drive && d->drive->id ? d->drive->id : "CD-ROM", medium(d) ? "medium in" : "no medium",
               s->tray_open ? "open" : "closed", s->locked ? " and locked" : "", s->sense, s->code >> 8, s->code & 0xff,
               s->packet[0], (unsigned long long)s->ide.reads);
}

static const struct prop_desc props[] = {
    { "drive", PROP_DRIVE, NULL, "the medium: id of a -drive; none: an empty tray" },
    { "serial", PROP_STR, "OR00003", "serial number, up to 20 characters" },
    { "model", PROP_STR, "ORRERY CD-ROM", "model, up to 40 characters" },
    IDE_DRIVE_PROPS("50000", "10000"),
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class ide_cd_class = {
    .name = "ide-cd",
    .doc = "ATAPI CD-ROM",
    .bus = "ide",
    .state_size = sizeof(struct cd),
    .state = state,
    .link_size = sizeof(struct cd_link),
    .props = props,
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .describe = describe,
};
