/* What a PC's CPUs are wired to: 8259s, local APICs, system management RAM, the board that hears a shutdown. */
#include <stdio.h>

#include "cpu/x86/x86.h"
#include "iodev/bus/i440fx.h"
#include "iodev/intc/gsi.h"
#include "iodev/intc/i8259.h"
#include "iodev/intc/ioapic.h"
#include "iodev/intc/lapic.h"
#include "machine/board.h"
#include "machine/isa.h"
#include "machine/pc.h"

static void stop_with(struct machine *m, struct x86 *c, enum machine_stop why, bool reset, struct buf *text)
{
    if (!m->request_pending) {
        machine_request(m, why, reset, buf_cstr(text));
        m->stop.cpu = &c->cpu;
        m->stop.addr = cpu_linear_pc(&c->cpu);
    }
    buf_free(text);
}

/* A reset that the program wants to go on after: the shutdown code in the CMOS says where to (IBM PC AT Technical
 * Reference, "CMOS RAM addresses and locations": 0FH). */
static bool wants_reset(struct machine *m)
{
    unsigned bank;
    u32 index;
    const struct device *rtc = machine_device(m, "/rtc");
    const struct reg_desc *r = rtc ? device_reg_named(rtc, "CMOS_0E[1]", &bank, &index) : NULL;
    return r && device_reg_get(rtc, r, index);
}

/* A CPU shut down: a PC resets then (the chip set hears the shutdown cycle), and nobody says why. This one does
 * (docs/decisions/058). */
static void shut_down(void *opaque, struct x86 *c)
{
    struct machine *m = opaque;
    bool meant = x86_story_meant(c) || wants_reset(m);
    struct buf text = { 0 };
    buf_printf(&text, "a triple fault\n");
    m->board->isa->story(&c->cpu, &m->names, &text);
    stop_with(m, c, m->config->no_reboot ? MACHINE_PANIC : meant ? MACHINE_RESET : MACHINE_STORY, true, &text);
}

static void lost(void *opaque, struct x86 *c, const char *what, bool jump)
{
    struct machine *m = opaque;
    const struct x86_names names = { m->names.name, m->names.opaque };
    struct buf text = { 0 };
    buf_printf(&text, "%s\n", what);
    if (jump)
        x86_tell_jump(c, names.name ? &names : NULL, &text);
    else
        x86_tell_story(c, names.name ? &names : NULL, &text);
    stop_with(m, c, MACHINE_STORY, false, &text);
}

static u8 acknowledge(void *opaque)
{
    struct machine *m = opaque;
    struct device *lapic = machine_device(m, "/lapic0");
    if (lapic)
        lapic_extint_taken(lapic);
    return i8259_acknowledge(machine_device(m, "/pic0"));
}

/* --- the CPU asks its local APIC ---------------------------------------------------------------------------------- */

static int apic_pending(void *d) { return lapic_pending(d); }
static int apic_acknowledge(void *d) { return lapic_acknowledge(d); }
static bool apic_read(void *d, u32 offset, u32 *value) { return lapic_read(d, offset, value); }
static bool apic_write(void *d, u32 offset, u32 value) { return lapic_write(d, offset, value); }
static bool apic_msr_read(void *d, u32 msr, u64 *value) { return lapic_msr_read(d, msr, value); }
static bool apic_msr_write(void *d, u32 msr, u64 value) { return lapic_msr_write(d, msr, value); }
static u64 apic_base(void *d) { return lapic_base(d); }
static u8 apic_get_tpr(void *d) { return lapic_tpr(d); }
static void apic_set_tpr(void *d, u8 value) { lapic_set_tpr(d, value); }

static struct device *lapic_of(struct machine *m, unsigned i)
{
    char name[16];
    snprintf(name, sizeof name, "/lapic%u", i);
    return machine_device(m, name);
}

/* FERR# of the first CPU is IRQ 13 (SDM 1, 8.7.2). Port F0 does nothing: the line falls when the exceptions are cleared. */
static void ferr(void *opaque, bool level)
{
    struct wire irq13 = device_irq_input(machine_device(opaque, "/irq"), GSI_IN(0, 13));
    wire_set(&irq13, level);
}

bool pc_cpu_wiring(struct machine *m, unsigned i, void *wiring, struct err *e)
{
    struct x86_board *w = wiring;
    struct device *lapic = lapic_of(m, i), *bridge = machine_device(m, "/pci");
    w->inta = acknowledge;
    w->inta_opaque = m;
    if (i == 0) {
        w->ferr = ferr;
        w->ferr_opaque = m;
    }
    w->shutdown = shut_down;
    w->shutdown_opaque = m;
    w->lost = lost;
    w->lost_opaque = m;
    w->seed = m->config->seed + i;
    if (bridge) {
        w->smram = i440fx_smram;
        w->smram_opaque = bridge;
    }
    if (lapic)
        w->apic = (struct x86_apic){ lapic, apic_pending, apic_acknowledge, apic_read, apic_write, apic_msr_read, apic_msr_write,
                                     apic_base, apic_get_tpr, apic_set_tpr };
    return true;
}

/* --- the local APIC tells its CPU ----------------------------------------------------------------------------------- */

static void line(void *opaque, enum x86_line which, bool level)
{
    struct cpu *c = opaque;
    c->ops->set_irq(c, which, level);
}

static void on_interrupt(void *c, bool pending) { line(c, X86_LINE_APIC, pending); }
static void on_extint(void *c, bool level) { line(c, X86_LINE_INTR, level); }
static void on_nmi(void *c) { line(c, X86_LINE_NMI, true); }
static void on_smi(void *c) { line(c, X86_LINE_SMI, true); }
static void on_init(void *c) { x86_init_signal(c); }
static void on_startup(void *c, u8 vector) { x86_startup(c, vector); }
static void on_base(void *c) { x86_flush_translations(c); }

static u64 read_tsc(void *opaque)
{
    const struct x86 *c = opaque;
    return c->cpu.clock->now + c->tsc_offset;
}

static u64 when_tsc(void *opaque, u64 value)
{
    const struct x86 *c = opaque;
    return value - c->tsc_offset;
}

static void end_of_interrupt(void *opaque, u8 vector)
{
    ioapic_eoi(opaque, vector);
}

bool pc_connect_apics(struct machine *m, struct err *e)
{
    struct lapic_bus *bus = ARENA_NEW(m->arena, struct lapic_bus);
    bus->eoi = end_of_interrupt;
    bus->eoi_opaque = machine_device(m, "/ioapic");
    for (unsigned i = 0; i < m->n_cpus; i++) {
        struct cpu *c = m->cpus[i];
        struct device *d = lapic_of(m, i);
        lapic_set_cpu(d, &(struct lapic_cpu){ c, on_interrupt, on_extint, on_nmi, on_smi, on_init, on_startup, on_base,
                                              { read_tsc, when_tsc, c } });
        if (!lapic_bus_add(bus, d, e))
            return false;
    }
    return space_add_io(m->mem, "apic messages", PC_LAPIC, 1 << 20, &lapic_bus_ops, bus, e) != NULL;
}
