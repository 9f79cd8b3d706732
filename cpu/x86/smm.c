/* System management mode (SDM 3, chapter 31; APM 2, chapter 10): entry, the state save map, RSM. Models with long mode use
 * the map of AMD64, the others that of the P6 family; QEMU does the same, and firmware knows both. */
#include "cpu/x86/flags.h"
#include "cpu/x86/sys.h"

/* The map lies at the end of 32 KiB: offsets are from SMBASE + 8000H (APM) and go up to 7FFFH. */
enum { MAP = 0x8000, ENTRY = 0x8000, REVISION32 = 0x00020000, REVISION64 = 0x00020064 };

/* Accesses to the map are physical, to SMRAM when the board has it there. */
static u64 map_read(struct x86 *c, u32 offset, unsigned size)
{
    u64 pa = x86_a20(c, c->smbase + MAP + offset), at, v;
    struct ram *r = x86_smram_at(c, pa, &at);
    if (r)
        return load_le(r->host + at, size);
    return space_read(c->cpu.mem, pa, size, &v) == MEM_OK ? v : size_mask(size);
}

static void map_write(struct x86 *c, u32 offset, unsigned size, u64 v)
{
    u64 pa = x86_a20(c, c->smbase + MAP + offset), at;
    struct ram *r = x86_smram_at(c, pa, &at);
    if (r) {
        store_le(r->host + at, size, v);
        ram_written(r, at, size);
    } else {
        space_write(c->cpu.mem, pa, size, v & size_mask(size));
    }
}

/* --- segments in the map: the attributes in the layout of VMX and AMD64, descriptor bits 55-52 and 47-40 --- */

static u32 attributes(const struct x86_seg *s)
{
    return (u32)(s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 8 | s->l << 9 | s->db << 10 | s->g << 11);
}

static void set_attributes(struct x86_seg *s, u32 a)
{
    s->type = a & 15;
    s->s = a >> 4 & 1;
    s->dpl = a >> 5 & 3;
    s->present = a >> 7 & 1;
    s->avl = a >> 8 & 1;
    s->l = a >> 9 & 1;
    s->db = a >> 10 & 1;
    s->g = a >> 11 & 1;
    s->valid = s->present;
}

/* AMD64: 16 bytes each: selector, attributes, limit, base (APM 2, table 10-1). */
static const struct {
    u8 seg;
    u16 at;
} map64[] = { { X86_ES, 0x7e00 }, { X86_CS, 0x7e10 }, { X86_SS, 0x7e20 }, { X86_DS, 0x7e30 }, { X86_FS, 0x7e40 },
              { X86_GS, 0x7e50 }, { X86_LDTR, 0x7e70 }, { X86_TR, 0x7e90 } };

static void save64(struct x86 *c)
{
    for (unsigned n = 0; n < ARRAY_LEN(map64); n++) {
        const struct x86_seg *s = &c->seg[map64[n].seg];
        map_write(c, map64[n].at, 2, s->selector);
        map_write(c, map64[n].at + 2u, 2, attributes(s));
        map_write(c, map64[n].at + 4u, 4, s->limit);
        map_write(c, map64[n].at + 8u, 8, s->base);
    }
    map_write(c, 0x7e64, 4, c->gdtr.limit);
    map_write(c, 0x7e68, 8, c->gdtr.base);
    map_write(c, 0x7e84, 4, c->idtr.limit);
    map_write(c, 0x7e88, 8, c->idtr.base);
    map_write(c, 0x7ec8, 1, 0); /* I/O restart */
    map_write(c, 0x7ec9, 1, c->activity == X86_HALTED);
    map_write(c, 0x7eca, 1, c->nmi_blocked);
    map_write(c, 0x7ed0, 8, c->efer);
    map_write(c, 0x7efc, 4, REVISION64);
    map_write(c, 0x7f00, 4, c->smbase);
    map_write(c, 0x7f48, 8, c->cr4);
    map_write(c, 0x7f50, 8, c->cr3);
    map_write(c, 0x7f58, 8, c->cr0);
    map_write(c, 0x7f60, 8, c->dr[7]);
    map_write(c, 0x7f68, 8, c->dr[6]);
    map_write(c, 0x7f70, 8, x86_flags(c));
    map_write(c, 0x7f78, 8, c->rip);
    for (unsigned n = 0; n < 16; n++)
        map_write(c, 0x7ff8 - 8 * n, 8, c->r[n]);
}

