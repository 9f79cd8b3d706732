/* The small devices of the PC: ports 0x80, 0x92 and 0xe9, isa-debug-exit, pvpanic, pc-testdev, the parallel port. */
#include "iodev/char/parallel.h"
#include "iodev/misc/isa-debug-exit.h"
#include "iodev/misc/isa-debugcon.h"
#include "iodev/misc/pc-testdev.h"
#include "iodev/misc/port92.h"
#include "iodev/misc/post-code.h"
#include "iodev/misc/pvpanic.h"

#include "tests/device/pc_rig.h"

struct printer {
    struct char_port port; /* first */
    char text[64];
    size_t n;
};

static void print(struct char_port *c, const u8 *bytes, size_t n)
{
    struct printer *p = (struct printer *)c;
    for (size_t i = 0; i < n && p->n + 1 < sizeof p->text; i++)
        p->text[p->n++] = (char)bytes[i];
}

static unsigned last, calls;

static void hear_u32(void *opaque, u32 v)
{
    ++calls;
    last = v;
}

static void hear_unsigned(void *opaque, unsigned v)
{
    ++calls;
    last = v;
}

static void hear_bool(void *opaque, bool v)
{
    ++calls;
    last = v;
}

static void hear(void *opaque)
{
    ++calls;
    last = 77;
}

static void port_92(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct device *d = pc_add(p, &port92_class, NULL, NULL);
    pc_map(d, 0, 0x92);
    port92_set_hooks(d, hear_bool, hear, NULL);
    calls = 0;
    outb(p, 0x92, 0xfe);
    EQ(calls, 1);
    EQ(last, 1);
    EQ(inb(p, 0x92), 2);
    CU_ASSERT(port92_a20(d));
    outb(p, 0x92, 3);
    EQ(calls, 2);
    EQ(last, 77);
    outb(p, 0x92, 3); /* only the edge counts */
    EQ(calls, 2);
    outb(p, 0x92, 1);
    EQ(calls, 3);
    EQ(last, 0);
    device_reset(d);
    EQ(inb(p, 0x92), 0);
    pc_fuzz(p, 1, 1000, 10);
    pc_free(p);
}

static void heard(void *opaque, const struct event *ev)
{
    if (!strcmp(ev->type->name, "post.code"))
        *(u64 *)opaque = ev->value[0].u;
}

static void post(void)
{
    struct pc *p = pc_new(PC_HZ);
    pc_map(pc_add(p, &post_code_class, NULL, NULL), 0, 0x80);
    u64 code = 0;
    struct event_listener l = { "post.", heard, &code, NULL };
    event_listen(&p->bus, &l);
    outb(p, 0x80, 0x42);
    EQ(code, 0x42);
    EQ(inb(p, 0x80), 0x42);
    pc_free(p);
}

static void debugcon(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct printer printer = { .port = { .write = print } };
    struct prop_value base = { "iobase", "0x402", NULL };
    pc_add(p, &isa_debugcon_class, NULL, &printer.port);
    pc_add(p, &isa_debugcon_class, &base, NULL);
    EQ(inb(p, 0xe9), 0xe9);
    EQ(inb(p, 0x402), 0xe9);
    outb(p, 0xe9, 'h');
    outb(p, 0xe9, 'i');
    outb(p, 0x402, '!'); /* nobody listens */
    CU_ASSERT_STRING_EQUAL(printer.text, "hi");
    pc_fuzz(p, 1, 1000, 10);
    pc_free(p);
}

static void debug_exit(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct prop_value size = { "iosize", "4", NULL }, base = { "iobase", "0xf4", &size };
    struct device *d = pc_add(p, &isa_debug_exit_class, &base, NULL);
    isa_debug_exit_set_hook(d, hear_u32, NULL);
    outb(p, 0xf4, 0x10);
    EQ(last, 0x21);
    outb(p, 0xf6, 3);
    EQ(last, 7);
    EQ(space_write(p->env.io, 0xf4, 4, 0x12345), MEM_OK);
    EQ(last, 0x2468b);
    EQ(inb(p, 0xf4), 0);
    d = pc_add(p, &isa_debug_exit_class, NULL, NULL);
    EQ(d->window[0].base, 0x501);
    EQ(d->window[0].size, 2);
    pc_fuzz(p, 1, 1000, 10);
    /* What cannot be mapped is told. */
    struct err e = { "" };
    struct prop_value far = { "iobase", "0xffff", NULL };
    d = device_new(&p->env, &isa_debug_exit_class, "/far", &far, &e);
    CU_ASSERT(d && !d->cls->build(d, &e));
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, "0xffff"));
    struct prop_value none = { "iosize", "0", NULL };
    d = device_new(&p->env, &isa_debug_exit_class, "/none", &none, &e);
    CU_ASSERT(d && !d->cls->build(d, &e));
    d = device_new(&p->env, &isa_debug_exit_class, "/same", NULL, &e);
    CU_ASSERT(d && !d->cls->build(d, &e));
    pc_free(p);
}

