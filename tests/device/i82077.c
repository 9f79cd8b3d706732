/* The floppy controller with its drives and DMA channel 2, through ports 0x3f0 to 0x3f7. */
#include "iodev/block/i82077.h"

#include "base/hash.h"
#include "base/rng.h"
#include "tests/device/ide_rig.h"

#define BUF 0x20000 /* below 16 MiB, where the page register reaches */

struct fr {
    struct rig *r;
    struct device *low, *wide, *drive[2];
    struct mem_disk disk[2];
    struct ram *ram;
};

static struct device *make(struct fr *f, const struct device_class *cls, const char *path)
{
    struct err e = { "" };
    struct device *d = device_new(&f->r->env, cls, path, NULL, &e);
    if (!d || (cls->build && !cls->build(d, &e)))
        rig_die(&e);
    device_reset(d);
    return d;
}

static struct fr *fdc(u64 size_a, u64 size_b)
{
    struct err e = { "" };
    struct rig *r = rig_begin(&i82077_class, NULL);
    struct fr *f = ARENA_NEW(r->arena, struct fr);
    u64 size[2] = { size_a, size_b };
    f->r = r;
    f->ram = ram_new(r->arena, "low", 1 << 20, false, &e);
    if (!f->ram || !space_add_ram(r->env.mem, 0, f->ram, &e))
        rig_die(&e);
    f->low = make(f, &i8237_class, "/dma0");
    f->wide = make(f, &i8237_wide_class, "/dma1");
    i8237_set_cascade(f->low, f->wide);
    rig_finish(r);
    if (!device_map(r->d, 1, r->env.mem, RIG_BASE + 7, &e))
        rig_die(&e);
    for (unsigned i = 0; i < 2; i++) {
        if (size[i] == 1)
            continue;
        f->drive[i] = device_new(&r->env, &floppy_class, i ? "/b" : "/a", NULL, &e);
        if (size[i]) {
            md_make(r->arena, &f->disk[i], size[i]);
            f->drive[i]->drive = &f->disk[i].port;
        }
        if (!floppy_class.build(f->drive[i], &e) || !fdc_plug(r->d, f->drive[i], &e))
            rig_die(&e);
        device_reset(f->drive[i]);
    }
    fdc_connect_dma(r->d, i8237_port(f->low, f->wide, 2));
    device_bank_write(f->wide, 0, 0x16, 1, 0xc0); /* mode: cascade */
    device_bank_write(f->wide, 0, 0x14, 1, 0);    /* unmask it */
    return f;
}

static u64 in(struct fr *f, unsigned port) { return rig_read(f->r, port, 1); }
static void out(struct fr *f, unsigned port, u8 v) { rig_write(f->r, port, 1, v); }

static void dma(struct fr *f, u8 mode, u32 at, u32 len)
{
    device_bank_write(f->low, 0, 0xb, 1, mode | 2);
    device_bank_write(f->low, 0, 0xc, 1, 0);
    device_bank_write(f->low, 0, 4, 1, at & 0xff);
    device_bank_write(f->low, 0, 4, 1, at >> 8 & 0xff);
    device_bank_write(f->low, 0, 5, 1, (len - 1) & 0xff);
    device_bank_write(f->low, 0, 5, 1, (len - 1) >> 8 & 0xff);
    device_bank_write(f->low, 1, 0, 1, at >> 16); /* port 0x81 */
    device_bank_write(f->low, 0, 0xa, 1, 2);
}
#define TO_MEMORY 0x44
#define FROM_MEMORY 0x48

static void cmd(struct fr *f, unsigned n, const u8 *b)
{
    for (unsigned i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(in(f, 4) & 0xc0, 0x80);
        out(f, 5, b[i]);
    }
}
#define CMD(f, ...) cmd(f, sizeof((u8[]){ __VA_ARGS__ }), (u8[]){ __VA_ARGS__ })

static bool answers(struct fr *f, const char *hex)
{
    char got[64] = "";
    for (size_t n = 0; (in(f, 4) & 0xd0) == 0xd0 && n < 60;)
        n += (size_t)snprintf(got + n, sizeof got - n, n ? " %02x" : "%02x", (unsigned)in(f, 5));
    if (strcmp(got, hex))
        fprintf(stderr, "got \"%s\", want \"%s\"\n", got, hex);
    return !strcmp(got, hex);
}