/* P6 (SDM 3, table 31-1; the reserved places hold the hidden parts, as processors of the family keep them). */
static const struct {
    u8 seg;
    u16 selector, hidden; /* hidden: attributes, limit, base; 4 bytes each */
} map32[] = { { X86_ES, 0x7fa8, 0x7f84 }, { X86_CS, 0x7fac, 0x7f90 }, { X86_SS, 0x7fb0, 0x7f9c }, { X86_DS, 0x7fb4, 0x7f2c },
              { X86_FS, 0x7fb8, 0x7f38 }, { X86_GS, 0x7fbc, 0x7f44 }, { X86_LDTR, 0x7fc0, 0x7f78 }, { X86_TR, 0x7fc4, 0x7f60 } };

static void save32(struct x86 *c)
{
    for (unsigned n = 0; n < ARRAY_LEN(map32); n++) {
        const struct x86_seg *s = &c->seg[map32[n].seg];
        map_write(c, map32[n].selector, 4, s->selector);
        map_write(c, map32[n].hidden, 4, attributes(s));
        map_write(c, map32[n].hidden + 4u, 4, s->limit);
        map_write(c, map32[n].hidden + 8u, 4, s->base);
    }
    map_write(c, 0x7f58, 4, c->idtr.base);
    map_write(c, 0x7f54, 4, c->idtr.limit);
    map_write(c, 0x7f74, 4, c->gdtr.base);
    map_write(c, 0x7f70, 4, c->gdtr.limit);
    map_write(c, 0x7f14, 4, c->cr4);
    map_write(c, 0x7f02, 2, c->activity == X86_HALTED);
    map_write(c, 0x7f00, 2, 0);
    map_write(c, 0x7f04, 1, c->nmi_blocked); /* reserved in the table */
    map_write(c, 0x7efc, 4, REVISION32);
    map_write(c, 0x7ef8, 4, c->smbase);
    map_write(c, 0x7ffc, 4, c->cr0);
    map_write(c, 0x7ff8, 4, c->cr3);
    map_write(c, 0x7ff4, 4, x86_flags(c));
    map_write(c, 0x7ff0, 4, c->rip);
    for (unsigned n = 0; n < 8; n++)
        map_write(c, 0x7fd0 + 4 * n, 4, c->r[n]);
    map_write(c, 0x7fcc, 4, c->dr[6]);
    map_write(c, 0x7fc8, 4, c->dr[7]);
}

void x86_enter_smm(struct x86 *c)
{
    c->smm = true;
    x86_flush_translations(c);
    if (has(c, X86_F_LM))
        save64(c);
    else
        save32(c);
    /* SDM 3, 31.4 and table 31-4 */
    x86_set_flags(c, 2);
    c->cr0 &= ~(u64)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    c->cr4 = 0;
    c->efer = 0;
    c->dr[7] = 0x400;
    c->idtr = (struct x86_table){ 0, 0 };
    c->cpl = 0;
    for (unsigned n = 0; n < 6; n++)
        c->seg[n] = (struct x86_seg){ .valid = true, .type = 3, .s = true, .present = true, .g = true, .limit = 0xffffffffu };
    c->seg[X86_CS].selector = (u16)(c->smbase >> 4);
    c->seg[X86_CS].base = c->smbase;
    c->rip = c->next_rip = ENTRY;
    c->cpu.amid = false;
    c->nmi_blocked = true; /* 31.8: until RSM, or an IRET of the handler */
    c->activity = X86_RUNNING;
    c->shadow = 0;
    c->db_pending = 0;
    x86_flush_translations(c);
    x86_mode_changed(c);
}

struct saved { /* what must be looked at together */
    u64 cr0, cr3, cr4, efer;
};

/* A combination that cannot be makes RSM shut the processor down (SDM 3, 31.13). */
static bool possible(const struct x86 *c, const struct saved *s)
{
    if ((s->cr0 & CR0_PG) && !(s->cr0 & CR0_PE))
        return false;
    if ((s->cr0 & CR0_NW) && !(s->cr0 & CR0_CD))
        return false;
    if ((s->efer & EFER_LMA) && (!(s->cr0 & CR0_PG) || !(s->cr4 & CR4_PAE)))
        return false;
    return true;
}

