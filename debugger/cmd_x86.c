/* `info gdt`, `idt`, `ldt`, `tss`, `cpuid`, `msr`, and what x86 has to add to `info registers`, `info mem` and `info tlb`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cpu/x86/cpuid.h"
#include "cpu/x86/msr.h"
#include "cpu/x86/show.h"
#include "debugger/commands.h"

#define HEX(v) ((unsigned long long)(v))
enum { SHOWN_MAX = 2000, STEPS_MAX = 4000000 };

struct x86 *debugger_x86(struct debugger *d)
{
    const char *isa = d->cpu->ops->isa;
    return !strcmp(isa, "x86_64") || !strcmp(isa, "i386") ? x86_of(d->cpu) : NULL;
}

static struct x86 *need_x86(struct debugger *d, const char *what, struct err *e)
{
    struct x86 *c = debugger_x86(d);
    if (!c)
        err_set(e, "There is no %s here: this is %s. `info csr` shows its control and status registers, `walk ADDRESS` how it "
                "translates.", what, d->cpu->ops->isa);
    return c;
}

static void place_name(struct debugger *d, u64 addr, struct buf *out)
{
    char where[256];
    symbols_format(d->syms, addr, where, sizeof where);
    if (where[0])
        buf_printf(out, " <%s>", where);
}

static void finish(struct debugger *d, struct buf *out)
{
    debug_write(d, out);
    buf_free(out);
}

/* --- descriptor tables -------------------------------------------------------------------------------------------- */

/* A row that is like the one before is not shown; "..." stands for as many as there are. */
struct same {
    u64 raw[2];
    bool told;
};

static bool again(struct same *s, u64 low, u64 high, struct buf *out)
{
    if (s->raw[0] == low && s->raw[1] == high) {
        if (!s->told)
            buf_printf(out, "  ...\n");
        return s->told = true;
    }
    *s = (struct same){ { low, high }, false };
    return false;
}

static void show_descriptors(struct debugger *d, const struct x86 *c, u64 base, u32 limit, unsigned ti)
{
    struct buf out = { 0 };
    unsigned empty = 0;
    struct same same = { 0 };
    for (u32 at = 0; at + 7 <= limit && at < 0x10000 && !d->interrupted; at += 8) {
        u8 raw[8];
        u64 v, hi = 0;
        if (x86_peek_linear(c, base + at, raw, 8) != 8) {
            buf_printf(&out, "  %04x  cannot be read: 0x%llx\n", at | ti, HEX(base + at));
            break;
        }
        v = load_le(raw, 8);
        if (!v) {
            empty++;
            continue;
        }
        bool wide = x86_descriptor_is_wide(c, v);
        if (wide && x86_peek_linear(c, base + at + 8, raw, 8) == 8)
            hi = load_le(raw, 8);
        if (again(&same, v, hi, &out))
            continue;
        buf_printf(&out, "  %04x  ", at | ti);
        x86_descriptor_text(c, v, hi, &out);
        static const char *const name[] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };
        const char *gap = "  <- ";
        for (unsigned n = 0; n < X86_SEGS; n++)
            if (c->seg[n].valid && (c->seg[n].selector & 0xfffc) == (at | ti)) {
                buf_printf(&out, "%s%s", gap, name[n]);
                gap = " ";
            }
        buf_printf(&out, "\n");
        at += wide ? 8 : 0;
    }
    if (empty)
        buf_printf(&out, "  (%u empty)\n", empty);
    finish(d, &out);
}

HANDLER(info_gdt)
{
    struct x86 *c = need_x86(d, "GDT", e);
    if (!c)
        return false;
    debug_printf(d, "GDT at 0x%llx, limit 0x%x\n", HEX(c->gdtr.base), c->gdtr.limit);
    show_descriptors(d, c, c->gdtr.base, c->gdtr.limit, 0);
    return true;
}

