/* Boards: those that exist are sound; tables with mistakes are refused, and so are machines nobody can build. */
#include <malloc.h>

#include "iodev/char/ns16550a.h"
#include "iodev/intc/riscv-plic.h"
#include "iodev/misc/bare-console.h"
#include "iodev/misc/sifive-test.h"
#include "machine/board.h"
#include "machine/isa.h"
#include "tests/machine/guest.h"
#include "tests/unit.h"

static struct timebase no_time(struct machine *m) { return (struct timebase){ 0 }; }
static bool no_boot(struct machine *m, struct err *e) { return true; }

static const struct prop_desc props[] = { { "fancy", PROP_BOOL, "off", "" }, { 0 } };

/* A good board; each test breaks one thing of a copy. */
#define PARTS 6
static const struct board_part good_parts[PARTS] = {
    { .name = "plic", .cls = &riscv_plic_class, .base = { 0xc000000 },
      .wires = { { 0, 2, "cpus", 11, 0 }, { 1, 2, "cpus", 9, 0 } } },
    { .name = "uart", .cls = &ns16550a_class, .base = { 0x10000000 }, .count = 2, .stride = 0x1000,
      .wires = { { 0, 0, "plic", 10, 0 } } },
    { .name = "test", .cls = &sifive_test_class, .base = { 0x100000 }, .when = "fancy" },
    { .name = "out", .cls = &bare_console_class, .base = { 0x100000 }, .when = "!fancy" },
    { 0 },
};
static const struct board good = {
    .name = "good", .isa = &isa_riscv, .max_cpus = 4, .master_hz = 1000, .ram_base = 0x80000000, .default_ram = 1 << 20,
    .max_ram = 1 << 30, .rom_base = 0x1000, .rom_size = 0x1000, .parts = good_parts, .props = props,
    .timebase = no_time, .boot = no_boot,
};

static void those_that_exist(void)
{
    struct err e = { "" };
    unsigned n = 0;
    for (const struct board *const *b = machine_boards; *b; b++, n++) {
        CU_ASSERT_TRUE(board_validate(*b, &e));
        CU_ASSERT_STRING_EQUAL(e.text, "");
        CU_ASSERT(strlen((*b)->doc) > 0);
        for (const struct board *const *c = machine_boards; c < b; c++)
            CU_ASSERT(strcmp((*b)->name, (*c)->name));
    }
    CU_ASSERT(n >= 2);
    CU_ASSERT_TRUE(board_validate(&good, &e));
    CU_ASSERT_STRING_EQUAL(e.text, "");
}

struct mistake {
    const char *says[2];
    void (*make)(struct board *b, struct board_part *p);
};
#define MISTAKE(fn, body) static void fn(struct board *b, struct board_part *p) { body; }
MISTAKE(no_clock, b->master_hz = 0)
MISTAKE(no_memory, b->default_ram = 0)
MISTAKE(small_max, b->max_ram = 4096)
MISTAKE(no_cpus, b->max_cpus = 0)
MISTAKE(no_boot_function, b->boot = NULL)
MISTAKE(no_isa, b->isa = NULL)
MISTAKE(no_class, p[2].cls = NULL)
MISTAKE(same_name, p[2].name = "plic")
MISTAKE(same_name_after_counting, p[2].name = "uart1")
MISTAKE(called_harts, p[2].name = "cpus")
MISTAKE(to_nowhere, p[1].wires[0].to = "pic")
MISTAKE(to_one_that_takes_none, p[1].wires[0].to = "uart1")
MISTAKE(to_one_that_is_never_there_with_it,
        (p[2].when = NULL, p[2].base[0] = 0x200000, p[0].when = "fancy", p[1].when = "!fancy"))
