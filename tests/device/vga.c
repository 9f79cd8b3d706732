/* The VGA: registers, the planes against a model of single bits, timing, the Bochs interface, pictures, noise. */
#include "iodev/display/vga-core.h"

#include <stdlib.h>

#include "tests/device/pci_rig.h"

enum { DEVFN = PCI_DEVFN(2, 0), LFB = 0xe0000000, MMIO = 0xf0000000 };

struct bench {
    struct pc *p;
    struct device *d;
};

static struct bench bench(void)
{
    struct bench b = { pci_rig_new(), NULL };
    b.d = pci_rig_plug(b.p, &vga_class, DEVFN, NULL);
    cfg_write(b.p, DEVFN, 0x10, 4, LFB);
    cfg_write(b.p, DEVFN, 0x18, 4, MMIO);
    cfg_write(b.p, DEVFN, 4, 2, 3);
    pci_out(b.p, 0x3c2, 1, 0xe3);
    return b;
}

static void out(struct bench b, u64 port, u64 v) { pci_out(b.p, port, 1, v); }
static u8 in(struct bench b, u64 port) { return (u8)pci_in(b.p, port, 1); }
static void indexed(struct bench b, u64 port, unsigned index, unsigned v)
{
    out(b, port, index);
    out(b, port + 1, v);
}
static u8 indexed_in(struct bench b, u64 port, unsigned index)
{
    out(b, port, index);
    return in(b, port + 1);
}
static void seq(struct bench b, unsigned index, unsigned v) { indexed(b, 0x3c4, index, v); }
static void gc(struct bench b, unsigned index, unsigned v) { indexed(b, 0x3ce, index, v); }
static void crtc(struct bench b, unsigned index, unsigned v) { indexed(b, 0x3d4, index, v); }
static void attr(struct bench b, unsigned index, unsigned v)
{
    (void)in(b, 0x3da);
    out(b, 0x3c0, index);
    out(b, 0x3c0, v);
    out(b, 0x3c0, 0x20);
    (void)in(b, 0x3da);
}
static u8 attr_in(struct bench b, unsigned index)
{
    (void)in(b, 0x3da);
    out(b, 0x3c0, index | 0x20);
    (void)in(b, 0x3da);
    return in(b, 0x3c1);
}
static void dispi(struct bench b, unsigned index, unsigned v)
{
    pci_out(b.p, 0x1ce, 2, index);
    pci_out(b.p, 0x1cf, 2, v);
}
static u16 dispi_in(struct bench b, unsigned index)
{
    pci_out(b.p, 0x1ce, 2, index);
    return (u16)pci_in(b.p, 0x1cf, 2);
}
static u8 load(struct bench b, u64 at) { return (u8)pci_load(b.p, at, 1); }
static void store(struct bench b, u64 at, u64 v) { pci_store(b.p, at, 1, v); }

static u64 random_of(u64 *seed) { return rng_next(seed) >> 3; }

