/* ide-hd: an ATA disk. ATA/ATAPI-6; sections are of that text. Commands that only older standards have (SEEK,
 * RECALIBRATE, INITIALIZE DEVICE PARAMETERS, CHS addresses, single-word opcodes) are those of ATA-3 (X3T10/2008D). */
#include <string.h>

#include "iodev/block/ide.h"

#define SECTOR 512
#define MAX_MULTIPLE 16
#define BUFFER_SECTORS (IDE_BUFFER / SECTOR)

enum { OP_NONE, OP_READ, OP_WRITE, OP_VERIFY, OP_FLUSH, OP_BUFFER };

struct disk {
    struct ide_drive ide;
    u8 multiple, heads, sectors; /* as set; heads and sectors are the current translation */
    u8 mode;                     /* as SET FEATURES has it: 0x08 PIO, 0x20 multiword DMA, 0x40 Ultra DMA, plus the number */
    u8 write_cache, look_ahead, smart;
    u8 native_seen;              /* the last command was READ NATIVE MAX ADDRESS */
    u64 limit;                   /* sectors that can be reached: less than there are after SET MAX ADDRESS */
    u8 op, dma, block;           /* of the command in work; block: sectors per data phase */
    u64 sector;                  /* the next one */
    u32 left;
};

struct disk_link {
    struct ide_drive_link l;
    u64 sectors; /* of the medium */
    u16 cylinders;
    u8 heads, per_track; /* the default translation */
    char serial[21], model[41];
};

static const struct state_field state[] = {
    IDE_DRIVE_STATE(struct disk), STATE(struct disk, multiple), STATE(struct disk, heads), STATE(struct disk, sectors),
    STATE(struct disk, mode), STATE(struct disk, write_cache), STATE(struct disk, look_ahead),
    STATE(struct disk, smart), STATE(struct disk, native_seen), STATE(struct disk, limit), STATE(struct disk, op),
    STATE(struct disk, dma), STATE(struct disk, block), STATE(struct disk, sector), STATE(struct disk, left), STATE_END,
};

static struct disk *disk(const struct device *d) { return d->state; }
static struct disk_link *link_of(const struct device *d) { return d->link; }

/* --- addresses --------------------------------------------------------------------------------------------- */

/* False: a CHS address that the current translation does not have. */
static bool address(const struct device *d, bool ext, u64 *sector)
{
    const struct disk *s = disk(d);
    const struct ide_drive *i = &s->ide;
    if (i->device & IDE_LBA) {
        *sector = load_le(i->lba, 3) | (ext ? load_le(i->hob_lba, 3) << 24 : (u64)(i->device & 15) << 24);
        return true;
    }
    u64 cylinder = load_le(i->lba + 1, 2), head = i->device & 15;
    *sector = (cylinder * s->heads + head) * s->sectors + i->lba[0] - 1;
    return i->lba[0] && i->lba[0] <= s->sectors && head < s->heads;
}

/* The registers name the sector at which a command ended (8.27.5). */
static void show_address(struct device *d, bool ext, u64 sector)
{
    struct disk *s = disk(d);
    struct ide_drive *i = &s->ide;
    if (ext) {
        store_le(i->hob_lba, 3, sector >> 24);
    } else if (i->device & IDE_LBA) {
        i->device = (u8)((i->device & 0xf0) | (sector >> 24 & 15));
    } else {
        u64 track = sector / s->sectors;
        i->lba[0] = (u8)(sector % s->sectors + 1);
        store_le(i->lba + 1, 2, track / s->heads);
        i->device = (u8)((i->device & 0xf0) | track % s->heads);
        return;
    }
    store_le(i->lba, 3, sector);
}

/* --- IDENTIFY DEVICE (8.15) -------------------------------------------------------------------------------- */

static void word(u8 *p, unsigned n, u32 v)
{
    store_le(p + 2 * (size_t)n, 2, v);
}

static u32 current_cylinders(const struct device *d)
{
    const struct disk *s = disk(d);
    u64 n = link_of(d)->sectors / ((u64)s->heads * s->sectors);
    return n > 65535 ? 65535 : (u32)n;
}

