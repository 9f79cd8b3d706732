/* A whole PC (boards pc and isapc) with disks, a CD and floppies, and a guest gone mad: reads and writes of all sizes at
 * any port, register and configuration register; and, so that more than the first gate of each chip is tried, guests that
 * know how to talk to them and say nonsense: ATA, ATAPI and floppy commands with random parameters, descriptor tables of
 * the bus master that wrap, cross and end beyond RAM, fw_cfg's DMA, keyboard commands, timers and interrupt controllers
 * set up at random, displays in modes nobody has, keys and mice. Whatever comes, the machine answers; the same case twice ends in the same state; a
 * snapshot taken at the end and loaded again is the same machine. */
#include "iodev/block/i82077.h"
#include "iodev/block/ide.h"
#include "iodev/bus/pci.h"
#include "iodev/misc/isa-debug-exit.h"
#include "iodev/misc/isa-debugcon.h"
#include "iodev/misc/pc-testdev.h"
#include "iodev/misc/pci-testdev.h"
#include "iodev/misc/pvpanic.h"
#include "iodev/screen.h"
#include "machine/machine.h"
#include "tests/fuzz/board.h"

enum { RAM = 4 << 20, DISK = 2 << 20, CD = 300 * 2048, FLOPPY = 1440 << 10 };

struct fuzz {
    struct machine *m;
    u64 rng;
};

static u64 pick(struct fuzz *f, u64 below) { return any(&f->rng, below); }
static bool chance(struct fuzz *f, u64 n) { return one_in(&f->rng, n); }

/* --- as a CPU does it: what is too wide is split, what nobody answers reads as ones --- */

static u64 load(struct space *s, u64 at, unsigned size)
{
    u64 v;
    if (space_read(s, at, size, &v) == MEM_OK)
        return v;
    return size == 1 ? 0xff : load(s, at, size / 2) | load(s, at + size / 2, size / 2) << (4 * size);
}

static void store(struct space *s, u64 at, unsigned size, u64 v)
{
    if (space_write(s, at, size, v) == MEM_OK || size == 1)
        return;
    store(s, at, size / 2, v & size_mask(size / 2));
    store(s, at + size / 2, size / 2, v >> (4 * size));
}

static u64 in(struct fuzz *f, u64 port, unsigned size) { return load(f->m->io, port, size); }
static void out(struct fuzz *f, u64 port, unsigned size, u64 v) { store(f->m->io, port, size, v & size_mask(size)); }
static void poke(struct fuzz *f, u64 at, unsigned size, u64 v) { store(f->m->mem, at, size, v & size_mask(size)); }

/* --- numbers at which things go wrong --- */

static u64 address(struct fuzz *f)
{
    switch (pick(f, 10)) {
    case 0: return RAM - pick(f, 64);
    case 1: return RAM + pick(f, 64);
    case 2: return 0xa0000 - 32 + pick(f, 0x60040);
    case 3: return 0xffffffff - pick(f, 64);
    case 4: return 0xfec00000 + pick(f, 0x300000);
    case 5: return (u64)1 << pick(f, 34);
    default: return 0x1000 + pick(f, RAM - 0x2000);
    }
}

static u64 value(struct fuzz *f)
{
    switch (pick(f, 7)) {
    case 0: return pick(f, 16);
    case 1: return address(f);
    case 2: return (u64)1 << pick(f, 64);
    case 3: return 0;
    case 4: return UINT64_MAX;
    default: return rng_next(&f->rng);
    }
}

/* The CPU is to sleep; one that an SMI, a reset or an INIT has sent into the dark is called back. */
static void run(struct fuzz *f, u64 ticks)
{
    f->m->executed_limit = machine_executed(f->m) + 20000;
    if (machine_run(f->m, machine_position(f->m) + ticks, true) == MACHINE_LIMIT)
        machine_reset(f->m);
    f->m->executed_limit = 0;
}

