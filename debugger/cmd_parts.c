/* `info pic`, `pit`, `ide` and their like: the devices of a kind by the name that people know them by, and the way of an
 * interrupt from its line to the CPU. Read without side effects, from the rows of the devices. */
#include <stdio.h>
#include <string.h>

#include "cpu/x86/show.h"
#include "debugger/commands.h"
#include "iodev/bus/pci.h"
#include "machine/board.h"

/* --- devices by kind ---------------------------------------------------------------------------------------------------- */

struct kind {
    const char *name, *what;
    const char *classes[6]; /* a trailing * matches the rest */
};
static const struct kind kinds[] = {
    { "pic", "interrupt controller", { "i8259", "riscv-plic", "riscv.*" } },
    { "ioapic", "I/O APIC", { "ioapic" } },
    { "lapic", "local APIC", { "lapic" } },
    { "pit", "8254 timer", { "i8254" } },
    { "hpet", "HPET", { "hpet" } },
    { "rtc", "real-time clock", { "mc146818rtc", "goldfish*" } },
    { "ide", "IDE channel", { "piix3-ide", "isa-ide", "ide-hd", "ide-cd" } },
    { "fdc", "floppy controller", { "isa-fdc", "floppy" } },
    { "kbd", "keyboard controller", { "i8042", "ps2*" } },
    { "dma", "DMA controller", { "i8237*" } },
};

static bool is_kind(const struct kind *k, const char *cls)
{
    for (unsigned n = 0; n < ARRAY_LEN(k->classes) && k->classes[n]; n++) {
        size_t len = strlen(k->classes[n]);
        bool prefix = k->classes[n][len - 1] == '*';
        if (prefix ? !strncmp(cls, k->classes[n], len - 1) : !strcmp(cls, k->classes[n]))
            return true;
    }
    return false;
}

static bool by_kind(struct debugger *d, const char *name, struct err *e)
{
    const struct kind *k = kinds;
    while (strcmp(k->name, name))
        k++;
    bool any = false;
    for (const struct device *dev = d->machine->devices; dev; dev = dev->next)
        if (is_kind(k, dev->cls->name)) {
            show_device(d, dev);
            any = true;
        }
    return any || err_set(e, "This machine (%s) has no %s; `info devices` lists what it has.", d->machine->board->name, k->what);
}

HANDLER(info_ioapic) { return by_kind(d, "ioapic", e); }
HANDLER(info_pit) { return by_kind(d, "pit", e); }
HANDLER(info_hpet) { return by_kind(d, "hpet", e); }
HANDLER(info_rtc) { return by_kind(d, "rtc", e); }
HANDLER(info_ide) { return by_kind(d, "ide", e); }
HANDLER(info_fdc) { return by_kind(d, "fdc", e); }
HANDLER(info_kbd) { return by_kind(d, "kbd", e); }
HANDLER(info_dma) { return by_kind(d, "dma", e); }

static void lines(struct buf *out, const char *what, u64 bits, unsigned first)
{
    buf_printf(out, "  %s", what);
    const char *gap = " ";
    for (unsigned n = 0; n < 8; n++)
        if (bits >> n & 1) {
            buf_printf(out, "%s%u", gap, first + n);
            gap = ", ";
        }
    buf_printf(out, "%s\n", bits ? "" : " none");
}

/* --- 8259s ------------------------------------------------------------------------------------------------------------------ */

static void show_pic(struct debugger *d, const struct device *pic, unsigned first)
{
    struct buf out = { 0 };
    u64 irr = device_reg_value(pic, "IRR"), isr = device_reg_value(pic, "ISR"), imr = device_reg_value(pic, "IMR"), icw4 = device_reg_value(pic, "ICW4");
    buf_printf(&out, "%s: IRQ %u to %u at vectors 0x%02llx to 0x%02llx%s%s\n", pic->path, first, first + 7,
               (unsigned long long)(device_reg_value(pic, "ICW2") & 0xf8), (unsigned long long)(device_reg_value(pic, "ICW2") | 7),
               icw4 & 2 ? ", automatic EOI" : "", device_reg_value(pic, "SPECIAL_MASK") ? ", special mask mode" : "");
    lines(&out, "requested ", irr, first);
    lines(&out, "in service", isr, first);
    lines(&out, "masked    ", imr, first);
    debug_write(d, &out);
    buf_free(&out);
}

HANDLER(info_pic)
{
    const struct device *pic0 = machine_device(d->machine, "/pic0"), *pic1 = machine_device(d->machine, "/pic1");
    if (!pic0)
        return by_kind(d, "pic", e);
    show_pic(d, pic0, 0);
    if (pic1)
        show_pic(d, pic1, 8);
    return by_kind(d, "pic", e);
}

