/* NOR flash with Intel's command set: two 16 MiB chips of 16 bits side by side on a 32-bit bus, as on QEMU's virt
 * board.
 * JEDEC JESD68.01 "Common Flash Interface (CFI)"; JEP137 command set 0001; command codes and status bits as in
 * Intel's "3 Volt Intel StrataFlash Memory" data sheet 290667 (sections are of that one).
 *
 * Both chips always do the same: the command is what the low chip sees, and answers appear in both halves. Program and
 * erase take no virtual time, so the status is ready at the next read. In array mode loads read the memory
 * directly; commands switch the window to read_bytes(). */
#include "iodev/misc/pflash-cfi01.h"

#include <string.h>

#define BANK_SIZE ((u64)32 << 20)
#define SECTOR ((u32)256 << 10) /* 128 KiB in each chip */
#define BUFFER 4096             /* 2 KiB in each chip */
#define BUS 4

enum command {
    CMD_PROGRAM_ALT = 0x10, CMD_ERASE = 0x20, CMD_PROGRAM = 0x40, CMD_CLEAR_STATUS = 0x50, CMD_LOCK = 0x60,
    CMD_STATUS = 0x70, CMD_ID = 0x90, CMD_QUERY = 0x98, CMD_CONFIRM = 0xd0, CMD_BUFFER = 0xe8, CMD_ARRAY = 0xff,
    CMD_LOCK_SET = 0x01, CMD_LOCK_DOWN = 0x2f,
};
enum status { SR_LOCKED = 0x02, SR_PROGRAM = 0x10, SR_ERASE = 0x20, SR_READY = 0x80 };

/* What reads answer with, and which write of a sequence is next. */
enum mode { MODE_ARRAY, MODE_STATUS, MODE_ID, MODE_QUERY };
enum step { STEP_COMMAND, STEP_PROGRAM, STEP_ERASE, STEP_LOCK, STEP_COUNT, STEP_FILL, STEP_CONFIRM };

struct pflash {
    u8 mode, step, status;
    u32 sector;    /* of the buffered program: its offset */
    u32 left;      /* bus words the buffer still takes */
    u32 buffer_at; /* where buffer[0] goes */
    u8 buffer[BUFFER]; /* ones where nothing was written */
};

static const struct state_field state[] = {
    STATE(struct pflash, mode), STATE(struct pflash, step), STATE(struct pflash, status), STATE(struct pflash, sector),
    STATE(struct pflash, left), STATE(struct pflash, buffer_at), STATE_ARRAY(struct pflash, buffer), STATE_END,
};

struct pflash_link {
    struct ram *ram;
};

/* The CFI table of one chip, from query address 0x10 on. */
static const u8 query[] = {
    'Q', 'R', 'Y', 0x01, 0x00, 0x31, 0x00, 0, 0, 0, 0,        /* 10: command set 0001, its table at 0x31 */
    0x45, 0x55, 0, 0, 0x07, 0x07, 0x0a, 0, 0x04, 0x04, 0x04, 0, /* 1b: voltages, typical and worst times */
    24, 0x02, 0x00, 11, 0,                                     /* 27: 2^24 bytes, x8/x16, buffer of 2^11 bytes */
    1, 127, 0, 0x00, 0x02,                                     /* 2c: 128 sectors of 0x200 * 256 bytes */
};
static const u8 extended[] = { 'P', 'R', 'I', '1', '0', 0, 0, 0, 0, 0, 0, 0, 0 }; /* 31 */

static struct pflash *pf(const struct device *d)
{
    return d->state;
}

static struct ram *ram_of(const struct device *d)
{
    return ((const struct pflash_link *)d->link)->ram;
}

static struct ram *bank_ram(const struct device *d, unsigned bank)
{
    return bank ? NULL : ram_of(d);
}

static void set_mode(struct device *d, enum mode m)
{
    pf(d)->mode = m;
    if (d->window[0].region)
        space_set_read_direct(d->window[0].region, m == MODE_ARRAY);
}

/* --- the array --------------------------------------------------------------------------------------------- */

/* Writes back what changed; a medium that fails is a failed operation. */
static void write_back(struct device *d, u64 at, u64 len, u8 failure)
{
    struct block_port *b = d->drive;
    ram_written(ram_of(d), at, len);
    if (!b || at >= b->size)
        return;
    if (len > b->size - at)
        len = b->size - at;
    if (b->read_only || !b->ops->write(b, at, ram_of(d)->host + at, len, NULL))
        pf(d)->status |= failure;
}