/* LDTR and TR after a reset are usable and empty. */
static bool is_null(const struct x86_seg *s) { return !s->valid || !(s->selector & 0xfffc); }

HANDLER(info_ldt)
{
    struct x86 *c = need_x86(d, "LDT", e);
    if (!c)
        return false;
    const struct x86_seg *s = &c->seg[X86_LDTR];
    if (is_null(s)) {
        debug_printf(d, "No LDT: LDTR is null.\n");
        return true;
    }
    debug_printf(d, "LDT %04x at 0x%llx, limit 0x%x\n", s->selector, HEX(s->base), s->limit);
    show_descriptors(d, c, s->base, s->limit, 4);
    return true;
}

/* "#PF": the short name of a vector. */
static void vector_name(unsigned n, struct buf *out)
{
    const char *name = x86_vector_name(n);
    buf_printf(out, "  %02x %-3.*s", n, name && n != EXC_CSO ? (int)strcspn(name, " ") : 0, name ? name : "");
}

static void show_ivt(struct debugger *d, const struct x86 *c)
{
    struct buf out = { 0 };
    struct same same = { { ~(u64)0 }, false };
    for (unsigned n = 0; n < 256 && 4 * n + 3 <= c->idtr.limit; n++) {
        u8 raw[4];
        if (x86_peek_linear(c, c->idtr.base + 4 * n, raw, 4) != 4)
            break;
        u32 v = (u32)load_le(raw, 4);
        if (again(&same, v, 0, &out))
            continue;
        vector_name(n, &out);
        buf_printf(&out, " %04x:%04x", v >> 16, v & 0xffff);
        place_name(d, 16 * (v >> 16) + (v & 0xffff), &out);
        buf_printf(&out, "\n");
    }
    finish(d, &out);
}

HANDLER(info_idt)
{
    struct x86 *c = need_x86(d, "IDT", e);
    if (!c)
        return false;
    bool lm = x86_long(c);
    unsigned bytes = lm ? 16 : 8, empty = 0;
    if (!x86_protected(c)) {
        debug_printf(d, "Interrupt vectors at 0x%llx, limit 0x%x (real mode)\n", HEX(c->idtr.base), c->idtr.limit);
        show_ivt(d, c);
        return true;
    }
    debug_printf(d, "IDT at 0x%llx, limit 0x%x: %u entries\n", HEX(c->idtr.base), c->idtr.limit, (c->idtr.limit + 1u) / bytes);
    struct buf out = { 0 };
    struct same same = { 0 };
    for (unsigned n = 0; n < 256 && bytes * n + bytes - 1 <= c->idtr.limit; n++) {
        u8 raw[16] = { 0 };
        u64 at = c->idtr.base + bytes * n;
        if (x86_peek_linear(c, at, raw, bytes) != bytes) {
            buf_printf(&out, "  %02x  cannot be read: 0x%llx\n", n, HEX(at));
            break;
        }
        u64 gate[2] = { load_le(raw, 8), lm ? load_le(raw + 8, 8) : 0 };
        if (!(gate[0] >> 47 & 1)) {
            empty++;
            continue;
        }
        if (again(&same, gate[0], gate[1], &out))
            continue;
        vector_name(n, &out);
        buf_printf(&out, " ");
        x86_gate_text(gate, lm, &out);
        place_name(d, x86_gate_target(gate, lm), &out);
        buf_printf(&out, "\n");
    }
    if (empty)
        buf_printf(&out, "  (%u not present)\n", empty);
    finish(d, &out);
    return true;
}

/* --- the task state segment (SDM 3, figures 7-2, 7-10 and 7-11) ----------------------------------------------------- */

