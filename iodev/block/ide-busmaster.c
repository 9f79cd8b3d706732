/* Bus master IDE: "Programming Interface for Bus Master IDE Controller", revision 1.0 (Intel, 1994), which the 82371SB
 * data sheet (290550) repeats in 2.4 and 3.4. */
#include "iodev/block/ide.h"

static struct ide_channel_state *state(const struct device *d, u32 i)
{
    return &((struct ide_state *)d->state)->channel[i];
}

bool ide_bm_active(const struct ide_channel *c, bool to_memory)
{
    return c->bus_master && (c->s->bm_status & BM_ACTIVE) && !!(c->s->bm_command & BM_TO_MEMORY) == to_memory;
}

/* Status bit 2 follows the rising edge of the drive's interrupt, whether or not data was moved. */
void ide_bm_interrupt(struct ide_channel *c)
{
    c->s->bm_status |= BM_INTERRUPT;
}

static void stop(struct ide_channel *c, u8 also)
{
    c->s->bm_status = (u8)((c->s->bm_status & ~BM_ACTIVE) | also);
}

/* A descriptor: address, then 16 bits of length (0: 64 KiB) and bit 31 in the table's last (1.2). Words only: bit 0 of
 * both reads as zero. */
static bool next_region(struct ide_channel *c)
{
    struct ide_channel_state *s = c->s;
    u8 prd[8];
    if (!pci_dma_read(c->d, s->bm_next, prd, sizeof prd))
        return false;
    s->bm_next += sizeof prd;
    s->bm_at = (u32)load_le(prd, 4) & ~(u32)1;
    s->bm_left = (u32)load_le(prd + 4, 2) & ~(u32)1;
    if (!s->bm_left)
        s->bm_left = 0x10000;
    s->bm_last = prd[7] >> 7;
    return true;
}

u32 ide_bm_move(struct ide_channel *c, bool to_memory, u8 *data, u32 len)
{
    struct ide_channel_state *s = c->s;
    u32 done = 0;
    while (done < len && (s->bm_status & BM_ACTIVE)) {
        if (!s->bm_left && !next_region(c)) {
            stop(c, BM_ERROR);
            break;
        }
        u32 n = len - done < s->bm_left ? len - done : s->bm_left;
        bool ok = to_memory ? pci_dma_write(c->d, s->bm_at, data + done, n) : pci_dma_read(c->d, s->bm_at, data + done, n);
        if (!ok) {
            stop(c, BM_ERROR);
            break;
        }
        done += n;
        s->bm_at += n;
        s->bm_left -= n;
        if (!s->bm_left && s->bm_last)
            stop(c, 0);
    }
    return done;
}

/* Starting reads the table from its beginning; stopping forgets where it was. */
static void command_write(struct device *d, u32 i, u64 value, u64 old)
{
    struct ide_channel *c = &((struct ide_link *)d->link)->channel[i];
    struct ide_channel_state *s = state(d, i);
    s->bm_command = (u8)value & (BM_START | BM_TO_MEMORY);
    if (!(value & BM_START)) {
        stop(c, 0);
    } else if (!(old & BM_START)) {
        s->bm_next = s->bm_table;
        s->bm_left = 0;
        s->bm_last = 0;
        s->bm_status |= BM_ACTIVE;
        for (unsigned k = 0; k < 2; k++)
            if (c->drive[k])
                ide_drive_dma_ready(c->drive[k]);
    }
}

static void status_write(struct device *d, u32 i, u64 value, u64 old)
{
    struct ide_channel_state *s = state(d, i);
    s->bm_status = (u8)((s->bm_status & ~0x60 & ~(value & (BM_ERROR | BM_INTERRUPT))) | (value & 0x60));
}

static void table_write(struct device *d, u32 i, u64 value, u64 old)
{
    state(d, i)->bm_table = (u32)value & ~(u32)3;
}

static u64 command_get(const struct device *d, u32 i) { return state(d, i)->bm_command; }
static u64 status_get(const struct device *d, u32 i) { return state(d, i)->bm_status; }
static u64 table_get(const struct device *d, u32 i) { return state(d, i)->bm_table; }

static const struct reg_field command_fields[] = {
    { "START", 0, 1, "start; 0 stops and forgets" },
    { "READ", 3, 1, "0 from memory to the drive, 1 from the drive to memory" },
    { NULL, 0, 0, NULL },
};
static const struct reg_field status_fields[] = {
    { "ACTIVE", 0, 1, "started, and the table has not ended" },
    { "ERROR", 1, 1, "nobody answered on the PCI bus" },
    { "INTERRUPT", 2, 1, "the drive interrupted" },
    { "DMA0", 5, 1, "drive 0 was set up for DMA (by software, for software)" },
    { "DMA1", 6, 1, "drive 1 was set up for DMA" },
    { "SIMPLEX", 7, 1, "only one channel at a time" },
    { NULL, 0, 0, NULL },
};

static const struct reg_desc regs[] = {
    { .name = "BMICOM", .offset = 0, .width = 1, .count = 2, .stride = 8, .slot = REG_NO_SLOT, .get = command_get,
      .write = command_write, .fields = command_fields, .doc = "bus master command", .section = "82371SB 2.4.1" },
    { .name = "BMISTA", .offset = 2, .width = 1, .count = 2, .stride = 8, .slot = REG_NO_SLOT, .get = status_get,
      .write = status_write, .fields = status_fields, .doc = "bus master status; 1 clears ERROR and INTERRUPT",
      .section = "82371SB 2.4.2" },
    { .name = "BMIDTP", .offset = 4, .width = 4, .count = 2, .stride = 8, .slot = REG_NO_SLOT, .get = table_get,
      .write = table_write, .doc = "address of the descriptor table", .section = "82371SB 2.4.3" },
    { .name = NULL },
};

const struct reg_bank ide_busmaster_bank = { "busmaster", 16, 1, 4, false, regs, NULL, NULL, true };