static bool irq(struct fr *f)
{
    for (unsigned i = 0; i < 2000 && !f->r->out[0]; i++)
        rig_run(f->r, 1000000);
    return f->r->out[0];
}

static void up(struct fr *f)
{
    CU_ASSERT_EQUAL(in(f, 4), 0);
    out(f, 2, 0x3c);
    CU_ASSERT(f->r->out[0]);
    for (unsigned i = 0; i < 4; i++) {
        CMD(f, 8);
        char want[8];
        snprintf(want, sizeof want, "c%u 00", i);
        CU_ASSERT(answers(f, want));
    }
    CU_ASSERT_FALSE(f->r->out[0]);
    out(f, 7, 0);
    CMD(f, 3, 0xdf, 2);
    CMD(f, 7, 0);
    CU_ASSERT_EQUAL(in(f, 4), 0x81);
    CU_ASSERT(irq(f));
    CMD(f, 8);
    CU_ASSERT(answers(f, "20 00"));
    CMD(f, 8);
    CU_ASSERT(answers(f, "80"));
}

static void control(void)
{
    struct fr *f = fdc(1474560, 1);
    CU_ASSERT_EQUAL(in(f, 7), 0x80); /* the change line, until a step */
    up(f);
    CU_ASSERT_EQUAL(in(f, 7), 0);
    f->r->env.channels->deliver(f->r->env.channels->opaque, (const u8 *)"m", 1);
    CU_ASSERT_EQUAL(in(f, 7), 0x80);
    CMD(f, 0x10);
    CU_ASSERT(answers(f, "90"));
    CMD(f, 0x11); /* SCAN EQUAL */
    CU_ASSERT(answers(f, "80"));
    CMD(f, 0x18);
    CU_ASSERT(answers(f, "80"));
    CMD(f, 4, 4);
    CU_ASSERT(answers(f, "3c"));
    CMD(f, 0x13, 0, 0x47, 9);
    CMD(f, 0x94);
    CU_ASSERT(answers(f, "10"));
    CMD(f, 0x12, 0x84);
    CMD(f, 15, 0, 40);
    CU_ASSERT(irq(f));
    CMD(f, 8);
    CU_ASSERT(answers(f, "20 28"));
    CU_ASSERT_EQUAL(in(f, 7), 0);
    CMD(f, 0x8f, 0, 5);
    CU_ASSERT(irq(f));
    CMD(f, 8);
    CU_ASSERT(answers(f, "20 23"));
    CMD(f, 14);
    CU_ASSERT(answers(f, "23 00 00 00 df 02 00 84 47 09"));
    out(f, 4, 0x80); /* software reset: LOCK keeps the configuration */
    CMD(f, 8);
    CU_ASSERT(answers(f, "c0 23"));
    CMD(f, 14);
    CU_ASSERT(answers(f, "23 00 00 00 df 02 00 84 47 09"));
    CMD(f, 7, 1); /* nobody there */
    CU_ASSERT(irq(f));
    CMD(f, 8);
    CU_ASSERT(answers(f, "71 00"));
    CU_ASSERT_EQUAL(rig_read(f->r, 0, 1), 0xbadbadbadu);
    CU_ASSERT_EQUAL(fdc_cmos_type(f->r->d, 0), 4);
    CU_ASSERT_EQUAL(fdc_cmos_type(f->r->d, 1), 0);
    rig_free(f->r);
}