/* --- local APIC ---------------------------------------------------------------------------------------------------------------- */

static int highest(const struct device *lapic, const char *name)
{
    for (int n = 7; n >= 0; n--)
        for (u64 v = device_reg_element(lapic, name, (unsigned)n), b = 31; v; b--)
            if (v >> b & 1)
                return (int)(32 * (unsigned)n + b);
    return -1;
}

static void vectors(struct buf *out, const struct device *lapic, const char *name, const char *what)
{
    const char *gap = " ";
    buf_printf(out, "  %s", what);
    for (unsigned n = 0; n < 8; n++)
        for (unsigned b = 0; b < 32; b++)
            if (device_reg_element(lapic, name, n) >> b & 1) {
                buf_printf(out, "%s0x%02x", gap, 32 * n + b);
                gap = ", ";
            }
    buf_printf(out, "%s\n", *gap == ' ' ? " none" : "");
}

static struct device *lapic_of(struct debugger *d, unsigned n)
{
    char path[16];
    snprintf(path, sizeof path, "/lapic%u", n);
    return machine_device(d->machine, path);
}

HANDLER(info_lapic)
{
    const struct device *lapic = lapic_of(d, d->cpu->index);
    if (!lapic)
        return by_kind(d, "lapic", e);
    struct buf out = { 0 };
    buf_printf(&out, "%s: ID 0x%llx, %s\n", lapic->path, (unsigned long long)device_reg_value(lapic, "ID") >> 24,
               device_reg_value(lapic, "SVR") >> 8 & 1 ? "enabled" : "disabled by software (SVR)");
    vectors(&out, lapic, "IRR", "requested ");
    vectors(&out, lapic, "ISR", "in service");
    buf_printf(&out, "  priority    0x%02llx (PPR): vectors from 0x%02llx on get through\n", (unsigned long long)device_reg_value(lapic, "PPR"),
               (unsigned long long)((device_reg_value(lapic, "PPR") & 0xf0) + 16));
    debug_write(d, &out);
    buf_free(&out);
    show_device(d, lapic);
    return true;
}

/* --- the way of an interrupt ------------------------------------------------------------------------------------------------- */

/* What keeps input n of an 8259 from being served; NULL: nothing does. `by` is the input in the way, or -1. */
static const char *held_at(const struct device *pic, unsigned n, int *by)
{
    u64 irr = device_reg_value(pic, "IRR"), isr = device_reg_value(pic, "ISR"), imr = device_reg_value(pic, "IMR");
    unsigned lowest = (unsigned)device_reg_value(pic, "LOWEST");
    *by = -1;
    if (device_reg_value(pic, "EXPECT"))
        return "the 8259 waits for the rest of its initialization (ICW2 to ICW4)";
    if (imr >> n & 1)
        return "it is masked in the 8259 (IMR)";
    for (unsigned rank = 0; rank < 8; rank++) {
        unsigned k = (lowest + 1 + rank) & 7;
        bool counts = !(device_reg_value(pic, "SPECIAL_MASK") && (imr >> k & 1));
        if ((isr >> k & 1) && counts) {
            *by = (int)k;
            return "is in service and was not ended: no EOI came";
        }
        if (k == n)
            return NULL;
        if (irr >> k & ~imr >> k & 1) {
            *by = (int)k;
            return "is requested too and goes first";
        }
    }
    return NULL;
}

static void tell_8259(struct buf *out, const struct device *pic, const struct device *master, unsigned n, unsigned first)
{
    int by;
    const char *why = held_at(pic, n, &by);
    buf_printf(out, "  IRQ %-2u  8259: vector 0x%02llx%s%s%s", first + n, (unsigned long long)((device_reg_value(pic, "ICW2") & 0xf8) + n),
               device_reg_value(pic, "IRR") >> n & 1 ? ", requested" : "", device_reg_value(pic, "ISR") >> n & 1 ? ", in service" : "",
               device_reg_value(pic, "IMR") >> n & 1 ? ", masked" : "");
    if (!(device_reg_value(pic, "IRR") >> n & 1)) {
        buf_printf(out, "\n");
        return;
    }
    if (!why && master) {
        first = 0;
        why = held_at(master, 2, &by);
    }
    if (why && by >= 0)
        buf_printf(out, "; waits: IRQ %u %s\n", first + (unsigned)by, why);
    else if (why)
        buf_printf(out, "; waits: %s\n", why);
    else
        buf_printf(out, "; goes on to the CPU\n");
}

