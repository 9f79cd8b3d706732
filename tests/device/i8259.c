/* Two 8259As as on a PC, alone and beside QEMU's. */
#include "iodev/intc/i8259.h"

#include "tests/device/pc_rig.h"
#include "tests/device/qtest.h"

enum { M = 0x20, S = 0xa0 };

static struct prop_value slave_prop = { "slave", "on", NULL };

struct pics {
    struct pc *pc;
    struct device *m, *s;
};

static void init(struct pc *pc, u8 icw4)
{
    outb(pc, M, 0x11);
    outb(pc, M + 1, 0x08);
    outb(pc, M + 1, 0x04);
    outb(pc, M + 1, icw4);
    outb(pc, S, 0x11);
    outb(pc, S + 1, 0x70);
    outb(pc, S + 1, 0x02);
    outb(pc, S + 1, icw4 & ~0x10);
}

static struct pics pics(u8 icw4)
{
    struct pics t = { .pc = pc_new(PC_HZ) };
    t.m = pc_add(t.pc, &i8259_class, NULL, NULL);
    t.s = pc_add(t.pc, &i8259_class, &slave_prop, NULL);
    i8259_set_slave(t.m, t.s);
    t.s->out[0] = device_irq_input(t.m, 2);
    pc_map(t.m, 0, M);
    pc_map(t.s, 0, S);
    pc_map(t.m, 1, 0x4d0);
    pc_map(t.s, 1, 0x4d1);
    if (icw4)
        init(t.pc, icw4);
    return t;
}

static void irq(struct pics *t, unsigned n, bool level)
{
    if (n < 8)
        t->m->cls->irq_in(t->m, n, level);
    else
        t->s->cls->irq_in(t->s, n - 8, level);
}

static bool intr(struct pics *t)
{
    return t->pc->out[0][0];
}

static void in_service(void)
{
    struct pics t = pics(1);
    EQ(intr(&t), 0);
    irq(&t, 5, 1);
    EQ(intr(&t), 1);
    EQ(inb(t.pc, M), 0x20);
    EQ(i8259_acknowledge(t.m), 0x0d);
    EQ(intr(&t), 0);
    EQ(inb(t.pc, M), 0);
    outb(t.pc, M, 0x0b);
    EQ(inb(t.pc, M), 0x20);
    irq(&t, 6, 1); /* lower: waits */
    EQ(intr(&t), 0);
    irq(&t, 1, 1); /* higher: nests */
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x09);
    EQ(pc_reg(t.m, "ISR"), 0x22);
    outb(t.pc, M, 0x20);
    EQ(pc_reg(t.m, "ISR"), 0x20);
    EQ(intr(&t), 0);
    outb(t.pc, M, 0x65); /* specific EOI of 5 */
    EQ(pc_reg(t.m, "ISR"), 0);
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x0e);
    CU_ASSERT(pc_snapshot(t.pc));
    pc_free(t.pc);
}

static void cascade(void)
{
    struct pics t = pics(1);
    irq(&t, 12, 1);
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x74);
    EQ(pc_reg(t.m, "ISR"), 4);
    EQ(pc_reg(t.s, "ISR"), 0x10);
    irq(&t, 8, 1); /* better, but the master has the slave in service */
    EQ(intr(&t), 0);
    outb(t.pc, S, 0x20);
    outb(t.pc, M, 0x20);
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x70);
    outb(t.pc, S, 0x20);
    outb(t.pc, M, 0x20);
    EQ(intr(&t), 0);
    /* Two requests of the slave, one after the other: each is a new edge at the master. */
    irq(&t, 9, 1);
    irq(&t, 10, 1);
    EQ(i8259_acknowledge(t.m), 0x71);
    outb(t.pc, S, 0x20);
    outb(t.pc, M, 0x20);
    EQ(i8259_acknowledge(t.m), 0x72);
    pc_free(t.pc);
}