MISTAKE(one_input_twice, p[2].wires[0] = ((struct board_wire){ 0, 0, "plic", 10, 0 }))
MISTAKE(an_input_of_the_second_copy, p[2].wires[0] = ((struct board_wire){ 0, 0, "plic", 11, 0 }))
MISTAKE(a_hart_line_twice, p[2].wires[0] = ((struct board_wire){ 0, 1, "cpus", 9, 0 }))
MISTAKE(too_many_outputs, (b->max_cpus = 8, p[0].wires[0].step = 6))
MISTAKE(output_out_of_range, p[1].wires[0].out = DEVICE_MAX_OUT)
MISTAKE(overlap, p[2].base[0] = 0x10000004)
MISTAKE(overlap_of_copies, p[1].stride = 4)
MISTAKE(overlap_with_memory, p[1].base[0] = 0x80000000 - 4)
MISTAKE(overlap_with_rom, p[1].base[0] = 0x1ff8)
MISTAKE(unknown_condition, p[2].when = "fance")

static void mistakes_in_tables(void)
{
    static const struct mistake mistakes[] = {
        { { "lacks", "bad" }, no_clock }, { { "lacks", "bad" }, no_memory }, { { "lacks", "bad" }, small_max },
        { { "lacks", "bad" }, no_cpus }, { { "lacks", "bad" }, no_boot_function }, { { "lacks", "bad" }, no_isa },
        { { "'test'", "no class" }, no_class }, { { "two parts", "'plic'" }, same_name },
        { { "two parts", "'uart1'" }, same_name_after_counting }, { { "'cpus'", "CPUs" }, called_harts },
        { { "'pic'", "not there" }, to_nowhere }, { { "'uart1'", "takes no interrupts" }, to_one_that_takes_none },
        { { "'plic'", "not there" }, to_one_that_is_never_there_with_it },
        { { "'uart'", "input 10 of 'plic'" }, one_input_twice },
        { { "'test'", "input 11 of 'plic'" }, an_input_of_the_second_copy },
        { { "'test'", "input 9 of 'cpus'" }, a_hart_line_twice },
        { { "'plic'", "output 42 for CPU 7" }, too_many_outputs },
        { { "'uart'", "no output 40" }, output_out_of_range }, { { "'test'", "'uart0'" }, overlap },
        { { "'uart0'", "'uart1'" }, overlap_of_copies }, { { "'uart0'", "memory" }, overlap_with_memory },
        { { "'uart0'", "ROM" }, overlap_with_rom }, { { "'test'", "'fance'" }, unknown_condition },
    };
    for (unsigned i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct board_part parts[PARTS];
        memcpy(parts, good_parts, sizeof parts);
        struct board b = good;
        b.name = "bad";
        b.parts = parts;
        mistakes[i].make(&b, parts);
        struct err e = { "" };
        bool ok = board_validate(&b, &e);
        CU_ASSERT_FALSE(ok);
        CU_ASSERT(strstr(e.text, mistakes[i].says[0]) && strstr(e.text, mistakes[i].says[1]));
        if (ok || !strstr(e.text, mistakes[i].says[0]) || !strstr(e.text, mistakes[i].says[1]))
            fprintf(stderr, "mistake %u: '%s' does not say '%s' and '%s'\n", i, e.text, mistakes[i].says[0],
                    mistakes[i].says[1]);
    }
}

/* --- machines ---------------------------------------------------------------------------------------------- */

static const struct device_class *class_named(const char *name)
{
    for (const struct device_class *const *k = machine_device_classes; *k; k++)
        if (!strcmp((*k)->name, name))
            return *k;
    CU_FAIL_FATAL("no such class");
    return NULL;
}

static void refused(const struct machine_config *c, const char *says)
{
    struct err e = { "" };
    struct machine *m = machine_new(c, &e);
    CU_ASSERT_PTR_NULL(m);
    CU_ASSERT_PTR_NOT_NULL(strstr(e.text, says));
    if (m || !strstr(e.text, says))
        fprintf(stderr, "'%s' does not say '%s'\n", e.text, says);
    machine_free(m);
}