/* Time for a device to do what it was told, or not quite. */
static void pause_for(struct fuzz *f)
{
    static const u64 some[] = { 1, 5000, 200000, 3000000, 3000000, 50000000 };
    run(f, 1 + pick(f, some[pick(f, ARRAY_LEN(some))]));
}

/* --- anything anywhere --- */

static void any_port(struct fuzz *f)
{
    u64 port = pick(f, 0x10000);
    unsigned size = 1u << pick(f, 3);
    struct device *d = f->m->devices;
    for (u64 k = pick(f, 40); k && d->next; k--)
        d = d->next;
    unsigned bank = (unsigned)pick(f, DEVICE_MAX_BANKS);
    if (d->window[bank].size && d->cls->banks[bank] && d->cls->banks[bank]->ports)
        port = d->window[bank].base + pick(f, d->window[bank].size + 2);
    else if (!chance(f, 4))
        port = pick(f, 0x400);
    u8 peeked[8];
    switch (pick(f, 5)) {
    case 0: space_peek(f->m->io, port & 0xffff, peeked, size); break;
    case 1: case 2: in(f, port & 0xffff, size); break;
    default: out(f, port & 0xffff, size, value(f)); break;
    }
}

static void any_register(struct fuzz *f)
{
    struct device *d = f->m->devices;
    for (u64 k = pick(f, 60); k && d->next; k--)
        d = d->next;
    unsigned size = 1u << pick(f, 4), bank = (unsigned)pick(f, DEVICE_MAX_BANKS);
    u64 at = address(f);
    if (d->window[bank].size && d->cls->banks[bank] && !d->cls->banks[bank]->ports)
        at = d->window[bank].base + pick(f, chance(f, 3) ? d->window[bank].size : 0x100);
    if (!chance(f, 8))
        at &= ~(u64)(size - 1);
    if (chance(f, 2))
        load(f->m->mem, at, size);
    else
        poke(f, at, size, value(f));
}

static void any_configuration(struct fuzz *f)
{
    static const u8 functions[] = { 0, PCI_DEVFN(1, 0), PCI_DEVFN(1, 1), PCI_DEVFN(1, 3), PCI_DEVFN(2, 0) };
    static const u8 places[] = { 0x04, 0x10, 0x14, 0x20, 0x24, 0x30, 0x3c, 0x40, 0x44, 0x4c, 0x58, 0x5c, 0x60, 0x68, 0x70, 0x72,
                                 0x80, 0x90, 0xd2 };
    u64 devfn = chance(f, 8) ? pick(f, 256) : functions[pick(f, sizeof functions)];
    u64 at = chance(f, 3) ? pick(f, 256) : places[pick(f, sizeof places)];
    unsigned size = 1u << pick(f, 3);
    out(f, 0xcf8, 4, 0x80000000 | devfn << 8 | (at & 0xfc) | (chance(f, 30) ? value(f) : 0));
    u64 port = 0xcfc + (at & 3);
    if (chance(f, 2))
        in(f, port, size);
    else
        out(f, port, size, at == 0x04 && !chance(f, 3) ? 7 : value(f));
}

/* --- disks --- */

static u64 bus_master(struct fuzz *f) /* where its ports are; 0: nowhere */
{
    const struct device *d = machine_device(f->m, "/ide");
    return d->cls == &piix3_ide_class ? d->window[4].size ? d->window[4].base : 0 : 0;
}

static void enable_disks(struct fuzz *f)
{
    static const u32 writes[][3] = { { 0x40, 2, 0x8000 }, { 0x42, 2, 0x8000 }, { 0x20, 4, 0xc001 }, { 0x04, 2, 5 } };
    for (unsigned k = 0; k < ARRAY_LEN(writes) && machine_device(f->m, "/pci"); k++)
        pci_config_write(machine_device(f->m, "/pci"), PCI_DEVFN(1, 1), writes[k][0], writes[k][1], writes[k][2]);
}

