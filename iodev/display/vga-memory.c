/* Video memory as the CPU sees it at 0xa0000: through the graphics controller ("Graphics Controller Registers"). */
#include "iodev/display/vga-core.h"

struct place {
    u32 address;  /* in a plane; of the linear Bochs modes, in video memory */
    bool linear;
    u8 write_planes;
    int read_plane; /* of read mode 0 */
};

/* False: the VGA does not answer there. */
static bool find(const struct device *d, u64 offset, struct place *p)
{
    const struct vga *v = vga_of(d);
    const struct ram *ram = vga_ram(d);
    if (!vga_awake(v) || !(v->misc & 2))
        return false;
    *p = (struct place){ .write_planes = v->seq[2] & 0xf, .read_plane = v->gc[4] & 3 };
    if (vga_extended(v)) {
        if (offset >= VGA_PLANE_SIZE)
            return false;
        u64 at = offset + ((u64)v->dispi[DISPI_BANK] << 16);
        p->linear = v->dispi[DISPI_BPP] != 4;
        p->address = (u32)(p->linear ? at : at % (ram->size / 4));
        return !p->linear || at < ram->size;
    }
    unsigned map = v->gc[6] >> 2 & 3;
    static const struct { u32 base, size; } maps[] = {
        { 0, 0x20000 }, { 0, 0x10000 }, { 0x10000, 0x8000 }, { 0x18000, 0x8000 },
    };
    if (offset < maps[map].base || offset - maps[map].base >= maps[map].size)
        return false;
    u32 at = (u32)offset - maps[map].base;
    if (v->seq[4] & 8) { /* chain 4: the two low address bits choose the plane */
        p->write_planes &= (u8)(1 << (at & 3));
        p->read_plane = at & 3;
        p->address = at & 0xfffc;
        return true;
    }
    if (!(v->seq[4] & 4)) /* even addresses to planes 0 and 2, odd ones to 1 and 3 */
        p->write_planes &= at & 1 ? 0xa : 0x5;
    if (v->gc[5] & 0x10)
        p->read_plane = (v->gc[4] & 2) | (at & 1);
    if (v->gc[6] & 2) /* chain odd/even: the lowest address bit is replaced by a higher one */
        at = (at & ~1u) | (map == 0 ? at >> 16 : 0);
    p->address = at & 0xffff;
    return true;
}

/* Every byte of the planes that `planes` names. */
static u32 spread(unsigned planes)
{
    return (planes & 1 ? 0xffu : 0) | (planes & 2 ? 0xff00u : 0) | (planes & 4 ? 0xff0000u : 0) |
           (planes & 8 ? 0xff000000u : 0);
}

static u32 word_at(const struct ram *ram, u32 address)
{
    return (u32)load_le(ram->host + 4 * (u64)address, 4);
}

static u8 read_byte(const struct device *d, const struct place *p, u32 *latch)
{
    const struct vga *v = vga_of(d);
    const struct ram *ram = vga_ram(d);
    if (p->linear)
        return ram->host[p->address];
    *latch = word_at(ram, p->address);
    if (!(v->gc[5] & 8))
        return (u8)(*latch >> (8 * p->read_plane));
    /* Read mode 1: a bit for each pixel whose colour is that of Color Compare, in the planes of Color Don't Care. */
    u32 differ = (*latch ^ spread(v->gc[2])) & spread(v->gc[7]);
    return (u8)~(differ | differ >> 8 | differ >> 16 | differ >> 24);
}

static u32 combine(const struct vga *v, u32 data)
{
    switch (v->gc[3] >> 3 & 3) {
    case 1: return data & v->latch;
    case 2: return data | v->latch;
    case 3: return data ^ v->latch;
    default: return data;
    }
}

static u8 rotated(const struct vga *v, u8 byte)
{
    unsigned n = v->gc[3] & 7;
    return (u8)(byte >> n | byte << (8 - n));
}

static void write_byte(struct device *d, const struct place *p, u8 byte)
{
    struct vga *v = vga_of(d);
    struct ram *ram = vga_ram(d);
    u64 at = p->linear ? p->address : 4 * (u64)p->address;
    if (!ram_store_fast(ram, at >> PAGE_SHIFT))
        ram_written(ram, at, p->linear ? 1 : 4);
    if (p->linear) {
        ram->host[at] = byte;
        return;
    }
    u32 data, mask = v->gc[8] * 0x01010101u;
    switch (v->gc[5] & 3) {
    case 0: {
        u32 fixed = spread(v->gc[1]);
        data = combine(v, (rotated(v, byte) * 0x01010101u & ~fixed) | (spread(v->gc[0]) & fixed));
        break;
    }
    case 1:
        data = v->latch;
        mask = UINT32_MAX;
        break;
    case 2: data = combine(v, spread(byte)); break;
    default:
        data = combine(v, spread(v->gc[0]));
        mask &= rotated(v, byte) * 0x01010101u;
        break;
    }
    data = (data & mask) | (v->latch & ~mask);
    u32 planes = spread(p->write_planes);
    store_le(ram->host + at, 4, (word_at(ram, p->address) & ~planes) | (data & planes));
}

static enum mem_result memory_read(struct device *d, u64 offset, unsigned size, u64 *value, bool peek)
{
    struct place p;
    u32 latch = vga_of(d)->latch;
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        if (!find(d, offset + i, &p))
            return MEM_FAULT;
        *value |= (u64)read_byte(d, &p, &latch) << (8 * i);
    }
    if (!peek)
        vga_of(d)->latch = latch;
    return MEM_OK;
}

static enum mem_result memory_write(struct device *d, u64 offset, unsigned size, u64 value)
{
    struct place p;
    if (!find(d, offset, &p) || !find(d, offset + size - 1, &p))
        return MEM_FAULT;
    for (unsigned i = 0; i < size; i++)
        if (find(d, offset + i, &p))
            write_byte(d, &p, (u8)(value >> (8 * i)));
    return MEM_OK;
}

const struct reg_bank vga_memory_bank = {
    .name = "memory", .size = 0x20000, .min_access = 1, .max_access = 8, .hole_faults = true,
    .read = memory_read, .write = memory_write,
};