static void tell_cpu(struct debugger *d, const struct cpu *cpu, struct buf *out)
{
    const struct x86 *c = (const struct x86 *)cpu;
    const struct device *lapic = lapic_of(d, cpu->index);
    buf_printf(out, "%s: IF=%u%s%s", cpu->name, (unsigned)(c->rflags >> 9 & 1), c->rflags & X86_IF ? "" : ", interrupts are off",
               c->intr ? ", INTR is up" : "");
    if (c->shadow)
        buf_printf(out, ", in the shadow of %s", c->shadow & X86_SHADOW_SS ? "MOV SS" : "STI");
    if (lapic) {
        int isr = highest(lapic, "ISR"), irr = highest(lapic, "IRR");
        u64 lint0 = device_reg_value(lapic, "LVT_LINT0");
        buf_printf(out, "; local APIC %s, LINT0 %s", device_reg_value(lapic, "SVR") >> 8 & 1 ? "on" : "off",
                   lint0 >> 16 & 1 ? "masked" : (lint0 >> 8 & 7) == 7 ? "takes the 8259 (ExtINT)" : "on");
        if (irr >= 0)
            buf_printf(out, ", 0x%02x requested", irr);
        if (isr >= 0)
            buf_printf(out, ", 0x%02x in service%s", isr, irr >= 0 && (irr & 0xf0) <= (isr & 0xf0) ? ": no EOI came" : "");
    }
    buf_printf(out, "\n");
}

HANDLER(info_irq)
{
    struct machine *m = d->machine;
    const struct device *pic0 = machine_device(m, "/pic0"), *pic1 = machine_device(m, "/pic1"), *io = machine_device(m, "/ioapic");
    struct buf out = { 0 };
    if (!debugger_x86(d) || !pic0)
        return show_riscv_interrupts(d) || by_kind(d, "pic", e);
    for (unsigned n = 0; n < 16; n++) {
        const struct device *pic = n < 8 ? pic0 : pic1;
        if (!pic || n == 2 || (!((device_reg_value(pic, "IRR") | device_reg_value(pic, "ISR")) >> n % 8 & 1) && (device_reg_value(pic, "IMR") >> n % 8 & 1)))
            continue;
        tell_8259(&out, pic, n < 8 ? NULL : pic0, n % 8, n & 8);
    }
    for (unsigned n = 0; io && n < 24; n++) {
        u64 v = device_reg_element(io, "IOREDTBL", n);
        bool high = device_reg_value(io, "LINES") >> n & 1;
        if ((v >> 16 & 1) && !high)
            continue;
        buf_printf(&out, "  GSI %-2u  I/O APIC: vector 0x%02llx to %s 0x%02llx, %s%s%s%s\n", n, (unsigned long long)(v & 0xff),
                   v >> 11 & 1 ? "logical" : "APIC", (unsigned long long)(v >> 56), v >> 15 & 1 ? "level" : "edge",
                   high ? ", line up" : "", v >> 14 & 1 ? ", waits for its EOI (remote IRR)" : "",
                   v >> 16 & 1 ? "; waits: it is masked in the I/O APIC" : "");
    }
    if (!out.len)
        buf_printf(&out, "  all are masked, none is requested\n");
    for (unsigned i = 0; i < m->n_cpus; i++)
        tell_cpu(d, m->cpus[i], &out);
    debug_write(d, &out);
    buf_free(&out);
    return true;
}

/* --- whose it is --------------------------------------------------------------------------------------------------------------- */

/* What people call the part whose wire goes to this IRQ; several (PCI) share the rest. */
static const char *irq_owner(const struct machine *m, unsigned irq)
{
    static const struct {
        const char *part, *name;
        u8 out;
    } names[] = { { "pit", "timer", 0 }, { "kbd", "keyboard", 0 }, { "kbd", "mouse", 1 }, { "rtc", "real-time clock", 0 },
                  { "floppy", "floppy", 0 }, { "ide", "IDE", 0 }, { "ide", "IDE", 1 } };
    for (const struct board_part *p = m->board->parts; p->name; p++)
        for (unsigned w = 0; w < ARRAY_LEN(p->wires) && p->wires[w].to; w++) {
            const struct board_wire *wire = &p->wires[w];
            if (strcmp(wire->to, "irq") || wire->line % 32 != irq || wire->n > 1)
                continue;
            for (unsigned n = 0; n < ARRAY_LEN(names); n++)
                if (!strcmp(names[n].part, p->name) && names[n].out == wire->out)
                    return names[n].name;
            return p->name;
        }
    return irq < 16 ? "PCI" : "GSI";
}