static void reading(void)
{
    struct fr *f = fdc(1474560, 737280);
    u8 *ram = f->ram->host + BUF;
    up(f);
    dma(f, TO_MEMORY, BUF, 1024);
    CMD(f, 0xe6, 0, 0, 0, 18, 2, 18, 0x1b, 0xff); /* over the end of side 0 */
    CU_ASSERT_EQUAL(in(f, 4), 0x10);
    CU_ASSERT(rig_snapshot(f->r));
    CU_ASSERT(irq(f));
    CU_ASSERT(rig_snapshot(f->r));
    CU_ASSERT(answers(f, "04 00 00 00 01 02 02"));
    CU_ASSERT_EQUAL(memcmp(ram, f->disk[0].bytes + 17 * 512, 1024), 0);
    CU_ASSERT_FALSE(f->r->out[0]);
    CMD(f, 15, 0, 79); /* the last track, and a channel that is unmasked late */
    irq(f);
    CMD(f, 8);
    CU_ASSERT(answers(f, "20 4f"));
    device_bank_write(f->low, 0, 0xa, 1, 6);
    CMD(f, 0x46, 4, 79, 1, 17, 2, 18, 0x1b, 0xff);
    rig_run(f->r, 100000000);
    CU_ASSERT_FALSE(f->r->out[0]);
    dma(f, TO_MEMORY, BUF, 4096);
    CU_ASSERT(irq(f)); /* end of cylinder before the terminal count */
    CU_ASSERT(answers(f, "44 80 00 50 01 01 02"));
    CU_ASSERT_EQUAL(memcmp(ram, f->disk[0].bytes + 1474560 - 1024, 1024), 0);
    CMD(f, 0x4a, 4);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "04 00 00 4f 01 01 02"));
    CMD(f, 0x46, 0, 3, 0, 1, 2, 18, 0x1b, 0xff); /* another cylinder than the head's */
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "40 04 10 03 00 01 02"));
    CMD(f, 0x46, 0, 79, 0, 19, 2, 20, 0x1b, 0xff);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "40 04 00 4f 00 13 02"));
    out(f, 2, 0x3d); /* drive B holds 720 KB: 250 Kbit/s */
    CMD(f, 0x4a, 1);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "41 01 00 00 00 00 00"));
    out(f, 7, 2);
    CMD(f, 0x4a, 1);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "01 00 00 00 00 01 02"));
    CMD(f, 0xf6, 0x81, 0, 0, 1, 2, 9, 0x1b, 3); /* VERIFY three sectors */
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "01 00 00 00 00 04 02"));
    f->disk[1].fail = true;
    CMD(f, 0x46, 1, 0, 0, 1, 2, 9, 0x1b, 0xff);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "41 20 20 00 00 01 02"));
    rig_free(f->r);
}

static void writing(void)
{
    struct fr *f = fdc(1474560, 0);
    u8 *ram = f->ram->host + BUF;
    up(f);
    for (unsigned i = 0; i < 700; i++)
        ram[i] = (u8)(i * 5 + 3);
    dma(f, FROM_MEMORY, BUF, 700); /* the rest of the second sector becomes zeroes */
    CMD(f, 0xc5, 0, 0, 0, 2, 2, 18, 0x1b, 0xff);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "00 00 00 00 00 04 02"));
    CU_ASSERT_EQUAL(memcmp(f->disk[0].bytes + 512, ram, 700), 0);
    for (unsigned i = 700; i < 1024; i++)
        CU_ASSERT_EQUAL(f->disk[0].bytes[512 + i], 0);
    for (unsigned i = 0; i < 18; i++)
        memcpy(ram + 4 * i, (u8[]){ 0, 1, (u8)(i + 1), 2 }, 4);
    dma(f, FROM_MEMORY, BUF, 18 * 4);
    CMD(f, 0x4d, 4, 2, 18, 0x54, 0xf6);
    CU_ASSERT(irq(f));
    CU_ASSERT_EQUAL(in(f, 5), 4);
    CU_ASSERT_EQUAL(in(f, 5), 0);
    for (unsigned i = 0; i < 5; i++)
        in(f, 5);
    for (unsigned i = 18 * 512; i < 36 * 512; i++)
        CU_ASSERT_EQUAL(f->disk[0].bytes[i], 0xf6);
    f->disk[0].port.read_only = true;
    CMD(f, 0xc5, 0, 0, 0, 2, 2, 18, 0x1b, 0xff);
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "40 02 00 00 00 02 02"));
    CMD(f, 4, 0);
    CU_ASSERT(answers(f, "78"));
    CMD(f, 0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff); /* drive B is empty */
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "41 01 00 00 00 01 02"));
    rig_free(f->r);
}

