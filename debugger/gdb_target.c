/* Registers as gdb numbers and describes them ("Debugging with GDB", "Target Descriptions"), whatever they are called. */
#include "debugger/gdb_stub.h"

#include <stdlib.h>
#include <string.h>

static const struct gdb_isa *const isas[] = { &gdb_isa_riscv64, &gdb_isa_riscv32, &gdb_isa_x86_64, &gdb_isa_i386 };

static int order(const void *a, const void *b)
{
    const struct gdb_reg *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

void gdb_layout_init(struct gdb_layout *l, const struct cpu *c)
{
    *l = (struct gdb_layout){ .isa = isas[0] };
    for (size_t i = 0; i < ARRAY_LEN(isas); i++)
        if (!strcmp(isas[i]->name, c->ops->isa))
            l->isa = isas[i];
    l->isa->describe(l, c);
    qsort(l->reg, l->n, sizeof *l->reg, order);
}

void gdb_layout_fini(struct gdb_layout *l)
{
    free(l->reg);
    buf_free(&l->xml);
}

void gdb_layout_add(struct gdb_layout *l, const struct gdb_reg *r)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 128;
        l->reg = xrealloc(l->reg, l->cap * sizeof *l->reg);
    }
    l->reg[l->n++] = *r;
}

static int by_number(const void *key, const void *item)
{
    u64 a = *(const u64 *)key, b = ((const struct gdb_reg *)item)->number;
    return a < b ? -1 : a > b;
}

static const struct gdb_reg *numbered(const struct gdb_layout *l, u64 number)
{
    return bsearch(&number, l->reg, l->n, sizeof *l->reg, by_number);
}

/* --- values -------------------------------------------------------------------------------------------------- */

/* Parts follow each other; the last one fills up the register. */
static unsigned part_bytes(const struct gdb_reg *r, unsigned k)
{
    return k || !r->part[1] ? r->bits / 8u - k * 8u : 8;
}

unsigned gdb_reg_get(struct gdb_stub *s, struct cpu *c, u64 number, u8 le[GDB_REG_BYTES])
{
    const struct gdb_reg *r = numbered(&s->layout, number);
    if (!r)
        return 0;
    memset(le, 0, GDB_REG_BYTES);
    if (r->special)
        r->special->get(c, r->index, le);
    for (unsigned k = 0; k < 2 && r->part[k]; k++) {
        u64 v = 0;
        c->ops->reg_get(c, r->part[k], &v);
        store_le(le + 8 * k, part_bytes(r, k), v);
    }
    return r->bits / 8u;
}

bool gdb_reg_set(struct gdb_stub *s, struct cpu *c, u64 number, const u8 *le)
{
    const struct gdb_reg *r = numbered(&s->layout, number);
    if (!r || machine_untouchable(s->m))
        return false;
    machine_edit(s->m);
    bool ok = !r->special || r->special->set(c, r->index, le);
    for (unsigned k = 0; k < 2 && r->part[k]; k++)
        ok = c->ops->reg_set(c, r->part[k], load_le(le + 8 * k, part_bytes(r, k))) && ok;
    return ok;
}

bool gdb_set_pc(struct gdb_stub *s, struct cpu *c, u64 pc)
{
    u8 le[GDB_REG_BYTES] = { 0 };
    store_le(le, 8, gdb_addr(s, pc));
    return gdb_reg_set(s, c, s->layout.pc, le);
}

/* --- description --------------------------------------------------------------------------------------------- */

/* A field gdb can show: inside the register, with a name that needs no escaping. */
static bool showable(const struct gdb_reg *r, const struct reg_field *f)
{
    return f->width && f->low + f->width <= r->bits && !strpbrk(f->name, "<>&\"'");
}

static bool has_fields(const struct gdb_reg *r)
{
    if (r->type || (r->bits != 32 && r->bits != 64) || !r->part[0] || !r->part[0]->fields)
        return false;
    for (const struct reg_field *f = r->part[0]->fields; f->name; f++)
        if (showable(r, f))
            return true;
    return false;
}