static void special_fully_nested(void)
{
    struct pics t = pics(0x11);
    irq(&t, 12, 1);
    EQ(i8259_acknowledge(t.m), 0x74);
    irq(&t, 8, 1);
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x70);
    EQ(pc_reg(t.s, "ISR"), 0x11);
    pc_free(t.pc);
}

static void edge_and_level(void)
{
    struct pics t = pics(1);
    irq(&t, 5, 1);
    i8259_acknowledge(t.m);
    outb(t.pc, M, 0x20);
    EQ(intr(&t), 0); /* an edge counts once */
    irq(&t, 5, 0);
    irq(&t, 5, 1);
    EQ(intr(&t), 1);
    irq(&t, 5, 0); /* gone before it was taken */
    EQ(intr(&t), 0);
    EQ(i8259_acknowledge(t.m), 0x0f); /* spurious */
    EQ(pc_reg(t.m, "ISR"), 0);
    outb(t.pc, 0x4d0, 0xff); /* 0, 1 and 2 are always edges */
    outb(t.pc, 0x4d1, 0xff);
    EQ(inb(t.pc, 0x4d0), 0xf8);
    EQ(inb(t.pc, 0x4d1), 0xde);
    irq(&t, 5, 1);
    EQ(i8259_acknowledge(t.m), 0x0d);
    EQ(intr(&t), 0);
    outb(t.pc, M, 0x20);
    EQ(intr(&t), 1); /* still there */
    irq(&t, 5, 0);
    EQ(intr(&t), 0);
    pc_free(t.pc);
}

static void spurious_of_the_slave(void)
{
    struct pics t = pics(1);
    irq(&t, 2, 1); /* as if the slave's request vanished between the two INTA pulses */
    EQ(i8259_acknowledge(t.m), 0x77);
    EQ(pc_reg(t.s, "ISR"), 0);
    EQ(pc_reg(t.m, "ISR"), 4);
    outb(t.pc, S + 1, 0);
    pc_free(t.pc);
}

static void masks(void)
{
    struct pics t = pics(1);
    outb(t.pc, M + 1, 0x10);
    EQ(inb(t.pc, M + 1), 0x10);
    irq(&t, 4, 1);
    EQ(intr(&t), 0);
    EQ(inb(t.pc, M), 0x10);
    outb(t.pc, M + 1, 0);
    EQ(intr(&t), 1);
    i8259_acknowledge(t.m);
    irq(&t, 7, 1);
    EQ(intr(&t), 0);
    outb(t.pc, M, 0x68); /* special mask mode */
    outb(t.pc, M + 1, 0x10);
    EQ(intr(&t), 1);
    EQ(i8259_acknowledge(t.m), 0x0f);
    EQ(pc_reg(t.m, "ISR"), 0x90);
    outb(t.pc, M, 0x20); /* leaves the masked one */
    EQ(pc_reg(t.m, "ISR"), 0x10);
    outb(t.pc, M, 0x20);
    EQ(pc_reg(t.m, "ISR"), 0x10);
    outb(t.pc, M, 0x48); /* and back */
    EQ(pc_reg(t.m, "SPECIAL_MASK"), 0);
    outb(t.pc, M, 0x20);
    EQ(pc_reg(t.m, "ISR"), 0);
    pc_free(t.pc);
}

static void rotation(void)
{
    struct pics t = pics(1);
    irq(&t, 4, 1);
    irq(&t, 6, 1);
    EQ(i8259_acknowledge(t.m), 0x0c);
    outb(t.pc, M, 0xa0); /* rotate on non-specific EOI */
    EQ(pc_reg(t.m, "LOWEST"), 4);
    EQ(i8259_acknowledge(t.m), 0x0e);
    outb(t.pc, M, 0xe6); /* rotate on specific EOI */
    EQ(pc_reg(t.m, "LOWEST"), 6);
    EQ(pc_reg(t.m, "ISR"), 0);
    outb(t.pc, M, 0xc0); /* set priority */
    irq(&t, 0, 1);
    irq(&t, 1, 1);
    EQ(i8259_acknowledge(t.m), 0x09);
    EQ(intr(&t), 0);
    outb(t.pc, M, 0x20);
    EQ(i8259_acknowledge(t.m), 0x08);
    pc_free(t.pc);
}