static void machines_nobody_can_build(void)
{
    struct guest_machine g;
    guest_config(&g, 1);
    struct machine_config c = g.config;
#define REFUSED(change, says) do { c = g.config; change; refused(&c, says); } while (0)
    REFUSED(c.board = "vrit", "did you mean 'virt'");
    REFUSED(c.board = "PC-AT", "there is no machine 'PC-AT'");
    REFUSED(c.cpus = 0, "1 to 8 CPUs, not 0");
    REFUSED(c.cpus = 9, "1 to 8 CPUs, not 9");
    REFUSED(c.ram_size = 4095, "(-m)");
    REFUSED(c.ram_size = (u64)1 << 50, "(-m)");
    REFUSED(c.ram_size = 1 << 20, "-m");
    REFUSED(c.board_props = "aclnt=on", "did you mean 'aclint'");
    REFUSED(c.board_props = ",", "");
    REFUSED(c.cpu = "rv65", "rv65");
    REFUSED(c.cpu = "rv64,zba=maybe", "zba");
    REFUSED(c.xlen = 32; c.cpu = "rv64", "");
    REFUSED((c.board = "bare-rv32"), "orrery-system-riscv32");
    REFUSED((c.n_loaders = 1, c.loaders[0] = (struct loader_config){ .cpu_num = 5 }), "no CPU 5");
    struct loader_config nowhere = { .addr = 0x50000000, .data_len = 4, .cpu_num = -1 };
    REFUSED((c.n_loaders = 1, c.loaders[0] = nowhere), "0x50000000");
    struct loader_config no_addr = { .file = { "f.bin", (const u8 *)"abcd", 4 }, .cpu_num = -1 };
    REFUSED((c.n_loaders = 1, c.loaders[0] = no_addr), "addr=");
    REFUSED((c.n_devices = 1, c.device[0].cls = &ns16550a_class), "belongs to the board");
    struct prop_value no_drive = { "drive", "hd7", NULL }, no_such = { "colour", "red", NULL };
    const struct device_class *blk = class_named("virtio-blk-device"), *rng = class_named("virtio-rng-device");
    REFUSED((c.n_devices = 1, c.device[0].cls = blk, c.device[0].props = &no_drive), "hd7");
    REFUSED((c.n_devices = 1, c.device[0].cls = rng, c.device[0].props = &no_such), "colour");
    struct prop_value no_bus = { "bus", "virtio-mmio-bus.77", NULL };
    REFUSED((c.n_devices = 1, c.device[0].cls = rng, c.device[0].props = &no_bus), "virtio-mmio-bus.77");
    REFUSED((c.n_devices = 1, c.device[0].cls = class_named("virtconsole")), "before it");
    c = g.config;
    for (unsigned i = 0; i < VIRT_VIRTIO_COUNT + 1; i++)
        c.device[c.n_devices++].cls = class_named("virtio-rng-device");
    refused(&c, "no virtio slot");
    struct prop_value same[2] = { { "bus", "virtio-mmio-bus.3", NULL }, { "bus", "virtio-mmio-bus.3", NULL } };
    c = g.config;
    for (unsigned i = 0; i < 2; i++) {
        c.device[i].cls = class_named("virtio-rng-device");
        c.device[i].props = &same[i];
    }
    c.n_devices = 2;
    refused(&c, "already holds");
}

static void every_size_of_machine(void)
{
    for (unsigned cpus = 1; cpus <= 8; cpus++)
        for (unsigned k = 0; k < 4; k++) {
            struct guest_machine g;
            guest_config(&g, cpus);
            g.config.xlen = k & 1 ? 32 : 64;
            g.config.board_props = k & 2 ? "aclint=on" : NULL;
            struct machine *m = guest_start(&g);
            CU_ASSERT_EQUAL(m->n_cpus, cpus);
            CU_ASSERT_EQUAL(machine_run(m, 6, true), MACHINE_REACHED); /* within the reset ROM */
            CU_ASSERT_PTR_NOT_NULL(machine_device(m, "/uart0"));
            CU_ASSERT_PTR_EQUAL(machine_device(m, "uart0"), machine_device(m, "/uart0"));
            CU_ASSERT_PTR_NULL(machine_device(m, "/uart9"));
            CU_ASSERT((machine_device(m, "/clint") != NULL) == !(k & 2));
            CU_ASSERT((machine_device(m, "/mtimer") != NULL) == !!(k & 2));
            CU_ASSERT_PTR_NOT_NULL(machine_channel(m, "/uart0"));
            CU_ASSERT_PTR_NULL(machine_channel(m, "/nothing"));
            guest_end(&g);
        }
    machine_free(NULL);
}