static void put_flags(struct buf *b, const struct gdb_reg *r)
{
    buf_printf(b, "<flags id=\"%s_fields\" size=\"%u\">", r->name, r->bits / 8u);
    for (const struct reg_field *f = r->part[0]->fields; f->name; f++)
        if (showable(r, f))
            buf_printf(b, "<field name=\"%s\" start=\"%u\" end=\"%u\"%s/>", f->name, f->low, f->low + f->width - 1u,
                       f->width == 1 ? " type=\"bool\"" : r->bits == 64 ? " type=\"uint64\"" : " type=\"uint32\"");
    buf_printf(b, "</flags>\n");
}

static void put_reg(struct buf *b, const struct gdb_reg *r)
{
    buf_printf(b, "<reg name=\"%s\" bitsize=\"%u\" type=\"", r->name, r->bits);
    if (has_fields(r))
        buf_printf(b, "%s_fields", r->name);
    else
        buf_printf(b, "%s", r->type ? r->type : "int");
    buf_printf(b, "\" regnum=\"%u\"", r->number);
    if (r->group)
        buf_printf(b, " group=\"%s\"", r->group);
    buf_printf(b, "%s/>\n", r->keep ? " save-restore=\"no\"" : "");
}

const struct buf *gdb_target_xml(struct gdb_stub *s)
{
    const struct gdb_layout *l = &s->layout;
    struct buf *b = &s->layout.xml;
    if (b->len)
        return b;
    buf_printf(b, "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n");
    if (l->isa->architecture)
        buf_printf(b, "<architecture>%s</architecture>\n", l->isa->architecture);
    for (size_t at = 0, end; at < l->n; at = end) {
        const struct gdb_feature *f = l->reg[at].feature;
        buf_printf(b, "<feature name=\"%s\">\n%s", f->name, f->types ? f->types : "");
        for (end = at; end < l->n && l->reg[end].feature == f; end++)
            if (has_fields(&l->reg[end]))
                put_flags(b, &l->reg[end]);
        for (size_t i = at; i < end; i++)
            put_reg(b, &l->reg[i]);
        buf_printf(b, "</feature>\n");
    }
    buf_printf(b, "</target>\n");
    return b;
}

/* --- memory -------------------------------------------------------------------------------------------------- */

static void put_memory(struct buf *b, const char *type, u64 start, u64 end)
{
    if (end != start) /* an end of 0 is that of the address space */
        buf_printf(b, "<memory type=\"%s\" start=\"0x%llx\" length=\"0x%llx\"/>\n", type, (unsigned long long)start,
                   (unsigned long long)(end - start));
}

/* What can be read and not written is ROM, so that gdb does not try. All else is given as RAM, devices and nothing too: gdb
 * takes the map for virtual addresses as well, and refuses a kernel's that no region holds. */
void gdb_memory_map(const struct gdb_stub *s, struct buf *out)
{
    const struct space *mem = s->m->mem;
    u64 ram = 0, rom = 0, rom_end = 0;
    buf_printf(out, "<?xml version=\"1.0\"?>\n<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
                    "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n<memory-map>\n");
    for (u32 i = 0; i <= mem->n; i++) {
        const struct region *r = i < mem->n ? mem->regions[i] : NULL;
        if (r && !(r->ram && r->read_direct && !r->write_direct))
            continue;
        if (r && rom_end != rom && r->base == rom_end) {
            rom_end += r->size;
            continue;
        }
        if (rom_end != rom) {
            put_memory(out, "ram", ram, rom);
            put_memory(out, "rom", rom, rom_end);
            ram = rom_end;
        }
        rom = r ? r->base : 0;
        rom_end = r ? r->base + r->size : 0;
    }
    if (!ram)
        put_memory(out, "ram", 0, ram = (u64)1 << 63); /* all of it in one has no length */
    put_memory(out, "ram", ram, 0);
    buf_printf(out, "</memory-map>\n");
}