static void identify(struct device *d)
{
    const struct disk *s = disk(d);
    const struct disk_link *l = link_of(d);
    u8 *p = disk(d)->ide.data;
    u64 lba28 = s->limit < 0x0fffffff ? s->limit : 0x0fffffff;
    u32 current = current_cylinders(d) * s->heads * s->sectors;
    memset(p, 0, SECTOR);
    word(p, 0, 0x0040);
    word(p, 1, l->cylinders);
    word(p, 3, l->heads);
    word(p, 6, l->per_track);
    ide_string(p + 20, l->serial, 20);
    ide_string(p + 46, "1.0", 8);
    ide_string(p + 54, l->model, 40);
    word(p, 47, 0x8000 | MAX_MULTIPLE);
    word(p, 49, 0x0f00); /* IORDY, which can be disabled; LBA; DMA */
    word(p, 50, 0x4000);
    word(p, 51, 0x0200);
    word(p, 53, 0x0007);
    word(p, 54, current_cylinders(d));
    word(p, 55, s->heads);
    word(p, 56, s->sectors);
    store_le(p + 114, 4, current);
    word(p, 59, s->multiple ? 0x0100 | s->multiple : 0);
    store_le(p + 120, 4, lba28);
    word(p, 63, 7 | ((s->mode & 0xf8) == 0x20 ? 0x100u << (s->mode & 7) : 0));
    word(p, 64, 3);
    for (unsigned i = 65; i <= 68; i++)
        word(p, i, 120);
    word(p, 80, 0x0078); /* ATA-3 to ATA/ATAPI-6 */
    word(p, 81, 0x0019); /* ATA/ATAPI-6 T13 1410D revision 3a */
    word(p, 82, 0x7469); /* NOP, READ BUFFER, WRITE BUFFER, HPA, look-ahead, write cache, power, SMART */
    word(p, 83, 0x7400); /* FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses */
    word(p, 84, 0x4000);
    word(p, 85, 0x7408 | (s->look_ahead ? 0x40 : 0) | (s->write_cache ? 0x20 : 0) | (s->smart ? 1 : 0));
    word(p, 86, 0x3400);
    word(p, 87, 0x4000);
    word(p, 88, 0x3f | ((s->mode & 0xf8) == 0x40 ? 0x100u << (s->mode & 7) : 0));
    word(p, 93, l->l.unit ? 0x6b00 : 0x600b); /* an 80-wire cable; passed its test */
    store_le(p + 200, 8, s->limit);
    u8 sum = 0xa5;
    p[510] = 0xa5;
    for (unsigned i = 0; i < 511; i++)
        sum = (u8)(sum + (i == 510 ? 0 : p[i]));
    p[511] = (u8)-sum;
}

/* --- moving sectors ---------------------------------------------------------------------------------------- */

static bool ext_command(u8 c)
{
    return c == 0x24 || c == 0x25 || c == 0x29 || c == 0x34 || c == 0x35 || c == 0x39 || c == 0x42;
}

static void failed(struct device *d, u8 error)
{
    struct disk *s = disk(d);
    show_address(d, ext_command(s->ide.command), s->sector);
    ide_fail(d, error, 0);
}

static u32 phase_sectors(const struct disk *s)
{
    return s->left < s->block ? s->left : s->block;
}

/* A medium may shrink under a snapshot that is loaded or a SET MAX: never past its end. */
static bool read_piece(struct device *d, u32 n)
{
    struct disk *s = disk(d);
    if (s->sector > link_of(d)->sectors || n > link_of(d)->sectors - s->sector)
        return false;
    return d->drive->ops->read(d->drive, s->sector * SECTOR, s->ide.data, (size_t)n * SECTOR, NULL);
}

static bool write_piece(struct device *d, u32 n)
{
    struct disk *s = disk(d);
    if (s->sector > link_of(d)->sectors || n > link_of(d)->sectors - s->sector)
        return false;
    ide_write_hash(d, s->sector * SECTOR, n * SECTOR);
    return d->drive->ops->write(d->drive, s->sector * SECTOR, s->ide.data, (size_t)n * SECTOR, NULL);
}

static void done_with(struct device *d, u32 n)
{
    struct disk *s = disk(d);
    s->sector += n;
    s->left -= n;
    s->ide.count = (u8)s->left;
    s->ide.hob_count = (u8)(s->left >> 8);
    show_address(d, ext_command(s->ide.command), s->sector - 1);
}