/* Programming only turns ones into zeroes. */
static void program(struct device *d, u64 at, const u8 *bytes, u64 len)
{
    u8 *host = ram_of(d)->host + at;
    for (u64 i = 0; i < len; i++)
        host[i] &= bytes[i];
    write_back(d, at, len, SR_PROGRAM);
}

static void erase(struct device *d, u64 sector)
{
    memset(ram_of(d)->host + sector, 0xff, SECTOR);
    write_back(d, sector, SECTOR, SR_ERASE);
}

/* --- reads ------------------------------------------------------------------------------------------------- */

static u8 query_byte(u64 a)
{
    if (a >= 0x10 && a < 0x10 + sizeof query)
        return query[a - 0x10];
    return a >= 0x31 && a < 0x31 + sizeof extended ? extended[a - 0x31] : 0;
}

/* What one chip answers at its word address. */
static u16 chip_word(const struct device *d, u64 word)
{
    switch (pf(d)->mode) {
    case MODE_ID: /* manufacturer, device, lock state of the sector (never locked) */
        return (word & 0xff) == 0 ? 0x89 : (word & 0xff) == 1 ? 0x18 : 0;
    case MODE_QUERY: return query_byte(word & 0xff);
    default: return pf(d)->status;
    }
}

static enum mem_result read_bytes(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        u64 at = offset + i;
        u8 byte;
        if (pf(d)->mode == MODE_ARRAY)
            byte = ram_of(d)->host[at];
        else
            byte = (u8)(chip_word(d, at / BUS) >> (at & 1) * 8);
        *value |= (u64)byte << (8 * i);
    }
    return MEM_OK;
}

/* --- writes ------------------------------------------------------------------------------------------------ */

static void finish(struct device *d)
{
    pf(d)->step = STEP_COMMAND;
    set_mode(d, MODE_STATUS);
}

/* Not the write the sequence needs: both error bits say "command sequence error" (table 9). */
static void sequence_error(struct device *d)
{
    pf(d)->status |= SR_PROGRAM | SR_ERASE;
    finish(d);
}

static void command(struct device *d, u64 offset, u8 cmd)
{
    struct pflash *p = pf(d);
    switch (cmd) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
        finish(d);
        p->step = STEP_PROGRAM;
        break;
    case CMD_ERASE:
        finish(d);
        p->step = STEP_ERASE;
        break;
    case CMD_LOCK:
        finish(d);
        p->step = STEP_LOCK;
        break;
    case CMD_BUFFER:
        finish(d);
        p->sector = (u32)offset & ~(SECTOR - 1);
        p->step = STEP_COUNT;
        break;
    case CMD_CLEAR_STATUS:
        p->status = SR_READY;
        set_mode(d, MODE_ARRAY);
        break;
    case CMD_STATUS: set_mode(d, MODE_STATUS); break;
    case CMD_ID: set_mode(d, MODE_ID); break;
    case CMD_QUERY: set_mode(d, MODE_QUERY); break;
    default: set_mode(d, MODE_ARRAY); break; /* 0xff; 0xf0 and 0 of other makes; whatever is unknown */
    }
}

static void fill(struct device *d, u64 offset, unsigned size, u64 value)
{
    struct pflash *p = pf(d);
    if (p->buffer_at == UINT32_MAX)
        p->buffer_at = (u32)offset & ~(BUS - 1);
    u64 at = offset - p->buffer_at;
    if (offset < p->buffer_at || at + size > BUFFER || (offset & ~(u64)(SECTOR - 1)) != p->sector) {
        sequence_error(d);
        return;
    }
    store_le(p->buffer + at, size, value);
    unsigned words = size < BUS ? 1 : size / BUS;
    p->left -= words < p->left ? words : p->left;
    if (!p->left)
        p->step = STEP_CONFIRM;
}