static void restore64(struct x86 *c, struct saved *s)
{
    for (unsigned n = 0; n < ARRAY_LEN(map64); n++) {
        struct x86_seg *seg = &c->seg[map64[n].seg];
        seg->selector = (u16)map_read(c, map64[n].at, 2);
        set_attributes(seg, (u32)map_read(c, map64[n].at + 2u, 2));
        seg->limit = (u32)map_read(c, map64[n].at + 4u, 4);
        seg->base = map_read(c, map64[n].at + 8u, 8);
    }
    c->gdtr.limit = (u16)map_read(c, 0x7e64, 4);
    c->gdtr.base = map_read(c, 0x7e68, 8);
    c->idtr.limit = (u16)map_read(c, 0x7e84, 4);
    c->idtr.base = map_read(c, 0x7e88, 8);
    *s = (struct saved){ map_read(c, 0x7f58, 8), map_read(c, 0x7f50, 8), map_read(c, 0x7f48, 8), map_read(c, 0x7ed0, 8) };
    c->dr[7] = map_read(c, 0x7f60, 8);
    c->dr[6] = map_read(c, 0x7f68, 8);
    x86_set_flags(c, (map_read(c, 0x7f70, 8) & 0x3f7fd7) | 2);
    c->next_rip = map_read(c, 0x7f78, 8);
    for (unsigned n = 0; n < 16; n++)
        c->r[n] = map_read(c, 0x7ff8 - 8 * n, 8);
}

static void restore32(struct x86 *c, struct saved *s)
{
    for (unsigned n = 0; n < ARRAY_LEN(map32); n++) {
        struct x86_seg *seg = &c->seg[map32[n].seg];
        seg->selector = (u16)map_read(c, map32[n].selector, 4);
        set_attributes(seg, (u32)map_read(c, map32[n].hidden, 4));
        seg->limit = (u32)map_read(c, map32[n].hidden + 4u, 4);
        seg->base = map_read(c, map32[n].hidden + 8u, 4);
    }
    c->idtr.base = map_read(c, 0x7f58, 4);
    c->idtr.limit = (u16)map_read(c, 0x7f54, 4);
    c->gdtr.base = map_read(c, 0x7f74, 4);
    c->gdtr.limit = (u16)map_read(c, 0x7f70, 4);
    *s = (struct saved){ map_read(c, 0x7ffc, 4), map_read(c, 0x7ff8, 4), map_read(c, 0x7f14, 4), 0 };
    c->dr[6] = map_read(c, 0x7fcc, 4);
    c->dr[7] = map_read(c, 0x7fc8, 4);
    x86_set_flags(c, (map_read(c, 0x7ff4, 4) & 0x3f7fd7) | 2);
    c->next_rip = map_read(c, 0x7ff0, 4);
    for (unsigned n = 0; n < 8; n++)
        c->r[n] = map_read(c, 0x7fd0 + 4 * n, 4);
}

bool x86_op_rsm(struct x86 *c, const struct x86_insn *i)
{
    if (!c->smm)
        return x86_ud(c, "RSM outside system management mode");
    struct saved s;
    bool wide = has(c, X86_F_LM);
    bool halted = wide ? map_read(c, 0x7ec9, 1) & 1 : map_read(c, 0x7f02, 2) & 1;
    bool nmi_blocked = map_read(c, wide ? 0x7eca : 0x7f04, 1) & 1;
    u32 smbase = (u32)map_read(c, wide ? 0x7f00 : 0x7ef8, 4);
    if (wide)
        restore64(c, &s);
    else
        restore32(c, &s);
    c->rip = c->next_rip;
    if (!possible(c, &s)) {
        c->activity = X86_SHUTDOWN;
        if (c->board.shutdown)
            c->board.shutdown(c->board.shutdown_opaque, c);
        x86_look_again(c);
        return true;
    }
    c->cr0 = s.cr0;
    c->cr3 = s.cr3;
    c->cr4 = s.cr4;
    c->efer = s.efer;
    c->cpl = x86_v86(c) ? 3 : x86_protected(c) ? c->seg[X86_SS].dpl : 0;
    c->smbase = smbase;
    c->smm = false;
    c->nmi_blocked = nmi_blocked;
    c->activity = halted ? X86_HALTED : X86_RUNNING;
    x86_flush_translations(c);
    if (x86_paging(c) && (c->cr4 & CR4_PAE) && !x86_long(c) && !x86_load_pdptes(c, c->cr3))
        c->activity = X86_SHUTDOWN;
    x86_mode_changed(c);
    return true;
}