static void panics(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct device *d = pc_add(p, &pvpanic_class, NULL, NULL);
    pvpanic_set_hook(d, hear_unsigned, NULL);
    EQ(inb(p, 0x505), 3);
    calls = 0;
    outb(p, 0x505, 1);
    EQ(last, PVPANIC_PANICKED);
    outb(p, 0x505, 2);
    EQ(last, PVPANIC_CRASH_LOADED);
    outb(p, 0x505, 4);
    EQ(calls, 2);
    EQ(pc_reg(d, "LAST"), 4);
    pc_fuzz(p, 1, 1000, 10);
    pc_free(p);
}

static void testdev(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct device *d = pc_add(p, &pc_testdev_class, NULL, NULL);
    u64 v;
    EQ(space_write(p->env.io, 0xe0, 4, 0x12345678), MEM_OK);
    EQ(inb(p, 0xe1), 0x56);
    EQ(inb(p, 0xeb), 0x12);
    outb(p, 0xe9, 0xaa);
    EQ(pc_in(p, 0xe0, 4), 0x1234aa78);
    EQ(space_read(p->env.io, 0xe8, 4, &v), MEM_FAULT); /* 8 bits: the CPU splits it */
    outb(p, 0x2005, 1);
    EQ(p->out[0][5], 1);
    outb(p, 0x2005, 9);
    EQ(p->edges[0][5], 1);
    outb(p, 0x2017, 1);
    EQ(p->out[0][23], 1);
    outb(p, 0x2005, 0);
    EQ(p->out[0][5], 0);
    EQ(space_write(p->env.mem, 0xff000ffd, 8, 0x1122334455667788), MEM_OK);
    EQ(space_read(p->env.mem, 0xff000fff, 2, &v), MEM_OK);
    EQ(v, 0x5566);
    (void)d;
    pc_fuzz(p, 1, 50000, 10);
    pc_free(p);
}

static void parallel(void)
{
    struct pc *p = pc_new(PC_HZ);
    struct printer printer = { .port = { .write = print } };
    struct device *d = pc_add(p, &isa_parallel_class, NULL, &printer.port);
    pc_map(d, 0, 0x378);
    EQ(inb(p, 0x379), 0xd8);
    EQ(inb(p, 0x37a), 0xcc);
    for (const char *s = "print"; *s; s++) {
        outb(p, 0x378, (u8)*s);
        EQ(inb(p, 0x378), (u8)*s);
        outb(p, 0x37a, 0x0d);
        outb(p, 0x37a, 0x0d); /* once */
        outb(p, 0x37a, 0x0c);
    }
    EQ(p->edges[0][0], 0);
    outb(p, 0x37a, 0x1d);
    EQ(p->out[0][0], 0);
    outb(p, 0x37a, 0x1c);
    EQ(p->out[0][0], 1);
    EQ(peekb(p, 0x379), 0xd8);
    EQ(p->out[0][0], 1);
    inb(p, 0x379);
    EQ(p->out[0][0], 0);
    outb(p, 0x37a, 0x01); /* not selected */
    outb(p, 0x37a, 0x2c);
    EQ(inb(p, 0x378), 0xff);
    CU_ASSERT_STRING_EQUAL(printer.text, "printt");
    pc_fuzz(p, 1, 20000, 10);
    pc_free(p);
}

int main(void)
{
    return unit_main("pc-misc", (CU_TestInfo[]){ { "port 0x92", port_92 },
                                                 { "port 0x80", post },
                                                 { "debug console", debugcon },
                                                 { "isa-debug-exit", debug_exit },
                                                 { "pvpanic", panics },
                                                 { "pc-testdev", testdev },
                                                 { "parallel port", parallel },
                                                 CU_TEST_INFO_NULL });
}