#define EQ(got, want)                                                                                                 \
    do {                                                                                                              \
        unsigned long long got_ = (got), want_ = (want);                                                              \
        if (got_ != want_)                                                                                            \
            fprintf(stderr, "%s:%d: %s is 0x%llx, not 0x%llx\n", __FILE__, __LINE__, #got, got_, want_);              \
        CU_ASSERT_EQUAL(got_, want_);                                                                                 \
    } while (0)

/* --- registers --------------------------------------------------------------------------------------------- */

static void is_found(void)
{
    struct bench b = bench();
    EQ(cfg_read(b.p, DEVFN, 0, 4), 0x11111234);
    EQ(cfg_read(b.p, DEVFN, 8, 4), 0x03000002);
    EQ(cfg_read(b.p, DEVFN, 0x10, 4), LFB | 8);
    cfg_write(b.p, DEVFN, 0x10, 4, 0xffffffff);
    cfg_write(b.p, DEVFN, 0x18, 4, 0xffffffff);
    EQ(cfg_read(b.p, DEVFN, 0x10, 4), 0xff000008);
    EQ(cfg_read(b.p, DEVFN, 0x18, 4), 0xfffff000);
    CU_ASSERT_PTR_EQUAL(b.d->cls->screen, &vga_screen);
    pc_free(b.p);
}

static void indexed_registers(void)
{
    static const u8 seq_bits[] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0 };
    static const u8 gc_bits[] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff, 0, 0 };
    static const u8 attr_bits[] = { 0xef, 0xff, 0x3f, 0x0f, 0x0f, 0, 0 };
    struct bench b = bench();
    for (unsigned i = 0; i < sizeof seq_bits; i++) {
        seq(b, i, 0xff);
        EQ(indexed_in(b, 0x3c4, i), seq_bits[i]);
    }
    for (unsigned i = 0; i < sizeof gc_bits; i++) {
        gc(b, i, 0xff);
        EQ(indexed_in(b, 0x3ce, i), gc_bits[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        attr(b, i, 0xff - i);
        EQ(attr_in(b, i), 0x3f - i);
    }
    for (unsigned i = 0; i < sizeof attr_bits; i++) {
        attr(b, 0x10 + i, 0xff);
        EQ(attr_in(b, 0x10 + i), attr_bits[i]);
    }
    crtc(b, 0x11, 0);
    for (unsigned i = 0; i < 0x20; i++) {
        u8 bits = i > 0x18 ? 0 : i == 8 || i == 0x0b || i == 0x14 ? 0x7f : i == 0x0a ? 0x3f : i == 0x11 ? 0x55
                  : i == 0x17 ? 0xef : 0xff;
        crtc(b, i, i == 0x11 ? 0x55 : 0xff);
        EQ(indexed_in(b, 0x3d4, i), bits);
    }
    crtc(b, 0x11, 0x80); /* protects 0 to 7 but for bit 4 of 7 */
    for (unsigned i = 0; i < 8; i++) {
        crtc(b, i, 0);
        EQ(indexed_in(b, 0x3d4, i), i == 7 ? 0xef : 0xff);
    }
    crtc(b, 9, 0);
    EQ(indexed_in(b, 0x3d4, 9), 0);
    pc_free(b.p);
}

static void ports_move(void)
{
    struct bench b = bench();
    out(b, 0x3d4, 0x0c);
    out(b, 0x3d5, 0x12);
    EQ(in(b, 0x3b4), 0xff);
    EQ(in(b, 0x3ba), 0xff);
    EQ(in(b, 0x3cc), 0xe3);
    out(b, 0x3c2, 0xe2);
    EQ(in(b, 0x3d5), 0xff);
    EQ(in(b, 0x3da), 0xff);
    EQ(in(b, 0x3b5), 0x12);
    EQ(in(b, 0x3ba) & 0xf6, 0);
    out(b, 0x3ba, 3); /* feature control */
    EQ(in(b, 0x3ca), 3);
    out(b, 0x3c3, 0); /* asleep: nothing but this port answers */
    EQ(in(b, 0x3b5), 0xff);
    EQ(in(b, 0x3cc), 0xff);
    EQ(in(b, 0x3c3), 0);
    EQ(load(b, 0xa0000), 0xff);
    out(b, 0x3c3, 1);
    EQ(in(b, 0x3cc), 0xe2);
    EQ(in(b, 0x3c2), 0x10);
    EQ(pci_in(b.p, 0x3c4, 2), in(b, 0x3c4) | (u64)in(b, 0x3c5) << 8);
    pci_out(b.p, 0x3c4, 2, 0x0702); /* index and data at once */
    EQ(indexed_in(b, 0x3c4, 2), 7);
    pci_store(b.p, MMIO + 0x404, 2, 0x0902); /* the same through base address 2 */
    EQ(indexed_in(b, 0x3c4, 2), 9);
    EQ(pci_load(b.p, MMIO + 0x404, 2), 0x0902);
    EQ(pci_load(b.p, MMIO + 0x500, 2), 0xb0c5);
    EQ(pci_load(b.p, MMIO + 0x600, 4), 0);
    pc_free(b.p);
}

static void attribute_port(void)
{
    struct bench b = bench();
    (void)in(b, 0x3da);
    out(b, 0x3c0, 0x11);
    EQ(indexed_in(b, 0x3d4, 0x24), 0x80);
    out(b, 0x3c0, 0x5a);
    EQ(indexed_in(b, 0x3d4, 0x24), 0);
    EQ(in(b, 0x3c0), 0x11);
    EQ(in(b, 0x3c1), 0x5a);
    out(b, 0x3c0, 0x31);
    (void)in(b, 0x3da); /* the next one is an index again */
    out(b, 0x3c0, 0x32);
    EQ(in(b, 0x3c0), 0x32);
    pc_free(b.p);
}

static void dac(void)
{
    struct bench b = bench();
    out(b, 0x3c8, 254);
    EQ(in(b, 0x3c7), 0);
    for (unsigned i = 0; i < 9; i++)
        out(b, 0x3c9, 0x40 + i * 5);
    EQ(in(b, 0x3c8), 1); /* three entries, round */
    out(b, 0x3c7, 254);
    EQ(in(b, 0x3c7), 3);
    for (unsigned i = 0; i < 9; i++)
        EQ(in(b, 0x3c9), i * 5);
    out(b, 0x3c8, 7); /* two of three bytes change nothing */
    out(b, 0x3c9, 9);
    out(b, 0x3c9, 9);
    out(b, 0x3c7, 7);
    for (unsigned i = 0; i < 3; i++)
        EQ(in(b, 0x3c9), 0);
    dispi(b, DISPI_ENABLE, DISPI_8BIT_DAC);
    out(b, 0x3c8, 7);
    for (unsigned i = 0; i < 3; i++)
        out(b, 0x3c9, 0xf1 + i);
    out(b, 0x3c7, 7);
    for (unsigned i = 0; i < 3; i++)
        EQ(in(b, 0x3c9), 0xf1 + i);
    unsigned bank;
    u32 index;
    const struct reg_desc *r = device_reg_named(b.d, "PALETTE[7]", &bank, &index);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    EQ(device_reg_get(b.d, r, index), 0xf1f2f3);
    EQ(in(b, 0x3c6), 0xff);
    pc_free(b.p);
}

/* --- memory ------------------------------------------------------------------------------------------------ */

/* The planes, a bit at a time, as the manual tells it. */
struct model {
    u8 plane[4][0x10000];
    u8 latch[4];
    u8 seq[5], gc[9];
};

static bool bit(unsigned v, unsigned n) { return v >> n & 1; }

/* Where an address of the window is in the planes, and the planes that take part. */
static bool model_place(const struct model *m, u32 at, u32 *offset, unsigned *writes, unsigned *reads)
{
    static const struct { u32 first, last; } maps[] = {
        { 0, 0x1ffff }, { 0, 0xffff }, { 0x10000, 0x17fff }, { 0x18000, 0x1ffff },
    };
    unsigned map = m->gc[6] >> 2;
    if (at < maps[map].first || at > maps[map].last)
        return false;
    at -= maps[map].first;
    *writes = m->seq[2];
    *reads = m->gc[4];
    *offset = at;
    if (bit(m->seq[4], 3)) {
        *writes &= 1u << at % 4;
        *reads = at % 4;
        *offset = at / 4 * 4;
    } else {
        if (!bit(m->seq[4], 2))
            *writes &= at % 2 ? 10 : 5;
        if (bit(m->gc[5], 4))
            *reads = (m->gc[4] & 2) + at % 2;
        if (bit(m->gc[6], 1))
            *offset = at / 2 * 2 + (map ? 0 : at / 0x10000);
    }
    *offset %= 0x10000;
    return true;
}

static unsigned model_read(struct model *m, u32 at)
{
    u32 offset;
    unsigned writes, reads, v = 0;
    if (!model_place(m, at, &offset, &writes, &reads))
        return 0xff;
    for (unsigned k = 0; k < 4; k++)
        m->latch[k] = m->plane[k][offset];
    if (!bit(m->gc[5], 3))
        return m->plane[reads][offset];
    for (unsigned n = 0; n < 8; n++) {
        bool match = true;
        for (unsigned k = 0; k < 4; k++)
            match = match && (!bit(m->gc[7], k) || bit(m->latch[k], n) == bit(m->gc[2], k));
        v |= (unsigned)match << n;
    }
    return v;
}

static void model_write(struct model *m, u32 at, u8 byte)
{
    u32 offset;
    unsigned writes, reads, mode = m->gc[5] & 3, turn = m->gc[3] & 7;
    if (!model_place(m, at, &offset, &writes, &reads))
        return;
    for (unsigned k = 0; k < 4; k++)
        for (unsigned n = 0; n < 8 && bit(writes, k); n++) {
            bool old = bit(m->latch[k], n), data = bit(byte, (n + turn) % 8), masked = bit(m->gc[8], n);
            switch (mode) {
            case 0: data = bit(m->gc[1], k) ? bit(m->gc[0], k) : data; break;
            case 1: data = old; break;
            case 2: data = bit(byte, k); break;
            default: masked = masked && data; data = bit(m->gc[0], k); break;
            }
            if (mode != 1) {
                unsigned f = m->gc[3] >> 3 & 3;
                data = f == 1 ? data && old : f == 2 ? data || old : f == 3 ? data != old : data;
                data = masked ? data : old;
            }
            m->plane[k][offset] = (u8)((m->plane[k][offset] & ~(1u << n)) | (unsigned)data << n);
        }
}

static void planes(void)
{
    struct bench b = bench();
    struct model *m = calloc(1, sizeof *m);
    static const u8 gc_bits[] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };
    u64 seed = 7;
    unsigned wrong = 0;
    for (unsigned step = 0; step < 300000 && wrong < 5; step++) {
        u64 r = random_of(&seed);
        u32 at = (u32)(random_of(&seed) % 8 ? r >> 8 & 0x1ff : r >> 8 & 0x1ffff);
        at |= r >> 40 & 1 ? 0x18000 : 0;
        if (r % 16 == 0) {
            unsigned i = (unsigned)(r >> 8) % 9;
            gc(b, i, m->gc[i] = (u8)(r >> 16) & gc_bits[i]);
        } else if (r % 16 == 1) {
            unsigned i = r >> 8 & 1 ? 4 : 2;
            m->seq[i] = (u8)(r >> 16) & (i == 2 ? 0xf : 0xe);
            if (i == 4 && r >> 32 & 3)
                m->seq[i] &= 7;
            seq(b, i, m->seq[i]);
        } else if (r % 16 < 8) {
            model_write(m, at, (u8)(r >> 48));
            store(b, 0xa0000 + at, r >> 48 & 0xff);
        } else {
            unsigned want = model_read(m, at), got = load(b, 0xa0000 + at);
            if (got != want && wrong++ < 5)
                fprintf(stderr, "step %u: address 0x%x reads 0x%x, not 0x%x\n", step, at, got, want);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    const u8 *ram = vga_ram(b.d)->host;
    for (u32 i = 0; i < 0x40000; i++)
        wrong += ram[i] != m->plane[i % 4][i / 4];
    EQ(wrong, 0);
    gc(b, 6, 4); /* wide accesses are their bytes */
    gc(b, 5, 0);
    gc(b, 3, 0);
    gc(b, 1, 0);
    gc(b, 8, 0xff);
    seq(b, 4, 6);
    seq(b, 2, 4);
    gc(b, 4, 2);
    pci_store(b.p, 0xa1001, 4, 0x44332211);
    EQ(pci_load(b.p, 0xa1000, 8) >> 8 & 0xffffffff, 0x44332211);
    EQ(pci_load(b.p, 0xafffe, 4) >> 16, 0xffff); /* reaches over the end */
    EQ(ram[4 * 0x1003 + 2], 0x33);
    free(m);
    pc_free(b.p);
}

static void peeks_leave_the_latches(void)
{
    struct bench b = bench();
    u8 v;
    gc(b, 6, 5);
    seq(b, 4, 6);
    seq(b, 2, 0xf);
    gc(b, 8, 0xff);
    store(b, 0xa0000, 0x5a);
    (void)load(b, 0xa0000);
    u32 latch = vga_of(b.d)->latch;
    EQ(latch, 0x5a5a5a5a);
    EQ(space_peek(b.p->env.mem, 0xa0001, &v, 1), 1);
    EQ(v, 0);
    EQ(vga_of(b.d)->latch, latch);
    EQ(indexed_in(b, 0x3d4, 0x22), 0x5a);
    pc_free(b.p);
}

/* --- the Bochs interface ------------------------------------------------------------------------------------- */

static void bochs(void)
{
    struct bench b = bench();
    EQ(dispi_in(b, DISPI_ID), 0xb0c5);
    dispi(b, DISPI_ID, 0xb0c2);
    EQ(dispi_in(b, DISPI_ID), 0xb0c2);
    dispi(b, DISPI_ID, 0x1234);
    EQ(dispi_in(b, DISPI_ID), 0xb0c2);
    EQ(dispi_in(b, DISPI_MEMORY), 256);
    EQ(dispi_in(b, 99), 0);
    dispi(b, DISPI_ENABLE, DISPI_GETCAPS);
    EQ(dispi_in(b, DISPI_XRES), 16000);
    EQ(dispi_in(b, DISPI_YRES), 12000);
    EQ(dispi_in(b, DISPI_BPP), 32);
    dispi(b, DISPI_ENABLE, 0);
    EQ(dispi_in(b, DISPI_XRES), 0);
    pci_store(b.p, LFB + 100, 4, 0x01020304);
    EQ(pci_load(b.p, LFB + 100, 4), 0x01020304);
    dispi(b, DISPI_XRES, 1027);
    dispi(b, DISPI_YRES, 768);
    dispi(b, DISPI_BPP, 17);
    dispi(b, DISPI_ENABLE, DISPI_ENABLED | DISPI_LFB);
    EQ(dispi_in(b, DISPI_XRES), 1024); /* the nearest that is possible */
    EQ(dispi_in(b, DISPI_BPP), 8);
    EQ(dispi_in(b, DISPI_VIRT_WIDTH), 1024);
    EQ(dispi_in(b, DISPI_VIRT_HEIGHT), 16384);
    EQ(pci_load(b.p, LFB + 100, 4), 0); /* cleared */
    dispi(b, DISPI_VIRT_WIDTH, 2048);
    dispi(b, DISPI_X_OFFSET, 16);
    dispi(b, DISPI_Y_OFFSET, 60000);
    EQ(dispi_in(b, DISPI_VIRT_HEIGHT), 8192);
    EQ(dispi_in(b, DISPI_Y_OFFSET), 8192 - 768);
    dispi(b, DISPI_BANK, 3); /* banks are what the framebuffer is */
    pci_store(b.p, 0xa0010, 4, 0xcafe1234);
    EQ(pci_load(b.p, LFB + 0x30010, 4), 0xcafe1234);
    pci_store(b.p, LFB + 0x3fffc, 4, 0x55667788);
    EQ(pci_load(b.p, 0xafffc, 4), 0x55667788);
    EQ(load(b, 0xb0000), 0xff);
    dispi(b, DISPI_ENABLE, 0);
    pci_store(b.p, LFB, 4, 0x99);
    dispi(b, DISPI_XRES, 1920);
    dispi(b, DISPI_YRES, 9000);
    dispi(b, DISPI_BPP, 32);
    dispi(b, DISPI_ENABLE, DISPI_ENABLED | DISPI_NO_CLEAR);
    EQ(pci_load(b.p, LFB, 4), 0x99);
    EQ(dispi_in(b, DISPI_YRES), (16u << 20) / (1920 * 4));
    dispi(b, DISPI_BPP, 4); /* four planes, in banks of their own */
    dispi(b, DISPI_YRES, 1080);
    dispi(b, DISPI_BANK, 0x1001);
    EQ(dispi_in(b, DISPI_BANK), 1);
    seq(b, 2, 2);
    gc(b, 8, 0xff);
    gc(b, 5, 0);
    store(b, 0xa0005, 0x77);
    EQ(load(b, LFB + 4 * 0x10005 + 1), 0x77);
    pc_free(b.p);
}

/* --- time ---------------------------------------------------------------------------------------------------- */

/* The registers of mode 3: 720x400 at 70 Hz. */
static void mode_3(struct bench b)
{
    static const u8 regs[] = { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0,
                               0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff };
    static const u8 palette[] = { 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f };
    out(b, 0x3c2, 0x67);
    seq(b, 0, 3);
    seq(b, 1, 0);
    seq(b, 2, 3);
    seq(b, 3, 0);
    seq(b, 4, 2);
    crtc(b, 0x11, 0);
    for (unsigned i = 0; i < sizeof regs; i++)
        crtc(b, i, regs[i]);
    gc(b, 5, 0x10);
    gc(b, 6, 0x0e);
    gc(b, 8, 0xff);
    for (unsigned i = 0; i < 16; i++)
        attr(b, i, palette[i]);
    attr(b, 0x10, 0x0c);
    attr(b, 0x12, 0xf);
    attr(b, 0x13, 8);
    for (unsigned i = 0; i < 256; i++) { /* each colour is its number */
        out(b, 0x3c8, i);
        out(b, 0x3c9, i >> 6);
        out(b, 0x3c9, i & 0x3f);
        out(b, 0x3c9, 0x3f);
    }
}

static void retrace(void)
{
    struct bench b = bench();
    mode_3(b);
    unsigned begun = 0, shown = 0, blank = 0, before = 1;
    u64 first = 0, last = 0;
    for (unsigned i = 0; i < 1000000; i++) {
        u8 v = in(b, 0x3da);
        CU_ASSERT_FATAL(!(v & 0xf6));
        if (v & 8 && !before) {
            begun++;
            first = first ? first : b.p->clock.now;
            last = b.p->clock.now;
        }
        before = v & 8;
        shown += !(v & 1);
        blank += v & 1;
        pc_run(b.p, 1000); /* a microsecond */
    }
    EQ(begun, 70); /* 28.322 MHz / 9 / 100 characters / 449 lines: 70.09 Hz */
    double period = (double)(last - first) / (begun - 1), expected = 900.0 * 449 / 28322000 * 1e9;
    CU_ASSERT_DOUBLE_EQUAL(period, expected, 1000.0);
    CU_ASSERT_DOUBLE_EQUAL((double)shown / (shown + blank), 0.8 * 400 / 449, 0.01);
    crtc(b, 0x11, 0x1e); /* the interrupt: cleared, then allowed to come */
    crtc(b, 0x11, 0x0e);
    crtc(b, 0x11, 0x1e);
    EQ(in(b, 0x3c2), 0x10);
    pc_run(b.p, 15000000);
    EQ(in(b, 0x3c2), 0x90);
    crtc(b, 0x11, 0x0e);
    EQ(in(b, 0x3c2), 0x10);
    seq(b, 0, 1); /* stopped */
    EQ(in(b, 0x3da), 1);
    seq(b, 0, 3);
    dispi(b, DISPI_XRES, 640);
    dispi(b, DISPI_YRES, 480);
    dispi(b, DISPI_BPP, 8);
    dispi(b, DISPI_ENABLE, 1);
    begun = before = 0;
    for (unsigned i = 0; i < 100000; i++) {
        u8 v = in(b, 0x3da);
        begun += v & 8 && !before;
        before = v & 8;
        pc_run(b.p, 10000);
    }
    CU_ASSERT(begun >= 59 && begun <= 61);
    pc_free(b.p);
}

/* --- pictures -------------------------------------------------------------------------------------------------- */

static u32 colour(unsigned index) /* as mode_3() set the palette */
{
    u32 red = index >> 6, green = index & 0x3f;
    return (red << 2 | red >> 4) << 16 | (green << 2 | green >> 4) << 8 | 0xff;
}

static void cell(struct bench b, unsigned at, u8 code, u8 attribute)
{
    pci_store(b.p, 0xb8000 + 2 * at, 2, code | (u64)attribute << 8);
}

static void glyph(struct bench b, unsigned font, u8 code, unsigned row, u8 dots)
{
    vga_ram(b.d)->host[4 * (font + code * 32u + row) + 2] = dots;
}

static u32 *drawn(struct bench b)
{
    struct screen_mode m;
    vga_screen.mode(b.d, &m);
    u32 *p = malloc((size_t)m.width * m.height * sizeof *p + 1);
    vga_screen.draw(b.d, p);
    return p;
}

#define CHECK_DOTS(p, x, y, text)                                                                                     \
    for (unsigned k_ = 0; (text)[k_]; k_++)                                                                           \
        EQ((p)[(y) * 720 + (x) + k_], (text)[k_] == '#' ? fg : bg)

static void text(void)
{
    struct bench b = bench();
    struct screen_mode m;
    struct screen_cell cells[80 * 25];
    int cursor;
    vga_screen.mode(b.d, &m);
    EQ(m.width, 0); /* nothing before the sequencer runs */
    mode_3(b);
    vga_screen.mode(b.d, &m);
    EQ(m.width, 720);
    EQ(m.height, 400);
    EQ(m.columns, 80);
    EQ(m.rows, 25);
    EQ(m.cell_width, 9);
    EQ(m.cell_height, 16);
    glyph(b, 0, 'A', 3, 0xa1);
    glyph(b, 0, 0xc4, 3, 0xa1);
    glyph(b, 0, 0xb0, 3, 0xa1);
    glyph(b, 0x6000, 'A', 3, 0x3c); /* font 5 */
    cell(b, 81, 'A', 0x1e);
    cell(b, 82, 0xc4, 0x1e);
    cell(b, 83, 0xb0, 0x1e);
    cell(b, 84, 'A', 0x92); /* blinks */
    crtc(b, 0x0f, 83);
    u32 fg = colour(0x3e), bg = colour(1), *p = drawn(b);
    CHECK_DOTS(p, 9, 19, "#.#....#.");
    CHECK_DOTS(p, 18, 19, "#.#....##"); /* line graphics */
    CHECK_DOTS(p, 27, 19, "#.#....#.");
    CHECK_DOTS(p, 27, 29, "#########"); /* the cursor: lines 13 and 14 */
    CHECK_DOTS(p, 27, 30, "#########");
    CHECK_DOTS(p, 27, 31, ".........");
    CHECK_DOTS(p, 27, 28, ".........");
    EQ(p[19 * 720 + 36], colour(2));
    free(p);
    vga_screen.text(b.d, cells, &cursor);
    EQ(cursor, 83);
    EQ(cells[81].code, 'A');
    EQ(cells[81].attribute, 0x1e);
    EQ(cells[81].foreground, fg);
    EQ(cells[81].background, bg);
    CU_ASSERT_FALSE(cells[84].blinked_out);
    pc_run(b.p, 9 * 14268000); /* nine frames on the cursor is gone, seventeen on the character, too */
    vga_screen.text(b.d, cells, &cursor);
    EQ(cursor, -1);
    CU_ASSERT_FALSE(cells[84].blinked_out);
    pc_run(b.p, 8 * 14268000);
    vga_screen.text(b.d, cells, &cursor);
    EQ(cursor, 83);
    CU_ASSERT(cells[84].blinked_out);
    CU_ASSERT_FALSE(cells[81].blinked_out);
    p = drawn(b);
    EQ(p[19 * 720 + 36], colour(1)); /* its background has three bits */
    free(p);
    attr(b, 0x10, 4); /* backgrounds of four bits instead */
    seq(b, 3, 1 << 4 | 1); /* font 5 for attribute bit 3 = 0 */
    crtc(b, 0x0a, 0x20);
    p = drawn(b);
    bg = colour(0x39);
    fg = colour(2);
    CHECK_DOTS(p, 36, 19, "..####...");
    free(p);
    crtc(b, 0x0c, 0); /* one row down, split at line 31 */
    crtc(b, 0x0d, 80);
    crtc(b, 0x07, 0x0f);
    crtc(b, 0x09, 0x0f);
    crtc(b, 0x18, 31);
    seq(b, 3, 0);
    p = drawn(b);
    CHECK_DOTS(p, 36, 3, "#.#....#.");
    CHECK_DOTS(p, 36, 51, "#.#....#."); /* row 1 again, below row 0 */
    vga_screen.text(b.d, cells, &cursor);
    EQ(cells[4].code, 'A');
    EQ(cells[2 * 80 + 84].code, 'A');
    free(p);
    out(b, 0x3c0, 0); /* the palette is for the CPU: only the border's colour is shown */
    attr(b, 0x11, 0x2a);
    (void)in(b, 0x3da);
    out(b, 0x3c0, 0);
    p = drawn(b);
    EQ(p[0], colour(0x2a));
    EQ(p[720 * 400 - 1], colour(0x2a));
    free(p);
    pc_free(b.p);
}

/* Each depth's pixel, and that looking changes nothing. */
static void depths(void)
{
    struct bench b = bench();
    static const struct { u8 bpp; u32 stored, shown; } pixels[] = {
        { 15, 0x7c1f, 0xff00ff }, { 15, 0x4210, 0x848484 }, { 16, 0xf81f, 0xff00ff }, { 16, 0x8410, 0x848284 },
        { 24, 0x123456, 0x123456 }, { 32, 0xff123456, 0x123456 }, { 8, 0x47, 0 },
    };
    mode_3(b);
    for (unsigned i = 0; i < ARRAY_LEN(pixels); i++) {
        dispi(b, DISPI_ENABLE, 0);
        dispi(b, DISPI_XRES, 320);
        dispi(b, DISPI_YRES, 200);
        dispi(b, DISPI_BPP, pixels[i].bpp);
        dispi(b, DISPI_ENABLE, 1);
        dispi(b, DISPI_VIRT_WIDTH, 400);
        dispi(b, DISPI_X_OFFSET, 10);
        dispi(b, DISPI_Y_OFFSET, 20);
        unsigned bytes = (pixels[i].bpp + 7) / 8;
        pci_store(b.p, LFB + (u64)(27 * 400 + 13) * bytes, bytes == 3 ? 4 : bytes, pixels[i].stored);
        u64 hash = pc_hash(b.p);
        u32 *p = drawn(b);
        EQ(p[7 * 320 + 3], pixels[i].bpp == 8 ? colour(0x47) : pixels[i].shown);
        EQ(p[7 * 320 + 5], pixels[i].bpp == 8 ? colour(0) : 0);
        EQ(pc_hash(b.p), hash);
        free(p);
    }
    pc_free(b.p);
}

/* --- noise --------------------------------------------------------------------------------------------------- */

static void look(struct bench b, u32 *pixels, size_t room)
{
    struct screen_mode m;
    u64 hash = pc_hash(b.p);
    vga_screen.mode(b.d, &m);
    CU_ASSERT((u64)m.width * m.height <= (u64)16000 * 12000 && m.columns <= 256 && m.rows <= 2048);
    if ((size_t)m.width * m.height <= room)
        vga_screen.draw(b.d, pixels);
    if (m.columns) {
        struct screen_cell *cells = malloc((size_t)m.columns * m.rows * sizeof *cells);
        int cursor;
        vga_screen.text(b.d, cells, &cursor);
        CU_ASSERT(cursor < (int)(m.columns * m.rows));
        free(cells);
    }
    CU_ASSERT_EQUAL(pc_hash(b.p), hash);
}

static void fuzz(void)
{
    struct bench b = bench();
    u64 seed = 3, v;
    size_t room = 300000;
    u32 *pixels = malloc(room * sizeof *pixels);
    mode_3(b);
    for (unsigned step = 0; step < 300000; step++) {
        u64 r = random_of(&seed), value = random_of(&seed);
        unsigned size = 1u << (r >> 50) % 4;
        u64 port = r >> 8 & 1 ? 0x3b0 + (r >> 16) % 0x30 : 0x1cc + (r >> 16) % 8;
        u64 at = r >> 8 & 1 ? 0xa0000 + (r >> 16) % 0x20000 : r >> 9 & 1 ? LFB + (r >> 16) % (16u << 20)
                                                                          : MMIO + 0x400 + (r >> 16) % 0x220;
        at &= ~(u64)(size - 1);
        if (r >> 8 & 1 && r % 8 < 2) { /* mostly registers that are there */
            static const u16 pairs[] = { 0x3c4, 0x3ce, 0x3d4, 0x3d4, 0x3b4 };
            pci_out(b.p, pairs[value % 5], 2, value >> 8 & 0xff1f);
            continue;
        }
        switch (r % 8) {
        case 0: pci_out(b.p, port, size < 4 ? size : 4, value); break;
        case 1: dispi(b, value % 12, value >> 8 & (value >> 30 & 1 ? 0xffff : 0x3ff)); break;
        case 2: (void)pci_in(b.p, port, size < 4 ? size : 4); break;
        case 3: case 4: pci_store(b.p, at, size, value); break;
        case 5: (void)pci_load(b.p, at, size); break;
        case 6: (void)space_peek(b.p->env.mem, at, &v, size); break;
        default: pc_run(b.p, value % 100000); break;
        }
        if (step % 1000 == 0)
            look(b, pixels, room);
        if (step % 20000 == 0) {
            out(b, 0x3c3, 1);
            out(b, 0x3c2, 0x63);
            seq(b, 0, 3);
        }
    }
    CU_ASSERT(pc_snapshot(b.p));
    look(b, pixels, room);
    memset(b.d->state, 0xff, sizeof(struct vga)); /* a snapshot may hold anything (a bool is 0 or 1, see STATE) */
    vga_of(b.d)->attr_data = true;
    vga_class.loaded(b.d);
    look(b, pixels, room);
    free(pixels);
    pc_free(b.p);
}

static void on_isa(void)
{
    struct pc *p = pci_rig_new();
    struct device *d = pc_build(p, &isa_vga_class, NULL, NULL);
    device_reset(d);
    struct bench b = { p, d };
    mode_3(b);
    EQ(dispi_in(b, DISPI_MEMORY), 128);
    pci_store(p, ISA_VGA_FRAMEBUFFER + 8, 4, 0x12345678);
    EQ(load_le(vga_ram(d)->host + 8, 4), 0x12345678);
    CU_ASSERT(pc_snapshot(p));
    EQ(pci_load(p, ISA_VGA_FRAMEBUFFER + 8, 4), 0x12345678);
    struct err e;
    /* The ports are taken. */
    CU_ASSERT_FALSE(vga_class.build(device_new(&p->env, &vga_class, "/second", NULL, &e), &e));
    struct prop_value odd = { "vgamem_mb", "3", NULL };
    CU_ASSERT_FALSE(vga_class.build(device_new(&p->env, &vga_class, "/third", &odd, &e), &e));
    pc_free(p);
}

int main(void)
{
    CU_TestInfo tests[] = {
        { "is found on the PCI bus", is_found },
        { "indexed registers", indexed_registers },
        { "ports that move, sleep, base address 2", ports_move },
        { "attribute port", attribute_port },
        { "DAC", dac },
        { "planes", planes },
        { "peeks leave the latches alone", peeks_leave_the_latches },
        { "Bochs display interface", bochs },
        { "retrace", retrace },
        { "text", text },
        { "depths", depths },
        { "isa-vga", on_isa },
        { "noise", fuzz },
        CU_TEST_INFO_NULL,
    };
    return unit_main("vga", tests);
}