static void without_dma(void)
{
    struct fr *f = fdc(1474560, 1);
    up(f);
    CMD(f, 3, 0xdf, 3);
    CMD(f, 0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 1024; i++) {
        CU_ASSERT(irq(f));
        CU_ASSERT_EQUAL(in(f, 4), 0xf0);
        CU_ASSERT_EQUAL(in(f, 5), f->disk[0].bytes[16 * 512 + i]);
    }
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "40 80 00 01 00 01 02"));
    CMD(f, 0x45, 0, 0, 0, 18, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 512; i++) {
        CU_ASSERT(irq(f));
        CU_ASSERT_EQUAL(in(f, 4), 0xb0);
        out(f, 5, (u8)~i);
    }
    CU_ASSERT(irq(f));
    CU_ASSERT(answers(f, "40 80 00 01 00 01 02"));
    for (unsigned i = 0; i < 512; i++)
        CU_ASSERT_EQUAL(f->disk[0].bytes[17 * 512 + i], (u8)~i);
    rig_free(f->r);
}

static u64 mad(u64 seed)
{
    static const u8 codes[] = { 0xe6, 0xc5, 0x4d, 0x4a, 7, 8, 3, 4, 15, 0x8f, 0xcf, 0x13, 0x10, 14, 0x12, 0x94, 0xf6, 0x42 };
    struct fr *f = fdc(1474560, 737280);
    u64 seen = 0, done = 0;
    out(f, 2, 0x3c);
    out(f, 7, 0);
    for (unsigned n = 0; n < 60000; n++) {
        u64 x = rng_next(&seed), v = rng_next(&seed);
        switch (x & 15) {
        case 0: out(f, x >> 4 & 7, (u8)v); break;
        case 1: out(f, 2, (u8)(v | (v & 0x700 ? 0x3c : 0))); break;
        case 2: out(f, 7, (u8)v & 3); break;
        case 3: dma(f, v & 1 ? TO_MEMORY : FROM_MEMORY, (u32)(v >> 8) % 0xff000, 1 + (v >> 40) % 8192); break;
        case 4: case 5: rig_run(f->r, v % 3000000); break;
        case 6: seen = hash_u64(in(f, x >> 4 & 7), seen); break;
        case 7: case 8:
            for (unsigned i = 0; i < 12; i++)
                seen = hash_u64(in(f, 5), seen);
            break;
        case 9:
            for (unsigned i = 0; i < (v & 1023); i++)
                out(f, 5, (u8)(v >> 16));
            break;
        case 10: /* likely sectors */
            out(f, 5, codes[(v >> 50) % sizeof codes]);
            out(f, 5, v & 5);
            out(f, 5, v >> 8 & 1);
            out(f, 5, v >> 2 & 1);
            out(f, 5, 1 + (v >> 16) % 18);
            out(f, 5, 2);
            out(f, 5, 18);
            out(f, 5, 0x1b);
            out(f, 5, 0xff);
            rig_run(f->r, 1000000);
            done += f->r->out[0];
            break;
        case 11: out(f, 5, codes[v % sizeof codes]); break;
        case 12:
            if (!(v & 63))
                CU_ASSERT(rig_snapshot(f->r));
            break;
        default:
            if (!(v & 0xffff)) {
                for (const struct state_field *s = f->r->d->cls->state; s->name; s++)
                    if (s->count == 1 && rng_next(&seed) & 1)
                        state_set(s, f->r->d->state, 0, rng_next(&seed) >> (rng_next(&seed) % 64));
                f->r->d->cls->loaded(f->r->d);
            }
            out(f, 5, (u8)v);
        }
    }
    CU_ASSERT(done > 50);
    seen ^= rig_hash(f->r);
    rig_free(f->r);
    return seen;
}

static void fuzz(void)
{
    for (u64 seed = 1; seed <= 4; seed++)
        CU_ASSERT_EQUAL(mad(seed), mad(seed));
}

int main(void)
{
    return unit_main("i82077", (CU_TestInfo[]){
        { "control", control }, { "reading", reading }, { "writing", writing }, { "without DMA", without_dma },
        { "fuzz", fuzz }, CU_TEST_INFO_NULL });
}