static void read_next(struct device *d)
{
    struct disk *s = disk(d);
    u32 n = phase_sectors(s);
    if (!read_piece(d, n))
        failed(d, IDE_UNC);
    else if (s->dma)
        ide_dma(d, true, 0, n * SECTOR, n * link_of(d)->l.sector_ticks);
    else
        ide_pio(d, true, 0, n * SECTOR, true);
}

static void write_next(struct device *d, bool first)
{
    struct disk *s = disk(d);
    u32 n = phase_sectors(s);
    if (s->dma)
        ide_dma(d, false, 0, n * SECTOR, n * link_of(d)->l.sector_ticks);
    else
        ide_pio(d, false, 0, n * SECTOR, !first); /* the first block without an interrupt (9.7) */
}

static void stored(struct device *d)
{
    struct disk *s = disk(d);
    u32 n = phase_sectors(s);
    if (!write_piece(d, n)) {
        failed(d, IDE_ABRT);
        return;
    }
    done_with(d, n);
    if (s->left)
        write_next(d, false);
    else if (!s->write_cache && !d->drive->ops->flush(d->drive, NULL))
        ide_fail(d, IDE_ABRT, IDE_DF);
    else
        ide_finish(d);
}

static void verify_next(struct device *d)
{
    struct disk *s = disk(d);
    u32 n = phase_sectors(s);
    if (!read_piece(d, n)) {
        failed(d, IDE_UNC);
        return;
    }
    done_with(d, n);
    if (s->left)
        ide_busy(d, phase_sectors(s) * link_of(d)->l.sector_ticks);
    else
        ide_finish(d);
}

/* The data of a phase went over. */
static void moved(struct device *d)
{
    struct disk *s = disk(d);
    u32 n = phase_sectors(s);
    u64 ticks = n * link_of(d)->l.sector_ticks;
    if (s->op == OP_READ) {
        done_with(d, n);
        if (s->left && s->dma)
            read_next(d);
        else if (s->left)
            ide_busy(d, phase_sectors(s) * link_of(d)->l.sector_ticks);
        else if (s->dma)
            ide_finish(d);
        else
            ide_quiet(d); /* PIO data-in ends without an interrupt (9.6) */
    } else if (s->op == OP_WRITE && s->dma) {
        stored(d);
    } else if (s->op == OP_WRITE || (s->op == OP_BUFFER && s->ide.command == 0xe8)) {
        ide_busy(d, ticks);
    } else {
        ide_quiet(d);
    }
}

static void next(struct device *d)
{
    struct disk *s = disk(d);
    switch (s->op) {
    case OP_READ: read_next(d); break;
    case OP_WRITE: stored(d); break;
    case OP_VERIFY: verify_next(d); break;
    case OP_FLUSH:
        if (d->drive->ops->flush(d->drive, NULL))
            ide_finish(d);
        else
            ide_fail(d, IDE_ABRT, IDE_DF);
        break;
    default: ide_finish(d);
    }
}

enum { MULTIPLE = 1, DMA = 2 };

static void transfer(struct device *d, u8 op, unsigned how)
{
    struct disk *s = disk(d);
    struct ide_drive *i = &s->ide;
    bool ext = ext_command(i->command);
    if ((ext && !(i->device & IDE_LBA)) || ((how & MULTIPLE) && !s->multiple) ||
        (op == OP_WRITE && d->drive->read_only)) {
        ide_abort(d);
        return;
    }
    u32 n = ext ? (u32)(i->hob_count << 8 | i->count) : i->count;
    i->power = IDE_ACTIVE;
    s->op = op;
    s->dma = !!(how & DMA);
    s->left = n ? n : ext ? 65536 : 256;
    s->block = how & MULTIPLE ? s->multiple : op == OP_VERIFY || s->dma ? BUFFER_SECTORS : 1;
    *(op == OP_WRITE ? &i->writes : &i->reads) += 1;
    if (!address(d, ext, &s->sector)) {
        ide_fail(d, IDE_IDNF, 0); /* the registers keep the address that is none */
        return;
    }
    if (s->sector >= s->limit || s->left > s->limit - s->sector) {
        if (s->sector < s->limit)
            s->sector = s->limit; /* the first that is not there */
        failed(d, IDE_IDNF);
        return;
    }
    if (op == OP_READ)
        read_next(d);
    else if (op == OP_WRITE)
        write_next(d, true);
    else
        ide_busy(d, phase_sectors(s) * link_of(d)->l.sector_ticks);
}