struct tss_row { /* end with a NULL name */
    const char *name;
    u16 at;
    u8 size;
};
static const struct tss_row tss16[] = {
    { "link", 0, 2 }, { "SP0", 2, 2 }, { "SS0", 4, 2 }, { "SP1", 6, 2 }, { "SS1", 8, 2 }, { "SP2", 10, 2 }, { "SS2", 12, 2 },
    { "IP", 14, 2 }, { "FLAGS", 16, 2 }, { "AX", 18, 2 }, { "CX", 20, 2 }, { "DX", 22, 2 }, { "BX", 24, 2 }, { "SP", 26, 2 },
    { "BP", 28, 2 }, { "SI", 30, 2 }, { "DI", 32, 2 }, { "ES", 34, 2 }, { "CS", 36, 2 }, { "SS", 38, 2 }, { "DS", 40, 2 },
    { "LDT", 42, 2 }, { 0 },
};
static const struct tss_row tss32[] = {
    { "link", 0, 2 }, { "ESP0", 4, 4 }, { "SS0", 8, 2 }, { "ESP1", 12, 4 }, { "SS1", 16, 2 }, { "ESP2", 20, 4 },
    { "SS2", 24, 2 }, { "CR3", 28, 4 }, { "EIP", 32, 4 }, { "EFLAGS", 36, 4 }, { "EAX", 40, 4 }, { "ECX", 44, 4 },
    { "EDX", 48, 4 }, { "EBX", 52, 4 }, { "ESP", 56, 4 }, { "EBP", 60, 4 }, { "ESI", 64, 4 }, { "EDI", 68, 4 },
    { "ES", 72, 2 }, { "CS", 76, 2 }, { "SS", 80, 2 }, { "DS", 84, 2 }, { "FS", 88, 2 }, { "GS", 92, 2 }, { "LDT", 96, 2 },
    { "T", 100, 2 }, { "I/O map", 102, 2 }, { 0 },
};
static const struct tss_row tss64[] = {
    { "RSP0", 4, 8 }, { "RSP1", 12, 8 }, { "RSP2", 20, 8 }, { "IST1", 36, 8 }, { "IST2", 44, 8 }, { "IST3", 52, 8 },
    { "IST4", 60, 8 }, { "IST5", 68, 8 }, { "IST6", 76, 8 }, { "IST7", 84, 8 }, { "I/O map", 102, 2 }, { 0 },
};

HANDLER(info_tss)
{
    struct x86 *c = need_x86(d, "TSS", e);
    if (!c)
        return false;
    const struct x86_seg *s = &c->seg[X86_TR];
    if (is_null(s)) {
        debug_printf(d, "No TSS: TR is null.\n");
        return true;
    }
    bool lm = x86_long(c), wide = s->type & 8;
    const struct tss_row *rows = lm ? tss64 : wide ? tss32 : tss16;
    debug_printf(d, "%u-bit TSS %04x at 0x%llx, limit 0x%x\n", lm ? 64 : wide ? 32 : 16, s->selector, HEX(s->base), s->limit);
    struct buf out = { 0 };
    unsigned column = 0;
    u64 map = ~(u64)0;
    for (const struct tss_row *r = rows; r->name; r++) {
        u8 raw[8];
        buf_printf(&out, "%s%-7s ", column % 4 ? " " : "  ", r->name);
        if (r->at + r->size - 1u > s->limit)
            buf_printf(&out, "%-18s", "beyond the limit");
        else if (x86_peek_linear(c, s->base + r->at, raw, r->size) != r->size)
            buf_printf(&out, "%-18s", "cannot be read");
        else {
            u64 v = load_le(raw, r->size);
            if (!strcmp(r->name, "I/O map"))
                map = v;
            buf_printf(&out, "0x%0*llx%*s", 2 * r->size, HEX(v), 16 - 2 * r->size, "");
        }
        if (++column % 4 == 0)
            buf_printf(&out, "\n");
    }
    buf_printf(&out, "%s", column % 4 ? "\n" : "");
    if (wide && map != ~(u64)0)
        buf_printf(&out, map > s->limit ? "  the I/O permission bitmap is beyond the limit: no ports for CPL above IOPL\n" :
                   "  I/O permission bitmap of %llu bytes at 0x%llx\n", HEX(s->limit - map), HEX(s->base + map));
    finish(d, &out);
    return true;
}

