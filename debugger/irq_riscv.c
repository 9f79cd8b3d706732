/* The way of an interrupt of a RISC-V machine, from the line through the PLIC to the hart, and what is in its way. */
#include "debugger/commands.h"

#include <stdio.h>
#include <string.h>

#include "base/desc.h"
#include "iodev/intc/riscv-plic.h"
#include "machine/board.h"

/* Bit n of an array of 32-bit words among a device's state. */
static bool state_bit(const struct device *dev, const char *name, unsigned n)
{
    for (const struct state_field *f = dev->cls->state; f->name; f++)
        if (!strcmp(f->name, name))
            return load_le((const u8 *)dev->state + f->offset + 4 * (n / 32), 4) >> n % 32 & 1;
    return false;
}

static u64 csr(struct cpu *c, const char *name)
{
    u64 v = 0;
    for (const struct cpu_reg *r = c->ops->regs(c); r->name; r++)
        if (!strcmp(r->name, name))
            c->ops->reg_get(c, r, &v);
    return v;
}

/* What people call the part whose wire goes to this source. */
static void owner(const struct machine *m, unsigned source, char *out, size_t cap)
{
    snprintf(out, cap, "?");
    for (const struct board_part *p = m->board->parts; p && p->name; p++)
        for (unsigned w = 0; w < ARRAY_LEN(p->wires) && p->wires[w].to; w++) {
            unsigned first = p->wires[w].line, count = p->count > 1 ? p->count : 1;
            if (strcmp(p->wires[w].to, "plic") || source < first || source >= first + count)
                continue;
            if (count > 1)
                snprintf(out, cap, "%s%u", p->name, source - first);
            else
                snprintf(out, cap, "%s", p->name);
        }
}

static void tell_source(struct debugger *d, const struct device *plic, unsigned n, struct buf *out)
{
    char enable[16], name[64];
    unsigned contexts = 2 * d->machine->n_cpus, enabled = 0;
    bool line = state_bit(plic, "level", n), pending = state_bit(plic, "pending", n), busy = state_bit(plic, "busy", n);
    snprintf(enable, sizeof enable, "enable%u", n / 32);
    for (unsigned c = 0; c < contexts; c++)
        enabled += device_reg_element(plic, enable, c) >> n % 32 & 1;
    if (!line && !pending && !busy && !enabled)
        return;
    u64 priority = device_reg_element(plic, "priority", n);
    owner(d->machine, n, name, sizeof name);
    buf_printf(out, "  source %u (%s)  PLIC: line %s%s%s, priority %llu", n, name, line ? "up" : "down", pending ? ", pending" : "",
               busy ? ", in service" : "", (unsigned long long)priority);
    if (line && !pending && busy)
        buf_printf(out, "; waits: it was claimed and not completed");
    if (pending && !priority)
        buf_printf(out, "; waits: priority 0 never interrupts");
    if (!enabled)
        buf_printf(out, "%s", line || pending ? "; waits: it is enabled for no hart" : "; enabled for no hart");
    buf_printf(out, "\n");
    for (unsigned c = 0; c < contexts; c++) {
        if (!(device_reg_element(plic, enable, c) >> n % 32 & 1))
            continue;
        u64 threshold = device_reg_element(plic, "threshold", c);
        buf_printf(out, "    enabled for %s %c, threshold %llu%s\n", d->machine->cpus[c / 2]->name, c & 1 ? 'S' : 'M',
                   (unsigned long long)threshold,
                   !pending || !priority ? "" : priority > threshold ? "; goes on to the hart" : "; waits: the priority is not above it");
    }
}

/* Privileged Architecture, 3.1.6.1 and 3.1.9. */
static void tell_hart(struct cpu *c, struct buf *out)
{
    static const struct { u8 bit; const char *name; } kinds[] = {
        { 11, "external, M (MEI)" }, { 3, "software, M (MSI)" }, { 7, "timer, M (MTI)" },
        { 9, "external, S (SEI)" }, { 1, "software, S (SSI)" }, { 5, "timer, S (STI)" }, { 13, "counter (LCOFI)" },
    };
    u64 status = csr(c, "mstatus"), mip = csr(c, "mip"), mie = csr(c, "mie"), mideleg = csr(c, "mideleg");
    char mode = c->ops->privilege_name(c)[0];
    bool m_on = mode != 'M' || (status >> 3 & 1), s_on = mode == 'U' || (mode == 'S' && (status >> 1 & 1));
    buf_printf(out, "%s: in %c, mstatus.MIE=%u SIE=%u\n", c->name, mode, (unsigned)(status >> 3 & 1), (unsigned)(status >> 1 & 1));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        bool pending = mip >> kinds[i].bit & 1, enabled = mie >> kinds[i].bit & 1, to_s = mideleg >> kinds[i].bit & 1;
        if (!pending && !enabled)
            continue;
        buf_printf(out, "    %s: %s, %s, to %c", kinds[i].name, pending ? "pending" : "not pending",
                   enabled ? "enabled" : "masked", to_s ? 'S' : 'M');
        if (pending && !enabled)
            buf_printf(out, "; waits: its bit in mie is 0");
        else if (pending && to_s && mode == 'M')
            buf_printf(out, "; waits: the hart is in M, and it is delegated to S");
        else if (pending && !(to_s ? s_on : m_on))
            buf_printf(out, "; waits: mstatus.%s is 0", to_s ? "SIE" : "MIE");
        else if (pending)
            buf_printf(out, "; is taken");
        buf_printf(out, "\n");
    }
}

bool show_riscv_interrupts(struct debugger *d)
{
    const struct device *plic = NULL;
    for (const struct device *dev = d->machine->devices; dev; dev = dev->next)
        if (dev->cls == &riscv_plic_class)
            plic = dev;
    if (!plic)
        return false;
    struct buf out = { 0 };
    for (unsigned n = 1; n <= PLIC_SOURCES; n++)
        tell_source(d, plic, n, &out);
    if (!out.len)
        buf_printf(&out, "  PLIC: none of its sources is up, pending or enabled\n");
    for (unsigned i = 0; i < d->machine->n_cpus; i++)
        tell_hart(d->machine->cpus[i], &out);
    debug_write(d, &out);
    buf_free(&out);
    return true;
}