static void descriptors(struct fuzz *f, u64 channel, u64 direction)
{
    u64 bm = bus_master(f), table = chance(f, 6) ? address(f) : 0x8000 + pick(f, 0x8000), n = 1 + pick(f, 12);
    for (u64 k = 0; k < n; k++) {
        u64 length = chance(f, 3) ? value(f) : 512 * pick(f, 9);
        poke(f, table + 8 * k, 4, address(f));
        poke(f, table + 8 * k + 4, 4, (length & 0xffff) | (u64)(k + 1 == n || chance(f, 20)) << 31);
    }
    if (!bm)
        return;
    bm += 8 * channel;
    out(f, bm + 4, 4, table);
    out(f, bm + 2, 1, chance(f, 4) ? value(f) : 6);
    out(f, bm, 1, 0);
    out(f, bm, 1, direction | !chance(f, 5));
}

static void packet(struct fuzz *f, u64 base)
{
    static const u8 known[] = { 0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0x2b, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xb9, 0xbb, 0xbd,
                                0xbe };
    u8 p[12] = { 0 };
    p[0] = (u8)(chance(f, 20) ? value(f) : known[pick(f, sizeof known)]);
    for (unsigned k = 1; k < 12; k++)
        p[k] = (u8)(chance(f, 3) ? value(f) : 0);
    if (chance(f, 2)) { /* a block that is there, some of them */
        store_be(p + 2, 4, pick(f, 302));
        p[8] = (u8)pick(f, 4);
    }
    for (unsigned k = 0; k < 12; k += 2)
        out(f, base, 2, load_le(p + k, 2));
}

/* Reads and writes by DMA that a driver might ask for, but for the table. */
static void disk_dma(struct fuzz *f)
{
    static const u8 commands[][2] = { { 0xc8, 8 }, { 0xca, 0 }, { 0x25, 8 }, { 0x35, 0 }, { 0xc8, 0 }, { 0xca, 8 } };
    const u8 *c = commands[pick(f, ARRAY_LEN(commands))];
    u64 channel = pick(f, 2), base = channel ? 0x170 : 0x1f0;
    enable_disks(f);
    if (chance(f, 2))
        out(f, base + 0x206, 1, 4);
    out(f, base + 0x206, 1, 0);
    run(f, 4000000);
    out(f, base + 6, 1, 0xe0);
    for (unsigned k = 2; k < 6; k++)
        for (unsigned twice = 0; twice < 2; twice++)
            out(f, base + k, 1, k == 2 ? pick(f, 2) * (1 + pick(f, 40)) : k == 3 ? value(f) : chance(f, 20) ? value(f) : k == 4 && pick(f, 8));
    if (chance(f, 2))
        descriptors(f, channel, c[1]);
    out(f, base + 7, 1, c[0]);
    if (chance(f, 2))
        pause_for(f);
    if (chance(f, 2))
        descriptors(f, channel, c[1]);
    pause_for(f);
}