/* --- CPUID and model-specific registers ----------------------------------------------------------------------------- */

static void cpuid_line(const struct x86 *c, u32 leaf, u32 subleaf, struct buf *out)
{
    u32 r[4];
    u64 base = c->board.apic.base ? c->board.apic.base(c->board.apic.opaque) : 0;
    struct x86_cpuid_in in = { .cr4 = c->cr4, .xcr0 = c->xcr0, .apic_on = base >> 11 & 1, .apic_id = c->config.apic_id };
    x86_cpuid(&c->config, &in, leaf, subleaf, r);
    if (!(r[0] | r[1] | r[2] | r[3]))
        return;
    buf_printf(out, "  %08x.%x  eax %08x  ebx %08x  ecx %08x  edx %08x\n", leaf, subleaf, r[0], r[1], r[2], r[3]);
}

HANDLER(info_cpuid)
{
    struct x86 *c = need_x86(d, "CPUID", e);
    if (!c)
        return false;
    const struct x86_config *f = &c->config;
    struct buf out = { 0 };
    u32 s = f->signature, family = s >> 8 & 15, model = s >> 4 & 15;
    if (family == 15 || family == 6)
        model |= (s >> 16 & 15) << 4;
    if (family == 15)
        family += s >> 20 & 255;
    buf_printf(&out, "%s: %s, family %u, model %u, stepping %u\n%s\n", f->model, f->vendor[0] ? f->vendor : "no CPUID", family,
               model, s & 15, f->brand);
    buf_printf(&out, "%u bits of physical addresses, %u of linear ones\nfeatures:", f->phys_bits, f->linear_bits);
    unsigned column = 9;
    for (unsigned n = 0; n < X86_F_COUNT; n++) {
        const char *name = x86_features[n].name;
        if (!name || !x86_has_feature(f, (enum x86_feature)n))
            continue;
        if (column + strlen(name) + 1 > 100) {
            buf_printf(&out, "\n ");
            column = 1;
        }
        buf_printf(&out, " %s", name);
        column += (unsigned)strlen(name) + 1;
    }
    buf_printf(&out, "\n");
    for (u32 leaf = 0; f->vendor[0] && leaf <= f->max_leaf && leaf < 0x20; leaf++)
        for (u32 sub = 0; sub < (leaf == 4 ? 4u : leaf == 0xb ? 2u : 1u); sub++)
            cpuid_line(c, leaf, sub, &out);
    for (u32 leaf = 0x80000000; f->max_ext_leaf && leaf <= f->max_ext_leaf && leaf < 0x80000020; leaf++)
        cpuid_line(c, leaf, 0, &out);
    finish(d, &out);
    return true;
}

HANDLER(info_msr)
{
    struct x86 *c = need_x86(d, "MSR", e);
    if (!c)
        return false;
    struct buf out = { 0 };
    size_t n, shown = 0;
    const struct x86_msr *rows = x86_msrs(&n);
    char *end;
    unsigned long number = strtoul(args, &end, 0);
    bool by_number = *args && !*end;
    u64 v;
    if (by_number && (number > UINT32_MAX || !x86_msr_peek(c, (u32)number, &v)))
        return err_set(e, "This model (%s) has no MSR 0x%lx: RDMSR raises #GP.", c->config.model, number);
    if (!*args && x86_msr_peek(c, 0x1b, &v))
        buf_printf(&out, "  %8x %-24s 0x%016llx  where the local APIC is\n", 0x1b, "IA32_APIC_BASE", HEX(v));
    for (size_t k = 0; k < n; k++) {
        const struct x86_msr *m = &rows[k];
        if ((by_number ? m->number != number : *args && !strstr(m->name, args)) || !x86_msr_row(c, m->number) ||
            !x86_msr_peek(c, m->number, &v))
            continue;
        buf_printf(&out, "  %8x %-24s 0x%016llx  %s\n", m->number, m->name, HEX(v), m->doc);
        shown++;
    }
    if (by_number && !shown)
        buf_printf(&out, "  %8lx %-24s 0x%016llx\n", number, "of the local APIC", HEX(v));
    else if (!shown) {
        buf_free(&out);
        return err_set(e, "no MSR's name holds \"%s\"", args);
    }
    finish(d, &out);
    return true;
}

