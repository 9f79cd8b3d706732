/* What scripts read from QEMU's monitor about a PC, in its form: registers, what is mapped, and PCI. The debugger's own form has
 * more; `orrery debug`, `info registers NAME` and everything that is not a PC have that. */
#include <ctype.h>
#include <string.h>

#include "cli/monitor_rows.h"
#include "cli/pci_view.h"
#include "cpu/x86/show.h"
#include "debugger/commands.h"

#define HEX(v) ((unsigned long long)(v))

static bool is_x86(struct session *s, const char *args) { return debugger_x86(s->debugger) && (!*args || *args == '-'); }

/* The high half of the descriptor as a segment register keeps it, without the bits of its base. */
static u32 flags_of(const struct x86_seg *g)
{
    u32 limit = g->g ? g->limit >> 12 : g->limit;
    return (u32)g->type << 8 | (u32)g->s << 12 | (u32)g->dpl << 13 | (u32)g->present << 15 | (limit & 0xf0000) | (u32)g->avl << 20 |
           (u32)g->l << 21 | (u32)g->db << 22 | (u32)g->g << 23;
}

static void segment(const struct x86 *c, const char *name, unsigned n, struct buf *out)
{
    static const char *const system32[] = { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
                                            "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved",
                                            "IntGate32", "TrapGate32" };
    static const char *const system64[] = { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
                                            "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64",
                                            "TrapGate64" };
    const struct x86_seg *g = &c->seg[n];
    bool code = g->type & 8;
    buf_printf(out, "%-3s=%04x %0*llx %08x %08x", name, g->selector, x86_64bit(c) ? 16 : 8,
               HEX(x86_64bit(c) ? g->base : (u32)g->base), g->limit, flags_of(g));
    if (x86_protected(c) && g->present && !g->s)
        buf_printf(out, " DPL=%d %s", g->dpl, (x86_long(c) ? system64 : system32)[g->type & 15]);
    else if (x86_protected(c) && g->present)
        buf_printf(out, " DPL=%d %s [%c%c%c]", g->dpl, code ? g->l ? "CS64" : g->db ? "CS32" : "CS16" : g->db || x86_long(c) ? "DS  " : "DS16",
                   g->type & 4 ? code ? 'C' : 'E' : '-', g->type & 2 ? code ? 'R' : 'W' : '-', g->type & 1 ? 'A' : '-');
    buf_printf(out, "\n");
}

static void general(const struct x86 *c, struct buf *out)
{
    static const char *const names[] = { "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP" };
    static const u8 order[] = { X86_AX, X86_BX, X86_CX, X86_DX, X86_SI, X86_DI, X86_BP, X86_SP };
    bool wide = x86_64bit(c);
    u64 f = x86_flags(c);
    for (unsigned n = 0; n < 8; n++)
        buf_printf(out, "%c%s=%0*llx%c", wide ? 'R' : 'E', names[n], wide ? 16 : 8, HEX(wide ? c->r[order[n]] : (u32)c->r[order[n]]),
                   n % 4 == 3 ? '\n' : ' ');
    for (unsigned n = 8; wide && n < 16; n++)
        buf_printf(out, "R%-2u=%016llx%c", n, HEX(c->r[n]), n % 4 == 3 ? '\n' : ' ');
    buf_printf(out, "%s=%0*llx %s=%08x [%c%c%c%c%c%c%c] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", wide ? "RIP" : "EIP", wide ? 16 : 8,
               HEX(wide ? c->rip : (u32)c->rip), wide ? "RFL" : "EFL", (unsigned)f, f & X86_DF ? 'D' : '-', f & X86_OF ? 'O' : '-',
               f & X86_SF ? 'S' : '-', f & X86_ZF ? 'Z' : '-', f & X86_AF ? 'A' : '-', f & X86_PF ? 'P' : '-', f & X86_CF ? 'C' : '-',
               c->cpl, c->shadow != 0, c->a20, c->smm, c->activity != X86_RUNNING);
}