static void automatic_eoi(void)
{
    struct pics t = pics(3);
    irq(&t, 4, 1);
    irq(&t, 3, 1);
    EQ(i8259_acknowledge(t.m), 0x0b);
    EQ(pc_reg(t.m, "ISR"), 0);
    EQ(intr(&t), 1);
    outb(t.pc, M, 0x80); /* rotate in AEOI mode */
    EQ(i8259_acknowledge(t.m), 0x0c);
    EQ(pc_reg(t.m, "LOWEST"), 4);
    outb(t.pc, M, 0x00);
    irq(&t, 9, 1);
    irq(&t, 10, 1);
    EQ(i8259_acknowledge(t.m), 0x71);
    EQ(i8259_acknowledge(t.m), 0x72);
    EQ(intr(&t), 0);
    pc_free(t.pc);
}

static void poll(void)
{
    struct pics t = pics(1);
    irq(&t, 3, 1);
    outb(t.pc, M, 0x0c);
    EQ(peekb(t.pc, M), 0x83);
    EQ(peekb(t.pc, M), 0x83);
    EQ(inb(t.pc, M), 0x83);
    EQ(pc_reg(t.m, "ISR"), 8);
    EQ(inb(t.pc, M), 0); /* IRR again */
    outb(t.pc, M, 0x0c);
    EQ(inb(t.pc, M + 1), 7);
    EQ(inb(t.pc, M + 1), 0);
    pc_free(t.pc);
}

static void initialization(void)
{
    struct pics t = pics(1);
    irq(&t, 3, 1);
    outb(t.pc, M + 1, 0xf0);
    i8259_acknowledge(t.m);
    outb(t.pc, M, 0x13); /* single: no ICW3 */
    EQ(pc_reg(t.m, "ISR"), 0);
    EQ(pc_reg(t.m, "IMR"), 0);
    EQ(pc_reg(t.m, "IRR"), 0); /* the edge is forgotten though the line is high */
    outb(t.pc, M + 1, 0x47);
    outb(t.pc, M + 1, 0x01);
    outb(t.pc, M + 1, 0x80); /* the mask */
    EQ(inb(t.pc, M + 1), 0x80);
    irq(&t, 3, 0);
    irq(&t, 3, 1);
    EQ(i8259_acknowledge(t.m), 0x43);
    outb(t.pc, M, 0x12); /* without ICW4: MCS-80 */
    outb(t.pc, M + 1, 0x47);
    EQ(pc_reg(t.m, "EXPECT"), 0);
    device_reset(t.m);
    EQ(pc_reg(t.m, "LINES"), 8);
    EQ(pc_reg(t.m, "LOWEST"), 7);
    u64 v;
    EQ(space_read(t.pc->env.io, M, 2, &v), MEM_FAULT);
    pc_free(t.pc);
}

/* The words that the two must agree on; what differs by the data sheet (a pulse shorter than an acknowledge, a poll
 * without request, non-specific EOI of masked inputs in special mask mode, LTIM) is kept out; so is the cascade, whose
 * line is such a pulse: masked, its request bit not compared. */