/* Two machines in one process, running by turns, do not know of each other. */
static void two_at_once(void)
{
    struct guest_machine a, b, alone;
    guest_config(&a, 2);
    guest_config(&b, 3);
    guest_config(&alone, 2);
    struct machine *ma = guest_start(&a), *mb = guest_start(&b), *mc = guest_start(&alone);
    for (u64 at = 1000; at <= 100000; at += 1000) {
        machine_run(ma, at, true);
        machine_run(mb, at, true);
    }
    machine_run(mc, 100000, true);
    CU_ASSERT_EQUAL(machine_hash(ma), machine_hash(mc));
    CU_ASSERT_NOT_EQUAL(machine_hash(ma), machine_hash(mb));
    guest_end(&a);
    guest_end(&b);
    guest_end(&alone);
}

/* What the guest asks for through the test finisher. */
static void endings(void)
{
    static const struct { u32 value; enum machine_stop why; int code; } ends[] = {
        { 0x5555, MACHINE_POWEROFF, 0 }, { 0x3333 | 7 << 16, MACHINE_POWEROFF, 7 }, { 0x7777, MACHINE_RESET, 0 },
    };
    for (unsigned i = 0; i < ARRAY_LEN(ends); i++) {
        struct guest w = { 0 };
        g_li(&w, T0, VIRT_TEST);
        g_li(&w, T1, ends[i].value);
        g_sw(&w, T1, 0, T0);
        g_label(&w, L_LOOP);
        g_j(&w, L_LOOP);
        g_resolve(&w);
        struct guest_machine g;
        guest_config(&g, 1);
        g.config.kernel = (struct blob){ "end", (const u8 *)w.w, w.n * 4 };
        struct machine *m = guest_start(&g);
        CU_ASSERT_EQUAL(machine_run(m, 10000, true), ends[i].why);
        CU_ASSERT_EQUAL(m->stop.code, ends[i].code);
        CU_ASSERT(m->clock.now < 100); /* directly after the store */
        guest_end(&g);
        /* Without no_reboot a reset just happens; a guest that asks for it again and again is told of, and goes on. */
        if (ends[i].why == MACHINE_RESET) {
            g.config.no_reboot = false;
            m = guest_start(&g);
            CU_ASSERT_EQUAL(machine_run(m, 2000, true), MACHINE_STORY);
            CU_ASSERT(strstr(m->stop.text, "a reset loop: 3 resets in a row from the same place, 0x8000") != NULL);
            CU_ASSERT(m->clock.now < 200);
            enum machine_stop why = MACHINE_STORY;
            for (unsigned k = 0; k < 1000 && why == MACHINE_STORY; k++)
                why = machine_run(m, 2000, true);
            CU_ASSERT_EQUAL(why, MACHINE_REACHED);
            CU_ASSERT_EQUAL(m->clock.now, 2000);
            guest_end(&g);
        }
    }
}

static size_t heap_used(void)
{
    struct mallinfo2 i = mallinfo2();
    return i.uordblks + i.hblkhd;
}

/* A guest that does nothing but reset takes no memory from the host with each. */
static void resets_cost_nothing(void)
{
    struct guest w = { 0 };
    g_li(&w, T0, VIRT_TEST);
    g_li(&w, T1, 0x7777);
    g_sw(&w, T1, 0, T0);
    struct guest_machine g;
    guest_config(&g, 1);
    g.config.no_reboot = false;
    g.config.board_props = "aclint=on";
    g.config.kernel = (struct blob){ "reset", (const u8 *)w.w, w.n * 4 };
    struct machine *m = guest_start(&g);
    machine_run(m, 1000, true);
    size_t before = heap_used();
    machine_run(m, 20000, true);
    size_t after = heap_used();
    CU_ASSERT(after <= before + 16384);
    guest_end(&g);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        { "boards that exist are sound", those_that_exist },
        { "mistakes in tables", mistakes_in_tables },
        { "machines nobody can build", machines_nobody_can_build },
        { "every size of machine", every_size_of_machine },
        { "two machines in one process", two_at_once },
        { "endings", endings },
        { "resets cost no memory", resets_cost_nothing },
        CU_TEST_INFO_NULL,
    };
    return unit_main("board", tests);
}