void debugger_interrupt_name(struct debugger *d, unsigned vector, char *out, size_t cap)
{
    static const char *const local[] = { "LVT_TIMER", "LVT_THERMAL", "LVT_PERF", "LVT_LINT0", "LVT_LINT1", "LVT_ERROR" };
    static const char *const names[] = { "timer", "thermal sensor", "performance counters", "LINT0", "LINT1", "errors" };
    struct machine *m = d->machine;
    const struct device *lapic = lapic_of(d, d->cpu->index), *io = machine_device(m, "/ioapic");
    for (unsigned n = 0; lapic && (device_reg_value(lapic, "SVR") & 0x100) && n < ARRAY_LEN(local); n++) {
        u64 v = device_reg_value(lapic, local[n]);
        bool vectored = n == 0 || n == 5 || !(v >> 8 & 7);
        if (vectored && !(v >> 16 & 1) && (v & 0xff) == vector) {
            snprintf(out, cap, "%s (local APIC)", names[n]);
            return;
        }
    }
    for (unsigned n = 0; io && n < 24; n++) {
        u64 v = device_reg_element(io, "IOREDTBL", n);
        unsigned irq = n == 2 ? 0 : n; /* as the MADT says: the timer is on input 2 */
        if (!(v >> 16 & 1) && (v & 0xff) == vector && (v >> 8 & 7) <= 1) {
            snprintf(out, cap, "%s (IRQ %u)", irq_owner(m, irq), irq);
            return;
        }
    }
    for (unsigned k = 0; k < 2; k++) {
        const struct device *pic = machine_device(m, k ? "/pic1" : "/pic0");
        if (!pic || (device_reg_value(pic, "ICW2") & 0xf8) != (vector & 0xf8))
            continue;
        snprintf(out, cap, "%s (IRQ %u)", irq_owner(m, 8 * k + (vector & 7)), 8 * k + (vector & 7));
        return;
    }
    snprintf(out, cap, "vector 0x%02x", vector);
}

/* --- PCI ------------------------------------------------------------------------------------------------------------------------ */

/* PCI Code and ID Assignment Specification: the ones that are met here. */
const char *pci_kind(unsigned base, unsigned sub)
{
    static const struct {
        u8 base, sub;
        const char *name;
    } row[] = { { 1, 1, "IDE controller" }, { 1, 0, "storage controller" }, { 2, 0, "Ethernet controller" }, { 3, 0, "VGA controller" },
                { 6, 0, "host bridge" }, { 6, 1, "ISA bridge" }, { 6, 0x80, "bridge" }, { 4, 1, "audio device" },
                { 0x0c, 3, "USB controller" }, { 0xff, 0, "device" } };
    for (unsigned n = 0; n < ARRAY_LEN(row); n++)
        if (row[n].base == base && row[n].sub == sub)
            return row[n].name;
    return "device";
}

static void show_function(const struct device *dev, struct buf *out)
{
    unsigned irq = (unsigned)device_reg_value(dev, "INTLN"), pin = (unsigned)device_reg_value(dev, "INTPN"), command = (unsigned)device_reg_value(dev, "PCICMD");
    buf_printf(out, "  00:%02x.%u  %04llx:%04llx  %s (%s %s)%s%s%s\n", pci_devfn(dev) >> 3, pci_devfn(dev) & 7,
               (unsigned long long)device_reg_value(dev, "VID"), (unsigned long long)device_reg_value(dev, "DID"),
               pci_kind((unsigned)device_reg_element(dev, "CLASS", 2), (unsigned)device_reg_element(dev, "CLASS", 1)), dev->cls->name, dev->path,
               command & 1 ? ", ports" : "", command & 2 ? ", memory" : "", command & 4 ? ", bus master" : "");
    if (pin)
        buf_printf(out, "      interrupt pin %c, line %u\n", 'A' + (int)pin - 1, irq);
    for (unsigned n = 0; n < 6; n++) {
        u64 bar = device_reg_element(dev, "BAR", n);
        if (!bar)
            continue;
        if (bar & 1)
            buf_printf(out, "      BAR %u: ports at 0x%llx\n", n, (unsigned long long)(bar & ~(u64)3));
        else
            buf_printf(out, "      BAR %u: %smemory at 0x%llx\n", n, bar & 8 ? "prefetchable " : "",
                       (unsigned long long)(bar & ~(u64)15));
        n += (bar & 7) == 4;
    }
}

HANDLER(info_pci)
{
    struct buf out = { 0 };
    for (unsigned devfn = 0; devfn < 256; devfn++)
        for (const struct device *dev = d->machine->devices; dev; dev = dev->next)
            if (dev->pci && pci_devfn(dev) == devfn)
                show_function(dev, &out);
    if (!out.len)
        return err_set(e, "This machine (%s) has no PCI bus; `info devices` lists what it has.", d->machine->board->name);
    debug_write(d, &out);
    buf_free(&out);
    return true;
}