/* --- far pointers ----------------------------------------------------------------------------------------------------- */

/* A name of a segment register or of another register may stand without its $. */
static bool far_part(struct debugger *d, const char *text, size_t n, u64 *v, struct err *e)
{
    char word[64];
    snprintf(word, sizeof word, "$%.*s", (int)n, text);
    const struct cpu_reg *r = cpu_reg_named(d->cpu, word + 1);
    return r ? d->cpu->ops->reg_get(d->cpu, r, v) : debugger_eval(d, word + 1, v, e);
}

bool debugger_far(struct debugger *d, const char *text, u64 *addr, bool *far, struct err *e)
{
    struct x86 *c = debugger_x86(d);
    const char *colon = strchr(text, ':');
    u64 selector, offset;
    *far = c && colon && colon != text && colon[1] && colon[1] != ':' && !strchr(text, '?') && !strchr(text, '"') &&
           colon - text < 60 && strlen(colon) < 60;
    if (!*far)
        return true;
    if (!far_part(d, text, (size_t)(colon - text), &selector, e) || !far_part(d, colon + 1, strlen(colon + 1), &offset, e))
        return false;
    selector &= 0xffff;
    for (unsigned n = 0; n < 6; n++)
        if (c->seg[n].selector == selector) { /* its hidden part says more than a table */
            *addr = c->seg[n].base + offset;
            return true;
        }
    if (!x86_protected(c) || x86_v86(c)) {
        *addr = 16 * selector + (offset & 0xffff);
        return true;
    }
    const struct x86_seg *ldt = &c->seg[X86_LDTR];
    u64 base = selector & 4 ? ldt->base : c->gdtr.base, limit = selector & 4 ? ldt->limit : c->gdtr.limit;
    u8 raw[8];
    if ((selector | 7) > limit || x86_peek_linear(c, base + (selector & 0xfff8), raw, 8) != 8)
        return err_set(e, "selector 0x%04llx is beyond the limit of its table, or that cannot be read", HEX(selector));
    u64 v = load_le(raw, 8);
    *addr = (bits_get(v, 16, 24) | bits_get(v, 56, 8) << 24) + offset;
    return true;
}

/* --- registers ------------------------------------------------------------------------------------------------------ */