static void floating(const struct x86 *c, struct buf *out)
{
    const struct x86_fpu *f = &c->fpu;
    unsigned vectors = x86_64bit(c) ? 16 : 8;
    buf_printf(out, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", f->cw, f->sw, f->sw >> 11 & 7, f->valid, c->mxcsr);
    for (unsigned n = 0; n < 8; n++)
        buf_printf(out, "FPR%u=%016llx %04x%c", n, HEX(f->st[n].m), f->st[n].se, n % 2 ? '\n' : ' ');
    for (unsigned n = 0; n < vectors; n++)
        if (c->xcr0 & 4)
            buf_printf(out, "YMM%02u=%016llx %016llx %016llx %016llx\n", n, HEX(c->v[n].q[3]), HEX(c->v[n].q[2]), HEX(c->v[n].q[1]),
                       HEX(c->v[n].q[0]));
        else
            buf_printf(out, "XMM%02u=%016llx %016llx%c", n, HEX(c->v[n].q[1]), HEX(c->v[n].q[0]), n % 2 ? '\n' : ' ');
}

static void registers(const struct x86 *c, struct buf *out)
{
    static const struct { const char *name; u8 n; } segments[] = {
        { "ES", X86_ES }, { "CS", X86_CS }, { "SS", X86_SS }, { "DS", X86_DS }, { "FS", X86_FS }, { "GS", X86_GS }, { "LDT", X86_LDTR },
        { "TR", X86_TR } };
    int digits = x86_long(c) ? 16 : 8;
    buf_printf(out, "\nCPU#%u\n", c->cpu.index);
    general(c, out);
    for (unsigned n = 0; n < ARRAY_LEN(segments); n++)
        segment(c, segments[n].name, segments[n].n, out);
    buf_printf(out, "GDT=     %0*llx %08x\nIDT=     %0*llx %08x\n", digits, HEX(c->gdtr.base), c->gdtr.limit, digits, HEX(c->idtr.base),
               c->idtr.limit);
    buf_printf(out, "CR0=%08x CR2=%0*llx CR3=%0*llx CR4=%08x\n", (unsigned)c->cr0, digits, HEX(c->cr2), digits, HEX(c->cr3),
               (unsigned)c->cr4);
    for (unsigned n = 0; n < 4; n++)
        buf_printf(out, "DR%u=%016llx ", n, HEX(c->dr[n]));
    buf_printf(out, "\nDR6=%016llx DR7=%016llx\nEFER=%016llx\n", HEX(c->dr[6]), HEX(c->dr[7]), HEX(c->efer));
    floating(c, out);
}

/* -a: of every CPU. */
MONITOR(all_registers)
{
    if (!*args)
        registers(debugger_x86(s->debugger), out);
    else if (strcmp(args, "-a"))
        return err_set(e, "info registers: -a shows those of every CPU");
    else
        for (unsigned i = 0; i < s->m->n_cpus; i++)
            registers(x86_of(s->m->cpus[i]), out);
    return true;
}

static bool mappings(struct session *s, bool pages, struct buf *out, struct err *e)
{
    struct buf *outer = s->debugger->capture;
    s->debugger->capture = out;
    bool ok = show_x86_mappings(s->debugger, pages, true, e);
    s->debugger->capture = outer;
    return ok;
}

MONITOR(mapped_ranges) { return mappings(s, false, out, e); }
MONITOR(mapped_pages) { return mappings(s, true, out, e); }

/* --- PCI --- */

static bool has_pci(struct session *s, const char *args)
{
    const struct device *d = s->m->devices;
    while (d && !d->cls->pci)
        d = d->next;
    return d && !*args;
}

static void function(const struct device *d, struct buf *out)
{
    const struct pci_function *f = d->cls->pci;
    const char *kind = pci_kind(f->class_code >> 16, f->class_code >> 8 & 0xff);
    struct pci_view v;
    buf_printf(out, "  Bus  0, device %3u, function %u:\n    %c%s: PCI device %04x:%04x\n      PCI subsystem %04x:%04x\n", pci_devfn(d) >> 3,
               pci_devfn(d) & 7, toupper((u8)*kind), kind + 1, f->vendor, f->device, f->subsystem_vendor, f->subsystem);
    if (f->pin)
        buf_printf(out, "      IRQ %u, pin %c\n", (unsigned)device_reg_value(d, "INTLN"), 'A' + f->pin - 1);
    for (unsigned n = 0; n < PCI_VIEW_REGIONS; n++) {
        if (!pci_view_region(d, n, &v))
            continue;
        if (v.ports)
            buf_printf(out, "      BAR%u: I/O at 0x%04llx [0x%04llx].\n", n, HEX(v.at), HEX(v.at + v.size - 1));
        else
            buf_printf(out, "      BAR%u: %u bit%s memory at 0x%08llx [0x%08llx].\n", n, v.wide ? 64 : 32, v.prefetch ? " prefetchable" : "",
                       HEX(v.at), HEX(v.at + v.size - 1));
    }
    buf_printf(out, "      id \"\"\n");
}

/* In the order of the bus. */
MONITOR(pci)
{
    for (unsigned devfn = 0; devfn < 256; devfn++)
        for (const struct device *d = s->m->devices; d; d = d->next)
            if (d->cls->pci && pci_devfn(d) == devfn)
                function(d, out);
    return true;
}

const struct monitor_row monitor_x86[] = {
    { "info registers", all_registers, "[-a]", "the CPU's registers, or (-a) every CPU's, as QEMU shows them", is_x86 },
    { "info mem", mapped_ranges, "", "the ranges that are mapped, with their rights", is_x86 },
    { "info tlb", mapped_pages, "", "the pages that are mapped, with the flags of their entries", is_x86 },
    { "info pci", pci, "", "the functions on the PCI bus, with their windows", has_pci },
    { 0 },
};