/* --- other commands ---------------------------------------------------------------------------------------- */

static void send(struct device *d, u32 bytes)
{
    disk(d)->op = OP_BUFFER;
    ide_pio(d, true, 0, bytes, true);
}

static void set_features(struct device *d)
{
    struct disk *s = disk(d);
    u8 v = s->ide.count;
    switch (s->ide.feature) { /* table 44 */
    case 0x02: s->write_cache = 1; break;
    case 0x82: s->write_cache = 0; break;
    case 0xaa: s->look_ahead = 1; break;
    case 0x55: s->look_ahead = 0; break;
    case 0x66:
    case 0xcc: break; /* what a soft reset does to settings */
    case 0x03:
        if (v > 1 && !(v >= 0x08 && v <= 0x0c) && !(v >= 0x20 && v <= 0x22) && !(v >= 0x40 && v <= 0x45)) {
            ide_abort(d);
            return;
        }
        s->mode = v;
        break;
    default: ide_abort(d); return;
    }
    ide_finish(d);
}

/* SMART (8.55): enough for a driver that asks how the disk is: well. */
static void smart(struct device *d)
{
    struct disk *s = disk(d);
    struct ide_drive *i = &s->ide;
    if (i->lba[1] != 0x4f || i->lba[2] != 0xc2 || (!s->smart && i->feature != 0xd8)) {
        ide_abort(d);
        return;
    }
    memset(i->data, 0, SECTOR);
    switch (i->feature) {
    case 0xd8: s->smart = 1; ide_finish(d); return;
    case 0xd9: s->smart = 0; ide_finish(d); return;
    case 0xd2: ide_finish(d); return; /* autosave */
    case 0xda: ide_finish(d); return; /* LBA stays 4F C2: no threshold exceeded */
    case 0xd4: ide_finish(d); return; /* off-line tests end at once */
    case 0xd0:
        i->data[0] = 0x10; /* revision of the structure */
        i->data[367] = 0x5b;
        break;
    case 0xd1: i->data[0] = 0x10; break;
    case 0xd5: /* empty logs: directory, summary of errors, self-tests */
        if ((i->lba[0] != 0 && i->lba[0] != 1 && i->lba[0] != 6) || i->count != 1) {
            ide_abort(d);
            return;
        }
        i->data[0] = 1;
        break;
    default: ide_abort(d); return;
    }
    u8 sum = 0;
    for (unsigned n = 0; n < 511; n++)
        sum = (u8)(sum + i->data[n]);
    i->data[511] = (u8)-sum;
    send(d, SECTOR);
}

static void check_power(struct device *d)
{
    static const u8 says[] = { [IDE_ACTIVE] = 0xff, [IDE_STANDBY] = 0, [IDE_IDLING] = 0x80 };
    struct ide_drive *i = &disk(d)->ide;
    i->count = i->power < ARRAY_LEN(says) ? says[i->power] : 0;
    ide_finish(d);
}

static void set_power(struct device *d, u8 mode)
{
    disk(d)->ide.power = mode;
    ide_finish(d);
}

static void initialize_parameters(struct device *d)
{
    struct disk *s = disk(d);
    if (!s->ide.count) {
        ide_abort(d);
        return;
    }
    s->sectors = s->ide.count;
    s->heads = (u8)((s->ide.device & 15) + 1);
    ide_finish(d);
}

static void set_multiple(struct device *d)
{
    struct disk *s = disk(d);
    u8 n = s->ide.count;
    if (n > MAX_MULTIPLE || (n & (n - 1))) {
        s->multiple = 0; /* (8.49.6: READ MULTIPLE is disabled) */
        ide_abort(d);
        return;
    }
    s->multiple = n;
    ide_finish(d);
}