static enum mem_result write_bytes(struct device *d, u64 offset, unsigned size, u64 value)
{
    struct pflash *p = pf(d);
    u8 cmd = (u8)value, bytes[8];
    switch (p->step) {
    case STEP_PROGRAM:
        store_le(bytes, size, value);
        program(d, offset, bytes, size);
        finish(d);
        break;
    case STEP_ERASE:
        if (cmd != CMD_CONFIRM) {
            sequence_error(d);
            break;
        }
        erase(d, offset & ~(u64)(SECTOR - 1));
        finish(d);
        break;
    case STEP_LOCK: /* accepted; nothing is ever locked */
        if (cmd == CMD_CONFIRM || cmd == CMD_LOCK_SET || cmd == CMD_LOCK_DOWN)
            finish(d);
        else
            sequence_error(d);
        break;
    case STEP_COUNT:
        p->left = (u32)(value & 0xffff) + 1;
        p->buffer_at = UINT32_MAX;
        memset(p->buffer, 0xff, sizeof p->buffer);
        p->step = STEP_FILL;
        if (p->left > BUFFER / BUS)
            sequence_error(d);
        break;
    case STEP_FILL: fill(d, offset, size, value); break;
    case STEP_CONFIRM:
        if (cmd != CMD_CONFIRM) {
            sequence_error(d);
            break;
        }
        if (p->buffer_at <= BANK_SIZE - BUS) {
            u64 n = BANK_SIZE - p->buffer_at;
            program(d, p->buffer_at, p->buffer, n < BUFFER ? n : BUFFER);
        }
        finish(d);
        break;
    default: command(d, offset, cmd); break;
    }
    return MEM_OK;
}

/* --- life -------------------------------------------------------------------------------------------------- */

bool pflash_set_contents(struct device *d, const char *name, const u8 *bytes, u64 n, struct err *e)
{
    if (n > BANK_SIZE)
        return err_set(e, "'%s' has %llu bytes; a flash bank holds %llu", name, (unsigned long long)n,
                       (unsigned long long)BANK_SIZE);
    memcpy(ram_of(d)->host, bytes, n);
    ram_written(ram_of(d), 0, n);
    return true;
}

/* Without contents it reads as zero, as QEMU's does, and costs the host no memory. */
static bool build(struct device *d, struct err *e)
{
    struct pflash_link *l = d->link;
    l->ram = ram_new(d->env->arena, d->path, BANK_SIZE, true, e);
    if (!l->ram)
        return false;
    if (!d->drive)
        return true;
    if (d->drive->size > BANK_SIZE)
        return err_set(e, "%s: drive '%s' has %llu bytes; a flash bank holds %llu", d->path, d->drive->id,
                       (unsigned long long)d->drive->size, (unsigned long long)BANK_SIZE);
    if (!d->drive->ops->read(d->drive, 0, l->ram->host, d->drive->size, e))
        return err_prefix(e, "%s", d->path);
    ram_written(l->ram, 0, d->drive->size);
    return true;
}

static void reset(struct device *d)
{
    memset(d->state, 0, sizeof(struct pflash));
    pf(d)->status = SR_READY;
    set_mode(d, MODE_ARRAY);
}

static void loaded(struct device *d)
{
    struct pflash *p = pf(d);
    if (p->step > STEP_CONFIRM)
        p->step = STEP_COMMAND;
    p->sector &= (u32)(BANK_SIZE - 1) & ~(SECTOR - 1);
    if (p->buffer_at != UINT32_MAX && p->buffer_at >= BANK_SIZE)
        p->buffer_at = UINT32_MAX;
    if (p->mode > MODE_QUERY)
        p->mode = MODE_STATUS;
    if (d->window[0].region)
        space_set_read_direct(d->window[0].region, p->mode == MODE_ARRAY);
}

static const struct reg_field status_fields[] = {
    { "LOCKED", 1, 1, "the sector is locked" },
    { "PROGRAM", 4, 1, "programming failed" },
    { "ERASE", 5, 1, "erasing failed; with PROGRAM: a wrong sequence of commands" },
    { "READY", 7, 1, "nothing is going on" },
    { NULL, 0, 0, NULL },
};

/* The bank answers every access itself; this is for those who look. */
static const struct reg_desc regs[] = {
    { .name = "status", .offset = 0, .width = 1, .access = REG_RO, .slot = REG_SLOT(struct pflash, status),
      .reset = SR_READY,
      .fields = status_fields, .doc = "status register of both chips", .section = "11.0" },
    { .name = NULL },
};

static const struct reg_bank bank = { "flash", BANK_SIZE, 1, 8, true, regs, read_bytes, write_bytes, false };

static const struct prop_desc props[] = {
    { "drive", PROP_DRIVE, NULL, "image of at most 32 MiB that holds the contents" },
    { NULL, PROP_U64, NULL, NULL },
};

const struct device_class pflash_cfi01_class = {
    .name = "pflash-cfi01",
    .doc = "NOR flash of 32 MiB, CFI, Intel command set",
    .compatible = "cfi-flash",
    .state_size = sizeof(struct pflash),
    .state = state,
    .link_size = sizeof(struct pflash_link),
    .props = props,
    .banks = { &bank },
    .build = build,
    .reset = reset,
    .loaded = loaded,
    .bank_ram = bank_ram,
};