static void beside_qemu(void)
{
    static const char *const extra[] = { "-device", "pc-testdev", NULL };
    static const u8 ocw2[] = { 0x00, 0x20, 0x20, 0x20, 0x60, 0x80, 0xa0, 0xc0, 0xe0 };
    struct qtest q;
    if (!qtest_start(&q, extra))
        return;
    struct pics t = pics(0);
    u64 seed = 7;
    unsigned different = 0;
    for (unsigned s = 0; s < 8000 && !different; s++) {
        u16 port = pc_random(&seed) & 1 ? M : S;
        struct device *d = port == M ? t.m : t.s;
        u8 bytes[5], n = 0, first = 0;
        switch (s ? pc_random(&seed) % 400 : 0) {
        case 0: /* initialize both */
            for (unsigned k = 0; k < 2; k++) {
                u8 icw4 = 1 | (pc_random(&seed) & 2) | (k || pc_random(&seed) & 1 ? 0 : 0x10);
                u8 words[] = { 0x11, k ? 0x70 : 0x08, k ? 2 : 4, icw4, k ? 0 : 4 };
                for (unsigned i = 0; i < 5; i++) {
                    outb(t.pc, (k ? S : M) + !!i, words[i]);
                    qtest_outb(&q, (k ? S : M) + !!i, words[i]);
                }
            }
            break;
        case 1 ... 80: {
            unsigned line = (unsigned)(pc_random(&seed) % 16);
            struct device *at = line < 8 ? t.m : t.s;
            bool high = pc_reg(at, "LINES") >> (line & 7) & 1, pending = pc_reg(at, "IRR") >> (line & 7) & 1;
            if (line == 2 || (high && pending && !(pc_reg(at, "ELCR") >> (line & 7) & 1)))
                break;
            irq(&t, line, !high);
            qtest_outb(&q, 0x2000 + line, !high);
            break;
        }
        case 81 ... 200: bytes[n++] = ocw2[pc_random(&seed) % ARRAY_LEN(ocw2)] | (pc_random(&seed) & 7); break;
        case 201 ... 220: bytes[n++] = 0x08 | (pc_random(&seed) & 3); break;
        case 221 ... 240: {
            u8 v = (u8)(pc_random(&seed) & pc_random(&seed)) | (port == M ? 4 : 0);
            outb(t.pc, port + 1, v);
            qtest_outb(&q, port + 1, v);
            break;
        }
        case 241 ... 300: /* a poll that finds something */
            if (pc_reg(d, "INT")) {
                bytes[n++] = 0x0c;
                first = 1;
            }
            break;
        default: first = 1; break;
        }
        for (unsigned i = 0; i < n; i++) {
            outb(t.pc, port, bytes[i]);
            qtest_outb(&q, port, bytes[i]);
        }
        for (unsigned i = 0; first && i < 4; i++) {
            u16 from = i < 2 ? port + (u16)i : (port ^ 0x80) + (u16)(i & 1);
            u8 ours = inb(t.pc, from), theirs = qtest_inb(&q, from);
            if ((ours ^ theirs) & (from == M ? ~4 : ~0)) {
                fprintf(stderr, "step %u port 0x%x: 0x%02x, QEMU 0x%02x\n", s, from, ours, theirs);
                different++;
            }
        }
    }
    CU_ASSERT_EQUAL(different, 0);
    qtest_end(&q);
    pc_free(t.pc);
}

static void fuzz(void)
{
    struct pics t = pics(1);
    for (unsigned i = 0; i < 10; i++) {
        pc_fuzz(t.pc, i, 30000, 10);
        i8259_acknowledge(t.m);
    }
    pc_free(t.pc);
}

int main(void)
{
    return unit_main("i8259", (CU_TestInfo[]){ { "in service", in_service },
                                               { "cascade", cascade },
                                               { "special fully nested", special_fully_nested },
                                               { "edge and level", edge_and_level },
                                               { "spurious of the slave", spurious_of_the_slave },
                                               { "masks, special mask mode", masks },
                                               { "rotation", rotation },
                                               { "automatic EOI", automatic_eoi },
                                               { "poll", poll },
                                               { "initialization", initialization },
                                               { "beside QEMU", beside_qemu },
                                               { "fuzz", fuzz },
                                               CU_TEST_INFO_NULL });
}