static void seek(struct device *d)
{
    u64 sector;
    if (address(d, false, &sector) && sector < disk(d)->limit)
        ide_finish(d);
    else
        ide_fail(d, IDE_IDNF, 0);
}

/* The host protected area (6.12). What SET MAX ADDRESS says is forgotten at power-on. */
static void read_native_max(struct device *d, bool ext)
{
    struct disk *s = disk(d);
    u64 last = link_of(d)->sectors - 1;
    show_address(d, ext, ext || last < 0x0fffffff ? last : 0x0ffffffe);
    ide_finish(d);
    s->native_seen = 1;
}

static void set_max(struct device *d, bool ext, bool after_native)
{
    struct disk *s = disk(d);
    u64 last;
    if (!after_native || (!ext && s->ide.feature)) {
        ide_abort(d); /* the passwords and locks of SET MAX are not offered (word 82 alone) */
        return;
    }
    if (!address(d, ext, &last) || last >= link_of(d)->sectors) {
        ide_fail(d, IDE_IDNF, 0);
        return;
    }
    s->limit = last + 1;
    ide_finish(d);
}

static void flush(struct device *d)
{
    disk(d)->op = OP_FLUSH;
    ide_busy(d, link_of(d)->l.command_ticks);
}

static void command(struct device *d)
{
    struct disk *s = disk(d);
    struct ide_drive *i = &s->ide;
    bool after_native = s->native_seen;
    s->native_seen = 0;
    s->op = OP_NONE;
    s->left = 0;
    switch (i->command) {
    case 0x10: ide_finish(d); break; /* RECALIBRATE */
    case 0x20: case 0x21: case 0x24: transfer(d, OP_READ, 0); break;
    case 0x25: case 0xc8: case 0xc9: transfer(d, OP_READ, DMA); break;
    case 0x29: case 0xc4: transfer(d, OP_READ, MULTIPLE); break;
    case 0x27: read_native_max(d, true); break;
    case 0xf8: read_native_max(d, false); break;
    case 0x30: case 0x31: case 0x34: transfer(d, OP_WRITE, 0); break;
    case 0x35: case 0xca: case 0xcb: transfer(d, OP_WRITE, DMA); break;
    case 0x39: case 0xc5: transfer(d, OP_WRITE, MULTIPLE); break;
    case 0x37: set_max(d, true, after_native); break;
    case 0xf9: set_max(d, false, after_native); break;
    case 0x40: case 0x41: case 0x42: transfer(d, OP_VERIFY, 0); break;
    case 0x70: seek(d); break;
    case 0x91: initialize_parameters(d); break;
    case 0x94: case 0x96: case 0xe0: case 0xe2: set_power(d, IDE_STANDBY); break;
    case 0x95: case 0x97: case 0xe1: case 0xe3: set_power(d, IDE_IDLING); break;
    case 0x98: case 0xe5: check_power(d); break;
    case 0x99: case 0xe6: set_power(d, IDE_SLEEP); break;
    case 0xb0: smart(d); break;
    case 0xc6: set_multiple(d); break;
    case 0xe4: send(d, SECTOR); break; /* READ BUFFER */
    case 0xe7: case 0xea: flush(d); break;
    case 0xe8: /* WRITE BUFFER */
        s->op = OP_BUFFER;
        ide_pio(d, false, 0, SECTOR, false);
        break;
    case 0xec: identify(d); send(d, SECTOR); break;
    case 0xef: set_features(d); break;
    case 0xa1: /* IDENTIFY PACKET DEVICE: not here, but this says what is (9.11) */
        ide_abort(d);
        break;
    default: ide_abort(d);
    }
}

/* --- the class --------------------------------------------------------------------------------------------- */

static void reset_disk(struct device *d, bool hard)
{
    struct disk *s = disk(d);
    const struct disk_link *l = link_of(d);
    s->op = OP_NONE;
    s->left = 0;
    s->block = 1;
    s->native_seen = 0;
    if (!hard)
        return; /* settings survive SRST, as after SET FEATURES 66h (8.46.10) */
    s->limit = l->sectors;
    s->heads = l->heads;
    s->sectors = l->per_track;
    s->multiple = 0;
    s->mode = 0;
    s->write_cache = s->look_ahead = s->smart = 1;
}