void show_x86_registers(struct debugger *d)
{
    struct x86 *c = debugger_x86(d);
    static const char *const seg[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
    struct buf out = { 0 };
    if (!c)
        return;
    for (unsigned n = 0; n < X86_SEGS; n++) {
        const struct x86_seg *s = &c->seg[n];
        buf_printf(&out, "%-14s %04x  base 0x%llx limit 0x%x", seg[n], s->selector, HEX(s->base), s->limit);
        if (!s->valid || (!s->s && is_null(s)))
            buf_printf(&out, " null");
        else if (!s->s)
            buf_printf(&out, " %s", n == X86_TR ? s->type & 8 ? "TSS" : "16-bit TSS" : "LDT");
        else
            buf_printf(&out, " %s%s DPL %u %s-bit", s->type & 8 ? "code" : "data", !(s->type & 8) && (s->type & 4) ? " expands down" :
                       (s->type & 8) && (s->type & 4) ? " conforming" : s->type & 2 ? "" : " no write", s->dpl,
                       s->l && (s->type & 8) ? "64" : s->db ? "32" : "16");
        buf_printf(&out, "\n");
    }
    buf_printf(&out, "%-14s base 0x%llx limit 0x%x\n%-14s base 0x%llx limit 0x%x\n", "gdtr", HEX(c->gdtr.base), c->gdtr.limit,
               "idtr", HEX(c->idtr.base), c->idtr.limit);
    static const char *const control[] = { "cr0", "cr2", "cr3", "cr4", "efer", "dr6", "dr7" };
    for (unsigned n = 0; n < ARRAY_LEN(control); n++) {
        const struct cpu_reg *r = cpu_reg_named(d->cpu, control[n]);
        u64 v;
        if (!r || !d->cpu->ops->reg_get(d->cpu, r, &v))
            continue;
        buf_printf(&out, "%-14s 0x%-16llx ", control[n], HEX(v));
        if (r->fields && strcmp(control[n], "cr3"))
            fields_format(r->fields, v, false, &out);
        buf_printf(&out, "\n");
    }
    static const char *const activity[] = { "running", "halted (HLT)", "waits (MWAIT)", "waits for SIPI", "shut down" };
    buf_printf(&out, "%-14s %s, %s%s%s\n", "mode", x86_mode_name(c), activity[c->activity % ARRAY_LEN(activity)],
               c->a20 ? "" : ", A20 closed", c->nmi_blocked ? ", NMI blocked" : "");
    finish(d, &out);
}

/* --- what is mapped ---------------------------------------------------------------------------------------------------- */

struct run { /* of pages, or one */
    u64 va, pa, length;
    u64 leaf, all; /* the entry that maps it; the rights that every level gives */
    char rights[12];
};

/* As the monitor of QEMU shows them: ranges by rights alone, whatever memory they are; pages by the flags of their entry. */
static void show_run_qemu(struct debugger *d, const struct run *r, bool pages)
{
    u64 e = r->leaf;
    if (pages)
        debug_printf(d, "%016llx: %016llx %c%c%c%c%c%c%c%c%c\n", HEX(r->va), HEX(r->pa), e >> 63 ? 'X' : '-', e & 0x100 ? 'G' : '-',
                     r->length > 4096 ? 'P' : '-', e & 0x40 ? 'D' : '-', e & 0x20 ? 'A' : '-', e & 0x10 ? 'C' : '-',
                     e & 8 ? 'T' : '-', e & 4 ? 'U' : '-', e & 2 ? 'W' : '-');
    else
        debug_printf(d, "%016llx-%016llx %016llx %cr%c\n", HEX(r->va), HEX(r->va + r->length), HEX(r->length),
                     r->all & 4 ? 'u' : '-', r->all & 2 ? 'w' : '-');
}

static void show_run(struct debugger *d, const struct run *r, bool pages, bool qemu)
{
    if (qemu)
        show_run_qemu(d, r, pages);
    else if (pages)
        debug_printf(d, "%016llx: %012llx %s%s\n", HEX(r->va), HEX(r->pa), r->rights,
                     r->length == 4096 ? "" : r->length >= 1 << 30 ? " 1G" : r->length == 4 << 20 ? " 4M" : " 2M");
    else
        debug_printf(d, "%016llx-%016llx -> %012llx %s\n", HEX(r->va), HEX(r->va + r->length - 1), HEX(r->pa), r->rights);
}

/* One step of the page tables at va: its size, and the page when there is one. */
static bool page_at(struct x86 *c, u64 va, unsigned per_level, u64 *size, struct run *r)
{
    struct cpu_walk w = { 0 };
    c->cpu.ops->walk(&c->cpu, va, CPU_READ, &w);
    unsigned level = w.n_levels ? w.level[w.n_levels - 1].level : 1;
    u64 leaf = w.n_levels ? w.level[w.n_levels - 1].pte : 0, all = ~(u64)0, any = 0;
    *size = (u64)1 << (12 + per_level * (level - 1));
    if (level == 3 && per_level == 9 && !x86_long(c)) /* the four of PAE have neither rights nor leaves */
        return false;
    if (!(leaf & 1) || (level > 1 && !(leaf & 0x80)))
        return false;
    for (unsigned n = 0; n < w.n_levels; n++) {
        if (w.level[n].level == 3 && !x86_long(c))
            continue;
        all &= w.level[n].pte;
        any |= w.level[n].pte;
    }
    u64 frame = per_level == 10 ? leaf & 0xfffff000u : leaf & 0xffffffffff000u;
    *r = (struct run){ .va = va, .pa = frame & ~(*size - 1), .length = *size, .leaf = leaf, .all = all };
    if (per_level == 10 && level == 2)
        r->pa |= bits_get(leaf, 13, 8) << 32;
    snprintf(r->rights, sizeof r->rights, "%cr%c%c%c%c%c", all & 4 ? 'u' : '-', all & 2 ? 'w' : '-',
             per_level == 9 && any >> 63 ? '-' : 'x', leaf & 0x100 ? 'g' : '-', leaf & 0x20 ? 'a' : '-', leaf & 0x40 ? 'd' : '-');
    return true;
}

/* Does `now` go on where `open` ends? */
static bool joins(const struct run *open, const struct run *now, bool qemu)
{
    if (!open->length || now->va != open->va + open->length)
        return false;
    return qemu ? !((now->all ^ open->all) & 6) : now->pa == open->pa + open->length && !strcmp(now->rights, open->rights);
}

bool show_x86_mappings(struct debugger *d, bool pages, bool qemu, struct err *e)
{
    struct x86 *c = debugger_x86(d);
    if (!x86_paging(c)) {
        debug_printf(d, qemu ? "PG disabled\n" : "Paging is off (CR0.PG=0): linear addresses are physical.\n");
        return true;
    }
    unsigned bits = x86_long(c) ? c->cr4 & CR4_LA57 ? 57 : 48 : 32, per_level = c->cr4 & CR4_PAE ? 9 : 10;
    u64 half = (u64)1 << (bits - 1), shown = 0;
    struct run open = { 0 }, now;
    for (u64 i = 0, steps = 0, size; i < (u64)1 << bits && steps < STEPS_MAX && shown < SHOWN_MAX && !d->interrupted; steps++) {
        u64 va = bits == 32 || i < half ? i : i | ~(2 * half - 1);
        bool there = page_at(c, va, per_level, &size, &now);
        if (there && !pages && joins(&open, &now, qemu)) {
            open.length += now.length;
        } else {
            if (open.length) {
                show_run(d, &open, pages, qemu);
                shown++;
            }
            open = there ? now : (struct run){ 0 };
        }
        i = (i & ~(size - 1)) + size;
    }
    if (open.length && shown < SHOWN_MAX)
        show_run(d, &open, pages, qemu);
    else if (shown == SHOWN_MAX)
        debug_printf(d, "(only the first %d are shown)\n", SHOWN_MAX);
    else if (!shown && !qemu)
        debug_printf(d, "No page is mapped by CR3 0x%llx.\n", HEX(c->cr3));
    return true;
}

HANDLER(info_tlb)
{
    return debugger_x86(d) ? show_x86_mappings(d, true, false, e) : info_mem(d, args, e);
}

void debugger_name_code(void *syms, u64 linear, char *out, size_t n)
{
    struct source_pos p;
    symbols_format(syms, linear, out, n);
    size_t used = strlen(out);
    if (symbols_line_at(syms, linear, &p))
        snprintf(out + used, n - used, "%sat %s:%d", used ? " " : "", base_name(p.file), p.line);
}

HANDLER(info_story)
{
    struct x86 *c = need_x86(d, "record of exceptions", e);
    if (!c)
        return false;
    struct buf out = { 0 };
    const struct x86_names names = { debugger_name_code, d->syms };
    x86_tell_story(c, &names, &out);
    finish(d, &out);
    return true;
}