static void disk_command(struct fuzz *f)
{
    static const u8 known[] = { 0x00, 0x08, 0x10, 0x20, 0x21, 0x24, 0x25, 0x27, 0x29, 0x30, 0x34, 0x35, 0x37, 0x39, 0x40, 0x42,
                                0x70, 0x90, 0x91, 0x94, 0x95, 0x98, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa0, 0xa1, 0xb0, 0xc4, 0xc5, 0xc6, 0xc8,
                                0xc8, 0xca, 0xca, 0x25, 0x35, 0xe0, 0xe1, 0xe4, 0xe5, 0xe7, 0xe8, 0xea, 0xec, 0xef, 0xf8, 0xf9 };
    u64 channel = pick(f, 2), base = channel ? 0x170 : 0x1f0, n, command;
    if (!chance(f, 4))
        enable_disks(f);
    if (chance(f, 2)) { /* not in the middle of something */
        out(f, base + 0x206, 1, 4);
        out(f, base + 0x206, 1, 0);
        run(f, 4000000);
    }
    if (chance(f, 40))
        out(f, base + 0x206, 1, value(f)); /* SRST, nIEN, HOB */
    else if (!chance(f, 4))
        out(f, base + 0x206, 1, 0);
    u64 unit = pick(f, 2);
    out(f, base + 6, 1, 0xa0 | unit << 4 | pick(f, 2) << 6 | (chance(f, 4) ? pick(f, 16) : 0));
    for (unsigned k = 1; k < 6; k++)
        for (unsigned twice = 0; twice < 2; twice++) /* the registers of 48-bit commands hold two */
            out(f, base + k, 1, chance(f, 3) ? value(f) : k == 2 ? pick(f, 5) : k == 1 ? pick(f, 4) : 0);
    if (chance(f, 3)) /* the signature of SMART, byte counts of packets */
        out(f, base + 4, 1, 0x4f), out(f, base + 5, 1, 0xc2);
    if (chance(f, 2))
        descriptors(f, channel, 8 * pick(f, 2));
    command = chance(f, 30) ? value(f) : known[pick(f, sizeof known)];
    if (!channel && unit && !chance(f, 4)) { /* the CD */
        command = 0xa0;
        if (chance(f, 2))
            out(f, base + 1, 1, chance(f, 2)); /* by DMA */
        if (chance(f, 2)) /* bytes at a time */
            out(f, base + 4, 1, 0), out(f, base + 5, 1, 8);
    }
    out(f, base + 7, 1, command);
    if (!chance(f, 4))
        pause_for(f);
    if ((u8)command == 0xa0 && !chance(f, 10)) {
        packet(f, base);
        pause_for(f);
    }
    if (chance(f, 2))
        descriptors(f, channel, 8 * pick(f, 2));
    for (n = chance(f, 3) ? pick(f, 1200) : pick(f, 20); n; n--) { /* data */
        if (in(f, base + 7, 1) & IDE_DRQ ? chance(f, 2) : chance(f, 10))
            out(f, base, chance(f, 4) ? 4 : 2, value(f));
        else
            in(f, base, chance(f, 4) ? 4 : 2);
        if (chance(f, 64))
            pause_for(f);
    }
}

static void floppy_command(struct fuzz *f)
{
    static const u8 known[] = { 0x06, 0xe6, 0x0c, 0x05, 0xc5, 0x09, 0x02, 0x42, 0x16, 0x0a, 0x4a, 0x0d, 0x4d, 0x07, 0x08, 0x08, 0x03,
                                0x04, 0x0f, 0x8f, 0xcf, 0x13, 0x10, 0x0e, 0x12, 0x14, 0x94 };
    if (chance(f, 8))
        out(f, 0x3f2, 1, value(f));
    else if (chance(f, 2))
        out(f, 0x3f2, 1, 0x1c | pick(f, 2) | (chance(f, 4) ? pick(f, 256) : 0x30));
    if (chance(f, 10))
        out(f, 0x3f7, 1, chance(f, 3) ? 0 : value(f));
    if (chance(f, 2)) { /* channel 2 of the DMA controller */
        u64 at = address(f);
        out(f, 0x0a, 1, 6);
        out(f, 0x0c, 1, 0);
        out(f, 0x04, 1, at);
        out(f, 0x04, 1, at >> 8);
        out(f, 0x81, 1, at >> 16);
        out(f, 0x05, 1, value(f));
        out(f, 0x05, 1, chance(f, 3) ? value(f) : 1);
        out(f, 0x0b, 1, chance(f, 4) ? value(f) : chance(f, 2) ? 0x46 : 0x4a);
        out(f, 0x0a, 1, 2);
    }
    u8 c[9];
    c[0] = (u8)(chance(f, 20) ? value(f) : known[pick(f, sizeof known)]);
    c[1] = (u8)(chance(f, 8) ? value(f) : pick(f, 8));
    c[2] = (u8)(chance(f, 3) ? value(f) : pick(f, 82));
    c[3] = (u8)(chance(f, 8) ? value(f) : pick(f, 2));
    c[4] = (u8)(chance(f, 8) ? value(f) : pick(f, 20));
    c[5] = (u8)(chance(f, 8) ? value(f) : 2);
    for (unsigned k = 6; k < 9; k++)
        c[k] = (u8)(chance(f, 3) ? value(f) : 18);
    for (unsigned k = 0; k < 9 && (chance(f, 30) || (in(f, 0x3f4, 1) & 0xc0) == 0x80); k++) /* RQM, to the controller */
        out(f, 0x3f5, 1, c[k]);
    if (!chance(f, 4))
        pause_for(f);
    for (u64 n = chance(f, 2) ? 16 : pick(f, 1100); n; n--) {
        u64 status = in(f, 0x3f4, 1);
        if (chance(f, 60))
            pause_for(f);
        if (!(status & 0x80) && !chance(f, 10))
            break;
        if (status & 0x40)
            in(f, 0x3f5, 1);
        else
            out(f, 0x3f5, 1, value(f));
    }
}