static const struct ide_ops ops = { command, next, moved, reset_disk, false };

static void geometry(struct disk_link *l)
{
    u64 n = l->sectors / (16 * 63);
    l->heads = 16;
    l->per_track = 63;
    l->cylinders = (u16)(n < 2 ? 2 : n > 16383 ? 16383 : n); /* 16383 says: larger than CHS can tell (B.2) */
}

static bool text_prop(const struct device *d, const char *name, char *out, size_t cap, struct err *e)
{
    const char *text = device_prop(d, name);
    if (strlen(text) >= cap)
        return err_set(e, "%s='%s' is longer than the %zu characters an IDE drive can tell", name, text, cap - 1);
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool build(struct device *d, struct err *e)
{
    struct disk_link *l = d->link;
    if (!d->drive)
        return err_set(e, "%s has no disk: add drive=ID, where '-drive if=none,id=ID,file=...' names the image",
                       d->cls->name);
    l->sectors = d->drive->size / SECTOR;
    if (!l->sectors || l->sectors >> 48)
        return err_set(e, "the image of drive '%s' is %s for an IDE disk", d->drive->id ? d->drive->id : "",
                       l->sectors ? "too large" : "too small (less than one sector)");
    geometry(l);
    if (!text_prop(d, "serial", l->serial, sizeof l->serial, e) || !text_prop(d, "model", l->model, sizeof l->model, e))
        return false;
    ide_drive_build(d, &ops);
    return true;
}

static void reset(struct device *d)
{
    ide_drive_power_on(d);
}

static void loaded(struct device *d)
{
    struct disk *s = disk(d);
    ide_drive_loaded(d);
    if (s->limit > link_of(d)->sectors || !s->limit)
        s->limit = link_of(d)->sectors;
    if (!s->heads || s->heads > 16)
        s->heads = link_of(d)->heads;
    if (!s->sectors)
        s->sectors = link_of(d)->per_track;
    if (s->multiple > MAX_MULTIPLE)
        s->multiple = 0;
    bool sectors = s->op == OP_READ || s->op == OP_WRITE || s->op == OP_VERIFY;
    bool working = s->ide.phase >= IDE_BUSY && s->ide.phase <= IDE_DMA_OUT;
    if (s->block > BUFFER_SECTORS || !s->block)
        s->block = 1;
    if (sectors && working && (!s->left || s->left > 65536))
        s->op = OP_NONE;
    /* A data phase of sectors is as long as they are. */
    if (sectors && s->ide.phase >= IDE_IN && s->ide.phase <= IDE_DMA_OUT && s->ide.end != phase_sectors(s) * SECTOR)
        s->op = OP_NONE;
}

static void describe(const struct device *d, struct buf *out)
{
    const struct disk *s = disk(d);
    const struct disk_link *l = link_of(d);
    buf_printf(out, "%s: %llu sectors (%u/%u/%u)%s, CHS now %u heads %u sectors, multiple %u, mode 0x%02x; %llu reads, "
                    "%llu writes\n",
               d->drive->id ? d->drive->id : "disk", (unsigned long long)l->sectors, l->cylinders, l->heads,
               l->per_track, d->drive->read_only ? " read only" : "", s->heads, s->sectors, s->multiple, s->mode,
               (unsigned long long)s->ide.reads, (unsigned long long)s->ide.writes);
    if (s->ide.phase != IDE_IDLE)
        buf_printf(out, "command 0x%02x, %u of %u bytes of this block, sector %llu, %u left\n", s->ide.command,
                   s->ide.at, s->ide.end, (unsigned long long)s->sector, s->left);
}

static const struct prop_desc props[] = {
    { "drive", PROP_DRIVE, NULL, "the disk: id of a -drive" },
    { "serial", PROP_STR, "OR00001", "serial number, up to 20 characters" },
    { "model", PROP_STR, "ORRERY HARDDISK", "model, up to 40 characters" },
    IDE_DRIVE_PROPS("20000", "2000"),
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class ide_hd_class = {
    .name = "ide-hd",
    .doc = "ATA disk",
    .bus = "ide",
    .state_size = sizeof(struct disk),
    .state = state,
    .link_size = sizeof(struct disk_link),
    .props = props,
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .describe = describe,
};