/* --- the rest --- */

static void keyboard(struct fuzz *f)
{
    static const u8 controller[] = { 0x20, 0x60, 0x60, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd4,
                                     0xd4, 0xdd, 0xdf, 0xf0 };
    static const u8 device[] = { 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
                                 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff };
    for (u64 n = 1 + pick(f, 6); n; n--) {
        if (chance(f, 2)) {
            u8 c = (u8)(chance(f, 10) ? value(f) : controller[pick(f, sizeof controller)]);
            if (c != 0xfe && (c & 0xf1) != 0xf0) /* those reset the CPU */
                out(f, 0x64, 1, c);
        }
        if (chance(f, 2))
            out(f, 0x60, 1, chance(f, 3) ? pick(f, 256) : device[pick(f, sizeof device)]);
        if (chance(f, 3))
            pause_for(f);
        if (chance(f, 2))
            in(f, chance(f, 3) ? 0x64 : 0x60, 1);
    }
}

static void keys_and_media(struct fuzz *f)
{
    struct input_channel *ch = f->m->env.channels;
    for (u64 k = pick(f, 16); k && ch->next; k--)
        ch = ch->next;
    u8 bytes[64];
    size_t room = input_room(ch), n = 1 + pick(f, sizeof bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (u8)(chance(f, 2) ? pick(f, 8) : pick(f, 256));
    if (room && ch != &f->m->control)
        machine_input(f->m, ch, bytes, n < room ? n : room);
}

static void configuration_dma(struct fuzz *f)
{
    static const u16 items[] = { 0, 1, 3, 5, 0x0d, 0x0e, 0x0f, 0x19, 0x20, 0x21, 0x22, 0x23, 0x8003, 0x8100 };
    u64 at = chance(f, 6) ? address(f) : 0x4000 + pick(f, 0x1000);
    u8 d[16];
    store_be(d, 4, chance(f, 6) ? value(f) : (pick(f, 2) ? 2 : pick(f, 32)) | (chance(f, 3) ? 0 : 8 | (u64)items[pick(f, ARRAY_LEN(items))] << 16));
    store_be(d + 4, 4, chance(f, 6) ? value(f) : pick(f, 0x400));
    store_be(d + 8, 8, address(f));
    for (unsigned k = 0; k < 16; k++)
        poke(f, at + k, 1, d[k]);
    store_be(d, 8, at);
    out(f, 0x514, 4, load_le(d, 4));
    out(f, 0x518, 4, load_le(d + 4, 4));
    if (chance(f, 4)) {
        out(f, 0x510, 2, chance(f, 3) ? value(f) : items[pick(f, ARRAY_LEN(items))]);
        for (u64 n = pick(f, 300); n; n--)
            in(f, 0x511, 1);
    }
}

static void timers(struct fuzz *f)
{
    switch (pick(f, 5)) {
    case 0:
        out(f, 0x43, 1, value(f));
        for (unsigned k = 0; k < 3; k++)
            out(f, 0x40 + pick(f, 3), 1, value(f));
        break;
    case 1: /* clocks are fast only if asked to: a period of one tick costs a guest its machine, here too */
        out(f, 0x70, 1, chance(f, 3) ? value(f) : pick(f, 16));
        if (chance(f, 2))
            out(f, 0x71, 1, value(f));
        else
            in(f, 0x71, 1);
        break;
    case 2: poke(f, 0xfed00000 + 4 * pick(f, 0x60), 4, value(f)); break;
    case 3: poke(f, 0xfee00000 + 0x10 * pick(f, 0x40), 4, value(f)); break;
    default:
        poke(f, 0xfec00000, 4, chance(f, 5) ? value(f) : pick(f, 0x40));
        poke(f, 0xfec00010, 4, value(f));
        break;
    }
}

static void interrupts(struct fuzz *f)
{
    u64 base = chance(f, 2) ? 0x20 : 0xa0;
    if (chance(f, 4)) { /* a set-up */
        out(f, base, 1, 0x11 | pick(f, 32));
        for (unsigned k = 0; k < 3; k++)
            out(f, base + 1, 1, value(f));
    }
    out(f, base + pick(f, 2), 1, value(f));
    if (chance(f, 4))
        out(f, 0x4d0 + pick(f, 2), 1, value(f));
    in(f, base + pick(f, 2), 1);
}

/* Index and data pairs of VGA, the Bochs interface, stores all over its memory; and somebody looks. */
static void display(struct fuzz *f)
{
    static const u16 pairs[][2] = { { 0x3c4, 8 }, { 0x3ce, 9 }, { 0x3d4, 0x20 }, { 0x3b4, 0x20 }, { 0x3d4, 0x20 } };
    struct device *vga = machine_screen(f->m, 0);
    for (u64 n = 1 + pick(f, 12); n; n--)
        switch (pick(f, 5)) {
        case 0: {
            const u16 *p = pairs[pick(f, ARRAY_LEN(pairs))];
            out(f, p[0], 2, pick(f, p[1]) | value(f) << 8);
            break;
        }
        case 1:
            out(f, 0x1ce, 2, pick(f, 11));
            out(f, 0x1cf, 2, chance(f, 2) ? 8 * pick(f, 300) : chance(f, 2) ? pick(f, 0x42) : value(f));
            break;
        case 2:
            in(f, 0x3da, 1);
            out(f, 0x3c0, 1, pick(f, 0x40));
            out(f, 0x3c0, 1, value(f));
            break;
        case 3: out(f, 0x3c2 + pick(f, 8), 1, value(f)); break;
        default: poke(f, 0xa0000 + pick(f, 0x20000), 1u << pick(f, 4), value(f)); break;
        }
    struct screen_mode mode = { 0 };
    if (!vga || !chance(f, 8))
        return;
    vga->cls->screen->mode(vga, &mode);
    if (mode.width > 16000 || mode.height > 12000) /* what the Bochs interface says that it can */
        wrong("a picture larger than any");
    if (mode.width && mode.height && mode.width * mode.height < 4 << 20) { /* exactly as large as it says */
        u32 *pixels = xmalloc((size_t)mode.width * mode.height * sizeof *pixels);
        vga->cls->screen->draw(vga, pixels);
        free(pixels);
    }
    if (mode.columns && mode.rows) {
        struct screen_cell *cells = xmalloc((size_t)mode.columns * mode.rows * sizeof *cells);
        int cursor;
        vga->cls->screen->text(vga, cells, &cursor);
        if (cursor < -1 || cursor >= (int)(mode.columns * mode.rows))
            wrong("a cursor outside the screen");
        free(cells);
    }
}

static void one_step(struct fuzz *f)
{
    switch (pick(f, 24)) {
    case 0: case 1: case 2: any_port(f); break;
    case 3: case 4: any_register(f); break;
    case 5: any_configuration(f); break;
    case 6: case 7: case 8: disk_command(f); break;
    case 9: case 10: floppy_command(f); break;
    case 11: keyboard(f); break;
    case 12: keys_and_media(f); break;
    case 13: configuration_dma(f); break;
    case 14: timers(f); break;
    case 15: interrupts(f); break;
    case 20: disk_dma(f); break;
    case 21: display(f); break;
    case 16: descriptors(f, pick(f, 2), 8 * pick(f, 2)); break;
    case 17: poke(f, address(f), 1u << pick(f, 4), value(f)); break;
    case 18: enable_disks(f); break;
    case 19:
        if (chance(f, 32))
            machine_reset(f->m);
        break;
    default: pause_for(f); break;
    }
}

static void save_and_load(struct machine *m)
{
    struct buf b = { 0 };
    struct err e = { "" };
    u64 before = machine_hash(m);
    machine_save(m, &b);
    if (!machine_load(m, b.data, b.len, &e))
        wrong(e.text);
    if (machine_hash(m) != before)
        wrong("a snapshot that was loaded is another machine");
    buf_free(&b);
}

static u64 one_run(u64 number)
{
    struct fuzz f = { .rng = number };
    struct strict_disk *disks[] = { strict_disk_new("d0", DISK, false), strict_disk_new("d1", DISK + 512 * 7, number & 4),
                                    strict_disk_new("cd", CD, true), strict_disk_new("fd", FLOPPY, number & 8) };
    struct char_port serial = { .write = swallow_bytes, .id = "s" }, chr = { .write = swallow_bytes, .id = "c" };
    struct prop_value drive[] = { { "drive", "d0", NULL }, { "drive", "d1", NULL }, { "drive", "cd", NULL }, { "drive", "fd", NULL } };
    struct prop_value port[] = { { "iobase", "0x501", NULL }, { "ioport", "0x505", NULL } }, console = { "iobase", "0x402", NULL }, debug = { "chardev", "c", &console };
    bool pci = number & 3;
    u8 bios[0x1000]; /* HLT; JMP back */
    memset(bios, 0xf4, sizeof bios);
    for (unsigned at = 1; at < sizeof bios; at += 3)
        memcpy(bios + at - 1, "\xf4\xeb\xfd", at + 2 <= sizeof bios ? 3 : 1);
    memcpy(bios + 0xff0, "\xfa\xf4\xeb\xfd", 4);
    struct machine_config c = { .board = pci ? "pc" : "isapc", .xlen = 64, .cpus = pci ? 1 + (number >> 4 & 1) : 1, .seed = number,
                                .ram_size = RAM, .bios = { "bios", bios, sizeof bios }, .serial = { &serial }, .rtc_base = 1700000000,
                                .n_drives = 4, .chars = { &chr }, .n_chars = 1 };
    for (unsigned k = 0; k < 4; k++)
        c.drives[k] = &disks[k]->port;
    const struct { const struct device_class *cls; struct prop_value *props; } plugged[] = {
        { &ide_hd_class, &drive[0] }, { &ide_cd_class, &drive[2] }, { &floppy_class, &drive[3] }, { &isa_debugcon_class, &debug },
        { &isa_debug_exit_class, &port[0] }, { &pvpanic_class, &port[1] }, { &pc_testdev_class, NULL },
        { &ide_hd_class, &drive[1] }, { &pci_testdev_class, NULL } };
    for (unsigned k = 0; k < ARRAY_LEN(plugged) - (pci ? 0 : 2); k++) {
        c.device[k].cls = plugged[k].cls;
        c.device[k].props = plugged[k].props;
        c.n_devices++;
    }
    struct err e;
    f.m = machine_new(&c, &e);
    if (!f.m)
        wrong(e.text);
    enable_disks(&f);
    for (u64 n = 100 + pick(&f, 1500); n; n--)
        one_step(&f);
    save_and_load(f.m);
    u64 hash = machine_hash(f.m);
    machine_free(f.m);
    for (unsigned k = 0; k < 4; k++)
        strict_disk_free(disks[k]);
    return hash;
}

static void run_case(u64 number)
{
    if (one_run(number) != one_run(number))
        wrong("the same case ended in two states");
}

int main(int argc, char **argv)
{
    return cases_main("pc_fuzz", argc, argv, run_case);
}
